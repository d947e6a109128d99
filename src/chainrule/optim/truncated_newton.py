"""Truncated Newton. Place on the road: an algorithm of ``optim``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from .evaluation import At, Line, Values
from .line_search import BACKTRACKING, LineSearch, Point
from .linear_cg import LinearCG
from .minimizer import Minimizer
from .parameter_groups import Params
from .products import hessian_product

#: γ and α of the forcing terms, and the largest of them.
GAMMA, ALPHA, LARGEST = 0.9, (1 + math.sqrt(5)) / 2, 0.5


class TruncatedNewton(Minimizer):
    """Newton's method for many weights: conjugate gradients find the step, and stop
    early.

    Formula: w ← w + α d, where d is what linear conjugate gradients have made of H d =
    −∇L when ‖H d + ∇L‖ ≤ η ‖∇L‖, or when they meet a direction p with pᵀH p ≤ 0: d is
    then what they had before, or −∇L at the first. An iteration of theirs is one
    product H p; the Hessian is never formed. η is coarse far from a minimum and fine
    near one, where convergence is faster than linear:

        ηₖ = γ (‖∇Lₖ‖ / ‖∇Lₖ₋₁‖)^φ, at least γ ηₖ₋₁^φ while that is above 0.1, with γ =
        0.9, φ = (1 + √5) / 2, and η₀ = 0.5, its largest value.

    Arguments:
        params: parameters, or groups of them with an "l2" of their own; without, a
            specification for ``cr.fit``.
        most_products: how many products an iteration has, at most (about: they come in
            loops of four).
        line_search: how α is found, from α = 1 on.
        l2: λ, of a penalty λ/2 ‖w‖² that is part of what is minimised.
        gradient_tolerance: it has converged where no |∂L/∂w| is larger.
        loss_tolerance: it has converged where an iteration lowers the loss by less than
            this part of it. With 0, only where it changes no more than by rounding.
        maximize: whether to climb.

    Source: Dembo & Steihaug, Truncated-Newton algorithms for large-scale unconstrained
    optimization (1983); Nocedal & Wright, Numerical Optimization (2006), algorithm 7.1;
    η by Eisenstat & Walker, Choosing the forcing terms in an inexact Newton method
    (1996), choice 2, with the largest |∂L/∂w| as norm.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter([-1.2, 1.0])
        >>> def rosenbrock():
        ...     return 100 * (w[1] - w[0] ** 2) ** 2 + (1 - w[0]) ** 2
        >>> last = optim.TruncatedNewton([w], gradient_tolerance=1e-3).minimize(
        ...     rosenbrock
        ... )
        >>> w.numpy().round(2)
        array([1., 1.], dtype=float32)
    """

    numbers: ClassVar[Mapping[str, float]] = {"forcing": LARGEST, "norm": math.inf}

    def __init__(
        self,
        params: Params | None = None,
        *,
        most_products: int = 250,
        line_search: LineSearch = BACKTRACKING,
        l2: float = 0.0,
        gradient_tolerance: float = 1e-5,
        loss_tolerance: float = 0.0,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {"most_products": most_products},
            line_search=line_search,
            l2=l2,
            gradient_tolerance=gradient_tolerance,
            loss_tolerance=loss_tolerance,
            maximize=maximize,
        )

    def go(self, start: Point, data: tuple[Any, ...]) -> tuple[Point, str]:
        """Conjugate gradients, and a line search along what they found."""
        solver = self._solver()
        tolerance = self._forcing()
        done, first = 0, True
        while first or done < self.options["most_products"]:
            progress = solver.run(first, tolerance, 0.0, data)
            made = sum(each.made for each in progress)
            done, first = done + made, False
            if made < len(progress) or progress[-1].residual <= tolerance:
                break
        self._now.products += done
        return super().go(start, data)

    def _forcing(self) -> float:
        """η of this iteration."""
        now, last = self._now, self._now.numbers
        if now.fresh:
            last["forcing"], last["norm"] = LARGEST, math.inf
        eta = LARGEST
        if math.isfinite(last["norm"]):
            eta = GAMMA * (now.gradient_norm / last["norm"]) ** ALPHA
            before = GAMMA * last["forcing"] ** ALPHA
            eta = min(LARGEST, max(eta, before) if before > 0.1 else eta)
        last["forcing"], last["norm"] = eta, now.gradient_norm
        return eta

    def _solver(self) -> LinearCG:
        """The solver of this objective and these parameters."""
        programs = self._programs
        if programs.own is None or programs.own.weights != self.trained():
            programs.own = LinearCG(self, programs, hessian_product, loop=4)
        own: LinearCG = programs.own
        return own

    def direction(self, at: At) -> tuple[Values, Mapping[str, Values]]:
        """What conjugate gradients have found."""
        return {w: each.read() for w, each in self._solver().x.items()}, {}

    def first_step(self, line: Line) -> Any:
        """1, Newton's step."""
        return line.begins_with(1.0, line.own)
