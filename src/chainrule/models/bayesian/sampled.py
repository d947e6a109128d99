"""Posteriors by Markov chains: weights that were drawn, and not assumed to be normal.

Place on the road: methods of ``models.bayesian``, on ``sampling``, which knows no
network: a chain moves through one vector of all weights.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import numpy as np

from ... import nn, sampling
from ...errors import ArgumentError, StateError
from ...graph import Array
from ...nn.arguments import number_within, positive_size
from ...nn.module.building import drawn_anew
from ...ops.composed import logsumexp
from ...sampling.diagnostics import LEAST_DRAWS
from ...sampling.draws import agreement_problems, warn_at_user
from ...sampling.running import number_of_warmup
from ...training.examples import model_dtype
from ...variable import Variable
from ...vectorize.transform import vmap
from ...wording import counted
from .joint import drawing_from
from .likelihoods import ConditionalLikelihood
from .posterior import NUM_DRAWS, Posterior
from .priors import GaussianPrior, Prior

#: What the likelihood learns is expected within this distance of what it begins with.
NOISE_STD = 3.0

#: Rows whose predictions are compared between the chains.
COMPARED = 50


class ByChains(Posterior):
    """A posterior by chains: each draw of the weights is a point of one of them.

    Formula: the chains draw w from p(w | x, y) ∝ p(y | x, w) p(w). What the likelihood
    learns has the prior N(v, 3²) around the value v it begins with, of the logarithm of
    a precision; a flat one would leave no posterior.

    Chains begin at weights that are drawn anew for each. ``fit`` draws; ``cr.fit`` has
    nothing to minimise. What is evaluated is −log p(y | x, data), by ``NUM_DRAWS`` of
    the draws.

    Shapes: x (N, …), y (N, …) → ().

    Arguments:
        network, likelihood, num_examples: as of ``Posterior``.
        prior: p(w), that of deviation 1 when not given; a flat one has no posterior.
        draws: of each chain, all kept.
        warmup: iterations of each chain before them.
        chains: how many there are.

    Attributes:
        stacks: name ↦ all draws, (chains · draws, …), chain after chain.
        found: the draws as ``sampling`` returned them; None where they were loaded.
        r_hat, ess: (rows, T), R̂ and effective draws of predictions at up to 50 of the
            inputs. Those of the weights say nothing: hidden units may be permuted.
    """

    def __init__(
        self,
        network: nn.Module,
        likelihood: ConditionalLikelihood,
        prior: Prior | None = None,
        *,
        draws: int = 500,
        warmup: int = 500,
        chains: int = 4,
        num_examples: int | None = None,
    ) -> None:
        name = type(self).__name__
        prior = GaussianPrior(1.0) if prior is None else prior
        super().__init__(network, likelihood, prior, num_examples=num_examples)
        if type(prior) is Prior:
            raise ArgumentError(
                f"{name}: a flat prior: a chain would go away for ever",
                fix="models.GaussianPrior(1.0)",
            )
        self.draws = positive_size(name, "draws", draws)
        self.warmup = number_of_warmup(name, warmup)
        self.chains = positive_size(name, "chains", chains)
        self.found: Any = None
        self.r_hat: Array | None = None
        self.ess: Array | None = None
        count = self.chains * self.draws
        pairs = zip(self.joint.names, self.joint.parameters, strict=True)
        self.stacks = {
            path: Variable(np.zeros((count, *w.shape), w.dtype), name=path)
            for path, w in pairs
        }

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {"draws": self.draws, "warmup": self.warmup, "chains": self.chains}
        return {**super().settings(), **own}

    def describe_settings(self) -> str:
        """``4 chains × 500 draws, …``"""
        return f"{self.chains} chains × {self.draws} draws, " + (
            super().describe_settings()
        )

    # Learning. -----------------------------------------------------------------------

    def fit(self, x: Any, y: Any, *, seed: int = 0, **how: Any) -> Any:
        """Draws weights from their posterior; ``found`` has what is known of the draws.

        Arguments:
            x, y: inputs and targets, the examples along the first axis.
            seed: of the chains and of the weights that they begin with.

        Returns:
            The draws of all weights in one vector: those of ``sampling``.

        Raises:
            ArgumentError: for what chains have no use for, such as epochs.
            DataError: for NaN, no examples, or targets of one class only.
            NumericsError: for a density that is not finite at the start.

        Warns:
            UserWarning: for divergences, chains whose predictions do not agree, and too
                few effective draws.
        """
        name = type(self).__name__
        if how:
            named = ", ".join(f"{each}=" for each in how)
            raise ArgumentError(
                f"{name}.fit: {named}: chains are drawn, nothing is minimised",
                fix=f"{name}(…, warmup=1000, draws=1000).fit(x, y, seed=0)",
            )
        examples = self.examples(x, y)
        inputs, targets = self._inputs(examples.inputs), self._targets(examples.targets)
        self.num_examples = len(inputs)
        self.found = self.sampled(inputs, targets, self._starts(seed), seed)
        rows = self.found.values.reshape(self.chains * self.draws, -1)
        for stack, piece in zip(self.stacks.values(), self._cut(rows), strict=True):
            stack.assign(piece)
        self._compare(inputs)
        return self.found

    @abstractmethod
    def sampled(self, x: Array, y: Array, starts: Array, seed: int) -> Any:
        """Draws of vectors of all weights, ``.values`` (chains, draws, D).

        Arguments:
            x, y: all examples.
            starts: (chains, D).
            seed: of the chains.
        """

    def log_prior(self, w: Any) -> Any:
        """log p of a vector of all weights, + a constant."""
        values = self._cut(w)
        with self.joint.at(values):
            density = self.joint.log_prior()
        for value, first in self._learned_noise(values):
            density = density - (0.5 / NOISE_STD**2) * ((value - first) ** 2).sum()
        return density

    def log_likelihood(self, w: Any, x: Any, y: Any) -> Any:
        """log p of every target at a vector of all weights, (N,)."""
        with self.joint.at(self._cut(w)):
            return self.joint.log_likelihood(x, y)

    def _learned_noise(self, values: list[Any]) -> list[tuple[Any, Array]]:
        """What the likelihood learns, and what it begins with."""
        learned = self.joint.parameters[len(self.joint.weights) :]
        firsts = [each.array for each in learned]
        return list(zip(values[len(self.joint.weights) :], firsts, strict=True))

    def _starts(self, seed: int) -> Array:
        """First weights, drawn anew for every chain; the network's own where its class
        does not say how.
        """
        joint, rows = self.joint, []
        for chain in range(self.chains):
            weights = [each.array for each in joint.weights]
            with drawing_from(seed + chain):
                try:
                    made = drawn_anew(joint.network).parameters()
                    weights = [each.array for each in made]
                except StateError:
                    pass
            noise = [each.array for each in joint.likelihood.parameters()]
            rows.append(np.concatenate([each.ravel() for each in [*weights, *noise]]))
        return np.stack(rows).astype(model_dtype(self))

    def _cut(self, w: Any) -> list[Any]:
        """A vector, or rows of them, as values of the parameters."""
        pieces, first = [], 0
        ahead = tuple(w.shape[:-1])
        for each in self.joint.parameters:
            piece = w[..., first : first + each.size].reshape((*ahead, *each.shape))
            pieces.append(piece.astype(each.dtype))
            first += each.size
        return pieces

    def _compare(self, inputs: Array) -> None:
        """Whether chains agree on what they predict."""
        name = type(self).__name__
        for problem in getattr(self.found, "problems", lambda **_: [])(values=False):
            warn_at_user(problem)
        if self.draws < LEAST_DRAWS:
            warn_at_user(
                f"{name}: {counted(self.draws, 'draw')} of each chain: too few to tell "
                f"whether chains agree, or how sure a prediction is: expected "
                f"{LEAST_DRAWS} or more, and rather hundreds"
            )
            return
        rows = inputs[:: max(1, len(inputs) // COMPARED)][:COMPARED]
        means = self.predict(rows, num_draws=self.chains * self.draws).draws
        values = means.reshape(self.chains, self.draws, *means.shape[1:])
        self.r_hat, self.ess = sampling.r_hat(values), sampling.ess_bulk(values)
        tail = sampling.ess_tail(values)
        where = f"{name}: predictions"
        for problem in agreement_problems(where, values, self.r_hat, self.ess, tail):
            warn_at_user(problem)

    # Predicting. ---------------------------------------------------------------------

    def forward(self, x: Any, y: Any, training: bool = False) -> Any:
        """−log p(y | x, data), the mean over a batch."""
        if training:
            name = type(self).__name__
            raise ArgumentError(
                f"{name}: there is no loss to minimise: chains are drawn",
                fix=f"{name}(…).fit(x, y)",
            )

        def one(values: list[Any]) -> Any:
            with self.joint.at(values):
                return self.joint.log_likelihood(x, y)

        chosen = self._chosen(NUM_DRAWS)
        found = vmap(one)([each.read()[chosen] for each in self.stacks.values()])  # type: ignore[index]
        return (math.log(len(chosen)) - logsumexp(found, axis=0)).mean()

    def plain_network(self) -> nn.Module:
        """The network at the last draw: weights of different draws have no mean that
        means anything, for hidden units may be permuted.
        """
        self._chosen(1)  # an error where nothing was drawn
        weights, stacks = self.joint.weights, self.stacks.values()
        for weight, stack in zip(weights, stacks, strict=False):  # noise is last
            weight.assign(stack.array[-1])
        return self.joint.network

    def draw(self, num_draws: int, seed: int) -> list[Array]:
        """So many of the draws, from all chains alike; all where there are fewer."""
        chosen = self._chosen(num_draws)
        return [each.array[chosen] for each in self.stacks.values()]

    def _chosen(self, wanted: int) -> Array:
        """Which draws are used: evenly along the chains."""
        if self.num_examples is None:
            name = type(self).__name__
            raise ArgumentError(
                f"{name}: no weights have been drawn yet", fix="posterior.fit(x, y)"
            )
        count = self.chains * self.draws
        used = min(wanted, count)
        return np.asarray((2 * np.arange(used) + 1) * count // (2 * used))


class HMC(ByChains):
    """The posterior of a network's weights by Hamiltonian Monte Carlo.

    All examples are looked at in every step, so that this is for small networks and
    some thousands of rows; there it is what other methods are compared with.

    Shapes, arguments, errors: those of ``ByChains`` and of ``sampling.hmc``.

    Source: Neal, Bayesian learning for neural networks (1996); Neal (2011).

    Example:
        >>> import numpy as np
        >>> from chainrule import models, nn
        >>> x = np.linspace(-1.0, 1.0, 30)[:, None]
        >>> line = models.HMC(
        ...     nn.Linear(1, 1),
        ...     models.GaussianLikelihood(precision=100.0, learned=False),
        ...     models.GaussianPrior(1.0), leapfrog_steps=12,
        ... )
        >>> draws = line.fit(x, 0.5 * x)
        >>> said = line.predict([[1.0]])
        >>> said.mean.round(1).item(), bool(0.02 < said.epistemic.item() < 0.05)
        (0.5, True)
    """

    def __init__(
        self,
        network: nn.Module,
        likelihood: ConditionalLikelihood,
        prior: Prior | None = None,
        *,
        draws: int = 500,
        warmup: int = 500,
        chains: int = 4,
        leapfrog_steps: int = 50,
        target_accept: float = 0.8,
        num_examples: int | None = None,
    ) -> None:
        super().__init__(
            network, likelihood, prior,
            draws=draws, warmup=warmup, chains=chains, num_examples=num_examples,
        )  # fmt: skip
        self.leapfrog_steps = positive_size("HMC", "leapfrog_steps", leapfrog_steps)
        self.target_accept = _target("HMC", target_accept)

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {
            "leapfrog_steps": self.leapfrog_steps,
            "target_accept": self.target_accept,
        }
        return {**super().settings(), **own}

    def sampled(self, x: Array, y: Array, starts: Array, seed: int) -> Any:
        """By ``sampling.hmc``."""
        return sampling.hmc(
            lambda w: self.log_likelihood(w, x, y).sum() + self.log_prior(w), starts,
            draws=self.draws, warmup=self.warmup, chains=None, seed=seed,
            target_accept=self.target_accept, leapfrog_steps=self.leapfrog_steps,
            warn=False,
        )  # fmt: skip


class NUTS(ByChains):
    """The posterior of a network's weights by the No-U-Turn sampler, whose trajectories
    are as long as they need to be.

    All examples are looked at in every step, as by ``HMC``. Of networks a trajectory
    seldom turns before it is long: ``max_depth`` bounds what a draw costs.

    Shapes, arguments, errors: those of ``ByChains`` and of ``sampling.nuts``.

    Source: Hoffman & Gelman, The No-U-Turn sampler (2014).

    Example:
        >>> import numpy as np
        >>> from chainrule import models, nn
        >>> x = np.linspace(-1.0, 1.0, 30)[:, None]
        >>> line = models.NUTS(
        ...     nn.Linear(1, 1),
        ...     models.GaussianLikelihood(precision=100.0, learned=False),
        ...     models.GaussianPrior(1.0),
        ... )
        >>> draws = line.fit(x, 0.5 * x)
        >>> near, far = line.predict([[0.0], [10.0]], num_draws=1000).epistemic
        >>> bool(0.015 < near < 0.022), bool(0.25 < far < 0.40)
        (True, True)
    """

    def __init__(
        self,
        network: nn.Module,
        likelihood: ConditionalLikelihood,
        prior: Prior | None = None,
        *,
        draws: int = 500,
        warmup: int = 500,
        chains: int = 4,
        max_depth: int = 8,
        target_accept: float = 0.8,
        num_examples: int | None = None,
    ) -> None:
        super().__init__(
            network, likelihood, prior,
            draws=draws, warmup=warmup, chains=chains, num_examples=num_examples,
        )  # fmt: skip
        self.max_depth = positive_size("NUTS", "max_depth", max_depth)
        self.target_accept = _target("NUTS", target_accept)

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {"max_depth": self.max_depth, "target_accept": self.target_accept}
        return {**super().settings(), **own}

    def sampled(self, x: Array, y: Array, starts: Array, seed: int) -> Any:
        """By ``sampling.nuts``."""
        return sampling.nuts(
            lambda w: self.log_likelihood(w, x, y).sum() + self.log_prior(w), starts,
            draws=self.draws, warmup=self.warmup, chains=None, seed=seed,
            target_accept=self.target_accept, max_depth=self.max_depth, warn=False,
        )  # fmt: skip


class SGLD(ByChains):
    """The posterior of a network's weights by stochastic-gradient Langevin dynamics: a
    batch in every step, for data of which all rows are too many.

    Nothing is rejected: draws are as good as the steps are small, and steps small
    enough need many of them. ``thin`` steps are one draw.

    Shapes, arguments, errors: those of ``ByChains`` and of ``sampling.sgld``.

    Source: Welling & Teh, Bayesian learning via stochastic gradient Langevin dynamics
    (2011).

    Example:
        >>> import numpy as np
        >>> from chainrule import models, nn
        >>> x = np.linspace(-1.0, 1.0, 300)[:, None]
        >>> line = models.SGLD(
        ...     nn.Linear(1, 1),
        ...     models.GaussianLikelihood(precision=100.0, learned=False),
        ...     models.GaussianPrior(1.0), step_size=1e-5, batch_size=100,
        ... )
        >>> draws = line.fit(x, 0.5 * x)
        >>> line.predict([[1.0]]).mean.round(1).item()
        0.5
    """

    def __init__(
        self,
        network: nn.Module,
        likelihood: ConditionalLikelihood,
        prior: Prior | None = None,
        *,
        step_size: float,
        final_step_size: float | None = None,
        batch_size: int = 32,
        draws: int = 500,
        warmup: int = 500,
        thin: int = 20,
        chains: int = 4,
        num_examples: int | None = None,
    ) -> None:
        super().__init__(
            network, likelihood, prior,
            draws=draws, warmup=warmup, chains=chains, num_examples=num_examples,
        )  # fmt: skip
        rule = "a number above 0"
        self.step_size = number_within("SGLD", "step_size", step_size, 1e-30, rule=rule)
        self.final_step_size = final_step_size
        self.batch_size = positive_size("SGLD", "batch_size", batch_size)
        self.thin = positive_size("SGLD", "thin", thin)

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {
            "step_size": self.step_size,
            "final_step_size": self.final_step_size,
            "batch_size": self.batch_size,
            "thin": self.thin,
        }
        return {**super().settings(), **own}

    def sampled(self, x: Array, y: Array, starts: Array, seed: int) -> Any:
        """By ``sampling.sgld``."""
        return sampling.sgld(
            self.log_prior, self.log_likelihood, starts, (x, y),
            step_size=self.step_size, final_step_size=self.final_step_size,
            batch_size=min(self.batch_size, len(x)), draws=self.draws,
            warmup=self.warmup, thin=self.thin, chains=None, seed=seed, warn=False,
        )  # fmt: skip


def _target(name: str, value: Any) -> float:
    rule = "a probability, from 0.05 to 0.999"
    return number_within(name, "target_accept", value, 0.05, 0.999, rule)
