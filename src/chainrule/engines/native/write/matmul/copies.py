"""The factors of a product that are copied before it begins: rows of A, panels of B.

Place on the road: between ``product`` and ``alone``, which write whole products, and
``rows`` and ``matmul``, which write the copying. The copies lie in scratch memory, one
behind the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...choose.matmul import copies_of
from ...choose.matrix import MatrixTiling
from ...choose.tiling import Matmul, Tiling
from .. import ir
from ..emit import address, index, memory_type
from .matmul import emit_panels
from .rows import emit_rows, emit_rows_of_tiles

#: Writes a function that copies a factor.
Emitter = Callable[..., ir.Function]


def copied_factors(
    b: ir.IRBuilder,
    spec: Matmul,
    tiling: Tiling,
    given: Sequence[ir.Value],
    memory: ir.Value,
) -> tuple[list[ir.Value], ir.Value]:
    """Where the product finds its factors, given or copied, and the rest of the scratch
    memory."""
    element, found = memory_type(spec.dtype), []
    for pointer, size in zip(given, copies_of(spec, tiling), strict=True):
        found.append(memory if size else pointer)
        memory = address(b, memory, element, index(size))
    return found, memory


def emit_copies(
    module: ir.Module,
    name: str,
    spec: Matmul,
    tiling: Tiling,
    b: ir.IRBuilder,
    given: Sequence[ir.Value],
    targets: Sequence[ir.Value],
    share: Sequence[ir.Value],
) -> None:
    """Copies what the tiling says to ``targets``: ``share`` is the part of it, and how
    many there are."""
    on_unit = isinstance(tiling, MatrixTiling)
    rows: Emitter = emit_rows if on_unit else emit_rows_of_tiles
    for title, write, source, target, size in zip(
        ("rows", "panels"), (rows, emit_panels), given, targets,
        copies_of(spec, tiling), strict=True,
    ):  # fmt: skip
        if size:
            core = write(module, f"{name}.{title}", spec, tiling)
            core.linkage = "internal"
            b.call(core, [source, target, *share])
