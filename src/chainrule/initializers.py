"""Initial values of weights; each initializer documents the variance it aims at.

Place on the road: beside ``nn``, whose layers call them. They know shapes and random
generators, no layers.

An initializer is anything called as ``init(shape, generator=None, dtype=None)`` that
returns a tensor of that shape. The functions here make them: ``he_normal()`` is one.

Why the variance matters: a sum of n inputs of variance v with weights of variance
σ² has variance n σ² v. So signals keep their scale in the forward pass with
σ² = 1 / fan_in, and gradients keep theirs in the backward pass with σ² = 1 / fan_out.
Weights from N(0, 1), as in some textbooks, multiply the variance by fan_in in every
layer: a sigmoid then saturates and learning stalls. Use ``normal(std=1)`` only to
reproduce that.

``fan_in`` and ``fan_out`` of a weight: shapes are ``(out, in)``, or ``(out, …kernel…,
in)``, where the sizes of the kernel multiply both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import DTypeLike

from . import dtypes
from .errors import ArgumentError, ShapeError, unknown_option
from .graph import Array
from .public import advise, listing, missing_names
from .random_numbers import Generator, default_generator
from .shapes import Shape
from .tensor import tensor

__all__ = [
    "BY_NAME",
    "Initializer",
    "Rule",
    "as_initializer",
    "by_name",
    "constant",
    "fans",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "uniform",
    "zeros",
]


class Initializer(Protocol):
    """What makes the first values of a parameter."""

    def __call__(
        self,
        shape: Sequence[int],
        generator: Generator | None = None,
        dtype: DTypeLike | None = None,
    ) -> Any:
        """A tensor of this shape, drawn from the generator (default: the package's)."""


Draw = Callable[[Shape, Generator, Any], Any]


@dataclass(frozen=True)
class Rule:
    """An initializer made of a name, its settings and a way to draw."""

    name: str
    draw: Draw = field(repr=False, compare=False)
    settings: tuple[tuple[str, float], ...] = ()

    def __call__(
        self,
        shape: Sequence[int],
        generator: Generator | None = None,
        dtype: DTypeLike | None = None,
    ) -> Any:
        """A tensor of this shape."""
        source = default_generator if generator is None else generator
        wanted = dtypes.as_dtype(float if dtype is None else dtype)
        return self.draw(tuple(shape), source, wanted)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value:g}" for name, value in self.settings)
        return f"{self.name}({shown})"


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight: how many inputs an output has, and the reverse.

    Shapes: (out, in) → (in, out); (out, …kernel…, in) → both times the kernel's size.

    Raises:
        ShapeError: for fewer than two axes.

    Example:
        >>> fans((10, 784)), fans((32, 3, 3, 16))
        ((784, 10), (144, 288))
    """
    if len(shape) < 2:
        raise ShapeError(
            f"initializers: weight {tuple(shape)}: fan_in and fan_out need at least "
            "two axes, (out, in)",
            fix="initialize a vector with zeros(), constant(), normal() or uniform()",
        )
    kernel = math.prod(shape[1:-1])
    return shape[-1] * kernel, shape[0] * kernel


def normal(std: float = 1.0, mean: float = 0.0) -> Rule:
    """N(mean, std²); variance std².

    N(0, 1), the default, suits embeddings. For the weights of a layer it is too large
    by a factor of fan_in (see the module's text): use ``lecun_normal``, ``he_normal``.

    Example:
        >>> normal(std=0.01)((2, 3)).shape
        (2, 3)
    """
    _not_negative("normal", "std", std)
    return Rule(
        "normal",
        lambda shape, source, dtype: source.normal(
            shape, mean=float(mean), std=float(std), dtype=dtype
        ),
        (("std", std), ("mean", mean)),
    )


def uniform(low: float = -0.05, high: float = 0.05) -> Rule:
    """Evenly spread over [low, high); variance (high − low)² / 12.

    Example:
        >>> bool((abs(uniform(-0.5, 0.5)((2, 3))) <= 0.5).all())
        True
    """
    if not low <= high:
        raise ArgumentError(f"uniform: low={low}, high={high}: low must not be larger")
    return Rule(
        "uniform",
        lambda shape, source, dtype: source.uniform(
            shape, low=float(low), high=float(high), dtype=dtype
        ),
        (("low", low), ("high", high)),
    )


def glorot_uniform(gain: float = 1.0) -> Rule:
    """U(±gain·√(6 / (fan_in + fan_out))); variance gain² · 2 / (fan_in + fan_out).

    A compromise between keeping the scale of signals forward and of gradients backward,
    for activations of slope 1 around 0: identity, tanh.

    Source: Glorot & Bengio (2010), equation 16.

    Example:
        >>> glorot_uniform()((10, 784)).shape
        (10, 784)
    """
    return _scaled_uniform("glorot_uniform", gain, _glorot_variance)


def glorot_normal(gain: float = 1.0) -> Rule:
    """N(0, gain² · 2 / (fan_in + fan_out)).

    Source: Glorot & Bengio (2010), equation 12.

    Example:
        >>> glorot_normal()((10, 784)).shape
        (10, 784)
    """
    return _scaled_normal("glorot_normal", gain, _glorot_variance)


def he_uniform(gain: float = 1.0) -> Rule:
    """U(±gain·√(6 / fan_in)); variance gain² · 2 / fan_in.

    The 2 makes up for ReLU, which passes half of a symmetric signal.

    Source: He et al. (2015), equation 10.

    Example:
        >>> he_uniform()((10, 784)).shape
        (10, 784)
    """
    return _scaled_uniform("he_uniform", gain, _he_variance)


def he_normal(gain: float = 1.0) -> Rule:
    """N(0, gain² · 2 / fan_in), for ReLU.

    Source: He et al. (2015), equation 10.

    Example:
        >>> he_normal()((10, 784)).shape
        (10, 784)
    """
    return _scaled_normal("he_normal", gain, _he_variance)


def lecun_uniform(gain: float = 1.0) -> Rule:
    """U(±gain·√(3 / fan_in)); variance gain² / fan_in: signals keep their scale.

    Source: LeCun et al. (1998), Efficient BackProp, section 4.6.

    Example:
        >>> lecun_uniform()((10, 784)).shape
        (10, 784)
    """
    return _scaled_uniform("lecun_uniform", gain, _lecun_variance)


def lecun_normal(gain: float = 1.0) -> Rule:
    """N(0, gain² / fan_in): signals keep their scale.

    Source: LeCun et al. (1998), Efficient BackProp, section 4.6.

    Example:
        >>> lecun_normal()((10, 784)).shape
        (10, 784)
    """
    return _scaled_normal("lecun_normal", gain, _lecun_variance)


def orthogonal(gain: float = 1.0) -> Rule:
    """A random matrix with W Wᵀ = gain² I (or Wᵀ W = gain² I for a tall one).

    Lengths of vectors are kept, times gain; the variance of an element is gain² divided
    by the longer side. Axes after the first are taken as one: a kernel is a matrix from
    what its window sees to its outputs.

    Source: Saxe, McClelland & Ganguli (2014).

    Example:
        >>> W = orthogonal()((2, 3), dtype="float64").numpy()
        >>> bool(np.allclose(W @ W.T, np.eye(2)))
        True
    """
    _not_negative("orthogonal", "gain", gain)

    def draw(shape: Shape, source: Generator, dtype: Any) -> Any:
        fans(shape)
        rows, columns = shape[0], math.prod(shape[1:])
        tall = (max(rows, columns), min(rows, columns))
        sample = source.normal(tall, dtype=dtypes.float64).numpy()
        matrix = gain * _orthonormal_columns(sample)
        matrix = matrix if rows >= columns else matrix.T
        return tensor(matrix.reshape(shape).astype(dtype))

    return Rule("orthogonal", draw, (("gain", gain),))


def zeros() -> Rule:
    """0 everywhere: for biases. Weights that are all 0 give every unit the same
    gradient, so the units never become different.

    Example:
        >>> zeros()((2,)).numpy()
        array([0., 0.], dtype=float32)
    """
    return _filled("zeros", 0.0, ())


def ones() -> Rule:
    """1 everywhere: for scales.

    Example:
        >>> ones()((2,)).numpy()
        array([1., 1.], dtype=float32)
    """
    return _filled("ones", 1.0, ())


def constant(value: float) -> Rule:
    """One value everywhere.

    Example:
        >>> constant(0.25)((2,)).numpy()
        array([0.25, 0.25], dtype=float32)
    """
    return _filled("constant", float(value), (("value", value),))


def by_name(name: str) -> Rule:
    """The initializer of a name, with its default settings; ``-`` counts as ``_``.

    Raises:
        OptionError: for an unknown name, with the nearest one.

    Example:
        >>> by_name("he-normal")
        he_normal(gain=1)
    """
    maker = BY_NAME.get(str(name).replace("-", "_"))
    if maker is None:
        raise unknown_option("initializer", name, BY_NAME)
    return maker()


def as_initializer(init: Initializer | str) -> Initializer:
    """The initializer for what a layer's ``weight_init`` or ``bias_init`` accepts: an
    initializer, its name, or the function that makes it.

    Raises:
        OptionError: for an unknown name.
        ArgumentError: for anything else.

    Example:
        >>> as_initializer("zeros"), as_initializer(zeros)
        (zeros(), zeros())
    """
    if isinstance(init, str):
        return by_name(init)
    given: Any = init
    maker = BY_NAME.get(getattr(given, "__name__", ""))
    if maker is not None and maker is given:
        return maker()
    if not callable(init):
        raise ArgumentError(
            f"initializer: {init!r}: expected a name, or a function of "
            "(shape, generator, dtype)",
            fix="initializers.constant(value) for a value",
        )
    return init


# Parts of the rules. ---------------------------------------------------------------


def _glorot_variance(fan_in: int, fan_out: int) -> float:
    return 2.0 / max(1, fan_in + fan_out)


def _he_variance(fan_in: int, fan_out: int) -> float:
    return 2.0 / max(1, fan_in)


def _lecun_variance(fan_in: int, fan_out: int) -> float:
    return 1.0 / max(1, fan_in)


def _scaled_uniform(
    name: str, gain: float, variance: Callable[[int, int], float]
) -> Rule:
    _not_negative(name, "gain", gain)

    def draw(shape: Shape, source: Generator, dtype: Any) -> Any:
        bound = gain * math.sqrt(3.0 * variance(*fans(shape)))
        return source.uniform(shape, low=-bound, high=bound, dtype=dtype)

    return Rule(name, draw, (("gain", gain),))


def _scaled_normal(
    name: str, gain: float, variance: Callable[[int, int], float]
) -> Rule:
    _not_negative(name, "gain", gain)

    def draw(shape: Shape, source: Generator, dtype: Any) -> Any:
        std = gain * math.sqrt(variance(*fans(shape)))
        return source.normal(shape, std=std, dtype=dtype)

    return Rule(name, draw, (("gain", gain),))


def _filled(name: str, value: float, settings: tuple[tuple[str, float], ...]) -> Rule:
    return Rule(
        name,
        lambda shape, source, dtype: tensor(np.full(shape, value, dtype)),
        settings,
    )


def _orthonormal_columns(sample: Array) -> Array:
    """Q of the QR decomposition, with the signs that make it uniformly distributed
    (Mezzadri, 2007)."""
    q, r = np.linalg.qr(sample)
    result: Array = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return result


def _not_negative(name: str, argument: str, value: float) -> None:
    if not (isinstance(value, (int, float, np.number)) and 0 <= value < math.inf):
        raise ArgumentError(f"{name}: {argument}={value!r}: expected a number ≥ 0")


advise(__name__, __all__, "initializers.OPTIONS")

#: The initializers that need no argument, by name.
BY_NAME: dict[str, Callable[[], Rule]] = {
    maker.__name__: maker
    for maker in (
        normal,
        uniform,
        glorot_uniform,
        glorot_normal,
        he_uniform,
        he_normal,
        lecun_uniform,
        lecun_normal,
        orthogonal,
        zeros,
        ones,
    )
}

__dir__ = listing(__all__)
if not TYPE_CHECKING:  # so that type checkers still find wrong names
    __getattr__ = missing_names(__name__, advice="initializers.NAMES")
