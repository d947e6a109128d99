"""Reductions in LLVM: what one starts with, how values and partial results combine.

Place on the road: beside ``elementwise``; used by the loops of ``sweep``. A reduction's
state is a list of registers: the sum so far, or for ``argmax`` the best value and its
index. States combine in any grouping, so there may be one for each lane and each of
several interleaved positions.
"""

from __future__ import annotations

from .....dtypes import DType
from ...plan.calls import Call
from .. import emit, ir
from ..emit import I64
from .elementwise import convert, extreme, is_float

State = list[ir.Value]
LAST = (1 << 63) - 1


def accumulator(call: Call) -> DType:
    """The dtype in which a reduction's values are combined."""
    return call.inputs[0] if call.name.startswith("arg") else call.output


def identity(call: Call) -> bool | int | float:
    """The number that changes nothing."""
    dtype = accumulator(call)
    if call.name == "sum":
        return 0
    if call.name == "prod":
        return 1
    largest = call.name in ("min", "argmin")
    if dtype.kind == "f":
        return float("inf") if largest else float("-inf")
    if dtype.kind == "b":
        return largest
    bits = 8 * dtype.itemsize
    if dtype.kind == "u":
        return (1 << bits) - 1 if largest else 0
    return (1 << bits - 1) - 1 if largest else -(1 << bits - 1)


def start(call: Call, lanes: int) -> State:
    """The state before any value."""
    kind = emit.wide(emit.register_type(accumulator(call)), lanes)
    state: State = [emit.constant(kind, identity(call))]
    if call.name.startswith("arg"):
        state.append(emit.constant(emit.wide(I64, lanes), LAST))
    return state


def entering(
    b: ir.IRBuilder,
    call: Call,
    value: ir.Value,
    number: ir.Value,
    mask: ir.Value | None,
) -> State:
    """The state of one value; ``number`` is its index, lanes left out are neutral."""
    state = [convert(b, value, call.inputs[0], accumulator(call))]
    if call.name.startswith("arg"):
        state.append(number)
    if mask is not None:
        neutral = start(call, emit.lanes_of(value.type))
        state = [
            b.select(mask, new, none) for new, none in zip(state, neutral, strict=True)
        ]
    return state


def combine(b: ir.IRBuilder, call: Call, x: State, y: State) -> State:
    """The state of all values of both; x's come first."""
    if call.name.startswith("arg"):
        return _better(b, call, x, y)
    (p,), (q,) = x, y
    if call.name in ("max", "min"):
        return [extreme(call.name == "max")(b, call, p, q)]
    if call.name == "sum":
        return [b.fadd(p, q) if is_float(p) else b.add(p, q)]
    return [b.fmul(p, q) if is_float(p) else b.mul(p, q)]


def together(b: ir.IRBuilder, call: Call, states: list[State]) -> State:
    """The state of all values of some states, a power of two of them, in pairs."""
    while len(states) > 1:
        pairs = zip(states[::2], states[1::2], strict=True)
        states = [combine(b, call, x, y) for x, y in pairs]
    return states[0]


def _better(b: ir.IRBuilder, call: Call, x: State, y: State) -> State:
    """The larger (smaller) value with its index; NaN is largest of all, the lower index
    wins among equals.
    """
    (p, i), (q, j) = x, y
    sign = ">" if call.name == "argmax" else "<"
    if is_float(p):
        nan_p, nan_q = b.fcmp_unordered("uno", p, p), b.fcmp_unordered("uno", q, q)
        ahead = b.and_(nan_q, b.not_(nan_p))
        ahead = b.or_(ahead, b.fcmp_ordered(sign, q, p))
        equal = b.or_(b.and_(nan_p, nan_q), b.fcmp_ordered("==", q, p))
    else:
        unsigned = call.inputs[0].kind in "bu"
        ahead = (b.icmp_unsigned if unsigned else b.icmp_signed)(sign, q, p)
        equal = b.icmp_unsigned("==", q, p)
    ahead = b.or_(ahead, b.and_(equal, b.icmp_signed("<", j, i)))
    return [b.select(ahead, q, p), b.select(ahead, j, i)]


def across(b: ir.IRBuilder, call: Call, state: State) -> State:
    """One state from those of all lanes."""
    return emit.halves(b, state, lambda x, y: combine(b, call, x, y))


def result(call: Call, state: State) -> ir.Value:
    """The result of the reduction."""
    return state[-1]
