"""Gradient descent: w ← w − η∇w. Place on the road: an algorithm of ``optim``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from .optimizer import Optimizer, Step, Transform, Update
from .parameter_groups import Params, Rate


class SGD(Optimizer):
    """Gradient descent, full-batch, stochastic or by mini-batches.

    Formula::

        w ← w − η g

    where g = ∂L/∂w, η = ``lr``. The three kinds differ only in what the loss L averages
    over: all samples (batch gradient descent), one (stochastic), or some, drawn anew
    for each step (mini-batch). The step is the same.

    With a fixed η the iterates of the stochastic kinds do not settle at a minimum: they
    keep moving around it, at a distance that shrinks with η. A schedule that decreases
    η lets them converge.

    Momentum and Nesterov's look-ahead are ``optim.Momentum`` and ``optim.Nesterov``;
    weight decay is ``transforms=[optim.L2(λ)]``.

    Arguments:
        params: parameters or groups of them; without, a specification for ``cr.fit``.
        lr: η, a positive number or a schedule.
        transforms: what is done to the gradients before the rule, in order.
        maximize: whether to climb, with −g in the place of g.

    Source: Cauchy (1847); Robbins & Monro, A stochastic approximation method (1951).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter(3.0)
        >>> optimizer = optim.SGD([w], lr=0.25)
        >>> optimizer.step(cr.backprop(w * w))
        >>> w.item()
        1.5
    """

    by_rows: ClassVar[bool] = True

    def __init__(
        self,
        params: Params | None = None,
        lr: Rate = 0.01,
        *,
        transforms: Sequence[Transform] = (),
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, {}, transforms, maximize)

    def rule(self, w: Any, g: Any, step: Step) -> Update:
        """w ← w − ηg."""
        return w - step.lr * g, {}
