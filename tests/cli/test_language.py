"""``chainrule train book.txt --task language``, ``generate`` and ``evaluate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.runs.tasks import language, names, task
from chainrule.runs.tasks.ngrams import NGram
from chainrule.training import callbacks
from tests.cli.conftest import Call, call, call_well

RHYME = "one two three four five six seven eight nine ten\n"
SMALL = ("--hidden", "16", "--length", "16", "--batch-size", "4", "--json")


def book(folder: Path, text: str = RHYME * 60) -> str:
    path = folder / "book.txt"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a small LSTM, and what it printed beside it."""
    folder = tmp_path_factory.mktemp("language")
    words = ("--epochs", 6, "--lr", 0.03, "--out", folder / "run")
    found = call_well("train", book(folder), "--task", "language", *SMALL, *words)
    (folder / "said.json").write_text(found.output, encoding="utf-8")
    return folder / "run"


# Training. ---------------------------------------------------------------------------


def test_a_run_holds_its_model_scores_picture_and_a_sample(run: Path) -> None:
    said = json.loads((run.parent / "said.json").read_text())
    assert {each.name for each in run.iterdir()} == {
        "settings.json", "model.safetensors", "history.json", "metrics.json",
        "training_curve.png", "sample.txt",
    }  # fmt: skip
    assert said["test"] == json.loads((run / "metrics.json").read_text())["test"]
    letters = round(len(RHYME) * 60 * 0.1) - 1  # all of the last tenth but one
    assert said["test"]["characters"] == said["test"]["tokens"] == letters
    counts = said["baselines"]["how frequent each token is"]
    assert said["test"]["bits_per_character"] < counts["bits_per_character"] - 1
    settings = json.loads((run / "settings.json").read_text())
    assert settings["details"]["tokens"] == "characters"
    assert settings["network"]["hidden"] == [16]


def test_the_test_score_is_that_of_the_model_on_the_last_tenth(run: Path) -> None:
    model: Any = cr.load(run / "model.safetensors")
    text = (run.parent / "book.txt").read_text()
    score = model.evaluate(text[-round(0.1 * len(text)) :])
    stored = json.loads((run / "metrics.json").read_text())["test"]
    assert score.nats == pytest.approx(stored["loss"] * stored["tokens"], rel=1e-6)
    again = json.loads(call_well("evaluate", run, "--json").output)
    assert again["bits_per_character"] == pytest.approx(stored["bits_per_character"])


def test_a_stopped_run_is_resumed_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, words = book(tmp_path), ("--epochs", 2, "--task", "language", *SMALL)
    call_well("train", file, *words, "--out", tmp_path / "whole")

    class Stop(callbacks.Callback):
        def on_batch_end(self, run: Any) -> None:
            if run.step == 40:
                run.stop("interrupted")

    fit = task.training.fit
    monkeypatch.setattr(
        task.training,
        "fit",
        lambda *a, **k: fit(*a, **{**k, "callbacks": [Stop(), *k["callbacks"]]}),
    )
    half = tmp_path / "half"
    found = call("train", file, *words, "--out", half)
    assert found.exit_code != 0 and not (half / "metrics.json").exists()
    monkeypatch.setattr(task.training, "fit", fit)
    call_well("train", "--resume", half, "--json")
    one, two = (
        cr.load(tmp_path / each / "model.safetensors") for each in ("whole", "half")
    )
    for name, value in one.state_dict().items():
        assert (value == two.state_dict()[name]).all(), name


@pytest.mark.parametrize(("model", "tokens"), [("gru", "words"), ("gpt", "bpe")])
def test_other_networks_and_tokens_are_trained_alike(
    model: str, tokens: str, tmp_path: Path
) -> None:
    words = ["--model", model, "--tokens", tokens, "--epochs", 1, *SMALL]
    words += ["--vocabulary", 280] if tokens == "bpe" else []
    file = book(tmp_path)
    out = tmp_path / "run"
    found = call_well("train", file, "--task", "language", *words, "--out", out)
    assert json.loads(found.output)["test"]["perplexity"] > 1
    network = cr.load(out / "model.safetensors")
    assert tokens[:2] == network.tokenizer.kind.replace("byte p", "bp")[:2]  # type: ignore[attr-defined]
    assert cr.runs.list_runs(tmp_path)[0].score_name == "bits_per_character"


def test_defaults_fit_texts_of_all_lengths() -> None:
    """A batch, at least one, from the smallest text to a large one."""
    for count in (300, 3000, 30_000, 1_000_000, 30_000_000):
        for model in language.TASK.networks:
            part = language.Text("x" * 9, np.zeros(count, np.int64))
            made = {"tokens": "characters", "tokenizer": cr.data.Characters("ab")}
            corpus = task.Corpus("t", "", part, None, None, (), made)
            _, words, details = language.TASK.plan({"model": model}, corpus)
            assert words.batch_size * details["length"] < count
            assert 2 <= words.epochs <= 60


# Writing. ----------------------------------------------------------------------------


def test_a_text_is_written_on(run: Path) -> None:
    words = ("--prompt", "one two", "--length", 12)
    hot = (*words, "--temperature", 3)
    one, two, other = (
        call_well("generate", run, *hot, "--seed", seed).output for seed in (1, 1, 2)
    )
    assert one == two != other and one.startswith("one two")
    assert len(one) == len("one two") + 12 + 1
    greedy = call_well("generate", run, *words, "--temperature", 0, "--seed", 1).output
    cold = call_well("generate", run, *words, "--top-k", 1, "--seed", 9).output
    assert greedy == cold
    several = json.loads(call_well("generate", run, "--n", 3, *words, "--json").output)
    assert [len(text) for text in several["texts"]] == [12] * 3


