"""What the core knows of an engine: its name, and that it turns a program into
something that runs. Engines register here by name and are imported when first asked
for; nothing below this line of the road imports one.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from ..compiler.program import Program
from ..compiler.report import KernelReport
from ..errors import unknown_option
from ..graph import Array


class Executable(Protocol):
    """A program ready to run."""

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """Runs once: answers the outputs and leaves new values in the program's
        variables.

        Either all variables are updated or, on an error, none.
        """


@runtime_checkable
class Explained(Protocol):
    """What an executable offers besides, if it can say what it runs.

    Attributes:
        arena_bytes: memory for values between kernels; None where there is no plan.
        from_cache: whether its code was found on disk; None where there is none.
    """

    arena_bytes: int | None
    from_cache: bool | None

    def kernels(self) -> list[KernelReport]:
        """What it runs, in order."""


class Engine(Protocol):
    """Makes programs executable."""

    name: str

    def prepare(self, program: Program) -> Executable:
        """The executable for a program. All work that can be done once is done here."""


#: name → the module that holds its ``ENGINE``
ENGINES: dict[str, str] = {
    "numpy": "chainrule.engines.numpy_engine",
    "native": "chainrule.engines.native.engine",
}


def register(name: str, module: str) -> None:
    """Makes an engine known by name; ``module`` is imported when the engine is first
    used.

    The module holds an ``Engine`` under the name ``ENGINE``.
    """
    ENGINES[name] = module


def engine(name: str) -> Engine:
    """The engine of that name.

    Raises:
        OptionError: when there is none.
    """
    if name not in ENGINES:
        raise unknown_option("engine", name, ENGINES)
    found: Engine = importlib.import_module(ENGINES[name]).ENGINE
    return found
