"""From what users hand over to nodes: arrays, numbers and nested lists as leaves.

Place on the road: between the user's values and the primitives, which take nodes only.
The rules for dtypes themselves are in ``dtypes``; here they are applied to operands.
It must not know of primitives.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..dtypes import DType
from ..errors import ArgumentError, DTypeError
from ..graph import NO_PARAMS, Array, Node, captured_array

# Arrays. ------------------------------------------------------------------------------


def as_array(value: Any, dtype: Any = None) -> Array:
    """A fresh, C-ordered array of a supported dtype.

    Python floats take the default dtype; arrays keep theirs unless ``dtype`` is given.

    Raises:
        DTypeError: for values that are not numbers, or rows of different lengths.
    """
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
    known = native in dtypes.SUPPORTED or dtypes.is_bfloat16(native)
    numbers = native.kind in "biuf" or dtypes.is_bfloat16(native)
    if not numbers or (dtype is None and not known):
        raise _not_numbers(value, native)
    if dtype is not None:
        return converted(array, dtypes.as_dtype(dtype))
    if native.kind == "f" and not typed and not _holds_arrays(value):
        return array.astype(dtypes.default_float(), copy=False)
    return array.astype(native, copy=False)


def converted(array: Array, dtype: DType) -> Array:
    """An array in another dtype: the same one where it has it already.

    As integers, floats lose their fraction; NaN is 0, and what lies outside of the
    dtype's range is its nearest end.

    Example:
        >>> converted(np.array([-1.5, np.nan, 300.0]), dtypes.uint8)
        array([  0,   0, 255], dtype=uint8)
    """
    if array.dtype.kind != "f" or dtype.kind not in "iu":
        return array.astype(dtype, copy=False)
    least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
    low, high = array.dtype.type(least), array.dtype.type(most)  # high is rounded up
    found = np.where((array > low) & (array < high), array, 0).astype(dtype)
    found[array <= low], found[array >= high] = least, most
    return found


def with_wide_sums(meaning: Callable[..., Array]) -> Callable[..., Array]:
    """The meaning of a sum of products of two operands, those of bfloat16 being
    multiplied and added as float32.
    """

    @functools.wraps(meaning)
    def wide(a: Array, b: Array, *args: Any, **params: Any) -> Array:
        dtype = dtypes.of_sums(a.dtype)
        a, b = (each.astype(dtype, copy=False) for each in (a, b))
        return meaning(a, b, *args, **params)

    return wide


def like(g: Any, x: Node) -> Any:
    """A gradient in the dtype of what it is the gradient of: bfloat16, whose sums are
    float32, has its own again.
    """
    return g if g.dtype == x.dtype else g.astype(x.dtype)


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


# Leaves. ------------------------------------------------------------------------------


def constant(value: Any, dtype: Any = None, name: str = "") -> Node:
    """A leaf that holds an array of its own: a copy, which nobody else can change.

    Dtypes are those of ``as_array``.
    """
    array = as_array(value, dtype)
    return Node.kind(None, (), NO_PARAMS, array.shape, array.dtype, array, name)


def literal(value: bool | int | float, dtype: DType) -> Node:
    """A leaf for a Python number in an expression, which no gradient flows to."""
    node = Node.kind(None, (), NO_PARAMS, (), dtype, np.array(value, dtype))
    node.literal = True
    return node


def _no_tensors(values: Any) -> Any:
    """The same values. A list with tensors in it is an error: as an array it would be a
    constant, and the gradient of each would end there without a word.
    """
    for each in values if isinstance(values, (list, tuple)) else ():
        if isinstance(each, Node):
            raise ArgumentError(
                f"tensor: {type(values).__name__} with {each.describe()} in the place "
                "of one tensor: as an array it would have no gradient",
                fix="cr.stack(tensors); cr.tensor(tensors) has the values alone",
            )
        _no_tensors(each)
    return values


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
            known = captured_array(operand)
            operand = constant(_no_tensors(operand)) if known is None else known
        nodes.append(operand)
    if not numbers:
        return nodes
    beside: DType | None = None
    for node in nodes:
        if isinstance(node, Node) and not node.several:
            own = node.dtype
            beside = own if beside is None else dtypes.promote(beside, own)
    return [
        node
        if isinstance(node, Node)
        else node.beside(beside)
        if type(node) is Number
        else literal(node, dtypes.scalar_dtype(node, beside))
        for node in nodes
    ]


class Number:
    """A Python integer that is an input of a program: it has no value while the
    function is traced.

    Beside tensors it takes their dtype, as every Python number does. Whatever else is
    done with it would need the value, and is an error; ``asked`` remembers it.
    """

    __class__ = property(lambda self: int)  # for isinstance

    def __init__(self, name: str) -> None:
        # All are made at once: in the body of a loop they must be older than that.
        self.nodes = {
            each: Node.kind(None, (), NO_PARAMS, (), each, None, name)
            for each in dtypes.SUPPORTED
        }
        self.used: dict[DType, Node] = {}
        self.asked = False

    def beside(self, dtype: DType | None) -> Node:
        """The node for the number beside operands of this dtype."""
        own = dtypes.scalar_dtype(0, dtype)
        return self.used.setdefault(own, self.nodes[own])

    def _ask(self, *others: Any) -> Any:
        if any(isinstance(each, Node) for each in others):
            return NotImplemented  # the tensor's own operator lifts it
        self.asked = True
        raise DTypeError("compile: the value of an integer is needed in the trace")


for _operation in [*vars(int), "__str__"]:
    if _operation not in ("__new__", "__getattribute__", "__doc__"):
        setattr(Number, _operation, Number._ask)


# Operands side by side. ---------------------------------------------------------------


def promoted(operation: str, inputs: Sequence[Node], *, real: bool) -> DType:
    """The dtype in which an operation computes on inputs of these dtypes.

    Arguments:
        operation: the name for the message.
        inputs: the operands.
        real: whether bools and integers become floats.

    Raises:
        DTypeError: where no supported dtype holds the values of all.
    """
    own = [node.dtype for node in inputs]
    if real:
        own = [dtypes.float_for(dtype) for dtype in own]
    dtype = own[0]
    for other in own[1:]:
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
    return dtype


def describe(inputs: Sequence[Node]) -> list[str]:
    """Labels and shapes of the inputs, for messages."""
    return [node.describe() for node in inputs]
