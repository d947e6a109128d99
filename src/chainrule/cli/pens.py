"""Drawings of a network that writes with a pen, for ``generate`` and ``sample``.

Place on the road: below these two commands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import pictures
from ..data import read_drawings
from ..errors import ArgumentError
from ..runs.folder import RunFolder
from ..saving import checked_place, replace_file
from ..wording import counted
from .terminal import Terminal

#: The files that drawings may be: a picture, or a page on which they are written.
ENDINGS = (".svg", ".html")


def write(
    folder: RunFolder,
    model: Any,
    what: int | Sequence[str],
    options: Mapping[str, Any],
    out: str | None,
    terminal: Terminal,
) -> None:
    """Writes, and says where.

    Arguments:
        folder: of the run.
        model: its writer.
        what: texts, or how many drawings.
        options: ``bias``, ``seed``, ``most`` and ``prime``, a file, those that were
            given.
        out: the file; samples.svg in the folder of the run when not given.
        terminal: where to print.

    Raises:
        ArgumentError: a file whose name ends neither in .svg nor in .html.
        DataError: a character that the writer does not know.
    """
    path = folder.path / "samples.svg" if out is None else Path(out)
    if path.suffix.lower() not in ENDINGS:
        raise ArgumentError(
            f"--out {out}: drawings of a pen are a picture, or a page on which they "
            "are written",
            fix="a name that ends in .svg or .html",
        )
    checked_place(str(path))
    how = {name: value for name, value in options.items() if value is not None}
    if "prime" in how:
        how["prime"] = read_drawings(how["prime"])[0]
    made = model.write(what, **how)
    if out is not None or not terminal.json:
        page = path.suffix.lower() == ".html"
        text = (
            pictures.pen_page(made, f"Written by {folder.path.name}")
            if page
            else pictures.pen_svg(made)
        )
        replace_file(path, text.encode("utf-8"))
        terminal.result(f"{counted(len(made), 'drawing')} in {path}")
    if terminal.json:
        strokes = [[stroke.tolist() for stroke in each.strokes] for each in made]
        terminal.finish({"run": str(folder), "drawings": strokes})
