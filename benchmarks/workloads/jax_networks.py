"""Networks in JAX and Optax: the loop in Python, or inside compiled code."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from . import Work, training
from .multilayer import Problem

ACTIVATIONS: dict[str, Any] = {
    "linear": lambda z: z,
    "relu": jax.nn.relu,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
}


def binary_cross_entropy(logits: Any, y: Any) -> Any:
    """Summed over an example's outputs."""
    return optax.sigmoid_binary_cross_entropy(logits, y).sum(-1)


LOSSES: dict[str, Any] = {
    "cross_entropy": optax.softmax_cross_entropy_with_integer_labels,
    "binary_cross_entropy": binary_cross_entropy,
    "half_mse": optax.l2_loss,  # ½ (ŷ − y)²
}


def layer_norm(weights: Any, name: str, x: Any) -> Any:
    """The layer normalisation of a GPT, with the scale and bias of that name."""
    centred = x - x.mean(-1, keepdims=True)
    scale = jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return centred * scale * weights[name] + weights[f"{name}_bias"]


def dense(weights: Any, name: str, x: Any) -> Any:
    """x Wᵀ + b, of that name."""
    return x @ weights[name].T + weights[f"{name}_bias"]


def lstm_gates(z: Any, c: Any) -> tuple[Any, Any]:
    """(h, c) of an LSTM after the inputs z of its four gates."""
    i, f, g, o = jnp.split(z, 4, axis=-1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def parts(problem: Problem) -> tuple[Any, Any]:
    """The loss as a function of (layers, x, y), and the initial layers."""
    network = problem.network

    def loss_of(layers: Any, x: Any, y: Any) -> Any:
        pairs = zip(layers, network.activations, strict=True)
        for (weight, bias), activation in pairs:
            x = ACTIVATIONS[activation](x @ weight.T + bias)
        return LOSSES[network.loss](x, y).mean()

    layers = [(jnp.array(weight), jnp.array(bias)) for weight, bias in problem.layers]
    return loss_of, layers


def by_step(problem: Problem) -> Work:
    """One jitted step a batch."""
    return training.in_jax(*parts(problem), problem)


def by_scan(problem: Problem) -> Work:
    """One call a pass: ``lax.scan`` takes the steps."""
    loss_of, layers = parts(problem)
    step, optimizer = training.step_in_jax(loss_of, problem)
    state = optimizer.init(layers)

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
