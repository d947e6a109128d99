"""The file format: arrays in safetensors, settings as JSON beside them.

Place on the road: beneath ``nn`` and ``training``, which decide what to keep. It knows
arrays and JSON, no layers, and nothing that it reads is ever executed.

A file is a safetensors file whose metadata has one text, ``chainrule``: a JSON table of
``version``, ``settings`` and ``sha256``, the digest of settings and arrays, so that a
damaged file is an error and never another network. It is written to a temporary file in
the same folder, flushed to the disk and renamed: a reader sees the old file or the new
one, never a part. The same contents give the same bytes.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import platform
import re
import secrets
import stat
import struct
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ArgumentError, FileError
from .graph import Array

#: The key of our text in the metadata, and the version of the format.
KEY = "chainrule"
VERSION = 1

#: Temporary files of unknown writers are removed after this many seconds.
ABANDONED = 3600.0

#: Where a lock lies in its file on Windows: behind the text, which others may read.
LOCKED_BYTE = 1 << 20

#: Temporary files that this process is writing.
_writing: set[str] = set()


def write(
    path: str | os.PathLike[str],
    arrays: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> None:
    """Writes arrays and settings to a file, whole or not at all.

    Arguments:
        path: the file; one that exists is replaced and keeps its permissions.
        arrays: names and NumPy arrays.
        settings: values of JSON's types.

    Raises:
        FileError: when it cannot be written; an older file stays as it was.
        ArgumentError: for settings that JSON cannot hold.

    Example:
        >>> import os, tempfile
        >>> file = os.path.join(tempfile.mkdtemp(), "state.safetensors")
        >>> write(file, {"step": np.array(7)}, {"epoch": 2})
        >>> arrays, settings = read(file)
        >>> int(arrays["step"]), settings
        (7, {'epoch': 2})
    """
    from safetensors.numpy import save

    plain = {name: _contiguous(name, array) for name, array in arrays.items()}
    kept = _as_json(settings)
    head = {"version": VERSION, "sha256": _digest(plain, kept), "settings": kept}
    replace_file(path, save(plain, {KEY: json.dumps(head, ensure_ascii=False)}))


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Array], dict[str, Any]]:
    """The arrays and settings of a file that ``write`` wrote.

    Raises:
        FileError: for a file that is missing, truncated, damaged, of another format or
            of a newer version.
    """
    data = _bytes_of(path)
    head = _head(path, data)
    arrays = _arrays(path, data)
    settings = head.get("settings")
    if not isinstance(settings, dict):
        raise _damaged(path, "its settings are not a table")
    try:
        found = _digest(arrays, settings)
    except RecursionError:
        raise _damaged(path, "its settings are nested without end") from None
    if head.get("sha256") != found:
        raise _damaged(path, "its contents do not match their checksum")
    return arrays, settings


def checked_place(path: str | os.PathLike[str]) -> Path:
    """Where a file will be written, links followed.

    Arguments:
        path: of the file.

    Raises:
        FileError: it is a folder, or would be in one that does not exist.

    Example:
        >>> import pathlib, tempfile
        >>> checked_place(pathlib.Path(tempfile.mkdtemp()) / "notes.txt").name
        'notes.txt'
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise FileError(f"save: {path}: is a folder", fix="give it a file name")
    if not target.parent.is_dir():
        raise FileError(
            f"save: {path}: the folder {target.parent} does not exist",
            fix="create the folder first",
        )
    return target


