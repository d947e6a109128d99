"""Adadelta. Place on the road: an algorithm of ``optim``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ops.elementwise import sqrt
from .optimizer import Optimizer, Step, Transform, Update
from .parameter_groups import Params, Rate
from .squarable import squarable


class Adadelta(Optimizer):
    """Steps in the units of the weights: as large as the last ones, for every weight.

    Formula::

        s ← ρ s + (1 − ρ) g²
        d ← √(u + ε) / √(s + ε) · g
        u ← ρ u + (1 − ρ) d²
        w ← w − η d

    where g = ∂L/∂w, s and u the running mean squares of gradients and of steps (0 at
    first), ρ = ``rho``, ε = ``eps``, η = ``lr``.

    The paper has no learning rate: η = 1 is its algorithm. ε decides how large the
    first steps are, about √ε, and where the rule starts slowly, a larger one helps. The
    paper tries ρ = 0.95; names and values here are PyTorch's.

    A finite gradient of more than 2⁶⁰ in float32 (2⁵⁰⁸ in float64) counts as that, so
    that its square is a number too; NaN and ±∞ make the weight NaN.

    Arguments:
        params: parameters or groups of them; without, a specification for ``cr.fit``.
        lr: η, a positive number or a schedule.
        rho: ρ, at least 0 and less than 1.
        eps: ε, positive.
        transforms: what is done to the gradients before the rule, in order.
        maximize: whether to climb, with −g in the place of g.

    Source: Zeiler, ADADELTA: an adaptive learning rate method (2012), algorithm 1.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter([1.0, 1.0])
        >>> optimizer = optim.Adadelta([w], rho=0.75, eps=1e-4)
        >>> optimizer.step({w: [100.0, 1.0]})
        >>> w.numpy().round(4)
        array([0.98, 0.98], dtype=float32)
    """

    slots = ("mean_square", "mean_square_step")

    def __init__(
        self,
        params: Params | None = None,
        lr: Rate = 1.0,
        *,
        rho: float = 0.9,
        eps: float = 1e-6,
        transforms: Sequence[Transform] = (),
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, {"rho": rho, "eps": eps}, transforms, maximize)

    def rule(self, w: Any, g: Any, step: Step) -> Update:
        """Algorithm 1 of the paper; the step d without its sign."""
        rho, eps, g = step.options["rho"], step.options["eps"], squarable(g)
        u = step.state["mean_square_step"]
        s = rho * step.state["mean_square"] + (1 - rho) * (g * g)
        d = sqrt(u + eps) / sqrt(s + eps) * g
        u = rho * u + (1 - rho) * (d * d)
        return w - step.lr * d, {"mean_square": s, "mean_square_step": u}
