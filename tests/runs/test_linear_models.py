"""Linear baselines: they have scikit-learn's solutions, without its import."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from sklearn import linear_model

from chainrule.data import load
from chainrule.runs.linear_models import LogisticRegression, RidgeRegression

#: Rows and columns: more of the ones, and of the others.
SHAPES = [(200, 5), (20, 50)]


def examples(rows: int, columns: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    source = np.random.default_rng(rows)
    x = source.normal(1, 3, (rows, columns)).astype(dtype)
    return x, x @ source.normal(size=columns) + 3 * source.normal(size=rows)


@pytest.mark.parametrize("shape", SHAPES)
def test_ridge_regression_has_the_solution_of_scikit_learn(shape) -> None:
    x, y = examples(*shape, "float64")
    ours, theirs = RidgeRegression().fit(x, y), linear_model.Ridge().fit(x, y)
    np.testing.assert_allclose(ours.weights, theirs.coef_, atol=1e-12)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x), atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize(("dtype", "error"), [("float32", 1e-3), ("float64", 1e-9)])
def test_logistic_regression_has_the_solution_of_scikit_learn(
    shape, classes: int, dtype: str, error: float
) -> None:
    x, y = examples(*shape, dtype)
    labels = 3 * (np.argsort(np.argsort(y)) * classes // len(y)) + 1
    ours = LogisticRegression(200).fit(x, labels)
    theirs = linear_model.LogisticRegression(max_iter=200).fit(x, labels)
    np.testing.assert_allclose(ours.weights, theirs.coef_, atol=error)
    np.testing.assert_allclose(ours.bias, theirs.intercept_, atol=error)
    np.testing.assert_array_equal(ours.predict(x), theirs.predict(x))


def test_logistic_regression_of_digits_predicts_what_scikit_learn_predicts() -> None:
    x, y = (np.asarray(part) for part in load("digits").train[:])
    x = x.reshape(len(x), -1)
    ours = LogisticRegression(200).fit(x, y).predict(x)
    theirs = linear_model.LogisticRegression(max_iter=200).fit(x, y).predict(x)
    assert (ours != theirs).sum() <= 3  # neither has quite converged


@pytest.mark.parametrize("model", [RidgeRegression(), LogisticRegression(9)])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_inputs_that_are_no_numbers_are_refused(model, value: float) -> None:
    with pytest.raises(ValueError, match="infs or NaNs"):
        model.fit(np.array([[1.0], [value]]), np.array([0, 1]))


#: Baselines of both tasks, then whether scikit-learn or SciPy was imported for them.
WITHOUT = """
import sys
import numpy as np
from chainrule import data
from chainrule.runs import baselines
for y in ([0, 1, 1], [0.5, 1.5, 2.5]):
    found = baselines.fitted(data.Dataset(np.eye(3), y))
    assert not any(each.skipped for each in found), found
print({"scipy", "sklearn"} & set(sys.modules))
"""


def test_what_is_always_measured_imports_no_scikit_learn() -> None:
    printed = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True
    ).stdout
    assert printed == "set()\n"
