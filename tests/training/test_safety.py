"""What a run leaves behind when it fails, and what keeps two runs apart."""

from __future__ import annotations

import importlib.metadata
import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, nn, optim, saving
from chainrule.config import config
from chainrule.errors import FileError, NumericsError
from chainrule.training import fit, waiting
from chainrule.training.callbacks import Callback, Checkpoint
from chainrule.training.environment import version_of
from chainrule.training.history import History
from tests.training.conftest import Points

Build = Callable[..., nn.Module]


# The history of a run that fails. ---------------------------------------------------


def test_a_nan_keeps_the_history_so_far(line: Points) -> None:
    model = nn.Linear(3, 1)
    optimizer = optim.SGD(model.parameters(), lr=30.0)
    with pytest.raises(NumericsError) as caught:
        fit(model, line, optimizer=optimizer, epochs=100, progress=False)
    history = caught.value.history  # type: ignore[attr-defined]
    assert 1 <= len(history) < 100
    assert all(np.isfinite(history["loss"]))
    assert history.stopped.startswith("error: fit: step")
    assert history.settings["stopped_at"]["epoch"] == len(history) + 1
    assert History.from_json(history.to_json()) == history


@pytest.mark.parametrize("error", [ValueError("no\nmore"), KeyboardInterrupt()])
def test_any_error_keeps_it(points: Points, network: Build, error: Any) -> None:
    class Fails(Callback):
        def on_epoch_start(self, run: Any) -> None:
            if run.epoch == 3:
                raise error

    closed: list[History] = []

    class Close(Callback):
        def on_close(self, run: Any) -> None:
            closed.append(run.history)

    with pytest.raises(type(error)) as caught:
        fit(network(), points, callbacks=[Fails(), Close()], progress=False)
    history = caught.value.history  # type: ignore[attr-defined]
    assert history is closed[0] and len(history) == 2
    assert history.stopped in ("error: no", "error: KeyboardInterrupt")


def test_the_command_writes_the_history_of_a_run_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    from chainrule.cli import train

    def fails(*args: Any, **settings: Any) -> Any:
        error = NumericsError("fit: step 7: the loss is NaN")
        error.history = History([{"epoch": 1, "loss": 0.5}])  # type: ignore[attr-defined]
        raise error

    monkeypatch.setattr(cr.training, "fit", fails)
    out = tmp_path / "run"
    result = CliRunner().invoke(train.command, ["iris", "--out", str(out)])
    assert isinstance(result.exception, NumericsError)
    assert History.from_json(out / "history.json")["loss"] == [0.5]


def test_a_history_says_what_it_was_made_with(points: Points, network: Build) -> None:
    config.threads, before = 1, config.threads
    try:
        history = fit(network(), points, epochs=1, progress=False)
    finally:
        config.threads = before
    made = history.settings["environment"]
    assert made["threads"] == 1 and made["numpy"] == np.__version__
    assert {"chainrule", "python", "llvmlite", "processor", "system"} <= made.keys()
    assert all(isinstance(value, (str, int)) and value for value in made.values())


def test_a_checkpoint_says_what_it_was_made_with(
    points: Points, network: Build, tmp_path: Path
) -> None:
    path = tmp_path / "one.safetensors"
    fit(network(), points, epochs=1, callbacks=[Checkpoint(path)], progress=False)
    assert saving.read(path)[1]["environment"]["numpy"] == np.__version__


# One run at a time. -----------------------------------------------------------------


class Wait(Callback):
    """Holds a run in its first epoch until it is told to go on."""

    def __init__(self) -> None:
        self.there, self.go_on = threading.Event(), threading.Event()

    def on_epoch_start(self, run: Any) -> None:
        self.there.set()
        self.go_on.wait(20)


@pytest.mark.parametrize("name", ["folder", "one.safetensors"])
def test_a_second_run_of_one_folder_is_refused_while_the_first_goes_on(
    points: Points, network: Build, tmp_path: Path, name: str
) -> None:
    wait, path = Wait(), tmp_path / name

    def first() -> None:
        fit(network(), points, epochs=2, callbacks=[Checkpoint(path), wait],
            progress=False)  # fmt: skip

    def again(**settings: Any) -> Any:
        return fit(network(), points, epochs=2, resume="auto", progress=False,
                   callbacks=[Checkpoint(path)], **settings)  # fmt: skip

    thread = threading.Thread(target=first)
    thread.start()
    assert wait.there.wait(20)
    with pytest.raises(FileError) as caught:
        again()
    wait.go_on.set()
    thread.join()
    assert re.fullmatch(
        rf"Checkpoint {str(path)!r}: process {os.getpid()} on \S+ is writing there: "
        "one run at a time",
        caught.value.what,
    )
    assert caught.value.fix == (
        "wait until it has ended, or give this run a folder of its own"
    )
    assert len(again()) == 2
    left = [each.name for each in tmp_path.rglob("*") if "lock" in each.name]
    assert left == []


