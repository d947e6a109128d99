"""Activation functions that are made of others: ELU, SiLU, leaky ReLU, log σ.

The ones with rules of their own, such as ReLU, tanh and σ, are operations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops.arrays import lift
from ..ops.elementwise import absolute, expm1, sigmoid, softplus, where


def log_sigmoid(x: Any) -> Any:
    """ln σ(x) = −ln(1 + e⁻ˣ).

    Example:
        >>> import chainrule as cr
        >>> cr.log_sigmoid(-1000.0).item()
        -1000.0
    """
    (node,) = lift([x])
    return -softplus(-node)  # type: ignore[operator]


def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """x where x > 0, else slope · x (Maas et al., 2013).

    Example:
        >>> import chainrule as cr
        >>> cr.leaky_relu(cr.tensor([-2.0, 2.0]), slope=0.1).numpy()
        array([-0.2,  2. ], dtype=float32)
    """
    (node,) = lift([x])
    return where(node > 0, node, slope * node)  # type: ignore[operator]


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where x > 0, else α(eˣ − 1) (Clevert et al., 2015).

    Example:
        >>> import chainrule as cr
        >>> cr.elu(cr.tensor([-1.0, 2.0])).numpy()
        array([-0.63212055,  2.        ], dtype=float32)
    """
    (node,) = lift([x])
    positive = node > 0  # type: ignore[operator]
    return where(positive, node, alpha * expm1(where(positive, 0.0, node)))


def silu(x: Any) -> Any:
    """x · σ(x), also called swish (Elfwing et al., 2017; Ramachandran et al., 2017).

    Example:
        >>> import chainrule as cr
        >>> cr.silu(cr.tensor([0.0])).numpy()
        array([0.], dtype=float32)
    """
    (node,) = lift([x])
    return gated(node, sigmoid)


def gated(x: Any, gate: Callable[[Any], Any]) -> Any:
    """x · gate(x), for gates that are 0 below −1000 and 1 above 1000. Neither in the
    value nor in the derivative is there a ∞ · 0.

    Example:
        >>> import chainrule as cr, math
        >>> gated(cr.tensor([-math.inf, 0.0, math.inf]), cr.sigmoid).numpy()
        array([-0.,  0., inf], dtype=float32)
    """
    near = where(absolute(x) >= 1000.0, -1000.0, x)
    return where(x >= 1000.0, x, near * gate(near))
