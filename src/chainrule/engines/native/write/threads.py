"""Worker threads: Python threads parked inside native code, and ``parallel``, which
uses them.

A call ``parallel(pool, task, context, parts)`` from generated code runs ``task(context,
part, parts)`` for every part, on the calling thread and on the workers. Parts are
handed out by a counter, so whoever is free takes the next; what a part computes does
not depend on who runs it, so results never depend on timing or on the number of
threads.

A worker spins for a while after its last task, because the next one usually follows
within microseconds; after some tens of microseconds it yields the processor between
looks. Then it leaves native code and, unless a program is running, waits for a
semaphore, at no cost. The engine runs parallel programs inside ``with pool``, which
wakes the workers; one that wakes late finds parts already done by the others.

The protocol is one 64-bit ticket: the number of the job in the upper half, the next
part in the lower. A worker takes a part by exchanging the ticket it has read for the
next one, which fails when another was faster or the job is over; the fields of a job
change only between jobs.
"""

from __future__ import annotations

from ..abi.job import (
    BUSY,
    CLOSED,
    CONTEXT,
    FUNCTION,
    NAP,
    NAP_TIME,
    PARTS,
    REMAINING,
    STOP,
    TICKET,
    YIELD,
)
from . import ir

I32, I64 = ir.IntType(32), ir.IntType(64)
POINTER, VOID = ir.PointerType(), ir.VoidType()
TASK = ir.FunctionType(VOID, [POINTER, I64, I64])
PARALLEL = ir.FunctionType(VOID, [POINTER, POINTER, POINTER, I64])
YIELDING = ir.FunctionType(I32, [])
NAPPING = ir.FunctionType(I32, [POINTER, POINTER])

#: How often a worker looks for a job before it sleeps: for about two milliseconds.
SPINS = 40_000
#: After ``WORKERS_PATIENCE`` looks, some 30 µs, a worker yields its processor between
#: looks: a thread that spins to the end of its time slice loses the processor just when
#: it has a part at last. After ``CALLERS_PATIENCE`` looks, 150 µs, the caller sleeps
#: between looks: the worker that it waits for has probably lost its processor, and may
#: be given the caller's.
WORKERS_PATIENCE, CALLERS_PATIENCE = 600, 3000
#: The number of looks that yielding or sleeping once counts for.
GIVEN = 10


class _Function:
    """One function of the module while it is written."""

    def __init__(
        self, module: ir.Module, name: str, kind: ir.FunctionType, pause: str | None
    ) -> None:
        self.function = ir.Function(module, kind, name)
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.pool = self.function.args[0]
        self.pause_function = None
        if pause:
            self.pause_function = module.declared(pause, ir.FunctionType(VOID, []))

    def block(self, name: str) -> ir.Block:
        return self.function.append_basic_block(name)

    def field(self, word: int) -> ir.Value:
        return self.builder.gep(self.pool, ir.Constant(I64, word), I64)

    def read(self, word: int) -> ir.Value:
        return self.builder.load_atomic(self.field(word), "acquire", I64)

    def write(self, word: int, value: ir.Value) -> None:
        self.builder.store_atomic(value, self.field(word), "release")

    def rest(self, turns: ir.Value, field: int, patience: int) -> ir.Value:
        """Waits a moment between two looks; returns the new number of looks.

        Arguments:
            turns: the number of looks so far.
            field: which function yields the processor or sleeps, if there is one.
            patience: the number of looks after which it is called. Before, the
                processor pauses: who waits for long may keep the processor from the
                thread that it waits for.
        """
        b = self.builder
        give, pause, rested = (self.block(n) for n in ("give", "pause", "rested"))
        function = b.load(self.field(field), I64)
        late = b.icmp_signed(">", turns, ir.Constant(I64, patience))
        can = b.icmp_unsigned("!=", function, ir.Constant(I64, 0))
        b.cbranch(b.and_(late, can), give, pause)
        b.position_at_end(give)
        if field == NAP:
            arguments = [self.field(NAP_TIME), ir.Constant(POINTER, None)]
            b.call(b.inttoptr(function, POINTER), arguments, NAPPING)
        else:
            b.call(b.inttoptr(function, POINTER), [], YIELDING)
        b.branch(rested)
        b.position_at_end(pause)
        if self.pause_function is not None:
            b.call(self.pause_function, [])
        b.branch(rested)
        b.position_at_end(rested)
        took = b.phi(I64)
        took.add_incoming(ir.Constant(I64, GIVEN), give)
        took.add_incoming(ir.Constant(I64, 1), pause)
        return b.add(turns, took)

    def work(self, after: ir.Block) -> None:
        """Takes parts of the current job until none is left, then goes to ``after``."""
        b = self.builder
        look, take, run = self.block("look"), self.block("take"), self.block("run")
        b.branch(look)
        b.position_at_end(look)
        ticket = self.read(TICKET)
        parts = b.load(self.field(PARTS), I64)
        function = b.load(self.field(FUNCTION), POINTER)
        context = b.load(self.field(CONTEXT), POINTER)
        part = b.and_(ticket, ir.Constant(I64, CLOSED))
        b.cbranch(b.icmp_signed("<", part, parts), take, after)
        b.position_at_end(take)
        following = b.add(ticket, ir.Constant(I64, 1))
        b.cbranch(b.exchanged(self.field(TICKET), ticket, following), run, look)
        b.position_at_end(run)
        b.call(function, [context, part, parts], TASK)
        b.atomic_rmw("sub", self.field(REMAINING), ir.Constant(I64, 1), "acq_rel")
        b.branch(look)
        b.position_at_end(after)


