"""``WeightAveraging``: the network of a run ends as the average of its steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import callbacks, nn, optim
from chainrule.errors import ArgumentError, NumericsError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 3)).astype(np.float32)
Y = (X @ RNG.normal(size=(3, 1)) + 0.5 * RNG.normal(size=(48, 1))).astype(np.float32)


def network(norm: bool = False) -> nn.Sequential:
    cr.manual_seed(0)
    middle = [nn.BatchNorm1d(4)] if norm else []
    return nn.Sequential(nn.Linear(3, 4), *middle, nn.Tanh(), nn.Linear(4, 1))


class Seen(callbacks.Callback):
    """The weights after every step, and at certain events."""

    order = 70

    def __init__(self) -> None:
        self.steps: list[Any] = []
        self.epochs: list[Any] = []
        self.validated: list[Any] = []

    def on_batch_end(self, run: Any) -> None:
        self.steps.append(run.model.state_dict())

    def on_validation_end(self, run: Any) -> None:
        self.validated.append(run.model.state_dict())

    def on_epoch_end(self, run: Any) -> None:
        self.epochs.append(run.model.state_dict())


def fit(model: nn.Module, *listening: Any, epochs: int = 3, **options: Any) -> Any:
    settings = {"optimizer": optim.Adam(lr=0.05), "batch_size": 8, **options}
    return cr.fit(
        model,
        (X, Y),
        epochs=epochs,
        validation=(X[:16], Y[:16]),
        callbacks=list(listening),
        progress=False,
        **settings,
    )


def mean(states: list[Any], decay: float | None) -> dict[str, Any]:
    last = len(states) - 1
    c = np.array(
        [1.0 if decay is None else decay ** (last - t) for t in range(last + 1)]
    )
    c /= c.sum()
    return {
        name: sum(a * state[name] for a, state in zip(c, states, strict=True))
        for name in states[0]
    }


def assert_close(one: Any, other: Any) -> None:
    for name, value in other.items():
        np.testing.assert_allclose(one[name], value, rtol=2e-4, atol=2e-6)


def assert_equal(one: Any, other: Any) -> None:
    for name, value in other.items():
        np.testing.assert_array_equal(one[name], value)


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("decay", [None, 0.9])
def test_the_network_ends_with_the_average_and_trains_without(
    decay: float | None, norm: bool
) -> None:
    seen, model = Seen(), network(norm)
    history = fit(model, callbacks.WeightAveraging(decay), seen)
    usual, plain = Seen(), network(norm)
    fit(plain, usual)
    for one, other in zip(seen.steps, usual.steps, strict=True):
        assert_equal(one, other)
    assert_close(model.state_dict(), mean(seen.steps, decay))
    assert_close(seen.validated[0], mean(seen.steps[:6], decay))
    assert_equal(seen.epochs[0], seen.steps[5])
    assert history.settings["averaged_steps"] == 18
    scored = cr.evaluate(model, (X[:16], Y[:16]))["loss"]
    assert scored == pytest.approx(history["validation_loss"][-1], rel=1e-5)


def test_averaging_begins_with_an_epoch_and_validation_is_the_usual_one_before() -> (
    None
):
    seen, model = Seen(), network()
    fit(model, callbacks.WeightAveraging(None, start_epoch=3), seen)
    assert_equal(seen.validated[1], seen.steps[11])
    assert_close(model.state_dict(), mean(seen.steps[12:], None))


def test_the_weights_themselves_are_validated_where_that_is_asked_for() -> None:
    seen, model = Seen(), network()
    fit(model, callbacks.WeightAveraging(None, validate=False), seen)
    assert_equal(seen.validated[1], seen.steps[11])
    assert_close(model.state_dict(), mean(seen.steps, None))


def test_early_stopping_keeps_the_average_of_its_best_epoch() -> None:
    seen, model = Seen(), network()
    stopping = callbacks.EarlyStopping(patience=2)
    rising = {"optimizer": optim.SGD(lr=0.9), "epochs": 12}
    history = fit(model, callbacks.WeightAveraging(0.5), stopping, seen, **rising)
    best = history.settings["kept_epoch"]
    assert best < len(history)
    assert_equal(model.state_dict(), seen.validated[best - 1])


def test_the_best_model_file_has_the_averages(tmp_path: Path) -> None:
    seen, path = Seen(), tmp_path / "best.safetensors"
    keeping = callbacks.ModelCheckpoint(path)
    fit(network(), callbacks.WeightAveraging(0.9), keeping, seen)
    states = [cr.load(path).state_dict()]
    assert any(
        all(np.array_equal(states[0][n], v[n]) for n in v) for v in seen.validated
    )


class StopAt(callbacks.Callback):
    """Ends training after a number of steps."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_batch_end(self, run: Any) -> None:
        if run.step == self.step:
            run.stop("here")


