"""Mixed precision: which values are rounded, which are not, and what is learned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, losses, nn, optim
from chainrule.compiler.precision import with_precision
from chainrule.config import config
from chainrule.errors import OptionError
from chainrule.training import callbacks


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def casts(graph: Any) -> list[Any]:
    """What is rounded."""
    return [
        node.inputs[0]
        for node in graph.operations
        if node.op.name == "cast" and node.dtype.name == "bfloat16"
    ]


def test_factors_are_rounded_and_a_matrix_and_its_transpose_once() -> None:
    w = cr.parameter(numbers(4, 6))

    def f(x: Any) -> Any:
        return cr.softmax((x @ w.T) @ w)

    graph = with_precision(cr.trace(f, numbers(3, 6)), "bfloat16")
    rounded = casts(graph)
    assert len(rounded) == 3  # x, w, and x wᵀ
    assert {node.dtype.name for node in graph.outputs} == {"float32"}
    assert with_precision(cr.trace(f, numbers(3, 6)), "float32").operations != rounded
    assert not casts(with_precision(cr.trace(f, numbers(3, 6)), "float32"))


def test_other_dtypes_stay_as_they_are() -> None:
    x, n = np.ones((3, 3)), np.ones((3, 3), int)
    graph = cr.trace(lambda x, n: (x @ x, n @ n), x, n)
    assert not casts(with_precision(graph, "bfloat16"))


def test_products_in_loops_are_rounded_too() -> None:
    w = cr.parameter(numbers(4, 4))

    def f(x: Any) -> Any:
        return cr.scan(lambda h, v: (cr.tanh(h @ w.T + v),) * 2, x[0], x)[1].sum()

    x = numbers(5, 2, 4)
    exact = cr.compile(f)(x).item()
    found = cr.compile(f, precision="bfloat16")(x).item()
    numpy = cr.compile(f, precision="bfloat16", engine="numpy")(x).item()
    assert found != exact
    assert found == pytest.approx(exact, abs=0.1)
    assert found == pytest.approx(numpy, abs=0.02)


def test_a_product_is_that_of_rounded_factors() -> None:
    a, b = numbers(20, 30), numbers(30, 10, seed=1)
    found = cr.compile(lambda a, b: a @ b, precision="bfloat16")(a, b).numpy()
    a, b = (cr.tensor(x).astype("bfloat16").numpy().astype("f8") for x in (a, b))
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, a @ b, atol=1e-5)


def test_the_setting_and_the_argument_say_the_same() -> None:
    f = cr.compile(lambda a: a @ a)
    a = numbers(8, 8)
    exact = f(a).numpy()
    with config.using(precision="bfloat16"):
        rounded = f(a).numpy()
        forced = cr.compile(lambda a: a @ a, precision="float32")(a).numpy()
    assert (rounded != exact).any()
    np.testing.assert_array_equal(forced, exact)
    np.testing.assert_array_equal(f(a).numpy(), exact)
    other = cr.compile(lambda a: a @ a, precision="bfloat16")(a).numpy()
    np.testing.assert_array_equal(other, rounded)


def test_wrong_names_are_told() -> None:
    with pytest.raises(OptionError, match="bfloat16"):
        cr.compile(lambda a: a, precision="float16")
    with pytest.raises(OptionError, match="bfloat16"):
        config.precision = "half"
    x, y = numbers(8, 2), np.arange(8) % 2
    model = nn.Linear(2, 2)
    with pytest.raises(OptionError, match="bfloat16"):
        cr.fit(model, (x, y), precision="half", progress=False)
    with pytest.raises(OptionError, match=r"test_precision\.py"):
        cr.fit(model, (x, y), precision="half", progress=False)
    assert config.precision == "float32"


# float32 as a sum of bfloat16. --------------------------------------------------------

#: How far from the exact product it may be, of |x| |y|.
BOUNDS = {"bfloat16x3": 2.0**-16, "bfloat16x6": 2.0**-22}


@pytest.mark.parametrize("scale", [1.0, 1e-18, 1e17])
@pytest.mark.parametrize("precision", BOUNDS)
def test_products_of_parts_keep_their_bound(precision: str, scale: float) -> None:
    a = numbers(160, 128) * np.float32(scale)
    b = numbers(128, 130, seed=1) * np.exp2(numbers(1, 130, seed=2) * 8).astype("f4")
    found = cr.compile(lambda a, b: a @ b, precision=precision)(a, b).numpy()
    exact, size = a.astype("f8") @ b, abs(a).astype("f8") @ abs(b)
    assert found.dtype == "float32"
    worst = (abs(found - exact) / size).max()
    assert worst <= BOUNDS[precision]
    rough = cr.compile(lambda a, b: a @ b, precision="bfloat16")(a, b).numpy()
    assert (abs(rough - exact) / size).max() > 100 * worst


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_convolutions_and_gradients_of_parts(engine: str) -> None:
    cr.manual_seed(0)
    layer = nn.Conv2d(16, 32, 3, padding=1, stride=2)
    x = numbers(8, 12, 14, 16)

    def f(x: Any) -> Any:
        loss = (layer(x) ** 2).sum()
        return loss, *cr.backprop(loss).values(), cr.grad(lambda x: layer(x).sum())(x)

    exact = [each.numpy() for each in cr.compile(f)(x)]
    for precision, bound in (("bfloat16x3", 1e-4), ("bfloat16x6", 3e-6)):
        compiled = cr.compile(f, precision=precision, engine=engine)
        for found, wanted in zip(compiled(x), exact, strict=True):
            error = abs(found.numpy() - wanted).max() / abs(wanted).max()
            assert error < bound
        assert str(compiled.explain(x)).count("convolution") >= 3


def test_small_products_and_those_of_groups_stay_float32() -> None:
    a, b = numbers(40, 40), numbers(40, 40, seed=1)
    exact, found = (
        cr.compile(lambda a, b: a @ b, precision=each)(a, b).numpy()
        for each in ("float32", "bfloat16x3")
    )
    np.testing.assert_array_equal(found, exact)
    layer = nn.Conv2d(32, 32, 3, groups=2)
    graph = cr.trace(layer, numbers(16, 20, 20, 32))
    assert not casts(with_precision(graph, "bfloat16x3"))


@pytest.mark.parametrize("precision", BOUNDS)
def test_infinities_stay_in_their_row_and_column(precision: str) -> None:
    a, b = numbers(160, 128), numbers(128, 128, seed=1)
    a[3, 5], a[4, 6], b[7, 8] = np.inf, 3.4e38, np.nan
    f = cr.compile(lambda a, b: a @ b, precision=precision)
    found, exact = f(a, b).numpy(), a.astype("f8") @ b
    finite = np.isfinite(exact)
    finite[4] = False  # beyond the range of bfloat16
    np.testing.assert_array_equal(np.isfinite(found), finite)


def network() -> nn.Module:
    cr.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_digits_are_learned_as_well(seed: int) -> None:
    found = {}
    for precision in ("float32", "bfloat16"):
        history = cr.fit(
            network(), data.load("digits"), epochs=12, seed=seed, precision=precision,
            validation=0.2, progress=False,
        )  # fmt: skip
        assert history.settings["precision"] == precision
        assert config.precision == "float32"
        found[precision] = history.epochs[-1]
    exact, mixed = (found[each] for each in ("float32", "bfloat16"))
    assert mixed["loss"] != exact["loss"]
    assert mixed["loss"] == pytest.approx(exact["loss"], abs=0.02)
    assert mixed["validation_accuracy"] >= exact["validation_accuracy"] - 0.015


def test_weights_and_what_the_optimizer_keeps_are_float32() -> None:
    model = network()
    optimizer = optim.Adam(model.parameters())

    @cr.compile(precision="bfloat16")
    def step(x: Any, y: Any) -> Any:
        loss = losses.cross_entropy(model(x), y)
        optimizer.step(cr.backprop(loss))
        return loss

    before = model.state_dict()["0.weight"].copy()
    step(numbers(16, 64), np.arange(16) % 10)
    for array in (*model.state_dict().values(), *optimizer.state_dict().values()):
        assert getattr(array, "dtype", np.dtype("float32")).name != "bfloat16"
    change = model.state_dict()["0.weight"] - before
    assert 0 < abs(change).max() < 2e-3  # less than bfloat16 could tell from a weight


def test_a_run_goes_on_to_the_bit(tmp_path: Any) -> None:
    def run(epochs: int, folder: Any, **options: Any) -> Any:
        model = network()
        kept = callbacks.Checkpoint(folder)
        cr.fit(
            model, data.load("digits"), epochs=epochs, callbacks=[kept], seed=0,
            precision="bfloat16", progress=False, **options,
        )  # fmt: skip
        return model.state_dict()["0.weight"]

    wanted = run(4, tmp_path / "whole")
    run(2, tmp_path / "cut")
    found = run(4, tmp_path / "cut", resume="auto")
    np.testing.assert_array_equal(found, wanted)


def test_a_backward_loop_reads_what_the_forward_loop_has_kept() -> None:
    cr.manual_seed(0)
    layer = nn.LSTM(16, 32)
    x = numbers(4, 6, 16)

    def products(precision: str) -> int:
        def step(x: Any) -> Any:
            loss = (layer(x)[0] ** 2).mean()
            return loss, *cr.backprop(loss).values()

        report = cr.compile(step, precision=precision, engine="native").explain(x)
        inside = [each for kernel in report.kernels for each in kernel.inside]
        return sum(each.kind == "product" for each in [*report.kernels, *inside])

    assert products("bfloat16") == products("float32")


def test_a_report_counts_both_numbers_of_a_word() -> None:
    a = numbers(8, 32)
    step = cr.compile(lambda a: a @ a.T, precision="bfloat16", engine="native")
    (product,) = (k for k in step.explain(a).kernels if k.kind == "product")
    assert product.flops == 2 * 8 * 8 * 32
    assert "[32]" in product.loops
