"""Samples of every primitive; ``test_primitives`` fails for one that is not here."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.ops.primitive import REGISTRY
from tests.contracts.convolutions import convolutions
from tests.contracts.linear_algebra import primitives as linear_algebra
from tests.contracts.samples import (
    LAYOUTS,
    Array,
    Sample,
    Values,
    along_axis,
    binary,
    laid_out,
    reductions,
    unary,
)

P = REGISTRY
COMPARED = {"kinds": "fiub", "order": 0}


def erf(x: Array) -> Array:
    """Python's own erf, element by element."""
    return np.vectorize(math.erf, otypes=[np.float64])(x)


def arithmetic() -> dict[str, list[Sample]]:
    """Operators of two operands."""
    return {
        "add": list(binary(P["add"], np.add)),
        "subtract": list(binary(P["subtract"], np.subtract, kinds="fiu")),
        "multiply": list(binary(P["multiply"], np.multiply)),
        "divide": list(binary(P["divide"], np.true_divide, away=(0.0,))),
        "power": [
            *binary(P["power"], np.power, low=(0.2, -2.0), kinds="f"),
            *binary(P["power"], np.power, low=(0, 0), order=0, kinds="iu"),
        ],
        "maximum": list(binary(P["maximum"], np.maximum)),
        "minimum": list(binary(P["minimum"], np.minimum)),
        "remainder": list(
            binary(P["remainder"], np.remainder, low=(2.1, 0.7), high=(2.9, 0.9),
                   kinds="f")
        ),
        "floor_divide": list(
            binary(P["floor_divide"], np.floor_divide, away=(0.0,), kinds="f", order=0)
        ),
        "arctan2": list(binary(P["arctan2"], np.arctan2, low=(0.3, 0.3), kinds="fiu")),
    }  # fmt: skip


def functions() -> dict[str, list[Sample]]:
    """Elementwise functions of one operand."""
    positive = {"low": 0.2, "high": 3.0}
    return {
        "negative": list(unary(P["negative"], np.negative, kinds="fiu")),
        "abs": list(unary(P["abs"], np.abs, away=(0.0,))),
        "sign": list(unary(P["sign"], np.sign, kinds="fiu", order=0)),
        "floor": list(unary(P["floor"], np.floor, order=0)),
        "ceil": list(unary(P["ceil"], np.ceil, order=0)),
        "round": list(unary(P["round"], np.rint, order=0)),
        "exp": list(unary(P["exp"], np.exp)),
        "expm1": list(unary(P["expm1"], np.expm1)),
        "log": list(unary(P["log"], np.log, **positive, kinds="f")),
        "log1p": list(unary(P["log1p"], np.log1p, low=-0.8)),
        "sqrt": list(unary(P["sqrt"], np.sqrt, **positive)),
        "sin": list(unary(P["sin"], np.sin)),
        "cos": list(unary(P["cos"], np.cos)),
        "tanh": list(unary(P["tanh"], np.tanh)),
        "erf": list(unary(P["erf"], erf)),
        "gelu": list(unary(P["gelu"], lambda x: x * 0.5 * (1 + erf(x / math.sqrt(2))))),
        "sigmoid": list(unary(P["sigmoid"], lambda x: 1 / (1 + np.exp(-1.0 * x)))),
        "relu": list(unary(P["relu"], lambda x: np.where(x > 0, x, 0), away=(0.0,))),
        "softplus": list(unary(P["softplus"], lambda x: np.log1p(np.exp(1.0 * x)))),
        "alias": list(unary(P["alias"], np.array)),
        "stop_gradient": list(unary(P["stop_gradient"], np.array, order=0)),
        "isfinite": list(unary(P["isfinite"], np.isfinite, order=0)),
        "isnan": list(unary(P["isnan"], np.isnan, order=0)),
        "logical_not": list(unary(P["logical_not"], np.logical_not, order=0)),
    }


def comparisons() -> dict[str, list[Sample]]:
    """Comparisons, logic and choice."""
    names = (
        "equal not_equal less less_equal greater greater_equal "
        "logical_and logical_or logical_xor"
    )
    found = {
        name: list(binary(P[name], getattr(np, name), **COMPARED))
        for name in names.split()
    }
    values = Values(500)
    shapes = [
        ((), (), ()),
        ((3,), (3,), (3,)),
        ((2, 1), (3,), ()),
        ((0, 2), (2,), (1,)),
    ]
    found["where"] = [
        Sample(
            P["where"],
            (values(c) > 0, values(a), values(b)),
            np.where,
            "fiub",
            cast=(1, 2),
            label=f"{c} {a} {b}",
        )
        for c, a, b in shapes
    ]
    return found


