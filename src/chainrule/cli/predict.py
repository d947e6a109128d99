"""``chainrule predict``: predictions of a trained network for new rows.

Place on the road: a command. A file is read, predicted and written in parts, so that it
may be larger than memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import click

import chainrule as cr

from .. import nn
from ..data import Dataset, TableTransform
from ..data.tables.differences import Differences
from ..errors import ArgumentError
from ..runs import new_data, predictions
from ..runs.folder import RunFolder
from ..runs.settings import Settings
from ..saving import replace_file
from ..wording import counted
from . import arguments, rows
from .application import Command
from .terminal import Terminal

EXAMPLES = """
Examples:
  chainrule predict runs/houses-20260131-120000 new.csv
      a CSV table on standard output, one line a row of new.csv
  chainrule predict runs/houses-20260131-120000 new.csv --keep id,name
      with two columns of new.csv in front
  chainrule predict latest new.csv --out predictions.csv
      the newest run in the folder runs; the table in a file
  chainrule predict runs/animals-20260131-120000 photo.jpg
      an image, or a folder of them, for a network that was trained on images
  chainrule predict runs/houses-20260131-120000 new.csv --json
      the same for a program
"""


class _Part(NamedTuple):
    """Predictions for some rows: the predictions, the cells that are kept, the first
    row.
    """

    said: predictions.Predictions
    kept: dict[str, list[str]]
    start: int


@click.command("predict", cls=Command, epilog=EXAMPLES)
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
    """Predict every row of DATA with the network of a RUN.

    DATA is a CSV, Parquet or Excel file with the columns that the network was trained
    on; other columns are ignored. Or it is an image, or a folder of images. For
    classes, the most probable one and the probability of each; for amounts, the amount
    in the units of the training data. What the rows hold and the training rows did not
    is said on standard error.
    """
    terminal = Terminal(json=as_json)
    folder = RunFolder.find(run)
    settings = folder.read_settings()
    settings.require_targets("predict")
    rows.check_out(out, data)
    rules = () if settings.transform is None else _rules(settings)
    differences = Differences(rules)
    parts = _predicted(folder, settings, data, keep or (), differences)
    if as_json:
        found = list(parts)
        _warn(differences)
        if out is not None:
            replace_file(out, b"".join(rows.as_csv(_rows(found))))
        values = as_object(found, settings) | {"warnings": differences.sentences}
        terminal.finish(values)
    elif out is not None:
        counts: list[int] = []
        replace_file(out, rows.as_csv(rows.counted_parts(_rows(parts), counts)))
        _warn(differences)
        terminal.result(f"{counted(sum(counts), 'prediction')} in {out}")
    else:
        for text in rows.as_csv(_rows(parts)):
            click.echo(text.decode(), nl=False)
        _warn(differences)


def _rules(settings: Settings) -> Sequence[Any]:
    return TableTransform.from_json(settings.transform).columns


def _warn(differences: Differences) -> None:
    for sentence in differences.sentences:
        click.echo(f"warning: {sentence}", err=True)


def _rows(parts: Iterable[_Part]) -> Iterator[rows.Part]:
    """The columns that are written."""
    for part in parts:
        said = part.said
        form = "%.7g" if said.settings.task == "regression" else "%.6f"
        start = None if said.files else part.start
        yield rows.Part(said.to_dict(), form, part.kept, start)


def _predicted(
    folder: RunFolder,
    settings: Settings,
    file: str,
    keep: Sequence[str],
    differences: Differences,
) -> Iterator[_Part]:
    """The predictions for every row of a file, part by part."""
    images = new_data.new_images(settings, file)
    if images is not None:
        if keep:
            raise ArgumentError("--keep: images have no columns", fix="leave it out")
        names, pixels = images
        model = cr.load(folder.model)
        examples = Dataset(pixels, name=file)
        yield _Part(predictions.predict(model, examples, settings, tuple(names)), {}, 0)
        return
    network: nn.Module | None = None
    start = 0
    for part in new_data.new_parts(settings, file, differences):
        kept = rows.cells_of(part.columns, keep)
        if network is None:
            network = cr.load(folder.model)
        examples = Dataset(part.inputs, name=file)
        said = predictions.predict(network, examples, settings)
        yield _Part(said, kept, start)
        start += len(said)


def as_object(parts: list[_Part], settings: Settings) -> dict[str, Any]:
    """Everything predicted, for ``--json``."""
    said = predictions.joined([part.said for part in parts])
    values: dict[str, Any] = {"files": said.files} if said.files else {}
    values |= {"task": settings.task, "target": settings.target}
    for name in parts[0].kept:
        kept = [cell for part in parts for cell in part.kept[name]]
        values.setdefault("kept", {})[name] = kept
    if settings.task == "regression":
        return values | {"predictions": said.values}
    return values | {
        "classes": settings.classes,
        "predictions": said.names,
        "probabilities": said.probabilities,
    }
