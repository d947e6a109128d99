"""Many runs in one call: the loop around a program's entrance, the same for all.

Place on the road: beside ``program``, whose entrance it calls. It is compiled once on a
machine, and knows nothing of the program: a run reads its inputs where the last one
did, so the rows of the next batch are copied there; outputs go to the next place of
theirs; and what a program changes, it changes in place.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..abi.repetition import (
    BATCH,
    DONE,
    HEAD,
    INPUT,
    INPUTS,
    OUTPUT,
    OUTPUTS,
    REPEAT,
    ROWS,
)
from . import emit, ir
from .emit import I32, I64, POINTER, address, index

#: Rows of at most this many bytes are copied word by word.
SHORT = 64


def emit_repeat(module: ir.Module) -> ir.Function:
    """Writes ``chainrule_repeat(entrance, objects, table, plan, until) → status``.

    It runs until so many runs are done, or one reports a status that is not 0.
    """
    kind = ir.FunctionType(I64, [POINTER, POINTER, POINTER, POINTER, I64])
    function = ir.Function(module, kind, REPEAT)
    b = ir.IRBuilder(function.append_basic_block("entry"))
    entrance, objects, table, plan, until = function.args
    entrance_type = ir.FunctionType(I64, [POINTER, POINTER])
    inputs, outputs = _word(b, plan, INPUTS), _word(b, plan, OUTPUTS)
    rows, batch = _word(b, plan, ROWS), _word(b, plan, BATCH)
    behind = b.add(index(HEAD), b.mul(inputs, index(INPUT)))
    with emit.loop(b, _word(b, plan, DONE), until, name="run") as run:
        first = b.inttoptr(b.add(rows, b.mul(b.mul(run, batch), index(8))), POINTER)
        with emit.loop(b, 0, inputs, name="input") as number:
            at = b.add(index(HEAD), b.mul(number, index(INPUT)))
            _gather(b, plan, at, first, batch)
        status = b.call(entrance, [objects, table], entrance_type)
        with b.if_then(b.icmp_signed("!=", status, index(0)), likely=False):
            b.ret(status)
        with emit.loop(b, 0, outputs, name="output") as number:
            at = b.add(behind, b.mul(number, index(OUTPUT)))
            slot = b.inttoptr(_word(b, plan, at), POINTER)
            size = _word(b, plan, b.add(at, index(1)))
            b.store(b.add(b.load(slot, I64, align=8), size), slot, align=8)
        done = address(b, plan, I64, index(DONE))
        b.store(b.add(run, index(1)), done, align=8)
    b.ret(index(0))
    return function


def _word(b: ir.IRBuilder, plan: ir.Value, at: ir.Value | int) -> ir.Value:
    """A word of the plan."""
    position = index(at) if isinstance(at, int) else at
    return b.load(address(b, plan, I64, position), I64, align=8)


def _gather(
    b: ir.IRBuilder, plan: ir.Value, at: ir.Value, first: ir.Value, batch: ir.Value
) -> None:
    """Copies the rows of a run to where the program reads an input."""
    source, target = (
        b.inttoptr(_word(b, plan, b.add(at, index(i))), POINTER) for i in (0, 1)
    )
    size = _word(b, plan, b.add(at, index(2)))
    words = b.lshr(size, index(2))
    short = b.icmp_unsigned("<=", size, index(SHORT))
    whole = b.icmp_unsigned("==", b.shl(words, index(2)), size)
    with b.if_else(b.and_(short, whole)) as (then, otherwise):
        with then, _rows(b, first, batch, source, target, size) as (one, other):
            _copy_words(b, one, other, words)
        with otherwise, _rows(b, first, batch, source, target, size) as (one, other):
            emit.copy(b, other, one, size)


def _copy_words(
    b: ir.IRBuilder, source: ir.Value, target: ir.Value, count: ir.Value
) -> None:
    with emit.loop(b, 0, count, name="word") as word:
        value = b.load(address(b, source, I32, word), I32, align=1)
        b.store(value, address(b, target, I32, word), align=1)


@contextmanager
def _rows(
    b: ir.IRBuilder,
    first: ir.Value,
    batch: ir.Value,
    source: ir.Value,
    target: ir.Value,
    size: ir.Value,
) -> Iterator[tuple[ir.Value, ir.Value]]:
    """A loop over the rows of a run: from where each is copied, and to where."""
    with emit.loop(b, 0, batch, name="row") as row:
        number = b.load(address(b, first, I64, row), I64, align=8)
        one = address(b, source, emit.I8, b.mul(number, size))
        yield one, address(b, target, emit.I8, b.mul(row, size))
