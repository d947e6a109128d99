"""The training data in k parts, each of which is held out once.

Place on the road: between the data of a run and the trials. scikit-learn's splitters
say which rows are held out; columns are scaled by the other rows alone. It must not
know of networks.

All folds have the same shapes, so that one compiled step serves all of them: the same
columns, whether or not a rare category is among the rows; last batches of one size, for
which up to ``batch_size − 1`` rows are left out of training where folds differ.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from .. import data
from ..data.tables.rules import ColumnRule
from ..errors import DataError
from ..runs import sources
from ..runs.settings import Source
from ..wording import counted

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Fold:
    """What is trained on, and what is held out.

    Arguments:
        inputs, targets: those that are trained on.
        held_inputs, held_targets: those that errors are measured on.
        unit: how much an amount of 1 is in the units of the target; 1 for labels.
    """

    inputs: Array
    targets: Array
    held_inputs: Array
    held_targets: Array
    unit: float


@dataclass(frozen=True)
class Folds:
    """All folds of the training data of a run.

    Arguments:
        rows: for each fold, the rows that are trained on and those held out.
        task: ``"classification"`` or ``"regression"``.
        make: (rows to train on, rows held out) ↦ the fold.
        notes: what a user should know of them, one sentence each.
    """

    rows: Sequence[tuple[Array, Array]]
    task: str
    make: Callable[[Array, Array], Fold]
    notes: tuple[str, ...] = ()
    made: dict[int, Fold] = field(default_factory=dict, compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> Fold:
        if number not in self.made:
            self.made[number] = self.make(*self.rows[number])
        return self.made[number]

    @cached_property
    def largest(self) -> int:
        """The rows of the largest part that is held out."""
        return max(len(held) for _, held in self.rows)


def make_folds(
    source: Source, examples: sources.Examples, count: int, seed: int, batch_size: int
) -> Folds:
    """The folds of the training data of a run.

    Arguments:
        source, examples: the data of the run.
        count: how many folds.
        seed: of the split, that of the run.
        batch_size: examples in a step.

    Raises:
        DataError: fewer rows, groups, or rows of a class than folds.
    """
    if source.file is None:
        train = examples.train
        inputs, targets = train[:]
        rows = np.arange(len(train))
        labels = np.asarray(targets) if train.task == "classification" else None
        groups = None
        make = _of_arrays(np.asarray(inputs), np.asarray(targets), train, examples)
    else:
        table = sources.read_table(source)
        rows = table.split_rows(source.test, 0.0, seed, source.groups)[0]
        labels = None
        if table.task == "classification":
            labels = np.asarray(examples.train.targets)
        groups = None if source.groups is None else table.groups(source.groups)[rows]
        make = _of_table(table, table.fit_transform(rows))
    named = _Named(examples.title, source.groups, examples.train.classes or ())
    split, notes = _split(len(rows), labels, groups, count, seed, named)
    equal = _equal_batches([len(train) for train, _ in split], batch_size)
    pairs = []
    for number, ((kept, held), size) in enumerate(zip(split, equal, strict=True)):
        order = np.random.default_rng([seed, number]).permutation(len(kept))
        pairs.append((rows[kept[np.sort(order[:size])]], rows[held]))
    return Folds(pairs, examples.train.task, make, notes)


@dataclass(frozen=True)
class _Named:
    title: str
    groups: str | None
    classes: Sequence[str]


def _split(
    count_rows: int,
    labels: Array | None,
    groups: Array | None,
    count: int,
    seed: int,
    named: _Named,
) -> tuple[list[tuple[Array, Array]], tuple[str, ...]]:
    """The rows of each fold by the splitter that fits, and notes on them."""
    from sklearn import model_selection as splitters

    title = named.title
    notes: tuple[str, ...] = ()
    if count > count_rows:
        raise DataError(
            f"{title}: --folds {count} of {counted(count_rows, 'training row')}: every "
            "fold must hold out one row or more",
            fix="--folds 5, or more rows"
            if count_rows >= 5
            else "a smaller --test, or more rows",
        )
    if groups is not None:
        there = len(np.unique(groups))
        if count > there:
            raise DataError(
                f"{title}: --folds {count}: the training rows have "
                f"{counted(there, 'group')} of {named.groups!r}, and every fold must "
                "hold out one or more",
                fix=f"--folds {there}" if there > 1 else "more groups",
            )
    if labels is not None:
        notes = _about_classes(labels, count, named)
    options = {"n_splits": count, "shuffle": True, "random_state": seed % 2**32}
    kind = {
        (False, False): splitters.KFold,
        (True, False): splitters.StratifiedKFold,
        (False, True): splitters.GroupKFold,
        (True, True): splitters.StratifiedGroupKFold,
    }[(labels is not None, groups is not None)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a rare class: said in a note
        found = kind(**options).split(np.zeros(count_rows), labels, groups)
        return [(train, held) for train, held in found], notes


def _about_classes(labels: Array, count: int, named: _Named) -> tuple[str, ...]:
    """A note on the rarest class, or an error where all are too rare."""
    sizes = np.bincount(labels, minlength=len(named.classes))
    largest = int(sizes.max())
    if largest < count:
        raise DataError(
            f"{named.title}: --folds {count}: the commonest class has "
            f"{counted(largest, 'training row')}: every fold must hold out one or more",
            fix=f"--folds {largest}"
            if largest > 1
            else "a smaller --test, or more rows",
        )
    there = np.flatnonzero(sizes)
    rarest = there[np.argmin(sizes[there])]
    if sizes[rarest] >= count:
        return ()
    return (
        f"class {named.classes[rarest]!r} has {counted(sizes[rarest], 'training row')}"
        f": not every one of {count} folds holds one out",
    )


def _equal_batches(sizes: Sequence[int], batch_size: int) -> list[int]:
    """Sizes of which each leaves the same last batch, with the fewest rows left out.

    Example:
        >>> _equal_batches([80, 80, 81, 81, 81], 16)
        [80, 80, 80, 80, 80]
        >>> _equal_batches([40, 75], 16)
        [40, 72]
    """
    if min(sizes) < batch_size:
        return [min(sizes)] * len(sizes)

    def left_out(rest: int) -> list[int]:
        return [(size - rest) % batch_size for size in sizes]

    rests = sorted({size % batch_size for size in sizes}, key=lambda r: (r == 1, r))
    best = min(rests, key=lambda rest: sum(left_out(rest)))
    return [size - out for size, out in zip(sizes, left_out(best), strict=True)]


def _of_arrays(
    inputs: Array, targets: Array, train: data.Dataset, examples: sources.Examples
) -> Callable[[Array, Array], Fold]:
    """Folds of a named data set, scaled anew where its columns are."""
    scaled = examples.transform is not None
    amounts = train.task == "regression"

    def make(rows: Array, held: Array) -> Fold:
        x, y, unit = inputs, targets, 1.0
        if scaled:
            own = data.Standardiser.fit(x[rows], y[rows] if amounts else None)
            x = own.transform(x).astype(np.float32)
            if amounts:
                y = own.transform_target(y).astype(np.float32)
                unit = float(own.target_std[0])
        if amounts and examples.transform is not None:
            unit *= examples.transform.target.std if examples.transform.target else 1.0
        return Fold(x[rows], y[rows], x[held], y[held], unit)

    return make


def _of_table(
    table: data.Table, whole: data.TableTransform
) -> Callable[[Array, Array], Fold]:
    """Folds of a table, each with the columns of the whole."""

    def make(rows: Array, held: Array) -> Fold:
        own = table.fit_transform(rows)
        columns = tuple(map(_aligned, own.columns, whole.columns))
        fitted = data.TableTransform(columns, own.target)
        known = table.dataset(fitted, rows=rows)
        unknown = table.dataset(fitted, rows=held)
        x = np.asarray(known.inputs)
        # a category that training does not have is in no column, as in predictions
        seen = (x != 0).any(axis=0)
        unit = own.target.std if own.target and table.task == "regression" else 1.0
        return Fold(
            x,
            np.asarray(known.targets),
            np.asarray(unknown.inputs) * seen.astype(np.float32),
            np.asarray(unknown.targets),
            float(unit),
        )

    return make


def _aligned(own: ColumnRule, whole: ColumnRule) -> ColumnRule:
    """The rule of a fold's rows, with the categories of all rows."""
    if own.kind == "categorical":
        return whole
    return replace(own, missing=whole.missing)
