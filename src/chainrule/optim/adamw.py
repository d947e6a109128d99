"""AdamW. Place on the road: an algorithm of ``optim``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ops.elementwise import sqrt
from .optimizer import Optimizer, Step, Transform, Update
from .parameter_groups import Params, Rate
from .squarable import squarable


class AdamW(Optimizer):
    """Adam with decoupled weight decay: the decay is not divided by √v̂.

    Formula::

        m ← β₁ m + (1 − β₁) g           m̂ = m / (1 − β₁ᵗ)
        v ← β₂ v + (1 − β₂) g²          v̂ = v / (1 − β₂ᵗ)
        w ← w − η (m̂ / (√v̂ + ε) + λ w)

    where g = ∂L/∂w, m and v the first two moments (0 at first), t = 1, 2, … the step,
    β₁, β₂ = ``betas``, η = ``lr``, ε = ``eps``, λ = ``weight_decay``.

    As in PyTorch the decay is multiplied by the whole learning rate. The paper splits
    it in a base α and a schedule ηₜ, and multiplies the decay by ηₜ alone: its λ is lr
    · λ here.

    A finite gradient of more than 2⁶⁰ in float32 (2⁵⁰⁸ in float64) counts as that, so
    that its square is a number too; NaN and ±∞ make the weight NaN.

    Biases and normalisation gains are usually not decayed: put them in a group with
    ``"weight_decay": 0.0``.

    Arguments:
        params: parameters or groups of them; without, a specification for ``cr.fit``.
        lr: η, a positive number or a schedule.
        betas: β₁ and β₂, each at least 0 and less than 1.
        eps: ε, positive.
        weight_decay: λ, at least 0.
        transforms: what is done to the gradients before the rule, in order.
        maximize: whether to climb, with −g in the place of g.

    Source: Loshchilov & Hutter, Decoupled weight decay regularization (2019),
    algorithm 2.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter(2.0)
        >>> optimizer = optim.AdamW([w], lr=0.5, weight_decay=0.25)
        >>> optimizer.step({w: 0.0})
        >>> w.item()  # 2 − 0.5·0.25·2
        1.75
    """

    slots = ("m", "v")

    def __init__(
        self,
        params: Params | None = None,
        lr: Rate = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        transforms: Sequence[Transform] = (),
        maximize: bool = False,
    ) -> None:
        options = {"betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, lr, options, transforms, maximize)

    def rule(self, w: Any, g: Any, step: Step) -> Update:
        """Algorithm 2 of the paper, with λ multiplied by η."""
        beta1, beta2 = step.options["betas"]
        g = squarable(g)
        m = beta1 * step.state["m"] + (1 - beta1) * g
        v = beta2 * step.state["v"] + (1 - beta2) * (g * g)
        # Divided once for all weights: an array is multiplied faster than divided.
        m_hat = m * (1 / (1 - beta1**step.t)).astype(w.dtype)
        root = sqrt(v) * ((1 - beta2**step.t) ** -0.5).astype(w.dtype)
        change = m_hat / (root + step.options["eps"]) + step.options["weight_decay"] * w
        return w - step.lr * change, {"m": m, "v": v}
