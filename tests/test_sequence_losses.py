"""Losses of padded sequences: what does not count has no effect at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses
from chainrule.errors import ArgumentError, BoundsError
from tests.agreement import assert_agrees, each_engine

rng = np.random.default_rng(0)
LOGITS = rng.normal(size=(3, 4, 5))
LENGTHS = np.array([4, 1, 2])
INSIDE = np.arange(4) < LENGTHS[:, None]
TARGETS = np.where(INSIDE, rng.integers(0, 5, (3, 4)), -1)
CLASS_WEIGHTS = rng.random(5) + 0.1


@each_engine
@pytest.mark.parametrize(
    "options",
    [{}, {"label_smoothing": 0.1}, {"weight": CLASS_WEIGHTS}],
    ids=["plain", "smoothed", "weighted"],
)
def test_the_average_is_that_of_the_steps_that_count(
    options: dict[str, Any], engine: str
) -> None:
    wanted = losses.cross_entropy(LOGITS[INSIDE], TARGETS[INSIDE], **options).item()

    def loss(z: Any, y: Any) -> Any:
        return losses.cross_entropy(z, y, ignore_index=-1, **options)

    assert loss(LOGITS, TARGETS).item() == pytest.approx(wanted, rel=1e-13)
    found = cr.compile(loss, engine=engine)(LOGITS, TARGETS).numpy()
    assert_agrees(found, loss(LOGITS, TARGETS).numpy(), engine)


def test_a_weight_of_0_for_a_step_is_the_same_as_ignoring_it() -> None:
    ignored = losses.cross_entropy(LOGITS, TARGETS, ignore_index=-1).item()
    mask = INSIDE.astype("float64")
    weighted = losses.cross_entropy(LOGITS, TARGETS.clip(0), sample_weight=mask).item()
    assert weighted == pytest.approx(ignored, rel=1e-14)


@pytest.mark.parametrize("filling", [np.inf, np.nan])
def test_logits_that_do_not_count_have_no_effect(filling: float) -> None:
    z = cr.tensor(np.where(INSIDE[:, :, None], LOGITS, filling))
    loss = losses.cross_entropy(z, TARGETS, ignore_index=-1)
    assert loss.item() == losses.cross_entropy(LOGITS, TARGETS, ignore_index=-1).item()
    gradient = cr.backprop(loss)[z].numpy()
    assert (gradient[~INSIDE] == 0).all() and np.isfinite(gradient).all()


def test_ignored_steps_have_the_loss_0_and_nothing_at_all_is_0() -> None:
    each = losses.cross_entropy(LOGITS, TARGETS, ignore_index=-1, reduction="none")
    assert ((each.numpy() == 0) == ~INSIDE).all()
    nothing = np.full((3, 4), 7)
    assert losses.cross_entropy(LOGITS, nothing, ignore_index=7).item() == 0


def test_accuracy_leaves_out_labels_below_0() -> None:
    right = (LOGITS.argmax(-1) == TARGETS)[INSIDE].mean()
    assert cr.metrics.Accuracy()(LOGITS, TARGETS) == pytest.approx(right)


MISTAKES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "another negative label": (
        lambda: losses.cross_entropy(LOGITS, TARGETS - 1, ignore_index=-1),
        BoundsError,
        "cross_entropy: label -2 for 5 classes",
    ),
    "of distributions": (
        lambda: losses.cross_entropy(LOGITS, np.abs(LOGITS), ignore_index=-1),
        ArgumentError,
        "cross_entropy: ignore_index=-1 with targets (3, 4, 5) of float64: it is a "
        "class number among class numbers",
    ),
    "no number": (
        lambda: losses.cross_entropy(LOGITS, TARGETS, ignore_index=0.5),  # type: ignore[arg-type]
        ArgumentError,
        "cross_entropy: ignore_index=0.5: expected a class number",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_clear_error(name: str) -> None:
    mistake, kind, message = MISTAKES[name]
    with pytest.raises(kind) as caught:
        mistake()
    assert str(caught.value).startswith(message)
