"""Whether confidence is kept."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import models


def test_predictions_that_are_as_sure_as_they_are_right_have_no_error() -> None:
    source = np.random.default_rng(0)
    p = source.dirichlet(np.ones(4), 100_000)
    labels = (p.cumsum(axis=1) > source.uniform(size=(100_000, 1))).argmax(axis=1)
    found = models.calibration(p, labels)
    assert found.expected_error < 0.01
    assert found.counts.sum() == 100_000
    sharper = p**3 / (p**3).sum(axis=1, keepdims=True)
    assert models.calibration(sharper, labels).expected_error > 0.1


def test_certain_and_wrong_is_an_error_of_1() -> None:
    assert models.calibration([[1.0, 0.0]] * 5, [1] * 5).expected_error == 1.0


def test_one_column_is_the_probability_of_an_event() -> None:
    found = models.calibration([[0.99], [0.01]], [1, 0])
    assert found.expected_error == pytest.approx(0.01)


def test_what_is_no_probability_is_an_error() -> None:
    with pytest.raises(cr.errors.DataError, match="expected probabilities from 0 to 1"):
        models.calibration([[2.0, -1.0]], [0])
    with pytest.raises(cr.errors.ShapeError, match=r"expected \(N, K\) and \(N,\)"):
        models.calibration([0.5, 0.5], [0, 1])
    with pytest.raises(cr.errors.DataError, match="there are no predictions"):
        models.calibration(np.zeros((0, 3)), np.zeros(0, int))
    with pytest.raises(cr.errors.ArgumentError, match="expected whole numbers"):
        models.calibration([[0.5, 0.5]], [0.0])
    with pytest.raises(cr.errors.DataError, match="do not add up to 1"):
        models.calibration([[0.9, 0.9]], [0])
    for wrong in ([2, 0], [-1, 0]):
        with pytest.raises(cr.errors.DataError, match="for 2 classes"):
            models.calibration([[0.8, 0.2]] * 2, wrong)
