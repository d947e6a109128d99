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

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ...errors import ArgumentError, DataError
from ..scaling import mean_and_std
from ..validation import Array, check_finite
from . import dates
from .columns import Columns, read_columns
from .files import LARGE
from .gathering import mapped
from .kinds import BOOLEANS, are_booleans, recognise_kinds
from .rules import ColumnRule, TargetRule, rule_as_json, rule_from_json
from .texts import Texts
from .typed import as_texts
from .written_numbers import CODE, to_number

FORMAT = "chainrule.table/2"

#: More categories than this are cut to the most frequent ones.
MOST_CATEGORIES = 100

#: Rows that become numbers at a time, so that they stay in the processor's cache.
ROWS = 1 << 14


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
        *,
        forms: Mapping[str, str] | None = None,
        rows: Array | None = None,
    ) -> TableTransform:
        """Measure means, deviations and categories on the rows of a table.

        Arguments:
            source: anything ``read_columns`` takes.
            target: the name of the target column, or None.
            task: ``"classification"`` or ``"regression"``.
            kinds: the kind of every column to use; recognised when not given.
            classes: the names of the classes; those of the rows when not given.
            forms: how the cells of the columns are written, as in ``ColumnRule``.
            rows: the numbers of the rows to measure; all when not given.

        Raises:
            DataError: no usable column, or a value that does not fit its column.
        """
        columns = read_columns(source)
        if kinds is None:
            recognised = recognise_kinds(columns, {}, (target,) if target else ())
            kinds = {
                name: found.kind for name, found in recognised.items() if found.used
            }
            forms = {name: found.form for name, found in recognised.items()}
        rules = tuple(
            _fit_column(Cut(columns, name, rows), kind, (forms or {}).get(name, ""))
            for name, kind in kinds.items()
        )
        if not rules:
            raise DataError(
                f"{columns.source}: no column is left to learn from",
                fix="kinds={name: kind} uses a column that was left out",
            )
        if target is None:
            return cls(rules)
        return cls(rules, fit_target(Cut(columns, target, rows), task, classes))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the columns of ``transform``."""
        return tuple(name for rule in self.columns for name in rule.features)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The names of the classes, for classification."""
        return self.target.classes if self.target and self.target.classes else None

    def transform(self, source: object, rows: Array | None = None) -> Array:
        """The inputs of a network for every row of a table.

        Arguments:
            source: anything ``read_columns`` takes. Further columns are ignored, the
                target may be absent.
            rows: the numbers of the rows that are wanted; all when not given.

        Returns:
            float32 ``(N, D)``, one column per name in ``feature_names``; in a file that
            is mapped into memory where it is very large.

        Raises:
            DataError: a column is missing, or holds text where numbers were in
                training.
        """
        columns = self._read(source)
        count = len(columns) if rows is None else len(rows)
        inputs = _matrix(count, len(self.feature_names))
        cuts = [Cut(columns, rule.name, rows) for rule in self.columns]
        encoded = [
            _encode(cut, rule) for cut, rule in zip(cuts, self.columns, strict=True)
        ]
        with np.errstate(over="ignore"):  # an infinity is named below
            for start in range(0, count, ROWS):
                place = 0
                block = inputs[start : start + ROWS]
                for write in encoded:
                    place = write(block, start, place)
        check_finite(inputs, columns.source, self.feature_names)
        return inputs

    def transform_target(self, source: object, rows: Array | None = None) -> Array:
        """The target of every row: int64 labels ``(N,)`` or scaled float32 ``(N, 1)``.

        Arguments:
            source, rows: as for ``transform``.

        Raises:
            DataError: the target is missing, or a class that training did not have.
        """
        rule = self._target_rule()
        cut = Cut(self._read(source), rule.name, rows)
        if rule.task == "classification":
            return _labels(cut, rule)
        amounts = numbers_of(cut, "numeric", rule.form)
        _no_missing(cut, np.isnan(amounts))
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

    @property
    def decimals(self) -> dict[str, str]:
        """name ↦ the sign before decimals, of columns whose numbers have one."""
        forms = {rule.name: rule.form for rule in self.columns}
        if self.target is not None:
            forms[self.target.name] = self.target.form
        return {name: form for name, form in forms.items() if form in (".", ",")}

    def _read(self, source: object) -> Columns:
        return read_columns(source, decimal=self.decimals)

    def _target_rule(self) -> TargetRule:
        if self.target is None:
            raise ArgumentError("TableTransform: it was fitted without a target")
        return self.target


