"""The report of a compilation: stages, kernels and their figures, timing, logging."""

from __future__ import annotations

import json
import logging
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.engine import Engine
from chainrule.compiler.pipeline import PASSES
from chainrule.compiler.report import amount, table, wrapped

X = np.arange(12, dtype=np.float32).reshape(4, 3)
ENGINES = ("numpy", "native")


def kernels(f: Any, *arguments: Any, engine: str = "native") -> list[tuple[Any, ...]]:
    """Kind, loops, operations, bytes read, bytes written, operations of each kernel."""
    found = cr.compile(f, engine=engine).explain(*arguments).kernels
    return [
        (k.kind, k.loops, k.operations, k.bytes_read, k.bytes_written, k.flops)
        for k in found
    ]


# What it says. ------------------------------------------------------------------------


def test_the_stages_are_the_trace_and_every_pass_with_the_operations_left() -> None:
    def f(x: Any) -> Any:
        return cr.exp(x) + cr.exp(x) * (cr.tensor(2.0) + cr.tensor(3.0))

    stages = cr.compile(f, engine="numpy").explain(X).stages
    assert [name for name, _ in stages] == [
        "traced",
        *(each.__name__.replace("_", " ") for each in PASSES),
    ]
    assert stages[0] == ("traced", 5)
    assert stages[3] == ("fold constants", 4)
    assert stages[-1] == ("share common subexpressions", 3)


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (
            lambda x: cr.exp(x) * 2.0 + 1.0,
            [("loop", "4 × 3", ("exp", "multiply", "add"), 48, 48, 36)],
        ),
        (
            lambda x: x + x[0],  # the row is read once
            [("loop", "4 × 3", ("add",), 48, 48, 12)],
        ),
        (
            lambda x: x.sum(axis=1),
            [("loop", "4 × [3]", ("sum",), 48, 16, 12)],
        ),
        (
            lambda x: x.astype("int64") + 1,  # neither is a floating-point operation
            [("loop", "4 × 3", ("cast", "add"), 48, 96, 0)],
        ),
        (lambda x: x[:0] * 2.0, []),
    ],
)
def test_a_native_loop_has_its_operations_sizes_bytes_and_flops(
    f: Any, expected: Any
) -> None:
    assert kernels(f, X) == expected


def test_a_native_product_counts_its_factors_and_what_is_fused_into_it() -> None:
    a, b = np.ones((64, 48), np.float32), np.ones((48, 32), np.float32)
    (found,) = kernels(lambda a, b: cr.tanh(a @ b), a, b)
    assert found[:3] == ("product", "64 × 32 × [48]", ("product", "tanh"))
    assert found[3:5] == (a.nbytes + b.nbytes, 64 * 32 * 4)
    assert found[5] == 2 * 64 * 32 * 48 + 64 * 32


@pytest.mark.parametrize("engine", ENGINES)
def test_the_body_of_a_loop_is_shown_inside_and_counted_for_every_step(
    engine: str,
) -> None:
    def f(x: Any) -> Any:
        return cr.scan(lambda c, e: (c * e + 1.0, c), cr.zeros(3), x)[0]

    report = cr.compile(f, engine=engine).explain(X)
    (loop,) = [each for each in report.kernels if each.kind == "scan"]
    assert loop.loops == "4 steps"
    assert sum(each.flops for each in loop.inside) == 2 * 3
    assert loop.flops == 4 * 2 * 3
    assert "\n  1.1 " in str(report)


def test_the_numpy_engine_lists_its_instructions() -> None:
    def f(x: Any) -> Any:
        return cr.exp(x) @ x.T

    assert kernels(f, X, engine="numpy") == [
        ("exp", "4 × 3", ("exp",), 48, 48, 12),
        ("transpose", "3 × 4", ("transpose",), 0, 0, 0),
        ("matmul", "4 × 4", ("matmul",), 96, 64, 2 * 4 * 4 * 3),
    ]


def test_a_convolution_counts_its_multiplications_and_windows_nothing() -> None:
    def f(x: Any) -> Any:
        w = np.ones((2, 2, 3), np.float32)
        return cr.convolution(x, w), cr.windows(x, 2).sum(2)

    rows = kernels(f, np.ones((1, 4, 3), np.float32), engine="numpy")
    assert [(row[0], row[-1]) for row in rows] == [
        ("convolution", 2 * (3 * 2) * (2 * 3)), ("windows", 0), ("sum", 3 * 2 * 3)
    ]  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_the_text_names_function_arguments_engine_stages_kernels_and_totals(
    engine: str,
) -> None:
    def double(x: Any) -> Any:
        return x * 2.0

    report = cr.compile(double, engine=engine).explain(X)
    said = str(report)
    assert said.startswith(f"double(x: float32[4, 3]), engine {engine}\n")
    assert "\n  share common subexpressions           1\n" in said
    assert "\n1 kernel ([n]: reduced over)\n" in said
    assert "together" in said
    assert (report.flops, report.bytes_moved) == (12, 96)
    assert json.loads(json.dumps(report.to_json()))["flops"] == 12


def test_an_engine_that_does_not_say_what_it_runs_has_a_report_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Silent(Engine):
        name = "numpy"

        def prepare(self, program: Any) -> Any:
            return lambda inputs: [each * 2 for each in inputs]

    module = "chainrule.engines.numpy_engine.ENGINE"
    monkeypatch.setattr(module, Silent())
    report = cr.compile(lambda x: x * 2.0, engine="numpy").explain(X)
    assert (report.kernels, report.arena_bytes, report.from_cache) == (None,) * 3
    assert "the engine numpy does not say what it runs" in str(report)


