"""Stochastic-gradient Langevin dynamics: gradient descent on batches, with noise that
makes draws of a posterior of it.

Place on the road: part of ``sampling``, a sampler: it sees some rows of the data in
each step, where the others see all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import tree
from ..compiler.compile import compile
from ..derivatives import value_and_grad
from ..errors import ArgumentError, DataError, NumericsError, ShapeError
from ..graph import Array
from ..nn.arguments import number_within, positive_size
from ..ops.arrays import lift
from ..ops.control import scan
from ..ops.elementwise import sqrt
from ..ops.indexing import take
from ..random_numbers import Generator
from ..vectorize.transform import vmap
from .density import Density
from .diagnostics import LEAST_DRAWS, ess_bulk, ess_tail, r_hat
from .draws import agreement_problems, warn_at_user
from .running import number_of_warmup

#: How fast steps shrink: εₜ = a (b + t)^−γ (Welling & Teh, 2011).
DECAY = 0.55
#: Steps in a call of compiled code, where what it keeps is small.
MOST_STEPS, MOST_NUMBERS = 1000, 1 << 19


class LangevinDraws(NamedTuple):
    """Draws by Langevin dynamics; nothing is rejected, so nothing says how exact.

    Attributes:
        values: (chains, draws, …).
        step_size: (draws,), ε of the step that made each.
    """

    values: Array
    step_size: Array

    @property
    def flat(self) -> Array:
        """The draws of all chains, one after the other: (chains · draws, …)."""
        return self.values.reshape(-1, *self.values.shape[2:])


def sgld(
    log_prior: Callable[[Any], Any],
    log_likelihood: Callable[..., Any],
    start: Any,
    data: Any,
    *,
    step_size: float,
    final_step_size: float | None = None,
    batch_size: int = 32,
    draws: int = 1000,
    warmup: int = 1000,
    thin: int = 1,
    chains: int | None = 4,
    seed: int = 0,
    warn: bool = True,
) -> LangevinDraws:
    """Draws from a posterior by stochastic-gradient Langevin dynamics.

    Formula: in each step n of N rows are drawn, and

        θ ← θ + ε/2 (∇ log p(θ) + N/n Σ ∇ log p(rowᵢ | θ)) + η,   η ~ N(0, ε).

    While ε is large the noise of the batches counts, and draws are spread too widely;
    as it shrinks, that of η does, and they are the posterior's. Steps shrink as
    εₜ = a (b + t)^−0.55 from the first to the last, or stay as they are.

    Arguments:
        log_prior: a function of one point, (…), that returns one number.
        log_likelihood: a function of a point and of some rows of every array of data;
            it returns log p of each row, or their sum.
        start: as in ``sampling.nuts``.
        data: one array, (N, …), or several with as many rows, in a tuple.
        step_size: ε of the first step. Too large a one diverges, which is an error.
        final_step_size: ε of the last step; without, steps do not shrink.
        batch_size: n.
        draws, warmup: of each chain, those kept and those before them.
        thin: how many steps one draw is.
        chains: how many there are; None where ``start`` has one point for each.
        seed: of noise and batches.
        warn: whether what is wrong with the draws is warned of.

    Raises:
        ArgumentError, ShapeError, DTypeError: for arguments that make no sense.
        DataError: for data without rows, or that are not finite.
        NumericsError: for chains that diverge, with the step size.

    Warns:
        UserWarning: for chains that do not agree, and too few effective draws.

    Source: Welling & Teh, Bayesian learning via stochastic gradient Langevin dynamics
    (2011).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import sampling
        >>> x = np.random.default_rng(0).normal(2.0, 1.0, (1000, 1)).astype("f4")
        >>> draws = sampling.sgld(
        ...     lambda mean: -0.5 * (mean**2).sum(),
        ...     lambda mean, x: -0.5 * ((x - mean) ** 2).sum(axis=1),
        ...     cr.zeros(1), x, step_size=1e-4, thin=20, batch_size=100,
        ... )
        >>> bool(abs(draws.values.mean() - x.mean()) < 0.01)
        True
    """
    where = "sgld"
    first = number_within(
        where, "step_size", step_size, 1e-30, 1e30, "a number above 0"
    )
    count = positive_size(where, "draws", draws)
    every = positive_size(where, "thin", thin)
    skipped = number_of_warmup(where, warmup)
    rows = positive_size(where, "batch_size", batch_size)
    arrays = _data(where, data)
    total = len(arrays[0])
    if rows > total:
        raise ArgumentError(
            f"{where}: batch_size={rows} of {total} rows", fix=f"batch_size={total}"
        )
    steps = _steps(where, first, final_step_size, (skipped + count) * every)

    def of_batch(point: Any, *batch: Any) -> Any:
        (found,) = lift([log_likelihood(point, *batch)])
        likelihood: Any = found
        if likelihood.shape not in ((), (batch[0].shape[0],)):
            raise ShapeError(
                f"{where}: log_likelihood returned {likelihood.shape} for "
                f"{batch[0].shape[0]} rows: expected one number a row, or their sum"
            )
        return log_prior(point) + (total / batch[0].shape[0]) * likelihood.sum()

    some = [lift([each[:rows]])[0] for each in arrays]
    density = Density(where, lambda q: of_batch(q, *some), start, chains)
    density.first()
    walk = _Walk(density, of_batch, arrays, rows, Generator(seed))
    values = walk.along(steps.reshape(-1, every))[:, skipped:]
    made = LangevinDraws(values, steps.reshape(-1, every)[skipped:, -1])
    if warn and count >= LEAST_DRAWS:
        known = (r_hat(values), ess_bulk(values), ess_tail(values))
        for problem in agreement_problems(where, values, *known):
            warn_at_user(problem)
    return made


class _Walk:
    """Chains side by side, each with batches of its own.

    Arguments:
        density: where they start.
        of_batch: log p of a point and rows, as if these were all rows.
        arrays: the data.
        rows: how many are a batch.
        source: of noise and batches.
    """

    def __init__(
        self,
        density: Density,
        of_batch: Callable[..., Any],
        arrays: Sequence[Array],
        rows: int,
        source: Generator,
    ) -> None:
        self.density, self.of_batch, self.source = density, of_batch, source
        self.arrays = [lift([each])[0] for each in arrays]
        self.rows, self.total = rows, len(arrays[0])

    def along(self, steps: Array) -> Array:
        """The last point of each row of step sizes, (draws, thin): (chains, draws, …).

        Raises:
            NumericsError: where a chain diverges.
        """
        chains, size = self.density.rows.shape
        q: Any = self.density.rows
        fitting = MOST_NUMBERS // (chains * (size + self.rows) * steps.shape[1])
        length = max(1, min(MOST_STEPS, fitting, len(steps)))
        compiled = compile(lambda q, some, source: self._steps(q, some, source))
        found = []
        for first in range(0, len(steps), length):
            some = steps[first : first + length].astype(self.density.rows.dtype)
            missing = length - len(some)  # the last call has steps of length 0
            padded = np.pad(some, ((0, missing), (0, 0)))
            q, points = compiled(q, padded, self.source)
            found.append(points.numpy()[: len(some)])
            self._check(found[-1], some)
        rows = np.concatenate(found).swapaxes(0, 1)
        values: Array = rows.reshape(*rows.shape[:2], *self.density.shape)
        return values

    def _steps(self, q: Any, steps: Any, source: Generator) -> tuple[Any, Any]:
        """One call: draws, each after some steps."""
        chains, size = self.density.rows.shape
        count = tuple(steps.shape)
        noise = source.normal((*count, chains, size), dtype=self.density.rows.dtype)
        chosen = source.integers(0, self.total, (*count, chains, self.rows))

        def step(q: Any, given: Any) -> tuple[Any, None]:
            size, normal, rows = given
            moved = q + (0.5 * size) * self._slope(q, rows) + sqrt(size) * normal
            return moved, None

        def draw(q: Any, given: Any) -> tuple[Any, Any]:
            q, _ = scan(step, q, given)
            return q, q

        moved: tuple[Any, Any] = scan(draw, q, (steps, noise, chosen))
        return moved

    def _slope(self, q: Any, chosen: Any) -> Any:
        """∇ log p of every chain by its rows."""

        def one(row: Any, *batch: Any) -> Any:
            return self.of_batch(row.reshape(self.density.shape), *batch)

        def total(q: Any) -> Any:
            return vmap(one)(q, *(take(each, chosen) for each in self.arrays)).sum()

        return value_and_grad(total)(q)[1]

    def _check(self, points: Array, steps: Array) -> None:
        bad = np.argwhere(~np.isfinite(points).all(axis=-1))
        if len(bad):
            draw, chain = map(int, bad[0])
            raise NumericsError(
                f"sgld: chain {chain} diverged at step size {steps[draw, -1]:.3g}: its "
                "point is no longer finite",
                fix=f"step_size={steps[draw, -1] / 10:.1g}; nothing is rejected here, "
                "so steps must be small beside 1 / (the largest curvature of log p)",
            )


# Parts. ------------------------------------------------------------------------------


def _data(where: str, data: Any) -> list[Array]:
    """The arrays of data, with as many rows each."""
    leaves, _ = tree.flatten(data)
    arrays = [np.asarray(lift([leaf])[0].read().numpy()) for leaf in leaves]  # type: ignore[attr-defined]
    counts = {len(each) if each.ndim else 0 for each in arrays}
    if len(counts) != 1 or counts == {0}:
        shapes = " and ".join(str(each.shape) for each in arrays) or "nothing"
        raise DataError(
            f"{where}: data {shapes}: expected arrays with as many rows, one or more"
        )
    for each in arrays:
        if each.dtype.kind == "f" and not np.isfinite(each).all():
            place = tuple(map(int, np.argwhere(~np.isfinite(each))[0]))
            raise DataError(
                f"{where}: data {each.shape}: {each[place]} at position {place}"
            )
    return arrays


def _steps(where: str, first: float, last: float | None, count: int) -> Array:
    """εₜ for t = 0 … count − 1."""
    if last is None:
        return np.full(count, first)
    rule = f"a number above 0, step_size={first:g} at most"
    end = number_within(where, "final_step_size", last, 1e-30, first, rule)
    ratio = (first / end) ** (1 / DECAY) - 1
    if not ratio or count == 1:
        return np.full(count, first)
    b = (count - 1) / ratio
    falling: Array = first * (1 + np.arange(count) / b) ** -DECAY
    return falling
