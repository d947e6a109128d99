"""A diagonal preconditioner for conjugate gradients: the squares of gradients.

Place on the road: below the minimizers that solve by conjugate gradients. The diagonal
of the curvature Jᵀ H J costs as many products as there are outputs; the squared
gradients of single examples cost one pass, and tell as well which weights the loss
bends along and which it hardly depends on. It must not know of an algorithm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import tree
from ..backprop import backprop
from ..compiler.compile import compile
from ..errors import ArgumentError
from ..ops.composed import mean
from ..ops.elementwise import cast
from ..ops.movement import reshape, zeros_like
from ..variable import Parameter, Variable
from ..vectorize.transform import vmap
from .evaluation import Owner
from .parameter_groups import RATE_DTYPE
from .programs import Programs

#: The exponent α: below 1, so that the diagonal is not trusted where it is extreme.
EXPONENT = 0.75


class Preconditioner:
    """M = diag(D + λ + μ)^¾, with D the mean of (∂ℓᵢ/∂w)² over examples i.

    ℓᵢ is the loss of example i alone, λ the penalty of ``l2``, μ the damping. D is the
    diagonal of what is called the empirical Fisher matrix.

    Arguments:
        owner: the minimizer.
        programs: those of the objective.
        metric: where M is put, by parameter.

    Source: Martens, Deep learning via Hessian-free optimization (2010), 4.7.
    """

    def __init__(
        self, owner: Owner, programs: Programs, metric: Mapping[Parameter, Variable]
    ) -> None:
        objective, again = programs.objective, programs.traced.again
        weights = tuple(metric)

        def measure(damping: Any, *data: Any) -> None:
            squares = again(lambda: squared_gradients(owner, objective, weights, data))
            penalties = owner.penalties()
            for w, each in squares.items():
                least = cast(damping + penalties[w], dtype=w.dtype)
                metric[w].assign((each + least) ** EXPONENT)

        self._measure = compile(measure, engine=owner.engine)

    def measure(self, damping: float, data: tuple[Any, ...]) -> None:
        """Puts M in its place, by the gradients at the parameters as they are."""
        self._measure(np.array(damping, RATE_DTYPE), *data)


def squared_gradients(
    owner: Any, objective: Any, weights: tuple[Parameter, ...], data: tuple[Any, ...]
) -> dict[Parameter, Any]:
    """The mean over examples of the squares of their gradients, by parameter.

    Raises:
        ArgumentError: for data without examples.
    """
    leaves, structure = tree.flatten(data)
    shapes = [np.shape(each) for each in leaves]
    total = next((shape[0] for shape in shapes if shape), 0)
    if not total:
        raise ArgumentError(
            f"{type(owner).__name__}.step: preconditioned=True: the data have no "
            "examples, whose gradients it squares",
            fix="optimizer.step(objective, x, y), with examples along the first axis",
        )
    axes = tuple(0 if shape[:1] == (total,) else None for shape in shapes)

    def one(*example: Any) -> list[Any]:
        alone = [
            each if axis is None else reshape(each, (1, *each.shape))
            for each, axis in zip(example, axes, strict=True)
        ]
        loss = objective(*tree.unflatten(structure, alone))
        found = backprop(loss)
        reached.update({w: None for w in weights if w in found})
        return [found[w] for w in reached]

    reached: dict[Parameter, None] = {}
    gradients = vmap(one, in_axes=axes)(*leaves)
    squares = {w: mean(g * g, axis=0) for w, g in zip(reached, gradients, strict=True)}
    return {w: squares.get(w, zeros_like(w.read())) for w in weights}
