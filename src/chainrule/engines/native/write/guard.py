"""Bounds checks for generated loads and stores: slow, for tests and bug reports.

Place on the road: beside ``point``, used where ``config.debug`` is set. An access
outside of its buffer is not made; it raises a flag, and the engine reports it after the
run. Without the setting none of this is in the code.

Two ways: ``point`` knows the buffer and the position of each access (``guarded``); all
other kernels are watched, address by address (``watched``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ....config import config
from ..abi.call_table import OUT_OF_BOUNDS
from ..choose.task import Task
from ..plan.kernels import Buffer, Sweep
from . import emit, ir
from .emit import I64, index

#: The program's flag: not 0 after an access out of bounds.
FLAG = "chainrule_out_of_bounds"


def flag(module: ir.Module) -> ir.GlobalVariable:
    """The flag as a module sees it, made where it is first needed."""
    found = module.globals.get(FLAG)
    if found is None:
        found = ir.GlobalVariable(module, I64, FLAG)
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
    raise_flag(b, bad)
    safe = emit.constant(position.type, 0)
    return b.select(bad, safe, position)


def watched(
    write: Callable[[ir.Module, str, Any], ir.Function],
    module: ir.Module,
    name: str,
    task: Task[Any, Any],
) -> ir.Function:
    """The function that ``write`` writes for a task. Where ``config.debug`` is set,
    each address that it reads or writes must lie in the task's buffers or scratch
    memory; steps (``point``) check more, that it lies in the right one.
    """
    if not config.debug or isinstance(task.kernel, Sweep):
        return write(module, name, task)
    sizes = memory_of(task)
    memory = ir.GlobalVariable(
        module, ir.ArrayType(I64, 2 * len(sizes)), f"{name}.ends"
    )
    memory.linkage = "internal"
    inside = _inside(module, name, memory, len(sizes))

    def check(b: ir.IRBuilder, pointer: ir.Value, size: ir.Value) -> ir.Value:
        if _on_stack(pointer):
            return ir.Constant(emit.I1, 1)
        return b.call(inside, [b.ptrtoint(pointer, I64), size])

    token = emit.CHECK.set(check)
    try:
        function = write(module, name, task)
    finally:
        emit.CHECK.reset(token)
    b = ir.IRBuilder(function.entry_basic_block)
    b.position_at_start(function.entry_basic_block)
    pointers = emit.arguments(b, function.args[0], range(len(sizes)))
    for i, size in enumerate(sizes):
        begin = b.ptrtoint(pointers[i], I64)
        for at, end in ((2 * i, begin), (2 * i + 1, b.add(begin, index(size)))):
            b.store(end, emit.address(b, memory, I64, index(at)), align=8)
    return function


def memory_of(task: Task[Any, Any]) -> list[int]:
    """How many bytes each buffer of a task has, and its scratch memory."""
    sizes = [each.size * each.dtype.itemsize for each in task.buffers]
    return [*sizes, task.scratch_bytes]


def _inside(
    module: ir.Module, name: str, memory: ir.GlobalVariable, count: int
) -> ir.Function:
    """Writes ``i1 (i64 address, i64 bytes)``, which raises the flag where they lie in
    none of the parts of memory, whose ends are written down.
    """
    kind = ir.FunctionType(emit.I1, [I64, I64])
    function = ir.Function(module, kind, f"{name}.inside")
    function.linkage = "internal"
    b = ir.IRBuilder(function.append_basic_block("entry"))
    first, size = function.args
    found = b.icmp_signed("==", size, index(0))
    for i in range(count):
        low, high = (
            b.load(emit.address(b, memory, I64, index(at)), I64, align=8)
            for at in (2 * i, 2 * i + 1)
        )
        above = b.icmp_unsigned(">=", first, low)
        below = b.icmp_unsigned("<=", b.add(first, size), high)
        found = b.or_(found, b.and_(above, below))
    raise_flag(b, b.not_(found))
    b.ret(found)
    return function


def _on_stack(pointer: ir.Value) -> bool:
    """Whether an address is one of a local variable."""
    while isinstance(pointer, ir.Address):
        pointer = pointer.pointer
    return isinstance(pointer, ir.Local)


def raise_flag(b: ir.IRBuilder, bad: ir.Value) -> None:
    """Raises the program's flag where ``bad`` is true."""
    where = flag(b.module)
    old = b.load(where, I64)
    b.store(b.or_(old, b.zext(bad, I64)), where)


def reported(b: ir.IRBuilder, status: ir.Value) -> ir.Value:
    """The status of a run, or ``OUT_OF_BOUNDS`` where the flag was raised."""
    where = flag(b.module)
    raised = b.icmp_unsigned("!=", b.load(where, I64), index(0))
    b.store(index(0), where)
    return b.select(raised, index(OUT_OF_BOUNDS), status)
