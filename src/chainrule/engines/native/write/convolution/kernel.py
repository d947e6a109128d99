"""Convolutions with their elementwise neighbours: a ``Convolution`` as LLVM.

Place on the road: ties ``kernels.convolution`` to the steps of a kernel, as ``product``
does for products: the steps are emitted on each finished tile. Two functions are
written: one that copies the weights into panels, in the scratch memory, and one that
convolves. The gradient for the weights is a special kernel, because it is not finished
before its shares have been added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llvmlite import ir

from ...choose.convolution import blocks_of
from ...choose.kernel_gradient import choose_gradient_blocks
from ...choose.processor import Host
from ...plan.kernels import Convolution, ConvolutionGradient
from ...plan.views import View
from .. import emit
from ..emit import KERNEL, POINTER, index
from ..epilogue import StepsEpilogue
from .forward import emit_convolution, emit_packing
from .kernel_gradient import emit_kernel_gradient


def emit_weights(
    module: ir.Module, name: str, kernel: Convolution, homes: Sequence[int], host: Host
) -> ir.Function:
    """Writes ``name(arguments, part, parts)``: weights to panels; scratch memory is the
    last argument."""
    spec, blocks = kernel.computed, blocks_of(kernel, host)
    core = emit_packing(module, f"{name}.core", spec, blocks, kernel.turned)
    core.linkage = "internal"
    function = ir.Function(module, KERNEL, name)
    b = ir.IRBuilder(function.append_basic_block("entry"))
    table, part, parts = function.args
    pointers = emit.arguments(b, table, [*homes, len(homes)])
    weights = _begin(b, kernel, pointers, kernel.b)
    b.call(core, [weights, pointers[len(homes)], part, parts])
    b.ret_void()
    return function


def emit_convolving(
    module: ir.Module,
    name: str,
    kernel: Convolution,
    homes: Sequence[int],
    host: Host,
    sizes: Mapping[int, int] | None = None,
) -> ir.Function:
    """Writes ``name(arguments, part, parts)``; the panels are the last argument."""
    main = kernel.main_store()
    plain = len(kernel.steps) == 1 and len(kernel.stores) == 1
    epilogue = None if plain else StepsEpilogue(kernel, homes, sizes)
    spec, blocks = kernel.computed, blocks_of(kernel, host)
    core = emit_convolution(module, f"{name}.core", spec, blocks, epilogue)
    core.linkage = "internal"
    function = ir.Function(module, KERNEL, name)
    b = ir.IRBuilder(function.append_basic_block("entry"))
    table, part, parts = function.args
    pointers = emit.arguments(b, table, [*homes, len(homes)])
    x = _begin(b, kernel, pointers, kernel.a)
    target = kernel.stores[main][1]
    y = emit.address(
        b, pointers[target.home], emit.register_type(spec.dtype), index(target.offset)
    )
    if kernel.across:
        table = _table_of_part(b, kernel, pointers, part)
    b.call(core, [x, pointers[len(homes)], y, table, part, parts])
    b.ret_void()
    return function


def _table_of_part(
    b: ir.IRBuilder,
    kernel: Convolution,
    pointers: Mapping[int, ir.Value],
    part: ir.Value,
) -> ir.Value:
    """The addresses of the buffers, those of sums moved to this part's, which are 0."""
    table = emit.local(b, ir.ArrayType(POINTER, len(pointers)))
    found = dict(pointers)
    columns = kernel.shape[-1]
    for number, access in kernel.stores:
        if kernel.steps[number].across:
            kind = emit.memory_type(access.dtype)
            at = emit.linear(b, access.offset, [(part, columns)])
            place = emit.address(b, pointers[access.home], kind, at)
            found[access.home] = emit.address(b, place, kind, index(-access.offset))
            emit.clear(b, place, index(columns * access.dtype.itemsize))
    for i, pointer in enumerate(found.values()):
        b.store(pointer, b.gep(table, [index(i)], source_etype=POINTER), align=8)
    return table


def _begin(
    b: ir.IRBuilder, kernel: Convolution, pointers: Mapping[int, ir.Value], view: View
) -> ir.Value:
    """Where an operand begins."""
    element = emit.register_type(kernel.computed.dtype)
    return emit.address(b, pointers[view.home], element, index(view.offset))


def emit_gradient(
    module: ir.Module, name: str, kernel: ConvolutionGradient, host: Host
) -> ir.Function:
    """Writes ``name([x, z, shares], part, parts)``."""
    spec = kernel.spec
    blocks = choose_gradient_blocks(spec, host.vector_bytes, host.registers)
    core = emit_kernel_gradient(module, f"{name}.core", spec, blocks)
    core.linkage = "internal"
    function = ir.Function(module, KERNEL, name)
    b = ir.IRBuilder(function.append_basic_block("entry"))
    table, part, parts = function.args
    pointers = emit.arguments(b, table, range(3))
    element = emit.register_type(spec.dtype)
    offsets = zip(pointers.values(), (*kernel.offsets, 0), strict=True)
    places = [emit.address(b, place, element, index(at)) for place, at in offsets]
    b.call(core, [*places, part, parts])
    b.ret_void()
    return function
