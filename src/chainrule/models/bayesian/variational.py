"""Mean-field variational inference: every weight has a mean and a deviation.

Place on the road: a method of ``models.bayesian``. The shape of a value stands at the
right of the line that makes it: N examples, K samples of the weights.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import nn
from ...errors import ArgumentError, unknown_option
from ...graph import Array
from ...nn.arguments import number_within, positive_size
from ...ops.elementwise import exp, log, sqrt
from ...ops.movement import broadcast_to
from ...random_numbers import default_generator
from ...variable import Parameter
from ...vectorize.transform import vmap
from .chain import is_chain_of_linear, layers_of, weights_of_last_layer
from .likelihoods import ConditionalLikelihood
from .posterior import Posterior
from .priors import GaussianPrior, Prior

#: How the gradient of the expected surprise is estimated.
ESTIMATORS = ("local", "weights")

#: Which weights have a spread.
UNCERTAIN = ("all", "last_layer")


class MeanField(Posterior):
    """The posterior as independent normal distributions of the weights, the nearest to
    it that there are: Bayes by backprop.

    Formula: q(w) = N(μ, σ²), each weight for itself, minimises

        (1/N) [KL(q ‖ p(w)) − E_q log p(y | x, w)],

    the negative evidence lower bound. The expectation is estimated at w = μ + σ ε, so
    that gradients reach μ and σ (reparametrisation). For a ``GaussianPrior`` of
    deviation s, KL = Σ ln(s/σ) + (σ² + μ²)/2s² − ½; for others E_q log p(w) is
    estimated at the same w. What the likelihood learns has no spread.

    With ``uncertain="last_layer"`` only the weights of the last layer have one; those
    before it are learned as by ``MAP``, with −log p(μ) in the place of their KL. Every
    weight with a spread costs about ln(s/σ) nats of the bound, so the whole of a wide
    network is more than few rows can pay: most units then go back to the prior, and
    the noise explains the targets. A noise that begins small,
    ``GaussianLikelihood(precision=100.0)``, helps the whole network.

    With ``estimator="local"`` each example has noise of its own, and less of it: for
    independent weights, z = W a + b is normal with mean M a + m and variance S² a² +
    s², which is drawn in the place of the weights (local reparametrisation). It needs a
    ``Sequential`` whose weights are those of ``Linear`` layers, and a Gaussian prior.
    With "weights" every batch has ``num_samples`` draws of all weights.

    In evaluation the surprise alone, at w = μ.

    Shapes: x (N, …), y (N, …) → ().

    Arguments:
        network, likelihood, num_examples: as of ``Posterior``; the network's values are
            the first μ.
        prior: p(w); a flat one has no such bound.
        std: the first σ of every weight.
        uncertain: the weights with a spread, "all" or "last_layer".
        estimator: "local", "weights", or None for the first where it is possible.
        num_samples: draws of the weights a batch, for "weights".

    Raises:
        ArgumentError: for a flat prior, a deviation that is not above 0, or a network
            that the estimator is not for.

    Source: Blundell, Cornebise, Kavukcuoglu & Wierstra, Weight uncertainty in neural
    networks (2015); Kingma, Salimans & Welling, Variational dropout and the local
    reparameterization trick (2015); the last layer alone: Harrison, Willes & Snoek,
    Variational Bayesian last layers (2024); whole networks that ignore the data: Coker,
    Bruinsma, Burt, Pan & Doshi-Velez (2022).

    Example:
        >>> import numpy as np
        >>> import chainrule as cr
        >>> from chainrule import models, nn
        >>> cr.manual_seed(0)
        >>> line = models.MeanField(
        ...     nn.Linear(1, 1),
        ...     models.GaussianLikelihood(precision=100.0, learned=False),
        ...     models.GaussianPrior(1.0),
        ... )
        >>> x = np.linspace(-1.0, 1.0, 40)[:, None]
        >>> history = line.fit(x, 0.5 * x, epochs=300, batch_size=40, progress=False,
        ...                    optimizer=cr.optim.Adam(lr=0.02))
        >>> said = line.predict([[1.0]])
        >>> said.mean.round(1).item(), bool(0.01 < said.epistemic.item() < 0.06)
        (0.5, True)
    """

    def __init__(
        self,
        network: nn.Module,
        likelihood: ConditionalLikelihood,
        prior: Prior | None = None,
        *,
        std: float = 0.05,
        uncertain: str = "all",
        estimator: str | None = None,
        num_samples: int = 1,
        num_examples: int | None = None,
    ) -> None:
        prior = GaussianPrior(1.0) if prior is None else prior
        super().__init__(network, likelihood, prior, num_examples=num_examples)
        if type(prior) is Prior:
            raise ArgumentError(
                "MeanField: a flat prior: KL(q ‖ p(w)) is infinite",
                fix="models.GaussianPrior(1.0)",
            )
        rule = "a finite number above 0"
        self.std = number_within("MeanField", "std", std, 1e-30, rule=rule)
        self.num_samples = positive_size("MeanField", "num_samples", num_samples)
        self.estimator = self._estimator(estimator)
        if uncertain not in UNCERTAIN:
            raise unknown_option("uncertain", uncertain, UNCERTAIN)
        self.uncertain = uncertain
        self.likelihood = likelihood
        named = dict(network.named_parameters()).items()
        self.mean = {path: Parameter(w.array, name=path) for path, w in named}
        first, every = math.log(self.std), uncertain == "all"
        last = {id(each) for each in weights_of_last_layer(network)}
        self.log_std = {
            path: Parameter(np.full(w.shape, first, w.dtype), name=path)
            for path, w in named
            if every or id(w) in last
        }

    def _estimator(self, asked: str | None) -> str:
        possible = is_chain_of_linear(self.joint.network)
        possible = possible and isinstance(self.joint.prior, GaussianPrior)
        if asked is None:
            return ESTIMATORS[0] if possible else ESTIMATORS[1]
        if asked not in ESTIMATORS:
            raise unknown_option("estimator", asked, ESTIMATORS)
        if asked == "local" and not possible:
            raise ArgumentError(
                "MeanField: estimator='local' draws what Linear layers make, under a "
                "GaussianPrior: this network has weights elsewhere, or the prior is "
                "another",
                fix="estimator='weights'",
            )
        return asked

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().settings(),
            "std": self.std,
            "uncertain": self.uncertain,
            "estimator": self.estimator,
            "num_samples": self.num_samples,
        }

    def forward(self, x: Any, y: Any, training: bool = False) -> Any:
        """The negative evidence lower bound, by N; in evaluation the surprise at μ."""
        means = [each.read() for each in self.mean.values()]
        if not training:
            return self._at_one(means, x, y)
        known = {path: exp(each) for path, each in self.log_std.items()}
        stds = [known.get(path) for path in self.mean]
        if self.estimator == "local":
            outputs = self._drawn_outputs(means, stds, x)
            surprise = -self.joint.likelihood.log_prob(outputs, y).mean()
            return surprise + self._divergence(means, stds) / self.counted_examples()
        shape = (self.num_samples,)
        stacks = [
            broadcast_to(mean, (*shape, *mean.shape))
            if std is None
            else mean + std * self._noise(mean)
            for mean, std in zip(means, stds, strict=True)
        ]  # (K, …) each
        return self._at_samples(stacks, means, stds, x, y)

    def _noise(self, w: Any) -> Any:
        return default_generator.normal((self.num_samples, *w.shape), dtype=w.dtype)

    def _at_one(self, means: list[Any], x: Any, y: Any) -> Any:
        """The mean surprise at μ."""

        def surprise(values: list[Any]) -> Any:
            with self.joint.at([*values, *self._learned()]):
                return -self.joint.log_likelihood(x, y).mean()

        return vmap(surprise)([each[None] for each in means]).mean()

    def _at_samples(
        self, stacks: list[Any], means: list[Any], stds: list[Any], x: Any, y: Any
    ) -> Any:
        """The bound, estimated at K draws of the weights."""
        closed = isinstance(self.joint.prior, GaussianPrior)
        count = self.counted_examples()

        def bound(values: list[Any]) -> Any:
            with self.joint.at([*values, *self._learned()]):
                surprise = -self.joint.log_likelihood(x, y, training=True).mean()
            return surprise if closed else surprise - self._log_prior(values) / count

        cost = vmap(bound)(stacks).mean()
        rest = self._divergence(means, stds) if closed else -_entropy(stds)
        return cost + rest / count

    def _learned(self) -> list[Any]:
        return [each.read() for each in self.likelihood.parameters()]

    def _log_prior(self, values: list[Any]) -> Any:
        return self.joint.prior.log_prob(values)

    def _divergence(self, means: list[Any], stds: list[Any]) -> Any:
        """KL(q ‖ p) to a Gaussian prior; of weights without a spread −log p(μ)."""
        prior = self.joint.prior
        assert isinstance(prior, GaussianPrior)
        s = prior.std
        squares = sum(
            (mean * mean if std is None else std * std + mean * mean).sum()
            for mean, std in zip(means, stds, strict=True)
        )
        size = sum(each.size for each in self.mean.values())
        constant = size * (math.log(s) + 0.5 * math.log(2 * math.pi))
        return 0.5 / s**2 * squares + constant - _entropy(stds)

    def _drawn_outputs(self, means: list[Any], stds: list[Any], x: Any) -> Any:
        """The network's outputs, with what its ``Linear`` layers make drawn for each
        example by itself.
        """
        pairs = zip(means, stds, strict=True)
        of = dict(zip(map(id, self.joint.weights), pairs, strict=True))
        for layer in layers_of(self.joint.network):
            if not isinstance(layer, nn.Linear):
                x = layer(x, training=True)
                continue
            mean, std = of[id(layer.weight)]
            bias, spread = of[id(layer.bias)] if layer.bias is not None else (0.0, 0.0)
            z = x @ mean.T + bias  # (N, out)
            if std is None:
                x = z
                continue
            variance = (x * x) @ (std * std).T + spread * spread  # (N, out)
            noise = default_generator.normal(z.shape, dtype=z.dtype)
            x = z + sqrt(variance + 1e-20) * noise
        return x

    def draw(self, num_draws: int, seed: int) -> list[Array]:
        """μ + σ ε, so many times."""
        source = np.random.default_rng(seed)
        draws = []
        for path, mean in self.mean.items():
            stack = np.repeat(mean.array[None], num_draws, axis=0)
            if path in self.log_std:
                noise = source.standard_normal(stack.shape).astype(stack.dtype)
                stack += np.exp(self.log_std[path].array) * noise
            draws.append(stack)
        return [*draws, *self._repeated_noise(num_draws)]

    def plain_network(self) -> nn.Module:
        """The network at μ."""
        for weight, mean in zip(self.joint.weights, self.mean.values(), strict=True):
            weight.assign(mean.array)
        return self.joint.network

    def _repeated_noise(self, num_draws: int) -> list[Array]:
        """What the likelihood has learned, for every draw."""
        learned = self.likelihood.parameters()
        return [np.repeat(each.array[None], num_draws, axis=0) for each in learned]


def _entropy(stds: list[Any]) -> Any:
    """The entropy of independent normal distributions, Σ ln σ + ½ ln 2πe; None for what
    has no spread.
    """
    spreads = [each for each in stds if each is not None]
    size = sum(math.prod(each.shape) for each in spreads)
    return sum(log(each).sum() for each in spreads) + 0.5 * size * math.log(
        2 * math.pi * math.e
    )
