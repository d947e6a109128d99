"""How many programs a fit compiles, and of how many kernels: no more than it needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.config import config
from chainrule.engines.native.engine import NativeEngine
from chainrule.engines.native.plan.fuse import fuse
from chainrule.recompilation import templates

#: (the function, rows of its first argument, kernels)
Compiled = tuple[str, int, int]


@pytest.fixture
def compiled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[list[Compiled]]:
    """What is compiled in a test, with nothing in memory and on disk at first."""
    noted: list[Compiled] = []
    prepared = NativeEngine.prepared

    def note(self: NativeEngine, program: Any) -> Any:
        graph = program.graph
        kernels = len(fuse(program).kernels)
        noted.append((graph.name, graph.inputs[0].shape[0], kernels))
        return prepared(self, program)

    monkeypatch.setattr(NativeEngine, "prepared", note)
    templates.forget()
    with config.using(cache_folder=tmp_path, engine="native"):
        yield noted
    templates.forget()


def fit(model: nn.Module, **options: Any) -> Any:
    """77 examples in batches of 16, which leaves 13, and 26 for validation."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(103, 8)).astype(np.float32), rng.integers(0, 3, 103)
    return cr.fit(
        model,
        (x[:77], y[:77]),
        validation=(x[77:], y[77:]),
        loss="cross_entropy",
        metrics=["accuracy"],
        batch_size=16,
        progress=False,
        **options,
    )


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))


def test_a_fit_compiles_a_step_for_each_batch_size_and_one_validation(
    compiled: list[Compiled],
) -> None:
    fit(network(), epochs=3)
    assert sorted((name, rows) for name, rows, _ in compiled) == [
        ("look", 26), ("step", 13), ("step", 16),
    ]  # fmt: skip


def test_more_epochs_another_network_and_a_second_fit_compile_nothing(
    compiled: list[Compiled],
) -> None:
    model = network()
    fit(model, epochs=1)
    assert len(compiled) == 3
    fit(model, epochs=5)
    fit(network(), epochs=2)
    assert len(compiled) == 3


def test_without_the_short_last_batch_there_is_one_step(
    compiled: list[Compiled],
) -> None:
    fit(network(), epochs=2, drop_last=True)
    assert sorted((name, rows) for name, rows, _ in compiled) == [
        ("look", 26), ("step", 16),
    ]  # fmt: skip


def test_a_step_of_two_layers_is_fourteen_kernels_and_a_validation_seven(
    compiled: list[Compiled],
) -> None:
    """Fewer are welcome: then this is the figure to lower."""
    fit(network(), epochs=1)
    most = {"look": 7, "step": 14}
    assert {(name, kernels <= most[name]) for name, _, kernels in compiled} == {
        ("look", True), ("step", True),
    }  # fmt: skip
