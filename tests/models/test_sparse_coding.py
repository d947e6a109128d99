"""Sparse coding: codes are the lasso's, and the atoms that made the data come back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import sparse_encode

import chainrule as cr
from chainrule import models, optim
from chainrule.errors import ChainruleError
from chainrule.models.sparse_coding import eigenvalue_bound

RANDOM = np.random.default_rng(0)
PENALTY = 0.3


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


ATOMS = unit(RANDOM.normal(size=(30, 20)))
X = RANDOM.normal(size=(40, 20))


def cost(a: np.ndarray) -> float:
    """The objective of the codes, mean over the examples."""
    rest = X - a @ ATOMS
    return float((0.5 * (rest**2).sum(1) + PENALTY * np.abs(a).sum(1)).mean())


LASSO = sparse_encode(X, ATOMS, algorithm="lasso_lars", alpha=PENALTY)


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_the_codes_are_those_of_scikit_learns_lasso(engine: str) -> None:
    codes = cr.compile(
        lambda x: models.sparse_codes(x, ATOMS, PENALTY, steps=2000), engine=engine
    )
    np.testing.assert_allclose(codes(X).numpy(), LASSO, atol=1e-5)


def test_more_features_than_atoms_take_the_other_matrix_and_give_the_lasso() -> None:
    few = ATOMS[:12]
    codes = models.sparse_codes(X, few, PENALTY, steps=500)
    expected = sparse_encode(X, few, algorithm="lasso_lars", alpha=PENALTY)
    np.testing.assert_allclose(codes.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_the_bound_is_no_smaller_than_the_largest_eigenvalue(
    dtype: str, scale: float
) -> None:
    for G in (ATOMS @ ATOMS.T, np.eye(256), np.diag([1.0, 0.0, 0.0])):
        largest = scale * np.linalg.eigvalsh(G)[-1]
        bound = eigenvalue_bound(cr.tensor((scale * G).astype(dtype))).item()
        assert largest * (1 - 1e-6) <= bound <= 1.0906 * largest


def test_a_dictionary_of_zeros_has_codes_of_zeros() -> None:
    assert not models.sparse_codes(X, np.zeros((3, 20)), PENALTY).numpy().any()


def excess(algorithm: str, steps: int) -> float:
    codes = models.sparse_codes(X, ATOMS, PENALTY, steps=steps, algorithm=algorithm)
    return cost(codes.numpy()) - cost(LASSO)


def test_no_step_of_ista_increases_the_cost() -> None:
    values = [excess("ista", steps) for steps in range(1, 25)]
    assert all(np.diff(values) < 0)
    assert values[-1] > 0


def test_fista_is_a_hundred_times_nearer_after_a_hundred_steps() -> None:
    assert 0 <= 100 * excess("fista", 100) < excess("ista", 100)


def test_their_first_step_is_the_same() -> None:
    """There is no momentum yet: a = S(x Bᵀ / L)."""
    L = eigenvalue_bound(cr.tensor(ATOMS.T @ ATOMS)).item()
    v = X @ ATOMS.T / L
    expected = np.sign(v) * np.maximum(np.abs(v) - PENALTY / L, 0)
    for algorithm in ("ista", "fista"):
        codes = models.sparse_codes(X, ATOMS, PENALTY, steps=1, algorithm=algorithm)
        np.testing.assert_allclose(codes.numpy(), expected, atol=1e-12)


def test_the_atoms_that_made_the_data_are_found() -> None:
    atoms = unit(RANDOM.normal(size=(24, 16)))
    codes = np.zeros((4000, 24))
    for row in codes:
        row[RANDOM.choice(24, 2, replace=False)] = RANDOM.uniform(0.5, 1.5, 2)
    codes *= RANDOM.choice([-1, 1], codes.shape)
    x = codes @ atoms + 0.01 * RANDOM.normal(size=(4000, 16))
    cr.manual_seed(1)
    model = models.SparseCoding(16, 24, penalty=0.1, steps=30)
    history = cr.fit(
        model, x, optimizer=optim.Adam(lr=0.05), epochs=20, batch_size=200, seed=0,
        progress=False,
    )  # fmt: skip
    found = model.dictionary().numpy()
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    assert np.abs(found @ atoms.T).max(axis=0).min() > 0.995
    assert history["loss"][-1] < 0.6 * history["loss"][0]
    # what fit minimises is what evaluate says, and what codes and atoms leave
    a = model.encode(x.astype(np.float32)).numpy()
    rest = x - model.decode(a).numpy()
    by_hand = 0.5 * (rest**2).sum(1) + 0.1 * np.abs(a).sum(1)
    said = cr.evaluate(model, x)["loss"]
    np.testing.assert_allclose(said, by_hand.mean(), rtol=1e-4)


def test_the_gradient_of_held_codes_is_that_of_codes_found_anew() -> None:
    """At the minimum over the codes these move nothing; by differences, in float64."""
    model = models.SparseCoding(20, 30, PENALTY, steps=3000, dtype="float64")
    evaluate = cr.compile(lambda: model(X))
    gradient = cr.backprop(model(X))[model.weight].numpy()
    w = model.weight.numpy().copy()
    along = RANDOM.normal(size=w.shape)
    sides = []
    for step in (1e-5, -1e-5):
        model.weight.assign(w + step * along)
        sides.append(evaluate().item())
    slope = (sides[0] - sides[1]) / 2e-5
    np.testing.assert_allclose((gradient * along).sum(), slope, rtol=1e-5)
    # the length of an atom does not matter, so nothing changes it
    np.testing.assert_allclose((gradient * w).sum(axis=1), 0, atol=1e-12)


def test_a_saved_model_gives_the_same_codes(tmp_path: Path) -> None:
    model = models.SparseCoding(20, 30, PENALTY, steps=7, algorithm="ista")
    model.save(tmp_path / "model.safetensors")
    again = cr.load(tmp_path / "model.safetensors")
    assert again.settings() == model.settings()
    np.testing.assert_array_equal(again.encode(X).numpy(), model.encode(X).numpy())


MESSAGES: list[tuple[Callable[[], object], str]] = [
    (
        lambda: models.sparse_codes(X, ATOMS, 0.1, algorithm="lars"),
        "unknown algorithm of sparse_codes 'lars': expected one of 'fista', 'ista'",
    ),
    (
        lambda: models.sparse_codes(X[:, :5], ATOMS, 0.1),
        "sparse_codes: x (40, 5), dictionary (30, 20): expected (N, D) and (K, D)",
    ),
    (
        lambda: models.sparse_codes(X, ATOMS, -1),
        "sparse_codes: penalty=-1: expected a number of at least 0",
    ),
    (
        lambda: models.SparseCoding(20, 0),
        "SparseCoding: num_atoms=0: expected a whole number of at least 1",
    ),
    (
        lambda: models.SparseCoding(20, 30).encode(X[:, :5]),
        "SparseCoding: x (40, 5): 5 ≠ 20; the last axis of x must have in_features "
        "elements",
    ),
]


@pytest.mark.parametrize(("wrong", "what"), MESSAGES)
def test_what_has_no_codes_is_said(wrong: Callable[[], object], what: str) -> None:
    with pytest.raises(ChainruleError) as caught:
        wrong()
    assert caught.value.what == what


def test_atoms_of_zeros_are_in_no_code() -> None:
    for dtype in ("float32", "float64"):
        x = X.astype(dtype)
        assert (
            models.sparse_codes(x, np.zeros((5, 20), dtype), 0.1).numpy() == 0
        ).all()
        model = models.SparseCoding(20, 30, PENALTY, dtype=dtype)
        atoms = ATOMS.copy()
        atoms[3] = 0.0
        model.weight.assign(atoms)
        assert (model.dictionary().numpy()[3] == 0).all()
        codes = model.encode(x).numpy()
        assert np.isfinite(codes).all() and (codes[:, 3] == 0).all()
        slopes = cr.backprop(model(x))[model.weight].numpy()
        assert np.isfinite(slopes).all() and (slopes[3] == 0).all()


def test_examples_may_be_a_list() -> None:
    model = models.SparseCoding(20, 30)
    found = model.encode(X[:3].tolist()).numpy()
    np.testing.assert_allclose(found, model.encode(X[:3].astype("f4")).numpy())