def casts() -> Iterator[Sample]:
    """Casts between every pair of dtypes."""
    values = Values(550, 0, 5)
    for target in map(np.dtype, ("float32", "float64", "int32", "uint8", "bool")):
        yield Sample(
            lambda x, t=target: P["cast"](x, dtype=t),
            (values((2, 3)),),
            lambda x, t=target: x.astype(t),
            "fiub",
            order=2 if target == np.float64 else 0,
            label=str(target),
        )


def reducing() -> dict[str, list[Sample]]:
    """Reductions and what runs along an axis."""

    def raw(name: str) -> Any:
        return lambda x, axis, keepdims: getattr(cr, name)(x, axis, keepdims)

    return {
        "sum": list(reductions(raw("sum"), np.sum, empty=True)),
        "prod": list(reductions(raw("prod"), np.prod, empty=True)),
        "max": list(reductions(raw("max"), np.max, empty=False)),
        "min": list(reductions(raw("min"), np.min, empty=False)),
        "argmax": list(along_axis(cr.argmax, np.argmax, order=0, empty=False)),
        "argmin": list(along_axis(cr.argmin, np.argmin, order=0, empty=False)),
        "cumsum": list(along_axis(cr.cumsum, np.cumsum)),
        "argsort": list(
            along_axis(cr.argsort, lambda x, axis: np.argsort(x, axis, kind="stable"),
                       order=0)
        ),
    }  # fmt: skip


MATRICES: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    ((2, 3), (3, 5)),
    ((1, 1), (1, 1)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 2)),
    ((7, 2, 3), (3, 5)),
    ((2, 3), (4, 3, 1)),
    ((2, 1, 2, 3), (5, 3, 2)),
    ((0, 2, 3), (3, 1)),
)


def products() -> Iterator[Sample]:
    """Matrix products: batches that broadcast, no rows, no inner axis, layouts."""
    values = Values(600)
    for a, b in MATRICES:
        arrays = (values(a), values(b))
        yield Sample(P["matmul"], arrays, np.matmul, "fiu", label=f"{a} {b}")
    for layout in LAYOUTS[1:]:
        for place in (0, 1):
            arrays = [values((3, 5)), values((5, 2))]
            arrays[place] = laid_out(arrays[place], layout)
            yield Sample(P["matmul"], tuple(arrays), np.matmul, "fiu", label=layout)


def one(
    name: str, x: Array, expected: Any, kinds: str = "fiub", **params: Any
) -> Sample:
    """A sample of a primitive of one operand with static arguments."""
    return Sample(
        lambda x: P[name](x, **params),
        (x,),
        expected,
        kinds,
        label=f"{x.shape} {params}",
    )


def padded(x: Array, widths: Any, value: float) -> Array:
    """A value before, after and between the elements, by plain assignment."""
    shape = [b + n + gap * max(n - 1, 0) + a
             for n, (b, a, gap) in zip(x.shape, widths, strict=True)]  # fmt: skip
    result = np.full(shape, value, x.dtype)
    for place in np.ndindex(x.shape):
        to = [b + i * (gap + 1) for i, (b, _, gap) in zip(place, widths, strict=True)]
        result[tuple(to)] = x[place]
    return result


def movement() -> dict[str, list[Sample]]:
    """What rearranges elements."""
    v = Values(700)
    reshapes = [((), (1, 1)), ((6,), (2, 3)), ((2, 3), (3, 2)), ((0, 3), (3, 0, 2))]
    orders = [((2, 3), (1, 0)), ((2, 3, 5), (2, 0, 1)), ((0, 2), (1, 0)), ((4,), (0,))]
    targets = [((), (2, 3)), ((1, 3), (2, 3)), ((3,), (0, 3)), ((2, 1), (5, 2, 7))]
    slices = [
        ((7,), (1,), (6,), (2,)),
        ((7,), (3,), (3,), (1,)),
        ((2, 5), (0, 1), (2, 5), (1, 3)),
        ((0, 3), (0, 0), (0, 3), (1, 2)),
    ]
    widths = [
        ((3,), ((1, 2, 0),), 0.0),
        ((2, 3), ((0, 1, 2), (1, 0, 0)), 1.5),
        ((0, 2), ((1, 1, 3), (0, 0, 1)), 0.0),
        ((1,), ((0, 0, 4),), -1.0),
    ]
    flips = [((7,), (0,)), ((2, 3), (0, 1)), ((2, 3), (1,)), ((0, 2), (0,))]

    def sliced(x: Array, start: Any, stop: Any, step: Any) -> Array:
        return x[tuple(map(slice, start, stop, step))]

    return {
        "reshape": [
            one("reshape", v(s), lambda x, t=t: x.reshape(t), shape=t)
            for s, t in reshapes
        ],
        "transpose": [
            one("transpose", v(s), lambda x, o=o: np.transpose(x, o), axes=o)
            for s, o in orders
        ],
        "broadcast_to": [
            one("broadcast_to", v(s), lambda x, t=t: np.broadcast_to(x, t), shape=t)
            for s, t in targets
        ],
        "slice": [
            one("slice", v(s), lambda x, b=b: sliced(x, *b),
                start=b[0], stop=b[1], step=b[2])
            for s, *b in slices
        ],
        "pad": [
            one("pad", v(s), lambda x, w=w, c=c: padded(x, w, c), "f",
                widths=w, value=c)
            for s, w, c in widths
        ],
        "flip": [
            one("flip", v(s), lambda x, a=a: np.flip(x, a), axes=a) for s, a in flips
        ],
        "concatenate": [
            Sample(
                lambda *xs, a=axis: P["concatenate"](*xs, axis=a),
                tuple(v(s) for s in shapes),
                lambda *xs, a=axis: np.concatenate(xs, a),
                "fiub",
                label=str(shapes),
            )
            for shapes, axis in [
                (((2,), (3,)), 0),
                (((2, 3), (2, 0), (2, 1)), 1),
                (((0,), (0,)), 0),
                (((1, 2), (4, 2)), 0),
            ]
        ],
    }  # fmt: skip


