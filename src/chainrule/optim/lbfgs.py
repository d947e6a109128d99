"""L-BFGS. Place on the road: an algorithm of ``optim``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..graph import Array
from ..ops.creation import arange
from ..ops.elementwise import cast, where
from ..ops.indexing import put, take
from ..ops.reduction import sum as sum_
from ..variable import Parameter
from .evaluation import At, Moved, Values, inner
from .line_search import LineSearch, StrongWolfe
from .minimizer import Minimizer
from .parameter_groups import RATE_DTYPE, Params

#: The line search that it has unless it is given one.
STRONG_WOLFE = StrongWolfe()


class LBFGS(Minimizer):
    """Limited-memory BFGS: steps of Newton's, with a Hessian that is guessed from the
    last changes of the gradient.

    Formula: d = −H g, where H is the inverse Hessian that the last m steps s and
    changes y of the gradient make of γI, γ = sᵀy / yᵀy of the newest, by the formula of
    Broyden, Fletcher, Goldfarb and Shanno. With S and Y, whose columns these are, and R
    the part of SᵀY with no step newer than the change, D its diagonal::

        a = R⁻¹ Sᵀg
        c = R⁻ᵀ (D a + γ YᵀY a − γ Yᵀg)
        d = −(γ g − γ Y a + S c)

    This is the compact form of the recursion with two loops: the same d in four
    products with S and Y in place of 4m sums one after the other.

    It is meant for all examples at once. With a ``batch_size`` that is large, each
    batch gets an iteration, and y is the change on the same batch, so that S and Y stay
    a pair; with small ones the Hessian of one batch says little of the next.

    Arguments:
        params: parameters, or groups of them with an "l2" of their own; without, a
            specification for ``cr.fit``.
        history: m, how many steps are remembered, each as large as the network twice.
        line_search: how α is found.
        l2: λ, of a penalty λ/2 ‖w‖² that is part of what is minimised.
        gradient_tolerance: it has converged where no |∂L/∂w| is larger.
        loss_tolerance: it has converged where an iteration lowers the loss by less than
            this part of it. With 0, only where it changes no more than by rounding.
        maximize: whether to climb.

    Source: Liu & Nocedal, On the limited memory BFGS method for large scale
    optimization (1989); the compact form, Byrd, Nocedal & Schnabel, Representations of
    quasi-Newton matrices and their use in limited memory methods (1994), eq. 3.1.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> x = cr.parameter([-1.2, 1.0], dtype="float64")
        >>> def rosenbrock():
        ...     return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
        >>> last = optim.LBFGS([x]).minimize(rosenbrock)
        >>> x.numpy().round(4), last.evaluations < 60
        (array([1., 1.]), True)
    """

    slots = ("previous", "steps", "changes")
    learns = True
    fixed = ("history",)

    def __init__(
        self,
        params: Params | None = None,
        *,
        history: int = 10,
        line_search: LineSearch = STRONG_WOLFE,
        l2: float = 0.0,
        gradient_tolerance: float = 1e-5,
        loss_tolerance: float = 0.0,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {"history": history},
            line_search=line_search,
            l2=l2,
            gradient_tolerance=gradient_tolerance,
            loss_tolerance=loss_tolerance,
            maximize=maximize,
        )

    def first_state(self, slot: str, w: Parameter) -> Array:
        """m rows of steps and of changes, all 0."""
        rows = () if slot not in ("steps", "changes") else (self.options["history"],)
        return np.zeros((*rows, *w.shape), w.dtype)

    def first_shared(self) -> Mapping[str, Array]:
        """R⁻¹, D and YᵀY of the remembered pairs, γ, and how many there have been. A
        pair that there is not has zeros in R⁻¹, so that nothing comes of it.
        """
        m = self.options["history"]
        return {
            "inverse": np.zeros((m, m)),
            "diagonal": np.zeros(m),
            "products": np.zeros((m, m)),
            "scale": np.ones(()),
            "pairs": np.zeros((), np.int64),
        }

    def direction(self, at: At) -> tuple[Values, Mapping[str, Any]]:
        """The compact form; −g / ‖g‖∞ where no pair is remembered."""
        g, steps, changes = at.gradient, at.state("steps"), at.state("changes")
        inverse = where(at.fresh, 0.0, at.shared["inverse"])
        scale, products = at.shared["scale"], at.shared["products"]
        a = _apply(inverse, _rows(steps, g))
        right = at.shared["diagonal"] * a + scale * _apply(products, a)
        c = _apply(inverse.T, right - scale * _rows(changes, g))
        d = {}
        for w, each in g.items():
            along = (-1, *(1 for _ in w.shape))
            by_change = cast(scale * a, dtype=w.dtype).reshape(along)
            by_step = cast(c, dtype=w.dtype).reshape(along)
            both = sum_(by_change * changes[w] - by_step * steps[w], axis=0)
            own = both - cast(scale, dtype=w.dtype) * each
            d[w] = where(at.fresh, at.steepest[w], own)
        return d, {"previous": g, "inverse": inverse}

    def learned(self, moved: Moved) -> Mapping[str, Any]:
        """A new pair in the place of the oldest, unless the loss does not curve upwards
        along it: sᵀy ≤ ε |sᵀg|.
        """
        s, g, state, shared = moved.step, moved.gradient, moved.state, moved.shared
        y = {w: g[w] - state["previous"][w] for w in g}
        sy, yy = inner(s, y), inner(y, y)
        least = float(np.finfo(RATE_DTYPE).eps) * abs(inner(s, state["previous"]))
        good = (sy > least) & (yy < np.inf)
        row = shared["pairs"] % self.options["history"]
        new = cast(arange(self.options["history"]) == row, dtype=RATE_DTYPE)
        old = 1.0 - new
        inverse = shared["inverse"] * old * old.reshape(-1, 1)
        column = (new - _apply(inverse, old * _rows(state["steps"], y))) / sy
        beside = old * _rows(state["changes"], y) + 0.5 * yy * new
        products = shared["products"] * old * old.reshape(-1, 1)
        products = products + beside.reshape(-1, 1) * new + new.reshape(-1, 1) * beside
        learned = {
            "inverse": inverse + column.reshape(-1, 1) * new,
            "diagonal": shared["diagonal"] * old + sy * new,
            "products": products,
            "scale": sy / yy,
            "pairs": shared["pairs"] + 1,
        }
        return {
            **{name: where(good, each, shared[name]) for name, each in learned.items()},
            "steps": _written(state["steps"], row, s, good),
            "changes": _written(state["changes"], row, y, good),
        }


def _apply(matrix: Any, vector: Any) -> Any:
    """M v, of a small matrix."""
    return sum_(matrix * vector, axis=1)


def _rows(rows: Values, vector: Values) -> Any:
    """The products of every row with a vector, over all parameters, in float64."""
    total: Any = 0.0
    for w, each in rows.items():
        wide = cast(each, dtype=RATE_DTYPE) * cast(vector[w], dtype=RATE_DTYPE)
        total = total + sum_(wide.reshape(each.shape[0], -1), axis=1)
    return total


def _written(rows: Values, row: Any, new: Values, good: Any) -> dict[Parameter, Any]:
    """The rows with another one in one place, if it is good."""
    at = row.reshape(1)
    return {
        w: put(each, at, where(good, new[w].reshape(1, *w.shape), take(each, at)))
        for w, each in rows.items()
    }
