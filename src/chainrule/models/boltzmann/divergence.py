"""Contrastive divergence: how a Boltzmann machine learns from data, as a loss.

Place on the road: part of ``models.boltzmann``, above the machine. The gradient of the
log-likelihood is a difference of two means,

    ∂/∂θ log p(v) = −∂F(v)/∂θ + E over the model's own v′ of ∂F(v′)/∂θ,

and the second one is estimated by short chains of block Gibbs sampling. So learning is
gradient descent on F(data) − F(chains), where the chains' states are constants: the
chain rule, the optimizers and the loop are those of every other network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from ... import nn
from ...errors import ArgumentError, NumericsError
from ...nn.arguments import new_variable, positive_size
from ...ops.creation import zeros
from ...ops.elementwise import stop_gradient, where
from ...random_numbers import Generator, default_generator
from .machine import RBM

#: Free energies beyond so many nats a unit are those of weights that have diverged.
MOST_ENERGY = 1e4


class ContrastiveDivergence(nn.Module):
    """Contrastive divergence as a module that outputs its own loss.

    Formula::

        L = mean F(v) − mean F(v′)

    over a batch v and states v′ of the machine's own, which count as constants. By
    CD-k, v′ is v after k steps of block Gibbs sampling (Hinton, 2002). By persistent
    CD the chains go on from where the last step left them, in ``chains``, and do not
    depend on the data (Tieleman, 2008): closer to the likelihood, at the same cost.
    For binary units the gradient is the rule ΔW ∝ ⟨h vᵀ⟩ data − ⟨h vᵀ⟩ model with
    E[h | v] in the place of h.

    In training the number says only which way to go: it is near 0 whether the machine
    is good or bad. In evaluation (``training=False``) it is −log p(v | E[h | v]), how
    well data is reconstructed by one deterministic pass, in nats a row;
    ``models.log_likelihood`` measures what the machine knows.

    Shapes: v (N, D) → one number. ``chains`` (chains, H): hidden states, where
    persistent.

    Arguments:
        machine: the RBM that learns.
        steps: k, of block Gibbs sampling.
        persistent: whether chains go on.
        chains: how many there are, where they go on.
        binarize: whether data between 0 and 1 are probabilities, from which states are
            drawn in every training step; otherwise values are used as they are.

    Raises:
        ArgumentError: for something that is no RBM, and counts below 1.
        DataError: for data that the visible units cannot have.
        NumericsError: in training, for weights that diverge, with the step in ``fit``.

    Source: Hinton, Training products of experts by minimizing contrastive divergence
    (2002); Tieleman, Training restricted Boltzmann machines using approximations to the
    likelihood gradient (2008).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models, optim
        >>> cr.manual_seed(0)
        >>> rbm = models.RBM(4, 8)
        >>> x = np.eye(4, dtype="f4")[np.arange(400) % 4]
        >>> learning = models.ContrastiveDivergence(rbm)
        >>> bool(learning(x) > 2.7)  # nats a row: 4 log 2
        True
        >>> descent = optim.Momentum(lr=0.1)
        >>> history = cr.fit(learning, x, optimizer=descent, epochs=40, progress=False)
        >>> bool(learning(x) < 1.0)
        True
    """

    depends_on_training: ClassVar[bool] = True
    outputs_loss: ClassVar[bool] = True

    def __init__(
        self,
        machine: RBM,
        steps: int = 1,
        persistent: bool = False,
        *,
        chains: int = 100,
        binarize: bool = False,
    ) -> None:
        if not isinstance(machine, RBM):
            raise ArgumentError(
                f"ContrastiveDivergence: machine={machine!r}: expected an RBM",
                fix="models.ContrastiveDivergence(models.RBM(784, 500))",
            )
        self.machine = machine
        self.steps = positive_size("ContrastiveDivergence", "steps", steps)
        self.persistent = bool(persistent)
        self.binarize = bool(binarize)
        count = positive_size("ContrastiveDivergence", "chains", chains)
        self.num_chains = count
        self.chains = None
        if self.persistent:
            shape = (count, machine.hidden.features)
            dtype = machine.weight.dtype
            self.chains = new_variable("chains", shape, self._first_states, dtype)

    def settings(self) -> dict[str, Any]:
        """The machine, and how it learns."""
        return {
            "machine": self.machine,
            "steps": self.steps,
            "persistent": self.persistent,
            "chains": self.num_chains,
            "binarize": self.binarize,
        }

    def describe_settings(self) -> str:
        """``CD-1``, ``persistent CD-1, 100 chains``"""
        kind = f"CD-{self.steps}"
        if self.persistent:
            return f"persistent {kind}, {self.num_chains} chains"
        return kind

    def forward(self, v: Any, training: bool = False) -> Any:
        """F(data) − F(chains) in training; −log p(v | E[h | v]) otherwise."""
        machine = self.machine
        v = machine.visible.checked("ContrastiveDivergence", v)
        if not training:
            h = machine.hidden.mean(machine.hidden_inputs(v))
            z = machine.visible_inputs(h)
            return machine.visible.negative_log_likelihood(v, z).mean()
        wrong = machine.visible.wrong(v).any()
        if self.binarize:
            v = machine.visible.drawn(v)
        z = machine.hidden_inputs(v)
        energy = machine.free_energy_of(v, z).mean()
        loss = energy - machine.free_energy_of(*self._of_model(z)).mean()
        return self._refusing(wrong, energy, loss)

    def _of_model(self, z: Any) -> tuple[Any, Any]:
        """The machine's own v, constants, and their hidden total inputs."""
        machine = self.machine
        h = machine.hidden.sample(z) if self.chains is None else self.chains
        for _ in range(self.steps):
            v = stop_gradient(machine.visible.sample(machine.visible_inputs(h)))
            z = machine.hidden_inputs(v)
            h = machine.hidden.sample(z)
        if self.chains is not None:
            self.chains.assign(h)
        return v, z

    def _refusing(self, wrong: Any, energy: Any, loss: Any) -> Any:
        """The loss; NaN where it means nothing, by which ``fit`` finds the step and
        calls this again with known values, for an error that says what is wrong.
        """
        units = self.machine.visible.features + self.machine.hidden.features
        most = MOST_ENERGY * units
        if energy.value is not None and not np.abs(energy.value) <= most:
            largest = float(np.abs(self.machine.weight.array).max())
            raise NumericsError(
                f"ContrastiveDivergence: the free energy of the data is "
                f"{float(energy.value):.3g}, more than {most:.3g}: the weights, of "
                f"{largest:.3g} at most, have diverged",
                fix="a smaller learning rate, less momentum or weight decay; real data "
                "needs mean 0 and variance 1",
            )
        return where(wrong | ~(abs(energy) <= most), math.nan, loss)

    def _first_states(
        self,
        shape: Sequence[int],
        generator: Generator | None = None,
        dtype: DTypeLike | None = None,
    ) -> Any:
        """Chains start with hidden states drawn as if there were no weights."""
        source = default_generator if generator is None else generator
        return self.machine.hidden.sample(zeros(shape, dtype), source)
