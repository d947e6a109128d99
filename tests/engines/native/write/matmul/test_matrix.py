"""Products of bfloat16 on a unit for small matrices: all sizes, layouts, epilogues."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import chainrule as cr
from chainrule import dtypes
from chainrule.config import config
from chainrule.engines.native.choose.matrix import (
    SIDE,
    MatrixTiling,
    copied_panel_elements,
    matrix_tiling,
    row_elements,
)
from chainrule.engines.native.choose.processor import described
from chainrule.engines.native.choose.tiling import Matmul, Panels
from chainrule.engines.native.choose.words import Words
from chainrule.engines.native.write.matmul.registers import sizes_of_registers
from chainrule.ops.primitive import REGISTRY as P

Array = Any
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)

#: Whole tiles; one row or column more; less than a register; steps of equal length, and
#: with zeros behind the end; several stretches; several blocks.
SIZES = [
    (32, 32, 32), (64, 96, 128), (33, 33, 64), (17, 49, 70), (5, 9, 9), (4, 8, 8),
    (31, 16, 784), (16, 15, 34), (100, 40, 251), (40, 70, 2300), (300, 520, 90),
    (600, 40, 33),
]  # fmt: skip


def numbers(*shape: int, seed: int = 0) -> Array:
    x = np.random.default_rng(seed).standard_normal(shape)
    return x.astype(BFLOAT16).astype("float32")


def product(x: Any, y: Any) -> Any:
    return P["matmul"](x.astype("bfloat16"), y.astype("bfloat16"))


def assert_close(found: Array, a: Array, b: Array) -> None:
    a, b = a.astype("float64"), b.astype("float64")
    assert found.dtype == "float32"
    error = abs(found - a @ b)
    assert (error <= 1e-6 * (abs(a) @ abs(b))).all(), error.max()


def spec(m: int, n: int, k: int, **others: Any) -> Matmul:
    """Of k words."""
    found = Matmul(
        1, m, n, k, (m * k, k, 1), (k * n, n, 1), (m * n, n, 1), dtypes.float32,
        Words.PAIRS,
    )  # fmt: skip
    return replace(found, **others)


def tiling(m: int, n: int, k: int, **others: Any) -> MatrixTiling:
    found = matrix_tiling(spec(m, n, k, **others), False, whole_columns=False)
    assert found is not None
    return found


@pytest.mark.parametrize(("m", "n", "k"), SIZES)
@pytest.mark.parametrize("turned", ["", "a", "b", "ab"])
def test_products_of_all_layouts(
    m: int, n: int, k: int, turned: str, unit: None
) -> None:
    a, b = numbers(m, k), numbers(k, n, seed=1)
    x = np.ascontiguousarray(a.T) if "a" in turned else a
    y = np.ascontiguousarray(b.T) if "b" in turned else b

    def f(x: Any, y: Any) -> Any:
        return product(x.T if "a" in turned else x, y.T if "b" in turned else y)

    compiled = cr.compile(f, engine="native")
    assert "matrix" in str(compiled.explain(x, y))
    assert_close(compiled(x, y).numpy(), a, b)
    with config.using(debug=True):  # nothing outside of the arrays is touched
        assert_close(cr.compile(f, engine="native")(x, y).numpy(), a, b)


@pytest.mark.parametrize(("m", "n", "k"), [(40, 24, 48), (70, 33, 35)])
def test_a_batch_and_a_factor_that_all_of_it_share(
    m: int, n: int, k: int, unit: None
) -> None:
    a, b = numbers(3, m, k), numbers(3, k, n, seed=1)
    for x, y in ((a, b), (a, b[0]), (a[0], b), (a.swapaxes(1, 2).copy(), b)):
        turned = x.shape[-2:] == (k, m)

        def f(x: Any, y: Any, turned: bool = turned) -> Any:
            return product(x.swapaxes(-1, -2) if turned else x, y)

        found = cr.compile(f, engine="native")(x, y).numpy()
        assert_close(found, x.swapaxes(-1, -2) if turned else x, y)


def test_steps_behind_a_product(unit: None) -> None:
    a, b, bias = numbers(70, 50), numbers(50, 45, seed=1), numbers(45, seed=2)

    def f(a: Any, b: Any, bias: Any) -> Any:
        hidden = cr.relu(product(a, b) + bias)
        return hidden, hidden.sum(axis=0), hidden.astype("bfloat16").astype("float32")

    found = [each.numpy() for each in cr.compile(f, engine="native")(a, b, bias)]
    exact = np.maximum(a.astype("float64") @ b + bias, 0)
    np.testing.assert_allclose(found[0], exact, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(found[1], exact.sum(0), rtol=1e-5, atol=1e-3)
    np.testing.assert_array_equal(found[2], found[0].astype(BFLOAT16).astype("f4"))


def test_a_loop_reads_panels_that_it_has_prepared(unit: None) -> None:
    w, x = numbers(40, 40) / 8, numbers(12, 6, 40, seed=1)

    def f(w: Any, x: Any) -> Any:
        def step(h: Any, now: Any) -> Any:
            h = cr.tanh(product(h, w) + now)
            return h, h

        return cr.scan(step, cr.zeros((6, 40), dtype="float32"), x)[1]

    found = cr.compile(f, engine="native")(w, x).numpy()
    h = np.zeros((6, 40), "f4")
    for t in range(12):
        rounded = h.astype(BFLOAT16).astype("f4")
        h = np.tanh(rounded @ w.astype(BFLOAT16).astype("f4") + x[t])
        np.testing.assert_allclose(found[t], h, atol=2e-2)
        h = found[t]


def test_infinity_and_nan_stay_in_their_row_and_column(unit: None) -> None:
    a, b = numbers(40, 35), numbers(35, 40, seed=1)
    a[3, 34], b[34, 7], b[0, 9] = np.inf, np.nan, -np.inf
    found = cr.compile(product, engine="native")(a, b).numpy()
    with np.errstate(invalid="ignore"):
        exact = a @ b
    np.testing.assert_array_equal(np.isnan(found), np.isnan(exact))
    np.testing.assert_array_equal(np.isinf(found), np.isinf(exact))


@pytest.mark.parametrize("threads", [2, 3])
def test_results_do_not_depend_on_the_number_of_threads(
    threads: int, unit: None
) -> None:
    a, b = numbers(600, 1100), numbers(1100, 130, seed=1)

    def f(a: Any, b: Any) -> Any:
        hidden = cr.tanh(product(a, b))
        return hidden, hidden.sum(axis=0), product(a.T, hidden)

    results = []
    for number in (1, threads):
        with config.using(threads=number):
            results.append([r.numpy() for r in cr.compile(f, engine="native")(a, b)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


# How they are cut; on any processor. --------------------------------------------------


def test_steps_are_equal_where_that_spares_a_copy() -> None:
    found = tiling(128, 1000, 392)
    assert (found.steps, found.words, found.copies_rows) == (28, 14, False)
    found = tiling(64, 64, 37)  # in three steps, with two words of zeros
    assert (found.steps, found.words, found.copies_rows) == (3, 13, True)
    assert found.panels is Panels.PACKED
    assert row_elements(spec(64, 64, 37), found) == 64 * 39
    assert copied_panel_elements(spec(64, 64, 37), found) == 64 * 39


def test_rows_are_copied_where_their_words_lie_apart() -> None:
    assert not tiling(64, 64, 64).copies_rows
    assert tiling(64, 64, 64, a_strides=(0, 1, 64)).copies_rows
    assert tiling(64, 64, 64).panels is Panels.DIRECT
    assert tiling(64, 64, 64, b_strides=(0, 1, 64)).panels is Panels.PACKED


def test_a_stretch_and_a_block_fit_the_cache() -> None:
    found = tiling(4096, 2048, 4096)
    assert found.stretches(4096) == (8, 512)
    assert found.height * 512 * 4 <= 768 << 10
    assert not found.by_panel
    whole = matrix_tiling(spec(4096, 2048, 4096), False, whole_columns=True)
    assert whole is not None
    assert whole.by_panel


def test_what_is_small_is_left_to_vectors() -> None:
    for sizes in ((3, 64, 64), (64, 7, 64), (64, 64, 3)):
        assert matrix_tiling(spec(*sizes), False, whole_columns=False) is None
    single = spec(64, 64, 64, words=Words.NUMBERS)
    assert matrix_tiling(single, False, whole_columns=False) is None


def test_the_sizes_of_registers() -> None:
    found = sizes_of_registers([16, 4], [16, 1], 9)
    rows, widths = found[48:56], [found[16 + 2 * i] for i in range(8)]
    assert found[0] == 1
    assert list(rows) == [16, 16, 4, 4, 16, 4, 9, 9]
    assert widths == [64, 4, 64, 4, 36, 36, 64, 4]
    assert sizes_of_registers([SIDE], [SIDE], SIDE)[48:56] == bytes(
        [16, 0, 0, 0, 16, 0, 16, 0]
    )


def test_the_unit_needs_its_features_and_those_of_vectors() -> None:
    vectors = {"avx2", "avx512f", "avx512vl", "avx512bw", "avx512dq", "avx512bf16"}
    triple = "x86_64-unknown-linux-gnu"
    assert described(
        triple, "", "", vectors | {"amx-tile", "amx-bf16"}
    ).multiplies_matrices
    assert not described(triple, "", "", vectors | {"amx-tile"}).multiplies_matrices
    assert not described(triple, "", "", {"amx-tile", "amx-bf16"}).multiplies_matrices


def test_a_system_that_refuses_the_registers_is_believed(
    monkeypatch: pytest.MonkeyPatch, unit: None
) -> None:
    from chainrule.engines.native.choose import processor

    monkeypatch.setattr(processor, "_may_multiply_matrices", lambda: False)
    found = processor._host.__wrapped__("host")
    assert not found.multiplies_matrices
    assert "-amx-tile,-amx-bf16" in found.features
