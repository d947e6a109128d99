"""Callbacks for ``fit``: stopping early, checkpoints, learning rates, time, a watch.

Place on the road: beside the loop; each has methods named after events of
``events.LOOP`` and is given the ``Run``. To write your own, subclass ``Callback``.

======================  ==========================================================
``EarlyStopping``       stop when a column gets no better; keep the best weights
``Checkpoint``          save the state of the run, so that it can be resumed
``ModelCheckpoint``     save the model whenever a column gets better
``ReduceOnPlateau``     a smaller learning rate when a column gets no better
``LearningRateLog``     the learning rate as a column of the history
``TimeLimit``           stop after a given number of seconds
``Watch``               gradients and weights of every layer; in ``watch``
``WeightAveraging``     averages of the weights at the end; in ``averaging``
======================  ==========================================================
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import saving
from ..errors import ArgumentError, nearest, unknown_option
from ..foreign import Settled
from ..optim import Optimizer
from ..public import advise, listing, missing_names
from . import checkpoint
from .averaging import WeightAveraging
from .events import MANY, Callback, describe_loop
from .history import column_elsewhere
from .metrics import lower_is_better
from .run import Run
from .watch import Watch

__all__ = [
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "LearningRateLog",
    "ModelCheckpoint",
    "ReduceOnPlateau",
    "TimeLimit",
    "Watch",
    "WeightAveraging",
    "describe_loop",
]


class Monitor(Settled):
    """Tracks whether a column of the history improves, and for how long it has not.

    Arguments:
        column: the column.
        min_delta: a change of no more than this is no improvement.
        mode: "min", "max", or None: smaller for losses and errors, else larger.
    """

    def __init__(self, column: str, min_delta: float, mode: str | None) -> None:
        if mode not in (None, "min", "max"):
            raise unknown_option("mode", mode, ["min", "max"])
        if not (isinstance(min_delta, (int, float)) and 0 <= min_delta < math.inf):
            raise ArgumentError(f"min_delta={min_delta!r}: expected 0 or more")
        self.column = column
        self.min_delta = float(min_delta)
        smaller = lower_is_better(column) if mode is None else mode == "min"
        self.sign = -1.0 if smaller else 1.0
        self.clear()

    def clear(self) -> None:
        """Nothing seen yet."""
        self.best: float | None = None
        self.best_epoch = 0
        self.waited = 0

    def check(self, run: Run) -> None:
        """Refuses, before training, a column that the history will not have."""
        if self.column.startswith("validation_") and not run.has_validation:
            raise self._missing([])
        columns = run.expected_columns()
        if self.column not in columns and (
            column_elsewhere(self.column, columns) or nearest(self.column, columns)
        ):
            raise self._missing(columns)

    def _missing(self, columns: list[str]) -> ArgumentError:
        if columns:
            fix = column_elsewhere(self.column, columns)
            return unknown_option("column to monitor", self.column, columns, fix)
        return ArgumentError(
            f"monitor={self.column!r}: there is no validation data",
            fix="fit(…, validation=0.1), or monitor='loss'",
        )

    def better(self, run: Run) -> bool:
        """Whether the epoch's value is the best so far, which NaN never is."""
        value = float(self._value(run))
        improved = not math.isnan(value) and (
            self.best is None or self.sign * (value - self.best) > self.min_delta
        )
        if improved:
            self.best, self.best_epoch, self.waited = value, run.row["epoch"], 0
        else:
            self.waited += 1
        return improved

    def _value(self, run: Run) -> Any:
        if self.column not in run.row:
            raise self._missing([*run.row])
        value = run.row[self.column]
        if not isinstance(value, (int, float)):
            raise ArgumentError(
                f"monitor={self.column!r}: holds a {type(value).__name__}, not a number"
            )
        return value

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"best": self.best, "best_epoch": self.best_epoch, "waited": self.waited}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Puts back what ``state_dict`` returned."""
        self.best = state["best"]
        self.best_epoch = state["best_epoch"]
        self.waited = state["waited"]


def _patience(name: str, patience: Any) -> int:
    if isinstance(patience, bool) or not isinstance(patience, int) or patience < 1:
        raise ArgumentError(
            f"{name}: patience={patience!r}: expected a whole number of at least 1"
        )
    return patience


class EarlyStopping(Callback):
    """Stops when a column has not improved for some epochs; keeps the best weights.

    The weights of the best epoch are restored when training ends, whether it was
    stopped early, finished or interrupted; ``history.settings["kept_epoch"]`` is its
    number. Keras calls ``restore_best`` ``restore_best_weights``.

    Arguments:
        monitor: the column: "validation_loss", or "loss" where there is no validation.
        patience: how many epochs without improvement to wait.
        min_delta: a change of no more than this is no improvement.
        mode: "min" or "max"; when not given, losses and errors should fall, the rest
            rise.
        restore_best: whether the best weights are restored at the end.

    Source: Prechelt, "Early stopping — but when?", 1998.

    Example:
        >>> EarlyStopping("validation_accuracy", patience=3).monitor.sign
        1.0
    """

    only_observes = True  # the best weights are restored after the last step

    def __init__(
        self,
        monitor: str = "validation_loss",
        patience: int = 5,
        min_delta: float = 0.0,
        *,
        mode: str | None = None,
        restore_best: bool = True,
    ) -> None:
        self.patience = _patience("EarlyStopping", patience)
        self.monitor = Monitor(monitor, min_delta, mode)
        self.restore_best = restore_best
        self.weights: dict[str, Any] = {}
        self._resumed = False

    @property
    def best_epoch(self) -> int:
        """The number of the best epoch so far; 0 before the first."""
        return self.monitor.best_epoch

    def on_fit_start(self, run: Run) -> None:
        """Begins anew, unless a checkpoint was read."""
        if not self._resumed:
            self.monitor.clear()
            self.weights = {}
        self._resumed = False
        self.monitor.check(run)
        self._stop_if_due(run)

    def on_epoch_end(self, run: Run) -> None:
        """Keeps the weights of the best epoch, or counts."""
        if self.monitor.better(run):
            if self.restore_best:
                self.weights = run.model.state_dict()
        self._stop_if_due(run)

    def _stop_if_due(self, run: Run) -> None:
        if self.monitor.waited >= self.patience:
            run.stop(
                f"early stopping: no improvement in {self.monitor.column} since "
                f"epoch {self.monitor.best_epoch}"
            )

    def on_fit_end(self, run: Run) -> None:
        """The best weights are restored."""
        run.history.settings["best_epoch"] = self.monitor.best_epoch
        if self.weights:
            run.model.load_state_dict(self.weights)
            run.history.settings["kept_epoch"] = self.monitor.best_epoch

    def state_dict(self) -> dict[str, Any]:
        """The best so far, with its weights."""
        return {**self.monitor.state_dict(), "weights": self.weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Puts back what ``state_dict`` returned."""
        self.monitor.load_state_dict(state)
        self.weights = {
            name.removeprefix("weights."): array
            for name, array in state.items()
            if name.startswith("weights.")
        }
        self._resumed = True


