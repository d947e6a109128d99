"""How good a run's network is: metrics on unseen data, and pictures.

Place on the road: below the commands, above ``training`` and ``pictures``. Amounts are
measured in the units of the target, as the user's table has them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from .. import data, nn, pictures, training
from ..models.bayesian.posterior import Posterior
from ..pictures import amount
from ..training import metrics
from ..wording import counted, signed
from . import first_layer
from .baselines import (
    ASKED_FOR,
    FAILURES,
    NAMES,
    Baseline,
    commonest,
    constant,
    failure,
)
from .predictions import Predictions, in_units
from .settings import FEATURES, Settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, np.dtype[Any]]


def measure(said: Predictions, targets: Array) -> dict[str, Any]:
    """The metrics of predictions, by name.

    Arguments:
        said: what the network says of N examples.
        targets: labels ``(N,)``; or scaled amounts ``(N, 1)``.
    """
    settings = said.settings
    if settings.task == "classification":
        outputs, labels = said.outputs.astype(np.float64), np.asarray(targets)
        return {
            "accuracy": metrics.accuracy(outputs, labels),
            "f1": metrics.f1(outputs, labels),
            "cross_entropy": float(
                -np.mean(np.log(_likelihoods(said.probabilities, labels)))
            ),
            "correct": int(np.sum(said.indices == labels)),
            "examples": len(labels),
            "confusion_matrix": confusion(said, labels).tolist(),
        }
    true, amounts = in_units(targets, settings), said.values
    scores = {"rmse": metrics.rmse(amounts, true), "mae": metrics.mae(amounts, true)}
    if np.ptp(true) > 0:  # of equal targets, or of one, there is no variance to explain
        scores["r2"] = metrics.r2(amounts, true)
    return {**scores, "examples": len(true)}


def _likelihoods(probabilities: Array, labels: Array) -> Array:
    chosen = probabilities[np.arange(len(labels)), labels]
    return np.maximum(chosen, np.finfo(np.float64).tiny)


def confusion(said: Predictions, labels: Array) -> Array:
    """``(K, K)`` counts: rows are true classes, columns predicted ones."""
    size = len(said.settings.classes)
    counts = np.zeros((size, size), dtype=np.int64)
    np.add.at(counts, (labels, said.indices), 1)
    return counts


def in_words(measured: dict[str, Any], settings: Settings) -> str:
    """The metrics in a line.

    Example:
        >>> in_words({"accuracy": 0.975, "correct": 39, "examples": 40}, None)
        'accuracy 97.5 % (39 of 40 correct)'
    """
    if "accuracy" in measured:
        return (
            f"accuracy {100 * measured['accuracy']:.4g} % "
            f"({measured['correct']} of {measured['examples']} correct)"
        )
    words = [f"RMSE {amount(measured['rmse'])}", f"MAE {amount(measured['mae'])}"]
    if "r2" in measured:
        words.append(f"R² {signed(format(measured['r2'], '.3f'))}")
    examples = counted(measured["examples"], "example")
    return f"{', '.join(words)} ({settings.target}, {examples})"


#: task ↦ the score by which baselines are compared, and whether less of it is better.
MAIN_SCORES = {
    "classification": ("accuracy", False),
    "regression": ("rmse", True),
    FEATURES: ("reconstruction_error", True),
}

#: The scores of a baseline that are stored.
BASELINE_SCORES = ("accuracy", "f1", "correct", "rmse", "mae", "r2", "examples")


def measure_baselines(
    found: Sequence[Baseline], parts: Mapping[str, data.Dataset], settings: Settings
) -> dict[str, dict[str, Any]]:
    """The scores of baselines, by name, as ``metrics.json`` holds them.

    Arguments:
        found: of the training data.
        parts: ``"test"``, and ``"validation"`` where there is one.
        settings: of the run.
    """
    stored: dict[str, dict[str, Any]] = {}
    read = {part: examples[:] for part, examples in parts.items()}
    for baseline in found:
        try:
            stored[baseline.name] = _measured(baseline, read, settings)
        except FAILURES as error:  # a baseline must not take the run with it
            stored[baseline.name] = {"skipped": failure(error)}
    return stored


def _measured(
    baseline: Baseline, parts: Mapping[str, tuple[Any, Any]], settings: Settings
) -> dict[str, Any]:
    """The entry of a baseline in ``metrics.json``."""
    if baseline.outputs is None:
        return {"skipped": baseline.skipped}
    entry: dict[str, Any] = {}
    if baseline.value is not None:
        entry["predicts"] = _constant_in_words(baseline.value, settings)
    if baseline.note:
        entry["note"] = baseline.note
    began = time.perf_counter()
    for part, (inputs, targets) in parts.items():
        said = Predictions(baseline.outputs(np.asarray(inputs)), settings)
        scores = measure(said, np.asarray(targets))
        entry[part] = {k: scores[k] for k in BASELINE_SCORES if k in scores}
    entry["seconds"] = round(baseline.seconds + time.perf_counter() - began, 3)
    return entry


def constant_baselines(
    stored: Mapping[str, Mapping[str, Any]], settings: Settings
) -> list[Baseline]:
    """The constant predictions of a run's training data, from its ``metrics.json``."""
    found = []
    for name, entry in stored.items():
        value = entry.get("predicts")
        if settings.task == "classification" and value in settings.classes:
            found.append(commonest(settings.classes.index(value), settings.classes))
        elif settings.task == "regression" and isinstance(value, float):
            fitted = data.TableTransform.from_json(settings.transform)
            assert fitted.target is not None
            found.append(
                constant(name, (value - fitted.target.mean) / fitted.target.std)
            )
    return found


