"""What a minimizer and the programs of its objective say to each other.

Place on the road: below ``programs``, which compiles an objective with its derivatives,
and below the minimizers. What is known of a point, a line and a step while they are
traced; and the errors for an objective that is none.
"""

from __future__ import annotations

import functools
import inspect
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

from .. import dtypes
from ..checks import first_fault
from ..errors import (
    ArgumentError,
    ChainruleError,
    GradientError,
    NumericsError,
    ShapeError,
)
from ..graph import Node
from ..ops.arrays import constant
from ..ops.elementwise import absolute, cast, maximum, where
from ..ops.reduction import max as max_
from ..ops.reduction import sum as sum_
from ..tensor import Tensor
from ..variable import Parameter
from .composed import Composed
from .parameter_groups import RATE_DTYPE

Values = Mapping[Parameter, Any]


def inner(a: Values, b: Values) -> Any:
    """Σ a · b over all parameters, summed in float64."""
    parts = [
        sum_(cast(a[w], dtype=RATE_DTYPE) * cast(b[w], dtype=RATE_DTYPE)) for w in a
    ]
    return functools.reduce(operator.add, parts)


def largest(values: Values) -> Any:
    """The largest |value| of all parameters, in float64; 0 where there is none."""
    some = [each for each in values.values() if 0 not in each.shape]
    parts = [cast(max_(absolute(each)), dtype=RATE_DTYPE) for each in some]
    return functools.reduce(maximum, parts) if parts else constant(0.0, RATE_DTYPE)


def scaled(factor: Any, values: Values) -> dict[Parameter, Any]:
    """A number, which may be float64, times values in their own dtypes."""
    return {w: cast(factor, dtype=w.dtype) * each for w, each in values.items()}


def as_number(*values: float) -> Tensor:
    """A float64 tensor of one number, or of several: a Python number among arguments
    would be float32.
    """
    array = np.array(values if len(values) > 1 else values[0], RATE_DTYPE)
    return Tensor(None, (), {}, array.shape, RATE_DTYPE, array)


