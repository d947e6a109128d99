"""Products of matrices with their elementwise neighbours: a ``Product`` as LLVM.

Place on the road: ties ``kernels.matmul`` to the steps of a kernel. The steps are
emitted on the registers of each finished tile; one of the values that they store goes
where the product's result would go, the others beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from llvmlite import ir

from .....shapes import Shape
from ...choose.matmul import (
    specification,
    tiling_of,
)
from ...choose.processor import Host
from ...plan.kernels import Access, Product
from ...plan.views import View
from .. import emit
from ..emit import KERNEL, index
from ..guard import guarded
from ..point import Point, Values
from .matmul import emit_matmul
from .tiles import Ahead

#: A line of the cache, in bytes. Operands of the epilogue that have more bytes than
#: ``NEAR`` together are asked for while the product of a tile is computed.
LINE, NEAR = 64, 1 << 16


def emit_product(
    module: ir.Module,
    name: str,
    kernel: Product,
    homes: Sequence[int],
    scratch: int,
    host: Host,
    sizes: Mapping[int, int] | None = None,
) -> ir.Function:
    """Writes ``name(arguments, part, parts)``; ``scratch`` is one of the homes."""
    function = ir.Function(module, KERNEL, name)
    b = ir.IRBuilder(function.append_basic_block("entry"))
    table, part, parts = function.args
    if sizes is not None and not _within(kernel, sizes):
        guarded(b, index(0), 0, None, 0)
        b.ret_void()
        return function
    plain = len(kernel.steps) == 1 and len(kernel.stores) == 1
    epilogue = None if plain else _Finish(kernel, homes, sizes)
    core = emit_matmul(
        module,
        f"{name}.core",
        specification(kernel),
        tiling_of(kernel, host),
        epilogue,
        _ahead(kernel, homes),
        epilogue if kernel.across else None,
    )
    core.linkage = "internal"
    pointers = emit.arguments(b, table, homes)
    element = emit.memory_type(kernel.steps[0].call.output)
    starts = [
        emit.address(b, pointers[each.home], element, index(each.offset))
        for each in (*kernel.operands, kernel.stores[kernel.main_store()][1])
    ]
    b.call(core, [*starts, pointers[scratch], table, part, parts])
    b.ret_void()
    return function


def _within(kernel: Product, sizes: Mapping[int, int]) -> bool:
    """Whether the factors and the result lie within their buffers: all is known here,
    so nothing is checked when it runs.
    """
    _, target = kernel.stores[kernel.main_store()]
    first, second = kernel.operands
    walks: list[tuple[Shape, View | Access]] = [(kernel.shape, target)]
    walks.append((first.shape, first))
    if not kernel.in_panels:
        walks.append((second.shape, second))
    for shape, walk in walks:
        if 0 in shape:
            continue
        ends = [s * (n - 1) for n, s in zip(shape, walk.strides, strict=True)]
        low = walk.offset + sum(min(0, each) for each in ends)
        high = walk.offset + sum(max(0, each) for each in ends)
        if low < 0 or high >= sizes[walk.home]:
            return False
    return True


class _Finish:
    """The steps, on a vector of C; what is not C itself is stored here.

    Sums of columns are kept in registers while a tile is finished, and then added to
    what the tiles above have found, in memory.
    """

    def __init__(
        self, kernel: Product, homes: Sequence[int], sizes: Mapping[int, int] | None
    ) -> None:
        self.kernel, self.homes, self.sizes = kernel, homes, sizes
        self.main = kernel.main_store()
        others = [store for i, store in enumerate(kernel.stores) if i != self.main]
        self.others = [each for each in others if not kernel.steps[each[0]].across]
        self.across = [each for each in others if kernel.steps[each[0]].across]
        #: for each vector of a row, the sums so far
        self.sums: list[list[ir.Value]] = []
        self.next = 0

    def begin(self, b: ir.IRBuilder, kinds: Sequence[ir.Type]) -> None:
        """The sums of a tile begin at 0."""
        self.sums = [[emit.local(b, kind) for _ in self.across] for kind in kinds]
        self.next = 0
        for kind, places in zip(kinds, self.sums, strict=True):
            for place in places:
                b.store(emit.constant(kind, 0), place)

    def __call__(
        self,
        b: ir.IRBuilder,
        value: ir.Value,
        context: ir.Value,
        batch: ir.Value,
        row: ir.Value,
        column: ir.Value,
        mask: ir.Value | None,
    ) -> ir.Value:
        """What goes to C; vectors of a row come one after the other."""
        values = self._values(b, context, (batch, row, column), value.type, mask)
        values.known[0] = value
        result = values.step(self.kernel.stores[self.main][0])
        stored = [(values.step(number), access) for number, access in self.others]
        for each, access in stored:
            values.store(each, access)
        for i, (number, _) in enumerate(self.across):
            place = self.sums[self.next][i]
            added = values.argument(self.kernel.steps[number].arguments[0])
            b.store(b.fadd(b.load(place, typ=value.type), added), place)
        self.next += 1
        return result

    def end(
        self,
        b: ir.IRBuilder,
        context: ir.Value,
        where: tuple[ir.Value, ir.Value, ir.Value],
        v: int,
        mask: ir.Value | None,
    ) -> None:
        """The tile's sums are the first, or are added to those of the rows above."""
        first = b.icmp_signed("==", where[1], index(0))
        for (_, access), place in zip(self.across, self.sums[v], strict=True):
            kind = place.allocated_type
            values = self._values(b, context, where, kind, mask)
            found = b.load(place, typ=kind)
            above = b.select(first, emit.constant(kind, 0), values.read(access))
            values.store(b.fadd(above, found), access)

    def _values(
        self,
        b: ir.IRBuilder,
        context: ir.Value,
        where: tuple[ir.Value, ir.Value, ir.Value],
        kind: ir.Type,
        mask: ir.Value | None,
    ) -> Values:
        pointers = emit.arguments(b, context, self.homes)
        lanes = kind.count if isinstance(kind, ir.VectorType) else 0
        point = Point(where, 2, lanes, mask)
        return Values(b, self.kernel.steps, pointers, point, sizes=self.sizes)


