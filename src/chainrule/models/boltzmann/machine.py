"""The restricted Boltzmann machine: energy, free energy, and block Gibbs sampling.

Place on the road: part of ``models.boltzmann``, on its units; how machines learn is in
``divergence``, how likely they find data in ``likelihood``, deep machines in ``deep``.
First what all machines share, then the restricted one in the order of the textbook.
Shapes: N rows, D visible and H hidden units.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ... import nn
from ...compiler.compile import compile
from ...errors import ArgumentError, ShapeError
from ...initializers import Initializer, normal
from ...nn.arguments import new_parameter, positive_size
from ...ops.movement import broadcast_to
from ...random_numbers import Generator, default_generator
from .units import Units, as_units


@dataclass(frozen=True)
class Sides:
    """A Boltzmann machine seen as two sides x and y: on each, all units are independent
    given the other side. A restricted machine has visible and hidden units; a deep one
    has its odd layers and its even ones, each side by side.

    Its energy is A(x) + A(y) − x · x_bias − y · inputs_of_y(x).

    Attributes:
        x, y: the units of each side.
        x_bias, y_bias: theirs, (features of x,) and (features of y,).
        inputs_of_x: the total inputs of x, its bias among them, for states of y.
        inputs_of_y: the same the other way.
        visible: where the visible units are: the first ones of "x" or of "y".
    """

    x: Units
    y: Units
    x_bias: Any
    y_bias: Any
    inputs_of_x: Callable[[Any], Any]
    inputs_of_y: Callable[[Any], Any]
    visible: str = "x"

    @property
    def swapped(self) -> Sides:
        """The same machine, x and y exchanged."""
        return Sides(
            self.y,
            self.x,
            self.y_bias,
            self.x_bias,
            self.inputs_of_y,
            self.inputs_of_x,
            "y" if self.visible == "x" else "x",
        )

    def log_marginal(self, x: Any) -> Any:
        """log Σ over y of exp(−E(x, y)), (…,)."""
        own = (x * self.x_bias).sum(-1) - self.x.own_energy(x)
        return own + self.y.log_partition(self.inputs_of_y(x))

    def gibbs(
        self, x: Any, generator: Generator | None = None, means: bool = False
    ) -> tuple[Any, Any]:
        """One step of block Gibbs sampling: y drawn given x, then x drawn given y.

        Arguments:
            means: whether the means of the new x are returned in the place of states.

        Returns:
            The new x, and the y that it was drawn from.

        Source: Geman & Geman, Stochastic relaxation (1984).
        """
        y = self.y.sample(self.inputs_of_y(x), generator)
        z = self.inputs_of_x(y)
        return self.x.mean(z) if means else self.x.sample(z, generator), y


class Machine(nn.Module):
    """What all Boltzmann machines share: two sides, and data between them and log Z.

    Subclasses have ``visible`` units and a ``visible_bias``, and write the
    methods that are abstract here.
    """

    visible: Units
    visible_bias: Any

    @property
    def hidden_is_real(self) -> bool:
        """Whether some hidden units take real values."""
        return False

    @abstractmethod
    def sides(self) -> Sides:
        """The machine as two sides."""

    @abstractmethod
    def unnormalized_log_prob(self, v: Any) -> Any:
        """log p(v) + log Z, or a lower bound of it, (…,)."""

    @abstractmethod
    def reconstruction_inputs(self, v: Any) -> Any:
        """The total inputs of the visible units from the means of the hidden ones given
        v, (…, D).
        """

    @abstractmethod
    def hidden_means(self, v: Any) -> Any:
        """The means of all hidden units given v, side by side, (…, units)."""

    @abstractmethod
    def side_means(self, v: Any) -> tuple[Any, Any]:
        """The means of the units of both sides given v, v among them."""

    @abstractmethod
    def initial_states(self, v: Any, generator: Generator | None = None) -> Any:
        """States of the side with the visible units where these are v."""

    def sample(
        self,
        n: int,
        steps: int = 1000,
        *,
        start: Any = None,
        means: bool = False,
        generator: Generator | None = None,
    ) -> Any:
        """n visible states from as many chains of block Gibbs sampling.

        The further a chain runs, the less its end depends on its start; how far is far
        enough differs from machine to machine.

        Arguments:
            steps: of each chain: how often both sides are drawn.
            start: where they start, (n, D); drawn from the biases when not given.
            means: whether the last step returns the means of the visible units in the
                place of states: grey pictures.
            generator: of random numbers; the default one when not given.

        Raises:
            ArgumentError: for another number of rows to start from.

        Source: Geman & Geman, Stochastic relaxation (1984).

        Example:
            >>> from chainrule import models
            >>> models.RBM(6, 2).sample(3, steps=10).shape
            (3, 6)
        """
        rows = positive_size("sample", "n", n)
        count = positive_size("sample", "steps", steps)
        source = default_generator if generator is None else generator
        if start is None:
            shape = (rows, self.visible.features)
            v = self.visible.sample(broadcast_to(self.visible_bias, shape), source)
        else:
            v = self._visible(start)
            if v.shape != (rows, self.visible.features):
                raise ArgumentError(
                    f"sample: start {v.shape} for {rows} chains: expected one row for "
                    "each"
                )
        states = self.initial_states(v, source)
        for _ in range(count - 1):
            states = self._step(states, False, source)
        return self._step(states, bool(means), source)[:, : self.visible.features]

    @compile
    def _step(self, states: Any, means: bool, source: Generator) -> Any:
        """One step of a chain, for states of the side with the visible units."""
        sides = self.sides()
        sides = sides if sides.visible == "x" else sides.swapped
        return sides.gibbs(states, source, means)[0]

    def fit_visible_bias(self, x: Any) -> None:
        """Sets b so that, without weights, the visible units have the means of the
        data: log p / (1 − p) for binary ones. Learning then starts with the weights.

        Raises:
            ShapeError: for no rows.

        Source: Hinton (2012), section 8.1.
        """
        rows = np.asarray(self._visible(x).numpy(), float)
        if rows.ndim != 2 or not len(rows):
            raise ShapeError(
                f"fit_visible_bias: data {rows.shape}: expected (N, "
                f"{self.visible.features}), one row or more"
            )
        mean = rows.mean(axis=0)
        bias = self.visible.inputs_of(mean)
        self.visible_bias.assign(bias.astype(self.visible_bias.dtype))

    def _visible(self, v: Any) -> Any:
        return self.visible.checked(type(self).__name__, v)


class RBM(Machine):
    """A restricted Boltzmann machine: two layers, each independent given the other.

    Formula::

        E(v, h) = A(v) + A(h) − bᵀv − cᵀh − hᵀ W v
        p(v, h) = exp(−E(v, h)) / Z
        F(v)    = −log Σₕ exp(−E(v, h)) = A(v) − bᵀv − log_partition(c + W v)

    where A is 0 for binary and softmax units and ½ ‖x‖² for real ones (``units``). For
    binary ones log_partition(z) = Σ log(1 + exp zᵢ) and E[h | v] = σ(c + W v).

    Shapes: v (…, D), h (…, H); ``weight`` W (H, D), ``visible_bias`` b (D,),
    ``hidden_bias`` c (H,). Calling the machine returns the features E[h | v].

    Initial values: W from N(0, 0.01²), biases 0.

    Arguments:
        visible, hidden: a number of binary units; ``models.Gaussian(64)``,
            ``models.Softmax(10)``; or a tuple for several kinds in one layer, as
            ``(784, models.Softmax(10))``.
        weight_init: an initializer, or its name.
        dtype: of the parameters.

    Raises:
        ArgumentError: for a layer without units, and for real units in both layers: the
            energy may then have no smallest value, and p does not exist.

    Source: Smolensky, Information processing in dynamical systems (1986); Hinton, A
    practical guide to training restricted Boltzmann machines (2012).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> rbm = models.RBM(6, 2)
        >>> v = cr.ones((3, 6))
        >>> rbm.free_energy(v).shape, rbm.hidden_given(v).shape, rbm.sample(4).shape
        ((3,), (3, 2), (4, 6))
    """

    def __init__(
        self,
        visible: Any,
        hidden: Any,
        *,
        weight_init: Initializer | str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.visible = as_units("RBM", "visible", visible)
        self.hidden = as_units("RBM", "hidden", hidden)
        if self.visible.is_real and self.hidden.is_real:
            raise ArgumentError(
                f"RBM: visible {self.visible!r} and hidden {self.hidden!r}: real units "
                "in both layers: the energy may have no smallest value",
                fix="binary units in one of the layers",
            )
        init = normal(std=0.01) if weight_init is None else weight_init
        shape = (self.hidden.features, self.visible.features)
        self.weight = new_parameter("weight", shape, init, dtype)
        self.visible_bias = new_parameter("visible_bias", shape[1:], "zeros", dtype)
        self.hidden_bias = new_parameter("hidden_bias", shape[:1], "zeros", dtype)

    def settings(self) -> dict[str, Any]:
        """The units of both layers."""
        return {"visible": repr(self.visible), "hidden": repr(self.hidden)}

    def describe_settings(self) -> str:
        """``Binary(784) ↔ Binary(500)``"""
        return f"{self.visible!r} ↔ {self.hidden!r}"

    @property
    def hidden_is_real(self) -> bool:
        """Whether some hidden units take real values."""
        return self.hidden.is_real

    def forward(self, v: Any) -> Any:
        """E[h | v]: the features of the data."""
        return self.hidden_given(v)

    # Energies. -----------------------------------------------------------------------

    def energy(self, v: Any, h: Any) -> Any:
        """E(v, h), (…,)."""
        v, h = self._visible(v), self.hidden.checked("RBM", h, "hidden states")
        own = self.visible.own_energy(v) + self.hidden.own_energy(h)
        of_hidden = (h * self.hidden_inputs(v)).sum(-1)  # cᵀh + hᵀ W v
        return own - (v * self.visible_bias).sum(-1) - of_hidden

    def free_energy(self, v: Any) -> Any:
        """F(v) = −log Σₕ exp(−E(v, h)), (…,): p(v) = exp(−F(v)) / Z.

        Raises:
            DataError: for values that visible units cannot have.
        """
        v = self._visible(v)
        own = self.visible.own_energy(v) - (v * self.visible_bias).sum(-1)
        return own - self.hidden.log_partition(self.hidden_inputs(v))

    def hidden_inputs(self, v: Any) -> Any:
        """c + W v: (…, D) → (…, H)."""
        return v @ self.weight.T + self.hidden_bias

    def visible_inputs(self, h: Any) -> Any:
        """b + Wᵀ h: (…, H) → (…, D)."""
        return h @ self.weight + self.visible_bias

    # The two conditionals, and the chain that alternates between them. ---------------

    def hidden_given(self, v: Any) -> Any:
        """E[h | v]: for binary units the probabilities σ(c + W v)."""
        return self.hidden.mean(self.hidden_inputs(self._visible(v)))

    def visible_given(self, h: Any) -> Any:
        """E[v | h]: for binary units the probabilities σ(b + Wᵀ h)."""
        h = self.hidden.checked("RBM", h, "hidden states")
        return self.visible.mean(self.visible_inputs(h))

    def sample_hidden(self, v: Any, generator: Generator | None = None) -> Any:
        """h drawn from p(h | v)."""
        return self.hidden.sample(self.hidden_inputs(self._visible(v)), generator)

    def sample_visible(self, h: Any, generator: Generator | None = None) -> Any:
        """v drawn from p(v | h)."""
        h = self.hidden.checked("RBM", h, "hidden states")
        return self.visible.sample(self.visible_inputs(h), generator)

    def gibbs(
        self, v: Any, steps: int = 1, generator: Generator | None = None
    ) -> tuple[Any, Any]:
        """Block Gibbs sampling: h ~ p(h | v), v ~ p(v | h), and so on.

        Arguments:
            v: where the chains start, (…, D).
            steps: how often both layers are drawn.

        Returns:
            The last v, and the h that it was drawn from.

        Source: Geman & Geman (1984).
        """
        count, v = positive_size("gibbs", "steps", steps), self._visible(v)
        for _ in range(count):
            v, h = self.sides().gibbs(v, generator)
        return v, h

    # What learning and likelihood need to know. --------------------------------------

    def sides(self) -> Sides:
        """Visible units on one side, hidden ones on the other."""
        return Sides(
            self.visible,
            self.hidden,
            self.visible_bias,
            self.hidden_bias,
            self.visible_inputs,
            self.hidden_inputs,
        )

    def unnormalized_log_prob(self, v: Any) -> Any:
        """log p(v) + log Z = −F(v), (…,)."""
        return -self.free_energy(v)

    def reconstruction_inputs(self, v: Any) -> Any:
        """b + Wᵀ E[h | v], (…, D)."""
        return self.visible_inputs(self.hidden_given(v))

    def hidden_means(self, v: Any) -> Any:
        """E[h | v], (…, H)."""
        return self.hidden_given(v)

    def side_means(self, v: Any) -> tuple[Any, Any]:
        """v, and E[h | v]."""
        return v, self.hidden_given(v)

    def initial_states(self, v: Any, generator: Generator | None = None) -> Any:
        """v itself, looked at as the free energy does, so that a compiled function
        computes p(h | v) once for both.
        """
        return self._visible(v)
