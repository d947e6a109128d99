"""Nonlinear conjugate gradient. Place on the road: an algorithm of ``optim``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..ops.elementwise import maximum, where
from .evaluation import At, Line, Values, inner, largest, scaled
from .line_search import LineSearch, StrongWolfe
from .minimizer import Minimizer
from .parameter_groups import Params

#: The line search that it has unless it is given one: steps that are nearly exact.
EXACT = StrongWolfe(decrease=1e-4, curvature=0.1)


def fletcher_reeves(g: Values, before: Values, d: Values) -> Any:
    """β = gᵀg / g₀ᵀg₀."""
    return inner(g, g) / inner(before, before)


def polak_ribiere(g: Values, before: Values, d: Values) -> Any:
    """β = max(0, gᵀy / g₀ᵀg₀)."""
    y = {w: g[w] - before[w] for w in g}
    return maximum(inner(g, y) / inner(before, before), 0.0)


def hestenes_stiefel(g: Values, before: Values, d: Values) -> Any:
    """β = max(0, gᵀy / dᵀy)."""
    y = {w: g[w] - before[w] for w in g}
    return maximum(inner(g, y) / inner(d, y), 0.0)


#: name → β, from the gradient, the one before, and the last direction.
FORMULAS: Mapping[str, Callable[[Values, Values, Values], Any]] = {
    "polak_ribiere+": polak_ribiere,
    "fletcher_reeves": fletcher_reeves,
    "hestenes_stiefel": hestenes_stiefel,
}


class ConjugateGradient(Minimizer):
    """Steepest descent that does not undo what the steps before have done.

    Formula: d = −g + β d₀, where d₀ is the last direction, g₀ the gradient before it,
    y = g − g₀, and β by ``formula``::

        fletcher_reeves    gᵀg / g₀ᵀg₀
        polak_ribiere+     max(0, gᵀy / g₀ᵀg₀)
        hestenes_stiefel   max(0, gᵀy / d₀ᵀy)

    On a quadratic bowl all are the same, and n exact steps reach the minimum in n
    dimensions. Where the loss does not fall along d, it starts anew with −g; β = 0 does
    the same by itself. It remembers two vectors, L-BFGS twenty.

    Arguments:
        params: parameters, or groups of them with an "l2" of their own; without, a
            specification for ``cr.fit``.
        formula: which β, a name.
        line_search: how α is found.
        l2: λ, of a penalty λ/2 ‖w‖² that is part of what is minimised.
        gradient_tolerance: it has converged where no |∂L/∂w| is larger.
        loss_tolerance: it has converged where an iteration lowers the loss by less than
            this part of it. With 0, only where it changes no more than by rounding.
        maximize: whether to climb.

    Source: Fletcher & Reeves, Function minimization by conjugate gradients (1964);
    Polak & Ribière (1969); Hestenes & Stiefel, Methods of conjugate gradients for
    solving linear systems (1952); with max(0, …), Gilbert & Nocedal, Global convergence
    properties of conjugate gradient methods for optimization (1992).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter([3.0, -2.0], dtype="float64")
        >>> optimizer = optim.ConjugateGradient([w])
        >>> last = optimizer.minimize(lambda: (cr.tensor([1.0, 9.0]) * w * w).sum())
        >>> w.numpy().round(4) + 0.0, optimizer.num_steps < 10
        (array([0., 0.]), True)
    """

    slots = ("previous",)
    choices = {"formula": tuple(FORMULAS)}  # noqa: RUF012 (as the base says)

    def __init__(
        self,
        params: Params | None = None,
        *,
        formula: str = "polak_ribiere+",
        line_search: LineSearch = EXACT,
        l2: float = 0.0,
        gradient_tolerance: float = 1e-5,
        loss_tolerance: float = 0.0,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {"formula": formula},
            line_search=line_search,
            l2=l2,
            gradient_tolerance=gradient_tolerance,
            loss_tolerance=loss_tolerance,
            maximize=maximize,
        )

    def direction(self, at: At) -> tuple[Values, Mapping[str, Any]]:
        """−g + β d₀, divided by ‖g‖∞ so that no square is too large or too small."""
        g, before = at.gradient, at.state("previous")
        size = largest(g)
        last = scaled(largest(before) / size, at.state("direction"))
        small, before = scaled(1.0 / size, g), scaled(1.0 / size, before)
        beta = FORMULAS[self.options["formula"]](small, before, last)
        along = scaled(where(at.fresh, 0.0, beta), last)
        way = {w: where(at.fresh, -small[w], along[w] - small[w]) for w in g}
        return way, {"previous": g}

    def first_step(self, line: Line) -> Any:
        """As far as the last step, to first order."""
        step = line.last_step * line.last_slope / line.slope
        return line.begins_with(step, ~line.fresh & (line.last_step > 0))
