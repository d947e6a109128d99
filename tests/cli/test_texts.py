"""``chainrule train reviews.csv --text review`` and ``tagged.conll --task tag``."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

import chainrule as cr
from chainrule import data
from chainrule.runs.tasks import parts
from chainrule.runs.tasks.texts import read_texts
from tests.cli.conftest import call, call_well

rng = np.random.default_rng(0)
WORDS = ["the", "film", "was", "a", "plot", "cast", "long", "story"]
TELLING = {"good": ["superb", "moving"], "bad": ["dull", "awful"]}
TINY = ("--hidden", "8", "--json", "--epochs")


def reviews(folder: Path, count: int = 120) -> Path:
    """Texts in which one word tells, a column besides, and two rows without all."""
    rows = [["id", "review", "label"]]
    for number in range(count):
        label = ("good", "bad")[number % 2]
        words = [*rng.choice(WORDS, rng.integers(1, 6)), rng.choice(TELLING[label])]
        rows.append([str(number), ", ".join(rng.permutation(words)), label])
    rows += [["x", "", "good"], ["y", "superb", ""]]
    path = folder / "reviews.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def tagged(folder: Path, count: int = 60, kind: str = "PER") -> Path:
    """Sentences of a verb between names, each of which is a span of one or two."""
    blocks = []
    for _ in range(count):
        lines = []
        for part in ("names", "verb", "names"):
            if part == "verb":
                lines.append(f"{rng.choice(['sees', 'likes'])} V O")
                continue
            for place in range(rng.integers(1, 3)):
                name = rng.choice(["Anna", "Bo", "Carl"])
                lines.append(f"{name} N {'BI'[place]}-{kind}")
        blocks.append("\n".join(lines) + "\n")
    path = folder / "tagged.conll"
    path.write_text("\n".join(blocks), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A finished run on reviews, and what it said."""
    folder = tmp_path_factory.mktemp("texts")
    words = ("--target", "label", "--text", "review", "--model", "embeddings")
    out = folder / "run"
    found = call_well("train", reviews(folder), *words, *TINY, 15, "--out", out)
    return out, json.loads(found.output)


