"""``chainrule train pairs.tsv --task translate``, ``predict`` and ``evaluate``."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import chainrule as cr
from chainrule import data, models
from chainrule.runs.tasks import task as tasks
from chainrule.runs.tasks import translate
from tests.cli.conftest import call, call_well

SAID = {"a": "AH", "b": "B", "k": "K"}
SMALL = ("--task", "translate", "--engine", "numpy", "--json")


def pairs() -> list[tuple[str, str]]:
    """All words of up to four letters, and how they are said; one in two ways."""
    words = [
        "".join(w) for n in (1, 2, 3, 4) for w in itertools.product("abk", repeat=n)
    ]
    return [(w, " ".join(SAID[c] for c in w)) for w in words] + [("ab", "AH")]


def file(folder: Path, lines: Any = None) -> Path:
    path = folder / "pairs.tsv"
    rows = [f"{s}\t{t}" for s, t in pairs()] if lines is None else lines
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a small network, and what it printed beside it."""
    folder = tmp_path_factory.mktemp("translate")
    words = ("--hidden", 32, "--epochs", 30, "--lr", 0.01, "--dropout", 0)
    found = call_well("train", file(folder), *SMALL, *words, "--out", folder / "run")
    (folder / "said.json").write_text(found.output, encoding="utf-8")
    return folder / "run"


def test_a_run_holds_scores_translations_and_a_map_of_attention(run: Path) -> None:
    said = json.loads((run.parent / "said.json").read_text())
    assert {each.name for each in run.iterdir()} == {
        "settings.json", "model.safetensors", "history.json", "metrics.json",
        "training_curve.png", "translations.tsv", "attention.png",
    }  # fmt: skip
    scores = said["test"]
    (usual,) = (each for name, each in said["baselines"].items() if "always" in name)
    assert scores["token_error_rate"] < 0.4 < usual["token_error_rate"]
    assert 0 <= scores["exact_match"] <= 1 and scores["token_accuracy"] > 0.6
    rows = (run / "translations.tsv").read_text().splitlines()
    assert rows[0] == "source\tfound\ttarget"
    assert len(rows) - 1 == scores["pairs"]


def test_scores_are_those_of_the_saved_model_on_sources_it_never_saw(run: Path) -> None:
    model: Any = cr.load(run / "model.safetensors")
    stored = json.loads((run / "metrics.json").read_text())["test"]
    rows = [
        row.split("\t") for row in (run / "translations.tsv").read_text().split("\n")
    ]
    tested = [(source, target) for source, _, target in rows[1:-1]]
    again = model.score(tested, beam=4)
    assert again.token_error_rate == pytest.approx(stored["token_error_rate"])
    assert again.loss == pytest.approx(stored["loss"], rel=1e-5)
    assert isinstance(model, models.Translator)
    assert isinstance(model.target, data.Words) and model.target.split == "blanks"
    found = json.loads(call_well("evaluate", run, "--json").output)
    assert found["exact_match"] == pytest.approx(stored["exact_match"])


def test_a_text_and_each_line_of_a_file_are_translated(
    run: Path, tmp_path: Path
) -> None:
    model: Any = cr.load(run / "model.safetensors")
    wanted = model.translate(["abk", "ka"], beam=4)
    lines = tmp_path / "lines.txt"
    lines.write_text("abk\n ka \n", encoding="utf-8")
    assert call_well("predict", run, lines).output.splitlines() == wanted
    assert call_well("predict", run, "--text", "abk").output.splitlines() == wanted[:1]
    greedy = call_well("predict", run, lines, "--beam", 1, "--json").output
    assert json.loads(greedy)["predictions"] == model.translate(["abk", "ka"])
    out = tmp_path / "out.txt"
    call_well("predict", run, lines, "--out", out)
    assert out.read_text().splitlines() == wanted


def test_what_was_never_seen_is_said_and_read_as_unknown(run: Path) -> None:
    found = call("predict", run, "--text", "a-9b")
    assert found.exit_code == 0
    assert "warning: never seen in training: '-', '9'" in found.stderr


@pytest.mark.parametrize(
    ("words", "text", "message"),
    [
        (("--beam", 9), "ab", "decode: beam=9: the first step has 4 tokens"),
        (("--beam", 0), "ab", "beam"),
        (
            (),
            "ab\n\nk",
            "predict: lines.txt: line 2: an empty line: there is nothing to",
        ),
        (
            ("--keep", "id"),
            "ab",
            "--keep: the run was trained for translate",
        ),
        (("--text", "ab"), "ab", "predict: DATA and --text: expected one of them"),
    ],
)
def test_what_cannot_be_predicted_is_named(
    run: Path, tmp_path: Path, words: Any, text: str, message: str
) -> None:
    lines = tmp_path / "lines.txt"
    lines.write_text(text + "\n", encoding="utf-8")
    found = call("predict", run, lines, *words)
    assert found.exit_code != 0
    assert message in found.stderr