def kept_weights(
    history: training.History, settings: Settings, column: str = "validation_loss"
) -> dict[str, Any]:
    """Which epoch's weights a run keeps, and by which column they were chosen.

    Arguments:
        history: of the run.
        settings: of the run.
        column: of the history that early stopping looks at.
    """
    best = history.settings.get("best_epoch")
    if settings.training.patience is None or not best:
        kept = {"epoch": len(history), "chosen_by": None}
        if settings.network.model == "dbn":
            kept["layers"] = len(settings.network.hidden)
        return kept
    return {"epoch": int(best), "chosen_by": column}


def kept_in_words(metrics: Mapping[str, Any]) -> str:
    """Which weights were kept, in a line.

    Example:
        >>> kept = {"epoch": 7, "chosen_by": "validation_loss"}
        >>> kept_in_words({"epochs": 9, "kept": kept})
        'the weights of epoch 7 of 9, the lowest validation loss'
    """
    kept = metrics["kept"]
    epoch, of = kept["epoch"], metrics["epochs"]
    if kept.get("layers", 1) > 1:
        each = epoch // kept["layers"]
        return (
            f"the weights of epoch {each} of each of {kept['layers']} layers, the last"
        )
    column = kept["chosen_by"]
    why = f"the lowest {column.replace('_', ' ')}" if column else "the last"
    return f"the weights of epoch {epoch} of {of}, {why}"


def _constant_in_words(value: float, settings: Settings) -> Any:
    if settings.task == "classification":
        return settings.classes[int(value)]
    return float(in_units(np.array([[value]]), settings)[0])


def beside(
    measured: Mapping[str, Any],
    baselines: Mapping[str, Mapping[str, Any]],
    task: str,
    part: str = "test",
    seconds: float | None = None,
) -> list[str]:
    """What the baselines score, and which of them the network does not beat: lines.

    Those that cost nothing share a line; where others were asked for, each has a line
    of its own, the best first, and the network stands among them.

    Arguments:
        measured: the scores of the network.
        baselines: those of the baselines, as ``metrics.json`` holds them.
        task: of the run.
        part: of the data.
        seconds: that the network was trained.

    Example:
        >>> commonest = {"predicts": "small", "test": {"accuracy": 0.6}}
        >>> beside({"accuracy": 0.6}, {"commonest_class": commonest}, "classification")
        ["the commonest class ('small') 60 %", 'no better than the commonest class']
    """
    key, lower = MAIN_SCORES[task]
    sign = -1 if lower else 1
    told: list[_Row] = []
    skipped = []
    for name, entry in baselines.items():
        scores = entry.get(part, {})
        if "skipped" in entry:
            skipped.append(f"{NAMES[name]} skipped: {entry['skipped']}")
        if key not in scores or name == "median":
            continue
        times = entry.get("seconds"), entry.get("note", "")
        told.append(_Row(NAMES[name], _value(entry), scores[key], *times))
    every = baselines.keys() & ASKED_FOR
    if every:
        told.sort(key=lambda row: -sign * row.score)
    own = sign * measured[key]
    unbeaten = [row.name for row in told if own <= sign * row.score]
    if every:
        place = sum(own <= sign * row.score for row in told)
        told.insert(place, _Row("the network", "", measured[key], seconds))
        lines = [*_ranking(told, key), *skipped]
    else:
        words = [f"{row.name}{row.value} {_main_score(key, row.score)}" for row in told]
        lines = [", ".join(words + skipped)] if words + skipped else []
    return [*lines, f"no better than {_either(unbeaten)}"] if unbeaten else lines


