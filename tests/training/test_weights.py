"""Examples that do not count alike: a third part of the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, losses, nn, optim
from chainrule.errors import ArgumentError, ChainruleError, DataError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)
W = RNG.integers(0, 4, 60)

OPTIMIZERS: dict[str, Any] = {
    "adam": lambda: optim.Adam(lr=0.05),
    "descent": optim.GradientDescent,
}


def linear(members: int = 0) -> nn.Module:
    cr.manual_seed(1)
    if members:
        return nn.Ensemble(nn.EnsembleLinear(members, 3, 2))
    return nn.Linear(3, 2)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("members", [0, 3])
def test_a_weight_of_two_is_an_example_given_twice(
    optimizer: str, members: int
) -> None:
    weighted, repeated = linear(members), linear(members)
    times, options = W.sum(), {"epochs": 4, "progress": False}
    made = OPTIMIZERS[optimizer]
    first = cr.fit(weighted, (X, Y, W), optimizer=made(), batch_size=len(X), **options)
    pair = X.repeat(W, 0), Y.repeat(W)
    second = cr.fit(repeated, pair, optimizer=made(), batch_size=times, **options)
    np.testing.assert_allclose(first["loss"], second["loss"], rtol=1e-5)
    for a, b in zip(weighted.parameters(), repeated.parameters(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-3, atol=1e-5)


def test_the_weighted_loss_does_not_depend_on_the_batches() -> None:
    model = linear()
    expected = cr.evaluate(model, (X.repeat(W, 0), Y.repeat(W)))["loss"]
    for size in (7, 60):
        found = cr.evaluate(model, (X, Y, W), batch_size=size)
        assert found["loss"] == pytest.approx(expected, rel=1e-5)
    alike = cr.evaluate(model, (X, Y))["accuracy"]
    assert found["accuracy"] == alike


def test_accumulated_batches_count_by_their_weights() -> None:
    together, apart = linear(), linear()
    options: dict[str, Any] = {"epochs": 1, "progress": False}
    one = cr.fit(
        together, (X, Y, W), optimizer=optim.SGD(lr=0.1), batch_size=60, **options
    )
    parts = cr.fit(
        apart,
        (X, Y, W),
        optimizer=optim.SGD(lr=0.1),
        batch_size=10,
        accumulate=6,
        **options,
    )
    np.testing.assert_allclose(one["loss"], parts["loss"], rtol=1e-5)
    np.testing.assert_allclose(
        together.weight.numpy(), apart.weight.numpy(), rtol=1e-4, atol=1e-6
    )


def test_a_split_and_a_fraction_take_the_weights_of_their_rows() -> None:
    whole = data.Dataset(X, Y, sample_weight=X[:, 1] ** 2)
    for part in data.train_test_split(whole, test=0.3):
        np.testing.assert_allclose(part.sample_weight, part.inputs[:, 1] ** 2)
    twice = whole.subset(slice(10, 40)).subset(slice(0, 30, 3))
    np.testing.assert_allclose(twice.sample_weight, twice.inputs[:, 1] ** 2)
    history = cr.fit(linear(), whole, validation=0.3, epochs=1, progress=False)
    parts = data.train_test_split(whole, test=0.3, seed=0)
    again = cr.fit(
        linear(), parts.train, validation=parts.test, epochs=1, progress=False
    )
    assert history["validation_loss"] == again["validation_loss"]


def test_batches_and_streams_are_of_three() -> None:
    made = list(data.batches((X, Y, W), 40, shuffle=False))
    assert [len(batch) for batch in made] == [3, 3]
    assert made[0][2].tolist() == W[:40].tolist()
    stream = data.Stream(lambda epoch: iter(made))
    ordered = cr.evaluate(linear(), (X, Y, W))
    assert cr.evaluate(linear(), stream) == pytest.approx(ordered)
    trained = cr.fit(linear(), stream, epochs=2, progress=False)
    assert np.isfinite(trained["loss"]).all()


def test_callbacks_see_targets_and_weights() -> None:
    seen: list[Any] = []

    class Look(cr.callbacks.Callback):
        def on_batch_start(self, run: Any) -> None:
            seen.append(run.targets)

    cr.fit(
        linear(), (X, Y, W), batch_size=60, epochs=1, progress=False, callbacks=[Look()]
    )
    ((targets, weights),) = seen
    assert sorted(zip(targets.tolist(), weights.tolist(), strict=True)) == sorted(
        zip(Y.tolist(), W.astype(float).tolist(), strict=True)
    )


def test_a_metric_that_takes_weights_is_given_them() -> None:
    class Share(cr.metrics.Metric):
        name = "share"
        takes_weights = True

        def measure(
            self, outputs: Any, targets: Any, sample_weight: Any = None
        ) -> tuple[Any, ...]:
            if sample_weight is None:
                return targets.sum(), targets.size
            return (targets * sample_weight).sum(), sample_weight.sum()

        def result(self, totals: Any) -> float:
            return float(totals[0] / totals[1])

    weighted = cr.evaluate(linear(), (X, Y, W), metrics=[Share()])["share"]
    assert weighted == pytest.approx((Y * W).sum() / W.sum())
    assert cr.evaluate(linear(), (X, Y), metrics=[Share()])["share"] == Y.mean()


def said(call: Any) -> str:
    with pytest.raises(ChainruleError) as caught:
        call()
    lines = str(caught.value).splitlines()
    return "\n".join(line for line in lines if not line.startswith("  called at"))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (
            np.ones(59),
            "Dataset 'data': sample_weight (59,) for 60 examples: expected one weight "
            "for each",
        ),
        (
            np.where(np.arange(60) == 7, -1.0, 1.0),
            "Dataset 'data': sample_weight (60,): -1 at row 7: expected 0 or more",
        ),
        (
            np.zeros(60),
            "Dataset 'data': sample_weight (60,): all 0: no example counts",
        ),
        (
            np.full(60, 1e-50),
            "Dataset 'data': sample_weight (60,): the largest is 1e-50: sums of such "
            "numbers do not fit float32\n"
            "  fix        sample_weight / sample_weight.max(): only their ratios count",
        ),
        (
            np.full(60, 1e38),
            "Dataset 'data': sample_weight (60,): the largest is 1e+38: sums of such "
            "numbers do not fit float32\n"
            "  fix        sample_weight / sample_weight.max(): only their ratios count",
        ),
        (
            np.where(np.arange(60) == 3, np.nan, 1.0),
            "Dataset 'data': sample_weight (60,): nan at row 3: every value must "
            "be finite\n"
            "  fix        leave the row out, or replace the value; data.read_table "
            "fills in missing values of a table",
        ),
    ],
)
def test_weights_that_make_no_sense_are_refused(weights: Any, message: str) -> None:
    assert said(lambda: cr.fit(linear(), (X, Y, weights), progress=False)) == message


@pytest.mark.parametrize("call", [cr.fit, cr.evaluate])
def test_a_loss_without_weights_is_refused(call: Any) -> None:
    def plain(outputs: Any, targets: Any) -> Any:
        return losses.cross_entropy(outputs, targets)

    options = {"progress": False} if call is cr.fit else {}
    message = said(lambda: call(linear(), (X, Y, W), loss=plain, **options))
    assert message == (
        "loss plain takes no sample_weight, and the data has weights\n"
        "  fix        def loss(outputs, targets, sample_weight=None): …, as those of "
        "cr.losses"
    )
    assert issubclass(ArgumentError, ValueError) and issubclass(DataError, ValueError)
