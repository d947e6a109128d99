"""The rows or images of a file that a run is asked about: found, answered in parts,
and the answers written.

Place on the road: below the commands that ask, above ``rows``, which makes text of
answers. A file is read, answered and written part by part, so that it may be larger
than memory. It must not know what a network is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import click

import chainrule as cr

from ..data import TableTransform
from ..data.tables.differences import Differences
from ..errors import ArgumentError
from ..runs import new_data
from ..runs.folder import RunFolder
from ..runs.settings import Settings
from ..saving import replace_file
from ..wording import counted
from . import rows
from .terminal import Terminal

Answer = TypeVar("Answer")


class AskedPart(NamedTuple):
    """Some of the rows, or all of the images.

    Attributes:
        inputs: as the network takes them.
        files: the names of images; of rows there are none.
        kept: name ↦ the cells of a column that is carried into the output.
        start: the number of the first row, from 0; None of images.
    """

    inputs: Any
    files: tuple[str, ...]
    kept: dict[str, list[str]]
    start: int | None


@dataclass(frozen=True)
class Asked:
    """A run, and the file that it is asked about.

    Attributes:
        folder, settings: of the run.
        file: a table, an image, or a folder of images.
        keep: the columns of a table that are carried into the output.
        differences: what the rows hold that the training rows did not.
    """

    folder: RunFolder
    settings: Settings
    file: str
    keep: Sequence[str]
    differences: Differences

    @classmethod
    def of(
        cls,
        folder: RunFolder,
        settings: Settings,
        file: str,
        keep: Sequence[str] | None,
        out: str | None,
    ) -> Asked:
        """What the options of a command name.

        Raises:
            ArgumentError: the output would replace the file.
        """
        rows.check_out(out, file)
        fitted = settings.transform
        rules = () if fitted is None else TableTransform.from_json(fitted).columns
        return cls(folder, settings, file, keep or (), Differences(rules))

    def answers(
        self, ask: Callable[[Any, AskedPart], Answer], whole: bool = False
    ) -> Iterable[tuple[AskedPart, Answer]]:
        """What a model says of each part. It is loaded when the first has been read.

        Arguments:
            ask: (model, part) → its answer.
            whole: as a list, to be read more than once.
        """

        def said() -> Iterator[tuple[AskedPart, Answer]]:
            model: Any = None
            for part in self._parts():
                model = cr.load(self.folder.model) if model is None else model
                yield part, ask(model, part)

        return list(said()) if whole else said()

    def _parts(self) -> Iterator[AskedPart]:
        images = new_data.new_images(self.settings, self.file)
        if images is not None:
            if self.keep:
                raise ArgumentError(
                    "--keep: images have no columns", fix="leave it out"
                )
            names, pixels = images
            yield AskedPart(pixels, tuple(names), {}, None)
            return
        start = 0
        for part in new_data.new_parts(self.settings, self.file, self.differences):
            kept = rows.cells_of(part.columns, self.keep)
            yield AskedPart(part.inputs, (), kept, start)
            start += len(part.inputs)

    def write(
        self, parts: Iterable[rows.Part], out: str | None, terminal: Terminal, what: str
    ) -> None:
        """The answers as a CSV table: in a file, or on standard output.

        Arguments:
            what: one of them, as ``"prediction"``.
        """
        if out is not None:
            counts: list[int] = []
            replace_file(out, rows.as_csv(rows.counted_parts(parts, counts)))
            terminal.result(f"{counted(sum(counts), what)} in {out}")
        elif not terminal.json:
            for text in rows.as_csv(parts):
                click.echo(text.decode(), nl=False)

    def warn(self) -> None:
        """Says on standard error what to know of the answers."""
        for sentence in (self.folder.unfinished, *self.differences.sentences):
            if sentence:
                click.echo(f"warning: {sentence}", err=True)


def kept_cells(parts: Sequence[Any]) -> dict[str, Any]:
    """``{"kept": name ↦ cells}`` of all parts together, where columns are carried into
    the output.

    Example:
        >>> parts = [AskedPart(None, (), {"id": [cell]}, 0) for cell in "ab"]
        >>> kept_cells(parts)
        {'kept': {'id': ['a', 'b']}}
    """
    kept = {
        name: [cell for part in parts for cell in part.kept[name]]
        for name in parts[0].kept
    }
    return {"kept": kept} if kept else {}
