"""A linear-chain conditional random field (Lafferty, McCallum and Pereira 2001).

What a tagger trains above its network: 200 features of each of 40 words in 32
sentences, through an output layer to 23 tags; the negative log-probability of the right
row of tags, by the forward algorithm; Adam. All sentences are of one length: no library
gains by masks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import Work, training

SUMMARY = (
    "CRF, 23 tags, 40 words of 200 features, batch 32, output layer, Adam: one step"
)
MEASURE = "step"
FEATURES, TAGS, STEPS, BATCH = 200, 23, 40, 32
RATE = 1e-2


def problem(batches: int = 4) -> training.Problem:
    """Tags that follow each other by rules, seen in noise."""
    generator = np.random.default_rng(1)
    bound = 1 / np.sqrt(FEATURES)
    weights = {
        "output": generator.uniform(-bound, bound, (TAGS, FEATURES)),
        "output_bias": np.zeros(TAGS),
        "transitions": np.zeros((TAGS, TAGS)),
        "start": np.zeros(TAGS),
        "end": np.zeros(TAGS),
    }
    looks = generator.standard_normal((TAGS, FEATURES))
    inputs, targets = [], []
    for _ in range(batches):
        first = generator.integers(TAGS, size=(BATCH, 1))
        moves = generator.integers(1, 4, size=(BATCH, STEPS - 1))
        tags = np.cumsum(np.concatenate([first, moves], axis=1), axis=1) % TAGS
        noise = generator.standard_normal((BATCH, STEPS, FEATURES))
        inputs.append((looks[tags] + 3 * noise).astype(np.float32))
        targets.append(tags)
    output = 3 * 2 * BATCH * STEPS * FEATURES * TAGS
    chain = 3 * 2 * BATCH * (STEPS - 1) * TAGS * TAGS
    first_weights = {name: array.astype(np.float32) for name, array in weights.items()}
    work = output - 2 * BATCH * STEPS * FEATURES * TAGS + chain
    return training.Problem(inputs, targets, first_weights, "adam", RATE, work)


def in_chainrule(problem: training.Problem) -> Work:
    """``nn.Linear``, ``nn.CRF`` and ``losses.crf``."""
    from chainrule import losses, nn

    class Network(nn.Module):
        """The scores of tags, and what they expect beside them."""

        def __init__(self) -> None:
            self.output = nn.Linear(FEATURES, TAGS)
            self.crf = nn.CRF(TAGS)

        def forward(self, x: Any, training: bool = False) -> Any:
            return self.output(x)

    model = Network()
    weights = problem.weights
    model.load_state_dict(
        {
            "output.weight": weights["output"],
            "output.bias": weights["output_bias"],
            "crf.transitions": weights["transitions"],
            "crf.start": weights["start"],
            "crf.end": weights["end"],
        }
    )

    def loss_of(scores: Any, tags: Any) -> Any:
        return losses.crf(scores, tags, model.crf.chain())

    return training.in_chainrule(model, loss_of, problem)


def in_torch(problem: training.Problem, compiled: bool = False) -> Work:
    """A loop of ``logsumexp``, as in pytorch-crf."""
    import torch
    from torch import nn

    class Network(nn.Module):  # type: ignore[misc]
        """The scores of tags, and what they expect beside them."""

        def __init__(self) -> None:
            super().__init__()
            for name, array in problem.weights.items():
                setattr(self, name, nn.Parameter(torch.from_numpy(array.copy())))

        def forward(self, x: Any) -> Any:
            return nn.functional.linear(x, self.output, self.output_bias)

    model = Network()

    def loss_of(scores: Any, tags: Any) -> Any:
        alpha = model.start + scores[:, 0]
        for t in range(1, STEPS):
            ways = alpha.unsqueeze(2) + model.transitions
            alpha = torch.logsumexp(ways, 1) + scores[:, t]
        total = torch.logsumexp(alpha + model.end, 1)
        taken = scores.gather(2, tags.unsqueeze(2)).sum((1, 2))
        passed = model.transitions[tags[:, :-1], tags[:, 1:]].sum(1)
        right = taken + passed + model.start[tags[:, 0]] + model.end[tags[:, -1]]
        return (total - right).mean()

    return training.in_torch(model, loss_of, problem, compiled)


def compiled_in_torch(problem: training.Problem) -> Work:
    """The same with ``torch.compile``."""
    return in_torch(problem, compiled=True)


def in_jax(problem: training.Problem) -> Work:
    """``lax.scan`` of ``logsumexp``."""
    import jax
    from jax import lax
    from jax import numpy as jnp

    def loss_of(weights: Any, x: Any, tags: Any) -> Any:
        scores = x @ weights["output"].T + weights["output_bias"]
        moves = weights["transitions"]

        def step(alpha: Any, score: Any) -> Any:
            ways = alpha[:, :, None] + moves
            return jax.nn.logsumexp(ways, axis=1) + score, None

        start = weights["start"] + scores[:, 0]
        alpha, _ = lax.scan(step, start, scores[:, 1:].transpose(1, 0, 2))
        total = jax.nn.logsumexp(alpha + weights["end"], axis=1)
        taken = jnp.take_along_axis(scores, tags[:, :, None], axis=2).sum((1, 2))
        passed = moves[tags[:, :-1], tags[:, 1:]].sum(1)
        ends = weights["start"][tags[:, 0]] + weights["end"][tags[:, -1]]
        return (total - taken - passed - ends).mean()

    return training.in_jax(loss_of, problem.weights, problem)


BUILDERS = {
    "chainrule": in_chainrule,
    "torch-eager": in_torch,
    "torch-compile": compiled_in_torch,
    "jax": in_jax,
}
