"""Convolutions with their elementwise neighbours: a ``Convolution`` as LLVM.

Place on the road: ties ``kernels.convolution`` to the steps of a kernel, as ``product``
does for products: the steps are emitted on each finished tile. Two functions are
written: one that copies the weights into panels, in the scratch memory, and one that
convolves. The gradient for the weights is a ``Special``, because it is not finished
before its shares have been added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llvmlite import ir

from ...choose.convolution import blocks_of
from ...choose.kernel_gradient import choose_gradient_blocks
from ...choose.processor import Host
from ...plan.convolving import Convolution
from ...plan.kernels import Special
from ...plan.views import View
from .. import emit
from ..emit import KERNEL, POINTER, index
from ..point import Point, Values
from .forward import emit_convolution, emit_packing
from .kernel_gradient import emit_kernel_gradient
from .tile import Finish


def emit_weights(
    module: ir.Module, name: str, kernel: Convolution, homes: Sequence[int], host: Host
) -> ir.Function:
    """Writes ``name(arguments, part, parts)``: weights to panels; scratch memory is the
    last argument."""
    spec, blocks = kernel.computed, blocks_of(kernel, host)
    core = emit_packing(module, f"{name}.core", spec, blocks, kernel.turned)
    core.linkage = "internal"
    function = ir.Function(module, KERNEL, name)
    b = ir.IRBuilder(function.append_basic_block("entry"))
    table, part, parts = function.args
    pointers = emit.arguments(b, table, [*homes, len(homes)])
    weights = _begin(b, kernel, pointers, kernel.operands[1])
    b.call(core, [weights, pointers[len(homes)], part, parts])
    b.ret_void()
    return function


def emit_convolving(
    module: ir.Module,
    name: str,
    kernel: Convolution,
    homes: Sequence[int],
    host: Host,
    sizes: Mapping[int, int] | None = None,
) -> ir.Function:
    """Writes ``name(arguments, part, parts)``; the panels are the last argument."""
    main = kernel.main_store()
    plain = len(kernel.steps) == 1 and len(kernel.stores) == 1
    epilogue = None if plain else _Finish(kernel, homes, sizes)
    spec, blocks = kernel.computed, blocks_of(kernel, host)
    core = emit_convolution(module, f"{name}.core", spec, blocks, epilogue)
    core.linkage = "internal"
    function = ir.Function(module, KERNEL, name)
    b = ir.IRBuilder(function.append_basic_block("entry"))
    table, part, parts = function.args
    pointers = emit.arguments(b, table, [*homes, len(homes)])
    x = _begin(b, kernel, pointers, kernel.operands[0])
    target = kernel.stores[main][1]
    y = emit.address(
        b, pointers[target.home], emit.register_type(spec.dtype), index(target.offset)
    )
    if kernel.across:
        table = _table_of_part(b, kernel, pointers, part)
    b.call(core, [x, pointers[len(homes)], y, table, part, parts])
    b.ret_void()
    return function


class _Finish(Finish):
    """The steps of a kernel on the vectors of a tile.

    Sums along all pixels are kept in registers while a tile is finished, and then added
    to those of the part, in memory.
    """

    def __init__(
        self,
        kernel: Convolution,
        homes: Sequence[int],
        sizes: Mapping[int, int] | None,
    ) -> None:
        self.kernel, self.homes, self.sizes = kernel, homes, sizes
        self.main = kernel.main_store()
        others = [store for i, store in enumerate(kernel.stores) if i != self.main]
        self.others = [each for each in others if not kernel.steps[each[0]].across]
        self.across = [each for each in others if kernel.steps[each[0]].across]

    def begin(self, b: ir.IRBuilder, kind: ir.VectorType, vectors: int) -> None:
        self.sums: dict[tuple[int, int], ir.Value] = {}
        for i in range(len(self.across)):
            for v in range(vectors):
                self.sums[i, v] = emit.local(b, kind)
                b.store(emit.constant(kind, 0), self.sums[i, v])
        self.kind = kind

    def vector(
        self,
        b: ir.IRBuilder,
        value: ir.Value,
        context: ir.Value,
        where: tuple[ir.Value, ...],
        v: int,
        mask: ir.Value | None,
    ) -> ir.Value:
        values = self._values(b, context, where, mask)
        values.known[0] = value
        result = values.step(self.kernel.stores[self.main][0])
        stored = [(values.step(number), access) for number, access in self.others]
        for each, access in stored:
            values.store(each, access)
        for i, (number, _) in enumerate(self.across):
            added = values.argument(self.kernel.steps[number].arguments[0])
            old = b.load(self.sums[i, v], typ=self.kind)
            b.store(b.fadd(old, added), self.sums[i, v])
        return result

    def end(
        self,
        b: ir.IRBuilder,
        context: ir.Value,
        where: tuple[ir.Value, ...],
        v: int,
        mask: ir.Value | None,
    ) -> None:
        values = self._values(b, context, where, mask)
        for i, (_, access) in enumerate(self.across):
            found = b.load(self.sums[i, v], typ=self.kind)
            values.store(b.fadd(values.read(access), found), access)

    def _values(
        self,
        b: ir.IRBuilder,
        context: ir.Value,
        where: tuple[ir.Value, ...],
        mask: ir.Value | None,
    ) -> Values:
        axes = len(self.kernel.shape)
        pointers = emit.arguments(b, context, self.homes)
        # A sequence has a first spatial axis of one element.
        indices = (where[0], *where[len(where) - axes + 1 :])
        point = Point(indices, axes - 1, self.kind.count, mask)
        return Values(b, self.kernel.steps, pointers, point, sizes=self.sizes)


def _table_of_part(
    b: ir.IRBuilder,
    kernel: Convolution,
    pointers: Mapping[int, ir.Value],
    part: ir.Value,
) -> ir.Value:
    """The addresses of the buffers, those of sums moved to this part's, which are 0."""
    table = emit.local(b, ir.ArrayType(POINTER, len(pointers)))
    found = dict(pointers)
    columns = kernel.shape[-1]
    for number, access in kernel.stores:
        if kernel.steps[number].across:
            kind = emit.memory_type(access.dtype)
            at = emit.linear(b, access.offset, [(part, columns)])
            place = emit.address(b, pointers[access.home], kind, at)
            found[access.home] = emit.address(b, place, kind, index(-access.offset))
            size = index(columns * access.dtype.itemsize)
            clear = [place, ir.Constant(emit.I8, 0), size, ir.Constant(emit.I1, 0)]
            emit.intrinsic(b, "llvm.memset.p0.i64", emit.VOID, clear)
    for i, pointer in enumerate(found.values()):
        b.store(pointer, b.gep(table, [index(i)], source_etype=POINTER), align=8)
    return table


def _begin(
    b: ir.IRBuilder, kernel: Convolution, pointers: Mapping[int, ir.Value], view: View
) -> ir.Value:
    """Where an operand begins."""
    element = emit.register_type(kernel.computed.dtype)
    return emit.address(b, pointers[view.home], element, index(view.offset))


def emit_gradient(
    module: ir.Module, name: str, kernel: Special, host: Host
) -> ir.Function:
    """Writes ``name([x, z, shares], part, parts)``."""
    spec = kernel.params["spec"]
    blocks = choose_gradient_blocks(spec, host.vector_bytes, host.registers)
    core = emit_kernel_gradient(module, f"{name}.core", spec, blocks)
    core.linkage = "internal"
    function = ir.Function(module, KERNEL, name)
    b = ir.IRBuilder(function.append_basic_block("entry"))
    table, part, parts = function.args
    pointers = emit.arguments(b, table, range(3))
    element = emit.register_type(spec.dtype)
    offsets = zip(pointers.values(), (*kernel.params["offsets"], 0), strict=True)
    places = [emit.address(b, place, element, index(at)) for place, at in offsets]
    b.call(core, [*places, part, parts])
    b.ret_void()
    return function
