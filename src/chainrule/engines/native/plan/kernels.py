"""What the engine compiles: kernels over an index space, and the schedule of them.

Place on the road: ``fuse`` makes these from a program, ``write`` makes LLVM text from
them. Plain data; nothing here knows the processor.

There are two sorts of kernel. A *fused* kernel computes steps at every point of an
index space: ``Sweep``, ``Product``, ``Convolution``. A *special* one works on whole
contiguous buffers: ``Cumsum``, ``Scan`` and so on. Each kind is a class of its own, and
none is a subclass of another: a test for one is true for that one only.

Values between kernels are in *buffers*, each with a number, a dtype and a size. Slots
of the program that hold computed values are buffers of the same number; the engine adds
more.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from operator import is_
from typing import ClassVar, Self, TypeAlias, cast

from ....dtypes import DType
from ....graph import Array, Node
from ....ops.control import Split
from ....shapes import Shape
from .calls import Call
from .carries import CarrySlots
from .convolution_spec import Correlation
from .fingerprint import fingerprint
from .kernel_gradient_spec import KernelGradient
from .views import View

#: A product with at least this many columns is shared out in groups of columns.
MANY_COLUMNS = 128


@dataclass(frozen=True)
class Buffer:
    """A buffer: who provides its memory, and what it holds.

    ``kind`` is "input", "variable", "constant", "output" (``number`` counts within the
    kind), "updated" (the next value of a variable that is not updated in place), or
    "arena".
    """

    kind: str
    number: int
    dtype: DType
    size: int


@dataclass(frozen=True)
class Access:
    """Element (i₀, i₁, …) of the kernel's space is at ``offset + Σ iₖ·stridesₖ``."""

    buffer: int
    strides: tuple[int, ...]
    offset: int
    dtype: DType


@dataclass(frozen=True)
class Local:
    """The value of an earlier step, still in registers."""

    step: int


@dataclass(frozen=True)
class Immediate:
    """A number that is part of the program."""

    value: bool | int | float
    dtype: DType

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Immediate) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))


@dataclass(frozen=True)
class Coordinate:
    """The number ``offset + Σ iₖ·stridesₖ`` itself, an int64: an index of the space."""

    strides: tuple[int, ...]
    offset: int


Argument: TypeAlias = Access | Local | Immediate | Coordinate
#: A value that is written, and where: (number of the step, access).
Store: TypeAlias = tuple[int, Access]
#: A buffer in whole, and the shape that it is seen in.
Whole: TypeAlias = tuple[int, Shape]


class Scope(Enum):
    """How often a step is computed, and which points of the space it combines."""

    #: Once for each point.
    POINT = "point"
    #: Once for each row: it is the same along all reduced axes.
    ROW = "row"
    #: Combines the points of a row, along the reduced axes, into one value.
    ROW_REDUCTION = "row reduction"
    #: Combines the points along all the other axes, for each point of a row: a column.
    COLUMN_REDUCTION = "column reduction"


@dataclass(frozen=True)
class Step:
    """One operation of a fused kernel: what is computed, and from what."""

    call: Call
    arguments: tuple[Argument, ...]
    scope: Scope = Scope.POINT

    @property
    def row(self) -> bool:
        """Whether there is one value a row."""
        return self.scope is Scope.ROW or self.scope is Scope.ROW_REDUCTION

    @property
    def reduces(self) -> bool:
        """Whether it combines the points of a row."""
        return self.scope is Scope.ROW_REDUCTION

    @property
    def across(self) -> bool:
        """Whether it combines the points of a column."""
        return self.scope is Scope.COLUMN_REDUCTION

    @property
    def locals(self) -> Iterator[int]:
        """The earlier steps whose values it uses."""
        return (a.step for a in self.arguments if isinstance(a, Local))

    def mapped(self, change: Callable[[Argument], Argument]) -> Step:
        """The same step with every argument changed."""
        changed = tuple(map(change, self.arguments))
        same = all(map(is_, changed, self.arguments))
        return self if same else replace(self, arguments=changed)


