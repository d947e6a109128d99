"""The registers of a unit that multiplies small matrices (x86's AMX).

Place on the road: below the tiles of products (``matrix``) and of convolutions. There
are eight registers of 16 rows of 16 words. Four are sums, two high and two wide; two
hold rows of A, two rows of B. Their sizes are set before they are used.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...choose.matrix import SIDE
from .. import ir
from ..emit import (
    CHECK,
    I1,
    I8,
    I32,
    I64,
    VOID,
    address,
    index,
    intrinsic,
    local,
)

#: The numbers of the registers: sums (two for each of the two rows), of A, of B.
SUMS, OF_A, OF_B = ((0, 1), (2, 3)), (4, 5), (6, 7)

#: The bytes of a word.
WORD = 4


def halves_of(length: int) -> list[int]:
    """The rows, or columns, of one or two registers."""
    return [min(SIDE, length - start) for start in range(0, length, SIDE)]


def set_sizes(
    b: ir.IRBuilder, name: str, high: Sequence[int], wide: Sequence[int], words: int
) -> None:
    """Sets the sizes of the registers: the heights of sums and of A, the widths of sums
    and of B, and the words of a step."""
    sizes = sizes_of_registers(high, wide, words)
    title = f"{name}.sizes{'.'.join(map(str, (*high, *wide, words)))}"
    found = b.module.globals.get(title)
    if found is None:
        kind = ir.ArrayType(I8, len(sizes))
        found = ir.GlobalVariable(b.module, kind, title)
        found.initializer = ir.Constant(kind, bytearray(sizes))
        found.linkage, found.global_constant, found.align = "internal", True, 64
    intrinsic(b, "llvm.x86.ldtilecfg", VOID, [found])


def sizes_of_registers(high: Sequence[int], wide: Sequence[int], words: int) -> bytes:
    """What ``ldtilecfg`` reads: for each register the bytes of a row, and its rows."""
    found = bytearray(64)
    found[0] = 1  # the palette

    def register(number: int, height: int, width: int) -> None:
        found[16 + 2 * number] = WORD * width
        found[48 + number] = height

    for i, height in enumerate(high):
        register(OF_A[i], height, words)
        for j, width in enumerate(wide):
            register(SUMS[i][j], height, width)
            register(OF_B[j], words, width)
    return bytes(found)


def release(b: ir.IRBuilder) -> None:
    """The registers are needed no more."""
    intrinsic(b, "llvm.x86.tilerelease", VOID, [])


def clear_registers(b: ir.IRBuilder, high: int, wide: int) -> None:
    """Sums of so many registers' height and width begin at 0."""
    for i in range(high):
        for j in range(wide):
            intrinsic(b, "llvm.x86.tilezero", VOID, [_number(SUMS[i][j])])


def multiply(b: ir.IRBuilder, high: int, wide: int) -> None:
    """Adds to each of the sums the product of its rows of A with its columns of B."""
    for i in range(high):
        for j in range(wide):
            numbers = [_number(each) for each in (SUMS[i][j], OF_A[i], OF_B[j])]
            intrinsic(b, "llvm.x86.tdpbf16ps", VOID, numbers)


def move(
    b: ir.IRBuilder,
    what: str,
    register: int,
    pointer: ir.Value,
    pitch: int,
    size: tuple[int, int],
) -> None:
    """Between a register and memory, whose rows lie ``pitch`` words apart; not where a
    watched kernel may not.

    Arguments:
        what: ``"tileloadd64"`` or ``"tilestored64"``.
        size: the rows and columns of the register.
    """
    stride: ir.Value = index(pitch * WORD)
    check = CHECK.get()
    if check is not None:
        rows, columns = size
        allowed: ir.Value = ir.Constant(I1, 1)
        for r in range(rows):
            line = address(b, pointer, I32, index(r * pitch))
            allowed = b.and_(allowed, check(b, line, index(columns * WORD)))
        pointer = b.select(allowed, pointer, local(b, ir.ArrayType(I64, 8)))
        stride = b.select(allowed, stride, index(0))
    intrinsic(b, f"llvm.x86.{what}", VOID, [_number(register), pointer, stride])


def _number(register: int) -> ir.Constant:
    return ir.Constant(I8, register)
