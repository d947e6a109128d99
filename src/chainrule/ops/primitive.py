"""The contract of a primitive, and the registry of all of them.

Place on the road: between the graph and the tensors. A primitive is one small
declaration that a reader can check against a textbook: a name, a rule for shape and
dtype, the meaning in NumPy, and the backward rule. How an engine lowers it lives with
the engine.

A backward rule receives ``(g, out, *inputs)``: the derivative of the loss by the
output, the output node and the input nodes. It answers one gradient per input, None
where there is none, written with the same operators that users write: gradients are
graphs again. It need not undo broadcasting; ``backprop`` does, once for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from .. import dtypes
from ..dtypes import DType
from ..errors import DTypeError, NumericsError
from ..graph import Array, Node, current_trace, no_value
from ..shapes import Shape

#: ``infer(*inputs, **params)`` → (shape, dtype)
Infer = Callable[..., tuple[Any, Any]]
#: ``backward(g, out, *inputs)`` → one gradient, or None, per input
Backward = Callable[..., Sequence[Any]]

REGISTRY: dict[str, Primitive] = {}

#: Whether every value is looked at for NaN and Inf as it is computed.
checking_numerics: ContextVar[bool] = ContextVar("checking_numerics", default=False)


class Primitive:
    """An operation of the graph; calling it makes a node.

    Attributes:
        name: its name, unique in the registry.
        infer: the rule for shape and dtype.
        numpy: the meaning: arrays in, array out.
        backward: the backward rule; None where the derivative is zero or undefined.
        promotes: whether operands are first brought to a common dtype.
        real: whether bools and integers are first turned into floats.
        summary: the definition in one line.
    """

    def __init__(
        self,
        name: str,
        summary: str,
        infer: Infer,
        numpy: Callable[..., Any],
        backward: Backward | None = None,
        *,
        promotes: bool = False,
        real: bool = False,
    ) -> None:
        self.name = name
        self.summary = summary
        self.infer = infer
        self.numpy = numpy
        self.backward = backward
        self.promotes = promotes
        self.real = real
        self.__name__ = self.__qualname__ = name
        self.__doc__ = summary
        if name in REGISTRY:
            raise ValueError(f"primitive {name!r} is registered twice")
        REGISTRY[name] = self

    def __call__(self, *operands: Any, **params: Any) -> Any:
        """The node of this operation on the operands; its value too, unless tracing."""
        inputs = lift(operands)
        if self.promotes or self.real:
            inputs = common_dtype(self.name, inputs, self.real)
        shape, dtype = self.infer(*inputs, **params)
        node = Node.kind(self, tuple(inputs), params, shape, dtype)
        if current_trace() is None:
            node.value = self.evaluate(node)
        return node

    def evaluate(self, node: Node) -> Any:
        """The value of a node of this operation from the values of its inputs."""
        values = []
        for each in node.inputs:
            if each.value is None:
                raise no_value(each, self.name)
            values.append(each.value)
        value = self.run(values, node.params)
        if checking_numerics.get():
            check_value(node, value, values)
        return value

    def run(self, values: Sequence[Any], params: Any) -> Any:
        """The NumPy meaning on arrays, quiet about overflow and division by zero."""
        with np.errstate(all="ignore"):
            value = self.numpy(*values, **params)
        return value if isinstance(value, tuple) else np.asarray(value)

    def __repr__(self) -> str:
        return f"<primitive {self.name}: {self.summary}>"


def lift(operands: Sequence[Any]) -> list[Node]:
    """Nodes for operands: tensors as they are, arrays as constants, numbers as
    literals.

    A Python number takes its dtype from the tensors beside it
    (``dtypes.scalar_dtype``).
    """
    nodes: list[Any] = []
    numbers = False
    for operand in operands:
        if isinstance(operand, Node):
            operand = operand.read()
        elif isinstance(operand, (bool, int, float)):
            numbers = True
        else:
            operand = constant(operand)
        nodes.append(operand)
    if not numbers:
        return nodes
    beside: DType | None = None
    for each in nodes:
        if isinstance(each, Node) and not each.several:
            beside = (
                each.dtype if beside is None else dtypes.promote(beside, each.dtype)
            )
    return [
        each
        if isinstance(each, Node)
        else literal(each, dtypes.scalar_dtype(each, beside))
        for each in nodes
    ]


def constant(value: Any, dtype: Any = None, name: str = "") -> Node:
    """A leaf that holds an array of its own: a copy, which nobody can change.

    Python floats take the default dtype; arrays keep theirs unless ``dtype`` is given.
    """
    array = as_array(value, dtype)
    return Node.kind(None, (), {}, array.shape, array.dtype, array, name)


def as_array(value: Any, dtype: Any = None) -> Array:
    """A fresh, C-ordered array of a supported dtype."""
    typed = hasattr(value, "dtype")
    try:
        array = np.array(value, order="C")
    except ValueError:
        raise DTypeError(
            f"tensor: {type(value).__name__} with rows of different lengths: the "
            "values do not form an array",
            fix="give every row the same length",
        ) from None
    native = array.dtype.newbyteorder("=")
    if native.kind not in "biuf" or (dtype is None and native not in dtypes.SUPPORTED):
        raise _not_numbers(value, native)
    if dtype is not None:
        return array.astype(dtypes.as_dtype(dtype), copy=False)
    if native.kind == "f" and not typed and not _holds_arrays(value):
        return array.astype(dtypes.default_float(), copy=False)
    return array.astype(native, copy=False)


def _holds_arrays(value: Any) -> bool:
    """Whether a nested list ends in NumPy values, which have a dtype of their own."""
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return hasattr(value, "dtype")


def _not_numbers(value: Any, dtype: DType) -> DTypeError:
    fix = "convert it to numbers first"
    if dtype.kind in "US":
        fix += "; class names become indices with np.unique(..., return_inverse=True)"
    elif dtype.kind in "fc":
        fix = "convert it first: array.astype('float32')"
    elif value is None:
        fix = "does a function forget to return its result? Compare with x is None"
    elif isinstance(value, int):
        fix = f"it does not fit 64 bits: write it as a float, {float(value):g}"
    return DTypeError(
        f"tensor: {type(value).__name__} with dtype {dtype}: a tensor holds numbers: "
        "bool, 8 to 64-bit integers, float32 or float64",
        fix=fix,
    )


def literal(value: bool | int | float, dtype: DType) -> Node:
    """A leaf for a Python number in an expression; no gradient is asked for it."""
    node = Node.kind(None, (), {}, (), dtype, np.array(value, dtype))
    node.literal = True
    return node


def common_dtype(operation: str, inputs: list[Node], real: bool) -> list[Node]:
    """The inputs brought to their common dtype; to a float one where ``real``."""
    found = [each.dtype for each in inputs]
    if real:
        found = [dtypes.float_for(dtype) for dtype in found]
    dtype = found[0]
    if found.count(dtype) == len(found) and not real:
        return inputs
    for other in found[1:]:
        if other != dtype:
            try:
                dtype = dtypes.promote(dtype, other)
            except DTypeError as error:
                operands = " and ".join(f"{n.describe()} {n.dtype}" for n in inputs)
                raise DTypeError(
                    f"{operation}: {operands}: no integer dtype holds the values of "
                    "both",
                    fix=error.fix,
                ) from None
    return [each if each.dtype == dtype else _cast(each, dtype) for each in inputs]


def _cast(node: Node, dtype: DType) -> Node:
    if node.literal:
        return literal(node.value.item(), dtype)
    cast: Node = REGISTRY["cast"](node, dtype=dtype)
    return cast


def describe(inputs: Sequence[Node]) -> list[str]:
    """Labels and shapes of the inputs, for messages."""
    return [each.describe() for each in inputs]


def check_value(node: Node, value: Any, inputs: Sequence[Any]) -> None:
    """Raises a ``NumericsError`` for a value with a NaN or Inf."""
    for part in value if isinstance(value, tuple) else (value,):
        if part.dtype.kind != "f" or np.isfinite(part).all():
            continue
        kind = "NaN" if np.isnan(part).any() else "Inf"
        count = int(part.size - np.isfinite(part).sum())
        step = "backward" if node.origin is not None else "forward"
        pairs = zip(node.inputs, inputs, strict=True)
        ranges = ", ".join(_range(each, array) for each, array in pairs)
        name = node.op.name if node.op else "leaf"
        raise NumericsError(
            f"{name}: {kind} in {count} of {part.size} values, first made here, in "
            f"the {step} pass; inputs: {ranges}",
            at=node.line,
            fix="look at these inputs: a logarithm or division of 0, an exp that "
            "overflows, or a learning rate that is too large",
        )


def _range(node: Node, value: Any) -> str:
    if isinstance(value, tuple) or value.size == 0:
        return node.describe()
    return f"{node.describe()} from {value.min():.4g} to {value.max():.4g}"


def same_shape(x: Node, **_: Any) -> tuple[Shape, DType]:
    """The rule of elementwise functions of one operand."""
    return x.shape, x.dtype


def zeros_like(x: Any) -> Any:
    """Zeros of a node's shape and dtype, without storage of that size."""
    zero = literal(0, x.dtype)
    return REGISTRY["broadcast_to"](zero, shape=x.shape) if x.shape else zero
