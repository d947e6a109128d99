"""Tasks: each kernel with all that is decided about it before it is written.

Place on the road: between ``plan``, which says what is computed, and ``write``, which
only writes what stands here. For every kernel it is chosen once how it is cut on this
processor, into how many parts, and how much scratch memory it needs; then where in the
arena every buffer lies. Plain data; ``explain`` shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from ..plan import kernel_gradient_spec
from ..plan.fingerprint import fingerprint
from ..plan.kernels import Buffer, Callback, Fused, Kernel, Scan, Schedule, Special
from .memory import Block, place
from .processor import Host
from .trials import Pays, untried

#: A kernel is cut into at most this many parts, whatever the number of threads.
MOST_PARTS = 16
#: Points of a space that are worth a thread's while, and multiplications of a product.
WORTH_SHARING, WORTH_SHARING_PRODUCT = 1 << 15, kernel_gradient_spec.WORTH_SHARING


class Cut(Protocol):
    """How a kernel is cut on a processor: each kind of kernel has a class for it."""

    def __str__(self) -> str:
        """What ``explain`` shows of it."""


@dataclass(frozen=True)
class Whole:
    """The cut of a kernel that has no tiles."""

    def __str__(self) -> str:
        return ""


K_co = TypeVar("K_co", bound=Fused | Special, covariant=True)
C_co = TypeVar("C_co", bound=Cut, covariant=True)


@dataclass(frozen=True, eq=False)
class Task(Generic[K_co, C_co]):
    """A kernel, and how it is cut.

    Attributes:
        kernel: its buffers are numbered as the arguments of its function, so that
            kernels which differ only in their buffers are one task.
        buffers: what each argument is.
        cut: how it is cut on this processor.
        parts: into how many parts the work is shared out: a matter of sizes alone, so
            that results do not depend on the number of threads.
        scratch_bytes: memory that it needs while it runs; the address is one more
            argument, behind those of the buffers.
        packing_parts: into how many parts the function that runs before it is cut; 0
            where there is none.
    """

    kernel: K_co
    buffers: tuple[Buffer, ...]
    cut: C_co
    parts: int = 1
    scratch_bytes: int = 0
    packing_parts: int = 0

    def __str__(self) -> str:
        shared = f"{self.parts} parts" if self.parts > 1 else ""
        return ", ".join(filter(None, [str(self.cut), shared]))


@dataclass(frozen=True)
class Launch:
    """A task in a schedule.

    Attributes:
        task: what runs.
        kernel: as the schedule has it.
        operands: the schedule's buffers, in the order of the task's arguments.
        scratch: where in the arena its scratch memory begins.
    """

    task: Task[Any, Any]
    kernel: Kernel
    operands: tuple[int, ...]
    scratch: int = 0


@dataclass(frozen=True)
class Tasks:
    """A schedule with everything chosen.

    Attributes:
        schedule: what is run.
        launches: its kernels, in order.
        offsets: where in the arena each buffer lies that does.
        arena_bytes: the size of the arena.
    """

    schedule: Schedule
    launches: list[Launch]
    offsets: dict[int, int]
    arena_bytes: int


@dataclass
class Chooser:
    """Chooses for all kernels of a program; equal kernels are chosen for once.

    Attributes:
        host: the processor.
        choices: the function that chooses for each class of kernels.
        pays: whether this processor gains by a way to cut products.
    """

    host: Host
    choices: Mapping[type[Any], Choose]
    pays: Pays = untried
    chosen: dict[object, Task[Any, Any]] = field(default_factory=dict)

    def tasks(self, schedule: Schedule) -> Tasks:
        """The tasks of a schedule and of the bodies of its loops."""
        launches = [self._launch(each, schedule.buffers) for each in schedule.kernels]
        return _placed(schedule, launches)

    def _launch(self, kernel: Kernel, known: Mapping[int, Buffer]) -> Launch:
        operands = operands_of(kernel)
        buffers = tuple(known[each] for each in operands)
        local = kernel.renamed({number: i for i, number in enumerate(operands)})
        key: object = id(kernel)
        # Callbacks that look the same are not, nor are loops, which may run some.
        if not isinstance(kernel, (Callback, Scan)):
            types = tuple((str(each.dtype), each.size) for each in buffers)
            key = fingerprint(local), types
        task = self.chosen.get(key)
        if task is None:
            task = self.choices[type(kernel)](local, buffers, self)
            self.chosen[key] = task
        return Launch(task, kernel, operands)


Choose: TypeAlias = Callable[[Any, tuple[Buffer, ...], Chooser], Task[Any, Any]]


def operands_of(kernel: Kernel) -> tuple[int, ...]:
    """The buffers of a kernel in the order of its arguments; a special's may repeat."""
    if isinstance(kernel, Special):
        return tuple(buffer for buffer, _ in (*kernel.inputs, *kernel.outputs))
    return tuple(sorted(kernel.reads | kernel.writes))


def shared_out(worth: int, units: int) -> int:
    """Into how many parts work is shared out.

    Arguments:
        worth: how many parts it is worth to have.
        units: into how many pieces at most it can be divided.
    """
    return max(1, min(MOST_PARTS, worth, units))


def _placed(schedule: Schedule, launches: list[Launch]) -> Tasks:
    """Buffers between kernels, and scratch memory, in one arena."""
    lives: dict[int, list[int]] = {}
    for moment, kernel in enumerate(schedule.kernels):
        for buffer in kernel.reads | kernel.writes:
            if schedule.buffers[buffer].kind in ("arena", "updated"):
                lives.setdefault(buffer, []).append(moment)
    blocks = []
    for buffer, moments in lives.items():
        each = schedule.buffers[buffer]
        size = each.size * each.dtype.itemsize
        blocks.append(Block(size, min(moments), max(moments)))
    for moment, launch in enumerate(launches):
        if launch.task.scratch_bytes:
            blocks.append(Block(launch.task.scratch_bytes, moment, moment))
    found, arena_bytes = place(blocks)
    offsets = dict(zip(lives, found, strict=False))
    scratch = iter(found[len(lives) :])
    placed = [
        Launch(each.task, each.kernel, each.operands, next(scratch))
        if each.task.scratch_bytes
        else each
        for each in launches
    ]
    return Tasks(schedule, placed, offsets, arena_bytes)
