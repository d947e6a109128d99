"""``chainrule predict``: predictions of a trained network for new rows.

Place on the road: a command.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from ..data import Dataset
from ..runs import predictions
from ..runs.settings import Settings
from . import rows
from ..runs.tasks.names import TASKS, task_named
from ..saving import replace_file
from ..wording import counted
from . import arguments, rows
from .application import Command
from .asking import Asked, AskedPart, kept_cells
from .options import about_rows
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


@click.command("predict", cls=Command, epilog=EXAMPLES)
@about_rows
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
    asked = Asked.find(
        run, data, keep, out, lambda settings: settings.require_targets("predict")
    )

    def ask(model: Any, part: AskedPart) -> predictions.Predictions:
        examples = Dataset(part.inputs, name=data)
        return predictions.predict(model, examples, asked.settings, part.files)

    answers = asked.answers(ask, whole=as_json)
    asked.write((_row(*each) for each in answers), out, terminal, "prediction")
    asked.warn()
    folder = RunFolder.find(run)
    settings = folder.read_settings()
    rows.check_out(out, data)
    if settings.task in TASKS:
        _predict_text(folder, settings, data, out)
        return
    settings.require_targets("predict")
    rules = () if settings.transform is None else _rules(settings)
    differences = Differences(rules)
    parts = _predicted(folder, settings, data, keep or (), differences)
    if as_json:
        said = {"warnings": asked.differences.sentences}
        terminal.finish(_as_object(answers, asked.settings) | said)


def _row(part: AskedPart, said: predictions.Predictions) -> rows.Part:
def _predict_text(
    folder: RunFolder, settings: Settings, file: str, out: str | None
) -> None:
    """The answers of a task on texts, line by line."""
    lines = task_named(settings.task).predict(
        cr.load(folder.model), settings, Path(file)
    )
    if out is None:
        for line in lines:
            click.echo(line)
    else:
        replace_file(out, ((line + "\n").encode() for line in lines))
        click.echo(f"the answers are in {out}")


def _rules(settings: Settings) -> Sequence[Any]:
    return TableTransform.from_json(settings.transform).columns


def _warn(differences: Differences) -> None:
    for sentence in differences.sentences:
        click.echo(f"warning: {sentence}", err=True)


def _rows(parts: Iterable[_Part]) -> Iterator[rows.Part]:
    """The columns that are written."""
    form = "%.7g" if said.settings.task == "regression" else "%.6f"
    return rows.Part(said.to_dict(), form, part.kept, part.start)


def _as_object(
    answers: Iterable[tuple[AskedPart, predictions.Predictions]], settings: Settings
) -> dict[str, Any]:
    """Everything predicted, for ``--json``."""
    parts, predicted = zip(*answers, strict=True)
    said = predictions.joined(predicted)
    values: dict[str, Any] = {"files": said.files} if said.files else {}
    values |= {"task": settings.task, "target": settings.target}
    values |= kept_cells(parts)
    if settings.task == "regression":
        return values | {"predictions": said.values}
    return values | {
        "classes": settings.classes,
        "predictions": said.names,
        "probabilities": said.probabilities,
    }
