"""Products of matrices with their elementwise steps: a ``Product`` as LLVM.

Place on the road: between ``matmul``, which writes the product, and ``epilogue``, which
writes the steps on each of its finished vectors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from llvmlite import ir

from ...choose.matmul import ProductCut
from ...choose.processor import CACHE_LINE
from ...choose.task import Task
from ...plan.kernels import Access, Product
from .. import emit
from ..emit import KERNEL, index
from ..epilogue import ProductEpilogue
from ..guard import checked_sizes
from ..point import Point, Values
from .matmul import emit_matmul
from .tiles import Ahead

#: Operands of the epilogue with more bytes than this together are prefetched while the
#: product of a tile is computed.
NEAR = 1 << 16


def write_product(
    module: ir.Module, name: str, task: Task[Product, ProductCut]
) -> ir.Function:
    """Writes ``name(arguments, part, parts)``; scratch memory is the last argument."""
    kernel, scratch = task.kernel, len(task.buffers)
    function = ir.Function(module, KERNEL, name)
    b = ir.IRBuilder(function.append_basic_block("entry"))
    table, part, parts = function.args
    sizes = checked_sizes(task.buffers)
    arguments = range(scratch + 1)
    plain = len(kernel.steps) == 1 and len(kernel.stores) == 1
    epilogue = None if plain else ProductEpilogue(kernel, arguments, sizes)
    core = emit_matmul(
        module,
        f"{name}.core",
        task.cut.spec,
        task.cut.tiling,
        epilogue,
        _ahead(kernel, arguments),
    )
    core.linkage = "internal"
    pointers = emit.arguments(b, table, arguments)
    element = emit.memory_type(kernel.steps[0].call.output)
    starts = [
        emit.address(b, pointers[each.buffer], element, index(each.offset))
        for each in (kernel.a, kernel.b, kernel.stores[kernel.main_store()][1])
    ]
    b.call(core, [*starts, pointers[scratch], table, part, parts])
    b.ret_void()
    return function


def _ahead(kernel: Product, buffers: Sequence[int]) -> Ahead | None:
    """Prefetches what the epilogue touches; None where it is probably in the cache."""
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
        pointers = emit.arguments(b, context, buffers)
        point = Point((batch, row, column), None, 0, None)
        values = Values(b, kernel.steps, pointers, point)
        for access in far:
            start = values.position(access.strides, access.offset)
            kind = emit.memory_type(access.dtype)
            step = CACHE_LINE // access.dtype.itemsize
            for at in (*range(0, columns - 1, step), columns - 1):
                position = b.add(start, index(at))
                emit.prefetch(
                    b, emit.address(b, pointers[access.buffer], kind, position)
                )

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