def emit_parallel(module: ir.Module, pause: str | None) -> ir.Function:
    """Writes ``chainrule_parallel(pool, task, context, parts)``.

    When the pool is in use by another thread, or there is one part, the caller does all
    parts.
    """
    f = _Function(module, "chainrule_parallel", PARALLEL, pause)
    b = f.builder
    _, task, context, parts = f.function.args
    alone, lock, start, wait, check, done = (
        f.block(name) for name in ("alone", "lock", "start", "wait", "check", "done")
    )
    one, zero = ir.Constant(I64, 1), ir.Constant(I64, 0)
    b.cbranch(b.icmp_signed("<=", parts, one), alone, lock)

    b.position_at_end(lock)
    b.cbranch(b.exchanged(f.field(BUSY), zero, one), start, alone)

    b.position_at_end(start)
    b.store(task, f.field(FUNCTION))
    b.store(context, f.field(CONTEXT))
    b.store(parts, f.field(PARTS))
    f.write(REMAINING, parts)
    job = b.add(b.lshr(f.read(TICKET), ir.Constant(I64, 32)), one)
    f.write(TICKET, b.shl(job, ir.Constant(I64, 32)))
    f.work(after=wait)

    before = b.block
    b.branch(check)
    b.position_at_end(check)
    turns = b.phi(I64)
    turns.add_incoming(zero, before)
    again = f.block("again")
    b.cbranch(b.icmp_signed(">", f.read(REMAINING), zero), again, done)
    b.position_at_end(again)
    turns.add_incoming(f.rest(turns, NAP, CALLERS_PATIENCE), b.block)
    b.branch(check)

    b.position_at_end(done)
    closed = b.or_(f.read(TICKET), ir.Constant(I64, CLOSED))
    f.write(TICKET, closed)
    f.write(BUSY, zero)
    b.ret_void()

    b.position_at_end(alone)
    loop, body, end = f.block("loop"), f.block("body"), f.block("end")
    b.branch(loop)
    b.position_at_end(loop)
    i = b.phi(I64)
    i.add_incoming(zero, alone)
    b.cbranch(b.icmp_signed("<", i, parts), body, end)
    b.position_at_end(body)
    b.call(task, [context, i, parts], TASK)
    i.add_incoming(b.add(i, one), b.block)
    b.branch(loop)
    b.position_at_end(end)
    b.ret_void()
    return f.function


def emit_worker(module: ir.Module, pause: str | None) -> ir.Function:
    """Writes ``chainrule_worker(pool) → i64``: works until there was nothing to do for
    a while (returns 0: sleep) or the pool stops (returns 1)."""
    f = _Function(module, "chainrule_worker", ir.FunctionType(I64, [POINTER]), pause)
    b = f.builder
    entry = b.block
    spin, look, maybe, quiet, sleep, stop = (
        f.block(name) for name in ("spin", "look", "maybe", "quiet", "sleep", "stop")
    )
    zero, one = ir.Constant(I64, 0), ir.Constant(I64, 1)
    b.branch(spin)
    b.position_at_end(spin)
    idle = b.phi(I64)
    idle.add_incoming(zero, entry)
    b.cbranch(b.icmp_signed("==", f.read(STOP), zero), look, stop)

    b.position_at_end(look)
    part = b.and_(f.read(TICKET), ir.Constant(I64, CLOSED))
    waiting = b.icmp_signed("<", part, f.read(PARTS))
    b.cbranch(waiting, maybe, quiet)

    b.position_at_end(maybe)
    worked = f.block("worked")
    f.work(after=worked)
    b.branch(spin)
    idle.add_incoming(zero, worked)

    b.position_at_end(quiet)
    more = f.rest(idle, YIELD, WORKERS_PATIENCE)
    idle.add_incoming(more, b.block)
    b.cbranch(b.icmp_signed("<", more, ir.Constant(I64, SPINS)), spin, sleep)

    b.position_at_end(sleep)
    b.ret(zero)
    b.position_at_end(stop)
    b.ret(one)
    return f.function
