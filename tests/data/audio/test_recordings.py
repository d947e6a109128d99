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
    found = data.read_recordings(folder)
    assert all(r.name == f"{r.source.parent.name}/{r.source.name}" for r in found)
    return [(r.source.name, r.words, r.speaker) for r in found]


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


def test_blank_lines_and_ends_of_lines_in_cells_count_as_lines(write: Write) -> None:
    table = 'file,text\n\na.wav,"one\ntwo"\n\nb.wav,three\n'
    folder = write("a.wav", "b.wav", transcripts__csv=table)
    assert [words for _, words, _ in read(folder)] == [("one", "two"), ("three",)]
    (folder / "b.wav").unlink()
    with pytest.raises(FileError, match=r"transcripts\.csv: line 6: no file"):
        read(folder)


def test_quotes_between_tabs_are_part_of_a_text(write: Write) -> None:
    table = 'path\tsentence\na.wav\t"Hello" he said\nb.wav\tan 11" pipe\n'
    folder = write("a.wav", "b.wav", transcripts__tsv=table)
    assert [words for _, words, _ in read(folder)] == [
        ("hello", "he", "said"), ("an", "11", "pipe"),
    ]  # fmt: skip


def test_the_folders_of_speech_commands_are_words_and_speakers(write: Write) -> None:
    folder = write(
        "yes/0a7c_nohash_0.wav", "no/ffd2_nohash_1.wav",
        "_background_noise_/white_noise.wav", ".hidden/a.wav",
    )  # fmt: skip
    assert read(folder) == [
        ("ffd2_nohash_1.wav", ("no",), "ffd2"),
        ("0a7c_nohash_0.wav", ("yes",), "0a7c"),
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
        ((), {"transcripts__csv": "file,text\nz.wav,a\n"}, "transcripts.csv: line 2: "
         "no file"),
        (("a.wav",), {"transcripts__csv": 'file,text\na.wav,a\na.wav,"b\na.wav,c\n'},
         "transcripts.csv: line 3: unexpected end of data: a quote is not closed"),
        (("a.wav",), {"transcripts__csv": "file,text\n\na.wav, \n"},
         "transcripts.csv: line 3: no text"),
        (("a.wav",), {"transcripts__csv": "text,file\nb\n"},
         "transcripts.csv: line 2: '' names no file"),
        (("a.wav",), {"transcripts__csv": "text,file\nb,.\n"},
         "transcripts.csv: line 2: '.' names no file"),
        (("a.wav",), {"transcripts__csv": "file,text\na.wav,one, two\n"},
         "transcripts.csv: line 2: 3 cells, but 2 in the first line"),
        (("_noise_/a.wav",), {}, "only in folders whose names begin with _"),
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
