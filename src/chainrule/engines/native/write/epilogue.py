"""Epilogues: the elementwise steps that follow a product or a convolution.

Place on the road: between the tiles of ``write.matmul`` and ``write.convolution``,
which finish vectors of a result, and the values at one point (``point``). A tile passes
each of its finished vectors to the epilogue and stores what that returns. It must not
know how a tile computed the vector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..plan.kernels import Access, Contraction
from . import emit, ir
from .emit import index
from .point import Point, Values


class Place(NamedTuple):
    """Which vector it is.

    Attributes:
        context: the pointer that was given to the product: the epilogue finds its
            operands there.
        where: the indices of the vector's first number in the space of the kernel.
        vector: its number in its row.
        mask: which lanes exist, None for all. The other lanes hold anything.
    """

    context: ir.Value
    where: Sequence[ir.Value]
    vector: int
    mask: ir.Value | None


class Epilogue:
    """What a tile does with its finished vectors before it stores them."""

    #: Whether ``begin`` and ``end`` have anything to do.
    sums = False

    def begin(self, b: ir.IRBuilder, types: Sequence[ir.Type]) -> None:
        """Before the first row of a tile; ``types`` are those of a row's vectors."""

    def vector(self, b: ir.IRBuilder, value: ir.Value, place: Place) -> ir.Value | None:
        """The vector to store in place of ``value``; None for nothing."""
        raise NotImplementedError("each epilogue computes its own values")

    def end(self, b: ir.IRBuilder, place: Place) -> None:
        """After the last row, once for each vector of a row, at its place in the first
        row."""


class StepsEpilogue(Epilogue):
    """The steps of a kernel on each vector of its result.

    One of the values that the steps store, at most, goes where the result would have
    gone; the others are stored here. Column sums stay in registers while a tile is
    finished, and are then added to those of the rows above it, in memory.

    Arguments:
        kernel: a product or a convolution with its steps.
        buffers: the numbers of its buffers, in the order of the table that ``context``
            points to.
        sizes: of the buffers, where every access is to be checked.
    """

    def __init__(
        self,
        kernel: Contraction,
        buffers: Sequence[int],
        sizes: Mapping[int, int] | None,
    ) -> None:
        self.kernel, self.buffers, self.sizes = kernel, buffers, sizes
        main = kernel.main_store
        self.main_step = None if main is None else main[0]
        others = [store for store in kernel.stores if store is not main]
        steps = kernel.steps
        self.beside = [store for store in others if not steps[store[0]].across]
        self.columns = [store for store in others if steps[store[0]].across]
        self.sums = bool(self.columns)
        #: For each vector of a row, the registers of its sums.
        self.registers: list[list[ir.Local]] = []

    def begin(self, b: ir.IRBuilder, types: Sequence[ir.Type]) -> None:
        """Sets the sums of a tile to 0."""
        self.registers = [[emit.local(b, kind) for _ in self.columns] for kind in types]
        for kind, registers in zip(types, self.registers, strict=True):
            for register in registers:
                b.store(emit.constant(kind, 0), register)

    def vector(self, b: ir.IRBuilder, value: ir.Value, place: Place) -> ir.Value | None:
        """Computes the steps; returns the value of the main store."""
        values = self._values(b, place, value.type)
        values.known[0] = value
        result = None if self.main_step is None else values.step(self.main_step)
        stored = [(values.step(number), access) for number, access in self.beside]
        for each, access in stored:
            values.store(each, access)
        for i, (number, _) in enumerate(self.columns):
            register = self.registers[place.vector][i]
            added = values.argument(self.kernel.steps[number].arguments[0])
            b.store(b.fadd(b.load(register, value.type), added), register)
        return result

    def end(self, b: ir.IRBuilder, place: Place) -> None:
        """Adds the tile's sums to those in memory."""
        registers = self.registers[place.vector]
        for (_, access), register in zip(self.columns, registers, strict=True):
            kind = register.allocated_type
            values = self._values(b, place, kind)
            found = b.load(register, kind)
            values.store(b.fadd(self._above(values, access), found), access)

    def _above(self, values: Values, access: Access) -> ir.Value:
        """The sums of the tiles above this one, as they stand in memory."""
        return values.read(access)

    def _values(self, b: ir.IRBuilder, place: Place, kind: ir.Type) -> Values:
        pointers = emit.arguments(b, place.context, self.buffers)
        axes = len(self.kernel.shape)
        # Tiles of a convolution along one axis have an extra spatial axis of length 1.
        indices = (place.where[0], *place.where[len(place.where) - axes + 1 :])
        point = Point(indices, axes - 1, emit.lanes_of(kind), place.mask)
        return Values(b, self.kernel.steps, pointers, point, sizes=self.sizes)


class ProductEpilogue(StepsEpilogue):
    """The same for a product whose parts have whole columns from the first row on: the
    first tile finds nothing in memory to add to.
    """

    def _above(self, values: Values, access: Access) -> ir.Value:
        b, (_, row, _) = values.b, values.point.indices
        first = b.icmp_signed("==", row, index(0))
        above = values.read(access)
        return b.select(first, emit.constant(above.type, 0), above)


def table_of_part(
    b: ir.IRBuilder,
    kernel: Contraction,
    pointers: Mapping[int, ir.Value],
    part: ir.Value,
) -> ir.Value:
    """The addresses of the buffers, those of sums moved to this part's, which are 0."""
    table = emit.local(b, ir.ArrayType(emit.POINTER, len(pointers)))
    found = dict(pointers)
    columns = kernel.shape[-1]
    for number, access in kernel.stores:
        if kernel.steps[number].across:
            kind = emit.memory_type(access.dtype)
            at = emit.linear(b, access.offset, [(part, columns)])
            pointer = emit.address(b, pointers[access.buffer], kind, at)
            found[access.buffer] = emit.address(b, pointer, kind, index(-access.offset))
            emit.clear(b, pointer, index(columns * access.dtype.itemsize))
    for i, pointer in enumerate(found.values()):
        b.store(pointer, b.gep(table, index(i), emit.POINTER), align=8)
    return table
