"""``Tally``: the loss and the metrics of many batches, as exact sums.

Place on the road: between the compiled step, which measures a batch, and the history,
which has one number per epoch. Everything is kept as sums and counts, so batches of
different lengths are weighted correctly. It must not know of models or data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..graph import Array
from .metrics import FunctionMetric, Metric, Totals, joined


class Tally:
    """Sums over batches: Σ batch loss × batch weight, and each metric's totals.

    Arguments:
        metrics: those that are measured.
    """

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.metrics = tuple(metrics)
        self.clear()

    def clear(self) -> None:
        """Nothing counted yet."""
        self.examples = 0
        self.loss = 0.0
        self.weight = 0.0
        self.totals: list[Totals | None] = [None] * len(self.metrics)
        self.figures: dict[str, float] = {}

    def note(self, figures: Mapping[str, float]) -> None:
        """Keeps what an iteration of a minimizer says of itself: counts, which are
        added up, and for the rest the newest number.
        """
        for name, value in figures.items():
            before = self.figures.get(name, 0) if isinstance(value, int) else 0
            self.figures[name] = before + value

    def add(self, loss: float, weight: float, examples: int, measured: Any) -> None:
        """Counts a batch.

        Arguments:
            loss: its average loss.
            weight: what the average counts for: the number of examples, for most.
            examples: how many they were.
            measured: for each metric, what ``measure`` returned, as arrays; or None.
        """
        self.loss += loss * weight
        self.weight += weight
        self.examples += examples
        totals = self.totals
        for i, metric in enumerate(self.metrics):
            if measured[i] is None:
                continue
            batch = tuple([part.value for part in measured[i]])
            before = totals[i]
            totals[i] = batch if before is None else metric.merge(before, batch)

    def add_many(
        self, losses: Array, weights: Sequence[float], examples: int, measured: Any
    ) -> None:
        """Counts several batches in their order: to the bit what ``add`` of each does.

        Arguments:
            losses: (batches,), their average losses.
            weights: what each average counts for.
            examples: how many they were, all together.
            measured: as of ``add``, each array with an axis of batches before its own.
        """
        products = losses.astype(np.float64) * np.asarray(weights, np.float64)
        self.loss = float(_added(np.float64(self.loss), products))
        self.weight = float(_added(np.float64(self.weight), np.asarray(weights)))
        self.examples += examples
        for i, metric in enumerate(self.metrics):
            if measured[i] is None:
                continue
            parts, totals = [part.value for part in measured[i]], self.totals[i]
            if type(metric).merge is Metric.merge:
                before = totals or (None,) * len(parts)
                self.totals[i] = tuple(map(_added, before, parts))
                continue
            for number in range(len(losses)):
                batch = tuple([part[number] for part in parts])
                totals = batch if totals is None else metric.merge(totals, batch)
            self.totals[i] = totals

    def mean_loss(self) -> float:
        """The average loss over everything counted."""
        return self.loss / self.weight if self.weight else float("nan")

    def results(self, running: bool = False) -> dict[str, Any]:
        """The loss and every metric, by name.

        Arguments:
            running: in the middle of an epoch: only what costs little.
        """
        row: dict[str, Any] = {"loss": self.mean_loss()}
        for metric, totals in zip(self.metrics, self.totals, strict=True):
            if totals is not None and not (
                running and isinstance(metric, FunctionMetric)
            ):
                row[metric.name] = metric.result(totals)
        return row | self.figures

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What a checkpoint keeps: JSON values, and arrays by name."""
        values: dict[str, Any] = {
            "loss": self.loss,
            "weight": self.weight,
            "examples": self.examples,
            "figures": self.figures,
        }
        arrays = {}
        for i, totals in enumerate(self.totals):
            for j, part in enumerate(totals or ()):
                arrays[f"{i}.{j}"] = joined(part)
        return values, arrays

    def load(self, values: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Puts back what ``state`` returned."""
        self.clear()
        self.loss = float(values["loss"])
        self.weight = float(values["weight"])
        self.examples = int(values["examples"])
        self.figures = dict(values.get("figures", {}))
        for i in range(len(self.metrics)):
            parts: list[Array] = []
            while f"{i}.{len(parts)}" in arrays:
                parts.append(np.asarray(arrays[f"{i}.{len(parts)}"]))
            self.totals[i] = tuple(parts) or None


def _added(before: Any, parts: Array) -> Any:
    """``before + parts[0] + parts[1] + …``, one after the other."""
    rows = parts if before is None else np.concatenate([[before], parts])
    return np.add.accumulate(rows, axis=0, dtype=rows.dtype)[-1]
