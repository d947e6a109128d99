"""What all training workloads share: the work, and each library's usual loop.

A workload makes a model and says its loss; the loops here are the ones that a good user
of the library writes around them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from . import Work


class Training(Protocol):
    """Batches, and the optimizer ("sgd" or "adam") that learns from them."""

    @property
    def inputs(self) -> list[NDArray[Any]]:
        """The batches' inputs."""

    @property
    def targets(self) -> list[NDArray[Any]]:
        """The batches' targets."""

    @property
    def optimizer(self) -> str:
        """Its name."""

    @property
    def learning_rate(self) -> float:
        """Its step size η."""


@dataclass(frozen=True)
class Problem:
    """A piece of work for everybody: batches, first weights, and the least cost.

    ``arithmetic`` is the multiplications and additions of a step; ``activations`` the
    numbers that its layers must hand to one another through memory, written once and
    read once in each direction, where they do not fit a cache.
    """

    inputs: list[NDArray[Any]]
    targets: list[NDArray[Any]]
    weights: dict[str, NDArray[np.float32]]
    optimizer: str
    learning_rate: float
    arithmetic: int
    activations: int = 0

    @property
    def steps(self) -> int:
        """Steps in a pass: one for each batch."""
        return len(self.inputs)

    def operations(self) -> int:
        """The multiplications and additions that a step cannot do without."""
        return self.arithmetic

    def traffic(self) -> tuple[int, int]:
        """The bytes that a step cannot do without: read, and written."""
        parameters = sum(array.size for array in self.weights.values())
        state = 4 * parameters * {"sgd": 1, "adam": 3}[self.optimizer]
        batch = self.inputs[0].nbytes + self.targets[0].nbytes
        return state + batch + 8 * self.activations, state + 8 * self.activations


def by_batch(
    step: Callable[[Any, Any], Any], batches: Sequence[tuple[Any, Any]]
) -> Work:
    """A step for each batch; the loss is read once a step."""

    def train(passes: int) -> list[float]:
        means = []
        for _ in range(passes):
            total = 0.0
            for x, y in batches:
                total += float(step(x, y))
            means.append(total / len(batches))
        return means

    return train


def in_chainrule(
    model: Any,
    loss_of: Any,
    task: Training,
    compiled: bool = True,
    parameters: Any = None,
) -> Work:
    """The usual loop, its step compiled or not; ``loss_of(outputs, y)``.

    ``parameters`` are those that learn; all of the model's when not given.
    """
    import chainrule as cr

    step = step_in_chainrule(model, loss_of, task, parameters)
    batches = [(cr.tensor(x), cr.tensor(y)) for x, y in pairs(task)]
    call = cr.compile(step) if compiled else step
    return by_batch(lambda x, y: call(x, y).item(), batches)


def step_in_chainrule(
    model: Any, loss_of: Any, task: Training, parameters: Any = None
) -> Any:
    """(x, y) ↦ the loss, and everything has learned from it."""
    import chainrule as cr
    from chainrule import optim

    kind = {"adam": optim.Adam, "sgd": optim.SGD}[task.optimizer]
    optimizer = kind(parameters or model.parameters(), lr=task.learning_rate)

    def step(x: Any, y: Any) -> Any:
        loss = loss_of(model(x, training=True), y)
        optimizer.step(cr.backprop(loss))
        return loss

    return step


def by_rows_in_chainrule(model: Any, loss_of: Any, task: Training) -> Work:
    """All steps of a pass in one call, each on its rows of the data."""
    import chainrule as cr

    step = cr.compile(step_in_chainrule(model, loss_of, task))
    data = [cr.tensor(np.concatenate(each)) for each in (task.inputs, task.targets)]
    rows = np.arange(len(data[0])).reshape(len(task.inputs), -1)

    def train(passes: int) -> list[float]:
        return [float(step.for_rows(rows, *data).numpy().mean()) for _ in range(passes)]

    return train


def in_torch(
    model: Any, loss_of: Any, task: Training, compiled: bool = False, last: bool = False
) -> Work:
    """The usual loop with the fused optimizer; ``last``: images with channels last."""
    import torch

    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[task.optimizer]
    if last:
        model = model.to(memory_format=torch.channels_last)
    optimizer = kind(model.parameters(), lr=task.learning_rate, fused=True)

    mixed = bool(os.environ.get("BENCHMARKS_AUTOCAST"))

    def forward(x: Any, y: Any) -> Any:
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            return loss_of(model(x), y)

    call = torch.compile(forward) if compiled else forward

    def step(x: Any, y: Any) -> float:
        optimizer.zero_grad()
        loss = call(x, y)
        loss.backward()
        optimizer.step()
        value: float = loss.item()
        return value

    batches = [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in pairs(task)]
    if batches[0][0].ndim == 4:
        batches = [(images_in_torch(x, last), y) for x, y in batches]
    return by_batch(step, batches)


def images_in_torch(images: Any, last: bool) -> Any:
    """(N, H, W, C) as PyTorch names axes, (N, C, H, W), in memory either way."""
    import torch

    kind = torch.channels_last if last else torch.contiguous_format
    return images.permute(0, 3, 1, 2).contiguous(memory_format=kind)


def step_in_jax(loss_of: Any, task: Training) -> tuple[Any, Any]:
    """A step (weights, state, x, y) → (weights, state, loss), and the optimizer.

    ``loss_of(weights, x, y)``.
    """
    import jax
    import optax

    kind = {"adam": optax.adam, "sgd": optax.sgd}[task.optimizer]
    optimizer = kind(task.learning_rate)

    def step(weights: Any, state: Any, x: Any, y: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(weights, x, y)
        updates, state = optimizer.update(gradients, state)
        return optax.apply_updates(weights, updates), state, loss

    return step, optimizer


def in_jax(loss_of: Any, weights: Any, task: Training) -> Work:
    """One jitted step a batch, buffers donated; JAX may run ahead within a pass."""
    import jax

    plain, optimizer = step_in_jax(loss_of, task)
    step = jax.jit(plain, donate_argnums=(0, 1))
    weights = jax.tree.map(jax.numpy.array, weights)
    state = optimizer.init(weights)
    batches = [(jax.numpy.array(x), jax.numpy.array(y)) for x, y in pairs(task)]

    def train(passes: int) -> list[float]:
        nonlocal weights, state
        means = []
        for _ in range(passes):
            losses = []
            for x, y in batches:
                weights, state, loss = step(weights, state, x, y)
                losses.append(loss)
            means.append(float(np.mean([float(loss) for loss in losses])))
        jax.block_until_ready((weights, state))
        return means

    return train


def optimizer_in_keras(task: Training) -> Any:
    """The optimizer, with everybody else's ε."""
    import keras

    if task.optimizer == "adam":
        return keras.optimizers.Adam(task.learning_rate, epsilon=1e-8)
    return keras.optimizers.SGD(task.learning_rate)


def in_keras(model: Any, loss: Any, task: Training, xla: bool) -> Work:
    """``train_on_batch``, compiled with XLA or run as TensorFlow's graph."""
    model.compile(optimizer_in_keras(task), loss, jit_compile=xla)
    return by_batch(lambda x, y: float(model.train_on_batch(x, y)), pairs(task))


def pairs(task: Training) -> list[tuple[Any, Any]]:
    """(x, y) of each batch."""
    return list(zip(task.inputs, task.targets, strict=True))
