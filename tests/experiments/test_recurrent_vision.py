"""Digits read row by row, and videos of digits whose frames are predicted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from experiments import mnist_rows, moving_digits, record
from tests.experiments.data_folder import WITH_DATA


@pytest.fixture
def quick(tmp_path: Path) -> record.Options:
    return record.Options(quick=True, folder=tmp_path)


@WITH_DATA
def test_rows_of_digits_teach_three_networks_something(quick: record.Options) -> None:
    made = mnist_rows.run(quick)
    for name in ("LSTM", "GRU", "plain"):
        assert made.measured[f"test accuracy, {name}"] > 0.2
    picture = quick.folder / "mnist-rows.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


@WITH_DATA
def test_a_few_videos_teach_what_is_ink(quick: record.Options) -> None:
    made = moving_digits.run(quick)
    first, last = (row["validation_loss"] for row in made.history)
    assert last < first < 1000  # nats a frame; a coin for every point has 2839
    # predicting the share of ink everywhere already beats the last frame
    still = made.measured["squared error a frame, last frame"]
    assert made.measured["squared error a frame"] < still
    assert (quick.folder / "moving-digits.png").is_file()


def test_digits_move_straight_at_one_speed_and_bounce() -> None:
    dot = np.zeros((1, 28, 28), np.float32)
    dot[0, 0, 0] = 1
    frames = moving_digits.videos(dot, 50, np.random.default_rng(0))
    assert frames.shape == (50, 20, 64, 64) and frames.max() == 1
    places = [np.argwhere(frame) for video in frames for frame in video]
    assert all(1 <= len(place) <= 2 for place in places)
    assert all(place.max() <= 64 - 28 for place in places)  # the digit is whole
    lone = moving_digits.videos(dot, 1, np.random.default_rng(3))[0]
    first, second = (np.argwhere(frame).astype(float) for frame in lone[:2])
    moved = [np.linalg.norm(b - a) for a in first for b in second]
    # each of the two dots is a step of 3.6 points, rounded, away from one of them
    assert sum(2.1 <= each <= 5.1 for each in moved) >= 2


def test_a_number_determines_the_videos() -> None:
    digits = np.random.default_rng(0).random((5, 28, 28)).astype(np.float32)
    one, again, other = (moving_digits.examples(digits, 2, n)[1] for n in (7, 7, 8))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_patches_are_put_together_again() -> None:
    frames = np.random.default_rng(0).random((2, 3, 64, 64)).astype(np.float32)
    cut = moving_digits.patches(frames)
    assert cut.shape == (2, 3, 16, 16, 16)
    np.testing.assert_array_equal(cut[0, 0, 0, 1].reshape(4, 4), frames[0, 0, :4, 4:8])
    np.testing.assert_array_equal(moving_digits.whole(cut), frames)


def test_the_forecaster_sees_nothing_of_what_is_to_come() -> None:
    model = moving_digits.Forecaster(3)
    x = np.random.default_rng(0).random((1, 4, 16, 16, 16)).astype(np.float32)
    assert model(x).shape == x.shape
    changed = x.copy()
    changed[:, 0, 8, 8] += 1  # the first frame, in the middle
    difference = abs(model(changed).numpy() - model(x).numpy()).max((0, 1, 4))
    assert difference[8, 8] > 0
    # eight steps of kernels of three see at most that many cells far
    far = np.maximum(*abs(np.indices((16, 16)) - 8)) > 8
    assert not difference[far].any()
