"""What the engine compiles: kernels over an index space, and the schedule of them.

Place on the road: ``fuse`` makes these from a program, ``lower`` makes LLVM text from
them. Plain data; a schedule printed is what ``explain`` shows.

A *home* is a buffer: each has a number, a dtype and a size. Slots of the program that
hold computed values are homes of the same number; the engine adds more.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ....dtypes import DType
from ....graph import Array
from ....shapes import Shape
from .calls import Call
from .views import View

#: A product with so many columns is shared out in groups of columns.
MANY_COLUMNS = 128


@dataclass(frozen=True)
class Home:
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

    home: int
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


Argument = Access | Local | Immediate | Coordinate


@dataclass(frozen=True)
class Step:
    """One operation for each point of the space.

    Attributes:
        row: whether it is the same along all reduced axes: computed once a row.
        reduces: whether it combines the points along the reduced axes.
        across: whether it combines the points along all the other axes, for each point
            of a row: the sum of a column.
    """

    call: Call
    arguments: tuple[Argument, ...]
    row: bool = False
    reduces: bool = False
    across: bool = False


@dataclass
class Sweep:
    """Elementwise steps and reductions over one index space, in as few passes as
    possible.

    Attributes:
        shape: the sizes of the space.
        reduced: the axes that reductions run over; the others are kept.
        stores: pairs (step, where its value goes).
        parts: where rows are few and long, how many parts each is cut into; where
            columns are summed, into how many parts the rows are divided. A part
            writes its sums behind those of the part before it (0: no such sums).
    """

    shape: Shape
    reduced: frozenset[int]
    steps: list[Step]
    stores: list[tuple[int, Access]]
    parts: int = 0

    @property
    def accesses(self) -> Iterator[Access]:
        """Everything that is read."""
        for step in self.steps:
            yield from (a for a in step.arguments if isinstance(a, Access))

    @property
    def reads(self) -> set[int]:
        """The homes that are read."""
        return {each.home for each in self.accesses}

    @property
    def writes(self) -> set[int]:
        """The homes that are written."""
        return {each.home for _, each in self.stores}

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


@dataclass
class Product(Sweep):
    """A product of matrices, and elementwise steps on its result while in registers.

    The space is (batch, i, j), as the shapes of the factors are (batch, i, p) and
    (batch, p, j). Step 0 stands for the product's value.

    Attributes:
        a, b: the factors.
        in_panels: whether the home of ``b`` holds a copy in panels, as
            ``kernels.panels`` makes them; ``b`` still says how it lay before. A
            ``scan`` prepares the factors that no step changes.
    """

    a: View | None = None
    b: View | None = None
    in_panels: bool = False

    @property
    def sums(self) -> bool:
        """Whether sums along all axes but the last may join: a part of the work has
        whole columns."""
        batch, _, columns = self.shape
        return batch == 1 and columns >= MANY_COLUMNS

    @property
    def operands(self) -> tuple[View, View]:
        """The two factors."""
        assert self.a is not None
        assert self.b is not None
        return self.a, self.b

    @property
    def reads(self) -> set[int]:
        """The homes that are read."""
        a, b = self.operands
        return {each.home for each in self.accesses} | {a.home, b.home}

    def main_store(self) -> int:
        """Which of the stores is written as the product's own result; -1 for none."""
        dtype = self.steps[0].call.output
        for number, (step, access) in enumerate(self.stores):
            if self.steps[step].across:
                continue
            if access.dtype == dtype and access.strides[-1] == 1:
                return number
        return -1


@dataclass
class Special:
    """A primitive with a lowering of its own, on whole contiguous operands.

    ``inputs`` and ``outputs`` are homes, with the shapes that they are seen in.
    """

    name: str
    params: Mapping[str, Any]
    inputs: tuple[tuple[int, Shape], ...]
    outputs: tuple[tuple[int, Shape], ...]
    body: Schedule | None = None
    node: Any = field(default=None, repr=False)

    @property
    def reads(self) -> set[int]:
        """The homes that are read."""
        return {home for home, _ in self.inputs}

    @property
    def writes(self) -> set[int]:
        """The homes that are written."""
        return {home for home, _ in self.outputs}


Kernel = Sweep | Product | Special


@dataclass
class Schedule:
    """Kernels in the order in which they run, and the buffers between them."""

    kernels: list[Kernel] = field(default_factory=list)
    homes: dict[int, Home] = field(default_factory=dict)
    #: the homes of the outputs, in order
    outputs: list[int] = field(default_factory=list)
    #: arrays that are part of the program, those of the bodies of scans included
    constants: list[Array] = field(default_factory=list, repr=False)

    def callbacks(self) -> list[Special]:
        """The kernels that run in Python, those of the bodies of scans first."""
        found: list[Special] = []
        for kernel in self.kernels:
            if isinstance(kernel, Special) and kernel.body is not None:
                found += kernel.body.callbacks()
        for kernel in self.kernels:
            if isinstance(kernel, Special) and kernel.name == "callback":
                found.append(kernel)
        return found
