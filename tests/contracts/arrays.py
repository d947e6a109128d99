"""Samples of the functions of ``chainrule.arrays``, by what NumPy says they are."""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from tests.contracts.composed import shaped
from tests.contracts.samples import (
    Array,
    Sample,
    Values,
    along_axis,
    binary,
    reductions,
    unary,
)


def trigonometry() -> dict[str, list[Sample]]:
    """Angles, hyperbolas and logarithms."""
    inside: dict[str, Any] = {"low": -0.9, "high": 0.9, "kinds": "fb"}
    above: dict[str, Any] = {"low": 0.3, "high": 9.0, "kinds": "fiu"}
    found = {
        "tan": unary(cr.tan, np.tan, low=-1.2, high=1.2, kinds="fb"),
        "arcsin": unary(cr.arcsin, np.arcsin, low=-0.9, high=0.9),
        "arccos": unary(cr.arccos, np.arccos, low=-0.9, high=0.9),
        "arctan": unary(cr.arctan, np.arctan),
        "sinh": unary(cr.sinh, np.sinh),
        "cosh": unary(cr.cosh, np.cosh),
        "arcsinh": unary(cr.arcsinh, np.arcsinh),
        "arccosh": unary(cr.arccosh, np.arccosh, low=1.2, high=9.0, kinds="fiu"),
        "arctanh": unary(cr.arctanh, np.arctanh, **{**inside, "kinds": "f"}),
        "deg2rad": unary(cr.deg2rad, np.deg2rad),
        "rad2deg": unary(cr.rad2deg, np.rad2deg),
        "hypot": binary(cr.hypot, np.hypot),
        "log2": unary(cr.log2, np.log2, **above),
        "log10": unary(cr.log10, np.log10, **above),
        "exp2": unary(cr.exp2, np.exp2),
        "round": unary(lambda x: cr.round(x, 1), lambda x: np.round(x, 1), order=0),
        "trunc": unary(cr.trunc, np.trunc, order=0),
        "logaddexp": binary(cr.logaddexp, np.logaddexp),
    }
    return {name: list(samples) for name, samples in found.items()}


def with_gaps(shape: tuple[int, ...], seed: int = 31) -> Array:
    """Values, one of them in four NaN, and the first of each row a number."""
    values = Values(seed)(shape)
    holes = np.random.default_rng(seed).random(shape) < 0.25
    holes[..., :1] = False
    return np.where(holes, np.nan, values)


def gaps() -> dict[str, list[Sample]]:
    """NaN and infinities."""
    odd = np.array([np.nan, np.inf, -np.inf, 0.5, -0.0])
    found: dict[str, list[Sample]] = {
        "isinf": [
            *unary(cr.isinf, np.isinf, order=0),
            Sample(cr.isinf, (odd,), np.isinf, order=0),
        ],
        "nan_to_num": [
            *unary(cr.nan_to_num, np.nan_to_num),
            Sample(
                lambda x: cr.nan_to_num(x, nan=3.0, posinf=7.0, neginf=-7.0),
                (odd,),
                lambda x: np.nan_to_num(x, nan=3.0, posinf=7.0, neginf=-7.0),
                order=0,
            ),
        ],
    }
    for name in [
        "nansum",
        "nanprod",
        "nanmax",
        "nanmin",
        "nanmean",
        "nanvar",
        "nanstd",
    ]:
        ours, theirs = getattr(cr, name), getattr(np, name)
        found[name] = [
            Sample(
                lambda x, f=ours, a=axis, k=keep: f(x, axis=a, keepdims=k),
                (with_gaps(shape),),
                lambda x, f=theirs, a=axis, k=keep: f(x, axis=a, keepdims=k),
                order=0,
                label=f"{shape} {axis}",
            )
            for shape, axis in [((7,), None), ((3, 5), 1), ((2, 3, 5), (0, -1))]
            for keep in (False, True)
        ]
        found[name] += reductions(
            ours,
            lambda x, axis, keepdims, f=theirs: f(x, axis=axis, keepdims=keepdims),
            empty=False,
            low=0.2 if name == "nanprod" else -2.0,
            kinds="fi" if name in ("nanvar", "nanstd") else "fiu",
            order=0 if name == "nanstd" else 2,
        )
    return found


