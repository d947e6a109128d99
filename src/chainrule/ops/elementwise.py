"""Elementwise primitives: arithmetic, functions, comparisons and choice.

Operands broadcast as in NumPy. In the rules, g is the derivative of the loss by the
output y; ``backprop`` sums a gradient over the axes that were broadcast.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes, shapes
from ..dtypes import DType
from ..errors import DTypeError
from ..graph import Array, Node
from ..shapes import Shape
from .arrays import converted, describe, lift
from .primitive import Backward, Cost, Kind, Primitive, common_dtype, same_shape


def _broadcast(operation: str, *inputs: Node) -> tuple[Shape, DType]:
    own = [node.shape for node in inputs]
    if own.count(own[0]) == len(own):
        return own[0], inputs[0].dtype
    operands = map(Node.describe, inputs)  # made only for a message
    return shapes.broadcast(operation, own, operands), inputs[0].dtype


def _unary(
    name: str,
    summary: str,
    numpy: Callable[..., Any],
    backward: Backward | None,
    *,
    cost: Cost = Cost.COSTLY,
    linear: bool = False,
    real: bool = True,
    bools: bool = True,
) -> Primitive:
    """A function of one operand; ``real`` ones turn integers into floats first."""

    def infer(x: Node) -> tuple[Shape, DType]:
        if not bools:
            _refuse_bools(name, x)
        return x.shape, x.dtype

    return Primitive(
        name, summary, infer, numpy, backward, kind=Kind.ELEMENTWISE, cost=cost,
        linear=linear, real=real,
    )  # fmt: skip


def _binary(
    name: str,
    summary: str,
    numpy: Callable[..., Any],
    backward: Backward | None,
    *,
    cost: Cost = Cost.CHEAP,
    real: bool = False,
    bools: bool = True,
) -> Primitive:
    """A function of two operands of one dtype."""

    def infer(a: Node, b: Node) -> tuple[Shape, DType]:
        if not bools:
            _refuse_bools(name, a, b)
        return _broadcast(name, a, b)

    return Primitive(
        name, summary, infer, numpy, backward, kind=Kind.ELEMENTWISE, cost=cost,
        promotes=True, real=real,
    )  # fmt: skip


def _refuse_bools(operation: str, *inputs: Node) -> None:
    """NumPy has no such operation on bools, or returns small integers."""
    if inputs[0].dtype == dtypes.bool_:
        raise DTypeError(
            f"{operation}: {' and '.join(describe(inputs))} of bool: bools have no "
            f"{operation}",
            fix="use ~x or cr.logical_xor(x, y), or convert with x.astype('int64')",
        )


# Arithmetic. --------------------------------------------------------------------------

add = _binary("add", "y = a + b", np.add, lambda g, y, a, b: (g, g))
subtract = _binary(
    "subtract", "y = a − b", np.subtract, lambda g, y, a, b: (g, -g), bools=False
)
multiply = _binary(
    "multiply", "y = a · b", np.multiply, lambda g, y, a, b: (g * b, g * a)
)
divide = _binary(
    "divide",
    "y = a / b",
    np.divide,
    lambda g, y, a, b: (g / b, -g * y / b),
    cost=Cost.COSTLY,
    real=True,
)


def _power_rule(g: Any, y: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """b·aᵇ⁻¹, which is 0 where b is 0; aᵇ·ln a, which is taken as 0 where a ≤ 0.

    Nobody can ask for the gradient of a number in the program, such as the 4 in x⁴.
    """
    if b.literal:
        exponent = b.value.item()
        return (g * (exponent * a ** (exponent - 1)) if exponent else None), None
    none = a <= 0
    by_exponent = g * where(none, 0.0, y * log(where(none, 1.0, a)))
    if a.literal:
        return None, by_exponent
    return g * where(b == 0, 0.0, b * a ** where(b == 0, 1.0, b - 1)), by_exponent


def _power(a: Array, b: Array) -> Array:
    if a.dtype.kind in "iu" and (b < 0).any():
        raise DTypeError(
            "power: an integer to a negative power is not an integer",
            fix="convert the base: x.astype('float32')",
        )
    result: Array = np.power(a, b)
    return result


power = _binary("power", "y = aᵇ", _power, _power_rule, cost=Cost.COSTLY, bools=False)


def _share(g: Any, y: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """The gradient goes to the chosen operand, half to each where they are equal."""
    half, equal_, from_a = 0.5 * g, a == b, y == a
    to_a = where(equal_, half, where(from_a, g, 0.0))
    return to_a, where(equal_, half, where(from_a, 0.0, g))


maximum = _binary("maximum", "the larger of a and b", np.maximum, _share)
minimum = _binary("minimum", "the smaller of a and b", np.minimum, _share)
remainder = _binary(
    "remainder",
    "a − b·⌊a / b⌋, with the sign of b",
    np.remainder,
    lambda g, y, a, b: (g, -g * floor(a / b)),
    cost=Cost.COSTLY,
    bools=False,
)
floor_divide = _binary(
    "floor_divide", "⌊a / b⌋", np.floor_divide, None, cost=Cost.COSTLY, bools=False
)
arctan2 = _binary(
    "arctan2",
    "the angle of the point (b, a)",
    np.arctan2,
    lambda g, y, a, b: (g * b / (a * a + b * b), -g * a / (a * a + b * b)),
    cost=Cost.COSTLY,
    real=True,
)
negative = _unary(
    "negative",
    "−x",
    np.negative,
    lambda g, y, x: (-g,),
    cost=Cost.CHEAP,
    linear=True,
    real=False,
    bools=False,
)
absolute = _unary(
    "abs", "|x|", np.abs, lambda g, y, x: (g * sign(x),), cost=Cost.CHEAP, real=False
)
sign: Primitive = _unary(
    "sign", "−1, 0 or 1", np.sign, None, cost=Cost.CHEAP, real=False, bools=False
)
floor: Primitive = _unary("floor", "⌊x⌋", np.floor, None, cost=Cost.CHEAP)
ceil = _unary("ceil", "⌈x⌉", np.ceil, None, cost=Cost.CHEAP)
round_ = _unary(
    "round", "the nearest integer, halves to even", np.rint, None, cost=Cost.CHEAP
)

# Functions. ---------------------------------------------------------------------------


def _erf(x: Array) -> Array:
    from scipy.special import erf as scipy_erf  # imported when used: 0.1 s

    result: Array = scipy_erf(x)
    return result


def _sigmoid(x: Array) -> Array:
    """1 / (1 + e⁻ˣ); the exponential may overflow to ∞, whose inverse is 0."""
    one = x.dtype.type(1)
    result: Array = one / (one + np.exp(-x))
    return result


exp = _unary("exp", "eˣ", np.exp, lambda g, y, x: (g * y,))
expm1 = _unary("expm1", "eˣ − 1", np.expm1, lambda g, y, x: (g * (y + 1.0),))
log = _unary("log", "ln x", np.log, lambda g, y, x: (g / x,))
log1p = _unary("log1p", "ln(1 + x)", np.log1p, lambda g, y, x: (g / (1.0 + x),))
sqrt = _unary("sqrt", "√x", np.sqrt, lambda g, y, x: (g * 0.5 / y,))
sin = _unary("sin", "sin x", np.sin, lambda g, y, x: (g * cos(x),))
cos: Primitive = _unary("cos", "cos x", np.cos, lambda g, y, x: (-g * sin(x),))
tanh = _unary("tanh", "tanh x", np.tanh, lambda g, y, x: (g * (1.0 - y * y),))
erf = _unary(
    "erf",
    "2/√π ∫₀ˣ e^(−t²) dt",
    _erf,
    lambda g, y, x: (g * (2.0 / math.sqrt(math.pi)) * exp(-x * x),),
)
sigmoid = _unary(
    "sigmoid", "σ(x) = 1 / (1 + e⁻ˣ)", _sigmoid, lambda g, y, x: (g * y * (1.0 - y),)
)
relu = _unary(
    "relu",
    "max(x, 0); its derivative at 0 is 0",
    lambda x: np.maximum(x, x.dtype.type(0)),
    lambda g, y, x: (where(x > 0, g, 0.0),),
    cost=Cost.CHEAP,
    real=False,
)


def _softplus(x: Array) -> Array:
    """max(x, 0) + ln(1 + e^−|x|), which does not overflow."""
    zero = x.dtype.type(0)
    result: Array = np.maximum(x, zero) + np.log1p(np.exp(-np.abs(x)))
    return result


softplus = _unary(
    "softplus", "ln(1 + eˣ)", _softplus, lambda g, y, x: (g * sigmoid(x),)
)


def _gelu(x: Array) -> Array:
    bounded = np.maximum(x, x.dtype.type(-1000))  # −∞ · 0 would be NaN
    result: Array = bounded * (0.5 * (1.0 + _erf(x * math.sqrt(0.5))))
    return result


def _gelu_rule(g: Any, y: Node, x: Any) -> tuple[Any]:
    """Φ(x) + x φ(x), of x alone: computed beside y, it is all that is kept."""
    u = x * math.sqrt(0.5)
    near = where(absolute(x) < 1000.0, x, 0.0)  # beyond, φ is 0, and ∞ · 0 is NaN
    slope = 0.5 * (1.0 + erf(u)) + near * (exp(-(u * u)) * (1 / math.sqrt(2 * math.pi)))
    return (g * slope,)


gelu = _unary(
    "gelu",
    "x Φ(x) = x ½(1 + erf(x/√2)), Φ the normal distribution's cumulative function "
    "(Hendrycks & Gimpel, 2016)",
    _gelu,
    _gelu_rule,
)

# Comparisons and logic: bool values, no gradient. -------------------------------------


def _comparison(name: str, summary: str, numpy: Callable[..., Any]) -> Primitive:
    def infer(a: Node, b: Node) -> tuple[Shape, DType]:
        return _broadcast(name, a, b)[0], dtypes.bool_

    return Primitive(
        name, summary, infer, numpy, kind=Kind.ELEMENTWISE, cost=Cost.CHEAP,
        promotes=True,
    )  # fmt: skip


equal = _comparison("equal", "a = b", np.equal)
not_equal = _comparison("not_equal", "a ≠ b", np.not_equal)
less = _comparison("less", "a < b", np.less)
less_equal = _comparison("less_equal", "a ≤ b", np.less_equal)
greater = _comparison("greater", "a > b", np.greater)
greater_equal = _comparison("greater_equal", "a ≥ b", np.greater_equal)
logical_and = _comparison("logical_and", "a and b", np.logical_and)
logical_or = _comparison("logical_or", "a or b", np.logical_or)
logical_xor = _comparison("logical_xor", "either a or b", np.logical_xor)


def _to_bool(x: Node) -> tuple[Shape, DType]:
    return x.shape, dtypes.bool_


def _test(name: str, summary: str, numpy: Callable[..., Any]) -> Primitive:
    """A question asked of each element."""
    return Primitive(
        name, summary, _to_bool, numpy, kind=Kind.ELEMENTWISE, cost=Cost.CHEAP
    )


logical_not = _test("logical_not", "not x", np.logical_not)
isfinite = _test("isfinite", "neither NaN nor ±∞", np.isfinite)
isnan = _test("isnan", "is NaN", np.isnan)

# Choice, conversion, and the end of a gradient. ---------------------------------------


def _infer_where(condition: Node, a: Node, b: Node) -> tuple[Shape, DType]:
    if condition.dtype != dtypes.bool_:
        raise DTypeError(
            f"where: condition {condition.describe()} is {condition.dtype}, not bool",
            fix="compare first: cr.where(x > 0, a, b)",
        )
    return _broadcast("where", condition, a, b)[0], a.dtype


_select = Primitive(
    "where",
    "a where the condition holds, else b",
    _infer_where,
    np.where,
    lambda g, y, c, a, b: (None, where(c, g, 0.0), where(c, 0.0, g)),
    kind=Kind.ELEMENTWISE,
    cost=Cost.CHEAP,
    arithmetic=False,
)


def where(condition: Any, a: Any, b: Any) -> Any:
    """``a`` where the condition holds, else ``b``; all three broadcast together.

    Formula: yᵢ = aᵢ if cᵢ else bᵢ. The gradient goes to the chosen side alone.

    Raises:
        DTypeError: when the condition is not bool.
        ShapeError: when the shapes do not broadcast.

    Example:
        >>> import chainrule as cr
        >>> cr.where(cr.tensor([True, False]), 1.0, cr.tensor([5.0, 6.0])).numpy()
        array([1., 6.], dtype=float32)
    """
    chosen = common_dtype("where", lift([a, b]), real=False)
    return _select(condition, *chosen)


def _infer_cast(x: Node, dtype: DType) -> tuple[Shape, DType]:
    return x.shape, dtype


cast = Primitive(
    "cast",
    "x in another dtype",
    _infer_cast,
    converted,
    lambda g, y, x: (g.astype(x.dtype) if dtypes.is_float(x.dtype) else None,),
    kind=Kind.ELEMENTWISE,
    cost=Cost.CHEAP,
    arithmetic=False,
)
alias = Primitive(
    "alias",
    "x, as a node of its own",
    same_shape,
    lambda x: x,
    lambda g, y, x: (g,),
    kind=Kind.ELEMENTWISE,
    cost=Cost.FREE,
    linear=True,
)
stop_gradient = Primitive(
    "stop_gradient",
    "x, as if it were a constant",
    same_shape,
    lambda x: x,
    kind=Kind.ELEMENTWISE,
    cost=Cost.FREE,
    linear=True,
)


def bools(operator: str, a: Any, b: Any) -> list[Node]:
    """Both sides of a logical operator, which are bools.

    Raises:
        DTypeError: when one is not.
    """
    nodes = lift([a, b])
    for node in nodes:
        if node.dtype != dtypes.bool_:
            raise DTypeError(
                f"{operator}: {node.describe()} is {node.dtype}: both sides must be "
                "bool",
                fix="compare first, with parentheses: (x > 0) & (x < 1)",
            )
    return nodes
