"""The experiments with time series and chorales, in small."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from experiments import chorales, forecasting, prices, record


@pytest.fixture
def quick(tmp_path: Path) -> record.Options:
    return record.Options(quick=True, folder=tmp_path)


def test_a_network_forecasts_passengers_better_than_a_season_ago(
    quick: record.Options,
) -> None:
    made = forecasting.run(quick)
    assert made.measured["airline, MASE"] < 0.8
    assert made.measured["airline, MASE of a season ago"] > 1.1
    assert made.measured["airline, MASE of smoothing"] < 0.8
    assert (quick.folder / "forecasting.png").read_bytes().startswith(b"\x89PNG")


def test_of_prices_the_last_value_is_the_best_forecast(quick: record.Options) -> None:
    made = prices.run(quick)
    assert made.measured["daily, best network / last value"] > 1
    names = [each.name for each in prices.shares()]
    assert len(names) >= 8 and "IBM" in names


@pytest.mark.skipif(
    cr.config.data_folder is None, reason="CHAINRULE_DATA names no folder of data"
)
def test_a_network_learns_which_keys_follow(quick: record.Options) -> None:
    made = chorales.run(quick)
    losses = [row["validation_loss"] for row in made.history]
    assert losses[-1] < losses[0]
    assert made.measured["GRU, a step"] < 20
    assert made.pictures == ["chorales.png", "chorale.mid"]
    assert (quick.folder / "chorale.mid").read_bytes().startswith(b"MThd")


def test_a_midi_file_holds_keys_as_they_sound(tmp_path: Path) -> None:
    sounding = np.zeros((3, 88), bool)
    sounding[0:2, 60 - 21] = True  # held for two quarter notes
    sounding[2, 64 - 21] = True
    chorales.midi(sounding, tmp_path / "a.mid")
    content = (tmp_path / "a.mid").read_bytes()
    assert struct.unpack(">IHHH", content[4:14]) == (6, 0, 1, 480)
    assert struct.unpack(">I", content[18:22])[0] == len(content) - 22
    events = content[22 + 7 :]  # behind the tempo
    assert events == (
        b"\x00\x90\x3c\x48"  # 60 begins at once
        b"\x87\x40\x80\x3c\x48"  # and ends 960 ticks later
        b"\x00\x90\x40\x48"
        b"\x83\x60\x80\x40\x48"
        b"\x00\xff\x2f\x00"
    )
