"""Linear conjugate gradients: A x = b from products A v alone.

Place on the road: below the minimizers that solve for their direction. Some iterations
are one compiled loop, in which whatever does not depend on v is computed once; between
two loops its caller looks at the numbers and decides whether to go on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..compiler.compile import compile
from ..ops.arrays import constant
from ..ops.composed import stack
from ..ops.control import scan
from ..ops.elementwise import cast, sqrt, where
from ..variable import Variable
from .evaluation import At, Owner, Values, inner, scaled
from .parameter_groups import RATE_DTYPE
from .products import Multiply
from .programs import Programs


class Progress(NamedTuple):
    """One iteration.

    Attributes:
        made: whether it was made: the solver had not stopped before.
        model: φ(x) = ½ xᵀA x − bᵀx after it.
        slope: −bᵀx after it.
        residual: ‖b − A x‖ / ‖b‖ after it.
        curvature: pᵀA p / pᵀp, of the direction p that was followed.
    """

    made: bool
    model: float
    slope: float
    residual: float
    curvature: float


class LinearCG:
    """x with A x = b, b = −∇L, by conjugate gradients.

    Formula: r₀ = b − A x₀, p₀ = M⁻¹r₀; α = rᵀM⁻¹r / pᵀA p, x ← x + αp, r ← r − αA p, β
    = (rᵀM⁻¹r)₊ / rᵀM⁻¹r, p ← M⁻¹r + βp. It stops where ‖r‖ ≤ tolerance · ‖b‖, and where
    pᵀA p ≤ 0: with x as it is then, or p, if it is the first.

    Arguments:
        owner: the minimizer; ``gradient`` is its state of this name.
        programs: those of the objective.
        product: point → v ↦ A v.
        warm: whether it begins at x₀ = ``x`` as it is, with one product more; otherwise
            at 0.
        preconditioned: whether M is ``metric`` as it is; otherwise I.
        loop: iterations in one call of the compiled loop. All of them are computed,
            also those after it has stopped, which change nothing.

    Source: Hestenes & Stiefel, Methods of conjugate gradients for solving linear
    systems (1952); Nocedal & Wright, Numerical Optimization (2006), algorithm 7.1.
    """

    def __init__(
        self,
        owner: Owner,
        programs: Programs,
        product: Callable[[At], Multiply],
        warm: bool = False,
        preconditioned: bool = False,
        loop: int = 8,
    ) -> None:
        weights = owner.trained()
        self.loop = loop
        self.weights, self.warm, self.preconditioned = weights, warm, preconditioned
        self.x, self.r, self.p = (
            {w: Variable(np.zeros(w.shape, w.dtype)) for w in weights} for _ in range(3)
        )
        self.metric = {w: Variable(np.ones(w.shape, w.dtype)) for w in weights}
        objective, again = programs.objective, programs.traced.again

        def advance(first: Any, tolerance: Any, damping: Any, *data: Any) -> Any:
            gradient = owner.slot("gradient", weights)
            at = At(owner, first, gradient, gradient, objective, data, again)
            return self._loop(at, product(at), first > 0, tolerance, damping)

        def turn() -> Any:
            x = _read(self.x)
            owner.remember({"direction": x})
            return sqrt(inner(x, x))

        self.advance = compile(advance, engine=owner.engine)
        #: puts x in the place of ``direction``, and returns ‖x‖
        self.turn = compile(turn, engine=owner.engine)

    def run(
        self, first: bool, tolerance: float, damping: float, data: tuple[Any, ...]
    ) -> list[Progress]:
        """``loop`` more iterations, the first of them at x₀, or fewer if it stops."""
        as_numbers = (np.array(v, RATE_DTYPE) for v in (first, tolerance, damping))
        told = self.advance(*as_numbers, *data).value.tolist()
        return [Progress(bool(made), *rest) for made, *rest in told]

    def _inverse(self, r: Values) -> Values:
        """M⁻¹ r."""
        if not self.preconditioned:
            return r
        return {w: r[w] / self.metric[w].read() for w in self.weights}

    def _loop(
        self, at: At, multiply: Multiply, first: Any, tolerance: Any, damping: Any
    ) -> Any:
        """What is compiled: ``loop`` iterations."""
        b = scaled(constant(-1.0, RATE_DTYPE), at.gradient)
        size = inner(b, b)
        x, r, p = (_read(each) for each in (self.x, self.r, self.p))
        zero = constant(0.0, RATE_DTYPE)
        start = _read(self.x) if self.warm else scaled(zero, b)
        x, r = _choose(first, start, x), _choose(first, b, r)
        p = _choose(first, start if self.warm else self._inverse(r), p)
        rho = inner(r, self._inverse(r))
        warming = cast(first, dtype=RATE_DTYPE) if self.warm else zero
        begun = cast(first, dtype=RATE_DTYPE)
        stopped = where(inner(r, r) <= tolerance**2 * size, 1.0, 0.0)
        carry = (x, r, p, rho, warming, begun, cast(stopped, dtype=RATE_DTYPE))

        def step(carry: Any, _: Any) -> Any:
            x, r, p, rho, warming, begun, stopped = carry
            Ap = multiply(p)
            Ap = {w: Ap[w] + cast(damping, dtype=w.dtype) * p[w] for w in Ap}
            bend, long = inner(p, Ap), inner(p, p)
            going = (stopped == 0) & (long > 0)
            bends = bend > 0
            # The first product of a warm start is A x₀: r ← b − A x₀, x stays.
            is_warming = warming > 0
            alpha = where(going & bends, rho / where(bends, bend, 1.0), 0.0)
            steepest = going & ~bends & (begun > 0) & ~is_warming
            along = where(is_warming, 0.0, where(steepest, 1.0, alpha))
            x = _moved(x, along, p)
            r = _moved(r, where(is_warming, -1.0, -alpha), Ap)
            y = self._inverse(r)
            new = inner(r, y)
            beta = where(is_warming | (rho <= 0), 0.0, new / where(rho > 0, rho, 1.0))
            p = _choose(going | is_warming, _moved(y, beta, p), p)
            rr = inner(r, r)
            slope = -inner(x, b)
            model = 0.5 * (slope - inner(x, r))
            ends = (~is_warming & ~bends) | (rr <= tolerance**2 * size)
            made = cast(going | is_warming, dtype=RATE_DTYPE)
            stopped = where(going & ends, 1.0, stopped)
            bent = bend / where(long > 0, long, 1.0)
            told = [made, model, slope, sqrt(rr / size), bent]
            begun = where(is_warming, begun, 0.0 * begun)
            carry = (x, r, p, new, 0.0 * warming, begun, stopped)
            return carry, stack(told)

        carry, told = scan(step, carry, length=self.loop)
        for kept, values in zip((self.x, self.r, self.p), carry[:3], strict=True):
            for w, value in values.items():
                kept[w].assign(value)
        return told


def _read(variables: Any) -> dict[Any, Any]:
    return {w: each.read() for w, each in variables.items()}


def _choose(condition: Any, yes: Values, no: Values) -> dict[Any, Any]:
    return {w: where(condition, yes[w], no[w]) for w in yes}


def _moved(x: Values, length: Any, p: Values) -> dict[Any, Any]:
    """x + length · p."""
    return {w: x[w] + cast(length, dtype=w.dtype) * p[w] for w in x}