def put(x: Array, index: Array, updates: Array, axis: int) -> Array:
    """One slice after the other."""
    result = x.copy()
    for place in np.ndindex(index.shape):
        at = (slice(None),) * axis
        result[(*at, index[place])] = updates[(*at, *place)]
    return result


def scattered(g: Array, index: Array, axis: int, size: int) -> Array:
    """Zeros with each slice added at its index, one by one."""
    after = g.shape[axis + index.ndim :]
    total = np.zeros((*g.shape[:axis], size, *after), g.dtype)
    before = (slice(None),) * axis
    for place in np.ndindex(index.shape):
        total[(*before, index[place])] += g[(*before, *place)]
    return total


def scattered_along(g: Array, index: Array, axis: int, size: int) -> Array:
    """Zeros with each element added at its own index, one by one."""
    total = np.zeros((*g.shape[:axis], size, *g.shape[axis + 1 :]), g.dtype)
    for place in np.ndindex(g.shape):
        to = (*place[:axis], index[place], *place[axis + 1 :])
        total[to] += g[place]
    return total


def indexing() -> dict[str, list[Sample]]:
    """Taking elements by integers and adding them back; equal and negative indices."""
    v = Values(800)
    kinds: dict[str, Any] = {"kinds": "fiu", "cast": (0,)}
    takes = [
        ((5,), [0, 4, 4, -1], 0),
        ((5,), 2, 0),
        ((2, 5), [[1, 0], [3, 3]], 1),
        ((2, 5, 3), [1, 1], 1),
        ((4, 2), [], 0),
        ((0, 2), [], 0),
    ]
    scatters = [
        ((4,), [0, 2, 0, -1], 0, 3),
        ((2, 3), [1, 1, 0], 1, 2),
        ((2, 2, 3), [[0, 1], [1, 1]], 0, 5),
        ((3,), 1, 0, 2),
        ((0, 2), [], 0, 3),
    ]
    puts = [
        ((4,), [2, 0], 0),
        ((3, 5), [[1, -1], [0, 2]], 1),
        ((3, 2), 1, 0),
        ((2, 3), [], 1),
    ]
    alongs = [
        ((3, 4), [[0, 3, 3], [1, -1, 0], [2, 2, 2]], 1),
        ((3, 4), [[0, 2, 1, 1]], 0),
        ((2,), [1, 1, 0], 0),
        ((0, 3), np.zeros((0, 2), int), 1),
    ]
    found: dict[str, list[Sample]] = {name: [] for name in (
        "take", "scatter_add", "take_along_axis", "scatter_along_axis", "normal_index",
        "put",
    )}  # fmt: skip
    for shape, raw, axis in takes:
        index = np.array(raw, np.int64)
        if axis == 0 and index.ndim == 0 and shape == (3,):
            continue
        found["take"].append(
            Sample(
                lambda x, i, a=axis: P["take"](x, i, axis=a), (v(shape), index),
                lambda x, i, a=axis: np.take(x, i, a), label=f"{shape} {raw}", **kinds)
        )  # fmt: skip
    for shape, raw, axis, size in scatters:
        index = np.array(raw, np.int64)
        shape = (*shape[:axis], *index.shape, *shape[axis + index.ndim :])
        found["scatter_add"].append(
            Sample(
                lambda x, i, a=axis, n=size: P["scatter_add"](x, i, axis=a, size=n),
                (v(shape), index),
                lambda x, i, a=axis, n=size: scattered(x, i, a, n),
                label=f"{shape} {raw}", **kinds)
        )  # fmt: skip
    for shape, raw, axis in puts:
        index = np.array(raw, np.int64)
        new = (*shape[:axis], *index.shape, *shape[axis + 1 :])
        found["put"].append(
            Sample(
                lambda x, i, u, a=axis: P["put"](x, i, u, axis=a),
                (v(shape), index, v(new)),
                lambda x, i, u, a=axis: put(x, i, u, a), label=f"{shape} {raw}",
                kinds="fiub", cast=(0, 2))
        )  # fmt: skip
    for shape, raw, axis in alongs:
        index = np.array(raw, np.int64)
        found["take_along_axis"].append(
            Sample(
                lambda x, i, a=axis: P["take_along_axis"](x, i, axis=a),
                (v(shape), index),
                lambda x, i, a=axis: np.take_along_axis(x, i, a),
                label=str(shape), **kinds)
        )  # fmt: skip
        size = shape[axis]
        found["scatter_along_axis"].append(
            Sample(
                lambda x, i, a=axis, n=size: P["scatter_along_axis"](
                    x, i, axis=a, size=n),
                (v(index.shape), index),
                lambda x, i, a=axis, n=size: scattered_along(x, i, a, n),
                label=str(shape), **kinds)
        )  # fmt: skip
    for raw in ([0, -1, 3], [[2], [-4]], []):
        found["normal_index"].append(
            Sample(
                lambda i: P["normal_index"](i, size=4, what="x[...]"),
                (np.array(raw, np.int64),), lambda i: i % 4, kinds="i", order=0)
        )  # fmt: skip
    return found


