"""Draws of classes by their frequency, at the same cost for ten and for a million.

Place on the road: below ``SampledSoftmax`` and the models of words, which draw what an
example is not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import dtypes
from ...graph import Array
from ...ops.elementwise import where
from ...ops.indexing import take
from ...random_numbers import Generator, default_generator
from ...variable import Variable
from ..arguments import number_within, positive_size
from ..module import Module
from .huffman import class_counts


class ClassSampler(Module):
    """Draws classes k with probability qₖ ∝ countₖᵖ, with replacement.

    The draws are those of Walker's alias method: a class is drawn uniformly, and kept
    or exchanged for its one alias by a second number. Nothing is trained.

    Shapes: a call with n → (n,) int32.

    Arguments:
        counts: how often each class occurs, (K,), above 0.
        power: p; ¾ is word2vec's, 1 the frequencies themselves, 0 draws all alike.

    Raises:
        DataError: for fewer than two classes, or counts that are not above 0.

    Source: Walker (1977); tables in linear time: Vose (1991).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> cr.manual_seed(0)
        >>> drawn = nn.ClassSampler([900, 90, 10], power=1.0)(100_000)
        >>> np.bincount(drawn.numpy()).round(-3)
        array([90000,  9000,  1000])
    """

    def __init__(self, counts: Any, power: float = 0.75) -> None:
        weights = class_counts("ClassSampler", counts)
        self.counts = tuple(weights.tolist())
        self.power = number_within("ClassSampler", "power", power, 0)
        scaled = (weights / weights.max()) ** self.power
        probabilities = scaled / scaled.sum()
        kept, alias = _alias_tables(probabilities)
        self.kept = Variable(kept.astype(np.float32), name="kept")
        self.alias = Variable(alias.astype(np.int32), name="alias")
        log_probabilities = np.log(probabilities).astype(np.float32)
        self.log_probabilities = Variable(log_probabilities, name="log_probabilities")

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"counts": list(self.counts), "power": self.power}

    def describe_settings(self) -> str:
        """``22000 classes, power=0.75``"""
        return f"{len(self.counts)} classes, power={self.power:g}"

    def forward(self, n: int, generator: Generator | None = None) -> Any:
        """n classes.

        Arguments:
            generator: of random numbers; the default one when not given.
        """
        source = default_generator if generator is None else generator
        size = (positive_size("ClassSampler", "n", n),)
        drawn = source.integers(0, len(self.counts), size)
        place = drawn.astype(dtypes.int32)
        keep = source.uniform(size) < take(self.kept.read(), place)
        return where(keep, place, take(self.alias.read(), place))


def _alias_tables(probabilities: Array) -> tuple[Array, Array]:
    """Of K classes, with what probability each is kept, and what stands in for it.

    K qₖ is what each of K boxes of size 1 would hold; a box that is not full is filled
    up by a class that has too much.
    """
    count = len(probabilities)
    share = (probabilities * count).tolist()
    kept, alias = np.ones(count), np.arange(count)
    small = [k for k in range(count) if share[k] < 1.0]
    large = [k for k in range(count) if share[k] >= 1.0]
    while small and large:
        k, other = small.pop(), large[-1]
        kept[k], alias[k] = share[k], other
        share[other] -= 1.0 - share[k]
        if share[other] < 1.0:
            small.append(large.pop())
    return kept, alias
