"""The states of words: a hidden Markov model from left to right for each, and silence.

Place on the road: below the recognisers. It must not know where scores come from: of
what is known to be said it makes rows of states, of what is to be found one graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...errors import ArgumentError, DataError
from ...graph import Array
from ...nn.chains.bands import Band
from ...nn.chains.paths import IMPOSSIBLE, Chain

#: The state of silence; those of the words follow.
SILENCE = 0

#: More states than this have too many pairs for one graph.
MOST_STATES = 4000


class Graph(NamedTuple):
    """All that may be said, as one chain.

    Attributes:
        emits: the state that each node of the graph is, (G,).
        words: the number of the word that each node belongs to, −1 of silence, (G,).
        firsts: whether a node is the first of its word, (G,).
        chain: the transitions between nodes, in logarithms.
    """

    emits: Array
    words: Array
    firsts: Array
    chain: Chain


class WordStates:
    """Hidden Markov models of words: S states in a row each, and one of silence.

    Each state is stayed in with a probability a and left for the next with 1 − a.
    Silence may stand before, after and between words, and may be left out.

    Arguments:
        words: W of them, each once.
        states: S, of each word; 2 or more.
        connected: whether any number of words may follow each other; otherwise one.

    Attributes:
        count: K = 1 + W · S.

    Raises:
        ArgumentError: no words, one twice, fewer than 2 states, or too many in all.

    Source: Rabiner (1989), sections IV and VII.

    Example:
        >>> states = WordStates(["no", "yes"], 2)
        >>> states.row(["yes"]).tolist()  # silence, two states, silence
        [0, 3, 4, 0]
    """

    def __init__(
        self, words: Sequence[str], states: int, connected: bool = False
    ) -> None:
        if not words or len(set(words)) != len(words) or states < 2:
            raise ArgumentError(
                f"WordStates: {len(words)} words, {states} states: expected words, "
                "each once, and 2 states or more for each"
            )
        self.words, self.states, self.connected = tuple(words), states, connected
        self.count = 1 + len(words) * states
        if self.count > MOST_STATES:
            raise ArgumentError(
                f"WordStates: {len(words)} words of {states} states are {self.count}: "
                f"expected {MOST_STATES} or fewer: all pairs of them are looked at",
                fix="a CTC recogniser, which has one output for each word",
            )
        self._numbers = {word: number for number, word in enumerate(words)}

    def row(self, said: Sequence[str]) -> Array:
        """The states of words in order, silence around each: (S + 1) · words + 1.

        Raises:
            DataError: a word that is not known.
        """
        parts = [np.array([SILENCE])]
        for word in said:
            if word not in self._numbers:
                raise DataError(
                    f"WordStates: the word {word!r} is none of the {len(self.words)} "
                    "that are known"
                )
            first = 1 + self._numbers[word] * self.states
            parts += [np.arange(first, first + self.states), np.array([SILENCE])]
        return np.concatenate(parts)

    def least_frames(self, said: Sequence[str]) -> int:
        """How many frames words need at least: one for each of their states."""
        return max(1, len(said) * self.states)

    def flat(self, said: Sequence[str], frames: int) -> Array:
        """The states of frames that are dealt out evenly: a flat start.

        Example:
            >>> WordStates(["no", "yes"], 2).flat(["yes"], 8).tolist()
            [0, 0, 3, 3, 4, 4, 0, 0]
        """
        row = self.row(said)
        if frames < len(row):  # no time for silence
            row = row[row != SILENCE]
        places: Array = np.arange(frames) * len(row) // max(frames, 1)
        flat: Array = row[places]
        return flat

    def bands(self, rows: Sequence[Array], stay: Array, width: int) -> Band:
        """Paths through rows of states, in which silence may be skipped.

        Arguments:
            rows: of each sequence.
            stay: ln of the probability to stay in each state, (K,).
            width: that all are padded to.

        Shapes: each part (N, width).
        """
        leave = log_leave(stay)
        shape = (len(rows), width)
        parts = {name: np.full(shape, IMPOSSIBLE) for name in Band._fields}
        for n, row in enumerate(rows):
            size = len(row)
            parts["stay"][n, :size] = stay[row]
            parts["step"][n, 1:size] = leave[row[:-1]]
            over = row[1:-1] == SILENCE  # from before it to behind it
            skip = np.where(over, leave[row[:-2]], IMPOSSIBLE)
            parts["skip"][n, 2:size] = skip
            parts["start"][n, :2] = 0.0
            parts["end"][n, max(0, size - 2) : size] = leave[row[-2:]]
        return Band(**parts)

    def padded(self, rows: Sequence[Array], width: int) -> Array:
        """Rows of states as (N, width), silence behind their ends."""
        made = np.full((len(rows), width), SILENCE, np.int64)
        for n, row in enumerate(rows):
            made[n, : len(row)] = row
        return made

    def graph(self, stay: Array, penalty: float = 0.0) -> Graph:
        """All that may be said.

        Arguments:
            stay: ln of the probability to stay in each state, (K,).
            penalty: what each word costs besides ln W, in nats.
        """
        size, count, leave = self.states, self.count, log_leave(stay)
        total = count if self.connected else count + 1
        emits = np.arange(total)
        emits[count:] = SILENCE
        moves = np.full((total, total), IMPOSSIBLE)
        start, end = np.full((2, total), IMPOSSIBLE)
        np.fill_diagonal(moves, stay[emits])
        firsts = np.arange(1, count, size)
        lasts = firsts + size - 1
        inner = np.setdiff1d(np.arange(1, count), lasts)
        moves[inner, inner + 1] = leave[inner]
        new = -np.log(len(self.words)) - penalty
        moves[SILENCE, firsts] = leave[SILENCE] + new
        after = SILENCE if self.connected else count
        moves[lasts, after] = leave[lasts]
        if self.connected:
            moves[np.ix_(lasts, firsts)] = leave[lasts][:, None] + new
        start[SILENCE], start[firsts] = 0.0, new
        end[after], end[lasts] = 0.0, leave[lasts]
        words = np.full(total, -1)
        words[1:count] = (np.arange(1, count) - 1) // size
        return Graph(
            emits, words, np.isin(np.arange(total), firsts), Chain(moves, start, end)
        )

    def said(self, graph: Graph, path: Array) -> tuple[str, ...]:
        """The words of a path through the graph: each begins with its first state."""
        before = np.concatenate([[-1], path[:-1]])
        begins = graph.firsts[path] & (path != before)
        return tuple(self.words[number] for number in graph.words[path[begins]])


def log_leave(stay: Array) -> Array:
    """ln (1 − a) of ln a.

    Example:
        >>> log_leave(np.log([0.5])).round(4).tolist()
        [-0.6931]
    """
    left: Array = np.log(-np.expm1(stay))
    return left


def stays(counts: Array, visits: Array) -> Any:
    """ln of the probabilities to stay, from how many frames states had, and visits.

    Formula: a = 1 − visits / frames, kept between 0.1 and 0.98.

    Example:
        >>> np.exp(stays(np.array([10.0]), np.array([2.0]))).round(2).tolist()
        [0.8]
    """
    share = 1 - visits / np.maximum(counts, 1e-9)
    return np.log(np.clip(share, 0.1, 0.98))
