"""What a command says of a run that has just been trained and tested.

Place on the road: below the commands that train. It must not know how that was done.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from ..runs import feature_models, feature_report, report, variational
from ..runs.learning import Run
from ..runs.settings import GENERATORS, Settings
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
    if settings.network.learns_features:
        _tell_features(run, result, names, terminal)
        return
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
    _tell_folder(run, names, terminal)
    terminal.say(
        "next",
        f"  look inside      {command_line('explain', str(folder))}",
        f"  use it           {command_line('predict', str(folder), _new(settings))}",
    )


def _tell_features(
    run: Run, result: dict[str, Any], names: Sequence[str], terminal: Terminal
) -> None:
    """The same of a run that learned features."""
    terminal.say(f"kept     {report.kept_in_words(result)}")
    if result["validation"] is not None:
        watched = feature_report.in_words(result["validation"])
        terminal.say(f"{'':8} validation {watched}")
    lines = feature_report.beside(result["test"], result["baselines"])
    if "free_energy" in result:
        lines.append(feature_report.energies_in_words(result["free_energy"]))
    if "bound" in result:
        lines.append(variational.in_words(result["bound"]))
    terminal.result(
        f"test     {feature_report.in_words(result['test'])}",
        *(f"{'':8} {line}" for line in lines),
        f"{'':8} {result['seconds']:.1f} s in all",
    )
    _tell_folder(run, names, terminal)
    folder, settings = str(run.folder), run.settings
    following = []
    if settings.network.model not in GENERATORS:
        codes = command_line("encode", folder, _new(settings))
        following.append(f"  codes of others  {codes}")
    if feature_models.MODELS[settings.network.model].generates:
        following.append(f"  draw samples     {command_line('sample', folder)}")
    terminal.say("next", *following)


def _tell_folder(run: Run, names: Sequence[str], terminal: Terminal) -> None:
    terminal.result(
        f"run      {run.folder}: model.safetensors, settings.json, history.json, "
        f"metrics.json, {counted(len(names), 'picture')}"
    )


def _new(settings: Settings) -> str:
    """A name of new data for a network."""
    if settings.source.folder is not None:
        return "new.jpg"
    return "new.npy" if settings.image_shape else "new.csv"


def command_line(*words: str) -> str:
    """A command line to copy."""
    return shlex.join(("chainrule", *words))