# Fused kernels.
# ----------------------------------------------------------------------------


@dataclass
class Fused(ABC):
    """Steps over one index space, whose values stay in registers between them.

    Attributes:
        shape: the sizes of the space.
        reduced: the axes that reductions run over; the others are kept.
        stores: pairs (step, where its value goes).
    """

    shape: Shape
    reduced: frozenset[int]
    steps: list[Step]
    stores: list[Store]

    @property
    def accesses(self) -> Iterator[Access]:
        """Everything that steps read from memory."""
        for step in self.steps:
            yield from (a for a in step.arguments if isinstance(a, Access))

    @property
    def reads(self) -> set[int]:
        """The buffers that are read."""
        return {each.buffer for each in self.accesses}

    @property
    def writes(self) -> set[int]:
        """The buffers that are written."""
        return {each.buffer for _, each in self.stores}

    @property
    def across(self) -> bool:
        """Whether a step combines whole columns."""
        return any(step.across for step in self.steps)

    @property
    def rows(self) -> int:
        """The number of points of the kept axes."""
        return math.prod(n for i, n in enumerate(self.shape) if i not in self.reduced)

    @property
    def row_size(self) -> int:
        """The number of points of the reduced axes."""
        return math.prod(self.shape[i] for i in self.reduced)

    def mapped(self, change: Callable[[Argument], Argument]) -> Self:
        """The same kernel with every argument and every store's access changed.

        ``change`` must return an access for an access that is stored to.
        """
        return replace(
            self,
            steps=[step.mapped(change) for step in self.steps],
            stores=[(n, cast("Access", change(access))) for n, access in self.stores],
        )

    def renamed(self, names: Mapping[int, int]) -> Self:
        """The same kernel on other buffers; those without a new number keep theirs."""

        def change(argument: Argument) -> Argument:
            if not isinstance(argument, Access):
                return argument
            new = names.get(argument.buffer)
            return argument if new is None else replace(argument, buffer=new)

        return self.mapped(change)


@dataclass
class Sweep(Fused):
    """Elementwise steps and reductions, in as few passes over the space as possible.

    Attributes:
        parts: where rows are few and long, how many parts each is cut into; where
            columns are summed, into how many parts the rows are divided. A part
            writes its sums behind those of the part before it (0: no such sums).
    """

    parts: int = 0


@dataclass
class Contraction(Fused):
    """What a product of matrices and a convolution have in common: two factors, and
    steps on each finished tile of the result while it is in registers.

    Step 0 stands for the result itself; it has no arguments.

    Attributes:
        a, b: the factors.
        pairs: whether they hold words of two bfloat16, neighbours along the sum: the
            views count words, and terms are pairs.
        parts: as in ``Sweep``, where columns are summed (products, if 0: whole ones).
    """

    a: View
    b: View
    pairs: bool = field(default=False, kw_only=True)
    parts: int = field(default=0, kw_only=True)

    @property
    @abstractmethod
    def sums(self) -> bool:
        """Whether sums along all axes but the last may join."""

    @property
    def reads(self) -> set[int]:
        """The buffers that are read."""
        return {each.buffer for each in self.accesses} | {self.a.buffer, self.b.buffer}

    @property
    def plain(self) -> bool:
        """Whether nothing but the result itself is computed and stored."""
        return len(self.steps) == len(self.stores) == 1 and self.main_store is not None

    @property
    def main_store(self) -> Store | None:
        """The store that is written as the kernel's own result; None where others, of
        another dtype or order, are all that is wanted.
        """
        dtype = self.steps[0].call.output
        for store in self.stores:
            step, access = store
            alike = access.dtype == dtype and access.strides[-1] == 1
            if alike and not self.steps[step].across:
                return store
        return None

    @property
    def main_access(self) -> Access:
        """Where the main store goes; where there is none, an access that nothing is
        written through.
        """
        return (self.main_store or self.stores[0])[1]

    def renamed(self, names: Mapping[int, int]) -> Self:
        """The same kernel on other buffers."""
        a, b = (
            replace(view, buffer=names.get(view.buffer, view.buffer))
            for view in (self.a, self.b)
        )
        return replace(super().renamed(names), a=a, b=b)


