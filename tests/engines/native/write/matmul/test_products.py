"""Products take the updates of the weights in, and give the same bits on any number of
threads."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.compiler.pipeline import run_passes
from chainrule.compiler.program import plan
from chainrule.config import config
from chainrule.engines.native.choose.processor import host
from chainrule.engines.native.choose.trials import Doubt, Trial
from chainrule.engines.native.plan.fuse import fuse
from chainrule.engines.native.plan.kernels import Product, Schedule
from chainrule.engines.native.run import trials
from chainrule.engines.native.write import ir
from chainrule.engines.native.write.matmul.panels import Panel, emit_packer
from tests.engines.native.text import PREFETCH, text_of

Step = Callable[[Any, Any], Any]
ALGORITHMS = {
    "sgd": lambda params: optim.SGD(params, lr=0.1),
    "momentum": lambda params: optim.Momentum(params, lr=0.1),
    "adam": lambda params: optim.Adam(params, lr=0.01),
}


def training(
    algorithm: str, widths: tuple[int, ...], seed: int = 0
) -> tuple[Any, Step]:
    """A network with tanh between its layers, and its step."""
    cr.manual_seed(seed)
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.Tanh()]
    model = nn.Sequential(*layers)
    optimizer = ALGORITHMS[algorithm](model.parameters())

    def step(x: Any, y: Any) -> Any:
        loss = ((model(x, training=True) - y) ** 2).mean()
        optimizer.step(cr.backprop(loss))
        return loss

    return model, step


def batch(rows: int, widths: tuple[int, ...]) -> tuple[Any, Any]:
    r = np.random.default_rng(0)
    sizes = ((rows, widths[0]), (rows, widths[-1]))
    x, y = (cr.tensor(r.standard_normal(size).astype(np.float32)) for size in sizes)
    return x, y


def schedule(step: Callable[..., Any], *examples: Any) -> Schedule:
    return fuse(plan(run_passes(cr.trace(step, *examples))))


def updated(found: Schedule, kernel: Any) -> int:
    """How many variables a kernel updates in place."""
    return sum(found.buffers[buffer].kind == "variable" for buffer in kernel.writes)


@pytest.mark.parametrize(("algorithm", "stored"), [("sgd", 1), ("adam", 3)])
def test_each_weight_is_updated_by_the_product_that_makes_its_gradient(
    algorithm: str, stored: int
) -> None:
    widths = 24, 40, 40, 40, 8
    _, step = training(algorithm, widths)
    found = schedule(step, *batch(16, widths))
    products = [
        k for k in found.kernels if isinstance(k, Product) and updated(found, k)
    ]
    assert [updated(found, each) for each in products] == [stored] * 4


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_compiled_training_is_the_eager_one(algorithm: str) -> None:
    widths = 24, 40, 40, 8
    results = []
    for engine in ("", "numpy", "native"):
        model, step = training(algorithm, widths)
        run = cr.compile(step, engine=engine) if engine else step
        losses = [run(*batch(16, widths)).item() for _ in range(4)]
        results.append((losses, [each.numpy() for each in model.parameters()]))
    for losses, weights in results[1:]:
        np.testing.assert_allclose(losses, results[0][0], rtol=1e-5)
        for found, expected in zip(weights, results[0][1], strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_memory_is_asked_ahead_for_large_updates_only() -> None:
    for width, ahead in ((400, True), (24, False)):
        widths = width, width
        _, step = training("adam", widths)
        text = text_of(cr.trace(step, *batch(16, widths)))
        assert (PREFETCH in text) == ahead


@pytest.fixture
def threads() -> Any:
    before = config.threads
    yield
    config.threads = before


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_training_gives_the_same_bits_on_any_number_of_threads(algorithm: str) -> None:
    widths = 300, 257, 130
    results = []
    for count in (1, 2, 3):
        config.threads = count
        model, step = training(algorithm, widths)
        run = cr.compile(step, engine="native")
        losses = [run(*batch(150, widths)).item() for _ in range(5)]
        results.append(
            (losses, [each.numpy().tobytes() for each in model.parameters()])
        )
    assert results[0] == results[1] == results[2]


SUMMED = [
    (2, 128, 5), (3, 130, 7), (7, 200, 64), (33, 129, 700), (300, 256, 1100),
    (100, 2000, 300), (20, 40000, 3), (1100, 520, 1000), (513, 128, 5), (2000, 300, 70),
    (9000, 130, 64), (520, 1100, 1000),
]  # fmt: skip


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("m", "n", "k"), SUMMED)
def test_sums_of_columns_are_found_by_the_product_that_makes_them(
    m: int, n: int, k: int, dtype: str
) -> None:
    def f(x: Any, w: Any, y: Any) -> Any:
        z = (x @ w) * y
        return z, z.sum(0), (z * z).sum(0)

    r = np.random.default_rng(0)
    x, w, y = (r.standard_normal(s).astype(dtype) for s in ((m, k), (k, n), (m, n)))
    kernel, *sums = schedule(f, x, w, y).kernels
    assert isinstance(kernel, Product)
    assert kernel.across
    assert len(sums) == (kernel.parts > 0) == (m > 500 and k * n <= 1 << 20)
    found = []
    for count in (1, 2, 3):
        config.threads = count
        found.append([each.numpy() for each in cr.compile(f)(x, w, y)])
    tolerance = 1e-4 if dtype == "float32" else 1e-11
    z = (x.astype(float) @ w) * y
    for here, right in zip(found[0], (z, z.sum(0), (z * z).sum(0)), strict=True):
        scale = np.abs(right).max()
        np.testing.assert_allclose(here, right, rtol=0, atol=tolerance * scale)
    bits = [[each.tobytes() for each in results] for results in found]
    assert bits[0] == bits[1] == bits[2]


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("layout", ["w turned", "x turned", "both"])
def test_parts_of_a_product_that_sum_columns_read_factors_that_lie_otherwise(
    layout: str, debug: bool, forced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "debug", debug)

    def f(x: Any, w: Any, b: Any) -> Any:
        x = x if layout == "w turned" else x.T
        w = w if layout == "x turned" else w.T
        z = cr.tanh(x @ w + b)
        return z.sum(0), z.max(0)

    r = np.random.default_rng(0)
    m, n, k = 1030, 200, 300
    x = r.standard_normal((m, k)) / 16
    w, b = r.standard_normal((k, n)), r.standard_normal(n)
    given = [
        np.ascontiguousarray(each, np.float32)
        for each in (
            x if layout == "w turned" else x.T,
            w if layout == "x turned" else w.T,
            b,
        )
    ]
    z = np.tanh(x @ w + b)
    total, most = cr.compile(f, engine="native")(*given)
    np.testing.assert_allclose(total.numpy(), z.sum(0), atol=1e-3)
    np.testing.assert_allclose(most.numpy(), z.max(0), atol=1e-5)
    np.testing.assert_array_equal(
        total.numpy(), PLAIN.setdefault(("sums", layout), total.numpy())
    )


def test_a_sum_of_other_numbers_than_the_products_is_no_part_of_it() -> None:
    def f(x: Any, w: Any) -> Any:
        return ((x @ w) > 0).sum(0)

    x, w = np.ones((40, 8), np.float32), np.ones((8, 128), np.float32)
    w[:, 1] = -1
    found = cr.compile(f)(x, w).numpy()
    np.testing.assert_array_equal(found, np.where(w[0] > 0, 40, 0))


def test_rows_of_a_transposed_factor_that_lie_far_apart_are_asked_for_ahead() -> None:
    for columns, ahead in ((512, True), (64, False)):
        d, h = np.ones((64, columns), np.float32), np.ones((64, 128), np.float32)
        text = text_of(cr.trace(lambda d, h: d.T @ h, d, h))
        assert (PREFETCH in text) == ahead


@pytest.mark.parametrize(
    ("m", "n", "k", "parts"),
    [(1, 1024, 256, 2), (1, 256, 256, 0), (2048, 2, 512, 8), (32, 256, 128, 2)],
)
def test_a_product_is_shared_out_by_what_it_multiplies_and_reads(
    m: int, n: int, k: int, parts: int
) -> None:
    multiply = cr.compile(lambda a, b: a @ b.T)
    (kernel,) = multiply.explain(cr.zeros((m, k)), cr.zeros((n, k))).kernels
    assert (
        kernel.cut.endswith(f", {parts} parts") if parts else "parts" not in kernel.cut
    )


@pytest.mark.parametrize(
    ("by_row", "by_column", "lanes", "lines"),
    [(128, 1, 8, 1), (128, 1, 16, 2), (127, 1, 8, 0), (1, 512, 8, 0)],
)
def test_far_rows_of_a_factor_that_is_copied_are_asked_for_ahead(
    by_row: int, by_column: int, lanes: int, lines: int
) -> None:
    """Once for each line of a row of two vectors."""
    module = ir.Module("panels")
    panel = Panel(np.dtype(np.float32), lanes, 2, by_row, by_column, shortest=8)
    emit_packer(module, "pack", panel)
    assert str(module).count(PREFETCH) == lines


def test_a_number_computed_from_a_result_is_not_computed_first() -> None:
    w = cr.parameter(np.ones((5, 6), np.float32))

    def step(x: Any) -> Any:
        y = x @ w
        scale = (y * y).sum() ** -0.5 * 2.0  # a number, but of the product
        w.assign(w * scale)
        return y * scale

    x = np.arange(20, dtype=np.float32).reshape(4, 5)
    found = cr.compile(step, engine="native")(x).numpy()
    y = x @ np.ones((5, 6), np.float32)
    np.testing.assert_allclose(found, y * 2 / np.sqrt((y * y).sum()), rtol=1e-5)
    np.testing.assert_allclose(w.numpy(), 2 / np.sqrt((y * y).sum()), rtol=1e-5)


# Rows that are copied first. ----------------------------------------------------------


@pytest.fixture(params=["plain", "copies", "copies, checked"])
def forced(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> bool:
    """Trials that have found that all copies pay, or none does; with bounds checked."""
    pays = request.param != "plain"
    found = {doubt: Trial(1.0, 0.5 if pays else 2.0) for doubt in Doubt}
    monkeypatch.setattr(trials, "_known", found)
    monkeypatch.setattr(config, "cache_folder", tmp_path)
    monkeypatch.setattr(config, "debug", request.param.endswith("checked"))
    return pays


#: What the first choice has computed, for the others.
PLAIN: dict[Any, Any] = {}


@pytest.mark.parametrize(
    ("m", "n", "k", "columns"),
    [
        (1024, 128, 300, 1024),
        (300, 129, 1111, 303),
        (260, 130, 128, 263),
        (517, 200, 260, 520),
        (16, 256, 700, 1024),
        (100, 520, 1500, 0),
        (96, 1024, 700, 0),
        (70, 1024, 1100, 0),
        (128, 2048, 300, 128),
        (1200, 520, 1111, 1200),
    ],
)
@pytest.mark.parametrize("leading", [(), (2,)])
def test_no_trial_changes_a_bit(
    m: int, n: int, k: int, columns: int, leading: tuple[int, ...], forced: bool
) -> None:
    """Whatever copies of factors pay, the sums are the same.

    ``columns`` are those of an A that is transposed; 0 where it is not.
    """
    r = np.random.default_rng(0)
    shape = (*leading, k, columns) if columns else (*leading, m, k)
    a = r.standard_normal(shape).astype("f4")
    b = r.standard_normal((*leading, k, n)).astype("f4")

    def turned(a: Any) -> Any:
        return a[..., :m].swapaxes(-1, -2) if columns else a

    compiled = cr.compile(lambda a, b: cr.tanh(turned(a) @ b) * 0.5, engine="native")
    found = compiled(a, b).numpy()
    # Chunks of rows copy nothing; with few registers there are no wide tiles to try.
    chunks = columns > 0 and m > 128 and n <= 192 and k > 256
    asked = host().registers >= 32 or not chunks
    assert leading or ("by trial" in str(compiled.explain(a, b))) == asked
    key = (m, n, k, leading)
    np.testing.assert_array_equal(found, PLAIN.setdefault(key, found))
    exact = turned(a).astype("f8") @ b
    np.testing.assert_allclose(found, np.tanh(exact) * 0.5, atol=1e-4)


def test_no_trial_changes_a_training(forced: bool) -> None:
    """Sums of columns, updates at the ends of products: the same bits."""
    widths = (1024, 200, 1024)
    model, step = training("adam", widths)
    compiled, (x, y) = cr.compile(step, engine="native"), batch(128, widths)
    losses = [compiled(x, y).item() for _ in range(3)]
    found = [*losses, *(each.numpy() for each in model.parameters())]
    assert ("by trial" in str(compiled.explain(x, y))) or not forced
    for one, other in zip(found, PLAIN.setdefault("training", found), strict=True):
        np.testing.assert_array_equal(one, other)