def test_two_checkpoints_of_one_run_may_share_a_folder(
    points: Points, network: Build, tmp_path: Path
) -> None:
    both = [Checkpoint(tmp_path), Checkpoint(tmp_path, every_steps=2)]
    assert len(fit(network(), points, epochs=1, callbacks=both, progress=False)) == 1


HOLDER = """
import sys, time
from pathlib import Path
from chainrule import saving
with saving.locked(Path(sys.argv[1]), "Run", "wait"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with (
            pytest.raises(FileError, match=f"process {holder.pid} on"),
            saving.locked(path, "Run", "wait"),
        ):
            pass
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert holder.stdout is not None
        holder.stdout.close()
    assert path.exists()
    with saving.locked(path, "Run", "wait"):
        pass
    assert not path.exists()


def test_of_many_threads_one_at_a_time_holds_a_lock(tmp_path: Path) -> None:
    inside, most, entered = 0, 0, 0
    guard = threading.Lock()

    def try_often() -> None:
        nonlocal inside, most, entered
        for _ in range(100):
            try:
                with saving.locked(tmp_path / ".lock", "Run", "wait"):
                    with guard:
                        inside, entered = inside + 1, entered + 1
                        most = max(most, inside)
                    with guard:
                        inside -= 1
            except FileError:
                pass

    threads = [threading.Thread(target=try_often) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1 and entered > 6


# A loader that hangs. ---------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PATIENCE", 0.1)


def hanging(seconds: float) -> data.Stream:
    def make(epoch: int) -> Iterator[Any]:
        for number in range(3):
            if number == 1:
                time.sleep(seconds)  # the loader hangs here
            yield np.ones((4, 3), np.float32), np.ones((4, 1), np.float32)

    return data.Stream(make, name="slow", length=3)


@pytest.mark.usefixtures("impatient")
def test_a_loader_that_hangs_is_told_of_with_its_line() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(nn.Linear(3, 1), hanging(0.6), epochs=1, progress=False)
    (warning,) = caught  # the next would come after ten times as long
    text = str(warning.message)
    assert re.match(r"Stream 'slow': no batch for 0 s; the loader stands at\n", text)
    assert "in make\n    time.sleep(seconds)  # the loader hangs here" in text
    assert "training/loop.py" not in text


@pytest.mark.usefixtures("impatient")
def test_warnings_become_rarer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "RARER", 3.0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        list(hanging(1.2).batches())  # by itself it says nothing
        list(waiting.warned_when_late(hanging(1.2).batches(), "x"))
    assert len(caught) == 3  # after 0.1, 0.3 and 0.9 seconds


@pytest.mark.usefixtures("impatient")
def test_threads_that_make_batches_are_told_of() -> None:
    from chainrule.data.lazy_rows import Rows

    class Slow(Rows):
        shape, dtype = (8, 3), np.dtype("float32")

        def __getitem__(self, index: Any) -> Any:
            time.sleep(0.5)  # a file that does not come
            return np.ones((8, 3), np.float32)[index]

    slow = data.Dataset(Slow(), np.ones((8, 1), np.float32), name="files")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cr.predict(nn.Linear(3, 1), slow, batch_size=8)
    text = str(caught[0].message)
    assert text.startswith("Dataset 'files': no batch for 0 s")
    assert "in thread chainrule-data_0:" in text and "a file that does not come" in text


def test_a_loader_in_time_says_nothing_and_leaves_no_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "PATIENCE", 0.4)
    stream = data.Stream(
        lambda epoch: (
            (time.sleep(0.05), (np.ones((4, 3)), np.ones((4, 1))))[1] for _ in range(12)
        )
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(nn.Linear(3, 1), stream, epochs=1, progress=False)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if not any(t.name == "chainrule-watch" for t in threading.enumerate()):
            return
        time.sleep(0.01)
    raise AssertionError("a thread goes on looking")


def test_the_command_refuses_to_go_on_with_a_run_that_goes_on(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from chainrule.cli import train

    out = tmp_path / "run"
    begun = ["iris", "--epochs", "1", "--out", str(out)]
    assert CliRunner().invoke(train.command, begun).exit_code == 0
    (out / "metrics.json").unlink()
    with saving.locked(out / "checkpoints" / ".lock", "Run", "wait"):
        result = CliRunner().invoke(train.command, ["--resume", str(out)])
    assert isinstance(result.exception, FileError)
    assert "is writing there: one run at a time" in result.exception.what
    assert CliRunner().invoke(train.command, ["--resume", str(out)]).exit_code == 0


@pytest.mark.parametrize("package", ["numpy", "llvmlite", "scipy", "rich"])
def test_the_release_of_a_package_is_what_python_says_it_is(package: str) -> None:
    assert version_of(package) == importlib.metadata.version(package)


def test_a_package_without_a_release_has_none() -> None:
    assert version_of("no_such_package") is None
    assert version_of("json") is None


def test_a_package_that_no_installer_put_there_is_asked_of_python(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "loose").mkdir()
    (tmp_path / "loose" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(importlib.metadata, "version", lambda name: f"{name} 1")
    assert version_of("loose") == "loose 1"