class Owner(Protocol):
    """What a program needs of the minimizer."""

    engine: str | None

    @property
    def descends(self) -> bool:
        """Whether the loss must fall along a direction."""

    @property
    def climbs(self) -> bool:
        """Whether the loss is to be made larger."""

    def penalties(self) -> dict[Parameter, float]:
        """λ of the penalty λ/2 ‖w‖², by parameter."""

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of what the algorithm remembers."""

    @property
    def looks_again(self) -> bool:
        """Whether ``direction`` evaluates the objective."""

    @property
    def learns(self) -> bool:
        """Whether ``learned`` looks at every step that was made."""

    def trained(self) -> tuple[Parameter, ...]:
        """The parameters that are not frozen."""

    def slot(self, name: str, weights: Iterable[Parameter]) -> dict[Parameter, Any]:
        """What is remembered under a name, by parameter."""

    @property
    def shared(self) -> dict[str, Any]:
        """What is remembered of all parameters together, by name."""

    def remember(self, state: Mapping[str, Any]) -> None:
        """Puts new values in the place of what is remembered."""

    def minimised(self, objective: Any, data: tuple[Any, ...]) -> tuple[Any, Any, Any]:
        """What is minimised, the loss, and what is measured."""

    def direction(self, at: At) -> tuple[Values, Mapping[str, Any]]:
        """The direction at a point, and the new state."""

    def first_step(self, line: Line) -> Any:
        """The step to begin with."""

    def learned(self, moved: Moved) -> Mapping[str, Any]:
        """What is to be remembered of a step."""


@dataclass(frozen=True)
class At:
    """The point for which a direction is asked, while the function is traced.

    Attributes:
        owner: the minimizer.
        fresh: a bool tensor: nothing is remembered of other points, because this is the
            first iteration, or because what was remembered led nowhere.
        gradient: g, by parameter, the penalty of ``l2`` included.
        steepest: −g / ‖g‖∞.
        objective, data: what is minimised; see ``minimised`` for the penalty.
        again: calls a function of the objective, which sees what it changes (random
            draws, averages) as the evaluations of the iteration do, and changes
            nothing.
        numbers: filled by the direction: tensors of one number, by name, that ``go`` is
            told in ``Way.figures``. "products" is how often a matrix met a vector.
    """

    owner: Owner
    fresh: Any
    gradient: Values
    steepest: Values
    objective: Any
    data: tuple[Any, ...]
    again: Callable[[Callable[[], Any]], Any]
    numbers: dict[str, Any] = field(default_factory=dict)

    @property
    def shared(self) -> dict[str, Any]:
        """What is remembered of all parameters together, by name."""
        return self.owner.shared

    def state(self, slot: str) -> dict[Parameter, Any]:
        """What is remembered under a name, by parameter."""
        return self.owner.slot(slot, self.gradient)


@dataclass(frozen=True)
class Line:
    """A direction for which a first step is asked, while a function is traced.

    Attributes:
        fresh: a bool tensor: nothing is remembered of other points.
        own: a bool tensor: the direction is the algorithm's own; otherwise it is
            steepest descent.
        slope: ∇L · d, negative.
        length: ‖d‖, Euclid's.
        last_step: α of the iteration before; 0 if there was none.
        last_slope: its slope at its start.
    """

    fresh: Any
    own: Any
    slope: Any
    length: Any
    last_step: Any
    last_slope: Any

    def begins_with(self, step: Any, known: Any) -> Any:
        """A step where it is known, and otherwise one of length 1.

        Arguments:
            step: α.
            known: a bool tensor; where the direction is not the algorithm's own, α is
                never known.
        """
        return where(self.own & known, step, 1.0 / self.length)


class Way(NamedTuple):
    """A direction that was computed.

    Attributes:
        slope: ∇L · d, negative.
        length: ‖d‖, Euclid's.
        own: whether it is the algorithm's own; otherwise it is steepest descent.
        first: the step to begin with.
        figures: what the direction told in ``At.numbers``.
    """

    slope: float
    length: float
    own: bool
    first: float
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Moved:
    """A step that was made, while a function is traced.

    Attributes:
        step: s, the parameters' change.
        gradient: at the new point.
        state: what is remembered, slot → parameter → value.
        shared: what is remembered of all parameters together, by name.
    """

    step: Values
    gradient: Values
    state: Mapping[str, Values]
    shared: Mapping[str, Any]


def named(weights: Sequence[Parameter]) -> str:
    """Parameters as messages say them: the first five."""
    shown = [w.path or w.describe() for w in weights]
    more = f" and {len(shown) - 5} more" if len(shown) > 5 else ""
    plural = "s" if len(shown) > 1 else ""
    return f"parameter{plural} {', '.join(shown[:5])}{more}"


def unreached(owner: Owner, missing: list[Parameter]) -> GradientError:
    """The error for parameters that the loss does not depend on."""
    return GradientError(
        f"{type(owner).__name__}.step: {named(missing)} not reached by the loss: no "
        "operation with a derivative leads there",
        fix="use it to compute the loss, freeze it, or leave it out of the optimizer",
    )


def loss_of(name: str, objective: Any, data: tuple[Any, ...]) -> tuple[Any, Any]:
    """The loss of an objective, checked, and what it measures.

    Raises:
        ArgumentError: where the objective does not take the data.
        GradientError: where it is a number of Python or NumPy.
        ShapeError: where it is not one floating-point number.
    """
    composed = isinstance(objective, Composed)
    _check_arguments(name, objective.outputs if composed else objective, data)
    loss, measured = objective.measured(*data) if composed else (objective(*data), None)
    if isinstance(loss, Node) and not loss.shape and dtypes.is_float(loss.dtype):
        return loss, measured
    raise _no_loss(name, loss)


def _no_loss(name: str, loss: Any) -> ChainruleError:
    """The error for what an objective returned in the place of a loss."""
    said = f"{name}.step: the objective returned"
    expected = "expected one floating-point number"
    if isinstance(loss, Node):
        sum_up = set(loss.shape) == {1}
        return ShapeError(
            f"{said} {loss.dtype} {loss.shape}: {expected}",
            fix="reduce it with .sum()" if sum_up else "reduce it with .mean()",
        )
    if isinstance(loss, (bool, int, float, np.generic, np.ndarray)):
        return GradientError(
            f"{said} {loss!r}, a {type(loss).__name__}: it was not computed from the "
            "parameters by operations of tensors",
            fix="def loss(x, y): return losses.mse(model(x), y)",
        )
    if loss is None:
        return ShapeError(
            f"{said} None: {expected}; its return is missing",
            fix="def loss(x, y): return losses.mse(model(x), y)",
        )
    return ShapeError(
        f"{said} a {type(loss).__name__}: {expected}", fix="return the loss alone"
    )


def _check_arguments(name: str, function: Any, data: tuple[Any, ...]) -> None:
    """An error for a function that does not take the data."""
    try:
        inspect.signature(function).bind(*data)
    except ValueError:  # it has no signature to look at
        return
    except TypeError as error:
        raise ArgumentError(
            f"{name}.step: the objective does not take the data, {len(data)} "
            f"argument{'' if len(data) == 1 else 's'}: {error}",
            fix="optimizer.step(loss, x, y) calls loss(x, y)",
        ) from None


def check_objective(name: str, objective: Any) -> None:
    """An error for what is no function of the data."""
    if isinstance(objective, (Node, Mapping)) or not callable(objective):
        kind = "gradients" if isinstance(objective, Mapping) else "a number"
        what = kind if isinstance(objective, (Node, Mapping)) else repr(objective)
        raise ArgumentError(
            f"{name}.step: it was given {what}: it evaluates the loss itself, as often "
            "as it needs to, and so it takes the function that computes it",
            fix="def loss(x, y): return losses.mse(model(x), y); "
            "optimizer.step(loss, x, y)",
        )


def not_finite(
    name: str,
    loss: float,
    norm: float,
    function: Callable[..., Any],
    data: tuple[Any, ...],
) -> NumericsError:
    """The error for a loss or a gradient that is no number at the start.

    Arguments:
        name: of the algorithm.
        loss, norm: the loss, and the largest |∂L/∂w|.
        function, data: what made it, which is evaluated operation by operation to find
            the first that did.
    """
    fault = first_fault(function, *data)
    what, value = ("gradient", norm) if math.isfinite(loss) else ("loss", loss)
    kind = "NaN" if math.isnan(value) else "infinite"
    why = f": {fault.what}" if fault is not None else ""
    return NumericsError(
        f"{name}.step: the {what} is {kind} where the iteration begins{why}; nothing "
        "has changed",
        at=fault.at if fault is not None else None,
        fix="begin with smaller weights, or look for the operation that made it",
    )
