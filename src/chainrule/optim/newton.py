"""Newton's method for small networks. Place on the road: an algorithm of ``optim``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from ..ops.elementwise import maximum, where
from .evaluation import At, Line, Values
from .line_search import BACKTRACKING, LineSearch, Point
from .minimizer import Minimizer
from .parameter_groups import Params
from .products import check_dense, dense, flat, hessian_product, unflat
from .spectrum import Spectrum, rounding

KINDS = "damped", "exact", "saddle_free"


class Newton(Minimizer):
    """Newton's method with the whole Hessian, for some hundreds of weights.

    Formula: w ← w − α H̃⁻¹ ∇L, with H = ∇²L = Q diag(λ) Qᵀ and

    - "damped": H̃ = H + τI, where τ is 0 if H is positive definite, and otherwise makes
      its smallest eigenvalue 10⁻³ max |λ|; α by the line search. Far from a minimum the
      loss falls in every step; near one, the number of correct digits doubles.
    - "saddle_free": H̃ = |H| = Q diag(max(|λ|, δ)) Qᵀ; α by the line search. Directions
      of negative curvature, which Newton's step climbs, are followed downhill, the
      faster the flatter: it leaves saddles.
    - "exact": H̃ = H, α = 1, as in the textbook: it goes to a point where ∇L = 0, be it
      a minimum, a maximum or a saddle, and may make the loss larger.

    δ = √ε max |λ|, with ε of the weights' dtype. The Hessian is found by n products
    with unit vectors, H takes 8 n² bytes, and its eigenvalues some 10 n³ operations: a
    second for a thousand weights. For more, see ``TruncatedNewton``.

    Arguments:
        params: parameters, or groups of them with an "l2" of their own; without, a
            specification for ``cr.fit``.
        kind: "damped", "saddle_free" or "exact".
        line_search: how α is found; "exact" has none.
        l2: λ, of a penalty λ/2 ‖w‖² that is part of what is minimised.
        gradient_tolerance: it has converged where no |∂L/∂w| is larger.
        loss_tolerance: it has converged where an iteration lowers the loss by less than
            this part of it. With 0, only where it changes no more than by rounding.
        maximize: whether to climb.

    Raises:
        OptionError: for another kind.
        ArgumentError: in ``step``, for a network whose Hessian would not fit.

    Source: Nocedal & Wright, Numerical Optimization (2006), 3.4; Dauphin et al.,
    Identifying and attacking the saddle point problem (2014).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter([3.0, -2.0])
        >>> optimizer = optim.Newton([w])
        >>> bowl = lambda: w[0] ** 2 + 10 * w[1] ** 2 + w[0] * w[1]
        >>> optimizer.step(bowl).step_length, w.numpy().round(6) + 0
        (1.0, array([0., 0.], dtype=float32))
    """

    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"kind": KINDS}
    looks_again = True

    def __init__(
        self,
        params: Params | None = None,
        *,
        kind: Literal["damped", "saddle_free", "exact"] = "damped",
        line_search: LineSearch = BACKTRACKING,
        l2: float = 0.0,
        gradient_tolerance: float = 1e-5,
        loss_tolerance: float = 0.0,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {"kind": kind},
            line_search=line_search,
            l2=l2,
            gradient_tolerance=gradient_tolerance,
            loss_tolerance=loss_tolerance,
            maximize=maximize,
        )

    def check(self, objective: Any) -> None:
        """Refuses also a network whose Hessian would not fit."""
        super().check(objective)
        check_dense("Newton", "the Hessian", self.trained())

    @property
    def descends(self) -> bool:
        """Whether steepest descent takes the place of a step that climbs."""
        return bool(self.options["kind"] != "exact")

    def direction(self, at: At) -> tuple[Values, Mapping[str, Values]]:
        """d = −Q (Qᵀ∇L / λ̃)."""
        weights = list(at.gradient)
        H = dense(hessian_product(at), weights)
        g = flat(at.gradient)
        spectrum = Spectrum.of(H)
        values, largest = spectrum.values, spectrum.largest
        eps = rounding(weights)
        least = eps**0.5 * largest
        kind = self.options["kind"]
        if kind == "damped":
            missing = 1e-3 * largest - values[0]
            values = values + where(values[0] > eps * largest, 0.0, missing)
        elif kind == "saddle_free":
            values = maximum(abs(values), least)
        else:  # a direction without curvature is left alone
            values = where(abs(values) > eps * largest, values, math.inf)
        d = -spectrum.vector(spectrum.coordinates(g) / values)
        at.numbers["products"] = g.shape[0] + 0 * largest
        return unflat(d, weights), {}

    def first_step(self, line: Line) -> Any:
        """1, Newton's step."""
        return line.begins_with(1.0, line.own)

    def go(self, start: Point, data: tuple[Any, ...]) -> tuple[Point, str]:
        """A line search along d; "exact" goes the whole way."""
        if self.options["kind"] != "exact":
            return super().go(start, data)
        self.directed(data)
        point = self.evaluated(1.0, data)
        if point.finite:
            return point, ""
        self.evaluated(0.0, data)
        return start, "Newton's step leads where the loss is NaN or infinite"
