"""``fit``: it learns, repeats itself to the bit, and says early what cannot work."""

from __future__ import annotations

import gc
import math
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, nn, optim
from chainrule.errors import (
    ArgumentError,
    ChainruleError,
    DataError,
    DTypeError,
    FileError,
    GradientError,
    NumericsError,
    OptionError,
    ShapeError,
)
from chainrule.training import callbacks, evaluate, fit, metrics, predict
from chainrule.training.history import History
from tests.training.conftest import Points

Build = Callable[..., nn.Module]


def without_times(history: History) -> list[dict[str, Any]]:
    times = ("seconds", "examples_per_second")
    return [{k: v for k, v in row.items() if k not in times} for row in history.epochs]


def same_weights(a: nn.Module, b: nn.Module) -> bool:
    one, two = a.state_dict(), b.state_dict()
    return all(np.array_equal(one[name], two[name]) for name in one)


def test_digits_are_learned() -> None:
    digits = data.load("digits")
    cr.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = optim.Adam(model.parameters(), lr=5e-3)
    history = fit(model, digits, optimizer=optimizer, epochs=15, progress=False)
    assert history.columns[:3] == ["epoch", "loss", "accuracy"]
    assert history["loss"][-1] < 0.1
    assert evaluate(model, digits)["accuracy"] > 0.95


def test_mnist_is_learned_from_a_part_of_it(data_folder: Any) -> None:
    mnist = data.load("mnist")
    part = mnist.train.subset(np.arange(6000))
    cr.manual_seed(0)
    model = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
    fit(model, part, epochs=3, batch_size=64, progress=False)
    assert evaluate(model, mnist.test.subset(np.arange(2000)))["accuracy"] > 0.85


def test_amounts_are_learned(line: Points, network: Build) -> None:
    model = network(3, 16, 1)
    history = fit(
        model, line, optimizer=optim.Adam(model.parameters(), lr=0.02), epochs=60,
        progress=False,
    )  # fmt: skip
    assert history.settings["loss"] == "mse"
    assert history["r2"][-1] > 0.95


def test_the_same_seed_gives_the_same_bits(points: Points, network: Build) -> None:
    runs = []
    for seed in (1, 1, 2):
        model = network(dropout=0.3)
        history = fit(model, points, epochs=3, seed=seed, progress=False)
        runs.append((model, without_times(history)))
    assert runs[0][1] == runs[1][1]
    assert same_weights(runs[0][0], runs[1][0])
    assert runs[0][1] != runs[2][1]


def test_a_full_batch_without_shuffling_is_gradient_descent(line: Points) -> None:
    """Three epochs of one batch equal three steps written out in NumPy."""
    x, y = line
    cr.manual_seed(0)
    model = nn.Linear(3, 1)
    W, b = (p.numpy().astype(np.float64) for p in model.parameters())
    fit(
        model, line, optimizer=optim.SGD(model.parameters(), lr=0.1), epochs=3,
        batch_size=64, progress=False,
    )  # fmt: skip
    for _ in range(3):
        error = 2 * (x @ W.T + b - y) / len(x)
        W, b = W - 0.1 * error.T @ x, b - 0.1 * error.sum(0)
    np.testing.assert_allclose(model.weight.numpy(), W, rtol=1e-5)
    np.testing.assert_allclose(model.bias.numpy(), b, rtol=1e-4)


def test_the_loss_of_an_epoch_counts_every_example_once(points: Points) -> None:
    """90 examples in batches of 32, 32, 26; a rate so small that nothing changes."""
    cr.manual_seed(0)
    model = nn.Linear(2, 3)
    still = optim.SGD(model.parameters(), lr=1e-30)
    history = fit(model, points, optimizer=still, epochs=1, progress=False)
    whole = evaluate(model, points, batch_size=90)
    assert history.last["loss"] == pytest.approx(whole["loss"], rel=1e-6)
    assert history.last["accuracy"] == whole["accuracy"]