def test_machine_code_is_new_first_and_from_the_cache_then(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(cr.config, "cache_folder", tmp_path)
    found = [
        cr.compile(lambda x: x * 2.5, engine="native").explain(X) for _ in range(2)
    ]
    assert [each.from_cache for each in found] == [False, True]
    assert "machine code new" in str(found[0])
    assert "machine code from the cache" in str(found[1])


# When. --------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_explaining_runs_nothing_and_compiles_what_a_call_then_uses(
    engine: str,
) -> None:
    w, calls = cr.Variable(1.0), []

    @cr.compile(engine=engine)
    def step(x: Any) -> Any:
        calls.append(None)
        w.assign(w + x.sum())
        return w * 1.0

    step.explain(X)
    assert w.item() == 1.0
    assert step(X).item() == 1.0 + X.sum()
    assert len(calls) == 1
    assert [each.arguments for each in step.reports] == [("x: float32[4, 3]",)]
    step(X[:2])
    assert len(step.reports) == 2


@pytest.mark.parametrize("engine", ENGINES)
def test_measuring_leaves_every_variable_as_it_was(engine: str) -> None:
    w = cr.parameter(X)

    @cr.compile(engine=engine)
    def step(x: Any) -> Any:
        w.assign(w - 0.1 * x)
        return w.sum()

    step(X)
    before = w.numpy().copy()
    report = step.explain(X, measure=True)
    np.testing.assert_array_equal(w.numpy(), before)
    assert report.timing is not None
    assert report.timing.seconds > 0
    assert report.timing.peak.flops > report.flops
    assert " a call\n" in str(report)
    step(X)
    np.testing.assert_allclose(w.numpy(), before - np.float32(0.1) * X, rtol=1e-6)


def test_every_kernel_takes_its_own_time() -> None:
    w = cr.parameter(np.full((300, 300), 0.01, "f4"))

    @cr.compile(engine="native")
    def step(x: Any) -> Any:
        small = cr.sort(x[0, :8])  # calls Python back
        long = cr.scan(lambda h, v: (cr.tanh(h @ w + v),) * 2, x[0], x)[1]
        w.assign(w * 0.99)
        return (x @ w).sum() + long.sum() + small.sum()

    x = np.ones((300, 300), "f4")
    before = w.numpy().copy()
    plain, report = step.explain(x), step.explain(x, measure=True)
    np.testing.assert_array_equal(w.numpy(), before)
    assert {each.seconds for each in plain.kernels or ()} == {None}
    found = [each.seconds for each in report.kernels or ()]
    assert len(found) == len(plain.kernels or ())
    assert all(each is not None and each >= 0 for each in found)
    assert report.timing is not None
    total = sum(each for each in found if each is not None)
    assert report.timing.seconds / 20 < total < report.timing.seconds * 3
    most = max(report.kernels or (), key=lambda each: each.seconds or 0)
    assert most.kind == "scan"  # of 300 steps
    assert "time" not in str(plain)
    assert [
        line for line in str(report).splitlines() if "together" in line and "s " in line
    ]
    assert report.to_json()["kernels"][0]["seconds"] is not None


def test_a_method_is_explained_without_its_instance() -> None:
    class Model:
        @cr.compile
        def double(self, x: Any) -> Any:
            return x * 2.0

    model = Model()
    assert model.double.explain(X).arguments == ("x: float32[4, 3]",)


def test_each_compilation_is_logged_once_where_it_was_asked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    quiet = cr.compile(lambda x: x * 3.0, engine="numpy")
    telling = cr.compile(lambda x: x * 3.0, engine="numpy", explain=True)
    with caplog.at_level(logging.INFO, "chainrule"):
        for f in (quiet, telling):
            f(X)
            f(X)
        assert len(caplog.records) == 1
        telling(X[:1])
    said = [each.getMessage() for each in caplog.records]
    assert [each.splitlines()[0] for each in said] == [
        "compile: <lambda>(x: float32[4, 3]), engine numpy",
        "compile: <lambda>(x: float32[1, 3]), engine numpy",
    ]


# How it is written. -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "B", "0 B"),
        (4, "B", "4 B"),
        (999, "B", "999 B"),
        (1000, "FLOP", "1 kFLOP"),
        (24700, "B", "24.7 kB"),
        (0.0000035, "s", "3.5 µs"),
        (0.25, "s", "250 ms"),
        (2e-12, "s", "0.002 ns"),
        (0.5, "B", "0.5 B"),
        (2.1e11, "FLOP/s", "210 GFLOP/s"),
        (3e16, "FLOP/s", "3e+04 TFLOP/s"),
    ],
)
def test_amounts_have_three_digits_and_a_prefix(
    value: float, unit: str, text: str
) -> None:
    assert amount(value, unit) == text


def test_long_lists_of_operations_are_counted_and_broken() -> None:
    assert wrapped(()) == [""]
    assert wrapped(["add", "add", "exp"]) == ["add ×2 exp"]
    names = [f"operation{i}" for i in range(9)]
    assert [len(line) <= 44 for line in wrapped(names)] == [True, True, True]
    assert " ".join(wrapped(names)).split() == names


def test_figures_stand_flush_right_and_words_flush_left() -> None:
    rows = [("a", "bb", "1", "22", "3", "4"), ("long", "b", "10", "2", "3", "44")]
    assert table(rows) == ["  a     bb   1  22  3   4", "  long  b   10   2  3  44"]
    rows = [("a", "bb", "", "22", "3", "4"), ("long", "b", "", "2", "3", "44")]
    assert table(rows) == ["  a     bb  22  3   4", "  long  b    2  3  44"]
