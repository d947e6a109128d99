"""Paths through a chain: the sum over all of them, and the best.

Place on the road: below the layer and the losses of chains, above ``scan``. At each of
T steps one of K states is taken; a path has the score

    s(y) = start[y₁] + Σₜ scores[t, yₜ] + Σₜ transitions[yₜ₋₁, yₜ] + end[y_T].

With scores that a network computes this is a conditional random field; with the
logarithms of the probabilities of a hidden Markov model, s(y) is its ln p(x, y). All
is computed in logarithms, by one loop over the steps. It must not know where scores
come from.
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
from ...ops.elementwise import alias, exp, log, stop_gradient, where
from ...ops.indexing import normal_index, take, take_along_axis
from ...ops.movement import concatenate
from ...ops.reduction import argmax
from ..lengths import checked_lengths

#: The logarithm of "impossible": finite, so that no gradient is ∞ − ∞; nothing that is
#: possible comes near it.
IMPOSSIBLE = -1e30

#: The state behind the end of a path.
PADDING = -1

#: The least sum whose logarithm is taken.
LEAST = 1e-300


class Chain(NamedTuple):
    """What the states of a path cost, whatever is seen.

    Attributes:
        transitions: from state i to state j, (K, K).
        start: of the first state, (K,).
        end: of the last state, (K,).
    """

    transitions: Any
    start: Any
    end: Any


class BestPaths(NamedTuple):
    """The best path of every sequence, and its score.

    Attributes:
        states: (N, T) int64, −1 behind the end.
        scores: (N,).
    """

    states: Any
    scores: Any


class Steps(NamedTuple):
    """Checked scores, with the axis of steps first, as the loops take them.

    Attributes:
        scores: (T, N, K), 0 where a step is not real.
        chain: in the dtype of the scores.
        lengths: (N,), or None where all steps are real.
        real: (T, N, 1), or None.
    """

    scores: Any
    chain: Chain
    lengths: Any
    real: Any

    @property
    def rest(self) -> list[Any]:
        """What a loop from the second step on reads."""
        return [each[1:] for each in (self.scores, self.real) if each is not None]


def steps_of(name: str, scores: Any, chain: Any, lengths: Any = None) -> Steps:
    """Scores (N, T, K), a chain and lengths, checked and ready for the loops.

    Arguments:
        name: of the operation, for messages.
        scores, chain, lengths: as of ``log_partition``.

    Raises:
        ShapeError: for scores, or parts of the chain, of other shapes.
        DTypeError: for scores that are not floats.
        BoundsError: for a length that is negative or above T.
    """
    node: Any = lift([scores])[0]
    if len(node.shape) != 3 or 0 in node.shape[1:]:
        raise ShapeError(
            f"{name}: scores {node.shape}: expected (N, T, K), one for each of K "
            "states at each of T steps",
            fix="scores[None] for a single sequence" if len(node.shape) == 2 else None,
        )
    if not dtypes.is_float(node.dtype):
        raise DTypeError(
            f"{name}: scores {node.shape} of {node.dtype}: expected floats",
            fix="are scores and states exchanged? The scores come first",
        )
    samples, steps, states = node.shape
    parts: list[Any] = []
    for part, label in zip(chain, Chain._fields, strict=True):
        given: Any = lift([part])[0]
        wanted = (states, states) if label == "transitions" else (states,)
        if given.shape != wanted:
            raise ShapeError(
                f"{name}: {label} {given.shape} for scores {node.shape}: expected "
                f"{wanted}, for {states} states"
            )
        parts.append(given.astype(dtypes.float64))
    sequence = composed.swapaxes(node, 0, 1).astype(dtypes.float64)
    if lengths is None:
        return Steps(sequence, Chain(*parts), None, None)
    known = checked_lengths(f"{name}: sequence", lengths, samples, steps)
    real = (arange(steps)[:, None] < known)[:, :, None]
    return Steps(where(real, sequence, 0.0), Chain(*parts), known, real)


def log_product(alpha: Any, weights: Any) -> Any:
    """A step of all paths at once: ln Σᵢ exp(αᵢ) Wᵢⱼ.

    The product is one of numbers, not of their logarithms: with K² multiplications in
    place of K² exponentials, and a gradient for W that is one product for all steps. In
    float64 a state counts until it is 700 nats less probable than the best one.

    Shapes: (N, K), (K, K) → (N, K).
    """
    top = stop_gradient(alpha.max(axis=1, keepdims=True))
    total = exp(alpha - top) @ weights
    reached = total > LEAST
    return where(reached, top + log(where(reached, total, 1.0)), IMPOSSIBLE)


def log_partition(scores: Any, chain: Any, lengths: Any = None) -> Any:
    """The logarithm of the sum over all paths, ln Z: the forward algorithm.

    Formula: α₁ = start + scores₁; αₜ(j) = scoresₜ(j) + ln Σᵢ exp(αₜ₋₁(i) + Aᵢⱼ);
    ln Z = ln Σⱼ exp(α_T(j) + end(j)).

    Its gradient is that of the backward algorithm: ∂ ln Z/∂ scores[t, j] is the
    probability that a path is in j at step t, ∂ ln Z/∂ Aᵢⱼ how often a path is expected
    to go from i to j.

    Shapes: scores (N, T, K) → (N,).

    Arguments:
        scores: of every state at every step.
        chain: ``Chain(transitions, start, end)``.
        lengths: how many of the T steps are real, (N,); all when not given. Without
            a step there is one path, the empty one, and ln Z is 0.

    Raises:
        ShapeError, DTypeError, BoundsError: as ``steps_of``.

    Source: Rabiner (1989), equations 19 to 21; Lafferty, McCallum & Pereira (2001).

    Example:
        >>> import chainrule as cr
        >>> chain = Chain(cr.zeros((2, 2)), cr.zeros(2), cr.zeros(2))
        >>> z = log_partition(cr.zeros((1, 3, 2)), chain)
        >>> round(cr.exp(z).item(), 4)  # 2³ paths
        8.0
    """
    return log_partition_of(steps_of("log_partition", scores, chain, lengths))


def log_partition_of(steps: Steps) -> Any:
    """``log_partition`` of what has been checked."""
    chain = steps.chain
    alpha = chain.start + steps.scores[0]  # (N, K)
    if steps.scores.shape[0] > 1:
        shift = stop_gradient(chain.transitions.max())
        weights = exp(chain.transitions - shift)

        def step(alpha: Any, element: list[Any]) -> tuple[Any, None]:
            score, *real = element
            new = log_product(alpha, weights) + (score + shift)
            for each in real:
                new = where(each, new, alpha)
            return new, None

        alpha, _ = scan(step, alpha, steps.rest)
    total = composed.logsumexp(alpha + chain.end, axis=1)
    return total if steps.lengths is None else where(steps.lengths == 0, 0.0, total)


def path_scores(name: str, steps: Steps, states: Any) -> Any:
    """s(y), the score of one path for each sequence.

    Shapes: states (N, T) of integers → (N,).

    Raises:
        ShapeError, DTypeError: for states of another shape or kind.
        BoundsError: for a state that is none of the K.
    """
    length, samples, count = steps.scores.shape
    y = _states(f"{name}: tags", states, (samples, length))
    if steps.real is not None:
        y = where(steps.real[:, :, 0].T, y, 0)
    y = normal_index(y, size=count, what=f"{name}: label").T  # (T, N)
    chain = steps.chain
    taken = take_along_axis(steps.scores, y[:, :, None], axis=2)[:, :, 0]
    moves = chain.transitions.reshape(count * count)
    passed = take(moves, y[:-1] * count + y[1:])  # (T − 1, N)
    if steps.lengths is None:
        ends = take(chain.start, y[0]) + take(chain.end, y[-1])
        return ends + taken.sum(axis=0) + passed.sum(axis=0)
    real = steps.real[:, :, 0]
    passed = where(real[1:], passed, 0.0)
    last = where(steps.lengths > 0, steps.lengths - 1, 0)
    final = take_along_axis(y, last[None], axis=0)[0]
    ends = take(chain.start, y[0]) + take(chain.end, final)
    total = ends + where(real, taken, 0.0).sum(axis=0) + passed.sum(axis=0)
    return where(steps.lengths == 0, 0.0, total)


def marginals(scores: Any, chain: Any, lengths: Any = None) -> Any:
    """The probability of every state at every step, under all paths.

    Formula: p(yₜ = j) = ∂ ln Z/∂ scores[t, j]: forward and backward algorithm, the
    latter by the chain rule.

    Shapes: scores (N, T, K) → the same; 0 behind the end.

    Arguments, raises: as ``log_partition``.

    Source: Rabiner (1989), equation 27.
    """
    steps = steps_of("marginals", scores, chain, lengths)
    at = alias(steps.scores)
    total = log_partition_of(steps._replace(scores=at)).sum()
    return composed.swapaxes(backprop(total)[at], 0, 1).astype(lift([scores])[0].dtype)


def best_paths(scores: Any, chain: Any, lengths: Any = None) -> BestPaths:
    """The path with the largest score: the Viterbi algorithm.

    Formula: δₜ(j) = scoresₜ(j) + maxᵢ (δₜ₋₁(i) + Aᵢⱼ), and the way back along the
    states i that were the best, yₜ₋₁ = argmaxᵢ (δₜ₋₁(i) + A[i, yₜ]). Of equals the
    first.

    The states i are looked for on the way back, for the one state that each step is in:
    K sums a step instead of K². The largest δ of each step is brought to 0, so that
    float32 scores are compared without the rounding of a long sum.

    Shapes: scores (N, T, K) → states (N, T), scores (N,) in float64.

    Arguments, raises: as ``log_partition``.

    Source: Viterbi (1967); Forney (1973).

    Example:
        >>> import chainrule as cr
        >>> stay = Chain([[0.0, -2.0], [-2.0, 0.0]], cr.zeros(2), cr.zeros(2))
        >>> scores = cr.tensor([[[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]])
        >>> states, score = best_paths(scores, stay)
        >>> states.numpy(), score.numpy()
        (array([[1, 1, 1]]), array([2.]))
    """
    kept = lift([scores])[0].dtype
    steps = steps_of("best_paths", scores, chain, lengths)
    emitted = steps.scores.astype(kept)  # (T, N, K)
    chain = Chain(*(part.astype(kept) for part in steps.chain))

    def step(delta: Any, element: list[Any]) -> tuple[Any, Any]:
        score, *real = element
        new = (delta[:, :, None] + chain.transitions).max(axis=1) + score
        new = new - new.max(axis=1, keepdims=True)
        for each in real:
            new = where(each, new, delta)
        return new, delta

    into = chain.transitions.T  # (K, K): row j has what comes into j

    def back(state: Any, element: list[Any]) -> tuple[Any, Any]:
        delta, *real = element
        came = argmax(delta + take(into, state), axis=1)
        for each in real:
            came = where(each[:, 0], came, state)
        return came, state

    delta = chain.start + emitted[0]  # (N, K)
    if emitted.shape[0] == 1:
        path = argmax(delta + chain.end, axis=1)[None]
    else:
        rest = [emitted[1:], *steps.rest[1:]]
        delta, before = scan(step, delta, rest)  # (N, K), (T − 1, N, K)
        last = argmax(delta + chain.end, axis=1)  # (N,)
        first, later = scan(back, last, [before, *rest[1:]], reverse=True)
        path = concatenate([first[None], later], axis=0)  # (T, N)
    best = path_scores("best_paths", steps, path.T)
    if steps.lengths is None:
        return BestPaths(path.T, best)
    return BestPaths(
        where(steps.real[:, :, 0].T, path.T, full((1, 1), PADDING, "int64")), best
    )


def _states(name: str, states: Any, shape: tuple[int, int]) -> Any:
    """Integers of this shape.

    Raises:
        ShapeError, DTypeError: for others.
    """
    node: Any = lift([states])[0]
    if node.shape != shape:
        raise ShapeError(
            f"{name} {node.shape}: expected {shape}, one for each step of a sequence"
        )
    if not dtypes.is_integer(node.dtype):
        raise DTypeError(
            f"{name} {node.shape} of {node.dtype}: a tag is an integer",
            fix="tags.astype('int64')",
        )
    return node.astype(dtypes.int64)
