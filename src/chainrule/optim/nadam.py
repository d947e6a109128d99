"""Nadam. Place on the road: an algorithm of ``optim``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph import Array
from ..ops.elementwise import sqrt
from .hyperparameters import Options
from .optimizer import Optimizer, Step, Transform, Update
from .parameter_groups import RATE_DTYPE, Params, Rate
from .squarable import squarable


class Nadam(Optimizer):
    """Adam with Nesterov's look ahead: the momentum of the next step is used in this.

    Formula::

        μᵢ = β₁ (1 − ½ · 0.96^(ψi))      P = μ₁ μ₂ … μₜ
        m ← β₁ m + (1 − β₁) g
        v ← β₂ v + (1 − β₂) g²           v̂ = v / (1 − β₂ᵗ)
        m̂ = μₜ₊₁ m / (1 − P μₜ₊₁) + (1 − μₜ) g / (1 − P)
        w ← w − η m̂ / (√v̂ + ε)

    where g = ∂L/∂w, m and v the first two moments (0 at first), t = 1, 2, … the step,
    β₁, β₂ = ``betas``, ψ = ``momentum_decay``, η = ``lr``, ε = ``eps``. μ and its
    product are computed in float64.

    As in PyTorch and Keras, m is Adam's. The paper has μₜ in the place of β₁ there too,
    and v̂ = β₂ v / (1 − β₂ᵗ). With PyTorch's ``decoupled_weight_decay``, there is none
    here: ``transforms=[optim.L2(λ)]`` is its ``weight_decay=λ``.

    A finite gradient of more than 2⁶⁰ in float32 (2⁵⁰⁸ in float64) counts as that, so
    that its square is a number too; NaN and ±∞ make the weight NaN.

    Arguments:
        params: parameters or groups of them; without, a specification for ``cr.fit``.
        lr: η, a positive number or a schedule.
        betas: β₁ and β₂, each at least 0 and less than 1.
        eps: ε, positive.
        momentum_decay: ψ, at least 0: how fast μ rises from β₁/2 to β₁.
        transforms: what is done to the gradients before the rule, in order.
        maximize: whether to climb, with −g in the place of g.

    Source: Dozat, Incorporating Nesterov momentum into Adam (2016), algorithm 2.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter([1.0, 1.0])
        >>> optimizer = optim.Nadam([w], lr=0.25)
        >>> optimizer.step({w: [100.0, 0.01]})
        >>> w.numpy().round(4)
        array([0.7359, 0.7359], dtype=float32)
    """

    slots = ("m", "v", "mu_product")

    def __init__(
        self,
        params: Params | None = None,
        lr: Rate = 0.002,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        momentum_decay: float = 0.004,
        transforms: Sequence[Transform] = (),
        maximize: bool = False,
    ) -> None:
        options = {"betas": betas, "eps": eps, "momentum_decay": momentum_decay}
        super().__init__(params, lr, options, transforms, maximize)

    def first_state(self, slot: str, w: Any, options: Options) -> Array:
        """P is one number, 1 at first."""
        if slot == "mu_product":
            return np.ones((), RATE_DTYPE)
        return super().first_state(slot, w, options)

    def rule(self, w: Any, g: Any, step: Step) -> Update:
        """Algorithm 2 of the paper, with Adam's m."""
        (beta1, beta2), psi = step.options["betas"], step.options["momentum_decay"]
        g, t = squarable(g), step.t
        mu = beta1 * (1 - 0.5 * 0.96 ** (psi * t))
        mu_next = beta1 * (1 - 0.5 * 0.96 ** (psi * (t + 1)))
        product = step.state["mu_product"] * mu
        m = beta1 * step.state["m"] + (1 - beta1) * g
        v = beta2 * step.state["v"] + (1 - beta2) * (g * g)
        of_m = (mu_next / (1 - product * mu_next)).astype(w.dtype)
        of_g = ((1 - mu) / (1 - product)).astype(w.dtype)
        root = sqrt(v) * ((1 - beta2**t) ** -0.5).astype(w.dtype)
        new_w = w - step.lr * (of_m * m + of_g * g) / (root + step.options["eps"])
        return new_w, {"m": m, "v": v, "mu_product": product}
