"""How a ``Product`` is cut: what it multiplies, its tiles, and where trials decide.

Place on the road: ``matmul`` and ``matrix`` cut by arithmetic, which leaves doubts;
``trials`` says what this processor gains by.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..plan.kernels import Buffer, Product
from ..plan.views import View
from .matmul import (
    MANY_ROWS,
    OuterTiling,
    choose_tiling,
    copied_elements,
    is_crowded,
    is_far_apart,
    may_be_wide,
    packed,
    prepared,
    scratch_elements,
)
from .matrix import MatrixTiling, matrix_tiling
from .processor import Host
from .task import (
    MOST_PARTS,
    WORTH_SHARING,
    WORTH_SHARING_PRODUCT,
    Chooser,
    Task,
    shared_out,
)
from .tiling import Matmul, Panels, Tiling
from .trials import Doubt
from .words import words_of

#: A vector times a matrix that comes from memory is shared out in at least
#: ``FEWEST_STREAMS`` parts, and in more if each still reads ``STREAM_BYTES`` of a row.
FEWEST_STREAMS, STREAM_BYTES = 4, 1 << 13

#: So many bytes of a factor are worth a thread's while, whatever is multiplied.
WORTH_SHARING_BYTES = 1 << 19

#: Products of fewer multiplications than this are not worth a doubt.
WORTH_TRYING = 1 << 20

#: A that is read in this many columns, its numbers far apart, may be worth copying;
#: more often where the distance is a multiple of ``ALIGNED`` bytes.
OFTEN_READ, ALIGNED = 64, 1 << 10

#: From so many rows of C on, some processors gain by copying panels.
FEW_ROWS = {Doubt.PANELS: 96, Doubt.CROWDED_PANELS: 64}


def specification(kernel: Product) -> Matmul:
    """The product's sizes and strides."""
    a, b = kernel.a, kernel.b
    batch, m, n = kernel.shape

    def strides(view: View) -> tuple[int, int, int]:
        x, y, z = view.strides
        return x, y, z

    x, y, _ = kernel.main_access.strides
    dtype = kernel.steps[0].call.output
    return Matmul(batch, m, n, a.shape[2], strides(a), strides(b), (x, y, 1), dtype)


@dataclass(frozen=True)
class ProductCut:
    """How a product of matrices is cut.

    Attributes:
        spec: its sizes and strides.
        tiling: its tiles.
        tried: the copies that a trial was asked for, and whether they pay.
    """

    spec: Matmul
    tiling: Tiling
    tried: tuple[tuple[Doubt, bool], ...] = ()

    def __str__(self) -> str:
        texts = [f"{doubt.short}{'' if pays else ' not'}" for doubt, pays in self.tried]
        trials = f" (by trial: {', '.join(texts)})" if texts else ""
        return f"{self.tiling}{trials}"


