"""Many runs of a program in one call of machine code.

Place on the road: beside the executable. The loop is ``write.repetition``'s, one for
all programs: it is compiled once on a machine and found on disk afterwards. What it is
to do is a plan of numbers.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from ....compiler.engine import Repetition
from ....compiler.locked import Locked
from ....dtypes import DType
from ....graph import Array
from ....shapes import Shape
from ..abi.call_table import DATA_OFFSET
from ..abi.repetition import BATCH, DONE, HEAD, INPUTS, OUTPUTS, REPEAT, ROWS
from ..choose.processor import host
from .compile.llvm import Compilation, Library
from .object_cache import cached

_loaded = Locked()
_library: Library | None = None
_function: Any = None


def repeat_function() -> Any:
    """``(entrance, objects, table, plan, until) → status``; found or compiled once."""
    global _library, _function
    with _loaded._lock:
        if _function is None:

            def compiled() -> bytes:
                from ..write import ir
                from ..write.repetition import emit_repeat

                module = ir.Module(REPEAT)
                emit_repeat(module)
                return Compilation(str(module), host()).run().code()

            _library = Library(cached("repeat", compiled)[0])
            kind = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_size_t] * 5)
            _function = kind(_library.address(REPEAT))
    return _function


class Plan:
    """The plan of many runs, and the memory that it speaks of.

    Arguments:
        repetition: the runs; its inputs are contiguous and of the program's dtypes.
        kinds: shape and dtype of each output.

    Attributes:
        objects: what stands for the program's inputs and, after ``variables`` zeros,
            for its outputs: addresses of array objects, or of words in their place.
        outputs: arrays with an axis of runs before all others.
    """

    def __init__(
        self, repetition: Repetition, kinds: Sequence[tuple[Shape, DType]]
    ) -> None:
        rows, batch = 0, 0
        if repetition.rows is not None:
            rows, batch = repetition.rows.ctypes.data, repetition.rows.shape[1]
        self.inputs: list[Array] = []
        words: list[int] = []
        for number, array in enumerate(repetition.inputs):
            if number not in repetition.by_rows:
                self.inputs.append(array)
                continue
            part = np.empty((batch, *array.shape[1:]), array.dtype)
            self.inputs.append(part)
            words += array.ctypes.data, part.ctypes.data, part.nbytes // batch
        self.outputs = repetition.new_outputs(kinds)
        # What machine code takes for array objects: only their addresses are read.
        self.slots = np.zeros((len(kinds), DATA_OFFSET // 8 + 1), np.int64)
        for slot, array in zip(self.slots, self.outputs, strict=True):
            slot[-1] = array.ctypes.data
            words += slot[-1:].ctypes.data, array.nbytes // repetition.times
        self.words = np.array([*[0] * HEAD, *words], np.int64)
        self.words[[ROWS, BATCH, INPUTS, OUTPUTS]] = (
            rows, batch, len(repetition.by_rows), len(kinds)
        )  # fmt: skip
        self.address = self.words.ctypes.data

    @property
    def done(self) -> int:
        """How many runs are done."""
        return int(self.words[DONE])
