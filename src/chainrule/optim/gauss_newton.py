"""Gauss and Newton's method. Place on the road: an algorithm of ``optim``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ArgumentError
from ..ops.elementwise import where
from .evaluation import At, Line, Values, Way
from .line_search import BACKTRACKING, LineSearch
from .minimizer import Minimizer
from .parameter_groups import Params
from .products import (
    check_composed,
    check_dense,
    dense,
    flat,
    gauss_newton_product,
    unflat,
)
from .spectrum import Spectrum, column_scale, rounding


class GaussNewton(Minimizer):
    """Newton's method with the curvature of the loss alone: for small networks.

    Formula: w ← w − α G⁺ ∇L, with G = Jᵀ H J, J = ∂z/∂w of the outputs z, and H =
    ∂²ℓ/∂z² of their loss, which must be convex. For least squares, G = 2 JᵀJ, and the
    step is that of the linear problem min ‖r + J d‖. G has no negative eigenvalues: the
    loss falls along the step. Where G is singular, G⁺ gives the shortest of all steps
    (with weights measured by the lengths of J's columns).

    ``LevenbergMarquardt`` is the same with a damping instead of a line search, and the
    safer choice; ``HessianFree`` is for more than a thousand weights.

    Arguments:
        params: parameters, or groups of them with an "l2" of their own; without, a
            specification for ``cr.fit``.
        line_search: how α is found, from α = 1 on.
        l2: λ, of a penalty λ/2 ‖w‖² that is part of what is minimised, and of G.
        gradient_tolerance: it has converged where no |∂L/∂w| is larger.
        loss_tolerance: it has converged where an iteration lowers the loss by less than
            this part of it. With 0, only where it changes no more than by rounding.
        maximize: whether to climb; then the loss must be concave.

    Raises:
        ArgumentError: in ``step``, for an objective that is no ``Composed``, a network
            whose matrix would not fit, or a loss that is not convex.

    Source: Gauss, Theoria motus (1809); Schraudolph, Fast curvature matrix-vector
    products (2002), for losses other than squares.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter([-1.2, 1.0])
        >>> rosenbrock = optim.Composed(
        ...     lambda: cr.stack([10 * (w[1] - w[0] ** 2), 1 - w[0]]),
        ...     lambda r: (r**2).sum(),
        ... )
        >>> last = optim.GaussNewton([w]).minimize(rosenbrock)
        >>> w.numpy().round(5)
        array([1., 1.], dtype=float32)
    """

    looks_again = True

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

    def check(self, objective: Any) -> None:
        """Refuses also what is no ``Composed``, and a matrix that would not fit."""
        name = type(self).__name__
        check_composed(name, objective)
        check_dense(name, "the matrix Jᵀ H J", self.trained())

    def direction(self, at: At) -> tuple[Values, Mapping[str, Values]]:
        """d = −G⁺ ∇L."""
        weights = list(at.gradient)
        G = dense(gauss_newton_product(at), weights)
        g = flat(at.gradient)
        spectrum = Spectrum.of(G, column_scale(G))
        values, eps = spectrum.values, rounding(weights)
        curved = values > g.shape[0] * eps * spectrum.largest
        c = where(curved, spectrum.coordinates(g) / where(curved, values, 1.0), 0.0)
        at.numbers["products"] = g.shape[0] + 0 * spectrum.largest
        at.numbers["lowest"] = values[0]
        at.numbers["highest"] = spectrum.largest
        return unflat(-spectrum.vector(c), weights), {}

    def directed(self, data: tuple[Any, ...]) -> Way:
        """The direction, where the loss of the outputs is convex."""
        way = super().directed(data)
        figures = way.figures
        refuse_concave(self, figures["lowest"], figures["highest"])
        return way

    def first_step(self, line: Line) -> Any:
        """1, the step to the minimum of the linear problem."""
        return line.begins_with(1.0, line.own)


def refuse_concave(owner: Minimizer, lowest: float, highest: float) -> None:
    """An error where G has an eigenvalue below 0, by more than rounding.

    Raises:
        ArgumentError: saying that the loss is not convex.
    """
    if lowest < -(rounding(owner.trained()) ** 0.5) * max(highest, 0.0) or highest < 0:
        sort = "concave" if owner.climbs else "convex"
        turned = "maximize=True: " if owner.climbs else ""
        raise ArgumentError(
            f"{type(owner).__name__}.step: {turned}the loss, as a function of the "
            f"outputs, is not {sort}: Jᵀ H J has the curvature {lowest:.3g}, and a "
            "step by it may lead nowhere",
            fix="optim.Newton(kind='saddle_free') or optim.TruncatedNewton(), or move "
            "what is not convex from the loss to the outputs",
        )