def test_a_line_longer_than_a_transformer_reads_is_named(tmp_path: Path) -> None:
    letters = data.Characters("abk", special=["unknown"])
    model = models.Transformer(4, 4, 8, 1, 2, 8, max_length=32)
    made = models.Translator(model, letters, letters)
    lines = tmp_path / "lines.txt"
    lines.write_text("ab\n" + "a" * 33 + "\n", encoding="utf-8")
    answers, _ = translate.TASK.answer(made, None, {"data": str(lines)})  # type: ignore
    with pytest.raises(cr.errors.DataError) as caught:
        list(answers)
    assert "predict: lines.txt: line 2: 33 tokens: the model reads at most 32" in str(
        caught.value
    )


@pytest.mark.parametrize(
    ("lines", "words", "message"),
    [
        (["a\tb", "c d"], (), "read_pairs: pairs.tsv: line 2: no tab in 'c d': expec"),
        (["a\tb", "a\tc"], (), "pairs.tsv: 1 different source: too few to learn from"),
        (None, ("--hidden", "8,4"), "--hidden 8,4: all layers of a gru have one size"),
        (None, ("--hidden", "7"), "--hidden 7: expected an even number"),
        (None, ("--length", "7"), "--length: --task translate turns texts into others"),
        (
            None,
            ("--tokens", "characters", "--vocabulary", "9"),
            "--vocabulary 9: the number of characters is what it is",
        ),
        (None, ("--model", "gpt"), "--model gpt: not a network for --task translate"),
        (
            None,
            ("--attention", "luong"),
            "'--attention': 'luong': There are: bahdanau, dot, general.",
        ),
        (
            None,
            ("--model", "transformer", "--attention", "dot"),
            "--attention dot: a transformer has an attention of its own\n"
            "  fix        leave --attention out, or --model gru or lstm",
        ),
    ],
)
def test_what_cannot_be_trained_is_named(
    tmp_path: Path, lines: Any, words: Any, message: str
) -> None:
    out = tmp_path / "run"
    found = call("train", file(tmp_path, lines), *SMALL, *words, "--out", out)
    assert found.exit_code != 0
    assert message in found.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "kind"), [((), "bahdanau"), (("--attention", "general"), "general")]
)
def test_a_run_has_the_attention_that_is_asked_for(
    tmp_path: Path, words: Any, kind: str
) -> None:
    given = ("--model", "lstm", "--hidden", 8, "--epochs", 1, *words)
    call_well("train", file(tmp_path), *SMALL, *given, "--out", tmp_path / "run")
    model: Any = cr.load(tmp_path / "run/model.safetensors")
    assert (model.model.attention_kind, model.model.cell_kind) == (kind, "lstm")
    settings = json.loads((tmp_path / "run/settings.json").read_text())
    assert settings["details"]["attention"] == kind


@pytest.mark.parametrize("model", ["transformer", "gru"])
def test_a_pair_is_cut_once_until_a_network_is_trained(
    model: str, encoded: list[str], tmp_path: Path
) -> None:
    lines = [f"{s}\t{t}" for s, t in [("abk" * 8, "B")] * 3 + pairs()]
    asked = {"data": str(file(tmp_path, lines)), "model": model, "hidden": (8,)}
    run = tasks.begin(translate.TASK, {**asked, "out": str(tmp_path / "run")}, "")
    begun = len(encoded)
    translate.TASK.lesson(run)
    parts = [*run.corpus.train, *run.corpus.validation, *run.corpus.test]
    assert Counter(encoded) == Counter(text for pair in parts for text in pair)
    count = 2 * len(run.corpus.train) if model == "transformer" else 0
    assert begun == 2 * len(run.corpus.test) + count
    details = run.settings.details or {}
    longest = max(len(pair.source) for pair in run.corpus.train)
    wanted = max(32, 2 * (longest + 1)) if model == "transformer" else None
    assert details.get("max_length") == wanted


def test_no_source_is_in_two_parts() -> None:
    made = [data.TextPair(*pair) for pair in pairs()]
    parts = translate._parts(made, "pairs.tsv", 0.2, {"seed": 3})
    sources = [{pair.source for pair in part} for part in parts]
    assert sum(map(len, sources)) == len(set.union(*sources)) == 120
    assert sorted(pair for part in parts for pair in part) == sorted(made)
    assert [len(each) for each in sources] == [84, 12, 24]


def test_each_side_is_cut_as_suits_it() -> None:
    kinds = [
        (["abk", "ba"], None, "characters"),
        (["AH B K", "B AH", "K AH"] * 9, None, "words"),
        (["a long sentence of many different words here"] * 2, None, "words"),
        (["abk"], "bytes", "bytes"),
    ]
    for given, asked, kind in kinds:
        assert translate._tokenizer(given, asked, None).kind == kind
