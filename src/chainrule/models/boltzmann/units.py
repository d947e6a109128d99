"""Units of a Boltzmann machine: what values a layer takes, and with which probability.

Place on the road: the foot of ``models.boltzmann``; they know no weights. In every
machine the energy of a layer x, the others given, is

    E(x) = A(x) − x · z,

where z are its *total inputs* (bias and weighted sum). A kind of units is the values
that x may have and its own energy A(x). All else follows from the one function

    log_partition(z) = log Σₓ exp(x · z − A(x))    (an integral for real values):

its gradient is the mean of x given z, and

    log p(x | z) = x · z − A(x) − log_partition(z).

A layer may have units of several kinds, side by side: a tuple of them.
"""

from __future__ import annotations

import itertools
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ... import dtypes
from ...errors import ArgumentError, DTypeError, ShapeError
from ...graph import Array
from ...losses.inputs import right_values
from ...nn.arguments import features, positive_size
from ...ops.arrays import lift
from ...ops.composed import logsumexp, one_hot, softmax
from ...ops.elementwise import log, maximum, sigmoid, softplus
from ...ops.movement import concatenate
from ...random_numbers import Generator, default_generator
from ...wording import spaced

#: More states of a layer than this are not enumerated: 2²⁰ rows take a second or more.
MOST_STATES = 1 << 20


class Units(ABC):
    """A layer of units of one kind.

    Arguments:
        features: how many numbers a state of the layer has.

    Raises:
        ArgumentError: for anything but a whole number of at least 1.

    Example:
        >>> from chainrule import models
        >>> models.Binary(3).mean(np.zeros((1, 3), "f4")).numpy()
        array([[0.5, 0.5, 0.5]], dtype=float32)
    """

    #: What values are allowed, for messages.
    rule: ClassVar[str]
    cure: ClassVar[str]

    def __init__(self, features: int) -> None:
        self.features = positive_size(type(self).__name__, "features", features)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.features})"

    def own_energy(self, x: Any) -> Any:
        """A(x), (…, features) → (…,); 0 here."""
        return 0.0

    @abstractmethod
    def log_partition(self, z: Any) -> Any:
        """log Σₓ exp(x · z − A(x)), (…, features) → (…,)."""

    @abstractmethod
    def mean(self, z: Any) -> Any:
        """E[x | z], (…, features)."""

    @abstractmethod
    def sample(self, z: Any, generator: Generator | None = None) -> Any:
        """x drawn given z, (…, features)."""

    def sample_with_mean(self, means: Any, generator: Generator | None = None) -> Any:
        """Data between two values as probabilities: states drawn with these means. Real
        values are states already.
        """
        return means

    @abstractmethod
    def inputs_of(self, mean: Array) -> Array:
        """The total inputs at which the units have this mean: biases that fit data."""

    @abstractmethod
    def valid(self, x: Any) -> Any:
        """Where values are these units', (…, features) of bools; of arrays and of
        nodes. Means between two values are allowed.
        """

    def between(self, x: Array) -> Array:
        """Where values are means between two states, (…, features) of bools."""
        return np.zeros(x.shape, bool)

    @property
    def num_states(self) -> int | None:
        """How many states the layer has; None for real values."""
        return None

    @property
    def is_real(self) -> bool:
        """Whether some of the units take real values."""
        return self.num_states is None

    def states(self) -> Array:
        """Every state of the layer, (num_states, features).

        Raises:
            ArgumentError: for real values, and for more than 2²⁰ states.
        """
        if self.num_states is None:
            raise ArgumentError(
                f"states of {self!r}: real values are not enumerated",
                fix="sample(z) draws some",
            )
        if self.num_states > MOST_STATES:
            raise ArgumentError(
                f"states of {self!r}: more than the {spaced(MOST_STATES)} that are "
                "enumerated",
                fix="sample(z) draws some",
            )
        return self._states()

    def _states(self) -> Array:
        raise NotImplementedError

    def negative_log_likelihood(self, x: Any, z: Any) -> Any:
        """−log p(x | z) = A(x) + log_partition(z) − x · z, (…,)."""
        return self.own_energy(x) + self.log_partition(z) - (x * z).sum(axis=-1)

    def checked(self, where: str, x: Any, what: str = "data") -> Any:
        """x as a tensor of floats (…, features), its values looked at. In a compiled
        function, which knows none, NaN takes the place of those that are wrong.

        Raises:
            ShapeError: for another width.
            DTypeError: for integers and bools.
            DataError: for values that such units cannot have, with the first one.
        """
        if not isinstance(x, tuple):
            (x,) = lift([x])
            if not dtypes.is_float(x.dtype):
                raise DTypeError(
                    f"{where}: {what} {x.shape} of {x.dtype}: states of units are "
                    "floats",
                    fix="x.astype('float32')",
                )
            size, row = self.features, math.prod(x.shape[1:])
            if len(x.shape) > 2 and row == size != x.shape[-1]:
                raise ShapeError(
                    f"{where}: {what} {x.shape}: expected rows of {size} numbers, one "
                    "for each unit",
                    fix="x.reshape(len(x), -1)",
                )
        rule = f"the last axis of {what} must have one number for each unit"
        node = features(where, x, self.features, rule, "a machine with {} units")
        return right_values(where, node, self.valid, self.rule, self.cure, what)


