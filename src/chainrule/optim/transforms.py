"""What is done to gradients before an optimizer uses them: clipping and penalties.

Place on the road: between ``backprop`` and the rule of an optimizer. A transform is a
function from gradients by parameter to gradients by parameter; an optimizer applies its
list of them in order. The functions of the same meaning work on what ``backprop``
returned, or an ``Accumulator``. It must not know of optimizers.

Order matters: ``[L2(1e-4), ClipNorm(1.0)]`` clips the sum of gradient and penalty,
``[ClipNorm(1.0), L2(1e-4)]`` adds the penalty to the clipped gradient, as PyTorch's
``clip_grad_norm_`` and ``weight_decay`` do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ArgumentError
from ..gradients import Gradients
from ..ops.composed import clip
from ..ops.elementwise import absolute, cast, maximum, sign, sqrt, where
from ..ops.reduction import max as max_
from ..ops.reduction import sum as sum_
from ..public import advise, listing
from ..variable import Parameter
from .hyperparameters import not_negative, positive
from .row_gradients import rows_of

__all__ = [
    "L1",
    "L2",
    "ClipNorm",
    "ClipValue",
    "clip_by_norm",
    "clip_by_value",
    "global_norm",
    "l1_penalty",
    "l2_penalty",
]

Gradient = Mapping[Parameter, Any]


@dataclass(frozen=True)
class ClipValue:
    """Every element of every gradient brought into [−limit, limit].

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter([3.0, -0.1])
        >>> optimizer = optim.SGD([w], lr=1.0, transforms=[optim.ClipValue(0.5)])
        >>> optimizer.step(cr.backprop((w * w).sum()))
        >>> w.numpy()
        array([2.5, 0.1], dtype=float32)
    """

    limit: float

    def __post_init__(self) -> None:
        positive("ClipValue", "limit", self.limit)

    def __call__(self, gradients: Gradient) -> dict[Parameter, Any]:
        """The gradients, clipped."""
        return {w: clip(g, -self.limit, self.limit) for w, g in gradients.items()}


@dataclass(frozen=True)
class ClipNorm:
    """All gradients scaled together, so that their common norm is at most ``max_norm``.

    Formula: g ← g · c / max(‖g‖, c), with c = max_norm and ‖g‖ the Euclidean norm of
    all gradients taken as one vector. Gradients within the bound keep their bits; NaN
    or Inf in one makes all of them NaN, instead of hiding it. Finite gradients are
    scaled rightly also where their norm is beyond the largest number of their dtype.

    Source: Pascanu, Mikolov & Bengio, On the difficulty of training recurrent neural
    networks (2013), algorithm 1.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter([0.0, 0.0])
        >>> optimizer = optim.SGD([w], lr=1.0, transforms=[optim.ClipNorm(1.0)])
        >>> optimizer.step({w: cr.tensor([3.0, 4.0])})
        >>> w.numpy()
        array([-0.6, -0.8], dtype=float32)
    """

    max_norm: float

    def __post_init__(self) -> None:
        positive("ClipNorm", "max_norm", self.max_norm)

    def __call__(self, gradients: Gradient) -> dict[Parameter, Any]:
        """The gradients, scaled."""
        if not gradients:
            return {}
        largest, root = _norm_in_two(gradients)
        within = largest * root <= self.max_norm
        # Each is finite where all gradients are; their product, the norm, may not be.
        unit = where(within, 1.0, largest)
        scale = where(within, 1.0, self.max_norm / root)
        return {w: g / _as(unit, g) * _as(scale, g) for w, g in gradients.items()}


@dataclass(frozen=True)
class L2:
    """The L2 penalty: g ← g + λw, the gradient of L + (λ/2)‖w‖².

    What PyTorch's SGD calls ``weight_decay``. With adaptive algorithms it is not the
    same as decaying the weights: see ``optim.AdamW``. To leave biases out, give it to
    the group of the weights alone.

    Source: Krogh & Hertz, A simple weight decay can improve generalization (1992).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> W, b = cr.parameter([2.0]), cr.parameter([2.0])
        >>> optimizer = optim.SGD(
        ...     [{"params": [W], "transforms": [optim.L2(0.5)]}, {"params": [b]}],
        ...     lr=1.0,
        ... )
        >>> optimizer.step({W: [1.0], b: [1.0]})
        >>> W.item(), b.item()
        (0.0, 1.0)
    """

    strength: float

    def __post_init__(self) -> None:
        not_negative("L2", "strength", self.strength)

    def __call__(self, gradients: Gradient) -> dict[Parameter, Any]:
        """The gradients with λw added."""
        return {w: g + self.strength * w for w, g in gradients.items()}


@dataclass(frozen=True)
class L1:
    """The L1 penalty: g ← g + λ sign(w), a subgradient of L + λ‖w‖₁; 0 where w is 0.

    Source: Tibshirani, Regression shrinkage and selection via the lasso (1996).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter([2.0, 0.0])
        >>> optimizer = optim.SGD([w], lr=1.0, transforms=[optim.L1(0.5)])
        >>> optimizer.step({w: cr.zeros(2)})
        >>> w.numpy()
        array([1.5, 0. ], dtype=float32)
    """

    strength: float

    def __post_init__(self) -> None:
        not_negative("L1", "strength", self.strength)

    def __call__(self, gradients: Gradient) -> dict[Parameter, Any]:
        """The gradients with λ sign(w) added."""
        return {w: g + self.strength * sign(w) for w, g in gradients.items()}


def global_norm(gradients: Mapping[Any, Any]) -> Any:
    """‖g‖ = √Σg², of all gradients taken as one vector, as a tensor of one number.

    The largest element is taken out before squaring, so that a gradient of 10³⁰ has a
    norm in float32; it is ∞ only where the norm itself is too large for the dtype. From
    what ``backprop`` returned, the parameters' gradients count.

    Raises:
        ArgumentError: when there is no gradient.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter([1.5, 2.0])
        >>> optim.global_norm(cr.backprop((w * w).sum())).item()
        5.0
    """
    if isinstance(gradients, Gradients):
        gradients = _of_parameters("global_norm", gradients, None)
    largest, root = _norm_in_two(gradients)
    return largest * root


def _norm_in_two(gradients: Mapping[Any, Any]) -> tuple[Any, Any]:
    """The largest magnitude, and the norm of the gradients divided by it."""
    parts = [_not_zero(each) for each in gradients.values() if each.size]
    if not parts:
        raise ArgumentError("global_norm: there are no gradients")
    largest = max_(absolute(parts[0]))
    for each in parts[1:]:
        largest = maximum(largest, max_(absolute(each)))
    unit = where(largest == 0, 1.0, largest)  # all zeros have the norm 0
    squares = 0.0
    for each in parts:
        scaled = each / _as(unit, each)
        squares = squares + sum_(scaled * scaled)
    return largest, sqrt(squares)


def _not_zero(gradient: Any) -> Any:
    """A gradient, without the rows of a table that were not looked up."""
    rows = rows_of(gradient)
    return gradient if rows is None else rows.total


def _as(scalar: Any, like: Any) -> Any:
    """A scalar in the dtype of a gradient."""
    return scalar if scalar.dtype == like.dtype else cast(scalar, dtype=like.dtype)


def _of_parameters(
    name: str, gradients: Mapping[Any, Any], parameters: Iterable[Parameter] | None
) -> dict[Parameter, Any]:
    """The gradients of these parameters; of all that the loss reaches by default."""
    if not isinstance(gradients, Mapping):
        raise ArgumentError(
            f"{name}: {type(gradients).__name__} is not a mapping from parameters to "
            "gradients",
            fix=f"optim.{name}(cr.backprop(loss), ...)",
        )
    if parameters is None:
        parameters = [each for each in gradients if isinstance(each, Parameter)]
    chosen = {each: gradients[each] for each in parameters}
    if not chosen:
        raise ArgumentError(
            f"{name}: the loss reaches no parameter, so there is no gradient to change"
        )
    return chosen


def _apply(
    name: str,
    transform: Callable[[Gradient], dict[Any, Any]],
    gradients: Mapping[Any, Any],
    parameters: Iterable[Parameter] | None,
) -> Mapping[Any, Any]:
    new = transform(_of_parameters(name, gradients, parameters))
    if isinstance(gradients, Gradients):
        return gradients.replaced(new)
    return {**gradients, **new}


def clip_by_value(
    gradients: Mapping[Any, Any],
    limit: float,
    parameters: Iterable[Parameter] | None = None,
) -> Mapping[Any, Any]:
    """The gradients with every element brought into [−limit, limit].

    Arguments:
        gradients: what ``backprop`` or ``Accumulator.take`` returned.
        limit: the largest magnitude.
        parameters: whose gradients; by default of every parameter in the loss.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter(3.0)
        >>> optim.clip_by_value(cr.backprop(w * w), 0.5)[w].item()
        0.5
    """
    return _apply("clip_by_value", ClipValue(limit), gradients, parameters)


def clip_by_norm(
    gradients: Mapping[Any, Any],
    max_norm: float,
    parameters: Iterable[Parameter] | None = None,
) -> Mapping[Any, Any]:
    """The gradients scaled so that their common norm is at most ``max_norm``.

    Arguments:
        gradients: what ``backprop`` or ``Accumulator.take`` returned.
        max_norm: the largest norm; the formula stands at ``ClipNorm``.
        parameters: whose gradients; by default of every parameter in the loss.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter([3.0, 4.0])
        >>> grads = optim.clip_by_norm(cr.backprop((w * w).sum()), 1.0)
        >>> grads[w].numpy()
        array([0.6, 0.8], dtype=float32)
    """
    return _apply("clip_by_norm", ClipNorm(max_norm), gradients, parameters)


def l2_penalty(
    gradients: Mapping[Any, Any],
    strength: float,
    parameters: Iterable[Parameter] | None = None,
) -> Mapping[Any, Any]:
    """The gradients with λw added: those of the loss + (λ/2)‖w‖².

    Arguments:
        gradients: what ``backprop`` or ``Accumulator.take`` returned.
        strength: λ.
        parameters: whose gradients; by default of every parameter in the loss.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter(3.0)
        >>> optim.l2_penalty(cr.backprop(w * w), 0.5)[w].item()
        7.5
    """
    return _apply("l2_penalty", L2(strength), gradients, parameters)


def l1_penalty(
    gradients: Mapping[Any, Any],
    strength: float,
    parameters: Iterable[Parameter] | None = None,
) -> Mapping[Any, Any]:
    """The gradients with λ sign(w) added: those of the loss + λ‖w‖₁.

    Arguments:
        gradients: what ``backprop`` or ``Accumulator.take`` returned.
        strength: λ.
        parameters: whose gradients; by default of every parameter in the loss.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter(-3.0)
        >>> optim.l1_penalty(cr.backprop(w * w), 0.5)[w].item()
        -6.5
    """
    return _apply("l1_penalty", L1(strength), gradients, parameters)


advise(__name__, __all__, "optim.OPTIONS")
__dir__ = listing(__all__)
