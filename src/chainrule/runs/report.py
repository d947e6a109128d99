"""How good a run's network is: metrics on unseen data, and pictures.

Place on the road: below the commands, above ``training`` and ``pictures``. Amounts are
measured in the units of the target, as the user's table has them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .. import data, nn, pictures, training
from ..pictures import amount
from ..training import metrics
from . import first_layer
from .settings import Settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, np.dtype[Any]]

BATCH_SIZE = 512


@dataclass(frozen=True)
class Predictions:
    """A network's predictions for some inputs.

    Arguments:
        outputs: ``(N, K)``, as the last layer gives them.
        settings: of the run.
    """

    outputs: Array
    settings: Settings

    @cached_property
    def probabilities(self) -> Array:
        """``(N, K)``: softmax of the outputs, for classification."""
        scores = self.outputs.astype(np.float64)
        powers: Array = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares: Array = powers / powers.sum(axis=1, keepdims=True)
        return shares

    @property
    def labels(self) -> Array:
        """``(N,)``: the number of the most probable class."""
        return np.asarray(np.argmax(self.outputs, axis=1))

    @property
    def classes(self) -> list[str]:
        """The name of the most probable class of every example."""
        return [self.settings.classes[label] for label in self.labels]

    @property
    def amounts(self) -> Array:
        """``(N,)``: predicted amounts in the units of the target."""
        return in_units(self.outputs, self.settings)


def in_units(scaled: Array, settings: Settings) -> Array:
    """Scaled targets or outputs ``(N, 1)`` as amounts ``(N,)`` in their units."""
    fitted = data.TableTransform.from_json(settings.transform)
    return np.asarray(fitted.inverse_target(scaled), dtype=np.float64)[:, 0]


def predict(
    model: nn.Module, inputs: Array | data.Dataset, settings: Settings
) -> Predictions:
    """A run's network on inputs ``(N, D)`` or images ``(N, H, W, C)``."""
    outputs: Any = training.predict(model, inputs, batch_size=BATCH_SIZE)
    array = outputs.numpy() if hasattr(outputs, "numpy") else outputs
    return Predictions(np.asarray(array), settings)


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
            "right": int(np.sum(said.labels == labels)),
            "examples": len(labels),
            "confusion_matrix": confusion(said, labels).tolist(),
        }
    true, amounts = in_units(targets, settings), said.amounts
    return {
        "rmse": metrics.rmse(amounts, true),
        "mae": metrics.mae(amounts, true),
        "r2": metrics.r2(amounts, true),
        "examples": len(true),
    }


def _likelihoods(probabilities: Array, labels: Array) -> Array:
    chosen = probabilities[np.arange(len(labels)), labels]
    return np.maximum(chosen, np.finfo(np.float64).tiny)


def confusion(said: Predictions, labels: Array) -> Array:
    """``(K, K)`` counts: rows are true classes, columns predicted ones."""
    size = len(said.settings.classes)
    counts = np.zeros((size, size), dtype=np.int64)
    np.add.at(counts, (labels, said.labels), 1)
    return counts


def in_words(measured: dict[str, Any], settings: Settings) -> str:
    """The metrics in a line.

    Example:
        >>> in_words({"accuracy": 0.975, "right": 39, "examples": 40}, None)
        'accuracy 97.5 % (39 of 40 right)'
    """
    if "accuracy" in measured:
        return (
            f"accuracy {100 * measured['accuracy']:.4g} % "
            f"({measured['right']} of {measured['examples']} right)"
        )
    return (
        f"RMSE {amount(measured['rmse'])}, MAE {amount(measured['mae'])}, "
        f"R² {measured['r2']:.3f} ({settings.target}, {measured['examples']} examples)"
    )


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
        amounts = (in_units(targets, settings), said.amounts, settings.target)
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
    with pictures.windowless():
        for file, draw in drawn.items():
            pictures.save(draw(), folder / file)
            files.append(file)
    return files


def first_weights(model: nn.Module) -> Array:
    """``(units, inputs)``: the weights of the first layer."""
    return np.asarray(model.parameters()[0].numpy())


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
        said.classes,
        said.probabilities.max(axis=1),
    )
