"""``chainrule encode``: the codes of new rows or images, by what a run learned.

Place on the road: a command.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click
import numpy as np

from ..runs import feature_models
from ..runs.folder import RunFolder
from . import rows
from .application import Command
from .asking import Asked, AskedPart, kept_cells
from .options import about_rows
from .terminal import Terminal

Array = np.ndarray[Any, np.dtype[Any]]

EXAMPLES = """
Examples:
  chainrule encode runs/people-20260131-120000 new.csv
      a CSV table on standard output: the code of every row of new.csv
  chainrule encode runs/people-20260131-120000 new.csv --keep id --out codes.csv
      with a column of new.csv in front; the table in a file
  chainrule encode latest photographs/
      the codes of images, for a run that learned from images
  chainrule encode latest new.csv --json
      the same for a program
"""


@click.command("encode", cls=Command, epilog=EXAMPLES)
@about_rows
def command(
    run: str, data: str, keep: tuple[str, ...] | None, out: str | None, as_json: bool
) -> None:
    """Write the code of every row of DATA, by the features that a RUN learned.

    RUN was trained with --model autoencoder, vae, rbm or dbn. DATA is a file with the
    columns that it learned from; or an image, or a folder of images. A code is a row of
    numbers: of an autoencoder those of its middle layer, of a variational one their
    means, of a machine or a belief net the probabilities of its hidden units.
    """
    terminal = Terminal(json=as_json)
    folder = RunFolder.find(run)
    settings = folder.read_settings()
    settings.require_features("encode")
    asked = Asked.of(folder, settings, data, keep, out)
    answers = asked.answers(
        lambda model, part: feature_models.encode(model, part.inputs), whole=as_json
    )
    asked.write((_row(*each) for each in answers), out, terminal, "code")
    asked.warn()
    if as_json:
        said = {"warnings": asked.differences.sentences}
        terminal.finish(_as_object(answers) | said)


def _row(part: AskedPart, codes: Array) -> rows.Part:
    """The columns that are written."""
    files = {"file": np.array(part.files, dtype=object)} if part.files else {}
    columns = {f"code_{number}": column for number, column in enumerate(codes.T, 1)}
    return rows.Part(files | columns, "%.7g", part.kept, part.start)


def _as_object(answers: Iterable[tuple[AskedPart, Array]]) -> dict[str, Any]:
    """Everything that was encoded, for ``--json``."""
    parts, codes = zip(*answers, strict=True)
    files = [name for part in parts for name in part.files]
    values: dict[str, Any] = {"files": files} if files else {}
    return values | {"codes": np.concatenate(codes)} | kept_cells(parts)
