"""The first network of most courses: 784-128-10, ReLU, cross-entropy, batch 64, SGD.

The images are made up, in MNIST's shape and range: speed does not depend on what they
show.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import Train
from .multilayer import Problem, initial

SUMMARY = "MLP 784-128-10, ReLU, cross-entropy, batch 64, SGD: one step"
MEASURE = "step"
WIDTHS = (784, 128, 10)


def problem(batches: int = 64) -> Problem:
    """Images of noise, labelled by the largest of ten random projections."""
    generator = np.random.default_rng(1)
    projections = generator.standard_normal((784, 10)).astype(np.float32)
    inputs, targets = [], []
    for _ in range(batches):
        x = generator.random((64, 784), dtype=np.float32)
        inputs.append(x)
        targets.append(np.argmax((x - 0.5) @ projections, axis=1))
    weights, biases = initial(WIDTHS, seed=0)
    return Problem(WIDTHS, inputs, targets, 0.01, "sgd", weights, biases)


def chainrule(problem: Problem, compiled: bool = True) -> Train:
    """chainrule: one compiled step of forward, backward and update."""
    from chainrule import losses, nn, optim

    from .chainrule_loops import train_by_step

    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = optim.SGD(model.parameters(), lr=problem.learning_rate)
    return train_by_step(problem, model, optimizer, losses.cross_entropy, compiled)


def chainrule_eager(problem: Problem) -> Train:
    """chainrule without the compiler: every operation at once."""
    return chainrule(problem, compiled=False)


def torch_eager(problem: Problem, compiled: bool = False) -> Train:
    """PyTorch as most people write it, with the fused optimizer."""
    import torch
    from torch import nn

    from .torch_loops import train_by_step

    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.SGD(
        model.parameters(), lr=problem.learning_rate, fused=True
    )
    criterion = nn.functional.cross_entropy
    return train_by_step(problem, model, optimizer, criterion, compiled)


def torch_compile(problem: Problem) -> Train:
    """PyTorch with the forward and backward passes compiled by Inductor."""
    return torch_eager(problem, compiled=True)


def jax_step(problem: Problem) -> tuple[Any, Any, Any]:
    """The step of JAX and Optax, the initial layers, and the optimizer's state."""
    import jax
    import jax.numpy as jnp
    import optax

    def loss_of(layers: Any, x: Any, y: Any) -> Any:
        (w1, b1), (w2, b2) = layers
        logits = jnp.maximum(x @ w1.T + b1, 0) @ w2.T + b2
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    optimizer = optax.sgd(problem.learning_rate)

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
            keras.layers.Input((784,)),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(10),
        ]
    )
    for layer, (weight, bias) in zip(model.layers, problem.layers, strict=True):
        layer.set_weights([weight.T, bias])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return model, keras.optimizers.SGD(problem.learning_rate), loss


def keras_fit(problem: Problem) -> Train:
    """Keras' own loop, on arrays in memory."""
    from .keras_loops import train_by_fit

    return train_by_fit(problem, *keras_model(problem))


def keras_step(problem: Problem) -> Train:
    """Keras with the loop in the user's hands: ``train_on_batch``."""
    from .keras_loops import train_by_batch

    return train_by_batch(problem, *keras_model(problem))


def sklearn(problem: Problem) -> Train:
    """scikit-learn's MLPClassifier, a batch at a time."""
    from sklearn.neural_network import MLPClassifier

    from .sklearn_loops import train_by_partial_fit

    model = MLPClassifier(
        hidden_layer_sizes=(128,),
        solver="sgd",
        momentum=0.0,
        learning_rate_init=problem.learning_rate,
        batch_size=problem.batch_size,
        alpha=0.0,
        shuffle=False,
    )
    classes = {"classes": np.arange(10)}
    return train_by_partial_fit(problem, model, problem.targets, classes)


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
