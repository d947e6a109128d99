"""Worker threads: Python threads parked inside native code, and ``parallel``, which
uses them.

A call ``parallel(pool, task, context, parts)`` from generated code runs ``task(context,
part, parts)`` for every part, on the calling thread and on the workers. Parts are
handed out by a counter, so whoever is free takes the next; what a part computes does
not depend on who runs it, so results never depend on timing or on the number of
threads.

A worker spins for a while after its last task, because the next one usually follows
within microseconds. Then it leaves native code and, unless a program is running, waits
for a semaphore, at no cost. The engine runs parallel programs inside ``with pool``,
which wakes the workers; one that wakes late finds parts already done by the others.

The protocol is one 64-bit ticket: the number of the job in the upper half, the next
part in the lower. A worker takes a part by exchanging the ticket it has read for the
next one, which fails when another was faster or the job is over; the fields of a job
change only between jobs.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading

import numpy as np
from llvmlite import ir

I32, I64 = ir.IntType(32), ir.IntType(64)
BYTES = ir.IntType(8).as_pointer()
TASK = ir.FunctionType(ir.VoidType(), [BYTES, I64, I64]).as_pointer()
PARALLEL = ir.FunctionType(ir.VoidType(), [BYTES, TASK, BYTES, I64])

#: Offsets, in 64-bit words, of the fields of a pool; those that different threads write
#: at the same time are on cache lines of their own.
TICKET, REMAINING, BUSY, STOP, FUNCTION, CONTEXT, PARTS = 0, 8, 16, 24, 32, 33, 34
WORDS = 40

#: The lower half of a ticket between two jobs: no part has this number, so nobody takes
#: one while the fields of the next job are being written.
CLOSED = 0xFFFFFFFF

#: How often a worker looks for a job before it sleeps: about two milliseconds.
SPINS = 40_000


class _Function:
    """One function of the module while it is written."""

    def __init__(
        self, module: ir.Module, name: str, kind: ir.FunctionType, pause: str | None
    ) -> None:
        self.function = ir.Function(module, kind, name)
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.pool = self.builder.bitcast(self.function.args[0], I64.as_pointer())
        self.pause_function = None
        if pause:
            found = module.globals.get(pause)
            self.pause_function = found or ir.Function(
                module, ir.FunctionType(ir.VoidType(), []), pause
            )

    def block(self, name: str) -> ir.Block:
        return self.function.append_basic_block(name)

    def field(self, word: int) -> ir.Value:
        return self.builder.gep(self.pool, [ir.Constant(I64, word)])

    def read(self, word: int) -> ir.Value:
        return self.builder.load_atomic(self.field(word), "acquire", 8)

    def write(self, word: int, value: ir.Value) -> None:
        self.builder.store_atomic(value, self.field(word), "release", 8)

    def pause(self) -> None:
        if self.pause_function is not None:
            self.builder.call(self.pause_function, [])

    def work(self, after: ir.Block) -> None:
        """Takes parts of the current job until none is left, then goes to ``after``."""
        b = self.builder
        look, take, run = self.block("look"), self.block("take"), self.block("run")
        b.branch(look)
        b.position_at_end(look)
        ticket = self.read(TICKET)
        parts = b.load(self.field(PARTS))
        function = b.inttoptr(b.load(self.field(FUNCTION)), TASK)
        context = b.inttoptr(b.load(self.field(CONTEXT)), BYTES)
        part = b.and_(ticket, ir.Constant(I64, CLOSED))
        b.cbranch(b.icmp_signed("<", part, parts), take, after)
        b.position_at_end(take)
        following = b.add(ticket, ir.Constant(I64, 1))
        answer = b.cmpxchg(self.field(TICKET), ticket, following, "acq_rel", "acquire")
        b.cbranch(b.extract_value(answer, 1), run, look)
        b.position_at_end(run)
        b.call(function, [context, part, parts])
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
    answer = b.cmpxchg(f.field(BUSY), zero, one, "acq_rel", "acquire")
    b.cbranch(b.extract_value(answer, 1), start, alone)

    b.position_at_end(start)
    b.store(b.ptrtoint(task, I64), f.field(FUNCTION))
    b.store(b.ptrtoint(context, I64), f.field(CONTEXT))
    b.store(parts, f.field(PARTS))
    f.write(REMAINING, parts)
    job = b.add(b.lshr(f.read(TICKET), ir.Constant(I64, 32)), one)
    f.write(TICKET, b.shl(job, ir.Constant(I64, 32)))
    f.work(after=wait)

    b.branch(check)
    b.position_at_end(check)
    f.pause()
    left = f.read(REMAINING)
    b.cbranch(b.icmp_signed(">", left, zero), check, done)

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
    b.call(task, [context, i, parts])
    i.add_incoming(b.add(i, one), b.block)
    b.branch(loop)
    b.position_at_end(end)
    b.ret_void()
    return f.function


def emit_worker(module: ir.Module, pause: str | None) -> ir.Function:
    """Writes ``chainrule_worker(pool) → i64``: works until there was nothing to do for
    a while (answers 0: sleep) or the pool stops (answers 1)."""
    f = _Function(module, "chainrule_worker", ir.FunctionType(I64, [BYTES]), pause)
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
    waiting = b.icmp_signed("<", part, b.load_atomic(f.field(PARTS), "acquire", 8))
    b.cbranch(waiting, maybe, quiet)

    b.position_at_end(maybe)
    worked = f.block("worked")
    f.work(after=worked)
    b.branch(spin)
    idle.add_incoming(zero, worked)

    b.position_at_end(quiet)
    f.pause()
    more = b.add(idle, one)
    idle.add_incoming(more, quiet)
    b.cbranch(b.icmp_signed("<", more, ir.Constant(I64, SPINS)), spin, sleep)

    b.position_at_end(sleep)
    b.ret(zero)
    b.position_at_end(stop)
    b.ret(one)
    return f.function


class Pool:
    """The workers of this process, and the memory through which they are told what to
    do.

    Arguments:
        worker: the address of ``chainrule_worker``.
        threads: how many threads work, the caller included.
        owner: what keeps the worker's machine code in memory. The pool holds it until
            the workers have ended, which may be at the end of the process.
    """

    def __init__(self, worker: int, threads: int, owner: object = None) -> None:
        self._worker_address, self._owner = worker, owner
        self.threads = threads
        self._words = np.zeros(WORDS + 8, np.int64)
        start = -self._words.ctypes.data % 64 // 8
        self._state = self._words[start : start + WORDS]
        self._state[TICKET] = CLOSED
        self.address = int(self._state.ctypes.data)
        self._started = self._registered = False
        self._starting = threading.Lock()
        self._sleeping = 0
        self._running = 0
        self._semaphore = threading.Semaphore(0)
        self._workers: list[threading.Thread] = []
        self._count = threading.RLock()

    def __enter__(self) -> Pool:
        """Before a parallel program: starts the workers, or wakes those that sleep.
        They stay awake until the program has ended."""
        if not self._started:
            self._start()
        with self._count:
            self._running += 1
            sleeping, self._sleeping = self._sleeping, 0
        if sleeping:
            self._semaphore.release(sleeping)
        return self

    def __exit__(self, *_: object) -> None:
        """After a parallel program."""
        with self._count:
            self._running = max(0, self._running - 1)

    def _start(self) -> None:
        with self._starting:
            if self._started:
                return
            self._started = True
            for number in range(1, self.threads):
                worker = threading.Thread(
                    target=self._live, name=f"chainrule-{number}", daemon=True
                )
                self._workers.append(worker)
                worker.start()
            if self._workers and not self._registered:
                self._registered = True
                atexit.register(self.stop)
                if hasattr(os, "register_at_fork"):
                    os.register_at_fork(after_in_child=self._forget)

    def _live(self) -> None:
        worker = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(self._worker_address)
        while not worker(self.address):
            with self._count:
                sleeps = not self._running
                self._sleeping += sleeps
            if sleeps:
                self._semaphore.acquire()

    def stop(self) -> None:
        """Ends the workers and waits for them; a later program starts new ones."""
        if not self._workers:
            return
        self._state[STOP] = 1
        self._semaphore.release(len(self._workers))
        for worker in self._workers:
            worker.join(timeout=1.0)
        if not any(worker.is_alive() for worker in self._workers):
            self._forget()

    def _forget(self) -> None:
        """No workers any more: after ``stop``, and in a process forked from this
        one."""
        self._state[:] = 0
        self._state[TICKET] = CLOSED
        self._workers = []
        self._sleeping = self._running = 0
        self._semaphore = threading.Semaphore(0)
        self._starting, self._count = threading.Lock(), threading.RLock()
        self._started = False
