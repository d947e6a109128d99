"""What a graph became is found by later processes, and nobody can tell."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn, optim
from chainrule.compiler import compile as compiler
from chainrule.compiler.pipeline import PASSES, run_passes
from chainrule.compiler.registry import engine_named
from chainrule.config import config
from chainrule.engines.native.run import object_cache
from chainrule.ops.primitive import REGISTRY, Kind, Primitive, same_shape
from chainrule.recompilation import kept, templates
from chainrule.recompilation.entries import folder
from chainrule.recompilation.templates import Template, Walk, key_of
from tests.recompilation.test_templates import (
    Recurrent,
    convolutional,
    dense,
    everything,
    make_step,
    normalised,
)  # fmt: skip

MODELS = (dense, normalised, convolutional, Recurrent)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path) -> Iterator[None]:
    """An empty cache, and no template in this process."""
    config.cache_folder = tmp_path
    templates.forget()
    yield
    templates.forget()


@pytest.fixture
def passes_run(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the graphs that the passes have been run on."""
    names: list[str] = []

    def noted(graph: Any, *rest: Any) -> Any:
        names.append(graph.name)
        return run_passes(graph, *rest)

    monkeypatch.setattr(compiler, "run_passes", noted)
    return names


def entry() -> Path:
    """The one template on disk."""
    (found,) = folder().glob("*.t")
    return found


def twice(x: Any) -> Any:
    return cr.tanh(x) * 2.0 + cr.tensor([1.0, 2.0])


def call() -> Any:
    """A function compiled as in a process that begins."""
    templates.forget()
    return cr.compile(twice, engine="native")(np.ones((3, 2), np.float32)).numpy()


# The same results. --------------------------------------------------------------------


@pytest.mark.parametrize("make", MODELS)
def test_what_is_read_is_what_the_passes_would_have_made(
    make: Callable[[], Any],
) -> None:
    x, y = np.ones((4, 8), np.float32), np.array([0, 1, 2, 0])
    first = cr.trace(make_step(make()), x, y)
    again = cr.trace(make_step(make()), x, y)
    stages: list[tuple[str, int]] = []
    written: Template[None] = Template(Walk(first), run_passes(first), stages)
    read = Template.of_rows(*written.rows())
    assert read.rows() == written.rows()
    filled, wanted = read.filled_in(Walk(again)), written.filled_in(Walk(again))
    assert str(filled) == str(wanted)
    assert everything(filled, {}) == everything(wanted, {})
    assert [*map(id, filled.variables)] == [*map(id, wanted.variables)]


PROGRAM = """
import numpy as np, sys
import chainrule as cr
from chainrule import nn
cr.manual_seed(1)
model = nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Dropout(0.3), nn.Linear(6, 3))
x = np.random.default_rng(0).standard_normal((7, 8)).astype("f4")
cr.fit(model, (x, np.arange(7) % 3), epochs=3, batch_size=4, progress=False)
print([v.tobytes().hex() for v in model.state_dict().values()])
print([m for m in sys.modules if ".native.plan" in m or ".native.write" in m])
"""


def test_a_second_process_trains_to_the_same_bits_and_plans_nothing() -> None:
    answers = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=os.environ | {"CHAINRULE_CACHE": str(config.cache_folder)},
            capture_output=True,
            check=True,
            encoding="utf-8",
        ).stdout.splitlines()
        for _ in range(2)
    ]
    assert answers[0][0] == answers[1][0]
    assert "native.plan.fuse" in answers[0][1]
    assert answers[1][1] == "[]"


def test_a_report_says_the_same_of_code_whose_plan_was_not_made() -> None:
    def report() -> Any:
        templates.forget()
        f = cr.compile(twice, engine="native")
        f(np.ones((3, 2), np.float32))
        (found,) = f.specialisations
        return found.stages, found.executable.kernels(), found.executable.arena_bytes

    assert report() == report()


# When it is used, and when not. -------------------------------------------------------


def test_a_second_process_runs_no_passes(passes_run: list[str]) -> None:
    wanted = call()
    np.testing.assert_array_equal(call(), wanted)
    assert len(passes_run) == 1


def test_another_dtype_engine_or_package_is_another_entry(
    monkeypatch: pytest.MonkeyPatch, passes_run: list[str]
) -> None:
    call()
    config.dtype = "float64"
    call()
    config.dtype = "float32"
    assert len(passes_run) == 2
    for what, value in (
        ("_state_of_package", lambda: "another"),
        ("platform", type("P", (), {"python_version": staticmethod(lambda: "3")})),
    ):
        with monkeypatch.context() as changed:
            changed.setattr(kept, what, value)
            call()
    assert len(passes_run) == 4
    call()
    assert len(passes_run) == 4


