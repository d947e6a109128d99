"""Nesterov's accelerated gradient. Place on the road: an algorithm of ``optim``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .optimizer import Optimizer, Step, Transform, Update
from .parameter_groups import Params, Rate


class Nesterov(Optimizer):
    """Momentum with a look ahead: the gradient is taken where the ball will be.

    Formula::

        v ← μ v + g
        w ← w − η (g + μ v)

    where g = ∂L/∂w, v the velocity (0 at first), μ = ``momentum``, η = ``lr``.

    As published, the gradient is taken at the look-ahead point θ + μ u, with u the last
    step: u ← μ u − η ∇L(θ + μ u), θ ← θ + u. Here w is that point itself, w = θ + μ u,
    so that the gradient at the parameters is the one that is needed; with a constant η
    both walk the same path (u = −η v). It is PyTorch's ``SGD(momentum=μ,
    nesterov=True)``.

    Arguments:
        params: parameters or groups of them; without, a specification for ``cr.fit``.
        lr: η, a positive number or a schedule.
        momentum: μ, at least 0 and less than 1.
        transforms: what is done to the gradients before the rule, in order.
        maximize: whether to climb, with −g in the place of g.

    Source: Nesterov (1983); the form in u, Sutskever et al., On the importance of
    initialization and momentum in deep learning (2013), eqs. 3–4; the form in w,
    Bengio, Boulanger-Lewandowski & Pascanu, Advances in optimizing recurrent networks
    (2013).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter(8.0)
        >>> optimizer = optim.Nesterov([w], lr=0.5, momentum=0.5)
        >>> optimizer.step({w: 4.0})
        >>> w.item()  # 8 − 0.5·(4 + 0.5·4)
        5.0
    """

    slots = ("velocity",)

    def __init__(
        self,
        params: Params | None = None,
        lr: Rate = 0.01,
        *,
        momentum: float = 0.9,
        transforms: Sequence[Transform] = (),
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, {"momentum": momentum}, transforms, maximize)

    def rule(self, w: Any, g: Any, step: Step) -> Update:
        """v ← μv + g;  w ← w − η(g + μv)."""
        mu = step.options["momentum"]
        v = mu * step.state["velocity"] + g
        return w - step.lr * (g + mu * v), {"velocity": v}
