"""Gradient descent. Place on the road: an algorithm of ``optim``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .evaluation import At, Line, Values
from .line_search import BACKTRACKING, LineSearch
from .minimizer import Minimizer
from .parameter_groups import Params


class GradientDescent(Minimizer):
    """Steepest descent on all examples, each step as long as the loss allows.

    Formula: w ← w − α ∇L, where α is found by a line search in every step: it begins
    with twice the last one and is made shorter until the loss falls enough. No learning
    rate is chosen, and the loss never rises. ``optim.SGD`` is the same with a fixed α
    and a part of the examples in each step.

    Arguments:
        params: parameters, or groups of them with an "l2" of their own; without, a
            specification for ``cr.fit``.
        line_search: how α is found.
        l2: λ, of a penalty λ/2 ‖w‖² that is part of what is minimised.
        gradient_tolerance: it has converged where no |∂L/∂w| is larger.
        loss_tolerance: it has converged where an iteration lowers the loss by less than
            this part of it. With 0, only where it changes no more than by rounding.
        maximize: whether to climb.

    Source: Cauchy, Méthode générale pour la résolution des systèmes d'équations
    simultanées (1847); the step by Armijo (1966).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter([1.0, 1.0])
        >>> optimizer = optim.GradientDescent([w])
        >>> steps = [optimizer.step(lambda: (w * w).sum()) for _ in range(2)]
        >>> steps[1].loss < steps[0].loss, optimizer.num_steps
        (True, 2)
    """

    def __init__(
        self,
        params: Params | None = None,
        *,
        line_search: LineSearch = BACKTRACKING,
        l2: float = 0.0,
        gradient_tolerance: float = 1e-5,
        loss_tolerance: float = 0.0,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            line_search=line_search,
            l2=l2,
            gradient_tolerance=gradient_tolerance,
            loss_tolerance=loss_tolerance,
            maximize=maximize,
        )

    def direction(self, at: At) -> tuple[Values, Mapping[str, Values]]:
        """d = −g."""
        return {w: -g for w, g in at.gradient.items()}, {}

    def first_step(self, line: Line) -> Any:
        """Twice the last one; at first, a step of length 1."""
        return line.begins_with(2.0 * line.last_step, line.last_step > 0)
