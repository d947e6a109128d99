"""Callbacks: the events in their order, stopping, learning rates, time, the watch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, saving
from chainrule.errors import ArgumentError, OptionError
from chainrule.training import callbacks, describe_loop, fit
from chainrule.training.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    LearningRateLog,
    ModelCheckpoint,
    ReduceOnPlateau,
    TimeLimit,
    Watch,
)
from chainrule.training.events import EVENTS, LOOP
from chainrule.training.progress import Progress
from tests.training.conftest import Points

Build = Callable[..., nn.Module]


class Recorder:
    """Listens to every event; no ``Callback``, so ducks are tested as well."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        for event in EVENTS:
            setattr(self, event, lambda run, event=event: self.heard.append(event))


class Scripted(Callback):
    """Writes a column as it is told, as if it had been measured."""

    order = -100
    columns = ("quality",)

    def __init__(self, *values: float) -> None:
        self.values = values
        self.weights: list[dict[str, Any]] = []

    def on_epoch_end(self, run: Any) -> None:
        run.row["quality"] = self.values[run.epoch - 1]
        self.weights.append(run.model.state_dict())


def test_the_loop_announces_its_printed_events_in_their_order(
    points: Points, network: Build
) -> None:
    recorder = Recorder()
    fit(network(), points, epochs=1, validation=points, callbacks=[recorder],
        batch_size=90, progress=False)  # fmt: skip
    printed = [e for _, e, _ in LOOP if e and e != "on_stop"]
    assert recorder.heard == printed
    inside = [e for d, e, _ in LOOP if e and d == 2]
    fit(network(), points, epochs=2, callbacks=[recorder], batch_size=45,
        progress=False)  # fmt: skip
    assert recorder.heard[len(printed) :] == [
        "on_fit_start",
        *(["on_epoch_start", *inside, *inside, "on_epoch_end"] * 2),
        "on_fit_end",
        "on_close",
    ]


def test_the_printed_loop_says_who_listens_in_the_order_of_calling() -> None:
    text = describe_loop([Checkpoint("runs"), LearningRateLog(), EarlyStopping("loss")])
    lines = {line.split()[0]: line for line in text.splitlines()}
    names = lines["on_epoch_end"].split(None, 1)[1]
    assert names == "LearningRateLog, EarlyStopping, Checkpoint"
    assert lines["on_batch_end"].endswith("Checkpoint")
    assert lines["on_batch_start"] == "    on_batch_start"


def test_an_exception_in_a_callback_reaches_the_caller_and_closes(
    points: Points, network: Build
) -> None:
    class Failing(Callback):
        closed = False

        def on_batch_end(self, run: Any) -> None:
            raise LookupError("mine")

        def on_close(self, run: Any) -> None:
            self.closed = True

    failing = Failing()
    with pytest.raises(LookupError, match="mine"):
        fit(network(), points, callbacks=[failing], progress=False)
    assert failing.closed


def test_a_misspelled_event_is_an_error(points: Points, network: Build) -> None:
    class Misspelled(Callback):
        def on_epoch_ends(self, run: Any) -> None:
            """Would never be called."""

    with pytest.raises(ArgumentError, match="did you mean 'on_epoch_end'"):
        fit(network(), points, callbacks=[Misspelled()], progress=False)
    with pytest.raises(ArgumentError, match="no method named after an event"):
        fit(network(), points, callbacks=[object()], progress=False)


def test_early_stopping_keeps_the_best_weights(points: Points, network: Build) -> None:
    model = network()
    scripted = Scripted(0.1, 0.5, 0.3, 0.4, 0.2, 0.9)
    history = fit(
        model, points, epochs=6, progress=False,
        callbacks=[EarlyStopping("quality", patience=3), scripted],
    )  # fmt: skip
    assert len(history) == 5
    assert history.stopped == "early stopping: no improvement in quality since epoch 2"
    for name, array in model.state_dict().items():
        assert np.array_equal(array, scripted.weights[1][name])


@pytest.mark.parametrize(
    ("values", "options", "epochs"),
    [
        ((1.0, 0.9, 0.89, 0.88, 0.87), {"mode": "min", "min_delta": 0.05}, 4),
        ((1.0, 0.9, 0.8, 0.7, 0.6), {"mode": "min"}, 5),
        ((1.0, 2.0, 3.0, 4.0, 5.0), {"mode": "min"}, 3),
        ((float("nan"),) * 5, {}, 2),
        ((0.5, float("nan"), 0.6, float("nan"), 0.7), {}, 5),
    ],
)
def test_early_stopping_counts(
    values: tuple[float, ...], options: dict[str, Any], epochs: int,
    points: Points, network: Build,
) -> None:  # fmt: skip
    stopping = EarlyStopping("quality", patience=2, **options)
    history = fit(network(), points, epochs=5, progress=False,
                  callbacks=[Scripted(*values), stopping])  # fmt: skip
    assert len(history) == epochs


