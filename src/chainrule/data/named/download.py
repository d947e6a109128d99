"""Files of named data sets: found on disk, or downloaded once and checked.

Place on the road: below the catalogue of named sets. A file is looked for in the data
folder, then in the cache folder, then fetched from its original address. It must not
know what the files mean.

A file is known by the sha256 of its *content*: of what is inside a ``.gz``, so that the
same data packed by another tool is accepted; and, for text, of its words separated by
single blanks, so that line endings do not matter.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ...config import config
from ...errors import FileError

BLOCK = 1 << 16
TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class RemoteFile:
    """A file of a data set.

    Arguments:
        path: its path in a data folder, as in ``mnist/train-images….gz``; the
            same name without ``.gz`` or ``.xz`` is accepted too.
        sha256: of its content, as described at the top of this module; or the md5, of
            32 digits, where the authors have published that.
        urls: its original address, then others that serve the same bytes.
        text: whether the content is text.
        also: other paths that it may have in a data folder.
        by_hand: how to get it where there is no address: a sentence's end.
    """

    path: str
    sha256: str
    urls: tuple[str, ...]
    text: bool = False
    also: tuple[str, ...] = ()
    by_hand: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The paths that it may have in a data folder."""
        bare = self.path.removesuffix(".gz").removesuffix(".xz")
        return (*dict.fromkeys((self.path, bare)), *self.also)


def read_content(file: RemoteFile) -> bytes:
    """The content of a file of a named data set, decompressed and checked.

    Arguments:
        file: which one.

    Raises:
        FileError: it is nowhere and cannot be downloaded, or its checksum is wrong. A
            damaged file in the cache is removed; one in the user's own data folder is
            left alone.
    """
    if config.data_folder is not None:
        for name in file.names:
            path = config.data_folder / name
            if path.is_file():
                return _checked(file, path)
    cache = config.cache_folder / "data"
    for name in file.names:
        path = cache / name
        if path.is_file():
            try:
                return _checked(file, path)
            except FileError:
                path.unlink(missing_ok=True)
    return _download(file, cache / file.path)


def is_present(file: RemoteFile) -> bool:
    """Whether the file lies in the data folder or in the cache."""
    folders = (config.data_folder, config.cache_folder / "data")
    return any(
        (folder / name).is_file() for folder in folders if folder for name in file.names
    )


def _checked(file: RemoteFile, path: Path) -> bytes:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise FileError(f"data: {path}: cannot be read: {error.strerror}") from error
    content = _unpack(raw)
    kind = "md5" if len(file.sha256) == 32 else "sha256"
    if content is None or digest(content, file.text, kind) != file.sha256:
        raise FileError(
            f"data: {path}: checksum: the file is damaged or of another version",
            fix="remove it; it is downloaded again when it is needed",
        )
    return content


def digest(content: bytes, text: bool = False, kind: str = "sha256") -> str:
    """The sha256 of bytes, or of the words of a text separated by single blanks."""
    what = b" ".join(content.split()) if text else content
    return hashlib.new(kind, what, usedforsecurity=False).hexdigest()


def _unpack(raw: bytes) -> bytes | None:
    """What is inside a gzip or xz file, or the bytes themselves; None where it is
    damaged."""
    try:
        if raw[:6] == b"\xfd7zXZ\0":
            import lzma  # few need it

            try:
                return lzma.decompress(raw)
            except lzma.LZMAError:
                return None
        return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error):
        return None


def _download(file: RemoteFile, path: Path) -> bytes:
    """Try each address; the file appears under its name only when it is whole."""
    failures = []
    for url in file.urls:
        temporary: Path | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=".download-")
            temporary = Path(name)
            with os.fdopen(handle, "wb") as out:
                _fetch(url, out)
                out.flush()
                os.fsync(out.fileno())
            content = _checked(file, temporary)
            if file.path.endswith(".gz") and not _is_gzip(temporary):
                path = path.with_name(path.name.removesuffix(".gz"))
            temporary.chmod(0o644)
            os.replace(temporary, path)
            return content
        except FileError:
            failures.append(f"{url}: wrong checksum; what came was removed")
        except (OSError, ValueError, EOFError) as error:
            reason = getattr(error, "reason", None) or error
            failures.append(f"{url}: {reason}")
        finally:
            if temporary is not None:
                temporary.unlink(missing_ok=True)
    raise _not_found(file, failures)


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as start:
        return start.read(2) == b"\x1f\x8b"


def _not_found(file: RemoteFile, failures: list[str]) -> FileError:
    folders = [config.cache_folder / "data"]
    if config.data_folder is not None:
        folders.insert(0, config.data_folder)
    looked = " and ".join(str(folder / file.path) for folder in folders)
    return FileError(
        f"data: {file.path}: not at {looked}, and not downloaded: "
        + "; ".join(failures or ["no address is known"]),
        fix=file.by_hand
        or "connect to the network, or set CHAINRULE_DATA to a folder that holds "
        + file.path,
    )


def _fetch(url: str, out: BinaryIO) -> None:
    import urllib.request  # imported when used: it brings the whole of http

    request = urllib.request.Request(url, headers={"User-Agent": "chainrule"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
        length = response.headers.get("Content-Length")
        expected = int(length) if length and length.isdigit() else None
        received = 0
        with _progress(url.rsplit("/", 1)[-1], expected) as advance:
            while block := response.read(BLOCK):
                out.write(block)
                received += len(block)
                advance(len(block))
        if expected is not None and received != expected:
            raise EOFError(f"{received} of {expected} bytes came")


@contextmanager
def _progress(name: str, total: int | None) -> Iterator[Callable[[int], object]]:
    """A progress bar on a terminal; nothing where there is none."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
        from rich.progress import TimeRemainingColumn as TimeLeft
    except ImportError:
        yield lambda count: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeLeft(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=total)
        yield lambda count: bar.advance(task, count)
