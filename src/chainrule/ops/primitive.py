"""The contract of a primitive, and the registry of all of them.

Place on the road: between the graph and the tensors. A primitive is one small
declaration that a reader can check against a textbook: a name, a rule for shape and
dtype, the meaning in NumPy, the backward rule, and what sort of work it is. How an
engine lowers it lives with the engine.

A backward rule receives ``(g, out, *inputs)``: the derivative of the loss by the
output, the output node and the input nodes. It returns one gradient per input, None
where there is none, written with the same operators that users write: gradients are
graphs again. It need not undo broadcasting; ``backprop`` does, once for all.

Where a value is several arrays (the results of a loop), its gradient is a list with an
entry for each, None where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import numpy as np

from ..dtypes import DType
from ..foreign import wrong_arguments
from ..graph import Node, current_trace, no_value
from ..shapes import Shape
from .arrays import lift, literal, promoted
from .numerics import check_value, checking_numerics

#: ``infer(*inputs, **params)`` → (shape, dtype)
Infer = Callable[..., tuple[Any, Any]]
#: ``backward(g, out, *inputs)`` → one gradient, or None, per input
Backward = Callable[..., Sequence[Any]]
#: ``backprop.pullback``: (outputs, their gradients, inputs) → gradients of the inputs
Pullback = Callable[[Sequence[Node], Sequence[Any], Sequence[Node]], list[Any]]

REGISTRY: dict[str, Primitive] = {}


class Kind(Enum):
    """What sort of work an operation is: which elements a result is made of.

    Passes and engines ask for the kind, and for an operation's name only where they
    know something of that operation alone.
    """

    #: Each element is a function of the operands' elements at its own index.
    ELEMENTWISE = "elementwise"
    #: Elements rearranged, repeated, cut or joined, by indices known beforehand.
    MOVEMENT = "movement"
    #: The elements along some axes are combined into one.
    REDUCTION = "reduction"
    #: Sums of products: of matrices, and convolutions.
    CONTRACTION = "contraction"
    #: Matrices factored, inverted, or divided by: an element depends on all others.
    FACTORIZATION = "factorization"
    #: An element depends on the order of others along an axis: running sums, sorting.
    ORDERED = "ordered"
    #: Elements chosen, or replaced, by an operand that holds indices.
    INDEXING = "indexing"
    #: Elements added up where they land: the adjoints of ``windows`` and ``take``.
    SCATTER = "scatter"
    #: Random numbers, pure functions of a state.
    RANDOM = "random"
    #: A loop, and the choice of one of its results.
    CONTROL = "control"


class Cost(Enum):
    """What computing a value again costs, compared with reading it back from memory."""

    #: Nothing: it is its operand, seen in another way.
    FREE = "free"
    #: No more: a few instructions for each element.
    CHEAP = "cheap"
    #: More: a division, a function, a copy, or more than one element for each element.
    COSTLY = "costly"


#: Kinds of operations that only choose, move or hand on elements.
_MOVING = (Kind.MOVEMENT, Kind.INDEXING, Kind.CONTROL)


class Primitive:
    """An operation of the graph; calling it makes a node.

    Attributes:
        name: its name, unique in the registry.
        summary: the definition in one line.
        infer: the rule for shape and dtype.
        numpy: the meaning: arrays in, array out.
        backward: the backward rule; None where the derivative is zero or undefined.
        kind: what sort of work it is.
        cost: what computing it again costs.
        linear: whether, of its one operand, f(a·x + y) = a·f(x) + f(y).
        associative: for a reduction, whether results of parts are combined by the same
            reduction: Σ of sums is the sum.
        arithmetic: whether it computes numbers; an operation that only moves, chooses
            or converts them does not.
        promotes: whether operands are first brought to a common dtype.
        real: whether bools and integers are first turned into floats.
        pulls_back: whether the backward rule goes back through a graph of its own, as
            that of a loop does; it then receives ``backprop.pullback`` as ``pullback``.
    """

    def __init__(
        self,
        name: str,
        summary: str,
        infer: Infer,
        numpy: Callable[..., Any],
        backward: Backward | None = None,
        *,
        kind: Kind,
        cost: Cost = Cost.COSTLY,
        linear: bool = False,
        associative: bool = False,
        arithmetic: bool = True,
        promotes: bool = False,
        real: bool = False,
        pulls_back: bool = False,
    ) -> None:
        self.name = name
        self.summary = summary
        self.infer = infer
        self.numpy = numpy
        self.backward = backward
        self.kind = kind
        self.cost = cost
        self.linear = linear
        self.associative = associative
        self.arithmetic = arithmetic and cost is not Cost.FREE and kind not in _MOVING
        self.promotes = promotes
        self.real = real
        self.pulls_back = pulls_back
        self.__name__ = self.__qualname__ = name
        self.__doc__ = summary
        if name in REGISTRY:
            raise ValueError(f"primitive {name!r} is registered twice")
        REGISTRY[name] = self

    @property
    def is_view(self) -> bool:
        """Whether the result is the operand's own elements, seen in another way."""
        return self.cost is Cost.FREE and self.kind is not Kind.CONTROL

    @property
    def is_cheap(self) -> bool:
        """Whether a value is better computed again than kept: cheap, or a view."""
        return self.is_view or self.cost is Cost.CHEAP

    def __call__(self, *operands: Any, **params: Any) -> Any:
        """The node of this operation on the operands; its value too, unless tracing."""
        try:
            inputs = lift(operands)
            if self.promotes or self.real:
                inputs = common_dtype(self.name, inputs, real=self.real)
            shape, dtype = self.infer(*inputs, **params)
        except (IndexError, TypeError):  # of the first operand, where there is none
            options = "package.OPTIONS"
            wrong = wrong_arguments(self.infer, self.name, options, operands, params)
            if wrong is None:
                raise
            raise wrong from None
        node = Node.kind(self, tuple(inputs), params, shape, dtype)
        if current_trace() is None:
            node.value = self.evaluate(node)
        return node

    def evaluate(self, node: Node) -> Any:
        """The value of a node of this operation from the values of its inputs."""
        values = []
        for operand in node.inputs:
            if operand.value is None:
                raise no_value(operand, self.name)
            values.append(operand.value)
        value = self.run(values, node.params)
        if checking_numerics.get():
            check_value(node, value, values)
        return value

    def run(self, values: Sequence[Any], params: Any) -> Any:
        """The NumPy meaning on arrays, quiet about overflow and division by zero."""
        with np.errstate(all="ignore"):
            value = self.numpy(*values, **params)
        return value if isinstance(value, tuple) else np.asarray(value)

    def gradients(self, g: Any, node: Node, pullback: Pullback) -> Sequence[Any]:
        """What the backward rule returns for a node: one gradient, or None, an input.

        Arguments:
            g: the derivative of the loss by the node.
            node: a node of this operation.
            pullback: the chain rule itself, for rules that need it.
        """
        if self.backward is None:
            return [None] * len(node.inputs)
        if self.pulls_back:
            return self.backward(g, node, *node.inputs, pullback=pullback)
        return self.backward(g, node, *node.inputs)

    def __repr__(self) -> str:
        return f"<primitive {self.name}: {self.summary}>"


def common_dtype(operation: str, inputs: list[Node], *, real: bool) -> list[Node]:
    """The inputs brought to their common dtype; to a float one where ``real``."""
    found = [node.dtype for node in inputs]
    if not real and found.count(found[0]) == len(found):
        return inputs
    dtype = promoted(operation, inputs, real=real)
    return [node if node.dtype == dtype else _cast(node, dtype) for node in inputs]


def _cast(node: Node, dtype: DType) -> Node:
    if node.literal:
        return literal(node.value.item(), dtype)
    cast: Node = REGISTRY["cast"](node, dtype=dtype)
    return cast


def same_shape(x: Node) -> tuple[Shape, DType]:
    """The rule of elementwise functions of one operand."""
    return x.shape, x.dtype
