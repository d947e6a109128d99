"""From the columns of a table to the numbers a network takes, and back.

Place on the road: between a person's table and a data set. It is fitted on the training
rows, saved with the model as plain JSON, and applied to every table that the model is
given later. It must not know of networks; reading files is the business of ``columns``.

===============  ==================================================================
numeric          (x − mean) / std; a missing value counts as the mean
date             days since 1970, then as numeric
boolean          0 or 1; a missing value counts as the mean
categorical      one column of 0 and 1 per category; a missing value is a category
                 of its own; a category never seen in training is all zeros
===============  ==================================================================

Numeric, date and boolean columns in which training rows are missing get a second column
that is 1 where the value is missing. Constant and empty columns and identifiers are
left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import ArgumentError, DataError, unknown_option
from ..scaling import mean_and_std
from ..validation import Array, check_finite
from .columns import Columns, as_texts, read_columns, to_number, to_numbers
from .rules import KINDS, ColumnRule, TargetRule, rule_as_json, rule_from_json

FORMAT = "chainrule.table/2"

BOOLEANS = {
    "true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0,
    "t": 1.0, "f": 0.0, "y": 1.0, "n": 0.0,
}  # fmt: skip
DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?(Z|\+00:00)?")

#: More categories than this are cut to the most frequent ones.
MOST_CATEGORIES = 100


@dataclass(frozen=True)
class TableTransform:
    """A fitted transformation of a table, that can be saved and undone.

    Arguments:
        columns: one rule per column that is used.
        target: the rule of the target; None where there is none.

    Example:
        >>> table = {"age": [20, 40, None], "city": ["Rome", "Oslo", "Rome"]}
        >>> fitted = TableTransform.fit(table)
        >>> fitted.feature_names
        ('age', 'age is missing', 'city=Oslo', 'city=Rome')
        >>> fitted.transform({"age": [30], "city": ["Paris"]}).tolist()
        [[0.0, 0.0, 0.0, 0.0]]
    """

    columns: tuple[ColumnRule, ...]
    target: TargetRule | None = None

    @classmethod
    def fit(
        cls,
        source: object,
        target: str | None = None,
        task: str = "regression",
        kinds: Mapping[str, str] | None = None,
        classes: tuple[str, ...] | None = None,
    ) -> TableTransform:
        """Measure means, deviations and categories on the rows of a table.

        Arguments:
            source: anything ``read_columns`` takes.
            target: the name of the target column, or None.
            task: ``"classification"`` or ``"regression"``.
            kinds: the kind of every column to use; recognised when not given.
            classes: the names of the classes; those of the rows when not given.

        Raises:
            DataError: no usable column, or a value that does not fit its column.
        """
        columns = read_columns(source)
        if kinds is None:
            recognised = recognise_kinds(columns, {}, (target,) if target else ())
            kinds = {
                name: kind for name, (kind, _) in recognised.items() if kind in KINDS
            }
        rules = tuple(_fit_column(columns, name, kind) for name, kind in kinds.items())
        if not rules:
            raise DataError(
                f"{columns.source}: no column is left to predict from",
                fix="kinds={name: kind} uses a column that was left out",
            )
        rule = None if target is None else _fit_target(columns, target, task, classes)
        return cls(rules, rule)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the columns of ``transform``."""
        return tuple(name for rule in self.columns for name in rule.features)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The names of the classes, for classification."""
        return self.target.classes if self.target and self.target.classes else None

    def transform(self, source: object) -> Array:
        """The inputs of a network for every row of a table.

        Arguments:
            source: anything ``read_columns`` takes. Further columns are ignored, the
                target may be absent.

        Returns:
            float32 ``(N, D)``, one column per name in ``feature_names``.

        Raises:
            DataError: a column is missing, or holds text where numbers were in
                training.
        """
        columns = read_columns(source)
        blocks = [_apply_column(columns, rule) for rule in self.columns]
        with np.errstate(over="ignore"):  # an infinity is named below
            inputs = np.concatenate(blocks, axis=1).astype(np.float32)
        check_finite(inputs, columns.source, self.feature_names)
        return inputs

    def transform_target(self, source: object) -> Array:
        """The target of every row: int64 labels ``(N,)`` or scaled float32 ``(N, 1)``.

        Raises:
            DataError: the target is missing, or a class that training did not have.
        """
        columns = read_columns(source)
        rule = self._target_rule()
        if rule.task == "classification":
            return _labels(columns, rule)
        amounts = _numbers(columns, rule.name, rule.task)
        _no_missing(columns, rule.name, np.isnan(amounts))
        return ((amounts - rule.mean) / rule.std).astype(np.float32)[:, None]

    def inverse_target(self, targets: Array) -> Array:
        """Predicted amounts in the units of the table; class names for labels.

        Arguments:
            targets: scaled amounts ``(N, 1)`` or ``(N,)``, or integer labels ``(N,)``.
        """
        rule = self._target_rule()
        values = np.asarray(targets)
        if rule.task == "regression":
            return values.astype(np.float64) * rule.std + rule.mean
        names: Array = np.array(rule.classes, dtype=object)
        return np.asarray(names[values])

    def to_json(self) -> dict[str, Any]:
        """Everything fitted, as plain JSON values.

        Example:
            >>> fitted = TableTransform.fit({"age": [20, 40]})
            >>> TableTransform.from_json(fitted.to_json()) == fitted
            True
        """
        target = None if self.target is None else rule_as_json(self.target)
        columns = [rule_as_json(rule) for rule in self.columns]
        return {"format": FORMAT, "columns": columns, "target": target}

    @classmethod
    def from_json(cls, values: Any) -> TableTransform:
        """The inverse of ``to_json``.

        Raises:
            DataError: the values are not those of a table transform.
        """
        try:
            if values["format"] != FORMAT:
                raise ValueError(f"format {values['format']!r}")
            columns = tuple(rule_from_json(ColumnRule, v) for v in values["columns"])
            target = values["target"]
            rule = None if target is None else rule_from_json(TargetRule, target)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"TableTransform.from_json: not a table transform: {error}",
                fix=f"the dictionary that to_json() gives, format {FORMAT!r}",
            ) from error
        return cls(columns, rule)

    def _target_rule(self) -> TargetRule:
        if self.target is None:
            raise ArgumentError("TableTransform: it was fitted without a target")
        return self.target


def recognise_kinds(
    columns: Columns, kinds: Mapping[str, str], skip: tuple[str, ...]
) -> dict[str, tuple[str, str | None]]:
    """The kind of each column, or why it is left out.

    A text column is an identifier where it has more than 20 different texts, and more
    than half as many as rows; a numeric one where it counts the rows and is named like
    an index.

    Arguments:
        columns: the table.
        kinds: kinds that are given, by name.
        skip: columns that are not inputs.

    Returns:
        name ↦ (kind, None), or (another word, a sentence on why the column is left
        out).
    """
    for name, kind in kinds.items():
        _ = columns[name]
        if kind not in KINDS:
            raise unknown_option(f"kind of column {name!r}", kind, KINDS)
    recognised: dict[str, tuple[str, str | None]] = {}
    for name in columns.names:
        if name in kinds:
            recognised[name] = (kinds[name], None)
        elif name not in skip:
            recognised[name] = _recognise(columns, name)
    return recognised


def _recognise(columns: Columns, name: str) -> tuple[str, str | None]:
    column = columns[name]
    if column.dtype.kind == "f":
        present = column[~np.isnan(column)]
        if len(present) == 0:
            return "empty", f"{name!r} is left out: it has no values"
        if present.min() == present.max() and len(present) == len(column):
            return (
                "constant",
                f"{name!r} is left out: it is {present[0]:g} in every row",
            )
        if _counts_rows(name, column):
            return "identifier", f"{name!r} is left out: it counts the rows"
        return "numeric", None
    counts = Counter(cell for cell in column if cell is not None)
    if len(counts) == 1 and counts.total() == len(column):
        return "constant", f"{name!r} is left out: it is {column[0]!r} in every row"
    lower = {cell.lower() for cell in counts}
    if len(lower) <= 2 and lower <= set(BOOLEANS):
        return "boolean", None
    if all(DATE.fullmatch(cell) for cell in counts):
        return "date", None
    _refuse_stray_text(columns, name, column)
    if len(counts) > max(20, len(column) // 2):
        return "identifier", (
            f"{name!r} is left out: {len(counts)} different texts "
            f"in {len(column)} rows, an identifier"
        )
    return "categorical", None


def _counts_rows(name: str, column: Array) -> bool:
    like_index = re.fullmatch(
        r"(.*[_ ])?(id|index|row|no|nr)|unnamed.*|column_0", name.lower()
    )
    return bool(like_index) and len(column) > 2 and bool(np.all(np.diff(column) == 1))


def _refuse_stray_text(columns: Columns, name: str, column: Array) -> None:
    """Refuses a text among many different numbers: it is a mistake, not a category."""
    numbers = {
        cell for cell in column if cell is not None and to_number(cell) is not None
    }
    texts = [
        row
        for row, cell in enumerate(column)
        if cell is not None and cell not in numbers
    ]
    if len(numbers) > 20 and len(texts) * 10 <= len(column):
        raise DataError(
            f"{columns.source}: column {name!r}: {column[texts[0]]!r} at "
            f"{columns.place(texts[0])} is not a number, as the others are",
            fix="correct it, leave it empty where the value is missing, "
            f"or kinds={{{name!r}: 'categorical'}}",
        )


def _fit_column(columns: Columns, name: str, kind: str) -> ColumnRule:
    if kind == "categorical":
        texts = as_texts(columns[name])
        counts = Counter(cell for cell in texts if cell is not None)
        kept = [category for category, _ in counts.most_common(MOST_CATEGORIES)]
        gaps = len(texts) - counts.total()
        categories = tuple(sorted(kept, key=_order))
        return ColumnRule(
            name, kind, categories=categories, missing=gaps > 0, gaps=gaps
        )
    values = _numbers(columns, name, kind)
    present = values[~np.isnan(values)]
    gaps = len(values) - len(present)
    if len(present) == 0:
        return ColumnRule(name, kind, missing=gaps > 0, gaps=gaps)
    mean, std = (float(number) for number in mean_and_std(present))
    boolean = kind == "boolean"
    return ColumnRule(
        name,
        kind,
        mean,
        1.0 if boolean else std,
        _words(columns, name) if boolean else (),
        gaps > 0,
        gaps,
        float(present.min()),
        float(present.max()),
    )


def _words(columns: Columns, name: str) -> tuple[str, str]:
    """The words for 0 and for 1 in a boolean column."""
    counts = Counter(cell for cell in as_texts(columns[name]) if cell is not None)
    words = {0.0: "0", 1.0: "1"}
    for word, _ in reversed(counts.most_common()):
        words[_boolean(word) or 0.0] = word
    return words[0.0], words[1.0]


def _apply_column(columns: Columns, rule: ColumnRule) -> Array:
    if rule.kind == "categorical":
        texts = as_texts(columns[rule.name])
        position: dict[str | None, int] = {
            category: number for number, category in enumerate(rule.categories)
        }
        if rule.missing:
            position[None] = len(rule.categories)
        # categories that training did not have point at a last column, which is cut off
        chosen = [position.get(cell, len(position)) for cell in texts]
        return np.eye(len(position) + 1)[chosen][:, :-1]
    values = _numbers(columns, rule.name, rule.kind)
    absent = np.isnan(values)
    filled = np.where(absent, rule.mean, values)
    if rule.kind != "boolean":
        filled = (filled - rule.mean) / rule.std
    block = [filled, absent.astype(np.float64)] if rule.missing else [filled]
    return np.stack(block, axis=1)


def _numbers(columns: Columns, name: str, kind: str) -> Array:
    """A column as float64 with NaN, or an error that names the first other value."""
    column = columns[name]
    if column.dtype.kind == "f" and kind not in ("boolean", "date"):
        numbers = column
    else:
        convert = _CONVERTERS.get(kind, to_number)
        texts = as_texts(column)
        converted = [None if cell is None else convert(cell) for cell in texts]
        for row, (cell, number) in enumerate(zip(texts, converted, strict=True)):
            if cell is not None and number is None:
                expected = {"boolean": "yes or no", "date": "a date"}.get(
                    kind, "a number"
                )
                raise DataError(
                    f"{columns.source}: column {name!r}: {cell!r} at "
                    f"{columns.place(row)} is not {expected}",
                    fix="correct it, or leave it empty where the value is missing",
                )
        numbers = np.array(converted, dtype=np.float64)
    infinite = np.isinf(numbers)
    if infinite.any():
        row = int(np.argmax(infinite))
        raise DataError(
            f"{columns.source}: column {name!r}: {numbers[row]} at "
            f"{columns.place(row)}: every value must be finite",
            fix="correct it, or leave it empty where the value is missing",
        )
    return numbers


def _boolean(cell: str) -> float | None:
    return {"1": 1.0, "0": 0.0}.get(cell, BOOLEANS.get(cell.lower()))


def _days(cell: str) -> float | None:
    """Days since 1970 of an ISO date, with or without a time."""
    if not DATE.fullmatch(cell):
        return None
    try:
        moment = np.datetime64(cell.removesuffix("Z").removesuffix("+00:00"), "us")
    except ValueError:
        return None
    return float(moment.astype(np.int64)) / 86_400e6


_CONVERTERS: dict[str, Callable[[str], float | None]] = {
    "boolean": _boolean,
    "date": _days,
}


def target_texts(column: Array) -> Array:
    """The classes of a target column; true and false in one spelling."""
    texts = as_texts(column)
    if {cell.lower() for cell in texts if cell is not None} <= {"true", "false"}:
        lower = [None if cell is None else cell.lower() for cell in texts]
        return np.array([*lower, None], dtype=object)[:-1]
    return texts


def _fit_target(
    columns: Columns, name: str, task: str, classes: tuple[str, ...] | None
) -> TargetRule:
    column = columns[name]
    if task == "classification":
        texts = target_texts(column)
        _no_missing(columns, name, np.array([cell is None for cell in texts]))
        names = classes or tuple(sorted(set(texts), key=_order))
        if len(names) < 2:
            raise DataError(
                f"{columns.source}: target {name!r} is {names[0]!r} in every row: "
                "a classifier needs examples of two classes or more"
            )
        return TargetRule(name, task, classes=names)
    amounts = _numbers(columns, name, task)
    _no_missing(columns, name, np.isnan(amounts))
    if amounts.min() == amounts.max() and len(amounts) > 1:
        raise DataError(
            f"{columns.source}: target {name!r} is {amounts[0]:g} in every row: "
            "there is nothing to learn"
        )
    mean, std = (float(number) for number in mean_and_std(amounts))
    return TargetRule(name, task, mean, std)


def _labels(columns: Columns, rule: TargetRule) -> Array:
    texts = target_texts(columns[rule.name])
    _no_missing(columns, rule.name, np.array([cell is None for cell in texts]))
    numbers = {label: number for number, label in enumerate(rule.classes)}
    for row, cell in enumerate(texts):
        if cell not in numbers:
            shown = ", ".join(map(repr, rule.classes[:8]))
            raise DataError(
                f"{columns.source}: target {rule.name!r}: {cell!r} at "
                f"{columns.place(row)} is none of the classes {shown}"
            )
    return np.array([numbers[cell] for cell in texts], dtype=np.int64)


def _no_missing(columns: Columns, name: str, absent: Array) -> None:
    if absent.any():
        row = int(np.argmax(absent))
        raise DataError(
            f"{columns.source}: target {name!r} is missing at {columns.place(row)}",
            fix="leave the row out",
        )


def _order(text: str) -> tuple[int, float, str]:
    """Numbers by size, then texts by alphabet."""
    number = to_numbers([text])
    return (0, float(number[0]), text) if number is not None else (1, 0.0, text)
