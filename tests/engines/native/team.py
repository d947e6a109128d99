"""A pool of workers with a few tasks for it, in this process or in a program of tests.

Run as a program, it does what its argument names; see ``test_threads``.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from typing import Any

import numpy as np

from chainrule.engines.native.choose.processor import host
from chainrule.engines.native.run.threads.pool import Pool
from chainrule.engines.native.write import ir
from chainrule.engines.native.write.threads import POINTER, emit_parallel, emit_worker
from tests.engines.native.jit import I64, VOID, Compiled, new_module

TASK = ir.FunctionType(VOID, [POINTER, I64, I64])


def _number(value: int) -> ir.Constant:
    return ir.Constant(I64, value)


def _write_count(module: ir.Module) -> ir.Function:
    """A task: one more at its part's place."""
    task = ir.Function(module, TASK, "count")
    b = ir.IRBuilder(task.append_basic_block())
    place = b.gep(task.args[0], task.args[1], I64)
    b.store(b.add(b.load(place, I64), _number(1)), place)
    b.ret_void()
    return task


def _write_meet(module: ir.Module) -> ir.Function:
    """A task: waits (but not forever) until all parts run at the same time, and says
    at its place whether they did. The number of those who came is before the places."""
    task = ir.Function(module, TASK, "meet")
    b = ir.IRBuilder(task.append_basic_block("entry"))
    words = task.args[0]
    b.atomic_rmw("add", words, _number(1), "acq_rel")
    wait, end = task.append_basic_block("wait"), task.append_basic_block("end")
    entry = b.block
    b.branch(wait)
    b.position_at_end(wait)
    tries = b.phi(I64)
    tries.add_incoming(_number(0), entry)
    there = b.icmp_signed("==", b.load_atomic(words, "acquire", I64), task.args[2])
    more = b.add(tries, _number(1))
    tries.add_incoming(more, wait)
    late = b.icmp_signed(">", more, _number(3_000_000_000))
    b.cbranch(b.or_(there, late), end, wait)
    b.position_at_end(end)
    place = b.gep(words, b.add(task.args[1], _number(1)), I64)
    b.store(b.zext(there, I64), place)
    b.ret_void()
    return task


def _write_nested(module: ir.Module, count: ir.Function) -> ir.Function:
    """A task that is parallel itself: its context is (pool, the counters)."""
    task = ir.Function(module, TASK, "nested")
    b = ir.IRBuilder(task.append_basic_block())
    words = task.args[0]
    places = [b.gep(words, _number(i), I64) for i in (0, 1)]
    pool, counters = (b.load(place, POINTER) for place in places)
    # Parts of different outer parts may run at once: each has counters of its own.
    mine = b.gep(counters, b.mul(task.args[1], _number(64)), ir.IntType(8))
    parallel = module.globals["chainrule_parallel"]
    b.call(parallel, [pool, count, mine, _number(8)])
    b.ret_void()
    return task


def _write_times(module: ir.Module, task: ir.Function) -> None:
    """``times.<task>(pool, context, times, parts)``: so many parallel calls."""
    kind = ir.FunctionType(VOID, [POINTER, POINTER, I64, I64])
    function = ir.Function(module, kind, f"times.{task.name}")
    pool, context, times, parts = function.args
    b = ir.IRBuilder(function.append_basic_block("entry"))
    body, end = (function.append_basic_block(name) for name in ("body", "end"))
    entry = b.block
    b.branch(body)
    b.position_at_end(body)
    i = b.phi(I64)
    i.add_incoming(_number(0), entry)
    b.call(module.globals["chainrule_parallel"], [pool, task, context, parts])
    following = b.add(i, _number(1))
    i.add_incoming(following, body)
    b.cbranch(b.icmp_signed("<", following, times), body, end)
    b.position_at_end(end)
    b.ret_void()


def compiled() -> Compiled:
    """The pool's functions and the tasks."""
    module = new_module()
    pause = host().pause
    emit_parallel(module, pause)
    emit_worker(module, pause)
    count = _write_count(module)
    for task in (count, _write_meet(module), _write_nested(module, count)):
        _write_times(module, task)
    return Compiled(module)


class Team:
    """A pool, and Python's side of the tasks."""

    def __init__(self, code: Compiled, threads: int) -> None:
        self.code = code
        self.pool = Pool(code.address("chainrule_worker"), threads, code)
        kinds = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64]
        names = ("count", "meet", "nested")
        self._tasks = {n: code.function(f"times.{n}", *kinds) for n in names}

    def run(self, task: str, context: Any, times: int, parts: int) -> None:
        """So many parallel calls of a task."""
        with self.pool:
            self.call(task, context, times, parts)

    def call(self, task: str, context: Any, times: int, parts: int) -> None:
        """The same with the workers as they are."""
        self._tasks[task](self.pool.address, context.ctypes.data, times, parts)

    def count(self, times: int, parts: int) -> bool:
        """Whether every part ran as often as it should."""
        counters = np.zeros(parts, np.int64)
        self.run("count", counters, times, parts)
        return bool((counters == times).all())

    def meets(self, parts: int) -> bool:
        """Whether so many threads can run at the same time."""
        words = np.zeros(parts + 1, np.int64)
        self.run("meet", words, 1, parts)
        return bool(words[1:].all())

    def asleep(self, seconds: float = 5.0) -> bool:
        """Waits until all workers sleep."""
        end = time.monotonic() + seconds
        while self.pool._sleeping < self.pool.threads - 1:
            if time.monotonic() > end:
                return False
            time.sleep(0.005)
        return True


def main(what: str) -> None:
    """What the tests start as a process of its own."""
    team = Team(compiled(), 3)
    assert team.count(100, 4)
    if what == "sleeping":
        assert team.asleep()
    elif what == "from a daemon":
        threading.Thread(target=team.count, args=(10**12, 2), daemon=True).start()
        time.sleep(0.05)
    elif what == "interrupted":
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        try:
            while True:
                assert team.count(100, 4)
        except KeyboardInterrupt:
            assert team.count(1000, 4)
            sys.stdout.write("went on\n")
    elif what == "stopped":
        team.pool.stop()
        assert team.count(100, 4)


if __name__ == "__main__":
    main(sys.argv[1])
