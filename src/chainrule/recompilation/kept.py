"""Templates on disk: what a graph became in an earlier process.

Place on the road: beside ``templates``, which asks here before the passes run. An entry
is found by all that the passes and the engine depend on: the graph as it was traced,
the settings, the versions, and the files of this package as they are. It holds the
optimised graph as rows, and what the engine packed of its own. Only the package's own
operations, passes and engines are kept: nobody knows what others depend on.

An entry is plain data. The machine code that it names is trusted as far as the user's
cache folder is.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..config import config
from ..graph import Node
from ..ops.primitive import REGISTRY, Primitive
from . import plain
from .entries import folder, load, store

PACKAGE = Path(__file__).parents[1]
_OURS = f"{__name__.split('.', maxsplit=1)[0]}."


class Engine(Protocol):
    """What must be known of an engine; ``compiler.engine`` has the rest."""

    @property
    def passes(self) -> Sequence[Callable[..., Any]]:
        """What is done to a graph before its program is made."""

    def settings(self) -> Hashable:
        """Of ``config``, what its executables depend on."""

    def packed(self, make: Any) -> object:
        """What makes executables, for later processes."""

    def unpacked(self, packed: Any) -> Any:
        """What makes executables, of an earlier process."""


def entry_of(engine: Engine, key: Hashable, nodes: Iterable[Node]) -> Path | None:
    """The file for what an engine makes of a traced graph; None where that is not kept.

    Arguments:
        engine: the engine.
        key: what the graph is known by.
        nodes: those of the graph.
    """
    used = {node.op for node in nodes} - {None}
    if not (_is_ours(type(engine)) and all(map(_is_ours, engine.passes))):
        return None
    if not all(isinstance(op, Primitive) and _is_own(op) for op in used):
        return None
    kind, settings = type(engine), engine.settings()
    passes = [each.__qualname__ for each in engine.passes]
    surroundings = np.__version__, platform.python_version(), _state_of_package()
    what = kind.__qualname__, passes, settings, config.dtype, surroundings, key
    digest = hashlib.sha256(repr(what).encode()).hexdigest()
    return folder() / f"{digest}.t"


def _is_own(op: Primitive) -> bool:
    """Whether an operation is the package's."""
    numpy = getattr(op.numpy, "__module__", None) or "numpy"  # a ufunc has none
    is_known = _is_ours(op.infer) and numpy.startswith((_OURS, "numpy"))
    return is_known and REGISTRY.get(op.name) is op


def _is_ours(what: Any) -> bool:
    return f"{what.__module__}.".startswith(_OURS)


@functools.cache
def _state_of_package() -> str:
    """A hash of what the system knows of this package's files: it changes whenever one
    is written, and takes a millisecond, a tenth of reading them.
    """
    found = hashlib.sha256(str(PACKAGE).encode())
    pending = [str(PACKAGE)]
    while pending:
        entries = sorted(os.scandir(pending.pop()), key=lambda entry: entry.name)
        for entry in entries:
            if entry.is_dir():
                pending.append(entry.path)
            elif entry.name.endswith(".py"):
                s = entry.stat()
                state = entry.path, s.st_size, s.st_ino, s.st_mtime_ns, s.st_ctime_ns
                found.update(repr(state).encode())
    return found.hexdigest()


def read(path: Path, engine: Engine) -> tuple[Any, Any] | None:
    """The rows of an entry, and what makes executables; None where there is none."""
    data = load(path)
    if data is None:
        return None
    rows, packed = plain.read(data)
    make = engine.unpacked(packed)
    return None if make is None else (rows, make)


def write(path: Path, engine: Engine, rows: Any, make: Any) -> None:
    """Makes an entry, if the engine can pack what it made, and all of it is plain."""
    packed = engine.packed(make)
    if packed is not None:
        with contextlib.suppress(TypeError):
            store(path, plain.written((rows, packed)))
