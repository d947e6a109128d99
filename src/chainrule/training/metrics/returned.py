"""``Returned``: a number that the model itself returns, as a column of the history.

Place on the road: beside the metrics that compare outputs with targets.
"""

from __future__ import annotations

from typing import Any

from ...tensor import tensor
from .metric import Metric


class Returned(Metric):
    """A number that a model returns by name, averaged over the batches.

    Arguments:
        key: its name among what the model returns.
        name: of the column.
    """

    several = True
    lower_is_better = True

    def __init__(self, key: str, name: str) -> None:
        self.key, self.name = key, name

    def measure(self, outputs: Any, targets: Any) -> tuple[Any, ...]:
        """The number of a batch, and that it is one."""
        value = outputs[self.key]
        return value, tensor(1.0, dtype=value.dtype)

    def result(self, totals: Any) -> float:
        """The mean."""
        return float(totals[0]) / float(totals[1])
