"""Memory that generated code works in.

Place on the road: below everything else that runs. It knows addresses and nothing of
programs.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from ....dtypes import DType
from ....graph import Array
from ....shapes import Shape, size
from ..choose.processor import CACHE_LINE

#: A program that needs so many bytes for a run has no memory of its own for that: it is
#: lent some. A function that meets many lengths would fill the memory with them.
LENT_FROM = 1 << 20


class Storage(np.ndarray[Any, Any]):
    """Memory that this engine allocated, as the base of the arrays it hands out.

    It must own its bytes: of a view NumPy would take the owner for the base.
    """


def aligned(nbytes: int) -> Array:
    """Memory that starts on a line of the cache, filled with zeros."""
    memory = np.zeros(nbytes + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + nbytes]


class Lent(NamedTuple):
    """Memory that is lent, and its address, which takes a microsecond to ask for."""

    memory: Array
    address: int

    @classmethod
    def new(cls, nbytes: int) -> Lent:
        """Memory of this size."""
        memory = aligned(nbytes)
        return cls(memory, memory.ctypes.data)


#: What is lent to the next run. Single operations on a list are safe among threads.
_idle: list[Lent] = []


def borrow(nbytes: int) -> Lent:
    """Memory for one run, with anything in it; there is no more of it than runs at the
    same time need. It must be given back.
    """
    try:
        found = _idle.pop()
    except IndexError:
        return Lent.new(nbytes)
    return found if found.memory.nbytes >= nbytes else Lent.new(nbytes)


def give_back(lent: Lent) -> None:
    """Lets the next run have it."""
    _idle.append(lent)


def let_go(nbytes: int) -> None:
    """Frees idle memory of this size: a program that needed as much has ended."""
    others = []
    while _idle:
        with suppress(IndexError):  # another thread was faster
            others.append(_idle.pop())
    _idle.extend([each for each in others if each.memory.nbytes != nbytes])


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
