"""Applications of elementwise primitives, as plain data.

Place on the road: below kernels and their fusion, above nothing. What a primitive is in
LLVM stands in ``elementwise``, which is imported when something is compiled and not
when its code is found on disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ....dtypes import DType

#: The primitives that have an emitter; a test compares them with ``EMITTERS``.
ELEMENTWISE = frozenset(
    [
        "add",
        "subtract",
        "multiply",
        "divide",
        "negative",
        "abs",
        "sign",
        "maximum",
        "minimum",
        "relu",
        "remainder",
        "floor_divide",
        "power",
        "arctan2",
        "floor",
        "ceil",
        "round",
        "sqrt",
        "equal",
        "not_equal",
        "less",
        "less_equal",
        "greater",
        "greater_equal",
        "logical_and",
        "logical_or",
        "logical_xor",
        "logical_not",
        "isnan",
        "isfinite",
        "where",
        "cast",
        "copy",
        "normal_index",
        "one_at",
        "exp",
        "expm1",
        "log",
        "log1p",
        "sin",
        "cos",
        "tanh",
        "erf",
        "gelu",
        "sigmoid",
        "softplus",
    ]
)


#: What it costs to compute again, where that is more than reading it back.
COSTLY = frozenset(
    {
        "divide", "remainder", "floor_divide", "power", "arctan2", "sqrt", "exp",
        "expm1", "log", "log1p", "sin", "cos", "tanh", "erf", "gelu", "sigmoid",
        "softplus", "gather",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Call:
    """An application of a primitive: what an emitter may ask besides the operands."""

    name: str
    params: Mapping[str, Any]
    inputs: tuple[DType, ...]
    output: DType