def _ahead(kernel: Product, homes: Sequence[int]) -> Ahead | None:
    """Asks memory for what the epilogue touches; None where it is probably near."""
    far = _far(kernel)
    if not far:
        return None

    def ahead(
        b: ir.IRBuilder,
        context: ir.Value,
        batch: ir.Value,
        row: ir.Value,
        column: ir.Value,
        columns: int,
    ) -> None:
        pointers = emit.arguments(b, context, homes)
        point = Point((batch, row, column), None, 0, None)
        values = Values(b, kernel.steps, pointers, point)
        for access in far:
            start = values.position(access.strides, access.offset)
            kind = emit.memory_type(access.dtype)
            step = LINE // access.dtype.itemsize
            for at in (*range(0, columns - 1, step), columns - 1):
                place = b.add(start, index(at))
                emit.prefetch(b, emit.address(b, pointers[access.home], kind, place))

    return ahead


def _far(kernel: Product) -> list[Access]:
    """What the epilogue touches along with C, where it is probably not in the cache.

    A result with the walk of an operand is taken to be that operand, updated in place.
    """
    reads = [a for a in kernel.accesses if a.strides[2] == 1 and a.strides[1]]
    walks = {(a.strides, a.offset, a.dtype) for a in reads}
    writes = [
        a
        for number, a in kernel.stores
        if (a.strides, a.offset, a.dtype) not in walks
        and not kernel.steps[number].across
    ]
    found = list(dict.fromkeys(reads + writes))
    size = math.prod(kernel.shape) * sum(a.dtype.itemsize for a in found)
    return found if size > NEAR else []
