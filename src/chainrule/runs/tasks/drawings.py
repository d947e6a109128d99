"""What the tasks on pens share: drawings in parts, and a checksum of a folder of them.

Place on the road: below the tasks. It must not know what is learned of a drawing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ... import data, models
from ...data.opening import open_file
from ...data.strokes.reading import pen_files
from ...data.tables.csv_files import checksum
from ...errors import DataError
from ...wording import counted
from .parts import split
from .task import Corpus

#: Fewer drawings than these say nothing about others; from so many writers on, those
#: who are tested on are others than those who are learned from.
LEAST, WRITERS = 10, 5

#: What the tasks learn from, in the words of a message.
PEN_FILES = "a file of drawings or a folder of them: InkML, UNIPEN or tables (.npz)"

Drawings = list[data.Drawing]


def parts_of(
    drawings: Drawings, name: str, test: float, asked: Mapping[str, Any]
) -> tuple[list[Drawings], str]:
    """Drawings for training, validation and the test, and a note on how they were
    chosen.

    Arguments:
        drawings: all of them.
        name: of the file.
        test: the part that is tested on.
        asked: options: ``seed`` and ``validation``.

    Raises:
        DataError: fewer than ten.
    """
    if len(drawings) < LEAST:
        raise DataError(
            f"{name}: {counted(len(drawings), 'drawing')}: too few to learn from, and "
            f"to be tested on: expected {LEAST} or more"
        )
    writers = sorted({each.writer for each in drawings if each.writer is not None})
    known = all(each.writer is not None for each in drawings)
    if not known or len(writers) < WRITERS:
        rows = split(len(drawings), test, asked)
        return [[drawings[i] for i in part] for part in rows], ""
    shares = split(len(writers), test, asked)
    found = []
    for part in shares:
        chosen = {writers[i] for i in part}
        found.append([each for each in drawings if each.writer in chosen])
    sizes = ", ".join(str(len(part)) for part in shares)
    return found, (
        f"{len(writers)} writers: {sizes} of them in training, validation and test, "
        "none in two"
    )


def lesson_of(
    model: models.PenReader | models.PenWriter, training: Any, corpus: Corpus
) -> tuple[Any, Any, Any]:
    """What ``fit`` trains, on which examples of the model, and what it validates on."""
    held = corpus.validation
    return (
        training,
        model.examples(corpus.train, 4 if len(corpus.train) >= 1000 else 2),
        None if held is None else model.examples(held, buckets=1),
    )


def checksum_of(path: Path) -> str:
    """The sha256 of a file; of a folder that of the names and contents of its pen
    files.
    """
    if not path.is_dir():
        open_file(path, "train").close()
        return checksum(path)
    digest = hashlib.sha256()
    for file in pen_files(path):
        digest.update(f"{file.relative_to(path)}\0{checksum(file)}\n".encode())
    return digest.hexdigest()


def resampled(drawing: data.Drawing, count: int = 8) -> Any:
    """So many points at equal distances along the way of the pen, in a box of 1:
    (2 · count,).

    Source: Alimoglu & Alpaydin (1996).

    Example:
        >>> resampled(data.Drawing([[[0, 0], [6, 0], [6, 6]]]), 3).tolist()
        [0.0, 0.0, 1.0, 0.0, 1.0, 1.0]
    """
    points = drawing.points
    way = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    at = np.linspace(0, way[-1], count)
    table = np.stack([np.interp(at, way, points[:, axis]) for axis in (0, 1)], axis=1)
    size = max(float(np.ptp(table, axis=0).max()), 1e-9)
    return ((table - table.min(axis=0)) / size).ravel()


def labels_of(drawings: Sequence[data.Drawing]) -> list[str]:
    """Their labels, as texts."""
    return [str(each.label) for each in drawings]
