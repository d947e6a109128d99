"""Samples in the course of training: the same noise again and again.

Place on the road: beside ``feature_learning``; a callback for whatever draws samples
of its own. It must not know of files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..training import callbacks

Array = np.ndarray[Any, np.dtype[Any]]


class SamplesOverTime(callbacks.Callback):
    """What a model draws from one seed after epoch 1, 2, 4, 8 … and the last.

    Arguments:
        model: has ``sample(n, seed=…)``, which leaves the default generator alone.
        n: how many are drawn.
        seed: of their noise.

    Attributes:
        samples: epoch ↦ (n, …).
    """

    only_observes = True

    def __init__(self, model: Any, n: int = 10, seed: int = 0) -> None:
        self.model, self.n, self.seed = model, n, seed
        self.samples: dict[int, Array] = {}

    def on_epoch_end(self, run: Any) -> None:
        """Draws, where it is time."""
        if run.epoch & (run.epoch - 1) == 0 or run.epoch == run.epochs:
            drawn = self.model.sample(self.n, seed=self.seed)
            self.samples[run.epoch] = np.asarray(drawn.numpy())

    def state_dict(self) -> dict[str, Any]:
        """The samples so far."""
        kept = {str(epoch): drawn for epoch, drawn in self.samples.items()}
        return {"samples": kept} if kept else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Puts back what ``state_dict`` returned."""
        self.samples = {
            int(name.removeprefix("samples.")): np.asarray(drawn)
            for name, drawn in state.items()
        }
