"""A network so small that only overhead is left: 2-16-16-1, tanh, batch 32, Adam.

The loss is ½ mean (ŷ − y)², the one of the three conventions that scikit-learn has too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import Train
from .multilayer import Problem, initial

SUMMARY = "MLP 2-16-16-1, tanh, half mean squared error, batch 32, Adam: one step"
MEASURE = "step"
WIDTHS = (2, 16, 16, 1)


def problem(batches: int = 64) -> Problem:
    """A smooth function of two variables, sampled with a fixed seed."""
    generator = np.random.default_rng(1)
    inputs, targets = [], []
    for _ in range(batches):
        x = generator.uniform(-1, 1, (32, 2)).astype(np.float32)
        inputs.append(x)
        targets.append(np.sin(3 * x[:, :1]) * x[:, 1:])
    weights, biases = initial(WIDTHS, seed=0)
    return Problem(WIDTHS, inputs, targets, 1e-3, "adam", weights, biases)


def chainrule(problem: Problem, compiled: bool = True) -> Train:
    """chainrule: one compiled step of forward, backward and update."""
    from chainrule import losses, nn, optim

    from .chainrule_loops import train_by_step

    model = nn.Sequential(
        nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1)
    )
    optimizer = optim.Adam(model.parameters(), lr=problem.learning_rate)

    def half_mse(prediction: Any, y: Any) -> Any:
        return 0.5 * losses.mse(prediction, y)

    return train_by_step(problem, model, optimizer, half_mse, compiled)


def chainrule_eager(problem: Problem) -> Train:
    """chainrule without the compiler: every operation at once."""
    return chainrule(problem, compiled=False)


def torch_eager(problem: Problem, compiled: bool = False) -> Train:
    """PyTorch as most people write it, with the fused optimizer."""
    import torch
    from torch import nn

    from .torch_loops import train_by_step

    model = nn.Sequential(
        nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1)
    )
    optimizer = torch.optim.Adam(
        model.parameters(), lr=problem.learning_rate, fused=True
    )

    def half_mse(prediction: Any, y: Any) -> Any:
        return 0.5 * nn.functional.mse_loss(prediction, y)

    return train_by_step(problem, model, optimizer, half_mse, compiled)


def torch_compile(problem: Problem) -> Train:
    """PyTorch with the forward and backward passes compiled by Inductor."""
    return torch_eager(problem, compiled=True)


def jax_step(problem: Problem) -> tuple[Any, Any, Any]:
    """The step of JAX and Optax, the initial layers, and the optimizer's state."""
    import jax
    import jax.numpy as jnp
    import optax

    def loss_of(layers: Any, x: Any, y: Any) -> Any:
        *hidden, (weight, bias) = layers
        for hidden_weight, hidden_bias in hidden:
            x = jnp.tanh(x @ hidden_weight.T + hidden_bias)
        return 0.5 * jnp.mean((x @ weight.T + bias - y) ** 2)

    optimizer = optax.adam(problem.learning_rate)

    def step(layers: Any, state: Any, x: Any, y: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(layers, x, y)
        updates, state = optimizer.update(gradients, state)
        return optax.apply_updates(layers, updates), state, loss

    layers = [(jnp.array(weight), jnp.array(bias)) for weight, bias in problem.layers]
    return step, layers, optimizer.init(layers)


def jax_jit(problem: Problem) -> Train:
    """JAX and Optax: one jitted step, called from Python, buffers donated."""
    from .jax_loops import train_by_step

    return train_by_step(problem, *jax_step(problem))


def jax_scan(problem: Problem) -> Train:
    """JAX and Optax: a whole pass over the batches is one compiled loop."""
    from .jax_loops import train_by_scan

    return train_by_scan(problem, *jax_step(problem))


def keras_model(problem: Problem) -> tuple[Any, Any, Any]:
    """The network, the optimizer and the loss in Keras."""
    import keras

    model = keras.Sequential(
        [
            keras.layers.Input((2,)),
            keras.layers.Dense(16, activation="tanh"),
            keras.layers.Dense(16, activation="tanh"),
            keras.layers.Dense(1),
        ]
    )
    for layer, (weight, bias) in zip(model.layers, problem.layers, strict=True):
        layer.set_weights([weight.T, bias])

    def half_mse(y: Any, prediction: Any) -> Any:
        return 0.5 * keras.losses.mean_squared_error(y, prediction)

    return model, keras.optimizers.Adam(problem.learning_rate, epsilon=1e-8), half_mse


def keras_fit(problem: Problem) -> Train:
    """Keras' own loop, on arrays in memory."""
    from .keras_loops import train_by_fit

    return train_by_fit(problem, *keras_model(problem))


def keras_step(problem: Problem) -> Train:
    """Keras with the loop in the user's hands: ``train_on_batch``."""
    from .keras_loops import train_by_batch

    return train_by_batch(problem, *keras_model(problem))


def sklearn(problem: Problem) -> Train:
    """scikit-learn's MLPRegressor, a batch at a time."""
    from sklearn.neural_network import MLPRegressor

    from .sklearn_loops import train_by_partial_fit

    model = MLPRegressor(
        hidden_layer_sizes=(16, 16),
        activation="tanh",
        solver="adam",
        learning_rate_init=problem.learning_rate,
        batch_size=problem.batch_size,
        alpha=0.0,
        shuffle=False,
    )
    return train_by_partial_fit(problem, model, [y[:, 0] for y in problem.targets], {})


BUILDERS = {
    "chainrule": chainrule,
    "chainrule-eager": chainrule_eager,
    "torch-eager": torch_eager,
    "torch-compile": torch_compile,
    "jax": jax_jit,
    "jax-scan": jax_scan,
    "keras-fit": keras_fit,
    "keras-step": keras_step,
    "sklearn": sklearn,
}
