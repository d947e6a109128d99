"""``Predictions``: what a run's network says, in the words and units of its data.

Place on the road: below ``report``, which measures them, and ``SavedRun``, which hands
them out. It must not know where the inputs came from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .. import data, nn, training
from ..errors import ArgumentError
from ..models.bayesian.posterior import Posterior
from ..wording import counted, signed
from .settings import Settings

Array = np.ndarray[Any, np.dtype[Any]]

BATCH_SIZE = 512

#: How many predictions are printed.
SHOWN = 10


@dataclass(frozen=True, repr=False)
class Predictions:
    """A network's predictions for N examples.

    ``pandas.DataFrame(predictions.to_dict())`` makes a frame of them.

    Arguments:
        outputs: ``(N, K)``, as the last layer gives them.
        settings: of the run.
        files: the names of the images, where the examples are images in files.
        spread: "epistemic" and "aleatoric", (N,), of a network that says how sure it
            is: standard deviations in the units of the target; of classes, nats.
    """

    outputs: Array
    settings: Settings
    files: tuple[str, ...] = ()
    spread: Mapping[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.outputs)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the K classes, in the order of ``probabilities``."""
        return self.settings.classes

    @cached_property
    def probabilities(self) -> Array:
        """``(N, K)``: softmax of the outputs, one column a class.

        Raises:
            ArgumentError: of a network for amounts.
        """
        self._require("classification", "probabilities", "values")
        scores = self.outputs.astype(np.float64)
        powers: Array = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares: Array = powers / powers.sum(axis=1, keepdims=True)
        return shares

    @property
    def indices(self) -> Array:
        """``(N,)``: the number of the most probable class, counted in ``classes``."""
        self._require("classification", "indices", "values")
        return np.asarray(np.argmax(self.outputs, axis=1))

    @property
    def names(self) -> list[str]:
        """The name of the most probable class of every example."""
        return [self.classes[index] for index in self.indices]

    @property
    def labels(self) -> Array:
        """``(N,)``: the most probable class, as tables write it: its name; or a whole
        number, where all names are such.

        Raises:
            ArgumentError: of a network for amounts.
        """
        self._require("classification", "labels", "values")
        whole = all(re.fullmatch(r"0|-?[1-9]\d{0,17}", name) for name in self.classes)
        written: Any = [int(n) for n in self.classes] if whole else self.classes
        known: Array = np.array(written, dtype=np.int64 if whole else object)
        return np.asarray(known[self.indices])

    @property
    def values(self) -> Array:
        """``(N,)``: predicted amounts in the units of the target.

        Raises:
            ArgumentError: of a network for classes.
        """
        self._require("regression", "values", "labels, or .probabilities")
        return in_units(self.outputs, self.settings)

    def _require(self, task: str, what: str, instead: str) -> None:
        if self.settings.task != task:
            raise ArgumentError(
                f"predictions: {what}: the network was trained for "
                f"{self.settings.task} of {self.settings.target!r}",
                fix=f"predictions.{instead}",
            )

    def to_dict(self) -> dict[str, Array]:
        """The columns of a table: the prediction, and the probability of each class;
        and how sure it is, where the network says so.
        """
        files = {"file": np.array(self.files, dtype=object)} if self.files else {}
        first = f"predicted_{self.settings.target}"
        if self.settings.task == "regression":
            return {**files, first: self.values, **self.spread}
        shares = dict(
            zip((f"p_{n}" for n in self.classes), self.probabilities.T, strict=True)
        )
        return {**files, first: self.labels, **shares, **self.spread}

    def __repr__(self) -> str:
        what = counted(len(self), "prediction")
        lines = [f"{what} of {self.settings.target!r}"]
        for row in range(min(len(self), SHOWN)):
            start = f"{self.files[row]}  " if self.files else ""
            if self.settings.task == "regression":
                parts = [each[row] for each in self.spread.values()]
                sure = f" ± {np.hypot(*parts):.2g}" if parts else ""
                lines.append(f"  {start}{signed(f'{self.values[row]:.6g}')}{sure}")
            else:
                sure = 100 * self.probabilities[row].max()
                lines.append(f"  {start}{self.labels[row]}  {sure:.1f} %")
        if len(self) > SHOWN:
            lines.append(f"  … {len(self) - SHOWN} more")
        return "\n".join(lines)


def joined(parts: Sequence[Predictions]) -> Predictions:
    """The predictions for several parts of one table as one."""
    if len(parts) == 1:
        return parts[0]
    outputs = np.concatenate([part.outputs for part in parts])
    files = tuple(file for part in parts for file in part.files)
    spread = {
        name: np.concatenate([part.spread[name] for part in parts])
        for name in parts[0].spread
    }
    return Predictions(outputs, parts[0].settings, files, spread)


def in_units(scaled: Array, settings: Settings) -> Array:
    """Scaled targets or outputs ``(N, 1)`` as amounts ``(N,)`` in their units."""
    fitted = data.TableTransform.from_json(settings.transform)
    return np.asarray(fitted.inverse_target(scaled), dtype=np.float64)[:, 0]


def predict(
    model: nn.Module,
    inputs: Array | data.Dataset,
    settings: Settings,
    files: tuple[str, ...] = (),
) -> Predictions:
    """A run's network on inputs ``(N, D)`` or images ``(N, H, W, C)``."""
    if isinstance(model, Posterior):
        return _with_spread(model, inputs, settings, files)
    outputs: Any = training.predict(model, inputs, batch_size=BATCH_SIZE)
    array = outputs.numpy() if hasattr(outputs, "numpy") else outputs
    return Predictions(np.asarray(array), settings, files)


def _with_spread(
    model: Posterior,
    inputs: Array | data.Dataset,
    settings: Settings,
    files: tuple[str, ...],
) -> Predictions:
    """What a posterior says: means, or logarithms of averaged probabilities."""
    array = inputs.inputs if isinstance(inputs, data.Dataset) else inputs
    said = model.predict(np.asarray(array[:]))
    scale, outputs = 1.0, said.mean
    if settings.task == "classification":
        outputs = np.log(np.maximum(outputs, np.finfo(np.float64).tiny))
    elif settings.transform is not None:
        target = data.TableTransform.from_json(settings.transform).target
        scale = 1.0 if target is None else target.std
    spread = {
        "epistemic": said.epistemic.reshape(len(outputs)) * scale,
        "aleatoric": said.aleatoric.reshape(len(outputs)) * scale,
    }
    return Predictions(outputs, settings, files, spread)