def test_a_file_that_is_written_changes_the_state_of_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "room" / "file.py"
    file.parent.mkdir()
    file.write_text("x = 1\n")
    monkeypatch.setattr(kept, "PACKAGE", tmp_path)
    state = kept._state_of_package.__wrapped__
    before, stat = state(), file.stat()
    assert state() == before
    file.write_text("x = 2\n")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as large, and as old
    assert state() != before


def test_code_that_is_gone_or_for_another_processor_is_made_again(
    monkeypatch: pytest.MonkeyPatch, passes_run: list[str]
) -> None:
    wanted = call()
    for code in folder().glob("*.o"):
        code.unlink()
    np.testing.assert_array_equal(call(), wanted)
    assert len(passes_run) == 2
    with monkeypatch.context() as changed:
        changed.setattr(object_cache, "surroundings", lambda: ("another",))
        call()
    assert len(passes_run) == 3


@pytest.mark.parametrize("damaged", [b"", b"nothing"])
def test_a_damaged_entry_is_made_again(damaged: bytes, passes_run: list[str]) -> None:
    wanted = call()
    entry().write_bytes(damaged)
    np.testing.assert_array_equal(call(), wanted)
    np.testing.assert_array_equal(call(), wanted)
    assert len(passes_run) == 2


def test_a_folder_that_cannot_be_written_is_done_without(
    tmp_path: Path, passes_run: list[str]
) -> None:
    config.cache_folder = tmp_path / "file"
    config.cache_folder.write_text("no folder")
    np.testing.assert_array_equal(call(), call())
    assert len(passes_run) == 2


def test_what_calls_python_back_is_not_kept() -> None:
    cr.compile(cr.linalg.cholesky, engine="native")(np.eye(3, dtype=np.float32))
    assert not [*folder().glob("*.t")]


def test_the_numpy_engine_keeps_nothing() -> None:
    cr.compile(twice, engine="numpy")(np.ones((3, 2), np.float32))
    assert not [*folder().glob("*.t")]


def test_only_the_packages_own_operations_passes_and_engines_are_kept() -> None:
    x = np.ones((3, 2), np.float32)
    engine = engine_named("native")
    walk = Walk(cr.trace(twice, x))
    assert kept.entry_of(engine, key_of(walk), walk.numbers) is not None

    class Another(type(engine)):  # type: ignore[misc]
        """An engine of somebody else."""

    assert kept.entry_of(Another(), key_of(walk), walk.numbers) is None

    class Shorter:
        """An engine of ours with a pass of somebody else."""

        passes = (*PASSES, lambda graph: graph)
        settings = packed = unpacked = None

    Shorter.__module__ = type(engine).__module__
    assert kept.entry_of(Shorter(), key_of(walk), walk.numbers) is None
    try:
        own = Primitive("own", "x", same_shape, lambda x: x, kind=Kind.ELEMENTWISE)
        walk = Walk(cr.trace(own, x))
        assert kept.entry_of(engine, key_of(walk), walk.numbers) is None
    finally:
        del REGISTRY["own"]


def test_every_operation_of_the_package_is_its_own() -> None:
    assert [name for name, op in REGISTRY.items() if not kept._is_own(op)] == []


def test_all_graphs_that_differ_have_different_entries() -> None:
    x = np.ones((3, 2), np.float32)
    functions: list[Callable[[Any], Any]] = [
        lambda x: x * 2.0, lambda x: x * 3.0, lambda x: x + 2.0,
        lambda x: -x, lambda x: x.sum(0), lambda x: x.sum(1), lambda x: x[0],
        lambda x: x[:1], lambda x: x.reshape(2, 3), lambda x: x.T,
        lambda x: cr.clip(x, 0.0, 1.0), lambda x: cr.clip(x, -0.0, 1.0),
    ]  # fmt: skip
    found = set()
    for f in functions:
        walk = Walk(cr.trace(f, x))
        found.add(kept.entry_of(engine_named("native"), key_of(walk), walk.numbers))
    walk = Walk(cr.trace(functions[0], x.astype(np.float64)))
    found.add(kept.entry_of(engine_named("native"), key_of(walk), walk.numbers))
    assert len(found) == len(functions) + 1


def test_networks_of_one_entry_train_beside_each_other() -> None:
    x, y = np.ones((7, 8), np.float32), np.arange(7) % 3
    values = []
    for _ in range(2):  # the second time from disk
        templates.forget()
        cr.manual_seed(0)
        models = [nn.Sequential(nn.Linear(8, 6), nn.Linear(6, 3)) for _ in range(2)]
        steps = []
        for model in models:
            optimizer = optim.Adam(model.parameters())

            def step(x: Any, y: Any, model: Any = model, optimizer: Any = optimizer):
                loss = losses.cross_entropy(model(x), y)
                optimizer.step(cr.backprop(loss))
                return loss

            steps.append(cr.compile(step, engine="native"))
        for _ in range(3):
            for each in steps:
                each(x, y)
        values.append([v for model in models for v in model.state_dict().values()])
    for a, b in zip(*values, strict=True):
        np.testing.assert_array_equal(a, b)
