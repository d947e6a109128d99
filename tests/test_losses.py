"""Losses: their formulas in NumPy, their gradients, their extremes, their messages."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats

import chainrule as cr
from chainrule import losses
from chainrule.errors import (
    ArgumentError,
    BoundsError,
    ChainruleError,
    DataError,
    DTypeError,
    OptionError,
    ShapeError,
)
from tests.agreement import assert_agrees, each_engine

Array = Any
N, K = 7, 4


rng = np.random.default_rng(0)
A, Y = rng.normal(size=(N, K)), rng.normal(size=(N, K))
LOGITS, LABELS = rng.normal(size=(N, K)) * 3, rng.integers(0, K, N)
BITS = rng.integers(0, 2, (N, K))
SIGNS = 2 * BITS - 1
SHARES = rng.dirichlet(np.ones(K), N)
PROBABILITIES = rng.random((N, K))
S = rng.normal(size=(N, K))
WEIGHTS = rng.random(N) + 0.1
CLASS_WEIGHTS = rng.random(K) + 0.1


def log_softmax(z: Array) -> Array:
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def huber(r: Array, delta: float) -> Array:
    far = delta * (abs(r) - delta / 2)
    return np.where(abs(r) <= delta, r**2 / 2, far)


def binary(z: Array, y: Array, p: float = 1.0) -> Array:
    return -(p * y * np.log(sigmoid(z)) + (1 - y) * np.log(1 - sigmoid(z)))


def gaussian(mu: Array, variance: Array, y: Array) -> Array:
    density = np.exp(-((y - mu) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    return -np.log(density)


def multiclass_hinge(s: Array, y: Array, m: float) -> Array:
    rows = np.arange(len(y))
    others = s.copy()
    others[rows, y] = -np.inf
    return np.maximum(0, m + others.max(-1) - s[rows, y])


def kl(q: Array, p: Array) -> Array:
    return (q * np.log(q / p)).sum(-1)


def softmax(z: Array) -> Array:
    return np.exp(log_softmax(z))


def cosine(a: Array, b: Array) -> Array:
    return (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))


def focal(p: Array, gamma: float) -> Array:
    return -((1 - p) ** gamma) * np.log(p)


def poisson(z: Array, y: Array) -> Array:
    return -scipy.stats.poisson.logpmf(y, np.exp(z))


def negative_binomial(z: Array, alpha: Array, y: Array) -> Array:
    r = 1 / alpha
    return -scipy.stats.nbinom.logpmf(y, r, r / (r + np.exp(z)))


def dice(p: Array, y: Array, smooth: float = 1.0) -> Array:
    both, sizes = (p * y).sum((1, 2)), (p + y).sum((1, 2))
    return 1 - (2 * both + smooth) / (sizes + smooth)


ROWS = np.arange(N)
COUNTS = rng.integers(0, 9, (N, K))
PIXELS = rng.normal(size=(N, 3, 2, K))
MASKS = rng.integers(0, 2, (N, 3, 2, K))
REGIONS = rng.integers(0, K, (N, 3, 2))
PAIRS = SIGNS[:, 0]
NLL = -log_softmax(LOGITS)
MIXED = 0.9 * np.eye(K)[LABELS] + 0.1 / K

#: name: (the loss of predictions, predictions, its formula on samples or elements)
CASES: dict[str, tuple[Callable[..., Any], Any, Array]] = {
    "half_squared_error": (
        lambda a, **k: losses.half_squared_error(a, Y, **k),
        A,
        ((A - Y) ** 2).sum(1) / 2,
    ),
    "squared_error": (
        lambda a, **k: losses.squared_error(a, Y, **k),
        A,
        ((A - Y) ** 2).sum(1),
    ),
    "mse": (lambda a, **k: losses.mse(a, Y, **k), A, (A - Y) ** 2),
    "mse per sample": (
        lambda a, **k: losses.mse(a, Y, per="sample", **k),
        A,
        ((A - Y) ** 2).sum(1),
    ),
    "l1": (lambda a, **k: losses.l1(a, Y, **k), A, abs(A - Y)),
    "l1 per sample": (
        lambda a, **k: losses.l1(a, Y, per="sample", **k),
        A,
        abs(A - Y).sum(1),
    ),
    "huber": (
        lambda a, **k: losses.huber(a, Y, delta=0.7, **k),
        A,
        huber(A - Y, 0.7),
    ),
    "binary_cross_entropy": (
        lambda z, **k: losses.binary_cross_entropy(z, BITS, **k),
        LOGITS,
        binary(LOGITS, BITS),
    ),
    "binary_cross_entropy of probabilities": (
        lambda z, **k: losses.binary_cross_entropy(z, PROBABILITIES, **k),
        LOGITS,
        binary(LOGITS, PROBABILITIES),
    ),
    "binary_cross_entropy with pos_weight": (
        lambda z, **k: losses.binary_cross_entropy(z, BITS, pos_weight=3.0, **k),
        LOGITS,
        binary(LOGITS, BITS, 3.0),
    ),
    "cross_entropy": (
        lambda z, **k: losses.cross_entropy(z, LABELS, **k),
        LOGITS,
        NLL[ROWS, LABELS],
    ),
    "cross_entropy of distributions": (
        lambda z, **k: losses.cross_entropy(z, SHARES, **k),
        LOGITS,
        (SHARES * NLL).sum(1),
    ),
    "cross_entropy with smoothed labels": (
        lambda z, **k: losses.cross_entropy(z, LABELS, label_smoothing=0.1, **k),
        LOGITS,
        (MIXED * NLL).sum(1),
    ),
    "hinge": (
        lambda s, **k: losses.hinge(s, SIGNS, margin=0.9, **k),
        S,
        np.maximum(0, 0.9 - SIGNS * S),
    ),
    "hinge of classes": (
        lambda s, **k: losses.hinge(s, LABELS, **k),
        S,
        multiclass_hinge(S, LABELS, 1.0),
    ),
    "gaussian_nll": (
        lambda mu, **k: losses.gaussian_nll((mu, cr.tensor(S, mu.dtype)), Y, **k),
        A,
        gaussian(A, np.exp(S), Y).sum(1),
    ),
    "gaussian_nll of variances": (
        lambda mu, **k: losses.gaussian_nll(mu, Y, variance=np.exp(S), **k),
        A,
        gaussian(A, np.exp(S), Y).sum(1),
    ),
    "kl_divergence": (
        lambda z, **k: losses.kl_divergence(z, SHARES, **k),
        LOGITS,
        kl(SHARES, softmax(LOGITS)),
    ),
    "kl_divergence of logits": (
        lambda z, **k: losses.kl_divergence(z, S, target_logits=True, **k),
        LOGITS,
        kl(softmax(S), softmax(LOGITS)),
    ),
    "kl_divergence by its target": (
        lambda s, **k: losses.kl_divergence(
            cr.tensor(LOGITS, s.dtype), s, target_logits=True, **k
        ),
        S,
        kl(softmax(S), softmax(LOGITS)),
    ),
    "focal": (
        lambda z, **k: losses.focal(z, BITS, **k),
        LOGITS,
        focal(sigmoid(np.where(BITS, LOGITS, -LOGITS)), 2.0),
    ),
    "focal with alpha": (
        lambda z, **k: losses.focal(z, BITS, gamma=0.5, alpha=0.25, **k),
        LOGITS,
        np.where(BITS, 0.25, 0.75)
        * focal(sigmoid(np.where(BITS, LOGITS, -LOGITS)), 0.5),
    ),
    "focal of classes": (
        lambda z, **k: losses.focal(z, LABELS, gamma=1.5, **k),
        LOGITS,
        focal(softmax(LOGITS)[ROWS, LABELS], 1.5),
    ),
    "focal of classes with alpha": (
        lambda z, **k: losses.focal(z, LABELS, alpha=CLASS_WEIGHTS, **k),
        LOGITS,
        CLASS_WEIGHTS[LABELS] * focal(softmax(LOGITS)[ROWS, LABELS], 2.0),
    ),
    "dice": (
        lambda z, **k: losses.dice(z, MASKS, **k),
        PIXELS,
        dice(sigmoid(PIXELS), MASKS),
    ),
    "dice of classes": (
        lambda z, **k: losses.dice(z, REGIONS, smooth=0.1, **k),
        PIXELS,
        dice(softmax(PIXELS), np.eye(K)[REGIONS], 0.1),
    ),
    "cosine_embedding": (
        lambda a, **k: losses.cosine_embedding(
            (a, cr.tensor(Y, a.dtype)), PAIRS, margin=-0.2, **k
        ),
        A,
        np.where(PAIRS > 0, 1 - cosine(A, Y), np.maximum(0, cosine(A, Y) + 0.2)),
    ),
    "triplet_margin": (
        lambda a, **k: losses.triplet_margin(
            a, cr.tensor(Y, a.dtype), cr.tensor(S, a.dtype), margin=0.7, **k
        ),
        A,
        np.maximum(
            0, 0.7 + np.linalg.norm(A - Y, axis=1) - np.linalg.norm(A - S, axis=1)
        ),
    ),
    "poisson_nll": (
        lambda z, **k: losses.poisson_nll(z, COUNTS, **k),
        A,
        poisson(A, COUNTS).sum(1),
    ),
    "poisson_nll per element": (
        lambda z, **k: losses.poisson_nll(z, COUNTS, full=False, per="element", **k),
        A,
        np.exp(A) - COUNTS * A,
    ),
    "negative_binomial_nll": (
        lambda z, **k: losses.negative_binomial_nll(
            (z, cr.tensor(S, z.dtype)), COUNTS, **k
        ),
        A,
        negative_binomial(A, np.exp(S), COUNTS).sum(1),
    ),
    "negative_binomial_nll by its dispersion": (
        lambda s, **k: losses.negative_binomial_nll(
            (cr.tensor(A, s.dtype), s), COUNTS, **k
        ),
        S,
        negative_binomial(A, np.exp(S), COUNTS).sum(1),
    ),
    "bernoulli_nll": (
        lambda z, **k: losses.bernoulli_nll(z, BITS, **k),
        LOGITS,
        binary(LOGITS, BITS).sum(1),
    ),
}


def close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-12, atol=1e-13)


@pytest.fixture(params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> tuple[Callable[..., Any], Any, Array]:
    return CASES[request.param]


def test_unreduced_losses_are_those_of_the_formula(case: Any) -> None:
    loss, predictions, expected = case
    close(loss(predictions, reduction="none"), expected)


def test_a_loss_is_the_mean_over_what_the_formula_gives(case: Any) -> None:
    loss, predictions, expected = case
    close(loss(predictions), expected.mean())


def test_reduction_sum_adds_up(case: Any) -> None:
    loss, predictions, expected = case
    close(loss(predictions, reduction="sum"), expected.sum())


def test_sample_weights_make_a_weighted_average(case: Any) -> None:
    loss, predictions, expected = case
    per_sample = expected.reshape(N, -1).mean(1)
    close(
        loss(predictions, sample_weight=WEIGHTS),
        np.average(per_sample, weights=WEIGHTS),
    )


def test_a_sample_with_weight_2_counts_as_two_samples(case: Any) -> None:
    loss, predictions, expected = case
    weights = np.ones(N)
    weights[2] = 2
    twice = np.concatenate([expected, expected[2:3]])
    close(loss(predictions, sample_weight=weights), twice.mean())


def test_weights_that_are_all_zero_give_a_loss_of_0(case: Any) -> None:
    loss, predictions, _ = case
    assert loss(predictions, sample_weight=np.zeros(N)).item() == 0.0


def test_gradients_agree_with_finite_differences(case: Any) -> None:
    loss, predictions, _ = case
    cr.check_gradients(loss, predictions, order=2)
    cr.check_gradients(lambda a: loss(a, sample_weight=WEIGHTS), predictions, order=1)


@each_engine
def test_compiled_losses_are_the_eager_ones(case: Any, engine: str) -> None:
    loss, predictions, _ = case
    compiled = cr.compile(lambda a: loss(a), engine=engine)
    assert_agrees(compiled(predictions).numpy(), loss(predictions).numpy(), engine)


def test_values_and_dtypes_are_as_declared(case: Any) -> None:
    loss, predictions, _ = case
    cr.check_declared(loss, predictions)
    assert loss(predictions).shape == ()


def test_float32_predictions_give_a_float32_loss(case: Any) -> None:
    loss, predictions, expected = case
    found = loss(predictions.astype(np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.item(), expected.mean(), rtol=1e-5)


# Class weights and distributions. -----------------------------------------------------


def test_class_weights_average_as_pytorch_does() -> None:
    weights = CLASS_WEIGHTS[LABELS]
    close(
        losses.cross_entropy(LOGITS, LABELS, weight=CLASS_WEIGHTS),
        np.average(NLL[ROWS, LABELS], weights=weights),
    )


def test_class_weights_and_smoothing_average_as_pytorch_does() -> None:
    weights = CLASS_WEIGHTS[LABELS]
    close(
        losses.cross_entropy(LOGITS, LABELS, weight=CLASS_WEIGHTS, label_smoothing=0.1),
        (MIXED * CLASS_WEIGHTS * NLL).sum() / weights.sum(),
    )


def test_class_and_sample_weights_multiply() -> None:
    weights = CLASS_WEIGHTS[LABELS] * WEIGHTS
    close(
        losses.cross_entropy(
            LOGITS, LABELS, weight=CLASS_WEIGHTS, sample_weight=WEIGHTS
        ),
        np.average(NLL[ROWS, LABELS], weights=weights),
    )


@pytest.mark.parametrize("options", [{}, {"weight": CLASS_WEIGHTS}])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_one_hot_distributions_are_class_numbers(
    options: dict[str, Any], smoothing: float
) -> None:
    one_hot = np.eye(K)[LABELS]
    close(
        losses.cross_entropy(LOGITS, one_hot, label_smoothing=smoothing, **options),
        losses.cross_entropy(
            LOGITS, LABELS, label_smoothing=smoothing, **options
        ).numpy(),
    )


def test_the_gradient_of_cross_entropy_is_softmax_minus_one_hot() -> None:
    z = cr.tensor(LOGITS)
    gradient = cr.backprop(losses.cross_entropy(z, LABELS))[z]
    softmax = np.exp(log_softmax(LOGITS))
    close(gradient.numpy(), (softmax - np.eye(K)[LABELS]) / N)


def test_sequences_average_over_every_position() -> None:
    z = LOGITS[:6].reshape(2, 3, K)
    y = LABELS[:6].reshape(2, 3)
    close(losses.cross_entropy(z, y), NLL[ROWS[:6], LABELS[:6]].mean())
    mask = np.array([[1, 1, 0], [1, 0, 0]])
    kept = mask.reshape(-1) == 1
    close(
        losses.cross_entropy(z, y, sample_weight=mask),
        NLL[ROWS[:6], LABELS[:6]][kept].mean(),
    )


def test_bool_and_small_integer_labels_are_class_numbers() -> None:
    z = LOGITS[:, :2]
    y = BITS[:, 0]
    expected = losses.cross_entropy(z, y).item()
    for dtype in ("bool", "uint8", "int32", "uint64"):
        assert losses.cross_entropy(z, y.astype(dtype)).item() == expected


def test_the_three_squared_errors_differ_by_the_documented_factors() -> None:
    per_element = losses.mse(A, Y).item()
    assert losses.squared_error(A, Y).item() == pytest.approx(K * per_element)
    assert losses.mse(A, Y, per="sample").item() == losses.squared_error(A, Y).item()
    assert losses.half_squared_error(A, Y).item() == pytest.approx(K * per_element / 2)


def test_half_squared_error_has_the_gradient_a_minus_y() -> None:
    a = cr.tensor(A[:1])
    close(cr.backprop(losses.half_squared_error(a, Y[:1]))[a].numpy(), A[:1] - Y[:1])


def test_gaussian_nll_of_variance_1_is_half_squared_error_and_a_constant() -> None:
    constant = K * math.log(2 * math.pi) / 2
    close(
        losses.gaussian_nll(A, Y, variance=1.0),
        losses.half_squared_error(A, Y).item() + constant,
    )


# Extremes. ----------------------------------------------------------------------------

LARGEST = float(np.finfo(np.float32).max)
EXTREMES = [0.0, 1e-30, 20.0, 1e4, -1e4, LARGEST, -LARGEST]


@pytest.mark.parametrize("y", [0, 1])
@pytest.mark.parametrize("z", EXTREMES)
def test_binary_cross_entropy_is_exact_and_finite_at_every_logit(
    z: float, y: int
) -> None:
    logit = cr.tensor(np.array([z], np.float32))
    loss = losses.binary_cross_entropy(logit, [y])
    signed = -z if y else z
    exact = max(signed, 0.0) + math.log1p(math.exp(-abs(signed)))
    assert loss.item() == pytest.approx(exact, rel=1e-6)
    gradient = cr.backprop(loss)[logit].numpy()
    assert np.isfinite(gradient).all()
    assert abs(gradient).max() <= 1.0


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}])
@pytest.mark.parametrize(
    "row", [[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4], [LARGEST, -LARGEST, 0.0], [0, 0, 0]]
)
@pytest.mark.parametrize("label", [0, 1])
def test_cross_entropy_has_no_nan_at_any_logit(
    row: list[float], label: int, options: dict[str, Any]
) -> None:
    z = cr.tensor(np.array([row], np.float32))
    loss = losses.cross_entropy(z, [label], **options)
    assert not math.isnan(loss.item())
    gradient = cr.backprop(loss)[z].numpy()
    assert np.isfinite(gradient).all()
    assert abs(gradient).max() <= 1.0


def test_classes_masked_with_minus_infinity_cost_nothing() -> None:
    z = cr.tensor(np.array([[0.0, 0.0, -np.inf]]))
    loss = losses.cross_entropy(z, [0])
    assert loss.item() == pytest.approx(math.log(2))
    assert np.isfinite(cr.backprop(loss)[z].numpy()).all()


@pytest.mark.parametrize("s", [-1e4, -200.0, 1e4])
@pytest.mark.parametrize("miss", [0.0, 1e-3])
def test_gaussian_nll_has_no_nan_at_any_log_variance(s: float, miss: float) -> None:
    mu, log_variance = cr.tensor([miss]), cr.tensor([s])
    loss = losses.gaussian_nll((mu, log_variance), [0.0])
    grads = cr.backprop(loss)
    assert not math.isnan(loss.item())
    assert not np.isnan(grads[mu].numpy()).any()
    assert not np.isnan(grads[log_variance].numpy()).any()


@pytest.mark.parametrize("loss", [losses.huber, losses.l1])
def test_losses_for_outliers_are_finite_at_the_largest_number(
    loss: Callable[..., Any],
) -> None:
    a = cr.tensor(np.array([LARGEST], np.float32))
    found = loss(a, [0.0])
    assert math.isfinite(found.item())
    assert cr.backprop(found)[a].item() == 1.0


# Wrong use. ---------------------------------------------------------------------------

f32 = np.float32
WRONG: list[tuple[str, Callable[[], Any], type[ChainruleError], str, str | None]] = [
    (
        "a column against a vector",
        lambda: losses.mse(np.ones((32, 1)), np.ones(32)),
        ShapeError,
        "mse: predictions (32, 1) with targets (32,): the shapes must be equal; a loss "
        "never broadcasts",
        "predictions.squeeze(-1), or targets[..., None]",
    ),
    (
        "a vector against a column",
        lambda: losses.l1(np.ones(32), np.ones((32, 1))),
        ShapeError,
        "l1: predictions (32,) with targets (32, 1): the shapes must be equal; a loss "
        "never broadcasts",
        "targets.squeeze(-1), or predictions[..., None]",
    ),
    (
        "logits of a column against a vector",
        lambda: losses.binary_cross_entropy(np.ones((32, 1)), np.ones(32, int)),
        ShapeError,
        "binary_cross_entropy: logits (32, 1) with targets (32,): the shapes must be "
        "equal; a loss never broadcasts",
        "logits.squeeze(-1), or targets[..., None]",
    ),
    (
        "class numbers for mse",
        lambda: losses.mse(np.ones((32, 10)), np.ones(32, int)),
        ShapeError,
        "mse: predictions (32, 10) with targets (32,): the shapes must be equal; a "
        "loss never broadcasts",
        "for class numbers use cross_entropy, or cr.one_hot(targets, …)",
    ),
    (
        "another number of samples",
        lambda: losses.huber(np.ones((32, 3)), np.ones((31, 3))),
        ShapeError,
        "huber: predictions (32, 3) with targets (31, 3): the shapes must be equal; a "
        "loss never broadcasts",
        "as many targets as predictions: one row a sample",
    ),
    (
        "transposed",
        lambda: losses.mse(np.ones((32, 3)), np.ones((3, 32))),
        ShapeError,
        "mse: predictions (32, 3) with targets (3, 32): the shapes must be equal; a "
        "loss never broadcasts",
        "one of them lies on its side: targets.T",
    ),
    (
        "another number of outputs",
        lambda: losses.mse(np.ones((32, 3)), np.ones((32, 2))),
        ShapeError,
        "mse: predictions (32, 3) with targets (32, 2): the shapes must be equal; a "
        "loss never broadcasts",
        "give the network as many outputs as there are targets",
    ),
    (
        "an empty batch",
        lambda: losses.mse(np.ones((0, 3)), np.ones((0, 3))),
        ShapeError,
        "mse: predictions (0, 3): there is nothing to average",
        "skip empty batches",
    ),
    (
        "an empty batch of classes",
        lambda: losses.cross_entropy(np.ones((0, 3)), np.ones(0, int)),
        ShapeError,
        "cross_entropy: logits (0, 3): there is nothing to average",
        "skip empty batches",
    ),
    (
        "integer predictions",
        lambda: losses.cross_entropy(LABELS, LOGITS),
        DTypeError,
        "cross_entropy: logits (7,) of int64: expected floats",
        "are predictions and targets exchanged? The predictions come first",
    ),
    (
        "a label too large",
        lambda: losses.cross_entropy(np.ones((2, 10)), [3, 10]),
        BoundsError,
        "cross_entropy: label 10 for 10 classes at row 1: labels go from 0 to 9",
        "give the network 11 outputs, or correct the labels",
    ),
    (
        "labels counted from the end",
        lambda: losses.cross_entropy(np.ones((2, 10)), [3, -1]),
        BoundsError,
        "cross_entropy: label -1 for 10 classes at row 1: labels go from 0 to 9",
        "count the classes from 0",
    ),
    (
        "float labels",
        lambda: losses.cross_entropy(np.ones((2, 10)), np.array([3.0, 1.0])),
        DTypeError,
        "cross_entropy: logits (2, 10) with targets (2,) of float64: class numbers are "
        "integers",
        "targets.astype('int64')",
    ),
    (
        "one column of logits",
        lambda: losses.cross_entropy(np.ones((2, 1)), [0, 1]),
        ShapeError,
        "cross_entropy: logits (2, 1) with targets (2,): one column cannot choose "
        "between classes",
        "binary_cross_entropy for yes or no; else give the network one output for each "
        "class",
    ),
    (
        "labels as a column",
        lambda: losses.cross_entropy(np.ones((2, 3)), [[0], [1]]),
        ShapeError,
        "cross_entropy: logits (2, 3) with targets (2, 1): expected class numbers (2,) "
        "or distributions (2, 3)",
        "targets.squeeze(-1)",
    ),
    (
        "too few labels",
        lambda: losses.cross_entropy(np.ones((3, 3)), [0, 1]),
        ShapeError,
        "cross_entropy: logits (3, 3) with targets (2,): expected class numbers (3,) "
        "or distributions (3, 3)",
        "as many targets as predictions: one row a sample",
    ),
    (
        "one-hot targets of more classes",
        lambda: losses.cross_entropy(np.ones((2, 3)), np.eye(4)[:2]),
        ShapeError,
        "cross_entropy: logits (2, 3) with targets (2, 4): expected class numbers (2,) "
        "or distributions (2, 3)",
        "give the network 4 outputs, one for each class",
    ),
    (
        "distributions of another sum",
        lambda: losses.cross_entropy(np.ones((1, 2)), [[0.5, 0.2]]),
        DataError,
        "cross_entropy: targets (1, 2): the distribution at row 0 has the sum 0.7: "
        "expected 1",
        "divide each row by its sum",
    ),
    (
        "negative shares",
        lambda: losses.cross_entropy(np.ones((1, 2)), [[1.5, -0.5]]),
        DataError,
        "cross_entropy: targets (1, 2): -0.5 at position (0, 1): expected "
        "probabilities, 0 or more",
        None,
    ),
    (
        "too few class weights",
        lambda: losses.cross_entropy(np.ones((1, 3)), [0], weight=[1.0, 2.0]),
        ShapeError,
        "cross_entropy: weight (2,) for 3 classes: one weight a class is needed",
        None,
    ),
    (
        "a negative class weight",
        lambda: losses.cross_entropy(np.ones((1, 2)), [0], weight=[1.0, -2.0]),
        DataError,
        "cross_entropy: weight (2,): -2 at row 1: expected 0 or more",
        None,
    ),
    (
        "too much smoothing",
        lambda: losses.cross_entropy(np.ones((1, 2)), [0], label_smoothing=1.5),
        ArgumentError,
        "cross_entropy: label_smoothing=1.5: expected from 0 to 1",
        None,
    ),
    (
        "a third class for yes or no",
        lambda: losses.binary_cross_entropy(np.ones(2), [0, 2]),
        BoundsError,
        "binary_cross_entropy: label 2 for 2 classes at row 1: labels go from 0 to 1",
        "give the network 3 outputs, or correct the labels",
    ),
    (
        "signs for yes or no",
        lambda: losses.binary_cross_entropy(np.ones(2), [-1.0, 1.0]),
        DataError,
        "binary_cross_entropy: targets (2,): -1 at row 0: expected from 0 to 1",
        "for −1 and 1 use hinge; divide images by 255.0",
    ),
    (
        "NaN for yes or no",
        lambda: losses.binary_cross_entropy(np.ones(2), [0.0, np.nan]),
        DataError,
        "binary_cross_entropy: targets (2,): nan at row 1: expected from 0 to 1",
        "for −1 and 1 use hinge; divide images by 255.0",
    ),
    (
        "0 and 1 for hinge",
        lambda: losses.hinge(np.ones(2), [0, 1]),
        DataError,
        "hinge: targets (2,): 0 at row 0: expected −1 or 1",
        "2 * targets - 1",
    ),
    (
        "weights for other samples",
        lambda: losses.mse(np.ones((3, 2)), np.ones((3, 2)), sample_weight=[1.0, 2.0]),
        ShapeError,
        "mse: sample_weight (2,) for losses (3, 2): one weight a sample is needed",
        "a weight for each of the 3 samples",
    ),
    (
        "a negative sample weight",
        lambda: losses.mse(np.ones(2), np.ones(2), sample_weight=[1.0, -1.0]),
        DataError,
        "mse: sample_weight (2,): -1 at row 1: expected 0 or more",
        None,
    ),
    (
        "an unknown reduction",
        lambda: losses.mse(np.ones(2), np.ones(2), reduction="men"),
        OptionError,
        "unknown mse reduction 'men': expected one of 'mean', 'none', 'sum'",
        "did you mean 'mean'?",
    ),
    (
        "an unknown way to count",
        lambda: losses.mse(np.ones(2), np.ones(2), per="samples"),
        OptionError,
        "unknown mse per 'samples': expected one of 'element', 'sample'",
        "did you mean 'sample'?",
    ),
    (
        "an unknown name",
        lambda: losses.by_name("cross_entrpy"),
        OptionError,
        "unknown loss 'cross_entrpy': expected one of 'bernoulli_nll', "
        "'binary_cross_entropy', 'cosine_embedding', 'cross_entropy', 'ctc', 'dice', "
        "'focal', 'gaussian_nll', 'half_squared_error', 'hinge', 'huber', "
        "'kl_divergence', 'l1', 'mse', 'negative_binomial_nll', 'poisson_nll', "
        "'squared_error'",
        "did you mean 'cross_entropy'?",
    ),
    (
        "a delta of 0",
        lambda: losses.huber(np.ones(2), np.ones(2), delta=0),
        ArgumentError,
        "huber: delta=0: expected a number above 0",
        None,
    ),
    (
        "a mean without a variance",
        lambda: losses.gaussian_nll(np.ones(2), np.ones(2)),
        ArgumentError,
        "gaussian_nll: a mean without a variance",
        "a pair (mean, log_variance), or variance=1.0",
    ),
    (
        "both kinds of variance",
        lambda: losses.gaussian_nll((cr.ones(2), cr.ones(2)), np.ones(2), variance=1.0),
        ArgumentError,
        "gaussian_nll: both a pair (mean, log_variance) and variance: expected one",
        None,
    ),
    (
        "a variance of 0",
        lambda: losses.gaussian_nll(np.ones(2), np.ones(2), variance=[1.0, 0.0]),
        DataError,
        "gaussian_nll: variance (2,): 0 at row 1: expected above 0",
        None,
    ),
    (
        "one variance of 0 for all",
        lambda: losses.gaussian_nll(np.ones(2), np.ones(2), variance=0.0),
        DataError,
        "gaussian_nll: variance (): 0 as its only value: expected above 0",
        None,
    ),
    (
        "variances of another shape",
        lambda: losses.gaussian_nll(
            (cr.ones((2, 1)), cr.ones((2, 2))), np.ones((2, 1))
        ),
        ShapeError,
        "gaussian_nll: mean (2, 1) with log-variance (2, 2): the shapes must be equal; "
        "a loss never broadcasts",
        "one log-variance for every mean, or a single number",
    ),
    (
        "two outputs at once",
        lambda: losses.mse((cr.ones(2), cr.ones(2)), np.ones(2)),
        ShapeError,
        "mse: predictions: 2 tensors: expected one",
        "call the loss on one output of the network at a time and add up",
    ),
]


@pytest.mark.parametrize(
    ("call", "kind", "what", "fix"),
    [case[1:] for case in WRONG],
    ids=[case[0] for case in WRONG],
)
def test_wrong_use_is_one_error_that_says_what_to_do(
    call: Callable[[], Any], kind: type[ChainruleError], what: str, fix: str | None
) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert (caught.value.what, caught.value.fix) == (what, fix)
    assert caught.value.at is not None and caught.value.at.file == __file__


@pytest.mark.parametrize("y", [[0, 3], [0, -1]])
def test_labels_are_checked_inside_of_compiled_code(y: list[int]) -> None:
    step = cr.compile(lambda z, y: losses.cross_entropy(z, y))
    z = np.zeros((2, 3), f32)
    assert step(z, np.array([0, 1])).item() == pytest.approx(math.log(3))
    with pytest.raises(BoundsError, match="at row 1"):
        step(z, np.array(y))


def test_shapes_are_checked_while_tracing() -> None:
    with pytest.raises(ShapeError, match="never broadcasts"):
        cr.trace(losses.mse, cr.zeros((3, 1)), cr.zeros(3))


@pytest.mark.parametrize("name", losses.BY_NAME)
def test_every_loss_is_found_by_its_name_written_either_way(name: str) -> None:
    assert losses.by_name(name) is getattr(losses, name)
    assert losses.by_name(name.replace("_", "-")) is getattr(losses, name)


@pytest.mark.parametrize("name", losses.BY_NAME)
def test_every_loss_has_a_case_above(name: str) -> None:
    of_its_own = {"ctc"}  # in test_ctc.py: its samples are of different lengths
    assert name in of_its_own or any(case.startswith(name) for case in CASES)
