"""What is in new rows and was not in the rows that a network learned from.

Place on the road: beside ``transform``, on the way to a prediction. A network answers
for any row; whoever reads the answer should know where it had nothing to go by. It must
not know of networks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...wording import counted
from ..validation import Array
from .columns import Columns
from .dates import date_of
from .rules import ColumnRule
from .texts import Texts
from .transform import MOST_CATEGORIES, Cut, numbers_of
from .typed import as_texts

#: A number is far outside where it lies beyond the range of the training rows by more
#: than this part of the range.
FAR = 0.5

#: Rows and values that a sentence names.
SHOWN = 3


@dataclass
class _Found:
    """Rows of one kind in one column.

    Arguments:
        count: how many.
        rows: the numbers of the first, from 1.
        values: text ↦ in how many.
    """

    count: int = 0
    rows: list[int] = field(default_factory=list)
    values: Counter[str] = field(default_factory=Counter)

    def add(self, places: Array, start: int) -> None:
        """Takes the rows of one more part of a table."""
        self.count += len(places)
        self.rows += (places[: SHOWN - len(self.rows)] + start + 1).tolist()

    @property
    def where(self) -> str:
        """``rows 3, 17, 20 …``"""
        noun = "row" if self.count == 1 else "rows"
        more = " …" if self.count > len(self.rows) else ""
        return f"{noun} {', '.join(map(str, self.rows))}{more}"


class Differences:
    """The differences of new rows from the rows that rules were fitted to.

    Arguments:
        rules: of the columns.

    Example:
        >>> from chainrule.data import TableTransform, read_columns
        >>> fitted = TableTransform.fit({"city": ["Rome", "Oslo"], "age": [20, 40]})
        >>> found = Differences(fitted.columns)
        >>> found.add(read_columns({"city": ["Rome", "Lima"], "age": [200, None]}))
        >>> for sentence in found.sentences:
        ...     print(sentence)
        'city': 1 value never seen in training: 'Lima' (row 2)
        'age': 1 gap, and there was none in training (row 2)
        'age': 1 value far outside 20 to 40, the range of training: 200 (row 1)
    """

    def __init__(self, rules: Sequence[ColumnRule]) -> None:
        self.rules = tuple(rules)
        self._found: dict[tuple[str, str], _Found] = {}
        self._forms: dict[str, str] = {}

    def add(self, columns: Columns) -> None:
        """Looks at one more part of a table; its rows go on from ``columns.start``."""
        for rule in self.rules:
            if rule.name in columns:
                self._look(columns, rule)

    @property
    def sentences(self) -> list[str]:
        """One sentence for every kind of difference in every column."""
        lines = []
        for rule in self.rules:
            for what, say in _SENTENCES.items():
                found = self._found.get((rule.name, what))
                if found is not None:
                    lines.append(f"{rule.name!r}: {say(rule, found)} ({found.where})")
            if rule.name in self._forms:
                here = {",": "a decimal comma", ".": "a decimal point"}
                lines.append(
                    f"{rule.name!r}: written with {here[self._forms[rule.name]]}, and "
                    f"with {here[rule.form]} in training"
                )
        return lines

    def _look(self, columns: Columns, rule: ColumnRule) -> None:
        column = columns.column(rule.name)
        start = columns.start
        missing = column.missing if isinstance(column, Texts) else np.isnan(column)
        if not rule.gaps and missing.any():
            self._note(rule, "gaps").add(np.flatnonzero(missing), start)
        if rule.kind == "categorical":
            self._look_at_categories(as_texts(column), rule, start)
        elif rule.low is not None and rule.high is not None and rule.kind != "boolean":
            values = numbers_of(Cut(columns, rule.name), rule.kind, rule.form)
            room = FAR * (rule.high - rule.low) or max(1.0, abs(rule.high))
            far = (values < rule.low - room) | (values > rule.high + room)
            if far.any():
                places = np.flatnonzero(far)
                found = self._note(rule, "far")
                found.add(places, start)
                first = values[places[:SHOWN]].tolist()
                found.values.update(_in_words(rule, value) for value in first)
        reading = columns.readings.get(rule.name)
        if reading and {reading.decimal, rule.form} == {".", ","}:
            self._forms[rule.name] = reading.decimal

    def _look_at_categories(self, texts: Texts, rule: ColumnRule, start: int) -> None:
        if len(rule.categories) >= MOST_CATEGORIES:
            return  # training may have had more than are kept
        known = set(rule.categories)
        new = [code for code, text in enumerate(texts.distinct) if text not in known]
        new = [code for code in new if texts.counts[code]]
        if new:
            found = self._note(rule, "new")
            found.add(np.flatnonzero(np.isin(texts.codes, new)), start)
            for code in new:
                found.values[texts.distinct[code]] += int(texts.counts[code])

    def _note(self, rule: ColumnRule, what: str) -> _Found:
        return self._found.setdefault((rule.name, what), _Found())


def _in_words(rule: ColumnRule, value: float) -> str:
    return date_of(value) if rule.kind == "date" else f"{value:g}"


def _new(rule: ColumnRule, found: _Found) -> str:
    shown = [repr(text) for text, _ in found.values.most_common(SHOWN)]
    listed = ", ".join(shown) + (" …" if len(found.values) > SHOWN else "")
    return f"{counted(found.count, 'value')} never seen in training: {listed}"


def _gaps(rule: ColumnRule, found: _Found) -> str:
    return f"{counted(found.count, 'gap')}, and there was none in training"


def _far(rule: ColumnRule, found: _Found) -> str:
    assert rule.low is not None
    assert rule.high is not None
    listed = ", ".join(list(found.values)[:SHOWN])
    more = " …" if found.count > SHOWN else ""
    low, high = _in_words(rule, rule.low), _in_words(rule, rule.high)
    return (
        f"{counted(found.count, 'value')} far outside {low} to {high}, the range of "
        f"training: {listed}{more}"
    )


_SENTENCES = {"new": _new, "gaps": _gaps, "far": _far}
