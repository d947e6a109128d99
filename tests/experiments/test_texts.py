"""The experiments with tagged and classified sentences, in small."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments import chunking, record, sentences
from tests.experiments.data_folder import WITH_DATA


@pytest.fixture
def quick(tmp_path: Path) -> record.Options:
    return record.Options(quick=True, folder=tmp_path)


@WITH_DATA
def test_a_tagger_finds_most_chunks_after_300_sentences(quick: record.Options) -> None:
    made = chunking.run(quick)
    f1 = [row["validation_f1"] for row in made.history]
    assert f1[-1] > f1[0] + 0.2
    assert made.measured["F1"] > made.measured["F1, commonest tag of each word"] > 40
    assert (quick.folder / "chunking.png").read_bytes().startswith(b"\x89PNG")


@WITH_DATA
def test_a_network_and_counted_words_tell_subjective_sentences_apart(
    tmp_path: Path,
) -> None:
    options = record.Options(quick=True, folder=tmp_path, checkpoints=tmp_path / "kept")
    made = sentences.run(options)
    assert made.measured["Subj, convolutions"] > 70
    assert made.measured["Subj, NBSVM"] > 70
    again = sentences.run(options)  # nothing is measured twice
    assert again.measured == made.measured and again.seconds < 0.8 * made.seconds
    assert made.pictures == ["sentences.png"]
