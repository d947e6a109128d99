"""The 35 test functions of Moré, Garbow and Hillstrom, as residuals: f(x) = Σᵢ rᵢ(x)².

Each has the paper's number, name, standard starting point and known minima. Several are
meant to be hard: badly scaled, singular at the solution, with large residuals, or with
minima at infinity. Written in public operators, so that every derivative is the
library's own.

Source: J. J. Moré, B. S. Garbow, K. E. Hillstrom, Testing Unconstrained Optimization
Software, ACM Transactions on Mathematical Software 7 (1981), pages 17 to 41.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import chainrule as cr


@dataclass(frozen=True)
class Problem:
    """One test function.

    Attributes:
        number, name: the paper's.
        residuals: x (n,) → r (m,); f is the sum of their squares.
        start: the standard starting point, float64.
        minima: known minimum values of f, the global one first.
    """

    number: int
    name: str
    residuals: Callable[[Any], Any]
    start: np.ndarray[Any, Any]
    minima: tuple[float, ...]

    def value(self, x: Any) -> Any:
        """f(x) = Σᵢ rᵢ(x)²."""
        return (self.residuals(x) ** 2).sum()

    def __str__(self) -> str:
        return f"{self.number}-{self.name}-{self.start.size}"


def _join(*residuals: Any) -> Any:
    """Numbers and vectors, one after the other."""
    return cr.concatenate([each.reshape(-1) for each in residuals])


def _numbers(count: int) -> np.ndarray[Any, Any]:
    """1, 2, …, count."""
    return np.arange(1.0, count + 1)


# Of two to six variables. -------------------------------------------------------------


def rosenbrock(x: Any) -> Any:
    return _join(10 * (x[1] - x[0] ** 2), 1 - x[0])


def freudenstein_roth(x: Any) -> Any:
    a, b = x[0], x[1]
    return _join(-13 + a + ((5 - b) * b - 2) * b, -29 + a + ((b + 1) * b - 14) * b)


def powell_badly_scaled(x: Any) -> Any:
    return _join(1e4 * x[0] * x[1] - 1, cr.exp(-x[0]) + cr.exp(-x[1]) - 1.0001)


def brown_badly_scaled(x: Any) -> Any:
    return _join(x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2)


def beale(x: Any) -> Any:
    y = np.array([1.5, 2.25, 2.625])
    return y - x[0] * _join(1 - x[1], 1 - x[1] ** 2, 1 - x[1] ** 3)


def jennrich_sampson(x: Any) -> Any:
    i = _numbers(10)
    return 2 + 2 * i - (cr.exp(i * x[0]) + cr.exp(i * x[1]))


def helical_valley(x: Any) -> Any:
    theta = cr.arctan(x[1] / x[0]) / (2 * np.pi) + cr.where(x[0] > 0, 0.0, 0.5)
    radius = cr.sqrt(x[0] ** 2 + x[1] ** 2)
    return _join(10 * (x[2] - 10 * theta), 10 * (radius - 1), x[2])


def bard(x: Any) -> Any:
    y = [0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34]
    u = _numbers(15)
    v = 16 - u
    w = np.minimum(u, v)
    return np.array([*y, 2.10, 4.39]) - (x[0] + u / (v * x[1] + w * x[2]))


def gaussian(x: Any) -> Any:
    half = [0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521]
    y = np.array([*half, 0.3989, *half[::-1]])
    t = (8 - _numbers(15)) / 2
    return x[0] * cr.exp(-x[1] * (t - x[2]) ** 2 / 2) - y


def meyer(x: Any) -> Any:
    y = [34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744, 8261, 7030, 6005, 5147]
    t = 45 + 5 * _numbers(16)
    return x[0] * cr.exp(x[1] / (t + x[2])) - np.array([*y, 4427, 3820, 3307, 2872.0])


def gulf(x: Any) -> Any:
    t = _numbers(99) / 100
    y = 25 + (-50 * np.log(t)) ** (2 / 3)
    return cr.exp(-(abs(y - x[1]) ** x[2]) / x[0]) - t


def box(x: Any) -> Any:
    t = _numbers(10) / 10
    known = np.exp(-t) - np.exp(-10 * t)
    return cr.exp(-t * x[0]) - cr.exp(-t * x[1]) - x[2] * known


def powell_singular(x: Any) -> Any:
    a, b, c, d = (x[i::4] for i in range(4))
    far = np.sqrt(5) * (c - d), (b - 2 * c) ** 2, np.sqrt(10) * (a - d) ** 2
    return _join(a + 10 * b, *far)


def wood(x: Any) -> Any:
    a, b, c, d = (x[i] for i in range(4))
    valleys = 10 * (b - a**2), 1 - a, np.sqrt(90) * (d - c**2), 1 - c
    return _join(*valleys, np.sqrt(10) * (b + d - 2), (b - d) / np.sqrt(10))


def kowalik_osborne(x: Any) -> Any:
    y = [0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235]
    u = [4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625]
    u = np.array(u)
    return np.array([*y, 0.0246]) - x[0] * (u**2 + u * x[1]) / (u**2 + u * x[2] + x[3])


def brown_dennis(x: Any) -> Any:
    t = _numbers(20) / 5
    first = x[0] + t * x[1] - np.exp(t)
    second = x[2] + x[3] * np.sin(t) - np.cos(t)
    return first**2 + second**2


OSBORNE_1 = """
    0.844 0.908 0.932 0.936 0.925 0.908 0.881 0.850 0.818 0.784 0.751 0.718 0.685 0.658
    0.628 0.603 0.580 0.558 0.538 0.522 0.506 0.490 0.478 0.467 0.457 0.448 0.438 0.431
    0.424 0.420 0.414 0.411 0.406"""
OSBORNE_2 = """
    1.366 1.191 1.112 1.013 0.991 0.885 0.831 0.847 0.786 0.725 0.746 0.679 0.608 0.655
    0.616 0.606 0.602 0.626 0.651 0.724 0.649 0.649 0.694 0.644 0.624 0.661 0.612 0.558
    0.533 0.495 0.500 0.423 0.395 0.375 0.372 0.391 0.396 0.405 0.428 0.429 0.523 0.562
    0.607 0.653 0.672 0.708 0.633 0.668 0.645 0.632 0.591 0.559 0.597 0.625 0.739 0.710
    0.729 0.720 0.636 0.581 0.428 0.292 0.162 0.098 0.054"""


def osborne_1(x: Any) -> Any:
    y = np.array(OSBORNE_1.split(), float)
    t = 10 * (_numbers(33) - 1)
    return y - (x[0] + x[1] * cr.exp(-t * x[3]) + x[2] * cr.exp(-t * x[4]))


def biggs_exp6(x: Any) -> Any:
    t = _numbers(13) / 10
    y = np.exp(-t) - 5 * np.exp(-10 * t) + 3 * np.exp(-4 * t)
    first, second = x[2] * cr.exp(-t * x[0]), x[3] * cr.exp(-t * x[1])
    return first - second + x[5] * cr.exp(-t * x[4]) - y


def osborne_2(x: Any) -> Any:
    y = np.array(OSBORNE_2.split(), float)
    t = (_numbers(65) - 1) / 10
    bumps = [x[i] * cr.exp(-((t - x[i + 7]) ** 2) * x[i + 4]) for i in (1, 2, 3)]
    return y - (x[0] * cr.exp(-t * x[4]) + bumps[0] + bumps[1] + bumps[2])


# Of as many variables as one likes. ---------------------------------------------------


def watson(x: Any) -> Any:
    (n,) = x.shape
    t = _numbers(29)[:, None] / 29
    powers = t ** np.arange(n)
    slopes = np.arange(1, n) * t ** np.arange(n - 1)
    inside = slopes @ x[1:] - (powers @ x) ** 2 - 1
    return _join(inside, x[0], x[1] - x[0] ** 2 - 1)


def extended_rosenbrock(x: Any) -> Any:
    return _join(10 * (x[1::2] - x[::2] ** 2), 1 - x[::2])


def penalty_1(x: Any) -> Any:
    return _join(np.sqrt(1e-5) * (x - 1), (x**2).sum() - 0.25)


def penalty_2(x: Any) -> Any:
    (n,) = x.shape
    i = _numbers(n)
    root, e = np.sqrt(1e-5), cr.exp(x / 10)
    y = np.exp(i[1:] / 10) + np.exp(i[:-1] / 10)
    weighted = ((n + 1 - i) * x**2).sum()
    pairs, singles = e[1:] + e[:-1] - y, e[1:] - np.exp(-0.1)
    return _join(x[0] - 0.2, root * pairs, root * singles, weighted - 1)


def variably_dimensioned(x: Any) -> Any:
    total = (_numbers(x.shape[0]) * (x - 1)).sum()
    return _join(x - 1, total, total**2)


def trigonometric(x: Any) -> Any:
    (n,) = x.shape
    return n - cr.cos(x).sum() + _numbers(n) * (1 - cr.cos(x)) - cr.sin(x)


def brown_almost_linear(x: Any) -> Any:
    (n,) = x.shape
    return _join(x[:-1] + x.sum() - (n + 1), x.prod() - 1)


def _neighbours(x: Any) -> tuple[Any, Any]:
    """Each element's left and right neighbour, zero beyond the ends."""
    zero = np.zeros(1)
    return _join(cr.tensor(zero), x[:-1]), _join(x[1:], cr.tensor(zero))


