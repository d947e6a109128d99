"""The events of the training loop, and ``Callback``, which listens to them.

Place on the road: what connects ``fit`` with its callbacks. The
list ``LOOP`` is the loop, in order: ``fit`` announces these events and no others, and
``describe_loop`` prints it. It must not know of data, files or progress bars.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError, nearest
from ..foreign import Settled

if TYPE_CHECKING:
    from .run import Run

#: The loop: how deep, the event (or "" for what happens between), and what it means.
LOOP: tuple[tuple[int, str, str], ...] = (
    (0, "on_fit_start", "data checked, checkpoint read; nothing trained yet"),
    (0, "", "for each epoch:"),
    (1, "on_epoch_start", "an epoch begins, or is resumed in the middle"),
    (1, "", "for each batch:"),
    (2, "on_batch_start", "the batch is ready: run.inputs, run.targets"),
    (2, "", "forward, backward, update: one compiled call, or many steps in one"),
    (2, "on_batch_end", "the step is done: run.loss, run.step"),
    (1, "on_validation_start", "where there is validation data"),
    (1, "", "loss and metrics of the validation data"),
    (1, "on_validation_end", "run.row has the columns validation_…"),
    (1, "on_epoch_end", "run.row is complete; columns may be added"),
    (0, "on_stop", "Ctrl-C or run.stop(): training ends early"),
    (0, "on_fit_end", "training has ended without an error"),
    (0, "on_close", "the very last, after an error as well"),
)

#: More steps than are ever made in one call.
MANY = sys.maxsize

EVENTS: tuple[str, ...] = tuple(name for _, name, _ in LOOP if name)


class Callback(Settled):
    """The base of callbacks. Subclasses write the events they need.

    Each event is given the ``Run``: the model, the optimizer, the history, where the
    loop stands, and ``run.stop("why")``. An object with methods of these names that is
    no ``Callback`` works as well. An exception in a callback ends training and reaches
    the caller of ``fit``.

    Attributes:
        order: callbacks of a lower order are called first, those of one order as
            given.
        columns: what it adds to the rows of the history.
        only_observes: whether it neither changes values of the model or the optimizer
            during training nor writes them somewhere. Where all callbacks are such, the
            search for a NaN may go back beyond the beginning of an epoch, which costs
            fewer copies.

    Example:
        >>> class Goal(Callback):
        ...     def on_epoch_end(self, run):
        ...         if run.row["loss"] < 0.1:
        ...             run.stop("good enough")
    """

    names_elsewhere = ("training.CALLBACK",)

    order: int = 0
    columns: tuple[str, ...] = ()
    only_observes: bool = False

    def on_fit_start(self, run: Run) -> None:
        """Data checked, checkpoint read; nothing trained yet."""

    def on_epoch_start(self, run: Run) -> None:
        """Epoch ``run.epoch`` begins, or is resumed at ``run.batch`` > 0."""

    def on_batch_start(self, run: Run) -> None:
        """A batch is about to be trained on: ``run.inputs``, ``run.targets``."""

    def on_batch_end(self, run: Run) -> None:
        """A step is done; its loss is ``run.loss``."""

    def steps_at_once(self, run: Run) -> int:
        """How many steps may be made until ``on_batch_end`` is called again, for a
        callback that hears of batches.

        Where steps are short, ``fit`` makes many of them in one call of machine code,
        but no more than this. With 1, which is so unless a subclass says otherwise, the
        callback hears of every step. With more, ``run.loss`` is that of the last of
        them, and ``run.tally`` has counted all.
        """
        return 1

    def on_validation_start(self, run: Run) -> None:
        """All batches of the epoch are done; there is validation data."""

    def on_validation_end(self, run: Run) -> None:
        """``run.row`` has the columns ``validation_…``."""

    def on_epoch_end(self, run: Run) -> None:
        """``run.row``, the last of the history, is complete; columns may be added."""

    def on_stop(self, run: Run) -> None:
        """Training ends before its time: ``run.stopping`` says why."""

    def on_fit_end(self, run: Run) -> None:
        """Training has ended: finished, stopped or interrupted, without an error."""

    def on_close(self, run: Run) -> None:
        """The very last event, also after an error: release resources here."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must keep of this callback: JSON values and arrays."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Puts back what ``state_dict`` returned; called before ``on_fit_start``."""


class Dispatcher:
    """Calls, for each event, the callbacks that listen to it.

    Arguments:
        callbacks: objects with methods named after events.

    Raises:
        ArgumentError: for an object that listens to nothing, or a method whose name is
            almost that of an event.
    """

    def __init__(self, callbacks: Iterable[Any]) -> None:
        self.callbacks = sorted(callbacks, key=lambda each: getattr(each, "order", 0))
        for each in self.callbacks:
            _check(each)
        self.listeners: dict[str, tuple[Callable[[Run], None], ...]] = {
            event: tuple(
                getattr(each, event) for each in self.callbacks if listens(each, event)
            )
            for event in EVENTS
        }

    def hearing(self, event: str) -> list[Any]:
        """The callbacks that listen to an event."""
        return [each for each in self.callbacks if listens(each, event)]

    def __call__(self, event: str, run: Run) -> None:
        """Calls every listener of an event."""
        for listener in self.listeners[event]:
            listener(run)


def listens(callback: Any, event: str) -> bool:
    """Whether a callback does something at an event."""
    method = getattr(callback, event, None)
    if method is None:
        return False
    inherited = getattr(type(callback), event, None) is getattr(Callback, event)
    return not inherited or event in getattr(callback, "__dict__", {})


def _takes_a_run(method: Callable[..., Any]) -> bool:
    try:
        inspect.signature(method).bind(None)
    except TypeError:
        return False
    except ValueError:  # no signature is known
        return True
    return True


def _check(callback: Any) -> None:
    name = type(callback).__name__
    if isinstance(callback, type):
        raise ArgumentError(
            f"callbacks: {callback.__name__} is a class",
            fix=f"make one: {callback.__name__}(…)",
        )
    for method in dir(callback):
        unknown = method.startswith("on_") and method not in EVENTS
        close = nearest(method, EVENTS) if unknown else None
        if close:
            raise ArgumentError(
                f"callbacks: {name}.{method} is not an event of the loop, so it would "
                f"never be called: the events are {', '.join(EVENTS)}",
                fix=f"did you mean {close!r}?",
            )
    for event in EVENTS:
        if listens(callback, event) and not _takes_a_run(getattr(callback, event)):
            raise ArgumentError(
                f"callbacks: {name}.{event} does not take one argument, the run",
                fix=f"def {event}(self, run): …, where run.epoch, run.batch, run.row "
                "and run.model are what others are given",
            )
    if not any(hasattr(callback, event) for event in EVENTS):
        raise ArgumentError(
            f"callbacks: {name} has no method named after an event of the loop: "
            f"{', '.join(EVENTS)}",
            fix="class …(callbacks.Callback): def on_epoch_end(self, run): …",
        )


def describe_loop(callbacks: Iterable[Any] = ()) -> str:
    """The training loop as text: its events in order, and who listens to each.

    Arguments:
        callbacks: those that ``fit`` would be given.

    Example:
        >>> from chainrule.training.callbacks import EarlyStopping
        >>> text = describe_loop([EarlyStopping("loss", patience=3)])
        >>> [line.strip() for line in text.splitlines() if "EarlyStopping" in line][1]
        'on_epoch_end             EarlyStopping'
    """
    dispatcher = Dispatcher(callbacks)
    lines = []
    for depth, event, meaning in LOOP:
        if not event:
            lines.append("  " * depth + meaning)
            continue
        names = [type(c).__name__ for c in dispatcher.callbacks if listens(c, event)]
        left = "  " * depth + event
        lines.append(f"{left:<27}{', '.join(names)}".rstrip())
    return "\n".join(lines)