def choose_product(
    kernel: Product, buffers: tuple[Buffer, ...], chooser: Chooser
) -> Task[Product, ProductCut]:
    """How a product is cut, into how many parts, and the panels of these."""
    cut = product_cut(kernel, chooser)
    spec, tiling = cut.spec, cut.tiling
    work = math.prod(kernel.shape) * spec.k
    # Of few rows or columns it is the bytes of the other factor that take the time.
    size = spec.batch * spec.k * max(spec.m, spec.n) * spec.dtype.itemsize
    worth = max(work // WORTH_SHARING_PRODUCT, size // WORTH_SHARING_BYTES)
    parts = kernel.parts or shared_out(worth, _units(kernel, spec, tiling))
    copied = copied_elements(spec, tiling)
    scratch = copied + scratch_elements(spec, tiling) * parts
    return Task(
        kernel,
        buffers,
        cut,
        parts,
        scratch * spec.dtype.itemsize,
        shared_out(copied // WORTH_SHARING, MOST_PARTS) if copied else 0,
    )


def product_cut(
    kernel: Product, chooser: Chooser, in_panels: bool = False
) -> ProductCut:
    """How a product is cut on this processor; see ``choose_tiling``."""
    spec, before = specification(kernel), in_panels or kernel.in_panels
    spec, host = replace(spec, words=words_of(kernel, chooser.host)), chooser.host
    by_rows = kernel.parts > 0
    whole_columns = bool(kernel.across) and not by_rows
    if host.multiplies_matrices:
        matrix = matrix_tiling(spec, before, whole_columns)
        if matrix is not None:
            return ProductCut(spec, _in_panels(kernel, spec, matrix))
    machine = host.vector_bytes, host.registers, before, whole_columns
    # The sums of columns depend on how high tiles are: no trial decides.
    tiling = choose_tiling(spec, *machine, wide=by_rows, by_rows=by_rows)
    answers: list[tuple[Doubt, bool | None]] = []
    doubtful = _worth_trying(spec) and not kernel.across
    if doubtful and may_be_wide(spec, tiling, host.registers):
        pays = chooser.pays(Doubt.WIDE)
        answers.append((Doubt.WIDE, pays))
        tiling = choose_tiling(spec, *machine, wide=bool(pays))
    if not before and isinstance(tiling, OuterTiling):
        for doubt in doubts_of(spec, tiling):
            pays = chooser.pays(doubt)
            answers.append((doubt, pays))
            tiling = with_copies(doubt, spec, tiling) if pays else tiling
    tried = tuple((doubt, pays) for doubt, pays in answers if pays is not None)
    return ProductCut(spec, _in_panels(kernel, spec, tiling), tried)


def _in_panels(kernel: Product, spec: Matmul, tiling: Tiling) -> Tiling:
    """The tiling that reads the panels of a loop, where the kernel is to."""
    panels = prepared(tiling, spec) if kernel.in_panels else tiling
    assert panels is not None
    return panels


def _worth_trying(spec: Matmul) -> bool:
    return spec.batch * spec.m * spec.n * spec.k >= WORTH_TRYING


def doubts_of(spec: Matmul, tiling: OuterTiling) -> list[Doubt]:
    """Which copies may pay for a product that is cut in this way."""
    found: list[Doubt] = []
    if not _worth_trying(spec):
        return found
    size = spec.dtype.itemsize
    in_chunks = tiling.chunk and tiling.panels is Panels.COPIED
    if is_far_apart(spec) and spec.n >= OFTEN_READ and not in_chunks:
        aligned = abs(spec.a_strides[2]) * size % ALIGNED == 0
        found.append(Doubt.ALIGNED_ROWS if aligned else Doubt.ROWS)
    crowded = is_crowded(spec, tiling)
    doubt = Doubt.CROWDED_PANELS if crowded else Doubt.PANELS
    streamed = tiling.panels is Panels.STREAMED
    in_place = streamed or (crowded and tiling.panels is Panels.DIRECT)
    some = FEW_ROWS[doubt] <= spec.m <= MANY_ROWS
    if in_place and tiling.by_panel and spec.b_strides[2] == 1 and some:
        found.append(doubt)
    return found


def with_copies(doubt: Doubt, spec: Matmul, tiling: OuterTiling) -> OuterTiling:
    """The tiling with the copies that a doubt is about."""
    if doubt in (Doubt.ROWS, Doubt.ALIGNED_ROWS):
        return replace(tiling, copies_rows=True)
    return packed(spec, tiling)


#: The products that answer doubts: m, n, k and the stride of A along p.
EXAMPLES = {
    Doubt.WIDE: (1024, 128, 512, 1),
    Doubt.ROWS: (512, 512, 256, 1040),
    Doubt.ALIGNED_ROWS: (512, 512, 256, 1024),
    Doubt.PANELS: (112, 1000, 500, 1),
    Doubt.CROWDED_PANELS: (96, 1024, 512, 1),
}


def example(doubt: Doubt, host: Host) -> tuple[Matmul, OuterTiling, OuterTiling]:
    """A product in float32 that answers a doubt, and its tilings, plain and in the
    other way."""
    m, n, k, by_p = EXAMPLES[doubt]
    a_strides = (0, k, 1) if by_p == 1 else (0, 1, by_p)
    b_strides = c_strides = (0, n, 1)
    spec = Matmul(1, m, n, k, a_strides, b_strides, c_strides, np.dtype(np.float32))
    machine = host.vector_bytes, host.registers
    plain = choose_tiling(spec, *machine)
    assert isinstance(plain, OuterTiling)
    if doubt is not Doubt.WIDE:
        return spec, plain, with_copies(doubt, spec, plain)
    wide = choose_tiling(spec, *machine, wide=True)
    assert isinstance(wide, OuterTiling)
    return spec, plain, wide


def _units(kernel: Product, spec: Matmul, tiling: Tiling) -> int:
    """Into how many pieces at most the product can be divided."""
    if isinstance(tiling, MatrixTiling):
        return spec.batch * tiling.blocks_shared(spec)
    if kernel.across and not tiling.by_panel:
        return 1  # a part has whole columns
    if tiling.panels is Panels.STREAMED and spec.m == 1:
        # Long pieces of rows are read faster.
        return max(FEWEST_STREAMS, spec.n * spec.dtype.itemsize // STREAM_BYTES)
    return tiling.units(spec)
