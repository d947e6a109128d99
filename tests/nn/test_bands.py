"""Bands of states in a row, held against every path through them there is."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import BoundsError, DTypeError, ShapeError
from chainrule.nn.chains.bands import (
    Band,
    band_best_paths,
    band_log_partition,
    band_marginals,
    left_to_right,
)
from chainrule.nn.chains.paths import IMPOSSIBLE, Chain, best_paths
from tests.agreement import each_engine

Array = np.ndarray[Any, Any]
rng = np.random.default_rng(0)

N, T, S = 5, 5, 4
SCORES = rng.normal(size=(N, T, S))
LENGTHS = np.array([5, 4, 3, 2, 1])
#: Of every sequence its own, but for what is shared by all.
BAND = Band(
    stay=rng.normal(size=(N, S)),
    step=rng.normal(size=S),
    skip=rng.normal(size=(N, S)),
    start=rng.normal(size=(N, S)),
    end=rng.normal(size=S),
)


def part(name: str, n: int, s: int) -> float:
    value = getattr(BAND, name)
    return float(value[n, s] if value.ndim == 2 else value[s])


def every_path(n: int) -> dict[tuple[int, ...], float]:
    """The score of each path through the states of sequence n, as written in books."""
    found = {}
    for path in itertools.product(range(S), repeat=int(LENGTHS[n])):
        moves = [after - before for before, after in itertools.pairwise(path)]
        if any(move not in (0, 1, 2) for move in moves):
            continue
        names = ("stay", "step", "skip")
        total = part("start", n, path[0]) + part("end", n, path[-1])
        total += sum(SCORES[n, t, state] for t, state in enumerate(path))
        total += sum(
            part(names[move], n, state)
            for move, state in zip(moves, path[1:], strict=True)
        )
        found[path] = total
    return found


def ln_z(n: int) -> float:
    return math.log(sum(math.exp(each) for each in every_path(n).values()))


@each_engine
def test_the_sum_is_that_of_all_paths(engine: str) -> None:
    wanted = [ln_z(n) for n in range(N)]

    def total(z: Any, t: Any) -> Any:
        return band_log_partition(z, BAND, t)

    for run in (total, cr.compile(total, engine=engine)):
        np.testing.assert_allclose(run(SCORES, LENGTHS).numpy(), wanted, rtol=1e-12)


@each_engine
def test_marginals_are_shares_of_all_paths(engine: str) -> None:
    wanted = np.zeros(SCORES.shape)
    for n in range(N):
        for path, value in every_path(n).items():
            for t, state in enumerate(path):
                wanted[n, t, state] += math.exp(value - ln_z(n))

    def shares(z: Any, t: Any) -> Any:
        return band_marginals(z, BAND, t)

    for run in (shares, cr.compile(shares, engine=engine)):
        np.testing.assert_allclose(run(SCORES, LENGTHS).numpy(), wanted, atol=1e-13)


@each_engine
def test_the_best_path_is_the_best_of_all(engine: str) -> None:
    def best(z: Any, t: Any) -> Any:
        return band_best_paths(z, BAND, t)

    for run in (best, cr.compile(best, engine=engine)):
        states, scores = run(SCORES, LENGTHS)
        for n, length in enumerate(LENGTHS):
            known = every_path(n)
            wanted = max(known, key=lambda path: known[path])
            assert states.numpy()[n].tolist() == [*wanted, *[-1] * (T - length)]
            assert scores.numpy()[n] == pytest.approx(known[wanted])


def test_the_gradient_is_that_of_finite_differences_twice() -> None:
    def total(z: Any, *band: Any) -> Any:
        return band_log_partition(z, Band(*band), LENGTHS).sum()

    cr.check_gradients(total, SCORES, *BAND, order=2)


def test_a_band_is_a_chain_with_few_transitions() -> None:
    scores = rng.normal(size=(3, 9, 5))
    moves = np.full((5, 5), IMPOSSIBLE)
    for state in range(5):
        moves[state, state : state + 2] = 0.0
    start, end = np.full((2, 5), IMPOSSIBLE)
    start[0] = end[-1] = 0.0
    whole = best_paths(scores, Chain(moves, start, end))
    banded = band_best_paths(scores, left_to_right(5))
    assert whole.states.numpy().tolist() == banded.states.numpy().tolist()
    np.testing.assert_allclose(whole.scores.numpy(), banded.scores.numpy())


def test_fewer_steps_than_states_have_no_path() -> None:
    scores = np.zeros((1, 2, 3))
    assert band_log_partition(scores, left_to_right(3)).item() < IMPOSSIBLE / 10
    assert band_best_paths(scores, left_to_right(3)).scores.item() < IMPOSSIBLE / 10


@pytest.mark.parametrize(
    ("error", "call", "message"),
    [
        (
            ShapeError,
            lambda: band_log_partition(np.zeros((3, 2)), left_to_right(2)),
            "band_log_partition: scores (3, 2): expected (N, T, S), one for each of S "
            "states at each of T steps",
        ),
        (
            DTypeError,
            lambda: band_marginals(np.zeros((1, 3, 2), int), left_to_right(2)),
            "band_marginals: scores (1, 3, 2) of int64: expected floats",
        ),
        (
            ShapeError,
            lambda: band_best_paths(np.zeros((1, 3, 2)), left_to_right(3)),
            "band_best_paths: stay (3,) for scores (1, 3, 2): expected (2,) or (1, 2)",
        ),
        (
            BoundsError,
            lambda: band_best_paths(np.zeros((1, 3, 2)), left_to_right(2), [4]),
            "band_best_paths: sequence length",
        ),
    ],
)
def test_messages(error: Any, call: Any, message: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value).startswith(message)


def test_ties_of_float32_scores_are_found_over_ten_thousand_steps() -> None:
    """A long sum of float32 scores would have lost the digits that decide."""
    steps = 10_000
    scores = np.full((1, steps, 2), -1000.0, np.float32)
    wanted = rng.integers(0, 2, steps)
    scores[0, np.arange(steps), wanted] += 0.25
    free = Chain(np.zeros((2, 2)), np.zeros(2), np.zeros(2))
    states, score = cr.compile(lambda z: best_paths(z, free))(scores)
    assert states.numpy()[0].tolist() == wanted.tolist()
    assert score.item() == steps * -999.75
