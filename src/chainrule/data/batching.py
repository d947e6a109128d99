"""Batches: the order of the examples in an epoch, and data that never fits in memory.

Place on the road: between a data set and the training loop. The order is a pure
function of (seed, epoch), so a run that was stopped in the middle of an epoch is
resumed with the same batches. It must not know of networks, losses or devices.

A *stream* stands in for a data set where the examples come from a function::

    def make(epoch):                       # called at the start of every epoch
        for path in paths_in_order(epoch):
            yield inputs, targets          # (B, …) arrays, one batch

    stream = data.Stream(make, length=len(paths))

``make`` must give the same batches for the same epoch: resuming skips the batches that
have been trained on already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from ..config import config
from ..errors import ArgumentError, DataError
from ..foreign import Settled
from ..wording import counted
from .augmentation import Augmentation
from .datasets import Arrays, Dataset, Part, as_dataset
from .labels import class_names
from .prefetch import prefetched
from .validation import Array

#: Inputs and targets and, of data with weights, these.
Batch = tuple[Arrays, Arrays | None] | tuple[Arrays, Arrays | None, Array]

#: Added to an epoch's number, for the order of its batches beside that of its rows.
OTHER_DRAWS = 1 << 62


def num_batches(n: int, batch_size: int, drop_last: bool = False) -> int:
    """How many batches an epoch of n examples has: ⌈n / batch_size⌉, the last of them
    smaller where n is no multiple.

    An example that would be a batch by itself joins the batch before, which then has
    ``batch_size + 1``: nothing can be normalised over one example, and its gradient
    would count as much as that of a whole batch.

    Arguments:
        n: the number of examples.
        batch_size: examples in a batch.
        drop_last: leave out a last, smaller batch: ⌊n / batch_size⌋.

    Example:
        >>> num_batches(10, 4), num_batches(10, 4, drop_last=True), num_batches(9, 4)
        (3, 2, 2)
    """
    _check_whole("batch_size", batch_size, 1)
    _check_whole("n", n, 0)
    joined = n > batch_size > 1 and n % batch_size == 1
    return n // batch_size if drop_last or joined else -(-n // batch_size)


def epoch_order(n: int, seed: int = 0, epoch: int = 0) -> Array:
    """The order of n examples in one epoch: a permutation that (seed, epoch) determine.

    Each example draws 64 bits from the counter-based generator Philox with the key
    (seed, epoch); the examples are sorted by them. The bits of a NumPy bit generator
    never change between versions, so neither does the order.

    Arguments:
        n: the number of examples.
        seed: a whole number from 0 to 2⁶⁴ − 1.
        epoch: the number of the epoch, from 0.

    Returns:
        ``(n,)`` row numbers.

    Source:
        Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011.

    Example:
        >>> sorted(epoch_order(5, seed=1, epoch=2).tolist())
        [0, 1, 2, 3, 4]
    """
    _check_whole("seed", seed, 0, (1 << 64) - 1)
    _check_whole("epoch", epoch, 0, (1 << 64) - 1)
    bits = np.random.Philox(key=np.array([seed, epoch], dtype=np.uint64))
    return np.argsort(bits.random_raw(n), kind="stable")


def batches(
    source: Any,
    batch_size: int = 32,
    *,
    shuffle: bool = True,
    seed: int = 0,
    epoch: int = 0,
    start_batch: int = 0,
    drop_last: bool = False,
) -> Iterator[Batch]:
    """The batches of one epoch, from ``start_batch`` on.

    Arguments:
        source: a data set, ``(inputs, targets)``, inputs alone, or a ``Stream`` (whose
            batches come as they are: of the other arguments only ``epoch`` and
            ``start_batch`` matter).
        batch_size: examples in a batch.
        shuffle: take the examples in the order of ``epoch_order``, and apply the data
            set's ``augmentation``; otherwise in order and unchanged.
        seed, epoch: determine that order.
        start_batch: batches of this epoch that have been used already.
        drop_last: leave out a last batch that is smaller. Without it, all examples are
            in some batch; one that is left over joins the last, see ``num_batches``.

    Returns:
        An iterator of (inputs, targets): arrays ``(B, …)`` or tuples of them; targets
        is None where the data has none. Of data with weights it is of (inputs, targets,
        sample_weight).

    Raises:
        ArgumentError: sizes and numbers that make no sense.
        DataError: a bad value in a batch of a memory-mapped data set or a stream.

    Example:
        >>> examples = np.arange(6.0).reshape(6, 1), [0, 1, 0, 1, 0, 1]
        >>> [x.ravel().tolist() for x, y in batches(examples, 4, shuffle=False)]
        [[0.0, 1.0, 2.0, 3.0], [4.0, 5.0]]
    """
    _check_whole("epoch", epoch, 0)
    if isinstance(source, Stream):
        _check_whole("start_batch", start_batch, 0)
        return source.batches(epoch, start_batch)
    source = as_dataset(source)
    count = num_batches(len(source), batch_size, drop_last)
    if count == 0:
        raise DataError(
            f"batches: {counted(len(source), 'example')}, batch_size={batch_size}, "
            "drop_last=True: no batch is left",
            fix=f"batch_size={len(source)} or less",
        )
    _check_whole("start_batch", start_batch, 0, count)
    changed = source.augmentation if shuffle else None
    draws = None if changed is None else changed.draws(len(source), seed, epoch)
    parts = rows_of_batches(source, batch_size, shuffle, seed, epoch, drop_last)

    def batch(number: int) -> Batch:
        rows = parts[number]
        inputs, targets = source.take(rows)
        if changed is not None and draws is not None:
            inputs = _augmented(inputs, source, changed, draws[rows])
        if source.sample_weight is not None:
            return inputs, targets, source.sample_weight[rows]
        return inputs, targets

    numbers = range(start_batch, count)
    if source.made_on_demand:
        return prefetched(batch, numbers, config.threads)
    if changed is not None:  # NumPy's work beside the network's
        return prefetched(batch, numbers, workers=1)
    return map(batch, numbers)


def rows_of_batches(
    source: Dataset,
    batch_size: int,
    shuffle: bool = True,
    seed: int = 0,
    epoch: int = 0,
    drop_last: bool = False,
) -> list[Array]:
    """The rows of each batch of an epoch; see ``batches``."""
    n = len(source)
    count = num_batches(n, batch_size, drop_last)
    order = epoch_order(n, seed, epoch) if shuffle else np.arange(n)
    ends = [batch_size * number for number in range(1, count + 1)]
    if not drop_last:
        ends[-1] = n
    parts = [order[i:j] for i, j in zip([0, *ends], ends, strict=False)]
    if shuffle and source.buckets is not None:
        parts = _by_bucket(parts, source.buckets, seed, epoch)
    return parts


def _by_bucket(
    parts: list[Array], buckets: Array, seed: int, epoch: int
) -> list[Array]:
    """The same rows in as many batches, each of one bucket or, where one ends, of it
    and the next; the batches in an order that seed and epoch determine.
    """
    order = np.concatenate(parts)
    order = order[np.argsort(buckets[order], kind="stable")]
    ends = np.cumsum([len(part) for part in parts])[:-1]
    sorted_parts = np.split(order, ends)
    again = epoch_order(len(parts), seed, epoch + OTHER_DRAWS)
    return [sorted_parts[number] for number in again]


def _augmented(
    inputs: Arrays, source: Dataset, augmentation: Augmentation, draws: Array
) -> Array:
    """A batch of augmented images; flattened ones stay flattened."""
    if isinstance(inputs, tuple):
        raise DataError(f"Augmentation: Dataset {source.name!r} has several inputs")
    images = inputs
    if source.image_shape is not None:
        images = inputs.reshape(len(inputs), *source.image_shape)
    return augmentation(images, draws).reshape(inputs.shape)


class Stream(Settled):
    """Batches from a function, for data larger than memory, in place of a ``Dataset``.

    Arguments:
        make: called with the number of the epoch, returns an iterator of batches; or a
            list, data loader or other object that can be iterated over again and again.
            A batch is (inputs, targets), or (inputs, targets, sample_weight), or inputs
            alone.
        length: how many batches an epoch has, where known: for the progress bar.
        name: what messages call it.
        classes: the names of the classes, or how many there are: labels are checked.

    Raises:
        ArgumentError: a generator or another iterator that ends after one epoch.

    Example:
        >>> stream = Stream(lambda epoch: ((np.ones((2, 3)), np.ones((2, 1)))
        ...                                for _ in range(4)), length=4)
        >>> sum(len(x) for x, y in stream.batches(epoch=0, start_batch=1))
        6
    """

    def __init__(
        self,
        make: Callable[[int], Iterable[Any]] | Iterable[Any],
        *,
        length: int | None = None,
        name: str = "stream",
        classes: tuple[str, ...] | int | None = None,
    ) -> None:
        if length is not None:
            _check_whole("length", length, 1)
        if not callable(make):
            known = getattr(make, "__len__", None)
            if not hasattr(make, "__iter__") or hasattr(make, "__next__"):
                raise ArgumentError(
                    f"Stream {name!r}: a {type(make).__name__} ends after one epoch: "
                    "expected a function of the epoch",
                    fix="Stream(lambda epoch: make_batches(epoch))",
                )
            if length is None and known is not None:
                length = int(known())
        self.make = make
        self.length = length
        self.name = name
        self.classes = classes if isinstance(classes, int) else class_names(classes)
        #: The names by which labels are to count, where they are not ``classes``.
        self._known: tuple[str, ...] | None = None

    @property
    def num_classes(self) -> int | None:
        """How many classes were declared."""
        if self.classes is None or isinstance(self.classes, int):
            return self.classes
        return len(self.classes)

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The names of the classes; None where they are not known or only counted."""
        return None if isinstance(self.classes, int) else self.classes

    def with_class_names(self, names: tuple[str, ...] | None) -> Stream:
        """The same stream, with labels that count by these names.

        Arguments:
            names: the names of all classes in order; None where there are none.

        Raises:
            DataError: when batches are made, for labels that are none of the names.

        Example:
            >>> stream = Stream([(np.eye(2), ["b", "c"])]).with_class_names(("b", "c"))
            >>> next(iter(stream))[1]
            array([0, 1])
        """
        own = self.class_names
        if names is None or own == names:
            return self
        declared = own if own is not None else names
        copy = Stream(self.make, length=self.length, name=self.name, classes=declared)
        copy._known = names
        return copy

    def batches(self, epoch: int = 0, start_batch: int = 0) -> Iterator[Batch]:
        """The batches of one epoch; the first ``start_batch`` are made but skipped.

        Raises:
            DataError: an epoch without batches, or a batch that is not fit to train on.
        """
        made = self.make(epoch) if callable(self.make) else self.make
        if not hasattr(made, "__iter__"):
            raise ArgumentError(
                f"Stream {self.name!r}: the function returned a {type(made).__name__}: "
                "expected an iterator of batches"
            )
        number = -1
        for number, batch in enumerate(islice(made, start_batch, None), start_batch):
            yield self._checked(batch, number)
        if number < 0 and start_batch == 0:
            raise DataError(
                f"Stream {self.name!r}: no batch in epoch {epoch}: "
                "the function must return a new iterator for every epoch",
                fix="make the iterator inside the function",
            )

    def __iter__(self) -> Iterator[Batch]:
        return self.batches(0)

    def __len__(self) -> int:
        if self.length is None:
            raise TypeError(f"Stream {self.name!r} has no known length")
        return self.length

    def __repr__(self) -> str:
        count = (
            "unknown length"
            if self.length is None
            else counted(self.length, "batch", "batches")
        )
        return f"Stream {self.name!r}: {count}"

    def _checked(self, batch: Any, number: int) -> Batch:
        name = f"{self.name}, batch {number}"
        pair = isinstance(batch, tuple) or (
            isinstance(batch, list) and all(hasattr(part, "shape") for part in batch)
        )
        if isinstance(batch, dict) or (pair and len(batch) not in (1, 2, 3)):
            raise DataError(
                f"Stream {name}: expected (inputs, targets), got "
                f"{type(batch).__name__} of {len(batch)}",
                fix="several inputs are a tuple inside: ((inputs1, inputs2), targets)",
            )
        inputs = batch[0] if pair else batch
        targets = batch[1] if pair and len(batch) > 1 else None
        weights = batch[2] if pair and len(batch) == 3 else None
        # one class in a batch is no mistake, so the check for it must not see the
        # labels
        checked: Dataset = Part(
            inputs, targets, name=name, classes=self.classes, sample_weight=weights
        )
        if self.classes is None and checked.classes is not None:
            raise DataError(
                f"Stream {name}: targets: texts: a stream does not see all classes",
                fix="Stream(..., classes=(...)), or integer labels",
            )
        if self._known is not None:
            checked = checked.with_class_names(self._known)
        inputs, targets = checked.inputs, checked.targets
        if checked.lazy:
            inputs, targets = checked.take(np.arange(len(checked)))
        if checked.sample_weight is not None:
            return inputs, targets, checked.sample_weight
        return inputs, targets


def _check_whole(name: str, value: object, least: int, most: int | None = None) -> None:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if whole and least <= int(value) and (most is None or int(value) <= most):  # type: ignore[call-overload]
        return
    limit = f"from {least} to {most}" if most is not None else f"of at least {least}"
    raise ArgumentError(f"batches: {name}={value!r}: expected a whole number {limit}")
