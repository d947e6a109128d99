"""Convolutions with their elementwise steps: a ``Convolution`` as LLVM.

Place on the road: between ``forward``, which writes the convolution, and ``epilogue``,
which writes the steps on each of its finished vectors. Two functions are written: one
that copies the weights to panels, in the scratch memory, and one that convolves.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...choose.convolution import ConvolutionCut
from ...choose.matrix_convolution import MatrixBlocks
from ...choose.task import Task
from ...plan.kernels import Convolution
from ...plan.views import View
from .. import emit, ir
from ..emit import KERNEL, index
from ..epilogue import StepsEpilogue, table_of_part
from ..guard import checked_sizes
from .forward import emit_convolution, emit_packing
from .matrix import emit_matrix_convolution


def write_weights(
    module: ir.Module, name: str, task: Task[Convolution, ConvolutionCut]
) -> ir.Function:
    """Writes ``name(arguments, part, parts)``, which copies the weights to panels;
    scratch memory is the last argument.
    """
    kernel, panels = task.kernel, len(task.buffers)
    core = emit_packing(
        module, f"{name}.core", task.cut.spec, task.cut.blocks, kernel.turned
    )
    core.linkage = "internal"
    function = ir.Function(module, KERNEL, name)
    b = ir.IRBuilder(function.append_basic_block("entry"))
    table, part, parts = function.args
    pointers = emit.arguments(b, table, range(panels + 1))
    weights = _begin(b, kernel, pointers, kernel.b)
    b.call(core, [weights, pointers[panels], part, parts])
    b.ret_void()
    return function


def write_convolution(
    module: ir.Module, name: str, task: Task[Convolution, ConvolutionCut]
) -> ir.Function:
    """Writes ``name(arguments, part, parts)``; the panels are the last argument."""
    kernel, panels, spec = task.kernel, len(task.buffers), task.cut.spec
    sizes = checked_sizes(task.buffers)
    epilogue = None if kernel.plain else StepsEpilogue(kernel, range(panels), sizes)
    blocks = task.cut.blocks
    if isinstance(blocks, MatrixBlocks):
        core = emit_matrix_convolution(module, f"{name}.core", spec, blocks, epilogue)
    else:
        core = emit_convolution(module, f"{name}.core", spec, blocks, epilogue)
    core.linkage = "internal"
    function = ir.Function(module, KERNEL, name)
    b = ir.IRBuilder(function.append_basic_block("entry"))
    table, part, parts = function.args
    pointers = emit.arguments(b, table, range(panels + 1))
    x = _begin(b, kernel, pointers, kernel.a)
    target = kernel.main_access
    y = emit.address(
        b, pointers[target.buffer], emit.register_type(spec.dtype), index(target.offset)
    )
    if kernel.across:
        table = table_of_part(b, kernel, pointers, part)
    b.call(core, [x, pointers[panels], y, table, part, parts])
    b.ret_void()
    return function


def _begin(
    b: ir.IRBuilder, kernel: Convolution, pointers: Mapping[int, ir.Value], view: View
) -> ir.Value:
    """Where an operand begins."""
    element = emit.register_type(kernel.computed.dtype)
    return emit.address(b, pointers[view.buffer], element, index(view.offset))