@dataclass
class Product(Contraction):
    """A product of matrices: the space is (batch, i, j), as the shapes of the factors
    are (batch, i, p) and (batch, p, j).

    Attributes:
        in_panels: whether the buffer of ``b`` holds a copy in panels, as
            ``write.matmul.panels`` makes them; ``b`` still says how it lay before. A
            ``Scan`` prepares the factors that no step changes.
    """

    in_panels: bool = False

    @property
    def sums(self) -> bool:
        """Whether sums of columns may join: parts have whole columns, or rows."""
        batch, _, columns = self.shape
        return batch == 1 and columns >= MANY_COLUMNS


@dataclass
class Convolution(Contraction):
    """A convolution or its adjoint.

    The space is (image, spatial axes …, output); ``a`` is the input, of channels that
    are neighbours in memory, ``b`` the weights, contiguous.

    Attributes:
        correlation: what is computed; where results go is the main store's affair.
        turned: whether it is the adjoint, whose weights lead from the outputs.
    """

    correlation: Correlation
    turned: bool

    @property
    def sums(self) -> bool:
        """Whether sums along all pixels may join: each part has its own."""
        return True

    @property
    def computed(self) -> Correlation:
        """What is computed, results included."""
        image, *strides = self.main_access.strides[:-1]
        missing = len(self.correlation.x_strides) - 1 - len(strides)
        y_strides = (image, *(0,) * missing, *strides)
        return replace(self.correlation, y_strides=y_strides)


# Special kernels.
# ----------------------------------------------------------------------------


@dataclass
class Special(ABC):
    """A kernel on whole contiguous buffers, with loops of its own.

    Attributes:
        name: the primitive's name, or what else ``explain`` calls it.
        inputs, outputs: buffers, with the shapes that they are seen in.

    Class attributes:
        may_fail: whether it may end the run with an error. It then runs even where
            nobody reads its result, and before variables are updated in place.
        indexes: whether it touches memory at positions that are values: it runs after
            the checks of these.
    """

    may_fail: ClassVar[bool] = False
    indexes: ClassVar[bool] = False
    name: ClassVar[str]
    inputs: tuple[Whole, ...]
    outputs: tuple[Whole, ...]

    @property
    def reads(self) -> set[int]:
        """The buffers that are read."""
        return {buffer for buffer, _ in self.inputs}

    @property
    def writes(self) -> set[int]:
        """The buffers that are written."""
        return {buffer for buffer, _ in self.outputs}

    def renamed(self, names: Mapping[int, int]) -> Self:
        """The same kernel on other buffers; those without a new number keep theirs."""
        inputs, outputs = (
            tuple((names.get(buffer, buffer), shape) for buffer, shape in pairs)
            for pairs in (self.inputs, self.outputs)
        )
        return replace(self, inputs=inputs, outputs=outputs)


@dataclass
class Check(Special):
    """Ends the run where an index is not ``low`` ≤ index < ``size``."""

    name = "check"
    may_fail = True
    size: int
    low: int


@dataclass
class Cumsum(Special):
    """Running sums along an axis."""

    name = "cumsum"
    axis: int


@dataclass
class ArgSort(Special):
    """The stable order of the elements along an axis."""

    name = "argsort"
    axis: int


@dataclass
class Put(Special):
    """Slices written over those of a copy; in place where both are one buffer."""

    name = "put"
    indexes = True
    axis: int


@dataclass
class ScatterAdd(Special):
    """Slices added up where an index says, into ``size`` of them."""

    name = "scatter_add"
    indexes = True
    axis: int
    size: int


@dataclass
class ScatterAlong(Special):
    """Elements added up along an axis where an index of their shape says."""

    name = "scatter_along_axis"
    indexes = True
    axis: int
    size: int