def test_validation_columns_are_what_evaluate_says(
    points: Points, network: Build
) -> None:
    x, y = points
    model = network()
    history = fit(
        model, (x[:60], y[:60]), validation=(x[60:], y[60:]), epochs=2, batch_size=4,
        metrics=["accuracy", "f1"], progress=False,
    )  # fmt: skip
    found = evaluate(model, (x[60:], y[60:]), metrics=["accuracy", "f1"], batch_size=16)
    for name, value in found.items():
        assert history.last[f"validation_{name}"] == value


def test_a_fraction_is_held_out_of_training(points: Points, network: Build) -> None:
    model = network()
    history = fit(model, points, validation=0.2, epochs=1, progress=False)
    assert history.settings["data"].endswith("72 examples")
    assert history.settings["validation"].endswith("18 examples")


def test_a_split_is_trained_on_its_training_part_and_never_tested(
    points: Points, network: Build
) -> None:
    plain = data.train_test_split(points, test=0.2)
    history = fit(network(), plain, epochs=1, progress=False)
    assert history.settings["data"].endswith("72 examples")
    assert "validation_loss" not in history
    three = data.train_test_split(points, test=0.2, validation=0.1)
    history = fit(network(), three, epochs=1, progress=False)
    assert history.settings["validation"].endswith("9 examples")


def test_a_stream_is_trained_on_like_the_data_it_brings(
    points: Points, network: Build
) -> None:
    x, y = points[0].astype(np.float32), points[1]
    whole = data.Dataset(x, y)

    def make(epoch: int) -> Any:
        return data.batches(whole, 32, seed=0, epoch=epoch)

    models = [network(), network()]
    a = fit(models[0], whole, epochs=2, progress=False)
    b = fit(models[1], data.Stream(make), epochs=2, progress=False)
    assert same_weights(*models)
    assert without_times(a) == without_times(b)


def test_inputs_and_outputs_may_be_several(points: Points) -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            self.a, self.b = nn.Linear(1, 3), nn.Linear(1, 3)

        def forward(self, left: Any, right: Any) -> Any:
            return self.a(left) + self.b(right), self.a(left)

    x, y = points

    def loss(outputs: Any, targets: Any) -> Any:
        return cr.mean((outputs[0] - cr.one_hot(targets, 3)) ** 2)

    both = ((x[:, :1], x[:, 1:]), y)
    history = fit(Two(), both, loss=loss, metrics=[], epochs=2, progress=False)
    assert history["loss"][1] < history["loss"][0]
    first, second = predict(Two(), both[0])
    assert first.shape == second.shape == (90, 3)


def test_a_loss_of_the_outputs_alone_needs_no_targets(points: Points) -> None:
    model = nn.Linear(2, 2)
    history = fit(
        model, points[0], loss=lambda outputs: (outputs**2).mean(), epochs=2,
        progress=False,
    )  # fmt: skip
    assert history["loss"][1] < history["loss"][0]


def test_float64_models_train_in_float64(line: Points, network: Build) -> None:
    model = network(3, 4, 1).astype("float64")
    fit(model, line, epochs=1, progress=False)
    assert {p.dtype for p in model.parameters()} == {np.dtype("float64")}


def test_parameters_outside_of_the_optimizer_stay(
    points: Points, network: Build
) -> None:
    model = network()
    before = model.state_dict()
    only = optim.SGD([model.parameters()[-1]], lr=0.1)
    fit(model, points, optimizer=only, epochs=1, progress=False)
    changed = {n for n, a in model.state_dict().items() if (a != before[n]).any()}
    assert len(changed) == 1


def test_a_functions_metric_sees_everything_once(
    points: Points, network: Build
) -> None:
    sizes = []

    def largest(outputs: Any, targets: Any) -> float:
        sizes.append((outputs.shape, targets.shape))
        return float(outputs.max())

    history = fit(network(), points, metrics=[largest], epochs=1, progress=False)
    assert sizes == [((90, 3), (90,))]
    assert isinstance(history.last["largest"], float)


