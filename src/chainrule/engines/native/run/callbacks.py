"""Primitives that machine code calls back for, run with their NumPy meaning.

Place on the road: beside the executable. No error may pass through machine code: it
learns that there was one, and ends the run.
"""

from __future__ import annotations

import ctypes
import functools
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ....ops.primitive import Primitive
from .memory import view_at

if TYPE_CHECKING:
    from ..plan.kernels import Callback

#: ``callback(number, addresses of the operands and the result) → 0``, or 1 for an error
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)


class Callbacks:
    """The callbacks of a program, and the function of C that enters them.

    Attributes:
        address: of the function.
        stopped: what ended a callback and is no error: Ctrl-C, or the end of the
            process. The run is over then; whoever entered it raises this.
    """

    def __init__(self, kernels: Sequence[Callback]) -> None:
        self._kernels = kernels
        self.stopped: BaseException | None = None
        self._function = CALLBACK(functools.partial(_enter, weakref.ref(self)))
        self.address = ctypes.cast(self._function, ctypes.c_void_p).value or 0

    def run(self, number: int, table: int) -> None:
        """Computes one primitive, from and to the addresses in a table."""
        kernel = self._kernels[number]
        node = kernel.node
        pointers = (ctypes.c_void_p * (len(kernel.inputs) + 1)).from_address(table)
        values = [
            view_at(pointers[i] or 0, shape, each.dtype)
            for i, ((_, shape), each) in enumerate(
                zip(kernel.inputs, node.inputs, strict=True)
            )
        ]
        assert isinstance(node.op, Primitive)
        result = view_at(pointers[len(values)] or 0, node.shape, node.dtype)
        result[...] = node.op.run(values, node.params)


def _enter(callbacks: weakref.ref[Callbacks], number: int, table: int) -> int:
    """What machine code calls; 1 where the primitive raised an error."""
    alive = callbacks()
    if alive is None:
        return 1
    try:
        alive.run(number, table)
    except Exception:  # noqa: BLE001 - the reference engine raises it again
        return 1
    except BaseException as stopped:  # noqa: BLE001 - raised again after the run
        alive.stopped = stopped
        return 1
    return 0