@dataclass(frozen=True)
class Cut:
    """Some rows of one column.

    Arguments:
        columns: the table.
        name: of the column.
        rows: the numbers of the rows; None for all.
    """

    columns: Columns
    name: str
    rows: Array | None = None

    @property
    def values(self) -> Array | Texts:
        """The numbers or texts of the rows."""
        column = self.columns.column(self.name)
        if self.rows is None:
            return column
        return (
            column.take(self.rows) if isinstance(column, Texts) else column[self.rows]
        )

    def place(self, row: int) -> str:
        """How messages name one of the rows."""
        return self.columns.place(row if self.rows is None else int(self.rows[row]))

    @property
    def called(self) -> str:
        """How messages name the column."""
        return f"{self.columns.source}: column {self.name!r}"


def check_column(cut: Cut, kind: str, form: str) -> None:
    """An error that names the first cell of a column that is not of its kind."""
    if kind != "categorical":
        numbers_of(cut, kind, form)


def _fit_column(cut: Cut, kind: str, form: str) -> ColumnRule:
    if kind == "categorical":
        texts = as_texts(cut.values)
        kept = np.argsort(-texts.counts, kind="stable")[:MOST_CATEGORIES]
        names = [texts.distinct[code] for code in kept if texts.counts[code]]
        gaps = int(texts.missing.sum())
        return ColumnRule(
            cut.name,
            kind,
            categories=tuple(sorted(names, key=_order)),
            missing=gaps > 0,
            gaps=gaps,
        )
    values = numbers_of(cut, kind, form)
    present = values[~np.isnan(values)]
    gaps = len(values) - len(present)
    if len(present) == 0:
        return ColumnRule(cut.name, kind, missing=gaps > 0, gaps=gaps, form=form)
    mean, std = (float(number) for number in mean_and_std(present))
    boolean = kind == "boolean"
    return ColumnRule(
        cut.name,
        kind,
        mean,
        1.0 if boolean else std,
        _words(as_texts(cut.values)) if boolean else (),
        gaps > 0,
        gaps,
        float(present.min()),
        float(present.max()),
        form,
        whole=kind == "numeric" and bool((present == np.floor(present)).all()),
    )


def _words(texts: Texts) -> tuple[str, str]:
    """The words for 0 and for 1 in a boolean column, the most frequent spelling."""
    words = {0.0: "0", 1.0: "1"}
    for code in np.argsort(texts.counts, kind="stable"):
        if texts.counts[code]:
            word = texts.distinct[code]
            words[_boolean(word) or 0.0] = word
    return words[0.0], words[1.0]


class Write(Protocol):
    """Writes one column of a table into a block of rows."""

    def __call__(self, block: Array, start: int, place: int) -> int:
        """Fills the columns of ``block``, the rows from ``start`` on, from column
        ``place`` on; the place of the next."""


def _encode(cut: Cut, rule: ColumnRule) -> Write:
    """How a column is written into the inputs."""
    if rule.kind == "categorical":
        return _one_hot(as_texts(cut.values), rule)
    values = numbers_of(cut, rule.kind, rule.form)
    absent = np.isnan(values)
    gaps = bool(absent.any())
    mean, std = rule.mean, 1.0 if rule.kind == "boolean" else rule.std
    shift = 0.0 if rule.kind == "boolean" else mean

    def write(block: Array, start: int, place: int) -> int:
        here = slice(start, start + len(block))
        part = values[here]
        if gaps:
            part = np.where(absent[here], mean, part)
        block[:, place] = (part - shift) / std
        if rule.missing:
            block[:, place + 1] = absent[here]
        return place + 1 + rule.missing

    return write


def _one_hot(texts: Texts, rule: ColumnRule) -> Write:
    position = {category: number for number, category in enumerate(rule.categories)}
    width = len(position) + rule.missing
    # categories that training did not have are in no column
    places = [position.get(text, width) for text in texts.distinct]
    places.append(len(position) if rule.missing else width)
    numbers = np.array(places)[texts.codes]

    def write(block: Array, start: int, place: int) -> int:
        chosen = numbers[start : start + len(block)]
        known = np.flatnonzero(chosen < width)
        block[:, place : place + width] = 0
        block[known, place + chosen[known]] = 1
        return place + width

    return write


def _matrix(rows: int, columns: int) -> Array:
    """Memory for the inputs; a file that disappears by itself where they are large."""
    size = 4 * rows * columns
    if size < LARGE:
        return np.empty((rows, columns), dtype=np.float32)
    return mapped(tempfile.TemporaryFile(), np.float32, (rows, columns))


def numbers_of(cut: Cut, kind: str, form: str) -> Array:
    """A column as float64 with NaN, or an error that names the first other value."""
    column = cut.values
    if not isinstance(column, Texts) and kind not in ("boolean", "date"):
        numbers = column
    else:
        texts = as_texts(column)
        used = texts.counts > 0
        values = _convert(texts.distinct, kind, form)
        wrong = [
            code for code, value in enumerate(values) if value is None and used[code]
        ]
        if wrong:
            expected = {"boolean": "yes or no", "date": "a date"}.get(kind, "a number")
            row = int(np.argmax(np.isin(texts.codes, wrong)))
            raise DataError(
                f"{cut.called}: {texts.distinct[texts.codes[row]]!r} at "
                f"{cut.place(row)} is not {expected}",
                fix="correct it, or leave it empty where the value is missing",
            )
        numbers = texts.as_numbers([np.nan if v is None else v for v in values])
    infinite = np.isinf(numbers)
    if infinite.any():
        row = int(np.argmax(infinite))
        raise DataError(
            f"{cut.called}: {numbers[row]} at "
            f"{cut.place(row)}: every value must be finite",
            fix="correct it, or leave it empty where the value is missing",
        )
    return numbers


