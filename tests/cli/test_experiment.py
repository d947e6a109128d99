"""``chainrule experiment``: the list, a run that is stopped and resumed, mistakes."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

from chainrule.cli import experiment
from experiments import EXPERIMENTS, record

#: An experiment that is stopped by Ctrl-C in its third epoch, unless it is resumed.
SHORT = '''
"""Short."""
import signal
import numpy as np
import chainrule as cr
from chainrule import nn, optim
from chainrule.training import callbacks
from .record import Record

SUMMARY = "a line through four points"
DATA = "none"

class Stop(callbacks.Callback):
    def on_epoch_start(self, run):
        if run.epoch == 2 and STOPS:
            signal.raise_signal(signal.SIGINT)

STOPS = []

def run(options):
    x = np.arange(4.0)[:, None].astype("float32")
    cr.manual_seed(options.seed)
    model = nn.Linear(1, 1)
    kept = callbacks.Checkpoint(options.checkpoints, keep=1)
    history = cr.fit(
        model, (x, 2 * x), loss="mse", optimizer=optim.SGD(lr=0.1), epochs=4,
        callbacks=[kept, Stop()], seed=options.seed, resume="auto", progress="none",
    )
    loss = {"loss": history["loss"][-1]}
    return Record("short", SUMMARY, loss, (), options.seed, 1.0, len(history.epochs))
'''


@pytest.fixture
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A package of experiments that has this one; its module."""
    folder = tmp_path / "library" / "shorts"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("EXPERIMENTS = {'short': 'short'}")
    (folder / "record.py").write_text("from experiments.record import *")
    (folder / "short.py").write_text(SHORT)
    monkeypatch.syspath_prepend(str(folder.parent))
    made = importlib.import_module("shorts")
    monkeypatch.setattr(experiment, "package", lambda: made)
    yield importlib.import_module("shorts.short")
    for name in [each for each in sys.modules if each.startswith("shorts")]:
        del sys.modules[name]


def test_the_list_has_every_experiment_with_its_data_time_and_first_figure(
    chainrule, monkeypatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    answer = json.loads(chainrule("experiment", "list", "--json").stdout)
    assert list(answer) == list(EXPERIMENTS)
    said = chainrule("experiment", "list").stdout.splitlines()
    assert said[0].split() == (
        ["experiment", "what", "it", "shows", "data", "time", "reached"]
    )
    kept = json.loads((record.RESULTS / "mnist.json").read_text(encoding="utf-8"))
    (row,) = (line for line in said if line.startswith("mnist "))
    assert kept["summary"] in row and record.duration(kept["seconds"]) in row
    assert f"test accuracy {kept['measured']['test accuracy']:.4g}" in row


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_says_what_it_shows_and_on_which_data(name) -> None:
    entry = experiment._entry(name)
    assert entry.summary and entry.data, "SUMMARY and DATA are one text each"
    assert len(entry.data) < 30


def test_a_list_fits_into_a_narrow_terminal(chainrule, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = chainrule("experiment", "list").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) > len(EXPERIMENTS) + 1


def test_an_experiment_that_was_stopped_goes_on_as_if_it_had_not_been(
    chainrule, short
) -> None:
    words = ("experiment", "short", "--seed", 1, "--folder")
    whole = json.loads(chainrule(*words, "whole", "--json").stdout)
    short.STOPS.append(True)
    stopped = chainrule(*words, "part")
    assert (stopped.exit_code, stopped.stderr) == (
        130,
        "stopped; checkpoints are kept\n"
        "  resume     chainrule experiment short --seed 1 --folder part --resume\n",
    )
    assert stopped.stdout == "short: a line through four points\n"
    assert not Path("part/short.json").exists()
    again = chainrule(*words, "part")
    assert again.stderr == (
        "ArgumentError: part/checkpoints/short-1: checkpoints of a run that was "
        "stopped\n"
        "  fix        --resume goes on from them; to start anew, remove that folder\n"
    )
    short.STOPS.clear()
    resumed = json.loads(chainrule(*words, "part", "--resume", "--json").stdout)
    assert resumed["measured"] == whole["measured"]
    assert resumed["epochs"] == whole["epochs"] == 4
    assert [each.name for each in Path("part").iterdir()] == ["short.json"]


def test_a_line_with_resume_starts_where_nothing_was_stopped(chainrule, short) -> None:
    words = ["experiment", "short", "--seed", "1", "--folder"]
    whole = json.loads(chainrule(*words, "whole", "--json").stdout)
    first = chainrule(*words, "part", "--resume")
    assert first.stdout.splitlines()[1] == (
        "  no checkpoints in part/checkpoints/short-1: it starts anew"
    )
    again = json.loads(chainrule(*words, "part", "--resume", "--json").stdout)
    assert again["measured"] == whole["measured"]
    short.STOPS.append(True)
    assert chainrule(*words, "part", "--resume").exit_code == 130
    short.STOPS.clear()
    resumed = chainrule(*words, "part", "--resume").stdout.splitlines()
    assert not any("it starts anew" in line for line in resumed)


def test_a_small_part_and_a_missing_record_are_told(chainrule, short) -> None:
    said = chainrule("experiment", "short", "--quick").stdout.splitlines()
    assert said[-2] == "  a small part: not to be compared with what was published"
    listed = chainrule("experiment", "list").stdout.splitlines()
    assert listed[-1] == "  –: no record of it as a whole is here"


def test_the_experiments_are_looked_for_in_one_folder_once() -> None:
    experiment.package()
    before = list(sys.path)
    experiment.package()
    assert sys.path == before


def test_what_is_found_is_printed_and_kept(chainrule, short) -> None:
    said = chainrule("experiment", "short").stdout.splitlines()
    assert said[:2] == ["short: a line through four points"] * 2
    assert said[2].startswith("  measured   loss: ")
    assert said[-1] == "  experiments/results/short.json"
    kept = json.loads(Path(said[-1].strip()).read_text(encoding="utf-8"))
    assert kept["command"] == "chainrule experiment short --seed 0"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["lits"],
            "chainrule experiment: Invalid value for 'NAME': 'lits': did you mean "
            "'list'? There are: list, short.\n"
            "  help       chainrule experiment --help\n",
        ),
        (
            ["list", "--quick"],
            "ArgumentError: --quick: list runs no experiment\n"
            "  fix        leave --quick out, or name an experiment\n",
        ),
        (
            ["short", "--quick", "--resume"],
            "ArgumentError: --resume: with --quick checkpoints are in a folder of "
            "their own each time\n"
            "  fix        --folder, with the folder of the run that was stopped\n",
        ),
    ],
)
def test_mistakes_are_told_in_a_sentence(chainrule, short, words, message) -> None:
    result = chainrule("experiment", *words)
    assert (result.exit_code, result.stderr) == (2, message)
