"""Which candidate errors choose: the smallest within one standard error of the best."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.errors import ShapeError
from chainrule.tuning import one_standard_error
from chainrule.tuning.choice import Score, choose
from chainrule.tuning.space import Candidate

ERRORS = st.lists(
    st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=8
)


@given(ERRORS, st.integers(0, 1000))
def test_none_smaller_than_the_chosen_one_is_within_one_standard_error(
    errors: list[list[float]], seed: int
) -> None:
    sizes = np.random.default_rng(seed).integers(1, 5, len(errors)).tolist()
    chosen = one_standard_error(errors, sizes)
    table = np.array(errors)
    means = table.mean(axis=1)
    best = int(np.argmin(means))
    limit = means[best] + table[best].std(ddof=1) / math.sqrt(3)
    assert means[chosen] <= limit
    for number, size in enumerate(sizes):
        if size < sizes[chosen]:
            assert means[number] > limit
        if size == sizes[chosen]:
            assert means[number] >= means[chosen]


def test_a_candidate_that_diverged_is_never_chosen() -> None:
    errors = [[0.1, np.inf, 0.1], [0.3, 0.2, 0.3], [np.nan, 0.0, 0.0]]
    assert one_standard_error(errors, [1, 3, 2]) == 1


def test_the_standard_error_is_that_of_the_mean_over_folds() -> None:
    score = Score(Candidate((8,), 0.1, 0.0, 0.0), 10, (1.0, 2.0, 4.0, 5.0))
    assert score.mean == 3.0
    assert score.standard_error == pytest.approx(math.sqrt(10 / 3) / 2)


def test_the_lowest_error_is_chosen_where_that_is_asked_for() -> None:
    small = Score(Candidate((8,), 0.1, 0.0, 0.0), 10, (0.21, 0.31, 0.2))
    large = Score(Candidate((64,), 0.1, 0.0, 0.0), 90, (0.2, 0.3, 0.2))
    assert choose([small, large], "lowest") == (large, large)
    assert choose([small, large], "one_standard_error") == (small, large)


@pytest.mark.parametrize("errors", [[0.1, 0.2], [[0.1], [0.2]]])
def test_errors_that_are_no_table_of_folds_are_an_error(errors: list[object]) -> None:
    with pytest.raises(ShapeError) as caught:
        one_standard_error(errors, [1, 2])
    assert caught.value.what == (
        f"one_standard_error: errors {np.shape(errors)} with 2 sizes: expected "
        "(models, folds), two folds or more, and a size for each model"
    )
