"""The experiment with spoken digits, in small."""

from __future__ import annotations

from pathlib import Path

import pytest

import chainrule as cr
from experiments import record, spoken_digits

pytest.importorskip("kaldi_native_fbank")


@pytest.mark.skipif(
    cr.config.data_folder is None, reason="CHAINRULE_DATA names no folder of data"
)
def test_three_digits_of_a_new_voice_are_told_apart(tmp_path: Path) -> None:
    options = record.Options(quick=True, folder=tmp_path, checkpoints=tmp_path / "kept")
    made = spoken_digits.run(options)
    chance = 100 * 2 / 3
    for system in spoken_digits.QUICK:
        name = f"errors on a new voice, {spoken_digits.SYSTEMS[system]}"
        assert made.measured[name] < 0.7 * chance, name
    assert made.measured["word errors of strings, hybrid"] < chance
    for name in made.pictures:
        assert (tmp_path / name).stat().st_size < 100_000
    again = spoken_digits.run(options)  # nothing is measured twice
    assert again.measured == made.measured and again.seconds < 0.5 * made.seconds
