"""How well a text is predicted: perplexity, bits per character, and what counts.

Place on the road: below ``language``. It must not know how a network is made.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import losses
from ..compiler.compile import compile
from ..graph import Array

#: Tokens that are always read before one that is measured, and windows at a time.
BEFORE, WINDOWS = 128, 32


@dataclass(frozen=True)
class TextScore:
    """How well a text is predicted.

    Arguments:
        tokens: how many were predicted: all but the first.
        characters: how many those are.
        nats: −Σ log p of them.
        unknown: how many of them are ``<unknown>``, whose letters nobody predicts.

    Example:
        >>> TextScore(tokens=50, characters=100, nats=69.3147)
        1.386 nats a token, perplexity 4.000, 1.000 bits per character
    """

    tokens: int
    characters: int
    nats: float
    unknown: int = 0

    @property
    def loss(self) -> float:
        """Nats a token."""
        return self.nats / self.tokens

    @property
    def perplexity(self) -> float:
        """exp(loss): among how many equally likely tokens it is as if one guessed."""
        return math.exp(min(self.loss, 700.0))

    @property
    def bits_per_character(self) -> float:
        """By which models with different tokens can be compared."""
        return self.nats / math.log(2) / max(1, self.characters)

    def __repr__(self) -> str:
        return (
            f"{self.loss:.3f} nats a token, perplexity {self.perplexity:.3f}, "
            f"{self.bits_per_character:.3f} bits per character"
        )


def overlapping(
    ids: Array, length: int, before: int
) -> Iterator[tuple[Array, Array, Array]]:
    """Windows of a text, what follows in each, and which of that counts, (W, T) each:
    every token but the first counts once.
    """
    last = len(ids) - 1
    size = min(length, last)
    starts = [0]
    while starts[-1] + size < last:  # the last window ends where the text does
        starts.append(min(starts[-1] + size - before, last - size))
    counted = 0
    counts = np.zeros((len(starts), size))
    for row, start in enumerate(starts):
        counts[row, counted - start :] = 1
        counted = start + size
    steps = np.arange(size)
    for first in range(0, len(starts), WINDOWS):
        some = np.array(starts[first : first + WINDOWS])
        own = counts[first : first + WINDOWS]
        if len(starts) > WINDOWS > len(some):  # the same shape, the same program
            extra = WINDOWS - len(some)
            some = np.concatenate([some, np.zeros(extra, np.int64)])
            own = np.concatenate([own, np.zeros((extra, size))])
        places = some[:, None] + steps
        yield ids[places], ids[places + 1], own


#: The compiled measure of each model that has been evaluated.
_measures: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


def nats(model: Any) -> Any:
    """The compiled function (ids, following) → −log p of each, (W, T)."""
    if model not in _measures:
        known = weakref.ref(model)

        def measure(ids: Any, following: Any) -> Any:
            alive = known()
            assert alive is not None
            return losses.cross_entropy(alive(ids), following, reduction="none")

        _measures[model] = compile(measure)
    return _measures[model]
