"""Products of matrices with their elementwise neighbours: a ``Product`` as LLVM.

Place on the road: ties ``kernels.matmul`` to the steps of a kernel. The steps are
emitted on the registers of each finished tile; one of the values that they store goes
where the product's result would go, the others beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llvmlite import ir

from . import emit
from .emit import KERNEL, index
from .host import Host
from .kernel import Access, Product
from .kernels.matmul import choose_tiling, emit_matmul, scratch_elements
from .kernels.tiles import Matmul, Tiling
from .point import Point, Values
from .views import View


def specification(kernel: Product) -> Matmul:
    """The product's sizes and strides."""
    a, b = kernel.operands
    batch, m, n = kernel.shape
    store = kernel.stores[kernel.main_store()][1]

    def strides(view: View) -> tuple[int, int, int]:
        x, y, z = view.strides
        return x, y, z

    x, y, _ = store.strides
    dtype = kernel.steps[0].call.output
    return Matmul(batch, m, n, a.shape[2], strides(a), strides(b), (x, y, 1), dtype)


def tiling_of(kernel: Product, host: Host) -> Tiling:
    """How the product is cut on this processor."""
    return choose_tiling(specification(kernel), host.vector_bytes, host.registers)


def scratch_bytes(kernel: Product, host: Host) -> int:
    """Scratch memory for each part."""
    return (
        scratch_elements(tiling_of(kernel, host)) * kernel.steps[0].call.output.itemsize
    )


def units_of(kernel: Product, host: Host) -> int:
    """Into how many pieces at most the product can be shared out."""
    spec, tiling = specification(kernel), tiling_of(kernel, host)
    pieces = (
        -(-spec.n // tiling.columns) if tiling.by_panel else -(-spec.m // tiling.rows)
    )
    return spec.batch * pieces


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
    main = kernel.main_store()
    target = kernel.stores[main][1]
    others = [store for i, store in enumerate(kernel.stores) if i != main]

    def epilogue(
        b: ir.IRBuilder,
        value: ir.Value,
        context: ir.Value,
        batch: ir.Value,
        row: ir.Value,
        column: ir.Value,
        mask: ir.Value | None,
    ) -> ir.Value:
        pointers = emit.arguments(b, context, homes)
        lanes = emit.lanes_of(value.type)
        point = Point((batch, row, column), 2, lanes, mask)
        values = Values(b, kernel.steps, pointers, point, {0: value}, sizes=sizes)
        result = values.step(kernel.stores[main][0])
        stored = [(values.step(number), access) for number, access in others]
        for each, access in stored:
            values.store(each, access)
        return result

    plain = len(kernel.steps) == 1 and not others
    core = emit_matmul(
        module,
        f"{name}.core",
        specification(kernel),
        tiling_of(kernel, host),
        None if plain else epilogue,
    )
    core.linkage = "internal"
    function = ir.Function(module, KERNEL, name)
    b = ir.IRBuilder(function.append_basic_block("entry"))
    table, part, parts = function.args
    pointers = emit.arguments(b, table, homes)
    a, c = kernel.operands

    def begin(access: View | Access) -> ir.Value:
        element = emit.memory_type(kernel.steps[0].call.output)
        return emit.address(b, pointers[access.home], element, index(access.offset))

    b.call(
        core, [begin(a), begin(c), begin(target), pointers[scratch], table, part, parts]
    )
    b.ret_void()
    return function
