"""What is tried: the sizes of a network, learning rate, weight decay and dropout.

Place on the road: at the beginning of a search. It must not know of data or training.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Candidate:
    """One network and how it is trained.

    Arguments:
        hidden: the sizes of the hidden layers.
        lr: the learning rate.
        weight_decay: the weight of the penalty.
        dropout: the part of hidden units that is silenced in training.
    """

    hidden: tuple[int, ...]
    lr: float
    weight_decay: float
    dropout: float

    def parameters(self, inputs: int, outputs: int) -> int:
        """How many weights and biases it has.

        Example:
            >>> Candidate((8,), 0.001, 0.0, 0.0).parameters(4, 3)
            67
        """
        sizes = (inputs, *self.hidden, outputs)
        return sum((a + 1) * b for a, b in itertools.pairwise(sizes))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "hidden": list(self.hidden),
            "lr": self.lr,
            "weight_decay": self.weight_decay,
            "dropout": self.dropout,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Candidate:
        """The inverse of ``to_json``."""
        return cls(
            tuple(map(int, values["hidden"])),
            *(float(values[name]) for name in ("lr", "weight_decay", "dropout")),
        )


@dataclass(frozen=True)
class Axis:
    """The values that are tried for one setting.

    Arguments:
        values: those of a grid.
        low, high: the bounds, where a range was given: a search by trials takes any
            value between them.
    """

    values: tuple[float, ...]
    low: float | None = None
    high: float | None = None

    @property
    def varies(self) -> bool:
        """Whether there is more than one."""
        return len(self.values) > 1 or self.low != self.high

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"values": list(self.values), "low": self.low, "high": self.high}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Axis:
        """The inverse of ``to_json``."""
        return cls(tuple(values["values"]), values["low"], values["high"])


def doubling(low: int, high: int) -> Axis:
    """low, 2 low, 4 low … up to high.

    Example:
        >>> doubling(8, 64).values
        (8, 16, 32, 64)
    """
    count = int(math.log2(high / low)) + 1
    return Axis(tuple(low << power for power in range(count)), low, high)


def counting(low: int, high: int) -> Axis:
    """low, low + 1 … up to high."""
    return Axis(tuple(range(low, high + 1)), low, high)


def decades(low: float, high: float) -> Axis:
    """low, 10 low, 100 low … up to high.

    Example:
        >>> decades(1e-4, 1e-2).values
        (0.0001, 0.001, 0.01)
    """
    first = math.log10(low)
    count = int(math.log10(high) - first + 1e-9) + 1
    values = (_short(10.0 ** (first + power)) for power in range(count))
    return Axis(tuple(values), low, high)


def tenths(low: float, high: float) -> Axis:
    """low, low + 0.1 … up to high.

    Example:
        >>> tenths(0.0, 0.3).values
        (0.0, 0.1, 0.2, 0.3)
    """
    count = int((high - low) / 0.1 + 1e-9) + 1
    return Axis(tuple(_short(low + 0.1 * step) for step in range(count)), low, high)


def _short(value: float) -> float:
    return float(f"{value:.10g}")


@dataclass(frozen=True)
class Space:
    """All candidates: every combination of the values of the axes.

    Arguments:
        hidden: units of each hidden layer.
        layers: how many hidden layers there are, all of one size.
        lr, weight_decay, dropout: as those of ``Candidate``.
    """

    hidden: Axis
    layers: Axis
    lr: Axis
    weight_decay: Axis
    dropout: Axis

    def candidates(self) -> list[Candidate]:
        """The combinations, the smallest networks first.

        Example:
            >>> one = Axis((0.0,))
            >>> sizes = Space(Axis((8, 16)), Axis((1, 2)), Axis((0.01,)), one, one)
            >>> [each.hidden for each in sizes.candidates()]
            [(8,), (16,), (8, 8), (16, 16)]
        """
        rest = (self.lr, self.weight_decay, self.dropout)
        axes = [axis.values for axis in (self.layers, self.hidden, *rest)]
        return [
            Candidate((int(units),) * int(layers), *values)
            for layers, units, *values in itertools.product(*axes)
        ]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {name: getattr(self, name).to_json() for name in AXES}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Space:
        """The inverse of ``to_json``."""
        return cls(*(Axis.from_json(values[name]) for name in AXES))


AXES: Sequence[str] = ("hidden", "layers", "lr", "weight_decay", "dropout")