def discrete_boundary_value(x: Any) -> Any:
    (n,) = x.shape
    h = 1 / (n + 1)
    left, right = _neighbours(x)
    return 2 * x - left - right + h**2 * (x + h * _numbers(n) + 1) ** 3 / 2


def discrete_integral_equation(x: Any) -> Any:
    (n,) = x.shape
    h = 1 / (n + 1)
    t = h * _numbers(n)
    kernel = np.where(t[None, :] <= t[:, None], np.outer(1 - t, t), np.outer(t, 1 - t))
    return x + h / 2 * (kernel @ (x + t + 1) ** 3)


def broyden_tridiagonal(x: Any) -> Any:
    left, right = _neighbours(x)
    return (3 - 2 * x) * x - left - 2 * right + 1


def broyden_banded(x: Any) -> Any:
    i = np.arange(x.shape[0])
    gap = i[:, None] - i[None, :]
    band = ((gap <= 5) & (gap >= -1) & (gap != 0)).astype(float)
    return x * (2 + 5 * x**2) + 1 - band @ (x * (1 + x))


def linear_full_rank(x: Any) -> Any:
    n, m = x.shape[0], 20
    shared = 2 / m * x.sum() + 1
    return _join(x - shared, 0 * _numbers(m - n) - shared)


def linear_rank_1(x: Any) -> Any:
    return _numbers(20) * (_numbers(x.shape[0]) * x).sum() - 1