@dataclass
class RandomBits(Special):
    """Random words from a state."""

    name = "random_bits"


@dataclass
class RandomUniform(Special):
    """Random numbers from 0 to 1 from a state."""

    name = "random_uniform"


@dataclass
class NextState(Special):
    """The state of the next draw of random numbers."""

    name = "next_state"


@dataclass
class OverlapAdd(Special):
    """Windows that overlap, added up where they lie.

    Attributes:
        stride, dilation: of the windows, for each spatial axis.
        start: where the result begins; it is the part that is read of all that windows
            cover.
        dtype: of the elements.
        windows: the shape of all windows.
        steps: what computes an element of a window from the inputs, whose numbers
            accesses name; without any, the only input holds the windows themselves.
    """

    name = "overlap_add"
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    start: tuple[int, ...]
    dtype: DType
    windows: Shape
    steps: tuple[Step, ...] = ()


@dataclass
class ConvolutionGradient(Special):
    """The gradient for a convolution's weights: shares of pixels, each summed apart.

    Attributes:
        spec: what is computed.
        offsets: where the elements of x and of z begin in their buffers.
        pairs: whether these hold words of two bfloat16, of neighbouring images.
    """

    name = "convolution_kernel"
    spec: KernelGradient
    offsets: tuple[int, int]
    pairs: bool = False


@dataclass
class Scan(Special):
    """A loop: the body's schedule is run once for each step, on other addresses.

    Attributes:
        body: the schedule of one step.
        split: how the inputs divide: from outside, carries, sequences.
        length: the number of steps.
        reverse: whether the last element of sequences comes first.
        carried: where the carries live.
        constants: the number of the body's first constant among the program's.
    """

    name = "scan"
    body: Schedule
    split: Split
    length: int
    reverse: bool
    carried: CarrySlots
    constants: int


@dataclass
class Callback(Special):
    """A primitive that is not lowered: Python runs its NumPy meaning on the buffers."""

    name = "callback"
    may_fail = True
    node: Node = field(repr=False)

    @property
    def operation(self) -> str:
        """The name of the primitive that it runs."""
        assert self.node.op is not None
        return self.node.op.name


FusedKernel: TypeAlias = Sweep | Product | Convolution
SpecialKernel: TypeAlias = (
    Check
    | Cumsum
    | ArgSort
    | Put
    | ScatterAdd
    | ScatterAlong
    | RandomBits
    | RandomUniform
    | NextState
    | OverlapAdd
    | ConvolutionGradient
    | Scan
    | Callback
)
Kernel: TypeAlias = FusedKernel | SpecialKernel


@dataclass
class Schedule:
    """Kernels in the order in which they run, and the buffers between them."""

    kernels: list[Kernel] = field(default_factory=list)
    buffers: dict[int, Buffer] = field(default_factory=dict)
    #: the buffers of the outputs, in order
    outputs: list[int] = field(default_factory=list)
    #: arrays that are part of the program, those of the bodies of scans included
    constants: list[Array] = field(default_factory=list, repr=False)

    @property
    def updates(self) -> dict[int, int]:
        """The number of a variable → the buffer of its next value, where that is not
        written in place."""
        return {
            each.number: buffer
            for buffer, each in self.buffers.items()
            if each.kind == "updated"
        }

    @property
    def results(self) -> set[int]:
        """The buffers that must hold their values when the run has ended."""
        return {*self.outputs, *self.updates.values()}

    def fingerprint(self) -> str:
        """A hash of all that the machine code depends on; see ``fingerprint``."""
        return fingerprint(self)

    def callbacks(self) -> list[Callback]:
        """The kernels that run in Python, those of the bodies of scans first."""
        found: list[Callback] = []
        for kernel in self.kernels:
            if isinstance(kernel, Scan):
                found += kernel.body.callbacks()
        return found + [each for each in self.kernels if isinstance(each, Callback)]
