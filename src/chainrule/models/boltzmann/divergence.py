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

from ... import losses, nn
from ...errors import ArgumentError, DataError, NumericsError
from ...nn.arguments import new_variable, number_within, positive_size
from ...ops.creation import zeros
from ...ops.elementwise import isnan, stop_gradient, where
from ...random_numbers import Generator, default_generator
from .machine import Machine

#: Free energies beyond so many nats a unit are those of weights that have diverged.
MOST_ENERGY = 1e4

REAL_DATA = "standardise the data: mean 0 and variance 1 for each feature"


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

    In training the number says only which way to go: for a restricted machine it is
    near 0 whether the machine is good or bad. In evaluation (``training=False``) it is
    −log p(v | E[h | v]), how well data is reconstructed by one deterministic pass, in
    nats a row; ``models.log_likelihood`` measures what the machine knows.

    Of a deep machine, F(v) is an upper bound, tight as far as the mean field of its
    hidden units is; of its states v′ F is taken exactly, on the side of the odd layers.

    Shapes: v (N, D) → one number. ``chains``: states of the hidden units (of a deep
    machine, of its even layers), where persistent.

    Arguments:
        machine: the RBM, or the deep machine, that learns.
        steps: k, of block Gibbs sampling.
        persistent: whether chains go on.
        chains: how many there are, where they go on.
        binarize: whether data between 0 and 1 are probabilities, from which states are
            drawn in every training step; otherwise values are used as they are.
        sparsity: what ``losses.kl_sparsity`` of the hidden units' means counts for: how
            far they are from being active in a share ``target`` of the rows.
        target: that share.

    Raises:
        ArgumentError: for something that is no machine, counts below 1, and chains of
            a deep machine that do not persist.
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
        machine: Machine,
        steps: int = 1,
        persistent: bool = False,
        *,
        chains: int = 100,
        binarize: bool = False,
        sparsity: float = 0.0,
        target: float = 0.05,
    ) -> None:
        if not isinstance(machine, Machine):
            raise ArgumentError(
                f"ContrastiveDivergence: machine={machine!r}: expected an RBM or a "
                "deep machine",
                fix="models.ContrastiveDivergence(models.RBM(784, 500))",
            )
        if not persistent and machine.sides().visible != "x":
            raise ArgumentError(
                f"ContrastiveDivergence: {machine!r}: chains of a deep machine go on",
                fix="persistent=True",
            )
        self.machine = machine
        self.steps = positive_size("ContrastiveDivergence", "steps", steps)
        self.persistent = bool(persistent)
        self.binarize = bool(binarize)
        rule = "a number of 0 or more"
        self.sparsity = number_within(
            "ContrastiveDivergence", "sparsity", sparsity, 0, rule=rule
        )
        if self.sparsity and machine.hidden_is_real:
            raise ArgumentError(
                f"ContrastiveDivergence: sparsity={sparsity!r} of {machine!r}: real "
                "hidden units are not active in a share of the rows",
                fix="binary hidden units, or sparsity=0",
            )
        rule = "a number between 0 and 1"
        self.target = number_within(
            "ContrastiveDivergence", "target", target, 1e-6, 1 - 1e-6, rule
        )
        self.num_chains = positive_size("ContrastiveDivergence", "chains", chains)
        self.chains = None
        if self.persistent:
            sides = machine.sides()
            shape, dtype = (self.num_chains, sides.y.features), sides.x_bias.dtype
            self.chains = new_variable("chains", shape, self._initial_states, dtype)

    def settings(self) -> dict[str, Any]:
        """The machine, and how it learns."""
        return {
            "machine": self.machine,
            "steps": self.steps,
            "persistent": self.persistent,
            "chains": self.num_chains,
            "binarize": self.binarize,
            "sparsity": self.sparsity,
            "target": self.target,
        }

    def describe_settings(self) -> str:
        """``CD-1``, ``persistent CD-1, 100 chains, binarize, sparsity=0.1 to 0.05``"""
        parts = [f"{'persistent ' * self.persistent}CD-{self.steps}"]
        if self.persistent:
            count = self.num_chains
            parts.append("1 chain" if count == 1 else f"{count} chains")
        if self.binarize:
            parts.append("binarize")
        if self.sparsity:
            parts.append(f"sparsity={self.sparsity:g} to {self.target:g}")
        return ", ".join(parts)

    def forward(self, v: Any, training: bool = False) -> Any:
        """F(data) − F(chains) in training; −log p(v | E[h | v]) otherwise."""
        machine = self.machine
        v = machine.visible.checked("ContrastiveDivergence", v)
        if not training:
            z = machine.reconstruction_inputs(v)
            return machine.visible.negative_log_likelihood(v, z).mean()
        wrong = isnan(v).any()  # which states that are drawn from v do not show
        if self.binarize:
            v = machine.visible.sample_with_mean(v)
        energy = -machine.unnormalized_log_prob(v).mean()
        of_chains = -machine.sides().log_marginal(self._of_model(v)).mean()
        loss = energy - of_chains
        if self.sparsity:
            means = machine.hidden_means(v)
            loss = loss + self.sparsity * losses.kl_sparsity(means, self.target)
        own = machine.visible.own_energy(v)
        return self._refusing(wrong, own, energy, of_chains, loss)

    def _of_model(self, v: Any) -> Any:
        """The machine's own states of its first side, which are constants."""
        sides, chains = self.machine.sides(), self.chains
        y: Any = chains
        if chains is None:
            y = sides.y.sample(sides.inputs_of_y(self.machine.initial_states(v)))
        for _ in range(self.steps):
            y, x = sides.swapped.gibbs(y)
        if chains is not None:
            chains.assign(y)
        return stop_gradient(x)

    def _refusing(
        self, wrong: Any, own: Any, of_data: Any, of_chains: Any, loss: Any
    ) -> Any:
        """The loss; NaN where it means nothing, by which ``fit`` finds the step and
        calls this again with known values, for an error that says what is wrong.
        """
        sides, found = self.machine.sides(), (of_data, of_chains)
        most = MOST_ENERGY * (sides.x.features + sides.y.features)
        known = [each.value for each in found if each.value is not None]
        alone = getattr(own, "value", None)  # A(v): no weights are in it
        if alone is not None and np.mean(alone) > most:
            raise DataError(
                f"ContrastiveDivergence: ½ ‖x‖² of the data is {np.mean(alone):.3g} a "
                f"row, beyond {most:.3g}: real units have variance 1",
                fix=REAL_DATA,
            )
        if not all(np.abs(value) <= most for value in known):
            largest = max(np.abs(p.array).max() for p in self.machine.parameters())
            raise NumericsError(
                f"ContrastiveDivergence: the free energy is {known[0]:.3g} for the "
                f"data and {known[1]:.3g} for the chains, beyond ± {most:.3g}: the "
                f"weights, of {largest:.3g} at most, have diverged",
                fix="a smaller learning rate, less momentum or weight decay; real data "
                "needs mean 0 and variance 1",
            )
        right = (abs(of_data) <= most) & (abs(of_chains) <= most)
        return where(right & ~wrong, loss, math.nan)

    def _initial_states(
        self,
        shape: Sequence[int],
        generator: Generator | None = None,
        dtype: DTypeLike | None = None,
    ) -> Any:
        """Chains start with states drawn as if there were no weights."""
        source = default_generator if generator is None else generator
        return self.machine.sides().y.sample(zeros(shape, dtype), source)
