"""``read_drawings``: the pen files that people have.

Place on the road: where handwriting enters, above the formats.
"""

from __future__ import annotations

import io
import lzma
import os
import zipfile
import zlib
from pathlib import Path

import numpy as np

from ...errors import DataError, FileError
from ..opening import open_file, other_format, unpacking
from ..validation import Array
from .drawing import Drawing
from .inkml import parse_inkml
from .unipen import parse_unipen

#: Bytes that are read of a file, at most, and files of a folder.
LIMIT, MOST_FILES = 1 << 28, 100_000

#: Endings of names that a folder is searched for.
ENDINGS = (".inkml", ".unp", ".unipen", ".dat", ".upn", ".npz")

#: What ``zipfile`` and NumPy raise for archives that are cut off or damaged.
DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    KeyError,
    MemoryError,
    RuntimeError,  # an encrypted one; NotImplementedError is one as well
    SyntaxError,  # a header that is no Python
)


def read_drawings(path: str | os.PathLike[str]) -> list[Drawing]:
    """The drawings in a pen file, or in all pen files of a folder.

    Read are InkML (W3C, 2011), UNIPEN (Guyon et al., 1994), gzipped or not, and stroke
    tables of NumPy, ``.npz`` with ``points`` (N, 3) of Δx, Δy, pen lifted and
    ``offsets`` (drawings + 1,), where each drawing begins. In a folder, a drawing
    without a label has the name of the folder in which its file lies, where that is
    not the folder itself: one folder a class.

    Arguments:
        path: the file or folder.

    Raises:
        FileError: no such file, one that is no pen file, or of more than 256 MiB.
        DataError: broken contents, with line or number of trace or drawing; no
            drawing.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "seven.inkml")
        ...     _ = file.write_text("<ink><trace>0 0, 9 0, 3 12</trace></ink>")
        ...     read_drawings(file)[0].size.tolist()
        [9.0, 12.0]
    """
    where = Path(path)
    if not where.is_dir():
        return _of_file(where)
    files = pen_files(where)
    if not files:
        raise DataError(
            f"read_drawings: {str(where)!r}: no pen file in it",
            fix=f"files whose names end in {', '.join(ENDINGS)}",
        )
    if len(files) > MOST_FILES:
        raise DataError(f"read_drawings: {str(where)!r}: more than {MOST_FILES} files")
    found = []
    for file in files:
        named = None if file.parent == where else file.parent.name
        for each in _of_file(file):
            label = named if each.label is None else each.label
            found.append(Drawing(each.strokes, label, each.writer))
    return found


def pen_files(folder: Path) -> list[Path]:
    """The pen files in a folder, by their endings, in order.

    Example:
        >>> pen_files(Path("/no/such/folder"))
        []
    """
    return sorted(
        each
        for each in folder.rglob("*")
        if each.name.lower().removesuffix(".gz").endswith(ENDINGS)
    )


def _of_file(file: Path) -> list[Drawing]:
    with open_file(file, "read_drawings") as opened, unpacking(file.name):
        content = opened.read(LIMIT + 1)
    if len(content) > LIMIT:
        raise FileError(
            f"read_drawings: {file.name}: more than {LIMIT >> 20} MiB: drawings are "
            "held in memory as a whole",
            fix="parts of the file",
        )
    table = file.name.lower().removesuffix(".gz").endswith(".npz")
    if table and content.startswith(b"PK"):
        return _of_table(content, file.name)
    text = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not text:
        raise DataError(f"read_drawings: {file.name}: an empty file")
    if text[:1] == b"<" or content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return parse_inkml(content, file.name)
    if other_format(content) or b"\0" in content:
        raise FileError(
            f"read_drawings: {file.name}: this is "
            f"{other_format(content) or 'binary data'}: expected InkML or UNIPEN"
        )
    lines = text.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n")
    first = 1 + content[: len(content) - len(text)].count(b"\n")
    numbered = enumerate(lines.split("\n"), first)
    return parse_unipen(numbered, file.name)


def _of_table(content: bytes, name: str) -> list[Drawing]:
    """The drawings of a stroke table; of all its parts, where it has several."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as table:
            parts = {key: np.atleast_1d(table[key]) for key in table.files}
    except DAMAGES as error:
        if str(error).startswith("Object arrays"):
            raise _pickled(name) from None
        raise DataError(
            f"read_drawings: {name}: a damaged stroke table: "
            f"{str(error) or 'it ends too early'}",
            fix="copy or download the file again",
        ) from None
    found: list[Drawing] = []
    for key in parts:
        if key.endswith("points"):
            begins = parts.get(key.removesuffix("points") + "offsets")
            found += of_table(parts[key], begins, f"{name}: {key}")
    if not found:
        raise DataError(f"read_drawings: {name}: expected arrays points and offsets")
    return found


def _pickled(name: str) -> DataError:
    """The error for a table of Python objects, as Sketch-RNN's own files are."""
    return DataError(
        f"read_drawings: {name}: pickled Python objects, which may run any code when "
        "they are read: expected arrays of numbers, points (N, 3) and offsets "
        "(drawings + 1,)",
        fix="of a file that you trust, as those of Sketch-RNN: d = np.load("
        f"{name!r}, allow_pickle=True, encoding='latin1')['train']; "
        "np.savez('strokes.npz', points=np.concatenate(d), "
        "offsets=np.cumsum([0, *map(len, d)]))",
    )


def of_table(points: Array, begins: Array | None, name: str) -> list[Drawing]:
    """Drawings from rows (Δx, Δy, pen lifted), and where each begins.

    Arguments:
        points: (N, 3).
        begins: (drawings + 1,), rising from 0 to N; None for one drawing.
        name: for messages.

    Raises:
        DataError: arrays that do not fit together, or are not of numbers; a point that
            is not finite or beyond ±10⁹, with the number of its drawing, from 0.

    Example:
        >>> of_table(np.array([[1, 2, 0], [3, 4, 1]]), None, "one")[0].size
        array([3., 4.])
    """
    edges = np.array([0, len(points)]) if begins is None else np.asarray(begins)
    fits = points.ndim == 2 and points.shape[1:] == (3,) and edges.ndim == 1
    if not fits or edges.dtype.kind not in "iu" or len(edges) < 2 or edges[0] != 0:
        raise DataError(
            f"read_drawings: {name}: points {points.shape} and offsets {edges.shape}: "
            "expected (N, 3), and whole numbers that rise from 0 to N"
        )
    if points.dtype.kind not in "biuf":
        raise DataError(
            f"read_drawings: {name}: of dtype {points.dtype}: expected numbers"
        )
    if edges[-1] != len(points) or (np.diff(edges.astype(np.int64)) < 1).any():
        raise DataError(
            f"read_drawings: {name}: offsets from {edges[0]} to {edges[-1]} of "
            f"{len(points)} points: expected that they rise from 0 to the last"
        )
    found: list[Drawing] = []
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        try:
            with np.errstate(invalid="ignore", over="ignore"):
                found.append(Drawing.of_offsets(points[start:end]))
        except DataError as error:
            what = error.what.removeprefix("Drawing: ")
            raise DataError(
                f"read_drawings: {name}: drawing {len(found)}: {what}"
            ) from None
    return found
