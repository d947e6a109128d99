"""Philox in vectors: the random words of ``ops.philox``, bit for bit.

Place on the road: writes ``RandomBits`` and ``RandomUniform``. Block i of four words
comes from the counter (i, draw), so blocks are independent: each lane computes one, and
parts of a draw go to different threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .....dtypes import DType, uint32
from .....ops.philox import ROUNDS
from ...choose.special import RANDOM_LANES as LANES
from ...choose.special import Draw, RandomCut
from ...choose.task import Task
from .. import emit, ir
from ..emit import I32, I64, KERNEL, address, index

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)


def write_random(
    module: ir.Module, name: str, task: Task[Draw, RandomCut]
) -> ir.Function:
    """Writes ``name([state, result], part, parts)``."""
    function = ir.Function(module, KERNEL, name)
    b = ir.IRBuilder(function.append_basic_block("entry"))
    table, part, parts = function.args
    drawn, cut = task.buffers[-1], task.cut
    pointers = emit.arguments(b, table, [0, 1])
    state = [
        emit.load(b, uint32, address(b, pointers[0], I32, index(i)), 0, None)
        for i in range(4)
    ]
    whole, left = divmod(drawn.size, LANES * cut.per_block)
    low, high = emit.share(b, cut.units, part, parts)
    write = _Unit(b, state, pointers[1], drawn.dtype, cut.per_block)
    if whole:
        stop = emit.smaller(b, high, index(whole))
        with emit.loop(b, low, stop, name="block") as unit:
            write(unit, None)
    if left:
        with b.if_then(b.icmp_signed(">", high, index(whole))):
            write(index(whole), left)
    b.ret_void()
    return function


@dataclass
class _Unit:
    """Writes the results of ``LANES`` blocks."""

    b: ir.IRBuilder
    state: Sequence[ir.Value]
    target: ir.Value
    dtype: DType
    per_block: int

    def __call__(self, unit: ir.Value, count: int | None) -> None:
        """All results of a unit; only the first ``count`` of them, if given."""
        b, dtype = self.b, self.dtype
        first = b.mul(unit, index(LANES))
        values = _results(b, _philox(b, self.state, first), dtype)
        start = b.mul(unit, index(LANES * self.per_block))
        for number, value in enumerate(values):
            done = number * LANES
            if count is not None and done >= count:
                break
            mask = None
            if count is not None and done + LANES > count:
                mask = emit.tail_mask(b, index(done), count, LANES)
            kind = emit.memory_type(dtype)
            pointer = address(b, self.target, kind, b.add(start, index(done)))
            emit.store(b, dtype, value, pointer, mask)


def _philox(
    b: ir.IRBuilder, state: Sequence[ir.Value], first: ir.Value
) -> list[ir.Value]:
    """Four vectors: word j of the blocks first, first + 1, …"""
    blocks = b.add(emit.splat(b, first, LANES), emit.lane_numbers(LANES))
    narrow, long = emit.wide(I32, LANES), emit.wide(I64, LANES)
    c0 = b.trunc(blocks, narrow)
    c1 = b.trunc(b.lshr(blocks, emit.constant(long, 32)), narrow)
    k0, k1, c2, c3 = (emit.splat(b, word, LANES) for word in state)
    steps = [emit.constant(narrow, each) for each in KEY_STEPS]
    for _ in range(ROUNDS):
        high0, low0 = _product(b, c0, MULTIPLIERS[0])
        high1, low1 = _product(b, c2, MULTIPLIERS[1])
        c0, c1 = b.xor(b.xor(high1, c1), k0), low1
        c2, c3 = b.xor(b.xor(high0, c3), k1), low0
        k0, k1 = b.add(k0, steps[0]), b.add(k1, steps[1])
    return [c0, c1, c2, c3]


def _product(b: ir.IRBuilder, x: ir.Value, by: int) -> tuple[ir.Value, ir.Value]:
    """The upper and the lower words of x · by, lane by lane.

    Processors multiply every other word of a vector to 64 bits; the even and the odd
    lanes are multiplied apart and put together again.
    """
    pairs = emit.wide(I64, LANES // 2)
    half, low = emit.constant(pairs, 32), emit.constant(pairs, 0xFFFFFFFF)
    both = b.bitcast(x, pairs)
    factor = emit.constant(pairs, by)
    even = b.bitcast(b.mul(b.and_(both, low), factor), x.type)
    odd = b.bitcast(b.mul(b.lshr(both, half), factor), x.type)

    def words(half: int) -> ir.Value:
        chosen = [i // 2 * 2 + half + (LANES if i % 2 else 0) for i in range(LANES)]
        return b.shuffle_vector(even, odd, ir.Constant(emit.wide(I32, LANES), chosen))

    return words(1), words(0)


def _results(b: ir.IRBuilder, words: list[ir.Value], dtype: DType) -> list[ir.Value]:
    """The words as results: words, 24 bits as a float32, or 53 as a float64."""
    if dtype.itemsize == 8:
        return interleaved(b, [_double(b, *words[:2]), _double(b, *words[2:])])
    if dtype.kind == "f":
        words = [_single(b, word) for word in words]
    return interleaved(b, words)


def _single(b: ir.IRBuilder, word: ir.Value) -> ir.Value:
    kind = emit.wide(ir.FloatType(), LANES)
    bits = b.lshr(word, emit.constant(word.type, 8))
    return b.fmul(b.sitofp(bits, kind), emit.constant(kind, 2.0**-24))


def _double(b: ir.IRBuilder, high: ir.Value, low: ir.Value) -> ir.Value:
    long, kind = emit.wide(I64, LANES), emit.wide(ir.DoubleType(), LANES)
    pair = b.or_(b.shl(b.zext(high, long), emit.constant(long, 32)), b.zext(low, long))
    bits = b.lshr(pair, emit.constant(long, 11))
    return b.fmul(b.sitofp(bits, kind), emit.constant(kind, 2.0**-53))


def interleaved(b: ir.IRBuilder, vectors: list[ir.Value]) -> list[ir.Value]:
    """Lane 0 of each vector, then lane 1 of each, …: two or four vectors."""
    if len(vectors) == 4:
        even = interleaved(b, vectors[0::2])
        odd = interleaved(b, vectors[1::2])
        return [
            each
            for pair in zip(even, odd, strict=True)
            for each in interleaved(b, list(pair))
        ]
    x, y = vectors
    found = []
    for half in (0, LANES // 2):
        lanes = [half + i // 2 + (LANES if i % 2 else 0) for i in range(LANES)]
        found.append(b.shuffle_vector(x, y, ir.Constant(emit.wide(I32, LANES), lanes)))
    return found
