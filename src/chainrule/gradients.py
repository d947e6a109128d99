"""What ``backprop`` returns: the gradients of a loss, asked for by tensor or parameter.

Place on the road: beside ``backprop``, which fills it; optimizers and users read it. It
must not know how gradients are computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from . import dtypes
from .errors import GradientError
from .graph import Node, variable_trace
from .variable import Variable


class Gradients(Mapping[Node, Any]):
    """The gradients of a loss: a mapping from any node to the gradient there.

    ``grads[W]`` for a parameter is the gradient at the value it had when the loss was
    computed. Iterating gives the parameters and other variables that the loss depends
    on, then all other nodes that were reached.

    Arguments:
        gradients: node → ∂loss/∂node, a tensor.
        nodes: the nodes that the loss was computed from, in order.
    """

    def __init__(self, gradients: Mapping[Node, Any], nodes: Sequence[Node]) -> None:
        self._gradients = dict(gradients)
        #: variable → the latest of its values that the loss was computed from
        self._versions: dict[Node, Node] = {}
        trace = variable_trace()
        assigned = trace.versions if trace is not None else {}
        for node in nodes:
            variable = assigned.get(node, node.owner)
            if variable is not None:
                self._versions[variable] = node

    def _version(self, node: Any) -> Any:
        """The node that the loss was computed from: for a variable, its value then."""
        return self._versions.get(node, node) if isinstance(node, Node) else None

    def __getitem__(self, node: Node) -> Any:
        gradient = self.get(node)
        if gradient is None:
            raise self._missing(node)
        return gradient

    def _missing(self, node: Any) -> GradientError:
        if not isinstance(node, Node):
            return GradientError(
                f"grads[…]: {type(node).__name__} is not a tensor: gradients are "
                "asked for with the tensors that the loss was computed from",
                fix="grads[model[0].weight]; dict(model.named_parameters()) has names",
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
        yield from (owned[node] for node in self._gradients if node in owned)
        yield from (node for node in self._gradients if node not in owned)

    def __len__(self) -> int:
        return len(self._gradients)

    def __contains__(self, node: object) -> bool:
        return self._version(node) in self._gradients

    def __repr__(self) -> str:
        own = [variable for variable in self._versions if variable in self]
        named = ", ".join(variable.describe() for variable in own) or "no variable"
        return f"<gradients with respect to {named} and {len(self) - len(own)} tensors>"

    def get(self, node: Any, default: Any = None) -> Any:
        """The gradient of a node, or ``default`` where the loss does not reach it."""
        return self._gradients.get(self._version(node), default)

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
            other._gradients[self._version(node)] = gradient
        return other

    def __add__(self, other: Gradients) -> Gradients:
        """The sum: the gradients of the sum of both losses.

        Example:
            >>> import chainrule as cr
            >>> W = cr.parameter(3.0)
            >>> grads = [cr.backprop(W * x) for x in (1.0, 2.0)]
            >>> (sum(grads) * 0.5)[W].item()
            1.5
        """
        if not isinstance(other, Gradients):
            return NotImplemented
        total = dict(self.items())
        for node, gradient in other.items():
            total[node] = total[node] + gradient if node in total else gradient
        return _by_node(total)

    def __radd__(self, other: int) -> Gradients:
        """0 + gradients, with which ``sum`` begins."""
        return self if isinstance(other, int) and other == 0 else NotImplemented

    def __mul__(self, factor: Any) -> Gradients:
        """Every gradient multiplied by a number, as if the loss had been."""
        return _by_node({node: g * factor for node, g in self.items()})

    __rmul__ = __mul__


def _by_node(gradients: Mapping[Node, Any]) -> Gradients:
    """Gradients that belong to variables themselves, at whatever value they had."""
    made = Gradients(gradients, [])
    made._versions = {node: node for node in gradients if isinstance(node, Variable)}
    return made
