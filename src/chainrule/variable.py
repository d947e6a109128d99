"""Variables and parameters: tensors whose values can be replaced.

Place on the road: beside ``tensor``, at the user's end. A ``Variable`` has a name and a
value: reading it gives a node for its value now, ``assign`` gives it another. A
``Parameter`` is a variable that training changes. It knows nothing of gradients,
compilers or engines; ``compiler.cell`` says what engines may rely on.
"""

from __future__ import annotations

import weakref
from typing import Any, NoReturn, Protocol

import numpy as np
from numpy.typing import DTypeLike

from . import dtypes
from .errors import ArgumentError, DTypeError, ShapeError, TraceError
from .foreign import assigned_here, no_such_setting
from .graph import (
    Array,
    Node,
    changes,
    current_trace,
    no_value,
    settings_changes,
    variable_trace,
)
from .ops import elementwise
from .ops.arrays import as_array, constant, lift
from .tensor import Tensor

#: Attributes that say something of a variable, and change nothing when they are set.
CANNOT_BE_SET = frozenset({"dtype", "frozen", "shape", "value"})


class Residence(Protocol):
    """A value in memory of an engine, such as a device's, as its variable has it."""

    @property
    def array(self) -> Array:
        """The value in NumPy's memory: fetched when first asked for, and from then on
        the same array. It is C-contiguous, and nobody else writes to it.
        """


def _in_place(operator: str) -> Any:
    def refuse(self: Variable, other: Any) -> NoReturn:
        name, kind = self.name or "x", type(self).__name__.lower()
        raise ArgumentError(
            f"{name} {operator}= …: {self.describe()}: this would put a tensor in the "
            f"place of a {kind}",
            fix=f"{name}.assign({name} {operator} …) changes it; "
            f"y = {name} {operator} … makes a new tensor",
        )

    return refuse


class Variable(Tensor):
    """A tensor whose value can be replaced: a parameter, a running average, a counter.

    In an expression it stands for its value at that moment. Assigning changes what
    later expressions see, never what an earlier one has computed, nor its gradients.

    Arguments:
        value: the first value; it fixes shape and dtype.
        dtype: the dtype; default: the value's own, the default float for Python
            numbers.
        name: how messages and printed graphs call it.

    Example:
        >>> import chainrule as cr
        >>> count = cr.Variable(0, name="count")
        >>> count.assign(count + 1)
        >>> count.item()
        1
    """

    __slots__ = ("_kept", "_leaf")

    #: the value, or the engine's handle of one that is elsewhere
    _kept: Array | Residence
    #: the node that stands for the value, as long as anyone has it; not None once there
    #: has been one, for arrays made from it may be left
    _leaf: weakref.ref[Node] | None

    def __init__(
        self, value: Any, dtype: DTypeLike | None = None, name: str = ""
    ) -> None:
        if isinstance(value, Node) and value.read().value is None:
            raise TraceError(
                "Variable: its first value is being traced, so it is not known",
                fix="make layers and variables outside of the compiled function",
            )
        array = as_array(value, dtype)
        super().__init__(None, (), {}, array.shape, array.dtype, array, name)

    def __setattr__(self, name: str, value: Any) -> None:
        unknown = not hasattr(type(self), name)
        if unknown or (name in CANNOT_BE_SET and not assigned_here()):
            raise no_such_setting(self, name, "package.ASSIGNED", known=("name",))
        super().__setattr__(name, value)

    # Where the value is: see ``compiler.cell``. ---------------------------------------

    @property
    def array(self) -> Array:
        """The value in NumPy's memory; fetched if an engine keeps it elsewhere."""
        kept = self._kept
        return kept if isinstance(kept, np.ndarray) else kept.array

    @array.setter
    def array(self, array: Array) -> None:
        self._kept, self._leaf = array, None
        changes.mark()

    @property
    def residence(self) -> Residence | None:
        """The engine's handle of a value that it keeps elsewhere, or None."""
        kept = self._kept
        return None if isinstance(kept, np.ndarray) else kept

    @residence.setter
    def residence(self, residence: Residence) -> None:
        self._kept, self._leaf = residence, None
        changes.mark()

    @property
    def lent(self) -> bool:
        """Whether a node, or an array made from it, may share ``array``'s memory."""
        return self._leaf is not None

    @property
    def value(self) -> Array:
        """The same as ``array``: what every node has."""
        return self.array

    @value.setter
    def value(self, array: Array) -> None:
        """The first value, which ``Node`` sets."""
        self._kept, self._leaf = array, None

    # Reading and assigning. -----------------------------------------------------------

    def read(self) -> Node:
        """The node for the value now: the trace's, or a constant leaf."""
        trace = variable_trace()
        if trace is not None:
            if self not in trace.current:
                trace.current[self] = trace.variables[self] = self._new_leaf(None)
                trace.versions[trace.current[self]] = self
            return trace.current[self]
        leaf = self._leaf() if self._leaf is not None else None
        if leaf is None:
            leaf = self._new_leaf(self.array)
            self._leaf = weakref.ref(leaf)  # not a cycle: a dropped model is freed
            changes.mark()
        return leaf

    def _new_leaf(self, value: Array | None) -> Node:
        leaf = Tensor(None, (), {}, self.shape, self.dtype, value, self.name)
        leaf.owner = self
        return leaf

    def assign(self, value: Any) -> None:
        """Puts another value of the same shape and dtype in place of this one.

        Raises:
            ShapeError, DTypeError: when it has another shape or dtype.
            TraceError: inside the body of a scan, where only the carry changes.
        """
        (node,) = lift([value])
        fits = dtypes.is_float(self.dtype) or not dtypes.is_float(node.dtype)
        if fits and not isinstance(value, Node):
            node = constant(value, dtype=self.dtype)  # all digits of the number
        if node.shape != self.shape:
            raise ShapeError(
                f"assign: {self.describe()} ← {node.describe()}: the shape must stay "
                "the same"
            )
        if node.dtype != self.dtype:
            raise DTypeError(
                f"assign: {self.describe()} of {self.dtype} ← {node.dtype}: the dtype "
                "must stay the same",
                fix=f"convert the new value: value.astype('{self.dtype}')",
            )
        trace = current_trace()
        if trace is None:
            if node.value is None:
                raise no_value(node, f"assign: {self.describe()} ← {node.describe()}")
            self.array = np.array(node.value, order="C")  # storage of its own
        elif trace.body:
            raise TraceError(
                f"assign: {self.describe()} inside the body of a scan, which changes "
                "nothing but its carry",
                fix="carry the value through the scan, and assign the last carry "
                "after it",
            )
        else:
            self.read()  # so that the trace has a leaf for the value at the start
            trace.updates[self] = node
            trace.current[self] = elementwise.stop_gradient(node)
            trace.versions[trace.current[self]] = self

    __iadd__, __isub__, __imul__ = _in_place("+"), _in_place("-"), _in_place("*")
    __itruediv__, __ifloordiv__ = _in_place("/"), _in_place("//")
    __ipow__, __imod__, __imatmul__ = _in_place("**"), _in_place("%"), _in_place("@")

    def __repr__(self) -> str:
        kind = type(self).__name__.lower()
        body = np.array2string(self.array, separator=", ", prefix=f"{kind}(")
        name = f", name={self.name!r}" if self.name else ""
        return f"{kind}({body}, dtype={self.dtype}{name})"

    def like(self, array: Array) -> Any:
        """Another variable of this name and kind, with these values."""
        return type(self)(array, name=self.name)

    def __deepcopy__(self, memo: dict[int, Any]) -> Variable:
        copy: Variable = self.like(self.array)
        memo[id(self)] = copy
        return copy

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (type(self), self.array, self.name)


