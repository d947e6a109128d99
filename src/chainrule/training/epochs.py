"""``EpochLoop``: what every training loop has around its epochs.

Place on the road: below ``loop``, the loop of ``fit``, and below the loops of models
that are trained by steps of their own. Events, Ctrl-C, checkpoints, where to resume,
and the history after an error stand here, once. It must not know what an epoch is.
"""

from __future__ import annotations

import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError
from . import checkpoint
from .callbacks import Checkpoint
from .events import Dispatcher
from .formats import Row
from .history import History
from .interruption import Interruption
from .run import Run

if TYPE_CHECKING:
    from .progress import Progress


class EpochLoop(ABC):
    """The epochs of a run, with the events of ``events.LOOP``.

    A subclass says in ``epoch`` what is done in one. A step of it counts itself in
    ``run.batch``, ``run.step`` and ``run.tally``, calls the listeners of
    ``on_batch_end``, and then asks ``stopping``; at the end is ``complete``.

    Arguments:
        run: its state, new.
        callbacks: objects that listen to events.

    Raises:
        ArgumentError: as ``events.Dispatcher``.

    Example:
        >>> from chainrule import nn, optim
        >>> from chainrule.training.tally import Tally
        >>> class Counting(EpochLoop):
        ...     def epoch(self):
        ...         self.run.step += 1
        ...         self.complete({"epoch": self.run.epoch, "loss": 1.0})
        >>> net, tally = nn.Linear(1, 1), Tally(())
        >>> run = Run(net, optim.SGD(net.parameters()), History(), tally, 3, 1, 0, 1)
        >>> Counting(run).train()["epoch"]
        [1, 2, 3]
    """

    def __init__(self, run: Run, callbacks: Sequence[Any] = ()) -> None:
        self.run = run
        self.announce = Dispatcher(callbacks)
        run.callbacks = self.announce.callbacks

    @abstractmethod
    def epoch(self) -> None:
        """The epoch ``run.epoch``, from its batch ``run.batch`` on; returns without
        ``complete`` when it is to stop within.
        """

    def prepare(self) -> None:
        """What is done before anything is announced."""
        return None

    def begin(self) -> None:
        """What is done between ``on_fit_start`` and the first epoch."""
        return None

    def check(self) -> None:
        """Refuses values that are not to be kept, behind the last step.

        Raises:
            NumericsError: for a NaN or an infinity.
        """
        return None

    def train(self, resume: Any = None) -> History:
        """The remaining epochs, with all events; no other run writes checkpoints to the
        same folders meanwhile.

        Arguments:
            resume: as of ``fit``.

        Returns:
            The history of the run. An error that ends training has it, too:
            ``error.history``.
        """
        with folders_held(self.run):
            _resume(self.run, resume)
            return self._train()

    def _train(self) -> History:
        run, announce = self.run, self.announce
        try:
            with Interruption() as self.interruption:
                self.prepare()
                announce("on_fit_start", run)
                self.begin()
                while run.epoch <= run.epochs and not self.stopping():
                    run.begin_epoch()
                    announce("on_epoch_start", run)
                    self.epoch()
                self.check()
                if run.stopping:
                    announce("on_stop", run)
                run.history.stopped = run.stopping or "finished"
                last = run.history.last.get("epoch", 0)
                run.history.settings["kept_epoch"] = None if run.batch else last
                announce("on_fit_end", run)
        except BaseException as error:
            self._keep_history(error)
            raise
        finally:
            announce("on_close", run)
        return run.history

    def stopping(self) -> bool:
        """Whether training is to end after the step that is done."""
        if self.interruption.asked:
            self.run.stopping = "interrupted"
        return bool(self.run.stopping)

    def complete(self, row: Row, seconds: float | None = None) -> None:
        """Ends an epoch: its row gets the times, and is announced.

        Arguments:
            row: the numbers of the epoch.
            seconds: those in which examples were trained on; all when not given.
        """
        run = self.run
        row["seconds"] = run.epoch_seconds()
        spent = row["seconds"] if seconds is None else seconds
        row["examples_per_second"] = run.tally.examples / max(spent, 1e-9)
        run.complete_epoch(row)
        self.announce("on_epoch_end", run)
        run.next_epoch()

    def _keep_history(self, error: BaseException) -> None:
        """What was trained before an error is not lost: the error has it."""
        run = self.run
        said = str(getattr(error, "what", error)).splitlines() or [type(error).__name__]
        run.history.stopped = f"error: {said[0]}"
        run.history.settings["stopped_at"] = {
            "epoch": run.epoch,
            "batch": run.batch,
            "step": run.step,
        }
        error.history = run.history  # type: ignore[attr-defined]


# What a loop is given. ---------------------------------------------------------------


def progress_bar(progress: Any) -> list[Progress]:
    """The callback that ``progress=`` stands for, as of ``fit``, if any."""
    if progress is False:
        return []
    from .progress import Progress

    made = Progress(progress)
    return [made] if made.renderer is not None else []


@contextlib.contextmanager
def folders_held(run: Run) -> Iterator[None]:
    """While no other run writes checkpoints to the same folders."""
    locks = {each.lock_path: each.alone for each in _checkpoints(run.callbacks)}
    with contextlib.ExitStack() as held:
        for lock in locks.values():
            held.enter_context(lock())
        yield


def _checkpoints(callbacks: Sequence[Any]) -> list[Checkpoint]:
    return [each for each in callbacks if isinstance(each, Checkpoint)]


def _resume(run: Run, resume: Any) -> None:
    """Restores the run from the checkpoint that ``resume`` names, if any."""
    source = _resume_from(resume, run.callbacks)
    if source is not None:
        path, required = source
        checkpoint.resume(run, path, required=required)


def _resume_from(resume: Any, callbacks: Sequence[Any]) -> tuple[Path, bool] | None:
    """The path to resume from, and whether a checkpoint must be there."""
    if resume is None or resume is False:
        return None
    if resume is not True and resume != "auto":
        if not isinstance(resume, (str, os.PathLike)):
            raise ArgumentError(
                f"fit: resume={resume!r}: expected a path or 'auto'",
                fix="resume='auto', and callbacks.Checkpoint(folder) as a callback",
            )
        return Path(resume), True
    for callback in _checkpoints(callbacks):
        return callback.path, False
    raise ArgumentError(
        "fit: resume='auto': there is no Checkpoint among the callbacks",
        fix="callbacks=[callbacks.Checkpoint(folder)], or resume=path",
    )
