"""In which order kernels run, and which variables are updated in place.

Place on the road: the last pass over a schedule. A variable is updated in place where
every reader of its old value can run before; kernels run in an order that keeps this,
and what they need of each other, right.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..calls import INDIRECT, Call
from ..kernels import (
    Access,
    Buffer,
    Check,
    Contraction,
    Kernel,
    NextState,
    Put,
    Scan,
    Schedule,
    Special,
    Step,
    Sweep,
)
from ..views import same_walk


def order(schedule: Schedule) -> Schedule:
    """The schedule in the order in which it runs, with its final buffers."""
    buffers, updates = schedule.buffers, schedule.updates
    ordered = _Order(schedule)
    in_place = {
        n: buffer for n, buffer in updates.items() if ordered.try_in_place(n, buffer)
    }
    running = ordered.kernels()
    for number, buffer in updates.items():
        if number not in in_place:  # written apart, and moved when all is known
            running.append(_move(buffers, buffer, ordered.variables[number]))
    used = {h for kernel in running for h in kernel.reads | kernel.writes}
    used |= schedule.results
    kept = {h: buffer for h, buffer in buffers.items() if h in used}
    for buffer in in_place.values():
        kept[buffer] = replace(buffers[buffer], kind="variable")
    return replace(schedule, kernels=running, buffers=kept)


class _Order:
    """Kernels with what must run before each."""

    def __init__(self, schedule: Schedule) -> None:
        self.variables = {
            each.number: buffer
            for buffer, each in schedule.buffers.items()
            if each.kind == "variable"
        }
        self.items = schedule.kernels
        self.before: list[set[int]] = [set() for _ in self.items]
        self.after: list[set[int]] = [set() for _ in self.items]
        self.readers: dict[int, set[int]] = {}
        self.writers: dict[int, list[int]] = {}
        self.checking = {i for i, item in enumerate(self.items) if _checks(item)}
        self._dependencies()

    def _dependencies(self) -> None:
        checks: list[int] = []
        for i, kernel in enumerate(self.items):
            reads, writes = kernel.reads, kernel.writes
            for buffer in reads | writes:  # a fill comes before a copy
                self._wait(i, self.writers.get(buffer, ()))
            for buffer in reads:
                self.readers.setdefault(buffer, set()).add(i)
            for buffer in writes:
                self.writers.setdefault(buffer, []).append(i)
            if isinstance(kernel, Check):
                checks.append(i)
            elif _indexes(kernel):
                self._wait(i, checks)

    def _wait(self, item: int, others: Iterable[int]) -> None:
        """Something runs after others."""
        for each in others:
            self.before[item].add(each)
            self.after[each].add(item)

    def try_in_place(self, number: int, buffer: int) -> bool:
        """Whether this variable's next value may be written over the old one.

        All readers of the old value, and all checks, must be able to run first.
        """
        variable, items = self.variables[number], self.items
        writers = self.writers.get(buffer, [])
        readers = self.readers.get(variable, set())
        both = readers.intersection(writers)
        if both and len(writers) > 1:
            return False
        if not all(_reads_where_it_writes(items[i], variable, buffer) for i in both):
            return False
        if any(_fails_midway(items[i]) for i in writers):
            return False
        early = (readers | self.checking) - set(writers)
        if early & self._reachable(writers):
            return False
        for writer in writers:
            self._wait(writer, early)
        return True

    def _reachable(self, start: list[int]) -> set[int]:
        """Everything that has to run after one of these."""
        found: set[int] = set()
        pending = list(start)
        while pending:
            for each in self.after[pending.pop()]:
                if each not in found:
                    found.add(each)
                    pending.append(each)
        return found

    def kernels(self) -> list[Kernel]:
        """An order that keeps all dependencies, else that of the program."""
        done: set[int] = set()
        found: list[Kernel] = []
        for start in range(len(self.items)):
            pending = [start]
            while pending:
                item = pending[-1]
                missing = sorted(self.before[item] - done, reverse=True)
                if item in done or not missing:
                    pending.pop()
                    if item not in done:
                        done.add(item)
                        found.append(self.items[item])
                else:
                    pending.extend(missing)
        return found


def _checks(kernel: Kernel) -> bool:
    """Whether a kernel may end the run with an error."""
    if isinstance(kernel, Special) and kernel.may_fail:
        return True
    return _fails_midway(kernel)


def _fails_midway(kernel: Kernel) -> bool:
    """Whether a loop may fail when its first steps have written results already."""
    return isinstance(kernel, Scan) and any(map(_checks, kernel.body.kernels))


def _indexes(kernel: Kernel) -> bool:
    """Whether a kernel touches memory at positions that are values."""
    if isinstance(kernel, Special):
        return kernel.indexes
    return any(step.call.name == "gather" for step in kernel.steps)


def _reads_where_it_writes(kernel: Kernel, variable: int, buffer: int) -> bool:
    """Whether each element of the old value is read just before it is overwritten."""
    if isinstance(kernel, Put):  # what it writes must not be what it is told to write
        return variable not in [buffer for buffer, _ in kernel.inputs[1:]]
    if isinstance(kernel, Special):
        return isinstance(kernel, NextState)
    if isinstance(kernel, Contraction) and variable in (
        kernel.a.buffer,
        kernel.b.buffer,
    ):
        return False
    if any(step.call.name in INDIRECT for step in kernel.steps):
        return False
    stores = [each for each in kernel.stores if each[1].buffer == buffer]
    if len(stores) > 1:
        return False  # it is written in pieces
    ((step, store),) = stores
    passes = bool(kernel.reduced) and isinstance(kernel, Sweep)
    if passes and not kernel.steps[step].row:
        return False  # a later pass may read the element again
    return all(
        same_walk(kernel.shape, access.strides, store.strides)
        and access.offset == store.offset
        for access in kernel.accesses
        if access.buffer == variable
    )


def _move(buffers: dict[int, Buffer], buffer: int, variable: int) -> Sweep:
    """The copy of a variable's next value into its buffer, at the very end."""
    dtype, size = buffers[buffer].dtype, (buffers[buffer].size,)
    call = Call("copy", {}, (dtype,), dtype)
    source, target = (Access(h, (1,), 0, dtype) for h in (buffer, variable))
    return Sweep(size, frozenset(), [Step(call, (source,))], [(0, target)])
