"""Gabor functions fitted to filters: how much of a filter is an edge or a bar.

A Gabor function is a plane wave under a Gaussian, the textbook's description of what
simple cells of the visual cortex answer to. With u along the wave and v across it, both
from the centre:

    g = exp(−u² / 2σᵤ² − v² / 2σᵥ²) (a cos 2πfu + b sin 2πfu),
    u =  (x − x₀) cos θ + (y − y₀) sin θ,
    v = −(x − x₀) sin θ + (y − y₀) cos θ.

All filters are fitted at once, each from several first values, by Levenberg and
Marquardt's method: (JᵀJ + μ diag JᵀJ) d = Jᵀr for every filter, with a μ of its own
that falls after a step that lowers its error and rises after one that does not, which
is not made. J comes from the chain rule.

Sources: Daugman, Uncertainty relation for resolution in space, spatial frequency, and
orientation optimized by two-dimensional visual cortical filters (1985); Jones & Palmer,
An evaluation of the two-dimensional Gabor filter model of simple receptive fields in
cat striate cortex (1987).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import chainrule as cr

Array = np.ndarray[Any, np.dtype[Any]]

PARAMETERS = ("x0", "y0", "theta", "log_u", "log_v", "frequency", "a", "b")
#: Waves of the strongest spectrum that a fit starts from, and widths of the envelope as
#: parts of the patch's side.
WAVES, WIDTHS = 4, (0.12, 0.3)
ITERATIONS = 60
#: Of an envelope: no narrower than this many pixels, or a single pixel would be a Gabor
#: function; and no wider than this many times as wide as it must be.
NARROWEST, LOG_WIDTHS = 0.5, (-5.0, 4.0)


class Fits(NamedTuple):
    """The best Gabor function of every filter.

    Attributes:
        r2: (N,), 1 − Σ (w − g)² / Σ (w − w̄)².
        values: (N, 8), in the order of ``PARAMETERS``; lengths in pixels.
        shown: (N, h, w), the functions themselves.
    """

    r2: Array
    values: Array
    shown: Array

    @property
    def widths(self) -> Array:
        """(N, 2): σᵤ and σᵥ in pixels."""
        return NARROWEST + np.exp(self.values[:, 3:5])


def gabor(values: Any, x: Any, y: Any) -> Any:
    """The functions of parameters (N, 8) at P points: (N, P)."""
    x0, y0, theta, log_u, log_v, f, a, b = (values[:, i : i + 1] for i in range(8))
    u = (x - x0) * cr.cos(theta) + (y - y0) * cr.sin(theta)
    v = (y - y0) * cr.cos(theta) - (x - x0) * cr.sin(theta)
    wide, high = (NARROWEST + cr.exp(each) for each in (log_u, log_v))
    envelope = cr.exp(-0.5 * ((u / wide) ** 2 + (v / high) ** 2))
    phase = 2 * np.pi * f * u
    return envelope * (a * cr.cos(phase) + b * cr.sin(phase))


def fit(filters: Array) -> Fits:
    """Fits a Gabor function to each of N filters, (N, h, w)."""
    count, h, w = filters.shape
    y, x = (each.ravel().astype(np.float64) for each in np.mgrid[:h, :w])
    target = filters.reshape(count, -1).astype(np.float64)
    target = target - target.mean(axis=1, keepdims=True)
    target /= np.linalg.norm(target, axis=1, keepdims=True)
    first = starts(target.reshape(count, h, w))  # (N, S, 8)
    several = np.repeat(target, first.shape[1], axis=0)
    values, error = levenberg_marquardt(first.reshape(-1, 8), several, x, y)
    best = error.reshape(count, -1).argmin(axis=1)
    values = values.reshape(first.shape)[np.arange(count), best]
    shown = gabor(cr.tensor(values), x, y).numpy().reshape(filters.shape)
    return Fits(1 - error.reshape(count, -1).min(axis=1), values, shown)


def starts(filters: Array) -> Array:
    """First values (N, S, 8): the strongest waves of each spectrum, at the centre of
    its energy, under envelopes of several widths."""
    count, h, w = filters.shape
    y, x = np.mgrid[:h, :w]
    energy = filters**2 / (filters**2).sum(axis=(1, 2), keepdims=True)
    x0, y0 = (energy * x).sum(axis=(1, 2)), (energy * y).sum(axis=(1, 2))
    size = 4 * max(h, w)
    spectrum = np.fft.rfft2(filters, (size, size))
    power = np.abs(spectrum)
    fy, fx = np.fft.fftfreq(size), np.fft.rfftfreq(size)
    found = []
    for _ in range(WAVES):
        place = power.reshape(count, -1).argmax(axis=1)
        row, column = np.unravel_index(place, power.shape[1:])
        f, theta = np.hypot(fx[column], fy[row]), np.arctan2(fy[row], fx[column])
        for width in WIDTHS:
            log = np.full(count, np.log(width * max(h, w)))
            a, b = _phase(filters, x0, y0, theta, log, f)
            found.append(np.stack([x0, y0, theta, log, log, f, a, b], axis=1))
        near = np.hypot(fx - fx[column, None, None], fy[:, None] - fy[row, None, None])
        power = np.where(near < 0.75 / max(h, w), 0.0, power)  # the next is another
    return np.stack(found, axis=1)


def _phase(
    filters: Array, x0: Array, y0: Array, theta: Array, log: Array, f: Array
) -> tuple[Array, Array]:
    """The best a and b of an even and an odd wave, as if these were orthogonal."""
    count, h, w = filters.shape
    y, x = (each.ravel().astype(np.float64) for each in np.mgrid[:h, :w])
    target, parts = filters.reshape(count, -1), []
    for even in (1.0, 0.0):
        ones = np.full(count, even)
        wave = np.stack([x0, y0, theta, log, log, f, ones, 1 - ones], axis=1)
        g = gabor(cr.tensor(wave), x, y).numpy()
        parts.append((g * target).sum(axis=1) / ((g * g).sum(axis=1) + 1e-9))
    return parts[0], parts[1]


def levenberg_marquardt(
    first: Array, target: Array, x: Array, y: Array
) -> tuple[Array, Array]:
    """Values (M, 8) of least squares, and their errors (M,), for M targets (M, P)."""

    unit, bound = np.eye(len(PARAMETERS)), np.full(len(PARAMETERS), np.inf)
    low, high = -bound, bound.copy()
    low[3:5], high[3:5] = LOG_WIDTHS

    @cr.compile
    def step(values: Any, damping: Any, target: Any) -> Any:
        columns = []
        for along in unit:
            g, column = cr.jvp(
                lambda v: gabor(v, x, y), values, cr.zeros_like(values) + along
            )
            columns.append(column)
        J = cr.stack(columns, axis=1)  # (M, 8, P)
        rest = target - g
        G = J @ J.transpose(0, 2, 1)
        scale = (J * J).sum(axis=2) + 1e-9
        G = G + (damping * scale)[:, :, None] * unit
        slope = (J * rest[:, None]).sum(axis=2)
        new = values + cr.linalg.solve(G, slope[:, :, None])[:, :, 0]
        new = cr.minimum(cr.maximum(new, low), high)
        error = (rest**2).sum(axis=1)
        after = ((target - gabor(new, x, y)) ** 2).sum(axis=1)
        better = after < error
        values = cr.where(better[:, None], new, values)
        damping = damping * cr.where(better[:, None], 0.3, 4.0)
        return values, cr.clip(damping, 1e-7, 1e7), cr.where(better, after, error)

    values, damping = first, np.full((len(first), 1), 1e-2)
    for _ in range(ITERATIONS):
        values, damping, error = step(values, damping, target)
    return values.numpy(), error.numpy()