def replace_file(path: str | os.PathLike[str], data: bytes | Iterable[bytes]) -> None:
    """Replaces a file atomically, after the new bytes have been flushed to the disk.

    Arguments:
        path: of the file.
        data: its bytes, or parts of them.

    Raises:
        FileError: when it cannot be written; an older file stays as it was.

    Example:
        >>> import pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "notes.txt"
        >>> replace_file(file, b"whole")
        >>> file.read_text()
        'whole'
    """
    target = checked_place(path)
    _sweep(target)
    temporary = target.with_name(
        f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.partial"
    )
    _writing.add(temporary.name)
    try:
        _write_through(temporary, target, data)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        older = "; the older file is as it was" if target.exists() else ""
        raise FileError(
            f"save: {path}: cannot be written: {error.strerror or error}{older}",
            fix="free some space, or choose a folder that you may write to",
        ) from error
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    finally:
        _writing.discard(temporary.name)


@contextlib.contextmanager
def locked(path: Path, what: str, fix: str) -> Iterator[None]:
    """While entered, no other process or thread can enter with the same file.

    The operating system holds the lock and frees it when the process ends, however it
    ends. The file is removed afterwards; one that a killed process left behind does not
    count.

    Arguments:
        path: the file, in a folder that is made if need be.
        what: the beginning of the message; fix: its advice.

    Raises:
        FileError: when it is held, naming the process that holds it.

    Example:
        >>> import pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / ".lock"
        >>> with locked(file, "Run", "wait"):
        ...     with locked(file, "Run", "wait"):  # doctest: +ELLIPSIS
        ...         pass
        Traceback (most recent call last):
        ...
        chainrule.errors.FileError: Run: process ... is writing there: ...
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = _held_alone(path)
    except OSError as error:
        raise FileError(
            f"{what}: {path}: cannot be written: {error.strerror or error}",
            fix="choose a folder that you may write to",
        ) from error
    if held is None:
        raise FileError(
            f"{what}: process {_holder(path)} is writing there: one run at a time",
            fix=fix,
        )
    try:
        yield
    finally:
        if os.name == "posix":  # elsewhere an open file cannot be removed
            path.unlink(missing_ok=True)
        os.close(held)


def _holder(path: Path) -> str:
    """Who wrote a lock, as far as that can be read."""
    try:
        return path.read_text(errors="replace").strip() or "?"
    except OSError:  # it has ended in this moment
        return "?"


def _held_alone(path: Path) -> int | None:
    """The descriptor of a file that this process has locked; None if another has."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if not _lock(file):
            os.close(file)
            return None
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file), os.stat(path)):
                os.truncate(file, 0)
                os.write(file, f"{os.getpid()} on {platform.node()}".encode())
                return file
        os.close(file)  # the one before removed it between the two calls


