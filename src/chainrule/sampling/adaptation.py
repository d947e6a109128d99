"""How a sampler finds its step size and its masses while it warms up.

Place on the road: part of ``sampling``, below the samplers, in whose compiled loops it
runs. Every chain adapts for itself, and knows of no other.

The plan is that of Stan: first steps only; then windows, each twice as long as the one
before, at whose ends the masses become the inverse variances of the draws in the
window; at last steps only.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..graph import Array
from ..ops.composed import clip
from ..ops.elementwise import exp, log, maximum, sqrt, where
from ..ops.indexing import take
from ..ops.reduction import max as max_

#: Iterations at the beginning, of the first window, and at the end (Stan, 2023).
BEGINNING, WINDOW, END = 75, 25, 50
#: With fewer iterations than those together, their shares; the rest is one window.
SHARES = (0.15, 0.10)
#: Below so many iterations only the step size is found.
LEAST = 20

#: Of dual averaging: how strongly, how slowly at first, and how soon the past is
#: forgotten (γ, t₀, κ; Hoffman & Gelman, 2014).
GAMMA, DELAY, FORGETTING = 0.05, 10.0, 0.75
#: Of masses: how many draws the prior is worth, and its variance (Stan, 2023).
PRIOR_DRAWS, PRIOR_VARIANCE = 5.0, 1e-3


class Plan(NamedTuple):
    """What happens in each iteration.

    Attributes:
        iterations: of the warm-up.
        collects: whether a draw belongs to a window.
        closes: whether it is the last of one.
    """

    iterations: int
    collects: Array
    closes: Array


def plan(iterations: int, masses: bool) -> Plan:
    """The plan for so many iterations; the entry behind the last says: nothing more.

    Example:
        >>> np.flatnonzero(plan(1000, True).closes)
        array([ 99, 149, 249, 449, 949])
    """
    collects = np.zeros(iterations + 1, bool)
    closes = np.zeros(iterations + 1, bool)
    if not masses or iterations < LEAST:
        return Plan(iterations, collects, closes)
    first, last, window = BEGINNING, END, WINDOW
    if first + last + window > iterations:
        first, last = (int(share * iterations) for share in SHARES)
        window = iterations - first - last
    end = iterations - last
    collects[first:end] = True
    place = first
    while place < end:
        beyond = place + window
        if beyond + 2 * window > end:  # what is left is no whole window
            beyond = end
        closes[beyond - 1] = True
        place, window = beyond, 2 * window
    return Plan(iterations, collects, closes)


def beginning(steps: Array, rows: Array) -> dict[str, Any]:
    """What chains know before they begin.

    Arguments:
        steps: (chains,), the first step sizes.
        rows: (chains, D), the points that they start from.
    """
    chains, size = rows.shape
    kind = rows.dtype
    first = np.log(steps).astype(kind)
    return {
        "log_step": first,
        "centre": first + kind.type(math.log(10.0)),
        "error": np.zeros(chains, kind),
        "average": first.copy(),
        "updates": np.zeros(chains, kind),
        "inverse_mass": np.ones((chains, size), kind),
        "draws": np.zeros(chains, kind),
        "mean": np.zeros((chains, size), kind),
        "squares": np.zeros((chains, size), kind),
    }


def adapted(
    known: dict[str, Any],
    now: Plan,
    target: float,
    iteration: Any,
    ended: Any,
    acceptance: Any,
    draw: Any,
) -> dict[str, Any]:
    """What chains know after an iteration.

    Formula, dual averaging for t = 1, 2, … since a window began: with the acceptance
    probability α and its target δ,

        H ← (1 − 1/(t + t₀)) H + (δ − α)/(t + t₀),    log ε = μ − √t/γ · H,

    and ε̄, which is kept, the average of log ε with weights t^−κ. Means and squares are
    updated by Welford's formulas; the inverse mass of a number is its variance in the
    window, n/(n + 5) · s² + 5/(n + 5) · 10⁻³.

    Arguments:
        known: as it was.
        now: the plan.
        target: δ.
        iteration: (chains,), which one each chain has made.
        ended: (chains,), whether it has made one; nothing changes where not.
        acceptance: (chains,), α.
        draw: (chains, D).
    """
    place = clip(iteration, 0, now.iterations)
    warming = ended & (iteration < now.iterations)
    collects = ended & take(now.collects, place)
    closes = ended & take(now.closes, place)
    stepped = _stepped(known, target, acceptance, warming)
    collected = _collected(known, draw, collects)
    masses = _weighed(known["inverse_mass"], stepped, collected, closes)
    last = ended & (iteration == now.iterations - 1)
    log_step = where(last, masses["average"], masses["log_step"])
    return {**masses, "log_step": log_step}


def _stepped(
    known: dict[str, Any], target: float, acceptance: Any, warming: Any
) -> dict[str, Any]:
    """One update of dual averaging."""
    t = known["updates"] + 1.0
    share = 1.0 / (t + DELAY)
    error = (1.0 - share) * known["error"] + share * (target - acceptance)
    log_step = known["centre"] - sqrt(t) / GAMMA * error
    weight = exp(-FORGETTING * log(t))
    average = weight * log_step + (1.0 - weight) * known["average"]
    new = {"updates": t, "error": error, "log_step": log_step, "average": average}
    return {
        **known,
        **{name: where(warming, value, known[name]) for name, value in new.items()},
    }


def _collected(known: dict[str, Any], draw: Any, collects: Any) -> dict[str, Any]:
    """One draw more, for mean and variance (Welford, 1962)."""
    count = known["draws"] + 1.0
    before = draw - known["mean"]
    mean = known["mean"] + before / count[:, None]
    squares = known["squares"] + before * (draw - mean)
    rows = collects[:, None]
    return {
        "draws": where(collects, count, known["draws"]),
        "mean": where(rows, mean, known["mean"]),
        "squares": where(rows, squares, known["squares"]),
    }


def _weighed(
    before: Any, known: dict[str, Any], collected: dict[str, Any], closes: Any
) -> dict[str, Any]:
    """New masses where a window closes; a step size of the same length in the number
    that bounded it, from which dual averaging begins again."""
    count = collected["draws"][:, None]
    variance = collected["squares"] / maximum(count - 1.0, 1.0)
    share = count / (count + PRIOR_DRAWS)
    weighed = share * variance + (1.0 - share) * PRIOR_VARIANCE
    rows = closes[:, None]
    ratio = max_(where(rows, before / weighed, 1.0), axis=1)
    log_step = known["log_step"] + 0.5 * log(ratio)
    fresh = {
        "log_step": log_step,
        "centre": log_step + math.log(10.0),
        "error": 0.0 * log_step,
        "average": log_step,
        "updates": 0.0 * log_step,
    }
    return {
        **known,
        **{name: where(closes, value, known[name]) for name, value in fresh.items()},
        "inverse_mass": where(rows, weighed, before),
        "draws": where(closes, 0.0, collected["draws"]),
        "mean": where(rows, 0.0, collected["mean"]),
        "squares": where(rows, 0.0, collected["squares"]),
    }
