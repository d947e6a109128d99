"""Products of words: of numbers, or of pairs of bfloat16.

Place on the road: the innermost line of products and convolutions. A word is what a
factor holds for one step of the sum: a number, or two bfloat16 that are neighbours
along the sum. Everything around it, tiles, panels and strides, is the same for both.
"""

from __future__ import annotations

from ..choose.words import Words
from . import ir
from .emit import I32, constant, intrinsic, lanes_of, multiply_add, wide


def product_of_words(
    b: ir.IRBuilder, words: Words, x: ir.Value, y: ir.Value, total: ir.Value
) -> ir.Value:
    """total + x · y, of words in registers of float32; of pairs, total + x₀y₀ + x₁y₁
    in each lane.
    """
    if words is Words.NUMBERS:
        return multiply_add(b, x, y, total)
    lanes = lanes_of(total.type)
    if words is Words.PAIRS and lanes >= 4:
        kind = ir.VectorType(ir.BFloatType(), 2 * lanes)
        name = f"llvm.x86.avx512bf16.dpbf16ps.{32 * lanes}"
        pairs = [b.bitcast(each, kind) for each in (x, y)]
        return intrinsic(b, name, total.type, [total, *pairs])
    for half in (_first, _second):
        total = multiply_add(b, half(b, x), half(b, y), total)
    return total


def _first(b: ir.IRBuilder, word: ir.Value) -> ir.Value:
    """The bfloat16 in the lower half of each word, as float32."""
    bits = b.bitcast(word, wide(I32, lanes_of(word.type)))
    return b.bitcast(b.shl(bits, constant(bits.type, 16)), word.type)


def _second(b: ir.IRBuilder, word: ir.Value) -> ir.Value:
    """The one in the upper half."""
    bits = b.bitcast(word, wide(I32, lanes_of(word.type)))
    return b.bitcast(b.and_(bits, constant(bits.type, 0xFFFF0000)), word.type)
