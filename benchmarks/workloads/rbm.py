"""A restricted Boltzmann machine 784-500, contrastive divergence, batch 100.

One update by CD-1 (Hinton 2002), with hidden and visible units sampled::

    p(h|v) = σ(v Wᵀ + c),  h ~ p(h|v),  v' ~ σ(h W + b),
    ΔW = η (p(h|v)ᵀ v − p(h|v')ᵀ v') / B,  and likewise Δb and Δc.

By persistent CD (Tieleman 2008) h is drawn from p(h|v') of the update before, so that
there are as many products of matrices.

Each library draws its own random numbers, so the weights differ; what is compared is
how well they reconstruct the data after some updates, to a tenth. scikit-learn's chains
always persist, which costs the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SUMMARY = "RBM 784-500, contrastive divergence with sampling, batch 100: one update"
MEASURE = "step"
CASES = ("CD-1", "persistent CD-1")
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
    persistent: bool

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


def problem(case: str = CASES[0]) -> Problem:
    """Ten patterns, each picture one of them with every tenth pixel turned over."""
    generator = np.random.default_rng(1)
    patterns = generator.random((10, VISIBLE)) < 0.3
    inputs = []
    for _ in range(20):
        chosen = patterns[generator.integers(10, size=BATCH)]
        inputs.append((chosen ^ (generator.random(chosen.shape) < 0.1)).astype("f4"))
    weights = 0.01 * generator.standard_normal((HIDDEN, VISIBLE), dtype=np.float32)
    return Problem(inputs, weights, case == CASES[1])


@dataclass(frozen=True)
class Learner:
    """What learns by updates.

    Attributes:
        problem: with the ``inputs``.
        batches: the inputs as the library takes them.
        update: by a batch.
        arrays: the weights, the visible biases, the hidden ones, as they are now.
    """

    problem: Any
    batches: list[Any]
    update: Callable[[Any], object]
    arrays: Callable[[], Sequence[Any]]

    def __call__(self, passes: int) -> list[float]:
        """So many passes over the batches."""
        for _ in range(passes):
            for batch in self.batches:
                self.update(batch)
        self.arrays()  # where updates are not waited for, they are now
        return []


class Machine(Learner):
    """A restricted machine: its arrays are W, b, c."""

    def losses(self) -> list[float]:
        """The error of reconstruction after some passes: how far σ(σ(vWᵀ+c)W+b) is
        from v.
        """
        self(CHECKED_PASSES)
        weights, visible, hidden = (np.asarray(a, float) for a in self.arrays())
        v = np.concatenate(self.problem.inputs)
        again = sigmoid(sigmoid(v @ weights.T + hidden) @ weights + visible)
        return [float(np.mean((v - again) ** 2))]


def sigmoid(z: Array) -> Array:
    """σ(z)."""
    return 1 / (1 + np.exp(-z))


def chainrule(problem: Problem) -> Machine:
    """chainrule: the package's machine and loss, an update one compiled function."""
    import chainrule as cr
    from chainrule import models, optim

    cr.manual_seed(0)
    rbm = models.RBM(VISIBLE, HIDDEN)
    rbm.weight.assign(problem.weights)
    learning = models.ContrastiveDivergence(rbm, persistent=problem.persistent)
    optimizer = optim.SGD(rbm.parameters(), lr=RATE)

    @cr.compile
    def update(v: Any) -> Any:
        loss = learning(v, training=True)
        optimizer.step(cr.backprop(loss))
        return loss

    return Machine(
        problem,
        [cr.tensor(batch) for batch in problem.inputs],
        update,
        lambda: tuple(p.numpy() for p in rbm.parameters()),
    )


def torch_eager(problem: Problem, compiled: bool = False) -> Machine:
    """PyTorch: the weights are changed in place, without gradients."""
    import torch

    torch.manual_seed(0)
    weight = torch.from_numpy(problem.weights.copy())
    visible, hidden = torch.zeros(VISIBLE), torch.zeros(HIDDEN)
    chains = torch.zeros(BATCH, HIDDEN)

    def update(v: Any) -> None:
        p = torch.sigmoid(torch.addmm(hidden, v, weight.T))
        h = chains if problem.persistent else torch.bernoulli(p)
        again = torch.bernoulli(torch.sigmoid(torch.addmm(visible, h, weight)))
        q = torch.sigmoid(torch.addmm(hidden, again, weight.T))
        if problem.persistent:
            chains.copy_(torch.bernoulli(q))
        rate = RATE / len(v)
        weight.addmm_(p.T, v, alpha=rate)
        weight.addmm_(q.T, again, alpha=-rate)
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
        weight, visible, hidden, chains, key = state
        key, first, second = jax.random.split(key, 3)

        def drawn(key: Any, chance: Any) -> Any:
            return jax.random.bernoulli(key, chance).astype(chance.dtype)

        p = jax.nn.sigmoid(v @ weight.T + hidden)
        h = chains if problem.persistent else drawn(first, p)
        again = drawn(second, jax.nn.sigmoid(h @ weight + visible))
        q = jax.nn.sigmoid(again @ weight.T + hidden)
        if problem.persistent:
            chains = drawn(first, q)
        rate = RATE / len(v)
        weight = weight + rate * (p.T @ v - q.T @ again)
        visible = visible + rate * (v - again).sum(0)
        hidden = hidden + rate * (p - q).sum(0)
        return weight, visible, hidden, chains, key

    compiled = jax.jit(step, donate_argnums=0)
    zeros = [jnp.zeros(size) for size in (VISIBLE, HIDDEN, (BATCH, HIDDEN))]
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
    model.components_[...] = problem.weights
    model.intercept_visible_[...] = 0
    model.intercept_hidden_[...] = 0

    def arrays() -> tuple[Any, Any, Any]:
        biases = model.intercept_visible_, model.intercept_hidden_
        return model.components_, *biases

    return Machine(problem, problem.inputs, model.partial_fit, arrays)


BUILDERS = {
    "chainrule": chainrule,
    "torch-eager": torch_eager,
    "torch-compile": torch_compile,
    "jax": jax_jit,
    "sklearn": sklearn,
}
