"""Filter banks and cepstra, against their formulas."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from chainrule import data
from chainrule.errors import ArgumentError, DataError

pytest.importorskip("kaldi_native_fbank")

Array = np.ndarray[Any, Any]
RATE = 8000
NOISE = data.Sound(
    np.random.default_rng(0).normal(0, 0.1, RATE // 2).astype(np.float32), RATE
)
BANKS = data.SpeechFeatures(rate=RATE, bins=24, normalise="none")


def mel(hertz: Any) -> Any:
    return 1127 * np.log(1 + hertz / 700)


def filter_bank(samples: Array, start: int) -> Array:
    """ln of the energy in each filter of one frame, as it stands in the books."""
    frame = samples[start : start + 200].astype(np.float64) * 2**15
    frame = frame - frame.mean()
    frame = frame - 0.97 * np.concatenate([frame[:1], frame[:-1]])
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(200) / 199)
    power = np.abs(np.fft.rfft(frame * hann**0.85, 256)) ** 2
    edges = np.linspace(mel(20), mel(RATE / 2), 26)
    at = mel(np.arange(129) * RATE / 256)
    energies = []
    for left, middle, right in zip(edges, edges[1:], edges[2:], strict=False):
        rise, fall = (at - left) / (middle - left), (right - at) / (right - middle)
        energies.append((power * np.clip(np.minimum(rise, fall), 0, None))[:128].sum())
    return np.log(energies)


def test_a_filter_bank_is_that_of_the_formula() -> None:
    found = BANKS(NOISE)
    assert found.shape == (50, 24) and found.dtype == np.float32
    for number in (5, 20):  # frames are centred on each 10 ms
        start = number * 80 + 40 - 100
        wanted = filter_bank(NOISE.samples, start)
        np.testing.assert_allclose(found[number], wanted, rtol=2e-3)


def test_a_tone_is_in_the_filter_of_its_frequency() -> None:
    time = np.arange(RATE) / RATE
    tone = np.sin(2 * np.pi * 1000 * time).astype(np.float32)
    found = BANKS(data.Sound(tone, RATE)).mean(axis=0)
    centres = np.linspace(mel(20), mel(RATE / 2), 26)[1:-1]
    assert found.argmax() == np.abs(centres - mel(1000)).argmin()


def test_normalised_columns_have_mean_0_and_deviation_1() -> None:
    found = replace(BANKS, normalise="variance")(NOISE)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(found.std(axis=0), 1, atol=1e-4)
    louder = data.Sound(3 * NOISE.samples, RATE)  # the microphone does not count
    np.testing.assert_allclose(
        replace(BANKS, normalise="mean")(louder),
        replace(BANKS, normalise="mean")(NOISE),
        atol=1e-3,
    )


def test_deltas_are_slopes_over_five_frames() -> None:
    features = replace(BANKS, kind="mfcc", deltas=True)
    found = features(NOISE)
    assert found.shape == (50, 39) == (50, features.size)
    c, first = found[:, :13], found[:, 13:26]
    slope = sum(n * (c[10 + n] - c[10 - n]) for n in (1, 2)) / 10
    np.testing.assert_allclose(first[10], slope, atol=1e-4)


def test_sounds_of_other_rates_are_resampled() -> None:
    twice = data.Sound(np.repeat(NOISE.samples, 2), 2 * RATE)
    assert BANKS(twice).shape == (50, 24)


def test_messages() -> None:
    short = data.Sound(NOISE.samples[:160], RATE)
    with pytest.raises(DataError) as caught:
        BANKS(short, "a.wav")
    assert caught.value.what == (
        "SpeechFeatures: a.wav: 20 ms of sound: a frame alone has 25 ms"
    )
    with pytest.raises(ArgumentError, match="kind of features"):
        data.SpeechFeatures(kind="mffc")
    with pytest.raises(ArgumentError, match="1000 or more samples"):
        data.SpeechFeatures(rate=10)
