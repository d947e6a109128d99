"""The chain rule, once, on one page: a graph goes in, a larger graph comes out.

    ∂L/∂x = Σ over the operations y that use x of (∂L/∂y · ∂y/∂x)

Walk the nodes from the loss back to the leaves. When a node is reached, every operation
that uses it has been passed, so the sum of its gradient is complete. Hand that sum to
the node's backward rule, which returns a gradient for each of its inputs, and add those
to their sums.

Two things live here and nowhere else. An operand that was broadcast was used once for
each copy, so its gradient is summed over the copies (``unbroadcast``); and a node that
is used several times collects several gradients (``plus``).

Rules are made of operators, so the gradients are nodes like any others: they have
values at once, or are traced, compiled, printed, and differentiated again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from . import dtypes
from .errors import GradientError
from .gradients import Gradients
from .graph import Node, in_order, on_behalf_of
from .ops.arrays import constant
from .ops.movement import reshape
from .ops.primitive import Primitive
from .ops.reduction import sum as sum_
from .shapes import Shape
from .tensor import Tensor


def backprop(loss: Tensor) -> Gradients:
    """The gradient of a loss with respect to everything it was computed from.

    Formula: g[x] = ∂loss/∂x for any node x: a parameter's ∇W, an intermediate value's
    δ, an input's.

    Arguments:
        loss: a tensor of one floating-point number.

    Raises:
        GradientError: when the loss is not one number, or was computed from nothing.

    Source: Rumelhart, Hinton & Williams (1986); Linnainmaa (1970).

    Example:
        >>> import chainrule as cr
        >>> x, y, z = cr.tensor(1.0), cr.tensor(-3.0), cr.tensor(4.0)
        >>> s = x + y
        >>> grads = cr.backprop(s * z)
        >>> grads[x].item(), grads[s].item(), grads[z].item()
        (4.0, 4.0, -2.0)
    """
    node = loss.read() if isinstance(loss, Node) else loss
    _check_loss(node)
    nodes = in_order([node])
    seed = constant(1.0, dtype=node.dtype)
    if node.shape:
        seed = reshape(seed, node.shape)
    found = _gradients(nodes, {node: seed})
    return Gradients({n: g for n, g in found.items() if not n.several}, nodes)


def pullback(
    outputs: Sequence[Node], cotangents: Sequence[Any], inputs: Sequence[Node]
) -> list[Any]:
    """Σₒ cotangentₒ · ∂outputₒ/∂input for each input, None where no output depends on
    it.

    The outputs are taken as functions of the inputs alone, whatever those come from.
    """
    nodes = in_order(outputs, stop=inputs)
    seeds: dict[Node, Any] = {}
    for output, cotangent in zip(outputs, cotangents, strict=True):
        if cotangent is not None and _flows(output):
            seeds[output] = plus(seeds.get(output), cotangent)
    found = _gradients(nodes, seeds, inputs)
    return [found.get(node) for node in inputs]


def _gradients(
    nodes: Sequence[Node], seeds: dict[Node, Any], inputs: Iterable[Node] | None = None
) -> dict[Node, Any]:
    """The gradient of every node that the seeds reach.

    Arguments:
        nodes: all of them, in order.
        seeds: node → the gradient that is given there.
        inputs: where the walk ends; only nodes on a way to them get a gradient then.
    """
    gradients = dict(seeds)
    stop = set(inputs or ())
    wanted = None if inputs is None else _depending_on(stop, nodes)
    for node in reversed(nodes):
        g = gradients.get(node)
        if g is None or node in stop or not isinstance(node.op, Primitive):
            continue
        with on_behalf_of(node):
            parts = node.op.gradients(g, node, pullback)
        for operand, part in zip(node.inputs, parts, strict=True):
            if part is None or not _flows(operand):
                continue
            if wanted is None or operand in wanted:
                with on_behalf_of(operand):
                    part = unbroadcast(part, operand.shape)
                    gradients[operand] = plus(gradients.get(operand), part)
    return gradients


def plus(total: Any, part: Any) -> Any:
    """The sum of two gradients of one node, None being none; of several, each."""
    if total is None or part is None:
        return part if total is None else total
    if isinstance(part, list):
        return [plus(a, b) for a, b in zip(total, part, strict=True)]
    return total + part


def unbroadcast(gradient: Any, shape: Shape) -> Any:
    """The gradient summed over the axes that a node of this shape was repeated on."""
    if isinstance(gradient, list) or gradient.shape == shape:
        return gradient
    new = len(gradient.shape) - len(shape)
    repeated = [
        i + new for i, n in enumerate(shape) if n == 1 and gradient.shape[i + new] != 1
    ]
    return reshape(sum_(gradient, axis=(*range(new), *repeated)), shape)


def _flows(node: Node) -> bool:
    """Whether a gradient flows to this node: not to integers, nor to literals."""
    return not node.literal and (node.several or dtypes.is_float(node.dtype))


def _depending_on(inputs: set[Node], nodes: Sequence[Node]) -> set[Node]:
    """The nodes that the inputs influence."""
    depending = set(inputs)
    for node in nodes:
        if any(operand in depending for operand in node.inputs):
            depending.add(node)
    return depending


def _check_loss(node: Any) -> None:
    if not isinstance(node, Tensor):
        raise GradientError(
            f"backprop: {type(node).__name__} is not a tensor, so nothing leads back "
            "from it",
            fix="compute the loss with tensors",
        )
    if node.size != 1:
        raise GradientError(
            f"backprop: loss {node.describe()} has {node.size} elements: a gradient "
            "is that of one number",
            fix="reduce it with .mean() or .sum(), or use cr.vjp for a vector",
        )
    if not dtypes.is_float(node.dtype):
        raise GradientError(
            f"backprop: loss of {node.dtype}: only floating-point numbers have "
            "gradients",
            fix="compute it from floats, e.g. x.astype('float32')",
        )
    if node.is_leaf and node.owner is None:
        raise GradientError(
            "backprop: the loss was not computed from anything: no operation leads "
            "to it",
            fix="a compiled function's result has no history: call backprop inside "
            "of it",
        )
