"""Whitening: no correlation is left, and the way back leads to the data."""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.decomposition import PCA

from chainrule import data
from chainrule.errors import ChainruleError

RANDOM = np.random.default_rng(0)
MIXED = RANDOM.normal(size=(400, 6)) @ RANDOM.normal(size=(6, 6)) + 3.0
IMAGES = MIXED.reshape(400, 2, 3)
FLAT = np.concatenate([MIXED, MIXED[:, :1]], axis=1)  # the last column is the first


@pytest.mark.parametrize("kind", ["zca", "pca"])
def test_the_covariance_of_whitened_data_is_the_identity(kind: str) -> None:
    u = data.Whitening.fit(MIXED, kind).transform(MIXED)
    np.testing.assert_allclose(u.mean(axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(u.T @ u / len(u), np.eye(6), atol=1e-10)


def test_pca_is_scikit_learns_up_to_signs() -> None:
    """Which divides by N − 1 where this divides by N."""
    ours = data.Whitening.fit(MIXED, "pca", components=4).transform(MIXED)
    theirs = PCA(4, whiten=True).fit_transform(MIXED) * np.sqrt(400 / 399)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-8)


def test_zca_is_symmetric_and_turns_nothing() -> None:
    """Of all whitening matrices the nearest to the data has a symmetric W."""
    zca, pca = (data.Whitening.fit(MIXED, kind) for kind in ("zca", "pca"))
    np.testing.assert_allclose(zca.matrix, zca.matrix.T, atol=1e-12)
    centred = MIXED - MIXED.mean(axis=0)
    moved = [((w.transform(MIXED) - centred) ** 2).sum() for w in (zca, pca)]
    assert moved[0] < moved[1]


@pytest.mark.parametrize("kind", ["zca", "pca"])
@pytest.mark.parametrize("epsilon", [0.0, 0.3])
def test_the_inverse_leads_back(kind: str, epsilon: float) -> None:
    whitening = data.Whitening.fit(IMAGES, kind, epsilon=epsilon)
    u = whitening.transform(IMAGES)
    assert u.shape == (IMAGES.shape if kind == "zca" else (400, 6))
    np.testing.assert_allclose(whitening.inverse_transform(u), IMAGES, atol=1e-9)


def test_epsilon_leaves_weak_directions_weak() -> None:
    u = data.Whitening.fit(FLAT, "pca", epsilon=0.5).transform(FLAT)
    variance = np.linalg.eigvalsh(np.cov(FLAT.T, bias=True))[::-1]
    np.testing.assert_allclose(u.var(axis=0), variance / (variance + 0.5), atol=1e-9)


@pytest.mark.parametrize("kind", ["zca", "pca"])
def test_components_that_are_left_out_are_what_the_way_back_lacks(kind: str) -> None:
    whitening = data.Whitening.fit(MIXED, kind, components=4)
    back = whitening.inverse_transform(whitening.transform(MIXED))
    pca = PCA(4).fit(MIXED)
    expected = pca.inverse_transform(pca.transform(MIXED))
    np.testing.assert_allclose(back, expected, atol=1e-8)


def test_two_maps_can_be_compared() -> None:
    one, other = data.Whitening.fit(MIXED), data.Whitening.fit(MIXED)
    assert one == one and one != other
    assert len({one, other}) == 2


def test_the_dtype_of_the_data_is_kept() -> None:
    whitening = data.Whitening.fit(MIXED)
    assert whitening.transform(MIXED.astype(np.float32)).dtype == np.float32
    assert whitening.transform(np.ones((2, 6), np.int64)).dtype == np.float64


MESSAGES: list[tuple[Callable[[], object], str, str | None]] = [
    (
        lambda: data.Whitening.fit(MIXED, "zero"),
        "unknown kind of whitening 'zero': expected one of 'pca', 'zca'",
        None,
    ),
    (
        lambda: data.Whitening.fit(FLAT),
        "Whitening: data (400, 7) varies in 6 of 7 directions: the others cannot be "
        "given variance 1",
        "components=6, or epsilon=0.01 to leave them weak",
    ),
    (
        lambda: data.Whitening.fit(np.ones((9, 2))),
        "Whitening: data (9, 2) varies in 0 of 2 directions: the others cannot be "
        "given variance 1",
        "examples that are not all the same",
    ),
    (
        lambda: data.Whitening.fit(MIXED, components=7),
        "Whitening: components=7 of data (400, 6): expected a whole number from 1 to 6",
        None,
    ),
    (
        lambda: data.Whitening.fit(MIXED, components=2.0),  # type: ignore[arg-type]
        "Whitening: components=2.0 of data (400, 6): expected a whole number from 1 to "
        "6",
        None,
    ),
    (
        lambda: data.Whitening.fit(MIXED, epsilon="a"),  # type: ignore[arg-type]
        "Whitening: epsilon='a': expected a finite number, 0 or more",
        None,
    ),
    (
        lambda: data.Whitening.fit(MIXED, epsilon=np.inf),
        "Whitening: epsilon=inf: expected a finite number, 0 or more",
        None,
    ),
    (
        lambda: data.Whitening.fit(MIXED, epsilon=-1),
        "Whitening: epsilon=-1: expected a finite number, 0 or more",
        None,
    ),
    (
        lambda: data.Whitening.fit(MIXED[:1]),
        "Whitening: data (1, 6) float64: expected numbers (N, …), one row per example, "
        "at least 2",
        None,
    ),
    (
        lambda: data.Whitening.fit(IMAGES).transform(MIXED),
        "Whitening: data (400, 6): fitted on examples (2, 3)",
        None,
    ),
    (
        lambda: data.Whitening.fit(MIXED).inverse_transform(FLAT),
        "Whitening: whitened data (400, 7): expected (N, 6)",
        None,
    ),
]


@pytest.mark.parametrize(("wrong", "what", "fix"), MESSAGES)
def test_what_cannot_be_whitened_is_said(
    wrong: Callable[[], object], what: str, fix: str | None
) -> None:
    with pytest.raises(ChainruleError) as caught:
        wrong()
    assert caught.value.what == what
    assert caught.value.fix == fix
