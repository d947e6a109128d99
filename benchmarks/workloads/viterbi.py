"""Viterbi's algorithm: the best path through 500 states over 10 000 frames.

What a recogniser of speech does last: 100 seconds of sound, all pairs of states. Each
of the K² T ways takes an addition and a maximum: two instructions, where the peak
that the floor is measured by has a multiplication and an addition in one, so no
program gets nearer to it than a half. The transitions, a megabyte, are read in every
step, from a cache; of memory the scores are read, and what leads back is written and
read again.

Each peer keeps for all states which one they came from, as books have it; chainrule
keeps the scores of the states, and looks for the way back of one state in each step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import operations
from .operations import Array, Repeated

SUMMARY = "Viterbi's algorithm, 10 000 frames, 500 states, float32"
MEASURE = "step"
FRAMES, STATES = 10_000, 500
#: Of paths that differ where two states are alike but for a rounding.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Problem(operations.Problem):
    """Scores of states, and logarithms of the probabilities of transitions."""

    def arrays(self, number: int = 0) -> list[Array]:
        """Scores (T, K), and ln A (K, K), whose rows are probabilities."""
        rng = np.random.default_rng(number)
        frames, states = self.shapes[0]
        z = 3 * rng.standard_normal((states, states))
        moves = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        scores = 2 * rng.standard_normal((frames, states))
        return [scores.astype(np.float32), moves.astype(np.float32)]


def problem(frames: int = FRAMES, states: int = STATES) -> Problem:
    """One set of scores and transitions."""
    return Problem(
        ((frames, states), (states, states)),
        least_operations=2 * frames * states**2,
        numbers_read=2 * frames * states + states**2,
        numbers_written=frames * states,
    )


def chainrule(problem: Problem) -> Repeated:
    """``best_paths``, which layers of chains and recognisers call."""
    import chainrule as cr
    from chainrule.nn.chains.paths import Chain, best_paths

    def best(scores: Any, moves: Any) -> Any:
        free = cr.zeros((moves.shape[0],))
        return (best_paths(scores[None], Chain(moves, free, free)).states[0],)

    return operations.in_chainrule(best, problem)


def torch_eager(problem: Problem, compiled: bool = False) -> Repeated:
    """A loop over frames; back through the places in NumPy, which is fastest."""
    import torch

    def step(delta: Any, moves: Any, score: Any) -> Any:
        best, came = (delta[:, None] + moves).max(0)
        return best + score, came

    advance = torch.compile(step) if compiled else step

    def best(scores: Any, moves: Any) -> Any:
        frames, states = scores.shape
        delta, came = scores[0], torch.empty((frames - 1, states), dtype=torch.int64)
        for t in range(1, frames):
            delta, came[t - 1] = advance(delta, moves, scores[t])
        pointers, path = came.numpy(), np.empty(frames, np.int64)
        path[-1] = int(delta.argmax())
        for t in range(frames - 1, 0, -1):
            path[t - 1] = pointers[t - 1, path[t]]
        return (torch.from_numpy(path),)

    return operations.in_torch(best, problem)


def torch_compile(problem: Problem) -> Repeated:
    """The same, a step of it compiled by Inductor: it would unroll the whole loop."""
    return torch_eager(problem, compiled=True)


def jax_jit(problem: Problem) -> Repeated:
    """``lax.scan`` forward and back, compiled."""
    from jax import lax
    from jax import numpy as jnp

    def best(scores: Any, moves: Any) -> Any:
        def step(delta: Any, score: Any) -> Any:
            ways = delta[:, None] + moves
            return ways.max(0) + score, ways.argmax(0)

        delta, came = lax.scan(step, scores[0], scores[1:])

        def back(state: Any, pointers: Any) -> Any:
            return pointers[state], state

        first, later = lax.scan(back, delta.argmax(), came, reverse=True)
        return (jnp.concatenate([first[None], later]),)

    return operations.in_jax(best, problem)


BUILDERS = {
    "chainrule": chainrule,
    "torch-eager": torch_eager,
    "torch-compile": torch_compile,
    "jax": jax_jit,
}
