"""Likelihoods: what the outputs of a network say of its targets.

Place on the road: the foot of ``models.bayesian``; they know no network. A likelihood
is a density p(y | f) of the targets y, given the outputs f that a last layer makes:

    log_prob(f, y)    log p(y | f), one number an example
    mean(f)           E[y | f]
    variance(f)       Var[y | f]: what no amount of data takes away
    sample(f, seed)   a y for every example

Each is a module, so that what it learns (the precision of a noise) is saved and trained
with the network; called with (outputs, targets) it is a loss of ``cr.fit``: the mean of
−log p(y | f).
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from ... import losses, nn
from ...dtypes import as_dtype, is_float
from ...errors import ArgumentError, DTypeError, ShapeError
from ...losses.inputs import average
from ...nn.arguments import number_within, positive_size
from ...ops.arrays import lift
from ...ops.composed import log_softmax, logsumexp, one_hot, softmax
from ...ops.elementwise import exp, minimum, sigmoid, sqrt
from ...ops.movement import concatenate
from ...random_numbers import Generator
from ...variable import Parameter, Variable

LOG_2PI = math.log(2.0 * math.pi)


class ConditionalLikelihood(nn.Module):
    """A density of targets, given the outputs of a network.

    Class attributes:
        kind: what targets are: "amounts"; "classes", of which one is right; or
            "events", each of which happens or not. The means of the last two are
            probabilities.

    Example:
        >>> from chainrule import models
        >>> noise = models.GaussianLikelihood(precision=1.0)
        >>> noise([[0.0], [1.0]], [[0.0], [1.0]]).item()
        0.9189385175704956
    """

    kind: ClassVar[str] = "amounts"

    def num_outputs(self, num_targets: int = 1) -> int:
        """How many numbers a network must give an example for so many targets; for
        classes, how many of them there are.
        """
        return num_targets

    def log_prob(self, outputs: Any, targets: Any) -> Any:
        """log p(y | f) of every example, (N,)."""
        raise _not_written(self, "log_prob")

    def mean(self, outputs: Any) -> Any:
        """E[y | f], (N, T); of classes the probability of each."""
        raise _not_written(self, "mean")

    def variance(self, outputs: Any) -> Any:
        """Var[y | f], shaped like ``mean``."""
        raise _not_written(self, "variance")

    def sample(self, outputs: Any, seed: int = 0) -> Any:
        """A target for every example, drawn from p(y | f)."""
        raise _not_written(self, "sample")

    def fisher_factor(self, outputs: Any) -> Any:
        """V, (N, K, R), with V Vᵀ = E[∇ log p ∇ log pᵀ]: Fisher's information of the
        K outputs, which is the curvature of −log p where that does not depend on y.

        Raises:
            ArgumentError: where none is known in closed form.
        """
        raise ArgumentError(
            f"{type(self).__name__}: its curvature has no closed form",
            fix="a Gaussian, Bernoulli or categorical likelihood",
        )

    def forward(self, outputs: Any, targets: Any, sample_weight: Any = None) -> Any:
        """The mean over the examples of −log p(y | f)."""
        surprise = -self.log_prob(outputs, targets)
        return average(type(self).__name__, surprise, "sample", sample_weight, "mean")


class GaussianLikelihood(ConditionalLikelihood):
    """Amounts with normal noise of one size: y ~ N(f, β⁻¹), β learned with the weights.

    Formula: log p(y | f) = Σⱼ ½ [ln β − ln 2π − β (yⱼ − fⱼ)²].

    Shapes: f and y (N, T), or y (N,) where T is 1 → (N,); ``log_precision`` ().

    The gradient of the noise is known in closed form: at the maximum, 1/β is the mean
    of the squared errors. It is learned in a ``Posterior``; as ``loss=`` of a network
    of its own the precision stays what it is, for ``cr.fit`` trains the network's
    parameters alone.

    Arguments:
        precision: β to begin with, in 1 / (units of y)².
        learned: whether β is learned.
        dtype: of ln β; ``config.dtype`` by default.

    Raises:
        ArgumentError: for a precision that is not above 0.

    Example:
        >>> from chainrule import models
        >>> noise = models.GaussianLikelihood(precision=4.0)
        >>> noise.mean([[3.0]]).numpy(), noise.variance([[3.0]]).numpy()
        (array([[3.]], dtype=float32), array([[0.25]], dtype=float32))
    """

    def __init__(
        self,
        precision: float = 1.0,
        *,
        learned: bool = True,
        dtype: DTypeLike | None = None,
    ) -> None:
        rule = "a finite number above 0"
        self.precision = number_within(
            "GaussianLikelihood", "precision", precision, 1e-30, rule=rule
        )
        self.learned = bool(learned)
        kind = Parameter if self.learned else Variable
        first = np.array(math.log(self.precision), as_dtype(dtype or float))
        self.log_precision = kind(first, name="log_precision")

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"precision": self.precision, "learned": self.learned}

    def log_prob(self, outputs: Any, targets: Any) -> Any:
        """log N(y; f, β⁻¹), (N,)."""
        f, y = _amounts(self, outputs, targets)
        s = (-self.log_precision).astype(f.dtype)
        return -losses.gaussian_nll((f, s), y, reduction="none")

    def mean(self, outputs: Any) -> Any:
        """f."""
        return _floats(self, outputs)

    def variance(self, outputs: Any) -> Any:
        """1/β, for every target."""
        f = _floats(self, outputs)
        return 0.0 * f + exp(-self.log_precision).astype(f.dtype)

    def sample(self, outputs: Any, seed: int = 0) -> Any:
        """f + ε/√β."""
        return _around(self.mean(outputs), self.variance(outputs), seed)

    def fisher_factor(self, outputs: Any) -> Any:
        """√β 1."""
        f = _floats(self, outputs)
        return sqrt(1.0 / self.variance(f))[:, :, None] * _identity(f)


class HeteroscedasticLikelihood(ConditionalLikelihood):
    """Amounts with normal noise whose size depends on the inputs: y ~ N(μ, eˢ), where
    f = (μ, s) has a mean and a logarithm of a variance for every target.

    Formula: log p(y | f) = Σⱼ −½ [ln 2π + sⱼ + (yⱼ − μⱼ)² e^(−sⱼ)].

    Shapes: f (N, 2 T), y (N, T), or (N,) where T is 1 → (N,).

    Source: Nix & Weigend (1994).

    Example:
        >>> from chainrule import models
        >>> noise = models.HeteroscedasticLikelihood()
        >>> noise.num_outputs(1)
        2
        >>> noise.mean([[3.0, 0.0]]).numpy(), noise.variance([[3.0, 0.0]]).numpy()
        (array([[3.]], dtype=float32), array([[1.]], dtype=float32))
    """

    def num_outputs(self, num_targets: int = 1) -> int:
        """Two a target."""
        return 2 * num_targets

    def _parts(self, outputs: Any) -> tuple[Any, Any]:
        f = _floats(self, outputs)
        if f.shape[1] % 2:
            raise ShapeError(
                f"HeteroscedasticLikelihood: outputs {f.shape}: expected an even "
                "number, a mean and a log-variance for every target",
                fix="a last layer of likelihood.num_outputs(num_targets) numbers",
            )
        half = f.shape[1] // 2
        return f[:, :half], f[:, half:]

    def log_prob(self, outputs: Any, targets: Any) -> Any:
        """log N(y; μ, eˢ), (N,)."""
        mean, s = self._parts(outputs)
        mean, y = _amounts(self, mean, targets)
        return -losses.gaussian_nll((mean, s), y, reduction="none")

    def mean(self, outputs: Any) -> Any:
        """μ."""
        return self._parts(outputs)[0]

    def variance(self, outputs: Any) -> Any:
        """eˢ."""
        return exp(self._parts(outputs)[1])

    def sample(self, outputs: Any, seed: int = 0) -> Any:
        """μ + ε e^(s/2)."""
        return _around(self.mean(outputs), self.variance(outputs), seed)

    def fisher_factor(self, outputs: Any) -> Any:
        """diag(e^(−s/2), 1/√2)."""
        mean, s = self._parts(outputs)
        roots = concatenate([exp(-0.5 * s), 0.0 * mean + math.sqrt(0.5)], axis=1)
        return roots[:, :, None] * _identity(roots)


class BernoulliLikelihood(ConditionalLikelihood):
    """Targets of 0 and 1: p(y = 1) = σ(f), from logits.

    Formula: log p(y | f) = Σⱼ yⱼ ln σ(fⱼ) + (1 − yⱼ) ln(1 − σ(fⱼ)).

    Shapes: f and y (N, T), or y (N,) where T is 1 → (N,).

    Example:
        >>> from chainrule import models
        >>> models.BernoulliLikelihood().mean([[0.0]]).numpy()
        array([[0.5]], dtype=float32)
    """

    kind: ClassVar[str] = "events"

    def log_prob(self, outputs: Any, targets: Any) -> Any:
        """y ln σ(f) + (1 − y) ln(1 − σ(f)), (N,)."""
        f, y = _amounts(self, outputs, targets)
        return -losses.bernoulli_nll(f, y, reduction="none")

    def mean(self, outputs: Any) -> Any:
        """σ(f)."""
        return sigmoid(_floats(self, outputs))

    def variance(self, outputs: Any) -> Any:
        """p (1 − p)."""
        p = self.mean(outputs)
        return p * (1.0 - p)

    def sample(self, outputs: Any, seed: int = 0) -> Any:
        """True with probability σ(f)."""
        return Generator(seed).bernoulli(self.mean(outputs))

    def fisher_factor(self, outputs: Any) -> Any:
        """diag(√(p (1 − p)))."""
        f = _floats(self, outputs)
        return sqrt(self.variance(f))[:, :, None] * _identity(f)


class CategoricalLikelihood(ConditionalLikelihood):
    """One of K classes: p(y = k) = softmax(f)ₖ, from logits.

    Formula: log p(y | f) = f_y − log Σₖ exp fₖ.

    Shapes: f (N, K), y (N,) of class numbers → (N,).

    Example:
        >>> from chainrule import models
        >>> models.CategoricalLikelihood().mean([[0.0, 0.0]]).numpy()
        array([[0.5, 0.5]], dtype=float32)
    """

    kind: ClassVar[str] = "classes"

    def log_prob(self, outputs: Any, targets: Any) -> Any:
        """ln softmax(f)_y, (N,)."""
        f = _floats(self, outputs)
        return -losses.cross_entropy(f, targets, reduction="none")

    def mean(self, outputs: Any) -> Any:
        """softmax(f)."""
        return softmax(_floats(self, outputs), axis=-1)

    def variance(self, outputs: Any) -> Any:
        """p (1 − p) of each class."""
        p = self.mean(outputs)
        return p * (1.0 - p)

    def sample(self, outputs: Any, seed: int = 0) -> Any:
        """A class number for every example, (N,)."""
        return Generator(seed).categorical(_floats(self, outputs))

    def fisher_factor(self, outputs: Any) -> Any:
        """Column k is √pₖ (eₖ − p): V Vᵀ = diag(p) − p pᵀ."""
        p = self.mean(outputs)  # (N, K)
        return sqrt(p)[:, None, :] * (_identity(p) - p[:, :, None])


class MixtureDensity(ConditionalLikelihood):
    """Amounts from a mixture of normal distributions: where one input may have several
    answers, their mean is none of them.

    Formula: p(y | f) = Σₖ πₖ N(y; μₖ, σₖ² 1), with π = softmax of the first K outputs,
    ln σ² the next K, and the means μₖ the rest.

    Shapes: f (N, K (T + 2)), y (N, T), or (N,) where T is 1 → (N,).

    Arguments:
        components: K.

    Raises:
        ArgumentError: for less than one component.

    Source: Bishop, Mixture density networks (1994).

    Example:
        >>> from chainrule import models
        >>> density = models.MixtureDensity(2)
        >>> density.num_outputs(1)
        6
        >>> f = [[0.0, 0.0, 0.0, 0.0, -3.0, 3.0]]
        >>> density.mean(f).numpy(), density.variance(f).numpy()
        (array([[0.]], dtype=float32), array([[10.]], dtype=float32))
    """

    def __init__(self, components: int) -> None:
        self.components = positive_size("MixtureDensity", "components", components)

    def settings(self) -> dict[str, Any]:
        """K."""
        return {"components": self.components}

    def num_outputs(self, num_targets: int = 1) -> int:
        """K (T + 2)."""
        return self.components * (num_targets + 2)

    def parts(self, outputs: Any) -> tuple[Any, Any, Any]:
        """ln π (N, K), ln σ² (N, K) and μ (N, K, T)."""
        f = _floats(self, outputs)
        k = self.components
        if f.shape[1] % k or f.shape[1] < 3 * k:
            raise ShapeError(
                f"MixtureDensity({k}): outputs {f.shape}: expected {k} · (T + 2) of "
                "them for T targets",
                fix="a last layer of likelihood.num_outputs(num_targets) numbers",
            )
        means = f[:, 2 * k :].reshape(f.shape[0], k, -1)
        return log_softmax(f[:, :k], axis=-1), f[:, k : 2 * k], means

    def log_prob(self, outputs: Any, targets: Any) -> Any:
        """log Σₖ πₖ N(y; μₖ, σₖ²), (N,)."""
        log_shares, s, means = self.parts(outputs)
        first, y = _amounts(self, means[:, 0], targets)
        largest = 0.45 * math.log(np.finfo(first.dtype).max)
        root = exp(minimum(-0.5 * s, largest))[:, :, None]  # (N, K, 1)
        scaled = (y[:, None, :] - means) * root  # (N, K, T)
        each = LOG_2PI + s[:, :, None] + scaled * scaled
        return logsumexp(log_shares - 0.5 * each.sum(axis=-1), axis=-1)

    def mean(self, outputs: Any) -> Any:
        """Σₖ πₖ μₖ."""
        log_shares, _, means = self.parts(outputs)
        return (exp(log_shares)[:, :, None] * means).sum(axis=1)

    def variance(self, outputs: Any) -> Any:
        """Σₖ πₖ (σₖ² + (μₖ − μ)²)."""
        log_shares, s, means = self.parts(outputs)
        shares = exp(log_shares)[:, :, None]  # (N, K, 1)
        middle = (shares * means).sum(axis=1)  # (N, T)
        apart = means - middle[:, None, :]
        return (shares * (exp(s)[:, :, None] + apart * apart)).sum(axis=1)

    def sample(self, outputs: Any, seed: int = 0) -> Any:
        """A component for every example, and a number from it."""
        log_shares, s, means = self.parts(outputs)
        source = Generator(seed)
        chosen = source.categorical(log_shares)  # (N,)
        one: Any = one_hot(chosen, self.components, dtype=means.dtype)  # (N, K)
        middle = (one[:, :, None] * means).sum(axis=1)
        spread = (one * exp(0.5 * s)).sum(axis=1)[:, None]
        return middle + spread * source.normal(middle.shape, dtype=middle.dtype)


def _not_written(likelihood: ConditionalLikelihood, method: str) -> ArgumentError:
    name = type(likelihood).__name__
    return ArgumentError(
        f"{name}: {method} is not defined", fix=f"def {method}(self, …) in class {name}"
    )


def _floats(likelihood: ConditionalLikelihood, outputs: Any) -> Any:
    """Outputs (N, K) of floats."""
    (f,) = lift([outputs])
    name = type(likelihood).__name__
    if not is_float(f.dtype):
        raise DTypeError(
            f"{name}: outputs {f.shape} of {f.dtype}: expected floats",
            fix="are outputs and targets exchanged? The outputs come first",
        )
    if len(f.shape) != 2:
        raise ShapeError(
            f"{name}: outputs {f.shape}: expected (N, K), a row for every example"
        )
    return f


def _amounts(
    likelihood: ConditionalLikelihood, outputs: Any, targets: Any
) -> tuple[Any, Any]:
    """Outputs (N, T), and targets of the same shape and dtype."""
    f = _floats(likelihood, outputs)
    (node,) = lift([targets])
    y: Any = node
    if y.shape == f.shape[:1] and f.shape[1] == 1:
        y = y.reshape(-1, 1)
    if y.shape != f.shape:
        raise ShapeError(
            f"{type(likelihood).__name__}: targets {y.shape} with outputs for "
            f"{f.shape}: the shapes must be equal; a likelihood never broadcasts",
            fix="a last layer of likelihood.num_outputs(num_targets) numbers",
        )
    return f, y.astype(f.dtype)


def _identity(f: Any) -> Any:
    """1, (1, K, K), of the dtype of (N, K)."""
    return np.eye(f.shape[1], dtype=f.dtype)[None]


def _around(mean: Any, variance: Any, seed: int) -> Any:
    return mean + sqrt(variance) * Generator(seed).normal(mean.shape, dtype=mean.dtype)
