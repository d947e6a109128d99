"""The chain rule, once, on one page: a graph goes in, a larger graph comes out.

    ∂L/∂x = Σ over the operations y that use x of (∂L/∂y · ∂y/∂x)

Walk the nodes from the loss back to the leaves. When a node is reached, every operation
that uses it has been passed, so the sum of its gradient is complete. Hand that sum to
the node's backward rule, which answers a gradient for each of its inputs, and add those
to their sums.

Two things live here and nowhere else. An operand that was broadcast was used once for
each copy, so its gradient is summed over the copies (``unbroadcast``); and a node that
is used several times collects several gradients (``_add``).

Rules are made of operators, so the gradients are nodes like any others: they have
values at once, or are traced, compiled, printed, and differentiated again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from . import dtypes
from .errors import GradientError
from .graph import Node, in_order, on_behalf_of, variable_trace
from .ops.control import project
from .ops.movement import reshape
from .ops.primitive import Primitive, constant
from .ops.reduction import sum as sum_
from .shapes import Shape
from .tensor import Tensor
from .variable import Variable


def backprop(loss: Tensor) -> Gradients:
    """The gradient of a loss with respect to everything it was computed from.

    Formula: answers g with g[x] = ∂loss/∂x for any node x: a parameter's ∇W, an
    intermediate value's δ, an input's.

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
    return Gradients(_gradients(nodes, {node: seed}), nodes)


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
            _add(seeds, output, cotangent)
    found = _gradients(nodes, seeds, inputs)
    return [found.get(node) for node in inputs]


def _gradients(
    nodes: Sequence[Node], seeds: dict[Node, Any], inputs: Iterable[Node] | None = None
) -> dict[Node, Any]:
    """The gradient of every node in order; with ``inputs``, of what lies on a way to
    them.
    """
    gradients = dict(seeds)
    stop = set(inputs or ())
    wanted = None if inputs is None else _depending_on(stop, nodes)
    for node in reversed(nodes):
        gradient = gradients.get(node)
        if gradient is None or node in stop or not isinstance(node.op, Primitive):
            continue
        for each, part in zip(node.inputs, _rule(node, gradient), strict=True):
            if (
                part is None
                or not _flows(each)
                or (wanted is not None and each not in wanted)
            ):
                continue
            if node.op is project:
                parts = gradients.setdefault(each, [None] * len(each.shape))
                index = node.params["index"]
                parts[index] = part if parts[index] is None else parts[index] + part
            else:
                with on_behalf_of(each):
                    _add(gradients, each, unbroadcast(part, each.shape))
    return gradients


def _rule(node: Node, gradient: Any) -> Sequence[Any]:
    """What the node's backward rule answers: one gradient for each of its inputs."""
    op = node.op
    assert isinstance(op, Primitive)
    if op is project:
        return [gradient]
    if op.backward is None:
        return [None] * len(node.inputs)
    with on_behalf_of(node):
        if op.name == "scan":
            return op.backward(gradient, node, *node.inputs, pullback=pullback)
        return op.backward(gradient, node, *node.inputs)


def _add(gradients: dict[Node, Any], node: Node, part: Any) -> None:
    gradients[node] = gradients[node] + part if node in gradients else part


def unbroadcast(gradient: Any, shape: Shape) -> Any:
    """The gradient summed over the axes that a node of this shape was repeated on."""
    if gradient.shape == shape:
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
    found = set(inputs)
    for node in nodes:
        if any(each in found for each in node.inputs):
            found.add(node)
    return found


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


class Gradients(Mapping[Node, Any]):
    """What ``backprop`` answers: a mapping from any node to the gradient of the loss
    there.

    ``grads[W]`` for a parameter is the gradient at the value it had when the loss was
    computed. Iterating gives the parameters and other variables that the loss depends
    on, then all other nodes that were reached.
    """

    def __init__(self, gradients: dict[Node, Any], nodes: Sequence[Node]) -> None:
        self._gradients = gradients
        #: variable → the latest of its values that the loss was computed from
        self._versions: dict[Node, Node] = {}
        trace = variable_trace()
        assigned = trace.versions if trace is not None else {}
        for node in nodes:
            variable = assigned.get(node, node.owner)
            if variable is not None:
                self._versions[variable] = node

    def _find(self, node: Any) -> Any:
        return self._versions.get(node, node)

    def __getitem__(self, node: Node) -> Any:
        gradient = self.get(node)
        if gradient is None:
            raise self._missing(node)
        return gradient

    def _missing(self, node: Any) -> GradientError:
        if not isinstance(node, Node):
            return GradientError(
                f"grads[…]: {type(node).__name__} is not a tensor: gradients are "
                "asked for with the tensors that the loss was computed from"
            )
        kind = "parameter" if isinstance(node, Variable) else "tensor"
        if not node.several and not dtypes.is_float(node.dtype):
            return GradientError(
                f"grads[…]: {kind} {node.describe()} is {node.dtype}: only "
                "floating-point numbers have gradients",
                fix="convert it before it is used: x.astype('float32')",
            )
        return GradientError(
            f"grads[…]: {kind} {node.describe()} is not reached by the loss: no "
            "operation with a derivative leads from it to the loss",
            fix="use it in the computation of the loss, or leave it out of the "
            "optimizer",
        )

    def __iter__(self) -> Iterator[Node]:
        owned = {version: variable for variable, version in self._versions.items()}
        reached = [n for n, g in self._gradients.items() if not isinstance(g, list)]
        yield from (owned[node] for node in reached if node in owned)
        yield from (node for node in reached if node not in owned)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, node: object) -> bool:
        return self.get(node) is not None

    def __repr__(self) -> str:
        own = [each for each in self._versions if each in self]
        named = ", ".join(each.describe() for each in own) or "no variable"
        return f"<gradients with respect to {named} and {len(self) - len(own)} tensors>"

    def get(self, node: Any, default: Any = None) -> Any:
        """The gradient of a node, or ``default`` where the loss does not reach it."""
        gradient = self._gradients.get(self._find(node))
        return default if gradient is None or isinstance(gradient, list) else gradient

    def replaced(self, new: Mapping[Node, Any]) -> Gradients:
        """The same gradients with those of some nodes or parameters replaced.

        Example:
            >>> import chainrule as cr
            >>> W = cr.parameter(3.0)
            >>> grads = cr.backprop(W * W)
            >>> grads.replaced({W: grads[W] * 0.5})[W].item()
            3.0
        """
        other = Gradients.__new__(Gradients)
        other._versions = self._versions
        other._gradients = dict(self._gradients)
        for node, gradient in new.items():
            other._gradients[self._find(node)] = gradient
        return other
