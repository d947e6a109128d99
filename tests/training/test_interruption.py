"""Ctrl-C: the first finishes the step and keeps everything, the second ends at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chainrule import nn
from chainrule.training import fit
from chainrule.training.callbacks import Callback, Checkpoint
from chainrule.training.interruption import Interruption
from tests.training.conftest import Points
from tests.training.test_loop import same_weights, without_times

Build = Callable[..., nn.Module]


class Press(Callback):
    """Presses Ctrl-C at an event, and remembers the weights after each step."""

    def __init__(self, event: str, times: int = 1) -> None:
        self.weights: dict[str, Any] = {}
        setattr(self, event, self.press)
        self.times = times
        self.pressed = False

    def press(self, run: Any) -> None:
        if not self.pressed:
            self.pressed = True
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)

    def on_stop(self, run: Any) -> None:
        self.weights = run.model.state_dict()
        self.place = run.place


@pytest.mark.parametrize(
    ("event", "place", "rows"),
    [
        ("on_batch_start", (1, 1), 0),
        ("on_batch_end", (1, 1), 0),
        ("on_validation_start", (1, 3), 0),
        ("on_epoch_end", (2, 0), 1),
    ],
)
def test_the_step_is_finished_and_the_history_answered(
    event: str, place: tuple[int, int], rows: int, points: Points, network: Build
) -> None:
    model, press = network(), Press(event)
    history = fit(model, points, validation=points, epochs=3, callbacks=[press],
                  progress=False)  # fmt: skip
    assert history.stopped == "interrupted"
    assert len(history) == rows
    assert press.place == place
    now = model.state_dict()
    assert all(np.array_equal(now[name], a) for name, a in press.weights.items())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    "event", ["on_batch_end", "on_validation_start", "on_epoch_end"]
)
def test_an_interrupted_run_goes_on(
    event: str, points: Points, network: Build, tmp_path: Any
) -> None:
    whole, parts = network(), network()

    def run(model: nn.Module, *extra: Callback, resume: Any = None) -> Any:
        return fit(
            model, points, validation=points, epochs=3, progress=False, resume=resume,
            callbacks=[Checkpoint(tmp_path / str(id(model)), every_epochs=0), *extra],
        )  # fmt: skip

    expected = run(whole)
    run(parts, Press(event))
    history = run(parts, resume="auto")
    assert same_weights(whole, parts)
    assert without_times(history) == without_times(expected)


def test_the_second_ends_at_once(points: Points, network: Build) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(network(), points, callbacks=[Press("on_batch_start", 2)], progress=False)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_in_another_thread_training_works_without_a_handler(
    points: Points, network: Build
) -> None:
    answers: list[Any] = []
    thread = threading.Thread(
        target=lambda: answers.append(fit(network(), points, epochs=1, progress=False))
    )
    thread.start()
    thread.join()
    assert answers[0].stopped == "finished"


def test_a_handler_of_the_program_is_left_alone() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interruption() as interruption:
            signal.raise_signal(signal.SIGINT)
            assert not interruption.asked
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
