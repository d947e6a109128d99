"""Losses that newer work uses: fixed values, extremes, directions, messages.

That they average, weigh, compile and differentiate as all others do is in test_losses.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special
import scipy.stats

import chainrule as cr
from chainrule import losses
from chainrule.errors import ArgumentError, ChainruleError, DataError, ShapeError
from chainrule.losses.counts import log_rising

f32 = np.float32

# Fixed values: PyTorch's, by its formulas in float64. ---------------------------------

Z = np.array([[0.5, -1.0, 2.0], [1.5, 0.0, -0.5]])
Q = np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])
A = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.0]])
B = np.array([[2.0, 1.0], [1.0, 1.0], [-1.0, 0.5]])
C = np.array([[0.0, 1.0], [0.5, -0.5], [-2.0, 2.0]])
NUMBERS = [[0, 1, 5], [2, 0, 3]]

#: (a loss here, PyTorch's call that has the value, the value)
VALUES: list[tuple[Callable[[], Any], str, float]] = [
    (
        lambda: losses.kl_divergence(Z, Q),
        "F.kl_div(log_softmax(z), q, reduction='batchmean')",
        0.35900700,
    ),
    (
        lambda: losses.cosine_embedding((A, B), [1, -1, 1]),
        "F.cosine_embedding_loss(a, b, y)",
        0.69814240,
    ),
    (
        lambda: losses.cosine_embedding((A, B), [-1, -1, -1], margin=0.3),
        "F.cosine_embedding_loss(a, b, y, margin=0.3)",
        0.16666667,
    ),
    (
        lambda: losses.triplet_margin(A, B, C),
        "F.triplet_margin_loss(a, p, n, eps=0)",
        1.18718427,
    ),
    (
        lambda: losses.triplet_margin(A, B, C, margin=0.5, swap=True),
        "F.triplet_margin_loss(a, p, n, margin=0.5, eps=0, swap=True)",
        1.76330202,
    ),
    (
        lambda: losses.poisson_nll(Z, NUMBERS, full=False, per="element"),
        "F.poisson_nll_loss(z, y)",
        0.83231276,
    ),
    (
        lambda: losses.focal(Z, [[1, 0, 1], [0, 1, 0]], alpha=0.25),
        "torchvision sigmoid_focal_loss(z, y, alpha=0.25, gamma=2, 'mean')",
        0.16354898,
    ),
]


@pytest.mark.parametrize(
    ("call", "value"), [row[::2] for row in VALUES], ids=[row[1] for row in VALUES]
)
def test_losses_have_the_values_of_pytorch(call: Any, value: float) -> None:
    assert call().item() == pytest.approx(value, abs=1e-8)


def test_the_divergence_of_the_prediction_from_the_target_not_the_other_way() -> None:
    z, q = np.log([[0.9, 0.1]]), np.array([[0.5, 0.5]])
    forward = 0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(0.5 / 0.1)
    assert losses.kl_divergence(z, q).item() == pytest.approx(forward)
    other = losses.kl_divergence(np.log(q), np.exp(z)).item()
    assert other == pytest.approx(0.9 * math.log(1.8) + 0.1 * math.log(0.2))


def test_the_divergence_is_cross_entropy_minus_entropy_with_its_gradient() -> None:
    z = cr.tensor(Z)
    entropy = scipy.stats.entropy(Q, axis=-1).mean()
    kl, ce = losses.kl_divergence(z, Q), losses.cross_entropy(z, Q)
    assert kl.item() == pytest.approx(ce.item() - entropy)
    np.testing.assert_allclose(cr.backprop(kl)[z], cr.backprop(ce)[z], atol=1e-15)


def test_focal_with_gamma_0_is_the_cross_entropy() -> None:
    bits, labels = [[1, 0, 1], [0, 1, 0]], [2, 1]
    assert losses.focal(Z, bits, gamma=0).item() == pytest.approx(
        losses.binary_cross_entropy(Z, bits).item()
    )
    assert losses.focal(Z, labels, gamma=0).item() == pytest.approx(
        losses.cross_entropy(Z, labels).item()
    )


def test_dice_is_0_where_regions_are_met_and_where_nothing_is_there() -> None:
    y = np.zeros((1, 4, 4, 2))
    y[0, :2, :2, 0] = 1
    z = 200.0 * (2 * y - 1)
    np.testing.assert_allclose(losses.dice(z, y, reduction="none"), [[0, 0]], atol=1e-9)
    found = losses.dice(-z, y, smooth=1e-6, reduction="none").numpy()
    np.testing.assert_allclose(found, [[1, 1]], atol=1e-6)


# Counts. ------------------------------------------------------------------------------


def test_rising_factorials_are_those_of_the_gamma_function() -> None:
    starts = np.array([1e-6, 1e-3, 0.3, 1.0, 7.9, 40.0, 1e4])[:, None]
    counts = np.array([0.0, 1.0, 2.5, 30.0, 1e4])
    found = log_rising(cr.tensor(starts), cr.tensor(counts)).numpy()
    exact = scipy.special.gammaln(starts + counts) - scipy.special.gammaln(starts)
    np.testing.assert_allclose(found, exact, rtol=2e-11, atol=1e-12)
    slopes = cr.grad(lambda x: log_rising(x, 3.0))(cr.tensor(2.5, "float64")).item()
    digamma = scipy.special.digamma
    assert slopes == pytest.approx(digamma(5.5) - digamma(2.5), rel=1e-12)


def test_ln_of_factorials_keeps_its_digits_in_float32() -> None:
    n = np.arange(60)
    found = log_rising(1.0, cr.tensor(n.astype(f32))).numpy()
    np.testing.assert_allclose(found, scipy.special.gammaln(n + 1.0), 1e-6, atol=1e-6)


@pytest.mark.parametrize("y", [0.0, 3.0, 40.0])
def test_a_negative_binomial_of_little_dispersion_is_poissons(y: float) -> None:
    """r is 1e12, where ln Γ(y + r) − ln Γ(r) would lose all digits."""
    z = cr.tensor(np.array([1.3], f32))
    s = cr.tensor(np.array([math.log(1e-12)], f32))
    found = losses.negative_binomial_nll((z, s), [y])
    wanted = losses.poisson_nll(z, [y])
    assert found.item() == pytest.approx(wanted.item(), rel=2e-5, abs=1e-5)
    slope = cr.backprop(found)[z].item()
    assert slope == pytest.approx(cr.backprop(wanted)[z].item(), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("z", [-80.0, 0.0, 60.0])
@pytest.mark.parametrize("s", [-1e4, -30.0, 0.0, 30.0, 1e4])
@pytest.mark.parametrize("y", [0.0, 5.0, 1e6])
def test_negative_binomials_have_no_nan_at_any_log_mean_and_dispersion(
    z: float, s: float, y: float
) -> None:
    pair = cr.tensor(np.array([z], f32)), cr.tensor(np.array([s], f32))
    loss = losses.negative_binomial_nll(pair, [y])
    grads = cr.backprop(loss)
    assert math.isfinite(loss.item())
    assert all(np.isfinite(grads[each].numpy()).all() for each in pair)


# Extremes. ----------------------------------------------------------------------------

LARGEST = float(np.finfo(f32).max)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("z", [0.0, 1e-30, 30.0, 1e4, -1e4, LARGEST, -LARGEST])
@pytest.mark.parametrize("y", [0, 1])
def test_focal_is_finite_at_every_logit(z: float, y: int, gamma: float) -> None:
    one, row = cr.tensor(np.array([z], f32)), cr.tensor(np.array([[0, z]], f32))
    for logits, loss in (
        (one, losses.focal(one, [y], gamma=gamma)),
        (row, losses.focal(row, [y], gamma=gamma)),
    ):
        assert math.isfinite(loss.item())
        assert np.isfinite(cr.backprop(loss)[logits].numpy()).all()
    pair = losses.focal(one, [y], gamma=gamma), losses.focal(row, [y], gamma=gamma)
    assert pair[0].item() == pytest.approx(pair[1].item(), rel=1e-5)


@pytest.mark.parametrize(
    "rows", [([0, 0], [1, 2]), ([0, 0], [0, 0]), ([1e30, 1], [1e30, 2])]
)
def test_cosines_of_zeros_and_of_huge_vectors_are_numbers(rows: Any) -> None:
    a, b = (cr.tensor(np.array([row], f32)) for row in rows)
    loss = losses.cosine_embedding((a, b), [1])
    assert loss.item() == (1.0 if not rows[0][0] else pytest.approx(0.0, abs=1e-6))
    grads = cr.backprop(loss)
    assert np.isfinite(grads[a].numpy()).all() and np.isfinite(grads[b].numpy()).all()


def test_a_triplet_whose_points_are_one_has_a_gradient_of_0() -> None:
    a = cr.tensor([[1.0, 2.0]])
    loss = losses.triplet_margin(a, a * 1.0, a * 1.0)
    assert loss.item() == 1.0
    assert cr.backprop(loss)[a].numpy().tolist() == [[0.0, 0.0]]


def test_divergence_of_certain_distributions_has_no_nan() -> None:
    z = cr.tensor(np.array([[1e4, -1e4, 0.0]], f32))
    for targets, options in (
        ([[0.0, 1.0, 0.0]], {}),
        ([[-1e4, 1e4, 0.0]], {"target_logits": True}),
    ):
        loss = losses.kl_divergence(z, np.array(targets, f32), **options)
        assert loss.item() == pytest.approx(2e4)
        assert np.isfinite(cr.backprop(loss)[z].numpy()).all()


# In ``fit``, and names of other libraries. --------------------------------------------


def test_fit_takes_them_by_name() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 3)).astype(f32)
    counts = rng.poisson(np.exp(0.5 * x[:, :1])).astype(f32)
    q = rng.dirichlet(np.ones(2), 64).astype(f32)
    for loss, y, outputs in (
        ("poisson_nll", counts, 1),
        ("kl-divergence", q, 2),
        ("focal", (x[:, 0] > 0).astype(np.int64), 2),
    ):
        cr.manual_seed(0)
        model = cr.nn.Linear(3, outputs)
        history = cr.fit(model, (x, y), loss=loss, epochs=8, progress=False, seed=0)
        assert history["loss"][-1] < history["loss"][0], loss


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("KLDivLoss", "kl_divergence"),
        ("CosineEmbeddingLoss", "cosine_embedding"),
        ("TripletMarginLoss", "triplet_margin"),
        ("PoissonNLLLoss", "poisson_nll"),
        ("BinaryFocalCrossentropy", "focal"),
        ("DiceLoss", "dice"),
    ],
)
def test_other_libraries_names_lead_to_ours(name: str, ours: str) -> None:
    with pytest.raises(AttributeError, match=rf"losses\.{ours}\("):
        getattr(cr.nn, name)


# Wrong use. ---------------------------------------------------------------------------

WRONG: list[tuple[Callable[[], Any], type[ChainruleError], str, str | None]] = [
    (
        lambda: losses.kl_divergence(Z, Z),
        DataError,
        "kl_divergence: targets (2, 3): -1 at position (0, 1): expected "
        "probabilities, 0 or more",
        "for logits, target_logits=True",
    ),
    (
        lambda: losses.kl_divergence(Z, 2 * Q),
        DataError,
        "kl_divergence: targets (2, 3): the distribution at row 0 has the sum 2: "
        "expected 1",
        "divide each row by its sum",
    ),
    (
        lambda: losses.kl_divergence(Z[0], Q[0]),
        ShapeError,
        "kl_divergence: logits (3,): expected distributions along the last axis, "
        "(samples, classes)",
        None,
    ),
    (
        lambda: losses.kl_divergence(Z, [0, 1]),
        ShapeError,
        "kl_divergence: logits (2, 3) with targets (2,): the shapes must be equal; a "
        "loss never broadcasts",
        "for class numbers use cross_entropy, or cr.one_hot(targets, …)",
    ),
    (
        lambda: losses.focal(Z, Q, gamma=-1),
        ArgumentError,
        "focal: gamma=-1: expected a number, 0 or more",
        None,
    ),
    (
        lambda: losses.focal(Z, Q, alpha=2),
        ArgumentError,
        "focal: alpha=2: expected from 0 to 1",
        None,
    ),
    (
        lambda: losses.focal(Z, [0, 1], alpha=[0.5, 0.5]),
        ShapeError,
        "focal: weight (2,) for 3 classes: one weight a class is needed",
        None,
    ),
    (
        lambda: losses.dice(Z, Q),
        ShapeError,
        "dice: logits (2, 3): expected (samples, places …, channels)",
        "logits[..., None] for one channel; for whole samples, focal",
    ),
    (
        lambda: losses.dice(Z[None], Q[None], smooth=0),
        ArgumentError,
        "dice: smooth=0: expected a number above 0",
        None,
    ),
    (
        lambda: losses.cosine_embedding(A, [1, 1, 1]),
        ShapeError,
        "cosine_embedding: embeddings: expected a pair (a, b)",
        "a network with two outputs, or (model(x1), model(x2))",
    ),
    (
        lambda: losses.cosine_embedding((A, B[:2]), [1, 1, 1]),
        ShapeError,
        "cosine_embedding: a (3, 2), b (2, 2): expected embeddings of one shape, "
        "(samples, features)",
        None,
    ),
    (
        lambda: losses.cosine_embedding((A, B), [1, 0, 1]),
        DataError,
        "cosine_embedding: targets (3,): 0 at row 1: expected −1 or 1",
        "2 * targets - 1",
    ),
    (
        lambda: losses.cosine_embedding((A, B), [[1], [1], [1]]),
        ShapeError,
        "cosine_embedding: embeddings (3, 2) with targets (3, 1): expected one target "
        "a pair, (3,)",
        "1 for pairs that belong together, −1 for the others",
    ),
    (
        lambda: losses.triplet_margin(A, B, C, margin=0),
        ArgumentError,
        "triplet_margin: margin=0: expected above 0",
        None,
    ),
    (
        lambda: losses.triplet_margin(A, B, C[:1]),
        ShapeError,
        "triplet_margin: anchors (3, 2), positives (3, 2), negatives (1, 2): expected "
        "embeddings of one shape, (samples, features)",
        None,
    ),
    (
        lambda: losses.poisson_nll(Z, Z),
        DataError,
        "poisson_nll: targets (2, 3): -1 at position (0, 1): expected a count, 0 or "
        "more",
        None,
    ),
    (
        lambda: losses.negative_binomial_nll(A, A),
        ArgumentError,
        "negative_binomial_nll: a log-mean without a dispersion",
        "a pair (log_mean, log_dispersion), or dispersion=1.0",
    ),
    (
        lambda: losses.negative_binomial_nll(A, A * 0, dispersion=0.0),
        DataError,
        "negative_binomial_nll: dispersion (): 0 as its only value: expected above 0",
        None,
    ),
]


@pytest.mark.parametrize(
    ("call", "kind", "what", "fix"), WRONG, ids=[row[2][:50] for row in WRONG]
)
def test_wrong_use_is_one_error_that_says_what_to_do(
    call: Callable[[], Any], kind: type[ChainruleError], what: str, fix: str | None
) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert (caught.value.what, caught.value.fix) == (what, fix)
