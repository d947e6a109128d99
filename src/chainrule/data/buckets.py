"""``bucket_by_length`` and ``bucket_pairs``: sequences of many lengths, or pairs of
them, in batches of few sizes.

Place on the road: above data sets; ``batching`` puts sequences of one bucket together.
It must not know of networks: layers and losses take the lengths that come with a batch.

A compiled step is made for one size of its inputs. Batches that are padded to their own
longest sequence have as many sizes as there are lengths, and each costs a compilation;
padded to the longest of all, most of what is computed is padding. Between the two lie a
few sizes, chosen so that as little as possible is padded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, DataError
from ..wording import counted
from .datasets import Dataset
from .lazy_rows import Rows
from .validation import Array, as_array, check_finite

#: Above this many different lengths, they are rounded up before sizes are chosen.
MOST_LENGTHS = 1024


def bucket_by_length(
    sequences: Iterable[Any],
    targets: Any = None,
    *,
    buckets: int | Sequence[int] = 4,
    pad: float = 0,
    pad_target: float = -1,
    name: str = "sequences",
    classes: Sequence[str] | int | None = None,
) -> Dataset:
    """Sequences of different lengths, in batches that are padded to few sizes.

    An example's inputs are its sequence, padded at the end, and its length: a network's
    ``forward(x, lengths)`` passes the lengths on to layers that take them (``nn.LSTM``,
    ``nn.MultiheadAttention``). Shuffled batches hold sequences of similar lengths, in
    an order that seed and epoch determine; a compiled step is made at most once for
    each size, and once for a last, smaller batch.

    Arguments:
        sequences: N arrays or lists ``(Tᵢ, …)``, alike in all but their length.
        targets: ``(N, …)``, a target for each sequence, as in ``Dataset``; or N arrays
            ``(Tᵢ, …)``, one for each step, padded like the sequences; or None.
        buckets: how many sizes, chosen so that the padding is least; or the sizes.
        pad: what sequences are padded with.
        pad_target: what targets of steps are padded with: −1 suits
            ``losses.cross_entropy(…, ignore_index=-1)``.
        name: what messages call the data.
        classes: the names of the classes, or how many there are.

    Shapes: a batch is ``((x, lengths), targets)``: x ``(B, T, …)`` with T one of the
    sizes, lengths ``(B,)`` int64, targets ``(B, …)`` or ``(B, T, …)``.

    Returns:
        A ``Dataset``, for ``fit``, ``evaluate``, ``train_test_split`` and ``batches``.

    Raises:
        DataError: no sequences, sequences that differ in more than their length, NaN,
            or targets of steps that are more or fewer than the steps.
        ArgumentError: a size below the longest sequence.

    Source:
        Khomenko et al., "Accelerating recurrent neural network training using sequence
        bucketing and multi-GPU data parallelization", 2016.

    Example:
        >>> from chainrule import data
        >>> words = [[5, 2, 8], [7], [3, 3], [1, 9, 9]]
        >>> examples = data.bucket_by_length(words, [0, 1, 1, 0], buckets=2)
        >>> (x, lengths), labels = next(data.batches(examples, 2, shuffle=False))
        >>> x, lengths
        (array([[5, 2, 8],
               [7, 0, 0]]), array([3, 1]))
    """
    what = f"bucket_by_length: {name!r}: sequences"
    arrays = _arrays(sequences, what)
    lengths = np.array([len(each) for each in arrays])
    sizes = _sizes(lengths, buckets, name)
    own = sizes[np.searchsorted(sizes, lengths)]
    padded = PaddedRows(arrays, own, pad)
    of_steps = _targets_of_steps(targets, lengths, f"bucket_by_length: {name!r}")
    if of_steps is None:
        made = Dataset((padded, lengths), targets, name=name, classes=classes)
    else:
        steps = PaddedRows(of_steps, own, pad_target)
        made = Dataset((padded, lengths), steps, name=name, task="none")
    made.buckets = np.searchsorted(sizes, lengths)
    return made


def padded_batches(
    sequences: Sequence[Array], batch_size: int = 32, least: int = 8
) -> Iterator[tuple[Array, Array, Array]]:
    """Sequences of any lengths in batches of few shapes, for inference.

    Every batch has ``batch_size`` rows, and its steps are a power of two; what is not
    needed has the length 0. So a compiled function is made once for each doubling of
    the lengths, whatever the sequences are.

    Arguments:
        sequences: N arrays ``(Tᵢ, …)``.
        batch_size: rows of a batch.
        least: the fewest steps of a batch.

    Yields:
        The numbers of the sequences (n,), n ≤ B, then (B, T, …) and lengths (B,).

    Example:
        >>> short, long = np.ones(3), np.ones(9)
        >>> for rows, x, lengths in padded_batches([long, short], batch_size=2):
        ...     print(rows, x.shape, lengths)
        [1] (2, 8) [3 0]
        [0] (2, 16) [9 0]
    """
    lengths = np.array([len(each) for each in sequences], np.int64)
    doublings = np.ceil(np.log2(np.maximum(lengths, least) / least)).astype(int)
    for doubling in np.unique(doublings):
        alike = np.flatnonzero(doublings == doubling)
        size = least << int(doubling)
        for start in range(0, len(alike), batch_size):
            rows = alike[start : start + batch_size]
            first = sequences[rows[0]]
            x = np.zeros((batch_size, size, *first.shape[1:]), first.dtype)
            for place, row in enumerate(rows):
                x[place, : lengths[row]] = sequences[row]
            real = np.zeros(batch_size, np.int64)
            real[: len(rows)] = lengths[rows]
            yield rows, x, real


def bucket_pairs(
    sources: Iterable[Any],
    targets: Iterable[Any],
    *,
    buckets: int = 8,
    pad: int = 0,
    name: str = "pairs",
) -> Dataset:
    """Pairs of sequences, each of its own length, in batches that are padded to few
    sizes: what a network that turns one into the other is trained on.

    An example's inputs are its source and its target, both padded at the end, and their
    lengths; ``models.TeacherForcing`` takes all four. Shuffled batches hold pairs of
    similar lengths, and a compiled step is made at most once for each size.

    Arguments:
        sources, targets: N arrays or lists of whole numbers each, ``(Sᵢ,)``, ``(Tᵢ,)``.
        buckets: how many sizes (S, T), chosen so that the padding is little.
        pad: what both are padded with.
        name: what messages call the data.

    Shapes: the inputs of a batch are source ``(B, S)``, lengths ``(B,)``, target
    ``(B, T)`` and lengths ``(B,)``, all int64.

    Returns:
        A ``Dataset`` without targets of its own, for ``fit`` and ``evaluate``.

    Raises:
        DataError: no pairs, more sources than targets, or another kind of sequence; an
            empty source.
        ArgumentError: a number of buckets below 1.

    Example:
        >>> from chainrule import data
        >>> pairs = data.bucket_pairs([[5, 2], [7]], [[1, 1, 3], [2]], buckets=1)
        >>> (source, n, target, m), _ = next(data.batches(pairs, 2, shuffle=False))
        >>> source.tolist(), n.tolist(), target.tolist(), m.tolist()
        ([[5, 2], [7, 0]], [2, 1], [[1, 1, 3], [2, 0, 0]], [3, 1])
    """
    what = f"bucket_pairs: {name!r}:"
    sides = [_arrays(each, f"{what} {side}") for side, each in
             (("sources", sources), ("targets", targets))]  # fmt: skip
    if len(sides[0]) != len(sides[1]):
        raise DataError(
            f"{what} {counted(len(sides[0]), 'source')} and "
            f"{counted(len(sides[1]), 'target')}: expected one target for each source"
        )
    lengths = [np.array([len(each) for each in side]) for side in sides]
    if not lengths[0].all():
        row = int(np.argmin(lengths[0]))
        raise DataError(f"{what} source {row} is empty: there is nothing to read")
    if not isinstance(buckets, int | np.integer) or buckets < 1:
        raise ArgumentError(f"{what} buckets={buckets!r}: expected 1 or more")
    bucket = _buckets_of_pairs(lengths[0], lengths[1], int(buckets))
    parts: list[Any] = []
    for side, known in zip(sides, lengths, strict=True):
        sizes = [max(1, known[bucket <= n].max()) for n in range(bucket.max() + 1)]
        parts += [PaddedRows(side, np.array(sizes)[bucket], pad), known]
    made = Dataset(tuple(parts), name=name, task="none")
    made.buckets = bucket
    return made


def _buckets_of_pairs(first: Array, second: Array, count: int) -> Array:
    """The bucket of each pair: by the longer of its two lengths, each measured by the
    mean of its side.
    """
    scale = first.mean() / max(second.mean(), 1e-9)
    longer = np.maximum(first, np.ceil(second * scale).astype(np.int64))
    bucket: Array = np.searchsorted(best_sizes(longer, count), longer)
    return bucket


class PaddedRows(Rows):
    """Sequences as an array ``(N, T, …)`` that is padded when rows are taken.

    T is the largest of the sizes that the taken rows are to have.

    Arguments:
        arrays: the sequences.
        sizes: what each is to be padded to, (N,).
        pad: what they are padded with.

    Attributes:
        shape, dtype: of all sequences together, padded to the largest size.
    """

    slow = False

    def __init__(self, arrays: Sequence[Array], sizes: Array, pad: float) -> None:
        steps = np.concatenate(arrays)
        self.steps = steps if steps.dtype.kind == "f" else steps.astype(np.int64)
        self.lengths = np.array([len(each) for each in arrays])
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.sizes = sizes
        self.pad = pad
        self.dtype = self.steps.dtype
        self.shape = (len(arrays), int(sizes.max()), *self.steps.shape[1:])

    def sequences(self) -> list[Array]:
        """Each sequence by itself, without padding."""
        return np.split(self.steps, self.starts[1:])

    def __getitem__(self, index: Any) -> Array:
        rows = np.arange(len(self))[index]
        lengths, starts = self.lengths[rows], self.starts[rows]
        steps = np.arange(int(np.max(self.sizes[rows], initial=1)))
        real = steps < lengths[..., None]
        padded = np.full((*real.shape, *self.shape[2:]), self.pad, self.dtype)
        padded[real] = self.steps[(starts[..., None] + steps)[real]]
        return padded


def _arrays(sequences: Any, what: str) -> list[Array]:
    """The sequences as arrays of one dtype that differ in their length alone."""
    if isinstance(sequences, str | bytes) or not hasattr(sequences, "__iter__"):
        raise ArgumentError(
            f"{what}: expected a list of sequences, got {type(sequences).__name__}"
        )
    arrays = [
        np.zeros(0, np.int64)
        if isinstance(each, list | tuple) and not each
        else as_array(each, f"{what}: sequence {i}")
        for i, each in enumerate(sequences)
    ]
    if not arrays:
        raise DataError(f"{what}: no examples")
    first = next((each for each in arrays if len(each)), arrays[0])
    for i, each in enumerate(arrays):
        if len(each) == 0:
            arrays[i] = each = np.zeros((0, *first.shape[1:]), first.dtype)
        if each.dtype.kind not in "biuf":
            raise DataError(
                f"{what}: sequence {i} {each.shape} of {each.dtype}: expected numbers",
                fix="number the words or characters first",
            )
        if each.shape[1:] != first.shape[1:]:
            raise DataError(
                f"{what}: sequence {i} {each.shape} beside {first.shape}: sequences "
                "may differ in their length alone",
            )
        check_finite(each, f"{what}: sequence {i}")
    return arrays


def _targets_of_steps(targets: Any, lengths: Array, what: str) -> list[Array] | None:
    """Targets of every step, where they are as many arrays of different lengths."""
    if not isinstance(targets, list) or not all(hasattr(t, "__len__") for t in targets):
        return None
    if any(isinstance(each, str) for each in targets):
        return None
    if len({len(each) for each in targets}) < 2:
        return None  # an array, which needs no padding
    found = np.array([len(each) for each in targets])
    if len(found) != len(lengths):
        raise DataError(
            f"{what}: {counted(len(lengths), 'sequence')} and "
            f"{counted(len(found), 'target')}"
        )
    if (found != lengths).any():
        row = int(np.argmax(found != lengths))
        raise DataError(
            f"{what}: sequence {row} has {counted(lengths[row], 'step')} and "
            f"{counted(found[row], 'target')}: expected one target for each step, or "
            "one for the sequence"
        )
    return _arrays(targets, f"{what}: targets")


def _sizes(lengths: Array, buckets: Any, name: str) -> Array:
    """The sizes that sequences are padded to, in rising order."""
    longest = max(int(lengths.max()), 1)
    if isinstance(buckets, int | np.integer) and not isinstance(buckets, bool):
        if buckets >= 1:
            return best_sizes(lengths, int(buckets))
    elif isinstance(buckets, Sequence | np.ndarray) and len(buckets):
        sizes = np.unique(np.asarray(buckets))
        if sizes.dtype.kind in "iu" and sizes[0] >= 1:
            if sizes[-1] < longest:
                raise ArgumentError(
                    f"bucket_by_length: buckets={buckets!r}: {name!r} has a sequence "
                    f"of {longest} steps, which fits in none",
                    fix=f"a last size of {longest} or more, or shorter sequences",
                )
            return sizes[: np.searchsorted(sizes, longest) + 1]
    raise ArgumentError(
        f"bucket_by_length: buckets={buckets!r}: expected a number of buckets, or "
        "their sizes"
    )


def best_sizes(lengths: Array, count: int) -> Array:
    """The sizes with which the least is padded: the best ``count`` of them.

    Formula: with the different lengths l₁ < … < l_D of n₁, …, n_D sequences, the cost
    of sizes is Σᵢ nᵢ s(lᵢ), s(l) the smallest size that is at least l; found exactly by
    dynamic programming over the largest length of each bucket.

    Example:
        >>> best_sizes(np.array([1, 1, 2, 9, 10]), 2)
        array([ 2, 10])
    """
    grain = 1 + int(lengths.max()) // MOST_LENGTHS
    known, counts = np.unique(-(-np.maximum(lengths, 1) // grain), return_counts=True)
    upto = np.concatenate([[0], np.cumsum(counts)])
    # cost[i, j]: of a bucket with the lengths i … j, all padded to the length j
    cost = (upto[None, 1:] - upto[:-1, None]) * known[None, :].astype(float)
    cost[np.tril_indices(len(known), -1)] = np.inf
    best, choices = cost[0], []
    for _ in range(min(count, len(known)) - 1):
        total = np.concatenate([[np.inf], best[:-1]])[:, None] + cost
        choices.append(total.argmin(0))
        best = total.min(0)
    last, sizes = len(known) - 1, []
    for choice in [*reversed(choices), None]:
        sizes.append(int(known[last]) * grain)
        if choice is not None:
            last = int(choice[last]) - 1
    chosen: Array = np.array(sizes[::-1])
    return np.minimum(chosen, max(int(lengths.max()), 1))
