"""The contract of an engine: it turns a program into something that runs.

Place on the road: between the compiler, which makes programs, and the engines, which
are written against this file, ``program`` and ``cell``, and looked up by name in
``registry``. Nothing here knows any of them.

An engine needs ``name`` and ``prepare``. What else it may say of itself has a default:
the passes it wants, the settings its code depends on, how fast its machine is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from ..errors import ArgumentError
from ..graph import Array, Node
from .pipeline import PASSES, Pass
from .program import Program


class Executable(Protocol):
    """A program ready to run."""

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """Runs once: returns the outputs, and leaves new values in the program's cells.

        The inputs have the shapes and dtypes of the program's and any strides. An
        output shares memory with nothing else. Either all cells are updated or, on an
        error, none.
        """


@dataclass(frozen=True)
class Repetition:
    """Many runs of a program, one after the other.

    Attributes:
        times: how many runs.
        inputs: of every run; those numbered in ``by_rows`` hold the rows of all.
        rows: ``(times, B)`` int64: run i is given the rows ``rows[i]`` of these inputs.
        by_rows: the numbers of the inputs that are read by rows.
    """

    times: int
    inputs: Sequence[Array]
    rows: Array | None = None
    by_rows: Set[int] = frozenset()

    def inputs_of(self, run: int) -> list[Array]:
        """The inputs of one run."""
        rows = None if self.rows is None else self.rows[run]
        return [a[rows] if n in self.by_rows else a for n, a in enumerate(self.inputs)]

    def new_outputs(self, kinds: Sequence[tuple[Any, Any]]) -> list[Array]:
        """Arrays for the outputs of all runs, which are their first axis.

        Arguments:
            kinds: shape and dtype of each output of a run.

        Raises:
            ArgumentError: there is not so much memory.
        """
        try:
            return [np.empty((self.times, *shape), dtype) for shape, dtype in kinds]
        except (MemoryError, ValueError):  # of more bytes than NumPy can count
            size = self.times * sum(np.empty(*kind).nbytes for kind in kinds)
            raise ArgumentError(
                f"many calls in one: the results of {self.times} calls take {size} "
                "bytes: they do not fit into memory",
                fix="fewer calls at a time; or return less, such as a sum",
            ) from None


class Repeating(ABC):
    """What an executable is besides, if it can run many times in one call."""

    @abstractmethod
    def repeat(self, repetition: Repetition) -> list[Array]:
        """The outputs of all runs, each with the runs as its first axis.

        What runs one after the other would compute, to the bit. An error in run i is
        raised as that run raises it, and leaves cells as run i − 1 has left them.
        """


def one_by_one(
    run: Executable, outputs: Sequence[Node], repetition: Repetition
) -> list[Array]:
    """The same as ``Repeating.repeat``, by a call for each run."""
    made = repetition.new_outputs([(each.shape, each.dtype) for each in outputs])
    for number in range(repetition.times):
        for all_runs, one in zip(made, run(repetition.inputs_of(number)), strict=True):
            all_runs[number] = one
    return made


@dataclass(frozen=True)
class KernelReport:
    """One thing that an engine runs: a loop, a product, an instruction.

    Attributes:
        kind: ``"loop"``, ``"product"``, or the name of what it runs.
        loops: the sizes of its loops; those in brackets are summed or reduced over.
        operations: the primitives computed in it, in order.
        bytes_read, bytes_written: of memory outside of it, each element once.
        flops: floating-point operations; a function such as ``exp`` counts as one.
        inside: the kernels of a loop's body; their figures are part of these.
        cut: how the engine cuts it for this machine, where it says so: tiles, lanes,
            parts that threads share.
        seconds: the least time that it took, where that was measured.
    """

    kind: str
    loops: str
    operations: tuple[str, ...]
    bytes_read: int
    bytes_written: int
    flops: int
    inside: tuple[KernelReport, ...] = ()
    cut: str = ""
    seconds: float | None = None


@runtime_checkable
class Explained(Protocol):
    """What an executable offers besides, if it can say what it runs.

    Attributes:
        arena_bytes: memory for values between kernels; None where there is no plan.
        from_cache: whether its code was found, on disk or in this process; None where
            there is none.
    """

    arena_bytes: int | None
    from_cache: bool | None

    def kernels(self) -> list[KernelReport]:
        """What it runs, in order."""


@runtime_checkable
class Timed(Protocol):
    """What an executable offers besides, if its kernels can take their own time."""

    def kernel_seconds(self, run: Callable[[Executable], object]) -> list[float]:
        """The least time of each kernel; ``run`` runs what it is given several times,
        an executable of the same program."""


@dataclass(frozen=True)
class Speed:
    """What a machine can do at best.

    Attributes:
        flops: float32 operations a second.
        bytes: bytes read from memory a second.
    """

    flops: float
    bytes: float


class Engine(ABC):
    """Makes programs executable.

    Attributes:
        name: under which it is registered.
        passes: what is done to a graph before its program is made.
    """

    name: ClassVar[str]
    passes: ClassVar[Sequence[Pass]] = PASSES

    @abstractmethod
    def prepare(self, program: Program) -> Executable:
        """The executable for a program. All work that can be done once is done here."""

    def prepared(self, program: Program) -> Callable[[Program], Executable]:
        """What ``prepare`` does once for all programs that differ from this one in
        their variables only: makes executables for such programs, and keeps none.
        """
        return self.prepare

    def packed(self, make: Callable[[Program], Executable]) -> object:
        """What ``prepared`` returned as plain data (tuples, numbers, strings, arrays),
        for later processes on this machine; None where that cannot be, or is not worth
        it.
        """
        return None

    def unpacked(self, packed: Any) -> Callable[[Program], Executable] | None:
        """What ``prepared`` returned in an earlier process, from what ``packed`` made
        of it; None where that is out of date.
        """
        return None

    def settings(self) -> Hashable:
        """The values of those settings in ``config`` that its executables depend on.

        A compiled function has a program for each of them, besides those for
        ``config.dtype`` and ``config.debug``.
        """
        return ()

    def trials(self) -> Mapping[str, str]:
        """What it tries out on its machine, and what it found; may take a moment."""
        return {}

    def speed(self) -> Speed | None:
        """How fast its machine is at best, for reports; None where that is not
        known.
        """
        return None
