"""Standardising and one-hot rows."""

import json

import numpy as np
import pytest

from chainrule import data
from chainrule.errors import DataError

RANDOM = np.random.default_rng(0)


def test_scaled_columns_have_mean_zero_and_deviation_one() -> None:
    x = RANDOM.normal(5, 3, (200, 4))
    scaled = data.standardise(x)
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(0), 1, atol=1e-12)


def test_other_parts_are_scaled_with_the_numbers_of_the_first() -> None:
    train, test = data.standardise([[0.0], [2.0]], [[4.0]])
    assert (train.tolist(), test.tolist()) == ([[-1.0], [1.0]], [[3.0]])


@pytest.mark.parametrize("value", [0.0, 7.0, 0.1, 1e300, -1e-300])
def test_a_constant_column_becomes_zero(value: float) -> None:
    assert data.standardise(np.full((3, 1), value)).tolist() == [[0.0]] * 3


@pytest.mark.parametrize("size", [1e-200, 1e200, 1e307])
def test_large_and_small_numbers_do_not_overflow(size: float) -> None:
    scaled = data.standardise(np.array([[1.0], [2.0], [3.0]]) * size)
    np.testing.assert_allclose(scaled.ravel(), [-(1.5**0.5), 0, 1.5**0.5], atol=1e-9)


def test_a_standardiser_survives_json_bit_for_bit() -> None:
    x, y = RANDOM.normal(size=(20, 3)), RANDOM.normal(size=(20, 1))
    fitted = data.Standardiser.fit(x, y)
    again = data.Standardiser.from_json(json.loads(json.dumps(fitted.to_json())))
    np.testing.assert_array_equal(again.transform(x), fitted.transform(x))
    np.testing.assert_allclose(again.inverse(again.transform(x)), x, atol=1e-12)
    np.testing.assert_allclose(
        again.inverse_target(again.transform_target(y)), y, atol=1e-12
    )


def test_one_hot_rows_have_their_one_at_the_label() -> None:
    labels = RANDOM.integers(0, 5, (3, 4))
    rows = data.one_hot(labels, 5)
    assert rows.shape == (3, 4, 5)
    np.testing.assert_array_equal(rows.argmax(-1), labels)
    np.testing.assert_array_equal(rows.sum(-1), 1)


def test_one_hot_refuses_what_is_no_label() -> None:
    for labels in ([3], [-1], [0.5], ["a"]):
        with pytest.raises(DataError):
            data.one_hot(labels, 3)


def test_scaling_refuses_what_has_no_columns() -> None:
    with pytest.raises(DataError, match="one row per example") as caught:
        data.standardise([1.0, 2.0])
    assert caught.value.fix == "x.reshape(-1, 1) for a single column"
    with pytest.raises(DataError, match="nan at row 1, column 0"):
        data.standardise([[1.0], [np.nan]])
    with pytest.raises(DataError, match="fitted on 2 columns"):
        data.Standardiser.fit(np.eye(2)).transform(np.eye(3))
    with pytest.raises(DataError, match="missing or wrong"):
        data.Standardiser.from_json({"format": "chainrule.standardiser/1"})