if sys.platform == "win32":

    def _lock(file: int) -> bool:
        import msvcrt

        os.lseek(file, LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        os.lseek(file, 0, os.SEEK_SET)
        return True

else:

    def _lock(file: int) -> bool:
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:  # a file system without locks
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                raise
        return True


def _write_through(
    temporary: Path, target: Path, data: bytes | Iterable[bytes]
) -> None:
    """Writes and flushes the temporary file, renames it, and flushes the folder."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(temporary, flags, 0o666), "wb") as file:
        for part in [data] if isinstance(data, bytes) else data:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())
    if target.exists():
        os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
    os.replace(temporary, target)
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _sweep(target: Path) -> None:
    """Removes temporary files that killed writers of this file left behind."""
    pattern = re.compile(rf"\.{re.escape(target.name)}\.(\d+)-[0-9a-f]{{8}}\.partial")
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(target.parent)):
            match = pattern.fullmatch(entry.name)
            if match and entry.name not in _writing and _abandoned(entry, match):
                os.unlink(entry.path)


def _abandoned(entry: os.DirEntry[str], match: re.Match[str]) -> bool:
    if time.time() - entry.stat().st_mtime > ABANDONED:
        return True
    if os.name != "posix":
        return False
    try:
        os.kill(int(match[1]), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        return False
    return int(match[1]) == os.getpid()


def _contiguous(name: str, array: Any) -> Array:
    """In C order and the processor's byte order: safetensors writes the memory as it
    lies, whatever the strides."""
    found = np.asarray(array)
    if found.dtype.kind not in "biuf":
        raise ArgumentError(
            f"save: {name} of {found.dtype}: only arrays of numbers can be saved"
        )
    native = found.astype(found.dtype.newbyteorder("="), copy=False)
    return np.ascontiguousarray(native).reshape(found.shape)


def _as_json(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as they will be read: lists for tuples, texts for keys."""
    try:
        text = json.dumps(dict(settings), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(
            f"save: the settings cannot be written as JSON: {error}",
            fix="keep to texts, numbers, true and false, lists and tables of them",
        ) from None
    kept: dict[str, Any] = json.loads(text)
    return kept


def _digest(arrays: Mapping[str, Array], settings: Mapping[str, Any]) -> str:
    """SHA-256 of everything: settings, and name, dtype, shape and bytes of each array.

    Keys and arrays are taken by name: their order in a file does not matter.
    """
    total = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        total.update(json.dumps([name, array.dtype.str, list(array.shape)]).encode())
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()


def _bytes_of(path: str | os.PathLike[str]) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise FileError(
            f"load: {path}: there is no such file", fix=_similar(Path(path))
        ) from None
    except IsADirectoryError:
        raise FileError(f"load: {path}: is a folder", fix="name a file") from None
    except OSError as error:
        raise FileError(
            f"load: {path}: cannot be read: {error.strerror or error}"
        ) from error


def _similar(path: Path) -> str | None:
    """The file in the same folder with the most similar name."""
    from .errors import nearest

    try:
        names = [entry.name for entry in os.scandir(path.parent) if entry.is_file()]
    except OSError:
        return f"the folder {path.parent} does not exist"
    close = nearest(path.name, names)
    return f"did you mean {path.with_name(close)}?" if close else None


def _head(path: str | os.PathLike[str], data: bytes) -> dict[str, Any]:
    """Our table in the header of a safetensors file, of a version that we can read."""
    if len(data) < 8:
        raise _damaged(path, f"it has {len(data)} bytes")
    (length,) = struct.unpack("<Q", data[:8])
    if data[8:9] != b"{":
        raise FileError(
            f"load: {path}: not a safetensors file",
            fix="give it a file written by model.save",
        )
    if length > len(data) - 8:
        raise _damaged(path, "its header is cut off")
    metadata = _table(path, data[8 : 8 + length]).get("__metadata__", {})
    if not isinstance(metadata, dict) or KEY not in metadata:
        raise FileError(
            f"load: {path}: a safetensors file, but not written by chainrule",
            fix="for weights of another library: model.load_state_dict("
            "safetensors.numpy.load_file(path)), with the names changed to this "
            "model's",
        )
    head = _table(path, str(metadata[KEY]))
    version = head.get("version")
    if not isinstance(version, int):
        raise _damaged(path, "its version is not a number")
    if version > VERSION:
        raise FileError(
            f"load: {path}: written in version {str(version)[:9]} of the format; this "
            f"chainrule reads up to {VERSION}",
            fix="pip install --upgrade chainrule",
        )
    return head


def _table(path: str | os.PathLike[str], text: bytes | str) -> dict[str, Any]:
    try:
        table = json.loads(text)
    except (ValueError, RecursionError):
        raise _damaged(path, "its header is not JSON") from None
    if not isinstance(table, dict):
        raise _damaged(path, "its header is not a table")
    return table


def _arrays(path: str | os.PathLike[str], data: bytes) -> dict[str, Array]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays: dict[str, Array] = load(data)
    except SafetensorError as error:
        raise _damaged(path, str(error)) from None
    except (KeyError, ValueError, TypeError, MemoryError) as error:
        raise _damaged(path, f"an array of an unknown kind: {error}") from None
    return arrays


def _damaged(path: str | os.PathLike[str], how: str) -> FileError:
    return FileError(
        f"load: {path}: the file is damaged: {how}",
        fix="copy or download it again; nothing was loaded",
    )
