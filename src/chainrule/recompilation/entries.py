"""Entries: what is worked out once on a machine, in files that processes share.

Place on the road: below ``kept``, and beside the engine's machine code, which is kept
in such files too. An entry has a checksum, and is written whole or not at all, so
several processes may share a folder. A damaged one is as good as none; if the folder
cannot be written, nothing is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
from pathlib import Path

LOGGER = logging.getLogger(__name__)
MAGIC = b"chainrule entry 1\n"
CHECKSUM_BYTES = 32
#: With more entries than this in a folder its oldest quarter is removed.
MOST_ENTRIES = 4096


def load(path: Path) -> bytes | None:
    """What an entry holds; None where there is none, or a damaged one."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    start = len(MAGIC) + CHECKSUM_BYTES
    checksum, payload = data[len(MAGIC) : start], data[start:]
    if data[: len(MAGIC)] == MAGIC and hashlib.sha256(payload).digest() == checksum:
        return payload
    LOGGER.info("%s is damaged and is made again", path)
    return None


def _make_room(path: Path) -> None:
    """Removes the oldest entries of a kind where there are too many."""
    found = [e for e in os.scandir(path.parent) if e.name.endswith(path.suffix)]
    if len(found) <= MOST_ENTRIES:
        return
    found.sort(key=lambda entry: entry.stat().st_mtime)
    for entry in found[: MOST_ENTRIES // 4]:
        with contextlib.suppress(OSError):  # another process was faster
            os.unlink(entry.path)


def store(path: Path, payload: bytes) -> None:
    """Makes an entry, whole or not at all; where that fails, nothing is kept."""
    data = MAGIC + hashlib.sha256(payload).digest() + payload
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(name, path)
            _make_room(path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        LOGGER.info("%s is not kept: %s", path, error)
