"""A deep ensemble: five networks 13-50-2, batch 32, Adam.

Each output is a mean and the logarithm of a variance (Lakshminarayanan et al., 2017);
the loss is the mean over the members of::

    mean over rows of  ½ [ln 2π + s + (y − μ)² e⁻ˢ]

PyTorch takes part as its users write it: one member after the other, with an optimizer
over all (``torch-eager``), and all at once by ``torch.func.vmap`` (``torch-vmap``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SUMMARY = "deep ensemble of five networks 13-50-2 with noise, batch 32, Adam: one step"
MEASURE = "step"
MEMBERS, INPUTS, HIDDEN, BATCH, BATCHES = 5, 13, 50, 32, 14
RATE = 0.001
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Problem:
    """Batches, and the members' first weights: W₁, b₁, W₂, b₂, (members, …)."""

    inputs: list[Array]
    targets: list[Array]
    weights: list[Array]

    @property
    def steps(self) -> int:
        """Updates in a pass."""
        return len(self.inputs)

    def operations(self) -> int:
        """Forward and ∂L/∂W of both layers, ∂L/∂a of the second."""
        return MEMBERS * BATCH * HIDDEN * 2 * (2 * INPUTS + 3 * 2)

    def traffic(self) -> tuple[int, int]:
        """Weights and both moments are read and written, the batch is read."""
        state = 3 * sum(each.nbytes for each in self.weights)
        return state + self.inputs[0].nbytes + self.targets[0].nbytes, state


def problem() -> Problem:
    """A linear function with noise."""
    generator = np.random.default_rng(1)
    slope = generator.standard_normal((INPUTS, 1))
    inputs = [generator.standard_normal((BATCH, INPUTS)) for _ in range(BATCHES)]
    targets = [x @ slope + generator.standard_normal((BATCH, 1)) for x in inputs]
    shapes = ((HIDDEN, INPUTS), (HIDDEN,), (2, HIDDEN), (2,))
    weights = [0.2 * generator.standard_normal((MEMBERS, *s)) for s in shapes]
    return Problem(
        *([e.astype("f4") for e in each] for each in (inputs, targets, weights))
    )


@dataclass
class Learner:
    """What learns by updates: ``update`` of a batch returns the loss."""

    batches: list[Any]
    update: Callable[..., Any]

    def __call__(self, passes: int) -> list[float]:
        """So many passes; the mean loss of each."""
        found = []
        for _ in range(passes):
            losses = [self.update(*batch) for batch in self.batches]
            found.append(float(np.mean([each.item() for each in losses])))
        return found


def chainrule(problem: Problem) -> Learner:
    """chainrule: the package's ensemble, a step one compiled function."""
    import chainrule as cr
    from chainrule import models, nn, optim

    network = nn.Sequential(nn.Linear(INPUTS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2))
    model = models.DeepEnsemble(
        network, models.HeteroscedasticLikelihood(), members=MEMBERS
    )
    for parameter, values in zip(model.parameters(), problem.weights, strict=True):
        parameter.assign(values)
    optimizer = optim.Adam(model.parameters(), lr=RATE)

    @cr.compile
    def update(x: Any, y: Any) -> Any:
        loss = model(x, y, training=True)
        optimizer.step(cr.backprop(loss))
        return loss

    pairs = zip(problem.inputs, problem.targets, strict=True)
    return Learner([(cr.tensor(x), cr.tensor(y)) for x, y in pairs], update)


def _torch(problem: Problem) -> tuple[Any, list[Any], list[Any]]:
    import torch

    weights = [torch.from_numpy(w.copy()).requires_grad_() for w in problem.weights]
    pairs = zip(problem.inputs, problem.targets, strict=True)
    batches = [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in pairs]
    return torch, weights, batches


def _surprise(torch: Any, w: Any, x: Any, y: Any) -> Any:
    """The loss of one member, W₁, b₁, W₂, b₂."""
    linear = torch.nn.functional.linear
    f = linear(torch.relu(linear(x, w[0], w[1])), w[2], w[3])
    mean, s = f[:, :1], f[:, 1:]
    return 0.5 * (math.log(2 * math.pi) + s + (y - mean) ** 2 * torch.exp(-s)).mean()


def torch_eager(problem: Problem) -> Learner:
    """PyTorch: one member after the other."""
    torch, weights, batches = _torch(problem)
    members = [
        [w.detach()[m].clone().requires_grad_() for w in weights]
        for m in range(MEMBERS)
    ]
    optimizer = torch.optim.Adam([w for m in members for w in m], lr=RATE, fused=True)

    def update(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = sum(_surprise(torch, w, x, y) for w in members) / MEMBERS
        loss.backward()
        optimizer.step()
        return loss.detach()

    return Learner(batches, update)


def torch_vmap(problem: Problem) -> Learner:
    """PyTorch: all members at once."""
    torch, weights, batches = _torch(problem)
    optimizer = torch.optim.Adam(weights, lr=RATE, fused=True)

    def one(w: Any, x: Any, y: Any) -> Any:
        return _surprise(torch, w, x, y)

    together = torch.func.vmap(one, in_dims=(0, None, None))

    def update(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = together(weights, x, y).mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return Learner(batches, update)


def jax_jit(problem: Problem) -> Learner:
    """JAX: vmap over the members, a step one call."""
    import jax
    import jax.numpy as jnp
    import optax

    optimizer = optax.adam(RATE)
    weights = [jnp.asarray(w) for w in problem.weights]
    state = optimizer.init(weights)

    def one(w: Any, x: Any, y: Any) -> Any:
        f = jax.nn.relu(x @ w[0].T + w[1]) @ w[2].T + w[3]
        mean, s = f[:, :1], f[:, 1:]
        return 0.5 * (math.log(2 * math.pi) + s + (y - mean) ** 2 * jnp.exp(-s)).mean()

    def loss(weights: Any, x: Any, y: Any) -> Any:
        return jax.vmap(one, in_axes=(0, None, None))(weights, x, y).mean()

    def step(weights: Any, state: Any, x: Any, y: Any) -> Any:
        value, slopes = jax.value_and_grad(loss)(weights, x, y)
        updates, state = optimizer.update(slopes, state, weights)
        return optax.apply_updates(weights, updates), state, value

    compiled = jax.jit(step, donate_argnums=(0, 1))

    def update(x: Any, y: Any) -> Any:
        nonlocal weights, state
        weights, state, value = compiled(weights, state, x, y)
        return value

    pairs = zip(problem.inputs, problem.targets, strict=True)
    return Learner([(jnp.asarray(x), jnp.asarray(y)) for x, y in pairs], update)


BUILDERS = {
    "chainrule": chainrule,
    "torch-eager": torch_eager,
    "torch-vmap": torch_vmap,
    "jax": jax_jit,
}
