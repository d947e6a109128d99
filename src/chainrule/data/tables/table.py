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
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ...errors import ArgumentError, DataError, unknown_option
from ...markup import html_table
from ...wording import counted, signed
from ..datasets import Dataset, Part, Split
from ..splitting import group_split, train_test_split
from ..validation import Array
from .columns import Columns, read_columns
from .dates import ORDERS
from .kinds import Decision, recognise_kinds
from .rules import KINDS
from .texts import Texts
from .transform import (
    MOST_CATEGORIES,
    Cut,
    TableTransform,
    check_column,
    fit_target,
    target_texts,
)
from .typed import as_texts
from .written_numbers import to_number

MOST_CLASSES = 20

#: What the kinds of columns are called in sentences.
NAMES = {
    "numeric": "numbers",
    "categorical": "categories",
    "boolean": "yes or no",
    "date": "dates",
}

#: Values of each column that a notebook shows.
FIRST = 4


@dataclass(frozen=True)
class Table:
    """A table whose columns have been understood; made by ``read_table``.

    Arguments:
        columns: the rows that can be used.
        target: the name of the target column, or None.
        task: ``"classification"``, ``"regression"`` or ``"none"``.
        kinds: name ↦ kind of every column that is used.
        notes: what was decided, one sentence each.
        forms: name ↦ how the cells of a column are written, as in ``ColumnRule``.
    """

    columns: Columns
    target: str | None
    task: str
    kinds: dict[str, str]
    notes: tuple[str, ...]
    forms: Mapping[str, str] = field(default_factory=dict)

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

    @cached_property
    def classes(self) -> tuple[str, ...] | None:
        """The names of the classes, for classification."""
        if self.target is None or self.task != "classification":
            return None
        return fit_target(Cut(self.columns, self.target), self.task).classes

    def fit_transform(self, rows: Array | None = None) -> TableTransform:
        """The transformation fitted on some rows; the classes are those of all rows."""
        return TableTransform.fit(
            self.columns,
            self.target,
            self.task,
            self.kinds,
            self.classes,
            forms=self.forms,
            rows=rows,
        )

    def dataset(
        self,
        transform: TableTransform | None = None,
        name: str | None = None,
        rows: Array | None = None,
    ) -> Dataset:
        """All rows as a data set, or some of them.

        Arguments:
            transform: an earlier transformation to apply; that of all rows if not
                given.
            name: what messages call it; the name of the file when not given.
            rows: the numbers of the rows; all when not given.

        Returns:
            inputs float32 ``(N, D)``; targets int64 ``(N,)`` or scaled float32 ``(N,
            1)``.
        """
        transform = transform or self.transform
        inputs = transform.transform(self.columns, rows)
        targets = None
        if self.target is not None:
            targets = transform.transform_target(self.columns, rows)
        # that there are two classes or more was seen when the transformation was fitted
        return Part(
            inputs,
            targets,
            name=name or self.columns.source,
            feature_names=transform.feature_names,
            target_name=self.target,
            classes=transform.classes,
            task=self.task,
        )

    def split(
        self,
        test: float = 0.2,
        validation: float = 0.0,
        seed: int = 0,
        groups: str | None = None,
    ) -> Split:
        """Parts to train and to test on; the transformation is fitted on the first.

        Arguments:
            test, validation: fractions of the rows, chosen at random; for
                classification with the same share of every class.
            seed: the same seed gives the same split.
            groups: a column whose rows of one value stay in one part: the patient, the
                house, the day.

        Returns:
            A ``Split`` whose ``transform`` is the ``TableTransform``.
        """
        rows = self.split_rows(test, validation, seed, groups)
        fitted = self.fit_transform(rows[0])
        source = self.columns.source
        names = ("train", "test", "validation")[: len(rows)]
        parts = [
            self.dataset(fitted, f"{source}/{name}", chosen)
            for name, chosen in zip(names, rows, strict=True)
        ]
        train, held_out, *watched = parts
        validation_part = watched[0] if watched else None
        return Split(train, held_out, validation_part, source, transform=fitted)

    def split_rows(
        self,
        test: float = 0.2,
        validation: float = 0.0,
        seed: int = 0,
        groups: str | None = None,
    ) -> list[Array]:
        """The row numbers of the parts of ``split``: train, test and, where
        ``validation`` is not 0, validation.
        """
        numbered = Dataset(
            np.arange(len(self))[:, None],
            self._labels(),
            name=self.columns.source,
            classes=self.classes,
            task=self.task if self.classes else "none",
        )
        if groups is None:
            parts = train_test_split(numbered, test, validation, seed=seed)
        else:
            values = self.groups(groups)
            parts = group_split(numbered, values, test, validation, seed=seed)
        found = [parts.train, parts.test, parts.validation]
        return [np.asarray(part.inputs)[:, 0] for part in found if part is not None]

    def groups(self, column: str) -> Array:
        """``(N,)``: the number of every row's group, by the values of a column.

        Raises:
            DataError: no such column, or a row without a value in it.
        """
        texts = as_texts(self.columns.column(column))
        if texts.missing.any():
            row = int(np.argmax(texts.missing))
            raise DataError(
                f"{self.columns.source}: groups {column!r} is missing at "
                f"{self.columns.place(row)}: every row must belong to a group",
                fix="fill it in, or leave the row out",
            )
        return np.asarray(texts.codes)

    def _labels(self) -> Array | None:
        """The number of every row's class, for a split that keeps their shares."""
        if self.classes is None or self.target is None:
            return None
        texts = target_texts(self.columns.column(self.target))
        order = {name: number for number, name in enumerate(self.classes)}
        numbers = [order.get(text, 0) for text in texts.distinct]
        return np.array(numbers, dtype=np.int64)[texts.codes]

    def reading(self, most: int = 12) -> list[tuple[str, str]]:
        """How each column was read: a kind, and its columns in words.

        Arguments:
            most: how many columns of a kind are named.

        Example:
            >>> table = read_table({"age": [3, None, 5], "sex": ["f", "m", None]})
            >>> for kind, columns in table.reading():
            ...     print(kind, "|", columns)
            numbers | age (1 gap)
            categories | sex (2 different, 1 gap)
        """
        lines = []
        for kind, word in NAMES.items():
            names = [name for name, given in self.kinds.items() if given == kind]
            words = [self._in_words(name) for name in names[:most]]
            if len(names) > most:
                words.append(f"and {len(names) - most} more")
            if words:
                lines.append((word, ", ".join(words)))
        return lines

    def _in_words(self, name: str) -> str:
        column, reading = self.columns.column(name), self.columns.readings.get(name)
        kind, words = self.kinds[name], []
        if kind == "categorical":
            words.append(f"{len(as_texts(column).present)} different")
        elif kind == "date" and self.forms.get(name):
            words.append(ORDERS[self.forms[name]])
        if reading and reading.words:
            words.append(reading.words)
        missing = column.missing if isinstance(column, Texts) else np.isnan(column)
        gaps = int(missing.sum())
        if gaps:
            words.append("1 gap" if gaps == 1 else f"{gaps} gaps")
            marks = reading.marks if reading else {}
            words += [f"{n} × {mark!r}" for mark, n in list(marks.items())[:3]]
        return f"{name} ({', '.join(words)})" if words else name

    def __repr__(self) -> str:
        head = f"Table {self.columns.source!r}: {counted(len(self), 'row')}"
        parts = [f"{list(self.kinds.values()).count(k)} {k}" for k in KINDS]
        parts = [part for part in parts if not part.startswith("0 ")]
        goal = f" → {self.target!r} ({self.task})" if self.target is not None else ""
        notes = "".join(f"\n  {note}" for note in self.notes)
        return f"{head}, {', '.join(parts)}{goal}{notes}"

    def _repr_html_(self) -> str:
        """What a notebook shows: each column, how it was read, and its first values."""
        kinds = dict(self.kinds)
        if self.target is not None:
            kinds[self.target] = f"target, {self.task}"
        first = self.columns.take(np.arange(min(FIRST, len(self))))
        rows = [
            [name, kind, ", ".join(_first_texts(first[name]))]
            for name, kind in kinds.items()
        ]
        return html_table(
            ["column", "kind", "first values"],
            rows,
            title=f"Table {self.columns.source!r}: {counted(len(self), 'row')}",
            notes=self.notes,
            left=3,
        )


