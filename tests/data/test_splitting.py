"""Splits and folds: every row once, classes in equal shares, a seed decides."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule import data
from chainrule.data.splitting import split_rows
from chainrule.errors import ArgumentError, DataError


@given(st.integers(1, 200), st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_parts_are_disjoint_complete_and_of_the_right_size(
    n: int, weights: list[int]
) -> None:
    fractions = np.array(weights) / sum(weights)
    parts = split_rows(n, fractions)
    assert sorted(np.concatenate(parts).tolist()) == list(range(n))
    for part, fraction in zip(parts, fractions, strict=True):
        assert abs(len(part) - n * fraction) <= 1


@given(st.lists(st.integers(0, 4), min_size=20, max_size=200), st.integers(2, 5))
def test_every_stratum_is_shared_out_evenly(labels: list[int], k: int) -> None:
    strata = np.array(labels)
    parts = split_rows(len(strata), np.full(k, 1 / k), strata)
    for stratum in np.unique(strata):
        counts = [int((strata[part] == stratum).sum()) for part in parts]
        assert max(counts) - min(counts) <= 2


def test_digits_keep_the_share_of_every_class() -> None:
    split = data.load("digits")
    assert isinstance(split.train.targets, np.ndarray)
    assert isinstance(split.test.targets, np.ndarray)
    train = np.bincount(split.train.targets)
    test = np.bincount(split.test.targets)
    assert np.abs(test / (train + test) - 0.2).max() < 0.01


def test_the_seed_decides() -> None:
    examples = data.Dataset(np.arange(40.0).reshape(40, 1), np.arange(40) % 2)
    first, again, other = (
        data.train_test_split(examples, seed=seed).test.inputs for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_class_of_one_example_is_trained_on() -> None:
    labels = np.array([0] * 30 + [1] * 30 + [2])
    for seed in range(10):
        x = np.arange(61.0).reshape(61, 1)
        split = data.train_test_split((x, labels), 0.4, 0.3, seed=seed)
        assert 2 in np.asarray(split.train.targets)


def test_validation_is_a_third_part() -> None:
    x = np.arange(100.0).reshape(100, 1)
    split = data.train_test_split((x, np.arange(100) % 2), 0.2, 0.1)
    assert split.validation is not None
    assert [len(part) for part in split] == [70, 10, 20]


def test_every_example_is_tested_in_exactly_one_fold() -> None:
    examples = data.Dataset(np.arange(53.0).reshape(53, 1), np.arange(53) % 3)
    folds = data.k_folds(examples, 5)
    tested = np.concatenate([np.asarray(test.inputs) for _, test in folds]).ravel()
    assert sorted(tested.tolist()) == list(range(53))
    for train, test in folds:
        assert len(train) + len(test) == 53
        assert not set(np.ravel(train.inputs)) & set(np.ravel(test.inputs))


@pytest.mark.parametrize("arguments", [(0.0,), (1.0,), (0.5, 0.5), (0.2, -0.1)])
def test_fractions_must_leave_something(arguments: tuple[float, ...]) -> None:
    with pytest.raises(ArgumentError, match="expected fractions above 0"):
        data.train_test_split((np.eye(10), np.arange(10) % 2), *arguments)


def test_regression_cannot_be_stratified() -> None:
    with pytest.raises(DataError, match="no class label per example"):
        data.k_folds((np.eye(4), np.arange(4.0)), 2, stratify=True)


@given(st.lists(st.integers(0, 9), min_size=30, max_size=80), st.integers(0, 3))
def test_a_group_is_in_one_part_only(groups: list[int], seed: int) -> None:
    if len(set(groups)) < 6:
        groups = [*groups, *range(10)]
    x = np.arange(float(len(groups)))[:, None]
    split = data.group_split((x, x), groups, 0.3, 0.2, seed=seed)
    assert split.validation is not None
    parts = [{groups[int(row)] for row in np.ravel(part.inputs)} for part in split]
    assert sum(map(len, parts)) == len(set(groups)) == len(set().union(*parts))
    assert sum(map(len, split)) == len(groups)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (
            ["a", "a", "b"],
            "group_split: groups (3,) of 4 examples: expected one group for each "
            "example",
        ),
        (
            ["a", "a", "a", "a"],
            r"group_split: test=0.2, validation=0.0 of 1 group: no group is left for "
            "test",
        ),
    ],
)
def test_groups_that_cannot_be_split_are_an_error(
    groups: list[str], message: str
) -> None:
    with pytest.raises((ArgumentError, DataError)) as caught:
        data.group_split((np.eye(4), np.arange(4.0)), groups)
    assert caught.value.what == message