def _convert(texts: list[str], kind: str, form: str) -> list[float | None]:
    if kind == "boolean":
        return [_boolean(text) for text in texts]
    if kind == "date":
        return dates.days_of(texts, form or "ymd")
    return [
        float(text) if CODE.fullmatch(text) else to_number(text, form or ".")
        for text in texts
    ]


def _boolean(cell: str) -> float | None:
    return {"1": 1.0, "0": 0.0}.get(cell, BOOLEANS.get(cell.lower()))


def target_texts(column: Array | Texts) -> Texts:
    """The classes of a target column; words for yes and no in one spelling each."""
    texts = as_texts(column)
    present = texts.present
    if not are_booleans(present) or len({text.lower() for text in present}) == len(
        present
    ):
        return texts
    chosen: dict[str, str] = {}
    for code in np.argsort(texts.counts, kind="stable"):
        chosen[texts.distinct[code].lower()] = texts.distinct[code]
    return texts.mapped(lambda text: chosen[text.lower()])


def fit_target(
    cut: Cut, task: str, classes: tuple[str, ...] | None = None
) -> TargetRule:
    """The rule of a target column.

    Raises:
        DataError: a missing value, or the same one in every row.
    """
    columns, name = cut.columns, cut.name
    reading = columns.readings.get(name)
    form = reading.decimal if reading else ""
    if task == "classification":
        texts = target_texts(cut.values)
        _no_missing(cut, texts.missing)
        names = classes or tuple(sorted(texts.present, key=_order))
        if len(names) < 2:
            raise DataError(
                f"{columns.source}: target {name!r} is {names[0]!r} in every row: "
                "a classifier needs examples of two classes or more",
                fix=_other_target(columns, name),
            )
        return TargetRule(name, task, classes=names)
    amounts = numbers_of(cut, "numeric", form)
    _no_missing(cut, np.isnan(amounts))
    if amounts.min() == amounts.max() and len(amounts) > 1:
        raise DataError(
            f"{columns.source}: target {name!r} is {amounts[0]:g} in every row: "
            "there is nothing to learn",
            fix=_other_target(columns, name),
        )
    mean, std = (float(number) for number in mean_and_std(amounts))
    return TargetRule(name, task, mean, std, form=form)


def _other_target(columns: Columns, name: str) -> str:
    """Advice where a target is the same in every row."""
    for other in reversed(columns.names):
        texts = as_texts(columns.column(other))
        if other != name and len(texts.present) > 1 and not texts.missing.any():
            return (
                f"rows with other values of {name!r}; or target={other!r}, which has "
                f"{len(texts.present)} different ones"
            )
    return f"rows with other values of {name!r}: no column of these rows has two"


def _labels(cut: Cut, rule: TargetRule) -> Array:
    texts = as_texts(cut.values)
    _no_missing(cut, texts.missing)
    numbers = {label: number for number, label in enumerate(rule.classes)}
    if are_booleans(rule.classes):
        numbers |= {label.lower(): number for label, number in numbers.items()}
        labels = [
            numbers.get(text, numbers.get(text.lower())) for text in texts.distinct
        ]
    else:
        labels = [numbers.get(text) for text in texts.distinct]
    unknown = [code for code, label in enumerate(labels) if label is None]
    strange = np.isin(texts.codes, unknown)
    if strange.any():
        row = int(np.argmax(strange))
        shown = ", ".join(map(repr, rule.classes[:8]))
        raise DataError(
            f"{cut.columns.source}: target {rule.name!r}: "
            f"{texts.distinct[texts.codes[row]]!r} at "
            f"{cut.place(row)} is none of the classes {shown}"
        )
    known = [0 if label is None else label for label in labels]
    return np.array([*known, 0], dtype=np.int64)[texts.codes]


def _no_missing(cut: Cut, absent: Array) -> None:
    if absent.any():
        row = int(np.argmax(absent))
        raise DataError(
            f"{cut.columns.source}: target {cut.name!r} is missing at {cut.place(row)}",
            fix="leave the row out",
        )


def _order(text: str) -> tuple[int, float, str]:
    """Numbers by size, then texts by alphabet."""
    number = to_number(text)
    if number is None or number != number:
        return (1, 0.0, text)
    return (0, number, text)
