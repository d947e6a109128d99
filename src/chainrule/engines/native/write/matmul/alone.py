"""A product of matrices alone, as a function of addresses: for trials.

Place on the road: beside ``product``, which writes products within programs.
"""

from __future__ import annotations

from ...choose.matmul import OuterTiling, copies_of, read_from_copies
from ...choose.tiling import Matmul
from .. import ir
from ..emit import POINTER, VOID, address, index, register_type
from .matmul import emit_matmul, emit_panels
from .rows import emit_rows_of_tiles


def emit_alone(
    module: ir.Module, name: str, spec: Matmul, tiling: OuterTiling
) -> ir.Function:
    """Writes ``name(a, b, c, scratch)``: the whole product, in one thread, the copying
    of factors included; ``scratch`` has the copies and ``scratch_elements``.
    """
    kind = ir.FunctionType(VOID, [POINTER] * 4)
    function = ir.Function(module, kind, name)
    *factors, result, scratch = function.args
    b = ir.IRBuilder(function.append_basic_block("entry"))
    whole = [index(0), index(1)]
    copiers = {"rows": emit_rows_of_tiles, "panels": emit_panels}
    sizes = copies_of(spec, tiling)
    for number, (title, emit) in enumerate(copiers.items()):
        if sizes[number]:
            copy = emit(module, f"{name}.{title}", spec, tiling)
            b.call(copy, [factors[number], scratch, *whole])
            factors[number] = scratch
            element = register_type(spec.dtype)
            scratch = address(b, scratch, element, index(sizes[number]))
    spec = read_from_copies(spec, tiling)
    core = emit_matmul(module, f"{name}.core", spec, tiling)
    nothing = ir.Constant(POINTER, None)
    b.call(core, [*factors, result, scratch, nothing, *whole])
    b.ret_void()
    return function
