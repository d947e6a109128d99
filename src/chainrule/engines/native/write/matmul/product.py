"""Products of matrices with their elementwise steps: a ``Product`` as LLVM.

Place on the road: between ``matmul``, which writes the product, and ``epilogue``, which
writes the steps on each of its finished vectors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...choose.matmul import read_from_copies
from ...choose.matrix import MatrixTiling
from ...choose.processor import CACHE_LINE
from ...choose.product import ProductCut
from ...choose.task import Task
from ...plan.kernels import Access, Product
from .. import emit, ir
from ..emit import KERNEL, index
from ..epilogue import ProductEpilogue, StepsEpilogue, table_of_part
from ..guard import checked_sizes
from ..point import Point, Values
from .copies import copied_factors, emit_copies
from .matmul import emit_matmul
from .matrix import emit_matrix_product
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
    steps = StepsEpilogue if kernel.parts else ProductEpilogue
    epilogue = None if kernel.plain else steps(kernel, arguments, sizes)
    spec, tiling = task.cut.spec, task.cut.tiling
    core_name, ahead = f"{name}.core", _ahead(kernel, arguments)
    pointers = emit.arguments(b, table, arguments)
    element = emit.memory_type(kernel.steps[0].call.output)
    starts = [
        emit.address(b, pointers[each.buffer], element, index(each.offset))
        for each in (kernel.a, kernel.b, kernel.main_access)
    ]
    memory = pointers[scratch]
    starts[:2], memory = copied_factors(b, spec, tiling, starts[:2], memory)
    spec = read_from_copies(spec, tiling)
    if isinstance(tiling, MatrixTiling):
        core = emit_matrix_product(module, core_name, spec, tiling, epilogue, ahead)
    else:
        core = emit_matmul(module, core_name, spec, tiling, epilogue, ahead)
    core.linkage = "internal"
    if kernel.parts:
        table = table_of_part(b, kernel, pointers, part)
    b.call(core, [*starts, memory, table, part, parts])
    b.ret_void()
    return function


def write_copies(
    module: ir.Module, name: str, task: Task[Product, ProductCut]
) -> ir.Function:
    """Writes ``name(arguments, part, parts)``, which copies the factors of a product to
    scratch memory, where the tiling says so: the rows of A, then the panels of B.
    """
    kernel, scratch = task.kernel, len(task.buffers)
    function = ir.Function(module, KERNEL, name)
    b = ir.IRBuilder(function.append_basic_block("entry"))
    table, part, parts = function.args
    pointers = emit.arguments(b, table, range(scratch + 1))
    element = emit.memory_type(task.cut.spec.dtype)
    given = [
        emit.address(b, pointers[each.buffer], element, index(each.offset))
        for each in (kernel.a, kernel.b)
    ]
    cut = task.cut.spec, task.cut.tiling
    targets, _ = copied_factors(b, *cut, given, pointers[scratch])
    emit_copies(module, name, *cut, b, given, targets, [part, parts])
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
