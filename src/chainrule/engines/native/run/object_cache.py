"""Machine code on disk: a program is compiled once on a machine, not in every process.

Place on the road: in front of the compilation, which is skipped if the code is there.
An entry is a file named after a hash of everything that the code depends on: the
schedule, the processor, the versions, and this engine's own source. It has a checksum,
and is written whole or not at all, so several processes may share a folder. A damaged
entry is compiled again; if the folder cannot be written, nothing is kept.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm

from ....config import config
from ..abi.call_table import DATA_OFFSET
from ..choose.processor import host

LOGGER = logging.getLogger(__name__)
MAGIC = b"chainrule object 1\n"
CHECKSUM_BYTES = 32
#: With more entries than this the oldest quarter is removed.
MOST_ENTRIES = 4096
#: Files outside of this engine that machine code is made with, besides what the
#: schedule says: how much work there is, which functions are costly, and the rounds of
#: the random numbers. A test compares this with what the rooms that write code import.
OUTSIDE = (
    "compiler/report.py", "ops/elementwise.py", "ops/philox.py", "ops/primitive.py"
)  # fmt: skip


def cached(description: str, make: Callable[[], bytes]) -> tuple[bytes, bool]:
    """What ``make`` returns for this description, and whether it was found on disk."""
    entry = entry_of(description)
    code = load(entry)
    if code is not None:
        return code, True
    code = make()
    store(entry, code)
    return code, False


def folder() -> Path:
    """Where the entries are."""
    return config.cache_folder / "native"


def entry_of(description: str) -> Path:
    """The file for machine code of which this is everything that it depends on, besides
    the processor and the versions of what makes it.
    """
    processor = host()
    parts = (
        llvmlite.__version__,
        str(llvm.llvm_version_info),
        processor.triple,
        processor.name,
        processor.features,
        str(DATA_OFFSET),  # it differs between builds of Python
        source_digest(),
        description,
    )
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return folder() / f"{digest}.o"


@functools.cache
def source_digest() -> str:
    """A hash of the source files that write code: another version writes other code."""
    found, native = hashlib.sha256(), Path(__file__).parents[1]
    others = [native.parents[1] / each for each in OUTSIDE]
    for path in (*sorted(native.rglob("*.py")), *others):
        found.update(path.read_bytes())
    return found.hexdigest()


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
    LOGGER.info("native: %s is damaged and is compiled again", path)
    return None


def _make_room(folder: Path) -> None:
    """Removes the oldest entries where there are too many."""
    entries = [entry for entry in os.scandir(folder) if entry.name.endswith(".o")]
    if len(entries) <= MOST_ENTRIES:
        return
    entries.sort(key=lambda entry: entry.stat().st_mtime)
    for entry in entries[: MOST_ENTRIES // 4]:
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
            _make_room(path.parent)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        LOGGER.info("native: compiled code is not kept in %s: %s", path.parent, error)
