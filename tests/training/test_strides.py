"""Many steps of ``fit`` in one call: to the bit what single steps do."""

from __future__ import annotations

import os
import signal
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, losses, metrics, nn, optim
from chainrule.errors import NumericsError
from chainrule.training import fit, strides
from chainrule.training.callbacks import Callback, Checkpoint, TimeLimit
from tests.training.test_loop import same_weights, without_times

RNG = np.random.default_rng(5)
X = RNG.normal(size=(205, 6))
LABELS = RNG.integers(0, 3, 205)


class Counter(Callback):
    """Counts how often it hears of a batch."""

    def __init__(self, most: int = 10**9) -> None:
        self.heard: list[int] = []
        self.most = most

    def steps_at_once(self, run: Any) -> int:
        return self.most

    def on_batch_end(self, run: Any) -> None:
        self.heard.append(run.step)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step counts as short, and two are enough for a call."""
    monkeypatch.setattr(strides, "MOMENT", 1e9)
    monkeypatch.setattr(strides, "FEWEST", 2)


def single(monkeypatch: pytest.MonkeyPatch) -> None:
    """No step counts as short."""
    monkeypatch.setattr(strides, "MOMENT", 0.0)


def network(inputs: int = 6, outputs: int = 3) -> nn.Module:
    cr.manual_seed(0)
    return nn.Sequential(
        nn.Linear(inputs, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3),
        nn.Linear(8, outputs),
    )  # fmt: skip


class Two(nn.Module):
    """A network of two inputs, one of which is a mask."""

    def __init__(self) -> None:
        cr.manual_seed(0)
        self.layer = nn.Linear(6, 2)

    def forward(self, x: Any, mask: Any, training: bool = False) -> Any:
        return self.layer(cr.where(mask, x, 0.0))


class Largest(metrics.Metric):
    """A metric whose totals are not added."""

    name = "largest"

    def measure(self, outputs: Any, targets: Any) -> tuple[Any, ...]:
        return (outputs.max(),)

    def merge(self, totals: Any, batch: Any) -> Any:
        return (np.maximum(totals[0], batch[0]),)

    def result(self, totals: Any) -> float:
        return float(totals[0])


def spread(outputs: Any, targets: Any) -> float:
    return float(np.std(outputs))


TWO = (X, X > 0), RNG.normal(size=(205, 2))
CASES: dict[str, Any] = {
    "adam": lambda: (network(), (X, LABELS), {}),
    "sgd": lambda: (network(), (X, LABELS), {"optimizer": "sgd", "batch_size": 8}),
    "schedule and clipping": lambda: (
        network(), (X, LABELS),
        {"optimizer": optim.AdamW(
            lr=optim.OneCycle(0.05, steps=39), transforms=[optim.ClipNorm(0.1)]
        )},
    ),
    "drop last": lambda: (network(), (X, LABELS), {"drop_last": True}),
    "one joins": lambda: (network(), (X[:129], LABELS[:129]), {}),
    "weights": lambda: (network(), (X, LABELS, RNG.random(205) + 0.1), {}),
    "two inputs": lambda: (Two(), TWO, {}),
    "no targets": lambda: (
        nn.Linear(6, 6), X,
        {"loss": lambda outputs: (outputs**2).mean(), "metrics": []},
    ),
    "metrics": lambda: (
        network(), (X, LABELS), {"metrics": ["accuracy", Largest(), spread]},
    ),
    "float64": lambda: (network().astype("float64"), (X, LABELS), {}),
    "numpy": lambda: (network(), (X, LABELS), {"engine": "numpy"}),
    "part of the data": lambda: (network(), (X, LABELS), {"validation": 0.2}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_run_is_the_same_whatever_a_call_makes(
    case: str, short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trained() -> Any:
        global RNG
        RNG = np.random.default_rng(6)
        model, examples, options = CASES[case]()
        counter = Counter()
        history = fit(model, examples, epochs=3, progress=False,
                      callbacks=[counter], **options)  # fmt: skip
        return model, without_times(history), counter.heard

    many, rows, heard = trained()
    single(monkeypatch)
    alone, expected, every = trained()
    assert rows == expected
    assert same_weights(many, alone)
    assert heard[-1] == every[-1] == len(every)
    assert len(heard) <= 2 + 2 * 3  # two to know the time, then the equal and the last


def test_every_step_is_heard_of_where_somebody_listens(short: None) -> None:
    class Listener:
        steps = 0

        def on_batch_end(self, run: Any) -> None:
            self.steps += 1

    listener = Listener()
    fit(network(), (X, LABELS), epochs=2, callbacks=[listener], progress=False)
    assert listener.steps == 14


def test_callbacks_say_how_many_steps_may_pass(short: None) -> None:
    counter = Counter(most=3)
    fit(network(), (X, LABELS), epochs=2, callbacks=[counter], batch_size=16,
        progress=False)  # fmt: skip
    assert max(np.diff(counter.heard)) == 3


def test_checkpoints_are_written_in_the_middle_of_an_epoch(
    short: None, tmp_path: Any
) -> None:
    def checkpoints(name: str) -> Checkpoint:
        return Checkpoint(tmp_path / name, every_epochs=0, every_steps=5, keep=99)

    options: Any = {"batch_size": 16, "epochs": 3, "progress": False}
    whole, parts = network(), network()
    expected = fit(whole, (X, LABELS), callbacks=[checkpoints("a")], **options)
    files = sorted(p.name for p in (tmp_path / "a").glob("step-*"))
    assert files[:3] == [f"step-{n:08d}.safetensors" for n in (5, 10, 15)]
    path = tmp_path / "a" / files[3]
    history = fit(parts, (X, LABELS), callbacks=[checkpoints("b")], resume=path,
                  **options)  # fmt: skip
    assert without_times(history) == without_times(expected)
    assert same_weights(whole, parts)


def test_a_nan_is_that_of_its_step(
    short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failed() -> Any:
        model = network(outputs=1)
        x = X.copy()
        x[17] = 1e30

        def loss(outputs: Any, targets: Any) -> Any:
            return losses.mse(cr.exp(outputs), targets)

        with pytest.raises(NumericsError) as raised:
            fit(model, (x, X[:, :1]), loss=loss, epochs=2, batch_size=8,
                progress=False)  # fmt: skip
        error = raised.value
        return model, error.what, error.history.settings["stopped_at"]

    model, text, place = failed()
    single(monkeypatch)
    alone, expected, at = failed()
    assert (text, place) == (expected, at)
    assert same_weights(model, alone)


def test_ctrl_c_is_answered_after_the_call(short: None) -> None:
    class Press(Counter):
        def on_batch_end(self, run: Any) -> None:
            super().on_batch_end(run)
            if run.step > 20:
                os.kill(os.getpid(), signal.SIGINT)

    press = Press(most=4)
    history = fit(network(), (X, LABELS), epochs=9, batch_size=16, callbacks=[press],
                  progress=False)  # fmt: skip
    assert history.stopped == "interrupted"
    assert press.heard[-1] in range(21, 25)


def test_a_call_takes_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strides, "MOST", 50)
    x = np.tile(X, (20, 1))
    counter = Counter()
    fit(network(outputs=1), (x, x[:, :1]), epochs=1, batch_size=4,
        callbacks=[counter, TimeLimit(60)], progress=False)  # fmt: skip
    steps = np.diff(counter.heard)
    assert steps.max() <= 50
    assert steps.max() > 1


def test_augmented_images_come_one_by_one(short: None) -> None:
    pixels = X[:64, :1].reshape(4, 4, 4, 1).repeat(8, 0)
    images = data.Dataset(pixels, np.arange(32) % 2)
    flipped = images.augmented(data.Augmentation(flip=True))
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    counter = Counter()
    fit(model, flipped, epochs=2, batch_size=4, callbacks=[counter], progress=False)
    assert counter.heard == [*range(1, 17)]
