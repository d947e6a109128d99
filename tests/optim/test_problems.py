"""The Moré–Garbow–Hillstrom functions are the paper's: against what MINPACK's test
drivers print for them, against formulas written out one residual at a time, and at the
published minima.
"""

from __future__ import annotations

from collections.abc import Callable
from math import atan2, cos, exp, log, pi, sin, sqrt

import numpy as np
import pytest
from scipy.optimize import least_squares

import chainrule as cr
from tests.optim.problems import PROBLEMS, Problem

Vector = list[float]
each_problem = pytest.mark.parametrize("problem", PROBLEMS, ids=str)

#: ‖r‖ at the start, as printed by MINPACK's drivers for the same dimensions.
START_NORMS = {
    "rosenbrock": 4.9193496,
    "freudenstein_roth": 20.012496,
    "jennrich_sampson": 64.585650,
    "helical_valley": 50.0,
    "bard": 6.4561363,
    "meyer": 41153.467,
    "box": 32.111584,
    "kowalik_osborne": 0.072891510,
    "brown_dennis": 2815.4384,
    "osborne_1": 0.93756402,
    "osborne_2": 1.4468654,
    "watson": 5.4772256,
    "brown_almost_linear": 16.530216,
    "chebyquad": 0.19651386,
}

# Residuals written out, indices from 1 as in the paper: x[0] is not used. -------------


def _numbered(n: int) -> range:
    return range(1, n + 1)


def _gulf(x: Vector, n: int) -> Vector:
    def residual(i: int) -> float:
        t = i / 100
        y = 25 + (-50 * log(t)) ** (2 / 3)
        return exp(-(abs(y - x[2]) ** x[3]) / x[1]) - t

    return [residual(i) for i in _numbered(99)]


def _biggs(x: Vector, n: int) -> Vector:
    def residual(t: float) -> float:
        y = exp(-t) - 5 * exp(-10 * t) + 3 * exp(-4 * t)
        return x[3] * exp(-t * x[1]) - x[4] * exp(-t * x[2]) + x[6] * exp(-t * x[5]) - y

    return [residual(0.1 * i) for i in _numbered(13)]


def _gaussian(x: Vector, n: int) -> Vector:
    y = [9, 44, 175, 540, 1295, 2420, 3521, 3989, 3521, 2420, 1295, 540, 175, 44, 9]
    return [
        x[1] * exp(-x[2] * ((8 - i) / 2 - x[3]) ** 2 / 2) - y[i - 1] / 10000
        for i in _numbered(15)
    ]


def _singular(x: Vector, n: int) -> Vector:
    r = []
    for i in range(0, n, 4):
        a, b, c, d = x[i + 1 : i + 5]
        r += [a + 10 * b, sqrt(5) * (c - d), (b - 2 * c) ** 2, sqrt(10) * (a - d) ** 2]
    return r


def _wood(x: Vector, n: int) -> Vector:
    r = [10 * (x[2] - x[1] ** 2), 1 - x[1], sqrt(90) * (x[4] - x[3] ** 2), 1 - x[3]]
    return [*r, sqrt(10) * (x[2] + x[4] - 2), (x[2] - x[4]) / sqrt(10)]


def _rosenbrocks(x: Vector, n: int) -> Vector:
    r = []
    for i in range(1, n, 2):
        r += [10 * (x[i + 1] - x[i] ** 2), 1 - x[i]]
    return r


def _penalty_2(x: Vector, n: int) -> Vector:
    a = sqrt(1e-5)
    r = [x[1] - 0.2]
    for i in range(2, n + 1):
        y = exp(i / 10) + exp((i - 1) / 10)
        r.append(a * (exp(x[i] / 10) + exp(x[i - 1] / 10) - y))
    r += [a * (exp(x[i - n + 1] / 10) - exp(-0.1)) for i in range(n + 1, 2 * n)]
    return [*r, sum((n - j + 1) * x[j] ** 2 for j in _numbered(n)) - 1]


def _variable(x: Vector, n: int) -> Vector:
    total = sum(j * (x[j] - 1) for j in _numbered(n))
    return [*(x[i] - 1 for i in _numbered(n)), total, total**2]


def _trigonometric(x: Vector, n: int) -> Vector:
    cosines = sum(cos(x[j]) for j in _numbered(n))
    return [n - cosines + i * (1 - cos(x[i])) - sin(x[i]) for i in _numbered(n)]


def _boundary(x: Vector, n: int) -> Vector:
    h, x = 1 / (n + 1), [0.0, *x[1:], 0.0]
    return [
        2 * x[i] - x[i - 1] - x[i + 1] + h**2 * (x[i] + i * h + 1) ** 3 / 2
        for i in _numbered(n)
    ]


def _integral(x: Vector, n: int) -> Vector:
    h = 1 / (n + 1)
    t = [i * h for i in range(n + 1)]
    r = []
    for i in _numbered(n):
        below = sum(t[j] * (x[j] + t[j] + 1) ** 3 for j in range(1, i + 1))
        above = sum((1 - t[j]) * (x[j] + t[j] + 1) ** 3 for j in range(i + 1, n + 1))
        r.append(x[i] + h * ((1 - t[i]) * below + t[i] * above) / 2)
    return r


def _tridiagonal(x: Vector, n: int) -> Vector:
    x = [0.0, *x[1:], 0.0]
    return [(3 - 2 * x[i]) * x[i] - x[i - 1] - 2 * x[i + 1] + 1 for i in _numbered(n)]


def _banded(x: Vector, n: int) -> Vector:
    def residual(i: int) -> float:
        near = [j for j in range(max(1, i - 5), min(n, i + 1) + 1) if j != i]
        return x[i] * (2 + 5 * x[i] ** 2) + 1 - sum(x[j] * (1 + x[j]) for j in near)

    return [residual(i) for i in _numbered(n)]


