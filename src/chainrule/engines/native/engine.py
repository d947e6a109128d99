"""The native engine: a program becomes one function of machine code.

Place on the road: the engine's door. ``prepare`` fuses the program into kernels, lowers
them to LLVM, compiles (or finds the code of an earlier process), and answers an
``Executable`` whose call does as little in Python as it can: it writes addresses into a
table and makes one native call.

A run that fails (an index out of bounds) has changed nothing, so the reference engine
runs the same program on the same values and raises the error, in its words.
"""

from __future__ import annotations

import ctypes
import functools
import math
import os
import sys
import threading
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...compiler.cell import Cell
from ...compiler.engine import Engine, Executable, KernelReport, Speed
from ...compiler.program import Program
from ...compiler.registry import engine_named
from ...config import config
from ...dtypes import DType
from ...errors import ChainruleError
from ...graph import Array, Node, changes
from ...ops.numerics import checking_numerics
from ...ops.primitive import Primitive
from ...shapes import Shape
from ..machine_speed import machine_speed
from .abi.call_table import ENTRANCE, OUT_OF_BOUNDS, Needs, layout_of
from .choose.processor import host
from .plan.fuse import fuse
from .report import kernel_reports, work_of
from .run.llvm import Compilation, Library
from .run.object_cache import cached
from .run.workers import shared_pool

ALIGNMENT = 64
#: Outputs of at least so many bytes are used again when nobody holds them any more.
LARGE = 1 << 16
#: Programs of fewer operations and bytes than this are compiled with little effort.
LITTLE_WORK = 1 << 24
#: The last results and those before them: a caller often holds one while asking anew.
MOST_SPARES = 2


class EngineFault(ChainruleError, RuntimeError):
    """Native code reported an error that the reference engine does not find.

    Smallest example: there is none that we know of.
    Cure: report it, with the program; run it with ``engine="numpy"`` meanwhile.
    """


