"""How many float32 operations this processor can do in a second: multiply-adds from
registers to registers, in as many independent sums as keep all its multipliers busy.

Place on the road: of reports alone, which compare a program with it. A product in a
library is no measure: NumPy's uses half of the width of some processors.
"""

from __future__ import annotations

import ctypes
import functools
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..choose.processor import Host
from ..write import ir
from ..write.emit import (
    I64,
    POINTER,
    VOID,
    address,
    index,
    load,
    loop,
    multiply_add,
    register_type,
    store,
    wide,
)
from .compile.llvm import Compilation, Library
from .memory import aligned

NAME, FLOAT32 = "chainrule_peak", np.dtype(np.float32)
#: The most sums, turns of the loop in one call, and calls.
MOST_SUMS, TURNS, CALLS = 16, 1 << 17, 100


@functools.cache
def peak_flops(threads: int, found: Host) -> float:
    """The best of some calls in all threads at once; some hundredths of a second.

    ``found`` is this processor, as far as code may use it.
    """
    lanes = found.vector_bytes // FLOAT32.itemsize
    sums = min(MOST_SUMS, found.registers - 4)
    module = ir.Module(NAME)
    _write(module, lanes, sums)
    library = Library(Compilation(str(module), found).run().code())
    kind = ctypes.CFUNCTYPE(None, ctypes.c_size_t, ctypes.c_int64)
    function = kind(library.address(NAME))
    memory = [aligned((sums + 2) * found.vector_bytes) for _ in range(threads)]

    def seconds(number: int) -> float:
        began = time.perf_counter()
        function(memory[number].ctypes.data, TURNS)
        return time.perf_counter() - began

    with ThreadPoolExecutor(threads) as pool:
        slowest = [max(pool.map(seconds, range(threads))) for _ in range(CALLS)]
    return 2 * threads * lanes * sums * TURNS / min(slowest)


def _write(module: ir.Module, lanes: int, sums: int) -> None:
    """Writes ``chainrule_peak(vectors, turns)``: sumᵢ ← x · y + sumᵢ, in every turn for
    all i; ``vectors`` are x, y and the sums.
    """
    function = ir.Function(module, ir.FunctionType(VOID, [POINTER, I64]), NAME)
    vectors, turns = function.args
    b = ir.IRBuilder(function.append_basic_block("entry"))
    element = register_type(FLOAT32)
    places = [
        address(b, vectors, element, index(number * lanes))
        for number in range(sums + 2)
    ]
    x, y, *first = (load(b, FLOAT32, place, lanes, None) for place in places)
    kept = [b.alloca(wide(element, lanes)) for _ in first]
    for place, value in zip(kept, first, strict=True):
        b.store(value, place)
    with loop(b, 0, turns, name="turn"):
        for place in kept:
            value = b.load(place, wide(element, lanes))
            b.store(multiply_add(b, x, y, value), place)
    for place, target in zip(kept, places[2:], strict=True):
        value = b.load(place, wide(element, lanes))
        store(b, FLOAT32, value, target, None)
    b.ret_void()
