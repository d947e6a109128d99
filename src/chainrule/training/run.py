"""``Run``: the state of a training run, which callbacks are given.

Place on the road: inside the loop, between ``fit`` and its callbacks. Values, and what
can be computed from them; it must not know of files or progress bars.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..foreign import Settled, no_attribute
from ..nn.module import Module
from .formats import Row
from .history import History
from .tally import Tally

if TYPE_CHECKING:
    from .snapshot import AnyOptimizer

#: The columns of the history that tell of a minimizer's iterations.
MINIMIZER_COLUMNS = ("gradient_norm", "step_length", "evaluations")

#: What is minimised, where that is more than the loss: with the penalty of ``l2``.
PENALISED = "objective"


def minimizer_columns(optimizer: AnyOptimizer) -> list[str]:
    """The columns that tell of an optimizer's iterations; none where it has none.

    Example:
        >>> from chainrule import optim
        >>> minimizer_columns(optim.Adam())
        []
    """
    if not optimizer.evaluates_loss:
        return []
    minimizer: Any = optimizer
    penalised = any(minimizer.penalties().values())
    return [*([PENALISED] * penalised), *MINIMIZER_COLUMNS]


@dataclass
class Run(Settled):
    """The state of a training run: what a callback's events are given.

    During an epoch ``loss``, ``inputs`` and ``targets`` are those of the last step, and
    ``tally.results()`` the averages so far. ``row`` is complete in ``on_epoch_end``,
    where columns may be added: ``run.row["name"] = value``. ``run.stop("why")`` ends
    training.

    Attributes:
        model, optimizer, history: what is trained, how, and what came of it.
        epochs: how many epochs there are to be.
        num_batches: the steps of an epoch; None where a stream does not say.
        seed, batch_size, drop_last: what determines the batches.
        accumulate: how many batches make one step.
        has_validation: whether there is validation data.
        data_identity: what identifies the training data, for checkpoints.
        engine: the engine's name, or None for the default.
        inspection: probe ↦ a compiled function of inputs and targets: what it measures
            of a batch, forward and backward as in training, without an update.
        callbacks: everyone who listens, in order.
        epoch: the number of the epoch that is trained on, from 1.
        batch: how many steps of it are done: batches or, where gradients are
            accumulated, groups of ``accumulate`` batches.
        step: how many steps are done, over all epochs.
        loss: of the last step.
        inputs, targets: the batch of the current step; where gradients are accumulated,
            lists of those of its batches.
        row: the history's row for the last complete epoch.
        tally: sums over the current epoch.
        between_epochs: whether ``epoch`` is complete and the next has not begun.
        stopping: why training is to end after this step; "" while it goes on.

    Example:
        >>> import numpy as np
        >>> from chainrule import nn
        >>> from chainrule.training import Callback, fit
        >>> class Largest(Callback):
        ...     columns = ("largest_weight",)
        ...     def on_batch_end(self, run):
        ...         if run.loss < 1e-6:
        ...             run.stop(f"converged in step {run.step}")
        ...     def on_epoch_end(self, run):
        ...         weight = run.model.weight.numpy()
        ...         run.row["largest_weight"] = float(np.abs(weight).max())
        >>> x = np.ones((8, 2))
        >>> history = fit(nn.Linear(2, 1), (x, x[:, :1]), callbacks=[Largest()],
        ...               epochs=2, progress=False)
        >>> "largest_weight" in history
        True
    """

    names_elsewhere = ("training.RUN",)

    model: Module
    optimizer: AnyOptimizer
    history: History
    tally: Tally
    epochs: int
    num_batches: int | None
    seed: int
    batch_size: int
    accumulate: int = 1
    drop_last: bool = False
    has_validation: bool = False
    data_identity: dict[str, Any] = field(default_factory=dict)
    engine: str | None = None
    inspection: Any = None
    callbacks: list[Any] = field(default_factory=list)
    epoch: int = 1
    batch: int = 0
    step: int = 0
    loss: float = float("nan")
    inputs: Any = None
    targets: Any = None
    row: Row = field(default_factory=dict)
    between_epochs: bool = False
    stopping: str = ""
    seconds: float = 0.0
    started: float = field(default_factory=time.perf_counter)

    if not TYPE_CHECKING:  # so that type checkers still find wrong names

        def __getattr__(self, name: str) -> Any:
            raise no_attribute(self, name, "training.RUN")

    def stop(self, reason: str) -> None:
        """Ends training after the current step; the first reason given counts.

        Arguments:
            reason: what the history's ``stopped`` will say.
        """
        self.stopping = self.stopping or reason or "stopped"

    def expected_columns(self) -> list[str]:
        """The columns that the history will have, as far as is known beforehand."""
        own = ["loss", *(metric.name for metric in self.tally.metrics)]
        twins = [f"validation_{name}" for name in own] if self.has_validation else []
        figures = minimizer_columns(self.optimizer)
        added = [n for c in self.callbacks for n in getattr(c, "columns", ())]
        return [*own, *figures, *twins, *added, "seconds", "examples_per_second"]

    def epoch_seconds(self) -> float:
        """The seconds spent on this epoch so far, those before a resume included."""
        return self.seconds + time.perf_counter() - self.started

    def begin_epoch(self) -> None:
        """Starts the clock of an epoch, or continues it after a resume."""
        self.between_epochs = False
        self.started = time.perf_counter()

    @property
    def place(self) -> tuple[int, int]:
        """Where training would go on: the epoch, and the batches done of it."""
        return (self.epoch + 1, 0) if self.between_epochs else (self.epoch, self.batch)

    def complete_epoch(self, row: Row) -> None:
        """The epoch is complete: adds its row to the history."""
        self.between_epochs = True
        self.row = row
        self.history.epochs.append(row)

    def next_epoch(self) -> None:
        """Resets the sums and the clock for the next epoch."""
        self.epoch += 1
        self.batch = 0
        self.between_epochs = False
        self.seconds = 0.0
        self.started = time.perf_counter()
        self.tally.clear()
