"""A product of matrices alone, as a function of addresses: for trials.

Place on the road: beside ``product``, which writes products within programs.
"""

from __future__ import annotations

from ...choose.matmul import OuterTiling, read_from_copies
from ...choose.tiling import Matmul
from .. import ir
from ..emit import POINTER, VOID, index
from .copies import copied_factors, emit_copies
from .matmul import emit_matmul


def emit_alone(
    module: ir.Module, name: str, spec: Matmul, tiling: OuterTiling
) -> ir.Function:
    """Writes ``name(a, b, c, scratch)``: the whole product, in one thread, the copying
    of factors included; ``scratch`` has the copies and ``scratch_elements``.
    """
    kind = ir.FunctionType(VOID, [POINTER] * 4)
    function = ir.Function(module, kind, name)
    *given, result, memory = function.args
    b = ir.IRBuilder(function.append_basic_block("entry"))
    whole = [index(0), index(1)]
    factors, scratch = copied_factors(b, spec, tiling, given, memory)
    emit_copies(module, name, spec, tiling, b, given, factors, whole)
    spec = read_from_copies(spec, tiling)
    core = emit_matmul(module, f"{name}.core", spec, tiling)
    nothing = ir.Constant(POINTER, None)
    b.call(core, [*factors, result, scratch, nothing, *whole])
    b.ret_void()
    return function
