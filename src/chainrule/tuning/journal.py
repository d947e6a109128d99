"""A line on disk for every finished fold, so that a stopped search can be resumed.

Place on the road: below the search. Each line is one JSON object, flushed to the disk
before the next fold counts. A line that was torn by a crash is the last one; it is
dropped, and that fold is trained again.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ..errors import FileError


class Journal:
    """The lines of a file.

    Arguments:
        path: of the file, which need not be there yet.

    Example:
        >>> import pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "folds.jsonl"
        >>> Journal(file).append({"fold": 0})
        >>> with file.open("a") as torn:
        ...     _ = torn.write('{"fo')
        >>> Journal(file).read()
        [{'fold': 0}]
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[dict[str, Any]]:
        """All entries; a torn last line is cut off the file.

        Raises:
            FileError: a line that is no entry, and not the last one.
        """
        if not self.path.is_file():
            return []
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole != len(data):
            with self.path.open("r+b") as file:
                file.truncate(whole)
                os.fsync(file.fileno())
        entries = []
        for number, line in enumerate(data[:whole].splitlines(), 1):
            try:
                entry = json.loads(line)
                if not isinstance(entry, dict):
                    raise ValueError("not an object")
            except ValueError as error:
                raise FileError(
                    f"{self.path}: line {number} is damaged",
                    fix=f"remove line {number}: what it told is trained again",
                ) from error
            entries.append(entry)
        return entries

    def append(self, entry: dict[str, Any]) -> None:
        """Adds an entry, which is on the disk when this returns.

        Raises:
            FileError: it cannot be written.
        """
        line = json.dumps(entry, ensure_ascii=False, allow_nan=False) + "\n"
        try:
            with self.path.open("ab") as file:
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise FileError(
                f"{self.path}: cannot be written: {error.strerror}",
                fix="free some space, then resume: what is finished is kept",
            ) from error
