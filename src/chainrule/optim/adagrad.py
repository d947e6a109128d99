"""Adagrad. Place on the road: an algorithm of ``optim``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ..graph import Array
from ..ops.elementwise import minimum, sqrt
from ..variable import Parameter
from .hyperparameters import Options
from .optimizer import Optimizer, Step, Transform, Update
from .parameter_groups import Params, Rate
from .squarable import squarable


class Adagrad(Optimizer):
    """A learning rate for every weight, smaller the more its gradients have summed to.

    Formula::

        s ← s + g²
        w ← w − η g / (√s + ε)

    where g = ∂L/∂w, s the sum of squared gradients, η = ``lr``, ε = ``eps``, outside
    the root as in the paper (δI + diag(s)^½) and in PyTorch.

    A finite gradient of more than 2⁶⁰ in float32 (2⁵⁰⁸ in float64) counts as that, and
    s as at most the largest number; NaN and ±∞ make the weight NaN.

    Arguments:
        params: parameters or groups of them; without, a specification for ``cr.fit``.
        lr: η, a positive number or a schedule.
        initial_accumulator_value: s before the first step, at least 0.
        eps: ε, positive.
        transforms: what is done to the gradients before the rule, in order.
        maximize: whether to climb, with −g in the place of g.

    Source: Duchi, Hazan & Singer, Adaptive subgradient methods for online learning and
    stochastic optimization (2011), figure 1 with diagonal matrices.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter([1.0, 1.0])
        >>> optimizer = optim.Adagrad([w], lr=0.5)
        >>> optimizer.step({w: [100.0, 0.01]})
        >>> w.numpy()
        array([0.5, 0.5], dtype=float32)
    """

    slots = ("sum_of_squares",)
    by_rows: ClassVar[bool] = True

    def __init__(
        self,
        params: Params | None = None,
        lr: Rate = 0.01,
        *,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        transforms: Sequence[Transform] = (),
        maximize: bool = False,
    ) -> None:
        options = {"initial_accumulator_value": initial_accumulator_value, "eps": eps}
        super().__init__(params, lr, options, transforms, maximize)

    def first_state(self, slot: str, w: Parameter, options: Options) -> Array:
        """s is ``initial_accumulator_value`` everywhere."""
        return np.full(w.shape, options["initial_accumulator_value"], w.dtype)

    def rule(self, w: Any, g: Any, step: Step) -> Update:
        """s ← s + g²;  w ← w − ηg / (√s + ε)."""
        g = squarable(g)
        most = float(np.finfo(w.dtype).max)  # a sum of many large squares stays there
        s = minimum(step.state["sum_of_squares"] + g * g, most)
        return w - step.lr * g / (sqrt(s) + step.options["eps"]), {"sum_of_squares": s}
