"""``Part``: what calls, summaries and files ask of a module.

Place on the road: below ``Module``, which has all of this. The files between the two
work with a module without importing its class.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Protocol, Self

from ...variable import Variable


class Part(Protocol):
    """A network or layer; ``Module`` documents these members."""

    depends_on_training: ClassVar[bool]
    takes_ids: ClassVar[bool]

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """What it computes."""

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """``forward``, with ``training`` passed on."""

    def children(self) -> Iterator[tuple[str, Part]]:
        """Pairs (name, part) of the parts that it holds itself."""

    def named_modules(self) -> Iterator[tuple[str, Part]]:
        """Pairs (path, part) of itself and of all parts inside."""

    def own_variables(self) -> Iterator[tuple[str, Variable]]:
        """Pairs (name, variable) of the variables that it holds itself."""

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """A module with these arguments."""

    def describe_settings(self) -> str:
        """The settings as printed."""
