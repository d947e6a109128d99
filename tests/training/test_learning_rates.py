"""``find_lr``: a suggestion with its spread, and nothing changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import ArgumentError
from chainrule.random_numbers import default_generator
from chainrule.training import LearningRates

RNG = np.random.default_rng(0)
X = RNG.normal(size=(320, 4)).astype(np.float32)
Y = X @ np.float32([[1.0], [-2.0], [0.5], [3.0]])


def network() -> nn.Sequential:
    cr.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.1), nn.Tanh(), nn.Linear(8, 1))


def found(**options: Any) -> LearningRates:
    return cr.find_lr(network(), (X, Y), **{"steps": 60, **options})


def test_gradient_descent_in_a_known_bowl_converges_with_the_suggestion() -> None:
    """L = ½λw² diverges from η = 2/λ on, and hardly moves with a hundredth of that."""
    for curvature in (0.1, 10.0):
        x = np.full((64, 1), np.sqrt(curvature / 2))  # mse: (√(λ/2) w)² has L″ = λ
        model = nn.Linear(1, 1, bias=False).astype("float64")
        model.weight.assign([[1.0]])
        answer = cr.find_lr(
            model, (x, np.zeros((64, 1))), optimizer="sgd", lowest=1e-6, highest=1e3
        )
        assert answer.suggestion is not None and answer.range is not None
        assert 0.02 < answer.suggestion * curvature < 2.0
        assert answer.range[0] < answer.suggestion < answer.range[1]


def test_curves_are_the_losses_after_steps_of_rising_rates() -> None:
    """Followed by hand, without dropout: loss k is that of batch k + 1 after step k."""
    cr.manual_seed(0)
    model = nn.Linear(4, 1)
    answer = cr.find_lr(
        model, (X, Y), optimizer=optim.SGD(), lowest=1e-4, highest=1e-1, steps=20
    )
    np.testing.assert_allclose(answer.rates, np.geomspace(1e-4, 1e-1, 20))
    W, b = (w.numpy().astype(float) for w in model.parameters())
    order = cr.data.epoch_order(320, 1, 0), cr.data.epoch_order(320, 1, 1)
    rows = np.concatenate(order).reshape(-1, 32)
    for k in range(19):
        error = X[rows[k]] @ W.T + b - Y[rows[k]]
        if k:
            assert answer.losses[1, k - 1] == pytest.approx((error**2).mean(), rel=1e-4)
        W = W - answer.rates[k] * 2 * error.T @ X[rows[k]] / 32
        b = b - answer.rates[k] * 2 * error.mean(0)


def test_nothing_that_was_given_is_changed() -> None:
    model = network()
    x, y = X.copy(), Y.copy()
    optimizer = optim.Adam(model.parameters(), lr=0.5)
    optimizer.step(cr.backprop((model(cr.tensor(x[:4])) ** 2).mean()))
    specification = optim.Adam(lr=0.25)
    before = model.state_dict(), optimizer.state_dict(), repr(specification)
    random = default_generator.state.numpy().copy()
    for each in (optimizer, specification, "sgd"):
        cr.find_lr(model, (x, y), optimizer=each, steps=20, seeds=1)
    for one, other in zip(
        before[:2], (model.state_dict(), optimizer.state_dict()), strict=True
    ):
        for name, value in one.items():
            np.testing.assert_array_equal(value, other[name])
    assert repr(specification) == before[2]
    np.testing.assert_array_equal(default_generator.state.numpy(), random)
    np.testing.assert_array_equal(x, X)
    labels = np.where(Y[:, 0] > 0, "yes", "no")
    classifier = nn.Linear(4, 2)
    cr.find_lr(classifier, (X, labels), steps=20, seeds=1)
    assert classifier.class_names is None


def test_the_same_call_gives_the_same_answer() -> None:
    one, other = found(), found()
    np.testing.assert_array_equal(one.losses, other.losses)
    assert repr(one) == repr(other)


def test_seeds_differ_in_their_batches_and_the_spread_is_shown() -> None:
    answer = found()
    assert answer.losses.shape == answer.smoothed.shape == (3, 60)
    assert len(np.unique(answer.losses[:, 0])) == 3
    assert len(answer.by_seed) == 3
    low, high = answer.range or (0.0, 0.0)
    text = repr(answer).splitlines()
    assert text[0] == "Adam, 32 a step: 3 seeds, 60 steps from 1e-07 to 10"
    assert text[1] == (
        f"suggestion  {answer.suggestion:.2g}, by seed {low:.2g} to {high:.2g}"
    )
    assert text[-1] == "  a place to begin: choose by the loss on validation data"


def test_without_anything_to_learn_there_is_no_suggestion() -> None:
    model = nn.Linear(4, 1)
    model.weight.assign(np.zeros((1, 4), "float32"))
    noise = RNG.normal(size=(320, 1)).astype(np.float32)
    answer = cr.find_lr(model, (X, noise), optimizer="sgd", highest=1e-3)
    assert answer.suggestion is None and answer.range is None
    assert "suggestion  none" in repr(answer)
    assert answer.notes == (
        "3 of 3 seeds: the loss did not fall by more than batches differ",
    )


@pytest.mark.parametrize("level", [0.0, 0.3])
def test_a_loss_that_stays_as_it_is_did_not_fall(level: float) -> None:
    model = nn.Linear(4, 1)
    model.bias.assign(np.zeros(1, "float32"))
    model.bias.freeze()
    targets = np.full_like(Y, level)
    answer = cr.find_lr(model, (0 * X, targets), optimizer=optim.SGD())
    assert np.nanmax(answer.losses) == pytest.approx(level**2)
    assert answer.suggestion is None
    assert answer.notes == (
        "3 of 3 seeds: the loss did not fall by more than batches differ",
    )


def test_a_suggestion_is_never_below_the_range_that_was_tried() -> None:
    best = cr.find_lr(network(), (X, Y), optimizer="sgd").suggestion
    assert best is not None
    late = cr.find_lr(network(), (X, Y), optimizer="sgd", lowest=3 * best)
    assert late.suggestion is None
    assert late.notes == (
        "3 of 3 seeds: the loss was lowest within the first factor of 10; "
        f"lowest={3 * best / 100:.2g} begins earlier",
    )


def test_a_range_that_ends_too_early_is_said() -> None:
    answer = found(optimizer="sgd", lowest=1e-4, highest=0.02)
    assert any("still falling at 0.02; highest=0.2 goes on" in n for n in answer.notes)


def test_seeds_that_disagree_are_said() -> None:
    from chainrule.training.learning_rates import _judged

    rates = np.geomspace(1e-5, 1.0, 60)
    at = np.arange(60)
    curves = np.array([2.0 - np.exp(-(((at - k) / 6.0) ** 2)) for k in (25, 50)])
    answer = _judged(rates, curves, "Adam, 32 a step")
    factor = answer.by_seed[1] / answer.by_seed[0]
    assert answer.notes == (
        f"the seeds differ by a factor of {factor:.0f}: this says little here",
    )


def test_groups_keep_the_proportions_of_their_rates() -> None:
    model = nn.Linear(4, 1)
    groups: Any = [
        {"params": [model.weight], "lr": 0.1},
        {"params": [model.bias], "lr": 1e-12},
    ]
    cr.find_lr(model, (X, Y), optimizer=optim.SGD(groups), steps=20, seeds=1)
    assert [group["lr"] for group in groups] == [0.1, 1e-12]


def test_the_picture_shows_every_seed_and_the_suggestion(tmp_path: Path) -> None:
    answer = found()
    figure = answer.plot(tmp_path / "rates.png")
    assert not hasattr(figure, "number")  # a file needs no window
    (ax,) = figure.axes
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[:3] == ["seed 0", "seed 1", "seed 2"]
    assert labels[3].startswith(f"suggestion {answer.suggestion:.2g}, by seed")
    assert (tmp_path / "rates.png").read_bytes().startswith(b"\x89PNG")


MISTAKES: list[tuple[dict[str, Any], str, str | None]] = [
    (
        {"lowest": 1.0, "highest": 0.1},
        "find_lr: lowest=1.0, highest=0.1: expected two positive numbers, the first "
        "one smaller",
        "lowest=1e-6, highest=1.0",
    ),
    (
        {"lowest": 0.0},
        "find_lr: lowest=0.0, highest=10.0: expected two positive numbers, the first "
        "one smaller",
        "lowest=1e-6, highest=1.0",
    ),
    (
        {"steps": 5},
        "find_lr: steps=5: expected a whole number of at least 20",
        None,
    ),
    ({"seeds": 0}, "find_lr: seeds=0: expected a whole number of at least 1", None),
    (
        {"optimizer": optim.GradientDescent()},
        "find_lr: GradientDescent has no learning rate: it searches for the length of "
        "every step itself",
        "cr.fit(model, data, optimizer=…) as it is",
    ),
    (
        {"optimizer": 0.1},
        "find_lr: optimizer=0.1: expected a name or an optimizer",
        "optim.Adam()",
    ),
    (
        {"optimizer": optim.Adam([cr.parameter(1.0)])},
        "find_lr: the optimizer has none of the parameters of Sequential",
        "optim.Adam(), which is given those of the model",
    ),
]


@pytest.mark.parametrize(("options", "message", "fix"), MISTAKES)
def test_a_mistake_is_one_clear_error(
    options: Any, message: str, fix: str | None
) -> None:
    with pytest.raises(ArgumentError) as caught:
        found(**options)
    assert caught.value.what == message
    assert caught.value.fix == fix
