"""LAMB. Place on the road: an algorithm of ``optim``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ops.composed import norm
from ..ops.elementwise import sqrt, where
from .optimizer import Optimizer, Step, Transform, Update
from .parameter_groups import Params, Rate
from .squarable import by_largest, squarable


class LAMB(Optimizer):
    """Adam whose step in each layer is a fraction of that layer's weights.

    Formula::

        m ← β₁ m + (1 − β₁) g           m̂ = m / (1 − β₁ᵗ)
        v ← β₂ v + (1 − β₂) g²          v̂ = v / (1 − β₂ᵗ)
        r = m̂ / (√v̂ + ε) + λ w
        w ← w − η (‖w‖ / ‖r‖) r

    where g = ∂L/∂w, m and v the first two moments (0 at first), t = 1, 2, … the step,
    β₁, β₂ = ``betas``, η = ``lr``, ε = ``eps``, λ = ``weight_decay``. A layer is a
    parameter, ‖·‖ the Euclidean norm of all its numbers, and the ratio is 1 where one
    of the norms is 0. η is the part of its length by which a layer moves, so that one
    learning rate serves large batches, in which layers differ more than steps do.

    Biases and gains, parameters of fewer than two axes, have the ratio 1: many begin at
    0, and could not leave it by fractions of themselves. The authors' code leaves them
    out likewise, and out of the decay: put them in a group with ``"weight_decay": 0.0``
    for that. φ of the paper is the identity. ``torch.optim`` does not have it.

    A finite gradient of more than 2⁶⁰ in float32 (2⁵⁰⁸ in float64) counts as that, so
    that its square is a number too; NaN and ±∞ make the weight NaN.

    Arguments:
        params: parameters or groups of them; without, a specification for ``cr.fit``.
        lr: η, a positive number or a schedule.
        betas: β₁ and β₂, each at least 0 and less than 1.
        eps: ε, positive.
        weight_decay: λ, at least 0.
        transforms: what is done to the gradients before the rule, in order.
        maximize: whether to climb, with −g in the place of g.

    Source: You et al., Large batch optimization for deep learning: training BERT in 76
    minutes (2020), algorithm 2.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> W = cr.parameter([[3.0, 4.0]])
        >>> optimizer = optim.LAMB([W], lr=0.1, weight_decay=0.0)
        >>> optimizer.step({W: [[100.0, 0.0]]})
        >>> W.numpy().round(4)  # a tenth of its length, 5
        array([[2.5, 4. ]], dtype=float32)
    """

    slots = ("m", "v")

    def __init__(
        self,
        params: Params | None = None,
        lr: Rate = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.01,
        transforms: Sequence[Transform] = (),
        maximize: bool = False,
    ) -> None:
        options = {"betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, lr, options, transforms, maximize)

    def rule(self, w: Any, g: Any, step: Step) -> Update:
        """Algorithm 2 of the paper."""
        beta1, beta2 = step.options["betas"]
        g = squarable(g)
        m = beta1 * step.state["m"] + (1 - beta1) * g
        v = beta2 * step.state["v"] + (1 - beta2) * (g * g)
        m_hat = m * (1 / (1 - beta1**step.t)).astype(w.dtype)
        root = sqrt(v) * ((1 - beta2**step.t) ** -0.5).astype(w.dtype)
        r = m_hat / (root + step.options["eps"]) + step.options["weight_decay"] * w
        return w - step.lr * trust_ratio(w, r) * r, {"m": m, "v": v}


def trust_ratio(w: Any, r: Any) -> Any:
    """‖w‖ / ‖r‖ of a layer; 1 where that says nothing."""
    if len(w.shape) < 2 or not w.size:
        return 1.0
    (top_w, w), (top_r, r) = by_largest(w), by_largest(r)
    of_w, of_r = norm(w), norm(r)
    unknown = (of_w == 0) | (of_r == 0)
    ratio = of_w / where(unknown, 1.0, of_r)
    return where(unknown, 1.0, top_w * ratio / top_r)
