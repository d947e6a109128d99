"""``chainrule predict``: predictions of a trained network for new rows.

Place on the road: a command. A file is read, predicted and written in parts, so that it
may be larger than memory.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import click
import numpy as np

import chainrule as cr

from .. import nn
from ..data import Dataset, TableTransform
from ..data.tables.columns import Columns
from ..data.tables.differences import Differences
from ..data.tables.typed import as_texts
from ..errors import ArgumentError
from ..runs import new_data, predictions
from ..runs.folder import RunFolder
from ..runs.settings import Settings
from ..saving import replace_file
from ..wording import counted
from . import arguments
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

Array = np.ndarray[Any, np.dtype[Any]]

#: Rows that become text at a time.
ROWS = 8192


@dataclass(frozen=True)
class Part:
    """Predictions for some rows.

    Arguments:
        said: the predictions.
        kept: name ↦ the cells of a column that is carried into the output.
        start: the number of the first row, from 0.
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
    rules = () if settings.transform is None else _rules(settings)
    differences = Differences(rules)
    parts = _predicted(folder, settings, data, keep or (), differences)
    if as_json:
        found = list(parts)
        _warn(differences)
        if out is not None:
            replace_file(out, b"".join(as_csv(found)))
        values = as_object(found, settings) | {"warnings": differences.sentences}
        terminal.finish(values)
    elif out is not None:
        counts: list[int] = []
        replace_file(out, as_csv(_counted(parts, counts)))
        _warn(differences)
        terminal.result(f"{counted(sum(counts), 'prediction')} in {out}")
    else:
        for text in as_csv(parts):
            click.echo(text.decode(), nl=False)
        _warn(differences)


def _rules(settings: Settings) -> Sequence[Any]:
    return TableTransform.from_json(settings.transform).columns


def _warn(differences: Differences) -> None:
    for sentence in differences.sentences:
        click.echo(f"warning: {sentence}", err=True)


def _counted(parts: Iterator[Part], counts: list[int]) -> Iterator[Part]:
    for part in parts:
        counts.append(len(part.said))
        yield part


def _predicted(
    folder: RunFolder,
    settings: Settings,
    file: str,
    keep: Sequence[str],
    differences: Differences,
) -> Iterator[Part]:
    """The predictions for every row of a file, part by part."""
    images = new_data.new_images(settings, file)
    if images is not None:
        if keep:
            raise ArgumentError("--keep: images have no columns", fix="leave it out")
        names, pixels = images
        model = cr.load(folder.model)
        examples = Dataset(pixels, name=file)
        yield Part(predictions.predict(model, examples, settings, tuple(names)), {}, 0)
        return
    network: nn.Module | None = None
    start = 0
    for part in new_data.new_parts(settings, file, differences):
        kept = _cells(part.columns, keep)
        if network is None:
            network = cr.load(folder.model)
        examples = Dataset(part.inputs, name=file)
        said = predictions.predict(network, examples, settings)
        yield Part(said, kept, start)
        start += len(said)


def _cells(columns: Columns | None, keep: Sequence[str]) -> dict[str, list[str]]:
    """The cells of the columns that are carried into the output."""
    if not keep:
        return {}
    if columns is None:
        raise ArgumentError("--keep: an array has no columns", fix="leave it out")
    kept = {}
    for name in keep:
        texts = as_texts(columns.column(name))
        cells = np.array([*texts.distinct, ""], dtype=object)
        kept[name] = cells[texts.codes].tolist()
    return kept


def as_csv(parts: Iterator[Part] | list[Part]) -> Iterator[bytes]:
    """Predictions as the text of a CSV file, in pieces."""
    for number, part in enumerate(parts):
        table = _table(part)
        if number == 0:
            yield (",".join(map(_cell, table)) + "\n").encode()
        form = ",".join(form for form, _ in table.values()) + "\n"
        for start in range(0, len(part.said), ROWS):
            pieces = [values[start : start + ROWS] for _, values in table.values()]
            rows = [value for row in zip(*pieces, strict=True) for value in row]
            yield (form * len(pieces[0]) % tuple(rows)).encode()


def _table(part: Part) -> dict[str, tuple[str, list[Any]]]:
    """name ↦ how the values of a column are written, and the values."""
    table: dict[str, tuple[str, list[Any]]] = {}
    for name, cells in part.kept.items():
        table[name] = "%s", _quoted(cells)
    if not part.kept and not part.said.files:
        first = part.start + 1
        table["row"] = "%d", list(range(first, first + len(part.said)))
    digits = "%.7g" if part.said.settings.task == "regression" else "%.6f"
    for name, values in part.said.to_dict().items():
        listed = values.tolist()
        numbers = values.dtype.kind == "f"
        table[name] = (digits, listed) if numbers else ("%s", _quoted(listed))
    return table


def _quoted(values: list[Any]) -> list[str]:
    """Values as cells, each different one written once."""
    written = {value: _cell(str(value)) for value in dict.fromkeys(values)}
    return [written[value] for value in values]


def _cell(text: str) -> str:
    """A text as a cell of a CSV file, in quotes where it needs them."""
    if not any(sign in text for sign in ',"\r\n'):
        return text
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([text])
    return line.getvalue()


def as_object(parts: list[Part], settings: Settings) -> dict[str, Any]:
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
