"""The contract of engines: who may change a variable, and where its value is."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler import registry
from chainrule.compiler.pipeline import PASSES, run_passes
from chainrule.compiler.program import plan
from chainrule.graph import changes
from tests.engines import elsewhere
from tests.engines.elsewhere import DEVICE

X = np.arange(6, dtype=np.float32).reshape(2, 3)
ENGINES = ("elsewhere", "numpy", "native")


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine that keeps values elsewhere has a name, and nothing is counted yet."""
    module = "tests.engines.elsewhere"
    monkeypatch.setitem(registry.ENGINES, "elsewhere", module)
    DEVICE.sent = DEVICE.fetched = 0


def training(w: cr.Variable, engine: str = "elsewhere") -> Any:
    """A compiled step that changes w and returns nothing."""

    def step() -> None:
        w.assign(w * 0.5 + 1.0)

    return cr.compile(step, engine=engine)


def after(steps: int, value: Any = X) -> Any:
    """What w is after some steps."""
    for _ in range(steps):
        value = value * np.float32(0.5) + np.float32(1.0)
    return value


# Residence. ---------------------------------------------------------------------------


def test_a_variable_that_nobody_looks_at_is_sent_once_and_never_fetched() -> None:
    w = cr.Variable(X)
    step = training(w)
    step()
    once = DEVICE.sent
    for _ in range(9):
        step()
    assert (DEVICE.sent, DEVICE.fetched) == (once, 0)
    np.testing.assert_array_equal(w.numpy(), after(10))
    assert DEVICE.fetched == 1


def test_a_value_is_fetched_when_first_read_and_then_kept() -> None:
    w = cr.Variable(X)
    step = training(w)
    step()
    sent = DEVICE.sent
    seen = [w.numpy(), w.array, (w + 0.0).numpy(), np.asarray(w), w.read().value]
    for each in seen:
        np.testing.assert_array_equal(each, after(1))
    assert DEVICE.fetched == 1
    step()
    assert DEVICE.sent == sent
    for each in seen:  # what was read stays as it was
        np.testing.assert_array_equal(each, after(1))
    np.testing.assert_array_equal(w.numpy(), after(2))


def test_a_variable_that_is_only_read_stays_elsewhere_too() -> None:
    w = cr.Variable(X)
    total = cr.compile(lambda: (w * 1.0).sum(), engine="elsewhere")
    for _ in range(5):
        assert total().item() == X.sum()
    assert isinstance(w.residence, elsewhere.Buffer)
    first = DEVICE.sent
    w.assign(X + 1.0)
    assert w.residence is None
    assert total().item() == (X + 1.0).sum()
    assert DEVICE.sent == first + 1


def test_a_value_elsewhere_is_copied_pickled_saved_and_printed() -> None:
    w = cr.parameter(X, name="w")
    training(w)()
    for each in (copy.deepcopy(w), pickle.loads(pickle.dumps(w))):
        np.testing.assert_array_equal(each.numpy(), after(1))
        assert (each.name, type(each)) == ("w", cr.Parameter)
    assert "4." not in repr(cr.Variable(X * 0))
    assert "3.5" in repr(w)
    assert DEVICE.fetched == 1


@pytest.mark.parametrize("other", ENGINES)
@pytest.mark.parametrize("one", ENGINES)
def test_engines_take_turns_on_one_variable(one: str, other: str) -> None:
    w = cr.Variable(X)
    first, second = training(w, one), training(w, other)
    reading = cr.compile(lambda: w.sum(), engine=one)
    value, kept = X, []
    for turn in range(12):
        (first if turn % 3 else second)()
        value = after(1, value)
        if turn % 4 == 1:
            kept.append((w.read(), w.numpy(), value))
        if turn % 5 == 2:
            assert reading().item() == pytest.approx(value.sum(), rel=1e-6)
        if turn % 6 == 5:
            value = X * np.float32(turn)
            w.assign(value)
    np.testing.assert_array_equal(w.numpy(), value)
    for node, array, expected in kept:
        np.testing.assert_array_equal(node.value, expected)
        np.testing.assert_array_equal(array, expected)


def test_changes_tell_of_a_value_that_moves_elsewhere() -> None:
    w = cr.Variable(X)
    before = changes.last
    training(w)()
    assert changes.last is not before
    before = changes.last
    w.numpy()  # lent now
    assert changes.last is not before
    assert w.lent


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_that_fails_changes_no_variable(engine: str) -> None:
    w, rows = cr.Variable(X), cr.tensor([5.0, 6.0])

    @cr.compile(engine=engine)
    def step(i: Any) -> Any:
        w.assign(w + 1.0)
        return cr.take(rows, i)

    step(np.array(1))
    with pytest.raises(cr.errors.BoundsError):
        step(np.array(7))
    np.testing.assert_array_equal(w.numpy(), X + 1)
    assert step(np.array(0)).item() == 5.0
    np.testing.assert_array_equal(w.numpy(), X + 2)


# What an engine says of itself. -------------------------------------------------------


def test_an_engine_may_choose_its_own_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elsewhere.ElsewhereEngine, "passes", PASSES[:2])
    report = cr.compile(lambda x: x + 0.0, engine="elsewhere").explain(X)
    assert len(report.stages) == 3
    assert report.kernels is None
    default = cr.compile(lambda x: x + 0.0, engine="numpy").explain(X)
    assert len(default.stages) == 1 + len(PASSES)


def test_programs_are_kept_for_the_settings_that_the_engine_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = ["slow"]
    monkeypatch.setattr(
        elsewhere.ElsewhereEngine, "settings", lambda _: tuple(settings)
    )
    run = cr.compile(lambda x: x * 2.0, engine="elsewhere")
    other = cr.compile(lambda x: x * 2.0, engine="numpy")
    for processor in ("baseline", "host", "baseline"):
        cr.config.processor = processor
        settings[0] = processor
        run(X)
        other(X)
    assert (len(run.specialisations), len(other.specialisations)) == (2, 1)


def test_a_report_without_a_known_peak_has_the_time_alone() -> None:
    run = cr.compile(lambda x: x * 2.0, engine="elsewhere")
    report = run.explain(X, measure=True)
    assert report.timing is not None
    assert report.timing.peak is None
    assert "peaks" not in str(report)
    assert " a call\n" in str(report)


def test_an_engine_is_registered_by_name_and_imported_when_used() -> None:
    registry.register("nowhere", "tests.engines.no_such_module")
    try:
        with pytest.raises(ModuleNotFoundError):
            cr.compile(lambda x: x, engine="nowhere")
    finally:
        del registry.ENGINES["nowhere"]


# The program. -------------------------------------------------------------------------


def test_slots_are_numbers_of_nodes() -> None:
    w = cr.Variable(X)

    def step(x: Any) -> Any:
        w.assign(w + x * 2.0)
        return cr.exp(x) * w

    program = plan(run_passes(cr.trace(step, X)))
    graph = program.graph
    order = (*graph.inputs, *graph.variables, *graph.constants, *graph.operations)
    assert program.nodes == order
    assert program.num_slots == len(order)
    for instruction in program.instructions:
        assert program.nodes[instruction.output] is instruction.node
        inputs = tuple(program.nodes[slot] for slot in instruction.inputs)
        assert inputs == instruction.node.inputs
    assert [program.nodes[slot] for slot in program.outputs] == list(graph.outputs)
