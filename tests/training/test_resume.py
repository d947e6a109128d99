"""Checkpoints: a run that was stopped in any way ends with the very same bits."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, nn, optim, saving
from chainrule.errors import FileError, StateError
from chainrule.training import fit
from chainrule.training.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    LearningRateLog,
    ReduceOnPlateau,
    Watch,
)
from chainrule.training.history import History
from tests.training.conftest import Points
from tests.training.test_loop import same_weights, without_times

Build = Callable[..., nn.Module]


class StopAt(Callback):
    """Ends a run after a step, as Ctrl-C would."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_batch_end(self, run: Any) -> None:
        if run.step == self.step:
            signal.raise_signal(signal.SIGINT)


def train(
    model: nn.Module,
    points: Points,
    folder: Path,
    *extra: Callback,
    resume: Any = None,
    **changes: Any,
) -> History:
    optimizer = optim.Adam(model.parameters(), lr=optim.Cosine(0.01, 40))
    settings: dict[str, Any] = {
        "optimizer": optimizer,
        "epochs": 5,
        "batch_size": 16,
        "validation": 0.2,
        "metrics": ["accuracy", "f1", lambda o, t: float(o.max())],
        "seed": 3,
        "progress": False,
    }
    stopping = EarlyStopping("validation_loss", patience=4)
    listeners = [
        stopping, LearningRateLog(), Checkpoint(folder, every_steps=2), *extra
    ]  # fmt: skip
    return fit(model, points, callbacks=listeners, resume=resume, **settings | changes)


def same_histograms(one: Watch, two: Watch) -> bool:
    """Whether both saw the same in every epoch, to the bit."""
    assert one.histograms is not None and two.histograms is not None
    rows = [each.state_dict() for each in (one.histograms, two.histograms)]
    assert rows[0].keys() == rows[1].keys()
    assert all(len(found) == 5 for name, found in rows[0].items() if name != "every")
    return all(np.array_equal(rows[0][name], rows[1][name]) for name in rows[0])


@pytest.mark.parametrize("step", [1, 2, 4, 5, 7, 10, 24])
def test_a_run_stopped_after_any_step_goes_on_to_the_bit(
    step: int, points: Points, network: Build, tmp_path: Path
) -> None:
    watches = [Watch(), Watch()]
    whole = network(dropout=0.3)
    expected = train(whole, points, tmp_path / "whole", watch=watches[0])
    parts = network(dropout=0.3)
    stopped = train(parts, points, tmp_path / "parts", StopAt(step), watch=Watch())
    assert stopped.stopped == "interrupted"
    resumed = network(dropout=0.3, seed=99)  # its values come from the checkpoint
    history = train(
        resumed, points, tmp_path / "parts", resume="auto", watch=watches[1]
    )
    assert same_weights(whole, resumed)
    assert same_histograms(*watches)
    assert without_times(history) == without_times(expected)
    assert history.stopped == expected.stopped == "finished"


def test_a_run_that_was_stopped_in_an_epoch_goes_on_to_the_bit(
    points: Points, network: Build, tmp_path: Path
) -> None:
    class Enough(Callback):
        def on_batch_end(self, run: Any) -> None:
            if run.step == 4:
                run.stop("enough")

    def run(model: nn.Module, *extra: Callback) -> History:
        listeners = [Checkpoint(tmp_path / str(id(model)), every_epochs=0), *extra]
        return fit(
            model, points, epochs=3, resume="auto", progress=False,
            callbacks=[EarlyStopping("loss"), *listeners],
        )  # fmt: skip

    whole, parts = network(), network()
    expected = run(whole)
    assert run(parts, Enough()).stopped == "enough"
    history = run(parts)
    assert same_weights(whole, parts)
    assert without_times(history) == without_times(expected)


PROGRAM = """
import sys
import numpy as np
import chainrule as cr
from chainrule import nn, optim
from chainrule.training import fit
from chainrule.training.callbacks import Checkpoint, EarlyStopping

rng = np.random.default_rng(0)
x, y = rng.normal(size=(400, 4)), np.arange(400) % 3
cr.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))
history = fit(
    model, (x, y), optimizer=optim.Adam(model.parameters(), lr=0.01), epochs=30,
    batch_size=8, validation=0.1, seed=7, resume="auto", progress=False,
    callbacks=[EarlyStopping(patience=30), Checkpoint(sys.argv[1], every_steps=3)],
)
model.save(sys.argv[2] + ".safetensors")
history.to_json(sys.argv[2] + ".json")
"""


