"""Networks in JAX and Optax: the loop in Python, or inside compiled code."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from . import Work
from .multilayer import Problem

ACTIVATIONS: dict[str, Any] = {
    "linear": lambda z: z,
    "relu": jax.nn.relu,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
}
OPTIMIZERS = {"adam": optax.adam, "sgd": optax.sgd}


def binary_cross_entropy(logits: Any, y: Any) -> Any:
    """Summed over an example's outputs."""
    return optax.sigmoid_binary_cross_entropy(logits, y).sum(-1)


LOSSES: dict[str, Any] = {
    "cross_entropy": optax.softmax_cross_entropy_with_integer_labels,
    "binary_cross_entropy": binary_cross_entropy,
    "half_mse": optax.l2_loss,  # ½ (ŷ − y)²
}


def step_of(problem: Problem) -> tuple[Any, Any, Any]:
    """The step, the initial layers, and the optimizer's state."""
    network = problem.network
    optimizer = OPTIMIZERS[network.optimizer](network.learning_rate)

    def loss_of(layers: Any, x: Any, y: Any) -> Any:
        pairs = zip(layers, network.activations, strict=True)
        for (weight, bias), activation in pairs:
            x = ACTIVATIONS[activation](x @ weight.T + bias)
        return LOSSES[network.loss](x, y).mean()

    def step(layers: Any, state: Any, x: Any, y: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(layers, x, y)
        updates, state = optimizer.update(gradients, state)
        return optax.apply_updates(layers, updates), state, loss

    layers = [(jnp.array(weight), jnp.array(bias)) for weight, bias in problem.layers]
    return step, layers, optimizer.init(layers)


def by_step(problem: Problem) -> Work:
    """One jitted step a batch, buffers donated.

    JAX may run ahead of Python within a pass.
    """
    plain, layers, state = step_of(problem)
    step = jax.jit(plain, donate_argnums=(0, 1))
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


def by_scan(problem: Problem) -> Work:
    """One call a pass: ``lax.scan`` takes the steps."""
    step, layers, state = step_of(problem)

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
