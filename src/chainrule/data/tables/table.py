"""A person's table: what is to be predicted, and by which kind of network.

Place on the road: from a CSV or Parquet file or a frame to a split that ``fit`` can
train on. It must not know of networks. Every choice made here is explained in
``explanation``.

How the task is recognised: a target of texts or booleans is a class; so is one of whole
numbers with at most 20 different values, of which there are at least five rows each on
average (two different values always are). Any other target of numbers is an amount:
regression.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ...errors import ArgumentError, DataError, unknown_option
from ..datasets import Dataset, Part, Split
from ..splitting import train_test_split
from ..validation import Array
from .columns import Columns, as_texts, read_columns
from .rules import KINDS
from .transform import TableTransform, recognise_kinds, target_texts

MOST_CLASSES = 20


@dataclass(frozen=True)
class Table:
    """A table whose columns have been understood; made by ``read_table``.

    Arguments:
        columns: the rows that can be used.
        target: the name of the target column, or None.
        task: ``"classification"``, ``"regression"`` or ``"none"``.
        kinds: name ↦ kind of every column that is used.
        notes: what was decided, one sentence each.
    """

    columns: Columns
    target: str | None
    task: str
    kinds: dict[str, str]
    notes: tuple[str, ...]

    @property
    def explanation(self) -> str:
        """What was decided about the table, in whole sentences."""
        return " ".join(self.notes)

    @cached_property
    def transform(self) -> TableTransform:
        """The transformation fitted on all rows."""
        return self.fit_transform()

    def __len__(self) -> int:
        return len(self.columns)

    def fit_transform(self, rows: Array | None = None) -> TableTransform:
        """The transformation fitted on some rows; the classes are those of all rows."""
        columns = self.columns if rows is None else self.columns.take(rows)
        classes = None
        if self.target is not None and self.task == "classification":
            classes = self.transform.classes if rows is not None else None
        return TableTransform.fit(columns, self.target, self.task, self.kinds, classes)

    def dataset(
        self, transform: TableTransform | None = None, name: str | None = None
    ) -> Dataset:
        """All rows as a data set.

        Arguments:
            transform: an earlier transformation to apply; that of these rows if not
                given.
            name: what messages call it; the name of the file when not given.

        Returns:
            inputs float32 ``(N, D)``; targets int64 ``(N,)`` or scaled float32 ``(N,
            1)``.
        """
        return self._dataset(self.columns, transform or self.transform, name)

    def split(self, test: float = 0.2, validation: float = 0.0, seed: int = 0) -> Split:
        """Parts to train and to test on; the transformation is fitted on the first.

        Arguments:
            test, validation: fractions of the rows, chosen at random; for
                classification with the same share of every class.
            seed: the same seed gives the same split.

        Returns:
            A ``Split`` whose ``transform`` is the ``TableTransform``.
        """
        whole = self.dataset()
        numbered = Dataset(
            np.arange(len(self))[:, None],
            whole.targets,
            name=self.columns.source,
            classes=whole.classes,
        )
        parts = train_test_split(numbered, test, validation, seed=seed)
        rows = [np.asarray(part.inputs)[:, 0] for part in (parts.train, parts.test)]
        fitted = self.fit_transform(rows[0])
        made = [
            self._dataset(
                self.columns.take(np.asarray(part.inputs)[:, 0]), fitted, part.name
            )
            for part in (parts.train, parts.test)
        ]
        result = Split(made[0], made[1], name=self.columns.source, transform=fitted)
        if parts.validation is None:
            return result
        held_out = self.columns.take(np.asarray(parts.validation.inputs)[:, 0])
        return replace(
            result, validation=self._dataset(held_out, fitted, parts.validation.name)
        )

    def _dataset(
        self, columns: Columns, transform: TableTransform, name: str | None
    ) -> Dataset:
        inputs = transform.transform(columns)
        targets = None if self.target is None else transform.transform_target(columns)
        # that there are two classes or more was seen when the transformation was fitted
        return Part(
            inputs,
            targets,
            name=name or columns.source,
            feature_names=transform.feature_names,
            target_name=self.target,
            classes=transform.classes,
            task=self.task,
        )

    def __repr__(self) -> str:
        head = f"Table {self.columns.source!r}: {len(self)} rows"
        parts = [f"{list(self.kinds.values()).count(k)} {k}" for k in KINDS]
        parts = [part for part in parts if not part.startswith("0 ")]
        goal = f" → {self.target!r} ({self.task})" if self.target is not None else ""
        notes = "".join(f"\n  {note}" for note in self.notes)
        return f"{head}, {', '.join(parts)}{goal}{notes}"


def read_table(
    source: object,
    target: str | None = None,
    *,
    task: str | None = None,
    kinds: Mapping[str, str] | None = None,
    drop: Sequence[str] = (),
    header: bool = True,
) -> Table:
    """Read a table and decide what its columns are.

    Arguments:
        source: a path to a CSV or Parquet file, a pandas or Polars frame, or a mapping
            of names to columns.
        target: the name of the column to predict; None for a table of inputs alone.
        task: ``"classification"`` or ``"regression"``; recognised when not given.
        kinds: the kinds of some columns, where the recognised ones are not wanted: one
            of ``"numeric"``, ``"categorical"``, ``"boolean"``, ``"date"``.
        drop: columns to leave out.
        header: whether a CSV file begins with the names of its columns.

    Returns:
        A ``Table``; ``table.explanation`` says what was decided.

    Raises:
        FileError: the file cannot be read.
        DataError: the table cannot be learned from; the message names column and row.

    Example:
        >>> rooms = {"rooms": [1, 2, 3, 4], "rent": [410.5, 620.0, 800.0, 1010.0]}
        >>> read_table(rooms, target="rent").task
        'regression'
    """
    if task not in (None, "classification", "regression"):
        raise unknown_option("task", task, ("classification", "regression"))
    if isinstance(drop, str):
        drop = (drop,)
    columns = read_columns(source, header=header)
    for name in drop:
        _ = columns[name]
    if target is not None and (target in drop or target in (kinds or {})):
        raise ArgumentError(f"read_table: the target {target!r} is no input column")
    notes: list[str] = []
    decided = task or "none"
    if target is not None:
        columns = _rows_with_target(columns, target, notes)
        decided = task or _recognise_task(columns, target, notes)
        if task is not None:
            notes.append(f"{target!r} is predicted by {task}, as asked.")
    elif task is not None:
        raise ArgumentError(f"read_table: task={task!r} without a target")
    skip = (*drop, target) if target is not None else tuple(drop)
    recognised = recognise_kinds(columns, kinds or {}, skip)
    notes += [f"{note}." for _, note in recognised.values() if note]
    used = {name: kind for name, (kind, _) in recognised.items() if kind in KINDS}
    if not used:
        raise DataError(
            f"{columns.source}: no column is left to predict from: " + " ".join(notes),
            fix="kinds={name: kind} uses a column that was left out",
        )
    table = Table(columns, target, decided, used, tuple(notes))
    return replace(table, notes=table.notes + tuple(_cut_categories(table)))


def _cut_categories(table: Table) -> list[str]:
    """A sentence on each column that has more categories than are kept."""
    notes = []
    for rule in table.transform.columns:
        if rule.kind == "categorical":
            texts = set(as_texts(table.columns[rule.name])) - {None}
            if len(texts) > len(rule.categories):
                kept = f"its {len(rule.categories)} most frequent categories"
                notes.append(f"{rule.name!r} keeps {kept}.")
    return notes


def _rows_with_target(columns: Columns, target: str, notes: list[str]) -> Columns:
    """The rows whose target is known, and a note on how many are dropped."""
    column = columns[target]
    if column.dtype.kind == "f":
        present = ~np.isnan(column)
    else:
        present = np.array([cell is not None for cell in column])
    if present.all():
        return columns
    if not present.any():
        raise DataError(
            f"{columns.source}: target {target!r} has no values: nothing to learn from"
        )
    absent = int((~present).sum())
    rows = "1 row is" if absent == 1 else f"{absent} rows are"
    notes.append(f"{rows} left out: without a value of {target!r}.")
    return columns.take(np.flatnonzero(present))


def _recognise_task(columns: Columns, target: str, notes: list[str]) -> str:
    """Classification or regression, and a sentence on why."""
    column = columns[target]
    if column.dtype.kind != "f":
        classes = sorted(set(target_texts(column)))
        if len(classes) > max(MOST_CLASSES, len(column) // 2):
            raise DataError(
                f"{columns.source}: target {target!r} has {len(classes)} different "
                f"texts in {len(column)} rows: too many to be classes",
                fix="choose another target, or correct its numbers",
            )
        named = ", ".join(classes[:5]) + (", …" if len(classes) > 5 else "")
        notes.append(
            f"{target!r} holds {len(classes)} different texts ({named}): "
            "classification."
        )
        return "classification"
    distinct = np.unique(column)
    whole = bool(np.all(column == np.floor(column)))
    if whole and len(distinct) <= min(MOST_CLASSES, max(2, len(column) // 5)):
        notes.append(
            f"{target!r} holds {len(distinct)} different whole numbers "
            f"({distinct[0]:g} to {distinct[-1]:g}): classification; "
            "task='regression' changes that."
        )
        return "classification"
    notes.append(
        f"{target!r} holds {len(distinct)} different numbers "
        f"({distinct[0]:g} to {distinct[-1]:g}): regression; "
        "task='classification' changes that."
    )
    return "regression"
