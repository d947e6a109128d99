"""How every primitive is done for all examples at once: the table.

A primitive that is not in it, such as one that users declare, is done for one example
after the other, unless it is elementwise: then its kind says all.
"""

from __future__ import annotations

from ..ops.primitive import Kind, Primitive
from . import contractions, indices, movement
from .application import Rule
from .loops import one_by_one

#: Name of a primitive → its rule. Loops have theirs in ``replay``.
RULES: dict[str, Rule] = {
    "reshape": movement.to_shape,
    "transpose": movement.transposed,
    "broadcast_to": movement.broadcast,
    "slice": movement.sliced,
    "pad": movement.padded,
    "flip": movement.flipped,
    "concatenate": movement.along_axis,
    "sum": contractions.summed,
    "prod": movement.along_axes,
    "max": movement.along_axes,
    "min": movement.along_axes,
    "argmax": movement.along_axis,
    "argmin": movement.along_axis,
    "cumsum": movement.along_axis,
    "argsort": movement.along_axis,
    "normal_index": movement.unchanged,
    "take": indices.taken,
    "scatter_add": indices.added,
    "put": indices.replaced,
    "take_along_axis": movement.along_axis,
    "scatter_along_axis": movement.along_axis,
    "matmul": contractions.product,
    "windows": contractions.of_samples,
    "overlap_add": contractions.of_samples,
    "convolution": contractions.convolved,
    "convolution_transposed": contractions.convolved,
    "convolution_kernel": contractions.kernels,
    "cholesky": movement.unchanged,
    "qr": movement.unchanged,
    "complement": movement.unchanged,
    "eigh": movement.unchanged,
    "svd": movement.unchanged,
    "over_differences": movement.unchanged,
    "pinv": movement.unchanged,
    "inv": movement.unchanged,
    "det": movement.unchanged,
    "cofactors": movement.unchanged,
    "slogdet": movement.unchanged,
    "solve": movement.of_matrices,
    "solve_triangular": movement.of_matrices,
    "lstsq": movement.of_matrices,
}


def rule_of(op: Primitive) -> Rule:
    """The rule of a primitive."""
    if op.kind is Kind.ELEMENTWISE:
        return movement.elementwise
    return RULES.get(op.name, one_by_one)
