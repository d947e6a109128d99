"""``chainrule encode``: the codes of new rows or images, by what a run learned.

Place on the road: a command.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click
import numpy as np

import chainrule as cr

from ..data import TableTransform
from ..data.tables.differences import Differences
from ..errors import ArgumentError
from ..runs import feature_models, new_data
from ..runs.folder import RunFolder
from ..runs.settings import Settings
from ..saving import replace_file
from ..wording import counted
from . import arguments, rows
from .application import Command
from .terminal import Terminal

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
@click.argument("run")
@click.argument("data")
@click.option(
    "--keep",
    type=arguments.Columns(),
    metavar="COLUMNS",
    help="Columns of DATA to carry into the output: id,name.  "
    "[default: the number of the row]",
)
@click.option("--out", metavar="FILE", help="Write the table to a file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    run: str, data: str, keep: tuple[str, ...] | None, out: str | None, as_json: bool
) -> None:
    """Write the code of every row of DATA, by the features that a RUN learned.

    RUN was trained with --model autoencoder, rbm or dbn. DATA is a file with the
    columns that it learned from; or an image, or a folder of images. A code is a row of
    numbers: of an autoencoder those of its middle layer, of a machine or a belief net
    the probabilities of its hidden units.
    """
    terminal = Terminal(json=as_json)
    folder = RunFolder.find(run)
    settings = folder.read_settings()
    settings.require_features("encode")
    rows.check_out(out, data)
    fitted = settings.transform
    differences = Differences(
        () if fitted is None else TableTransform.from_json(fitted).columns
    )
    parts = _encoded(folder, settings, data, keep or (), differences)
    if as_json:
        terminal.finish(_as_object(list(parts)) | {"warnings": differences.sentences})
    elif out is not None:
        counts: list[int] = []
        replace_file(out, rows.as_csv(rows.counted_parts(parts, counts)))
        terminal.result(f"{counted(sum(counts), 'code')} in {out}")
    else:
        for text in rows.as_csv(parts):
            click.echo(text.decode(), nl=False)
    if folder.unfinished:
        click.echo(f"warning: {folder.unfinished}", err=True)
    for sentence in differences.sentences:
        click.echo(f"warning: {sentence}", err=True)


def _encoded(
    folder: RunFolder,
    settings: Settings,
    file: str,
    keep: Sequence[str],
    differences: Differences,
) -> Iterator[rows.Part]:
    """The codes of every row of a file, part by part."""
    model: Any = None
    images = new_data.new_images(settings, file)
    if images is not None:
        if keep:
            raise ArgumentError("--keep: images have no columns", fix="leave it out")
        names, pixels = images
        found = feature_models.encode(cr.load(folder.model), pixels)
        files = {"file": np.array(names, dtype=object)}
        yield rows.Part(files | _columns(found), "%.7g", start=None)
        return
    start = 0
    for part in new_data.new_parts(settings, file, differences):
        kept = rows.cells_of(part.columns, keep)
        model = cr.load(folder.model) if model is None else model
        found = feature_models.encode(model, part.inputs)
        yield rows.Part(_columns(found), "%.7g", kept, start)
        start += len(found)


def _columns(codes: Any) -> dict[str, Any]:
    return {f"code_{number}": column for number, column in enumerate(codes.T, 1)}


def _as_object(parts: Sequence[rows.Part]) -> dict[str, Any]:
    """Everything that was encoded, for ``--json``."""
    names = [name for name in parts[0].columns if name.startswith("code_")]
    codes = [np.stack([part.columns[name] for name in names], 1) for part in parts]
    values: dict[str, Any] = {"codes": np.concatenate(codes)}
    if "file" in parts[0].columns:
        values["files"] = [n for part in parts for n in part.columns["file"]]
    for name in parts[0].kept:
        kept = [cell for part in parts for cell in part.kept[name]]
        values.setdefault("kept", {})[name] = kept
    return values
