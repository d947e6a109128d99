"""What counting alone knows of a text: the baseline of a language model.

Place on the road: below the tasks. NumPy alone.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

#: The longest sequences of tokens that are counted.
LONGEST = 6


class NGram:
    """A table of how often sequences of up to ``order`` tokens are in a text.

    Formula, Witten–Bell: p(w | c) = (n(c w) + t(c) p(w | c′)) / (n(c) + t(c)), for a
    token w after the context c of order − 1 tokens, of which c′ has one less; n(c w) is
    how often w followed c, n(c) how often anything did, t(c) how many different tokens;
    p(w) without context begins from 1/V. A context that was never seen is c′.

    Arguments:
        ids: tokens of a text, (N,).
        vocabulary: V, how many there are.
        order: the longest sequences; less where their codes do not fit into 62 bits.

    Source: Witten & Bell, The zero-frequency problem (1991).

    Example:
        >>> table = NGram(np.array([0, 1, 0, 1, 0, 1, 0, 1]), vocabulary=2, order=2)
        >>> nats = table.nats(np.array([0, 1, 0, 1]))
        >>> [round(float(each.mean()), 3) for each in nats]  # of order 1, and of 2
        [0.693, 0.115]
    """

    def __init__(self, ids: Array, vocabulary: int, order: int = LONGEST) -> None:
        self.vocabulary = vocabulary
        fits = int(62 // math.log2(max(2, vocabulary)))
        self.order = max(1, min(order, fits, len(ids)))
        self._tables = [self._counted(ids, n) for n in range(1, self.order + 1)]

    def nats(self, ids: Array) -> list[Array]:
        """−log p of every token of a text but the first, (N − 1,), by tables of one
        token, of up to two, and so on.
        """
        p = np.full(len(ids), 1 / self.vocabulary)
        found = []
        for n, table in enumerate(self._tables, 1):
            codes = self._codes(ids, n)  # that of the tokens up to t stands at t
            own = p[n - 1 :]
            wholes, counts, contexts, follow, kinds = table
            many = _looked_up(wholes, counts, codes)
            context = codes // self.vocabulary
            total = _looked_up(contexts, follow, context)
            different = _looked_up(contexts, kinds, context)
            seen = total > 0
            own[seen] = (many + different * own)[seen] / (total + different)[seen]
            found.append(-np.log(p[1:]))
        return found

    def _counted(self, ids: Array, n: int) -> tuple[Array, ...]:
        """Sequences of n tokens and their counts; contexts, how often and by how many
        different tokens they are followed. A code's context is code // V.
        """
        wholes, counts = np.unique(self._codes(ids, n), return_counts=True)
        contexts, first = np.unique(wholes // self.vocabulary, return_index=True)
        follow = np.add.reduceat(counts, first)
        kinds = np.diff(np.append(first, len(wholes)))
        return wholes, counts, contexts, follow, kinds

    def _codes(self, ids: Array, n: int) -> Array:
        """A number for each n tokens in a row, (N − n + 1,): the last one counts 1."""
        size = len(ids) - n + 1
        codes = np.zeros(max(0, size), np.int64)
        for place in range(n if size > 0 else 0):
            codes = codes * self.vocabulary + ids[place : place + size]
        return codes


def _looked_up(keys: Array, values: Array, wanted: Array) -> Array:
    """The values of keys, in order; 0 where a key is not there."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    known = keys[places] == wanted
    return np.where(known, values[places], 0)
