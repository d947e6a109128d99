"""Derivatives of Python functions: what users ask for, in terms of ``backprop``.

Place on the road: beside ``backprop``, for functions instead of losses at hand. The
functions here call f with nodes of their own in place of its arguments, so they nest to
any order.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import dtypes, tree
from .backprop import pullback
from .errors import ArgumentError, DTypeError, GradientError, ShapeError
from .graph import Node, differentiating
from .ops.arrays import constant, lift
from .ops.elementwise import alias
from .ops.movement import reshape, zeros_like
from .ops.reduction import sum as sum_
from .tensor import Tensor

Function = Callable[..., Any]


def _inputs(operation: str, value: Any) -> tuple[list[Any], tree.Structure]:
    """New nodes with the values of an argument's leaves, to differentiate with respect
    to.
    """
    leaves, structure = tree.flatten(value)
    nodes = []
    for leaf in leaves:
        (node,) = lift([leaf])
        if not dtypes.is_float(node.dtype):
            raise DTypeError(
                f"{operation}: argument {node.describe()} is {node.dtype}: only "
                "floating-point arguments have derivatives",
                fix="convert it: x.astype('float32')",
            )
        nodes.append(alias(node))
    return nodes, structure


def call_openly(f: Function, *args: Any, **kwargs: Any) -> Any:
    """f(…), with compiled functions in it run so that they can be differentiated."""
    token = differentiating.set(True)
    try:
        return f(*args, **kwargs)
    finally:
        differentiating.reset(token)


def check_function(operation: str, f: Any, fix: str | None = None) -> None:
    """Refuses what is not a function, in ``cr.operation(f, x)``.

    Raises:
        ArgumentError: for it.
    """
    if not callable(f):
        what = f"{operation}: {type(f).__name__} is not a function"
        raise ArgumentError(what, fix=fix or f"cr.{operation}(f, x)")


def _or_zeros(gradients: Sequence[Any], nodes: Sequence[Node]) -> list[Any]:
    pairs = zip(gradients, nodes, strict=True)
    return [
        zeros_like(node) if gradient is None else gradient for gradient, node in pairs
    ]


def value_and_grad(
    f: Function, argnums: int | Sequence[int] = 0, *, has_aux: bool = False
) -> Function:
    """A function that returns f's value and its gradient: (f(x), ∇f(x)).

    Arguments:
        f: a function whose (first) result is one floating-point number.
        argnums: which arguments to differentiate; with several, a tuple of gradients.
            An argument may be nested in tuples, lists and dicts; its gradient is nested
            likewise.
        has_aux: f returns (value, anything else); the result is then ((value,
            anything else), gradient).

    Raises:
        GradientError: when f's result is not one number.

    Example:
        >>> import chainrule as cr
        >>> value, slope = cr.value_and_grad(lambda x: x ** 3)(2.0)
        >>> value.item(), slope.item()
        (8.0, 12.0)
    """
    fix = "cr.grad(f)(x); for a loss at hand, cr.backprop(loss)[x]"
    check_function("grad", f, fix)
    several = not isinstance(argnums, int)
    chosen: tuple[int, ...] = (
        tuple(argnums) if not isinstance(argnums, int) else (argnums,)
    )

    @functools.wraps(f)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        new, inputs, structures = list(args), [], []
        for position in _positions(chosen, len(args)):
            nodes, structure = _inputs("grad", args[position])
            new[position] = tree.unflatten(structure, list(nodes))
            inputs.append(nodes)
            structures.append(structure)
        result = call_openly(f, *new, **kwargs)
        value = result[0] if has_aux else result
        output = _scalar(value)
        flat = [node for nodes in inputs for node in nodes]
        flat_gradients = _or_zeros(pullback([output], [_ones(output)], flat), flat)
        gradients, start = [], 0
        for nodes, structure in zip(inputs, structures, strict=True):
            gradients.append(
                tree.unflatten(structure, flat_gradients[start : start + len(nodes)])
            )
            start += len(nodes)
        return result, tuple(gradients) if several else gradients[0]

    return differentiated


def _positions(argnums: Sequence[int], count: int) -> list[int]:
    """The arguments to differentiate, counted from the front, each once."""
    for number in argnums:
        if not -count <= number < count:
            raise ArgumentError(
                f"grad: argnums={number}, but there are {count} arguments"
            )
    positions = [number % count for number in argnums]
    if len(set(positions)) != len(positions):
        raise ArgumentError(
            f"grad: argnums={tuple(argnums)} of {count} arguments: an argument is "
            "named twice",
            fix=f"argnums={tuple(dict.fromkeys(positions))}",
        )
    return positions


def _returned(operation: str, value: Any) -> Any:
    """The tensor that f returned. A list of them would become an array, which has no
    gradient.
    """
    if isinstance(value, Node):
        return value.read()
    raise GradientError(
        f"{operation}: f returned {type(value).__name__}, not a tensor: no operation "
        "leads back from it to the arguments",
        fix="return one tensor, or differentiate each part",
    )


def _scalar(value: Any) -> Node:
    node = _returned("grad", value)
    if (
        not isinstance(node, Tensor)
        or node.size != 1
        or not dtypes.is_float(node.dtype)
    ):
        raise GradientError(
            f"grad: f returned {node.describe()} of {node.dtype}: a gradient is that "
            "of one floating-point number",
            fix="reduce it with .sum() or .mean(), or use cr.jacobian",
        )
    return node


def _ones(node: Node) -> Any:
    return reshape(constant(1.0, dtype=node.dtype), node.shape)


def grad(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """A function that returns the gradient ∇f of a function f of one number.

    See ``value_and_grad`` for the arguments and errors.

    Example:
        >>> import chainrule as cr
        >>> round(cr.grad(cr.grad(cr.tanh))(0.5).item(), 4)  # −2 tanh x (1 − tanh² x)
        -0.7269
    """
    both = value_and_grad(f, argnums)

    @functools.wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return gradient


def vjp(f: Function, *args: Any) -> tuple[Any, Function]:
    """f's result and the function v ↦ vᵀ · J, with J = ∂f/∂args: one backward pass a
    call.

    The returned function takes v, nested and shaped as the result, and returns a tuple
    with one gradient per argument.

    Example:
        >>> import chainrule as cr
        >>> y, back = cr.vjp(lambda x: x * x, cr.tensor([1.0, 2.0]))
        >>> back(cr.tensor([1.0, 10.0]))[0].numpy()
        array([ 2., 40.], dtype=float32)
    """
    check_function("vjp", f)
    nodes, structure = _inputs("vjp", args)
    result = call_openly(f, *tree.unflatten(structure, list(nodes)))
    leaves, out_structure = tree.flatten(result)
    outputs = lift(leaves)

    def back(v: Any) -> Any:
        given, v_structure = tree.flatten(v)
        if v_structure != out_structure:
            raise ArgumentError(
                f"vjp: v is {tree.describe(v_structure)}, but f returned "
                f"{tree.describe(out_structure)}: both must be nested alike"
            )
        cotangents = [
            _fitting("vjp", vector, o) for vector, o in zip(given, outputs, strict=True)
        ]
        gradients = pullback(outputs, cotangents, nodes)
        return tree.unflatten(structure, _or_zeros(gradients, nodes))

    return result, back


def _fitting(operation: str, vector: Any, like: Node) -> Node:
    (node,) = lift([vector])
    if node.shape != like.shape:
        raise ShapeError(
            f"{operation}: vector {node.describe()} for {like.describe()}: the shapes "
            "must be equal"
        )
    return node if node.dtype == like.dtype else node.astype(like.dtype)  # type: ignore[attr-defined]


def jvp(f: Function, x: Any, v: Any) -> tuple[Any, Any]:
    """f(x) and the directional derivative J · v, with J = ∂f/∂x.

    uᵀJ is linear in u, so J · v is the gradient by u of (uᵀJ) · v: two backward passes
    and no forward rules. ``x`` and ``v`` are nested alike.

    Example:
        >>> import chainrule as cr
        >>> y, dy = cr.jvp(cr.exp, cr.tensor([0.0, 0.0]), cr.tensor([1.0, 3.0]))
        >>> dy.numpy()
        array([1., 3.], dtype=float32)
    """
    check_function("jvp", f)
    nodes, structure = _inputs("jvp", x)
    directions = _directions("jvp", v, structure, nodes)
    result = call_openly(f, tree.unflatten(structure, list(nodes)))
    leaves, out_structure = tree.flatten(result)
    outputs = lift(leaves)
    duals = [alias(zeros_like(output)) for output in outputs]
    rows = pullback(outputs, duals, nodes)
    products = gradients_along(rows, directions, duals)
    return result, tree.unflatten(out_structure, _or_zeros(products, outputs))


def gradients_along(
    rows: Sequence[Any], directions: Sequence[Any], nodes: Sequence[Node]
) -> Sequence[Any]:
    """The gradients by some nodes of Σ row · direction; None where there is none.

    Arguments:
        rows, directions: tensors of the same shapes; a pair with a None is left out.
        nodes: what the rows were computed from.
    """
    pairs = zip(rows, directions, strict=True)
    parts = [sum_(r * d) for r, d in pairs if r is not None and d is not None]
    if not parts:
        return [None] * len(nodes)
    total = functools.reduce(operator.add, parts)
    return pullback([total], [_ones(total)], nodes)


def _directions(
    operation: str, v: Any, structure: tree.Structure, nodes: Sequence[Node]
) -> list[Any]:
    leaves, v_structure = tree.flatten(v)
    if v_structure != structure:
        raise ArgumentError(
            f"{operation}: the direction is {tree.describe(v_structure)}, x is "
            f"{tree.describe(structure)}: both must be nested alike"
        )
    return [
        _fitting(operation, leaf, node)
        for leaf, node in zip(leaves, nodes, strict=True)
    ]


def hvp(f: Function, x: Any, v: Any) -> Any:
    """The Hessian of f at x times v: ∇(∇f · v), without ever forming the Hessian.

    Source: Pearlmutter (1994), here as the gradient of a directional derivative.

    Example:
        >>> import chainrule as cr
        >>> x, v = cr.tensor([1.0, 2.0]), cr.tensor([1.0, 1.0])
        >>> cr.hvp(lambda x: (x ** 3).sum(), x, v).numpy()
        array([ 6., 12.], dtype=float32)
    """
    check_function("hvp", f)
    nodes, structure = _inputs("hvp", x)
    directions = _directions("hvp", v, structure, nodes)
    output = _scalar(call_openly(f, tree.unflatten(structure, list(nodes))))
    gradients = pullback([output], [_ones(output)], nodes)
    products = gradients_along(gradients, directions, nodes)
    return tree.unflatten(structure, _or_zeros(products, nodes))


def jacobian(f: Function, argnum: int = 0) -> Function:
    """A function that returns ∂f/∂x, of shape (*f(x).shape, *x.shape): one backward
    pass, for all elements of f(x) at once.

    Example:
        >>> import chainrule as cr
        >>> cr.jacobian(lambda x: x * x)(cr.tensor([1.0, 2.0])).numpy()
        array([[2., 0.],
               [0., 4.]], dtype=float32)
    """
    from .vectorize.transform import vmap  # imported when used

    check_function("jacobian", f, "cr.jacobian(f)(x)")

    @functools.wraps(f)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        if not -len(args) <= argnum < len(args):
            raise ArgumentError(
                f"jacobian: argnum={argnum}, but there are {len(args)} arguments"
            )
        position = argnum % len(args)
        nodes, structure = _inputs("jacobian", args[position])
        if structure is not None:
            raise ArgumentError(
                "jacobian: the argument must be one tensor, not nested ones",
                fix="cr.tensor(values); argnum says by which argument",
            )
        (x,) = nodes
        new = (*args[:position], x, *args[position + 1 :])
        output = _returned("jacobian", call_openly(f, *new, **kwargs))

        def row(cotangent: Any) -> Any:
            return _or_zeros(pullback([output], [cotangent], [x]), [x])[0]

        units = constant(np.eye(output.size), output.dtype)
        rows = vmap(row)(reshape(units, (output.size, *output.shape)))
        return reshape(rows, (*output.shape, *x.shape))

    return differentiated


def hessian(f: Function, argnum: int = 0) -> Function:
    """A function that returns the matrix of second derivatives of a function of one
    number, of shape (*x.shape, *x.shape).

    Example:
        >>> import chainrule as cr
        >>> cr.hessian(lambda x: x[0] * x[0] * x[1])(cr.tensor([2.0, 3.0])).numpy()
        array([[6., 4.],
               [4., 0.]], dtype=float32)
    """
    return jacobian(grad(f, argnum), argnum)
