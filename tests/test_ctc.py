"""Connectionist temporal classification, held against every path there is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn, optim
from chainrule.errors import (
    ArgumentError,
    BoundsError,
    ChainruleError,
    DataError,
    DTypeError,
    ShapeError,
    TraceError,
)
from tests.agreement import each_engine

Array = np.ndarray[Any, Any]
rng = np.random.default_rng(0)

T, C = 5, 3
LOGITS = rng.normal(size=(7, T, C))
STEPS = np.array([5, 4, 3, 5, 2, 5, 0])


def log_softmax(z: Array) -> Array:
    return np.asarray(z - np.log(np.exp(z).sum(-1, keepdims=True)))


def spelled(path: tuple[int, ...], blank: int) -> tuple[int, ...]:
    """What a path spells: equal neighbours merged, then blanks taken out."""
    merged = [symbol for symbol, _ in itertools.groupby(path)]
    return tuple(symbol for symbol in merged if symbol != blank)


def all_spellings(logp: Array, blank: int) -> dict[tuple[int, ...], float]:
    """The probability of everything that can be spelled, over all Cᵀ paths."""
    found: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(logp.shape[1]), repeat=len(logp)):
        p = math.exp(sum(logp[t, symbol] for t, symbol in enumerate(path)))
        key = spelled(path, blank)
        found[key] = found.get(key, 0.0) + p
    return found


def targets_for(blank: int) -> list[list[int]]:
    """Repeats, none at all, as many as there are steps; for each row of STEPS."""
    a, b = (symbol for symbol in range(C) if symbol != blank)
    return [[a], [a, b], [a, a], [a, b, b, a], [], [a, b, a, b, a], []]


def padded(rows: list[list[int]], width: int = 5) -> Array:
    return np.array([row + [-1] * (width - len(row)) for row in rows])


@each_engine
@pytest.mark.parametrize("blank", range(C))
def test_the_loss_is_that_of_the_sum_over_all_paths(blank: int, engine: str) -> None:
    rows = targets_for(blank)
    spellings = [
        all_spellings(log_softmax(z[:t]), blank)
        for z, t in zip(LOGITS, STEPS, strict=True)
    ]
    wanted = [
        -math.log(known[tuple(row)]) for known, row in zip(spellings, rows, strict=True)
    ]

    def loss(z: Any, y: Any, t: Any) -> Any:
        return losses.ctc(z, y, input_lengths=t, blank=blank, reduction="none")

    for run in (loss, cr.compile(loss, engine=engine)):
        found = run(LOGITS, padded(rows), STEPS).numpy()
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)


def test_the_probabilities_of_all_spellings_add_up_to_1() -> None:
    z = LOGITS[0, :4]
    rows = [list(each) for each in all_spellings(log_softmax(z), 0)]
    found = losses.ctc(np.tile(z, (len(rows), 1, 1)), padded(rows), reduction="none")
    assert cr.exp(-found).sum().item() == pytest.approx(1, abs=1e-13)


def test_the_gradient_is_that_of_finite_differences_twice() -> None:
    y = padded(targets_for(0)[:4])
    cr.check_gradients(
        lambda z: losses.ctc(z, y, input_lengths=STEPS[:4]), LOGITS[:4], order=2
    )


def test_the_gradient_is_the_forward_backward_formula() -> None:
    """∂ℓ/∂zₜₖ = pₜₖ − the share of the paths that are at k in step t (equation 15)."""
    z, row = LOGITS[0], (1, 2)
    logp = log_softmax(z)
    share, total = np.zeros((T, C)), 0.0
    for path in itertools.product(range(C), repeat=T):
        if spelled(path, 0) == row:
            p = math.exp(sum(logp[t, symbol] for t, symbol in enumerate(path)))
            share[np.arange(T), path] += p
            total += p
    leaf = cr.tensor(z[None])
    found = cr.backprop(losses.ctc(leaf, [list(row)]))[leaf].numpy()[0]
    np.testing.assert_allclose(found, np.exp(logp) - share / total, atol=1e-14)


@each_engine
def test_compiled_gradients_are_the_eager_ones(engine: str) -> None:
    y = padded(targets_for(0)[:4])

    def gradient(z: Any, y: Any, t: Any) -> Any:
        return cr.backprop(losses.ctc(z, y, input_lengths=t))[z]

    wanted = gradient(cr.tensor(LOGITS[:4]), y, STEPS[:4]).numpy()
    found = cr.compile(gradient, engine=engine)(LOGITS[:4], y, STEPS[:4]).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("filling", [np.inf, np.nan])
def test_nothing_behind_the_end_of_an_input_has_an_effect(filling: float) -> None:
    y = padded(targets_for(0)[:4])
    behind = (np.arange(T) >= STEPS[:4, None])[:, :, None]
    leaf = cr.tensor(np.where(behind, filling, LOGITS[:4]))
    loss = losses.ctc(leaf, y, input_lengths=STEPS[:4])
    assert loss.item() == losses.ctc(LOGITS[:4], y, input_lengths=STEPS[:4]).item()
    gradient = cr.backprop(loss)[leaf].numpy()
    assert (gradient[behind[:, :, 0]] == 0).all()


def test_labels_behind_the_length_of_a_target_have_no_effect() -> None:
    lengths = [1, 2]
    y = np.array([[1, 2, 2], [2, 1, 0]])
    found = losses.ctc(LOGITS[:2], y, target_lengths=lengths, reduction="none").numpy()
    wanted = losses.ctc(LOGITS[:2], [[1, -1], [2, 1]], reduction="none").numpy()
    assert (found == wanted).all()


def test_lengths_come_beside_their_tensors_as_well() -> None:
    y, u = np.array([[1, 2], [2, 0]]), np.array([2, 1])
    pairs = losses.ctc((cr.tensor(LOGITS[:2]), STEPS[:2]), (y, u))
    named = losses.ctc(LOGITS[:2], y, input_lengths=STEPS[:2], target_lengths=u)
    assert pairs.item() == named.item()


def test_the_average_is_weighted_as_that_of_every_loss() -> None:
    y, w = padded(targets_for(0)[:4]), np.array([1.0, 0.0, 2.0, 0.5])
    each = losses.ctc(LOGITS[:4], y, reduction="none").numpy()
    found = losses.ctc(LOGITS[:4], y, sample_weight=w).item()
    assert found == pytest.approx((w * each).sum() / w.sum(), rel=1e-13)
    total = losses.ctc(LOGITS[:4], y, reduction="sum").item()
    assert total == pytest.approx(each.sum(), rel=1e-13)


def test_equal_labels_without_room_for_a_blank_are_impossible() -> None:
    leaf = cr.tensor(LOGITS[:2, :2])
    y = [[1, 1], [1, 2]]
    found = losses.ctc(leaf, y, reduction="none")
    assert found.numpy()[0] == math.inf and np.isfinite(found.numpy()[1])
    gradient = cr.backprop(found.sum())[leaf].numpy()
    assert (gradient[0] == 0).all() and (gradient[1] != 0).all()
    forgiven = losses.ctc(leaf, y, zero_infinity=True, reduction="none").numpy()
    assert forgiven[0] == 0 and forgiven[1] == found.numpy()[1]


@each_engine
def test_more_labels_than_steps_count_0_where_that_is_asked_for(engine: str) -> None:
    def loss(z: Any, y: Any) -> Any:
        return losses.ctc(z, y, zero_infinity=True, reduction="none")

    for run in (loss, cr.compile(loss, engine=engine)):
        assert run(LOGITS[:1, :2], np.array([[1, 2, 1]])).numpy() == [0.0]


def test_a_symbol_of_probability_0_makes_a_target_impossible_and_no_nan() -> None:
    z = np.zeros((2, 4, 3))
    z[:, :, 2] = -np.inf
    leaf = cr.tensor(z)
    found = losses.ctc(leaf, [[1, 1], [2, -1]], reduction="none")
    assert found.numpy()[0] == pytest.approx(math.log(2**4 / 5))
    assert found.numpy()[1] == math.inf
    assert np.isfinite(cr.backprop(found.sum())[leaf].numpy()).all()


def test_a_long_sequence_neither_overflows_nor_rounds_to_0() -> None:
    z = rng.normal(size=(1, 3000, 4)).astype("float32")
    y = np.tile([[1, 2, 3]], 400)
    narrow = losses.ctc(z, y).item()
    wide = losses.ctc(z.astype("float64"), y).item()
    assert narrow == pytest.approx(wide, rel=1e-5)
    assert wide > 1000


# Decoding. --------------------------------------------------------------------------


@pytest.mark.parametrize("blank", range(C))
def test_a_wide_beam_finds_the_most_probable_spelling(blank: int) -> None:
    z = 2 * rng.normal(size=(20, T, C))
    steps = np.resize([5, 4, 3, 1], 20)
    found = losses.ctc_decode(z, steps, blank=blank, beam_width=300)
    for decoding, row, t in zip(found, z, steps, strict=True):
        known = all_spellings(log_softmax(row[:t]), blank)
        best = max(known, key=lambda labels: known[labels])
        assert tuple(decoding.labels) == best
        assert decoding.log_probability == pytest.approx(math.log(known[best]))


def test_the_probability_of_a_decoding_is_that_of_the_loss() -> None:
    for row, found in zip(
        LOGITS, losses.ctc_decode(LOGITS, beam_width=300), strict=True
    ):
        loss = losses.ctc(row[None], np.array([found.labels], int)).item()
        assert found.log_probability == pytest.approx(-loss, rel=1e-12)


def test_a_wider_beam_finds_nothing_worse_and_never_too_much() -> None:
    z = rng.normal(size=(5, 12, 6))
    exact = [losses.ctc_decode(z, beam_width=w) for w in (1, 4, 16, 256)]
    for narrow, wide in itertools.pairwise(exact):
        for a, b in zip(narrow, wide, strict=True):
            assert a.log_probability <= b.log_probability + 1e-12
    for row, decoding in zip(z, exact[-1], strict=True):
        loss = losses.ctc(row[None], np.array([decoding.labels], int)).item()
        assert decoding.log_probability <= -loss + 1e-9  # what the beam lost is missing


def test_the_best_path_is_the_likeliest_symbol_of_every_step() -> None:
    path = [1, 1, 0, 1, 2, 2, 0, 0]
    z = 3.0 * np.eye(3)[path]
    (decoding,) = losses.ctc_decode(z[None])
    assert decoding.labels == [1, 1, 2]
    best = len(path) * log_softmax(z[:1]).max()
    assert decoding.log_probability == pytest.approx(best)
    (start,) = losses.ctc_decode((cr.tensor(z[None]), [3]))
    assert start.labels == [1]


@pytest.mark.parametrize("width", [None, 3])
def test_an_input_without_steps_spells_nothing_for_certain(width: int | None) -> None:
    assert losses.ctc_decode(LOGITS[:1], [0], beam_width=width) == [([], 0.0)]


def test_labels_of_probability_0_are_never_spelled() -> None:
    z = np.array([[[-np.inf, 0.0, -np.inf]] * 3])
    for width in (None, 1, 10):
        assert losses.ctc_decode(z, beam_width=width)[0].labels == [1]


# In training. -----------------------------------------------------------------------


def test_fit_learns_labels_without_being_told_when_they_are() -> None:
    cr.manual_seed(0)
    count, steps = 96, 12
    labels = padded(
        [rng.integers(1, 4, rng.integers(1, 4)).tolist() for _ in range(count)], 3
    )
    x = 0.5 * rng.normal(size=(count, steps, 4))
    for row in range(count):
        start = rng.integers(0, 2)
        for place, label in enumerate(labels[row][labels[row] > 0]):
            x[row, start + 4 * place : start + 4 * place + 2, label] += 3

    model = nn.Sequential(
        nn.GRU(4, 12, bidirectional=True), nn.AllSteps(), nn.Linear(24, 4)
    )
    data = cr.data.Dataset(x.astype("float32"), labels, task="none")
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    history = cr.fit(
        model, data, loss="ctc", optimizer=optimizer, epochs=30, progress=False
    )
    assert history["loss"][-1] < 0.05 * history["loss"][0]
    found = losses.ctc_decode(cr.predict(model, x.astype("float32")), beam_width=4)
    wanted = [row[row > 0].tolist() for row in labels]
    assert [each.labels for each in found] == wanted


# Mistakes. --------------------------------------------------------------------------


def compiled(**options: Any) -> Callable[..., Any]:
    return cr.compile(lambda z, y: losses.ctc(z, y, **options))


MISTAKES: dict[str, tuple[Callable[[], Any], type[ChainruleError], str]] = {
    "more labels than steps": (
        lambda: losses.ctc(LOGITS[:2, :2], [[1, 2, 1], [1, -1, -1]]),
        DataError,
        "ctc: row 0: a target of 3 labels for 2 steps of input: a label takes a step "
        "at least",
    ),
    "more labels than real steps": (
        lambda: losses.ctc(LOGITS[:2], [[1, 2], [1, 2]], input_lengths=[4, 1]),
        DataError,
        "ctc: row 1: a target of 2 labels for 1 steps of input",
    ),
    "more labels than steps, compiled": (
        lambda: compiled()(LOGITS[:1, :2], np.array([[1, 2, 1]])),
        DataError,
        "ctc: more labels than steps of input, by 1, at row 0: a label takes a step",
    ),
    "a label beyond the classes": (
        lambda: losses.ctc(LOGITS[:1], [[1, 3]]),
        BoundsError,
        "ctc: label 3 for 3 classes at position (0, 1): labels go from 0 to 2",
    ),
    "a label beyond the classes, compiled": (
        lambda: compiled()(LOGITS[:1], np.array([[1, 3]])),
        BoundsError,
        "ctc: label 3 for 3 classes at position (0, 1): labels go from 0 to 2",
    ),
    "a negative label": (
        lambda: losses.ctc(LOGITS[:1], [[1, -2]]),
        BoundsError,
        "ctc: label -2 for 3 classes at position (0, 1): labels go from 0 to 2",
    ),
    "padding between labels": (
        lambda: losses.ctc(LOGITS[:1], [[1, -1, 2]]),
        BoundsError,
        "ctc: label -1 for 3 classes at position (0, 1): labels go from 0 to 2",
    ),
    "a blank among the labels": (
        lambda: losses.ctc(LOGITS[:1], [[1, 0]]),
        DataError,
        "ctc: targets (1, 2): the blank 0 at position (0, 1): labels are the other "
        "classes",
    ),
    "a blank among the labels, compiled": (
        lambda: compiled(blank=2)(LOGITS[:1], np.array([[1, 2]])),
        DataError,
        "ctc: targets (1, 2): the blank 2 at position (0, 1): labels are the other",
    ),
    "a blank beyond the classes": (
        lambda: losses.ctc(LOGITS[:1], [[1]], blank=3),
        BoundsError,
        "ctc: blank=3 for 3 classes: expected 0 to 2",
    ),
    "a blank that is no number": (
        lambda: losses.ctc(LOGITS[:1], [[1]], blank="-"),
        ArgumentError,
        "ctc: blank='-': expected a class number",
    ),
    "labels of floats": (
        lambda: losses.ctc(LOGITS[:1], [[1.0]]),
        DTypeError,
        "ctc: targets (1, 1) of float32: labels are integers",
    ),
    "targets of another batch": (
        lambda: losses.ctc(LOGITS[:2], [[1]]),
        ShapeError,
        "ctc: targets (1, 1) for logits (2, 5, 3): expected (2, S), the labels of each "
        "sample",
    ),
    "one sequence": (
        lambda: losses.ctc(LOGITS[0], [[1]]),
        ShapeError,
        "ctc: logits (5, 3): expected (N, T, C), C symbols at each of T steps",
    ),
    "input lengths beyond the steps": (
        lambda: losses.ctc(LOGITS[:1], [[1]], input_lengths=[6]),
        BoundsError,
        "ctc: input length 6 of a sequence of 5 steps at row 0",
    ),
    "target lengths beyond the labels": (
        lambda: losses.ctc(LOGITS[:1], [[1]], target_lengths=[2]),
        BoundsError,
        "ctc: target length 2 of a sequence of 1 steps at row 0",
    ),
    "lengths of floats": (
        lambda: losses.ctc(LOGITS[:1], [[1]], input_lengths=[5.0]),
        DTypeError,
        "ctc: input lengths (1,) of float32: a length is an integer",
    ),
    "lengths twice": (
        lambda: losses.ctc((cr.tensor(LOGITS[:1]), [5]), [[1]], input_lengths=[5]),
        ArgumentError,
        "ctc: both a pair (logits, input_lengths) and input_lengths: expected one",
    ),
    "no beam": (
        lambda: losses.ctc_decode(LOGITS, beam_width=0),
        ArgumentError,
        "ctc_decode: beam_width=0: expected at least 1, or None",
    ),
    "decoding while tracing": (
        lambda: cr.compile(lambda z: losses.ctc_decode(z)[0].labels)(LOGITS),
        TraceError,
        "ctc_decode",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_clear_error(name: str) -> None:
    mistake, kind, message = MISTAKES[name]
    with pytest.raises(kind) as caught:
        mistake()
    assert type(caught.value) is kind
    assert caught.value.what.startswith(message)