class Parameter(Variable):
    """A variable that training changes: a weight, a bias. Made by ``cr.parameter``.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w, b = cr.parameter(1.0), cr.parameter(1.0)
        >>> optimizer = optim.SGD([w, b], lr=0.1)
        >>> w.freeze()
        >>> optimizer.step(cr.backprop(w + b))
        >>> w.item(), round(b.item(), 3)
        (1.0, 0.9)
    """

    __slots__ = ("_frozen", "path")

    #: where it is in a network, "0.weight", once its parameters were asked for; ""
    path: str

    def __init__(
        self, value: Any, dtype: DTypeLike | None = None, name: str = ""
    ) -> None:
        super().__init__(value, dtype, name)
        if not dtypes.is_float(self.dtype):
            raise DTypeError(
                f"parameter: {self.describe()} is {self.dtype}: only floating-point "
                "numbers can be trained",
                fix="write 1.0 in place of 1, or dtype='float32'; cr.Variable holds "
                "numbers that are not trained",
            )
        self._frozen, self.path = False, ""

    @property
    def frozen(self) -> bool:
        """Whether steps of optimizers leave it as it is."""
        return self._frozen

    def freeze(self) -> None:
        """From now on steps of optimizers leave it as it is, compiled ones too: no
        gradient, momentum or weight decay changes it. ``assign`` still does, and
        ``cr.backprop`` still has its gradient.
        """
        self._frozen = True
        settings_changes.mark()

    def unfreeze(self) -> None:
        """Optimizers change it again."""
        self._frozen = False
        settings_changes.mark()

    def like(self, array: Array) -> Any:
        """Another one with these values, frozen if this one is."""
        other = super().like(array)
        other._frozen = self._frozen
        return other

    def __reduce__(self) -> tuple[Any, ...]:
        return *super().__reduce__(), (None, {"_frozen": self._frozen})


def _received(kind: type[Variable], array: Array, name: str) -> Variable:
    """A variable that was sent from another process."""
    return kind(array, name=name)


def parameter(
    value: Any, dtype: DTypeLike | None = None, *, name: str = ""
) -> Parameter:
    """A parameter with these first values.

    Raises:
        DTypeError: for integers and bools, which have no gradient.

    Example:
        >>> import chainrule as cr
        >>> W = cr.parameter([[1.0, 2.0]], name="W1")
        >>> W.assign(W * 2)
        >>> W
        parameter([[2., 4.]], dtype=float32, name='W1')
    """
    return Parameter(value, dtype, name)
