"""``Predictor``: a network's outputs for many inputs, soon after the first call.

Place on the road: beneath the estimators. ``cr.predict`` compiles its function for the
shape of every batch, which pays where there is much to compute. Estimators are asked
about a few hundred rows, a fold, a row: what is small is computed operation by
operation, what is large in batches of few sizes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..graph import Array
from ..nn import Module
from ..training.step import prediction

#: Multiplications up to which nothing is compiled: about what compiling costs.
FEW = 50_000_000

#: Rows in a batch: of what is computed by operations, and of what is compiled.
ROWS = 2048
COMPILED_ROWS = 1024


class Predictor:
    """The outputs of a network, without training.

    Arguments:
        module: the network.
        engine: the engine's name, or None for the default.
        positions: how often, about, an example uses each weight.

    Example:
        >>> from chainrule import nn
        >>> Predictor(nn.Linear(3, 2))(np.zeros((5, 3), "float32")).shape
        (5, 2)
    """

    def __init__(
        self, module: Module, engine: str | None = None, positions: int = 1
    ) -> None:
        self.module = module
        self.engine = engine
        self.cost = max(1, module.num_parameters * positions)
        self._compiled: Any = None

    def __call__(self, inputs: Any) -> Array:
        """The outputs ``(N, …)`` for ``(N, …)`` inputs, or a tuple of such."""
        count = _count(inputs)
        if count * self.cost <= FEW:
            parts = [self._at_once(part) for part in _parts(inputs, ROWS)]
        else:
            self._compiled = self._compiled or prediction(self.module, self.engine)
            parts = [self._in_one_call(p) for p in _parts(inputs, COMPILED_ROWS)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _at_once(self, inputs: Any) -> Array:
        arguments = inputs if isinstance(inputs, tuple) else (inputs,)
        outputs: Array = self.module(*arguments, training=False).numpy()
        return outputs

    def _in_one_call(self, inputs: Any) -> Array:
        """In as many rows as the next power of two, of which there are few."""
        count = _count(inputs)
        size = min(1 << (count - 1).bit_length(), COMPILED_ROWS)
        filled = _each(inputs, lambda array: _filled(array, size))
        outputs: Array = self._compiled(filled).numpy()
        return outputs[:count]


def _count(inputs: Any) -> int:
    return len(inputs[0] if isinstance(inputs, tuple) else inputs)


def _each(inputs: Any, change: Any) -> Any:
    return tuple(map(change, inputs)) if isinstance(inputs, tuple) else change(inputs)


def _parts(inputs: Any, rows: int) -> Iterator[Any]:
    for start in range(0, _count(inputs), rows):
        part = slice(start, start + rows)
        yield _each(inputs, lambda array, part=part: np.asarray(array[part]))


def _filled(array: Array, rows: int) -> Array:
    """The array with as many rows; those that are missing repeat the last."""
    missing = rows - len(array)
    if not missing:
        return array
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])