def linear_rank_1_bordered(x: Any) -> Any:
    n, m = x.shape[0], 20
    inner = (np.arange(1, m - 1) - 0.0) * (np.arange(2, n) * x[1:-1]).sum() - 1
    minus = cr.tensor(-np.ones(1))
    return _join(minus, inner, minus)


def chebyquad(x: Any) -> Any:
    (n,) = x.shape
    before, now, means = 1 + 0 * x, 2 * x - 1, []
    for i in range(1, n + 1):
        integral = -1 / (i**2 - 1) if i % 2 == 0 else 0.0
        means.append(now.mean() - integral)
        before, now = now, 2 * (2 * x - 1) * now - before
    return _join(*means)


def _listed() -> list[Problem]:
    """The paper's list: number, function, start, known minima."""
    spread = _numbers(10) / 11
    curve = spread * (spread - 1)
    rows: list[tuple[Any, Any, tuple[float, ...]]] = [
        (rosenbrock, [-1.2, 1], (0.0,)),
        (freudenstein_roth, [0.5, -2], (0.0, 48.984254)),
        (powell_badly_scaled, [0, 1], (0.0,)),
        (brown_badly_scaled, [1, 1], (0.0,)),
        (beale, [1, 1], (0.0,)),
        (jennrich_sampson, [0.3, 0.4], (124.36218,)),
        (helical_valley, [-1, 0, 0], (0.0,)),
        (bard, [1, 1, 1], (8.2148773e-3, 17.428692)),
        (gaussian, [0.4, 1, 0], (1.1279328e-8,)),
        (meyer, [0.02, 4000, 250], (87.945855,)),
        (gulf, [5, 2.5, 0.15], (0.0, 0.038)),
        (box, [0, 10, 20], (0.0,)),
        (powell_singular, [3, -1, 0, 1], (0.0,)),
        (wood, [-3, -1, -3, -1], (0.0,)),
        (kowalik_osborne, [0.25, 0.39, 0.415, 0.39], (3.0750561e-4, 1.0273418e-3)),
        (brown_dennis, [25, 5, -5, -1], (85822.202,)),
        (osborne_1, [0.5, 1.5, -1, 0.01, 0.02], (5.4648947e-5,)),
        (biggs_exp6, [1, 2, 1, 1, 1, 1], (0.0, 5.6556499e-3, 0.3063667)),
        (
            osborne_2,
            [1.3, 0.65, 0.65, 0.7, 0.6, 3, 5, 7, 2, 4.5, 5.5],
            (4.0137736e-2,),
        ),
        (watson, [0] * 6, (2.2876701e-3,)),
        (extended_rosenbrock, [-1.2, 1] * 5, (0.0,)),
        (powell_singular, [3, -1, 0, 1] * 3, (0.0,)),
        (penalty_1, _numbers(10), (7.0876515e-5,)),
        (penalty_2, [0.5] * 10, (2.9366054e-4,)),
        (variably_dimensioned, 1 - _numbers(10) / 10, (0.0,)),
        (trigonometric, [0.1] * 10, (0.0, 2.7950561e-5)),
        (brown_almost_linear, [0.5] * 10, (0.0, 1.0)),
        (discrete_boundary_value, curve, (0.0,)),
        (discrete_integral_equation, curve, (0.0,)),
        (broyden_tridiagonal, [-1] * 10, (0.0,)),
        (broyden_banded, [-1] * 10, (0.0,)),
        (linear_full_rank, [1] * 10, (10.0,)),
        (linear_rank_1, [1] * 10, (20 * 19 / (2 * 41),)),
        (linear_rank_1_bordered, [1] * 10, ((400 + 60 - 6) / (2 * 37),)),
        (chebyquad, _numbers(8) / 9, (3.5168737e-3,)),
    ]
    return [
        Problem(i, each.__name__, each, np.array(start, np.float64), minima)
        for i, (each, start, minima) in enumerate(rows, 1)
    ]


#: All 35, in the paper's order; where the dimension is free, ten variables or so.
PROBLEMS = _listed()
