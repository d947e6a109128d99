"""Splits of a data set: train and test, and k folds.

Place on the road: between a data set and training. A split is a pure function of the
labels and the seed. It must not know of networks or files.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import ArgumentError, DataError
from ..foreign import advised
from ..wording import counted
from .batching import epoch_order
from .datasets import Dataset, Split, as_dataset
from .validation import Array


@advised("data.SPLIT")
def train_test_split(
    dataset: Dataset | tuple[object, object],
    test: float = 0.2,
    validation: float = 0.0,
    *,
    seed: int = 0,
    stratify: bool | None = None,
) -> Split:
    """Split the examples at random into train, test and, optionally, validation.

    Arguments:
        dataset: a data set, or (inputs, targets).
        test: the fraction to test on, between 0 and 1.
        validation: the fraction for choosing hyper-parameters; 0 for none.
        seed: the same seed gives the same split.
        stratify: keep the share of every class in every part; when not given, done for
            data whose targets are one class label per example.

    Returns:
        A ``Split``; ``train, test = train_test_split(...)`` works too.

    Raises:
        ArgumentError: fractions that leave no example to a part.

    Example:
        >>> examples = Dataset(np.arange(10.0).reshape(10, 1), [0, 1] * 5)
        >>> [len(part) for part in train_test_split(examples, test=0.2)]
        [8, 2]
    """
    whole = as_dataset(dataset)
    shares = _Shares("train_test_split", test, validation)
    strata = _strata(whole, stratify)
    rows = split_rows(len(whole), shares.fractions, strata, seed)
    if strata is not None:
        rows = _every_stratum_in_first(rows, strata)
    shares.check(rows, "example")
    return shares.split(whole, rows)


@advised("data.SPLIT")
def group_split(
    dataset: Dataset | tuple[object, object],
    groups: object,
    test: float = 0.2,
    validation: float = 0.0,
    *,
    seed: int = 0,
) -> Split:
    """Split whole groups of examples at random into train, test and validation.

    Rows of one group are alike: those of one patient, house or day. A network that has
    seen some of them is not measured honestly on the others.

    Arguments:
        dataset: a data set, or (inputs, targets).
        groups: ``(N,)``, the group of every example: numbers or texts.
        test: the fraction to test on: of the groups, which may be of different sizes.
        validation: the fraction of the groups for choosing hyper-parameters.
        seed: the same seed gives the same split.

    Returns:
        A ``Split``.

    Raises:
        ArgumentError: fractions that leave no group to a part.
        DataError: not one group for each example.

    Example:
        >>> examples = Dataset(np.arange(10.0).reshape(10, 1), [0, 1] * 5)
        >>> split = group_split(examples, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
        >>> split.test.inputs[:, 0].tolist()  # a whole group
        [2.0, 3.0]
    """
    whole = as_dataset(dataset)
    given = np.asarray(groups)
    names, numbers = np.unique(given, return_inverse=True)
    if numbers.shape != (len(whole),):
        raise DataError(
            f"group_split: groups {given.shape} of "
            f"{counted(len(whole), 'example')}: expected one group for each example"
        )
    shares = _Shares("group_split", test, validation)
    chosen = split_rows(len(names), shares.fractions, None, seed)
    shares.check(chosen, "group")
    rows = [np.flatnonzero(np.isin(numbers, part)) for part in chosen]
    return shares.split(whole, rows)


class _Shares:
    """The parts of a split: how large each is to be, checked.

    Arguments:
        what: the function that splits.
        test, validation: their fractions; the rest is trained on.
    """

    names = ("train", "test", "validation")

    def __init__(self, what: str, test: float, validation: float) -> None:
        self.what = f"{what}: test={test}, validation={validation}"
        self.fractions = np.array([1.0 - test - validation, test, validation])
        if test <= 0 or validation < 0 or self.fractions[0] <= 0:
            raise ArgumentError(
                f"{self.what}: expected fractions above 0 that leave something to "
                "train on"
            )

    def check(self, parts: Sequence[Array], unit: str) -> None:
        """Refuses a part that is asked for and to which nothing is left."""
        total = counted(sum(map(len, parts)), unit)
        for name, part, fraction in zip(self.names, parts, self.fractions, strict=True):
            if fraction > 0 and len(part) == 0:
                raise ArgumentError(
                    f"{self.what} of {total}: no {unit} is left for {name}",
                    fix=f"a larger fraction, or more {unit}s",
                )

    def split(self, whole: Dataset, rows: Sequence[Array]) -> Split:
        """The rows of each part as data sets; None for a part of fraction 0."""

        def part(number: int) -> Dataset:
            return whole.subset(rows[number], f"{whole.name}/{self.names[number]}")

        validation = part(2) if self.fractions[2] > 0 else None
        return Split(part(0), part(1), validation, name=whole.name)


def k_folds(
    dataset: Dataset | tuple[object, object],
    k: int = 5,
    seed: int = 0,
    stratify: bool | None = None,
) -> list[tuple[Dataset, Dataset]]:
    """k pairs (train, test) such that every example is tested on exactly once.

    Arguments:
        dataset: a data set, or (inputs, targets).
        k: how many folds, from 2 to the number of examples.
        seed: the same seed gives the same folds.
        stratify: as in ``train_test_split``.

    Source:
        Stone, "Cross-validatory choice and assessment of statistical predictions",
        1974.

    Example:
        >>> examples = Dataset(np.arange(10.0).reshape(10, 1), [0, 1] * 5)
        >>> [len(test) for train, test in k_folds(examples, 5)]
        [2, 2, 2, 2, 2]
    """
    whole = as_dataset(dataset)
    if isinstance(k, bool) or not isinstance(k, int) or not 2 <= k <= len(whole):
        raise ArgumentError(
            f"k_folds: k={k!r} of {counted(len(whole), 'example')}: "
            f"expected a whole number from 2 to {len(whole)}"
        )
    rows = split_rows(len(whole), np.full(k, 1 / k), _strata(whole, stratify), seed)
    folds = []
    for number, test in enumerate(rows):
        train = np.sort(np.concatenate(rows[:number] + rows[number + 1 :]))
        name = f"{whole.name}/fold {number + 1} of {k}"
        folds.append((whole.subset(train, name), whole.subset(test, name)))
    return folds


def split_rows(
    n: int, fractions: Array, strata: Array | None = None, seed: int = 0
) -> list[Array]:
    """Row numbers of parts with the given fractions of n rows, each part sorted.

    The rows, in random order within each stratum and the strata one after another, are
    dealt out so that part p receives its i-th row at time (i + ½) / fraction p. So
    every part gets its share of every stratum, and of the whole, to within about one
    row.

    Arguments:
        n: the number of rows.
        fractions: ``(P,)``, summing to 1.
        strata: ``(n,)`` labels; None for one stratum.
        seed: of the order.

    Returns:
        P arrays of row numbers.
    """
    order = epoch_order(n, seed)
    if strata is not None:
        order = order[np.argsort(strata[order], kind="stable")]
    counts = _apportion(n, fractions)
    times = [(np.arange(count) + 0.5) / max(count, 1) for count in counts]
    parts = np.repeat(np.arange(len(counts)), counts)
    part_of = parts[np.argsort(np.concatenate(times), kind="stable")]
    return [np.sort(order[part_of == part]) for part in range(len(counts))]


def _apportion(n: int, fractions: Array) -> Array:
    """Whole numbers that sum to n, within one of their shares (largest remainders)."""
    shares = n * fractions
    counts = np.floor(shares + 1e-9).astype(np.int64)
    remainders = np.argsort(-(shares - counts), kind="stable")
    counts[remainders[: n - counts.sum()]] += 1
    return counts


def _every_stratum_in_first(rows: list[Array], strata: Array) -> list[Array]:
    """Moves one row of each class that is missing from the training part into it."""
    for stratum in np.setdiff1d(strata, strata[rows[0]]):
        for number in range(1, len(rows)):
            here = rows[number][strata[rows[number]] == stratum]
            if len(here):
                rows[number] = np.setdiff1d(rows[number], here[:1])
                rows[0] = np.union1d(rows[0], here[:1])
                break
    return rows


def _strata(dataset: Dataset, stratify: bool | None) -> Array | None:
    possible = dataset.task == "classification"
    targets = dataset.targets if possible and stratify is not False else None
    if isinstance(targets, np.ndarray) and targets.ndim == 1:
        return targets
    if stratify:
        raise DataError(
            f"stratify: Dataset {dataset.name!r} has no class label per example",
            fix="stratify=False",
        )
    return None
