"""The line of a reader's own program that made a node.

Beside the road, for ``explain`` only. A node made by a command, a notebook's kernel or
a framework has a line too, but of a package that the reader did not write: it explains
nothing, and is left out.
"""

from __future__ import annotations

import sysconfig
from functools import cache

from ...errors import SourceLine
from ...graph import Node

#: Parts of a path in which packages are installed.
INSTALLED = ("/site-packages/", "/dist-packages/")


def own_line(node: Node) -> SourceLine | None:
    """The reader's line; None where there is none, or it belongs to a package."""
    line = node.line
    return None if line is None or is_foreign(line.file) else line


@cache
def is_foreign(file: str) -> bool:
    """Whether a file is part of Python or of an installed package.

    Example:
        >>> is_foreign("/v/lib/python3.11/site-packages/click/core.py")
        True
        >>> is_foreign("train.py"), is_foreign("<frozen runpy>")
        (False, True)
    """
    plain = file.replace("\\", "/")
    if plain.startswith("<frozen") or any(each in plain for each in INSTALLED):
        return True
    own = sysconfig.get_paths()
    return any(
        plain.startswith(own[name].replace("\\", "/").rstrip("/") + "/")
        for name in ("stdlib", "platstdlib")
    )
