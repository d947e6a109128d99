"""``chainrule train drawings/ --task handwriting`` and ``--task writing``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from tests.cli.conftest import call, call_well

SMALL = ("--hidden", "8,8", "--batch-size", "8", "--json")
SHAPES = {"1": [[0, 0], [0, 4], [0, 8]], "7": [[0, 0], [4, 0], [1, 8]]}


def ink(label: str, seed: int) -> str:
    """A digit with noise, as a group of InkML."""
    noise = np.random.default_rng(seed).normal(0, 0.3, (3, 2))
    points = np.array(SHAPES[label]) + noise
    trace = ", ".join(f"{x:.2f} {y:.2f}" for x, y in points)
    return (
        f'<traceGroup><annotation type="truth">{label}</annotation>'
        f'<annotation type="writer">{seed % 6}</annotation><trace>{trace}</trace>'
        "</traceGroup>"
    )


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with sixty digits of six writers."""
    path = tmp_path_factory.mktemp("pens") / "digits.inkml"
    groups = "".join(ink("17"[n % 2], n) for n in range(60))
    path.write_text(f"<ink>{groups}</ink>", encoding="utf-8")
    return path


def test_labelled_drawings_are_read(digits: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ("--task", "handwriting", "--epochs", 12, "--lr", 0.02, "--out", out)
    said = json.loads(call_well("train", digits, *words, *SMALL).output)
    assert said["test"]["error_rate"] <= said["baselines"]["always '1'"]["error_rate"]
    assert "3 nearest neighbours by 8 points" in said["baselines"]
    assert {each.name for each in out.iterdir()} == {
        "settings.json", "model.safetensors", "history.json", "metrics.json",
        "training_curve.png", "confusion_matrix.png",
    }  # fmt: skip
    lines = call_well("predict", out, digits).output.split()
    right = np.mean([line == "17"[n % 2] for n, line in enumerate(lines)])
    assert len(lines) == 60 and right > 0.9
    again = json.loads(call_well("evaluate", out, "--json").output)
    assert again["error_rate"] == said["test"]["error_rate"]
    assert cr.runs.list_runs(tmp_path)[0].score_name == "error_rate"
    bare = tmp_path / "bare.inkml"
    bare.write_text(re.sub("<annotation.*?</annotation>", "", digits.read_text()))
    found = call("evaluate", out, bare)
    assert found.exit_code != 0
    assert "bare.inkml: drawing 0 has no label to compare with" in found.stderr


def test_a_folder_of_drawings_is_spelled(tmp_path: Path) -> None:
    folder = tmp_path / "lines"
    folder.mkdir()
    for n in range(24):  # labels of several characters, none often
        label = np.base_repr(n + 8, 2).replace("0", "7")
        traces = []
        for place, character in enumerate(label):
            points = np.array(SHAPES[character]) + np.array([9 * place, 0])
            traces.append(", ".join(f"{x} {y}" for x, y in points))
        text = "".join(f"<trace>{trace}</trace>" for trace in traces)
        (folder / f"{n}.inkml").write_text(
            f'<ink><annotation type="truth">{label}</annotation>{text}</ink>'
        )
    out = tmp_path / "run"
    words = ("--task", "handwriting", "--epochs", 1, "--out", out)
    said = json.loads(call_well("train", folder, *words, *SMALL).output)
    assert "character_error_rate" in said["test"]
    settings = json.loads((out / "settings.json").read_text())
    assert settings["network"]["model"] == "ctc" and settings["source"]["folder"]
    (folder / "0.inkml").write_text("<ink/>")
    found = call("evaluate", out)
    assert "the folder has changed since this run began" in found.output + found.stderr


@pytest.fixture(scope="module")
def writer(digits: Path) -> Path:
    out = digits.parent / "writer"
    words = ("--task", "writing", "--epochs", 2, "--out", out)
    found = call_well("train", digits, *words, *SMALL)
    (digits.parent / "said.json").write_text(found.output)
    return out


def test_labelled_drawings_are_written(writer: Path, tmp_path: Path) -> None:
    said = json.loads((writer.parent / "said.json").read_text())
    assert "one normal distribution" in said["baselines"]
    assert {"samples.svg", "samples.html"} <= set(said["pictures"])
    svg = tmp_path / "17.svg"
    words = ("--prompt", "17", "--length", 40, "--seed", 1)
    call_well("generate", writer, *words, "--out", svg)
    text = svg.read_text()
    assert text.startswith("<svg") and ">17</text>" in text
    call_well("generate", writer, *words, "--out", svg)
    assert svg.read_text() == text
    page = tmp_path / "17.html"
    call_well("generate", writer, *words, "--n", 2, "--bias", 2, "--out", page)
    assert page.read_text().count("<figure>") == 2
    prime = ("--prime", writer.parent / "digits.inkml")
    made = json.loads(call_well("generate", writer, *words, *prime, "--json").output)
    assert len(made["drawings"]) == 1
    both = tmp_path / "both.svg"
    told = call_well("generate", writer, *words, "--json", "--out", both).output
    assert len(json.loads(told)["drawings"]) == 1 and both.read_text() == text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("generate", "--prompt", "3"), "'3' is none of the 2 characters that it can "
         "write: 17"),
        (("generate",), "generate: what is to be written?"),
        (("generate", "--prompt", "1", "--top-k", "3"), "--top-k: the run was trained "
         "with --task writing, which has no use for it"),
        (("generate", "--prompt", "1", "--out", "a.png"), "--out a.png: drawings of a "
         "pen are a picture, or a page on which they are written"),
        (("sample",), "sample: the run learned to write texts: which one is it to "
         "write?"),
        (("sample", "--label", "1"), "--label 1: a pen has no use for it"),
    ],
)  # fmt: skip
def test_what_a_writer_cannot_do_is_said(
    writer: Path, words: tuple[str, ...], message: str
) -> None:
    found = call(words[0], writer, *words[1:])
    assert found.exit_code != 0 and message in found.stderr.replace("\n", " ")


