"""Files as bytes: opened and unpacked, or one clear error.

Place on the road: below whatever reads a file that people have, tables and texts. It
must not know what the bytes mean.
"""

from __future__ import annotations

import gzip
import typing
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..errors import FileError, nearest

#: First bytes of files that are often mistaken for CSV files or texts.
OTHER_FORMATS = {
    b"PK\x03\x04": "an Excel workbook or zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"%PDF": "a PDF document",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array; data.memory_map reads it",
}


def open_file(path: Path, operation: str) -> IO[bytes]:
    """The bytes of a file, unpacked where it is gzipped; or one clear error.

    Arguments:
        path: of the file.
        operation: what the message begins with.

    Raises:
        FileError: no such file, a folder, a file that may not be read.
    """
    try:
        file = path.open("rb")
        if file.peek(2)[:2] == b"\x1f\x8b":
            file.close()
            return typing.cast(IO[bytes], gzip.open(path, "rb"))
        return file
    except FileNotFoundError:
        folder = path.parent
        others = [p.name for p in folder.iterdir()] if folder.is_dir() else []
        close = nearest(path.name, others)
        raise FileError(
            f"{operation}: {str(path)!r}: no such file",
            fix=f"did you mean {str(folder / close)!r}?" if close else None,
        ) from None
    except IsADirectoryError:
        raise FileError(f"{operation}: {str(path)!r}: a folder, not a file") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileError(f"{operation}: {str(path)!r}: {reason.lower()}") from error


@contextmanager
def unpacking(name: str) -> Iterator[None]:
    """Turns what a damaged gzip file raises into one clear error."""
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FileError(f"{name}: a damaged gzip file: {error}") from error


def other_format(start: bytes) -> str | None:
    """What a file that begins so is, where it is one of ``OTHER_FORMATS``."""
    kinds = (kind for begin, kind in OTHER_FORMATS.items() if start.startswith(begin))
    return next(kinds, None)
