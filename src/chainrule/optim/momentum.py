"""Gradient descent with momentum. Place on the road: an algorithm of ``optim``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .optimizer import Optimizer, Step, Transform, Update
from .parameter_groups import Params, Rate


class Momentum(Optimizer):
    """The heavy ball: the step is a running sum of gradients.

    Formula::

        v ← μ v + g
        w ← w − η v

    where g = ∂L/∂w, v the velocity (0 at first), μ = ``momentum``, η = ``lr``.

    This is PyTorch's convention. Textbooks also write v ← μ v − η g, w ← w + v. With a
    constant η the two give the same weights (v there is −η v here); where η changes,
    here the whole step follows at once, there only the newest gradient's part of it.

    Arguments:
        params: parameters or groups of them; without, a specification for ``cr.fit``.
        lr: η, a positive number or a schedule.
        momentum: μ, at least 0 and less than 1.
        transforms: what is done to the gradients before the rule, in order.
        maximize: whether to climb, with −g in the place of g.

    Source: Polyak, Some methods of speeding up the convergence of iteration methods
    (1964), eq. 9.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter(8.0)
        >>> optimizer = optim.Momentum([w], lr=0.5, momentum=0.5)
        >>> for _ in range(2):
        ...     optimizer.step({w: 4.0})
        >>> w.item()  # 8 − 0.5·4 − 0.5·(0.5·4 + 4)
        3.0
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
        """v ← μv + g;  w ← w − ηv."""
        v = step.options["momentum"] * step.state["velocity"] + g
        return w - step.lr * v, {"velocity": v}
