"""NumPy's other functions: odd points, huge values, what depends on values, messages.

Ordinary values, dtypes and shapes are in the tables of ``tests/contracts``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import (
    ArgumentError,
    BoundsError,
    ChainruleError,
    DataError,
    DTypeError,
    OptionError,
    ShapeError,
    TraceError,
)
from tests.agreement import each_engine

NAN, INF = math.nan, math.inf

DTYPES = ("float32", "float64")


def gradients(function: Callable[..., Any], *values: float) -> list[float]:
    """The derivatives of a function of numbers by each of them."""
    given = [cr.tensor(value, "float64") for value in values]
    grads = cr.backprop(function(*given) * 1.0)
    return [grads[each].item() for each in given]


def second(function: Callable[[Any], Any], at: float) -> float:
    """The second derivative of a function of one number."""
    slope = cr.grad(function)
    return float(cr.grad(slope)(cr.tensor(at, "float64")).item())


# Elementwise: precision. -------------------------------------------------------------

#: name → numbers at which a plain formula would overflow or cancel.
HARD: dict[str, list[float]] = {
    "sinh": [1e-12, -1e-5, 20.0, -88.0, 0.0],
    "cosh": [1e-12, 20.0, -88.0, 0.0],
    "arcsinh": [1e-12, -1e-5, 1e8, -1e30, INF, -INF, 0.0, NAN],
    "arccosh": [1.0, 1 + 1e-6, 1e8, 1e30, INF, 0.5, NAN],
    "arctanh": [1e-12, -1e-5, 0.999, 1.0, -1.0, 1.5],
    "arcsin": [1e-12, 0.99999, 1.0, -1.0, 1.5, NAN],
    "arccos": [1e-12, 0.99999, 1.0, -1.0, -1.5, NAN],
    "arctan": [1e-12, 1e30, INF, -INF, NAN],
    "tan": [1e-12, 1.57, 100.0, INF, NAN],
    "log2": [0.0, INF, -1.0, NAN, 1e-30, 1.0],
    "log10": [0.0, INF, -1.0, NAN, 1e-30, 1.0],
    "exp2": [-200.0, 200.0, -INF, INF, NAN, 0.5],
}


@each_engine
@pytest.mark.parametrize("name", HARD)
def test_nothing_cancels_or_overflows_before_the_result_does(
    name: str, engine: str
) -> None:
    ours = cr.compile(getattr(cr, name), engine=engine)
    for dtype in DTYPES:
        x = np.array(HARD[name], dtype)
        with np.errstate(all="ignore"):
            exact = getattr(np, name)(x.astype(np.float64)).astype(dtype)
        few = 16 * float(np.finfo(dtype).eps)
        for found in (getattr(cr, name)(x), ours(x)):
            np.testing.assert_allclose(found.numpy(), exact, rtol=few, atol=0)


@each_engine
@pytest.mark.parametrize("dtype", DTYPES)
def test_logarithms_of_powers_are_whole_numbers(dtype: str, engine: str) -> None:
    info = np.finfo(dtype)
    twos = np.arange(info.minexp, info.maxexp)
    tens = np.arange(-30, 31)
    for name, base, k in (("log2", 2.0, twos), ("log10", 10.0, tens)):
        x = np.power(base, k.astype(np.float64)).astype(dtype)
        for function in (
            getattr(cr, name),
            cr.compile(getattr(cr, name), engine=engine),
        ):
            np.testing.assert_array_equal(function(x).numpy(), k.astype(dtype))


@each_engine
@pytest.mark.parametrize("dtype", DTYPES)
def test_hypot_and_logaddexp_do_not_overflow(dtype: str, engine: str) -> None:
    info = np.finfo(dtype)
    big, small = float(info.max) / 2, float(info.tiny)
    lengths = np.array(
        [[big, big], [small, 0], [0, 0], [-3, 4], [INF, NAN], [NAN, -INF], [NAN, 1]],
        dtype,
    )
    sums = np.array(
        [
            *([1e4, 1e4], [-1e4, -1e4], [1, -big], [INF, -INF], [-INF, -INF]),
            *([INF, INF], [NAN, 1], [1, NAN], [-INF, 2.0]),
        ],
        dtype,
    )
    for name, x in (("hypot", lengths), ("logaddexp", sums)):
        with np.errstate(all="ignore"):
            exact = getattr(np, name)(*x.astype(np.float64).T).astype(dtype)
        ours = getattr(cr, name)
        for function in (ours, cr.compile(ours, engine=engine)):
            found = function(x[:, 0], x[:, 1]).numpy()
            np.testing.assert_allclose(found, exact, rtol=8 * float(info.eps))


@each_engine
@pytest.mark.parametrize("dtype", DTYPES)
def test_exp2_of_whole_numbers_is_a_power_of_2(dtype: str, engine: str) -> None:
    x = np.arange(-20, 21).astype(dtype)
    for function in (cr.exp2, cr.compile(cr.exp2, engine=engine)):
        np.testing.assert_array_equal(function(x).numpy(), np.ldexp(1.0, x.astype(int)))


def test_rounding_to_decimals_is_numpys() -> None:
    x = np.array([0.125, -2.675, 1e5 + 0.5, 2.5])
    for decimals in (0, 1, 2, -1):
        found = cr.round(x, decimals).numpy()
        np.testing.assert_array_equal(found, np.round(x, decimals))
    assert cr.round(cr.tensor([15, 25]), -1).numpy().tolist() == [20.0, 20.0]


# Elementwise: derivatives where the formula has a corner or a root. ------------------


def test_derivatives_at_0_are_those_of_the_function() -> None:
    for name in ["tan", "arcsin", "arctan", "sinh", "arcsinh", "arctanh"]:
        function = getattr(cr, name)
        assert gradients(function, 0.0) == [1.0], name
        assert second(function, 0.0) == 0.0, name
    assert gradients(cr.arccos, 0.0) == [-1.0]
    assert gradients(cr.cosh, 0.0) == [0.0]
    assert second(cr.cosh, 0.0) == 1.0


def test_the_derivative_of_cosh_does_not_cancel_near_0() -> None:
    x = cr.tensor(1e-3, "float32")
    found = cr.grad(cr.cosh)(x).item()
    assert found == pytest.approx(math.sinh(1e-3), rel=1e-6)


def test_derivatives_at_the_ends_of_arcsin_and_arccos_are_infinite() -> None:
    assert gradients(cr.arcsin, 1.0) == [INF] == gradients(cr.arcsin, -1.0)
    assert gradients(cr.arccos, 1.0) == [-INF] == gradients(cr.arccos, -1.0)
    assert gradients(cr.arccosh, 1.0) == [INF]


def test_hypot_has_gradient_0_at_0_and_shares_it_where_both_are_equal() -> None:
    assert gradients(cr.hypot, 0.0, 0.0) == [0.0, 0.0]
    assert gradients(cr.hypot, 3.0, -4.0) == pytest.approx([0.6, -0.8])
    assert gradients(cr.hypot, 2.0, 2.0) == pytest.approx([0.5**0.5] * 2)
    one = cr.tensor([1.0, 1.0], "float64")
    found = cr.hessian(lambda x: cr.hypot(x[0], x[1]))(one).numpy()
    exact = np.array([[1, -1], [-1, 1]]) / 2**1.5
    np.testing.assert_allclose(found, exact, atol=1e-15)


def test_logaddexp_has_the_derivatives_of_a_sigmoid_also_where_both_are_equal() -> None:
    assert gradients(cr.logaddexp, 2.0, 2.0) == [0.5, 0.5]
    assert gradients(cr.logaddexp, 1000.0, 0.0) == [1.0, 0.0]
    assert gradients(cr.logaddexp, -INF, 2.0) == [0.0, 1.0]
    equal = cr.tensor([3.0, 3.0], "float64")
    found = cr.hessian(lambda x: cr.logaddexp(x[0], x[1]))(equal).numpy()
    np.testing.assert_allclose(found, [[0.25, -0.25], [-0.25, 0.25]], atol=1e-15)


def test_log2_has_its_derivative_also_at_powers_of_2() -> None:
    assert gradients(cr.log2, 8.0) == pytest.approx([1 / (8 * math.log(2))], rel=1e-14)


def test_what_nan_to_num_replaces_has_no_gradient() -> None:
    x = cr.tensor([NAN, INF, -INF, 2.0])
    grads = cr.backprop((cr.nan_to_num(x, posinf=1.0, neginf=1.0) * 3.0).sum())
    assert grads[x].numpy().tolist() == [0.0, 0.0, 0.0, 3.0]


@pytest.mark.parametrize(
    "name", ["nansum", "nanmean", "nanmax", "nanmin", "nanvar", "nanstd", "nanprod"]
)
def test_no_gradient_reaches_a_nan_and_none_becomes_nan(name: str) -> None:
    x = cr.tensor([[NAN, 2.0, 5.0], [1.0, NAN, 7.0]])
    grads = cr.backprop(getattr(cr, name)(x, axis=1).sum())
    found = grads[x].numpy()
    assert np.isfinite(found).all()
    assert not found[0, 0] and not found[1, 1]


def test_statistics_without_nan_of_nothing_are_numpys() -> None:
    nothing = cr.tensor([NAN, NAN])
    for name, value in (("nansum", 0.0), ("nanprod", 1.0)):
        assert getattr(cr, name)(nothing).item() == value
    for name in ("nanmean", "nanmax", "nanmin", "nanvar"):
        assert math.isnan(getattr(cr, name)(nothing).item()), name
    assert math.isnan(cr.nanvar(cr.tensor([3.0, NAN]), ddof=1).item())


# Quantiles. ---------------------------------------------------------------------------


@each_engine
def test_quantiles_of_nan_are_nan_as_in_numpy(engine: str) -> None:
    x = np.array([[1.0, NAN, 3.0], [4.0, 2.0, 9.0], [NAN, NAN, NAN]])
    shares = [0.0, 0.3, 1.0]
    for ours, theirs in (
        (lambda x: cr.median(x, 1), np.median(x, 1)),
        (lambda x: cr.quantile(x, shares, 1), np.quantile(x, shares, 1)),
    ):
        for function in (ours, cr.compile(ours, engine=engine)):
            np.testing.assert_array_equal(function(x).numpy(), theirs)


def test_a_quantile_among_infinities_is_no_nan() -> None:
    assert cr.median(cr.tensor([INF, INF, 1.0, INF])).item() == INF
    assert cr.median(cr.tensor([-INF, -INF])).item() == -INF
    assert cr.quantile(cr.tensor([0.0, INF]), 0.5).item() == INF
    assert cr.quantile(cr.tensor([0.0, INF]), 0.0).item() == 0.0
    assert cr.quantile(cr.tensor([-INF, 5.0]), 0.5, method="higher").item() == 5.0
    assert math.isnan(cr.quantile(cr.tensor([-INF, INF]), 0.5).item())


def test_a_quantile_of_equal_elements_is_that_element() -> None:
    x = cr.full((7,), 0.1)
    shares = np.linspace(0, 1, 23)
    assert (cr.quantile(x, shares).numpy() == np.float32(0.1)).all()


def test_the_gradient_of_a_quantile_goes_to_its_neighbours() -> None:
    x = cr.tensor([4.0, 1.0, 3.0, 2.0])
    grads = cr.backprop(cr.quantile(x, 0.4))  # place 1.2: from 2 on towards 3
    np.testing.assert_allclose(grads[x].numpy(), [0, 0, 0.2, 0.8], atol=1e-6)
    grads = cr.backprop(cr.median(x))
    assert grads[x].numpy().tolist() == [0.0, 0.0, 0.5, 0.5]


def test_a_quantile_is_exact_in_a_million_elements() -> None:
    x = np.arange(1_000_001, dtype=np.float64)
    assert cr.quantile(x, 0.1).item() == 100_000.0
    assert cr.percentile(x, 99.9).item() == np.percentile(x, 99.9)


def test_a_correlation_is_never_above_1() -> None:
    rng = np.random.default_rng(0)
    row = rng.normal(size=(1, 9)).astype(np.float32)
    x = row * rng.normal(size=(50, 1)).astype(np.float32)
    assert np.abs(cr.corrcoef(x).numpy()).max() <= 1.0
    assert math.isnan(cr.corrcoef([[1.0, 1.0, 1.0], [1.0, 2.0, 3.0]]).numpy()[0, 1])


# What depends on values. --------------------------------------------------------------


def test_unique_and_nonzero_are_numpys() -> None:
    x = np.array([[3, 0, 1], [0, 3, 3]])
    t = cr.tensor(x)
    for found, wanted in (
        (cr.nonzero(t), np.nonzero(x)),
        (cr.unique(t, True, True, True), np.unique(x, True, True, True)),
        ((cr.unique(t),), (np.unique(x),)),
        ((cr.unique(t, axis=1),), (np.unique(x, axis=1),)),
        ((cr.flatnonzero(t),), (np.flatnonzero(x),)),
        ((cr.argwhere(t),), (np.argwhere(x),)),
    ):
        assert len(found) == len(wanted)
        for ours, theirs in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(ours.numpy(), theirs)
            assert ours.dtype == theirs.dtype
    assert x[tuple(each.numpy() for each in cr.nonzero(t))].tolist() == [3, 1, 3, 3]
    assert t[cr.nonzero(t)].numpy().tolist() == [3, 1, 3, 3]


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint64", "int64"])
def test_bincount_takes_integers_of_every_kind(dtype: str) -> None:
    counts = cr.bincount(np.array([3, 0, 3], dtype)).numpy()
    assert counts.tolist() == [1, 0, 0, 2]


def test_bincount_is_numpys_and_has_a_gradient_by_the_weights() -> None:
    x = np.array([1, 4, 1, 0])
    assert cr.bincount(x).numpy().tolist() == np.bincount(x).tolist()
    assert cr.bincount(x, minlength=7).numpy().tolist() == [1, 2, 0, 0, 1, 0, 0]
    assert cr.bincount(np.zeros(0, int), minlength=2).numpy().tolist() == [0, 0]
    w = cr.tensor([1.0, 2.0, 3.0, 4.0])
    counts = cr.bincount(x, w)
    assert counts.numpy().tolist() == [4.0, 4.0, 0.0, 0.0, 2.0]
    grads = cr.backprop((counts * cr.arange(5.0)).sum())
    assert grads[w].numpy().tolist() == [1.0, 4.0, 1.0, 0.0]


@pytest.mark.parametrize(
    "name", ["nonzero", "unique", "argwhere", "flatnonzero", "bincount"]
)
def test_a_shape_that_depends_on_values_is_one_error_under_compile(name: str) -> None:
    with pytest.raises(TraceError, match=f"^{name}: .*depends on the values") as error:
        cr.compile(lambda x: getattr(cr, name)(x))(cr.tensor([1, 0, 2]))
    assert "cr." in error.value.fix


@each_engine
def test_histograms_count_every_element_once(engine: str) -> None:
    x = np.random.default_rng(3).normal(size=5000).astype(np.float32)
    for options in ({}, {"bins": 37}, {"bins": 5, "range": (-1.0, 2.0)}):
        call = cr.compile(lambda x, o=options: cr.histogram(x, **o), engine=engine)
        counts, edges = call(x)
        theirs, _ = np.histogram(x, bins=edges.numpy())
        np.testing.assert_array_equal(counts.numpy(), theirs)
        np.testing.assert_allclose(edges.numpy(), np.histogram(x, **options)[1], 1e-5)


@each_engine
def test_searchsorted_is_right_in_vectors_of_any_length(engine: str) -> None:
    values = np.linspace(-1.0, 20.0, 85).round(1)
    for n in (0, 1, 2, 3, 7, 8, 9, 16, 17):
        vector = np.arange(n) * 1.0
        for side in ("left", "right"):
            found = cr.compile(
                lambda a, v, s=side: cr.searchsorted(a, v, s), engine=engine
            )(vector, values)
            theirs = np.searchsorted(vector, values, side)  # type: ignore[call-overload]
            np.testing.assert_array_equal(found.numpy(), theirs)
    shuffled = np.array([3.0, 1.0, 2.0])
    order = np.argsort(shuffled)
    assert cr.searchsorted(shuffled, [1.5, 9.0], sorter=order).numpy().tolist() == [
        1,
        3,
    ]


def test_linspace_ends_exactly_where_it_is_told_to() -> None:
    start, stop = cr.tensor(0.1), cr.tensor(0.7)
    for n in range(2, 60):
        points = cr.linspace(start, stop, n).numpy()
        assert points[0] == np.float32(0.1) and points[-1] == np.float32(0.7)
    grads = cr.backprop(cr.linspace(start, stop, 5)[1])
    assert grads[start].item() == pytest.approx(0.75)
    assert grads[stop].item() == pytest.approx(0.25)


def test_tensors_like_another_have_its_shape_and_dtype() -> None:
    for dtype in ("float32", "float64", "int32", "bool"):
        x = cr.tensor([[1, 0]], dtype)
        for like in (cr.zeros_like(x), cr.ones_like(x), cr.full_like(x, 1)):
            assert (like.shape, like.dtype) == (x.shape, x.dtype)
    assert cr.zeros_like(cr.parameter([1.0]), dtype="int64").dtype == np.int64


def test_functions_of_bare_numbers_and_lists_are_float32() -> None:
    for name in ["tan", "arctan", "sinh", "cosh", "arcsinh", "log2", "exp2", "median"]:
        assert getattr(cr, name)([1, 2]).dtype == np.float32, name


# Methods. -----------------------------------------------------------------------------


def test_tensors_have_the_methods_of_numpys_arrays() -> None:
    x = np.array([[3.25, 0.0], [1.5, -2.75]])
    t = cr.tensor(x)
    for name, args in (
        ("cumprod", (0,)),
        ("diagonal", ()),
        ("diagonal", (1,)),
        ("repeat", (2, 1)),
        ("round", ()),
        ("round", (1,)),
        ("nonzero", ()),
        ("ravel", ()),
    ):
        ours, theirs = getattr(t, name)(*args), getattr(x, name)(*args)
        for found, wanted in zip(
            ours if isinstance(ours, tuple) else (ours,),
            theirs if isinstance(theirs, tuple) else (theirs,),
            strict=True,
        ):
            np.testing.assert_array_equal(found.numpy(), wanted)


def test_flatten_joins_the_axes_from_one_on() -> None:
    x = cr.zeros((2, 3, 4))
    assert x.flatten().shape == (24,)
    assert x.flatten(1).shape == (2, 12)
    assert x.flatten(-2).shape == (2, 12)
    assert cr.zeros(()).flatten().shape == (1,)
    with pytest.raises(ShapeError):
        x.flatten(3)


# Messages. ----------------------------------------------------------------------------


def _traced_shares() -> Any:
    return cr.compile(lambda x, q: cr.quantile(x, q))(cr.ones(3), cr.tensor(0.5))


#: (call, class, the first line of the message, how it is mended)
MESSAGES: list[tuple[Callable[[], Any], type[ChainruleError], str, str | None]] = [
    (
        lambda: cr.quantile([1.0], 50),
        ArgumentError,
        "quantile: q=50: expected from 0 to 1",
        "cr.percentile takes percentages",
    ),
    (
        lambda: cr.percentile([1.0], [-1.0, 2.0]),
        ArgumentError,
        "percentile: q=-1: expected from 0 to 100",
        None,
    ),
    (
        lambda: cr.quantile([1.0], NAN),
        ArgumentError,
        "quantile: q=nan: expected from 0 to 1",
        "cr.percentile takes percentages",
    ),
    (
        lambda: cr.median(cr.zeros((3, 0)), 1),
        ShapeError,
        "median: (3, 0) over axis=1: no elements to choose from",
        None,
    ),
    (
        lambda: cr.quantile([1.0], 0.5, method="linaer"),
        OptionError,
        "unknown method of quantile 'linaer': expected one of 'higher', 'linear', "
        "'lower', 'midpoint'",
        "did you mean 'linear'?",
    ),
    (
        _traced_shares,
        TraceError,
        "quantile: q (): its places depend on the values of q, which are not known "
        "while a function is traced",
        "give q as a number, or as an array from outside of the function",
    ),
    (
        lambda: cr.nonzero(cr.compile(lambda x: cr.nonzero(x))(cr.tensor([1, 0]))),
        TraceError,
        "nonzero: x (2,): how many there are depends on the values, which are not "
        "known while a function is traced",
        "call it outside of the compiled function, and hand over the result; inside, "
        "cr.where(mask, x, 0.0) keeps the shape",
    ),
    (
        lambda: cr.compile(lambda x: cr.bincount(x))(cr.tensor([1, 0])),
        TraceError,
        "bincount: x (2,): the size of the result depends on the values, which are not "
        "known while a function is traced",
        "cr.scatter_add(weights, x, size=n), where n is known beforehand",
    ),
    (
        lambda: cr.bincount([0.5, 1.0]),
        DTypeError,
        "bincount: (2,) is float32: expected integers",
        "convert it: x.astype('int64')",
    ),
    (
        lambda: cr.bincount([2, -1]),
        BoundsError,
        "bincount: number -1 at row 1: expected 0 or more",
        None,
    ),
    (
        lambda: cr.average(cr.zeros((2, 3)), 0, weights=[1.0, 2.0, 3.0]),
        ShapeError,
        "average: x (2, 3) with weights (3,) over axis=0: expected weights of the "
        "shape of x, or a vector along one axis",
        None,
    ),
    (
        lambda: cr.cov(cr.zeros((2, 1))),
        ArgumentError,
        "cov: x (2, 1): 1 observations with ddof=1 leave nothing to divide by",
        None,
    ),
    (
        lambda: cr.cov(cr.zeros((2, 2, 2))),
        ShapeError,
        "cov: (2, 2, 2): expected a vector or a matrix of variables and observations",
        None,
    ),
    (
        lambda: cr.repeat([1, 2, 3], [1, 2]),
        ShapeError,
        "repeat: (3,) with repeats (2,): axis 0 has 3 elements; expected one "
        "number, or one for each",
        None,
    ),
    (
        lambda: cr.repeat([1, 2, 3], -1),
        ArgumentError,
        "repeat: repeats=-1: expected whole numbers, 0 or more",
        None,
    ),
    (
        lambda: cr.roll([1, 2, 3], 1.5),
        ArgumentError,
        "roll: shift=1.5: expected a whole number",
        None,
    ),
    (
        lambda: cr.roll(cr.zeros((2, 2)), (1, 2), (0, 1, 1)),
        ShapeError,
        "roll: 2 shifts along 3 axes: expected one shift, or one for each axis",
        None,
    ),
    (
        lambda: cr.tril([1.0, 2.0]),
        ShapeError,
        "tril: (2,): expected a matrix, or several: at least two axes",
        None,
    ),
    (
        lambda: cr.diag(cr.zeros((2, 2, 2))),
        ShapeError,
        "diag: (2, 2, 2): expected a vector or a matrix",
        "cr.diagonal(x, axis1=-2, axis2=-1) takes those of several matrices",
    ),
    (
        lambda: cr.cross([1.0, 2.0], [3.0, 4.0]),
        ShapeError,
        "cross: (2,) and (2,): axis -1 must have 3 elements in both",
        None,
    ),
    (
        lambda: cr.histogram([1.0, NAN]),
        DataError,
        "histogram: x (2,) has a NaN or an infinity: its range is not finite",
        "range=(first, last), or x[cr.isfinite(x)]",
    ),
    (
        lambda: cr.histogram([1.0], bins=0),
        ArgumentError,
        "histogram: bins=0: expected at least 1",
        None,
    ),
    (
        lambda: cr.histogram([1.0], bins=[1.0, 0.0]),
        ArgumentError,
        "histogram: bins: the edges must be in ascending order",
        None,
    ),
    (
        lambda: cr.histogram([1.0], range=(2.0, 1.0)),
        ArgumentError,
        "histogram: range=(2.0, 1.0): expected two numbers, the smaller first",
        None,
    ),
    (
        lambda: cr.searchsorted(cr.zeros((2, 2)), 1.0),
        ShapeError,
        "searchsorted: a (2, 2): expected a sorted vector, (n,)",
        None,
    ),
    (
        lambda: cr.searchsorted([1.0], 1.0, side="middle"),
        ArgumentError,
        "searchsorted: side='middle': expected 'left' or 'right'",
        None,
    ),
    (
        lambda: cr.diff([1.0, 2.0], -1),
        ArgumentError,
        "diff: n=-1: expected a whole number, 0 or more",
        None,
    ),
    (
        lambda: cr.linspace(0, 1, -1),
        ArgumentError,
        "linspace: num=-1: expected a whole number, 0 or more",
        None,
    ),
    (
        lambda: cr.meshgrid([1.0], indexing="yx"),
        ArgumentError,
        "meshgrid: indexing='yx': expected 'xy' or 'ij'",
        None,
    ),
    (
        lambda: cr.array_split([1.0], 0),
        ArgumentError,
        "array_split: parts=0: expected at least 1",
        None,
    ),
    (
        lambda: cr.interp([1.0], [0.0, 1.0], [1.0]),
        ShapeError,
        "interp: xp (2,) and fp (1,): expected two vectors with as many elements, at "
        "least one",
        None,
    ),
    (
        lambda: cr.moveaxis(cr.zeros((2, 3)), (0, 0), (0, 1)),
        ShapeError,
        "moveaxis: source=(0, 0), destination=(0, 1): expected as many places as axes, "
        "and none twice",
        None,
    ),
    (
        lambda: cr.pad(cr.zeros((2, 3)), (1, 1, 2, 2)),
        ShapeError,
        "pad: (2, 3) with widths (1, 1, 2, 2): expected (before, after) for every axis",
        "the first axis first, and a pair for each: [(0, 0), (1, 1)]",
    ),
    (
        lambda: cr.pad(cr.zeros((2, 3)), [(1, 1)]),
        ShapeError,
        "pad: (2, 3) with widths [(1, 1)]: expected one (before, after) for each of "
        "the 2 axes",
        None,
    ),
    (
        lambda: cr.pad(cr.zeros(2), 1, 0.5),  # type: ignore[arg-type]
        ArgumentError,
        "pad: mode=0.5: expected a name, such as 'constant' or 'edge'",
        "value=0.5",
    ),
    (
        lambda: cr.pad(cr.zeros(2), 1, "replicate"),
        OptionError,
        "unknown mode of pad 'replicate': expected one of 'constant', 'edge', "
        "'reflect', 'symmetric', 'wrap'",
        "mode='edge'",
    ),
    (
        lambda: cr.pad(cr.zeros((2, 0)), 1, "wrap"),
        ShapeError,
        "pad: (2, 0): axis 1 has no elements to continue with mode='wrap'",
        None,
    ),
    (
        lambda: cr.pad(cr.zeros(2), (0, -1), "edge"),
        ArgumentError,
        "pad: widths [(0, -1)]: each must be at least 0",
        None,
    ),
    (
        lambda: cr.tril(cr.zeros((2, 2)), k=0.5),  # type: ignore[arg-type]
        ArgumentError,
        "tril: k=0.5: expected a whole number",
        None,
    ),
    (
        lambda: cr.vstack(3.0),  # type: ignore[arg-type]
        ArgumentError,
        "vstack: 3.0: expected several tensors, in a list or tuple",
        None,
    ),
    (
        lambda: cr.linspace("0", 1),
        ArgumentError,
        "linspace: start='0': expected numbers",
        None,
    ),
    (
        lambda: cr.quantile([1.0], "half"),
        ArgumentError,
        "quantile: q='half': expected numbers",
        None,
    ),
    (
        lambda: cr.cov([[1.0, 2.0]], ddof="n"),  # type: ignore[arg-type]
        ArgumentError,
        "cov: ddof='n': expected numbers",
        None,
    ),
    (
        lambda: cr.pad(cr.zeros(2), 1.5),  # type: ignore[arg-type]
        ArgumentError,
        "pad: widths=1.5: expected a whole number, or (before, after) for every axis",
        None,
    ),
    (
        lambda: cr.rot90(cr.zeros((2, 3)), axes=(1, -1)),
        ShapeError,
        "rot90: axes=(1, -1): expected two different axes",
        None,
    ),
]


@pytest.mark.parametrize(
    ("call", "kind", "what", "fix"), MESSAGES, ids=[row[2][:40] for row in MESSAGES]
)
def test_what_does_not_fit_is_said(
    call: Callable[[], Any], kind: type[ChainruleError], what: str, fix: str | None
) -> None:
    with pytest.raises(kind) as error:
        call()
    assert (error.value.what, error.value.fix) == (what, fix)
