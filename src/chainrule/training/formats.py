"""How the values of a history are written: in tables, and in JSON.

Place on the road: beneath the history, checkpoints and the progress line. It knows
values, not where they come from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..wording import signed

#: One epoch of a history: column → value.
Row = dict[str, Any]


def shown(value: Any, column: str = "") -> str:
    """A value as tables and progress lines show it.

    Example:
        >>> shown(0.123456), shown(1200.0), shown(None), shown(3)
        ('0.1235', '1200', '', '3')
    """
    if value is None:
        return ""
    if (
        isinstance(value, float)
        and math.isnan(value)
        and column
        and not is_loss(column)
    ):
        return "–"  # undefined, as R² of one example
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    if column == "seconds":
        return f"{value:.2f}"
    if column == "examples_per_second":
        return f"{value:.0f}"
    if value != 0 and abs(value) < 1e-3:
        return signed(f"{value:.2e}")
    return signed(f"{value:.4f}" if abs(value) < 100 else f"{value:.5g}")


def is_loss(column: str) -> bool:
    """Whether a column is a loss, of which NaN means that training went wrong."""
    return column == "loss" or column.endswith("_loss")


def plain(value: Any) -> Any:
    """Numbers as JSON can hold them: no arrays, NaN and infinities as texts."""
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def restored(row: Mapping[str, Any]) -> Row:
    """A row with its NaN and infinities as floats again."""
    special = ("nan", "inf", "-inf")
    return {n: float(v) if v in special else v for n, v in row.items()}
