"""The factors of a loop's products that no step changes, copied to panels once.

Place on the road: between ``scan`` and ``product``. A product whose second factor comes
from outside of the loop would copy it to panels in every step. The loop does it before
its first step, and the panels stay in the second-level cache from step to step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from llvmlite import ir

from . import emit
from .emit import KERNEL, index
from .host import Host
from .kernel import Home, Kernel, Product, Schedule
from .kernels.matmul import emit_panels, panel_elements
from .kernels.tiles import Matmul, Tiling
from .product import prepared_tiling, specification
from .views import View

#: A loop of fewer steps copies in each of them.
FEW_STEPS = 3
#: Panels that are worth a thread's while.
WORTH_SHARING = 1 << 16


@dataclass(frozen=True)
class Factor:
    """One factor: the number of the loop's input that it is a view of, and how it is
    cut.
    """

    source: int
    view: View
    spec: Matmul
    tiling: Tiling

    @property
    def elements(self) -> int:
        """The size of the panels."""
        return panel_elements(self.spec, self.tiling)

    @property
    def size(self) -> int:
        """Their bytes."""
        return self.elements * self.spec.dtype.itemsize

    @property
    def parts(self) -> int:
        """Into how many parts the copying is cut."""
        units = -(-self.spec.n // self.tiling.columns)
        return max(1, min(16, units, self.elements // WORTH_SHARING))


def with_factors(
    schedule: Schedule, outside: int, inputs: int, length: int, host: Host
) -> tuple[Schedule, list[Factor]]:
    """The body's schedule with products that read panels, and what has to be prepared.

    The panels are further inputs of the body, behind the ``inputs`` that it has.
    """
    homes = dict(schedule.homes)
    found: dict[Factor, int] = {}
    kernels: list[Kernel] = []
    for kernel in schedule.kernels:
        factor = _factor(kernel, homes, outside, host) if length > FEW_STEPS else None
        if factor is None:
            kernels.append(kernel)
            continue
        home = found.get(factor)
        if home is None:
            home = found[factor] = max(homes) + 1
            number = inputs + len(found) - 1
            homes[home] = Home("input", number, factor.spec.dtype, factor.elements)
        assert isinstance(kernel, Product)
        view = replace(kernel.operands[1], home=home, offset=0)
        kernels.append(replace(kernel, b=view, in_panels=True))
    return replace(schedule, kernels=kernels, homes=homes), list(found)


def _factor(
    kernel: Kernel, homes: Mapping[int, Home], outside: int, host: Host
) -> Factor | None:
    """The second factor of a product, where it comes from outside."""
    if type(kernel) is not Product:  # a convolution makes panels of its own
        return None
    view = kernel.operands[1]
    home = homes[view.home]
    if home.kind != "input" or home.number >= outside:
        return None
    tiling = prepared_tiling(kernel, host)
    if tiling is None:
        return None
    spec = specification(kernel)
    view = replace(view, home=0)
    one = replace(spec, batch=1, m=1, a_strides=(0, 0, 0), c_strides=(0, 0, 1))
    return Factor(home.number, view, one, replace(tiling, rows=0))


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