def not_beside(
    stored: Mapping[str, Mapping[str, Any]], beside: Mapping[str, Any]
) -> list[str]:
    """Which baselines were measured in training and are not on other data: a line.

    Arguments:
        stored: the baselines in ``metrics.json``.
        beside: those that are measured.

    Example:
        >>> stored = {"mean": {"test": {}}, "ridge_regression": {"test": {}}}
        >>> print(*not_beside(stored, {"mean": {}}))
        of the training data; a run does not keep ridge regression: not measured here
    """
    names = [
        NAMES[name]
        for name, entry in stored.items()
        if name not in beside and "skipped" not in entry
    ]
    if not names:
        return []
    known = "of the training data; " if beside else ""
    return [f"{known}a run does not keep {_either(names)}: not measured here"]


class _Row(NamedTuple):
    """A line of a ranking."""

    name: str
    value: str
    score: float
    seconds: float | None = None
    note: str = ""


def _ranking(rows: Sequence[_Row], key: str) -> list[str]:
    """A line for each, its numbers one below the other."""
    names = [f"{row.name}{row.value}" for row in rows]
    scores = [_main_score(key, row.score) for row in rows]
    times = ["" if row.seconds is None else f"{row.seconds:.2f} s" for row in rows]
    first, second, third = (max(map(len, part)) for part in (names, scores, times))
    lines = (
        f"{name:{first}}  {score:{second}}  {took:>{third}}  {row.note}"
        for row, name, score, took in zip(rows, names, scores, times, strict=True)
    )
    return [line.rstrip() for line in lines]


def _either(names: Sequence[str]) -> str:
    """``a``, ``a or b``, ``a, b or c``"""
    return " or ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


def _value(entry: Mapping[str, Any]) -> str:
    value = entry.get("predicts")
    if value is None:
        return ""
    return f" ({value!r})" if isinstance(value, str) else f" ({amount(value)})"


def _main_score(key: str, score: float) -> str:
    return f"{100 * score:.4g} %" if key == "accuracy" else f"RMSE {amount(score)}"


def draw_all(
    folder: Path,
    settings: Settings,
    model: nn.Module,
    history: training.History,
    said: Predictions,
    test: data.Dataset,
) -> list[str]:
    """Draws every picture that fits the run into its folder.

    Returns:
        The names of the files.
    """
    drawn: dict[str, Callable[[], Figure]] = {}
    targets = np.asarray(test.targets)
    if settings.task == "classification":
        drawn["confusion_matrix.png"] = lambda: _confusion(said, targets)
    else:
        amounts = (in_units(targets, settings), said.values, settings.target)
        drawn["predicted_against_true.png"] = lambda: _figure_of(
            pictures.predicted_against_true(*amounts)
        )
        drawn["residuals.png"] = lambda: _figure_of(pictures.residuals(*amounts))
    if settings.image_shape:
        drawn["worst_mistakes.png"] = lambda: _mistakes(said, test)
    if settings.image_shape and not settings.network.flat:
        drawn |= first_layer.drawings(model, test)
    elif settings.image_shape:
        weights = first_weights(model)
        drawn["first_layer_features.png"] = lambda: pictures.features(
            weights, settings.image_shape
        )
    files = []
    if history.epochs:
        history.plot(folder / "training_curve.png")
        files.append("training_curve.png")
    files += draw_watched(folder, history)
    with pictures.windowless():
        for file, draw in drawn.items():
            pictures.save(draw(), folder / file)
            files.append(file)
    return files


def draw_watched(folder: Path, history: training.History) -> list[str]:
    """Draws the histograms of every layer over the epochs, where a run kept them.

    Returns:
        The names of the files.
    """
    if history.watch is None or not history.watch.histograms:
        return []
    history.watch.plot(folder / "histograms.png")
    return ["histograms.png"]


def first_weights(model: nn.Module) -> Array:
    """``(units, inputs)``: the weights of the first layer."""
    network = model.plain_network() if isinstance(model, Posterior) else model
    return np.asarray(network.parameters()[0].numpy())


def _figure_of(ax: Axes) -> Figure:
    return cast("Figure", ax.figure)


def _confusion(said: Predictions, targets: Array) -> Figure:
    counts = confusion(said, targets)
    return _figure_of(pictures.confusion_matrix(counts, said.settings.classes))


class _OnDemand(data.Rows):
    """The images of a data set, read when they are drawn."""

    def __init__(self, dataset: data.Dataset) -> None:
        self.dataset = dataset
        self.shape = (len(dataset), *(dataset.image_shape or ()))

    def __getitem__(self, index: Any) -> Array:
        """The images at some rows."""
        return self.dataset.subset(index).images()


def _mistakes(said: Predictions, test: data.Dataset) -> Figure:
    names = said.settings.classes
    return pictures.worst_mistakes(
        _OnDemand(test),  # type: ignore[arg-type]
        [names[label] for label in np.asarray(test.targets)],
        said.names,
        said.probabilities.max(axis=1),
    )
