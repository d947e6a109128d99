"""Memory that generated code works in.

Place on the road: below everything else that runs. It knows addresses and nothing of
programs.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from ....dtypes import DType
from ....graph import Array
from ....shapes import Shape, size
from ..choose.processor import CACHE_LINE

#: A program that needs so many bytes for a run has no memory of its own for that: it is
#: lent some. A function that meets many lengths would fill the memory with them.
LENT_FROM = 1 << 20
#: What is lent to the next run. Single operations on a list are safe among threads.
_idle: list[Array] = []


class Storage(np.ndarray[Any, Any]):
    """Memory that this engine allocated, as the base of the arrays it hands out.

    It must own its bytes: of a view NumPy would take the owner for the base.
    """


def aligned(nbytes: int) -> Array:
    """Memory that starts on a line of the cache, filled with zeros."""
    memory = np.zeros(nbytes + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + nbytes]


@contextmanager
def lent(nbytes: int) -> Iterator[Array]:
    """Memory for one run, with anything in it; there is no more of it than runs at the
    same time need.
    """
    try:
        memory = _idle.pop()
    except IndexError:
        memory = aligned(nbytes)
    if memory.nbytes < nbytes:
        memory = aligned(nbytes)
    try:
        yield memory
    finally:
        _idle.append(memory)


def let_go(nbytes: int) -> None:
    """Frees idle memory of this size: a program that needed as much has ended."""
    others = []
    while _idle:
        with suppress(IndexError):  # another thread was faster
            others.append(_idle.pop())
    _idle.extend([each for each in others if each.nbytes != nbytes])


def owned_copy(array: Array) -> Array:
    """A copy of an array in the engine's own memory."""
    memory = Storage(array.nbytes + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    copy = np.ndarray(array.shape, array.dtype, memory, start)
    copy[...] = array
    return copy


def is_owned(array: Array) -> bool:
    """Whether an array is in the engine's own memory."""
    return isinstance(array.base, Storage)


def poison(arrays: Sequence[Array]) -> None:
    """Fills memory that is to be written with NaN (whole numbers: −1), so that a result
    that was never computed is seen, and not taken for one of the run before.
    """
    for array in arrays:
        array.reshape(-1).view(np.uint8)[...] = 0xFF


def view_at(address: int, shape: Shape, dtype: DType) -> Array:
    """An array over memory at an address."""
    nbytes = size(shape) * dtype.itemsize
    if nbytes == 0:
        return np.empty(shape, dtype)
    memory: Any = (ctypes.c_char * nbytes).from_address(address)
    return np.ndarray(shape, dtype, memory)
