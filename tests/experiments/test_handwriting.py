"""The experiments with pens, in small."""

from __future__ import annotations

from pathlib import Path

import pytest

import chainrule as cr
from experiments import handwriting, handwriting_writing, record

pytestmark = pytest.mark.skipif(
    cr.config.data_folder is None, reason="CHAINRULE_DATA names no folder of data"
)


def test_digits_of_unseen_writers_are_read_after_400(tmp_path: Path) -> None:
    options = record.Options(quick=True, folder=tmp_path, checkpoints=tmp_path / "kept")
    made = handwriting.run(options)
    assert made.measured["right, mean of seeds"] > 60
    assert made.measured["3 nearest neighbours"] > 85
    assert made.measured["digit errors in lines, CTC"] < 95
    assert (tmp_path / "handwriting.png").read_bytes().startswith(b"\x89PNG")
    again = handwriting.run(options)  # nothing is trained twice
    assert again.measured == made.measured and again.seconds < 0.8 * made.seconds


def test_networks_know_pens_better_than_pens_without_memory(tmp_path: Path) -> None:
    options = record.Options(quick=True, folder=tmp_path)
    made = handwriting_writing.run(options)
    for name in handwriting_writing.EPOCHS:
        simple = made.measured[f"{name}, one normal distribution"]
        assert made.measured[f"nats a point, {name}"] < simple
    for picture in made.pictures:
        assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")
