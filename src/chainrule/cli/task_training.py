"""How ``chainrule train`` trains for a task that ``--task`` names, and what it says.

Place on the road: below the command. It must not know any task: what differs between
them they say themselves (``runs.tasks``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import click

from .. import pictures
from ..config import config
from ..runs import network, report
from ..runs.tasks import task as tasks
from ..runs.tasks.refitting import Refitting
from ..runs.tasks.task import TaskRun
from ..training import History
from ..wording import counted, spaced
from .application import Interrupted
from .outcome import command_line
from .progress import make_progress
from .terminal import Terminal


def train(run: TaskRun, terminal: Terminal, seconds: Callable[[], float]) -> None:
    """Trains, measures, and says how it went.

    Arguments:
        run: that begins or is resumed.
        terminal: where to print.
        seconds: how long it has taken, asked at the end.
    """
    words, folder = run.settings.training, run.folder
    config.engine = words.engine
    config.threads = words.threads
    _introduce(run, terminal)
    pictures.prepare()
    new = contextlib.nullcontext() if run.resume else folder.removed_unless_begun()
    with new:
        progress = make_progress(words.epochs, terminal.shows_progress)
        history = tasks.learn(run, progress)
    if history.stopped == "interrupted":
        done = f"after {len(history)} of {counted(words.epochs, 'epoch')}"
        raise _interrupted(done, run)
    _refit(run, history, terminal)
    result, names = tasks.finish(run, history, seconds)
    _tell(run, result, names, terminal)
    terminal.finish({"run": str(folder), **result, "pictures": names})


def _interrupted(when: str, run: TaskRun) -> Interrupted:
    return Interrupted(
        f"stopped {when}; everything is kept in {run.folder}\n"
        f"  resume     {command_line('train', '--resume', str(run.folder))}"
    )


def _refit(run: TaskRun, history: History, terminal: Terminal) -> None:
    """Trains once more on all data, where the task predicts by that."""
    again = Refitting.after(run, history)
    if again is None:
        return
    terminal.say(
        f"refit    on all data, {counted(again.epochs, 'epoch')}, for predictions; "
        "scores are those of the network before"
    )
    if not again.learn(make_progress(again.epochs, terminal.shows_progress)):
        raise _interrupted("in the training on all data", run)


def _introduce(run: TaskRun, terminal: Terminal) -> None:
    """Prints what is about to happen, in a few lines."""
    corpus, settings = run.corpus, run.settings
    words, net = settings.training, settings.network
    sizes = " → ".join(map(str, (net.inputs, *net.hidden, net.outputs)))
    parts = [net.model, sizes]
    if net.dropout:
        parts.append(f"dropout {net.dropout:g}")
    rate = f"learning rate {words.lr:g}"
    terminal.say(
        f"{corpus.title}: {corpus.description}",
        *(f"  {note}" for note in corpus.notes),
        f"network  {', '.join(parts)}: {spaced(run.model.num_parameters)} parameters",
        f"training {counted(words.epochs, 'epoch')} in batches of {words.batch_size}; "
        f"{network.steps_in_words(words, rate)}; seed {words.seed}",
        f"folder   {run.folder}",
    )


def _tell(
    run: TaskRun, result: dict[str, Any], names: list[str], terminal: Terminal
) -> None:
    """Prints the scores, where everything is, and what to do next."""
    task = run.task
    terminal.say(f"kept     {report.kept_in_words(result)}")
    if result["validation"] is not None:
        terminal.say(f"{'':8} validation {task.in_words(result['validation'])}")
    lines = tasks.beside(task, result["test"], result["baselines"])
    terminal.result(
        f"test     {task.in_words(result['test'])}",
        *(f"{'':8} {line}" for line in lines),
        f"{'':8} {result['seconds']:.1f} s in all",
    )
    for warning in task.warnings(result["test"], result["baselines"]):
        click.echo(f"warning: {warning}", err=True)
    shown = task.sample(run)
    if shown:
        terminal.say("it writes", *(f"  │ {line}" for line in shown))
    files = ["model.safetensors", "settings.json", "history.json", "metrics.json"]
    if run.refitted is not None:
        files.insert(1, run.folder.refitted.name)
    terminal.result(f"run      {run.folder}: {', '.join([*files, *names])}")
    following = task.following(run)
    if following:
        width = max(len(what) for what, _ in following)
        terminal.say(
            "next",
            *(f"  {what:{width}}  {command_line(*line)}" for what, line in following),
        )
