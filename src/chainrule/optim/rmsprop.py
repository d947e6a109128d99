"""RMSProp. Place on the road: an algorithm of ``optim``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ops.elementwise import sqrt
from .optimizer import Optimizer, Step, Transform, Update
from .parameter_groups import Params, Rate
from .squarable import squarable


class RMSProp(Optimizer):
    """Each gradient divided by a running average of its magnitude.

    Formula::

        s ← α s + (1 − α) g²
        w ← w − η g / (√s + ε)

    where g = ∂L/∂w, s the running mean square (0 at first), α = ``alpha``, η = ``lr``,
    ε = ``eps``. The lecture has α = 0.9 and no ε; names, values and the place of ε,
    outside the root, are PyTorch's (TensorFlow has it inside). s starts at 0 and is not
    corrected for that, so the first steps are large: up to η / √(1 − α).

    A finite gradient of more than 2⁶⁰ in float32 (2⁵⁰⁸ in float64) counts as that, so
    that its square is a number too; NaN and ±∞ make the weight NaN.

    Arguments:
        params: parameters or groups of them; without, a specification for ``cr.fit``.
        lr: η, a positive number or a schedule.
        alpha: α, at least 0 and less than 1.
        eps: ε, positive.
        transforms: what is done to the gradients before the rule, in order.
        maximize: whether to climb, with −g in the place of g.

    Source: Tieleman & Hinton, Neural networks for machine learning, lecture 6e (2012).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter([1.0, 1.0])
        >>> optimizer = optim.RMSProp([w], lr=0.25, alpha=0.75)
        >>> optimizer.step({w: [100.0, 0.01]})
        >>> w.numpy().round(4)
        array([0.5, 0.5], dtype=float32)
    """

    slots = ("mean_square",)

    def __init__(
        self,
        params: Params | None = None,
        lr: Rate = 0.01,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        transforms: Sequence[Transform] = (),
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, {"alpha": alpha, "eps": eps}, transforms, maximize)

    def rule(self, w: Any, g: Any, step: Step) -> Update:
        """s ← αs + (1 − α)g²;  w ← w − ηg / (√s + ε)."""
        alpha, g = step.options["alpha"], squarable(g)
        s = alpha * step.state["mean_square"] + (1 - alpha) * (g * g)
        return w - step.lr * g / (sqrt(s) + step.options["eps"]), {"mean_square": s}
