"""What is known of each column of a table once its training rows have been measured.

Place on the road: below ``transform``, which applies the rules. They are plain values:
a run keeps them in ``settings.json`` under ``transform``, and whatever needs to know
of a column (its name, kind, categories, range) finds it here and nowhere else:

>>> fitted = {"name": "age", "kind": "numeric", "mean": 40.0, "std": 10.0,
...           "categories": [], "missing": False, "gaps": 0, "low": 18.0,
...           "high": 90.0, "form": ""}
>>> rule_from_json(ColumnRule, fitted).high
90.0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

KINDS = ("numeric", "categorical", "boolean", "date")


@dataclass(frozen=True)
class ColumnRule:
    """How one column becomes numbers.

    Arguments:
        name: of the column.
        kind: one of ``KINDS``.
        mean, std: what its values are scaled with; 0 and 1 for categories. A date is
            counted in days since 1970.
        categories: the categories, in the order of their columns; of a boolean column,
            the words of the table for 0 and for 1.
        missing: whether missing values have a column of their own.
        gaps: how many training rows had no value.
        low, high: the smallest and largest value of the training rows; None for
            categories, and where there was none.
        form: how the cells were written, where that is not evident from a cell: the
            decimal sign ``"."`` or ``","`` of numbers; ``"dmy"``, ``"mdy"`` or
            ``"ymd"`` of dates.
        whole: whether every number of the training rows was a whole one.
    """

    name: str
    kind: str
    mean: float = 0.0
    std: float = 1.0
    categories: tuple[str, ...] = ()
    missing: bool = False
    gaps: int = 0
    low: float | None = None
    high: float | None = None
    form: str = ""
    whole: bool = False

    @property
    def features(self) -> list[str]:
        """The names of the columns of numbers it becomes."""
        if self.kind == "categorical":
            names = [f"{self.name}={category}" for category in self.categories]
        else:
            names = [self.name]
        return names + ([f"{self.name} is missing"] if self.missing else [])


@dataclass(frozen=True)
class TargetRule:
    """How the target becomes a label or a scaled number.

    Arguments:
        name: of the column.
        task: ``"classification"`` or ``"regression"``.
        mean, std: of the amounts.
        classes: the names of the classes, in the order of their labels.
        form: how amounts were written, as in ``ColumnRule``.
    """

    name: str
    task: str
    mean: float = 0.0
    std: float = 1.0
    classes: tuple[str, ...] = ()
    form: str = ""


def rule_as_json(rule: ColumnRule | TargetRule) -> dict[str, Any]:
    """A rule as plain JSON values."""
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in asdict(rule).items()
    }


def rule_from_json(kind: type[Any], values: Mapping[str, Any]) -> Any:
    """A rule of plain values, each checked to be of the type its field has.

    Raises:
        ValueError, TypeError, AttributeError: they are no rule.
    """
    rule = kind(
        **{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    )
    column = kind is ColumnRule
    texts = rule.categories if column else rule.classes
    known = KINDS if column else ("classification", "regression")
    word = rule.kind if column else rule.task
    numbers = [rule.mean, rule.std]
    if column:
        bounds = [each for each in (rule.low, rule.high) if each is not None]
        numbers += [*bounds, rule.gaps]
    if (
        not isinstance(rule.name, str)
        or not isinstance(rule.form, str)
        or (column and not isinstance(rule.whole, bool))
        or word not in known
        or not all(isinstance(text, str) for text in texts)
        or not all(isinstance(n, (int, float)) and np.isfinite(n) for n in numbers)
        or rule.std <= 0
    ):
        raise ValueError(f"the rule of column {rule.name!r} is not valid")
    return rule
