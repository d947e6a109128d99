"""Random tensors, and the generators they come from.

Place on the road: beside the tensors. A generator's state is a variable, so a draw
inside a compiled function becomes part of its graph and the next state one of its
updates: the same seed gives the same numbers, eager or compiled, run after run.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
from numpy.typing import DTypeLike

from . import dtypes
from .errors import ArgumentError, DTypeError
from .ops import composed, philox
from .ops.arrays import lift
from .ops.elementwise import floor, log, log1p, maximum
from .ops.reduction import argsort
from .public import advise, listing, missing_names
from .shapes import Shape, sizes
from .tensor import Tensor
from .variable import Variable

__all__ = [
    "Generator",
    "bernoulli",
    "default_generator",
    "integers",
    "manual_seed",
    "normal",
    "normal_like",
    "permutation",
    "uniform",
    "uniform_like",
]

Size = int | Sequence[int]

#: Held between reading a state and moving it on: no two threads get the same numbers.
_drawing = threading.Lock()


def _shape(shape: Size) -> Shape:
    return sizes("random", shape)


def _dtype(dtype: DTypeLike | None) -> Any:
    found = dtypes.as_dtype(float if dtype is None else dtype)
    if not dtypes.is_float(found):
        raise DTypeError(f"random: dtype {found}: expected float32 or float64")
    return found


class Generator:
    """A source of random numbers: a seed and a count of the draws made from it.

    Formula: Philox4x32-10 (Salmon et al., 2011), a pure function of (seed, draw,
    position).

    Arguments:
        seed: a whole number from 0 to 2⁶⁴ − 1; a random one when not given.

    Example:
        >>> import chainrule as cr
        >>> a, b = cr.random.Generator(7), cr.random.Generator(7)
        >>> bool((a.normal(3) == b.normal(3)).all())
        True
    """

    def __init__(self, seed: int | None = None) -> None:
        self.state = Variable(np.zeros(4, np.uint32), name="random state")
        self.seed(int.from_bytes(os.urandom(8), "little") if seed is None else seed)

    def seed(self, seed: int) -> None:
        """Starts again from a seed."""
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
            raise ArgumentError(f"seed: {seed!r}: expected a whole number")
        if not 0 <= seed < 1 << 64:
            raise ArgumentError(f"seed: {seed}: expected 0 to 2⁶⁴ − 1")
        self.state.assign(philox.seeded_state(int(seed)))

    def _draw(self) -> Any:
        """The state for one draw; the generator moves on to the next."""
        with _drawing:
            state = self.state.read()
            self.state.assign(philox.next_state(state))
        return state

    def bits(self, shape: Size = ()) -> Tensor:
        """Random 32-bit words, uint32."""
        wanted = _shape(shape)
        drawn: Tensor = philox.random_bits(self._draw(), shape=wanted)
        return drawn

    def uniform(
        self,
        shape: Size = (),
        *,
        low: Any = 0.0,
        high: Any = 1.0,
        dtype: DTypeLike | None = None,
    ) -> Any:
        """Numbers evenly spread over [low, high); rounding may give ``high`` itself."""
        kind = {"shape": _shape(shape), "dtype": _dtype(dtype)}
        unit = philox.random_uniform(self._draw(), **kind)
        if (
            isinstance(low, float)
            and isinstance(high, float)
            and (low, high) == (0.0, 1.0)
        ):
            return unit
        return low + (high - low) * unit

    def normal(
        self,
        shape: Size = (),
        *,
        mean: Any = 0.0,
        std: Any = 1.0,
        dtype: DTypeLike | None = None,
    ) -> Any:
        """Numbers from N(mean, std²), by Box and Muller's transformation (1958)."""
        wanted = _shape(shape)
        kind = {"shape": (2, -(-math.prod(wanted) // 2)), "dtype": _dtype(dtype)}
        unit = philox.random_uniform(self._draw(), **kind)
        drawn = composed.box_muller(unit, wanted)
        if isinstance(std, float) and isinstance(mean, float) and (mean, std) == (0, 1):
            return drawn
        return drawn * std + mean

    def bernoulli(self, p: Any, shape: Size | None = None) -> Any:
        """True with probability p, for every element of p or of the given shape."""
        (node,) = lift([p])
        if isinstance(p, (int, float)) and not 0 <= p <= 1:
            raise ArgumentError(f"bernoulli: p={p}: expected a probability from 0 to 1")
        wanted = node.shape if shape is None else _shape(shape)
        return self.uniform(wanted, dtype=dtypes.float_for(node.dtype)) < node

    def integers(self, low: int, high: int, shape: Size = ()) -> Any:
        """Whole numbers from low to high − 1, each equally likely."""
        if not (isinstance(low, SupportsIndex) and isinstance(high, SupportsIndex)):
            raise ArgumentError(
                f"integers: low={low!r}, high={high!r}: expected integers"
            )
        low, high = low.__index__(), high.__index__()
        if not low < high <= low + (1 << 53):
            raise ArgumentError(
                f"integers: low={low}, high={high}: high must be larger, by 2⁵³ at most"
            )
        unit = self.uniform(shape, dtype=dtypes.float64)
        return floor(unit * float(high - low)).astype(dtypes.int64) + low

    def permutation(self, n: int) -> Any:
        """The numbers 0 … n − 1 in random order."""
        return argsort(self.uniform(n, dtype=dtypes.float64))

    def categorical(self, logits: Any, axis: int = -1) -> Any:
        """An index along ``axis`` with probability softmax(logits), by the Gumbel-max
        trick.
        """
        (node,) = lift([logits])
        dtype = dtypes.float_for(node.dtype)
        unit = self.uniform(node.shape, dtype=dtype)
        smallest = 2.0**-25 if dtype == dtypes.float32 else 2.0**-54  # instead of 0
        noise = -log(-log1p(-maximum(unit, smallest)))
        return (node + noise).argmax(axis)


#: The generator that layers and the functions of this module draw from.
default_generator = Generator()


def manual_seed(seed: int) -> None:
    """Makes all that follows repeatable: restarts the default generator from a seed.

    Example:
        >>> import chainrule as cr
        >>> cr.manual_seed(0)
        >>> first = cr.random.uniform(2)
        >>> cr.manual_seed(0)
        >>> bool((cr.random.uniform(2) == first).all())
        True
    """
    default_generator.seed(seed)


def uniform(
    shape: Size = (), *, low: Any = 0.0, high: Any = 1.0, dtype: DTypeLike | None = None
) -> Any:
    """Numbers evenly spread over [low, high), from the default generator.

    Example:
        >>> import chainrule as cr
        >>> cr.random.uniform((2, 3), low=-1.0).shape
        (2, 3)
    """
    return default_generator.uniform(shape, low=low, high=high, dtype=dtype)


def uniform_like(x: Any, *, low: Any = 0.0, high: Any = 1.0) -> Any:
    """``uniform`` with the shape of x, and its dtype where that is a float.

    Example:
        >>> import chainrule as cr
        >>> cr.random.uniform_like(cr.zeros((2, 3))).shape
        (2, 3)
    """
    return default_generator.uniform(**_like(x), low=low, high=high)


def normal(
    shape: Size = (), *, mean: Any = 0.0, std: Any = 1.0, dtype: DTypeLike | None = None
) -> Any:
    """Numbers from N(mean, std²), from the default generator.

    Example:
        >>> import chainrule as cr
        >>> cr.random.normal((2, 3), std=0.1).shape
        (2, 3)
    """
    return default_generator.normal(shape, mean=mean, std=std, dtype=dtype)


def normal_like(x: Any, *, mean: Any = 0.0, std: Any = 1.0) -> Any:
    """``normal`` with the shape of x, and its dtype where that is a float: noise for x.

    Example:
        >>> import chainrule as cr
        >>> x = cr.zeros((2, 3), "float64")
        >>> (x + cr.random.normal_like(x, std=0.1)).dtype
        dtype('float64')
    """
    return default_generator.normal(**_like(x), mean=mean, std=std)


def _like(x: Any) -> dict[str, Any]:
    """The shape of a tensor, and the dtype of floats beside it."""
    (node,) = lift([x])
    return {"shape": node.shape, "dtype": dtypes.float_for(node.dtype)}


def bernoulli(p: Any, shape: Size | None = None) -> Any:
    """True with probability p, from the default generator."""
    return default_generator.bernoulli(p, shape)


def integers(low: int, high: int, shape: Size = ()) -> Any:
    """Whole numbers from low to high − 1, from the default generator."""
    return default_generator.integers(low, high, shape)


def permutation(n: int) -> Any:
    """The numbers 0 … n − 1 in random order, from the default generator."""
    return default_generator.permutation(n)


advise(__name__, __all__, "draws.OPTIONS")
__dir__ = listing(__all__)
if not TYPE_CHECKING:  # so that type checkers still find wrong names
    __getattr__ = missing_names(__name__, advice="draws.NAMES")
