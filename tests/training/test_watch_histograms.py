"""Histograms of ``Watch``: what they count, how long they stay, what they cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn, optim, pictures
from chainrule.errors import ArgumentError, OptionError
from chainrule.training import fit, histograms
from chainrule.training.callbacks import Callback, Watch
from chainrule.training.histograms import Histogram, Histograms, histogram

SOURCE = np.random.default_rng(0)
X = SOURCE.normal(size=(64, 2)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)


def network() -> nn.Sequential:
    cr.manual_seed(0)
    return nn.Sequential(
        nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2)
    )


def watched(model: nn.Module | None = None, **options: Any) -> Watch:
    """The watch of two epochs, in batches of 16."""
    given: dict[str, Any] = {"watch": True, "batch_size": 16, "epochs": 2}
    made = network() if model is None else model
    history = fit(made, (X, Y), progress=False, **given | options)
    assert isinstance(history.watch, Watch)
    return history.watch


def test_a_histogram_counts_every_value_and_zeros_apart() -> None:
    values = np.array([0.0, 0.0, 1.0, 2.0, 3.0, 3.0, np.nan, np.inf])
    found = histogram(values, epoch=7)
    assert (found.epoch, found.low, found.zeros) == (
        7,
        pytest.approx(1, abs=0.01),
        1 / 4,
    )
    assert found.counts.sum() == pytest.approx(4 / 8)
    assert len(found.edges) == len(found.counts) + 1
    assert found.counts[-1] == pytest.approx(2 / 8)


@pytest.mark.parametrize("values", [[], [0.0, 0.0], [5.0], [np.nan], [-3.0, -3.0]])
def test_arrays_with_nothing_to_spread_have_histograms_too(values: list[float]) -> None:
    found = histogram(np.array(values), epoch=1)
    assert found.low < found.high
    assert np.isfinite(found.counts).all()


@pytest.mark.parametrize(
    "values",
    [
        [1e37],
        [-1e20, -1e20],
        [1e17, np.nextafter(1e17, 2e17)],
        [1.0, np.nextafter(1.0, 2.0)],
        [5e-324],
        [-1.7e308, 1.7e308],
        [-1.7e308, -1.7e308],
    ],
)
def test_values_without_room_for_bins_between_them_are_counted(
    values: list[float],
) -> None:
    found = histogram(np.array(values), epoch=1)
    assert (np.diff(found.edges) > 0).all() and np.isfinite(found.edges).all()
    assert found.counts.sum() == pytest.approx(1)


def test_a_few_values_far_away_do_not_hide_the_others() -> None:
    values = np.concatenate([SOURCE.normal(size=10_000), [1e6, -1e6]])
    found = histogram(values, epoch=1)
    assert -6 < found.low < -2 and 2 < found.high < 6


def test_large_arrays_are_counted_by_a_part_of_them() -> None:
    values = SOURCE.normal(size=40 * histograms.MOST_VALUES)
    few, all_ = histogram(values[::40], 1), histogram(values, 1)
    np.testing.assert_allclose(few.counts, all_.counts)


def test_memory_is_bounded_whatever_the_number_of_epochs() -> None:
    kept = Histograms()
    for epoch in range(1, 2001):
        if kept.wants(epoch):
            kept.add(epoch, {"weights": {"w": np.arange(3.0) + epoch}})
    epochs = [each.epoch for each in kept["weights"]["w"]]
    assert histograms.MOST_EPOCHS / 2 <= len(epochs) <= histograms.MOST_EPOCHS
    assert epochs[0] == 1 and set(np.diff(epochs)) == {kept.every}
    assert kept.every == 8 and epochs[-1] > 2000 - kept.every


def test_what_is_kept_is_read_back_to_the_bit() -> None:
    kept, again = Histograms(), Histograms()
    kept.add(3, {"gradients": {"0.w": SOURCE.normal(size=9)}, "weights": {"b": X}})
    again.load_state_dict(kept.state_dict())
    one, two = kept.state_dict(), again.state_dict()
    assert one.keys() == two.keys()
    assert all(np.array_equal(one[name], two[name]) for name in one)


def same(found: Histogram, values: np.ndarray, logarithmic: bool = False) -> None:
    expected = histogram(values, found.epoch, logarithmic)
    np.testing.assert_allclose(
        [found.low, found.high], [expected.low, expected.high], rtol=1e-4, atol=1e-6
    )
    assert np.abs(found.counts - expected.counts).sum() < 0.1


def test_weights_gradients_and_activations_are_those_of_the_last_batch() -> None:
    cr.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
    seen: dict[str, Any] = {}

    class Keep(Callback):
        order = -9

        def on_epoch_end(self, run: Any) -> None:
            seen["batch"] = run.inputs, run.targets

    watch = watched(model, epochs=3, callbacks=[Keep()])
    x, y = seen["batch"]
    assert watch.histograms is not None
    found = {kind: watch.histograms[kind] for kind in watch.histograms}
    gradients = cr.backprop(losses.cross_entropy(model(x, training=True), y))
    for name, w in model.named_parameters():
        same(found["weights"][name][-1], w.numpy())
        same(found["gradients"][name][-1], gradients[w].numpy(), logarithmic=True)
    for name, values in cr.activations(model, x).items():
        if name:
            same(found["activations"][name][-1], values.numpy())
    assert set(found["activations"]) == {"0", "1", "2"}


def test_histograms_change_nothing_of_what_is_trained() -> None:
    """Dropout draws the same numbers, and moving averages stay where they were."""
    plain, looked = network(), network()
    alone = fit(plain, (X, Y), batch_size=16, epochs=3, progress=False)
    watched(looked, epochs=3)
    assert alone.watch is None
    one, two = plain.state_dict(), looked.state_dict()
    assert all(np.array_equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize(
    "options",
    [
        {"accumulate": 2},
        {"optimizer": optim.GradientDescent(), "batch_size": None},
        {"engine": "numpy"},
        {"validation": 0.25},
    ],
)
def test_every_way_of_training_has_histograms(options: dict[str, Any]) -> None:
    watch = watched(**options)
    assert watch.histograms is not None
    for kind in watch.histograms:
        assert all(len(rows) == 2 for rows in watch.histograms[kind].values())
    assert set(watch.histograms["gradients"]) == {
        f"{layer}.{name}" for layer in "014" for name in ("weight", "bias")
    }


def test_weights_of_examples_count_in_gradients() -> None:
    zero = np.zeros(64, np.float32)
    zero[:32] = 1.0
    histories = [
        fit(network(), given, epochs=1, batch_size=64, watch=True, progress=False)
        for given in ((X, Y, zero), (X, Y, zero + 1))
    ]
    one, two = (h.watch.histograms["gradients"]["0.weight"][0] for h in histories)
    assert not np.array_equal(one.counts, two.counts)


def test_networks_of_every_kind_are_watched() -> None:
    images = SOURCE.normal(size=(16, 6, 6, 1)).astype(np.float32)
    steps = SOURCE.normal(size=(16, 5, 3)).astype(np.float32)
    labels = np.arange(16) % 2
    for model, x in (
        (
            nn.Sequential(
                nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2)
            ),
            images,
        ),
        (nn.Sequential(nn.LSTM(3, 4), nn.LastStep(), nn.Linear(4, 2)), steps),
        (
            nn.Ensemble(nn.EnsembleLinear(3, 15, 2), average="probabilities"),
            steps.reshape(16, 15),
        ),
    ):
        history = fit(model, (x, labels), epochs=1, watch=True, progress=False)
        with pictures.windowless():
            figure = history.watch.plot()
            figure.canvas.draw()
        assert len(figure.axes) >= 3


def test_chosen_layers_alone_are_kept() -> None:
    watch = watched(watch=["0", "2"])
    assert watch.histograms is not None
    assert set(watch.histograms["weights"]) == {"0.weight", "0.bias"}
    assert set(watch.histograms["activations"]) == {"0", "2"}
    without = watched(watch=Watch(histograms=False))
    assert without.histograms is None and len(without.layers) == 2


def test_a_watch_begins_anew_with_every_training() -> None:
    watch = Watch()
    model = network()
    for _ in range(2):
        fit(model, (X, Y), batch_size=16, epochs=2, watch=watch, progress=False)
    assert watch.histograms is not None
    rows = watch.histograms["weights"]["0.weight"]
    assert [row.epoch for row in rows] == [1, 2]


def test_the_picture_has_a_row_for_each_layer_with_weights(tmp_path: Path) -> None:
    watch = watched()
    watch.plot(tmp_path / "watch.png")
    assert (tmp_path / "watch.png").read_bytes().startswith(b"\x89PNG")
    with pictures.windowless():
        titles = [ax.get_title(loc="left") for ax in watch.plot().axes]
    assert titles == [
        *("0.weight", "|∇ 0.weight|", "output of 0 (Linear)"),
        *("1.weight", "|∇ 1.weight|", "output of 3 (Dropout)"),
        *("4.weight", "|∇ 4.weight|", "output of 4 (Linear)"),
    ]


def test_deep_networks_are_drawn_at_even_distances() -> None:
    cr.manual_seed(0)
    deep = [layer for _ in range(30) for layer in (nn.Linear(4, 4), nn.Tanh())]
    model = nn.Sequential(nn.Linear(2, 4), *deep, nn.Linear(4, 2))
    with pictures.windowless():
        axes = watched(model, epochs=1).plot().axes
    assert len(axes) == 12 * 3
    assert axes[0].get_title(loc="left") == "0.weight"
    assert axes[-3].get_title(loc="left") == "61.weight"


MISTAKES = [
    (
        lambda: watched(watch=["0", "hidden"]),
        OptionError,
        "Watch: Sequential has no layer 'hidden'",
    ),
    (
        lambda: watched(watch="0"),
        ArgumentError,
        "fit: watch='0': expected True, a list of paths of layers, or a Watch",
    ),
    (
        lambda: Watch("0"),
        ArgumentError,
        "Watch: names='0': expected a list of paths of layers",
    ),
    (
        lambda: Watch().plot(),
        ArgumentError,
        "Watch.plot: there are no histograms: no epoch ended",
    ),
    (
        lambda: watched(watch=Watch(histograms=False)).plot(),
        ArgumentError,
        "Watch.plot: there are no histograms: histograms=False",
    ),
]


@pytest.mark.parametrize(("act", "kind", "message"), MISTAKES)
def test_mistakes_are_named(act: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        act()
    assert caught.value.what == message