class Binary(Units):
    """Units that are 0 or 1.

    Formula: A = 0; log_partition(z) = Σ log(1 + exp zᵢ); p(xᵢ = 1 | z) = σ(zᵢ). Data
    between 0 and 1, as grey values, are taken for probabilities.

    Arguments:
        features: how many units.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> units = models.Binary(2)
        >>> units.states().tolist()
        [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
        >>> round(units.log_partition(cr.zeros(2)).item(), 4)  # log 4
        1.3863
    """

    rule = "0 to 1 for binary units"
    cure = "divide images of 0 … 255 by 255; models.Gaussian(…) for other real values"

    def log_partition(self, z: Any) -> Any:
        """Σ log(1 + exp zᵢ)."""
        return softplus(z).sum(axis=-1)

    def mean(self, z: Any) -> Any:
        """σ(z)."""
        return sigmoid(z)

    def sample(self, z: Any, generator: Generator | None = None) -> Any:
        """1 with probability σ(z), else 0."""
        source = default_generator if generator is None else generator
        return source.bernoulli(sigmoid(z)).astype(z.dtype)

    def sample_with_mean(self, means: Any, generator: Generator | None = None) -> Any:
        """1 with these probabilities, else 0."""
        source = default_generator if generator is None else generator
        return source.bernoulli(means).astype(means.dtype)

    def inputs_of(self, mean: Array) -> Array:
        """log p / (1 − p), with p kept from 0 and 1 by 1/1000."""
        p: Array = np.clip(mean, 1e-3, 1 - 1e-3)
        inputs: Array = np.log(p) - np.log1p(-p)
        return inputs

    def valid(self, x: Any) -> Any:
        """From 0 to 1."""
        return (x >= 0) & (x <= 1)

    def between(self, x: Array) -> Array:
        """Between 0 and 1."""
        found: Array = (x > 0) & (x < 1)
        return found

    @property
    def num_states(self) -> int:
        """2 to the power of ``features``."""
        return 1 << self.features

    def _states(self) -> Array:
        numbers = np.arange(1 << self.features)[:, None]
        return (numbers >> np.arange(self.features)[::-1] & 1).astype(float)


class Gaussian(Units):
    """Real units with variance 1 around their total input.

    Formula: A(x) = ½ ‖x‖²; log_partition(z) = ½ ‖z‖² + ½ n log 2π; x | z ~ N(z, 1).
    Data should be standardised: mean 0 and variance 1 for each feature, or whitened.

    Arguments:
        features: how many units.

    Source: Welling, Rosen-Zvi & Hinton, Exponential family harmoniums (2005).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> models.Gaussian(2).mean(cr.tensor([0.5, -3.0])).numpy()
        array([ 0.5, -3. ], dtype=float32)
    """

    rule = "finite numbers"
    cure = "standardise the data: mean 0 and variance 1 for each feature"

    def own_energy(self, x: Any) -> Any:
        """½ ‖x‖²."""
        return 0.5 * (x * x).sum(axis=-1)

    def log_partition(self, z: Any) -> Any:
        """½ ‖z‖² + ½ n log 2π."""
        constant = 0.5 * self.features * math.log(2 * math.pi)
        return 0.5 * (z * z).sum(axis=-1) + constant

    def mean(self, z: Any) -> Any:
        """z."""
        return z

    def sample(self, z: Any, generator: Generator | None = None) -> Any:
        """z and standard normal noise."""
        source = default_generator if generator is None else generator
        return z + source.normal(z.shape, dtype=z.dtype)

    def inputs_of(self, mean: Array) -> Array:
        """The mean itself."""
        return mean

    def valid(self, x: Any) -> Any:
        """Neither NaN nor an infinity."""
        return np.isfinite(x)


class Softmax(Units):
    """One choice among classes: a single 1, the rest 0. For labels, and as the hidden
    layer of a mixture.

    Formula: A = 0; log_partition(z) = log Σ exp zᵢ; p(xᵢ = 1 | z) = softmax(z)ᵢ.

    Arguments:
        features: how many classes; for several choices, a tuple of such units.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> models.Softmax(3).states().tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """

    rule = "one number for each class, 0 or more, with the sum 1"
    cure = "cr.one_hot(labels, classes)"

    def log_partition(self, z: Any) -> Any:
        """log Σ exp zᵢ."""
        return logsumexp(z, axis=-1)

    def mean(self, z: Any) -> Any:
        """softmax(z)."""
        return softmax(z, axis=-1)

    def sample(self, z: Any, generator: Generator | None = None) -> Any:
        """A 1 at one place, with probability softmax(z)."""
        source = default_generator if generator is None else generator
        return one_hot(source.categorical(z), self.features, z.dtype)

    def sample_with_mean(self, means: Any, generator: Generator | None = None) -> Any:
        """A 1 at one place, with these probabilities."""
        return self.sample(log(maximum(means, 1e-30)), generator)

    def inputs_of(self, mean: Array) -> Array:
        """log p, with p kept from 0 by 1/1000."""
        inputs: Array = np.log(np.maximum(mean, 1e-3))
        return inputs

    def valid(self, x: Any) -> Any:
        """From 0 to 1, in rows that add up to 1."""
        off = abs(x.sum(axis=-1, keepdims=True) - 1)
        return (x >= 0) & (x <= 1) & (off <= 1e-3)

    def between(self, x: Array) -> Array:
        """Between 0 and 1."""
        found: Array = (x > 0) & (x < 1)
        return found

    @property
    def num_states(self) -> int:
        """One for each class."""
        return self.features

    def _states(self) -> Array:
        return np.eye(self.features)


