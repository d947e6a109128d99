"""How likely a Boltzmann machine finds data: exactly, and by annealed importance
sampling.

Place on the road: part of ``models.boltzmann``, above the machines. All that is asked
of a machine are its two sides, and log p(v) + log Z of data, which every machine knows
or bounds. What no machine knows is log Z, the logarithm of a sum over all states: by
enumeration for a small side, otherwise by an estimate with its error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from ...compiler.compile import compile
from ...data import Dataset, Split
from ...errors import ArgumentError, DataError, ShapeError, StateError
from ...graph import Array
from ...nn.arguments import positive_size
from ...ops.creation import zeros
from ...ops.movement import broadcast_to
from ...random_numbers import Generator
from ...tensor import tensor
from ...wording import signed, spaced
from .machine import Machine, Sides
from .units import MOST_STATES, Units

#: Rows that are looked at together.
ROWS = 1000

#: Where the temperatures of Salakhutdinov & Murray (2008) change their distance, and
#: which share of them comes before: 500 to 0.5, 4000 to 0.9, 10 000 to 1.
KNOTS = (0.0, 0.5, 0.9, 1.0)
SHARES = (0.0, 500 / 14_500, 4_500 / 14_500, 1.0)


@dataclass(frozen=True)
class Estimate:
    """A number that was estimated, and the interval of ± 3σ around it.

    Attributes:
        value: the estimate.
        low, high: the ends of the interval.

    Example:
        >>> print(Estimate(-86.27, -86.4, -86.12))
        −86.27 (−86.40 … −86.12)
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return signed(f"{self.value:.2f} ({self.low:.2f} … {self.high:.2f})")


@dataclass(frozen=True)
class Likelihood:
    """The mean log-likelihood of data, in nats a row.

    Attributes:
        mean: Σ log p(vᵢ) / N; for deep machines an estimate of a lower bound of it.
        low, high: its interval of ± 3σ, from that of log Z alone: it knows nothing of
            states that no chain has reached.
        log_partition: log Z.
    """

    mean: float
    low: float
    high: float
    log_partition: Estimate

    def __str__(self) -> str:
        return str(Estimate(self.mean, self.low, self.high))


def exact_log_partition(machine: Machine) -> float:
    """log Z, by enumeration of the side that has fewer states, in float64.

    Formula: log Z = log Σₓ exp(x · bias − A(x) + log_partition(inputs of y given x)).

    Raises:
        ArgumentError: where both sides have more than 2²⁰ states.
        StateError: for weights that are not finite.

    Example:
        >>> from chainrule import models
        >>> rbm = models.RBM(784, 3, weight_init="zeros")
        >>> round(models.exact_log_partition(rbm), 4)  # 787 log 2
        545.5068
    """
    where = "exact_log_partition"
    _check_machine(where, machine)
    sides = machine.astype("float64").sides()
    if _counted(sides.y) < _counted(sides.x):
        sides = sides.swapped
    if _counted(sides.x) > MOST_STATES:
        raise ArgumentError(
            f"{where}: {machine!r}: both sides have more than the "
            f"{spaced(MOST_STATES)} states that are enumerated",
            fix="models.annealed_importance_sampling(machine, x) estimates it",
        )
    states = sides.x.states()
    found = [
        sides.log_marginal(tensor(states[first : first + ROWS])).numpy()
        for first in range(0, len(states), ROWS)
    ]
    return _log_sum_exp(np.concatenate(found))


