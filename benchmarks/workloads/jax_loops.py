"""The two ways to loop over batches in JAX: from Python, or inside compiled code."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import Train
from .multilayer import Problem


def train_by_step(problem: Problem, step: Any, layers: Any, state: Any) -> Train:
    """One jitted step a batch; JAX may run ahead of Python within a pass."""
    step = jax.jit(step, donate_argnums=(0, 1))
    batches = [
        (jnp.array(x), jnp.array(y))
        for x, y in zip(problem.inputs, problem.targets, strict=True)
    ]

    def train(passes: int) -> list[float]:
        nonlocal layers, state
        means = []
        for _ in range(passes):
            losses = []
            for x, y in batches:
                layers, state, loss = step(layers, state, x, y)
                losses.append(loss)
            means.append(float(np.mean([float(loss) for loss in losses])))
        jax.block_until_ready((layers, state))
        return means

    return train


def train_by_scan(problem: Problem, step: Any, layers: Any, state: Any) -> Train:
    """One call a pass: ``lax.scan`` takes the steps."""

    def one(carry: Any, batch: Any) -> Any:
        layers, state, loss = step(*carry, *batch)
        return (layers, state), loss

    def one_pass(layers: Any, state: Any, inputs: Any, targets: Any) -> Any:
        carry, losses = jax.lax.scan(one, (layers, state), (inputs, targets))
        return *carry, losses.mean()

    run = jax.jit(one_pass, donate_argnums=(0, 1))
    inputs = jnp.array(np.stack(problem.inputs))
    targets = jnp.array(np.stack(problem.targets))

    def train(passes: int) -> list[float]:
        nonlocal layers, state
        means = []
        for _ in range(passes):
            layers, state, mean = run(layers, state, inputs, targets)
            means.append(mean)
        jax.block_until_ready((layers, state))
        return [float(mean) for mean in means]

    return train
