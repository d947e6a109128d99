"""Levenberg and Marquardt's method. Place on the road: an algorithm of ``optim``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ..compiler.compile import compile
from ..ops.composed import stack
from ..ops.elementwise import maximum, where
from ..ops.reduction import sum as sum_
from ..variable import Parameter, Variable
from .evaluation import At, Values, as_number
from .gauss_newton import refuse_concave
from .line_search import Backtracking, Point
from .minimizer import Minimizer
from .parameter_groups import RATE_DTYPE, Params
from .products import (
    check_composed,
    check_dense,
    dense,
    flat,
    gauss_newton_product,
    unflat,
)
from .spectrum import Spectrum, column_scale, rounding

#: Dampings that are tried in one iteration, at most.
MOST_TRIALS = 60
#: The part of the promised fall of the loss that a step must reach to be made.
LEAST_RATIO = 1e-4


class LevenbergMarquardt(Minimizer):
    """Gauss and Newton's steps, made shorter until the loss falls as they promise.

    Formula: d = −(G + μD²)⁻¹ ∇L, with G = Jᵀ H J, J = ∂z/∂w of the outputs z, and H =
    ∂²ℓ/∂z² of their loss, which must be convex (2I for a sum of squares). D² = diag G,
    its largest value so far. With the gain ratio

        ρ = (L(w) − L(w + d)) / (−∇L · d − ½ dᵀG d),

    of the fall of the loss to the promised one, the step is made if ρ > 10⁻⁴; then μ ←
    μ · max(⅓, 1 − (2ρ − 1)³), and otherwise μ ← νμ, with ν = 2, 4, 8, … in a row. Small
    μ: Gauss and Newton's step. Large μ: a short step downhill.

    G is found by n products with unit vectors and takes 8 n² bytes; one decomposition
    of it serves for every μ of an iteration. For more than some thousand weights, see
    ``HessianFree``.

    Arguments:
        params: parameters, or groups of them with an "l2" of their own; without, a
            specification for ``cr.fit``.
        damping: the first μ.
        l2: λ, of a penalty λ/2 ‖w‖² that is part of what is minimised, and of G.
        gradient_tolerance: it has converged where no |∂L/∂w| is larger.
        loss_tolerance: it has converged where an iteration lowers the loss by less than
            this part of it. With 0, only where it changes no more than by rounding.
        maximize: whether to climb; then the loss must be concave.

    Raises:
        ArgumentError: in ``step``, for an objective that is no ``Composed``, a network
            whose matrix would not fit, or a loss that is not convex.

    Source: Levenberg (1944); Marquardt, An algorithm for least-squares estimation of
    nonlinear parameters (1963); D by Moré, The Levenberg–Marquardt algorithm:
    implementation and theory (1978); μ by Nielsen, Damping parameter in Marquardt's
    method (1999).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter([-1.2, 1.0])
        >>> rosenbrock = optim.Composed(
        ...     lambda: cr.stack([10 * (w[1] - w[0] ** 2), 1 - w[0]]),
        ...     lambda r: (r**2).sum(),
        ... )
        >>> last = optim.LevenbergMarquardt([w]).minimize(rosenbrock)
        >>> w.numpy().round(3)
        array([1., 1.], dtype=float32)
    """

    slots = ("scale",)
    numbers: ClassVar[Mapping[str, float]] = {"damping": 0.0, "growth": 2.0}
    looks_again = True

    def __init__(
        self,
        params: Params | None = None,
        *,
        damping: float = 1e-3,
        l2: float = 0.0,
        gradient_tolerance: float = 1e-5,
        loss_tolerance: float = 0.0,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {"damping": damping},
            line_search=Backtracking(),  # never used: the damping takes its place
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
        """G taken apart, for the steps of every μ; none of them is taken yet."""
        weights = list(at.gradient)
        G = dense(gauss_newton_product(at), weights)
        D = column_scale(G)
        D = where(at.fresh, D, maximum(D, flat(at.state("scale"))))
        spectrum = Spectrum.of(G, D)
        g = flat(at.gradient)
        # Rounding of a float32 network may make eigenvalues a little negative.
        values = maximum(spectrum.values, 0.0)
        self._damped(weights).take(values, spectrum, spectrum.coordinates(g))
        at.numbers["products"] = g.shape[0] + 0 * spectrum.largest
        at.numbers["lowest"] = spectrum.values[0]
        at.numbers["highest"] = spectrum.largest
        return at.steepest, {"scale": unflat(D, weights)}

    def _damped(self, weights: list[Parameter]) -> Damped:
        """The steps of an objective."""
        programs = self._programs
        n = sum(w.size for w in weights)
        if programs.own is None or programs.own.n != n:
            programs.own = Damped(self, weights, n)
        own: Damped = programs.own
        return own

    def go(self, start: Point, data: tuple[Any, ...]) -> tuple[Point, str]:
        """Smaller and smaller steps, until one keeps its promise."""
        numbers = self._now.numbers
        damping = numbers["damping"] or self.options["damping"]
        figures = self.directed(data).figures
        refuse_concave(self, figures["lowest"], figures["highest"])
        steps = self._programs.own
        rounding_of_loss = rounding(self.trained()) * abs(start.loss)
        reason = "no step, however short, lowers the loss"
        for _ in range(MOST_TRIALS):
            slope, promised = steps.solve(as_number(damping)).value.tolist()
            self._now.slope = slope
            if promised < 0.1 * rounding_of_loss:
                reason = "the loss would fall by less than its rounding"
                break
            point = self.evaluated(1.0, data)
            ratio = (start.loss - point.loss) / promised if point.finite else -1.0
            if ratio > LEAST_RATIO:
                numbers["damping"] = damping * max(1 / 3, 1 - (2 * ratio - 1) ** 3)
                numbers["growth"] = 2.0
                return point, ""
            damping *= numbers["growth"]
            numbers["growth"] *= 2
        numbers["damping"], numbers["growth"] = 0.0, 2.0
        self.evaluated(0.0, data)
        return start, reason


class Damped:
    """The steps for every μ at one point: y = −Qᵀg / (λ + μ), d = D⁻¹Q y.

    Arguments:
        owner: the minimizer.
        weights: the parameters that are trained.
        n: how many numbers they have.
    """

    def __init__(self, owner: Minimizer, weights: list[Parameter], n: int) -> None:
        self.n = n
        zeros = np.zeros(n, RATE_DTYPE)
        self.values, self.scale = Variable(zeros), Variable(zeros)
        self.coordinates = Variable(zeros)
        self.vectors = Variable(np.zeros((n, n), RATE_DTYPE))

        def solve(damping: Any) -> Any:
            spectrum = Spectrum(
                self.values.read(), self.vectors.read(), self.scale.read()
            )
            c: Any = self.coordinates.read()
            y = -c / (spectrum.values + damping)
            owner.remember({"direction": unflat(spectrum.vector(y), weights)})
            slope = sum_(c * y)
            return stack([slope, -slope - 0.5 * sum_(spectrum.values * y * y)])

        self.solve = compile(solve, engine=owner.engine)

    def take(self, values: Any, spectrum: Spectrum, coordinates: Any) -> None:
        """Keeps the parts of G, and Qᵀ D⁻¹ g."""
        self.values.assign(values)
        self.vectors.assign(spectrum.vectors)
        self.scale.assign(spectrum.scale)
        self.coordinates.assign(coordinates)