class NativeExecutable:
    """A program as machine code, and the memory that it works in."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.schedule = fuse(program)
        self.layout = layout_of(program, self.schedule)
        self.from_cache: bool | None = True
        code = cached(self._description(), self._compile)
        needs, codes = Needs.unpacked(code)
        self.arena_bytes: int | None = needs.arena_bytes
        self.library = Library(*codes)
        self._reference: Executable | None = None
        #: what ended a callback and is no error: Ctrl-C, or the end of the process
        self._stopped: BaseException | None = None
        self._lock = threading.Lock()
        _executables.add(self)
        graph = program.graph
        #: shape and dtype, and for large ones the memory that may be used again
        self._outputs: list[tuple[Shape, DType, list[Array] | None]] = [
            (each.shape, each.dtype, [] if is_large(each) else None)
            for each in graph.outputs
        ]
        self._inputs = [node.dtype for node in graph.inputs]
        self._cells = [variable for _, variable in program.variables]
        updated = {id(variable) for variable, _ in program.updates}
        self._updated = [id(cell) in updated for cell in self._cells]
        self._bound: list[Array | None] = [None] * len(self._cells)
        #: ``changes.last`` when ``_bound`` was last compared with the variables
        self._seen: object = None
        self._shared = needs.shared
        self._poisoned = config.debug
        self._prepare(needs.arena_bytes)

    def _description(self) -> str:
        """Everything that the machine code depends on."""
        return f"{self.schedule!r} {self.layout!r} debug={config.debug}"

    def _compile(self) -> bytes:
        """The machine code and what it needs, as the object cache keeps them."""
        from .run.workshop import Workshop
        from .write.lower import lower

        self.from_cache = False
        found, quick = host(), work_of(self.schedule) < LITTLE_WORK
        with Workshop(Compilation.run, config.threads) as workshop:
            needs = lower(
                self.schedule,
                self.layout,
                found,
                lambda text: workshop.take(Compilation(text, found, quick)),
            )
            made = workshop.results()
        return needs.packed([each.code() for each in made])

    def kernels(self) -> list[KernelReport]:
        """The kernels, in order: what was fused into each, its loops and figures."""
        return kernel_reports(self.schedule)

    def _prepare(self, arena_bytes: int) -> None:
        layout = self.layout
        self._objects = (ctypes.c_size_t * layout.objects)()
        self._table = (ctypes.c_size_t * layout.size)()
        self._constants = [np.ascontiguousarray(a) for a in self.schedule.constants]
        for number, array in enumerate(self._constants):
            self._table[layout.entry("constant", number)] = array.ctypes.data
        self._arena = aligned(arena_bytes)
        self._table[layout.entry("arena", 0)] = self._arena.ctypes.data
        self._pool_entry = layout.entry("pool", 0)
        self._callbacks = self.schedule.callbacks()
        kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
        self._callback = kind(functools.partial(_call_back, weakref.ref(self)))
        address = ctypes.cast(self._callback, ctypes.c_void_p).value
        self._table[layout.entry("callback", 0)] = address or 0
        enter = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_size_t, ctypes.c_size_t)
        function = enter(self.library.address(ENTRANCE))
        places = ctypes.addressof(self._objects), ctypes.addressof(self._table)
        self._enter = functools.partial(function, *map(ctypes.c_size_t, places))

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """Runs once; see ``compiler.engine.Executable``."""
        if checking_numerics.get():
            return self._by_reference(inputs)
        with self._lock:
            return self._run(inputs)

    def _run(self, inputs: Sequence[Array]) -> list[Array]:
        """Writes down where every array is, and enters the machine code.

        This is most of what a small program costs: nothing is called that need not be.
        """
        objects, number = self._objects, 0
        held = inputs
        for dtype in self._inputs:
            array = inputs[number]
            if array.dtype is not dtype or not array.flags.c_contiguous:
                array = np.ascontiguousarray(array, dtype)
                held = [*held, array]
            objects[number] = id(array)
            number += 1
        seen, moved = changes.last, None
        if seen is not self._seen:
            moved = self._bind(number)
        number += len(self._cells)
        outputs = []
        for shape, dtype, spares in self._outputs:
            if spares is None:
                array = np.empty(shape, dtype)
            else:
                array = spare(spares, shape, dtype)
            outputs.append(array)
            objects[number] = id(array)
            number += 1
        if self._poisoned:
            poison([self._arena, *outputs])
        status = self._enter_shared() if self._shared else self._enter()
        if status:
            self._seen = None
            self._bound = [None] * len(self._cells)
            return self._fault(inputs, status)
        if moved:
            for cell, array in moved:
                cell.array = array
        self._seen = seen
        return outputs

    def _enter_shared(self) -> int:
        """Runs a program that shares work out, with the workers awake."""
        with shared_pool() as pool:
            self._table[self._pool_entry] = pool.address
            status: int = self._enter()
        return status

    def _bind(self, first: int) -> list[tuple[Cell, Array]]:
        """Says where the variables are.

        A variable that is updated gets memory of this engine's own: an array that
        someone else may hold is copied, never written to. Answers the variables that
        have to be handed their new memory after the run.
        """
        moved = []
        for number, cell in enumerate(self._cells):
            array = cell.array
            if array is self._bound[number] and not cell.lent:
                continue
            if self._updated[number]:
                if cell.lent or not isinstance(array.base, Storage):
                    array = owned_copy(array)
                    moved.append((cell, array))
            elif not array.flags.c_contiguous:
                array = np.ascontiguousarray(array)
            self._bound[number] = array
            self._objects[first + number] = id(array)
        return moved

    def call_back(self, number: int, table: int) -> None:
        """Runs a primitive that has no lowering with its NumPy meaning."""
        kernel = self._callbacks[number]
        node = kernel.node
        pointers = (ctypes.c_void_p * (len(kernel.inputs) + 1)).from_address(table)
        values = [
            view_at(pointers[i] or 0, shape, each.dtype)
            for i, ((_, shape), each) in enumerate(
                zip(kernel.inputs, node.inputs, strict=True)
            )
        ]
        assert isinstance(node.op, Primitive)
        result = view_at(pointers[len(values)] or 0, node.shape, node.dtype)
        result[...] = node.op.run(values, node.params)

    def _by_reference(self, inputs: Sequence[Array]) -> list[Array]:
        """The same run by the NumPy engine."""
        if self._reference is None:
            self._reference = engine_named("numpy").prepare(self.program)
        return self._reference(inputs)

    def _fault(self, inputs: Sequence[Array], status: int) -> list[Array]:
        """The error of a run that failed, as the reference engine raises it."""
        stopped, self._stopped = self._stopped, None
        if stopped is not None:
            raise stopped
        what = "made an access out of bounds"
        if status != OUT_OF_BOUNDS:
            what = "reported an error that the reference engine does not find"
            self._by_reference(inputs)
        raise EngineFault(
            f"native: {self.program.graph.name}: the machine code {what}",
            fix='run it with engine="numpy", and report this program',
        )


#: All there are, so that a forked process can free them.
_executables: weakref.WeakSet[NativeExecutable] = weakref.WeakSet()


def _free_after_fork() -> None:
    """In a process forked while other threads ran programs: those threads are not
    there, so what they held is free."""
    for each in list(_executables):
        each._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_after_fork)


def _call_back(
    executable: weakref.ref[NativeExecutable], number: int, table: int
) -> int:
    """What machine code calls; 1 where the primitive raised an error."""
    found = executable()
    if found is None:
        return 1
    try:
        found.call_back(number, table)
    except Exception:  # noqa: BLE001 - the reference engine raises it again
        return 1
    except BaseException as stopped:  # noqa: BLE001 - raised again after the run
        found._stopped = stopped
        return 1
    return 0


class Storage(np.ndarray[Any, Any]):
    """Memory that this engine allocated, as the base of the arrays it hands out."""


def aligned(size: int) -> Array:
    """So many bytes, starting on a line of the cache."""
    memory = np.zeros(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size]


def owned_copy(array: Array) -> Array:
    """A copy of an array in the engine's own memory."""
    memory = np.empty(array.nbytes + ALIGNMENT, np.uint8).view(Storage)
    start = -memory.ctypes.data % ALIGNMENT
    copy = np.ndarray(array.shape, array.dtype, memory, start)
    copy[...] = array
    return copy


