"""Looking for NaN and Inf in every value as it is computed.

Place on the road: below the primitives, which look when ``checks.check_numerics`` has
asked for it; engines do the same for what they compute.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..errors import NumericsError
from ..graph import Node

#: Whether every value is looked at for NaN and Inf as it is computed.
checking_numerics: ContextVar[bool] = ContextVar("checking_numerics", default=False)


def check_value(node: Node, value: Any, inputs: Sequence[Any]) -> None:
    """Raises where the value of a node has a NaN or Inf.

    Arguments:
        node: what was computed.
        value: its array, or arrays.
        inputs: the values of its inputs, whose ranges the message has.

    Raises:
        NumericsError: with the user's line of the node.
    """
    for part in value if isinstance(value, tuple) else (value,):
        if part.dtype.kind != "f" or np.isfinite(part).all():
            continue
        kind = "NaN" if np.isnan(part).any() else "Inf"
        count = int(part.size - np.isfinite(part).sum())
        step = "backward" if node.origin is not None else "forward"
        pairs = zip(node.inputs, inputs, strict=True)
        ranges = ", ".join(_range(operand, array) for operand, array in pairs)
        name = node.op.name if node.op else "leaf"
        raise NumericsError(
            f"{name}: {kind} in {count} of {part.size} values, first made here, in "
            f"the {step} pass; inputs: {ranges}",
            at=node.line,
            fix="look at these inputs: a logarithm or division of 0, an exp that "
            "overflows, or a learning rate that is too large",
        )


def _range(node: Node, value: Any) -> str:
    if isinstance(value, tuple) or value.size == 0:
        return node.describe()
    return f"{node.describe()} from {value.min():.4g} to {value.max():.4g}"