def annealed_importance_sampling(
    machine: Machine,
    x: Any = None,
    *,
    chains: int = 100,
    temperatures: int = 14_500,
    seed: int = 0,
) -> Estimate:
    """log Z, estimated by chains that turn a machine without weights into this one.

    Formula: at the inverse temperature β all total inputs are (1 − β) · those of the
    machine without weights + β · this machine's. With f_β(x) the sum over y of the
    unnormalised probabilities, every chain x₀, x₁, … has the weight

        w = Π f at βₖ of xₖ₋₁ / f at βₖ₋₁ of xₖ₋₁,

    where xₖ is drawn from xₖ₋₁ by a step of block Gibbs sampling at βₖ; the mean of w
    is Z / Z₀, and Z₀ is known.

    Arguments:
        machine: an RBM or a deep machine.
        x: data, (N, D). The units of the machine without weights have the means that
            all units, hidden ones too, have given the data: the closer to the machine's
            own, the smaller the error, and for a deep machine there is no estimate
            otherwise. Without data it has no biases either.
        chains: how many there are; the interval is ± 3 standard errors of their mean.
        temperatures: how many steps each takes, at the distances of the source.
        seed: of the chains.

    Raises:
        DataError: for data that visible units cannot have.
        ShapeError: for data that are no rows.
        ArgumentError: for counts below 1.
        StateError: for weights that are not finite.

    Source: Neal, Annealed importance sampling (2001); Salakhutdinov & Murray, On the
    quantitative analysis of deep belief networks (2008), section 3; for deep machines
    Salakhutdinov & Hinton (2009), section 3.2.

    Example:
        >>> from chainrule import models
        >>> rbm = models.RBM(5, 3)
        >>> estimate = models.annealed_importance_sampling(rbm, temperatures=100)
        >>> abs(estimate.value - models.exact_log_partition(rbm)) < 0.01
        True
    """
    count = positive_size("annealed_importance_sampling", "chains", chains)
    steps = positive_size("annealed_importance_sampling", "temperatures", temperatures)
    _check_machine("annealed_importance_sampling", machine)
    sides, source = machine.sides(), Generator(seed)
    start = _without_weights(machine, sides, x)
    betas = np.interp(np.linspace(0, 1, steps + 1), SHARES, KNOTS)
    shape = (count, sides.x.features)
    states = sides.x.sample(broadcast_to(tensor(start[0]), shape), source)
    log_weights = zeros(count, "float64")
    anneal = compile(_anneal_with(sides, *start))
    for before, after in pairwise(betas):
        pair = np.array([before, after])
        states, log_weights = anneal(states, log_weights, pair, source)
    log_z0 = sum(
        float(units.log_partition(tensor(inputs.astype(float))).item())
        for units, inputs in zip((sides.x, sides.y), start, strict=True)
    )
    return _with_error(log_z0, log_weights.numpy())


def log_likelihood(
    machine: Machine,
    x: Any,
    *,
    chains: int = 100,
    temperatures: int = 14_500,
    seed: int = 0,
    log_partition: float | Estimate | None = None,
) -> Likelihood:
    """The mean of log p(v) over rows of data, in nats; for a deep machine that of a
    lower bound.

    Formula: mean of (log p(v) + log Z) − log Z, with log Z by annealed importance
    sampling. That is right on average for Z, not for log Z, which it finds too small on
    average, and so the likelihood too large; also a bound with it is an estimate, and
    no bound.

    Arguments:
        machine: an RBM or a deep machine.
        x: states, (N, D), or a ``Dataset`` of them.
        chains, temperatures, seed: those of ``annealed_importance_sampling``.
        log_partition: log Z where it is known: one estimate serves several data sets.

    Raises:
        DataError: for data that are no states: grey values are means.
        ShapeError: for data that are no rows.
        StateError: for weights that are not finite.

    Example:
        >>> from chainrule import models
        >>> x = np.random.default_rng(0).integers(2, size=(50, 6)).astype("f4")
        >>> rbm = models.RBM(6, 4)
        >>> found = models.log_likelihood(rbm, x, temperatures=100)
        >>> bool(abs(found.mean + 6 * np.log(2)) < 0.05), found.low <= found.high
        (True, True)
    """
    _check_machine("log_likelihood", machine)
    rows = _rows("log_likelihood", machine, x)
    between = np.argwhere(machine.visible.between(rows))
    if len(between):
        row, unit = map(int, between[0])
        raise DataError(
            f"log_likelihood: data {rows.shape}: {rows[row, unit]:g} at position "
            f"({row}, {unit}): expected states, 0 or 1: a machine has no probability "
            "for what is between",
            fix="(x > 0.5).astype('float32'), or states drawn with these probabilities",
        )
    if log_partition is None:
        options = {"chains": chains, "temperatures": temperatures, "seed": seed}
        log_partition = annealed_importance_sampling(machine, rows, **options)
    if not isinstance(log_partition, Estimate):
        log_partition = Estimate(*[float(log_partition)] * 3)
    weigh = compile(lambda v: machine.unnormalized_log_prob(v))
    found = [
        weigh(rows[first : first + ROWS]).numpy() for first in range(0, len(rows), ROWS)
    ]
    mean = float(np.concatenate(found).mean(dtype=float))
    z = log_partition
    return Likelihood(mean - z.value, mean - z.high, mean - z.low, z)