@pytest.mark.parametrize("step", [4, 6, 11])
def test_a_run_is_resumed_to_the_bit(tmp_path: Path, step: int) -> None:
    whole = network(norm=True)
    fit(whole, callbacks.WeightAveraging(0.9))
    keep = callbacks.Checkpoint(tmp_path)
    fit(network(norm=True), callbacks.WeightAveraging(0.9), keep, StopAt(step))
    resumed = network(norm=True)
    fit(resumed, callbacks.WeightAveraging(0.9), keep, resume="auto")
    assert_equal(resumed.state_dict(), whole.state_dict())


def test_a_run_that_is_stopped_has_the_average_so_far() -> None:
    seen, model = Seen(), network()
    fit(model, callbacks.WeightAveraging(None), seen, StopAt(4))
    assert_close(model.state_dict(), mean(seen.steps[:4], None))


def test_after_an_error_in_validation_the_network_has_its_weights() -> None:
    class Fail(callbacks.Callback):
        def on_validation_end(self, run: Any) -> None:
            raise ZeroDivisionError

    seen, model = Seen(), network()
    with pytest.raises(ZeroDivisionError):
        fit(model, callbacks.WeightAveraging(None), seen, Fail())
    assert_equal(model.state_dict(), seen.steps[-1])


def test_a_nan_is_found_as_without() -> None:
    model = network()
    with pytest.raises(NumericsError):
        fit(
            model,
            callbacks.WeightAveraging(),
            optimizer=optim.SGD(lr=1e20),
            epochs=20,
        )
    assert all(np.isfinite(v).all() for v in model.state_dict().values())


def test_best_weights_that_are_not_averages_are_refused_beside_it() -> None:
    averaging = callbacks.WeightAveraging(validate=False)
    with pytest.raises(ArgumentError) as caught:
        fit(network(), averaging, callbacks.EarlyStopping())
    assert caught.value.what == (
        "WeightAveraging(validate=False) with EarlyStopping: the network would end "
        "with its best weights, not with their average"
    )
    assert caught.value.fix == "validate=True, or restore_best=False"


def test_two_averages_of_one_network_are_refused() -> None:
    with pytest.raises(ArgumentError) as caught:
        fit(network(), callbacks.WeightAveraging(0.9), callbacks.WeightAveraging(None))
    assert caught.value.what == (
        "fit: 2 callbacks WeightAveraging: the network can end with one average"
    )
    assert caught.value.fix == "callbacks=[callbacks.WeightAveraging()]"


def test_an_average_that_never_began_is_said() -> None:
    said = (
        "WeightAveraging: nothing was averaged: start_epoch = 4, and training ended "
        "after epoch 3"
    )
    with pytest.warns(UserWarning) as caught:
        history = fit(network(), callbacks.WeightAveraging(start_epoch=4))
    assert [str(each.message) for each in caught] == [said]
    assert history.settings["averaged_steps"] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"decay": 1.0},
            "WeightAveraging: decay = 1.0: decay must be at least 0 and less than 1",
        ),
        (
            {"start_epoch": 0},
            "WeightAveraging: start_epoch = 0: start_epoch must be a whole number, at "
            "least 1",
        ),
        (
            {"validate": 1},
            "WeightAveraging: validate=1: expected True or False",
        ),
    ],
)
def test_an_option_out_of_range_is_refused(options: Any, message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        callbacks.WeightAveraging(**options)
    assert caught.value.what == message
