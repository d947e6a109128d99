"""What becomes of arguments: float64 that nobody asked for, numbers, many kinds; and
what a step that is watched says of a NaN.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
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
