"""``chainrule evaluate``: how good a trained network is.

Place on the road: a command.
"""

from __future__ import annotations

from typing import Any

import click
import numpy as np

import chainrule as cr

from .. import data as data_sets
from ..errors import FileError
from ..runs import feature_report, new_data, predictions, report, sources
from ..runs.folder import RunFolder
from ..runs.settings import Settings
from ..runs.tasks import task as tasks
from ..runs.tasks.names import TASKS, task_named
from .application import Command
from .terminal import Terminal, columns

EXAMPLES = """
Examples:
  chainrule evaluate runs/digits-20260131-120000
      on the test data that the run set aside
  chainrule evaluate runs/houses-20260131-120000 more.csv
      on further rows with known targets
  chainrule evaluate runs/book-20260131-120000 other.txt
      perplexity and bits per character of a text, by a language model
  chainrule evaluate latest --json
      the newest run in the folder runs, for a program
"""


@click.command("evaluate", cls=Command, epilog=EXAMPLES)
@click.argument("run")
@click.argument("data", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(run: str, data: str | None, as_json: bool) -> None:
    """Evaluate the network of a RUN on its test data, or on DATA.

    DATA is a file with the columns that the network was trained on, the target among
    them; a named data set, whose test part is taken; a folder of images, one folder a
    class; or a text, for a run that learned from one. A run that learned features needs
    no targets: it is measured by how well examples are made again from their codes.
    """
    terminal = Terminal(json=as_json)
    folder = RunFolder.find(run)
    settings = folder.read_settings()
    if folder.unfinished:
        click.echo(f"warning: {folder.unfinished}", err=True)
    if settings.task in TASKS:
        _evaluate_text(folder, settings, data, terminal)
        return
    examples = _examples(settings, data)
    model: Any = cr.load(folder.model)
    if settings.network.learns_features:
        stored = folder.read_metrics().get("baselines", {}) if data is None else {}
        features = feature_report.measure(model, examples, settings)
        terminal.result(
            f"{examples.name}: {feature_report.in_words(features)}",
            *(f"  {line}" for line in feature_report.beside(features, stored)),
        )
        features["baselines"] = stored
        terminal.finish({"run": str(folder), "data": examples.name, **features})
        return
    said = predictions.predict(model, examples, settings)
    measured = report.measure(said, np.asarray(examples.targets))
    metrics = folder.read_metrics()
    stored = beside = metrics.get("baselines", {})
    seconds = metrics.get("training_seconds")
    if data is not None:
        known = report.constant_baselines(stored, settings)
        beside = report.measure_baselines(known, {"test": examples}, settings)
    lines = report.beside(measured, beside, settings.task, seconds=seconds)
    lines += report.not_beside(stored, beside)
    terminal.result(
        f"{examples.name}: {report.in_words(measured, settings)}",
        *(f"  {line}" for line in lines),
    )
    if settings.task == "classification":
        terminal.result(*columns(_by_class(measured, settings)))
    measured["baselines"] = beside
    terminal.finish({"run": str(folder), "data": examples.name, **measured})


def _evaluate_text(
    folder: RunFolder, settings: Settings, file: str | None, terminal: Terminal
) -> None:
    """The same of a task that ``--task`` names."""
    task = task_named(settings.task)
    model = cr.load(folder.model)
    name, measured = tasks.evaluate(task, settings, model, file)
    stored = folder.read_metrics().get("baselines", {}) if file is None else {}
    terminal.result(
        f"{name}: {task.in_words(measured)}",
        *(f"  {line}" for line in tasks.beside(task, measured, stored)),
    )
    for warning in task.warnings(measured, stored):
        click.echo(f"warning: {warning}", err=True)
    values = {"run": str(folder), "data": name, **measured, "baselines": stored}
    terminal.finish(values)


def _examples(settings: Settings, what: str | None) -> data_sets.Dataset:
    if what is None:
        if settings.source.name is None:
            try:
                return sources.of_run(settings).test
            except FileError as error:
                raise FileError(
                    error.what, fix="chainrule evaluate RUN DATA measures other rows"
                ) from error
        return sources.of_run(settings).test
    if what in data_sets.names():
        return new_data.named_examples(settings, what)
    return new_data.new_examples(settings, what)


def _by_class(measured: dict[str, Any], settings: Settings) -> list[list[str]]:
    """For every class: its examples, its recall and its precision."""
    counts = np.array(measured["confusion_matrix"])
    rows = [["class", "examples", "recall", "precision"]]
    for number, name in enumerate(settings.classes):
        right, all_of_it = counts[number, number], counts[number].sum()
        named = counts[:, number].sum()
        rows.append(
            [name, str(all_of_it), _percent(right, all_of_it), _percent(right, named)]
        )
    return rows


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"
