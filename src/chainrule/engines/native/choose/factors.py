"""Factors of a loop's products that no step changes: they are copied to panels once.

Place on the road: asked by ``scan``. A product whose second factor comes from outside
of the loop would copy it to panels in every step. The loop copies it before its first
step, and the panels stay in the second-level cache from step to step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..plan.kernels import Buffer, Kernel, Product, Schedule
from ..plan.views import View
from .matmul import panel_elements, prepared
from .product import product_cut
from .task import Chooser, shared_out
from .tiling import Matmul, Tiling

#: In a loop of at most this many steps, nothing is prepared.
FEW_STEPS = 3
#: Elements of panels that are worth a thread's while.
WORTH_SHARING_COPY = 1 << 16


@dataclass(frozen=True)
class Factor:
    """A factor that is copied to panels.

    Attributes:
        source: the number of the loop's input that it is a view of.
        view: which part of the input.
        spec, tiling: the panels.
    """

    source: int
    view: View
    spec: Matmul
    tiling: Tiling

    @property
    def elements(self) -> int:
        """The number of elements of the panels."""
        return panel_elements(self.spec, self.tiling)

    @property
    def size(self) -> int:
        """The bytes of the panels."""
        return self.elements * self.spec.dtype.itemsize

    @property
    def parts(self) -> int:
        """Into how many parts the copying is divided."""
        units = -(-self.spec.n // self.tiling.columns)
        return shared_out(self.elements // WORTH_SHARING_COPY, units)


def with_factors(
    schedule: Schedule, outside: int, inputs: int, length: int, chooser: Chooser
) -> tuple[Schedule, list[Factor]]:
    """The body's schedule with products that read panels, and what has to be prepared.

    The panels are further inputs of the body, behind the ``inputs`` that it has.
    """
    buffers = dict(schedule.buffers)
    found: dict[Factor, int] = {}
    kernels: list[Kernel] = []
    for kernel in schedule.kernels:
        factor = (
            _factor(kernel, buffers, outside, chooser) if length > FEW_STEPS else None
        )
        if factor is None:
            kernels.append(kernel)
            continue
        buffer = found.get(factor)
        if buffer is None:
            buffer = found[factor] = max(buffers) + 1
            number = inputs + len(found) - 1
            buffers[buffer] = Buffer(
                "input", number, factor.spec.dtype, factor.elements
            )
        assert isinstance(kernel, Product)
        view = replace(kernel.b, buffer=buffer, offset=0)
        kernels.append(replace(kernel, b=view, in_panels=True))
    return replace(schedule, kernels=kernels, buffers=buffers), list(found)


def _factor(
    kernel: Kernel, buffers: Mapping[int, Buffer], outside: int, chooser: Chooser
) -> Factor | None:
    """The second factor of a product, where it comes from outside."""
    if not isinstance(kernel, Product):  # a convolution makes panels of its own
        return None
    view = kernel.b
    buffer = buffers[view.buffer]
    if buffer.kind != "input" or buffer.number >= outside:
        return None
    if view.strides[0]:
        return None  # another matrix for every one of the batch
    cut = product_cut(kernel, chooser, in_panels=True)
    tiling, spec = prepared(cut.tiling, cut.spec), cut.spec
    if tiling is None:
        return None
    view = replace(view, buffer=0)
    one = replace(spec, batch=1, m=1, a_strides=(0, 0, 0), c_strides=(0, 0, 1))
    return Factor(buffer.number, view, one, replace(tiling, rows=0))
