"""A deep Boltzmann machine 784-500-1000, batch 100, 100 persistent chains.

One update (Salakhutdinov & Hinton 2009): the hidden units given the data by ten steps
of mean field, which begins with a pass upwards with doubled weights; a step of block
Gibbs sampling; and the difference of the two expectations, that of the chains with the
even layers summed out::

    μ₁ = σ(v W₁ᵀ + μ₂ W₂ + c₁),  μ₂ = σ(μ₁ W₂ᵀ + c₂)             ten times
    h₁ ~ σ(v' W₁ᵀ + h₂ W₂ + c₁),  v' ~ σ(h₁ W₁ + b),  h₂ ~ σ(h₁ W₂ᵀ + c₂)
    ΔW₁ = η (μ₁ᵀ v − h₁ᵀ E[v'|h₁]) / B,  ΔW₂ = η (μ₂ᵀ μ₁ − E[h₂|h₁]ᵀ h₁) / B, …

Each library draws its own random numbers, so the weights differ; what is compared is
how well they reconstruct the data after some updates, to a tenth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .rbm import Array, Learner, sigmoid
from .rbm import problem as images

SUMMARY = "DBM 784-500-1000, ten steps of mean field, persistent chains: one update"
MEASURE = "step"
TOLERANCE = 0.1
SIZES, BATCH, MEAN_FIELD = (784, 500, 1000), 100, 10
RATE = 0.02
CHECKED_PASSES = 1


@dataclass(frozen=True)
class Problem:
    """Batches of binary images, and the first weights."""

    inputs: list[Array]
    weights: list[Array]

    @property
    def steps(self) -> int:
        """Updates in a pass."""
        return len(self.inputs)

    def operations(self) -> int:
        """Products with W₁ and W₂: v W₁ᵀ; the pass upwards and twice in each step of
        mean field; four for the chains; and two of each for the updates.
        """
        first, second = (2 * BATCH * w.size for w in self.weights)
        chains = first + second + first + second
        return first + (1 + 2 * MEAN_FIELD) * second + chains + 2 * (first + second)

    def traffic(self) -> tuple[int, int]:
        """The weights are read and written; the batch is read."""
        size = sum(w.nbytes for w in self.weights)
        return size + self.inputs[0].nbytes, size


def problem() -> Problem:
    """The images of the workload ``rbm``."""
    generator = np.random.default_rng(2)
    shapes = zip(SIZES[1:], SIZES[:-1], strict=True)
    weights = [
        0.01 * generator.standard_normal(shape, dtype=np.float32) for shape in shapes
    ]
    return Problem(images().inputs, weights)


class Machine(Learner):
    """A deep machine: its arrays are W₁, W₂, b, c₁, c₂."""

    def losses(self) -> list[float]:
        """The error of reconstruction from what mean field makes of the images."""
        self(CHECKED_PASSES)
        w1, w2, b, c1, c2 = (np.asarray(a) for a in self.arrays())
        v = np.concatenate(self.problem.inputs)
        up = v @ w1.T + c1
        m1 = sigmoid(up + v @ w1.T)
        for _ in range(MEAN_FIELD):
            m2 = sigmoid(m1 @ w2.T + c2)
            m1 = sigmoid(up + m2 @ w2)
        return [float(np.mean((v - sigmoid(m1 @ w1 + b)) ** 2))]


def chainrule(problem: Problem) -> Machine:
    """chainrule: the package's machine and loss, an update one compiled function."""
    import chainrule as cr
    from chainrule import models, optim

    cr.manual_seed(0)
    dbm = models.DBM(SIZES, MEAN_FIELD)
    for weight, first in zip(dbm.weights, problem.weights, strict=True):
        weight.assign(first)
    learning = models.ContrastiveDivergence(dbm, persistent=True, chains=BATCH)
    optimizer = optim.SGD(dbm.parameters(), lr=RATE)

    @cr.compile
    def update(v: Any) -> Any:
        loss = learning(v, training=True)
        optimizer.step(cr.backprop(loss))
        return loss

    found = [*dbm.weights, dbm.visible_bias, *dbm.hidden_biases]
    batches = [cr.tensor(batch) for batch in problem.inputs]
    return Machine(problem, batches, update, lambda: [each.numpy() for each in found])


