"""``chainrule predict``: predictions of a trained network for new rows.

Place on the road: a command.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import click

import chainrule as cr

from ..data import Dataset
from ..errors import ArgumentError
from ..runs import predictions
from ..runs.folder import RunFolder
from ..runs.settings import Settings
from ..runs.tasks.names import TASKS, task_named
from ..saving import replace_file
from . import rows
from .application import Command
from .arguments import Whole
from .asking import Asked, AskedPart, kept_cells
from .options import about_answers
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
  chainrule predict runs/pairs-20260131-120000 --text "good morning" --beam 8
      a translation; of a file, of each of its lines
  chainrule predict runs/sales-20260131-120000 --out forecast.csv
      what comes after the end of the series, with intervals; or of those of a file
"""


@click.command("predict", cls=Command, epilog=EXAMPLES)
@click.argument("run")
@click.argument("data", required=False)
@click.option(
    "--horizon",
    type=Whole(1, 100_000),
    metavar="STEPS",
    help="How many steps ahead, for a run that forecasts.  [default: as trained]",
)
@click.option("--text", help="A text instead of DATA, for a run that translates.")
@click.option(
    "--beam",
    type=Whole(1, 1000),
    metavar="N",
    help="How many translations a search keeps; 1 is greedy.  [default: 4]",
)
@about_answers
def command(
    run: str,
    data: str | None,
    keep: tuple[str, ...] | None,
    out: str | None,
    as_json: bool,
    text: str | None,
    beam: int | None,
    horizon: int | None,
) -> None:
    """Predict every row of DATA with the network of a RUN.

    DATA is a CSV, Parquet or Excel file with the columns that the network was trained
    on; other columns are ignored. Or it is an image, or a folder of images. For
    classes, the most probable one and the probability of each; for amounts, the amount
    in the units of the training data; and of a run with --bayes how sure it is:
    epistemic, for want of data, and aleatoric, by the noise of the data. What the rows
    hold and the training rows did not is said on standard error.
    """
    terminal = Terminal(json=as_json)
    folder = RunFolder.find(run)
    settings = folder.read_settings()
    goes_on = settings.task in TASKS and task_named(settings.task).goes_on
    if data is None and text is None and not goes_on:
        raise click.MissingParameter(param_hint="'DATA'", param_type="argument")
    options = {"data": data, "text": text, "beam": beam, "keep": keep or None}
    options["horizon"] = horizon
    given = {name: value for name, value in options.items() if value is not None}
    _check_options(settings, given)
    if settings.task in TASKS:
        _answer(folder, settings, given, out, terminal)
        return
    assert data is not None
    settings.require_targets("predict")
    asked = Asked.of(folder, settings, data, keep, out)

    def ask(model: Any, part: AskedPart) -> predictions.Predictions:
        examples = Dataset(part.inputs, name=data)
        return predictions.predict(model, examples, asked.settings, part.files)

    answers = asked.answers(ask, whole=as_json)
    asked.write((_row(*each) for each in answers), out, terminal, "prediction")
    asked.warn()
    if as_json:
        said = {"warnings": asked.differences.sentences}
        terminal.finish(_as_object(answers, asked.settings) | said)


def _check_options(settings: Settings, given: dict[str, Any]) -> None:
    """An error for options that the task of a run has no use for."""
    known = task_named(settings.task).answers if settings.task in TASKS else set()
    if settings.task not in TASKS:
        known = {"keep"}
    for option in given:
        if option != "data" and option not in known:
            raise ArgumentError(
                f"--{option}: the run was trained for {settings.task}, which has no "
                "use for it",
                fix=f"leave --{option} out",
            )
    if "data" in given and "text" in given:
        raise ArgumentError(
            "predict: DATA and --text: expected one of them", fix="leave --text out"
        )


def _answer(
    folder: RunFolder,
    settings: Settings,
    given: dict[str, Any],
    out: str | None,
    terminal: Terminal,
) -> None:
    """The answers of a named task, and warnings of what to know of them."""
    task = task_named(settings.task)
    own = settings.source.file if task.goes_on else None
    rows.check_out(out, given.get("data") or own or "")
    model = cr.load(folder.predicting)
    if folder.unfinished:
        click.echo(f"warning: {folder.unfinished}", err=True)
    lines, remarks = task.answer(model, settings, given)
    for sentence in remarks:
        click.echo(f"warning: {sentence}", err=True)
    _write(lines, out, terminal)


def _write(lines: Iterator[str], out: str | None, terminal: Terminal) -> None:
    """The same, line by line."""
    said = list(lines) if terminal.json else lines
    if out is not None:
        replace_file(out, ((line + "\n").encode() for line in said))
        terminal.result(f"the answers are in {out}")
    elif not terminal.json:
        for line in said:
            click.echo(line)
    if terminal.json:
        terminal.finish({"predictions": said})


def _row(part: AskedPart, said: predictions.Predictions) -> rows.Part:
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
        return values | {"predictions": said.values, **said.spread}
    return values | {
        "classes": settings.classes,
        "predictions": said.names,
        "probabilities": said.probabilities,
        **said.spread,
    }
