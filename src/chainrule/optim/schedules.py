"""Learning-rate schedules: η as a function of the number of steps done.

Place on the road: given to an optimizer as its ``lr``. A schedule is a formula in
tensor operators, so a compiled step computes it from the optimizer's step count; it
keeps no state. It must not know of optimizers.

Steps are optimizer steps, not epochs. An epoch has ``data.num_batches(n, batch_size)``
of them, so ``steps = epochs * data.num_batches(len(train), batch_size)`` in all; with
``cr.fit(accumulate=k)``, a k-th of that in each epoch, rounded up.
Any function of a float64 tensor serves as a schedule too: ``lr=lambda t: 0.1 / (1 +
t)``.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..graph import Node
from ..ops.arrays import constant
from ..ops.composed import clip
from ..ops.elementwise import cast, cos, floor, maximum, where
from ..ops.movement import broadcast_to
from ..public import advise, listing
from .hyperparameters import fraction, learning_rate, not_negative, positive, whole
from .parameter_groups import RATE_DTYPE

__all__ = [
    "Constant",
    "Cosine",
    "Exponential",
    "OneCycle",
    "Piecewise",
    "Schedule",
    "StepDecay",
    "Warmup",
]


class Schedule(ABC):
    """The base of schedules: η(t), t = 0, 1, 2, … the number of steps done before.

    Called with a tensor it returns a tensor; with a Python number, a Python number, to
    be printed; with an array of steps, an array, to be plotted. A schedule of your own
    is a subclass with ``at``, or any function.

    Example:
        >>> import numpy as np
        >>> from chainrule import optim
        >>> rate = optim.StepDecay(0.1, every=2)
        >>> rate(0), rate(2)
        (0.1, 0.010000000000000002)
        >>> rate(np.arange(3)).round(3)
        array([0.1 , 0.1 , 0.01])
    """

    @abstractmethod
    def at(self, t: Any) -> Any:
        """η(t), in tensor operators; t is a float64 tensor of any shape."""

    def __call__(self, t: Any) -> Any:
        """η(t) for a number, an array or a tensor."""
        if isinstance(t, Node):
            node: Any = t.read()
            if node.dtype != RATE_DTYPE:
                node = cast(node, dtype=RATE_DTYPE)
            rate = self.at(node)
            return rate if rate.shape == node.shape else broadcast_to(rate, node.shape)
        rate = self(constant(t, RATE_DTYPE))
        return rate.numpy() if isinstance(t, (np.ndarray, Sequence)) else rate.item()


def _rate(value: float) -> Any:
    """A learning rate as a tensor with all its digits."""
    return constant(value, RATE_DTYPE)


def _settle(schedule: Any, **checks: Callable[[str, str, Any], Any]) -> None:
    """Validates the fields of a schedule, each by its own check."""
    name = type(schedule).__name__
    for field, check in checks.items():
        value = check(name, field, getattr(schedule, field))
        object.__setattr__(schedule, field, value)


@dataclass(frozen=True)
class Constant(Schedule):
    """η(t) = lr.

    Example:
        >>> from chainrule import optim
        >>> optim.Constant(0.1)(1000)
        0.1
    """

    lr: float

    def __post_init__(self) -> None:
        _settle(self, lr=positive)

    def at(self, t: Any) -> Any:
        """lr, whatever t is."""
        return _rate(self.lr)


@dataclass(frozen=True)
class StepDecay(Schedule):
    """η(t) = lr · factor^⌊t / every⌋: multiplied by a factor every ``every`` steps.

    Arguments:
        lr: the first learning rate.
        every: the number of steps between two drops.
        factor: what the rate is multiplied by.

    Example:
        >>> from chainrule import optim
        >>> optim.StepDecay(1.0, every=30, factor=0.5)(60)
        0.25
    """

    lr: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        _settle(self, lr=positive, every=whole, factor=positive)

    def at(self, t: Any) -> Any:
        """lr · factor^⌊t / every⌋."""
        return self.lr * self.factor ** floor(t / self.every)


@dataclass(frozen=True)
class Exponential(Schedule):
    """η(t) = lr · factor^(t / every): the same decay, without jumps.

    Arguments:
        lr: the first learning rate.
        factor: what the rate is multiplied by in ``every`` steps.
        every: the number of steps that this takes.

    Example:
        >>> from chainrule import optim
        >>> optim.Exponential(1.0, factor=0.25, every=10)(5)
        0.5
    """

    lr: float
    factor: float
    every: int = 1

    def __post_init__(self) -> None:
        _settle(self, lr=positive, factor=positive, every=whole)

    def at(self, t: Any) -> Any:
        """lr · factor^(t / every)."""
        return self.lr * self.factor ** (t / self.every)


@dataclass(frozen=True)
class Piecewise(Schedule):
    """η(t) = values[i] for boundaries[i − 1] ≤ t < boundaries[i].

    Arguments:
        boundaries: the steps at which the rate changes, ascending.
        values: the rates, one more than there are boundaries.

    Example:
        >>> from chainrule import optim
        >>> rate = optim.Piecewise([100, 200], [0.1, 0.01, 0.001])
        >>> rate(99), rate(100), rate(500)
        (0.1, 0.01, 0.001)
    """

    boundaries: Sequence[int]
    values: Sequence[float]

    def __post_init__(self) -> None:
        _settle(self, boundaries=_ascending, values=_rates)
        if len(self.values) != len(self.boundaries) + 1:
            raise ArgumentError(
                f"Piecewise: {len(self.boundaries)} boundaries, {len(self.values)} "
                "values: there must be one value more than boundaries"
            )

    def at(self, t: Any) -> Any:
        """The value of the piece that t is in."""
        rate = _rate(self.values[0])
        for boundary, value in zip(self.boundaries, self.values[1:], strict=True):
            rate = where(t < boundary, rate, _rate(value))
        return rate


def _at_least_two(where: str, name: str, value: Any) -> int:
    return whole(where, name, value, 2)


def _ascending(where: str, name: str, value: Any) -> tuple[int, ...]:
    steps = [whole(where, f"{name}[{i}]", n) for i, n in _numbered(where, name, value)]
    if steps != sorted(set(steps)):
        raise ArgumentError(f"{where}: {name} = {steps}: {name} must ascend")
    return tuple(steps)


def _rates(where: str, name: str, value: Any) -> tuple[float, ...]:
    numbered = _numbered(where, name, value)
    return tuple(positive(where, f"{name}[{i}]", each) for i, each in numbered)


def _numbered(where: str, name: str, value: Any) -> list[tuple[int, Any]]:
    """The elements of a list with their positions."""
    if not isinstance(value, (list, tuple, np.ndarray, range)):
        raise ArgumentError(f"{where}: {name} = {value!r}: {name} must be a list")
    return list(enumerate(value))


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from one rate to another, which is then kept.

    Formula: η(t) = final + ½ (lr − final) (1 + cos(π · min(t, steps) / steps))

    Arguments:
        lr: the first learning rate.
        steps: when ``final`` is reached.
        final: the last learning rate.

    Source: Loshchilov & Hutter, SGDR (2017), eq. 5, without restarts.

    Example:
        >>> from chainrule import optim
        >>> rate = optim.Cosine(0.1, steps=100)
        >>> rate(0), round(rate(50), 6), rate(100)
        (0.1, 0.05, 0.0)

        Over all of a training run:

        >>> from chainrule import data
        >>> train, epochs, batch_size = data.load("digits").train, 20, 32
        >>> steps = epochs * data.num_batches(len(train), batch_size)
        >>> rate = optim.Cosine(0.1, steps)
    """

    lr: float
    steps: int
    final: float = 0.0

    def __post_init__(self) -> None:
        _settle(self, lr=positive, steps=whole, final=not_negative)

    def at(self, t: Any) -> Any:
        """The cosine between the two rates."""
        return _anneal(self.lr, self.final, t / self.steps)


