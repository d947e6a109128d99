"""Adam. Place on the road: an algorithm of ``optim``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ops.elementwise import sqrt
from .optimizer import Optimizer, Step, Transform, Update
from .parameter_groups import Params, Rate
from .squarable import squarable


class Adam(Optimizer):
    """Adaptive moments: momentum, divided by a running average of magnitudes.

    Formula::

        m ← β₁ m + (1 − β₁) g           m̂ = m / (1 − β₁ᵗ)
        v ← β₂ v + (1 − β₂) g²          v̂ = v / (1 − β₂ᵗ)
        w ← w − η m̂ / (√v̂ + ε)

    where g = ∂L/∂w, m and v the first two moments (0 at first), t = 1, 2, … the step,
    β₁, β₂ = ``betas``, η = ``lr``, ε = ``eps``, added to the root of the corrected v̂
    as in algorithm 1 of the paper and in PyTorch. 1 − βᵗ is computed in float64.

    A finite gradient of more than 2⁶⁰ in float32 (2⁵⁰⁸ in float64) counts as that, so
    that its square is a number too; NaN and ±∞ make the weight NaN.

    Weight decay: ``optim.AdamW`` decays the weights; ``transforms=[optim.L2(λ)]`` adds
    the penalty to the gradient, which is what PyTorch's ``Adam(weight_decay=λ)`` does.

    Arguments:
        params: parameters or groups of them; without, a specification for ``cr.fit``.
        lr: η, a positive number or a schedule.
        betas: β₁ and β₂, each at least 0 and less than 1.
        eps: ε, positive.
        transforms: what is done to the gradients before the rule, in order.
        maximize: whether to climb, with −g in the place of g.

    Source: Kingma & Ba, Adam: a method for stochastic optimization (2015), algorithm 1.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter([1.0, 1.0])
        >>> optimizer = optim.Adam([w], lr=0.25)
        >>> optimizer.step({w: [100.0, 0.01]})  # at first m̂ / √v̂ is the sign of g
        >>> w.numpy().round(4)
        array([0.75, 0.75], dtype=float32)
    """

    slots = ("m", "v")

    def __init__(
        self,
        params: Params | None = None,
        lr: Rate = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        transforms: Sequence[Transform] = (),
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, {"betas": betas, "eps": eps}, transforms, maximize)

    def rule(self, w: Any, g: Any, step: Step) -> Update:
        """Algorithm 1 of the paper."""
        beta1, beta2 = step.options["betas"]
        g = squarable(g)
        m = beta1 * step.state["m"] + (1 - beta1) * g
        v = beta2 * step.state["v"] + (1 - beta2) * (g * g)
        # Divided once for all weights: an array is multiplied faster than divided.
        m_hat = m * (1 / (1 - beta1**step.t)).astype(w.dtype)
        root = sqrt(v) * ((1 - beta2**step.t) ** -0.5).astype(w.dtype)
        return w - step.lr * m_hat / (root + step.options["eps"]), {"m": m, "v": v}
