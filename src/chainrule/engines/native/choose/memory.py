"""Where intermediate values live: one arena, shared by values that are never alive at
the same time.

Place on the road: between the order of the kernels and their execution. Each block has
a first and a last moment of use; blocks whose lives do not overlap may share memory.
Pure functions on numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .processor import CACHE_LINE


@dataclass(frozen=True)
class Block:
    """Bytes that are in use from the moment ``first`` to ``last``, both included."""

    size: int
    first: int
    last: int


def in_lines(size: int) -> int:
    """The size rounded up to whole cache lines, so that vectors never straddle two."""
    return -(-size // CACHE_LINE) * CACHE_LINE


def place(blocks: Sequence[Block]) -> tuple[list[int], int]:
    """An offset for each block, and the size of the arena.

    The largest block is placed first; each takes the lowest gap that is large enough
    between the blocks that are alive at the same time. (Greedy by size: Pisarchyk &
    Lee, 2020, "Efficient memory management for deep neural net inference".)

    Example:
        >>> place([Block(64, 0, 1), Block(64, 1, 2), Block(64, 2, 3)])
        ([0, 64, 0], 128)
    """
    offsets = [0] * len(blocks)
    placed: list[tuple[int, int, Block]] = []  # (offset, end, block), by offset
    order = sorted(range(len(blocks)), key=lambda i: (-blocks[i].size, i))
    for i in order:
        block = blocks[i]
        size = in_lines(block.size)
        lowest = 0
        for offset, end, other in placed:
            if other.first > block.last or other.last < block.first:
                continue
            if lowest + size <= offset:
                break
            lowest = max(lowest, end)
        offsets[i] = lowest
        placed.append((lowest, lowest + size, block))
        placed.sort(key=lambda each: each[:2])
    return offsets, max((end for _, end, _ in placed), default=0)