class Unreached(nn.Module):
    """Has a layer that it does not use."""

    def __init__(self) -> None:
        self.used, self.unused = nn.Linear(2, 3), nn.Linear(2, 3)

    def forward(self, x: Any) -> Any:
        return self.used(x)


X = np.random.default_rng(0).normal(size=(40, 2))
Y = np.arange(40) % 3
HOLE = np.where(np.arange(80).reshape(40, 2) == 15, np.nan, X)


def model() -> nn.Module:
    return nn.Linear(2, 3)


MISTAKES: dict[str, tuple[Callable[[], Any], type[Exception], list[str]]] = {
    "label out of range": (
        lambda: fit(model(), (X, np.where(np.arange(40) == 37, 10, Y))), DataError,
        ["label 10 for 3 classes at row 37"],
    ),
    "label out of range in validation": (
        lambda: fit(model(), (X, Y), validation=(X, Y + 1)), DataError,
        ["'validation'", "label 3 for 3 classes at row 2"],
    ),
    "unequal lengths": (lambda: fit(model(), (X, Y[:-1])), DataError, ["40 ≠ 39"]),
    "NaN": (lambda: fit(model(), (HOLE, Y)), DataError, ["row 7, column 1"]),
    "too large for float32": (
        lambda: fit(model(), (X * 1e300, Y)), DataError, ["float32", "row 0"],
    ),
    "float labels": (
        lambda: fit(model(), (X, Y * 1.0), loss="cross_entropy"), DTypeError,
        ["targets.astype('int64')"],
    ),
    "no examples": (lambda: fit(model(), (X[:0], Y[:0])), DataError, ["no examples"]),
    "one class": (lambda: fit(model(), (X, Y * 0)), DataError, ["label 0"]),
    "unknown loss": (
        lambda: fit(model(), (X, Y), loss="cross_entrpy"), OptionError,
        ["did you mean 'cross_entropy'?"],
    ),
    "unknown optimizer": (
        lambda: fit(model(), (X, Y), optimizer="adm"), OptionError, ["'adam'"],
    ),
    "unknown metric": (
        lambda: fit(model(), (X, Y), metrics=["acuracy"]), OptionError, ["'accuracy'"],
    ),
    "unknown progress": (
        lambda: fit(model(), (X, Y), progress="plane"), OptionError, ["'plain'"],
    ),
    "unknown engine": (
        lambda: fit(model(), (X, Y), engine="nump"), OptionError, ["'numpy'"],
    ),
    "misspelled monitor": (
        lambda: fit(model(), (X, Y), callbacks=[callbacks.EarlyStopping("acuracy")]),
        OptionError, ["'accuracy'"],
    ),
    "monitor without validation": (
        lambda: fit(model(), (X, Y), callbacks=[callbacks.EarlyStopping()]),
        ArgumentError, ["validation=0.1"],
    ),
    "loss would broadcast": (
        lambda: fit(nn.Linear(2, 2), (X, X[:, 0])), ShapeError, ["(32, 2)", "(32,)"],
    ),
    "loss of many numbers": (
        lambda: fit(model(), (X, Y), loss=lambda o, t: o), ShapeError, [".mean()"],
    ),
    "parameter not reached": (
        lambda: fit(Unreached(), (X, Y)), GradientError,
        ["unused.weight, unused.bias", "Unreached"],
    ),
    "another model's optimizer": (
        lambda: fit(model(), (X, Y), optimizer=optim.Adam(model().parameters())),
        ArgumentError, ["none of the parameters"],
    ),
    "nothing to train": (
        lambda: fit(nn.ReLU(), (X, Y)), ArgumentError, ["no parameters"],
    ),
    "a class for a model": (
        lambda: fit(nn.Linear, (X, Y)), ArgumentError, ["Linear(…)"],
    ),
    "a function for a model": (
        lambda: fit(len, (X, Y)), ArgumentError, ["nn.Module"],
    ),
    "a class for a callback": (
        lambda: fit(model(), (X, Y), callbacks=[callbacks.Watch]), ArgumentError,
        ["Watch(…)"],
    ),
    "one callback, no list": (
        lambda: fit(model(), (X, Y), callbacks=callbacks.Watch()), ArgumentError,
        ["expected a list"],
    ),
    "no epochs": (lambda: fit(model(), (X, Y), epochs=-1), ArgumentError, ["epochs"]),
    "no batch": (
        lambda: fit(model(), (X, Y), batch_size=0), ArgumentError, ["batch_size=0"],
    ),
    "a fraction above 1": (
        lambda: fit(model(), (X, Y), validation=1.5), ArgumentError,
        ["between 0 and 1"],
    ),
    "a name for data": (lambda: fit(model(), "digits"), ArgumentError, ["data.load"]),
    "no targets": (lambda: fit(model(), X), ArgumentError, ["data=(x, x)"]),
    "no checkpoint": (
        lambda: fit(model(), (X, Y), resume="nowhere"), FileError, ['resume="auto"'],
    ),
    "resume from where": (
        lambda: fit(model(), (X, Y), resume="auto"), ArgumentError, ["Checkpoint"],
    ),
    "evaluate without targets": (
        lambda: evaluate(model(), X), DataError, ["cr.predict"],
    ),
    "predict with NaN": (lambda: predict(model(), HOLE), DataError, ["row 7"]),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_clear_error_before_training(
    mistake: str, capsys: pytest.CaptureFixture[str]
) -> None:
    call, kind, words = MISTAKES[mistake]
    with pytest.raises(kind) as caught:
        call()
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert capsys.readouterr().err == ""


class Square(nn.Module):
    """Squares a number again and again, so that it soon overflows."""

    def __init__(self) -> None:
        self.w = cr.parameter([[1.0, 1.0]])
        self.noise = nn.Dropout(0.0)

    def forward(self, x: Any, training: bool = False) -> Any:
        y = self.noise(x @ self.w.T, training=training)
        return cr.exp(y)


def test_a_diverging_run_names_the_operation_and_keeps_the_last_good_values() -> None:
    model = Square()
    optimizer = optim.SGD(model.parameters(), lr=30.0)
    seen: list[Any] = []

    class Record(callbacks.Callback):
        def on_batch_start(self, run: Any) -> None:
            seen.append((model.state_dict(), optimizer.state_dict(), random_state()))

    def random_state() -> Any:
        return cr.random.default_generator.state.array.copy()

    x = np.linspace(-1, 1, 80).reshape(40, 2)
    with pytest.raises(NumericsError) as caught:
        fit(
            model, (x, -x[:, :1]), optimizer=optimizer, batch_size=8,
            callbacks=[Record()], progress=False,
        )  # fmt: skip
    text = str(caught.value)
    assert f"step {len(seen)} (epoch 1, batch {len(seen)})" in text
    assert "Inf in" in text and "return cr.exp(y)" in text
    assert f"after step {len(seen) - 1}, the last good one" in text
    weights, state, random = seen[-1]
    assert all(np.array_equal(model.state_dict()[n], a) for n, a in weights.items())
    assert all(np.array_equal(optimizer.state_dict()[n], a) for n, a in state.items())
    assert np.array_equal(random_state(), random)


class Root(nn.Module):
    """√0 is 0, but its derivative is not finite: the next loss shows it."""

    def __init__(self) -> None:
        self.w = cr.parameter([1.0])

    def forward(self, x: Any) -> Any:
        return cr.sqrt(x * self.w)


@pytest.mark.parametrize("copies", [[], [callbacks.Watch()]])
@pytest.mark.parametrize("batch_size", [4, 64])
def test_a_nan_in_a_gradient_under_a_finite_loss_is_found(
    batch_size: int, copies: list[Any]
) -> None:
    """Also in the very last step, and however far back the last copy is."""
    model = Root()
    x = np.ones((64, 1))
    x[20] = 0.0
    with pytest.raises(NumericsError, match="backward pass") as caught:
        fit(
            model, (x, x + 1), loss="mse", batch_size=batch_size, epochs=1,
            callbacks=copies, progress=False,
        )  # fmt: skip
    assert "the loss is finite, but w became NaN" in str(caught.value)
    assert np.isfinite(model.w.numpy()).all()


def test_a_nan_is_found_again_epochs_after_the_last_copy() -> None:
    """A learning rate that doubles the weight each step, until it overflows."""
    model = nn.Linear(1, 1, bias=False)
    model.weight.assign(np.array([[1.0]], np.float32))
    grow = optim.SGD(model.parameters(), lr=1.0)
    x = np.ones((4, 1))

    def loss(outputs: Any, targets: Any) -> Any:
        return -(cr.stop_gradient(outputs) * outputs).mean()

    with pytest.raises(NumericsError) as caught:
        fit(model, (x, x), loss=loss, optimizer=grow, epochs=500, metrics=[],
            progress=False)  # fmt: skip
    step = int(str(caught.value).split("step ")[1].split(" ")[0])
    assert f"(epoch {step}, batch 1)" in str(caught.value) and step > 20
    assert grow.num_steps == step - 1 and np.isfinite(model.weight.numpy()).all()


MANY_FITS = """
import gc, resource
from pathlib import Path
import numpy as np
from chainrule import nn
from chainrule.training import fit

x, y = np.random.default_rng(0).normal(size=(90, 2)), np.arange(90) % 3

def memory_after(fits):
    for _ in range(fits):
        model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3))
        fit(model, (x, y), epochs=1, batch_size=45, validation=0.1, progress=False)
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1])

before = memory_after(10)
print((memory_after(50) - before) * resource.getpagesize())
"""


def test_50_fits_leave_no_memory_behind() -> None:
    """In a process of its own, whose memory nothing else uses: less than 5 kB a fit."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("this system does not say how much memory a process has")
    ran = subprocess.run(
        [sys.executable, "-c", MANY_FITS], capture_output=True, text=True, check=True
    )
    assert int(ran.stdout) < 250_000  # bytes


def test_predictions_come_in_the_order_of_the_inputs(network: Build) -> None:
    model = network(2, 4, 3, dropout=0.5)
    whole = predict(model, X)
    assert whole.shape == (40, 3)
    np.testing.assert_allclose(predict(model, X, batch_size=7), whole, rtol=1e-5)
    np.testing.assert_allclose(model(X.astype(np.float32)).numpy(), whole, rtol=1e-5)


def test_evaluate_is_the_same_for_every_batch_size(network: Build) -> None:
    results = [evaluate(network(), (X, Y), batch_size=b) for b in (7, 40)]
    for name in ("loss", "accuracy"):
        assert results[0][name] == pytest.approx(results[1][name], rel=1e-6)
    assert repr(results[0]).startswith("40 examples\nloss")


def test_zero_epochs_train_nothing(network: Build) -> None:
    model = network()
    before = model.state_dict()
    history = fit(model, (X, Y), epochs=0, progress=False)
    assert len(history) == 0 and history.stopped == "finished"
    assert all(np.array_equal(model.state_dict()[n], a) for n, a in before.items())


def test_every_error_of_fit_is_of_this_package() -> None:
    assert all(issubclass(kind, ChainruleError) for _, kind, _ in MISTAKES.values())


def test_perplexity_is_e_to_the_loss(points: Points, network: Build) -> None:
    found = evaluate(network(), points, metrics=[metrics.perplexity])
    assert found["perplexity"] == pytest.approx(math.exp(found["loss"]), rel=1e-6)


def test_a_finished_run_is_freed_without_the_garbage_collector() -> None:
    model = nn.Linear(2, 2)
    model(np.zeros((1, 2), np.float32))
    points = (np.zeros((4, 2), np.float32), np.array([0, 1, 0, 1]))
    fit(model, points, epochs=1, validation=0.5, progress=False)
    weights = weakref.ref(model.weight)
    gc.disable()
    try:
        del model
        assert weights() is None
    finally:
        gc.enable()
