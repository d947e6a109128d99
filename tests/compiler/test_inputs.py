"""What becomes of arguments: float64 that nobody asked for, numbers, many kinds; and
what a step that is watched says of a NaN.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, tree
from chainrule.compiler.compile import MANY_SIGNATURES
from chainrule.errors import NumericsError
from tests.agreement import each_engine

WIDE = np.random.default_rng(0).normal(size=(4, 3))
NARROW = WIDE.astype(np.float32)


# float64. -----------------------------------------------------------------------------


def test_a_float64_array_is_float32_where_all_parameters_are() -> None:
    """In an own loop, compiled and at once, in fit and predict: one program."""
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    optimizer = optim.Adam(model.parameters(), lr=0.01)

    @cr.compile
    def step(x: Any, y: Any) -> Any:
        loss = ((model(x) - y) ** 2).mean()
        optimizer.step(cr.backprop(loss))
        return loss

    targets = np.zeros((4, 2))
    for x, y in ((WIDE, targets), (NARROW, targets.astype("f")), (WIDE, targets)):
        assert step(x, y).dtype == np.float32
    assert len(step.specialisations) == 1
    assert [n.dtype for n in step.specialisations[0].graph.inputs] == ["float32"] * 2
    predict = cr.compile(model)
    for y in (predict(WIDE), predict(NARROW), model(WIDE), model(NARROW)):
        assert y.dtype == np.float32
        np.testing.assert_allclose(y.numpy(), predict(NARROW).numpy(), rtol=1e-5)
    cr.fit(model, (WIDE, np.zeros((4, 2))), loss="mse", epochs=1, progress=False)
    assert {p.dtype for p in model.parameters()} == {np.dtype("float32")}


@each_engine
def test_the_program_for_float64_arrays_is_that_of_float32_in_either_order(
    engine: str,
) -> None:
    w = cr.parameter(np.ones(3), dtype="float32")
    for first, second in ((WIDE, NARROW), (NARROW, WIDE)):
        run = cr.compile(lambda x, flag: (x * w).sum(axis=1), engine=engine)
        a, b = run(first, flag=True), run(second, flag=True)
        assert a.dtype == b.dtype == np.float32
        np.testing.assert_array_equal(a.numpy(), b.numpy())
        assert len(run.specialisations) == 1
        assert run.explain(WIDE, flag=True).arguments == ("x: float32[4, 3]",)


def test_float64_that_was_asked_for_is_kept() -> None:
    w = cr.parameter(np.ones(3), dtype="float32")
    run = cr.compile(lambda x: x * w)
    assert run(cr.tensor(WIDE)).dtype == np.float64
    assert run(WIDE).dtype == np.float32
    layer = nn.Linear(3, 3)
    assert layer(cr.tensor(WIDE)).dtype == np.float64
    for model in (layer.astype("float64"), nn.ReLU()):
        assert model(WIDE).dtype == np.float64
        assert cr.compile(model)(WIDE).dtype == np.float64
    assert cr.compile(lambda x: cr.exp(x))(WIDE).dtype == np.float64
    both = cr.compile(lambda x: (x * w).sum() + (x * cr.parameter(1.0, "float64")))
    assert both(WIDE).dtype == np.float64


def test_an_array_beside_a_float64_tensor_is_converted_alone() -> None:
    w = cr.parameter(np.ones(3), dtype="float32")
    run = cr.compile(lambda x, t: (x * w, t * 2))
    x, t = run(WIDE, cr.tensor(WIDE))
    assert (x.dtype, t.dtype) == ("float32", "float64")
    np.testing.assert_array_equal(t.numpy(), WIDE * 2)


def test_a_captured_float64_array_given_to_a_model_is_read_anew_as_float32() -> None:
    model, x = nn.Linear(3, 2), WIDE.copy()
    run = cr.compile(lambda: model(x))
    assert run().dtype == np.float32
    x[:] = 0.0
    np.testing.assert_allclose(run().numpy(), model(x).numpy(), rtol=1e-6)
    assert len(run.specialisations) == 1


def test_a_model_that_becomes_float64_is_noticed() -> None:
    model = nn.Linear(3, 2)
    run = cr.compile(lambda x: model(x))
    assert run(WIDE).dtype == np.float32
    model.weight = cr.parameter(np.ones((2, 3)), "float64")
    model.bias = cr.parameter(np.ones(2), "float64")
    assert run(WIDE).dtype == np.float64


# Many kinds. --------------------------------------------------------------------------


def warned(run: Any, *calls: tuple[Any, ...]) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for arguments in calls:
            run(*arguments)
    assert all(each.filename == __file__ for each in caught)
    return [str(each.message) for each in caught]


def test_many_kinds_of_arguments_are_one_warning_that_says_what_varied() -> None:
    def pad(x: Any, kind: Any) -> Any:
        return x * 2

    lengths = [(np.ones((2, n, 3), "f"), "a") for n in range(1, MANY_SIGNATURES + 4)]
    assert warned(cr.compile(pad), *lengths) == [
        "compile: pad has been compiled for 9 kinds of arguments: axis 1 of x was "
        "1, 2, 3, 4, 5, …; lengths: data.bucket_by_length or padding gives few of "
        "them; drop a short last batch"
    ]
    kinds = [(1.0, f"kind {n}") for n in range(MANY_SIGNATURES + 4)]
    (message,) = warned(cr.compile(pad), *kinds)
    assert "9 kinds of arguments: kind was 'kind 0', 'kind 1', " in message
    mixed = [(np.ones((1,) * n, d), "") for n in range(1, 6) for d in ("f", "i")]
    (message,) = warned(cr.compile(pad), *mixed)
    assert "x was (1,), (1, 1), (1, 1, 1)" in message
    assert "and x was of float32, int32" in message
    nested = [([1.0] * n, "") for n in range(12)]
    run = cr.compile(lambda x, kind: sum(x, cr.zeros(())))
    (message,) = warned(run, *nested)
    assert "arguments were given or nested in different ways" in message


def test_eight_kinds_are_no_cause_for_a_warning() -> None:
    run = cr.compile(lambda x: x * 2)
    sizes = [(np.ones(n, "f"),) for n in range(MANY_SIGNATURES)]
    assert warned(run, *sizes, *sizes) == []


def test_arrays_of_float64_that_are_read_as_float32_count_once() -> None:
    model = nn.Linear(3, 2)
    sizes = [(np.ones((n, 3)),) for n in range(1, MANY_SIGNATURES + 1)]
    run = cr.compile(lambda x: model(x))
    assert warned(run, *sizes) == []
    (message,) = warned(run, (np.ones((20, 3)),))
    assert "for 9 kinds of arguments: axis 0 of x was 1, 2, 3, 4, 5, …; " in message
    assert "float64" not in message


# NaN. ---------------------------------------------------------------------------------


@each_engine
def test_a_watched_step_names_the_operation_that_made_a_nan(engine: str) -> None:
    w = cr.parameter([1.0, 2.0], name="w")
    count = cr.Variable(0)

    @cr.compile(engine=engine)
    def step(x: Any) -> Any:
        count.assign(count + 1)
        loss = cr.log(w * x).sum()
        w.assign(w + 0.1 * cr.backprop(loss)[w])
        return loss

    cr.config.check_numerics = True
    good = np.array([1.0, 1.0], np.float32)
    step(good)
    before = w.numpy().copy()
    with pytest.raises(NumericsError) as caught:
        step(np.array([1.0, -1.0], np.float32))
    assert caught.value.what.startswith("step: log: NaN in 1 of 2 values, first made")
    assert caught.value.what.endswith("; no variable has changed")
    assert caught.value.at is not None
    assert caught.value.at.text.startswith("loss = cr.log(")
    np.testing.assert_array_equal(w.numpy(), before)
    assert count.item() == 1
    cr.config.check_numerics = False
    assert np.isnan(step(np.array([1.0, -1.0], np.float32)).item())


def test_a_variable_that_becomes_infinite_is_noticed_behind_a_finite_loss() -> None:
    w = cr.Variable(np.float32(1e30))

    @cr.compile
    def step() -> Any:
        w.assign(w * 1e20)
        return cr.zeros(())

    cr.config.check_numerics = True
    with pytest.raises(NumericsError, match="step: multiply: Inf in 1 of 1 values"):
        step()
    assert w.item() == pytest.approx(1e30)


# Integers. ----------------------------------------------------------------------------


def counted(f: Any) -> tuple[Any, list[int]]:
    """The function, and a list with one element for each time that it is traced."""
    traced: list[int] = []

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        traced.append(1)
        return f(*args, **kwargs)

    return wrapper, traced


SCALARS = [
    lambda x, n: x * n,
    lambda x, n: n - x,
    lambda x, n: x / n + n * x,
    lambda x, n: cr.where(x > n, x, n),
    lambda x, n: cr.sum(x) + cr.exp(x * n),
    lambda x, n: (x, n, {"n": n}),
    lambda x, n: cr.scan(lambda c, row: (c * n + row, None), x[0] * 0, x)[0],
    lambda x, n: cr.value_and_grad(lambda w: (w * n).sum())(x),
]


@each_engine
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8", "bool"])
def test_an_integer_that_varies_is_an_input_with_the_dtype_it_has_eagerly(
    engine: str, dtype: str
) -> None:
    x = np.array([[1, 0, 3], [1, 1, 2]]).astype(dtype)
    for f in SCALARS:
        if dtype in ("int32", "uint8", "bool") and f in SCALARS[-2:]:
            continue  # no gradient, or a carry of another dtype
        run = cr.compile(f, engine=engine)
        for n in (3, 2, 7, 1, 9):
            got, wanted = run(cr.tensor(x), n), f(cr.tensor(x), n)
            pairs = zip(*(tree.flatten(v)[0] for v in (got, wanted)), strict=True)
            for a, b in pairs:
                b = cr.tensor(b) if isinstance(b, int) else b
                assert a.dtype == b.dtype
                np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)
        assert len(run.specialisations) == 2  # with the first value, and with any


NEEDED = [
    lambda x, n: sum((x * i for i in range(n)), x),
    lambda x, n: x.reshape(n, -1) if x.size % n == 0 else x,
    lambda x, n: x if n > 3 else -x,
    lambda x, n: x[n % 2],
    lambda x, n: x.sum(axis=n % 2),
    lambda x, n: x * np.sqrt(n),
    lambda x, n: x * np.full(3, n),
    lambda x, n: x * (n + 1),
    lambda x, n: x * [1.0, 2.0, 3.0][n % 3],
    lambda x, n: x * float(str(n)),
    lambda x, n: x + cr.zeros((n,)).sum(),
    lambda x, n: x * {3: 1.0}.get(n, 2.0),
]


@pytest.mark.parametrize("f", NEEDED)
def test_an_integer_whose_value_is_needed_has_a_program_for_each(f: Any) -> None:
    g, traced = counted(f)
    run, x = cr.compile(g), cr.tensor(NARROW[:3])
    for n in (3, 2, 6, 2, 3):
        got, wanted = run(x, n), f(x, n)
        assert got.dtype == wanted.dtype
        np.testing.assert_allclose(got.numpy(), wanted.numpy(), rtol=1e-6)
    assert len(run.specialisations) == 3
    assert len(traced) == 4  # once it was tried without the value


def test_a_value_that_is_asked_for_behind_an_except_is_noticed() -> None:
    def f(x: Any, n: int) -> Any:
        try:
            return x * 2 if n > 3 else x
        except Exception:  # noqa: BLE001
            return x * 0

    run = cr.compile(f)
    assert [run(1.0, n).item() for n in (1, 2, 5)] == [1.0, 1.0, 2.0]


def test_an_integer_too_large_for_the_dtype_beside_it_is_an_error_as_at_once() -> None:
    x = cr.tensor(np.ones(2, np.int8))
    run = cr.compile(lambda x, n: x + n)
    assert [run(x, n).dtype for n in (1, 2, 3)] == ["int8"] * 3
    for call in (run, lambda x, n: x + n):
        with pytest.raises(cr.errors.DTypeError, match="300 does not fit int8"):
            call(x, 300)


def test_one_integer_is_an_input_where_another_is_not_and_none_shifts_neither() -> None:
    def f(nothing: None, a: int, x: Any, b: int, *, flag: bool = True) -> Any:
        return sum((x * a for _ in range(b)), x) if flag else x

    g, traced = counted(f)
    run, x = cr.compile(g), cr.tensor(NARROW)
    for a, b in ((1, 2), (1, 3), (4, 3), (5, 3), (6, 2), (7, 2)):
        wanted = f(None, a, x, b).numpy()
        np.testing.assert_allclose(run(None, a, x, b).numpy(), wanted, rtol=1e-6)
    # (1, 2); b tried; (1, 3); any a with 3; any a with 2
    assert len(traced) == 5
