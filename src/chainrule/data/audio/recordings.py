"""Folders of recordings: WAV files, and what is said in each.

Place on the road: above WAV files, below models of speech. It must not know of features
or networks. What is said stands where people put it; the first that is there counts:

======================================  =============================================
a table of transcripts in the folder    ``transcripts.csv``: a file and its text a
                                        row, and maybe the speaker
a text beside each recording            ``0001.wav`` and ``0001.txt``
a folder for each word                  ``yes/1.wav``, ``no/ann_7.wav``
names of files                          ``7_jackson_32.wav``: word, speaker, number
======================================  =============================================

Folders whose names begin with ``_`` or ``.`` are no words, such as
``_background_noise_`` of Google's Speech Commands; ``0a7c_nohash_0.wav``, of the same,
is by the speaker ``0a7c``.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import DataError, FileError
from ...wording import counted
from ..text.reading import read_lines, read_text
from .wav import Sound, read_wav, resampled

SUFFIXES = (".wav", ".wave")

#: Names of a table of transcripts, and those of its columns, in order.
TABLES = ("transcripts", "metadata", "labels")
FILE_COLUMNS = ("file", "path", "filename", "file_name", "wav")
TEXT_COLUMNS = ("text", "transcript", "transcription", "sentence", "words", "word")
SPEAKER_COLUMNS = ("speaker", "speaker_id", "client_id")


@dataclass(frozen=True)
class Recording:
    """A recording, and what is said in it.

    Attributes:
        words: in order.
        source: the path of a WAV file, or the sound itself.
        speaker: who says it, where that is known.
        speed: how many times as fast the sound is to be, and as high.

    Example:
        >>> Recording(("yes",), Path("yes/ann_1.wav"), "ann").name
        'yes/ann_1.wav'
    """

    words: tuple[str, ...]
    source: Path | Sound
    speaker: str | None = None
    speed: float = 1.0

    @property
    def name(self) -> str:
        """What messages call it: a file by its folder and its own name."""
        if isinstance(self.source, Path):
            return "/".join(self.source.parts[-2:])
        return f"the recording of {' '.join(self.words) or 'nothing'!r}"

    def sound(self) -> Sound:
        """The sound; read from its file each time.

        Raises:
            FileError, DataError: as ``read_wav``.
        """
        sound = self.source
        if isinstance(sound, Path):
            sound = read_wav(sound, name=self.name)
        if self.speed == 1:
            return sound
        faster = round(sound.rate * self.speed)
        return Sound(resampled(sound.samples, faster, sound.rate), sound.rate)


def at_speeds(
    recordings: Iterable[Recording], speeds: Sequence[float] = (0.9, 1.0, 1.1)
) -> list[Recording]:
    """Each recording at several speeds: as slower and deeper, faster and higher voices
    would say it.

    Arguments:
        recordings: any.
        speeds: 1 leaves a recording as it is.

    Source: Ko, Peddinti, Povey & Khudanpur, Audio augmentation for speech recognition
    (2015).

    Example:
        >>> yes = Recording(("yes",), Path("yes.wav"))
        >>> [each.speed for each in at_speeds([yes])]
        [0.9, 1.0, 1.1]
    """
    return [replace(each, speed=speed) for each in recordings for speed in speeds]


def is_recording(path: Path) -> bool:
    """Whether a file's name is that of a WAV file and not of a hidden one.

    Example:
        >>> is_recording(Path("a/1.WAV")), is_recording(Path("a/._1.wav"))
        (True, False)
    """
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def read_recordings(folder: str | os.PathLike[str]) -> list[Recording]:
    """The recordings in a folder, with the words that are said; see above where those
    stand. The files are named and counted, not yet read.

    Words are separated by blanks; capitals and punctuation at their ends do not count.

    Arguments:
        folder: its path.

    Returns:
        In the order of the paths, of a table in that of its rows.

    Raises:
        FileError: no such folder, or a recording of the table that is not there.
        DataError: no WAV files; nothing says what is said in them; or a row of the
            table without a file or a text, or with a quote that is never closed, with
            its line.

    Example:
        >>> for each in read_recordings("recordings"):  # doctest: +SKIP
        ...     print(each.name, each.words, each.speaker)
        recordings/7_jackson_32.wav ('7',) jackson
    """
    root = Path(folder)
    if not root.is_dir():
        what = "a file, not a folder" if root.exists() else "no such folder"
        raise FileError(f"read_recordings: {root}: {what}")
    table = _table(root)
    if table is not None:
        return _of_table(root, table)
    paths = sorted(path for path in root.rglob("*") if is_recording(path))
    if not paths:
        others = sorted({path.suffix for path in root.iterdir() if path.is_file()})
        raise DataError(
            f"read_recordings: {root}: no WAV files in this folder or below it"
            + (f", but files of {', '.join(others[:5])}" if any(others) else ""),
            fix="ffmpeg -i FILE out.wav turns most kinds of sound into WAV",
        )
    texts = [path.with_suffix(".txt") for path in paths]
    with_text = [text for text in texts if text.is_file()]
    if with_text:
        return _with_texts(paths, texts)
    return _with_names(root, paths)


def _with_names(root: Path, every: Sequence[Path]) -> list[Recording]:
    """Recordings whose words are the names of folders, or of the files themselves."""
    paths = [path for path in every if not _is_aside(path.relative_to(root))]
    if not paths:
        raise DataError(
            f"read_recordings: {root}: WAV files only in folders whose names begin "
            "with _ or a point: those are no words",
            fix="give the folders the names of the words that are said",
        )
    inside = [path.parent != root for path in paths]
    if all(inside):
        return [
            Recording((_word(path.parent.name),), path, _speaker(path.stem, 2))
            for path in paths
        ]
    if any(inside):
        raise DataError(
            f"read_recordings: {root}: {counted(sum(inside), 'recording')} in folders "
            f"and {len(paths) - sum(inside)} beside them: are words the names of "
            "folders, or the beginnings of names of files?",
            fix="a folder for each word; or all in one folder, as word_speaker_1.wav",
        )
    nameless = next((path for path in paths if "_" not in path.stem), None)
    if nameless is not None:
        raise DataError(
            f"read_recordings: {nameless}: nothing says what is said in it",
            fix="a folder for each word; or names as word_speaker_1.wav; or "
            "transcripts.csv with the columns file and text",
        )
    return [
        Recording(
            (_word(path.stem.partition("_")[0]),), path, _speaker(path.stem[1:], 3)
        )
        for path in paths
    ]


def words_of(text: str) -> tuple[str, ...]:
    """The words of a transcript.

    Example:
        >>> words_of("Two, seven. DON'T!")
        ('two', 'seven', "don't")
    """
    return tuple(word for word in map(_word, text.split()) if word)


def _word(text: str) -> str:
    return text.lower().strip('.,;:!?"“”()[]') or text.strip()


def _is_aside(path: Path) -> bool:
    """Whether a file lies in a hidden folder or in one such as _background_noise_."""
    return any(name.startswith(("_", ".")) for name in path.parent.parts)


def _speaker(stem: str, parts: int) -> str | None:
    """``jackson`` of ``7_jackson_32``, where a name has as many parts or more; the
    ``nohash`` of Google's Speech Commands is none.
    """
    found = [part for part in stem.split("_") if part != "nohash"]
    return found[-2] if len(found) >= parts else None


def _table(root: Path) -> Path | None:
    """The table of transcripts of a folder, if there is one."""
    known = {path.name.lower(): path for path in root.iterdir() if path.is_file()}
    names = (f"{name}{suffix}" for name in TABLES for suffix in (".csv", ".tsv"))
    return next((known[name] for name in names if name in known), None)


def _of_table(root: Path, table: Path) -> list[Recording]:
    rows = _rows(table)
    _, head = next(rows, (0, []))
    names = {name.strip().lower(): column for column, name in enumerate(head)}
    file, text, speaker = (
        next((names[each] for each in options if each in names), None)
        for options in (FILE_COLUMNS, TEXT_COLUMNS, SPEAKER_COLUMNS)
    )
    if file is None or text is None:
        raise DataError(
            f"read_recordings: {table.name}: no column "
            f"{'file' if file is None else 'text'!r}: there are: "
            f"{', '.join([*names][:8])}",
            fix="a first line file,text or file,text,speaker",
        )
    found = []
    for line, row in rows:
        where = f"read_recordings: {table.name}: line {line}"
        if any(row[len(head) :]):
            raise DataError(
                f"{where}: {len(row)} cells, but {len(head)} in the first line",
                fix='write a text with commas in quotes: a.wav,"one, two"',
            )
        cells = row + [""] * (len(head) - len(row))
        words = words_of(cells[text])
        if not words:
            raise DataError(
                f"{where}: no text: expected the words that are said",
                fix="write them there, or leave the line out",
            )
        who = cells[speaker] if speaker is not None else ""
        found.append(Recording(words, _named(root, cells[file], where), who or None))
    if not found:
        raise DataError(f"read_recordings: {table.name}: no rows")
    return found


def _rows(table: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table, each with the line on which it begins; no blank ones. With
    tabs between cells, quotes are part of what they stand in.
    """
    tabs = table.suffix.lower() == ".tsv"
    lines = (f"{line}\n" for _, line in read_lines(table))
    reader = csv.reader(
        lines,
        delimiter="\t" if tabs else ",",
        quoting=csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL,
        strict=True,
    )
    begin = 1
    try:
        for row in reader:
            if len(row) > 1 or any(map(str.strip, row)):
                yield begin, row
            begin = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"read_recordings: {table.name}: line {begin}: {error}: a quote is not "
            "closed, or stands inside a cell",
            fix='write a quote inside a quoted cell twice: ""',
        ) from None


def _named(root: Path, cell: str, where: str) -> Path:
    """The recording that a cell of a table names, with or without ``.wav``."""
    path = root / cell
    if not Path(cell.strip()).name:
        raise DataError(
            f"{where}: {cell!r} names no file: expected that of a recording",
            fix="write its name there, or leave the line out",
        )
    if not path.suffix and not path.is_file():
        path = path.with_suffix(".wav")
    if not path.is_file():
        raise FileError(f"{where}: no file {path}")
    return path


def _with_texts(paths: Sequence[Path], texts: Sequence[Path]) -> list[Recording]:
    lacking = next(
        (p for p, t in zip(paths, texts, strict=True) if not t.is_file()), None
    )
    if lacking is not None:
        raise DataError(
            f"read_recordings: {lacking}: no text beside it, as others have",
            fix=f"write what is said into {lacking.with_suffix('.txt').name}",
        )
    return [
        Recording(words_of(read_text(text)), path, _speaker(path.stem, 2))
        for path, text in zip(paths, texts, strict=True)
    ]
