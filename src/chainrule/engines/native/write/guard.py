"""Bounds checks for generated loads and stores: slow, for tests and bug reports.

Place on the road: beside ``point``, used where ``config.debug`` is set. An access
outside of its buffer is not made; it raises a flag, and the engine reports it after the
run. Without the setting none of this is in the code.
"""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from ....config import config
from ..abi.call_table import OUT_OF_BOUNDS
from ..plan.kernels import Buffer
from . import emit
from .emit import I64, index

#: The program's flag: not 0 after an access out of bounds.
FLAG = "chainrule_out_of_bounds"


def flag(module: ir.Module) -> ir.GlobalVariable:
    """The flag as a module sees it, made where it is first needed."""
    found = module.globals.get(FLAG)
    if found is None:
        found = ir.GlobalVariable(module, I64, FLAG)
        found.initializer = index(0)
        found.linkage = "weak"  # one for all modules of a program
    return found


def checked_sizes(buffers: Sequence[Buffer]) -> dict[int, int] | None:
    """The size of each buffer, where ``config.debug`` asks for checks; else None."""
    return {i: b.size for i, b in enumerate(buffers)} if config.debug else None


def guarded(
    b: ir.IRBuilder, position: ir.Value, lanes: int, mask: ir.Value | None, size: int
) -> ir.Value:
    """The position, or 0 where it is not within the ``size`` elements of its buffer.

    A scalar position with lanes stands for that many neighbours.
    """
    positions = position
    if lanes and not emit.lanes_of(position.type):
        positions = b.add(emit.splat(b, position, lanes), emit.lane_numbers(lanes))
    limit = emit.constant(positions.type, size)
    bad = b.icmp_unsigned(">=", positions, limit)
    count = emit.lanes_of(positions.type)
    if count:
        bad = bad if mask is None else b.and_(bad, mask)
        bits = b.bitcast(bad, ir.IntType(count))
        bad = b.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))
    where = flag(b.module)
    old = b.load(where, typ=I64)
    b.store(b.or_(old, b.zext(bad, I64)), where)
    safe = emit.constant(position.type, 0)
    return b.select(bad, safe, position)


def reported(b: ir.IRBuilder, status: ir.Value) -> ir.Value:
    """The status of a run, or ``OUT_OF_BOUNDS`` where the flag was raised."""
    where = flag(b.module)
    raised = b.icmp_unsigned("!=", b.load(where, typ=I64), index(0))
    b.store(index(0), where)
    return b.select(raised, index(OUT_OF_BOUNDS), status)