def _first_texts(values: Array) -> list[str]:
    """The first values as texts; nothing where one is missing."""
    texts = [f"{v:g}" if isinstance(v, float) else str(v) for v in values]
    return ["" if text in ("nan", "None") else text for text in texts]


def read_table(
    source: object,
    target: object = None,
    *,
    task: str | None = None,
    kinds: Mapping[Any, str] | None = None,
    drop: Sequence[object] | str = (),
    keep: Sequence[object] | str = (),
    dates: str | Mapping[Any, str] | None = None,
    decimal: str | Mapping[str, str] | None = None,
    header: bool = True,
) -> Table:
    """Read a table and decide what its columns are.

    Arguments:
        source: a path to a CSV, Parquet or Excel file, a pandas or Polars frame, or a
            mapping of names to columns.
        target: the name of the column to predict; None for a table of inputs alone.
        task: ``"classification"`` or ``"regression"``; recognised when not given.
        kinds: the kinds of some columns, where the recognised ones are not wanted: one
            of ``"numeric"``, ``"categorical"``, ``"boolean"``, ``"date"``.
        drop: columns to leave out.
        keep: columns to use although their values look like identifiers.
        dates: ``"dmy"``, ``"mdy"`` or ``"ymd"``: the order of day, month and year, for
            all columns or by name; needed where a column can be read in two ways.
        decimal: ``"."`` or ``","``: the sign before decimals where the cells leave it
            open, as ``1,234`` does; for all columns or by name.
        header: whether a CSV file begins with the names of its columns.

    Returns:
        A ``Table``; ``table.explanation`` says what was decided, ``table.reading()``
        how each column was read.

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
    goal = None if target is None else str(target)
    left_out, kept = _listed(drop), _listed(keep)
    given = {str(name): kind for name, kind in (kinds or {}).items()}
    orders = _orders(dates)
    columns = read_columns(source, header=header, decimal=decimal)
    named = [*left_out, *kept, *(orders if isinstance(orders, dict) else ())]
    for name in named:
        _ = columns.column(name)
    for name in left_out:
        if name in kept or name in given:
            raise ArgumentError(f"read_table: {name!r} is to be dropped and to be used")
    if goal is not None and goal in (*left_out, *kept, *given):
        raise ArgumentError(f"read_table: the target {goal!r} is not an input column")
    notes = list(columns.notes)
    decided = task or "none"
    if goal is not None:
        columns = _rows_with_target(columns, goal, notes)
        decided = task or _recognise_task(columns, goal, notes)
        if task is not None:
            notes.append(f"{goal!r} is predicted by {task}, as asked.")
    elif task is not None:
        raise ArgumentError(f"read_table: task={task!r} without a target")
    skip = (*left_out, goal) if goal is not None else left_out
    found = recognise_kinds(columns, given, skip, kept, orders)
    notes += [f"{decision.note}." for decision in found.values() if decision.note]
    used = {name: decision for name, decision in found.items() if decision.used}
    if not used:
        raise _nothing_left(columns, notes, bool(found), bool(left_out))
    if goal is not None:
        fit_target(Cut(columns, goal), decided)
    for name, decision in used.items():
        check_column(Cut(columns, name), decision.kind, decision.form)
    notes += _doubts(columns, [*used, *([goal] if goal is not None else [])], decimal)
    notes += _cut_categories(columns, used)
    return Table(
        columns,
        goal,
        decided,
        {name: decision.kind for name, decision in used.items()},
        tuple(notes),
        {name: decision.form for name, decision in used.items()},
    )


def _listed(names: Sequence[object] | str) -> tuple[str, ...]:
    if isinstance(names, str) or not isinstance(names, Sequence):
        return (str(names),)
    return tuple(map(str, names))


def _orders(dates: str | Mapping[Any, str] | None) -> str | dict[str, str] | None:
    """The orders of dates, each of which must be one of ``ORDERS``."""
    given = dates.values() if isinstance(dates, Mapping) else [dates or "ymd"]
    for order in given:
        if order not in ORDERS:
            raise unknown_option("order of dates", order, ORDERS)
    if isinstance(dates, Mapping):
        return {str(name): order for name, order in dates.items()}
    return dates


def _doubts(columns: Columns, names: Sequence[str], decimal: object) -> list[str]:
    """A sentence on each column of numbers that could have been read otherwise."""
    notes = []
    for name in names:
        reading = columns.readings.get(name)
        if reading is None or reading.unsure is None or decimal is not None:
            continue
        sign = "," if reading.decimal == "." else "."
        read = to_number(reading.unsure, reading.decimal)
        if read is not None:
            notes.append(
                f"{name!r}: {reading.unsure!r} is read as {read:.10g}; "
                f"decimal={sign!r} changes that."
            )
    return notes


def _cut_categories(columns: Columns, used: Mapping[str, Decision]) -> list[str]:
    """A sentence on each column that has more categories than are kept."""
    return [
        f"{name!r} keeps its {MOST_CATEGORIES} most frequent categories."
        for name, decision in used.items()
        if decision.kind == "categorical"
        and len(as_texts(columns.column(name)).present) > MOST_CATEGORIES
    ]


def _nothing_left(
    columns: Columns, notes: Sequence[str], unused: bool, dropped: bool
) -> DataError:
    """The error where no column is used: all were dropped, or are of no use."""
    fixes = ["kinds={name: kind} uses a column that was left out"] if unused else []
    if dropped:
        fixes.append("name fewer columns in drop")
    return DataError(
        f"{columns.source}: no column is left to learn from: " + " ".join(notes),
        fix="; or ".join(fixes) or "a table with columns beside the target",
    )


def _rows_with_target(columns: Columns, target: str, notes: list[str]) -> Columns:
    """The rows whose target is known, and a note on how many are dropped."""
    column = columns.column(target)
    present = ~(column.missing if isinstance(column, Texts) else np.isnan(column))
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
    column = columns.column(target)
    if isinstance(column, Texts):
        classes = sorted(target_texts(column).present)
        if len(classes) > max(MOST_CLASSES, len(column) // 2):
            raise _too_many_classes(columns, target, column, len(classes))
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
            f"({_between(distinct)}): classification; "
            "task='regression' changes that."
        )
        return "classification"
    notes.append(
        f"{target!r} holds {len(distinct)} different numbers "
        f"({_between(distinct)}): regression; "
        "task='classification' changes that."
    )
    return "regression"


def _between(values: Array) -> str:
    """``−3 to 5``: the smallest and the largest of some numbers in order."""
    return signed(f"{values[0]:g} to {values[-1]:g}")


def _too_many_classes(
    columns: Columns, target: str, column: Texts, count: int
) -> DataError:
    """The error for a target of texts that are all different: quotes the first cell
    that is not the number it should have been."""
    numbers = [to_number(text) for text in column.distinct]
    wrong = [code for code, number in enumerate(numbers) if number is None]
    row = int(np.argmax(np.isin(column.codes, wrong)))
    cell = column.distinct[column.codes[row]]
    return DataError(
        f"{columns.source}: target {target!r} has {count} different texts in "
        f"{len(column)} rows: too many to be classes, and {cell!r} at "
        f"{columns.place(row)} is not a number",
        fix="correct the numbers, or choose another target",
    )
