"""Deep Boltzmann machines: several hidden layers, each joined to its two neighbours.

Place on the road: part of ``models.boltzmann``, a machine like the restricted one: what
it shares with it (sampling, learning, likelihood) is not here. Read from top to bottom:
the machine, its mean field, its bound, how it is trained before, and the network that
is made of it. Shapes: N rows, D visible units, Hₗ units of hidden layer l = 1 … L.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ... import nn
from ...errors import ArgumentError
from ...graph import Array
from ...initializers import normal
from ...nn.arguments import new_parameter, positive_size
from ...ops.elementwise import stop_gradient
from ...ops.movement import concatenate
from ...random_numbers import Generator
from ...training.evaluation import predict
from ...training.history import History
from ..layer_training import (
    Layer,
    LayerTraining,
    check_not_frozen,
    classifier,
    train_layers,
    training_data,
)
from .machine import RBM, Machine, Sides
from .units import Binary, Mixed, Units, as_units


class DBM(Machine):
    """A deep Boltzmann machine.

    Formula, with h⁰ = v::

        E(v, h¹, …, hᴸ) = A(v) − bᵀv − Σₗ (cₗᵀ hˡ + hˡᵀ Wₗ hˡ⁻¹)
        zₗ = cₗ + Wₗ hˡ⁻¹ + Wₗ₊₁ᵀ hˡ⁺¹        total inputs, from both neighbours

    Given its neighbours a layer's units are independent, so the odd layers and the even
    ones, the visible units among them, are drawn in turns. The hidden units given data
    are not: they are approximated by independent ones, of means μ (``mean_field``), and
    log p(v) is bounded from below.

    Shapes: v (…, D); ``weights`` Wₗ (Hₗ, Hₗ₋₁), ``hidden_biases`` cₗ (Hₗ,),
    ``visible_bias`` b (D,). Calling the machine returns μ of the last layer, (…, H_L).

    Initial values: weights from N(0, 0.01²), biases 0; after ``pretrain`` those of
    restricted machines, without which training goes astray.

    Arguments:
        sizes: the units of each layer from the visible ones on; hidden ones are binary
            or softmax, visible ones may be real, as ``models.Gaussian(64)``.
        mean_field_steps: how often all means are renewed.
        dtype: of the parameters.

    Raises:
        ArgumentError: for fewer than two hidden layers, layers without units, and real
            hidden units.

    Source: Salakhutdinov & Hinton, Deep Boltzmann machines (2009).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> dbm = models.DBM((6, 4, 3))
        >>> v = cr.ones((5, 6))
        >>> [each.shape for each in dbm.hidden_given(v)]
        [(5, 4), (5, 3)]
        >>> dbm.unnormalized_log_prob(v).shape
        (5,)
    """

    def __init__(
        self,
        sizes: Sequence[Any],
        mean_field_steps: int = 10,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        if not isinstance(sizes, (tuple, list)) or len(sizes) < 3:
            raise ArgumentError(
                f"DBM: sizes={sizes!r}: expected visible units and two hidden layers "
                "or more",
                fix="(784, 500, 1000); models.RBM has one hidden layer",
            )
        layers = [as_units("DBM", f"sizes[{k}]", size) for k, size in enumerate(sizes)]
        for k, units in enumerate(layers[1:], 1):
            if units.is_real:
                raise ArgumentError(
                    f"DBM: sizes[{k}]={units!r}: hidden units are binary or softmax",
                    fix=f"{units.features}; only the visible ones may be real",
                )
        steps = positive_size("DBM", "mean_field_steps", mean_field_steps)
        self.units, self.mean_field_steps = tuple(layers), steps
        self.visible = layers[0]
        widths = [units.features for units in layers]
        init = normal(std=0.01)
        self.weights = [
            new_parameter(f"W{k}", (above, below), init, dtype)
            for k, (below, above) in enumerate(itertools.pairwise(widths), 1)
        ]
        self.visible_bias = new_parameter("visible_bias", widths[:1], "zeros", dtype)
        self.hidden_biases = [
            new_parameter(f"c{k}", (width,), "zeros", dtype)
            for k, width in enumerate(widths[1:], 1)
        ]

    def settings(self) -> dict[str, Any]:
        """The units of each layer, and the steps of mean field."""
        return {
            "sizes": [repr(units) for units in self.units],
            "mean_field_steps": self.mean_field_steps,
        }

    def describe_settings(self) -> str:
        """``Binary(784) ↔ Binary(500) ↔ Binary(1000)``"""
        return " ↔ ".join(map(repr, self.units))

    def forward(self, v: Any) -> Any:
        """The means of the last hidden layer given the data."""
        return self.hidden_given(v)[-1]

    # Energy, and the layers given their neighbours. ----------------------------------

    def energy(self, *layers: Any) -> Any:
        """E(v, h¹, …, hᴸ), (…,): states of every layer, from the visible one on.

        Raises:
            ArgumentError: for more or fewer layers than the machine has.
        """
        if len(layers) != len(self.units):
            raise ArgumentError(
                f"DBM: energy of {len(layers)} layers: expected the states of all "
                f"{len(self.units)}, from the visible one on",
                fix="dbm.unnormalized_log_prob(v) is a bound that needs v alone",
            )
        states = [
            units.checked("DBM", each, f"states of layer {k}")
            for k, (units, each) in enumerate(zip(self.units, layers, strict=True))
        ]
        total = self.visible.own_energy(states[0])
        total = total - (states[0] * self.visible_bias).sum(-1)
        for (below, above), weight, bias in zip(
            itertools.pairwise(states), self.weights, self.hidden_biases, strict=True
        ):
            total = total - (above * (below @ weight.T + bias)).sum(-1)
        return total

    def inputs(self, k: int, below: Any, above: Any) -> Any:
        """zₖ of layer k (0 for the visible units) from its neighbours; None for one
        that is not there.
        """
        z = self.visible_bias if k == 0 else self.hidden_biases[k - 1]
        if below is not None:
            z = below @ self.weights[k - 1].T + z
        return z if above is None else above @ self.weights[k] + z

    def sides(self) -> Sides:
        """The odd layers on one side, the visible units and the other even ones on the
        other.
        """
        odd = list(range(1, len(self.units), 2))
        even = list(range(0, len(self.units), 2))
        return Sides(
            self._side(odd),
            self._side(even),
            self._joined({k: self.inputs(k, None, None) for k in odd}),
            self._joined({k: self.inputs(k, None, None) for k in even}),
            lambda y: self._inputs_of(odd, even, y),
            lambda x: self._inputs_of(even, odd, x),
            visible="y",
        )

    def _inputs_of(self, wanted: list[int], given: list[int], states: Any) -> Any:
        """The total inputs of these layers, joined, for joined states of the others."""
        units = self._side(given)
        parts = [x for _, x in units.split(states)] if len(given) > 1 else [states]  # type: ignore[attr-defined]
        known = dict(zip(given, parts, strict=True))
        return self._joined(
            {k: self.inputs(k, known.get(k - 1), known.get(k + 1)) for k in wanted}
        )

    def _side(self, numbers: list[int]) -> Units:
        chosen = [self.units[k] for k in numbers]
        return chosen[0] if len(chosen) == 1 else Mixed(chosen)

    def _joined(self, parts: dict[int, Any]) -> Any:
        values = list(parts.values())
        return values[0] if len(values) == 1 else concatenate(values, -1)

    # Given data: mean field, and the bound. ------------------------------------------

    def mean_field(self, v: Any) -> list[tuple[Any, Any]]:
        """The hidden units given data, as if they were independent: (total inputs,
        means) of each layer.

        Formula: μₗ = E[hˡ | zₗ] with zₗ = cₗ + Wₗ μₗ₋₁ + Wₗ₊₁ᵀ μₗ₊₁, first for the odd
        layers and then for the even ones, ``mean_field_steps`` times. It starts with a
        pass upwards, in which twice Wₗ μₗ₋₁ takes the place of what comes from above.
        """
        last = len(self.units) - 1
        states: list[Any] = [self._visible(v)]
        found: list[Any] = [None]
        for k in range(1, last + 1):
            up = states[-1] @ self.weights[k - 1].T
            found.append((up if k == last else 2.0 * up) + self.hidden_biases[k - 1])
            states.append(self.units[k].mean(found[-1]))
        for _ in range(self.mean_field_steps):
            for k in (*range(1, last + 1, 2), *range(2, last + 1, 2)):
                above = None if k == last else states[k + 1]
                found[k] = self.inputs(k, states[k - 1], above)
                states[k] = self.units[k].mean(found[k])
        return list(zip(found[1:], states[1:], strict=True))

    def hidden_given(self, v: Any) -> list[Any]:
        """The means of every hidden layer given data, by mean field."""
        return [mean for _, mean in self.mean_field(v)]

    def unnormalized_log_prob(self, v: Any) -> Any:
        """A lower bound of log p(v) + log Z, (…,).

        Formula: E[−E(v, h)] + the entropy of h, both for independent hidden units of
        means μ. Its gradient takes μ for constants, which at the largest bound they may
        be.
        """
        below = self._visible(v)
        total = (below * self.visible_bias).sum(-1) - self.visible.own_energy(below)
        for k, pair in enumerate(self.mean_field(v), 1):
            z, mean = (stop_gradient(each) for each in pair)
            total = total + (mean * (self.inputs(k, below, None) - z)).sum(-1)
            total = total + self.units[k].log_partition(z)
            below = mean
        return total

    def reconstruction_inputs(self, v: Any) -> Any:
        """b + W₁ᵀ μ₁, (…, D)."""
        return self.inputs(0, None, self.hidden_given(v)[0])

    def hidden_means(self, v: Any) -> Any:
        """The means of all hidden layers, side by side."""
        return concatenate(self.hidden_given(v), -1)

    def side_means(self, v: Any) -> tuple[Any, Any]:
        """Those of the odd layers, and v beside those of the even ones."""
        means = dict(enumerate([v, *self.hidden_given(v)]))
        odd, even = ({k: m for k, m in means.items() if k % 2 == r} for r in (1, 0))
        return self._joined(odd), self._joined(even)

    def initial_states(self, v: Any, generator: Generator | None = None) -> Any:
        """v beside states of the other even layers, drawn by mean field."""
        found = self.mean_field(v)
        even = {
            k: self.units[k].sample(found[k - 1][0], generator)
            for k in range(2, len(self.units), 2)
        }
        return self._joined({0: self._visible(v), **even})

    # Before training, and after it. --------------------------------------------------

    def pretrain(
        self,
        data: Any,
        *,
        epochs: int = 10,
        batch_size: int = 100,
        optimizer: Any = None,
        validation: float | None = None,
        seed: int = 0,
        engine: str | None = None,
        checkpoints: str | os.PathLike[str] | None = None,
        progress: Any = None,
    ) -> dict[str, History]:
        """Trains one restricted machine after the other, and takes their weights.

        In the deep machine a layer has inputs from both neighbours, in a restricted one
        from one alone: so the layer that will have another neighbour's inputs sees this
        one's twice (``Doubled``). A layer's bias is the mean of what its two machines
        found.

        Arguments:
            data: (N, D), or a ``Dataset`` or ``Split``, whose targets do not matter.
            epochs, batch_size, optimizer, validation, seed, engine, checkpoints,
                progress: as of ``DeepBeliefNet.pretrain``.

        Returns:
            The history of each layer: ``{"weights.0": …, "weights.1": …}``.

        Source: Salakhutdinov & Hinton (2009), section 3.1.
        """
        options = (epochs, batch_size, optimizer, validation, seed, engine, checkpoints)
        how = LayerTraining(*options, progress)
        inputs = training_data("DBM.pretrain", data).inputs
        x = np.asarray(self._visible(inputs).numpy())
        check_not_frozen("DBM.pretrain", self)
        machines: list[RBM] = []

        def of(k: int) -> Layer:
            copies = 1 if k == len(self.weights) - 1 else 2, 1 if k == 0 else 2

            def train(how: LayerTraining, x: Array) -> tuple[History, Doubled]:
                units = self.units[k], self.units[k + 1]
                rbm = how.new_rbm(*units, x, self.weights[k].dtype)
                machines.append(rbm)
                doubled = Doubled(rbm, *copies)
                return how.contrastive_divergence(doubled, x, drawn=True), doubled

            return train

        layers = [(f"weights.{k}", of(k)) for k in range(len(self.weights))]
        histories = train_layers("DBM.pretrain", how, layers, x)
        self._take(machines)
        return histories

    def _take(self, machines: Sequence[RBM]) -> None:
        """The values of restricted machines, for the layers of weights from the first
        one on.
        """
        self.visible_bias.assign(machines[0].visible_bias.array)
        for k, rbm in enumerate(machines):
            self.weights[k].assign(rbm.weight.array)
            bias = rbm.hidden_bias.array
            if k + 1 < len(machines):
                bias = 0.5 * (bias + machines[k + 1].visible_bias.array)
            self.hidden_biases[k].assign(bias)

    def to_sequential(self, classes: int) -> nn.Sequential:
        """The machine as a classifier to be tuned by ``cr.fit`` on ``augmented`` data:
        its two hidden layers with their weights, and a new ``Linear`` for the classes.

        The first layer sees the data beside the means of the second layer, so that
        before it is tuned the network computes what mean field does.

        Raises:
            ArgumentError: for more than two hidden layers, or others than binary ones.

        Source: Salakhutdinov & Hinton (2009), section 3.3.

        Example:
            >>> from chainrule import models
            >>> models.DBM((6, 4, 3)).to_sequential(2)
            Sequential(
              (0): Linear(9 → 4)
              (1): Sigmoid()
              (2): Linear(4 → 3)
              (3): Sigmoid()
              (4): Linear(3 → 2)
            )
        """
        binary = all(isinstance(units, Binary) for units in self.units[1:])
        if len(self.weights) != 2 or not binary:
            raise ArgumentError(
                f"to_sequential: {self!r}: expected two hidden layers of binary units",
                fix="dbm.hidden_given(x) are features for any network",
            )
        first, second = (weight.array for weight in self.weights)
        c1, c2 = (bias.array for bias in self.hidden_biases)
        of_both = np.concatenate([first, second.T], axis=1)
        return classifier([(of_both, c1), (second, c2)], classes)

    def augmented(self, x: Any) -> Array:
        """Data beside the means of the second hidden layer, (N, D + H₂): the inputs of
        ``to_sequential``.
        """
        rows = np.asarray(self._visible(x).numpy())
        return np.concatenate([rows, np.asarray(predict(self, rows))], axis=1)


class Doubled(Machine):
    """A restricted machine, one or both of whose layers are there twice, with the same
    weights: how the layers of a deep machine are trained one by one.

    Calling it returns E[h | v, v]: the hidden units for data that both copies have.

    Arguments:
        rbm: the machine.
        visible_copies, hidden_copies: 1 or 2 of each layer.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> doubled = Doubled(models.RBM(4, 3), 2, 1)
        >>> doubled(cr.ones((5, 4))).shape
        (5, 3)
    """

    def __init__(self, rbm: RBM, visible_copies: int, hidden_copies: int) -> None:
        self.rbm, self.visible = rbm, rbm.visible
        self.visible_bias = rbm.visible_bias
        self.visible_copies, self.hidden_copies = visible_copies, hidden_copies

    @property
    def hidden_is_real(self) -> bool:
        """Whether some hidden units take real values."""
        return self.rbm.hidden_is_real

    def forward(self, v: Any) -> Any:
        """E[h | v, v]."""
        rbm = self.rbm
        return rbm.hidden.mean(rbm.hidden_inputs(self.visible_copies * v))

    def sides(self) -> Sides:
        """The copies of the visible units on one side, those of the hidden ones on the
        other.
        """
        rbm, n, m = self.rbm, self.visible_copies, self.hidden_copies
        return Sides(
            _copies(rbm.visible, n),
            _copies(rbm.hidden, m),
            _repeated(rbm.visible_bias, n),
            _repeated(rbm.hidden_bias, m),
            lambda h: _repeated(rbm.visible_inputs(_summed(h, m)), n),
            lambda v: _repeated(rbm.hidden_inputs(_summed(v, n)), m),
        )

    def unnormalized_log_prob(self, v: Any) -> Any:
        """log p(v, v) + log Z."""
        return self.sides().log_marginal(self.initial_states(v))

    def reconstruction_inputs(self, v: Any) -> Any:
        """The total inputs of one copy of the visible units."""
        return self.rbm.visible_inputs(self.hidden_copies * self(v))

    def hidden_means(self, v: Any) -> Any:
        """E[h | v, v]."""
        return self(v)

    def side_means(self, v: Any) -> tuple[Any, Any]:
        """v in every copy, and E[h | v, v] in every copy."""
        return self.initial_states(v), _repeated(self(v), self.hidden_copies)

    def initial_states(self, v: Any, generator: Generator | None = None) -> Any:
        """v in every copy."""
        return _repeated(v, self.visible_copies)


def _copies(units: Units, count: int) -> Units:
    return units if count == 1 else Mixed([units] * count)


def _repeated(x: Any, count: int) -> Any:
    return x if count == 1 else concatenate([x] * count, -1)


def _summed(x: Any, count: int) -> Any:
    """The sum of the copies, side by side along the last axis."""
    if count == 1:
        return x
    width = x.shape[-1] // count
    return x[..., :width] + x[..., width:]
