"""What a sequence-to-sequence network writes: the likeliest target, by greedy or beam
search.

Place on the road: above ``seq2seq``, whose two families it uses alike: ``encode`` reads
a source once, ``next`` says what follows the tokens written so far. Both are compiled,
once for each size of a batch; sources are padded to few lengths, so inputs of all
lengths need a handful of programs. What is kept of earlier tokens, the state of
recurrent layers or the keys and values of attention, stays beside the program, and a
step costs the same at the end of a target as at its beginning.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import tree
from ..arrays.searching import top_k
from ..compiler.compile import compile
from ..data.buckets import padded_batches
from ..errors import ArgumentError, DataError
from ..graph import Array
from ..nn.arguments import number_within, positive_size
from ..ops.composed import log_softmax
from ..ops.indexing import take
from .borrowing import Pool
from .seq2seq import EncoderDecoder

#: The shortest size that sources are padded to; every other one is twice as long.
SHORTEST = 16
#: A target may be so much longer than its source when nothing else is said.
TIMES, MORE = 2, 10


class Decoded(NamedTuple):
    """A target that was found.

    Attributes:
        tokens: its tokens, without the end.
        log_probability: ln p(tokens, end | source).
        score: what it was chosen by: the logarithm, divided by the length's penalty.
    """

    tokens: list[int]
    log_probability: float
    score: float


def decode(
    model: EncoderDecoder,
    sources: Sequence[Any],
    *,
    beam: int = 1,
    length_penalty: float = 0.6,
    max_length: int | None = None,
    batch_size: int = 64,
) -> list[Decoded]:
    """The targets that a network writes for sources of any length.

    Formula: the largest score(y) = ln p(y | x) / ((5 + |y|) / 6)^α that a search finds,
    |y| counted with the end. Each step extends every kept target by every token and
    keeps the ``beam`` best that go on; those that have ended, and were among the
    ``beam`` best then, are done. With ``beam=1`` the likeliest token is taken every
    time: greedy search. A beam that holds all targets finds the best of them.

    Arguments:
        model: a ``Seq2Seq`` or a ``Transformer``.
        sources: lists or arrays of tokens, each of its own length.
        beam: how many targets are kept.
        length_penalty: α. With 0 the probability alone decides, which favours short
            targets.
        max_length: the most tokens of a target, its end included; where it is reached,
            the end is all that may follow. When not given, twice the source and 10
            more, within the model's own limit.
        batch_size: how many sources are read together.

    Returns:
        A ``Decoded`` for each source, in their order.

    Raises:
        ArgumentError: for a beam below 1 or above the number of tokens.
        DataError: for an empty source, a longer one than the model takes, or one with
            tokens outside of its vocabulary.

    Source: Sutskever, Vinyals & Le (2014) for the search; Wu et al., Google's neural
    machine translation system (2016), eq. 14, for the penalty.

    Example:
        >>> from chainrule import models
        >>> model = models.Seq2Seq(5, 3, hidden_size=8)
        >>> found = models.decode(model, [[1, 2], [4, 0, 3]], beam=2, max_length=4)
        >>> [len(each.tokens) < 4 for each in found]
        [True, True]
    """
    arrays = [_source(model, i, each) for i, each in enumerate(sources)]
    width = _beam(beam, model.end)
    alpha = number_within("decode", "length_penalty", length_penalty, 0)
    rows = positive_size("decode", "batch_size", batch_size)
    rows = next(n for n in (1, 8, rows) if n >= min(len(arrays), rows))
    most = None if max_length is None else _most(model, max_length)
    found: dict[int, Decoded] = {}
    for batch, padded, lengths in padded_batches(arrays, rows, SHORTEST):
        padded = padded[:, : model.max_length]
        longest = most or _usual(model, padded.shape[1])
        with writers.borrowed(model, rows, width, longest) as writer:
            best = _search(writer, padded, lengths, longest, alpha)
        found.update(zip(batch.tolist(), best, strict=False))
    return [found[i] for i in range(len(arrays))]


# The search. --------------------------------------------------------------------------


def _search(
    writer: _Writer, sources: Array, lengths: Array, longest: int, alpha: float
) -> list[Decoded]:
    """The best target of each source of a batch.

    Of every step, the parents and tokens of the kept targets are remembered; the tokens
    of a target that has ended are read off backwards from there.
    """
    rows, beam, end = len(sources), writer.beam, writer.end
    memory, state = writer.begin(sources, lengths)
    total = np.full((rows, beam), -np.inf, writer.dtype)
    total[:, 0] = 0.0  # one beginning, not as many as the beam is wide
    tokens, parents = np.full(rows * beam, end), np.arange(rows * beam)
    steps: list[tuple[Array, Array]] = []
    done = _Done(rows, beam)
    for length in range(1, longest + 1):
        allowed = writer.end_alone if length == longest else writer.anything
        best, places, state = writer.extend(
            tokens, parents, total, allowed, memory, state
        )
        totals, places = np.asarray(best.numpy()), np.asarray(places.numpy())
        before, written = np.divmod(places, end + 1)  # (rows, 2 · beam)
        ended = (written == end) & np.isfinite(totals)
        penalty = ((5 + length) / 6) ** alpha
        done.add(totals, before, ended, penalty, length)
        if done.all() or length == longest:
            break
        going = np.argsort(ended, axis=1, kind="stable")[:, :beam]
        total = np.take_along_axis(np.where(ended, -np.inf, totals), going, 1)
        before = np.take_along_axis(before, going, 1)
        written = np.take_along_axis(written, going, 1)
        written[written == end] = 0  # of an impossible target, which stays impossible
        steps.append((before, written))
        parents = (before + beam * np.arange(rows)[:, None]).ravel()
        tokens = written.ravel()
    return [done.best(row, steps) for row in range(rows)]


class _Done:
    """The targets of a batch that have ended, as many as a beam is wide of each row."""

    def __init__(self, rows: int, beam: int) -> None:
        self.beam = beam
        self.count = np.zeros(rows, int)
        self.score = np.full(rows, -np.inf)
        self.total = np.full(rows, -np.inf)
        self.place = np.zeros((rows, 2), int)  # (length, place in the beam)

    def add(
        self, totals: Array, before: Array, ended: Array, penalty: float, length: int
    ) -> None:
        """Counts those that end now and are among the best of their row, while that has
        not as many as it looks for; and keeps the one of the best score.
        """
        among = ended.copy()
        among[:, self.beam :] = False
        among[self.count >= self.beam] = False
        scores = np.where(among, totals / penalty, -np.inf)
        here = np.arange(len(scores)), scores.argmax(axis=1)
        better = scores[here] > self.score
        self.score[better] = scores[here][better]
        self.total[better] = totals[here][better]
        self.place[better, 0] = length
        self.place[better, 1] = before[here][better]
        self.count += among.sum(axis=1)

    def all(self) -> bool:
        """Whether every row has as many as it looks for."""
        return bool((self.count >= self.beam).all())

    def best(self, row: int, steps: Sequence[tuple[Array, Array]]) -> Decoded:
        """The best target of a row, its tokens read off backwards."""
        length, place = self.place[row].tolist()
        tokens = []
        for parents, written in reversed(steps[: length - 1]):
            tokens.append(int(written[row, place]))
            place = parents[row, place]
        return Decoded(tokens[::-1], float(self.total[row]), float(self.score[row]))


# The compiled part. -------------------------------------------------------------------


class _Writer:
    """The compiled steps of a model for batches of some size, with its caches.

    The model is not kept alive by them.
    """

    def __init__(self, model: EncoderDecoder, rows: int, beam: int, most: int) -> None:
        self.model = weakref.ref(model)
        self.beam, self.end = beam, model.end
        self.dtype = next(iter(model.parameters())).dtype
        self.caches = model.new_caches(rows * beam, most)
        self.anything = np.zeros(model.end + 1, self.dtype)
        self.end_alone = np.where(np.arange(model.end + 1) < model.end, -np.inf, 0.0)
        self.end_alone = self.end_alone.astype(self.dtype)
        self.begin, self.extend = compile(self._begin), compile(self._extend)

    def _begin(self, sources: Any, lengths: Any) -> Any:
        """Memory and state of every source, once for each target of its beam."""
        model = self.model()
        assert model is not None
        for cache in self.caches:
            cache.clear()
        rows = np.repeat(np.arange(len(lengths)), self.beam)
        return _selected(model.encode(sources, lengths), rows)

    def _extend(
        self,
        tokens: Any,
        parents: Any,
        total: Any,
        allowed: Any,
        memory: Any,
        state: Any,
    ) -> Any:
        """The likeliest targets of one token more: their logarithms (rows, 2 · beam),
        where each stands among all, beam · (V + 1) of a row, and the state.

        As each target has one end, among twice as many as the beam is wide there are
        always enough that go on.
        """
        model = self.model()
        assert model is not None
        if self.beam > 1:
            state = _selected(state, parents)
            for cache in self.caches:
                cache.select(parents)
        logits, state = model.next(tokens, memory, state, self.caches)
        logp = log_softmax(logits).reshape(*total.shape, -1)  # (rows, beam, V + 1)
        logp = logp + total[:, :, None] + allowed
        best, places = top_k(logp.reshape(len(total), -1), 2 * self.beam)
        return best, places, state


def _selected(values: Any, rows: Any) -> Any:
    """These rows of every array of a memory or a state."""
    leaves, structure = tree.flatten(values)
    return tree.unflatten(structure, [take(leaf, rows) for leaf in leaves])


#: The writers of all models, by rows, beam and longest target.
writers = Pool(_Writer)


# What is asked for. -------------------------------------------------------------------


def _usual(model: EncoderDecoder, size: int) -> int:
    """The most tokens of a target, where nothing is asked for."""
    most = TIMES * size + MORE
    return most if model.max_length is None else min(most, model.max_length)


def _most(model: EncoderDecoder, max_length: Any) -> int:
    most = positive_size("decode", "max_length", max_length)
    if model.max_length is not None and most > model.max_length:
        raise ArgumentError(
            f"decode: max_length={most}: the model writes at most {model.max_length} "
            "tokens, the end included",
            fix=f"max_length={model.max_length}, or a model with a larger max_length",
        )
    return most


def _beam(beam: Any, tokens: int) -> int:
    width = positive_size("decode", "beam", beam)
    if width > tokens:
        raise ArgumentError(
            f"decode: beam={width}: the first step has {tokens} tokens to choose from",
            fix=f"beam={tokens} or less; 5 is usual",
        )
    return width


def _source(model: EncoderDecoder, number: int, source: Any) -> Array:
    """A source as an array of tokens."""
    ids = np.asarray(source)
    what = f"decode: source {number}"
    if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
        raise DataError(
            f"{what} {ids.shape} of {ids.dtype}: expected the numbers of its tokens"
        )
    if not ids.size:
        raise DataError(f"{what} is empty: there is nothing to read")
    if ids.min() < 0 or ids.max() >= model.source_vocabulary:
        wrong = int(ids.min()) if ids.min() < 0 else int(ids.max())
        raise DataError(
            f"{what} has the token {wrong}: the model's are 0 to "
            f"{model.source_vocabulary - 1}"
        )
    if model.max_length is not None and len(ids) > model.max_length:
        raise DataError(
            f"{what} has {len(ids)} tokens: the model reads at most {model.max_length}",
            fix="cut it into parts, or train a model with a larger max_length",
        )
    return ids.astype(np.int64)
