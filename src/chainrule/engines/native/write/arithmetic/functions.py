"""Elementary functions as LLVM IR, for single numbers and vectors of them alike.

Each function here takes an IR builder and an operand of type float, double or a vector
of these, and returns the result, computed with multiplications, additions and bit
operations alone: no library is called, so a loop around it vectorises. Method and error
bound stand with each function; the bounds are tested over the whole range, in ulp, NaN
and infinities included.

The pattern is always the same: bring the argument near 0 with an exact identity, sum a
short series there, and undo the identity. Series are those of the textbook (Taylor, or
that of the inverse hyperbolic tangent), long enough that what is left out is below the
rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .. import ir

I1, I32 = ir.IntType(1), ir.IntType(32)


@dataclass(frozen=True)
class Format:
    """The layout of a floating-point type, and how long the series must be."""

    bits: int
    mantissa: int
    bias: int
    log_terms: int
    sine_terms: int
    erf_terms: int


SINGLE = Format(32, 23, 127, log_terms=5, sine_terms=6, erf_terms=11)
DOUBLE = Format(64, 52, 1023, log_terms=11, sine_terms=10, erf_terms=20)

LN2 = (0.693359375, -2.121944400546905827679e-4)
LN2_DOUBLE = (6.93147180369123816490e-01, 1.90821492927058770002e-10)

# erfc(x)·exp(x²) as a polynomial in u = (1/(x + 2) − middle) / half, for x from 1 to
# the point where erf rounds to 1: a Chebyshev fit, largest error 2.4e-18.
ERFC_DOUBLE = (
    0.2214295402299318, 0.16189356804102495, 0.038560570425182426, 0.005588816281841403,
    0.00019713917772795885, -8.07922042879663e-05, -7.340517938287998e-06,
    1.9795619759276e-06, 1.6349937383405805e-07, -7.005371793736792e-08,
    -5.886053299221601e-10, 2.625007492297143e-09, -2.68698518348558e-10,
    -7.468711818050684e-11, 2.2135736614933752e-11, 4.775776110782188e-13,
    -9.369456032869593e-13,
)  # fmt: skip


# Approximations in single precision, fitted for the least relative error of the result:
# tanh x = x·P(x²)/Q(x²) below 9, where tanh rounds to 1 (error 2e-8);
# erf x − x = x·P(x²) below 0.9 (1e-8), and (1 − erf x)·exp(x²) = P(x)/Q(x) from there
# on (3e-9 of the result);
# ln(1 + u) − u = u²·P(u)/Q(u) from 0 to 1 (1e-9); eʳ − 1 − r = r²·P(r) for
# |r| ≤ ½ ln 2 (7e-9); ln(1 + f) − f = f²·P(f)/Q(f) for √½ ≤ 1 + f < √2 (3e-9).
# The leading coefficient of every Q is 1: x⁴ + c x³ begins with an addition, which
# takes no multiplier (those are what limits these functions).
TANH_LIMIT, ERF_LIMIT, ERF_TURN = 9.0, 3.95, 0.9
TANH_SINGLE = (
    (1285946.5, 172072.62125005666, 4495.114141315201, 26.501767061344967,
     0.017172822230660936),
    (1285946.5, 600721.1970462722, 33276.32252414779, 422.51094928927205, 1.0),
)  # fmt: skip
ERF_SINGLE = (
    0.12837915379053985, -0.3761252324932798, 0.11282140555801994,
    -0.02677889970652232, 0.005011948996059428, -0.0006090286868577213,
)  # fmt: skip
ERFC_SINGLE = (
    (1.5560819676707314, 0.46205814004479584, 0.019445459291595933,
     -0.001656154422320818),
    (1.5590843663935228, 2.2023927613022463, 1.0),
)  # fmt: skip
LOG1P_SINGLE = (
    (-6.604830833652053, -5.954062638560002, -0.9544454208480981),
    (13.209664075316672, 20.71450257459921, 9.114336724691645, 1.0),
)
EXP_SINGLE = (
    0.4999999955264954, 0.16666577292700843, 0.041666853407002706,
    0.008363144924989177, 0.0013901286571248294,
)  # fmt: skip
EXP_DOUBLE = tuple(1 / math.factorial(i) for i in range(2, 14))
LOG_SINGLE = (
    (-1.0497721592223643, -0.8002701462506825, -0.024800337998271773,
     0.003186298226944525),
    (2.0995441166810855, 3.0002359300126686, 1.0),
)  # fmt: skip


class Words:
    """The small words that the functions are written in, for one builder and one
    type."""

    def __init__(self, builder: ir.IRBuilder, like: ir.Value) -> None:
        self.b = builder
        self.type = like.type
        self.lanes = self.type.count if isinstance(self.type, ir.VectorType) else 0
        element = self.type.element if self.lanes else self.type
        self.format = SINGLE if isinstance(element, ir.FloatType) else DOUBLE
        self.integer = self._spread_type(ir.IntType(self.format.bits))
        letter = f"f{self.format.bits}"
        self.suffix = f"v{self.lanes}{letter}" if self.lanes else letter
        #: Whether an instruction multiplies by 2ⁿ, as for vectors of 64 bytes.
        self.scales = self.lanes == 16 and self.format is SINGLE

    def _spread_type(self, element: ir.Type) -> ir.Type:
        return ir.VectorType(element, self.lanes) if self.lanes else element

    def number(self, value: float) -> ir.Value:
        """The number in every lane."""
        return ir.Constant(self.type, value)

    def whole(self, value: int) -> ir.Value:
        """The integer in every lane."""
        return ir.Constant(self.integer, value)

    def intrinsic(self, name: str, *operands: ir.Value) -> ir.Value:
        """``llvm.<name>`` for this type: one instruction on the processor."""
        kind = ir.FunctionType(self.type, [self.type] * len(operands))
        function = self.b.module.declared(f"llvm.{name}.{self.suffix}", kind)
        return self.b.call(function, operands)

    def fma(self, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
        """x · y + z, rounded once."""
        return self.intrinsic("fma", x, y, z)

    def polynomial(self, x: ir.Value, coefficients: Sequence[float]) -> ir.Value:
        """c₀ + c₁ x + c₂ x² + … by Horner's rule."""
        *rest, last = coefficients
        total = self.number(last)
        if last == 1.0:
            total = self.b.fadd(x, self.number(rest.pop()))
        for coefficient in reversed(rest):
            total = self.fma(total, x, self.number(coefficient))
        return total

    def less(self, x: ir.Value, y: ir.Value | float) -> ir.Value:
        """Where x < y."""
        return self.b.fcmp_ordered("<", x, self.value(y))

    def equal(self, x: ir.Value, y: ir.Value | float) -> ir.Value:
        """Where x = y."""
        return self.b.fcmp_ordered("==", x, self.value(y))

    def value(self, x: ir.Value | float) -> ir.Value:
        """A number in every lane, or what is in registers already."""
        return self.number(x) if isinstance(x, (int, float)) else x

    def choose(
        self, condition: ir.Value, x: ir.Value | float, y: ir.Value | float
    ) -> ir.Value:
        """x where the condition holds, else y."""
        return self.b.select(condition, self.value(x), self.value(y))

    def magnitude(self, x: ir.Value) -> ir.Value:
        """|x|."""
        return self.intrinsic("fabs", x)

    def with_sign(self, x: ir.Value, sign: ir.Value) -> ir.Value:
        """|x| with the other's sign."""
        return self.intrinsic("copysign", x, sign)

    def power_of_two(self, n: ir.Value) -> ir.Value:
        """2ⁿ for integers n in the normal range: the exponent bits themselves."""
        biased = self.b.add(n, self.whole(self.format.bias))
        shifted = self.b.shl(biased, self.whole(self.format.mantissa))
        return self.b.bitcast(shifted, self.type)

    def quotient(
        self, x: ir.Value, parts: tuple[Sequence[float], Sequence[float]]
    ) -> ir.Value:
        """P(x) / Q(x), given the coefficients of both."""
        above, below = (self.polynomial(x, each) for each in parts)
        return self.b.fdiv(above, below)

    def shift(self) -> float:
        """A number so large that what is added to it is rounded to an integer n, which
        then stands in the last bits: 1.5 · 2ᵐ, m the bits of the mantissa. Where
        ``scaled`` puts 2ⁿ together itself, 2 · bias more.
        """
        more = 0 if self.scales else 2 * self.format.bias
        return 1.5 * 2.0**self.format.mantissa + more

    def scaled(self, x: ir.Value, shifted: ir.Value) -> ir.Value:
        """x · 2ⁿ, given n + ``shift``, which reaches infinity and the subnormal
        numbers: in two steps where no instruction does it.

        The bits of an exponent are those of n + bias. Half of n + 2 · bias is such a
        number, and the rest is; the bits in front of them are shifted out.
        """
        b, bits = self.b, self.b.bitcast(shifted, self.integer)
        if self.scales:
            kind = ir.FunctionType(self.type, [self.type, self.integer])
            name = f"llvm.ldexp.{self.suffix}.v{self.lanes}i32"
            zero = b.bitcast(self.number(self.shift()), self.integer)
            function = b.module.declared(name, kind)
            return b.call(function, [x, b.sub(bits, zero)])
        half = b.ashr(bits, self.whole(1))
        for each in half, b.sub(bits, half):
            exponent = b.shl(each, self.whole(self.format.mantissa))
            x = b.fmul(x, b.bitcast(exponent, self.type))
        return x