def test_one_early_stopping_serves_several_runs(points: Points, network: Build) -> None:
    stopping = EarlyStopping("quality", patience=1)
    for _ in range(2):
        history = fit(network(), points, epochs=4, progress=False,
                      callbacks=[Scripted(3.0, 2.0, 1.0, 0.0), stopping])  # fmt: skip
        assert len(history) == 2 and stopping.best_epoch == 1


def test_a_plateau_makes_the_learning_rate_smaller(
    points: Points, network: Build
) -> None:
    model = network()
    history = fit(
        model, points, optimizer=optim.SGD(model.parameters(), lr=1.0), epochs=6,
        callbacks=[
            Scripted(*[1.0] * 6), LearningRateLog(),
            ReduceOnPlateau("quality", patience=2, factor=0.1, min_lr=0.05),
        ],
        progress=False,
    )  # fmt: skip
    expected = [1.0, 1.0, 1.0, 0.1, 0.1, 0.05]
    assert history["learning_rate"] == pytest.approx(expected)


def test_the_time_limit_ends_after_a_step(points: Points, network: Build) -> None:
    history = fit(network(), points, epochs=10**6, progress=False,
                  callbacks=[TimeLimit(0.05)])  # fmt: skip
    assert history.stopped == "time limit: 0.05 s"