STATE = np.array([1, 2, 3, 4], np.uint32)


def randomness() -> dict[str, list[Sample]]:
    """Draws: their values are checked in test_random, their declarations here."""

    def draw(name: str, **params: Any) -> Sample:
        label = str(params)
        return Sample(
            lambda s: P[name](s, **params), (STATE,), None, "", order=0, label=label
        )

    shapes = ((), (0,), (7,), (2, 3))
    return {
        "random_bits": [draw("random_bits", shape=s) for s in shapes],
        "random_uniform": [
            draw("random_uniform", shape=s, dtype=np.dtype(t))
            for s in shapes
            for t in ("float32", "float64")
        ],
        "next_state": [draw("next_state")],
    }


def loops() -> dict[str, list[Sample]]:
    """``scan``, by its meaning written out as a Python loop."""
    v = Values(900, -1, 1)

    def step(w: Any) -> Any:
        return lambda c, x: (cr.tanh(c * w + x), c * x)

    def loop(w: Array, c: Array, xs: Array, reverse: bool) -> tuple[Array, Array]:
        ys = np.zeros((len(xs), *np.broadcast_shapes(c.shape, xs.shape[1:])))
        for t in range(len(xs))[:: -1 if reverse else 1]:
            ys[t], c = c * xs[t], np.tanh(c * w + xs[t])
        return c, ys

    samples = [
        Sample(
            lambda w, c, xs, r=reverse: cr.scan(step(w), c, xs, reverse=r),
            (v(width), v((2, 3)), v((length, 2, 3))),
            lambda w, c, xs, r=reverse: loop(w, c, xs, r),
            label=f"length={length} reverse={reverse} {width}",
        )
        for length in (0, 1, 3)
        for reverse in (False, True)
        for width in ((), (3,))
    ]
    return {"scan": samples, "project": samples}


def all_samples() -> dict[str, list[Sample]]:
    """Primitive → its samples."""
    return {
        **arithmetic(),
        **functions(),
        **comparisons(),
        "cast": list(casts()),
        **reducing(),
        "matmul": list(products()),
        **convolutions(),
        **movement(),
        **indexing(),
        **randomness(),
        **loops(),
        **linear_algebra(),
    }


#: Primitives without a backward rule, and why there is none.
RULELESS: dict[str, str] = {
    **dict.fromkeys(
        ("floor", "ceil", "round", "sign", "floor_divide"),
        "piecewise constant: the derivative is 0 wherever there is one",
    ),
    **dict.fromkeys(
        ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal",
         "logical_and", "logical_or", "logical_xor", "logical_not", "isfinite",
         "isnan"),
        "answers bools",
    ),
    **dict.fromkeys(
        ("argmax", "argmin", "argsort", "normal_index"), "answers integers"
    ),
    **dict.fromkeys(("random_bits", "random_uniform", "next_state"), "random numbers"),
    "stop_gradient": "that is its purpose",
}  # fmt: skip
