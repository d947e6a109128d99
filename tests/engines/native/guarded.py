"""Arrays that end where memory ends: a read or write beyond them stops the process."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Sequence
from typing import Any

import numpy as np

Array = Any


class Guarded:
    """Memory for ``count`` elements, directly before (or after) a forbidden page."""

    def __init__(self, count: int, dtype: Any, at_start: bool = False) -> None:
        size = count * np.dtype(dtype).itemsize
        page = mmap.PAGESIZE
        room = -(-max(size, 1) // page) * page
        self._memory = mmap.mmap(-1, room + 2 * page)
        whole = np.frombuffer(self._memory, np.uint8)
        base = whole.ctypes.data
        self._pages = [base, base + page + room]
        for place in self._pages:
            _protect(place, page, 0)
        begin = page if at_start else page + room - size
        self.array = whole[begin : begin + size].view(dtype)

    def release(self) -> None:
        """Gives the pages back to Python, before it frees them."""
        for place in self._pages:
            _protect(place, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_WRITE)


def _protect(place: int, size: int, protection: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    if libc.mprotect(place, size, protection):
        raise OSError(ctypes.get_errno(), "mprotect")


def span(shape: Sequence[int], strides: Sequence[int]) -> int:
    """How many elements an array covers, first to last."""
    if 0 in shape:
        return 0
    return 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))


def view(base: Array, shape: Sequence[int], strides: Sequence[int]) -> Array:
    """The array with these strides, in elements, at the beginning of a flat one."""
    steps = [s * base.itemsize for s in strides]
    return np.lib.stride_tricks.as_strided(base, shape, steps)
