"""Hessian-free optimization. Place on the road: an algorithm of ``optim``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np

from .. import tree
from ..graph import Array
from .evaluation import At, Line, Values, Way
from .gauss_newton import refuse_concave
from .line_search import Backtracking, LineSearch, Point
from .linear_cg import LinearCG
from .minimizer import Minimizer
from .parameter_groups import Params
from .preconditioner import Preconditioner
from .products import check_composed, gauss_newton_product
from .spectrum import rounding

#: x's that are kept for going back: after 1.3, 1.3², 1.3³, … iterations.
SPACING = 1.3
#: The first damping, as a part of the curvature along the gradient.
FIRST_DAMPING = 1e-3
#: How α is found, unless told otherwise.
MARTENS = Backtracking(decrease=1e-2, factor=0.8)


class HessianFree(Minimizer):
    """Gauss and Newton's method for deep networks: conjugate gradients, damped.

    Formula: w ← w + α d, where d is what linear conjugate gradients have made of

        (G + μI) d = −∇L,   G = Jᵀ H J,

    with J = ∂z/∂w of the outputs z, and H = ∂²ℓ/∂z² of their loss, which must be convex
    (squared errors, cross entropies). With φ(d) = ½ dᵀ(G + μI) d + ∇L · d:

    - Start: d₀ = ``decay`` times what conjugate gradients found last.
    - Stop after i iterations when φ has fallen by less than kε of itself in the last k
      = max(10, i / 10) of them, φ < 0, with ε = ``tolerance``.
    - Going back: of the d's after 1.3, 1.3², 1.3³, … iterations, from the last one on,
      the first is taken whose predecessor has no smaller loss.
    - Preconditioner, where asked for: conjugate gradients are those of M^(−½)(G + μI)
      M^(−½), with M = diag(D + μ)^¾ and D the mean squared gradient of an example.
    - Damping: ρ = (L(w + d) − L(w)) / (½ dᵀG d + ∇L · d). μ ← ⅔ μ if ρ > ¾, and μ ←
      3/2 μ if ρ < ¼.
    - α: 1, made shorter by the line search.

    ``curvature_share`` of the examples, others in each iteration, are enough for G;
    loss and gradient need all. All arrays of the data, also within tuples and the like,
    whose first axis is as long as that of the first are taken to be examples along it.

    Arguments:
        params: parameters, or groups of them with an "l2" of their own; without, a
            specification for ``cr.fit``.
        damping: the first μ; without, a thousandth of the curvature of G along the
            first gradient, gᵀG g / gᵀg.
        decay: the part of the last d that conjugate gradients begin with, 0 ≤ … < 1.
        tolerance: ε.
        most_products: how many products an iteration has, at most (about: they come in
            loops of eight).
        curvature_share: the part of the examples in G, 0 < … ≤ 1.
        preconditioned: whether M is used. It needs the loss of single examples: the
            data have them along the first axis, and no layer couples them, as
            ``BatchNorm`` does.
        line_search: how α is found, from α = 1 on.
        l2: λ, of a penalty λ/2 ‖w‖² that is part of what is minimised, and of G.
        gradient_tolerance: it has converged where no |∂L/∂w| is larger.
        loss_tolerance: it has converged where an iteration lowers the loss by less than
            this part of it. With 0, only where it changes no more than by rounding.
        maximize: whether to climb; then the loss must be concave.

    Raises:
        ArgumentError: for an option out of range; in ``step``, for an objective that is
            no ``Composed``, a loss that is not convex, or a preconditioner of data
            without examples.
        TraceError: in ``step``, for a preconditioner of examples that a layer couples.

    Source: Martens, Deep learning via Hessian-free optimization (2010); Martens &
    Sutskever, Training deep and recurrent networks with Hessian-free optimization
    (2012).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import losses, nn, optim
        >>> cr.manual_seed(0)
        >>> model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
        >>> x = cr.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> xor = cr.tensor([[0.0], [1.0], [1.0], [0.0]])
        >>> optimizer = optim.HessianFree(model.parameters(), damping=0.1)
        >>> objective = optim.Composed(
        ...     lambda x, y: model(x), lambda z, x, y: losses.mse(z, y)
        ... )
        >>> last = optimizer.minimize(objective, x, xor, iterations=50)
        >>> model(x).numpy().ravel().round(2) + 0
        array([0., 1., 1., 0.], dtype=float32)
    """

    slots = ("solution",)
    numbers: ClassVar[Mapping[str, float]] = {"damping": 0.0}

    def __init__(
        self,
        params: Params | None = None,
        *,
        damping: float | None = None,
        decay: float = 0.95,
        tolerance: float = 5e-4,
        most_products: int = 250,
        curvature_share: float = 1.0,
        preconditioned: bool = False,
        line_search: LineSearch = MARTENS,
        l2: float = 0.0,
        gradient_tolerance: float = 1e-5,
        loss_tolerance: float = 0.0,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "damping": damping,
                "decay": decay,
                "tolerance": tolerance,
                "most_products": most_products,
                "curvature_share": curvature_share,
                "preconditioned": preconditioned,
            },
            line_search=line_search,
            l2=l2,
            gradient_tolerance=gradient_tolerance,
            loss_tolerance=loss_tolerance,
            maximize=maximize,
        )

    def _checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options, each after its check; no damping is one that is found."""
        found = {n for n, each in options.items() if n == "damping" and each is None}
        given = {n: each for n, each in options.items() if n not in found}
        return {**super()._checked(given), **dict.fromkeys(found)}

    def check(self, objective: Any) -> None:
        """Refuses also what is no ``Composed``."""
        check_composed("HessianFree", objective)

    def direction(self, at: At) -> tuple[Values, Mapping[str, Values]]:
        """What conjugate gradients have found."""
        return {w: each.read() for w, each in self._solver().x.items()}, {}

    def first_step(self, line: Line) -> Any:
        """1, the step to the minimum of the model."""
        return line.begins_with(1.0, line.own)

    def go(self, start: Point, data: tuple[Any, ...]) -> tuple[Point, str]:
        """Conjugate gradients, the best of what they found, and a line search."""
        numbers, options = self._now.numbers, self.options
        part = self._part(data)
        damping = numbers["damping"] or options["damping"]
        damping = damping or FIRST_DAMPING * self._curvature(part)
        found = self._solved(damping, part)
        way, point, model = self._went_back(found, data)
        promised = model - 0.5 * damping * way.length**2
        fell = point.loss - start.loss
        ratio = fell / promised if point.finite and promised < 0 else -1.0
        if ratio > 0.75:
            damping *= 2 / 3
        elif ratio < 0.25:
            damping *= 3 / 2
        numbers["damping"] = damping
        if point.finite and fell < min(0.0, 1e-2 * way.slope):
            return point, ""
        if way.slope >= 0:  # d₀ misleads
            way = self._downhill(data)
        point = self._searched(start, way, data, start)
        return point, "" if point.step else "no step along the gradient lowers the loss"

    # Conjugate gradients. -------------------------------------------------------------

    def _curvature(self, part: tuple[Any, ...]) -> float:
        """gᵀG g / gᵀg, the curvature of G along the gradient."""
        self._begin(0.0)
        told = self._solver().run(True, 0.0, 0.0, part)
        found = [each.curvature for each in told[1:2] if each.made]
        return found[0] if found and found[0] > 0 else 1.0

    def _solved(self, damping: float, part: tuple[Any, ...]) -> list[Found]:
        """Runs conjugate gradients; what they had after some of their iterations."""
        (solver, preconditioner), options = self._solvers(), self.options
        if preconditioner is not None:
            preconditioner.measure(damping, part)
        self._begin(0.0 if self._now.fresh else options["decay"])
        # Beyond the rounding of b, what CG follows is rounding alone.
        tolerance = rounding(solver.weights)
        models: list[float] = []
        bent: list[float] = []
        found: list[Found] = []
        following, first = SPACING, True
        while first or len(models) < options["most_products"]:
            told = solver.run(first, tolerance, damping, part)
            made = [each for each in told if each.made]
            bent += [each.curvature - damping for each in made[first:]]
            if bent:
                refuse_concave(self, min(bent), max(map(abs, bent)) + damping)
            self._now.products += len(made)
            models += [each.model for each in (made[1:] if first else made)]
            first = False
            over = len(made) < len(told) or self._is_enough(models)
            over = over or len(models) >= options["most_products"]
            if made and (len(models) >= following or over):
                arrays = [each.array.copy() for each in solver.x.values()]
                found.append(Found(arrays, made[-1].model, made[-1].slope))
                following = max(following, len(models)) * SPACING
            if over:
                break
        for w, x in solver.x.items():
            self._state[w]["solution"].assign(x.array)
        return found

    def _is_enough(self, models: list[float]) -> bool:
        """Whether the last k iterations have lowered φ by less than kε of itself."""
        i = len(models)
        k = max(10, i // 10)
        if i <= k or models[-1] >= 0:
            return False
        fell = (models[-1] - models[-1 - k]) / models[-1]
        return bool(fell < k * self.options["tolerance"])

    def _went_back(
        self, found: list[Found], data: tuple[Any, ...]
    ) -> tuple[Way, Point, float]:
        """The d whose predecessor is no better, the loss there, and φ."""
        way = self.directed(())  # the last one, or steepest descent
        point = self.evaluated(1.0, data)
        best = way, point, found[-1].model if found else 0.0
        for i in range(len(found) - 2 if way.own else -1, -1, -1):
            each = found[i]
            way = self._turned(each)
            point = self.evaluated(1.0, data)
            if not _is_lower(point, best[1]):
                before = found[i + 1]
                way = self._turned(before)
                return way, self.evaluated(1.0, data), before.model
            best = way, point, each.model
        return best

    def _turned(self, found: Found) -> Way:
        """Another direction from the same point."""
        solver = self._solver()
        for variable, array in zip(solver.x.values(), found.arrays, strict=True):
            variable.assign(array)
        return Way(found.slope, solver.turn().item(), True, 1.0, {})

    def _downhill(self, data: tuple[Any, ...]) -> Way:
        """Steepest descent, from the point where the iteration began."""
        self.evaluated(0.0, data)
        for variable in self._solver().x.values():
            variable.assign(np.zeros(variable.shape, variable.dtype))
        return self.directed(())

    def _part(self, data: tuple[Any, ...]) -> tuple[Any, ...]:
        """Some of the examples, others in each iteration."""
        share = self.options["curvature_share"]
        leaves, structure = tree.flatten(data)
        sizes = [np.shape(each)[0] for each in leaves if np.shape(each)]
        if share == 1.0 or not sizes:
            return data
        total = sizes[0]
        count = max(1, round(share * total))
        parts = -(-total // count)
        # The last part has as many as the others: some of those before it once more.
        begin = min(self.num_steps % parts * count, total - count)
        some = [
            each[begin : begin + count] if np.shape(each)[:1] == (total,) else each
            for each in leaves
        ]
        return cast(tuple[Any, ...], tree.unflatten(structure, some))

    def _solver(self) -> LinearCG:
        """The solver of this objective and these parameters."""
        return self._solvers()[0]

    def _solvers(self) -> tuple[LinearCG, Preconditioner | None]:
        """The same with what fills in its M, where it has one."""
        programs, wanted = self._programs, self.options["preconditioned"]
        own: tuple[LinearCG, Preconditioner | None] | None = programs.own
        same = own is not None and own[0].weights == self.trained()
        if own is None or not same or own[0].preconditioned != wanted:
            product = gauss_newton_product
            solver = LinearCG(self, programs, product, True, preconditioned=wanted)
            filled = Preconditioner(self, programs, solver.metric) if wanted else None
            programs.own = own = solver, filled
        return own

    def _begin(self, decay: float) -> None:
        """d₀ = decay · what was found last."""
        for w, x in self._solver().x.items():
            x.assign((decay * self._state[w]["solution"].array).astype(w.dtype))


class Found(NamedTuple):
    """What conjugate gradients had after some iterations.

    Attributes:
        arrays: d.
        model: φ(d).
        slope: ∇L · d.
    """

    arrays: list[Array]
    model: float
    slope: float


def _is_lower(point: Point, other: Point) -> bool:
    if not other.finite:
        return True
    return point.finite and point.loss < other.loss