def torch_eager(problem: Problem, compiled: bool = False) -> Machine:
    """PyTorch: the weights are changed in place, without gradients."""
    import torch

    torch.manual_seed(0)
    w1, w2 = (torch.from_numpy(weight.copy()) for weight in problem.weights)
    b, c1, c2 = (torch.zeros(size) for size in SIZES)
    chain_v, chain_h = torch.zeros(BATCH, SIZES[0]), torch.zeros(BATCH, SIZES[2])

    def update(v: Any) -> None:
        up = v @ w1.T
        m1 = torch.sigmoid(2 * up + c1)
        m2 = torch.sigmoid(torch.addmm(c2, m1, w2.T))
        for _ in range(MEAN_FIELD):
            m1 = torch.sigmoid(up + torch.addmm(c1, m2, w2))
            m2 = torch.sigmoid(torch.addmm(c2, m1, w2.T))
        h1 = torch.bernoulli(torch.sigmoid(chain_v @ w1.T + chain_h @ w2 + c1))
        p = torch.sigmoid(torch.addmm(b, h1, w1))
        q = torch.sigmoid(torch.addmm(c2, h1, w2.T))
        chain_v.copy_(torch.bernoulli(p))
        chain_h.copy_(torch.bernoulli(q))
        rate = RATE / len(v)
        w1.addmm_(m1.T, v, alpha=rate).addmm_(h1.T, p, alpha=-rate)
        w2.addmm_(m2.T, m1, alpha=rate).addmm_(q.T, h1, alpha=-rate)
        b.add_((v - p).sum(0), alpha=rate)
        c1.add_((m1 - h1).sum(0), alpha=rate)
        c2.add_((m2 - q).sum(0), alpha=rate)

    if compiled:
        update = torch.compile(update)
    batches = [torch.from_numpy(batch) for batch in problem.inputs]
    values = (w1, w2, b, c1, c2)
    return Machine(problem, batches, torch.no_grad()(update), lambda: values)


def torch_compile(problem: Problem) -> Machine:
    """PyTorch, compiled by Inductor."""
    return torch_eager(problem, compiled=True)


def jax_jit(problem: Problem) -> Machine:
    """JAX: the values and the key go in and come out, their buffers donated."""
    import jax
    import jax.numpy as jnp

    def drawn(key: Any, chance: Any) -> Any:
        return jax.random.bernoulli(key, chance).astype(chance.dtype)

    def step(state: Any, v: Any) -> Any:
        w1, w2, b, c1, c2, chain_v, chain_h, key = state
        key, *keys = jax.random.split(key, 4)
        up = v @ w1.T
        m1 = jax.nn.sigmoid(2 * up + c1)
        m2 = jax.nn.sigmoid(m1 @ w2.T + c2)
        for _ in range(MEAN_FIELD):
            m1 = jax.nn.sigmoid(up + m2 @ w2 + c1)
            m2 = jax.nn.sigmoid(m1 @ w2.T + c2)
        h1 = drawn(keys[0], jax.nn.sigmoid(chain_v @ w1.T + chain_h @ w2 + c1))
        p, q = jax.nn.sigmoid(h1 @ w1 + b), jax.nn.sigmoid(h1 @ w2.T + c2)
        chain_v, chain_h = drawn(keys[1], p), drawn(keys[2], q)
        rate = RATE / len(v)
        w1 = w1 + rate * (m1.T @ v - h1.T @ p)
        w2 = w2 + rate * (m2.T @ m1 - q.T @ h1)
        b = b + rate * (v - p).sum(0)
        c1 = c1 + rate * (m1 - h1).sum(0)
        c2 = c2 + rate * (m2 - q).sum(0)
        return w1, w2, b, c1, c2, chain_v, chain_h, key

    compiled = jax.jit(step, donate_argnums=0)
    zeros = [jnp.zeros(size) for size in SIZES]
    chains = [jnp.zeros((BATCH, SIZES[k])) for k in (0, 2)]
    state = (*map(jnp.array, problem.weights), *zeros, *chains, jax.random.key(0))

    def update(v: Any) -> None:
        nonlocal state
        state = compiled(state, v)

    batches = [jnp.array(batch) for batch in problem.inputs]
    return Machine(problem, batches, update, lambda: jax.block_until_ready(state)[:5])


BUILDERS = {
    "chainrule": chainrule,
    "torch-eager": torch_eager,
    "torch-compile": torch_compile,
    "jax": jax_jit,
}
