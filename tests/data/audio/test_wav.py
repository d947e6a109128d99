"""WAV files of every kind that people have, and of kinds that are none."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule import data
from chainrule.errors import DataError, FileError

Array = np.ndarray[Any, Any]
RATE = 8000
TONE = 0.5 * np.sin(np.linspace(0, 40, RATE // 4)).astype(np.float32)


def wav(
    samples: Array,
    bits: int,
    rate: int = RATE,
    *,
    kind: int = 1,
    extended: bool = False,
) -> bytes:
    """A WAV file, byte for byte: samples (T,) or (T, channels) from −1 to 1."""
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    flat = samples.ravel()
    if kind == 3:
        content = flat.astype(f"<f{bits // 8}").tobytes()
    elif bits == 8:
        content = np.round(flat * 127 + 128).astype(np.uint8).tobytes()
    else:
        whole = np.round(flat.astype(np.float64) * (2 ** (bits - 1) - 1))
        wide = whole.astype("<i8").view(np.uint8).reshape(-1, 8)
        content = wide[:, : bits // 8].tobytes()
    block = channels * bits // 8
    form = struct.pack("<HHIIHH", kind, channels, rate, rate * block, block, bits)
    if extended:
        form = struct.pack("<H", 0xFFFE) + form[2:]
        tail = bytes.fromhex("000000001000800000aa00389b71")
        form += struct.pack("<HHIH", 22, bits, 0, kind) + tail
    body = b"WAVE" + b"fmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", len(content)) + content
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    ("bits", "kind", "extended", "error"),
    [
        (8, 1, False, 1e-2),
        (16, 1, False, 1e-4),
        (24, 1, False, 1e-6),
        (24, 1, True, 1e-6),
        (32, 1, False, 1e-6),
        (32, 3, False, 0.0),
        (64, 3, False, 0.0),
    ],
)
def test_samples_of_all_widths_are_numbers_from_minus_1_to_1(
    bits: int, kind: int, extended: bool, error: float
) -> None:
    content = wav(TONE, bits, kind=kind, extended=extended)
    samples, rate = data.read_wav(io.BytesIO(content))
    assert rate == RATE and samples.dtype == np.float32
    np.testing.assert_allclose(samples, TONE, atol=error)


def test_two_channels_become_their_mean() -> None:
    both = np.stack([TONE, 0.5 * TONE], axis=1)
    samples, _ = data.read_wav(io.BytesIO(wav(both, 16)))
    np.testing.assert_allclose(samples, 0.75 * TONE, atol=1e-4)


def test_another_rate_is_resampled_and_the_tone_stays() -> None:
    time = np.arange(44100) / 44100
    sound = np.sin(2 * np.pi * 440 * time).astype(np.float32)
    samples, rate = data.read_wav(io.BytesIO(wav(sound, 16, 44100)), rate=16000)
    assert rate == 16000 and len(samples) == 16000
    strongest = np.abs(np.fft.rfft(samples)).argmax()
    assert strongest == 440  # of 1 s, in Hz


def test_what_is_above_half_of_a_lower_rate_is_removed() -> None:
    time = np.arange(44100) / 44100
    sound = np.sin(2 * np.pi * 15000 * time).astype(np.float32)
    samples, _ = data.read_wav(io.BytesIO(wav(sound, 16, 44100)), rate=16000)
    assert np.abs(samples[100:-100]).max() < 0.02


def test_what_was_written_is_read(tmp_path: Path) -> None:
    data.write_wav(tmp_path / "a.wav", data.Sound(TONE, RATE))
    samples, rate = data.read_wav(tmp_path / "a.wav")
    assert rate == RATE
    np.testing.assert_allclose(samples, TONE, atol=2**-15)


MESSAGES = {
    "an empty file": (b"", "read_wav: x.wav: an empty file"),
    "no samples": (
        wav(TONE[:0], 16),
        "read_wav: x.wav: no samples: a recording without sound",
    ),
    "cut off": (
        wav(TONE, 16)[:-1000],
        "read_wav: x.wav: it was cut off: there are fewer samples than its header says",
    ),
    "cut off in its header": (
        wav(TONE, 16)[:30],
        "read_wav: x.wav: it was cut off before its first sample",
    ),
    "silence": (
        wav(np.zeros(100, np.float32), 16),
        "read_wav: x.wav: silence: all 100 samples are 0",
    ),
    "not finite": (
        wav(np.array([0.1, np.nan, 0.2], np.float32), 32, kind=3),
        "read_wav: x.wav: sample 1 is not finite: nan",
    ),
    "compressed": (
        wav(TONE, 8, kind=7),
        "read_wav: x.wav: compressed (MULAW): expected plain samples",
    ),
    "MP3": (b"ID3\x04" + bytes(90), "read_wav: x.wav: an MP3 file, not WAV"),
    "another kind": (b"hello", "read_wav: x.wav: another kind of file, not WAV"),
}


@pytest.mark.parametrize("kind", MESSAGES)
def test_a_file_that_cannot_be_used_is_named(kind: str, tmp_path: Path) -> None:
    content, message = MESSAGES[kind]
    (tmp_path / "x.wav").write_bytes(content)
    with pytest.raises(DataError) as caught:
        data.read_wav(tmp_path / "x.wav")
    assert caught.value.what == message


def test_a_file_that_is_not_there_is_an_error_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "seven.wav").write_bytes(wav(TONE, 16))
    with pytest.raises(FileError, match=r"seven\.wav"):
        data.read_wav(tmp_path / "sevn.wav")