class Mixed(Units):
    """Units of several kinds side by side in one layer; what a tuple of units becomes.

    Arguments:
        parts: their kinds, in the order of the features.

    Example:
        >>> from chainrule.models.boltzmann.units import Binary, Mixed, Softmax
        >>> Mixed([Binary(2), Softmax(3)]).features
        5
    """

    def __init__(self, parts: Sequence[Units]) -> None:
        super().__init__(sum(part.features for part in parts))
        self.parts = tuple(parts)
        ends = list(itertools.accumulate(part.features for part in parts))
        self._slices = [
            slice(end - part.features, end)
            for part, end in zip(parts, ends, strict=True)
        ]
        self.rule = "; ".join(dict.fromkeys(part.rule for part in parts))  # type: ignore[misc]
        self.cure = "; ".join(dict.fromkeys(part.cure for part in parts))  # type: ignore[misc]

    def __repr__(self) -> str:
        return ", ".join(map(repr, self.parts))

    def split(self, x: Any) -> list[tuple[Units, Any]]:
        """Each kind with its part of the last axis."""
        return [
            (part, x[..., where])
            for part, where in zip(self.parts, self._slices, strict=True)
        ]

    def own_energy(self, x: Any) -> Any:
        """The sum of its parts'."""
        return sum(part.own_energy(each) for part, each in self.split(x))

    def log_partition(self, z: Any) -> Any:
        """The sum of its parts': they are independent given z."""
        return sum(part.log_partition(each) for part, each in self.split(z))

    def mean(self, z: Any) -> Any:
        """Its parts' means, side by side."""
        return concatenate([part.mean(each) for part, each in self.split(z)], -1)

    def sample(self, z: Any, generator: Generator | None = None) -> Any:
        """Its parts' samples, side by side."""
        drawn = [part.sample(each, generator) for part, each in self.split(z)]
        return concatenate(drawn, -1)

    def sample_with_mean(self, means: Any, generator: Generator | None = None) -> Any:
        """Its parts' draws, side by side."""
        found = [
            part.sample_with_mean(each, generator) for part, each in self.split(means)
        ]
        return concatenate(found, -1)

    def inputs_of(self, mean: Array) -> Array:
        """Its parts', side by side."""
        found = [part.inputs_of(each) for part, each in self.split(mean)]
        return np.concatenate(found, -1)

    def valid(self, x: Any) -> Any:
        """Where a part finds its values right."""
        return np.concatenate([part.valid(each) for part, each in self.split(x)], -1)

    def between(self, x: Array) -> Array:
        """Where a part finds them between its states."""
        return np.concatenate([part.between(each) for part, each in self.split(x)], -1)

    @property
    def num_states(self) -> int | None:
        """The product of its parts'; None where one of them has real values."""
        counts = [part.num_states for part in self.parts]
        return None if None in counts else math.prod(counts)  # type: ignore[arg-type]

    def _states(self) -> Array:
        rows = itertools.product(*(part.states() for part in self.parts))
        return np.array([np.concatenate(row) for row in rows])


_KINDS: dict[str, type[Units]] = {k.__name__: k for k in (Binary, Gaussian, Softmax)}
_WRITTEN = re.compile(r"(\w+)\((\d+)\)")


def as_units(where: str, name: str, given: Any) -> Units:
    """The units that an argument means: a number of binary ones, units, a tuple of
    either, or their printed form, as files have it.

    Raises:
        ArgumentError: for anything else, and for a layer without units.

    Example:
        >>> as_units("RBM", "visible", 3), as_units("RBM", "visible", "Softmax(2)")
        (Binary(3), Softmax(2))
        >>> as_units("RBM", "visible", (4, Softmax(2)))
        Binary(4), Softmax(2)
    """
    if isinstance(given, Units):
        return given
    if isinstance(given, str):
        written = _WRITTEN.findall(given)
        if written and all(kind in _KINDS for kind, _ in written):
            given = tuple(_KINDS[kind](int(size)) for kind, size in written)
    if isinstance(given, (tuple, list)) and given:
        parts = [as_units(where, name, each) for each in given]
        return parts[0] if len(parts) == 1 else Mixed(parts)
    if isinstance(given, (str, tuple, list, float)) or given is None:
        raise ArgumentError(
            f"{where}: {name}={given!r}: expected a number of binary units, or units",
            fix="500, models.Gaussian(64), or (784, models.Softmax(10)) for both kinds",
        )
    return Binary(positive_size(where, name, given))
