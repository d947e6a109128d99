"""A log density of one point, for chains side by side, with its gradient.

Place on the road: part of ``sampling``, below the samplers. They see points as rows of
numbers, (chains, D), and know nothing of what these stand for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..compiler.compile import compile
from ..derivatives import value_and_grad
from ..errors import ArgumentError, DTypeError, NumericsError, ShapeError
from ..graph import Array
from ..nn.arguments import positive_size
from ..ops.arrays import lift
from ..vectorize.transform import vmap


class Density:
    """log p(q) + constant, and its gradient, of every row of q.

    Arguments:
        where: the sampler, as messages call it.
        log_density: a function of one point, (…), that returns one number.
        start: the point from which all chains start, (…), or with ``chains=None`` one
            for each, (chains, …).
        chains: how many there are.

    Attributes:
        rows: (chains, D), the points that they start from.
        shape: of a point.
    """

    def __init__(
        self,
        where: str,
        log_density: Callable[[Any], Any],
        start: Any,
        chains: int | None,
    ) -> None:
        if not callable(log_density):
            raise ArgumentError(
                f"{where}: log_density is {type(log_density).__name__}: expected a "
                "function of one point that returns one number",
                fix=f"sampling.{where}(lambda q: -0.5 * (q * q).sum(), start)",
            )
        self.where, self.log_density = where, log_density
        self.rows, self.shape = _starts(where, start, chains)
        self.chains, self.size = self.rows.shape

    def __call__(self, rows: Any) -> tuple[Any, Any]:
        """(chains, D) → log p (chains,), ∇ log p (chains, D)."""

        def total(rows: Any) -> Any:
            values = vmap(self._of_one)(rows)
            return values.sum(), values

        (_, values), gradients = value_and_grad(total, has_aux=True)(rows)
        return values, gradients

    def first(self) -> tuple[Any, Any]:
        """What it is where the chains start.

        Raises:
            NumericsError: where it has no finite value or gradient there.
        """
        values, gradients = compile(lambda q: self(q))(self.rows)
        for chain in range(self.chains):
            value = float(values.numpy()[chain])
            slope = gradients.numpy()[chain]
            if not math.isfinite(value):
                raise NumericsError(
                    f"{self.where}: log_density is {value:g} at the start of chain "
                    f"{chain}: a chain starts where it is finite",
                    fix="start where the density is not 0; where a logarithm or a "
                    "division made it, look at it with cr.check_numerics()",
                )
            if not np.isfinite(slope).all():
                number = int(np.flatnonzero(~np.isfinite(slope))[0])
                raise NumericsError(
                    f"{self.where}: the gradient of log_density is {slope[number]:g} "
                    f"at the start of chain {chain}, for number {number} of "
                    f"{self.size}: a chain starts where it is finite",
                    fix="start beside such a point",
                )
        return values, gradients

    def _of_one(self, row: Any) -> Any:
        (value,) = lift([self.log_density(row.reshape(self.shape))])
        if value.shape not in ((), (1,)):
            raise ShapeError(
                f"{self.where}: log_density returned {value.shape} for a point "
                f"{self.shape}: expected one number",
                fix="the sum of the logarithms, .sum(): independent densities multiply",
            )
        if not dtypes.is_float(value.dtype):
            raise DTypeError(
                f"{self.where}: log_density returned {value.dtype}: expected a float"
            )
        number: Any = value
        return number.reshape(()).astype(row.dtype)


def _starts(where: str, start: Any, chains: int | None) -> tuple[Array, Any]:
    """The points to start from, as rows, and the shape of one."""
    (node,) = lift([start])
    if not dtypes.is_float(node.dtype):
        raise DTypeError(
            f"{where}: start {node.shape} is {node.dtype}: a chain moves through "
            "floats",
            fix="start.astype('float32')",
        )
    points: Any = node
    given = np.array(points.numpy())
    if chains is None:
        if given.ndim == 0:
            raise ShapeError(
                f"{where}: start (): with chains=None it has a point for each chain "
                "along its first axis",
                fix="chains=4 for four chains from one point",
            )
        count, shape = len(given), given.shape[1:]
    else:
        count, shape = positive_size(where, "chains", chains), given.shape
        given = np.broadcast_to(given, (count, *shape))
    if not given.size:
        raise ShapeError(f"{where}: start {node.shape}: nothing to sample")
    return np.ascontiguousarray(given.reshape(count, -1)), shape
