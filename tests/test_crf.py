"""The conditional random field, held against every row of tags there is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn
from chainrule.errors import (
    ArgumentError,
    BoundsError,
    ChainruleError,
    DTypeError,
    ShapeError,
)
from tests.agreement import each_engine

Array = np.ndarray[Any, Any]
rng = np.random.default_rng(0)

N, T, K = 5, 4, 3
SCORES = rng.normal(size=(N, T, K))
LENGTHS = np.array([4, 3, 2, 1, 0])
TAGS = rng.integers(0, K, size=(N, T))
CHAIN = (rng.normal(size=(K, K)), rng.normal(size=K), rng.normal(size=K))


def score(scores: Array, row: tuple[int, ...]) -> float:
    """s(y), as it stands in the books."""
    if not row:
        return 0.0
    moves, start, end = CHAIN
    steps = sum(scores[t, tag] for t, tag in enumerate(row))
    passed = sum(moves[pair] for pair in itertools.pairwise(row))
    return float(start[row[0]] + steps + passed + end[row[-1]])


def every_row(n: int) -> dict[tuple[int, ...], float]:
    """The score of each of the Kᵀ rows of one sequence."""
    rows = itertools.product(range(K), repeat=int(LENGTHS[n]))
    return {row: score(SCORES[n], row) for row in rows}


def total(n: int) -> float:
    """ln Z."""
    return math.log(sum(math.exp(each) for each in every_row(n).values()))


def layer(**options: Any) -> nn.CRF:
    made = nn.CRF(K, dtype="float64", **options)
    for parameter, value in zip(made.parameters(), CHAIN, strict=True):
        parameter.assign(value)
    return made


@each_engine
def test_the_loss_is_that_of_the_sum_over_all_rows(engine: str) -> None:
    wanted = [
        total(n) - score(SCORES[n], tuple(TAGS[n, : LENGTHS[n]].tolist()))
        for n in range(N)
    ]

    def loss(z: Any, y: Any, t: Any) -> Any:
        return losses.crf(z, y, CHAIN, lengths=t, reduction="none")

    for run in (loss, cr.compile(loss, engine=engine)):
        found = run(SCORES, TAGS, LENGTHS).numpy()
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)


@each_engine
def test_the_best_row_is_the_best_of_all(engine: str) -> None:
    crf = layer()
    for run in (crf.best, cr.compile(crf.best, engine=engine)):
        rows, scores = run(SCORES, LENGTHS)
        for n, length in enumerate(LENGTHS):
            known = every_row(n)
            wanted = max(known, key=lambda row: known[row])
            assert rows.numpy()[n].tolist() == [*wanted, *[-1] * (T - length)]
            assert scores.numpy()[n] == pytest.approx(known[wanted])


@each_engine
def test_marginals_are_shares_of_all_rows(engine: str) -> None:
    crf, wanted = layer(), np.zeros(SCORES.shape)
    for n in range(N):
        for row, value in every_row(n).items():
            for t, tag in enumerate(row):
                wanted[n, t, tag] += math.exp(value - total(n))
    for run in (crf.marginals, cr.compile(crf.marginals, engine=engine)):
        np.testing.assert_allclose(run(SCORES, LENGTHS).numpy(), wanted, atol=1e-14)


def test_the_gradient_of_transitions_is_how_often_they_are_expected() -> None:
    crf, wanted = layer(), np.zeros((K, K))
    for row, value in every_row(0).items():
        for pair in itertools.pairwise(row):
            wanted[pair] += math.exp(value - total(0))
    z = crf.log_partition(SCORES[:1]).sum()
    found = cr.backprop(z)[crf.transitions].numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-14)


def test_the_gradient_is_that_of_finite_differences_twice() -> None:
    def loss(z: Any, *chain: Any) -> Any:
        return losses.crf(z, TAGS, chain, lengths=LENGTHS)

    cr.check_gradients(loss, SCORES, *CHAIN, order=2)


@each_engine
def test_compiled_gradients_are_the_eager_ones(engine: str) -> None:
    def gradients(z: Any, y: Any, t: Any, *chain: Any) -> Any:
        of = cr.grad(lambda *x: losses.crf(x[0], y, x[1:], lengths=t), (0, 1, 2, 3))
        return of(z, *chain)

    wanted = gradients(SCORES, TAGS, LENGTHS, *CHAIN)
    found = cr.compile(gradients, engine=engine)(SCORES, TAGS, LENGTHS, *CHAIN)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-13)


def test_what_is_behind_the_end_has_no_effect() -> None:
    scores, tags = SCORES.copy(), TAGS.copy()
    for n, length in enumerate(LENGTHS):
        scores[n, length:], tags[n, length:] = np.nan, -1
    leaf, clean = cr.tensor(scores), cr.tensor(SCORES)
    loss = losses.crf(leaf, tags, CHAIN, lengths=LENGTHS)
    same = losses.crf(clean, TAGS, CHAIN, lengths=LENGTHS)
    assert loss.item() == same.item()
    found, wanted = cr.backprop(loss)[leaf].numpy(), cr.backprop(same)[clean].numpy()
    np.testing.assert_array_equal(found, wanted)


def test_a_long_chain_of_large_scores_neither_overflows_nor_loses_its_sum() -> None:
    """Alike at every step: ln Z = T ln Σ exp z, of numbers that exp has no room for."""
    steps, z = 5000, np.array([900.0, 899.0, -900.0])
    scores = np.tile(z.astype(np.float32), (1, steps, 1))
    run = cr.compile(lambda x: nn.CRF(3).log_partition(x))
    wanted = steps * (900 + math.log(1 + math.exp(-1)))
    assert run(scores).item() == pytest.approx(wanted, rel=1e-9)


def test_a_state_far_behind_may_yet_win() -> None:
    """600 nats behind at the first step, and the only way to what the second wants."""
    moves = [[0.0, -1e30], [-1e30, 0.0]]
    scores = np.array([[[600.0, 0.0], [0.0, 1000.0]]])
    chain = (moves, [0.0, 0.0], [0.0, 0.0])
    found = losses.crf(scores, [[1, 1]], chain).item()
    assert found == pytest.approx(math.log1p(math.exp(-400)), abs=1e-12)


def test_what_is_forbidden_is_in_no_sum_and_never_chosen() -> None:
    crf = layer(forbidden=[(None, 2), (0, 1), (1, None)])
    allowed = {
        row: value
        for row, value in every_row(0).items()
        if row[0] != 2 and row[-1] != 1 and (0, 1) not in itertools.pairwise(row)
    }
    found = crf.log_partition(SCORES[:1]).item()
    wanted = math.log(sum(math.exp(value) for value in allowed.values()))
    assert found == pytest.approx(wanted, abs=1e-12)
    assert tuple(crf(SCORES[:1]).numpy()[0]) == max(allowed, key=lambda r: allowed[r])
    assert losses.crf(SCORES[:1], [[0, 1, 2, 0]], crf.chain()).item() == math.inf
    gradient = cr.backprop(crf.log_partition(SCORES).sum())[crf.transitions].numpy()
    assert gradient[0, 1] == 0 and np.isfinite(gradient).all()


def test_weights_count_sequences() -> None:
    weights = np.array([2.0, 0.0, 1.0, 0.0, 0.0])
    each = losses.crf(SCORES, TAGS, CHAIN, lengths=LENGTHS, reduction="none").numpy()
    found = losses.crf(SCORES, TAGS, CHAIN, lengths=LENGTHS, sample_weight=weights)
    assert found.item() == pytest.approx((2 * each[0] + each[2]) / 3)


def test_float32_scores_have_a_float32_loss_and_gradient() -> None:
    z = cr.tensor(SCORES.astype(np.float32))
    loss = losses.crf(z, TAGS, nn.CRF(K).chain())
    assert loss.dtype == "float32" and cr.backprop(loss)[z].dtype == "float32"


def test_a_layer_is_saved_with_what_it_forbids(tmp_path: Path) -> None:
    crf = layer(forbidden=[(None, 2), (0, 1)])
    crf.save(tmp_path / "crf.safetensors")
    again = cr.load(tmp_path / "crf.safetensors")
    np.testing.assert_array_equal(again(SCORES).numpy(), crf(SCORES).numpy())
    assert again.forbidden == crf.forbidden == [(None, 2), (0, 1)]
    assert repr(crf) == "CRF(3, 2 pairs forbidden)"


def test_a_network_ends_in_the_best_row() -> None:
    net = nn.Sequential(nn.LSTM(2, 4), nn.AllSteps(), nn.Linear(4, 3), nn.CRF(3))
    rows = net(np.zeros((2, 5, 2), np.float32), lengths=[5, 3]).numpy()
    assert rows.shape == (2, 5) and rows[1, 3:].tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: losses.crf(SCORES[0], TAGS, CHAIN), ShapeError,
         "crf: scores (4, 3): expected (N, T, K), one for each of K states at each of "
         "T steps"),
        (lambda: losses.crf(TAGS, SCORES, CHAIN), DTypeError,
         "crf: scores (5, 4) of int64: expected floats"),
        (lambda: losses.crf(SCORES, TAGS[:, :2], CHAIN), ShapeError,
         "crf: tags (5, 2): expected (5, 4), one for each step of a sequence"),
        (lambda: losses.crf(SCORES, TAGS + 0.5, CHAIN), DTypeError,
         "crf: tags (5, 4) of float64: a tag is an integer"),
        (lambda: losses.crf(SCORES, TAGS + K, CHAIN), BoundsError,
         "crf: label 4 for 3 classes at position (0, 0): labels go from 0 to 2"),
        (lambda: losses.crf(SCORES, -1 - TAGS, CHAIN), BoundsError,
         "crf: label -"),
        (lambda: losses.crf(SCORES, TAGS, CHAIN, lengths=[5] * 5), BoundsError,
         "crf: sequence length 5 "),
        (lambda: losses.crf(SCORES, TAGS, nn.CRF(4).chain()), ShapeError,
         "crf: transitions (4, 4) for scores (5, 4, 3): expected (3, 3), for 3 states"),
        (lambda: nn.CRF(3, forbidden=[(0, 3)]), ArgumentError,
         "CRF: forbidden: (0, 3): expected a pair (i, j) of tags from 0 to 2, "
         "(None, j) or (i, None)"),
        (lambda: nn.CRF(3, forbidden=[(None, None)]), ArgumentError,
         "CRF: forbidden: (None, None)"),
    ],
)  # fmt: skip
def test_wrong_inputs_are_named(
    call: Callable[[], Any], error: type[ChainruleError], message: str
) -> None:
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value).splitlines()[0]
