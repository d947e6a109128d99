"""Calls of Python: primitives that have no lowering run their NumPy meaning.

Place on the road: one kind of kernel, which is called and not written.
"""

from __future__ import annotations

from ...choose.task import Launch
from .. import ir
from ..calls import Calls
from ..emit import I64, POINTER, index


def call_callback(calls: Calls, launch: Launch, body: ir.Function | None) -> None:
    """Writes the call of the engine's function for callbacks, with the number of this
    one.
    """
    b = calls.b
    calls.fill(calls.frame, [calls.pointer(each) for each in launch.operands])
    number = calls.main.callbacks[id(launch.kernel)]
    kind = ir.FunctionType(I64, [I64, POINTER])
    arguments = [index(number), calls.frame]
    calls.until_failure(b.call(calls.entry("callback"), arguments, kind))