MISTAKES: dict[str, tuple[Callable[[], Any], type[Exception]]] = {
    "patience": (lambda: EarlyStopping(patience=0), ArgumentError),
    "mode": (lambda: EarlyStopping(mode="maximum"), OptionError),
    "min_delta": (lambda: EarlyStopping(min_delta=-1.0), ArgumentError),
    "factor": (lambda: ReduceOnPlateau(factor=2.0), ArgumentError),
    "seconds": (lambda: TimeLimit(0), ArgumentError),
    "every": (lambda: Checkpoint("runs", every_epochs=-1), ArgumentError),
    "steps": (lambda: Checkpoint("runs", every_steps=0), ArgumentError),
    "keep": (lambda: Checkpoint("runs", keep=0), ArgumentError),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_an_argument_out_of_range_is_an_error(mistake: str) -> None:
    call, kind = MISTAKES[mistake]
    with pytest.raises(kind, match=mistake.split("_")[0][:4]):
        call()


# The watch. ------------------------------------------------------------------


def test_the_watch_measures_the_very_step(line: Points) -> None:
    """One step of SGD on all examples: ‖Δw‖ = η ‖∇w‖, both computed by hand."""
    cr.manual_seed(0)
    model = nn.Linear(3, 1)
    W, b = (p.numpy().astype(np.float64) for p in model.parameters())
    x, y = line
    error = 2 * (x @ W.T + b - y) / len(x)
    gradient = np.linalg.norm(error.T @ x)
    watch = Watch()
    history = fit(
        model, line, optimizer=optim.SGD(model.parameters(), lr=0.01), epochs=1,
        batch_size=64, callbacks=[watch], progress=False,
    )  # fmt: skip
    found = watch.layers[0]["weight"]
    assert found["gradient_norm"] == pytest.approx(gradient, rel=1e-5)
    assert found["weight_norm"] == pytest.approx(np.linalg.norm(W), rel=1e-5)
    ratio = 0.01 * gradient / np.linalg.norm(W)
    assert found["update_ratio"] == pytest.approx(ratio, rel=1e-4)
    assert {"gradient_norm", "update_ratio"} <= set(history.columns)


def test_watching_does_not_change_training(points: Points, network: Build) -> None:
    models = [network(dropout=0.2), network(dropout=0.2)]
    fit(models[0], points, epochs=2, progress=False)
    fit(models[1], points, epochs=2, callbacks=[Watch()], progress=False)
    one, two = (model.state_dict() for model in models)
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_the_watch_warns_of_dead_units(points: Points, network: Build) -> None:
    model = network()
    hidden = dict(model.named_parameters())["0.bias"]
    hidden.assign(np.full(8, -100.0, np.float32))
    watch = Watch()
    with pytest.warns(UserWarning, match="100% of the units of 1 were 0"):
        fit(model, points, epochs=2, callbacks=[watch], progress=False)
    assert watch.layers[1]["1"]["dead_share"] == 1.0


def test_the_watch_warns_of_vanishing_gradients(points: Points) -> None:
    cr.manual_seed(0)
    deep = [layer for _ in range(12) for layer in (nn.Linear(4, 4), nn.Sigmoid())]
    model = nn.Sequential(nn.Linear(2, 4), *deep, nn.Linear(4, 3))
    with pytest.warns(UserWarning, match="gradients vanish: 0.weight"):
        fit(model, points, epochs=1, callbacks=[Watch()], progress=False)


def test_the_watch_warns_of_updates_as_large_as_the_weights(
    points: Points, network: Build
) -> None:
    model = network()
    fast = optim.SGD(model.parameters(), lr=20.0)
    with pytest.warns(UserWarning, match="a smaller learning rate"):
        fit(model, points, optimizer=fast, epochs=1, callbacks=[Watch()],
            progress=False)  # fmt: skip


def test_callbacks_are_found_under_one_name() -> None:
    assert set(callbacks.__all__) >= {"EarlyStopping", "Checkpoint", "Watch"}


def test_only_callbacks_that_write_nothing_and_change_nothing_only_observe() -> None:
    """Those of the others end the reach of the search for a NaN at each epoch."""
    assert Progress.only_observes
    observing = {
        name
        for name in callbacks.__all__
        if getattr(getattr(callbacks, name), "only_observes", False)
    }
    assert observing == {"EarlyStopping", "LearningRateLog", "TimeLimit"}


class TestModelCheckpoint:
    """The best model so far is in a file."""

    def run(self, folder: Path, points: Points, **settings: Any) -> Any:
        cr.manual_seed(0)
        model = nn.Linear(2, 3)
        kept: list[dict[str, Any]] = []

        class Keep(Callback):
            def on_epoch_end(self, run: Any) -> None:
                kept.append(run.model.state_dict())

        path = folder / "deep" / "best.safetensors"
        saver = ModelCheckpoint(path, "validation_loss", **settings)
        history = fit(
            model, points, validation=0.3, epochs=12, callbacks=[saver, Keep()],
            optimizer=optim.SGD(model.parameters(), lr=8.0), batch_size=8,
            progress=False,
        )  # fmt: skip
        return model, history, saver, kept, path

    def test_the_file_holds_the_weights_of_the_best_epoch(
        self, points: Points, tmp_path: Path
    ) -> None:
        model, history, saver, kept, path = self.run(tmp_path, points)
        best = history.best("validation_loss")
        assert saver.best_epoch == best["epoch"] < 12
        saved = cr.load(path).state_dict()
        for name, array in kept[saver.best_epoch - 1].items():
            np.testing.assert_array_equal(saved[name], array)
        notes = saving.read(path)[1]["notes"]
        assert notes == {name: best[name] for name in ("epoch", "validation_loss")}
        np.testing.assert_array_equal(model.weight.numpy(), kept[-1]["weight"])
        assert history.settings["kept_epoch"] == 12

    def test_restore_best_gives_the_model_these_weights(
        self, points: Points, tmp_path: Path
    ) -> None:
        model, history, saver, kept, _ = self.run(tmp_path, points, restore_best=True)
        best = kept[saver.best_epoch - 1]
        np.testing.assert_array_equal(model.weight.numpy(), best["weight"])
        assert history.settings["kept_epoch"] == saver.best_epoch
        assert repr(history).splitlines()[0] == (
            "History: 12 epochs, finished; the model has the weights of epoch "
            f"{saver.best_epoch}"
        )

    def test_a_resumed_run_replaces_only_by_a_better_one(
        self, points: Points, tmp_path: Path
    ) -> None:
        def go(epochs: int, resume: Any, folder: Path) -> bytes:
            cr.manual_seed(0)
            model = nn.Linear(2, 3)
            best = ModelCheckpoint(folder / "best.safetensors")
            fit(model, points, validation=0.3, epochs=epochs, resume=resume,
                optimizer=optim.SGD(model.parameters(), lr=8.0), batch_size=8,
                progress=False,
                callbacks=[best, Checkpoint(folder / "run")])  # fmt: skip
            return (folder / "best.safetensors").read_bytes()

        whole = go(10, None, tmp_path / "whole")
        go(6, None, tmp_path / "part")
        assert go(10, "auto", tmp_path / "part") == whole

    def test_what_it_cannot_monitor_is_an_error_before_training(
        self, points: Points, tmp_path: Path
    ) -> None:
        saver = ModelCheckpoint(tmp_path / "best.safetensors")
        with pytest.raises(ArgumentError, match="there is no validation data"):
            fit(nn.Linear(2, 3), points, callbacks=[saver], progress=False)
        assert repr(saver).endswith("best.safetensors', 'validation_loss')")


def test_the_history_says_whose_weights_remain(points: Points, network: Build) -> None:
    stopping = EarlyStopping("loss", patience=2)
    history = fit(network(), points, epochs=3, callbacks=[stopping], progress=False)
    assert history.settings["kept_epoch"] == stopping.best_epoch

    class Stop(Callback):
        def on_batch_end(self, run: Any) -> None:
            if run.step == 4:
                run.stop("within an epoch")

    history = fit(network(), points, epochs=3, callbacks=[Stop()], progress=False)
    assert history.settings["kept_epoch"] is None


def test_an_event_may_be_any_callable_that_takes_the_run() -> None:
    seen: list[Any] = []

    class Several:
        on_fit_start = staticmethod(seen.append)

        def on_epoch_end(self, run: Any, more: int = 3) -> None:
            seen.append(more)

        def on_fit_end(self, *arguments: Any) -> None:
            seen.extend(arguments)

    history = cr.fit(
        cr.nn.Linear(2, 1),
        (np.zeros((4, 2)), np.zeros((4, 1))),
        epochs=1,
        callbacks=[Several()],
        progress=False,
    )
    assert [type(each).__name__ for each in seen] == ["Run", "int", "Run"]
    assert len(history["loss"]) == 1
