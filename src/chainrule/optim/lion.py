"""Lion. Place on the road: an algorithm of ``optim``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ops.elementwise import sign
from .optimizer import Optimizer, Step, Transform, Update
from .parameter_groups import Params, Rate
from .squarable import squarable


class Lion(Optimizer):
    """Evolved sign momentum: every weight moves by η, only the direction is learned.

    Formula::

        c ← β₁ m + (1 − β₁) g
        w ← w − η (sign(c) + λ w)
        m ← β₂ m + (1 − β₂) g

    where g = ∂L/∂w, m the momentum (0 at first), β₁, β₂ = ``betas``, η = ``lr``,
    λ = ``weight_decay``. It remembers one number of each weight, half of what Adam
    does.

    As all weights move by the whole of η, the paper takes a learning rate three to ten
    times smaller than AdamW's, and a weight decay as much larger. ``torch.optim`` does
    not have it; the paper's own code has these defaults.

    A finite gradient of more than 2⁶⁰ in float32 (2⁵⁰⁸ in float64) counts as that; NaN
    and ±∞ make the weight NaN.

    Arguments:
        params: parameters or groups of them; without, a specification for ``cr.fit``.
        lr: η, a positive number or a schedule.
        betas: β₁ and β₂, each at least 0 and less than 1.
        weight_decay: λ, at least 0.
        transforms: what is done to the gradients before the rule, in order.
        maximize: whether to climb, with −g in the place of g.

    Source: Chen et al., Symbolic discovery of optimization algorithms (2023),
    algorithm 2.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter([1.0, 1.0])
        >>> optimizer = optim.Lion([w], lr=0.25)
        >>> optimizer.step({w: [100.0, -0.01]})
        >>> w.numpy()
        array([0.75, 1.25], dtype=float32)
    """

    slots = ("m",)

    def __init__(
        self,
        params: Params | None = None,
        lr: Rate = 0.0001,
        *,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        transforms: Sequence[Transform] = (),
        maximize: bool = False,
    ) -> None:
        options = {"betas": betas, "weight_decay": weight_decay}
        super().__init__(params, lr, options, transforms, maximize)

    def rule(self, w: Any, g: Any, step: Step) -> Update:
        """Algorithm 2 of the paper."""
        beta1, beta2 = step.options["betas"]
        decay, m, g = step.options["weight_decay"], step.state["m"], squarable(g)
        c = beta1 * m + (1 - beta1) * g
        return w - step.lr * (sign(c) + decay * w), {"m": beta2 * m + (1 - beta2) * g}
