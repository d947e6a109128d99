"""A restricted Boltzmann machine 784-500, contrastive divergence, batch 100.

One update by CD-1 (Hinton 2002), with hidden and visible units sampled::

    p(h|v) = σ(v W + c),  h ~ p(h|v),  v' ~ σ(h Wᵀ + b),
    ΔW = η (vᵀ p(h|v) − v'ᵀ p(h|v')) / B,  and likewise Δb and Δc.

Each library draws its own random numbers, so the weights differ; what is compared is
how well they reconstruct the data after some updates, to a tenth. scikit-learn's chain
goes on from its last state instead of the data (persistent CD, Tieleman 2008), which
costs the same but learns a little differently.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SUMMARY = "RBM 784-500, CD-1 with sampling, batch 100: one update"
MEASURE = "step"
TOLERANCE = 0.1
VISIBLE, HIDDEN, BATCH = 784, 500, 100
RATE = 0.05
CHECKED_PASSES = 5
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Problem:
    """Batches of binary images, and the first weights."""

    inputs: list[Array]
    weights: Array

    @property
    def steps(self) -> int:
        """Updates in a pass."""
        return len(self.inputs)

    def operations(self) -> int:
        """Five products of matrices: p(h|v), p(v|h), p(h|v'), and two for ΔW."""
        return 5 * 2 * BATCH * VISIBLE * HIDDEN

    def traffic(self) -> tuple[int, int]:
        """The weights are read and written; the batch is read."""
        return self.weights.nbytes + self.inputs[0].nbytes, self.weights.nbytes


def problem() -> Problem:
    """Ten patterns, each picture one of them with every tenth pixel turned over."""
    generator = np.random.default_rng(1)
    patterns = generator.random((10, VISIBLE)) < 0.3
    inputs = []
    for _ in range(20):
        chosen = patterns[generator.integers(10, size=BATCH)]
        inputs.append((chosen ^ (generator.random(chosen.shape) < 0.1)).astype("f4"))
    weights = 0.01 * generator.standard_normal((VISIBLE, HIDDEN), dtype=np.float32)
    return Problem(inputs, weights)


@dataclass(frozen=True)
class Machine:
    """Something that learns: an update by a batch, and its (W, b, c) as arrays."""

    problem: Problem
    batches: list[Any]
    update: Callable[[Any], object]
    arrays: Callable[[], tuple[Any, Any, Any]]

    def __call__(self, passes: int) -> list[float]:
        """So many passes over the batches."""
        for _ in range(passes):
            for batch in self.batches:
                self.update(batch)
        self.arrays()  # where updates are not waited for, they are now
        return []

    def losses(self) -> list[float]:
        """The error of reconstruction after some passes: how far σ(σ(vW+c)Wᵀ+b) is
        from v.
        """
        self(CHECKED_PASSES)
        weights, visible, hidden = (np.asarray(a, float) for a in self.arrays())
        v = np.concatenate(self.problem.inputs)
        h = 1 / (1 + np.exp(-(v @ weights + hidden)))
        again = 1 / (1 + np.exp(-(h @ weights.T + visible)))
        return [float(np.mean((v - again) ** 2))]


def chainrule(problem: Problem) -> Machine:
    """chainrule: an update is one compiled function, from its public operators."""
    import chainrule as cr

    cr.manual_seed(0)
    weight = cr.parameter(problem.weights)
    visible, hidden = cr.parameter(cr.zeros(VISIBLE)), cr.parameter(cr.zeros(HIDDEN))

    @cr.compile
    def update(v: Any) -> Any:
        p = cr.sigmoid(v @ weight + hidden)
        h = cr.random.bernoulli(p).astype(p.dtype)
        again = cr.random.bernoulli(cr.sigmoid(h @ weight.T + visible)).astype(p.dtype)
        q = cr.sigmoid(again @ weight + hidden)
        rate = RATE / len(v)
        weight.assign(weight + rate * (v.T @ p - again.T @ q))
        visible.assign(visible + rate * (v - again).sum(axis=0))
        hidden.assign(hidden + rate * (p - q).sum(axis=0))

    return Machine(
        problem,
        [cr.tensor(batch) for batch in problem.inputs],
        update,
        lambda: (weight.numpy(), visible.numpy(), hidden.numpy()),
    )


def torch_eager(problem: Problem, compiled: bool = False) -> Machine:
    """PyTorch: the weights are changed in place, without gradients."""
    import torch

    torch.manual_seed(0)
    weight = torch.from_numpy(problem.weights.copy())
    visible, hidden = torch.zeros(VISIBLE), torch.zeros(HIDDEN)

    def update(v: Any) -> None:
        p = torch.sigmoid(torch.addmm(hidden, v, weight))
        h = torch.bernoulli(p)
        again = torch.bernoulli(torch.sigmoid(torch.addmm(visible, h, weight.T)))
        q = torch.sigmoid(torch.addmm(hidden, again, weight))
        rate = RATE / len(v)
        weight.addmm_(v.T, p, alpha=rate)
        weight.addmm_(again.T, q, alpha=-rate)
        visible.add_((v - again).sum(0), alpha=rate)
        hidden.add_((p - q).sum(0), alpha=rate)

    if compiled:
        update = torch.compile(update)
    without_gradients = torch.no_grad()(update)
    batches = [torch.from_numpy(batch) for batch in problem.inputs]
    return Machine(
        problem, batches, without_gradients, lambda: (weight, visible, hidden)
    )


def torch_compile(problem: Problem) -> Machine:
    """PyTorch, compiled by Inductor."""
    return torch_eager(problem, compiled=True)


def jax_jit(problem: Problem) -> Machine:
    """JAX: the weights and the key go in and come out, their buffers donated."""
    import jax
    import jax.numpy as jnp

    def step(state: Any, v: Any) -> Any:
        weight, visible, hidden, key = state
        key, first, second = jax.random.split(key, 3)
        p = jax.nn.sigmoid(v @ weight + hidden)
        h = jax.random.bernoulli(first, p).astype(p.dtype)
        chance = jax.nn.sigmoid(h @ weight.T + visible)
        again = jax.random.bernoulli(second, chance).astype(p.dtype)
        q = jax.nn.sigmoid(again @ weight + hidden)
        rate = RATE / len(v)
        weight = weight + rate * (v.T @ p - again.T @ q)
        visible = visible + rate * (v - again).sum(0)
        hidden = hidden + rate * (p - q).sum(0)
        return weight, visible, hidden, key

    compiled = jax.jit(step, donate_argnums=0)
    zeros = jnp.zeros(VISIBLE), jnp.zeros(HIDDEN)
    state = (jnp.array(problem.weights), *zeros, jax.random.key(0))

    def update(v: Any) -> None:
        nonlocal state
        state = compiled(state, v)

    batches = [jnp.array(batch) for batch in problem.inputs]
    return Machine(problem, batches, update, lambda: jax.block_until_ready(state)[:3])


def sklearn(problem: Problem) -> Machine:
    """scikit-learn's BernoulliRBM; its first call makes the arrays."""
    from sklearn.neural_network import BernoulliRBM

    model = BernoulliRBM(HIDDEN, learning_rate=RATE, batch_size=BATCH, random_state=0)
    model.partial_fit(problem.inputs[0])
    model.components_[...] = problem.weights.T
    model.intercept_visible_[...] = 0
    model.intercept_hidden_[...] = 0

    def arrays() -> tuple[Any, Any, Any]:
        biases = model.intercept_visible_, model.intercept_hidden_
        return model.components_.T, *biases

    return Machine(problem, problem.inputs, model.partial_fit, arrays)


BUILDERS = {
    "chainrule": chainrule,
    "torch-eager": torch_eager,
    "torch-compile": torch_compile,
    "jax": jax_jit,
    "sklearn": sklearn,
}
