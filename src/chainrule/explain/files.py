"""Explanations as files, in the form that the ending of a file's name says.

Beside the road, for ``explain``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from ..errors import ArgumentError, FileError


def save_as(
    path: str | os.PathLike[str], forms: Mapping[str, Callable[[], str]]
) -> None:
    """Writes the form that belongs to the ending of the file's name.

    Arguments:
        forms: ending ↦ what makes the text.

    Raises:
        ArgumentError: for another ending.
        FileError: when the file cannot be written.
    """
    start, ending = os.path.splitext(os.fspath(path))
    if ending.lower() not in forms:
        *most, last = forms
        raise ArgumentError(
            f"explain: save({os.fspath(path)!r}): the ending says what to write: "
            f"{', '.join(most)} or {last}",
            fix=f"save({start + '.html'!r})",
        )
    write(path, forms[ending.lower()]() + "\n")


def write(path: str | os.PathLike[str], text: str) -> None:
    """Writes a text as it is.

    Raises:
        FileError: when the file cannot be written.
    """
    try:
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise FileError(
            f"explain: {os.fspath(path)!r} cannot be written: {error.strerror}",
            fix="name a file in a folder that exists and may be written to",
        ) from None
