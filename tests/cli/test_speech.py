"""``chainrule train recordings/``: words, from a folder of WAV files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule import data
from tests.cli.conftest import call, call_well

pytest.importorskip("kaldi_native_fbank")

RATE = 8000
#: Two tones each, by which the words are told.
WORDS = {"no": (500, 900), "yes": (1900, 3000)}


def tones(word: str, pitch: float, seed: int) -> data.Sound:
    """A word of two tones in noise, at the pitch of a speaker."""
    rng = np.random.default_rng(seed)
    parts = [
        np.sin(2 * np.pi * pitch * hertz * np.arange(rng.integers(900, 1400)) / RATE)
        for hertz in WORDS[word]
    ]
    samples = 0.4 * np.concatenate(parts)
    noisy = samples + rng.normal(0, 0.02, len(samples))
    return data.Sound(noisy.astype(np.float32), RATE)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two words by three speakers, eight times each."""
    folder = tmp_path_factory.mktemp("spoken") / "recordings"
    folder.mkdir()
    for speaker, pitch in (("ann", 1.1), ("bob", 0.9), ("eve", 1.0)):
        for word in WORDS:
            for number in range(8):
                sound = tones(word, pitch, 10 * number + len(word))
                data.write_wav(folder / f"{word}_{speaker}_{number}.wav", sound)
    return folder


@pytest.fixture(scope="module")
def trained(recordings: Path) -> tuple[Path, dict[str, Any]]:
    """A finished run, and what it said."""
    out = recordings.parent / "run"
    words = ("--epochs", 12, "--hidden", 16, "--json", "--out", out)
    result = call_well("train", recordings, *words)
    return out, json.loads(result.stdout)


def test_a_folder_of_wav_files_is_learned_without_naming_the_task(
    trained: tuple[Path, dict[str, Any]],
) -> None:
    folder, said = trained
    assert said["test"]["word_error_rate"] <= 0.1
    assert said["test"]["recordings"] == 16  # one speaker, in no other part
    assert said["baselines"]["always the commonest"]["word_error_rate"] == 0.5
    assert {"confusion_matrix.png", "alignment.png"} <= set(said["pictures"])
    for name in said["pictures"]:
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
    settings = json.loads((folder / "settings.json").read_text("utf-8"))
    assert settings["task"] == "speech"


def test_words_of_new_files_are_recognised(
    trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, _ = trained
    whole = tones("yes", 1.02, 77)
    twice = data.Sound(np.repeat(whole.samples, 2), 2 * RATE)  # another rate
    data.write_wav(tmp_path / "b.wav", twice)
    data.write_wav(tmp_path / "a.wav", tones("no", 0.97, 78))
    one = call_well("predict", folder, tmp_path / "b.wav")
    assert one.stdout == "b.wav\tyes\n"
    both = call_well("predict", folder, tmp_path)
    assert both.stdout == "a.wav\tno\nb.wav\tyes\n"


def test_a_run_is_measured_on_its_own_test_part_and_on_others(
    trained: tuple[Path, dict[str, Any]], recordings: Path
) -> None:
    folder, said = trained
    own = json.loads(call_well("evaluate", folder, "--json").stdout)
    assert own["word_error_rate"] == said["test"]["word_error_rate"]
    every = json.loads(call_well("evaluate", folder, recordings, "--json").stdout)
    assert every["recordings"] == 48


def test_gaussians_learn_the_same_folder(recordings: Path, tmp_path: Path) -> None:
    words = ("--task", "speech", "--model", "gmm", "--json", "--out", tmp_path / "run")
    said = json.loads(call_well("train", recordings, *words).stdout)
    assert said["test"]["word_error_rate"] <= 0.1
    history = json.loads((tmp_path / "run" / "history.json").read_text("utf-8"))
    losses = [row["loss"] for row in history["epochs"]]
    assert losses[-1] < losses[0]


def wrong(folder: Path, *words: Any) -> str:
    """What is said of a folder that cannot be learned from."""
    out = folder.parent / "run"
    result = call("train", folder, "--task", "speech", *words, "--out", out)
    assert result.exit_code != 0 and not out.exists()
    return result.output


def test_what_cannot_be_learned_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    assert (
        "which folder is it to learn from?" in call("train", "--task", "speech").output
    )
    assert "recordings: no such folder" in wrong(folder)
    folder.mkdir()
    for number in range(12):
        data.write_wav(folder / f"no_{number}.wav", tones("no", 1, number))
    assert "one word, 'no': expected two or more to tell apart" in wrong(folder)
    data.write_wav(folder / "yes_1.wav", tones("yes", 1, 3))
    assert (
        "'yes' is said in none of the 11 recordings to train on: each word must be "
        "said several times" in wrong(folder, "--seed", 3)
    )
    for number in range(12):
        data.write_wav(folder / f"yes_{number}.wav", tones("yes", 1, number))
    for number in range(8):  # in whichever part it is
        path = folder / f"no_{number}.wav"
        whole = path.read_bytes()
        path.write_bytes(b"RIFF")
        said = wrong(folder)
        assert (
            f"read_wav: recordings/{path.name}: it was cut off before its first" in said
        )
        path.write_bytes(whole)
    for number in range(9):
        samples = tones("no", 1, number).samples[:300]
        data.write_wav(folder / f"no_{number}.wav", data.Sound(samples, RATE))
    said = wrong(folder)
    assert "4 frames of 10 ms for 'no', which has 6 states: a state takes a" in said
