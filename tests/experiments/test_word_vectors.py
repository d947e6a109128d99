"""The experiment on word vectors, smaller: they agree with people a little already."""

from __future__ import annotations

from pathlib import Path

import pytest

import chainrule as cr
from experiments import word_vectors as experiment
from experiments.record import Options


@pytest.mark.skipif(
    cr.config.data_folder is None, reason="CHAINRULE_DATA names no folder of data"
)
def test_vectors_of_a_fifth_of_brown_agree_with_people(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiment, "gensim_is_there", lambda: False)
    made = experiment.run(Options(quick=True, folder=tmp_path))
    assert made.measured["SimLex-999, chainrule"] > 0.02
    assert made.measured["WordSim-353, chainrule"] > 0.02
    assert made.measured["thousand words in a processor second, chainrule"] > 30
    assert made.settings["WordSim-353, pairs known"].endswith(" of 353")
    assert made.settings["analogies known"].endswith(" of 19544")
    assert (tmp_path / "word-vectors.png").read_bytes().startswith(b"\x89PNG")
