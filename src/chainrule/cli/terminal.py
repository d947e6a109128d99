"""What a command prints, and where: sentences for people, or one JSON object.

Place on the road: below the commands. Results go to standard output; errors, and
progress, to standard error. It must not know what is said.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from ..runs.plain_json import as_json


@dataclass(frozen=True)
class Terminal:
    """The output of a command.

    Arguments:
        json: print one JSON object at the end, and nothing else on standard output.
        quiet: print results only.
    """

    json: bool = False
    quiet: bool = False

    @property
    def shows_progress(self) -> bool:
        """Whether a progress bar is wanted."""
        return not (self.json or self.quiet)

    def say(self, *lines: str) -> None:
        """Prints what is going on, unless only results are wanted."""
        if self.shows_progress:
            for line in lines:
                click.echo(line)

    def result(self, *lines: str) -> None:
        """Prints results, unless the output is JSON."""
        if not self.json:
            for line in lines:
                click.echo(line)

    def finish(self, values: dict[str, Any]) -> None:
        """Prints the JSON object, if ``--json`` was given."""
        if self.json:
            click.echo(as_json(values))


def columns(rows: Iterable[Sequence[str]], indent: str = "  ") -> list[str]:
    """Rows of cells as lines, cells of a column one below the other."""
    listed = [list(row) for row in rows]
    count = max((len(row) for row in listed), default=0)
    widths = [
        max(len(row[place]) for row in listed if place < len(row))
        for place in range(count)
    ]
    lines = []
    for row in listed:
        cells = [cell.ljust(widths[place]) for place, cell in enumerate(row)]
        lines.append((indent + "  ".join(cells)).rstrip())
    return lines


def wrapped_columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows of cells as lines of a terminal's width, long cells over several lines."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*map(Text, row))
    width = shutil.get_terminal_size((160, 24)).columns
    page = io.StringIO()
    Console(file=page, width=width, color_system=None).print(table)
    return [line.rstrip() for line in page.getvalue().splitlines()]