def _anneal(start: float, end: float, done: Any) -> Any:
    """Half a cosine from ``start`` to ``end`` while ``done`` goes from 0 to 1."""
    done = clip(done, 0.0, 1.0)
    part = 0.5 * (1.0 + cos(math.pi * done))
    return start * part + end * (1.0 - part)


@dataclass(frozen=True)
class Warmup(Schedule):
    """A straight line up to another schedule's first rate, then that schedule.

    Formula: η(t) = start + (then(0) − start) · t / steps for t < steps, then(t − steps)
    from there on.

    Arguments:
        steps: the length of the warm-up.
        then: what follows: a schedule, a function, or a number.
        start: the rate at t = 0. With 0 the first step changes no parameter, only
            what the algorithm remembers.

    Source: Goyal et al., Accurate, Large Minibatch SGD (2017), section 2.2.

    Example:
        >>> from chainrule import optim
        >>> rate = optim.Warmup(10, optim.Cosine(0.1, steps=100), start=0.02)
        >>> rate(0), round(rate(5), 6), rate(10), round(rate(60), 6)
        (0.02, 0.06, 0.1, 0.05)
    """

    steps: int
    then: Callable[[Any], Any] | float
    start: float = 0.0

    def __post_init__(self) -> None:
        _settle(self, steps=whole, then=learning_rate, start=not_negative)
        if not callable(self.then):
            object.__setattr__(self, "then", Constant(self.then))

    def at(self, t: Any) -> Any:
        """The line, or what follows it."""
        assert callable(self.then)
        peak = self.then(_rate(0.0))
        ramp = self.start + (peak - self.start) * (t / self.steps)
        return where(t < self.steps, ramp, self.then(maximum(t - self.steps, 0.0)))


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up to a large rate and down to almost nothing, in half cosines.

    Formula: with u = max(pct_start · steps − 1, 0), the rate goes from max_lr /
    div_factor at t = 0 to max_lr at t = u, and to max_lr / (div_factor ·
    final_div_factor) at t = steps − 1, the last step, where it stays.

    Names, boundaries and first values are those of PyTorch's OneCycleLR with
    ``anneal_strategy="cos"``; the momentum is not cycled.

    Arguments:
        max_lr: the largest learning rate.
        steps: the length of the whole training.
        pct_start: the part of it in which the rate rises, from 0 to below 1.
        div_factor: max_lr over the first rate.
        final_div_factor: the first rate over the last.

    Source: Smith & Topin, Super-Convergence (2018).

    Example:
        >>> from chainrule import optim
        >>> rate = optim.OneCycle(1.0, steps=101, pct_start=0.5)
        >>> rate(0), rate(100) < 1e-5, max(rate(t) for t in range(101)) > 0.999
        (0.04, True, True)
    """

    max_lr: float
    steps: int
    pct_start: float = 0.3
    div_factor: float = 25.0
    final_div_factor: float = 1e4

    def __post_init__(self) -> None:
        _settle(
            self, max_lr=positive, steps=_at_least_two,
            pct_start=fraction, div_factor=positive, final_div_factor=positive,
        )  # fmt: skip

    def at(self, t: Any) -> Any:
        """The rate of the phase that t is in."""
        first = self.max_lr / self.div_factor
        last = first / self.final_div_factor
        top, end = max(self.pct_start * self.steps - 1, 0.0), self.steps - 1
        down = _anneal(self.max_lr, last, (t - top) / (end - top))
        if top == 0:
            return down
        return where(t < top, _anneal(first, self.max_lr, t / top), down)


advise(__name__, __all__, "optim.OPTIONS")
__dir__ = listing(__all__)
