"""Tensors: what users hold. Thin over ``ops``.

Place on the road: the user's end of it. A ``Tensor`` is a node with operators and
methods; each makes a new node, evaluated at once unless a function is being traced. Its
value never changes; ``variable`` has those that do. It knows nothing of gradients or
compilers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import DTypeLike

from . import dtypes, shapes
from .errors import ArgumentError, DTypeError, ScalarError, ShapeError
from .foreign import Refused, Size, no_attribute
from .graph import (
    Array,
    Node,
    captured_array,
    format_type,
    no_value,
)
from .ops import composed, elementwise, matmul, movement, reduction
from .ops.arrays import constant, converted, lift
from .ops.elementwise import bools
from .ops.subscript import subscript

Axis = int | Sequence[int] | None


class Tensor(Node):
    """An n-dimensional array of numbers that remembers how it was computed.

    Its value never changes. Operators and methods have NumPy's names, arguments and
    broadcasting; a Python number beside a tensor takes the tensor's dtype.

    Example:
        >>> import chainrule as cr
        >>> x = cr.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> (x @ x.T + 1).sum(axis=0).numpy()
        array([18., 38.], dtype=float32)
    """

    __slots__ = ()
    __hash__ = object.__hash__

    if not TYPE_CHECKING:  # so that type checkers still find wrong names

        def __getattr__(self, name: str) -> NoReturn:
            raise no_attribute(self, name, "package.TENSOR")

        data = Refused("data", "package.TENSOR")
        grad = Refused("grad", "package.TENSOR")
        requires_grad = Refused("requires_grad", "package.TENSOR")

    # What it is. ----------------------------------------------------------------------

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return Size(shapes.size(self.shape))

    @property
    def T(self) -> Tensor:
        """The axes reversed: for a matrix, its transpose."""
        transposed: Tensor = movement.transpose(self)
        return transposed

    def numpy(self) -> Array:
        """The value as a NumPy array that cannot be written to; ``.numpy().copy()``
        can.

        Raises:
            TraceError: while tracing, where there is no value.
        """
        return self._read_only("numpy()")

    def _read_only(self, wanted: str) -> Array:
        view = self._known(wanted).view()
        view.flags.writeable = False
        return view

    def item(self, *index: Any) -> Any:
        """The value of a tensor of one element, as a Python number; or that at an
        index: of all elements in a row, or of each axis.
        """
        index = index[0] if index and isinstance(index[0], tuple) else index
        element: Any = self.ravel() if len(index) == 1 else self
        return (element[index] if index else element)._number("item()")

    def _number(self, wanted: str) -> Any:
        value = self._known(wanted)
        if value.size != 1:
            raise ShapeError(
                f"{wanted}: {self.describe()}: only a tensor of one element is a "
                "number",
                fix="index it, or reduce it with .sum() or .mean()",
            )
        return value.item()

    def tolist(self) -> Any:
        """The value as nested Python lists."""
        return self._known("tolist()").tolist()

    def detach(self) -> Tensor:
        """The same value without its history: gradients end here."""
        detached: Tensor = elementwise.stop_gradient(self)
        return detached

    def _known(self, wanted: str) -> Array:
        node = self.read()
        if node.value is None:
            raise no_value(self, wanted)
        value: Array = node.value
        return value

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> Array:
        array = self._known("a NumPy array")
        if dtype is not None and array.dtype != dtype:
            return converted(array, np.dtype(dtype))
        return array.copy() if copy else self.numpy()

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """The value for another library, by DLPack: read-only, without a copy, where
        that library knows of read-only memory (version 1.0); else a copy. PyTorch says
        that it knows, and writes to it all the same: ``.clone()`` what you change.
        """
        from .protocols.dlpack import exported  # imported when used

        array, name = self._read_only("__dlpack__"), self.describe()
        return exported(array, name, stream, max_version, dl_device, copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        """The processor's memory: (kDLCPU, 0)."""
        return (1, 0)

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ShapeError(
                f"if: {self.describe()}: the truth of {self.size} elements is "
                "ambiguous",
                fix="use cr.any(x) or cr.all(x)",
            )
        return bool(self._known("if"))

    def __float__(self) -> float:
        return float(self._number("float()"))

    def __int__(self) -> int:
        return int(self._number("int()"))

    def __index__(self) -> int:
        if not dtypes.is_integer(self.dtype) or self.ndim:
            raise DTypeError(
                f"index: {self.describe()} of {self.dtype}: expected a single integer"
            )
        return int(self._number("an integer index"))

    def __round__(self, ndigits: int | None = None) -> Any:
        return self.round(ndigits or 0)

    def __len__(self) -> int:
        if not self.shape:
            raise ScalarError("len: a tensor without axes has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.shape:
            raise ScalarError(
                f"for: {self.describe()}: a single number has nothing to go through",
                fix="x.item() is the number",
            )
        return (self[i] for i in range(len(self)))

    def __format__(self, form: str) -> str:
        return format(self.item(), form) if self.size == 1 and form else str(self)

    def __repr__(self) -> str:
        name = f", name={self.name!r}" if self.name else ""
        if self.read().value is None:
            return f"tensor({format_type(self)}, traced{name})"
        body = np.array2string(self._known("repr"), separator=", ", prefix="tensor(")
        return f"tensor({body}, dtype={self.dtype}{name})"

    def __copy__(self) -> Tensor:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        return tensor(self._known("deepcopy"), name=self.name)

    def __reduce__(self) -> tuple[Any, ...]:
        """What another process is sent: the value, without history."""
        return _received, (self._known("pickle"), self.name)

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kw: Any) -> Any:
        """NumPy's functions of tensors, ``array + tensor`` among them."""
        from .protocols.universal import universal  # imported when used

        return universal(ufunc, method, args, kw)

    def __array_function__(self, called: Any, types: Any, args: Any, kw: Any) -> Any:
        """NumPy's other functions, of tensors among their arguments."""
        from .protocols.functions import function  # imported when used

        return function(called, types, args, kw)

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise ArgumentError(
            f"x[...] = value: a tensor's value never changes: {self.describe()}",
            fix="make a new one with cr.where(condition, value, x); parameters have "
            ".assign()",
        )

    # Operators. -----------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        return subscript(self.read(), index)

    def __add__(self, other: Any) -> Any:
        return elementwise.add(self, other)

    def __radd__(self, other: Any) -> Any:
        return elementwise.add(other, self)

    def __sub__(self, other: Any) -> Any:
        return elementwise.subtract(self, other)

    def __rsub__(self, other: Any) -> Any:
        return elementwise.subtract(other, self)

    def __mul__(self, other: Any) -> Any:
        return elementwise.multiply(self, other)

    def __rmul__(self, other: Any) -> Any:
        return elementwise.multiply(other, self)

    def __truediv__(self, other: Any) -> Any:
        return elementwise.divide(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return elementwise.divide(other, self)

    def __floordiv__(self, other: Any) -> Any:
        return elementwise.floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return elementwise.floor_divide(other, self)

    def __mod__(self, other: Any) -> Any:
        return elementwise.remainder(self, other)

    def __rmod__(self, other: Any) -> Any:
        return elementwise.remainder(other, self)

    def __pow__(self, other: Any) -> Any:
        return composed.power(self, other)

    def __rpow__(self, other: Any) -> Any:
        return composed.power(other, self)

    def __matmul__(self, other: Any) -> Any:
        return matmul.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return matmul.matmul(other, self)

    def __neg__(self) -> Any:
        return elementwise.negative(self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return elementwise.absolute(self)

    def __invert__(self) -> Any:
        if self.dtype != dtypes.bool_:
            raise DTypeError(f"~x: {self.describe()} is {self.dtype}, not bool")
        return elementwise.logical_not(self)

    def __and__(self, other: Any) -> Any:
        return elementwise.logical_and(*bools("&", self, other))

    def __or__(self, other: Any) -> Any:
        return elementwise.logical_or(*bools("|", self, other))

    def __xor__(self, other: Any) -> Any:
        return elementwise.logical_xor(*bools("^", self, other))

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __eq__(self, other: Any) -> Any:
        return elementwise.equal(self, other)

    def __ne__(self, other: Any) -> Any:
        return elementwise.not_equal(self, other)

    def __lt__(self, other: Any) -> Any:
        return elementwise.less(self, other)

    def __le__(self, other: Any) -> Any:
        return elementwise.less_equal(self, other)

    def __gt__(self, other: Any) -> Any:
        return elementwise.greater(self, other)

    def __ge__(self, other: Any) -> Any:
        return elementwise.greater_equal(self, other)

    # Methods, with NumPy's names and arguments. ---------------------------------------

    def astype(self, dtype: DTypeLike) -> Any:
        """The values in another dtype.

        As integers, floats lose their fraction; NaN is 0, and what lies outside of the
        dtype's range is its nearest end.
        """
        wanted = dtypes.as_dtype(dtype)
        return (
            self.read()
            if wanted == self.dtype
            else elementwise.cast(self, dtype=wanted)
        )

    def reshape(self, *shape: Any) -> Any:
        """The elements in another shape: ``x.reshape(2, -1)`` or ``x.reshape((2,
        -1))``.
        """
        return movement.reshape(self, _unpack(shape))

    def transpose(self, *axes: Any) -> Any:
        """The axes in another order; reversed without arguments."""
        return movement.transpose(self, _unpack(axes) or None)

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        """Two axes exchanged."""
        return composed.swapaxes(self, axis1, axis2)

    def flatten(self, axis: int = 0) -> Any:
        """The axes from ``axis`` on as one: all of them without it."""
        first = shapes.normal_axis("flatten", axis, max(1, self.ndim))
        length = shapes.size(self.shape[first:])
        return movement.reshape(self, (*self.shape[:first], length))

    def ravel(self) -> Any:
        """All elements along one axis."""
        return movement.reshape(self, (-1,))

    def squeeze(self, axis: Axis = None) -> Any:
        """Without axes of length 1."""
        return composed.squeeze(self, axis)

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Any:
        """The sum of the elements along ``axis``."""
        return reduction.sum(self, axis, keepdims)

    def prod(self, axis: Axis = None, keepdims: bool = False) -> Any:
        """The product of the elements along ``axis``."""
        return reduction.prod(self, axis, keepdims)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Any:
        """The average of the elements along ``axis``."""
        return composed.mean(self, axis, keepdims)

    def var(self, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Any:
        """The variance of the elements along ``axis``."""
        return composed.var(self, axis, keepdims, ddof)

    def std(self, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Any:
        """The standard deviation of the elements along ``axis``."""
        return composed.std(self, axis, keepdims, ddof)

    def max(self, axis: Axis = None, keepdims: bool = False) -> Any:
        """The largest element along ``axis``."""
        return reduction.max(self, axis, keepdims)

    def min(self, axis: Axis = None, keepdims: bool = False) -> Any:
        """The smallest element along ``axis``."""
        return reduction.min(self, axis, keepdims)

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Any:
        """The index of the largest element along ``axis``."""
        return reduction.argmax(self, axis, keepdims)

    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Any:
        """The index of the smallest element along ``axis``."""
        return reduction.argmin(self, axis, keepdims)

    def cumsum(self, axis: int | None = None) -> Any:
        """Running sums along ``axis``."""
        return reduction.cumsum(self, axis)

    def cumprod(self, axis: int | None = None) -> Any:
        """Running products along ``axis``."""
        return composed.cumprod(self, axis)

    def argsort(self, axis: int = -1) -> Any:
        """The indices that sort along ``axis``."""
        return reduction.argsort(self, axis)

    def any(self, axis: Axis = None, keepdims: bool = False) -> Any:
        """Whether any element along ``axis`` is true."""
        return composed.any(self, axis, keepdims)

    def all(self, axis: Axis = None, keepdims: bool = False) -> Any:
        """Whether every element along ``axis`` is true."""
        return composed.all(self, axis, keepdims)

    def clip(self, low: Any = None, high: Any = None) -> Any:
        """Values below ``low`` and above ``high`` replaced by these."""
        return composed.clip(self, low, high)

    def round(self, decimals: int = 0) -> Any:
        """The nearest numbers of ``decimals`` digits behind the point."""
        from .arrays import rounding

        return rounding.round(self, decimals)

    def repeat(self, repeats: Any, axis: int | None = None) -> Any:
        """Each element along ``axis`` several times in a row."""
        from .arrays import rearranging

        return rearranging.repeat(self, repeats, axis)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        """The diagonals of the matrices that two axes form."""
        from .arrays import matrices

        return matrices.diagonal(self, offset, axis1, axis2)

    def nonzero(self) -> Any:
        """The indices of the elements that are not 0."""
        from .arrays import searching

        return searching.nonzero(self)

    def searchsorted(self, v: Any, side: str = "left", sorter: Any = None) -> Any:
        """The places in this sorted vector where values belong."""
        from .arrays import searching

        return searching.searchsorted(self, v, side, sorter)

    def dot(self, other: Any) -> Any:
        """The matrix product ``self @ other``."""
        return matmul.matmul(self, other)


Node.kind = Tensor


def _unpack(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(arguments) == 1 and isinstance(arguments[0], (tuple, list)):
        return tuple(arguments[0])
    return arguments


def _received(array: Array, name: str) -> Tensor:
    """A tensor that was sent from another process."""
    return tensor(array, name=name)


def tensor(value: Any, dtype: DTypeLike | None = None, *, name: str = "") -> Tensor:
    """A tensor with these values: a copy of an array, nested lists or a number.

    Of a tensor it is one with the same values and without history.

    Arguments:
        value: numbers. Python floats become float32 (``config.dtype``), Python integers
            int64; NumPy arrays keep their dtype.
        dtype: another dtype.
        name: how messages and printed graphs call it.

    Raises:
        DTypeError: for values that are not numbers.

    Example:
        >>> import chainrule as cr
        >>> cr.tensor([[0.5, -1.0]])
        tensor([[ 0.5, -1. ]], dtype=float32)
    """
    if isinstance(value, Node):
        if value.read().value is None:  # in a trace
            traced: Tensor = elementwise.stop_gradient(value)
            return traced if dtype is None else traced.astype(dtype)
        value = value.read().value
    known = captured_array(value) if dtype is None else None
    leaf = constant(value, dtype, name) if known is None else known
    assert isinstance(leaf, Tensor)
    return leaf


def as_tensor(value: Any) -> Tensor:
    """A tensor for anything an operation takes: tensors as they are, else a copy."""
    (node,) = lift([value])
    assert isinstance(node, Tensor)
    return node
