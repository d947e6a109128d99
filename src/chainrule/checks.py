"""Checks for authors of operations and layers, and for finding where numbers went
wrong.

``check_gradients`` compares the chain rule with finite differences, to second order;
``check_declared`` compares what an operation declares with what it computes;
``check_numerics`` names the first operation that made a NaN or Inf.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import tree
from .backprop import pullback
from .derivatives import call_openly, check_function
from .errors import ChainruleError, NumericsError, TraceError
from .graph import Array, current_trace, in_order
from .ops.arrays import constant, lift
from .ops.elementwise import alias
from .ops.numerics import checking_numerics
from .ops.reduction import sum as sum_

Function = Callable[..., Any]


class CheckFailed(ChainruleError, AssertionError):
    """A derivative that disagrees with finite differences, or a false declaration.

    Smallest example: ``check_gradients`` of an operation with a wrong backward rule.
    Cure: correct the rule; the message has both numbers.
    """


@contextmanager
def check_numerics() -> Iterator[None]:
    """Inside, the first operation whose value has a NaN or Inf is an error that names
    it.

    It works forward and backward, eager and compiled, and costs a look at every value.

    Raises:
        NumericsError: from the operation at fault, with its inputs and the user's line.
        TraceError: inside a compiled function, where nothing is computed yet.

    Example:
        >>> import chainrule as cr
        >>> with cr.check_numerics():
        ...     cr.log(cr.tensor([1.0, 0.0]))
        Traceback (most recent call last):
        ...
        chainrule.errors.NumericsError: log: Inf in 1 of 2 values, ...
    """
    if (trace := current_trace()) is not None:
        raise TraceError(
            f"check_numerics: {trace.purpose} is being traced: there are no values "
            "yet to look at",
            fix="put it around the call: with cr.check_numerics(): step(x)",
        )
    token = checking_numerics.set(True)
    try:
        yield
    finally:
        checking_numerics.reset(token)


def first_fault(f: Function, *args: Any) -> NumericsError | None:
    """The error of the first operation of ``f(*args)`` whose value has a NaN or Inf;
    None where there is none.
    """
    try:
        with check_numerics():
            f(*args)
    except NumericsError as error:
        return error
    return None


def check_gradients(
    f: Function,
    *args: Any,
    order: int = 2,
    seed: int = 0,
    step: float = 1e-5,
    tolerance: float = 1e-6,
) -> None:
    """Compares f's gradients with finite differences along random directions, in
    float64.

    Formula: for random u (shaped as f's results) and v (as its arguments), the
    pulled-back uᵀJv against u · (f(x + hv) − f(x − hv)) / 2h. Second order: the same
    for the function x ↦ uᵀJ(x), the gradient itself.

    Arguments:
        f: a function of float64 arrays, smooth around the arguments.
        args: where to check.
        order: 1, or 2 for the gradient's gradient as well.
        step: h.
        tolerance: the largest difference, relative to the larger of 1 and the value.

    Raises:
        CheckFailed: with the two derivatives.

    Source: the directional check is that of Griewank & Walther (2008), section 3.

    Example:
        >>> import chainrule as cr
        >>> a, b = np.ones((2, 3)), np.ones((3, 2))
        >>> cr.check_gradients(lambda a, b: cr.tanh(a @ b), a, b)
    """
    check_function("check_gradients", f)
    rng = np.random.default_rng(seed)
    points = [np.array(arg, dtype=np.float64) for arg in args]
    _check_once(f, points, rng, step, tolerance, "first")
    if order < 2:
        return
    weights = _random_like(_call(f, points), rng)

    def gradient(*inputs: Any) -> Any:
        nodes = [alias(node) for node in lift(inputs)]
        outputs = lift(tree.flatten(call_openly(f, *nodes))[0])
        gradients = pullback(outputs, [constant(weight) for weight in weights], nodes)
        return [g for g in gradients if g is not None]

    if gradient(*points):
        _check_once(gradient, points, rng, step, tolerance, "second")


def _call(f: Function, points: Sequence[Array]) -> list[Array]:
    leaves = tree.flatten(call_openly(f, *(constant(point) for point in points)))[0]
    return [np.asarray(node.value) for node in lift(leaves)]


def _random_like(arrays: Sequence[Array], rng: np.random.Generator) -> list[Array]:
    return [rng.standard_normal(array.shape) for array in arrays]


def _check_once(
    f: Function,
    points: Sequence[Array],
    rng: np.random.Generator,
    step: float,
    tolerance: float,
    which: str,
) -> None:
    nodes = [alias(constant(point)) for point in points]
    outputs = lift(tree.flatten(call_openly(f, *nodes))[0])
    weights = _random_like([np.asarray(node.value) for node in outputs], rng)
    directions = _random_like(points, rng)
    gradients = pullback(outputs, [constant(weight) for weight in weights], nodes)
    pairs = zip(gradients, directions, strict=True)
    declared = sum(float(sum_(g * d).value) for g, d in pairs if g is not None)

    def along(h: float) -> float:
        moved = [p + h * d for p, d in zip(points, directions, strict=True)]
        results = _call(f, moved)
        return sum(float((w * r).sum()) for w, r in zip(weights, results, strict=True))

    # Two central differences, extrapolated: the error falls with the fourth power of h.
    coarse = (along(2 * step) - along(-2 * step)) / (4 * step)
    fine = (along(step) - along(-step)) / (2 * step)
    measured = fine + (fine - coarse) / 3
    difference = abs(declared - measured)
    if not difference <= tolerance * max(1.0, abs(measured)):
        raise CheckFailed(
            f"check_gradients: {which} derivative: the chain rule says "
            f"{declared:.10g}, finite differences say {measured:.10g}: they differ by "
            f"{difference:.3g}",
            fix="correct the backward rule, or check at a point where f is smooth",
        )


def check_declared(f: Function, *args: Any) -> None:
    """Compares the declared shape and dtype of every node of f(*args) with its value's.

    Raises:
        CheckFailed: naming the operation.

    Example:
        >>> import chainrule as cr
        >>> cr.check_declared(lambda x: cr.softmax(x).sum(), np.ones((2, 3)))
    """
    check_function("check_declared", f)
    outputs = lift(tree.flatten(f(*args))[0])
    for node in in_order(outputs):
        values = node.value if isinstance(node.value, tuple) else (node.value,)
        for value, (shape, dtype) in zip(values, node.types, strict=True):
            if value.shape != shape or value.dtype != dtype:
                name = node.op.name if node.op else "leaf"
                raise CheckFailed(
                    f"check_declared: {name}: declared {dtype}{list(shape)}, computed "
                    f"{value.dtype}{list(value.shape)}",
                    at=node.line,
                )
