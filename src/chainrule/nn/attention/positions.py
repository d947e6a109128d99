"""Positions in a sequence, which attention by itself does not distinguish.

There are three ways: a fixed pattern of waves, or a learned vector, for every position,
added to the input; or a rotation of queries and keys, after which their products depend
only on the distance between them.

Place on the road: layers below ``multihead``, which rotates, and models, which add.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ... import dtypes
from ...errors import ArgumentError, ShapeError
from ...graph import Array
from ...initializers import Initializer, normal
from ...ops.arrays import constant
from ...ops.creation import arange
from ...ops.elementwise import cos, sin
from ...ops.indexing import take
from ...ops.movement import concatenate, reshape
from ..arguments import features, new_parameter, number_within, positive_size
from ..module import Module


def sinusoidal_positions(
    length: int, dim: int, *, base: float = 10000.0, dtype: DTypeLike | None = None
) -> Any:
    """A vector of waves for each position.

    Formula: P[t, 2i] = sin(t / baseᵈ), P[t, 2i + 1] = cos(t / baseᵈ) with d = 2i / dim.

    Shapes: → (length, dim).

    Arguments:
        length: the number of positions.
        dim: the size of a vector; if it is odd, the last element is a sine.
        base: the longest wave is about 2π · base positions long.

    Source: Vaswani et al., Attention is all you need (2017), section 3.5.

    Example:
        >>> from chainrule.nn.attention.positions import sinusoidal_positions
        >>> sinusoidal_positions(2, 4).numpy().round(2)
        array([[0.  , 1.  , 0.  , 1.  ],
               [0.84, 0.54, 0.01, 1.  ]], dtype=float32)
    """
    rows = positive_size("sinusoidal_positions", "length", length)
    size = positive_size("sinusoidal_positions", "dim", dim)
    kind = dtypes.default_float() if dtype is None else dtype
    return constant(_table(rows, size, base), kind)


@lru_cache(maxsize=8)
def _table(rows: int, size: int, base: float) -> Array:
    angles = np.arange(rows)[:, None] * _frequencies(size + size % 2, base)
    waves = np.stack([np.sin(angles), np.cos(angles)], -1)
    return waves.reshape(rows, -1)[:, :size]


def _frequencies(dim: int, base: float) -> Any:
    """base^(−2i / dim) for i from 0 to dim/2 − 1, in float64."""
    return np.exp(np.arange(0, dim, 2) * (-math.log(base) / dim))


class SinusoidalPositions(Module):
    """Adds a pattern of waves to x, a different one at every position.

    Formula: y[…, t, :] = x[…, t, :] + P[t], with P from ``sinusoidal_positions``.
    Nothing is trained. Sequences may have any length up to ``max_length``.

    Shapes: (…, T, dim) → the same.

    Arguments:
        dim: the size of a vector.
        max_length: the maximum number of positions.
        base: the longest wave is about 2π · base positions long.

    Raises:
        ShapeError: in a call, for longer sequences or other vectors.

    Source: Vaswani et al., Attention is all you need (2017), section 3.5.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.SinusoidalPositions(8)(cr.zeros((2, 5, 8))).shape
        (2, 5, 8)
    """

    def __init__(self, dim: int, max_length: int = 4096, base: float = 10000.0) -> None:
        self.dim = positive_size("SinusoidalPositions", "dim", dim)
        self.max_length = positive_size("SinusoidalPositions", "max_length", max_length)
        self.base = number_within("SinusoidalPositions", "base", base, 1)

    def settings(self) -> dict[str, Any]:
        """The sizes and the base."""
        return {"dim": self.dim, "max_length": self.max_length, "base": self.base}

    def forward(self, x: Any, start: Any = 0) -> Any:
        """x + P; the first vector of x is at position ``start``."""
        node = _sequence("SinusoidalPositions", x, self.dim, self.max_length)
        table = constant(_table(self.max_length, self.dim, self.base), node.dtype)
        return node + rows_from(table, start, node.shape[-2])


class LearnedPositions(Module):
    """Adds a learned vector to x, a different one at every position.

    Formula: y[…, t, :] = x[…, t, :] + W[t].

    Shapes: (…, T, dim) → the same, T at most ``max_length``; ``weight`` (max_length,
    dim).

    Initial values: N(0, 0.02²), as in GPT and BERT.

    Raises:
        ShapeError: in a call, for longer sequences or other vectors.

    Source: Gehring et al. (2017); Radford et al. (2018).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.LearnedPositions(16, 8)(cr.zeros((2, 5, 8))).shape
        (2, 5, 8)
    """

    def __init__(
        self,
        max_length: int,
        dim: int,
        *,
        weight_init: Initializer | str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.max_length = positive_size("LearnedPositions", "max_length", max_length)
        self.dim = positive_size("LearnedPositions", "dim", dim)
        init = normal(std=0.02) if weight_init is None else weight_init
        shape = self.max_length, self.dim
        self.weight = new_parameter("weight", shape, init, dtype)

    def settings(self) -> dict[str, Any]:
        """The sizes."""
        return {"max_length": self.max_length, "dim": self.dim}

    def forward(self, x: Any, start: Any = 0) -> Any:
        """x + W; the first vector of x is at position ``start``."""
        node = _sequence("LearnedPositions", x, self.dim, self.max_length)
        return node + rows_from(self.weight, start, node.shape[-2])


class RotaryPositions(Module):
    """Rotates queries and keys by angles that grow with their position, so that their
    products depend only on the distance between them.

    Formula: pairs (xᵢ, xᵢ₊ₕ), with h = dim / 2, are rotated in their plane:
    y = (xᵢ cos tθᵢ − xᵢ₊ₕ sin tθᵢ, xᵢ₊ₕ cos tθᵢ + xᵢ sin tθᵢ), θᵢ = base^(−2i / dim).

    Shapes: (…, T, dim) → the same, for queries and keys of one head.

    Arguments:
        dim: the size of a head's vectors, an even number.
        base: the slowest rotation takes about 2π · base positions.

    Raises:
        ArgumentError: for an odd size.

    Source: Su et al., RoFormer (2021), eq. 34; the halves are paired as in GPT-NeoX and
    LLaMA, which is the paper's rotation with the features in another order.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> rotary = nn.RotaryPositions(2)
        >>> rotary(cr.ones((2, 2))).numpy().round(2)  # the second is rotated
        array([[ 1.  ,  1.  ],
               [-0.3 ,  1.38]], dtype=float32)
    """

    def __init__(self, dim: int, base: float = 10000.0) -> None:
        self.dim = positive_size("RotaryPositions", "dim", dim)
        self.base = number_within("RotaryPositions", "base", base, 1)
        if self.dim % 2:
            raise ArgumentError(
                f"RotaryPositions: dim={dim}: expected an even number; features are "
                "rotated in pairs"
            )

    def settings(self) -> dict[str, Any]:
        """The size and the base."""
        return {"dim": self.dim, "base": self.base}

    def forward(self, x: Any, start: Any = 0) -> Any:
        """x rotated; the first vector of x is at position ``start``."""
        rule = "the last axis of x must have dim elements"
        node = features("RotaryPositions", x, self.dim, rule, "RotaryPositions({})")
        half = self.dim // 2
        theta = constant(_frequencies(self.dim, self.base), dtypes.float32)
        steps = (arange(node.shape[-2]) + start).astype("float32")
        angles = (reshape(steps, (-1, 1)) * theta).astype(node.dtype)
        c, s = cos(angles), sin(angles)
        a, b = node[..., :half], node[..., half:]
        return concatenate([a * c - b * s, b * c + a * s], axis=-1)


def rows_from(table: Any, start: Any, count: int) -> Any:
    """Rows start … start + count − 1; ``start`` may be a tensor."""
    if isinstance(start, int):
        return table[start : start + count]
    return take(table, start + arange(count))


def _sequence(layer: str, x: Any, dim: int, longest: int) -> Any:
    """A layer's input (…, T, dim), with T at most the number of positions."""
    rule = "the last axis of x must have dim elements"
    node = features(layer, x, dim, rule, f"{layer}(…, {{}})")
    if node.ndim < 2:
        raise ShapeError(f"{layer}: x {node.shape}: expected (…, steps, {dim})")
    if node.shape[-2] > longest:
        raise ShapeError(
            f"{layer}: x {node.shape}: {node.shape[-2]} steps, but max_length is "
            f"{longest}",
            fix=f"{layer} with max_length={node.shape[-2]}, or shorter sequences",
        )
    return node
