"""Variational autoencoders: probabilistic models whose codes are random, and the
network that says which codes an example may have.

Read from top to bottom: the model and its bound, what is asked of it afterwards, and
the two likelihoods. The shape of a value stands at the right of the line that makes it:
N examples, D features, K numbers of a code, S samples of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from .. import nn
from ..compiler.compile import compile
from ..data import Dataset, Split
from ..errors import (
    ArgumentError,
    DataError,
    NumericsError,
    ShapeError,
    unknown_option,
)
from ..graph import Array
from ..losses.inputs import right_values
from ..nn.arguments import (
    features,
    floats,
    new_parameter,
    number_within,
    positive_size,
)
from ..nn.module.call import in_dtype_of_parameters
from ..ops.composed import logsumexp
from ..ops.elementwise import exp, where
from ..ops.movement import broadcast_to
from ..random_numbers import Generator, default_generator
from ..training.objective import last_layer
from .autoencoder import perceptron
from .bounds import ELBO, by_rows
from .conditional import behind, told
from .layer_classes import Activation, check_layer_class
from .likelihoods import (
    LIKELIHOODS,
    BernoulliData,
    GaussianData,
    Likelihood,
    checked_variance,
)

#: Rows that are looked at together, and samples of each.
ROWS, SAMPLES = 20, 100

#: What bounds draw from: one object, for which they are compiled once.
DRAWS = Generator(0)

#: Logarithms of variances beyond this are those of weights that have diverged.
MOST_LOG_VARIANCE = 80.0


class VAE(nn.Module):
    """A variational autoencoder, as a module that outputs its own loss.

    Formula: the decoder is a model of the data,

        z ~ N(0, I),   x ~ Bernoulli(σ(NN(z)))   or   x ~ N(NN_μ(z), NN_σ²(z)),

    and the encoder an approximation of the codes that an example has,

        q(z | x) = N(NN_μ(x), NN_σ²(x)),   z = μ + σ ⊙ ε,   ε ~ N(0, I).

    Both are trained by one bound of log p(x), whose negative is the loss:

        ELBO = E log p(x | z) − β KL(q(z | x) ‖ p(z)),
        KL   = ½ Σₖ (μₖ² + σₖ² − 1 − log σₖ²);

    with ``samples`` k above 1 by the tighter, importance-weighted one,

        L_k = E log (1/k) Σᵢ p(x | zᵢ) p(zᵢ) / q(zᵢ | x).

    In evaluation it is the same bound with β = 1, on average: ε is drawn anew.

    Shapes: x (N, …) → one number; with ``classes``, x (N, …) and labels (N,).

    Initial values: those of ``Linear``; log σ² of a shared variance 0.

    Arguments:
        inputs: how many numbers an example has, or its shape: (28, 28, 1).
        hidden: the sizes of the encoder's hidden layers; those of the decoder are the
            same in reverse. () for a linear one.
        latent: K, how many numbers a code has.
        likelihood: "bernoulli", of data from 0 to 1; "gaussian", of real data.
        variance: of real data: "network", the decoder says σ² of every number;
            "shared", one σ² that is learned; or a number, which is σ².
        least_variance: what a learned σ² of the data stays above, so that the density
            of numbers that can be known exactly has a bound.
        beta: β. Above 1 for codes whose numbers mean different things, at the price of
            reconstructions.
        samples: k, of the importance-weighted bound.
        classes: how many classes the labels have that both networks are told: a
            conditional model, p(x | z, y) and q(z | x, y).
        binarize: whether data from 0 to 1 are probabilities, from which 0 and 1 are
            drawn in every call; otherwise values are used as they are.
        activation: of hidden layers.
        encoder: a network of your own in place of the one above: examples → (N, 2K),
            the means of a code and, behind them, the logarithms of its variances.
        decoder: codes (N, K) → logits or means of the shape of the examples; with
            ``variance="network"`` twice as many on the last axis, log σ² behind the
            means. Labels stand as 0 and 1 behind the last axis of what either is given.
        flatten: whether encoder and decoder have rows, (N, D); when not given, whether
            both are made here.
        dtype: of the parameters.

    Raises:
        ArgumentError: for sizes and counts below 1, a negative β, β other than 1 with
            several samples, and labels where there are no classes, or none where there
            are.
        DataError: for data outside of 0 … 1 of a Bernoulli likelihood, and NaN.
        ShapeError: for data of another shape, and what your own networks make.
        NumericsError: for variances that have diverged.

    Source: Kingma & Welling, Auto-encoding variational Bayes (2014); Rezende, Mohamed &
    Wierstra (2014); β: Higgins et al. (2017); several samples: Burda, Grosse &
    Salakhutdinov, Importance weighted autoencoders (2016); labels: Sohn, Lee & Yan
    (2015).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import data, models, optim
        >>> cr.manual_seed(0)
        >>> x = data.load("digits").train.inputs
        >>> vae = models.VAE(64, hidden=(64,), latent=2)
        >>> vae.fit_output_bias(x)
        >>> adam = optim.Adam(lr=0.01)
        >>> history = cr.fit(vae, x, optimizer=adam, epochs=15, progress=False)
        >>> history["loss"][-1] < history["loss"][0]
        True
        >>> vae.encode(x[:5]).shape, vae.sample(3).shape, vae.elbo(x).kl.shape
        ((5, 2), (3, 64), (1438,))
    """

    outputs_loss: ClassVar[bool] = True

    def __init__(
        self,
        inputs: int | Sequence[int],
        hidden: Sequence[int] = (200, 200),
        latent: int = 2,
        likelihood: str = "bernoulli",
        *,
        variance: str | float = "network",
        least_variance: float = 1e-4,
        beta: float = 1.0,
        samples: int = 1,
        classes: int = 0,
        binarize: bool = False,
        activation: Activation = nn.Tanh,
        encoder: nn.Module | None = None,
        decoder: nn.Module | None = None,
        flatten: bool | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.inputs = _shape_of(inputs)
        self.latent = positive_size("VAE", "latent", latent)
        self.classes = positive_size("VAE", "classes", classes) if classes else 0
        self.likelihood, self.binarize = likelihood, bool(binarize)
        if likelihood not in LIKELIHOODS:
            raise unknown_option("likelihood", likelihood, LIKELIHOODS)
        if self.binarize and likelihood != "bernoulli":
            raise ArgumentError(
                f"VAE: binarize=True with likelihood={likelihood!r}: it makes 0 and 1 "
                "of probabilities",
                fix="likelihood='bernoulli'",
            )
        self.variance = checked_variance(variance)
        self.least_variance = number_within(
            "VAE", "least_variance", least_variance, 1e-12, 1e6, "a number above 0"
        )
        self.samples = positive_size("VAE", "samples", samples)
        rule = "a finite number from 0"
        self.beta = number_within("VAE", "beta", beta, 0, rule=rule)
        if self.beta != 1 and self.samples > 1:
            raise ArgumentError(
                f"VAE: beta={self.beta:g} with samples={self.samples}: the "
                "importance-weighted bound has no KL to weigh",
                fix="samples=1, or beta=1",
            )
        self.log_variance = None
        if likelihood == "gaussian" and self.variance == "shared":
            self.log_variance = new_parameter("log_variance", (), "zeros", dtype)
        made_here = encoder is None and decoder is None
        self.flatten = made_here if flatten is None else bool(flatten)
        if made_here:
            encoder, decoder = self._made_here(hidden, activation, dtype)
        for name, part in (("encoder", encoder), ("decoder", decoder)):
            if not isinstance(part, nn.Module):
                raise ArgumentError(
                    f"VAE: {name} is a {type(part).__name__}: expected a layer",
                    fix="both networks, encoder= and decoder=, or neither",
                )
        self.encoder: Any = encoder
        self.decoder: Any = decoder

    def _made_here(
        self, hidden: Sequence[int], activation: Activation, dtype: Any
    ) -> tuple[nn.Module, nn.Module]:
        """Two perceptrons, the second with the hidden layers in reverse."""
        if isinstance(hidden, str) or not hasattr(hidden, "__iter__"):
            what = f"VAE: hidden={hidden!r}: expected the sizes of hidden layers"
            raise ArgumentError(what, fix="hidden=(200, 200), or () for none")
        check_layer_class("VAE", "activation", activation)
        widths = [positive_size("VAE", f"hidden[{i}]", n) for i, n in enumerate(hidden)]
        features = math.prod(self.inputs)

        down = (features + self.classes, *widths, 2 * self.latent)
        outputs = features * self._likelihood.per_value
        up = (self.latent + self.classes, *widths[::-1], outputs)
        return perceptron(down, activation, dtype), perceptron(up, activation, dtype)

    @property
    def _likelihood(self) -> Likelihood:
        """What the decoder's numbers mean."""
        if self.likelihood == "bernoulli":
            return BernoulliData()
        known = None if isinstance(self.variance, str) else self.variance
        return GaussianData(self.least_variance, self.log_variance, known)

    def settings(self) -> dict[str, Any]:
        """The two networks, and how they are trained."""
        return {
            "inputs": self.inputs if len(self.inputs) > 1 else self.inputs[0],
            "latent": self.latent,
            "likelihood": self.likelihood,
            "variance": self.variance,
            "least_variance": self.least_variance,
            "beta": self.beta,
            "samples": self.samples,
            "classes": self.classes,
            "binarize": self.binarize,
            "encoder": self.encoder,
            "decoder": self.decoder,
            "flatten": self.flatten,
        }

    def describe_settings(self) -> str:
        """``784 ↔ 50, bernoulli, samples=5``"""
        size = " × ".join(map(str, self.inputs))
        shown = [f"{size} ↔ {self.latent}", self.likelihood]
        if self.likelihood == "gaussian":
            shown.append(f"variance={self.variance}")
        usual = {"beta": 1.0, "samples": 1, "classes": 0, "binarize": False}
        for name, value in usual.items():
            if getattr(self, name) != value:
                shown.append(f"{name}={getattr(self, name)}")
        return ", ".join(shown)

    # Training. -----------------------------------------------------------------------

    def forward(self, x: Any, y: Any = None, training: bool = False) -> Any:
        """The negative bound of a batch: see the formula."""
        x, y = self._data(x), self._labels(y, x.shape[0])
        right = self._likelihood.valid(x).all()
        if self.binarize:
            x = default_generator.bernoulli(x).astype(x.dtype)  # (N, …)
        if self.samples == 1:
            fits, kl = self._parts(x, y, default_generator, training)  # (N,), (N,)
            loss = ((self.beta if training else 1.0) * kl - fits).mean()
        else:
            weights = self._log_weights(
                x, y, self.samples, default_generator, training
            )  # (S, N)
            bound = logsumexp(weights, axis=0) - math.log(self.samples)  # (N,)
            loss = -bound.mean()
        return where(right, loss, math.nan)  # by which fit finds the step

    def _parts(
        self, x: Any, y: Any, source: Generator, training: bool = False
    ) -> tuple[Any, Any]:
        """log p(x | z) of one code, and KL(q(z | x) ‖ p(z)), both (N,)."""
        mean, s = self._posterior(x, y, training)  # (N, K)
        noise = source.normal(mean.shape, dtype=mean.dtype)  # (N, K)
        made = self._made(mean + exp(0.5 * s) * noise, y, training)  # (N, …)
        kl = 0.5 * (mean * mean + exp(s) - 1.0 - s).sum(axis=1)  # (N,)
        return self._log_prob(x, made), kl

    def _log_weights(
        self, x: Any, y: Any, count: int, source: Generator, training: bool = False
    ) -> Any:
        """log p(x | z) p(z) / q(z | x) of several codes of each example, (S, N)."""
        mean, s = self._posterior(x, y, training)  # (N, K)
        noise = source.normal((count, *mean.shape), dtype=mean.dtype)  # (S, N, K)
        z = mean + exp(0.5 * s) * noise  # (S, N, K)
        if y is not None:
            y = broadcast_to(y, (count, *y.shape)).reshape(-1, self.classes)
        made = self._made(z.reshape(-1, self.latent), y, training)  # (S N, …)
        prior = 0.5 * (s + noise * noise - z * z).sum(axis=2)  # (S, N)
        return self._log_prob(x, made, count) + prior

    def _posterior(self, x: Any, y: Any, training: bool = False) -> tuple[Any, Any]:
        """μ and log σ² of q(z | x), (N, K) each."""
        size = self.latent
        made = self.encoder(behind(x, y), training=training)  # (N, 2K)
        if made.shape != (x.shape[0], 2 * size):
            raise ShapeError(
                f"VAE: the encoder makes {made.shape} of {x.shape}: expected "
                f"({x.shape[0]}, {2 * size}), means and log-variances of {size} "
                "numbers",
                fix=f"nn.Linear(…, {2 * size}) as its last layer",
            )
        mean, s = made[:, :size], made[:, size:]
        known = getattr(made, "value", None)
        if known is not None and not (known[:, size:] < MOST_LOG_VARIANCE).all():
            raise NumericsError(
                f"VAE: the encoder's log σ² are up to {np.max(known[:, size:]):.3g}, "
                f"beyond {MOST_LOG_VARIANCE:g}: the weights have diverged",
                fix="a smaller learning rate, clipping of gradients, or data of "
                "variance about 1",
            )
        return mean, s

    def _made(self, z: Any, y: Any, training: bool = False) -> Any:
        """What the decoder makes of codes (N, K): (N, …), where log σ² come with the
        means twice as many on the last axis.
        """
        made = self.decoder(behind(z, y), training=training)
        *before, last = self._seen_shape
        per_value = self._likelihood.per_value
        expected = (z.shape[0], *before, last * per_value)
        if made.shape != expected:
            raise ShapeError(
                f"VAE: the decoder makes {made.shape} of {z.shape}: expected "
                f"{expected}"
                + ", means and log-variances of the data"
                * (per_value - 1),
                fix="a decoder that ends with the shape of the data"
                + "; or variance='shared'" * (per_value - 1),
            )
        return made

    def _log_prob(self, x: Any, made: Any, count: int | None = None) -> Any:
        """log p(x | z), summed over the numbers of an example: (N,), or (S, N) of S
        codes of each.
        """
        said = self._likelihood.parameters(made)
        if count is not None:
            shape = (count, *x.shape)
            said = tuple(p.reshape(shape) if np.ndim(p) else p for p in said)
        terms = self._likelihood.log_prob(x, *said)  # (N, …) or (S, N, …)
        return terms.sum(axis=tuple(range(1 - len(x.shape), 0)))

    # What is asked of it. -------------------------------------------------------------

    def encode(self, x: Any, labels: Any = None, *, variance: bool = False) -> Any:
        """The mean of q(z | x), (N, K), or the pair of mean and variance. For many
        examples, ``cr.predict(vae.encode, x)``.
        """
        x = self._data(x)
        mean, s = self._posterior(x, self._labels(labels, x.shape[0]))
        return (mean, exp(s)) if variance else mean

    def decode(self, z: Any, labels: Any = None, *, variance: bool = False) -> Any:
        """The mean of p(x | z), (N, …), or the pair of mean and variance."""
        z = self._codes(z)
        made = self._made(z, self._labels(labels, z.shape[0]))
        mean, spread = self._likelihood.moments(*self._likelihood.parameters(made))
        shape = (z.shape[0], *self.inputs)
        if not variance:
            return mean.reshape(shape)
        return mean.reshape(shape), spread.reshape(shape)

    def reconstruct(self, x: Any, labels: Any = None) -> Any:
        """What the decoder makes of the mean of q(z | x), (N, …)."""
        return self.decode(self.encode(x, labels), labels)

    def sample(
        self,
        n: int,
        labels: Any = None,
        *,
        means: bool = False,
        seed: int | None = None,
    ) -> Any:
        """Examples of the model's own, (n, …): z ~ N(0, I), x ~ p(x | z).

        Arguments:
            labels: of a conditional model, one of them, or n.
            means: whether the means of p(x | z) are returned: pictures without noise.
            seed: of the random numbers; those of the default generator when not given.

        Raises:
            ArgumentError: for n below 1.
        """
        rows = positive_size("sample", "n", n)
        source = default_generator if seed is None else Generator(seed)
        z = source.normal((rows, self.latent), dtype=self._dtype)
        if labels is not None and np.ndim(getattr(labels, "shape", labels)) == 0:
            labels = np.full(rows, labels)
        mean, variance = self.decode(z, labels, variance=True)
        if means:
            return mean
        return self._likelihood.sample(mean, variance, source)

    def elbo(
        self, x: Any, labels: Any = None, *, samples: int = 1, seed: int = 0
    ) -> ELBO:
        """The evidence lower bound of every example, in its two parts; β is 1. Values
        between 0 and 1 of a Bernoulli likelihood are used as they are.

        Arguments:
            x: examples, (N, …).
            labels: of a conditional model, (N,).
            samples: over how many codes of each the first part is averaged.
            seed: of the random numbers.

        Example:
            >>> from chainrule import models
            >>> vae = models.VAE(6, hidden=(), latent=2)
            >>> bound = vae.elbo(np.eye(6, dtype="f4"), samples=10)
            >>> bound.values.shape, bool((bound.kl >= 0).all())
            ((6,), True)
        """
        rows, y = self._rows("elbo", x, labels)
        count = positive_size("elbo", "samples", samples)
        DRAWS.seed(seed)

        def average(x: Array, y: Any) -> Array:
            found = [self._compiled_parts(x, y, DRAWS) for _ in range(count)]
            pairs = [[part.numpy().astype(float) for part in pair] for pair in found]
            mean: Array = np.mean(pairs, axis=0).T
            return mean

        return ELBO(*by_rows(average, rows, y, ROWS).T)

    @compile
    def _compiled_parts(self, x: Any, y: Any, source: Generator) -> Any:
        """The two parts of the bound of some examples."""
        x = self._data(x)
        return self._parts(x, self._labels(y, x.shape[0]), source)

    def log_likelihood(
        self, x: Any, labels: Any = None, *, samples: int = 5000, seed: int = 0
    ) -> Array:
        """log p(x) of every example, (N,), in nats, by importance sampling from
        q(z | x): a lower bound of it on average, L_k, and the tighter the more samples.

        Formula: log (1/k) Σᵢ p(x | zᵢ) p(zᵢ) / q(zᵢ | x), zᵢ ~ q(z | x).

        Arguments:
            x: examples, (N, …), of 0 and 1 for a Bernoulli likelihood.
            labels: of a conditional model, (N,): then log p(x | label).
            samples: k.
            seed: of the random numbers.

        Raises:
            DataError: for data that a Bernoulli likelihood has no probability for.

        Source: Burda, Grosse & Salakhutdinov (2016), whose tables have k = 5000.
        """
        where, source = "log_likelihood", DRAWS
        rows, y = self._rows(where, x, labels)
        self._likelihood.check_outcomes(where, rows)
        count = positive_size(where, "samples", samples)
        full, rest = divmod(count, SAMPLES)
        sizes = [SAMPLES] * full + [rest] * (rest > 0)
        source.seed(seed)

        def marginal(x: Array, y: Any) -> Array:
            parts = [self._compiled_marginal(x, y, size, source) for size in sizes]
            found = [part.numpy().astype(float) for part in parts]
            total: Array = np.logaddexp.reduce(found, axis=0) - math.log(count)
            return total[:, None]

        return by_rows(marginal, rows, y, ROWS)[:, 0]

    @compile
    def _compiled_marginal(self, x: Any, y: Any, count: int, source: Generator) -> Any:
        """log Σᵢ p(x, zᵢ) / q(zᵢ | x) over so many codes, (N,)."""
        x = self._data(x)
        labels = self._labels(y, x.shape[0])
        return logsumexp(self._log_weights(x, labels, count, source), axis=0)

    def fit_output_bias(self, x: Any) -> None:
        """Sets the decoder's last bias so that, without weights, it makes the means of
        the data, and a learned variance theirs. Learning then starts with what tells
        examples apart.

        Raises:
            ArgumentError: for a decoder that does not end in ``Linear`` with a bias.
            DataError: for no data.

        Source: Burda, Grosse & Salakhutdinov (2016), in their code.
        """
        layer, kind = last_layer(self.decoder), self._likelihood
        bias = layer.bias if isinstance(layer, nn.Linear) else None
        values = np.asarray(self._data(x).numpy(), float)
        if not len(values):
            raise DataError(f"fit_output_bias: x {values.shape}: there are no examples")
        mean, spread = values.mean(axis=0), values.var(axis=0)
        first = kind.first_bias(mean, spread).reshape(-1)
        if bias is None or bias.shape != first.shape:
            raise ArgumentError(
                f"fit_output_bias: the decoder ends in {layer!r}: expected a Linear "
                f"layer with a bias for each of {len(first)} numbers",
                fix="leave it out; training finds the biases too",
            )
        bias.assign(first.astype(bias.dtype))
        if self.log_variance is not None and isinstance(kind, GaussianData):
            shared = kind.before_floor(spread.mean())
            self.log_variance.assign(shared.astype(bias.dtype))

    # Inputs. -------------------------------------------------------------------------

    @property
    def _seen_shape(self) -> tuple[int, ...]:
        """The shape of an example as the networks see it."""
        return (math.prod(self.inputs),) if self.flatten else self.inputs

    @property
    def _dtype(self) -> Any:
        known = self.parameters()
        return known[0].dtype if known else np.dtype("float32")

    def _data(self, x: Any) -> Any:
        """Examples as the networks see them, their values looked at where known."""
        (x,) = in_dtype_of_parameters(self, (x,))
        x = floats("VAE", x)
        if x.shape[1:] != self.inputs or not x.shape:
            expected = ", ".join(map(str, ("N", *self.inputs)))
            same = x.shape and math.prod(x.shape[1:]) == math.prod(self.inputs)
            shape = ", ".join(map(str, self.inputs))
            raise ShapeError(
                f"VAE: x {x.shape}: expected ({expected})",
                fix=f"x.reshape(-1, {shape})"
                if same
                else "VAE(inputs, …) with the shape of one example",
            )
        if x.value is not None:
            kind = self._likelihood
            right_values("VAE", x, kind.valid, kind.rule, kind.cure, "data")
        return x.reshape(x.shape[0], *self._seen_shape)

    def _codes(self, z: Any) -> Any:
        (z,) = in_dtype_of_parameters(self, (z,))
        rule = "a code has one number for each of latent"
        return features("VAE", z, self.latent, rule, "latent={}")

    def _labels(self, y: Any, rows: int) -> Any:
        """Labels as rows of 0 and 1, (N, classes); None where there are no classes.

        Raises:
            ArgumentError: for labels where there are no classes, or none where there
                are.
        """
        if y is None and not self.classes:
            return None
        if not self.classes:
            raise ArgumentError(
                "VAE: labels, and the model knows no classes",
                fix="the examples alone: cr.fit(vae, x); or VAE(…, classes=10) for a "
                "conditional model",
            )
        if y is None:
            raise ArgumentError(
                f"VAE: no labels, and the model has classes={self.classes}",
                fix="cr.fit(vae, (x, labels)), vae.encode(x, labels), vae.sample(64, "
                "labels=3)",
            )
        return told("VAE", y, rows, self.classes, self._dtype)

    def _rows(self, where: str, x: Any, labels: Any) -> tuple[Array, Any]:
        """Examples and labels as arrays, checked."""
        if isinstance(x, Split):
            raise ArgumentError(f"{where}: a Split: which part?", fix="split.test")
        if isinstance(x, Dataset):
            labels = x.targets if labels is None and self.classes else labels
            x = x.inputs
        rows = np.asarray(self._data(x).numpy()).reshape(-1, *self.inputs)
        if not len(rows):
            raise ShapeError(f"{where}: x {rows.shape}: expected one row or more")
        known = self._labels(labels, len(rows))
        return rows, None if known is None else np.asarray(labels)


def _shape_of(inputs: Any) -> tuple[int, ...]:
    """The shape of an example."""
    if isinstance(inputs, str) or not hasattr(inputs, "__iter__"):
        return (positive_size("VAE", "inputs", inputs),)
    sizes = tuple(inputs)
    if not sizes:
        what = "VAE: inputs=(): expected the shape of an example"
        raise ArgumentError(what, fix="784, or (28, 28, 1)")
    return tuple(positive_size("VAE", f"inputs[{i}]", n) for i, n in enumerate(sizes))
