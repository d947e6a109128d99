"""What makes one step: which batches, how many of them, and what targets look like."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, losses, nn, optim
from chainrule.errors import ArgumentError, DataError, NumericsError, ShapeError
from chainrule.training import evaluate, fit
from chainrule.training.callbacks import Callback, Checkpoint, Watch
from tests.algorithms import TAKE_GRADIENTS
from tests.training.conftest import Points
from tests.training.test_loop import same_weights

Build = Callable[..., nn.Module]
RNG = np.random.default_rng(0)


class Sizes(Callback):
    """How many examples each step has."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_batch_start(self, run: Any) -> None:
        several = isinstance(run.inputs, list)
        self.seen.append([len(x) for x in run.inputs] if several else len(run.inputs))


# The last batch. --------------------------------------------------------------------


@pytest.mark.parametrize("n", [65, 33, 64, 2, 34])
@pytest.mark.parametrize("norm", [nn.BatchNorm1d, nn.LayerNorm])
def test_a_batch_of_one_never_meets_batch_norm(n: int, norm: Any) -> None:
    x = RNG.normal(size=(n, 4)).astype(np.float32)
    model = nn.Sequential(nn.Linear(4, 8), norm(8), nn.ReLU(), nn.Linear(8, 2))
    sizes = Sizes()
    history = fit(
        model, (x, np.arange(n) % 2), epochs=2, progress=False, callbacks=[sizes]
    )
    assert sum(sizes.seen) == 2 * n and min(sizes.seen) > 1
    assert len(history) == 2


def test_the_validation_covers_every_row_whatever_is_dropped(line: Points) -> None:
    x, y = line
    counted = []

    def mean(outputs: Any, targets: Any) -> float:
        counted.append(len(outputs))
        return 0.0

    sizes = Sizes()
    fit(
        nn.Linear(3, 1), (x[:20], y[:20]), validation=(x[:33], y[:33]), batch_size=8,
        drop_last=True, epochs=1, metrics=[mean], callbacks=[sizes], progress=False,
    )  # fmt: skip
    assert sizes.seen == [8, 8] and counted[-1] == 33


def test_dropped_examples_are_others_in_each_epoch(line: Points) -> None:
    x = np.arange(5.0).reshape(5, 1).astype(np.float32)
    seen: list[set[float]] = []

    class Note(Callback):
        def on_batch_start(self, run: Any) -> None:
            seen.append(set(run.inputs.ravel().tolist()))

    fit(nn.Linear(1, 1), (x, x), batch_size=4, drop_last=True, epochs=8,
        callbacks=[Note()], progress=False)  # fmt: skip
    assert len(seen) == 8 and set.union(*seen) == {0.0, 1.0, 2.0, 3.0, 4.0}


def test_the_loss_of_an_epoch_counts_only_what_was_trained_on() -> None:
    x = np.arange(9.0).reshape(9, 1)
    model = nn.Linear(1, 1).astype("float64")
    first = {k: v.copy() for k, v in model.state_dict().items()}
    history = fit(
        model, (x, 2 * x), batch_size=4, epochs=1, drop_last=True, progress=False,
        optimizer=optim.SGD(model.parameters(), lr=1e-12),
    )  # fmt: skip
    rows = data.epoch_order(9, 0, 0)[:8]
    outputs = x[rows] @ first["weight"].T + first["bias"]
    expected = ((outputs - 2 * x[rows]) ** 2).mean()
    np.testing.assert_allclose(history["loss"][0], expected, rtol=1e-6)


# Several batches a step. ------------------------------------------------------------


ADD_UP = [name for name in TAKE_GRADIENTS if name != "sparseadam"]


