"""Matplotlib, pandas, scikit-learn and SciPy take tensors as they take arrays."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy import special, stats
from sklearn import metrics
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import chainrule as cr

t: Any = cr.tensor(np.linspace(0.0, 1.0, 20))
rows: Any = cr.tensor(np.random.default_rng(0).normal(size=(20, 3)))
labels: Any = cr.tensor(np.arange(20) % 2)
weight: Any = cr.parameter(np.ones(3))


@pytest.fixture(autouse=True)
def _their_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


DRAWN: dict[str, Callable[[Any], Any]] = {
    "plot": lambda a: a.plot(t, t**2, "r-"),
    "plot of one": lambda a: a.plot(t),
    "plot of a parameter": lambda a: a.plot(weight),
    "scatter": lambda a: a.scatter(rows[:, 0], rows[:, 1], c=labels, s=t),
    "imshow": lambda a: a.imshow(rows),
    "hist": lambda a: a.hist(t),
    "hist2d": lambda a: a.hist2d(t, t),
    "bar": lambda a: a.bar(["a", "b", "c"], weight),
    "bars of numbers": lambda a: a.bar(t, t),
    "errorbar": lambda a: a.errorbar(t, t, yerr=t),
    "fill_between": lambda a: a.fill_between(t, t, t + 1),
    "contourf": lambda a: a.contourf(rows),
    "boxplot": lambda a: a.boxplot(rows),
    "pcolormesh": lambda a: a.pcolormesh(rows),
    "axhline": lambda a: a.axhline(t[3]),
    "set_xlim": lambda a: a.set_xlim(t[0], t[-1]),
    "quiver": lambda a: a.quiver(t, t, t, t),
    "stackplot": lambda a: a.stackplot(t, t, t),
    "text": lambda a: a.text(t[0], t[1], "text"),
}


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_matplotlib_draws_tensors(draw: Callable[[Any], Any]) -> None:
    figure = Figure()
    draw(figure.subplots())
    figure.canvas.draw()


def test_pandas_makes_columns_and_frames_of_tensors() -> None:
    np.testing.assert_array_equal(pd.Series(t), t)
    np.testing.assert_array_equal(pd.DataFrame(rows), rows)
    frame = pd.DataFrame({"a": t}).assign(b=t * 2)
    np.testing.assert_array_equal(frame["b"], 2 * t.numpy())
    assert len(pd.cut(t, 3)) == 20


def test_scikit_learn_fits_and_measures_tensors() -> None:
    model = LogisticRegression().fit(rows, labels)
    expected = LogisticRegression().fit(rows.numpy(), labels.numpy())
    np.testing.assert_array_equal(model.coef_, expected.coef_)
    np.testing.assert_array_equal(model.predict(rows), expected.predict(rows.numpy()))
    assert StandardScaler().fit_transform(rows).shape == (20, 3)
    assert len(train_test_split(rows, labels)) == 4
    assert metrics.accuracy_score(labels, labels) == 1.0
    assert metrics.r2_score(t, t) == 1.0
    assert metrics.roc_auc_score(labels, t) == metrics.roc_auc_score(
        labels.numpy(), t.numpy()
    )


def test_scipy_tests_samples_of_tensors_and_its_functions_are_ours() -> None:
    found, expected = stats.pearsonr(t, t**2), stats.pearsonr(t.numpy(), t.numpy() ** 2)
    assert found.statistic == pytest.approx(expected.statistic)
    made = special.expit(t)
    assert isinstance(made, cr.Tensor)
    np.testing.assert_allclose(made.numpy(), special.expit(t.numpy()), rtol=1e-12)
    assert isinstance(special.erf(t), cr.Tensor)
    with pytest.raises(cr.errors.DTypeError) as caught:
        special.gammaln(t)
    assert caught.value.what == "gammaln: (20,): there is no such function of tensors"


def test_a_single_number_is_told_from_a_sequence_by_pythons_own_error() -> None:
    """Libraries ask ``iter(x)`` and wait for a TypeError."""
    number = cr.tensor(1.0)
    assert not np.iterable(number)
    for ask in (iter, len):
        with pytest.raises(TypeError):
            ask(number)
        with pytest.raises(cr.errors.ShapeError):
            ask(number)
