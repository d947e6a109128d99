"""The experiment on pronunciations: its protocol, and a small run on the real words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments import (
    EXPERIMENTS,
    pronunciation,
    pronunciation_ensemble,
    pronunciation_stress,
)
from experiments.record import Options
from tests.experiments.data_folder import WITH_DATA


def test_no_word_is_in_two_parts_and_every_pronunciation_is_trained_on() -> None:
    entries = [(str(n), [("A",), ("B", str(n))]) for n in range(100)]
    parts = pronunciation.split(entries, seed=0, words=None)
    trained = {word for word, _ in parts.train}
    tested, watched = ({word for word, _ in p} for p in (parts.test, parts.validation))
    assert (len(tested), len(watched), len(trained)) == (10, 2, 88)
    assert trained | tested | watched == {str(n) for n in range(100)}
    assert len(parts.train) == 2 * 88
    assert ("5", "B 5") in parts.train or "5" not in trained
    other = pronunciation.split(entries, seed=1, words=None)
    assert {word for word, _ in other.test} != tested


@WITH_DATA
def test_the_dictionary_is_the_one_that_is_described() -> None:
    words = pronunciation.read(stress=False)
    assert len(words) == 123_255
    assert words["READ"] == [("R", "EH", "D"), ("R", "IY", "D")]
    phonemes = {p for several in words.values() for said in several for p in said}
    assert len(phonemes) == 39
    stressed = pronunciation.read(stress=True)
    assert stressed["READ"][0] == ("R", "EH1", "D")
    assert sum(map(len, stressed.values())) > sum(map(len, words.values()))


@WITH_DATA
@pytest.mark.parametrize("experiment", [pronunciation, pronunciation_stress])
def test_a_small_run_learns_something_and_draws_what_it_looked_at(
    experiment: object, tmp_path: Path
) -> None:
    options = Options(quick=True, folder=tmp_path, checkpoints=tmp_path)
    made = experiment.run(options)  # type: ignore[attr-defined]
    first, last = (row["loss"] for row in made.history)
    assert last < first < 4.5  # ln 72 of the phonemes with stress
    assert 0 < made.measured["phoneme error rate"] < 2
    assert made.name in EXPERIMENTS
    assert made.settings["tested on"] == 60
    for name in made.pictures:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    json.dumps(made.settings, default=float)
    if experiment is pronunciation:  # what was trained is found again
        assert pronunciation.run(options).measured == made.measured


@WITH_DATA
def test_networks_that_write_together_are_each_trained_once(tmp_path: Path) -> None:
    options = Options(quick=True, folder=tmp_path, checkpoints=tmp_path / "kept")
    made = pronunciation_ensemble.run(options)
    seeds = [made.measured[f"word error rate, seed {seed}"] for seed in (0, 1)]
    assert made.measured["word error rate, mean of each"] == sum(seeds) / 2
    assert 0 < made.measured["phoneme error rate"] < 1.5
    assert sorted(p.name for p in (tmp_path / "kept").iterdir()) == [
        "results.json", "seed-0", "seed-1",
    ]  # fmt: skip
    again = pronunciation_ensemble.run(options)
    assert again.measured == made.measured
    assert (tmp_path / made.pictures[0]).read_bytes().startswith(b"\x89PNG")
