"""``chainrule runs``: the runs there are, side by side.

Place on the road: a command.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from ..pictures import amount
from ..runs import overview
from ..runs.folder import RUNS, RunFolder
from ..runs.overview import Condition, RunSummary
from ..wording import counted
from .application import Command
from .arguments import Name
from .terminal import Terminal, columns

EXAMPLES = """
Examples:
  chainrule runs
      all runs in the folder runs, the best on validation data first
  chainrule runs --where data=houses.csv --where "lr>0.001"
      some of them
  chainrule runs runs/houses-20260131-120000 runs/houses-20260131-130000
      two runs compared: every setting in which they differ
  chainrule runs --sort date --json
      the newest first, for a program
"""

#: The most settings that a list shows beside each run.
MOST_SETTINGS = 6

ORDERS = ("score", "date", "name")


@click.command("runs", cls=Command, epilog=EXAMPLES)
@click.argument("named", nargs=-1, metavar="[RUN]...")
@click.option(
    "--in",
    "root",
    metavar="DIR",
    default=str(RUNS),
    show_default=True,
    help="The folder whose folders are runs.",
)
@click.option(
    "--where",
    multiple=True,
    metavar="CONDITION",
    help="Only runs that fulfil it: optimizer=adam, lr>0.001, data=houses.csv, "
    "state=finished, score>0.9. May be given several times.",
)
@click.option("--sort", type=Name(ORDERS), default="score", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    named: tuple[str, ...], root: str, where: tuple[str, ...], sort: str, as_json: bool
) -> None:
    """List the runs there are, or compare the named RUNs.

    Runs that learned the same from the same data stand together, with their scores on
    validation data and the settings in which they differ; that of a tuned network is
    the mean in cross-validation ± its standard error. The test score is told of the
    best one only: whoever chooses by test scores has none left to judge the choice by.
    """
    terminal = Terminal(json=as_json)
    conditions = [Condition.parse(text) for text in where]
    runs = (
        [overview.summary(RunFolder.find(run, trained=False).path) for run in named]
        if named
        else overview.list_runs(root)
    )
    chosen = [run for run in runs if all(each.holds(run) for each in conditions)]
    chosen = _sorted(chosen, sort)
    groups = _groups(chosen)
    if not chosen:
        of = f" of {counted(len(runs), 'run')}" if runs else ""
        terminal.result(f"none{of} in {root} to list")
    for group in groups:
        terminal.result(*_compared(group) if len(named) > 1 else _listed(group), "")
    told = [run for run in chosen if run.reason]
    terminal.result(*(f"{run.path}: {run.reason}" for run in told))
    terminal.finish(
        {
            "runs": [run.to_dict() for run in chosen],
            "best": [_best_as_object(best) for best in map(_best, groups) if best],
        }
    )


def _sorted(runs: list[RunSummary], order: str) -> list[RunSummary]:
    if order == "date":
        return sorted(runs, key=lambda run: -run.changed)
    if order == "name":
        return sorted(runs, key=lambda run: run.path.name)
    return sorted(runs, key=lambda run: (run.rank, -run.changed))


def _groups(runs: Sequence[RunSummary]) -> list[list[RunSummary]]:
    """Readable runs by what they learned, in the order of the first of each."""
    found: dict[tuple[str, str, str], list[RunSummary]] = {}
    for run in runs:
        if run.state != "unreadable":
            found.setdefault(run.group, []).append(run)
    return list(found.values())


def _best(group: Sequence[RunSummary]) -> RunSummary | None:
    scored = [run for run in group if run.score is not None]
    return min(scored, key=lambda run: run.rank, default=None)


def _heading(group: Sequence[RunSummary]) -> str:
    first = group[0]
    return f"{first.data}: {first.task}" + (
        f" of {first.target!r}" * bool(first.target)
    )


def _score_heading(group: Sequence[RunSummary]) -> str:
    name = group[0].score_name
    return "validation " + {"rmse": "RMSE"}.get(name, name.replace("_", " "))


def _listed(group: Sequence[RunSummary]) -> list[str]:
    """A line for each run: its score, and the settings in which they differ."""
    names = overview.differing(group)
    shown = names[:MOST_SETTINGS]
    head = ["run", _score_heading(group), "kept epoch"]
    rows = [[*head, *(overview.short(name) for name in shown)]]
    for run in group:
        settings = [_cell(run.settings.get(name)) for name in shown]
        rows.append([str(run.path), _score(run), _kept(run), *settings])
    more = len(names) - len(shown)
    notes = []
    if more:
        notes.append(
            f"  {counted(more, 'more setting differs', 'more settings differ')}: "
            "chainrule runs RUN RUN shows all"
        )
    return [_heading(group), *columns(rows), *notes, *_about_best(group)]


def _compared(group: Sequence[RunSummary]) -> list[str]:
    """A column for each run, a line for each setting in which they differ."""
    rows = [["", *(run.path.name for run in group)]]
    rows.append([_score_heading(group), *map(_score, group)])
    rows.append(["kept epoch", *map(_kept, group)])
    for name in overview.differing(group):
        values = (_cell(run.settings.get(name)) for run in group)
        rows.append([overview.short(name), *values])
    same = ["  all settings are the same"] if not overview.differing(group) else []
    return [_heading(group), *columns(rows), *same, *_about_best(group)]


def _about_best(group: Sequence[RunSummary]) -> list[str]:
    best = _best(group)
    if best is None:
        return []
    lines = []
    finished = [run for run in group if run.score is not None]
    if not overview.same_validation(finished):
        lines.append(
            "  validated on different rows: small differences may be due to chance"
        )
    score = _in_words(best, best.test)
    return [*lines, f"  best on validation data: {best.path}, test {score}"]


def _best_as_object(best: RunSummary) -> dict[str, Any]:
    return {
        "data": best.data,
        "target": best.target,
        "run": str(best.path),
        "validation": dict(best.validation),
        "test": dict(best.test),
    }


def _score(run: RunSummary) -> str:
    if run.state == "unfinished":
        return "unfinished"
    if run.score is None:
        return "not defined" if run.validation else "no validation data"
    words, error = _in_words(run, run.validation), run.validation.get("standard_error")
    if error is None:
        return words
    spread = _in_words(run, {run.score_name: error})
    return f"{words} ± {spread}, {counted(run.validation['folds'], 'fold')}"


def _in_words(run: RunSummary, scores: Any) -> str:
    value = scores.get(run.score_name)
    if not isinstance(value, (int, float)):
        return "–"
    return f"{100 * value:.4g} %" if run.score_name == "accuracy" else amount(value)


def _kept(run: RunSummary) -> str:
    return "–" if run.kept is None else str(run.kept)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return ",".join(map(str, value)) or "none"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{text[:10]}…" if len(text) > 40 else text