def ordered() -> dict[str, list[Sample]]:
    """Quantiles: shares, axes, methods."""
    found: dict[str, list[Sample]] = {
        "median": list(reductions(cr.median, np.median, empty=False)),
        "ptp": list(reductions(cr.ptp, np.ptp, empty=False, kinds="fiu")),
        "quantile": [],
        "percentile": [],
    }
    v = Values(41)
    cases = [
        ((7,), None, 0.3), ((4,), 0, [0.0, 1.0]), ((2, 5), -1, [[0.5, 0.25]]),
        ((2, 3, 4), (0, 2), [0.1, 0.9]), ((1,), 0, 0.7), ((), None, 0.5),
    ]  # fmt: skip
    methods = ("linear", "lower", "higher", "midpoint")
    for number, (shape, axis, q) in enumerate(cases):
        settings = {"axis": axis, "keepdims": number % 2 == 1}
        for method in methods[: 4 if number < 2 else 1]:
            settings = {**settings, "method": method}
            found["quantile"].append(
                Sample(
                    lambda x, q=q, s=settings: cr.quantile(x, q, **s),
                    (v(shape),),
                    lambda x, q=q, s=settings: np.quantile(x, q, **s),
                    "fi" if method == "linear" else "",
                    label=f"{shape} {q} {settings}",
                )
            )
        found["percentile"].append(
            Sample(
                lambda x, q=q, a=axis: cr.percentile(x, 100 * np.array(q), a),
                (v(shape),),
                lambda x, q=q, a=axis: np.percentile(x, 100 * np.array(q), a),
                "fi",
            )
        )
    return found


def moments() -> dict[str, list[Sample]]:
    """Averages and covariances."""
    v = Values(51)
    often, much = np.array([1, 2, 1, 3, 1]), np.array([0.5, 1.0, 2.0, 0.25, 1.5])

    def of(call: Any, expected: Any, *shapes: tuple[int, ...], kinds: str = "f") -> Any:
        arrays = tuple(v(shape) for shape in shapes)
        return Sample(call, arrays, expected, kinds, label=str(shapes))

    weighted: dict[str, Any] = {"fweights": often, "aweights": much}
    return {
        "average": [
            of(lambda x: cr.average(x, 1), lambda x: np.average(x, 1), (3, 5),
               kinds="fi"),
            of(lambda x: cr.average(x, -1, much), lambda x: np.average(x, -1, much),
               (3, 5)),
            of(lambda x, w: cr.average(x, (0, 1), w * w + 1.0),
               lambda x, w: np.average(x, (0, 1), w * w + 1.0), (3, 5), (3, 5)),
        ],
        "cov": [
            *(of(cr.cov, np.cov, s, kinds="fi") for s in [(5,), (1, 5), (3, 5)]),
            of(cr.cov, np.cov, (3, 5), (2, 5)),
            of(lambda x: cr.cov(x, rowvar=False, bias=True),
               lambda x: np.cov(x, rowvar=False, bias=True), (5, 2)),
            of(lambda x: cr.cov(x, ddof=2), lambda x: np.cov(x, ddof=2), (2, 5)),
            of(lambda x: cr.cov(x, fweights=often),
               lambda x: np.cov(x, fweights=often), (2, 5)),
            of(lambda x: cr.cov(x, aweights=much),
               lambda x: np.cov(x, aweights=much), (2, 5)),
            of(lambda x: cr.cov(x, **weighted),
               lambda x: np.cov(x, **weighted), (2, 5)),
            of(lambda x: cr.cov(x, ddof=0, **weighted),
               lambda x: np.cov(x, ddof=0, **weighted), (2, 5)),
        ],
        "corrcoef": [
            *(of(cr.corrcoef, np.corrcoef, shape) for shape in [(2, 5), (3, 7)]),
            of(lambda x: cr.corrcoef(x, rowvar=False),
               lambda x: np.corrcoef(x, rowvar=False), (5, 2)),
            of(cr.corrcoef, np.corrcoef, (5,), (5,)),
        ],
        "diff": [
            *along_axis(lambda x, axis: cr.diff(x, axis=axis),
                        lambda x, axis: np.diff(x, axis=axis), kinds="fib"),
            of(lambda x: cr.diff(x, 2, 0), lambda x: np.diff(x, 2, 0), (4, 2)),
            of(lambda x: cr.diff(x, prepend=0), lambda x: np.diff(x, prepend=0), (2, 3),
               kinds="fi"),
            of(lambda x: cr.diff(x, append=x[:, :1]),
               lambda x: np.diff(x, append=x[:, :1]), (2, 3), kinds="fi"),
        ],
        "trapezoid": [
            of(lambda y: cr.trapezoid(y, dx=0.5, axis=0),
               lambda y: np.trapezoid(y, dx=0.5, axis=0), (4, 3)),
            of(cr.trapezoid, np.trapezoid, (4,), (4,)),
            of(lambda y, x: cr.trapezoid(y, x, axis=0),
               lambda y, x: np.trapezoid(y, x, axis=0), (4, 3), (4,)),
            of(cr.trapezoid, np.trapezoid, (2, 4), (2, 4)),
        ],
    }  # fmt: skip


