"""The initial values of the parameters of recurrent layers and cells.

Place on the road: below ``base``, over ``initializers``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from numpy.typing import DTypeLike

from ...initializers import Initializer, Rule, as_initializer, uniform
from ...ops.arrays import constant
from ...ops.movement import concatenate
from ...random_numbers import Generator
from ...shapes import Shape


class InitialValues:
    """The initializers of a recurrence's parameters.

    Arguments:
        weight_init: for the weights of inputs; None for the default, U(±1/√H).
        recurrent_init: for the weights of the state, drawn gate by gate.
        dtype: of all parameters.
        biases: gate → the sum of its two biases, for gates with a known one.
    """

    def __init__(
        self,
        weight_init: Initializer | str | None,
        recurrent_init: Initializer | str | None,
        dtype: DTypeLike | None,
        biases: Mapping[int, float] | None = None,
    ) -> None:
        self.inits = {"weight_ih": weight_init, "weight_hh": recurrent_init}
        self.biases = dict(biases or {})
        self.dtype = dtype

    def of(self, name: str, gates: int, hidden: int, seen: int) -> Initializer:
        """The initializer of a parameter; a weight is drawn gate by gate.

        Arguments:
            hidden: of each gate.
            seen: of the state, by each of these: H itself, or the H of a window.
        """
        init = self.inits.get(name)
        default = uniform(-1.0 / math.sqrt(seen), 1.0 / math.sqrt(seen))
        if name.startswith("bias"):
            return _with_blocks(default, hidden, self.biases, name == "bias_ih")
        return default if init is None else _gate_by_gate(as_initializer(init), gates)


def _gate_by_gate(init: Initializer, gates: int) -> Initializer:
    def draw(shape: Shape, source: Generator, dtype: Any) -> Any:
        block = (shape[0] // gates, *shape[1:])
        return concatenate([init(block, source, dtype) for _ in range(gates)])

    return Rule("gate by gate", draw)


def _with_blocks(
    init: Initializer, size: int, values: Mapping[int, float], first: bool
) -> Initializer:
    """An initializer of a bias in which some gates have a known value.

    The two biases of a gate are added up: the first one has the value, the other is 0.
    """

    def draw(shape: Shape, source: Generator, dtype: Any) -> Any:
        drawn = init(shape, source, dtype).numpy().copy()
        for gate, value in values.items():
            drawn[gate * size : (gate + 1) * size] = value if first else 0.0
        return constant(drawn)

    return Rule("with known blocks", draw)
