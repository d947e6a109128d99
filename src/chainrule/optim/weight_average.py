"""``WeightAverage``: averages of weights over the steps of a training.

Place on the road: beside the optimizers, whose steps it follows, at once or in compiled
functions. It must not know of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import dtypes
from ..errors import ArgumentError, StateError, TraceError
from ..foreign import Settled
from ..graph import Array, current_trace
from ..ops.elementwise import cast, where
from ..public import listing
from ..variable import Variable
from .hyperparameters import fraction, listed_variables
from .parameter_groups import RATE_DTYPE
from .state_dict import checked_state

__all__ = ["WeightAverage"]


class WeightAverage(Settled):
    """Averages of weights: of all steps alike, or of the last ones more.

    Formula::

        a ← a + c (w − a),   c = (1 − d) / (1 − dᵗ)   exponential, d = ``decay``
                             c = 1 / t                Polyak's, ``decay=None``

    where t = 1, 2, … counts the updates: a is always a true average of the weights
    after steps 1 … t, the first ones included, whose weights sum to 1. The exponential
    one reaches back over some 1 / (1 − d) steps.

    ``update`` changes variables only, so it works at once and in a compiled step.
    ``cr.callbacks.WeightAveraging`` does all of this in ``cr.fit``.

    Arguments:
        variables: what is averaged: parameters, and the moving averages of
            normalizations, ``[v for _, v in model.named_variables()]``. Without those,
            a network with a ``BatchNorm1d`` has the statistics of other weights. What
            is no floating-point number is left out.
        decay: d, at least 0 and less than 1; or None.

    Raises:
        ArgumentError: for no variables, or a decay out of range.

    Source: Polyak & Juditsky, Acceleration of stochastic approximation by averaging
    (1992); the exponential one, Ruppert (1988), corrected as Adam's moments.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.parameter(4.0)
        >>> optimizer = optim.SGD([w], lr=1.0)
        >>> average = optim.WeightAverage([w], decay=None)
        >>> @cr.compile
        ... def step():
        ...     optimizer.step({w: 1.0})
        ...     average.update()
        >>> step(), step(), step()
        (None, None, None)
        >>> w.item()
        1.0
        >>> with average.applied():
        ...     w.item()  # (3 + 2 + 1) / 3
        2.0
    """

    def __init__(
        self, variables: Iterable[Variable], decay: float | None = 0.999
    ) -> None:
        words = "variables", "parameters or variables"
        given = listed_variables("WeightAverage", variables, Variable, *words)
        self.decay = (
            None if decay is None else fraction("WeightAverage", "decay", decay)
        )
        self._count = Variable(0, name="num_updates")
        self._averages = {
            w: Variable(w.array, name=f"{w.name or i}.average")
            for i, w in enumerate(given)
            if dtypes.is_float(w.dtype)
        }
        self._applied = Variable(False, name="applied")

    @property
    def num_updates(self) -> int:
        """How many times the weights were added."""
        return int(self._count.item())

    @property
    def is_applied(self) -> bool:
        """Whether the averages are in the weights' place at this moment."""
        return bool(self._applied.item())

    def update(self) -> None:
        """Adds the weights as they are now, after a step of the optimizer.

        Raises:
            ArgumentError: while the averages are applied; a compiled function adds
                nothing then.
        """
        if current_trace() is None and self.is_applied:
            raise ArgumentError(
                "WeightAverage.update: the averages are in the weights' place",
                fix="leave the with block of average.applied() before the next step",
            )
        t = cast(self._count + 1, dtype=RATE_DTYPE)
        d = self.decay
        share = 1 / t if d is None else (1 - d) / (1 - d**t)
        first, applied = self._count == 0, self._applied.read()
        changes = []
        for w, a in self._averages.items():
            # The first average is the weights to the bit, whatever there was before.
            new = where(first, w, a + share.astype(w.dtype) * (w - a))
            changes.append((a, where(applied, a, new)))
        for a, value in changes:
            a.assign(value)
        self._count.assign(where(applied, self._count, self._count + 1))

    def swap(self) -> None:
        """Exchanges weights and averages, to the bit: twice changes nothing.

        Raises:
            TraceError: in a compiled function.
        """
        if current_trace() is not None:
            raise TraceError(
                "WeightAverage.swap: in a compiled function: its calls would change "
                "places time and again",
                fix="average.swap(), or with average.applied():, around its calls",
            )
        for w, a in self._averages.items():
            weight = w.array.copy()
            w.assign(a.array)
            a.assign(weight)
        self._applied.assign(not self.is_applied)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """While entered, the averages are in the weights' place."""
        self.swap()
        try:
            yield
        finally:
            self.swap()

    # Saving and resuming. ------------------------------------------------------------

    def _variables(self) -> dict[str, Variable]:
        names = {"num_updates": self._count, "applied": self._applied}
        for i, (w, a) in enumerate(self._averages.items()):
            names[f"{i}.{w.name}" if w.name else f"{i}"] = a
        return names

    def state_dict(self) -> dict[str, Array]:
        """Everything needed to go on exactly: copies of arrays, by name."""
        return {name: np.array(each.array) for name, each in self._variables().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Puts back what ``state_dict`` returned.

        Raises:
            StateError: for missing or extra names, other shapes or dtypes.
        """
        variables = self._variables()
        arrays = checked_state("WeightAverage", variables, state)
        if arrays["num_updates"] < 0:
            raise StateError(
                f"WeightAverage.load_state_dict: num_updates = "
                f"{arrays['num_updates']}: a count is not negative"
            )
        for name, array in arrays.items():
            variables[name].assign(array)


__dir__ = listing(__all__)