def rearranged() -> dict[str, list[Sample]]:
    """Repeated, moved, joined and cut."""
    v = Values(61)

    def both(name: str, *args: Any, **kw: Any) -> tuple[Any, Any]:
        return (lambda x: getattr(cr, name)(x, *args, **kw),
                lambda x: getattr(np, name)(x, *args, **kw))  # fmt: skip

    def joined(name: str, *shapes: tuple[int, ...]) -> Sample:
        return Sample(
            lambda *xs: getattr(cr, name)(xs), tuple(v(s) for s in shapes),
            lambda *xs: getattr(np, name)(xs), "fiub", label=str(shapes),
        )  # fmt: skip

    return {
        "repeat": [
            *shaped(*both("repeat", 2), (), (0,), (3,), (2, 3)),
            *shaped(*both("repeat", 3, -1), (0, 2), (2, 3)),
            *shaped(*both("repeat", [2, 0, 1], 1), (2, 3)),
            *shaped(*both("repeat", 0, 0), (2, 3)),
        ],
        "pad": [
            each for mode in ("edge", "reflect", "symmetric", "wrap")
            for widths, shapes in (
                ((1, 1), [(2,), (3, 2)]),
                ([(2, 1), (0, 3)], [(1, 1), (2, 3)]),
                ([(5, 0), (0, 8)], [(2, 3)]),
            )
            for each in shaped(*both("pad", widths, mode), *shapes, kinds="fi")
        ],
        "tile": [
            *shaped(*both("tile", 3), (), (0,), (2,), (2, 3)),
            *shaped(*both("tile", (2, 1, 2)), (), (3,), (2, 3), (2, 1, 3, 2)),
        ],
        "roll": [
            *shaped(*both("roll", 2), (), (0,), (3,), (2, 3)),
            *shaped(*both("roll", -7, 1), (2, 3)),
            *shaped(*both("roll", (1, 2), (0, 1)), (2, 3)),
            *shaped(*both("roll", 1, (0, 1)), (2, 3)),
            *shaped(*both("roll", (1, 1), 0), (3, 2)),
        ],
        "moveaxis": [
            *shaped(*both("moveaxis", 0, -1), (2,), (2, 3, 5)),
            *shaped(*both("moveaxis", (0, -1), (1, 0)), (2, 3, 5)),
        ],
        "atleast_1d": shaped(*both("atleast_1d"), (), (2,), (2, 3)),
        "atleast_2d": shaped(*both("atleast_2d"), (), (2,), (2, 3, 1)),
        "atleast_3d": shaped(*both("atleast_3d"), (), (2,), (2, 3), (2, 3, 1)),
        "flipud": shaped(*both("flipud"), (3,), (2, 3)),
        "fliplr": shaped(*both("fliplr"), (0, 2), (2, 3)),
        "rot90": [
            each for k in (0, 1, 2, 3, -1, 5)
            for each in shaped(*both("rot90", k), (2, 3), (2, 3, 2))
        ] + shaped(*both("rot90", 1, (2, 0)), (2, 3, 4)),
        "vstack": [joined("vstack", (2,), (2,)), joined("vstack", (1, 2), (3, 2))],
        "hstack": [joined("hstack", (), (2,)), joined("hstack", (2, 1), (2, 3))],
        "dstack": [joined("dstack", (2,), (2,)), joined("dstack", (2, 3), (2, 3))],
        "column_stack": [joined("column_stack", (2,), (2, 3)),
                         joined("column_stack", (3,), (3,))],
        "array_split": [
            *shaped(lambda x: tuple(cr.array_split(x, 3)),
                    lambda x: tuple(np.array_split(x, 3)), (1,), (0, 2), (7, 2)),
            *shaped(lambda x: tuple(cr.array_split(x, [1], 1)),
                    lambda x: tuple(np.array_split(x, [1], 1)), (2, 3)),
        ],
        "meshgrid": [
            Sample(lambda *xs, i=indexing: cr.meshgrid(*xs, indexing=i),
                   tuple(v((n,)) for n in sizes),
                   lambda *xs, i=indexing: tuple(np.meshgrid(*xs, indexing=i)), "fi",
                   label=f"{sizes} {indexing}")
            for sizes in [(3,), (2, 3), (2, 3, 4), (0, 2)] for indexing in ("xy", "ij")
        ],
    }  # fmt: skip


