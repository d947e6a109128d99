"""The values of a kernel's steps at one point of its space, or at ``lanes`` neighbours.

Place on the road: between the loops (``sweep``, ``product``) and the emitters of single
operations (``elementwise``). Here an access becomes an address: neighbours in memory
are one vector load, one number for all lanes is a scalar load, anything else a gather.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .... import dtypes
from ....dtypes import DType
from ..choose.processor import CACHE_LINE
from ..plan.kernels import Access, Argument, Coordinate, Immediate, Local, Step
from . import emit, ir
from .arithmetic.elementwise import EMITTERS, convert, from_front
from .emit import I64
from .guard import guarded


@dataclass(frozen=True)
class Point:
    """Where in the space: an index for every axis, and what the lanes are.

    Attributes:
        lane_axis: the axis along which the lanes are neighbours; None for one number.
        mask: which lanes exist; None for all.
    """

    indices: tuple[ir.Value, ...]
    lane_axis: int | None = None
    lanes: int = 0
    mask: ir.Value | None = None


@dataclass
class Values:
    """Steps evaluated at a point, each once, where they are first asked for.

    ``known`` starts with what the loops provide: values of rows, sums, a product.
    ``reload`` has steps that are read back from memory instead of computed.
    """

    b: ir.IRBuilder
    steps: Sequence[Step]
    pointers: Mapping[int, ir.Value]
    point: Point
    known: dict[int, ir.Value] = field(default_factory=dict)
    reload: Mapping[int, Access] = field(default_factory=dict)
    loaded: dict[Access, ir.Value] = field(default_factory=dict)
    #: buffer → its size, where every access is checked
    sizes: Mapping[int, int] | None = None
    #: whether no element lies beyond an edge: ``bordered`` only reads
    inside: bool = False
    #: how many bytes ahead neighbours in memory are asked for; 0: not at all
    ahead: int = 0

    def step(self, number: int) -> ir.Value:
        """The value of a step, in every lane."""
        value = self.known.get(number)
        if value is None:
            if number in self.reload:
                value = self.load(self.reload[number])
            else:
                value = self._compute(self.steps[number])
            self.known[number] = value
        return emit.splat(self.b, value, self.point.lanes)

    def _compute(self, step: Step) -> ir.Value:
        if step.call.name == "gather":
            return self._gather(step)
        if step.call.name == "bordered":
            return self._bordered(step)
        values = [self.argument(each) for each in step.arguments]
        return EMITTERS[step.call.name](self.b, step.call, *values)

    def argument(self, argument: Argument) -> ir.Value:
        """The value of an argument, in every lane."""
        point = self.point
        if isinstance(argument, Local):
            return self.step(argument.step)
        if isinstance(argument, Immediate):
            return emit.number(argument.dtype, argument.value, point.lanes)
        if isinstance(argument, Coordinate):
            return emit.splat(self.b, self._coordinate(argument), point.lanes)
        return self.load(argument)

    def _coordinate(self, argument: Coordinate) -> ir.Value:
        """A position, one number where it is the same in all lanes."""
        b, point = self.b, self.point
        terms = list(zip(point.indices, argument.strides, strict=True))
        first = emit.linear(b, argument.offset, terms)
        stride = 0 if point.lane_axis is None else argument.strides[point.lane_axis]
        if not point.lanes or not stride:
            return first
        first = emit.splat(b, first, point.lanes)
        steps = [lane * stride for lane in range(point.lanes)]
        return b.add(first, ir.Constant(emit.wide(I64, point.lanes), steps))

    def load(self, access: Access) -> ir.Value:
        """What an access reads, in every lane; the same access is read once."""
        found = self.loaded.get(access)
        if found is None:
            at = self.position(access.strides, access.offset)
            found = self._load_at(
                access.buffer, access.dtype, at, self._stride(access), self.point.mask
            )
            self.loaded[access] = found
            if self.ahead and access.buffer >= 0 and self._stride(access) == 1:
                self._prefetch(access, at)
        return found

    def _prefetch(self, access: Access, at: ir.Value) -> None:
        """Asks for what lies ``ahead`` bytes behind these elements."""
        b, size = self.b, access.dtype.itemsize
        for byte in range(0, self.point.lanes * size, CACHE_LINE):
            there = b.add(at, emit.index((self.ahead + byte) // size))
            kind = emit.memory_type(access.dtype)
            emit.prefetch(b, emit.address(b, self.pointers[access.buffer], kind, there))

    def read(self, access: Access) -> ir.Value:
        """What stands now where a store has gone, in every lane."""
        at = self.position(access.strides, access.offset)
        stride = self._stride(access)
        return self._load_at(access.buffer, access.dtype, at, stride, self.point.mask)

    def _load_at(
        self,
        buffer: int,
        dtype: DType,
        at: ir.Value,
        stride: int,
        mask: ir.Value | None,
    ) -> ir.Value:
        b, point = self.b, self.point
        lanes = 0 if stride == 0 else point.lanes
        at = self._guarded(buffer, at, lanes, mask)
        where = emit.address(b, self.pointers[buffer], emit.memory_type(dtype), at)
        if stride == 0 and not emit.lanes_of(at.type):
            return emit.splat(b, emit.load(b, dtype, where, 0, None), point.lanes)
        return emit.load(b, dtype, where, point.lanes, mask)

    def store(self, value: ir.Value, access: Access) -> None:
        """Writes a value to where an access says."""
        b = self.b
        at = self.position(access.strides, access.offset)
        kind = emit.memory_type(access.dtype)
        mask = self.point.mask if emit.lanes_of(value.type) else None
        at = self._guarded(access.buffer, at, emit.lanes_of(value.type), mask)
        where = emit.address(b, self.pointers[access.buffer], kind, at)
        emit.store(b, access.dtype, value, where, mask)

    def _guarded(
        self, buffer: int, at: ir.Value, lanes: int, mask: ir.Value | None
    ) -> ir.Value:
        if self.sizes is None or buffer not in self.sizes:
            return at
        mask = mask if lanes or emit.lanes_of(at.type) else None
        return guarded(self.b, at, lanes, mask, self.sizes[buffer])

    def position(self, strides: Sequence[int], offset: int) -> ir.Value:
        """offset + Σ index · stride: of the first lane where the lanes are neighbours,
        else of every lane.
        """
        b, point = self.b, self.point
        terms = list(zip(point.indices, strides, strict=True))
        first = emit.linear(b, offset, terms)
        if point.lane_axis is None or strides[point.lane_axis] in (0, 1):
            return first
        steps = [lane * strides[point.lane_axis] for lane in range(point.lanes)]
        kind = emit.wide(I64, point.lanes)
        return b.add(emit.splat(b, first, point.lanes), ir.Constant(kind, steps))

    def _stride(self, access: Access) -> int:
        axis = self.point.lane_axis
        return 0 if axis is None else access.strides[axis]

    def _gather(self, step: Step) -> ir.Value:
        """An element of the first operand, moved by the index times a stride."""
        b = self.b
        source, at = step.arguments
        assert isinstance(source, Access)
        size, stride = step.call.params["size"], step.call.params["stride"]
        base = self.position(source.strides, source.offset)
        along = self._stride(source)
        if along == 0 or not self._uniform(at):
            index = self.argument(at)
        else:
            index = self._uniform_value(at)
        index = from_front(
            b, convert(b, index, step.call.inputs[1], dtypes.int64), size
        )
        moved = b.mul(index, emit.constant(index.type, stride))
        if along == 1 and emit.lanes_of(moved.type) and not emit.lanes_of(base.type):
            lanes = self.point.lanes
            base = b.add(emit.splat(b, base, lanes), emit.lane_numbers(lanes))
        lanes = max(emit.lanes_of(base.type), emit.lanes_of(moved.type))
        positions = b.add(emit.splat(b, base, lanes), emit.splat(b, moved, lanes))
        mask = self.point.mask
        return self._load_at(source.buffer, source.dtype, positions, along, mask)

    def _bordered(self, step: Step) -> ir.Value:
        """An element of the first operand; the padding's value where one of the indices
        is beyond its size."""
        b, params, (source, *indices) = self.b, step.call.params, step.arguments
        assert isinstance(source, Access)
        if self.inside:
            return self.load(source)
        lanes = 0 if all(map(self._uniform, indices)) else self.point.lanes
        there = emit.constant(emit.wide(emit.I1, lanes), 1)
        for argument, size in zip(indices, params["sizes"], strict=True):
            assert isinstance(argument, Coordinate)
            i = emit.splat(b, self._coordinate(argument), lanes)
            there = b.and_(there, b.icmp_unsigned("<", i, emit.constant(i.type, size)))
        at, mask = self.position(source.strides, source.offset), self.point.mask
        along = self._stride(source)
        if lanes:
            mask = there if mask is None else b.and_(there, mask)
            if not along or self.sizes is not None:  # checked lane by lane
                at = self.argument(Coordinate(source.strides, source.offset))
        else:
            at = b.select(there, at, emit.constant(at.type, 0))
        found = self._load_at(source.buffer, source.dtype, at, along, mask)
        beyond = emit.number(source.dtype, params["value"], self.point.lanes)
        return b.select(there, found, beyond)

    def _uniform(self, argument: Argument) -> bool:
        """Whether an argument is one number for all lanes."""
        axis = self.point.lane_axis
        if axis is None or isinstance(argument, Immediate):
            return True
        return not isinstance(argument, Local) and argument.strides[axis] == 0

    def _uniform_value(self, argument: Argument) -> ir.Value:
        if isinstance(argument, Immediate):
            return emit.number(argument.dtype, argument.value, 0)
        assert isinstance(argument, Access)
        at = self.position(argument.strides, argument.offset)
        at = self._guarded(argument.buffer, at, 0, None)
        kind = emit.memory_type(argument.dtype)
        where = emit.address(self.b, self.pointers[argument.buffer], kind, at)
        return emit.load(self.b, argument.dtype, where, 0, None)