@pytest.mark.parametrize(
    ("n", "optimizer"),
    [*((n, "adam") for n in (64, 60, 49, 13)), *((50, name) for name in ADD_UP)],
)
def test_accumulated_batches_are_one_large_batch(n: int, optimizer: str) -> None:
    x = RNG.normal(size=(n, 3))
    y = RNG.normal(size=(n, 2))

    def run(batch_size: int, accumulate: int) -> tuple[nn.Module, Any]:
        cr.manual_seed(1)
        model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))
        model = model.astype("float64")
        history = fit(
            model, (x, y), batch_size=batch_size, accumulate=accumulate, epochs=3,
            optimizer=optim.by_name(
                optimizer, lr=0.01, transforms=[optim.ClipNorm(0.5)]
            ),
            progress=False,
        )  # fmt: skip
        return model, history

    large, of_large = run(16, 1)
    small, of_small = run(4, 4)
    for one, other in zip(large.parameters(), small.parameters(), strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-9, atol=1e-12)
    for column in ("loss", "r2"):
        np.testing.assert_allclose(of_small[column], of_large[column], rtol=1e-9)


def test_an_uneven_last_group_counts_each_example_once(line: Points) -> None:
    x, y = line
    sizes, model = Sizes(), nn.Linear(3, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    fit(model, (x[:43], y[:43]), batch_size=4, accumulate=4, epochs=1,
        optimizer=optimizer, callbacks=[sizes], progress=False)  # fmt: skip
    assert sizes.seen == [[4] * 4, [4] * 4, [4, 4, 3]]
    assert optimizer.num_steps == 3


def test_streams_are_grouped_as_they_come() -> None:
    x = RNG.normal(size=(30, 3))
    y = RNG.normal(size=(30, 1))
    parts = [slice(0, 7), slice(7, 20), slice(20, 25), slice(25, 30)]
    stream = data.Stream([(x[part], y[part]) for part in parts])

    def run(source: Any, **settings: Any) -> nn.Module:
        cr.manual_seed(1)
        model = nn.Linear(3, 1).astype("float64")
        fit(model, source, epochs=1, progress=False, **settings)
        return model

    whole = data.Stream([(x[:25], y[:25]), (x[25:], y[25:])])
    one, other = run(stream, accumulate=3), run(whole)
    np.testing.assert_allclose(one.weight.numpy(), other.weight.numpy(), rtol=1e-9)


def test_an_accumulated_run_resumes_with_the_same_bits(
    points: Points, network: Build, tmp_path: Path
) -> None:
    def run(stop: int | None, resume: Any, folder: Path) -> nn.Module:
        class Stop(Callback):
            def on_batch_end(self, run: Any) -> None:
                if run.step == stop:
                    run.stop("here")

        model = network(dropout=0.2)
        fit(model, points, batch_size=4, accumulate=5, epochs=3, resume=resume,
            callbacks=[Checkpoint(folder, every_steps=1), Watch(), Stop()],
            progress=False)  # fmt: skip
        return model

    whole = run(None, None, tmp_path / "whole")
    for stop in (2, 5, 7, 10):
        folder = tmp_path / str(stop)
        run(stop, None, folder)
        assert same_weights(run(None, "auto", folder), whole)


def test_watch_sees_the_gradient_of_the_whole_group(points: Points) -> None:
    def norms(batch_size: int, accumulate: int) -> Any:
        cr.manual_seed(0)
        model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3))
        watch = Watch()
        fit(model, points, batch_size=batch_size, accumulate=accumulate, epochs=2,
            callbacks=[watch], progress=False)  # fmt: skip
        return watch.layers

    small, large = norms(6, 5), norms(30, 1)
    for one, other in zip(small, large, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            for key in one[name]:
                np.testing.assert_allclose(one[name][key], other[name][key], rtol=1e-4)


def test_a_nan_in_one_of_several_batches_is_found(line: Points) -> None:
    x, y = line
    model = nn.Sequential(nn.Linear(3, 1))
    optimizer = optim.SGD(model.parameters(), lr=1e6)
    with pytest.raises(NumericsError, match="the last good one"):
        fit(model, (x, y), batch_size=8, accumulate=2, epochs=50, optimizer=optimizer,
            progress=False)  # fmt: skip
    assert all(np.isfinite(p.numpy()).all() for p in model.parameters())


def test_wrong_settings_of_steps_are_refused(line: Points) -> None:
    x, y = line
    stream = data.Stream([(x, y)])
    table = nn.Sequential(nn.Embedding(4, 2), nn.Linear(2, 1))
    ids = np.arange(8) % 4
    for call, kind, words in [
        (lambda: fit(nn.Linear(3, 1), (x, y), accumulate=0), ArgumentError, "accumul"),
        (lambda: fit(nn.Linear(3, 1), (x, y), drop_last=1), ArgumentError, "True or"),
        (lambda: fit(nn.Linear(3, 1), stream, drop_last=True), ArgumentError, "as the"),
        (lambda: fit(nn.Linear(3, 1), (x, y), drop_last=True, batch_size=100,
                     progress=False), DataError, "no batch is left"),
        (lambda: fit(table, (ids, ids * 0.5), accumulate=2,
                     optimizer=optim.SparseAdam(table.parameters())),
         ArgumentError, "SparseAdam"),
    ]:  # fmt: skip
        with pytest.raises(kind, match=words):
            call()


# Own loops. -------------------------------------------------------------------------


def test_an_accumulator_makes_the_step_of_the_large_batch() -> None:
    x, y = RNG.normal(size=(12, 3)), RNG.normal(size=(12, 1))

    def model() -> nn.Module:
        cr.manual_seed(3)
        return nn.Linear(3, 1).astype("float64")

    for compiled in (False, True):
        one, other = model(), model()
        step = optim.Adam(one.parameters(), lr=0.1)
        step.step(cr.backprop(losses.mse(one(cr.tensor(x)), cr.tensor(y))))
        optimizer = optim.Adam(other.parameters(), lr=0.1)
        total = optim.Accumulator(other.parameters())

        def add(x: Any, y: Any, total: Any = total, other: Any = other) -> None:
            total.add(cr.backprop(losses.mse(other(x), y)), 1 / 3)

        def update(optimizer: Any = optimizer, total: Any = total) -> None:
            optimizer.step(total.take())

        if compiled:
            add, update = cr.compile(add), cr.compile(update)
        for i in (0, 4, 8):
            add(cr.tensor(x[i : i + 4]), cr.tensor(y[i : i + 4]))
        update()
        np.testing.assert_allclose(one.weight.numpy(), other.weight.numpy(), rtol=1e-9)
        assert all((g.numpy() == 0).all() for g in total.take().values())


def test_an_accumulator_refuses_what_does_not_fit() -> None:
    model = nn.Linear(3, 1)
    with pytest.raises(ArgumentError, match="0 parameters"):
        optim.Accumulator([])
    with pytest.raises(ArgumentError, match="something else"):
        optim.Accumulator([1, 2])  # type: ignore[list-item]
    total = optim.Accumulator(model.parameters())
    with pytest.raises(ShapeError, match=r"gradient \(2,\)"):
        total.add({model.weight: cr.ones(2), model.bias: cr.ones(1)})


# Targets. ---------------------------------------------------------------------------

X = RNG.normal(size=(40, 3)).astype(np.float32)
AMOUNTS = X @ np.array([1.0, -2.0, 0.5], np.float32)


@pytest.mark.parametrize(
    "loss", ["mse", "l1", "huber", "half_squared_error", "squared_error", None]
)
def test_one_output_and_one_target_an_example_fit_each_other(loss: Any) -> None:
    def run(targets: Any) -> Any:
        cr.manual_seed(0)
        model = nn.Linear(3, 1)
        history = fit(model, (X, targets), validation=(X, targets), loss=loss,
                      epochs=3, progress=False)  # fmt: skip
        return history.epochs[-1], evaluate(model, (X, targets), loss)

    (flat, of_flat), (column, of_column) = run(AMOUNTS), run(AMOUNTS[:, None])
    assert of_flat == of_column
    for name in ("loss", "r2", "validation_loss", "validation_r2"):
        assert flat[name] == column[name]


@pytest.mark.parametrize("labels", [AMOUNTS > 0, (AMOUNTS > 0).astype("int64")])
def test_one_logit_fits_labels_of_two_classes(labels: Any) -> None:
    model = nn.Linear(3, 1)
    history = fit(model, (X, labels), loss="binary_cross_entropy", epochs=60,
                  optimizer=optim.Adam(model.parameters(), lr=0.1),
                  metrics=["accuracy"], progress=False)  # fmt: skip
    assert history["accuracy"][-1] > 0.9


WRONG: dict[str, Callable[[], Any]] = {
    "as many outputs as examples": lambda: fit(
        nn.Linear(3, 40), (X, AMOUNTS), batch_size=40, progress=False
    ),
    "two outputs": lambda: fit(nn.Linear(3, 2), (X, AMOUNTS), progress=False),
    "two examples, two outputs": lambda: fit(
        nn.Linear(3, 2), (X[:2], AMOUNTS[:2]), progress=False
    ),
    "targets (N, 2)": lambda: fit(
        nn.Linear(3, 1), (X, np.stack([AMOUNTS] * 2, 1)), progress=False
    ),
    "targets (N, N)": lambda: fit(
        nn.Linear(3, 1), (X, X @ X.T), batch_size=40, progress=False
    ),
    "the loss itself": lambda: losses.mse(cr.ones((4, 1)), cr.ones(4)),
}


@pytest.mark.parametrize("case", WRONG)
def test_no_other_shapes_are_made_to_fit(case: str) -> None:
    with pytest.raises(ShapeError, match=r"mse.*a loss never broadcasts"):
        WRONG[case]()


def test_a_function_of_ones_own_is_given_what_the_data_holds() -> None:
    seen = []

    def own(outputs: Any, targets: Any) -> Any:
        seen.append((outputs.shape, targets.shape))
        return losses.mse(outputs.squeeze(-1), targets)

    fit(nn.Linear(3, 1), (X, AMOUNTS), loss=own, epochs=1, metrics=[], progress=False)
    assert seen[0] == ((32, 1), (32,))


def test_three_labels_for_one_logit_are_an_error_before_training() -> None:
    with pytest.raises(DataError, match="label 2 for 2 classes at row 2"):
        fit(nn.Linear(3, 1), (X, np.arange(40) % 3), loss="binary_cross_entropy",
            metrics=[], progress=False)  # fmt: skip


# Several outputs, tables. -----------------------------------------------------------


class Two(nn.Module):
    """Returns two tensors."""

    def __init__(self) -> None:
        self.one, self.two = nn.Linear(3, 2), nn.Linear(3, 1)

    def forward(self, x: Any) -> Any:
        return self.one(x), self.two(x)


def test_several_outputs_have_no_usual_metric_but_those_asked_for_are_errors() -> None:
    labels = np.arange(40) % 2

    def loss(outputs: Any, targets: Any) -> Any:
        return losses.cross_entropy(outputs[0], targets) + outputs[1].mean() ** 2

    history = fit(Two(), (X, labels), validation=(X, labels), loss=loss, epochs=1,
                  progress=False)  # fmt: skip
    assert {"loss", "validation_loss"} <= set(history.columns)
    assert "accuracy" not in history
    assert list(evaluate(Two(), (X, labels), loss)) == ["loss"]
    with pytest.raises(ArgumentError, match="accuracy: the model returns a tuple"):
        fit(Two(), (X, labels), loss=loss, metrics=["accuracy"], progress=False)


def test_a_table_is_refused_with_the_way_to_split_it() -> None:
    table = data.read_table({"a": [1.0, 2, 3, 4], "y": [0, 1, 0, 1]}, target="y")
    model = nn.Linear(1, 2)
    for call, cure in [
        (lambda: fit(model, table), "split = table.split(); cr.fit(model, split)"),
        (lambda: fit(model, table.split(0.5), validation=table), "table.split()"),
        (lambda: evaluate(model, table), "cr.evaluate(model, split)"),
        (lambda: cr.predict(model, table), "table.dataset(split.transform)"),
    ]:
        with pytest.raises(ArgumentError, match="Table 'table': its col") as caught:
            call()
        assert cure in str(caught.value.fix)