def test_a_killed_run_goes_on_to_the_bit(tmp_path: Path) -> None:
    """kill -9 at random moments, again and again, until the run comes to its end."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)

    def start(name: str) -> subprocess.Popen[bytes]:
        arguments = [str(tmp_path / name), str(tmp_path / f"{name}-result")]
        return subprocess.Popen([sys.executable, str(program), *arguments])

    assert start("whole").wait(timeout=120) == 0
    chance = random.Random(0)
    kills = 0
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        process = start("killed")
        folder = tmp_path / "killed"
        before = newest(folder)
        while kills < 5 and newest(folder) == before and process.poll() is None:
            time.sleep(0.002)  # it has begun to train
        try:
            code = process.wait(timeout=chance.uniform(0.0, 0.25) if kills < 5 else 60)
            assert code == 0
            break
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
    assert kills >= 3
    results = [
        (saving.read(tmp_path / f"{name}-result.safetensors")[0],
         History.from_json(tmp_path / f"{name}-result.json"))
        for name in ("whole", "killed")
    ]  # fmt: skip
    (weights, history), (weights2, history2) = results
    assert all(np.array_equal(weights[name], weights2[name]) for name in weights)
    assert without_times(history) == without_times(history2)


def newest(folder: Path) -> str:
    return max((p.name for p in folder.glob("step-*.safetensors")), default="")


def test_a_run_can_be_made_longer(
    points: Points, network: Build, tmp_path: Path
) -> None:
    whole = network()
    expected = train(whole, points, tmp_path / "whole", epochs=4)
    longer = network()
    train(longer, points, tmp_path / "longer", epochs=2)
    history = train(longer, points, tmp_path / "longer", epochs=4, resume="auto")
    assert same_weights(whole, longer)
    assert without_times(history) == without_times(expected)


def test_a_complete_run_resumes_to_its_end_at_once(
    points: Points, network: Build, tmp_path: Path
) -> None:
    model = network()
    expected = train(model, points, tmp_path)
    again = network(seed=5)
    assert train(again, points, tmp_path, resume=tmp_path) == expected
    assert same_weights(model, again)


def test_a_run_that_stopped_early_stays_stopped(
    points: Points, network: Build, tmp_path: Path
) -> None:
    def run(model: nn.Module, resume: Any) -> History:
        listeners = [
            EarlyStopping("loss", patience=2, min_delta=100.0), Checkpoint(tmp_path),
            ReduceOnPlateau("loss", patience=1),
        ]  # fmt: skip
        return fit(model, points, callbacks=listeners, resume=resume, progress=False)

    expected = run(network(), None)
    again = run(network(seed=5), tmp_path)
    assert len(again) == len(expected) == 3
    assert again.stopped == expected.stopped


def test_a_model_that_draws_in_evaluation_goes_on_bit_by_bit(
    points: Points, tmp_path: Path
) -> None:
    class Noisy(nn.Module):
        """A distance to the inputs that is never exact."""

        outputs_loss = True

        def __init__(self) -> None:
            self.centre = cr.parameter(np.zeros(np.shape(points[0])[1], "f4"))

        def forward(self, x: Any) -> Any:
            """A mean square."""
            return ((x + cr.random.normal_like(x) - self.centre) ** 2).mean()

    def run(model: nn.Module, epochs: int, resume: Any = None) -> History:
        return fit(
            model, points[0], epochs=epochs, batch_size=16, validation=0.2,
            optimizer=optim.Adam(lr=0.01), callbacks=[Checkpoint(tmp_path)],
            resume=resume, progress=False,
        )  # fmt: skip

    whole, parts = Noisy(), Noisy()
    expected = run(whole, 4)
    shutil.rmtree(tmp_path)
    run(parts, 2)
    history = run(parts, 4, "auto")
    assert without_times(history) == without_times(expected)
    assert same_weights(whole, parts)


def test_a_stream_is_resumed_in_the_middle(network: Build, tmp_path: Path) -> None:
    def make(epoch: int) -> Any:
        rng = np.random.default_rng(epoch)
        for _ in range(6):
            yield rng.normal(size=(8, 2)).astype(np.float32), rng.integers(0, 3, 8)

    def run(model: nn.Module, folder: Path, *extra: Callback, resume: Any) -> History:
        return fit(
            model, data.Stream(make), epochs=3, resume=resume, progress=False,
            callbacks=[Checkpoint(folder, every_steps=1), *extra],
        )  # fmt: skip

    whole, parts = network(), network()
    expected = run(whole, tmp_path / "a", resume=None)
    run(parts, tmp_path / "b", StopAt(9), resume=None)
    history = run(parts, tmp_path / "b", resume="auto")
    assert same_weights(whole, parts)
    assert without_times(history) == without_times(expected)


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "another batch size": ({"batch_size": 8}, "batch_size is 8, and was 16"),
    "another seed": ({"seed": 4}, "seed is 4, and was 3"),
    "another loss": ({"loss": cr.losses.hinge} if hasattr(cr, "losses") else
                     {"metrics": ["f1"]}, "is "),
    "another optimizer": ({"optimizer": "adam"}, "another model or optimizer"),
    "no validation": ({"validation": None}, "is "),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_another_run_than_the_one_begun_is_an_error(
    change: str, points: Points, network: Build, tmp_path: Path
) -> None:
    changes, words = CHANGES[change]
    train(network(), points, tmp_path, epochs=1)
    extra = {"callbacks": [Checkpoint(tmp_path)]} if change == "no validation" else {}
    with pytest.raises(StateError) as caught:
        if extra:
            fit(network(), points, batch_size=16, seed=3, progress=False,
                resume=tmp_path)  # fmt: skip
        else:
            train(network(), points, tmp_path, resume=tmp_path, **changes)
    assert words in str(caught.value)


def test_another_model_or_data_set_is_an_error_and_changes_nothing(
    points: Points, network: Build, tmp_path: Path
) -> None:
    train(network(), points, tmp_path, epochs=1)
    wider = network(2, 9, 3)
    before = wider.state_dict()
    with pytest.raises(StateError, match="another model or optimizer"):
        train(wider, points, tmp_path, resume=tmp_path)
    assert all(np.array_equal(wider.state_dict()[n], a) for n, a in before.items())
    x, y = points
    with pytest.raises(StateError, match="checksum"):
        train(network(), (x + 1, y), tmp_path, resume=tmp_path)
    with pytest.raises(StateError, match=r"\(68, 2\)"):
        train(network(), (x[:85], y[:85]), tmp_path, resume=tmp_path)


def damage_by_truncation(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def damage_by_one_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-50] ^= 1
    file.write_bytes(bytes(content))


def damage_by_emptying(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize(
    "damage", [damage_by_truncation, damage_by_one_byte, damage_by_emptying]
)
def test_a_damaged_checkpoint_is_passed_over_with_a_word(
    damage: Callable[[Path], None], points: Points, network: Build, tmp_path: Path
) -> None:
    whole = network()
    expected = train(whole, points, tmp_path / "whole")
    parts = network()
    train(parts, points, tmp_path / "parts", StopAt(9))
    files = sorted((tmp_path / "parts").iterdir())
    assert len(files) == 3
    damage(files[-1])
    with pytest.warns(UserWarning, match=f"damaged.*continuing from {files[-2].name}"):
        history = train(parts, points, tmp_path / "parts", resume="auto")
    assert same_weights(whole, parts)
    assert without_times(history) == without_times(expected)


def test_when_every_checkpoint_is_damaged_it_is_an_error(
    points: Points, network: Build, tmp_path: Path
) -> None:
    train(network(), points, tmp_path, epochs=1)
    for file in tmp_path.iterdir():
        damage_by_truncation(file)
    with pytest.raises(FileError, match="damaged"):
        train(network(), points, tmp_path, resume="auto")


def test_a_model_file_is_no_checkpoint(
    points: Points, network: Build, tmp_path: Path
) -> None:
    file = tmp_path / "model.safetensors"
    network().save(file)
    with pytest.raises(FileError, match="not a training checkpoint"):
        train(network(), points, tmp_path, resume=file)
    with pytest.raises(FileError, match="no checkpoint in this folder"):
        train(network(), points, tmp_path, resume=tmp_path)


def test_the_newest_files_are_kept_or_one_is_replaced(
    points: Points, network: Build, tmp_path: Path
) -> None:
    fit(network(), points, epochs=5, progress=False,
        callbacks=[Checkpoint(tmp_path / "many", keep=2),
                   Checkpoint(tmp_path / "one.safetensors")])  # fmt: skip
    names = sorted(p.name for p in (tmp_path / "many").iterdir())
    assert names == ["step-00000012.safetensors", "step-00000015.safetensors"]
    assert json.dumps(saving.read(tmp_path / "one.safetensors")[1]["epoch"]) == "6"