def of_matrices() -> dict[str, list[Sample]]:
    """Triangles, diagonals, products."""
    v = Values(71)

    def both(name: str, *args: Any, **kw: Any) -> tuple[Any, Any]:
        return (lambda x: getattr(cr, name)(x, *args, **kw),
                lambda x: getattr(np, name)(x, *args, **kw))  # fmt: skip

    def every(name: str, *shapes: tuple[int, ...]) -> list[Sample]:
        return [
            each
            for k in (0, 1, -1, 2, -3)
            for each in shaped(*both(name, k), *shapes, order=1)
        ]

    return {
        "tril": every("tril", (1, 1), (0, 2), (3, 2), (2, 2, 4)),
        "triu": every("triu", (1, 1), (0, 2), (3, 2), (2, 2, 4)),
        "diag": [
            *every("diag", (1,), (3,), (2, 3), (4, 2)),
            *shaped(*both("diag", 1), (0,), order=1),
        ],
        "diagonal": [
            *every("diagonal", (2, 3), (3, 2, 4), (0, 2)),
            *shaped(*both("diagonal", 1, -1, 0), (2, 3, 4)),
        ],
        "kron": [
            Sample(cr.kron, (v(a), v(b)), np.kron, "fiu", label=f"{a} {b}")
            for a, b in [((), ()), ((2,), (3,)), ((2, 3), (2,)), ((2, 1), (2, 3, 1))]
        ],
        "cross": [
            Sample(cr.cross, (v(a), v(b)), np.cross, "fi", label=f"{a} {b}")
            for a, b in [((3,), (3,)), ((2, 3), (3,)), ((2, 1, 3), (4, 3))]
        ] + [
            Sample(lambda a, b: cr.cross(a, b, 0), (v((3, 2)), v((3, 2))),
                   lambda a, b: np.cross(a, b, axis=0), "fi")
        ],
    }  # fmt: skip