class ReduceOnPlateau(Callback):
    """Reduces the learning rate when a column has not improved for some epochs.

    Arguments:
        monitor, patience, min_delta, mode: as of ``EarlyStopping``.
        factor: what the learning rate is multiplied by.
        min_lr: it never gets smaller than this.

    Example:
        >>> ReduceOnPlateau("loss", patience=3, factor=0.5).factor
        0.5
    """

    def __init__(
        self,
        monitor: str = "validation_loss",
        patience: int = 3,
        factor: float = 0.1,
        *,
        min_lr: float = 0.0,
        min_delta: float = 0.0,
        mode: str | None = None,
    ) -> None:
        if not (isinstance(factor, (int, float)) and 0 < factor < 1):
            raise ArgumentError(
                f"ReduceOnPlateau: factor={factor!r}: expected a number between 0 and 1"
            )
        self.patience = _patience("ReduceOnPlateau", patience)
        self.monitor = Monitor(monitor, min_delta, mode)
        self.factor = float(factor)
        self.min_lr = float(min_lr)
        self._resumed = False

    def on_fit_start(self, run: Run) -> None:
        """Begins anew, unless a checkpoint was read."""
        if not self._resumed:
            self.monitor.clear()
        self._resumed = False
        self.monitor.check(run)
        _with_rate("ReduceOnPlateau", run)

    def on_epoch_end(self, run: Run) -> None:
        """Reduces the learning rate when ``patience`` epochs have passed."""
        if self.monitor.better(run) or self.monitor.waited < self.patience:
            return
        self.monitor.waited = 0
        for group in _with_rate("ReduceOnPlateau", run).groups:
            smaller = max(group.lr * self.factor, self.min_lr)
            if 0 < smaller < group.lr:
                group.lr = smaller

    def state_dict(self) -> dict[str, Any]:
        """The best so far."""
        return self.monitor.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Puts back what ``state_dict`` returned."""
        self.monitor.load_state_dict(state)
        self._resumed = True


class LearningRateLog(Callback):
    """The learning rate at the end of each epoch, as the column ``learning_rate``.

    Of a schedule, it is the rate of the step to come.

    Example:
        >>> LearningRateLog().order < ReduceOnPlateau().order
        True
    """

    order = -10  # before others change it
    columns = ("learning_rate",)
    only_observes = True

    def on_fit_start(self, run: Run) -> None:
        """Refuses an optimizer without a learning rate, before training."""
        _with_rate("LearningRateLog", run)

    def on_epoch_end(self, run: Run) -> None:
        """Adds the column."""
        run.row["learning_rate"] = _with_rate("LearningRateLog", run).lr


def _with_rate(name: str, run: Run) -> Optimizer:
    """The optimizer; an error if it has no learning rate."""
    if isinstance(run.optimizer, Optimizer):
        return run.optimizer
    if not run.optimizer.evaluates_loss:
        raise ArgumentError(
            f"{name}: each player of {type(run.model).__name__} has an optimizer and a "
            "rate of its own",
            fix="leave the callback out; run.optimizer.by_player has the optimizers",
        )
    raise ArgumentError(
        f"{name}: {type(run.optimizer).__name__} has no learning rate: it looks "
        "for the length of every step",
        fix="leave the callback out; the history has the column step_length",
    )


class TimeLimit(Callback):
    """Stops when a number of seconds has passed, at the end of a step.

    Arguments:
        seconds: how long training may take, counted from the start of ``fit``.

    Example:
        >>> TimeLimit(60).seconds
        60.0
    """

    only_observes = True

    def __init__(self, seconds: float) -> None:
        if not (isinstance(seconds, (int, float)) and 0 < seconds < math.inf):
            raise ArgumentError(f"TimeLimit: {seconds!r}: expected seconds above 0")
        self.seconds = float(seconds)
        self.began = 0.0

    def on_fit_start(self, run: Run) -> None:
        """The clock starts."""
        self.began = time.monotonic()

    def steps_at_once(self, run: Run) -> int:
        """As many as suit: they take a moment."""
        return MANY

    def on_batch_end(self, run: Run) -> None:
        """Looks at the clock."""
        if time.monotonic() - self.began >= self.seconds:
            run.stop(f"time limit: {self.seconds:g} s")


class Checkpoint(Callback):
    """Saves the state of a run regularly, for ``fit(…, resume=)``.

    A checkpoint has everything: parameters, optimizer, random state, position in the
    epoch, history, and the state of other callbacks. It is written completely or not at
    all. One is also written when training is interrupted, stopped or finished.

    Arguments:
        path: a folder, which will hold files ``step-00000120.safetensors``; or, with
            the suffix ``.safetensors``, one file that is replaced each time.
        every_epochs: epochs between two checkpoints; 0 for none.
        every_steps: steps between two checkpoints, in addition.
        keep: how many files of the folder are kept, the newest ones.

    Raises:
        FileError: when a file cannot be written; or, from ``fit``, when another run is
            writing there at this moment.

    Example:
        >>> Checkpoint("runs/digits", every_steps=100, keep=3)
        Checkpoint('runs/digits')
    """

    order = 100  # after all others, whose state it writes

    def __init__(
        self,
        path: str | os.PathLike[str],
        every_epochs: int = 1,
        every_steps: int | None = None,
        keep: int = 3,
    ) -> None:
        for name, value, least in (
            ("every_epochs", every_epochs, 0),
            ("every_steps", every_steps, 1),
            ("keep", keep, 1),
        ):
            if value is None and name == "every_steps":
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ArgumentError(
                    f"Checkpoint: {name}={value!r}: expected a whole number of at "
                    f"least {least}"
                )
        self.path = Path(path)
        self.every_epochs = every_epochs
        self.every_steps = every_steps
        self.keep = keep
        self._written: tuple[int, int] | None = None

    @property
    def lock_path(self) -> Path:
        """The file that a run holds while it may write here."""
        if self.path.suffix == checkpoint.SUFFIX:
            return self.path.absolute().with_name(f".{self.path.name}.lock")
        return self.path.absolute() / ".lock"

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """While entered, no other run may write here; ``fit`` enters it.

        Raises:
            FileError: when another run does.
        """
        return saving.locked(
            self.lock_path,
            f"Checkpoint {os.fspath(self.path)!r}",
            "wait until it has ended, or give this run a folder of its own",
        )

    def on_fit_start(self, run: Run) -> None:
        """Nothing written yet."""
        self._written = None

    def steps_at_once(self, run: Run) -> int:
        """Those until the next checkpoint."""
        every = self.every_steps
        return MANY if every is None else every - run.step % every

    def on_batch_end(self, run: Run) -> None:
        """Writes after every ``every_steps`` steps."""
        if self.every_steps and run.step % self.every_steps == 0:
            self.write(run)

    def on_epoch_end(self, run: Run) -> None:
        """Writes after every ``every_epochs`` epochs, and after the last."""
        done = run.row["epoch"]
        last = done == run.epochs or run.stopping
        if last or (self.every_epochs and done % self.every_epochs == 0):
            self.write(run)

    def on_stop(self, run: Run) -> None:
        """Writes, so that nothing is lost."""
        self.write(run)

    def write(self, run: Run) -> None:
        """Writes the current state, and removes the oldest files."""
        if self._written == run.place:
            return
        if self.path.suffix == checkpoint.SUFFIX:
            checkpoint.write(run, self.path)
        else:
            checkpoint.write(run, self.path / checkpoint.file_name(run.step))
            for old in checkpoint.files_in(self.path)[self.keep :]:
                old.unlink(missing_ok=True)
        self._written = run.place

    def __repr__(self) -> str:
        return f"Checkpoint({os.fspath(self.path)!r})"


class ModelCheckpoint(Callback):
    """Saves the model whenever a column of the history gets better: the best so far.

    The file is that of ``model.save``: ``cr.load(path)`` reads it, and its notes name
    the epoch and the value. To go on with a run that was stopped, use ``Checkpoint``.

    Arguments:
        path: the file, by convention ``….safetensors``; the better model replaces it.
        monitor, min_delta, mode: as of ``EarlyStopping``.
        restore_best: whether the model itself gets the best weights at the end.

    Raises:
        FileError: when the file cannot be written.

    Example:
        >>> import chainrule as cr, os, tempfile
        >>> from chainrule import data, nn
        >>> path = os.path.join(tempfile.mkdtemp(), "best.safetensors")
        >>> save = ModelCheckpoint(path, "validation_accuracy")
        >>> digits = data.load("digits")
        >>> history = cr.fit(nn.Linear(64, 10), digits, epochs=3, validation=0.2,
        ...                  callbacks=[save], progress=False)
        >>> best = history.best("validation_accuracy")["epoch"]
        >>> cr.saving.read(path)[1]["notes"]["epoch"] == best
        True
    """

    order = 50  # after those that change values, before ``Checkpoint``

    def __init__(
        self,
        path: str | os.PathLike[str],
        monitor: str = "validation_loss",
        min_delta: float = 0.0,
        *,
        mode: str | None = None,
        restore_best: bool = False,
    ) -> None:
        self.path = Path(path)
        self.monitor = Monitor(monitor, min_delta, mode)
        self.restore_best = restore_best
        self._resumed = False

    @property
    def best_epoch(self) -> int:
        """The number of the epoch that is saved; 0 before the first."""
        return self.monitor.best_epoch

    def on_fit_start(self, run: Run) -> None:
        """Begins anew, unless a checkpoint was read."""
        if not self._resumed:
            self.monitor.clear()
        self._resumed = False
        self.monitor.check(run)

    def on_epoch_end(self, run: Run) -> None:
        """Saves the model if it is the best so far."""
        if self.monitor.better(run):
            notes = {"epoch": self.best_epoch, self.monitor.column: self.monitor.best}
            self.path.absolute().parent.mkdir(parents=True, exist_ok=True)
            run.model.save(self.path, notes)

    def on_fit_end(self, run: Run) -> None:
        """The best weights are restored, if asked for."""
        run.history.settings["best_epoch"] = self.best_epoch
        if self.restore_best and self.best_epoch:
            run.model.load(self.path)
            run.history.settings["kept_epoch"] = self.best_epoch

    def state_dict(self) -> dict[str, Any]:
        """The best so far."""
        return self.monitor.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Puts back what ``state_dict`` returned."""
        self.monitor.load_state_dict(state)
        self._resumed = True

    def __repr__(self) -> str:
        return f"ModelCheckpoint({os.fspath(self.path)!r}, {self.monitor.column!r})"


advise(__name__, __all__, "training.OPTIONS")
__dir__ = listing(__all__)
if not TYPE_CHECKING:  # so that type checkers still find wrong names
    __getattr__ = missing_names(__name__, advice="training.CALLBACKS")