def poison(arrays: Sequence[Array]) -> None:
    """Fills memory that is to be written with NaN (whole numbers: −1), so that a result
    that nobody computed is seen and not taken for one of the run before."""
    for array in arrays:
        array.reshape(-1).view(np.uint8)[...] = 0xFF


def view_at(address: int, shape: tuple[int, ...], dtype: Any) -> Array:
    """An array over memory at an address."""
    size = int(np.prod(shape)) * dtype.itemsize
    if size == 0:
        return np.empty(shape, dtype)
    memory = (ctypes.c_char * size).from_address(address)
    return np.ndarray(shape, dtype, memory)


def is_large(node: Node) -> bool:
    """Whether an output's memory is worth keeping for a later run."""
    return math.prod(node.shape) * node.dtype.itemsize >= LARGE


def spare(spares: list[Array], shape: Shape, dtype: DType) -> Array:
    """Memory for a large output: new, or that of an earlier run that nobody holds.

    Large new memory is slow: the system clears it page by page.
    """
    for each in spares:
        if sys.getrefcount(each) == UNUSED:
            return each
    array: Array = np.empty(shape, dtype)
    spares[:] = [array, *spares[: MOST_SPARES - 1]]
    return array


def _references_when_unused() -> int:
    """What ``sys.getrefcount`` says of an array that only a list holds."""
    for spare in [np.empty(0)]:
        return sys.getrefcount(spare)
    return 0


UNUSED = _references_when_unused()


class NativeEngine(Engine):
    """Prepares programs as machine code."""

    name = "native"

    def prepare(self, program: Program) -> NativeExecutable:
        """The executable for a program."""
        return NativeExecutable(program)

    def settings(self) -> str:
        """The kind of processor that machine code is made for."""
        return config.processor

    def speed(self) -> Speed:
        """That of this processor."""
        return machine_speed(config.threads)


ENGINE = NativeEngine()
