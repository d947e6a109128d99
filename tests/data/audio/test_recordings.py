"""Folders of recordings, as people keep them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from chainrule import data
from chainrule.errors import ChainruleError, DataError, FileError

TONE = data.Sound(np.sin(np.arange(800.0)).astype(np.float32), 8000)
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def made(*names: str, **texts: str) -> Path:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            data.write_wav(path, TONE)
        for name, text in texts.items():
            (tmp_path / name.replace("__", ".")).write_text(text, encoding="utf-8")
        return tmp_path

    return made


def read(folder: Path) -> list[tuple[str, tuple[str, ...], str | None]]:
    return [(r.name, r.words, r.speaker) for r in data.read_recordings(folder)]


def test_names_of_files_say_word_and_speaker(write: Write) -> None:
    folder = write("7_jackson_32.wav", "0_theo_1.wav", "yes_1.wav", "._hidden.wav")
    assert read(folder) == [
        ("0_theo_1.wav", ("0",), "theo"),
        ("7_jackson_32.wav", ("7",), "jackson"),
        ("yes_1.wav", ("yes",), None),
    ]


def test_folders_are_words(write: Write) -> None:
    folder = write("yes/ann_1.wav", "no/2.wav")
    assert read(folder) == [
        ("2.wav", ("no",), None),
        ("ann_1.wav", ("yes",), "ann"),
    ]


def test_a_text_beside_a_recording_says_its_words(write: Write) -> None:
    folder = write("a.wav", a__txt="Two, SEVEN.\n")
    assert read(folder) == [("a.wav", ("two", "seven"), None)]


def test_a_table_says_words_and_speakers(write: Write) -> None:
    table = 'path,sentence,client_id\nb.wav,"One, two",x\na,007,\n'
    folder = write("a.wav", "b.wav", transcripts__csv=table)
    assert read(folder) == [
        ("b.wav", ("one", "two"), "x"),
        ("a.wav", ("007",), None),
    ]


def test_a_recording_at_another_speed_is_shorter() -> None:
    recording = data.Recording(("a",), TONE)
    slow, same, fast = data.at_speeds([recording])
    lengths = [len(each.sound().samples) for each in (slow, same, fast)]
    assert lengths == [889, 800, 728]


@pytest.mark.parametrize(
    ("names", "texts", "message"),
    [
        ((), {"a__mp3": "x"}, "no WAV files in this folder or below it, but files of "
         ".mp3"),
        (("a.wav",), {}, "a.wav: nothing says what is said in it"),
        (("a.wav", "yes/b.wav"), {}, "1 recording in folders and 1 beside them"),
        (("a.wav", "b.wav"), {"a__txt": "x"}, "b.wav: no text beside it, as others "
         "have"),
        ((), {"transcripts__csv": "name,text\na,b\n"}, "no column 'file': there are: "
         "name, text"),
        ((), {"transcripts__csv": "file,text\n"}, "transcripts.csv: no rows"),
        ((), {"transcripts__csv": "file,text\nz.wav,a\n"}, "transcripts.csv: row 2: no "
         "file"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_named(
    names: tuple[str, ...], texts: dict[str, str], message: str, write: Write
) -> None:
    folder = write(*names, **texts)
    with pytest.raises(ChainruleError) as caught:
        data.read_recordings(folder)
    assert message in str(caught.value)
    assert isinstance(caught.value, DataError | FileError)


def test_no_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such folder"):
        data.read_recordings(tmp_path / "none")
