"""What each elementwise primitive is in LLVM: one small emitter a primitive.

Place on the road: the leaves of ``write``. An emitter receives the builder, the
``Call`` (dtypes and parameters) and its operands in registers, scalars or vectors
alike, and returns the result in a register. To add an elementwise primitive to the
engine, write its emitter and enter it in ``EMITTERS``; nothing else has to know.

Arithmetic is IEEE's, without contraction or reordering, so results are those of NumPy
to the bit; functions come from ``functions`` with its stated error bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ..... import dtypes
from .....dtypes import DType
from ...plan.calls import Call
from .. import ir
from ..emit import (
    I16,
    I32,
    constant,
    element_of,
    intrinsic,
    lanes_of,
    register_type,
    suffix,
    wide,
)
from . import binary_functions as binary_math
from . import functions

Emitter = Callable[..., ir.Value]


def is_float(value: ir.Value) -> bool:
    """Whether a register holds floating-point numbers."""
    return isinstance(element_of(value.type), (ir.FloatType, ir.DoubleType))


def zero_like(value: ir.Value) -> ir.Value:
    """Zero, in every lane."""
    return constant(value.type, 0)


def _own(b: ir.IRBuilder, name: str, *values: ir.Value) -> ir.Value:
    """An intrinsic on values of one type: ``llvm.<name>.v16f32``."""
    kind = values[0].type
    return intrinsic(b, f"llvm.{name}.{suffix(kind)}", kind, values)


# Arithmetic.
# ---------------------------------------------------------------------------


def _add(b: ir.IRBuilder, call: Call, x: ir.Value, y: ir.Value) -> ir.Value:
    if call.output.kind == "b":
        return b.or_(x, y)
    return b.fadd(x, y) if is_float(x) else b.add(x, y)


def _subtract(b: ir.IRBuilder, call: Call, x: ir.Value, y: ir.Value) -> ir.Value:
    return b.fsub(x, y) if is_float(x) else b.sub(x, y)


def _multiply(b: ir.IRBuilder, call: Call, x: ir.Value, y: ir.Value) -> ir.Value:
    if call.output.kind == "b":
        return b.and_(x, y)
    return b.fmul(x, y) if is_float(x) else b.mul(x, y)


def _divide(b: ir.IRBuilder, call: Call, x: ir.Value, y: ir.Value) -> ir.Value:
    return b.fdiv(x, y)


def _negative(b: ir.IRBuilder, call: Call, x: ir.Value) -> ir.Value:
    return b.fneg(x) if is_float(x) else b.neg(x)


def _abs(b: ir.IRBuilder, call: Call, x: ir.Value) -> ir.Value:
    if is_float(x):
        return _own(b, "fabs", x)
    if call.output.kind in "bu":
        return x
    return b.select(b.icmp_signed("<", x, zero_like(x)), b.neg(x), x)


def _sign(b: ir.IRBuilder, call: Call, x: ir.Value) -> ir.Value:
    zero, one = zero_like(x), constant(x.type, 1)
    if is_float(x):
        minus = constant(x.type, -1)
        lower = b.select(b.fcmp_ordered("<", x, zero), minus, b.fadd(x, zero))
        return b.select(b.fcmp_ordered(">", x, zero), one, lower)
    above = b.select(b.icmp_unsigned("!=", x, zero), one, zero)
    if call.output.kind == "u":
        return above
    return b.select(b.icmp_signed("<", x, zero), constant(x.type, -1), above)


def extreme(larger: bool) -> Emitter:
    """The larger or smaller operand; NaN where one is NaN, as in NumPy."""

    def emit(b: ir.IRBuilder, call: Call, x: ir.Value, y: ir.Value) -> ir.Value:
        sign = ">" if larger else "<"
        if is_float(x):
            chosen = b.select(b.fcmp_ordered(sign, x, y), x, y)
            return b.select(b.fcmp_unordered("uno", x, x), x, chosen)
        unsigned = call.output.kind in "bu"
        compare = b.icmp_unsigned if unsigned else b.icmp_signed
        return b.select(compare(sign, x, y), x, y)

    return emit


def _relu(b: ir.IRBuilder, call: Call, x: ir.Value) -> ir.Value:
    if call.output.kind in "bu":
        return x
    zero = zero_like(x)
    below = b.fcmp_ordered("<", x, zero) if is_float(x) else b.icmp_signed("<", x, zero)
    return b.select(below, zero, x)


# Division of integers, and with remainder.
# ---------------------------------------------------------------------------


def _integer_division(
    b: ir.IRBuilder, call: Call, x: ir.Value, y: ir.Value
) -> tuple[ir.Value, ir.Value]:
    """⌊x / y⌋ and the remainder with y's sign; 0 and 0 where y is 0, as in NumPy."""
    zero, one = zero_like(x), constant(x.type, 1)
    nothing = b.icmp_unsigned("==", y, zero)
    if call.inputs[0].kind == "u":
        safe = b.select(nothing, one, y)
        quotient, rest = b.udiv(x, safe), b.urem(x, safe)
        return b.select(nothing, zero, quotient), b.select(nothing, zero, rest)
    minus = b.icmp_unsigned("==", y, constant(x.type, -1))
    safe = b.select(b.or_(nothing, minus), one, y)  # the lowest / −1 overflows
    quotient, rest = b.sdiv(x, safe), b.srem(x, safe)
    opposite = b.icmp_signed("<", b.xor(rest, y), zero)
    lower = b.and_(b.icmp_unsigned("!=", rest, zero), opposite)
    quotient = b.select(lower, b.sub(quotient, one), quotient)
    rest = b.select(lower, b.add(rest, y), rest)
    quotient = b.select(minus, b.neg(x), quotient)
    rest = b.select(minus, zero, rest)
    return b.select(nothing, zero, quotient), b.select(nothing, zero, rest)


