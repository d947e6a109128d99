"""Bands: chains of states in a row; a path stays in one, goes on, or skips one.

Place on the road: beside ``paths``, on ``scan``, below the losses and models of
sequences. A row of S states is what a known text is: the states of its words one after
the other (a hidden Markov model from left to right), or its labels between blanks
(connectionist temporal classification). Of the S² transitions of a chain 3 S are left,
and each sequence of a batch has a row of its own. It must not know where scores come
from.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ... import dtypes
from ...backprop import backprop
from ...errors import DTypeError, ShapeError
from ...ops import composed
from ...ops.arrays import lift
from ...ops.control import scan
from ...ops.creation import arange, full
from ...ops.elementwise import alias, exp, log, maximum, stop_gradient, where
from ...ops.indexing import take_along_axis
from ...ops.movement import broadcast_to, concatenate, pad
from ...ops.reduction import argmax
from ..lengths import real_steps
from .paths import IMPOSSIBLE, PADDING, BestPaths


class Band(NamedTuple):
    """What a path through states in a row costs, whatever is seen; in logarithms.

    Each is (N, S), or (S,) for all sequences.

    Attributes:
        stay: in state s.
        step: from state s − 1 to s.
        skip: from state s − 2 to s.
        start: of state s as the first.
        end: of state s as the last.
    """

    stay: Any
    step: Any
    skip: Any
    start: Any
    end: Any


def band_log_partition(scores: Any, band: Band, lengths: Any = None) -> Any:
    """The logarithm of the sum over all paths through a band: the forward algorithm.

    Formula: α₁ = start + scores₁; αₜ(s) = scoresₜ(s) + ln [exp(αₜ₋₁(s) + stay(s)) +
    exp(αₜ₋₁(s−1) + step(s)) + exp(αₜ₋₁(s−2) + skip(s))]; and
    ln Z = ln Σₛ exp(α_T(s) + end(s)).

    Its gradient is that of the backward algorithm: ∂ ln Z/∂ scores[t, s] is the
    probability that a path is in s at step t, ∂ ln Z/∂ stay(s) how often one is
    expected to stay there.

    Shapes: scores (N, T, S) → (N,), in the dtype of the scores; below −10²⁹ where there
    is no path.

    Arguments:
        scores: of every state at every step.
        band: the transitions.
        lengths: how many of the T steps are real, (N,), at least 1; all when not given.

    Raises:
        ShapeError, DTypeError: for scores, or parts of the band, of other shapes.
        BoundsError: for a length that is negative or above T.

    Source: Rabiner (1989), section IV: left-to-right models.

    Example:
        >>> import chainrule as cr
        >>> z = band_log_partition(cr.zeros((1, 4, 2)), left_to_right(2))
        >>> round(cr.exp(z).item(), 4)  # 0111, 0011 and 0001
        3.0
    """
    emitted, band, elements = _steps("band_log_partition", scores, band, lengths)
    return _log_partition(emitted, band, elements)


def _log_partition(emitted: Any, band: Band, elements: list[Any]) -> Any:
    """``band_log_partition`` of what has been checked, scores (T, N, S)."""

    def step(alpha: Any, element: list[Any]) -> tuple[Any, None]:
        score, *real = element
        ways = _ways(alpha, band)
        top = stop_gradient(maximum(maximum(ways[0], ways[1]), ways[2]))
        new = top + log(sum(exp(way - top) for way in ways)) + score
        for each in real:
            new = where(each, new, alpha)
        return new, None

    alpha = band.start + emitted[0]
    if emitted.shape[0] > 1:
        alpha, _ = scan(step, alpha, [emitted[1:], *(each[1:] for each in elements)])
    return composed.logsumexp(alpha + band.end, axis=1)


def band_marginals(scores: Any, band: Band, lengths: Any = None) -> Any:
    """The probability of every state at every step, under all paths through a band.

    Formula: p(s at t) = ∂ ln Z/∂ scores[t, s]: forward and backward algorithm, the
    latter by the chain rule.

    Shapes: scores (N, T, S) → the same; 0 behind the end.

    Arguments, raises: as ``band_log_partition``.

    Source: Rabiner (1989), equation 27.

    Example:
        >>> import chainrule as cr
        >>> p = band_marginals(cr.zeros((1, 3, 2)), left_to_right(2))
        >>> p.numpy()[0, 1].tolist()  # of 011 and 001
        [0.5, 0.5]
    """
    emitted, band, elements = _steps("band_marginals", scores, band, lengths)
    at = alias(emitted)
    total = _log_partition(at, band, elements).sum()
    return composed.swapaxes(backprop(total)[at], 0, 1)


def band_best_paths(scores: Any, band: Band, lengths: Any = None) -> BestPaths:
    """The path through a band with the largest score: Viterbi's algorithm, the forced
    alignment of a known text.

    Shapes: scores (N, T, S) → states (N, T), −1 behind the end; scores (N,), below
    −10²⁹ where there is no path.

    Arguments, raises: as ``band_log_partition``.

    Source: Viterbi (1967); Rabiner (1989), equations 32 to 35.

    Example:
        >>> import chainrule as cr
        >>> scores = cr.tensor([[[0.0, 9.0], [1.0, 0.0], [0.0, 1.0]]])
        >>> band_best_paths(scores, left_to_right(2)).states.numpy()
        array([[0, 0, 1]])
    """
    emitted, band, elements = _steps("band_best_paths", scores, band, lengths)
    length, samples, _ = emitted.shape

    def step(delta: Any, element: list[Any]) -> tuple[Any, Any]:
        score, *real = element
        one, two, three = _ways(delta, band)
        longer = maximum(two, three)
        new = maximum(one, longer) + score
        came = where(one >= longer, 0, where(two >= three, 1, 2))
        for each in real:
            new, came = where(each, new, delta), where(each, came, 0)
        return new, came

    def back(state: Any, came: Any) -> tuple[Any, Any]:
        before = take_along_axis(came, state[:, None], axis=1)[:, 0]
        return state - before, state

    delta = band.start + emitted[0]
    came = None
    if length > 1:
        rest = [emitted[1:], *(each[1:] for each in elements)]
        delta, came = scan(step, delta, rest)
    final = delta + band.end
    last = argmax(final, axis=1)
    path = last[None]
    if came is not None:
        first, later = scan(back, last, came, reverse=True)
        path = concatenate([first[None], later], axis=0)  # (T, N)
    if elements:
        padding = full((length, samples), PADDING, "int64")
        path = where(elements[0][:, :, 0], path, padding)
    return BestPaths(path.T, final.max(axis=1))


def left_to_right(states: int, dtype: Any = "float32") -> Band:
    """All paths from the first of S states to the last that skip none, at no cost.

    Where a state costs the same whenever one stays in it, that belongs to the scores of
    its steps.

    Example:
        >>> left_to_right(3).stay.numpy()
        array([0., 0., 0.], dtype=float32)
    """
    free = full((states,), 0.0, dtype)
    never = full((states,), IMPOSSIBLE, dtype)
    place = arange(states)
    return Band(
        free,
        free,
        never,
        where(place == 0, free, never),
        where(place == states - 1, free, never),
    )


def _ways(alpha: Any, band: Band) -> tuple[Any, Any, Any]:
    """The three ways into every state: (N, S) each."""
    states = alpha.shape[1]
    one = pad(alpha[:, :-1], [(0, 0), (1, 0)], IMPOSSIBLE)
    two = pad(alpha[:, :-2], [(0, 0), (2, 0)], IMPOSSIBLE) if states > 1 else one
    return alpha + band.stay, one + band.step, two + band.skip


def _steps(
    name: str, scores: Any, band: Band, lengths: Any
) -> tuple[Any, Band, list[Any]]:
    """Scores (T, N, S), the band as (N, S), and which steps are real, (T, N, 1), where
    lengths are given.
    """
    node: Any = lift([scores])[0]
    if len(node.shape) != 3 or 0 in node.shape[1:]:
        raise ShapeError(
            f"{name}: scores {node.shape}: expected (N, T, S), one for each of S "
            "states at each of T steps",
            fix="scores[None] for a single sequence" if len(node.shape) == 2 else None,
        )
    if not dtypes.is_float(node.dtype):
        raise DTypeError(
            f"{name}: scores {node.shape} of {node.dtype}: expected floats"
        )
    samples, steps, states = node.shape
    parts: list[Any] = []
    for part, label in zip(band, Band._fields, strict=True):
        given: Any = lift([part])[0]
        if given.shape not in ((states,), (samples, states)):
            raise ShapeError(
                f"{name}: {label} {given.shape} for scores {node.shape}: expected "
                f"({states},) or ({samples}, {states})"
            )
        parts.append(broadcast_to(given.astype(node.dtype), (samples, states)))
    emitted = maximum(composed.swapaxes(node, 0, 1), IMPOSSIBLE)
    if lengths is None:
        return emitted, Band(*parts), []
    real = real_steps(f"{name}: sequence", lengths, samples, steps)[:, :, None]
    real = composed.swapaxes(real, 0, 1)
    return where(real, emitted, 0.0), Band(*parts), [real]
