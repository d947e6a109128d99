"""Entries: what is worked out once on a machine, in files that processes share.

Place on the road: below ``kept``, and beside the engine's machine code, which is kept
in such files too. An entry has a checksum, and is written whole or not at all, so
several processes may share the folder. A damaged one is as good as none; if the folder
cannot be written, nothing is kept.

All entries together keep to ``config.cache_bytes``. Looking at every file is dear, so
there is a tally: a file with a byte for each block that any process has stored since
the last look. When it says that a share of the limit has been stored, the process that
sees it looks, and removes the entries that were not used for longest. No process waits
for another: what one has removed is for the others an entry that is not there.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from ..config import config

LOGGER = logging.getLogger(__name__)
MAGIC = b"chainrule entry 1\n"
CHECKSUM_BYTES = 32
#: What entries are called; nothing else in the folder is ever removed.
NAME = re.compile(r"[0-9a-f]{64}\.")
PART = ".part"
#: In bytes; a file on disk takes whole ones.
BLOCK = 4096
#: So many parts of the limit are stored between two looks.
SHARES = 16
#: The time of an entry is that of its last use, to within so many seconds.
USED_AGAIN = 3600
#: A process that has been writing an entry for so many seconds was killed.
ABANDONED = 3600


def folder() -> Path:
    """Where the entries are."""
    return config.cache_folder / "compiled"


def load(path: Path) -> bytes | None:
    """What an entry holds; None where there is none, or a damaged one."""
    try:
        with path.open("rb") as file:
            data = file.read()
            used = os.fstat(file.fileno()).st_mtime
    except OSError:
        return None
    start = len(MAGIC) + CHECKSUM_BYTES
    checksum, payload = data[len(MAGIC) : start], data[start:]
    if data[: len(MAGIC)] != MAGIC or hashlib.sha256(payload).digest() != checksum:
        LOGGER.info("%s is damaged and is made again", path)
        return None
    if time.time() - used > USED_AGAIN:
        with suppress(OSError):  # it has been removed, or is somebody else's
            os.utime(path)
    return payload


def store(path: Path, payload: bytes) -> None:
    """Makes an entry, whole or not at all; where that fails, nothing is kept."""
    data = MAGIC + hashlib.sha256(payload).digest() + payload
    if _on_disk(len(data)) > config.cache_bytes:
        LOGGER.info("%s is not kept: it is larger than config.cache_bytes", path)
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(PART, path.name, path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(name, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        LOGGER.info("%s is not kept: %s", path, error)
        return
    with suppress(OSError):  # the disk is full, or the folder has just been removed
        if _stored(path.parent, len(data)) >= config.cache_bytes // SHARES:
            _make_room(path.parent)


def _on_disk(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _stored(folder: Path, size: int) -> int:
    """What all processes have stored since the last look, with one more entry."""
    with (folder / "tally").open("ab") as tally:
        tally.write(bytes(_on_disk(size) // BLOCK))
        return tally.tell() * BLOCK


def _make_room(folder: Path) -> None:
    """Removes what killed processes have left, and of the entries those that were not
    used for longest, where there is no room for another share.
    """
    (folder / "tally").unlink(missing_ok=True)
    entries, now = [], time.time()
    with os.scandir(folder) as found:
        for each in found:
            if not NAME.match(each.name):
                continue
            with suppress(OSError):  # another process was faster
                state = each.stat()
                if not each.name.endswith(PART):
                    size = _on_disk(state.st_size)
                    entries.append((state.st_mtime_ns, size, each.path))
                elif now - state.st_mtime > ABANDONED:
                    os.unlink(each.path)
    share = config.cache_bytes // SHARES
    total = sum(size for _, size, _ in entries)
    if total <= config.cache_bytes - share:
        return
    for _, size, path in sorted(entries):
        if total <= config.cache_bytes - 2 * share:
            break
        with suppress(OSError):  # the same
            os.unlink(path)
        total -= size