@pytest.fixture(scope="module")
def tagging(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A finished run on tagged sentences, and what it said."""
    folder = tmp_path_factory.mktemp("tagged")
    out = folder / "run"
    words = ("--task", "tag", *TINY, 8, "--lr", 0.02, "--out", out)
    found = call_well("train", tagged(folder), *words)
    return out, json.loads(found.output)


# A column of texts. ------------------------------------------------------------------


def test_texts_are_told_beside_the_commonest_class_and_counted_words(
    told: tuple[Path, dict[str, Any]],
) -> None:
    run, said = told
    assert said["test"]["accuracy"] > 0.9 and said["test"]["texts"] == 12
    always, linear = said["baselines"].values()
    assert always["accuracy"] < 0.8 and linear["accuracy"] > 0.8
    assert {"confusion_matrix.png", "telling-words.txt"} <= {
        each.name for each in run.iterdir()
    }
    lines = (run / "telling-words.txt").read_text().splitlines()
    for line, words in zip(lines, ("awful dull", "moving superb"), strict=True):
        assert set(words.split()) <= set(line.partition(": ")[2].split(", ")[:4])


def test_predict_writes_a_table_of_classes_and_their_probabilities(
    told: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    file = tmp_path / "new.csv"
    file.write_text('n,review\n1,"superb, moving"\n2,\n3,zzz dull dull\n')
    answer = call_well("predict", told[0], file).output.splitlines()
    rows = list(csv.DictReader(answer))
    assert list(rows[0]) == ["review", "predicted_label", "p_bad", "p_good"]
    assert [row["review"] for row in rows] == ["superb, moving", "", "zzz dull dull"]
    assert (rows[0]["predicted_label"], rows[2]["predicted_label"]) == ("good", "bad")
    for row in rows:
        assert float(row["p_bad"]) + float(row["p_good"]) == pytest.approx(1, abs=2e-4)


def test_evaluate_measures_on_the_test_part_and_on_another_table(
    told: tuple[Path, dict[str, Any]],
) -> None:
    run, said = told
    again = json.loads(call_well("evaluate", run, "--json").output)
    assert again["accuracy"] == said["test"]["accuracy"]
    other = json.loads(
        call_well("evaluate", run, run.parent / "reviews.csv", "--json").output
    )
    assert other["texts"] == 120


def test_what_is_not_used_and_left_out_is_said(tmp_path: Path) -> None:
    given, notes = read_texts(reviews(tmp_path, 30), "review", "label")
    assert len(given) == 30
    assert notes == (
        "not used: id",
        "2 rows without a text or a class left out, the first at line 32",
    )


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("r,y\na,1\n", ["--text", "r"], "reviews.csv: which column is to be told? "
         "There are: y"),
        ("r,y\na,1\n", ["--text", "r", "--target", "r"], "--target r: the column of "
         "the texts themselves"),
        ("r,y\na,1\n", ["--text", "x", "--target", "y"],
         "no column 'x' among 'r', 'y'"),
        ("r,y\n1,a\n2,b\n", ["--text", "r", "--target", "y"], "column 'r' holds "
         "numbers: expected texts"),
        ("r,y\na,1\nb,2\n", ["--text", "r", "--target", "y"], "reviews.csv: 2 texts: "
         "too few to learn from, and to be tested on: expected 10 or more"),
        ("r,y\n" + "a,1\n" * 12, ["--text", "r", "--target", "y"], "reviews.csv: "
         "column 'y': 1 class: expected 2 to 200"),
        ("r,y\n" + "a,1\n" * 12, ["--task", "text", "--target", "y"], "reviews.csv: "
         "which column holds the texts?"),
    ],
)  # fmt: skip
def test_tables_that_cannot_be_learned_from_are_named(
    tmp_path: Path, content: str, options: list[str], message: str
) -> None:
    file = tmp_path / "reviews.csv"
    file.write_text(content)
    found = call("train", file, *options, "--out", tmp_path / "run")
    assert found.exit_code != 0 and message in found.output.splitlines()[0]
    assert not (tmp_path / "run").exists()


# Tagged words. -----------------------------------------------------------------------


def test_words_are_tagged_beside_their_most_frequent_tags(
    tagging: tuple[Path, dict[str, Any]],
) -> None:
    run, said = tagging
    simple = said["baselines"]["the most frequent tag of each word"]
    assert said["test"]["f1"] > 0.9 > simple["f1"] + 0.1
    assert said["test"]["sentences"] == 6
    assert (run / "confusion_matrix.png").is_file()


def test_predict_writes_the_file_with_a_tag_behind_each_word(
    tagging: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    file = tmp_path / "new.conll"
    file.write_text("Anna N\nlikes V\nDora N\n\nBo N\n")
    out = tmp_path / "answer.conll"
    call_well("predict", tagging[0], file, "--out", out)
    first, second = data.read_tagged(out)
    assert first.words == ("Anna", "likes", "Dora") and first.tags is not None
    assert first.tags[:2] == ("B-PER", "O") and second.tags == ("B-PER",)
    file.write_text("Anna N O\n")
    call_well("predict", tagging[0], file, "--out", out)
    assert data.read_tagged(out)[0].features == (("N",), ("O",))


def test_a_saved_tagger_and_evaluate_agree(
    tagging: tuple[Path, dict[str, Any]],
) -> None:
    run, _ = tagging
    file = run.parent / "tagged.conll"
    said = json.loads(call_well("evaluate", run, file, "--json").output)
    model: Any = cr.load(run / "model.safetensors")
    given = data.read_tagged(file)
    scores = data.span_scores([each.tags or () for each in given], model.tag(given))
    assert said["f1"] == scores.f1 and said["sentences"] == 60


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a O\nb\n", "read_tagged: tagged.conll: line 2: 1 column, where line 1 has "
         "2: 'b'"),
        ("a\nb\n", "read_tagged: tagged.conll: line 1: one column, 'a': expected a "
         "word and its tag"),
        ("a O\n", "tagged.conll: 1 sentence: too few to learn from, and to be tested "
         "on: expected 10 or more"),
        ("a O\n\n" * 12, "tagged.conll: one tag, 'O': expected two or more"),
        (b"a O\n\xe9 O\n", "read_text: tagged.conll: line 2: byte E9 at place 5 of the "
         "file is not UTF-8"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_learned_from_are_named(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    file = tmp_path / "tagged.conll"
    raw = content if isinstance(content, bytes) else content.encode()
    file.write_bytes(raw)
    found = call("train", file, "--task", "tag", "--out", tmp_path / "run")
    assert found.exit_code != 0 and message in found.output.splitlines()[0]
    assert not (tmp_path / "run").exists()


def test_a_picture_of_confusions_opens_no_window(tmp_path: Path) -> None:
    before = plt.get_fignums()
    parts.draw_confusion(tmp_path, np.eye(2), ["praise", "blame"])
    assert plt.get_fignums() == before