def filled() -> dict[str, list[Sample]]:
    """Tensors in the shape of others, and evenly spaced numbers."""
    v = Values(81)

    def spaced(*args: Any, shapes: Any = ((), ()), **kw: Any) -> Sample:
        return Sample(
            lambda a, b: cr.linspace(a, b, *args, **kw), tuple(v(s) for s in shapes),
            lambda a, b: np.linspace(a, b, *args, **kw), label=f"{args} {kw}",
        )  # fmt: skip

    likes = {
        name: shaped(getattr(cr, name), getattr(np, name), (), (0,), (2, 3), order=0)
        for name in ("zeros_like", "ones_like")
    }
    return {
        **likes,
        "full_like": shaped(
            lambda x: cr.full_like(x, 1), lambda x: np.full_like(x, 1), (), (2, 3),
            order=0,
        ),
        "linspace": [
            spaced(5), spaced(1), spaced(0), spaced(4, False), spaced(2),
            spaced(3, shapes=((2,), ())), spaced(3, shapes=((2, 1), (3,)), axis=-1),
        ],
    }  # fmt: skip


def found() -> dict[str, list[Sample]]:
    """Places and counts."""
    v = Values(91)
    ascending = np.array([-1.5, -0.5, -0.5, 0.0, 0.75, 1.9])
    odd = np.array([-0.5, 0.0, np.nan, 5.0, -5.0, np.inf])
    points = np.sort(v((6,)))

    def searched(side: str, values: Array, vector: Array = ascending) -> Sample:
        return Sample(
            lambda a, x: cr.searchsorted(a, x, side), (vector, values),
            lambda a, x: np.searchsorted(a, x, side), "f", order=0, label=side,
        )  # fmt: skip

    def binned(x: Array, **kw: Any) -> Sample:
        return Sample(
            lambda x: cr.histogram(x, **kw), (x,), lambda x: np.histogram(x, **kw),
            "", order=0, label=str(kw),
        )  # fmt: skip

    return {
        "searchsorted": [
            searched(side, values, vector)
            for side in ("left", "right")
            for values in (v((2, 3)), odd)
            for vector in (ascending, ascending[:1], ascending[:0], np.append(
                ascending, [np.nan, np.nan]))
        ],
        "digitize": [
            Sample(lambda x, r=right: cr.digitize(x, ascending, r), (values,),
                   lambda x, r=right: np.digitize(x, ascending, r), "", order=0)
            for right in (False, True) for values in (v((2, 3)), odd)
        ],
        "interp": [
            Sample(cr.interp, (v((7,)), points, v((6,))), np.interp),
            Sample(lambda x, y: cr.interp(x, ascending[3:], y, left=-9.0, right=9.0),
                   (v((2, 3)), v((3,))),
                   lambda x, y: np.interp(x, ascending[3:], y, left=-9.0, right=9.0),
                   cast=()),
            Sample(lambda x: cr.interp(x, [0.5], [3.0]), (v((3,)),),
                   lambda x: np.interp(x, [0.5], [3.0]), cast=(), order=0),
        ],
        "count_nonzero": list(reductions(cr.count_nonzero, np.count_nonzero, empty=True,
                                         order=0)),
        "histogram": [
            binned(v((40,))), binned(v((3, 5)), bins=3),
            binned(v((40,)), bins=4, range=(-1.0, 1.0)),
            binned(v((40,)), bins=[-1.0, 0.0, 0.5, 3.0]),
            binned(v((40,)), bins=4, density=True), binned(np.full(3, 2.0)),
            binned(odd, bins=3, range=(0.0, 1.0)), binned(np.arange(9), bins=3),
            binned(v((5,)), bins=2, weights=np.array([1.0, 2.0, 0.5, 0.25, 3.0])),
        ],
    }  # fmt: skip


def all_samples() -> dict[str, list[Sample]]:
    """Public name → samples of the function of that name."""
    return {
        **trigonometry(),
        **gaps(),
        **ordered(),
        **moments(),
        **rearranged(),
        **of_matrices(),
        **filled(),
        **found(),
    }
