"""What a command says of a run that has just been trained and tested.

Place on the road: below the commands that train. It must not know how that was done.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from ..runs import report
from ..runs.learning import Run
from ..runs.settings import Settings
from ..wording import counted
from .terminal import Terminal


def tell(
    run: Run, result: dict[str, Any], names: Sequence[str], terminal: Terminal
) -> None:
    """Prints the scores, where everything is, and what to do next.

    Arguments:
        run: what was trained.
        result: what ``metrics.json`` holds.
        names: of the pictures.
        terminal: where to.
    """
    settings, folder = run.settings, run.folder
    beside = report.beside(
        result["test"],
        result["baselines"],
        settings.task,
        seconds=result["training_seconds"],
    )
    terminal.say(f"kept     {report.kept_in_words(result)}")
    if result["validation"] is not None:
        watched = report.in_words(result["validation"], settings)
        terminal.say(f"{'':8} validation {watched}")
    terminal.result(
        f"test     {report.in_words(result['test'], settings)}",
        *(f"{'':8} {line}" for line in beside),
        f"{'':8} {result['seconds']:.1f} s in all",
    )
    terminal.result(
        f"run      {folder}: model.safetensors, settings.json, history.json, "
        f"metrics.json, {counted(len(names), 'picture')}"
    )
    terminal.say(
        "next",
        f"  look inside      {command_line('explain', str(folder))}",
        f"  use it           {command_line('predict', str(folder), _new(settings))}",
    )


def _new(settings: Settings) -> str:
    """A name of what a network predicts."""
    return "new.csv" if settings.source.folder is None else "new.jpg"


def command_line(*words: str) -> str:
    """A command line to copy."""
    return shlex.join(("chainrule", *words))
