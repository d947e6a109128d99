"""A product of matrices alone, as a function of addresses: for trials.

Place on the road: beside ``product``, which writes products within programs.
"""

from __future__ import annotations

from ...choose.matmul import OuterTiling, copies_of, read_from_copies
from ...choose.tiling import Matmul
from .. import ir
from ..emit import POINTER, VOID, address, index, register_type
from .matmul import emit_matmul
from .rows import emit_rows_of_tiles


def emit_alone(
    module: ir.Module, name: str, spec: Matmul, tiling: OuterTiling
) -> ir.Function:
    """Writes ``name(a, b, c, scratch)``: the whole product, in one thread, the copying
    of rows included; ``scratch`` has the copies and ``scratch_elements``.
    """
    kind = ir.FunctionType(VOID, [POINTER] * 4)
    function = ir.Function(module, kind, name)
    first, second, result, scratch = function.args
    b = ir.IRBuilder(function.append_basic_block("entry"))
    all_of_it = [index(0), index(1)]
    copied, _ = copies_of(spec, tiling)
    if copied:
        rows = emit_rows_of_tiles(module, f"{name}.rows", spec, tiling)
        b.call(rows, [first, scratch, *all_of_it])
        first = scratch
        scratch = address(b, scratch, register_type(spec.dtype), index(copied))
    spec = read_from_copies(spec, tiling)
    core = emit_matmul(module, f"{name}.core", spec, tiling)
    nothing = ir.Constant(POINTER, None)
    b.call(core, [first, second, result, scratch, nothing, *all_of_it])
    b.ret_void()
    return function
