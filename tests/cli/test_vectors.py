"""``chainrule train book.txt --task vectors``, ``nearest`` and ``evaluate``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import models, saving
from chainrule.runs.settings import Source
from chainrule.runs.tasks import vectors
from tests.cli.conftest import call, call_well, stopped_run

SMALL = (
    "--task",
    "vectors",
    "--hidden",
    "8",
    "--epochs",
    "40",
    "--lr",
    "0.1",
    "--json",
)


def book(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    kinds = [["cat", "dog"], ["oak", "elm"]]
    frames = ["the {} sleeps at home. ", "a tall {} grows there. "]
    path = folder / "book.txt"
    path.write_text(
        "".join(frames[k].format(rng.choice(kinds[k])) for k in rng.integers(0, 2, 300))
    )
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, and what it printed beside it."""
    folder = tmp_path_factory.mktemp("vectors")
    found = call_well("train", book(folder), *SMALL, "--out", folder / "run")
    (folder / "said.json").write_text(found.output)
    return folder / "run"


def test_a_run_holds_its_vectors_scores_and_a_map(run: Path) -> None:
    said = json.loads((run.parent / "said.json").read_text())
    assert {each.name for each in run.iterdir()} == {
        "settings.json", "model.safetensors", "history.json", "metrics.json",
        "training_curve.png", "vectors.txt", "map.png",
    }  # fmt: skip
    assert said["test"]["loss"] < said["baselines"]["before training"]["loss"]
    read = models.WordVectors.load(run / "vectors.txt")
    net = cr.load(run / "model.safetensors")
    assert isinstance(net, models.Word2Vec)
    np.testing.assert_array_equal(read.vectors, net.vectors.weight.array)
    again = json.loads(call_well("evaluate", run, "--json").output)
    assert again["loss"] == pytest.approx(said["test"]["loss"])


def test_a_run_learns_as_the_library_does(run: Path) -> None:
    settings = json.loads((run / "settings.json").read_text())
    rates = [models.word_vectors.RATES[name] for name in vectors.TASK.networks]
    assert rates == [0.025, 0.075]
    assert (settings["training"]["lr"], settings["training"]["schedule"]) == (
        0.1, "linear",
    )  # fmt: skip
    source = Source(file=str(run.parent / "book.txt"))
    corpus = vectors.TASK.corpus(source, {})
    for name, rate in zip(vectors.TASK.networks, rates, strict=True):
        assert vectors.TASK.plan({"model": name}, corpus)[1].lr == rate


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 100 epochs."""
    folder = tmp_path_factory.mktemp("whole")
    words = (*SMALL, "--epochs", "100", "--out", folder / "run")
    call_well("train", book(folder), *words)
    return folder / "run"


@pytest.mark.parametrize("signal", ["interrupt", "kill"])
def test_a_stopped_run_goes_on_to_the_same_bytes(
    signal: str, whole: Path, tmp_path: Path
) -> None:
    words = (str(book(tmp_path)), *SMALL, "--epochs", "100", "--out", "stopped")
    process = stopped_run(tmp_path, signal, *words)
    _, said = process.communicate(timeout=120)
    stopped = tmp_path / "stopped"
    assert process.returncode == (130 if signal == "interrupt" else -9)
    assert not (stopped / "metrics.json").exists()
    if signal == "interrupt":
        assert re.search(r"stopped after \d+ of 100 epochs; everything is kept", said)
        assert "resume     chainrule train --resume stopped" in said
        assert models.WordVectors.of(cr.load(stopped / "model.safetensors")).words
    newest = sorted((stopped / "checkpoints").glob("*.safetensors"))[-1]
    assert 0 < saving.read(newest)[1]["epoch"] < 100
    call_well("train", "--resume", stopped, "--quiet")
    for name in ("model.safetensors", "vectors.txt"):
        assert (stopped / name).read_bytes() == (whole / name).read_bytes()
    one, two = (cr.load_run(each).history["loss"] for each in (stopped, whole))
    assert one == two
    assert not (stopped / "checkpoints").exists()


def test_nearest_asks_a_run_or_a_file(run: Path) -> None:
    words = json.loads(call_well("nearest", run, "cat", "--json").output)["nearest"]
    read = models.WordVectors.load(run / "vectors.txt")
    assert [(e["word"], e["cosine"]) for e in words] == read.nearest("cat")
    shown = call_well("nearest", run / "vectors.txt", "cat", "--n", 1).output
    assert shown.split()[0] == words[0]["word"]
    assert (
        len(call_well("nearest", run, "cat", "dog", "oak", "--n", 2).output.split())
        == 4
    )


def test_mistakes_are_named(run: Path, tmp_path: Path) -> None:
    assert "did you mean 'cat'?" in call("nearest", run, "catt").output
    assert "2 words: expected one, or three" in call("nearest", run, "a", "b").output
    file = book(tmp_path)
    said = call("train", file, "--task", "vectors", "--optimizer", "adam").output
    assert "--optimizer: --task vectors has steps of its own" in said
    file.write_text("one two three.")
    assert "1 sentence: too few" in call("train", file, "--task", "vectors").output
    file.write_bytes(b"one two.\nthr\xe9e.\n")
    said = call("train", file, "--task", "vectors").output
    assert "line 2: byte E9" in said