def _reduced_exponent(w: Words, x: ir.Value) -> tuple[ir.Value, ir.Value]:
    """n and r with x = n ln 2 + r and |r| ≤ ½ ln 2; x is within the range of exp."""
    high, low = LN2 if w.format is SINGLE else LN2_DOUBLE
    n = w.intrinsic("rint", w.b.fmul(x, w.number(1 / math.log(2))))
    r = w.fma(n, w.number(-high), x)
    r = w.fma(n, w.number(-low), r)
    return n, r


def _clamped(w: Words, x: ir.Value, low: float, high: float) -> ir.Value:
    """x brought into [low, high]; NaN becomes low."""
    x = w.choose(w.less(w.number(low), x), x, low)
    return w.choose(w.less(x, high), x, high)


def _within(
    w: Words, x: ir.Value, low: ir.Value | float, high: ir.Value | float
) -> ir.Value:
    """x brought into [low, high]; NaN stays."""
    x = w.choose(w.less(x, low), low, x)
    return w.choose(w.less(w.value(high), x), high, x)


def _exp_limits(w: Words) -> tuple[float, float]:
    """Arguments beyond which exp is 0 and ∞."""
    return (-104.0, 89.0) if w.format is SINGLE else (-746.0, 710.0)


def exp(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """eˣ = 2ⁿ eʳ with r = x − n ln 2, and eʳ by a polynomial. Error below 1.5 ulp.

    Where that is 0, as for numbers that a mask has made −∞, nothing is multiplied by
    2ⁿ: Intel's processors take ten times as long for what is no normal number. An
    instruction for it leaves such lanes out; without one, e⁰ is computed there.
    """
    w = Words(b, x)
    low, high = _exp_limits(w)
    nothing = w.less(x, low)
    if not w.scales:
        x = w.choose(nothing, 0.0, x)
    x = w.choose(w.less(w.number(high), x), high, x)
    shift = w.number(w.shift())
    shifted = w.fma(x, w.number(1 / math.log(2)), shift)
    n = b.fsub(shifted, shift)
    high, low = LN2 if w.format is SINGLE else LN2_DOUBLE
    r = w.fma(n, w.number(-low), w.fma(n, w.number(-high), x))
    one, terms = w.number(1.0), EXP_SINGLE if w.format is SINGLE else EXP_DOUBLE
    series = w.fma(w.fma(w.polynomial(r, terms), r, one), r, one)
    power = w.scaled(series, shifted)
    return w.choose(b.not_(nothing), power, 0.0)


def expm1(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """eˣ − 1 = 2ⁿ (eʳ − 1) + (2ⁿ − 1), with eʳ − 1 by its series. Error below 2.5
    ulp."""
    w = Words(b, x)
    _, high = _exp_limits(w)
    clamped = _clamped(w, x, -40.0, high)
    n, r = _reduced_exponent(w, clamped)
    terms = EXP_SINGLE if w.format is SINGLE else EXP_DOUBLE
    minus_one = w.fma(b.fmul(r, r), w.polynomial(r, terms), r)
    whole = b.fptosi(n, w.integer)
    half = b.ashr(whole, w.whole(1))
    first, second = w.power_of_two(half), w.power_of_two(b.sub(whole, half))
    power = b.fmul(first, second)
    near = w.fma(minus_one, power, b.fsub(power, w.number(1.0)))
    # Where 2ⁿ itself overflows, eˣ − 1 may still be finite: scale in two steps.
    far = b.fmul(b.fmul(b.fadd(minus_one, w.number(1.0)), first), second)
    result = w.choose(w.less(clamped, high - 2), near, far)
    tiny = w.less(w.magnitude(x), 2.0 ** -(w.format.mantissa + 2))
    result = w.choose(tiny, x, result)  # keeps −0, and subnormal numbers exact
    return w.choose(b.fcmp_unordered("uno", x, x), x, result)


def _log_parts(w: Words, x: ir.Value) -> tuple[ir.Value, ir.Value]:
    """e and f with x = 2ᵉ (1 + f) and √½ ≤ 1 + f < √2, for positive normal x."""
    b, form = w.b, w.format
    bits = b.bitcast(x, w.integer)
    # Subtracting the bits of √½ makes the exponent count from there.
    root = {32: 0x3F3504F3, 64: 0x3FE6A09E667F3BCD}[form.bits]
    exponent = b.ashr(b.sub(bits, w.whole(root)), w.whole(form.mantissa))
    m = b.bitcast(b.sub(bits, b.shl(exponent, w.whole(form.mantissa))), w.type)
    return b.sitofp(exponent, w.type), b.fsub(m, w.number(1.0))


def _log_of_parts(w: Words, e: ir.Value, f: ir.Value) -> ir.Value:
    """e ln 2 + ln(1 + f). The large part f is exact; single precision adds a quotient,
    and e times the nearest number to ln 2, which is 2e-9 off; double precision
    f − s (f − z) from ln(1+f) = 2 artanh(f/(2+f))."""
    b = w.b
    square = b.fmul(f, f)
    if w.format is SINGLE:
        near = w.fma(square, w.quotient(f, LOG_SINGLE), f)
        return w.fma(e, w.number(math.log(2)), near)
    high, low = LN2_DOUBLE
    s = b.fdiv(f, b.fadd(w.number(2.0), f))
    z = b.fmul(s, s)
    series = b.fmul(
        z, w.polynomial(z, [2 / (2 * i + 3) for i in range(w.format.log_terms)])
    )
    # With h = f²/2: ln(1 + f) = f − (h − s (h + series)).
    h = b.fmul(square, w.number(0.5))
    inner = w.fma(s, b.fadd(h, series), b.fmul(e, w.number(low)))
    return w.fma(e, w.number(high), b.fsub(f, b.fsub(h, inner)))


def _log_positive(w: Words, x: ir.Value) -> ir.Value:
    """ln x for positive finite x, subnormal numbers included."""
    b, form = w.b, w.format
    subnormal = w.less(x, 2.0 ** (1 - form.bias))
    shift = float(form.mantissa + 1)
    x = w.choose(subnormal, b.fmul(x, w.number(2.0**shift)), x)
    e, f = _log_parts(w, x)
    e = w.choose(subnormal, b.fsub(e, w.number(shift)), e)
    return _log_of_parts(w, e, f)


def _with_log_limits(w: Words, x: ir.Value, result: ir.Value) -> ir.Value:
    """ln ∞ = ∞, ln 0 = −∞, and NaN for negative numbers and NaN."""
    result = w.choose(w.equal(x, math.inf), math.inf, result)
    result = w.choose(w.equal(x, 0.0), -math.inf, result)
    valid = w.b.fcmp_ordered(">=", x, w.number(0.0))
    return w.choose(valid, result, math.nan)


def _normal(w: Words, x: ir.Value) -> ir.Value:
    """Where x is positive, finite and not subnormal."""
    form = w.format
    first, last = 1 << form.mantissa, (2 * form.bias + 1) << form.mantissa
    offset = w.b.sub(w.b.bitcast(x, w.integer), w.whole(first))
    return w.b.icmp_unsigned("<", offset, w.whole(last - first))


def log(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """ln x = e ln 2 + ln(1 + f) for x = 2ᵉ (1 + f). Error below 1.5 ulp."""
    w = Words(b, x)
    value = _log_of_parts(w, *_log_parts(w, x))
    return unless_all(
        b, w, _normal(w, x), value, lambda: _with_log_limits(w, x, _log_positive(w, x))
    )


def log1p(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """ln(1 + x) = ln u + (1 + x − u) / u with u = 1 + x rounded. Error below 2.5
    ulp."""
    w = Words(b, x)
    one = w.number(1.0)
    u = b.fadd(x, one)
    added = b.fsub(u, one)  # what was lost in the sum, of 1 and of x
    lost = b.fadd(b.fsub(one, b.fsub(u, added)), b.fsub(x, added))
    value = b.fadd(_log_of_parts(w, *_log_parts(w, u)), b.fdiv(lost, u))
    value = w.with_sign(value, x)  # −0 stays

    def limits() -> ir.Value:
        return _with_log_limits(w, u, u)

    return unless_all(b, w, _normal(w, u), value, limits)


def tanh(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """tanh x by a quotient of polynomials in x²; in double precision t / (t + 2) with
    t = e²ˣ − 1, on |x|. Error below 5.5 ulp, in double precision 4."""
    w = Words(b, x)
    if w.format is SINGLE:
        x = _within(w, x, -TANH_LIMIT, TANH_LIMIT)
        above, below = (w.polynomial(b.fmul(x, x), each) for each in TANH_SINGLE)
        return b.fdiv(_within(w, b.fmul(x, above), b.fneg(below), below), below)
    size = _clamped(w, w.magnitude(x), 0.0, 20.0)
    t = expm1(b, b.fadd(size, size))
    result = w.with_sign(b.fdiv(t, b.fadd(t, w.number(2.0))), x)
    tiny = w.less(w.magnitude(x), 2.0 ** -(w.format.mantissa // 2 + 2))
    result = w.choose(tiny, x, result)
    return w.choose(b.fcmp_unordered("uno", x, x), x, result)


def sigmoid(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """σ(x) = 1 / (1 + e⁻ˣ), for negative x as eˣ / (1 + eˣ). Error below 3 ulp."""
    w = Words(b, x)
    decay = exp(b, b.fneg(w.magnitude(x)))
    part = w.choose(w.less(x, 0.0), decay, 1.0)
    return b.fdiv(part, b.fadd(decay, w.number(1.0)))


def softplus(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|). Error below 3 ulp."""
    w = Words(b, x)
    positive = w.choose(w.less(x, 0.0), 0.0, x)
    decay = exp(b, b.fneg(w.magnitude(x)))
    if w.format is SINGLE:  # e^−|x| is within 0 … 1
        rest = w.fma(b.fmul(decay, decay), w.quotient(decay, LOG1P_SINGLE), decay)
        return b.fadd(positive, rest)
    return b.fadd(positive, log1p(b, decay))


def erf(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """2/√π ∫₀ˣ e^(−t²) dt: in single precision by a polynomial, the larger part as
    1 − e^(−x²)·P/Q, so that gelu and its slope share the exponential. In double
    precision the Taylor series up to 1, beyond it 1 − erfc x with
    erfc x = e^(−x²) · g(x), g a polynomial in 1 / (x + 2). Error below 3 ulp."""
    w = Words(b, x)
    if w.format is SINGLE:
        return _erf_single(w, x)
    size = w.magnitude(x)
    square = b.fmul(x, x)
    terms = [
        (-1) ** i * 2 / math.sqrt(math.pi) / (math.factorial(i) * (2 * i + 1))
        for i in range(w.format.erf_terms)
    ]
    # The factor is 1.128…: adding x last rounds less than multiplying by it.
    near = w.fma(x, w.polynomial(square, [terms[0] - 1.0, *terms[1:]]), x)
    end, middle, half = 6.0, 11 / 48, 5 / 48
    clamped = _clamped(w, size, 1.0, end)
    inverse = b.fdiv(w.number(1.0), b.fadd(clamped, w.number(2.0)))
    u = b.fmul(b.fsub(inverse, w.number(middle)), w.number(1 / half))
    decay = exp(b, b.fneg(square))
    far = w.fma(b.fneg(decay), w.polynomial(u, ERFC_DOUBLE), w.number(1.0))
    result = w.choose(w.less(size, 1.0), near, w.with_sign(far, x))
    return w.choose(b.fcmp_unordered("uno", x, x), x, result)


def _erf_single(w: Words, x: ir.Value) -> ir.Value:
    b = w.b
    square = b.fmul(x, x)
    near = w.fma(x, w.polynomial(square, ERF_SINGLE), x)
    size = w.magnitude(x)
    size = w.choose(w.less(w.number(ERF_LIMIT), size), ERF_LIMIT, size)
    # Not −square: so it is what a slope beside it computes, whatever LLVM makes of it.
    decay = exp(b, b.fneg(b.fmul(x, x)))
    beyond = b.fmul(decay, w.quotient(size, ERFC_SINGLE))
    far = w.with_sign(b.fsub(w.number(1.0), beyond), x)
    return w.choose(w.less(size, ERF_TURN), near, far)


def _lane_by_lane(name: str, b: ir.IRBuilder, *operands: ir.Value) -> ir.Value:
    """The C library's function on each lane: for arguments where speed does not
    matter."""
    kind = operands[0].type
    if not isinstance(kind, ir.VectorType):
        return Words(b, operands[0]).intrinsic(name, *operands)
    result: ir.Value = ir.Constant(kind, ir.Undefined)
    for lane in range(kind.count):
        lane_number = ir.Constant(I32, lane)
        numbers = [b.extract_element(each, lane_number) for each in operands]
        value = Words(b, numbers[0]).intrinsic(name, *numbers)
        result = b.insert_element(result, value, lane_number)
    return result


#: Largest |x| whose reduction by multiples of π/2 is exact enough here.
SINE_LIMIT = {32: 8192.0, 64: 1.0e6}


#: π/2 as a sum of three numbers of the type. x less a multiple n of the first is exact:
#: where |n| > 0 both are whole multiples of the last place of 0.5 … 1, and the
#: difference is below 1.
HALF_PI = {
    32: (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15),
    64: (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33),
}


def _sine(b: ir.IRBuilder, x: ir.Value, quarter: int, name: str) -> ir.Value:
    """sin(x + quarter · π/2): x = n π/2 + r, then ± sin r or ± cos r by the
    quadrant."""
    w = Words(b, x)
    limit = SINE_LIMIT[w.format.bits]
    inside = b.fcmp_ordered("<=", w.magnitude(x), w.number(limit))
    safe = w.choose(inside, x, 0.0)
    n = w.intrinsic("rint", b.fmul(safe, w.number(2 / math.pi)))
    r = safe
    for part in HALF_PI[w.format.bits]:
        r = w.fma(n, w.number(-part), r)
    z = b.fmul(r, r)
    count = w.format.sine_terms
    odd = [(-1) ** (i + 1) / math.factorial(2 * i + 3) for i in range(count)]
    even = [(-1) ** i / math.factorial(2 * i + 4) for i in range(count)]
    sine = w.fma(b.fmul(r, z), w.polynomial(z, odd), r)
    sine = w.choose(w.equal(r, 0.0), safe, sine)  # sin(−0) is −0
    cosine = w.fma(
        b.fmul(z, z), w.polynomial(z, even), w.fma(z, w.number(-0.5), w.number(1.0))
    )
    quadrant = b.add(b.fptosi(n, w.integer), w.whole(quarter))
    swap = b.icmp_signed("!=", b.and_(quadrant, w.whole(1)), w.whole(0))
    value = b.select(swap, cosine, sine)
    negative = b.icmp_signed("!=", b.and_(quadrant, w.whole(2)), w.whole(0))
    value = b.select(negative, b.fneg(value), value)
    return unless_all(b, w, inside, value, lambda: _lane_by_lane(name, b, x))


def unless_all(
    b: ir.IRBuilder,
    w: Words,
    inside: ir.Value,
    value: ir.Value,
    slow: Callable[[], ir.Value],
) -> ir.Value:
    """``value``, but where a lane is not inside, what ``slow`` computes: a rare
    branch. What a lane becomes does not depend on its neighbours."""
    if w.lanes:
        kind = ir.IntType(w.lanes)
        everywhere = b.icmp_unsigned(
            "==", b.bitcast(inside, kind), ir.Constant(kind, -1)
        )
    else:
        everywhere = inside
    before = b.block
    with b.if_then(b.not_(everywhere)):
        exact = b.select(inside, value, slow())
        rare = b.block
    result = b.phi(w.type)
    result.add_incoming(value, before)
    result.add_incoming(exact, rare)
    return result


def sin(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """sin x, by its series after reduction to |r| ≤ π/4. Error below 2 ulp; beyond
    ``SINE_LIMIT`` the C library's function."""
    return _sine(b, x, 0, "sin")


def cos(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """cos x = sin(x + π/2). Error below 2 ulp; beyond ``SINE_LIMIT`` the C
    library's."""
    return _sine(b, x, 1, "cos")


def power(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """xʸ with C's rules for special values. Single precision: e^(y ln x) in double
    precision, error below 1 ulp; double precision and special values: the C library's
    function."""
    w = Words(b, x)
    if w.format is DOUBLE:
        return _lane_by_lane("pow", b, x, y)
    wide = ir.VectorType(ir.DoubleType(), w.lanes) if w.lanes else ir.DoubleType()
    ordinary = b.and_(
        b.and_(w.less(w.number(0.0), x), w.less(x, math.inf)),
        w.less(w.magnitude(y), 1e30),
    )
    base, exponent = w.choose(ordinary, x, 1.0), w.choose(ordinary, y, 0.0)
    product = b.fmul(b.fpext(exponent, wide), log(b, b.fpext(base, wide)))
    value = b.fptrunc(exp(b, product), w.type)
    return unless_all(b, w, ordinary, value, lambda: _lane_by_lane("pow", b, x, y))


def _by_intrinsic(name: str) -> Callable[[ir.IRBuilder, ir.Value], ir.Value]:
    def function(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
        return Words(b, x).intrinsic(name, x)

    return function


#: primitive → emitter, for one operand
UNARY: dict[str, Callable[[ir.IRBuilder, ir.Value], ir.Value]] = {
    "exp": exp,
    "expm1": expm1,
    "log": log,
    "log1p": log1p,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "erf": erf,
    "sin": sin,
    "cos": cos,
    "sqrt": _by_intrinsic("sqrt"),
    "floor": _by_intrinsic("floor"),
    "ceil": _by_intrinsic("ceil"),
    "round": _by_intrinsic("rint"),
    "abs": _by_intrinsic("fabs"),
}

#: primitive → emitter, for two operands
BINARY: dict[str, Callable[[ir.IRBuilder, ir.Value, ir.Value], ir.Value]] = {
    "power": power
}
