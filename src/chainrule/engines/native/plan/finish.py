"""The end of fusion: what is stored, in which order kernels run, what is in place.

Place on the road: after every operation has found its kernel. Five small decisions,
each a function on the list of kernels:

1. a result that is a copy of a buffer nobody else made for himself is that buffer;
2. values that are cheap are computed again where they are read (``recompute``,
   ``gathered``); those that nobody reads from memory are not stored, and steps that
   nobody needs are dropped;
3. reductions over few long rows, and over columns, are cut into parts, whose results
   are reduced again;
4. a variable is updated in place where every reader of its old value can run before;
5. kernels run in an order that keeps all of this right.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from .calls import CUTTABLE, Call
from .gathered import gathered
from .group import is_cut
from .kernels import (
    Access,
    Argument,
    Callback,
    Check,
    Contraction,
    Convolution,
    Fused,
    FusedKernel,
    Home,
    Kernel,
    Local,
    NextState,
    Product,
    Put,
    Scan,
    ScatterAdd,
    ScatterAlong,
    Schedule,
    Scope,
    Special,
    Step,
    Sweep,
)
from .recompute import recomputed
from .views import contiguous_strides, same_walk

#: Points of a space per part of a cut reduction, and the most parts.
PART_SIZE, MOST_PARTS = 1 << 14, 64
#: Points per part, and the most parts, where columns are reduced.
SHARE_SIZE, MOST_SHARES = 1 << 15, 16


def finish(
    kernels: list[Kernel],
    checks: list[tuple[int, Check]],
    homes: dict[int, Home],
    outputs: list[int],
    updates: dict[int, int],
) -> Schedule:
    """The schedule of the kernels that were found.

    ``checks`` have the position after which each runs; ``outputs`` are homes;
    ``updates`` map the number of a variable to the home of its next value.
    """
    results = {*outputs, *updates.values()}
    alias = _forwarded(kernels, homes, results)
    if alias:
        kernels = [_renamed(kernel, alias) for kernel in kernels]
        checks = [(at, check.renamed(alias)) for at, check in checks]
    needed = _needed(kernels, checks, results)
    needed = _needed(recomputed(needed, homes, results), checks, results)
    needed = _needed(gathered(needed, homes, results), checks, results)
    whole = [(i, part) for i, k in enumerate(needed) for part in _cut(k, homes)]
    ordered = _Order(whole, checks, homes)
    in_place = {n: home for n, home in updates.items() if ordered.try_in_place(n, home)}
    running = ordered.kernels()
    for number, home in updates.items():
        if number not in in_place:  # written apart, and moved when all is known
            running.append(_move(homes, home, ordered.variables[number]))
    used = {h for kernel in running for h in kernel.reads | kernel.writes}
    kept = {h: home for h, home in homes.items() if h in used or h in results}
    for home in in_place.values():
        kept[home] = replace(homes[home], kind="variable")
    return Schedule(running, kept, outputs)


# 1. Results that are computed where they are wanted.
# ----------------------------------------------------------------------------


def _forwarded(
    kernels: list[Kernel], homes: dict[int, Home], results: set[int]
) -> dict[int, int]:
    """Arena homes that are copied whole into a result → that result."""
    alias: dict[int, int] = {}
    for kernel in kernels:
        if not isinstance(kernel, Fused):
            continue
        for number, access in kernel.stores:
            step = kernel.steps[number]
            if access.home not in results or step.call.name != "copy":
                continue
            source = _source(kernel, step, access)
            if source is None or source in alias or homes[source].kind != "arena":
                continue
            if homes[source].size == homes[access.home].size:
                alias[source] = access.home
    return alias


def _source(kernel: Fused, step: Step, target: Access) -> int | None:
    """The home that a copy reads, if it reads it in the order in which it writes."""
    (argument,) = step.arguments
    if isinstance(argument, Access):
        same = same_walk(kernel.shape, argument.strides, target.strides)
        return argument.home if same and argument.offset == target.offset else None
    if isinstance(argument, Local):
        for number, access in kernel.stores:
            if number == argument.step and access.offset == target.offset:
                if same_walk(kernel.shape, access.strides, target.strides):
                    return access.home
    return None


def _renamed(kernel: Kernel, alias: dict[int, int]) -> Kernel:
    """The kernel on the results themselves, without the copies to them."""
    if isinstance(kernel, Special):
        return kernel.renamed(alias)
    stores = []
    for number, access in kernel.stores:
        step = kernel.steps[number]
        if step.call.name == "copy" and len(step.arguments) == 1:
            source = _source(kernel, step, access)
            if source is not None and alias.get(source) == access.home:
                continue  # it is there already
        stores.append((number, access))
    return replace(kernel, stores=stores).renamed(alias)


# 2. Only what is needed.
# ----------------------------------------------------------------------------


def _needed(
    kernels: Sequence[Kernel | None],
    checks: list[tuple[int, Check]],
    results: set[int],
) -> list[Kernel | None]:
    """Without stores that nobody reads, and without steps for them.

    Positions stay: a kernel that is not needed becomes None.
    """
    wanted = set(results)
    for _, check in checks:
        wanted |= check.reads
    found: list[Kernel | None] = [None] * len(kernels)
    for position in range(len(kernels) - 1, -1, -1):
        kernel = kernels[position]
        if kernel is None:
            continue
        if isinstance(kernel, Special):
            if kernel.writes & wanted or isinstance(kernel, Callback):
                found[position] = kernel
                wanted |= kernel.reads
            continue
        kept = _without(kernel, wanted)
        if kept.stores:
            found[position] = kept
            wanted |= kept.reads
    return found


def _without(kernel: FusedKernel, wanted: set[int]) -> FusedKernel:
    stores = [(n, access) for n, access in kernel.stores if access.home in wanted]
    contraction = isinstance(kernel, (Product, Convolution))
    if isinstance(kernel, (Product, Convolution)) and stores:
        if replace(kernel, stores=stores).main_store() < 0:
            stores.insert(0, kernel.stores[0])
    needed = {n for n, _ in stores} | ({0} if contraction else set())
    for number in range(len(kernel.steps) - 1, -1, -1):
        if number in needed:
            needed.update(kernel.steps[number].locals)
    order = sorted(needed)
    numbers = {old: new for new, old in enumerate(order)}

    def moved(argument: Argument) -> Argument:
        if isinstance(argument, Local):
            return Local(numbers[argument.step])
        return argument

    steps = [kernel.steps[n].mapped(moved) for n in order]
    return replace(kernel, steps=steps, stores=[(numbers[n], a) for n, a in stores])


# 3. Reductions whose parts are reduced again.
# ----------------------------------------------------------------------------


def _cut(kernel: Kernel | None, homes: dict[int, Home]) -> list[Kernel]:
    """The kernel; or one that reduces parts of each row, or of each column, and one
    that reduces those.

    The number of parts depends on the sizes alone, never on the threads, so that sums
    are always added in the same order.
    """
    if kernel is None:
        return []
    if not isinstance(kernel, (Sweep, Convolution)):
        return [kernel]  # parts of a product have whole columns
    if not (kernel.across or is_cut(kernel)):
        return [kernel]
    if kernel.across:
        sums = [i for i, step in enumerate(kernel.steps) if step.across]
        points = kernel.rows * kernel.row_size
        parts = max(1, min(MOST_SHARES, points // SHARE_SIZE, kernel.rows))
        if parts == 1:
            return [replace(kernel, parts=1)]
        return _in_parts(kernel, homes, sums, parts, sorted(kernel.reduced))
    sums = [i for i, step in enumerate(kernel.steps) if step.reduces]
    if any(kernel.steps[i].call.name not in CUTTABLE for i in sums):
        return [kernel]
    parts = min(MOST_PARTS, max(2, kernel.row_size * kernel.rows // PART_SIZE))
    kept = [axis for axis in range(len(kernel.shape)) if axis not in kernel.reduced]
    return _in_parts(kernel, homes, sums, parts, kept)


def _in_parts(
    kernel: Sweep | Convolution,
    homes: dict[int, Home],
    sums: list[int],
    parts: int,
    kept: list[int],
) -> list[Kernel]:
    """The kernel with a result of its own for each part, and the sum of the parts.

    ``sums`` are the steps in question; their results have the axes ``kept``.
    """
    shape = tuple(kernel.shape[axis] for axis in kept)
    inside = dict(zip(kept, contiguous_strides(shape), strict=True))
    strides = tuple(inside.get(axis, 0) for axis in range(len(kernel.shape)))
    size = math.prod(shape)
    steps: list[Step] = []
    stores: list[tuple[int, Access]] = []
    ends: list[tuple[int, Access]] = []
    for number, access in kernel.stores:
        if number not in sums:
            stores.append((number, access))
            continue
        call = kernel.steps[number].call
        home = max(homes) + 1
        homes[home] = Home("arena", 0, call.output, parts * size)
        stores.append((number, Access(home, strides, 0, call.output)))
        again = replace(call, inputs=(call.output,))
        walk = (size, *contiguous_strides(shape))
        partial = Access(home, walk, 0, call.output)
        target = (0, *(access.strides[axis] for axis in kept))
        ends.append((len(steps), replace(access, strides=target)))
        steps.append(Step(again, (partial,), Scope.ROW_REDUCTION))
    first = replace(kernel, stores=stores, parts=parts)
    return [first, Sweep((parts, *shape), frozenset([0]), steps, ends)]


# 4., 5. Order, and updates in place.
# ----------------------------------------------------------------------------


class _Order:
    """Kernels and checks with what must run before each."""

    def __init__(
        self,
        kernels: list[tuple[int, Kernel]],
        checks: list[tuple[int, Check]],
        homes: dict[int, Home],
    ) -> None:
        self.variables = {
            each.number: home for home, each in homes.items() if each.kind == "variable"
        }
        found = [(position, 0, kernel) for position, kernel in kernels]
        found += [(position, 1, check) for position, check in checks]
        self.items = [item for _, _, item in sorted(found, key=lambda each: each[:2])]
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
            for home in reads | writes:  # a fill comes before a copy
                self._wait(i, self.writers.get(home, ()))
            for home in reads:
                self.readers.setdefault(home, set()).add(i)
            for home in writes:
                self.writers.setdefault(home, []).append(i)
            if isinstance(kernel, Check):
                checks.append(i)
            elif _indexes(kernel):
                self._wait(i, checks)

    def _wait(self, item: int, others: Iterable[int]) -> None:
        """Something runs after others."""
        for each in others:
            self.before[item].add(each)
            self.after[each].add(item)

    def try_in_place(self, number: int, home: int) -> bool:
        """Whether this variable's next value may be written over the old one.

        All readers of the old value, and all checks, must be able to run first.
        """
        variable, items = self.variables[number], self.items
        writers = self.writers.get(home, [])
        readers = self.readers.get(variable, set())
        both = readers.intersection(writers)
        if both and len(writers) > 1:
            return False
        if not all(_reads_where_it_writes(items[i], variable, home) for i in both):
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
    return isinstance(kernel, (Check, Callback)) or _fails_midway(kernel)


def _fails_midway(kernel: Kernel) -> bool:
    """Whether a loop may fail when its first steps have written results already."""
    return isinstance(kernel, Scan) and any(map(_checks, kernel.body.kernels))


def _indexes(kernel: Kernel) -> bool:
    """Whether a kernel touches memory at places that are values."""
    if isinstance(kernel, Special):
        return isinstance(kernel, (Put, ScatterAdd, ScatterAlong))
    return any(step.call.name == "gather" for step in kernel.steps)


def _reads_where_it_writes(kernel: Kernel, variable: int, home: int) -> bool:
    """Whether each element of the old value is read just before it is overwritten."""
    if isinstance(kernel, Put):  # what it writes must not be what it is told to write
        return variable not in [home for home, _ in kernel.inputs[1:]]
    if isinstance(kernel, Special):
        return isinstance(kernel, NextState)
    if isinstance(kernel, Contraction) and variable in (kernel.a.home, kernel.b.home):
        return False
    if any(step.call.name == "gather" for step in kernel.steps):
        return False
    stores = [each for each in kernel.stores if each[1].home == home]
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
        if access.home == variable
    )


def _move(homes: dict[int, Home], home: int, variable: int) -> Sweep:
    """The copy of a variable's next value into its buffer, at the very end."""
    dtype, size = homes[home].dtype, (homes[home].size,)
    call = Call("copy", {}, (dtype,), dtype)
    source, target = (Access(h, (1,), 0, dtype) for h in (home, variable))
    return Sweep(size, frozenset(), [Step(call, (source,))], [(0, target)])
