"""AMSGrad. Place on the road: an algorithm of ``optim``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ops.elementwise import maximum, sqrt
from .optimizer import Optimizer, Step, Transform, Update
from .parameter_groups import Params, Rate
from .squarable import squarable


class AMSGrad(Optimizer):
    """Adam that never forgets a large gradient: its divisor does not shrink.

    Formula::

        m ← β₁ m + (1 − β₁) g           m̂ = m / (1 − β₁ᵗ)
        v ← β₂ v + (1 − β₂) g²
        u ← max(u, v)                   û = u / (1 − β₂ᵗ)
        w ← w − η m̂ / (√û + ε)

    where g = ∂L/∂w, m, v and u are 0 at first, t = 1, 2, … the step, β₁, β₂ =
    ``betas``, η = ``lr``, ε = ``eps``. Where gradients that matter are rare, Adam's v
    has forgotten them when the next one comes, and its steps can lead away from the
    minimum; the paper shows a convex problem where they do.

    The paper does not correct m and u for having begun at 0, and has no ε; this is
    PyTorch's ``Adam(amsgrad=True)``.

    A finite gradient of more than 2⁶⁰ in float32 (2⁵⁰⁸ in float64) counts as that, so
    that its square is a number too; but u keeps it, and the weight hardly moves any
    more. NaN and ±∞ make the weight NaN.

    Arguments:
        params: parameters or groups of them; without, a specification for ``cr.fit``.
        lr: η, a positive number or a schedule.
        betas: β₁ and β₂, each at least 0 and less than 1.
        eps: ε, positive.
        transforms: what is done to the gradients before the rule, in order.
        maximize: whether to climb, with −g in the place of g.

    Source: Reddi, Kale & Kumar, On the convergence of Adam and beyond (2018),
    algorithm 2.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter([1.0, 1.0])
        >>> optimizer = optim.AMSGrad([w], lr=0.25)
        >>> optimizer.step({w: [100.0, 0.01]})
        >>> w.numpy().round(4)
        array([0.75, 0.75], dtype=float32)
    """

    slots = ("m", "v", "largest_v")

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
        options = {"betas": betas, "eps": eps}
        super().__init__(params, lr, options, transforms, maximize)

    def rule(self, w: Any, g: Any, step: Step) -> Update:
        """Algorithm 2 of the paper, with Adam's corrections."""
        beta1, beta2 = step.options["betas"]
        g = squarable(g)
        m = beta1 * step.state["m"] + (1 - beta1) * g
        v = beta2 * step.state["v"] + (1 - beta2) * (g * g)
        u = maximum(step.state["largest_v"], v)
        m_hat = m * (1 / (1 - beta1**step.t)).astype(w.dtype)
        root = sqrt(u) * ((1 - beta2**step.t) ** -0.5).astype(w.dtype)
        new_w = w - step.lr * m_hat / (root + step.options["eps"])
        return new_w, {"m": m, "v": v, "largest_v": u}
