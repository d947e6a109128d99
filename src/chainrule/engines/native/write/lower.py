"""A schedule becomes LLVM modules: a function a kernel, and one that calls them.

Place on the road: the engine's second half. ``chainrule_main(table)`` receives one
table of addresses: those of inputs, variables, constants, outputs and of the arena, the
threads and the callback. It works out the address of every buffer and calls the kernels
in order, sharing out the large ones among the threads. The body of a ``scan`` is such a
function too, called in a loop with other addresses.

Kernels that are equal but for their buffers are written once. They are in modules of
their own, a few in each, which are compiled while the next ones are written.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

from llvmlite import ir

from ....config import config
from ..abi.call_table import DATA_OFFSET, ENTRANCE, CallTable, Needs
from ..choose import convolution as convolutions
from ..choose.kernel_gradient import gradient_parts
from ..choose.matmul import scratch_bytes, units_of
from ..choose.memory import Block, place
from ..choose.processor import Host
from ..choose.sweep import split_units
from ..plan.calls import COSTLY
from ..plan.kernels import (
    Callback,
    Convolution,
    ConvolutionGradient,
    Home,
    Kernel,
    OverlapAdd,
    Product,
    RandomBits,
    RandomUniform,
    Scan,
    Schedule,
    Special,
    Sweep,
)
from . import emit
from .convolution import kernel as convolution
from .emit import I64, POINTER, index
from .guard import reported
from .matmul.preparer import Preparer
from .matmul.product import emit_product
from .scan import Body, body_of, emit_scan
from .scan import scratch_bytes as scan_scratch_bytes
from .special import specials
from .special.overlap import emit_overlap, rows_of, size_of
from .special.random_numbers import emit_random
from .special.random_numbers import units as random_units
from .sweep.sweep import emit_sweep
from .threads import emit_parallel

MAIN = ir.FunctionType(I64, [POINTER])
#: Points of a space, and multiplications of a product, that are worth a thread's while.
WORTH_SHARING, WORTH_SHARING_PRODUCT = 1 << 15, 1 << 19
#: A kernel is cut into at most so many parts, whatever the number of threads.
MOST_PARTS = 16
#: A module of kernels with more instructions than this gets no further one: LLVM's work
#: grows faster than its modules, and each is compiled in a thread of its own.
LARGE_MODULE = 1000
#: How many simple steps a function such as exp takes, besides its own.
COSTLY_STEPS = 7


def lower(
    schedule: Schedule, layout: CallTable, host: Host, take: Callable[[str], object]
) -> Needs:
    """Gives the LLVM text of a schedule, module by module; answers what it needs.

    Arguments:
        schedule, layout: of the program.
        host: what code is generated for.
        take: is handed each module as soon as it is written.
    """
    lowerer = Lowerer(host, schedule.callbacks(), take)
    arena_bytes = lowerer.main("chainrule_main", schedule, layout)
    lowerer.entrance(layout)
    lowerer.close()
    take(str(lowerer.module))
    return Needs(arena_bytes, lowerer.shared)


class Lowerer:
    """Writes the functions of a program: ``module`` calls kernels, which are in others,
    a few in each.
    """

    def __init__(
        self, host: Host, callbacks: Sequence[Callback], take: Callable[[str], object]
    ) -> None:
        self.module, self.host, self.take = ir.Module("chainrule"), host, take
        self.kernels = ir.Module("chainrule_kernels")
        self.callbacks = {id(kernel): i for i, kernel in enumerate(callbacks)}
        self.written: dict[str, ir.Function] = {}
        self.packing: dict[str, ir.Function] = {}  # by the name of the convolution
        self.bodies: dict[int, Body] = {}
        self.preparer = Preparer(self.module)
        self.numbers = itertools.count()
        self.shared = False  # whether a kernel is cut into parts
        self.parallel = emit_parallel(self.module, host.pause)
        self.parallel.linkage = "internal"

    def close(self) -> None:
        """Hands over the module of kernels, and begins another one."""
        if self.kernels.functions:
            self.take(str(self.kernels))
            self.kernels = ir.Module("chainrule_kernels")

    def main(self, name: str, schedule: Schedule, layout: CallTable) -> int:
        """Writes the function of a schedule; answers the size of its arena."""
        plan = _Memory(schedule, self)
        function = ir.Function(self.module, MAIN, name)
        b = ir.IRBuilder(function.append_basic_block("entry"))
        caller = Caller(self, b, function.args[0], schedule, layout, plan)
        for moment, kernel in enumerate(schedule.kernels):
            caller.call(kernel, moment)
        b.ret(index(0))
        return plan.size

    def entrance(self, layout: CallTable) -> None:
        """Writes the function that Python calls: addresses of arrays, then main."""
        main = self.module.globals["chainrule_main"]
        main.linkage = "internal"
        kind = ir.FunctionType(I64, [POINTER, POINTER])
        function = ir.Function(self.module, kind, ENTRANCE)
        b = ir.IRBuilder(function.append_basic_block("entry"))
        objects, table = function.args
        with emit.loop(b, 0, layout.objects) as i:
            place_ = emit.address(b, objects, POINTER, i)
            array = b.load(place_, typ=POINTER, align=8)
            field = emit.address(b, array, emit.I8, index(DATA_OFFSET))
            address = b.load(field, typ=POINTER, align=8)
            b.store(address, emit.address(b, table, POINTER, i), align=8)
        status = b.call(main, [table])
        b.ret(reported(b, status) if config.debug else status)

    def kernel(self, kernel: Kernel, homes: dict[int, Home]) -> ir.Function:
        """The function of a kernel; one that was written for an equal one, if any.

        Its arguments are the buffers in the order of ``operands(kernel)``.
        """
        numbers = {home: i for i, home in enumerate(operands(kernel))}
        renumbered = kernel.renamed(numbers)
        kinds = [str(homes[home].dtype) for home in numbers]
        sizes = [homes[home].size for home in numbers]
        key = repr((renumbered, kinds, sizes))
        found = self.written.get(key)
        if found is None:
            name = f"kernel{len(self.written)}"
            local = {numbers[home]: homes[home] for home in numbers}
            written = self._write(name, renumbered, local)
            found = self._outside(written, self.parts(kernel, homes))
            self.written[key] = found
            if isinstance(kernel, Convolution):
                weights = self.kernels.globals[f"{name}.weights"]
                parts = self.packing_parts(kernel)
                self.packing[found.name] = self._outside(weights, parts)
            if instructions(self.kernels) > LARGE_MODULE:
                self.close()
        return found

    def _outside(self, function: ir.Function, parts: int) -> ir.Function:
        """A function of the kernels' module as the main one sees it.

        One that is not cut into parts gets its only one as a constant.
        """
        name, kind = function.name, function.function_type
        if kind is not MAIN and parts == 1:
            function.linkage = "internal"
            name = f"{name}.whole"
            whole = ir.Function(self.kernels, kind, name)
            b = ir.IRBuilder(whole.append_basic_block("entry"))
            b.call(function, [whole.args[0], index(0), index(1)])
            b.ret_void()
        return ir.Function(self.module, kind, name)

    def _write(self, name: str, kernel: Kernel, homes: dict[int, Home]) -> ir.Function:
        order = list(range(len(homes)))
        sizes = {i: each.size for i, each in homes.items()} if config.debug else None
        if isinstance(kernel, Convolution):
            parts = (kernel, order, self.host)
            convolution.emit_weights(self.kernels, f"{name}.weights", *parts)
            return convolution.emit_convolving(self.kernels, name, *parts, sizes)
        if isinstance(kernel, Product):
            scratch = len(order)
            return emit_product(
                self.kernels, name, kernel, [*order, scratch], scratch, self.host, sizes
            )
        if isinstance(kernel, Sweep):
            vector_bytes = self.host.vector_bytes
            return emit_sweep(self.kernels, name, kernel, order, vector_bytes, sizes)
        if isinstance(kernel, ConvolutionGradient):
            return convolution.emit_gradient(self.kernels, name, kernel, self.host)
        if isinstance(kernel, OverlapAdd):
            return emit_overlap(self.kernels, name, kernel, self.host, sizes)
        if isinstance(kernel, (RandomBits, RandomUniform)):
            return emit_random(self.kernels, name, kernel, homes)
        function = ir.Function(self.kernels, MAIN, name)
        b = ir.IRBuilder(function.append_basic_block("entry"))
        count = len(kernel.inputs) + len(kernel.outputs)
        pointers = emit.arguments(b, function.args[0], range(count + 1))
        emitter = specials.SPECIALS[type(kernel)]
        status = emitter(b, kernel, list(pointers.values()), homes)
        b.ret(index(0) if status is None else status)
        return function

    def parts(self, kernel: Kernel, homes: dict[int, Home]) -> int:
        """Into how many parts a kernel is cut: a matter of its size alone."""
        if isinstance(kernel, Convolution):
            if kernel.parts:
                return kernel.parts
            work, units = convolutions.work_of(kernel, self.host)
            worth = work // WORTH_SHARING_PRODUCT
        elif isinstance(kernel, Product):
            work = math.prod(kernel.shape) * kernel.a.shape[2]
            worth, units = work // WORTH_SHARING_PRODUCT, units_of(kernel, self.host)
        elif isinstance(kernel, Sweep):
            if kernel.parts:
                return kernel.parts
            costly = sum(step.call.name in COSTLY for step in kernel.steps)
            steps = len(kernel.steps) + COSTLY_STEPS * costly
            work = math.prod(kernel.shape) * max(1, steps // 4)
            worth = 1 << (work // WORTH_SHARING).bit_length() >> 1  # a power of two
            units = split_units(kernel, self.host.vector_bytes)
        elif isinstance(kernel, ConvolutionGradient):
            return gradient_parts(kernel)
        elif isinstance(kernel, OverlapAdd):
            worth, units = size_of(kernel) // WORTH_SHARING, rows_of(kernel)
        elif isinstance(kernel, (RandomBits, RandomUniform)):
            home = homes[kernel.outputs[0][0]]
            worth, units = home.size // WORTH_SHARING, random_units(home)
        else:
            return 1
        return max(1, min(MOST_PARTS, worth, units))

    def packing_parts(self, kernel: Convolution) -> int:
        """Into how many parts the packing of a convolution's weights is cut."""
        size, panels = convolutions.packing_of(kernel, self.host)
        return max(1, min(MOST_PARTS, size // WORTH_SHARING, panels))

    def scratch(self, kernel: Kernel, homes: dict[int, Home]) -> int:
        """Bytes of scratch memory that a kernel needs while it runs."""
        if isinstance(kernel, Convolution):
            return convolutions.scratch_bytes(kernel, self.host)
        if isinstance(kernel, Product):
            return scratch_bytes(kernel, self.host) * self.parts(kernel, homes)
        if isinstance(kernel, Sweep):
            return 0
        if isinstance(kernel, Scan):
            return scan_scratch_bytes(kernel, self.body(kernel), homes)
        return specials.scratch_bytes(kernel)

    def body(self, kernel: Scan) -> Body:
        """The function of a scan's body."""
        found = self.bodies.get(id(kernel))
        if found is None:
            schedule, factors = body_of(kernel, self.host)
            inputs = len(kernel.inputs) + len(factors)
            layout = CallTable(
                inputs, 0, len(schedule.constants), len(schedule.outputs)
            )
            name = f"body{next(self.numbers)}"
            size = self.main(name, schedule, layout)
            function = self.module.globals[name]
            function.linkage = "internal"
            found = self.bodies[id(kernel)] = Body(function, layout, size, factors)
        return found


def instructions(module: ir.Module) -> int:
    """How many there are in a module."""
    return sum(
        len(block.instructions) for each in module.functions for block in each.blocks
    )


def operands(kernel: Kernel) -> list[int]:
    """The homes of a kernel in the order of its arguments; a special's may repeat."""
    if isinstance(kernel, Special):
        return [home for home, _ in (*kernel.inputs, *kernel.outputs)]
    return sorted(kernel.reads | kernel.writes)


class _Memory:
    """Offsets in the arena for the buffers of a schedule, and for scratch memory."""

    def __init__(self, schedule: Schedule, lowerer: Lowerer) -> None:
        self.offsets: dict[int, int] = {}
        self.scratch: dict[int, int] = {}
        lives: dict[int, list[int]] = {}
        for moment, kernel in enumerate(schedule.kernels):
            for home in kernel.reads | kernel.writes:
                if schedule.homes[home].kind in ("arena", "updated"):
                    lives.setdefault(home, []).append(moment)
        blocks, names = [], []
        for home, moments in lives.items():
            each = schedule.homes[home]
            size = each.size * each.dtype.itemsize
            blocks.append(Block(size, min(moments), max(moments)))
            names.append(home)
        for moment, kernel in enumerate(schedule.kernels):
            size = lowerer.scratch(kernel, schedule.homes)
            if size:
                blocks.append(Block(size, moment, moment))
                names.append(~moment)
        offsets, self.size = place(blocks)
        for name, offset in zip(names, offsets, strict=True):
            if name < 0:
                self.scratch[~name] = offset
            else:
                self.offsets[name] = offset


class Caller:
    """Writes the calls of one main function."""

    def __init__(
        self,
        lowerer: Lowerer,
        b: ir.IRBuilder,
        table: ir.Value,
        schedule: Schedule,
        layout: CallTable,
        memory: _Memory,
    ) -> None:
        self.lowerer, self.b, self.table = lowerer, b, table
        self.schedule, self.layout, self.memory = schedule, layout, memory
        self.known: dict[tuple[str, int], ir.Value] = {}
        self.most = max((len(operands(k)) for k in schedule.kernels), default=0) + 1
        self.frame = emit.local(b, ir.ArrayType(POINTER, self.most))

    def entry(self, kind: str, number: int = 0) -> ir.Value:
        """An address from the table."""
        found = self.known.get((kind, number))
        if found is None:
            b = self.b
            at = self.layout.entry(kind, number)
            with b.goto_entry_block():
                place_ = b.gep(self.table, [index(at)], source_etype=POINTER)
                found = b.load(place_, typ=POINTER, align=8)
            self.known[kind, number] = found
        return found

    def arena(self, offset: int) -> ir.Value:
        """A place in the arena."""
        return emit.address(self.b, self.entry("arena"), emit.I8, index(offset))

    def pointer(self, home: int) -> ir.Value:
        """The address of a buffer."""
        found = self.schedule.homes[home]
        if found.kind in ("arena", "updated"):
            return self.arena(self.memory.offsets[home])
        return self.entry(found.kind, found.number)

    def call(self, kernel: Kernel, moment: int) -> None:
        """Calls a kernel: fills in its table, and ends the run where it fails."""
        homes = self.schedule.homes
        if isinstance(kernel, Callback):
            self._callback(kernel)
            return
        self.scratch_pointer = self.arena(self.memory.scratch.get(moment, 0))
        if isinstance(kernel, Scan):
            emit_scan(self, kernel, self.lowerer.body(kernel))
            return
        pointers = [self.pointer(home) for home in operands(kernel)]
        self.fill(self.frame, [*pointers, self.scratch_pointer])
        function = self.lowerer.kernel(kernel, homes)
        if function.function_type is MAIN:
            self.until_failure(self.b.call(function, [self.frame]))
            return
        if isinstance(kernel, Convolution):
            parts = self.lowerer.packing_parts(kernel)
            self.share(self.lowerer.packing[function.name], self.frame, parts)
        self.share(function, self.frame, self.lowerer.parts(kernel, homes))

    def share(self, function: ir.Function, frame: ir.Value, parts: int) -> None:
        """Calls a function for so many parts, on all threads."""
        if parts == 1:
            self.b.call(function, [frame, index(0), index(1)])
            return
        self.lowerer.shared = True
        pool = self.entry("pool")
        self.b.call(self.lowerer.parallel, [pool, function, frame, index(parts)])

    def fill(self, frame: ir.Value, pointers: Sequence[ir.Value]) -> None:
        """Writes addresses into a table."""
        b = self.b
        for number, pointer in enumerate(pointers):
            where = b.gep(frame, [index(number)], source_etype=POINTER)
            b.store(pointer, where, align=8)

    def until_failure(self, status: ir.Value) -> None:
        """Ends the run with the status, where it is not 0."""
        b = self.b
        if isinstance(status, ir.Constant):
            return
        with b.if_then(b.icmp_signed("!=", status, index(0)), likely=False):
            b.ret(status)

    def _callback(self, kernel: Callback) -> None:
        self.fill(self.frame, [self.pointer(home) for home in operands(kernel)])
        number = self.lowerer.callbacks[id(kernel)]
        kind = ir.FunctionType(I64, [I64, POINTER])
        function = self.entry("callback")
        typed = self.b.inttoptr(self.b.ptrtoint(function, I64), kind.as_pointer())
        self.until_failure(self.b.call(typed, [index(number), self.frame]))