def library(name: str) -> Callable[..., ir.Value]:
    """A function of the C library, lane by lane: exact, and not fast."""

    def emit(b: ir.IRBuilder, *operands: ir.Value) -> ir.Value:
        kind = operands[0].type
        element = element_of(kind)
        full = name + ("f" if isinstance(element, ir.FloatType) else "")
        if not lanes_of(kind):
            return intrinsic(b, full, element, operands)
        result = constant(kind, 0)
        for lane in range(lanes_of(kind)):
            at = ir.Constant(I32, lane)
            numbers = [b.extract_element(each, at) for each in operands]
            value = intrinsic(b, full, element, numbers)
            result = b.insert_element(result, value, at)
        return result

    return emit


def _float_remainder(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """The remainder with y's sign; a remainder of 0 has y's sign too."""
    zero = zero_like(x)
    rest = binary_math.fmod(b, x, y, library("fmod"))
    nothing = b.fcmp_ordered("==", rest, zero)
    opposite = b.xor(b.fcmp_ordered("<", rest, zero), b.fcmp_ordered("<", y, zero))
    moved = b.select(opposite, b.fadd(rest, y), rest)
    return b.select(nothing, _own(b, "copysign", zero, y), moved)


def _remainder(b: ir.IRBuilder, call: Call, x: ir.Value, y: ir.Value) -> ir.Value:
    if is_float(x):
        return _float_remainder(b, x, y)
    return _integer_division(b, call, x, y)[1]


def _floor_divide(b: ir.IRBuilder, call: Call, x: ir.Value, y: ir.Value) -> ir.Value:
    if not is_float(x):
        return _integer_division(b, call, x, y)[0]
    zero = zero_like(x)
    rest = binary_math.fmod(b, x, y, library("fmod"))
    quotient = b.fdiv(b.fsub(x, rest), y)
    opposite = b.xor(b.fcmp_ordered("<", rest, zero), b.fcmp_ordered("<", y, zero))
    opposite = b.and_(opposite, b.fcmp_unordered("!=", rest, zero))
    quotient = b.select(opposite, b.fsub(quotient, constant(x.type, 1)), quotient)
    lower = _own(b, "floor", quotient)
    off = b.fcmp_ordered(">", b.fsub(quotient, lower), constant(x.type, 0.5))
    whole = b.select(off, b.fadd(lower, constant(x.type, 1)), lower)
    signed_zero = _own(b, "copysign", zero, b.fdiv(x, y))
    whole = b.select(b.fcmp_ordered("==", quotient, zero), signed_zero, whole)
    return b.select(b.fcmp_ordered("==", y, zero), b.fdiv(x, y), whole)


def _power(b: ir.IRBuilder, call: Call, x: ir.Value, y: ir.Value) -> ir.Value:
    """Floats by ``math``; integers by squaring, once for each bit of the exponent."""
    if is_float(x):
        square = isinstance(y, ir.Constant) and _constant_number(y) == 2.0
        return b.fmul(x, x) if square else functions.BINARY["power"](b, x, y)
    if call.output.kind == "b":
        return b.or_(x, b.not_(y))
    one = constant(x.type, 1)
    result = one
    for bit in range(element_of(x.type).width):
        odd = b.and_(b.lshr(y, constant(x.type, bit)), one)
        chosen = b.icmp_unsigned("!=", odd, zero_like(x))
        result = b.select(chosen, b.mul(result, x), result)
        x = b.mul(x, x)
    return result


def _constant_number(value: ir.Constant) -> float | None:
    found = value.constant
    return float(found) if isinstance(found, (int, float)) else None


# Functions, comparisons, choice, conversion.
# ---------------------------------------------------------------------------


def _rounding(name: str) -> Emitter:
    return lambda b, call, x: _own(b, name, x)


def _function(name: str) -> Emitter:
    return lambda b, call, x: functions.UNARY[name](b, x)


def _gelu(b: ir.IRBuilder, call: Call, x: ir.Value) -> ir.Value:
    """x ½(1 + erf(x/√2)). Written as its slope is, which is often computed beside it:
    LLVM finds that both have the same erf, and the e^(−x²/2) in it.
    """
    kind = x.type
    u = b.fmul(x, constant(kind, math.sqrt(0.5)))
    cumulative = b.fadd(constant(kind, 1.0), functions.erf(b, u))
    low = constant(kind, -1000.0)  # −∞ · 0 would be NaN
    x = b.select(b.fcmp_unordered(">", x, low), x, low)
    return b.fmul(x, b.fmul(constant(kind, 0.5), cumulative))


def _compare(sign: str) -> Emitter:
    def emit(b: ir.IRBuilder, call: Call, x: ir.Value, y: ir.Value) -> ir.Value:
        if is_float(x):
            unlike = sign == "!="
            return (b.fcmp_unordered if unlike else b.fcmp_ordered)(sign, x, y)
        unsigned = call.inputs[0].kind in "bu"
        return (b.icmp_unsigned if unsigned else b.icmp_signed)(sign, x, y)

    return emit


def truth(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """Whether a number is not 0; NaN is not."""
    if is_float(x):
        return b.fcmp_unordered("!=", x, zero_like(x))
    if element_of(x.type).width == 1:
        return x
    return b.icmp_unsigned("!=", x, zero_like(x))


def _logic(word: str) -> Emitter:
    def emit(b: ir.IRBuilder, call: Call, x: ir.Value, y: ir.Value) -> ir.Value:
        found: ir.Value = getattr(b, word)(truth(b, x), truth(b, y))
        return found

    return emit


def _logical_not(b: ir.IRBuilder, call: Call, x: ir.Value) -> ir.Value:
    return b.not_(truth(b, x))


def _isnan(b: ir.IRBuilder, call: Call, x: ir.Value) -> ir.Value:
    if is_float(x):
        return b.fcmp_unordered("uno", x, x)
    return constant(wide(ir.IntType(1), lanes_of(x.type)), 0)


def _isfinite(b: ir.IRBuilder, call: Call, x: ir.Value) -> ir.Value:
    if is_float(x):
        return b.fcmp_ordered("<", _own(b, "fabs", x), constant(x.type, float("inf")))
    return constant(wide(ir.IntType(1), lanes_of(x.type)), 1)


def _where(
    b: ir.IRBuilder, call: Call, c: ir.Value, x: ir.Value, y: ir.Value
) -> ir.Value:
    return b.select(c, x, y)


def _copy(b: ir.IRBuilder, call: Call, x: ir.Value) -> ir.Value:
    return x


def _cast(b: ir.IRBuilder, call: Call, x: ir.Value) -> ir.Value:
    return convert(b, x, call.inputs[0], call.output)


def convert(b: ir.IRBuilder, x: ir.Value, source: DType, target: DType) -> ir.Value:
    """A number in another dtype: NumPy's conversions.

    Floats beyond the range of integers become its nearest end, NaN 0; narrower integers
    keep the low bits.
    """
    if source == target:
        return x
    if dtypes.is_bfloat16(source):
        return convert(b, widened(b, x), dtypes.float32, target)
    if dtypes.is_bfloat16(target):
        return rounded(b, convert(b, x, source, dtypes.float32))
    if target.kind == "b":
        return truth(b, x)
    kind = wide(register_type(target), lanes_of(x.type))
    if source.kind == "f":
        if target.kind == "f":
            return b.fpext(x, kind) if target.itemsize == 8 else b.fptrunc(x, kind)
        name = "fptosi" if target.kind == "i" else "fptoui"
        full = f"llvm.{name}.sat.{suffix(kind)}.{suffix(x.type)}"
        return intrinsic(b, full, kind, [x])
    if target.kind == "f":
        return b.sitofp(x, kind) if source.kind == "i" else b.uitofp(x, kind)
    bits, wanted = element_of(x.type).width, element_of(kind).width
    if bits == wanted:
        return x
    if bits > wanted:
        return b.trunc(x, kind)
    return b.sext(x, kind) if source.kind == "i" else b.zext(x, kind)


def widened(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """bfloat16 as float32, whose upper half it is."""
    lanes = lanes_of(x.type)
    bits = b.zext(x, wide(I32, lanes))
    bits = b.shl(bits, constant(bits.type, 16))
    return b.bitcast(bits, wide(ir.FloatType(), lanes))


def rounded(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """float32 as bfloat16: the nearest, of two the even one; NaN stays NaN."""
    lanes = lanes_of(x.type)
    bits = b.bitcast(x, wide(I32, lanes))
    half = constant(bits.type, 16)
    odd = b.and_(b.lshr(bits, half), constant(bits.type, 1))
    near = b.add(b.add(bits, constant(bits.type, 0x7FFF)), odd)
    quiet = b.or_(bits, constant(bits.type, 1 << 22))
    chosen = b.select(b.fcmp_unordered("uno", x, x), quiet, near)
    return b.trunc(b.lshr(chosen, half), wide(I16, lanes))


def _pair(b: ir.IRBuilder, call: Call, even: ir.Value, odd: ir.Value) -> ir.Value:
    """Two bfloat16 in one word, the first in its lower half."""
    kind = wide(I32, lanes_of(even.type))
    upper = b.shl(b.zext(odd, kind), constant(kind, 16))
    return b.or_(upper, b.zext(even, kind))


# Elements chosen by an index.
# ---------------------------------------------------------------------------


def _normal_index(b: ir.IRBuilder, call: Call, x: ir.Value) -> ir.Value:
    """An index counted from the front; that it lies on the axis was checked before."""
    wanted = convert(b, x, call.inputs[0], call.output)
    return from_front(b, wanted, call.params["size"])


def from_front(b: ir.IRBuilder, position: ir.Value, size: int) -> ir.Value:
    """Negative indices counted from the end of an axis."""
    negative = b.icmp_signed("<", position, zero_like(position))
    return b.select(negative, b.add(position, constant(position.type, size)), position)


def _one_at(
    b: ir.IRBuilder, call: Call, value: ir.Value, wanted: ir.Value, here: ir.Value
) -> ir.Value:
    """The value where the index is this place's, else 0: a scatter of one element."""
    found = convert(b, wanted, call.inputs[1], call.inputs[2])
    found = from_front(b, found, call.params["size"])
    return b.select(b.icmp_unsigned("==", found, here), value, zero_like(value))


#: primitive (or a word of the engine's own) → its emitter
EMITTERS: dict[str, Emitter] = {
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "divide": _divide,
    "negative": _negative,
    "abs": _abs,
    "sign": _sign,
    "maximum": extreme(larger=True),
    "minimum": extreme(larger=False),
    "relu": _relu,
    "remainder": _remainder,
    "floor_divide": _floor_divide,
    "power": _power,
    "arctan2": lambda b, call, y, x: binary_math.arctan2(b, y, x, library("atan2")),
    "floor": _rounding("floor"),
    "ceil": _rounding("ceil"),
    "round": _rounding("roundeven"),
    "sqrt": _rounding("sqrt"),
    "equal": _compare("=="),
    "not_equal": _compare("!="),
    "less": _compare("<"),
    "less_equal": _compare("<="),
    "greater": _compare(">"),
    "greater_equal": _compare(">="),
    "logical_and": _logic("and_"),
    "logical_or": _logic("or_"),
    "logical_xor": _logic("xor"),
    "logical_not": _logical_not,
    "isnan": _isnan,
    "isfinite": _isfinite,
    "where": _where,
    "cast": _cast,
    "copy": _copy,
    "normal_index": _normal_index,
    "one_at": _one_at,
    "pair": _pair,
    "gelu": _gelu,
    **{
        name: _function(name)
        for name in (
            "exp", "expm1", "log", "log1p", "sin", "cos", "tanh", "erf", "sigmoid",
            "softplus",
        )
    },
}  # fmt: skip
