"""Products take the updates of the weights in, and give the same bits on any number of
threads."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.compiler.pipeline import run_passes
from chainrule.compiler.program import plan
from chainrule.config import config
from chainrule.engines.native.abi.call_table import CallTable
from chainrule.engines.native.choose import processor
from chainrule.engines.native.choose.processor import host
from chainrule.engines.native.plan.fuse import fuse
from chainrule.engines.native.plan.kernels import Product, Schedule
from chainrule.engines.native.write.program import tasks_of, write_program

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
        program = plan(run_passes(cr.trace(step, *batch(16, widths))))
        found = fuse(program)
        texts: list[str] = []
        write_program(
            tasks_of(found, host()),
            CallTable.of(program, found),
            host(),
            texts.append,
        )
        assert ('call void @"llvm.prefetch' in "".join(texts)) == ahead


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
    (100, 2000, 300), (20, 40000, 3),
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
    (kernel,) = schedule(f, x, w, y).kernels
    assert isinstance(kernel, Product)
    assert kernel.across
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
        program = plan(run_passes(cr.trace(lambda d, h: d.T @ h, d, h)))
        found = fuse(program)
        texts: list[str] = []
        write_program(
            tasks_of(found, host()),
            CallTable.of(program, found),
            host(),
            texts.append,
        )
        assert ('call void @"llvm.prefetch' in "".join(texts)) == ahead


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


@pytest.mark.parametrize(
    ("m", "n", "k"),
    [
        (1024, 128, 300),
        (300, 129, 1111),
        (260, 130, 128),
        (517, 200, 260),
        (8, 64, 130),
    ],
)
@pytest.mark.parametrize("leading", [(), (2,)])
def test_copies_of_far_rows_change_no_bit(
    m: int,
    n: int,
    k: int,
    leading: tuple[int, ...],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """On processors that copy them and on others the sums are the same."""
    r = np.random.default_rng(0)
    columns = max(m, 256) + 3
    a = r.standard_normal((*leading, k, columns)).astype("f4")
    b = r.standard_normal((*leading, k, n)).astype("f4")
    found, known = [], host()
    for number, copies in enumerate((False, True, True)):
        chosen = replace(known, copies_far_rows=copies, triple=known.triple)
        monkeypatch.setattr(processor, "_host", lambda _, chosen=chosen: chosen)
        monkeypatch.setattr(config, "cache_folder", tmp_path / str(number))
        monkeypatch.setattr(config, "debug", number == 2)

        def f(a: Any, b: Any, number: float = 0.5 + number - number) -> Any:
            return cr.tanh(a[..., :m].swapaxes(-1, -2) @ b) * number

        compiled = cr.compile(f, engine="native")
        found.append(compiled(a, b).numpy())
        assert ("rows copied" in str(compiled.explain(a, b))) == copies
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])
    exact = a[..., :m].swapaxes(-1, -2).astype("f8") @ b
    np.testing.assert_allclose(found[0], np.tanh(exact) * 0.5, atol=1e-4)