def _helical(x: Vector, n: int) -> Vector:
    theta = atan2(x[2], x[1]) / (2 * pi)
    theta = theta if theta >= -0.25 else theta + 1
    return [10 * (x[3] - 10 * theta), 10 * (sqrt(x[1] ** 2 + x[2] ** 2) - 1), x[3]]


def _bordered(x: Vector, n: int) -> Vector:
    total = sum(j * x[j] for j in range(2, n))
    return [-1.0, *((i - 1) * total - 1 for i in range(2, 20)), -1.0]


def _badly_scaled(x: Vector, n: int) -> Vector:
    return [1e4 * x[1] * x[2] - 1, exp(-x[1]) + exp(-x[2]) - 1.0001]


def _brown(x: Vector, n: int) -> Vector:
    return [x[1] - 1e6, x[2] - 2e-6, x[1] * x[2] - 2]


def _beale(x: Vector, n: int) -> Vector:
    y = [1.5, 2.25, 2.625]
    return [y[i - 1] - x[1] * (1 - x[2] ** i) for i in _numbered(3)]


def _penalty_1(x: Vector, n: int) -> Vector:
    last = sum(x[j] ** 2 for j in _numbered(n)) - 0.25
    return [*(sqrt(1e-5) * (x[i] - 1) for i in _numbered(n)), last]


def _full_rank(x: Vector, n: int) -> Vector:
    shared = 2 / 20 * sum(x[1:]) + 1
    return [(x[i] if i <= n else 0.0) - shared for i in _numbered(20)]


def _rank_1(x: Vector, n: int) -> Vector:
    total = sum(j * x[j] for j in _numbered(n))
    return [i * total - 1 for i in _numbered(20)]


WRITTEN_OUT: dict[str, Callable[[Vector, int], Vector]] = {
    "powell_badly_scaled": _badly_scaled,
    "brown_badly_scaled": _brown,
    "beale": _beale,
    "helical_valley": _helical,
    "gaussian": _gaussian,
    "gulf": _gulf,
    "powell_singular": _singular,
    "wood": _wood,
    "biggs_exp6": _biggs,
    "extended_rosenbrock": _rosenbrocks,
    "penalty_1": _penalty_1,
    "penalty_2": _penalty_2,
    "variably_dimensioned": _variable,
    "trigonometric": _trigonometric,
    "discrete_boundary_value": _boundary,
    "discrete_integral_equation": _integral,
    "broyden_tridiagonal": _tridiagonal,
    "broyden_banded": _banded,
    "linear_full_rank": _full_rank,
    "linear_rank_1": _rank_1,
    "linear_rank_1_bordered": _bordered,
}


def test_all_35_functions_are_there_in_order_and_each_is_checked() -> None:
    assert [each.number for each in PROBLEMS] == list(range(1, 36))
    names = {each.name for each in PROBLEMS}
    assert names == START_NORMS.keys() | WRITTEN_OUT.keys()


@each_problem
def test_residuals_are_those_of_an_independent_source(problem: Problem) -> None:
    # At the start most products are simple; elsewhere no term can hide.
    away = problem.start * 1.1 + 0.05 * np.cos(np.arange(problem.start.size))
    n = problem.start.size
    if problem.name in START_NORMS:
        norm = np.linalg.norm(problem.residuals(cr.tensor(problem.start)).numpy())
        assert norm == pytest.approx(START_NORMS[problem.name], rel=1e-7)
    if problem.name in WRITTEN_OUT:
        written = WRITTEN_OUT[problem.name]
        for x in (problem.start, away):
            found = problem.residuals(cr.tensor(x)).numpy()
            wanted = np.array(written([np.nan, *x.tolist()], n))
            scale = np.abs(wanted).max()
            order = np.sort if problem.name == "powell_singular" else np.asarray
            if problem.name == "extended_rosenbrock":
                order = np.sort
            np.testing.assert_allclose(
                order(found), order(wanted), rtol=1e-12, atol=1e-12 * scale
            )


@each_problem
def test_gradients_are_those_of_finite_differences(problem: Problem) -> None:
    x = problem.start * 1.05 + 0.01 * np.cos(np.arange(problem.start.size))
    found = cr.grad(problem.value)(cr.tensor(x)).numpy()
    wanted = np.empty_like(x)
    for i, size in enumerate(np.maximum(np.abs(x), 0.1)):
        h = np.zeros_like(x)
        h[i] = 1e-5 * size
        low, high = (problem.value(cr.tensor(x + s * h)).item() for s in (-1, 1))
        wanted[i] = (high - low) / (2 * h[i])
    np.testing.assert_allclose(found, wanted, 2e-5, 2e-5 * np.abs(wanted).max())


@each_problem
def test_scipy_finds_a_published_minimum(problem: Problem) -> None:
    residuals = cr.compile(problem.residuals, engine="numpy")
    jacobian = cr.compile(cr.jacobian(problem.residuals), engine="numpy")
    start = problem.start
    if problem.name == "biggs_exp6":  # from the standard start it ends on a plateau
        start = np.array([1.1, 9.0, 1.1, 4.5, 3.5, 2.5])
    found = least_squares(
        lambda x: residuals(cr.tensor(x)).numpy(),
        start,
        lambda x: jacobian(cr.tensor(x)).numpy(),
        method="lm",
        x_scale="jac",
        xtol=1e-14,
        ftol=1e-15,
        gtol=1e-15,
        max_nfev=1000,
    )
    value = 2 * found.cost
    nearest = min(problem.minima, key=lambda each: abs(each - value))
    assert value == pytest.approx(nearest, rel=3e-7, abs=1e-14)
