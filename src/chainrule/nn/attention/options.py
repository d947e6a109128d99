"""The options of a call of attention, in one record.

Place on the road: between the blocks of a Transformer and the attentions in them.
Public signatures spell the options out; inside they are passed on together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from .key_value_cache import KeyValueCache


@dataclass(frozen=True)
class AttentionOptions:
    """What each query may attend to. ``MultiheadAttention`` explains the options.

    Example:
        >>> AttentionOptions(causal=True).keywords()["causal"]
        True
    """

    causal: bool = False
    mask: Any = None
    lengths: Any = None
    cache: KeyValueCache | None = None

    def with_cache(self, cache: KeyValueCache | None) -> AttentionOptions:
        """The same options with this cache."""
        return replace(self, cache=cache)

    def keywords(self) -> dict[str, Any]:
        """The options as keyword arguments of a layer."""
        return dict(vars(self))