def test_sketches_are_drawn(tmp_path: Path) -> None:
    rows = np.tile([[0, 0, 0], [3, 1, 0], [3, -1, 1]], (20, 1)).astype(np.int16)
    file = tmp_path / "waves.npz"
    np.savez(file, points=rows, offsets=np.arange(0, 61, 3))
    out = tmp_path / "run"
    words = ("--task", "writing", "--epochs", 1, "--out", out)
    call_well("train", file, *words, *SMALL)
    page = tmp_path / "waves.html"
    call_well("sample", out, "--n", 3, "--out", page)
    assert page.read_text().count("<figure>") == 3
    found = call("generate", out, "--prompt", "1")
    assert "the run learned sketches, which have no texts" in found.stderr


def test_what_cannot_be_learned_from_is_said(tmp_path: Path) -> None:
    file = tmp_path / "one.inkml"
    file.write_text("<ink><trace>0 0, 1 1</trace></ink>")
    found = call("train", file, "--task", "handwriting")
    assert "one.inkml: 1 drawing without a label" in found.stderr
    found = call("train", file, "--task", "writing")
    assert "one.inkml: 1 drawing: too few to learn from" in found.stderr


@pytest.mark.parametrize("task", ["handwriting", "writing"])
def test_a_table_is_no_drawing_and_the_files_that_are_get_named(
    task: str, tmp_path: Path
) -> None:
    file = tmp_path / "houses.csv"
    file.write_text("x,y\n1,2\n")
    found = call("train", file, "--task", task)
    assert found.exit_code == 2 and "and learns from drawings\n" in found.output
    assert found.output.endswith(
        f"leave --task {task} out to predict a column; or a file of drawings or a "
        "folder of them: InkML, UNIPEN or tables (.npz)\n"
    )
