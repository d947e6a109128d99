"""The functions that copy the fixed factors of a loop's products to panels.

Place on the road: used by ``scan``, before its first step; ``choose.factors`` says
which factors these are.
"""

from __future__ import annotations

from dataclasses import replace

from ...choose.factors import Factor
from .. import emit, ir
from ..emit import KERNEL, index
from .matmul import emit_panels


class Preparer:
    """Writes the functions that copy factors; one for equal ones."""

    def __init__(self, module: ir.Module) -> None:
        self.module = module
        self.written: dict[Factor, ir.Function] = {}

    def function(self, factor: Factor) -> ir.Function:
        """``name([source, target], part, parts)``."""
        key = replace(factor, source=0)
        if key not in self.written:
            name = f"panels{len(self.written)}"
            self.written[key] = self._write(name, factor)
        return self.written[key]

    def _write(self, name: str, factor: Factor) -> ir.Function:
        core = emit_panels(self.module, f"{name}.core", factor.spec, factor.tiling)
        core.linkage = "internal"
        function = ir.Function(self.module, KERNEL, name)
        function.linkage = "internal"
        b = ir.IRBuilder(function.append_basic_block("entry"))
        table, part, parts = function.args
        pointers = emit.arguments(b, table, [0, 1])
        element = emit.memory_type(factor.spec.dtype)
        begin = emit.address(b, pointers[0], element, index(factor.view.offset))
        b.call(core, [begin, pointers[1], part, parts])
        b.ret_void()
        return function
