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
from ...random_numbers import default_generator
from ...variable import Parameter
from ...vectorize.transform import vmap
from .chain import is_chain_of_linear, layers_of
from .likelihoods import ConditionalLikelihood
from .posterior import Posterior
from .priors import GaussianPrior, Prior

#: How the gradient of the expected surprise is estimated.
ESTIMATORS = ("local", "weights")


class MeanField(Posterior):
    """The posterior as independent normal distributions of the weights, the nearest to
    it that there are: Bayes by backprop.

    Formula: q(w) = N(μ, σ²), each weight for itself, minimises

        (1/N) [KL(q ‖ p(w)) − E_q log p(y | x, w)],

    the negative evidence lower bound. The expectation is estimated at w = μ + σ ε, so
    that gradients reach μ and σ (reparametrisation). For a ``GaussianPrior`` of
    deviation s, KL = Σ ln(s/σ) + (σ² + μ²)/2s² − ½; for others E_q log p(w) is
    estimated at the same w. What the likelihood learns has no spread.

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
        estimator: "local", "weights", or None for the first where it is possible.
        num_samples: draws of the weights a batch, for "weights".

    Raises:
        ArgumentError: for a flat prior, a deviation that is not above 0, or a network
            that the estimator is not for.

    Source: Blundell, Cornebise, Kavukcuoglu & Wierstra, Weight uncertainty in neural
    networks (2015); Kingma, Salimans & Welling, Variational dropout and the local
    reparameterization trick (2015).

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
        self.likelihood = likelihood
        named = dict(network.named_parameters()).items()
        self.mean = {path: Parameter(w.array, name=path) for path, w in named}
        first = math.log(self.std)
        self.log_std = {
            path: Parameter(np.full(w.shape, first, w.dtype), name=path)
            for path, w in named
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
            "estimator": self.estimator,
            "num_samples": self.num_samples,
        }

    def forward(self, x: Any, y: Any, training: bool = False) -> Any:
        """The negative evidence lower bound, by N; in evaluation the surprise at μ."""
        means = [each.read() for each in self.mean.values()]
        if not training:
            return self._at_one(means, x, y)
        stds = [exp(each) for each in self.log_std.values()]
        if self.estimator == "local":
            outputs = self._drawn_outputs(means, stds, x)
            surprise = -self.joint.likelihood.log_prob(outputs, y).mean()
            return surprise + self._divergence(means, stds) / self.counted_examples()
        stacks = [
            mean + std * self._noise(mean)
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
        """KL(q ‖ p) to a Gaussian prior."""
        prior = self.joint.prior
        assert isinstance(prior, GaussianPrior)
        s = prior.std
        squares = sum(
            (std * std + mean * mean).sum()
            for mean, std in zip(means, stds, strict=True)
        )
        log_prior = -0.5 / s**2 * squares
        size = sum(each.size for each in self.mean.values())
        return (
            -log_prior
            + size * (math.log(s) + 0.5 * math.log(2 * math.pi))
            - (_entropy(stds))
        )

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
            z, variance = x @ mean.T, (x * x) @ (std * std).T  # (N, out)
            if layer.bias is not None:
                mean, std = of[id(layer.bias)]
                z, variance = z + mean, variance + std * std
            noise = default_generator.normal(z.shape, dtype=z.dtype)
            x = z + sqrt(variance + 1e-20) * noise
        return x

    def draw(self, num_draws: int, seed: int) -> list[Array]:
        """μ + σ ε, so many times."""
        source = np.random.default_rng(seed)
        pairs = zip(self.mean.values(), self.log_std.values(), strict=True)
        draws = []
        for mean, log_std in pairs:
            noise = source.standard_normal((num_draws, *mean.shape)).astype(mean.dtype)
            draws.append(mean.array + np.exp(log_std.array) * noise)
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
    """The entropy of independent normal distributions, Σ ln σ + ½ ln 2πe."""
    size = sum(math.prod(each.shape) for each in stds)
    return sum(log(each).sum() for each in stds) + 0.5 * size * math.log(
        2 * math.pi * math.e
    )