def test_another_text_is_measured(run: Path, tmp_path: Path) -> None:
    known = json.loads(
        call_well("evaluate", run, book(tmp_path, RHYME * 3), "--json").output
    )
    turned = json.loads(
        call_well("evaluate", run, book(tmp_path, RHYME[::-1] * 3), "--json").output
    )
    assert known["bits_per_character"] < turned["bits_per_character"]
    assert known["tokens"] == 3 * len(RHYME) - 1


# Mistakes. ---------------------------------------------------------------------------

MISTAKES = {
    "an empty text": (
        b"",
        (),
        "DataError: read_text: book.txt: an empty file: no text to read\n",
    ),
    "a text shorter than a window": (
        b"hello there, what a short text",
        ("--length", 6, "--batch-size", 8),
        "DataError: book.txt: 24 tokens to learn from: too few for a batch of 8 × 6 "
        "tokens\n  fix        a longer text, a smaller --length or --batch-size\n",
    ),
    "invalid UTF-8": (
        b"one\ntwo\xff\n",
        (),
        "DataError: read_text: book.txt: line 2: byte FF at place 8 of the file is not "
        "UTF-8\n  fix        iconv -f WINDOWS-1252 -t UTF-8 book.txt",
    ),
    "sizes that differ": (
        RHYME.encode() * 60,
        ("--hidden", "16,8"),
        "ArgumentError: --hidden 16,8: all layers of lstm have one size\n"
        "  fix        --hidden 16,16\n",
    ),
    "an option of tables": (
        RHYME.encode() * 60,
        ("--drop", "id"),
        "ArgumentError: --drop: --task language writes on and has no use for it\n",
    ),
    "a network for images": (
        RHYME.encode() * 60,
        ("--model", "lenet"),
        "ArgumentError: --model lenet: not a network for --task language\n"
        "  fix        one of lstm, gru, gpt\n",
    ),
    "a number of characters": (
        RHYME.encode() * 60,
        ("--vocabulary", 30),
        "ArgumentError: --vocabulary 30: the number of characters is what it is\n",
    ),
    "a minimizer": (
        RHYME.encode() * 60,
        ("--optimizer", "lbfgs"),
        "ArgumentError: --optimizer lbfgs: it takes all examples at once",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_training_is_one_clear_error(
    name: str, chainrule: Call, tmp_path: Path
) -> None:
    content, words, message = MISTAKES[name]
    Path("book.txt").write_bytes(content)
    result = chainrule("train", "book.txt", "--task", "language", *words)
    assert result.exit_code == 2 and result.output.startswith(message), result.output
    assert not Path("runs").exists()


def test_a_table_and_a_missing_file_are_no_texts(chainrule: Call) -> None:
    result = chainrule("train", "houses.csv", "--task", "language")
    assert result.output.startswith(
        "ArgumentError: houses.csv: a table: --task language writes on and learns from "
        "a text\n"
    )
    result = chainrule("train", "boook.txt", "--task", "language")
    assert result.output.startswith("FileError: train: 'boook.txt': no such file\n")
    Path("book.txt").write_text(RHYME)
    result = chainrule("train", "book.txt")
    assert result.output == (
        "ArgumentError: book.txt: a text, or a table of which no column is to be "
        "predicted yet\n  fix        --task language learns to write like it; --target "
        "COLUMN predicts a column of a table\n"
    )
    result = chainrule("train", "--task", "language")
    assert "which file is it to learn from?" in result.output


def test_characters_that_were_never_seen_are_named(run: Path, tmp_path: Path) -> None:
    result = call("generate", run, "--prompt", "one zwei")
    assert result.exit_code == 2
    assert result.output == (
        "DataError: Characters: 'z' at line 1, place 5: it is not among the 16 "
        "characters\n  fix        write it with other characters, or choose --tokens "
        "bytes in training, which knows all\n"
    )
    result = call("evaluate", run, book(tmp_path, "one\ntwö\n"))
    assert "'ö' at line 2, place 3: it is not among the 16" in result.output


def test_a_language_model_has_no_columns_to_predict(run: Path) -> None:
    for command in ("predict", "explain"):
        more = ["book.txt"] if command == "predict" else []
        result = call(command, run, *more)
        assert result.exit_code == 2 and "--task language" in result.output
    assert names.chosen({"task": "regression"}) is None


def test_a_language_model_has_no_code_and_no_examples_to_draw(run: Path) -> None:
    result = call("encode", run, "book.txt")
    assert "the run learned language of 'book.txt': it has no code" in result.output
    assert "fix        a code is learned with --model autoencoder" in result.output
    result = call("sample", run)
    assert "fix        chainrule generate writes on; a run with" in result.output


# Counting. ---------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2, 4])
def test_the_chances_of_a_table_of_counts_add_up_to_one(order: int) -> None:
    ids = np.random.default_rng(0).integers(0, 3, 60)
    table = NGram(ids, vocabulary=4, order=order)
    for context in ([0, 1, 2], [2, 2, 2], [3, 3, 3], [0, 3, 1]):
        nats = [table.nats(np.array([*context, each]))[-1][-1] for each in range(4)]
        assert np.exp(-np.array(nats)).sum() == pytest.approx(1)


def test_longer_contexts_know_a_text_better() -> None:
    ids = cr.data.Characters.fit(RHYME).encode(RHYME * 20)
    means = [each.mean() for each in NGram(ids, 16).nats(ids)]
    assert means == sorted(means, reverse=True) and means[-1] < 0.1 < 2 < means[0]
