"""Matrices of second derivatives times vectors, and such matrices as a whole.

Place on the road: below the minimizers that look at curvature; called while their
programs are traced. A product is a pass forward and backward more, never a matrix:

- H v, with H = ∇²L: the gradient of ∇L · v (Pearlmutter, 1994).
- G v, with G = Jᵀ H_ℓ J, J = ∂z/∂w and H_ℓ = ∂²ℓ/∂z² (Schraudolph, 2002). J v is the
  gradient by u of (uᵀJ) v; the passes that hold u drop out of the graph, so what is
  left is one pass forward with derivatives beside the values.

What does not depend on v, the loss and its gradient, is computed once for all products
of a loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..backprop import pullback
from ..derivatives import gradients_along
from ..errors import ArgumentError, GradientError
from ..ops.arrays import constant, lift
from ..ops.control import scan
from ..ops.elementwise import alias, cast
from ..ops.movement import concatenate, reshape, transpose, zeros_like
from ..variable import Parameter
from ..wording import spaced
from .composed import Composed
from .evaluation import At, Owner, Values, check_objective, named
from .parameter_groups import RATE_DTYPE

Multiply = Callable[[Values], dict[Parameter, Any]]

#: Bytes of a dense matrix of second derivatives, at most.
MOST_BYTES = 2**28


def hessian_product(at: At) -> Multiply:
    """v ↦ H v, with H = ∇²L at the parameters, the penalty of ``l2`` included."""
    weights = list(at.gradient)
    nodes = [w.read() for w in weights]
    value = at.again(lambda: at.owner.minimised(at.objective, at.data)[0])
    gradients = pullback([value], [constant(1.0, value.dtype)], nodes)

    def multiply(v: Values) -> dict[Parameter, Any]:
        found = gradients_along(gradients, [v[w] for w in weights], nodes)
        return _by_parameter(found, nodes, weights)

    return multiply


def gauss_newton_product(at: At) -> Multiply:
    """v ↦ G v, with G = Jᵀ H_ℓ J + l2: curvature without that of the network."""
    weights = list(at.gradient)
    nodes = [w.read() for w in weights]
    composed, data, owner = at.objective, at.data, at.owner
    assert isinstance(composed, Composed)

    def parts() -> tuple[list[Any], list[Any], list[Any]]:
        leaves, structure = tree.flatten(composed.outputs(*data))
        outputs = lift(leaves)
        z = [alias(each) for each in outputs]
        loss: Any = composed.loss(tree.unflatten(structure, list(z)), *data)
        loss = -loss if owner.climbs else loss
        return outputs, z, pullback([loss], [constant(1.0, loss.dtype)], z)

    outputs, z, slopes = at.again(parts)
    used = [i for i, slope in enumerate(slopes) if slope is not None]
    outputs, z, slopes = ([each[i] for i in used] for each in (outputs, z, slopes))
    duals = [alias(zeros_like(each)) for each in outputs]
    rows = pullback(outputs, duals, nodes) if used else []
    if all(row is None for row in rows):
        raise _no_curvature(owner, weights)

    def multiply(v: Values) -> dict[Parameter, Any]:
        moved = gradients_along(rows, [v[w] for w in weights], duals)
        back = gradients_along(slopes, moved, z)
        ends = [o for o, b in zip(outputs, back, strict=True) if b is not None]
        starts = [b for b in back if b is not None]
        products = _by_parameter(pullback(ends, starts, nodes), nodes, weights)
        penalties = owner.penalties()
        return {
            w: each + penalties[w] * v[w] if penalties[w] else each
            for w, each in products.items()
        }

    return multiply


def _no_curvature(owner: Owner, weights: Sequence[Parameter]) -> GradientError:
    return GradientError(
        f"{type(owner).__name__}.step: {named(weights)} not reached by the outputs "
        "that the loss is computed from, only by the loss itself: Jᵀ H J is 0",
        fix="compute in Composed.outputs whatever depends on parameters, or "
        "optim.LBFGS(), which takes the loss as a whole",
    )


def _by_parameter(
    found: Sequence[Any], nodes: Sequence[Any], weights: Sequence[Parameter]
) -> dict[Parameter, Any]:
    """Gradients by parameter, zeros where there are none."""
    triples = zip(weights, nodes, found, strict=True)
    return {w: zeros_like(node) if g is None else g for w, node, g in triples}


# Dense matrices, for small networks. --------------------------------------------------


def flat(values: Values) -> Any:
    """All values as one vector, in float64."""
    parts = [cast(reshape(each, (-1,)), dtype=RATE_DTYPE) for each in values.values()]
    return concatenate(parts)


def unflat(vector: Any, weights: Sequence[Parameter]) -> dict[Parameter, Any]:
    """A vector's parts, each with its parameter's shape and dtype."""
    values, start = {}, 0
    for w in weights:
        size = int(np.prod(w.shape, dtype=int))
        part = reshape(vector[start : start + size], w.shape)
        values[w] = cast(part, dtype=w.dtype)
        start += size
    return values


def dense(multiply: Multiply, weights: Sequence[Parameter]) -> Any:
    """The matrix of a product, (n, n), symmetric, in float64: a loop of products with
    the unit vectors.
    """
    n = sum(int(np.prod(w.shape, dtype=int)) for w in weights)

    def step(carry: Any, unit: Any) -> Any:
        return carry, flat(multiply(unflat(unit, weights)))

    units = constant(np.eye(n, dtype=RATE_DTYPE), RATE_DTYPE)
    _, rows = scan(step, constant(0.0, RATE_DTYPE), units, recompute=True)
    return 0.5 * (rows + transpose(rows))


def check_dense(name: str, what: str, weights: Sequence[Parameter]) -> None:
    """Refuses a matrix that would not fit.

    Raises:
        ArgumentError: saying how much memory it would take.
    """
    n = sum(w.size for w in weights)
    size = n * n * np.dtype(RATE_DTYPE).itemsize
    if size > MOST_BYTES:
        raise ArgumentError(
            f"{name}.step: {what} of {spaced(n)} numbers: its {spaced(n)} × "
            f"{spaced(n)} second derivatives take {size / 2**30:.1f} GiB; at most "
            f"{MOST_BYTES / 2**30:g} GiB are taken",
            fix="optim.TruncatedNewton() or optim.HessianFree(), which multiply by "
            "the matrix and never form it",
        )


def check_composed(name: str, objective: Any) -> None:
    """Refuses an objective that hides its outputs.

    Raises:
        ArgumentError: for a plain function, and for what is none.
    """
    check_objective(name, objective)
    if not isinstance(objective, Composed):
        raise ArgumentError(
            f"{name}.step: the objective is a plain function: the curvature Jᵀ H J is "
            "made of the network's outputs and of their loss, and needs both apart",
            fix="optim.Composed(lambda x, y: model(x), "
            "lambda z, x, y: losses.mse(z, y)); cr.fit makes it by itself",
        )
