"""``chainrule predict``: predictions of a trained network for new rows.

Place on the road: a command.
"""

from __future__ import annotations

import csv
import io
from typing import Any

import click

import chainrule as cr

from ..data import Dataset
from ..runs import predictions, sources
from ..runs.folder import RunFolder
from ..runs.settings import Settings
from ..saving import replace_file
from ..wording import counted
from .application import Command
from .terminal import Terminal

EXAMPLES = """
Examples:
  chainrule predict runs/houses-20260131-120000 new.csv
      a CSV table on standard output, one line a row of new.csv
  chainrule predict latest new.csv --out predictions.csv
      the newest run in the folder runs; the table in a file
  chainrule predict runs/animals-20260131-120000 photo.jpg
      an image, or a folder of them, for a network that learned from images
  chainrule predict runs/houses-20260131-120000 new.csv --json
      the same for a program
"""


@click.command("predict", cls=Command, epilog=EXAMPLES)
@click.argument("run")
@click.argument("data")
@click.option("--out", metavar="FILE", help="Write the table to a file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(run: str, data: str, out: str | None, as_json: bool) -> None:
    """Predict every row of DATA with the network of a RUN.

    DATA is a CSV or Parquet file with the columns that the network learned from; other
    columns are ignored. Or it is an image, or a folder of images. For classes,
    the most probable one and the probability of each; for amounts, the amount in the
    units of the training data.
    """
    terminal = Terminal(json=as_json)
    folder = RunFolder.find(run)
    settings = folder.read_settings()
    images = sources.new_images(settings, data)
    files, inputs = images or ((), sources.new_inputs(settings, data)[0])
    model = cr.load(folder.model)
    examples = Dataset(inputs, name=data)
    said = predictions.predict(model, examples, settings, tuple(files))
    header, rows = table(said)
    if out is not None:
        replace_file(out, as_csv(header, rows).encode())
        terminal.result(f"{counted(len(rows), 'prediction')} in {out}")
    elif not as_json:
        click.echo(as_csv(header, rows), nl=False)
    named = {"files": said.files} if said.files else {}
    terminal.finish(named | as_object(said, settings))


def table(said: predictions.Predictions) -> tuple[list[str], list[list[str]]]:
    """The names of the columns, and the cells of every row."""
    digits = ".7g" if said.settings.task == "regression" else ".6f"
    columns = said.to_dict()
    cells = [
        [format(each, digits) if isinstance(each, float) else str(each) for each in row]
        for row in (values.tolist() for values in columns.values())
    ]
    return list(columns), [list(row) for row in zip(*cells, strict=True)]


def as_csv(header: list[str], rows: list[list[str]]) -> str:
    """A table as the text of a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def as_object(said: predictions.Predictions, settings: Settings) -> dict[str, Any]:
    """Everything predicted, for ``--json``."""
    start: dict[str, Any] = {"task": settings.task, "target": settings.target}
    if settings.task == "regression":
        return start | {"predictions": said.values}
    return start | {
        "classes": settings.classes,
        "predictions": said.names,
        "probabilities": said.probabilities,
    }
