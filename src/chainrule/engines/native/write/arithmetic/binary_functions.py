"""Functions of two numbers as LLVM IR: the remainder of C, and the angle of a point.

Place on the road: beside ``functions``, in its words and with its conventions.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from .. import ir
from .functions import SINGLE, Words, unless_all

#: (arctan a − a) / a³ as a polynomial in a² from 0 to 1: a fit, largest error 3e-9.
ARCTAN_SINGLE = (
    -0.3333329908678772, 0.19998548200396818, -0.1426424065777516, 0.10952179788066851,
    -0.08403431053064904, 0.05795723397471335, -0.03117745866404724,
    0.010914382610538618, -0.0017935684491968019,
)  # fmt: skip
#: π/2 as the sum of two numbers in single precision.
HALF_PI = 1.5707963705062866, -4.371138828673793e-08

Slow = Callable[..., ir.Value]


def fmod(b: ir.IRBuilder, x: ir.Value, y: ir.Value, slow: Slow) -> ir.Value:
    """x − n·y with n = x / y rounded towards 0: exact, with the sign of x.

    The quotient, rounded, is n or (just below a whole number) n + 1; what is left is
    then exact, and |y| is added where its sign says that it was n + 1. Quotients too
    large for their last place to be whole, and special values, are left to ``slow``.
    """
    w = Words(b, x)
    quotient = b.fdiv(x, y)
    size = w.magnitude(y)
    ordinary = b.and_(
        w.less(w.magnitude(quotient), 2.0 ** (w.format.mantissa - 1)),
        b.and_(
            w.less(size, math.inf), w.less(w.number(2.0 ** (4 - w.format.bias)), size)
        ),
    )
    rest = w.fma(b.fneg(w.intrinsic("trunc", quotient)), y, x)
    # In the direction of x: negative where one y too many was taken away.
    forward = b.fmul(rest, w.with_sign(w.number(1.0), x))
    forward = w.choose(w.less(forward, 0.0), b.fadd(forward, size), forward)
    found = w.with_sign(forward, x)
    return unless_all(b, w, ordinary, found, lambda: slow(b, x, y))


def arctan2(b: ir.IRBuilder, y: ir.Value, x: ir.Value, slow: Slow) -> ir.Value:
    """The angle of the point (x, y), from −π to π: arctan of the smaller coordinate by
    the larger, then the octant. Error below 3 ulp in single precision; double precision
    and special values are left to ``slow``."""
    w = Words(b, x)
    if w.format is not SINGLE:
        return slow(b, y, x)
    across, up = w.magnitude(x), w.magnitude(y)
    steep = w.less(across, up)
    larger, smaller = w.choose(steep, up, across), w.choose(steep, across, up)
    a = b.fdiv(smaller, larger)
    # Beyond these limits the quotient would lose digits, or is no number.
    ordinary = b.and_(w.less(w.number(2.0**-60), smaller), w.less(larger, 2.0**60))
    square = b.fmul(a, a)
    angle = w.fma(b.fmul(a, square), w.polynomial(square, ARCTAN_SINGLE), a)
    high, low = HALF_PI
    turned = b.fadd(b.fsub(w.number(high), angle), w.number(low))
    angle = w.choose(steep, turned, angle)
    behind = b.fadd(b.fsub(w.number(2 * high), angle), w.number(2 * low))
    angle = w.with_sign(w.choose(w.less(x, 0.0), behind, angle), y)
    return unless_all(b, w, ordinary, angle, lambda: slow(b, y, x))
