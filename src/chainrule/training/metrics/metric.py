"""What all metrics share: measure a batch, merge two, compute the number at the end.

Place on the road: beneath every metric. It must not know any of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import ArgumentError, ShapeError
from ...foreign import Settled
from ...graph import Array
from ...tensor import Tensor, as_tensor

#: What a metric keeps of the batches so far: arrays, or lists of arrays.
Totals = tuple[Any, ...]

Predictor = Callable[[Any, Any], Any]


class Metric(Settled):
    """The base of metrics: ``measure`` a batch, ``merge`` two, ``result`` at the end.

    Attributes:
        name: the column in a history; "accuracy", "top_5".
        lower_is_better: whether training should make it smaller.
        several: whether it takes outputs or targets that are several tensors.
        takes_weights: whether ``measure`` has a third argument, the weights of the
            examples, for data that has some. Otherwise all examples count alike.
        usual: whether it is measured only because none were asked for, and left out
            where the model returns several tensors.

    Example:
        >>> class Bias(Metric):
        ...     name = "bias"
        ...     def measure(self, outputs, targets):
        ...         return (outputs - targets).sum(), outputs.size
        ...     def result(self, totals):
        ...         return float(totals[0] / totals[1])
        >>> Bias()([2.0, 3.0], [1.0, 1.0])
        1.5
    """

    name = "metric"
    lower_is_better = False
    several = False
    takes_weights = False
    usual = False

    def measure(self, outputs: Any, targets: Any) -> tuple[Any, ...]:
        """Sums and counts over one batch, written with tensor operators.

        It is traced into the compiled step, so it cannot look at values.
        """
        raise ArgumentError(
            f"{type(self).__name__}: measure is not written",
            fix="def measure(self, outputs, targets): … a tuple of sums",
        )

    def merge(self, totals: Totals, batch: Totals) -> Totals:
        """The sums over both: element by element, unless a metric needs otherwise."""
        return tuple(a + b for a, b in zip(totals, batch, strict=True))

    def result(self, totals: Totals) -> Any:
        """The metric, from the sums over everything: a float or an array."""
        raise ArgumentError(
            f"{type(self).__name__}: result is not written",
            fix="def result(self, totals): … a number from the sums of measure",
        )

    def __call__(self, outputs: Any, targets: Any) -> Any:
        """The metric of whole arrays.

        Arguments:
            outputs: what a network returned, ``(N, …)``.
            targets: what it should have, ``(N, …)``.

        Raises:
            ShapeError: for outputs and targets that do not belong together.
        """
        measured = self.measure(as_tensor(outputs), as_tensor(targets))
        return self.result(tuple(np.asarray(as_tensor(part)) for part in measured))

    def __repr__(self) -> str:
        return f"<metric {self.name}>"


class FunctionMetric(Metric):
    """A function of all outputs and all targets, called once at the end.

    Arguments:
        function: of two NumPy arrays, ``(N, …)`` outputs and ``(N, …)`` targets.
        name: the column in a history; the function's own name when not given.

    Example:
        >>> worst = FunctionMetric(lambda p, y: abs(p - y).max(), name="worst")
        >>> worst([1.0, 4.0], [1.0, 2.0])
        2.0
    """

    def __init__(self, function: Predictor, name: str | None = None) -> None:
        self.function = function
        own_name = name or str(getattr(function, "__name__", type(function).__name__))
        self.name = "metric" if own_name == "<lambda>" else own_name
        self.lower_is_better = sounds_bad(self.name)

    def measure(self, outputs: Any, targets: Any) -> tuple[Any, ...]:
        """The batch itself."""
        return outputs, targets

    def merge(self, totals: Totals, batch: Totals) -> Totals:
        """Everything so far, in lists: joined once at the end."""
        return tuple(
            [*(a if isinstance(a, list) else [a]), b]
            for a, b in zip(totals, batch, strict=True)
        )

    def result(self, totals: Totals) -> Any:
        """The function of all outputs and targets."""
        value = self.function(*(joined(part) for part in totals))
        array = np.asarray(value)
        return array if array.ndim else array.item()


def joined(part: Any) -> Array:
    """One of a metric's totals as one array."""
    return np.concatenate(part) if isinstance(part, list) else np.asarray(part)


def ratio_of(above: Any, below: Any) -> float:
    """above / below; NaN for nothing."""
    return float(above) / float(below) if below else float("nan")


def mismatch(name: str, outputs: Tensor, targets: Tensor, rule: str) -> ShapeError:
    """The error for outputs and targets that do not belong together."""
    return ShapeError(
        f"{name}: outputs {outputs.shape} and targets {targets.shape}: {rule}"
    )


def sounds_bad(name: str) -> bool:
    """Whether a name is that of something to be made smaller."""
    words = (
        "loss", "error", "mse", "mae", "rmse", "perplexity", "nll", "deviance",
        "objective",
    )  # fmt: skip
    return any(word in name.lower() for word in words)