# Parts. ------------------------------------------------------------------------------


def _check_machine(where: str, machine: Any) -> None:
    if not isinstance(machine, Machine):
        raise ArgumentError(
            f"{where}: machine={type(machine).__name__}: expected an RBM or a deep "
            "machine"
        )
    for path, parameter in machine.named_parameters():
        if not np.isfinite(parameter.array).all():
            raise StateError(
                f"{where}: {path} of {machine!r} is not finite: the machine has no Z",
                fix="cr.fit again from other values, with a smaller learning rate",
            )


def _rows(where: str, machine: Machine, x: Any) -> Array:
    """Data as an array (N, D)."""
    given = x.inputs if isinstance(x, Dataset) else x
    if isinstance(given, Split):
        raise ArgumentError(f"{where}: a Split: which part?", fix="split.test")
    rows = np.asarray(machine.visible.checked(where, given).numpy())
    if rows.ndim != 2 or not len(rows):
        raise ShapeError(
            f"{where}: data {rows.shape}: expected (N, {machine.visible.features}), "
            "one row or more",
            fix="x[None] for a single one" if rows.ndim == 1 else None,
        )
    return rows


def _counted(units: Units) -> float:
    return math.inf if units.num_states is None else units.num_states


def _without_weights(machine: Machine, sides: Sides, x: Any) -> tuple[Array, Array]:
    """The biases of x and of y in the machine that annealing starts from: those at
    which all units have the means that they have given data.
    """
    dtype = sides.x_bias.dtype
    if x is None:
        return np.zeros(sides.x.features, dtype), np.zeros(sides.y.features, dtype)
    rows = _rows("annealed_importance_sampling", machine, x)
    some = tensor(rows[:: -(-len(rows) // ROWS)])
    means = [
        np.asarray(each.numpy(), float).mean(axis=0)
        for each in machine.side_means(some)
    ]
    first, second = (
        units.inputs_of(mean).astype(dtype)
        for units, mean in zip((sides.x, sides.y), means, strict=True)
    )
    return first, second


def _anneal_with(sides: Sides, x_start: Array, y_start: Array) -> Any:
    """One temperature as a function of (states, log weights, (β before, β after))."""

    def at(beta: Any) -> Sides:
        """The machine on its way: all inputs are β its own, the rest the start's."""

        def between(start: Array, end: Any) -> Any:
            return (1.0 - beta) * start + beta * end

        return replace(
            sides,
            x_bias=between(x_start, sides.x_bias),
            y_bias=between(y_start, sides.y_bias),
            inputs_of_x=lambda y: between(x_start, sides.inputs_of_x(y)),
            inputs_of_y=lambda x: between(y_start, sides.inputs_of_y(x)),
        )

    def anneal(x: Any, log_weights: Any, betas: Any, source: Generator) -> Any:
        before, after = (at(betas[place].astype(x.dtype)) for place in (0, 1))
        gained = after.log_marginal(x) - before.log_marginal(x)
        x, _ = after.gibbs(x, source)
        return x, log_weights + gained.astype("float64")

    return anneal


def _with_error(log_z0: float, log_weights: Array) -> Estimate:
    """log Z and its ends, from the mean of the weights and its standard error."""
    largest = float(log_weights.max())
    weights = np.exp(log_weights - largest)
    mean, count = float(weights.mean()), len(weights)
    error = float(weights.std(ddof=1)) / math.sqrt(count) if count > 1 else math.inf
    low, high = (
        log_z0 + largest + (math.log(each) if each > 0 else -math.inf)
        for each in (mean - 3 * error, mean + 3 * error)
    )
    return Estimate(log_z0 + largest + math.log(mean), low, high)


def _log_sum_exp(terms: Array) -> float:
    largest = float(terms.max())
    return largest + math.log(float(np.exp(terms - largest).sum()))
