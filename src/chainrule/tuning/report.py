"""What a search found, in rows, sentences and pictures.

Place on the road: above the search, below the command, which prints what is made here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import pictures
from ..pictures import amount
from ..runs import network
from ..runs.report import MAIN_SCORES
from ..runs.settings import Settings
from ..wording import counted, spaced
from .choice import Score
from .path import Step
from .search import Plan
from .space import Axis, Candidate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Candidates that are listed, the best ones.
MOST_LISTED = 20

#: What the axes of a space are called.
NAMES = {
    "hidden": "units",
    "layers": "layers",
    "lr": "learning rate",
    "weight_decay": "weight decay",
    "dropout": "dropout",
}
RATES = ("lr", "weight_decay", "dropout")


class Errors:
    """What errors are called and how they are written.

    Arguments:
        settings: of the run: classes are counted in per cent, amounts measured in
            their units.
    """

    def __init__(self, settings: Settings) -> None:
        self.percent = settings.task == "classification"
        self.name = "error rate" if self.percent else f"RMSE of {settings.target}"
        self.axis = f"{self.name} in %" if self.percent else self.name
        self.factor = 100 if self.percent else 1

    def value(self, error: float) -> str:
        """An error: ``3.12 %`` or ``16 574``."""
        if not np.isfinite(error):
            return "diverged"
        return f"{100 * error:.3g} %" if self.percent else amount(error)

    def score(self, score: Score) -> str:
        """A mean error and its standard error."""
        if not np.isfinite(score.mean):
            return self.value(score.mean)
        return f"{self.value(score.mean)} ± {self.value(score.standard_error)}"


def as_scores(score: Score, settings: Settings) -> dict[str, Any]:
    """What cross-validation says, by the score that runs are compared by.

    Arguments:
        score: of the chosen candidate.
        settings: of the run: an accuracy, or an RMSE in the units of the target.
    """
    name, lower = MAIN_SCORES[settings.task]
    return {
        name: score.mean if lower else 1 - score.mean,
        "standard_error": score.standard_error,
        "folds": len(score.errors),
    }


def sizes_in_words(candidate: Candidate) -> str:
    """``16,16``: the sizes of the hidden layers."""
    return ",".join(map(str, candidate.hidden))


def is_used(name: str, settings: Settings) -> bool:
    """Whether a setting says anything: a minimizer has no learning rate."""
    return name != "lr" or not network.is_minimizer(settings.training.optimizer)


def axis_in_words(name: str, axis: Axis) -> str:
    """What is tried of a setting: ``units 8..256``."""
    if axis.low is not None and axis.high is not None:
        return f"{NAMES[name]} {axis.low:g}..{axis.high:g}"
    return f"{NAMES[name]} {','.join(f'{value:g}' for value in axis.values)}"


def listed(
    scores: Sequence[Score], chosen: Score, best: Score, errors: Errors
) -> list[list[str]]:
    """A row for each of the best candidates, with the settings in which they differ.

    Arguments:
        scores: of all candidates.
        chosen, best: those that are marked.
        errors: how errors are written.
    """
    ordered = sorted(scores, key=lambda score: (score.mean, score.parameters))
    shown = ordered[:MOST_LISTED]
    if chosen not in shown:
        shown.append(chosen)
    rest = _varied(scores)
    rows = [["hidden", *(NAMES[name] for name in rest), "parameters", errors.name]]
    for score in shown:
        notes = ["lowest"] if score is best else []
        if score is chosen:
            notes.append("chosen")
        rows.append(
            [
                sizes_in_words(score.candidate),
                *(f"{getattr(score.candidate, name):.3g}" for name in rest),
                spaced(score.parameters),
                errors.score(score),
                ", ".join(notes),
            ]
        )
    return rows


def path_listed(steps: Sequence[Step], errors: Errors) -> list[list[str]]:
    """A row for each network of a path, with what it gained."""
    rows = [["hidden", "parameters", errors.name, "gain", ""]]
    for step in steps:
        gain = "–"
        if step.gain is not None and step.gain_error is not None:
            sign = "−" if step.gain < 0 else ""
            gain = f"{sign}{errors.value(abs(step.gain))}"
            gain += f" ± {errors.value(step.gain_error)}"
        rows.append(
            [
                sizes_in_words(step.score.candidate),
                spaced(step.score.parameters),
                errors.score(step.score),
                gain,
                "" if step.kept else "less than one standard error: not kept",
            ]
        )
    return rows


def choice_in_words(
    plan: Plan, chosen: Score, best: Score, errors: Errors
) -> tuple[str, str]:
    """Which candidate is chosen, and why: two lines."""
    candidate = chosen.candidate
    rates = [
        f"{NAMES[name]} {getattr(candidate, name):.3g}"
        for name in RATES
        if is_used(name, plan.settings)
    ]
    what = ", ".join([f"hidden {sizes_in_words(candidate)}", *rates])
    if plan.method == "grow":
        why = "more units or layers gain less than one standard error"
        if len(candidate.hidden) == max(plan.space.layers.values):
            why = "it has as many layers as are tried"
    elif plan.rule == "lowest":
        why = "the lowest"
    elif chosen is best:
        why = "the lowest, and no smaller one is within one standard error"
    else:
        why = (
            "the smallest network within one standard error of the lowest, "
            f"{errors.score(best)}"
        )
    return what, f"{errors.name} {errors.score(chosen)} in cross-validation: {why}"


def picture(
    scores: Sequence[Score], chosen: Score, best: Score, errors: Errors
) -> Axes:
    """The error over hidden units or, where those do not differ, over what does.

    A curve for each number of layers; of several candidates of one size, the best.
    """
    size, label = _size_of(scores)
    curves: dict[str, dict[float, Score]] = {}
    for score in scores:
        name = counted(len(score.candidate.hidden), "layer")
        own, place = curves.setdefault(name, {}), size(score.candidate)
        if place not in own or score.mean < own[place].mean:
            own[place] = score
    factor = errors.factor
    return pictures.error_over_size(
        {
            name: (
                list(own),
                [factor * score.mean for score in own.values()],
                [factor * score.standard_error for score in own.values()],
            )
            for name, own in sorted(curves.items())
        },
        (size(chosen.candidate), factor * chosen.mean),
        factor * (best.mean + best.standard_error),
        label,
        errors.axis,
        _title(chosen, label, errors),
    )


def _title(chosen: Score, label: str, errors: Errors) -> str:
    """What is chosen: its sizes, or the setting that candidates differ in."""
    candidate = chosen.candidate
    what = f"{', '.join(map(str, candidate.hidden))} hidden units"
    for name in RATES:
        if NAMES[name] == label:
            what = f"{label} {getattr(candidate, name):.3g}"
    return f"Chosen: {what}, {errors.name} {errors.value(chosen.mean)}"


def path_picture(steps: Sequence[Step], errors: Errors) -> Axes:
    """The networks of a path, those that were kept and those that were not."""
    return pictures.growth_path(
        [sizes_in_words(step.score.candidate) for step in steps],
        [errors.factor * step.score.mean for step in steps],
        [errors.factor * step.score.standard_error for step in steps],
        [step.kept for step in steps],
        errors.axis,
    )


def best_so_far(found: dict[Candidate, list[float]], folds: int, errors: Errors) -> str:
    """The candidate with the least mean error among those that are finished."""
    whole = {
        candidate: float(np.mean(each))
        for candidate, each in found.items()
        if len(each) == folds
    }
    if not whole:
        return ""
    candidate = min(whole, key=lambda each: whole[each])
    least = errors.value(whole[candidate])
    return f"lowest {errors.name} {least} (hidden {sizes_in_words(candidate)})"


def _varied(scores: Sequence[Score]) -> list[str]:
    """The settings, sizes aside, in which candidates differ."""
    return [
        name
        for name in RATES
        if len({getattr(score.candidate, name) for score in scores}) > 1
    ]


def _size_of(scores: Sequence[Score]) -> tuple[Callable[[Candidate], float], str]:
    """What candidates are drawn over, and what it is called."""

    def units(candidate: Candidate) -> float:
        return candidate.hidden[0]

    varied = _varied(scores)
    if len({units(score.candidate) for score in scores}) > 1 or not varied:
        return units, "hidden units"

    def rate(candidate: Candidate) -> float:
        return float(getattr(candidate, varied[0]))

    return rate, NAMES[varied[0]]
