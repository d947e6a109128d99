"""Generative adversarial networks: one network makes data, another tells them from real
ones, and each learns from what the other can do.

Read from top to bottom: the losses of the two, the game that they play, and how fully
connected and convolutional ones are built. The shape of a value stands at the right of
the line that makes it: N examples, K numbers of noise.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from .. import initializers, nn, training
from ..backprop import backprop
from ..errors import ArgumentError, DataError, ShapeError, unknown_option
from ..foreign import advised
from ..graph import Array
from ..nn.arguments import floats, number_within, positive_size
from ..nn.normalization.batch import BatchNorm1d, BatchNorm2d, BatchNorm3d
from ..ops.composed import square
from ..ops.elementwise import softplus, sqrt, stop_gradient, where
from ..random_numbers import Generator, default_generator
from ..tensor import as_tensor
from ..training.examples import model_dtype
from ..training.objective import last_layer
from .halving import checked_image_shape
from .layer_classes import Activation, check_layer_class

#: What the last layer of a generator can make, from … to.
RANGES: dict[type[nn.Module], tuple[float, float]] = {
    nn.Tanh: (-1.0, 1.0),
    nn.Softsign: (-1.0, 1.0),
    nn.Sigmoid: (0.0, 1.0),
    nn.ReLU: (0.0, math.inf),
    nn.Softplus: (0.0, math.inf),
}

#: What keeps the length of a gradient of 0 differentiable.
SMALLEST = 1e-12


# The losses, of what the discriminator says: d(x) of data, d(x̃) of fakes. -------------


class Losses(NamedTuple):
    """The losses of the two players.

    Attributes:
        discriminator: of (d(x), d(x̃)).
        generator: of d(x̃).
        logits: whether d is the logarithm of the odds that its input is real.
    """

    discriminator: Callable[[Any, Any], Any]
    generator: Callable[[Any], Any]
    logits: bool


def _tells_apart(real: Any, fake: Any) -> Any:
    """−E log σ(d(x)) − E log(1 − σ(d(x̃)))"""
    return softplus(-real).mean() + softplus(fake).mean()


LOSSES: dict[str, Losses] = {
    "minimax": Losses(_tells_apart, lambda fake: -softplus(fake).mean(), True),
    "non_saturating": Losses(_tells_apart, lambda fake: softplus(-fake).mean(), True),
    "least_squares": Losses(
        lambda real, fake: 0.5 * (square(real - 1.0).mean() + square(fake).mean()),
        lambda fake: 0.5 * square(fake - 1.0).mean(),
        False,
    ),
    "wasserstein": Losses(
        lambda real, fake: fake.mean() - real.mean(), lambda fake: -fake.mean(), False
    ),
}


def gradient_penalty(critic: nn.Module, real: Any, fake: Any) -> Any:
    """How far a critic's slope is from 1 between data and fakes.

    Formula: E (‖∂d/∂x̂ (x̂)‖ − 1)² with x̂ = ε x + (1 − ε) x̃ and one ε a pair, uniform
    from 0 to 1.

    Shapes: real and fake (N, …) → ().

    Source: Gulrajani, Ahmed, Arjovsky, Dumoulin & Courville, Improved training of
    Wasserstein GANs (2017), algorithm 1.
    """
    shape = (real.shape[0],) + (1,) * (len(real.shape) - 1)
    share: Any = default_generator.uniform(shape, dtype=real.dtype)
    between = share * real + (1.0 - share) * fake  # (N, …)
    slopes = backprop(critic(between, training=True).sum())[between]  # (N, …)
    axes = tuple(range(1, len(slopes.shape)))
    length = sqrt(square(slopes).sum(axis=axes) + SMALLEST)  # (N,)
    return square(length - 1.0).mean()


# The game. ----------------------------------------------------------------------------


class GAN(nn.Game):
    """A generative adversarial network: a generator of data from noise, and a
    discriminator that tells them from real ones.

    Formula, with x̃ = G(z), z ~ N(0, 1), the output d of the discriminator D, and
    D = σ(d) in the first two:

    ================  ==================================  ======================
    loss              the discriminator's                 the generator's
    ================  ==================================  ======================
    "minimax"         −E log D(x) − E log(1 − D(x̃))       E log(1 − D(x̃))
    "non_saturating"  −E log D(x) − E log(1 − D(x̃))       −E log D(x̃)
    "least_squares"   ½ E (d(x) − 1)² + ½ E d(x̃)²         ½ E (d(x̃) − 1)²
    "wasserstein"     E d(x̃) − E d(x) + λ E (‖∂d/∂x̂‖−1)²  −E d(x̃)
    ================  ==================================  ======================

    ``cr.fit(gan, x)`` trains both, each by an optimizer of its own, in one compiled
    call: first the discriminator, then the generator by what the new discriminator says
    of the same fakes. Neither can be changed by the loss of the other: ``nn.Game``.

    The history's ``loss`` is the discriminator's; ``generator_loss`` stands beside it,
    averaged over the generator's turns. Neither says
    how good the samples are: they rise and fall with the other player. In evaluation
    (``cr.evaluate(gan, x)``, and of validation data) they are those of the same noise
    every time, without the penalty.

    Arguments:
        generator: (N, K) → the shape of the data.
        discriminator: data → (N,) or (N, 1), without a sigmoid at its end.
        loss: see the table.
        latent: K; when not given, ``in_features`` of the generator's first layer.
        critic_steps: moves of the discriminator, each by a batch of its own, for one of
            the generator; 5 for "wasserstein" when not given, else 1.
        penalty: λ of "wasserstein".

    Raises:
        OptionError: for an unknown loss.
        ArgumentError: for parts that are no layers; a discriminator that ends in a
            sigmoid, or for "wasserstein" looks at whole batches; counts below 1.
        ShapeError: in a call, for a discriminator that does not return one number an
            example, and a generator that does not return the shape of the data.
        DataError: in a call, for data that the generator cannot make, as numbers
            outside of −1 … 1 where it ends in ``Tanh``.

    Source: Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville &
    Bengio, Generative adversarial nets (2014); Mao, Li, Xie, Lau, Wang & Smolley, Least
    squares generative adversarial networks (2017); Gulrajani et al. (2017).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models, nn, optim
        >>> x = np.random.default_rng(0).normal(3.0, 0.5, (512, 1))
        >>> generator = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
        >>> critic = nn.Sequential(nn.Linear(1, 16), nn.LeakyReLU(), nn.Linear(16, 1))
        >>> gan = models.GAN(generator, critic, loss="non_saturating")
        >>> adam = optim.Adam(lr=5e-3, betas=(0.5, 0.999))
        >>> history = cr.fit(gan, x, optimizer=adam, epochs=20, progress=False)
        >>> bool(abs(gan.sample(1000, seed=0).mean().item() - 3.0) < 0.5)
        True
    """

    players: ClassVar[tuple[str, ...]] = ("discriminator", "generator")

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        loss: str = "non_saturating",
        *,
        latent: int | None = None,
        critic_steps: int | None = None,
        penalty: float = 10.0,
    ) -> None:
        for name, part in (("generator", generator), ("discriminator", discriminator)):
            if not isinstance(part, nn.Module):
                raise ArgumentError(
                    f"GAN: {name} is a {type(part).__name__}: expected a layer",
                    fix="models.mlp_gan(2), models.dcgan((28, 28, 1)), or "
                    "models.GAN(generator, discriminator)",
                )
        name = loss.replace("-", "_") if isinstance(loss, str) else loss
        if name not in LOSSES:
            raise unknown_option("loss of GAN", loss, LOSSES)
        self.generator, self.discriminator = generator, discriminator
        self.loss = str(name)
        self.latent = _latent(generator, latent)
        usual = 5 if self.loss == "wasserstein" else 1
        self.critic_steps = positive_size(
            "GAN", "critic_steps", usual if critic_steps is None else critic_steps
        )
        self.penalty = number_within(
            "GAN", "penalty", penalty, 0, rule="a finite number from 0"
        )
        _check_discriminator(discriminator, self.loss)

    def settings(self) -> dict[str, Any]:
        """The two networks, and the game they play."""
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "loss": self.loss,
            "latent": self.latent,
            "critic_steps": self.critic_steps,
            "penalty": self.penalty,
        }

    def describe_settings(self) -> str:
        """``loss='wasserstein', latent=64, critic_steps=5, penalty=10.0``"""
        shown = f"loss={self.loss!r}, latent={self.latent}"
        if self.critic_steps > 1:
            shown += f", critic_steps={self.critic_steps}"
        if self.loss == "wasserstein":
            shown += f", penalty={self.penalty}"
        return shown

    def due(self, step: int) -> tuple[str, ...]:
        """The generator moves in every ``critic_steps``-th step."""
        return self.players if step % self.critic_steps == 0 else self.players[:1]

    def turns(self, x: Any, *, training: bool = False) -> Iterator[tuple[str, Any]]:
        """The discriminator's loss of a batch, then the generator's: see the table."""
        x = floats("GAN", x)  # (N, …)
        of = LOSSES[self.loss]
        z = self.noise(x.shape[0], x.dtype, training)  # (N, K)
        made = self.generator(z, training=training)  # (N, …)
        self._check_shapes(x, made)
        fake = stop_gradient(made)
        real = self._judged(x, training)
        loss = of.discriminator(real, self._judged(fake, training))
        if self.loss == "wasserstein" and training:
            penalty = gradient_penalty(self.discriminator, x, fake)
            loss = loss + self.penalty * penalty
        yield "discriminator", self._refusing(x, loss)
        yield "generator", of.generator(self._judged(made, training))

    def noise(
        self, n: int, dtype: Any = None, training: bool = True, seed: int = 0
    ) -> Any:
        """What the generator makes data of: (n, K) numbers from N(0, 1).

        Arguments:
            n: how many rows.
            dtype: of the numbers.
            training: whether they are drawn from the default generator; otherwise they
                are the same every time.
            seed: of those that are the same every time.
        """
        if training:
            return default_generator.normal((n, self.latent), dtype=dtype)
        drawn = np.random.default_rng(seed).standard_normal((n, self.latent))
        return as_tensor(drawn.astype(dtype or np.float32))

    def sample(self, n: int, *, seed: int | None = None, noise: Any = None) -> Any:
        """Examples of the generator's own, (n, …).

        Arguments:
            n: how many.
            seed: the same numbers every time for one seed; when not given, they are
                drawn from the default generator.
            noise: (n, K), what they are made of, in the place of drawn numbers.

        Raises:
            ShapeError: for noise of another shape.
        """
        count = positive_size("GAN.sample", "n", n)
        dtype = model_dtype(self.generator)
        source = default_generator if seed is None else Generator(seed)
        z = source.normal((count, self.latent), dtype=dtype) if noise is None else noise
        z = np.asarray(as_tensor(z))
        if z.shape != (count, self.latent):
            raise ShapeError(
                f"GAN.sample: noise {z.shape}: expected ({count}, {self.latent}), a "
                "row for each example"
            )
        return as_tensor(training.predict(self.generator, z))

    # Checks. --------------------------------------------------------------------------

    def check(self, *data: Any) -> None:
        """Refuses a batch that the generator cannot make; warns where half of what it
        can make is never asked for.
        """
        (x,) = data
        low, high = self._range()
        array = np.asarray(x)
        self._check_range(array)
        if low < 0 and array.size and array.min() >= 0 and array.max() > 0.5 * high:
            last = type(last_layer(self.generator)).__name__
            warnings.warn(
                f"GAN: the generator ends in {last}, from {low:g} to {high:g}, and the "
                f"data are from {array.min():.3g} to {array.max():.3g}: 2 * x − 1 for "
                "data from 0 to 1, or nn.Sigmoid() as its last layer",
                stacklevel=2,
            )

    def _judged(self, x: Any, training: bool) -> Any:
        """What the discriminator says of examples, (N,)."""
        says = self.discriminator(x, training=training)
        if says.shape not in ((x.shape[0],), (x.shape[0], 1)):
            raise ShapeError(
                f"GAN: the discriminator makes {says.shape} of {x.shape}: expected "
                f"({x.shape[0]},) or ({x.shape[0]}, 1), one number an example",
                fix="nn.Linear(…, 1) as its last layer; nn.Flatten() before it, of "
                "images",
            )
        return says.reshape(-1)

    def _check_shapes(self, x: Any, made: Any) -> None:
        """An error where fakes could be told from data by their shape."""
        if made.shape != x.shape:
            raise ShapeError(
                f"GAN: the generator makes {made.shape}, and the data are {x.shape}: "
                "both must have the same shape",
                fix="nn.Linear(…, features) as its last layer; of images, "
                "nn.Unflatten((height, width, channels))",
            )

    def _range(self) -> tuple[float, float]:
        """What the generator can make, as far as its last layer tells."""
        kind = type(last_layer(self.generator))
        return RANGES.get(kind, (-math.inf, math.inf))

    def _check_range(self, x: Array) -> None:
        """An error for data that are known to be outside of it."""
        low, high = self._range()
        if x.size and (x.min() < low or x.max() > high):
            last = type(last_layer(self.generator)).__name__
            bounds = f"from {low:g} on" if high == math.inf else f"{low:g} to {high:g}"
            raise DataError(
                f"GAN: the data are from {x.min():.3g} to {x.max():.3g}, and the "
                f"generator ends in {last}, which makes numbers {bounds}: what is "
                "outside gives every fake away",
                fix="scale the data: (x − min) / (max − min) for nn.Sigmoid, twice "
                "that − 1 for nn.Tanh; or leave the last layer out",
            )

    def _refusing(self, x: Any, loss: Any) -> Any:
        """The loss; NaN for data that the generator cannot make, by which ``fit`` finds
        the step and calls this again with known values, for the error.
        """
        low, high = self._range()
        if x.value is not None:
            self._check_range(x.value)
        if low == -math.inf:
            return loss
        outside = x.min() < low
        if high < math.inf:
            outside = outside | (x.max() > high)
        return where(outside, math.nan, loss)


def _latent(generator: nn.Module, latent: int | None) -> int:
    """How many numbers of noise a generator takes."""
    if latent is not None:
        return positive_size("GAN", "latent", latent)
    first: Any = generator
    while isinstance(first, nn.Sequential) and len(first):
        first = first[0]
    if not isinstance(first, nn.Linear):
        raise ArgumentError(
            f"GAN: the generator begins with {type(first).__name__}, which does not "
            "say how many numbers of noise it takes",
            fix="latent=64",
        )
    return first.in_features


def _check_discriminator(discriminator: nn.Module, loss: str) -> None:
    """An error for a last layer that a loss does not expect, or for a critic without
    slopes of its own for each example.
    """
    if isinstance(last_layer(discriminator), nn.Sigmoid):
        what = "takes logits" if LOSSES[loss].logits else "takes numbers of any size"
        raise ArgumentError(
            f"GAN: the discriminator ends in Sigmoid, and the loss {loss} {what}",
            fix="leave the last layer out; cr.sigmoid(gan.discriminator(x)) is D(x)",
        )
    whole = (BatchNorm1d, BatchNorm2d, BatchNorm3d)
    for path, part in discriminator.named_modules():
        if loss == "wasserstein" and isinstance(part, whole):
            raise ArgumentError(
                f"GAN: the discriminator's {path or type(part).__name__} is "
                f"{type(part).__name__}: the penalty of wasserstein is on the slope at "
                "each example by itself, and this one looks at whole batches",
                fix="nn.LayerNorm, or none",
            )


# Building. ----------------------------------------------------------------------------


@advised("models.FUNCTION")
def mlp_gan(
    shape: int | Sequence[int],
    latent: int = 64,
    hidden: Sequence[int] = (256, 256),
    *,
    loss: str = "non_saturating",
    activation: Activation = nn.ReLU,
    output: Activation | None = None,
    batch_norm: bool = False,
    critic_steps: int | None = None,
    dtype: DTypeLike | None = None,
) -> GAN:
    """A GAN of fully connected layers; the discriminator's hidden layers are those of
    the generator in reverse, with ``LeakyReLU(0.2)``.

    Shapes: noise (N, latent) → (N, *shape) → (N, 1).

    Initial values: "he_uniform"; of last layers those of ``Linear``.

    Arguments:
        shape: of an example: its features, or (height, width, channels).
        latent: how many numbers of noise an example is made of.
        hidden: sizes of the generator's hidden layers.
        loss, critic_steps: as of ``GAN``.
        activation: of the generator's hidden layers.
        output: of what is generated: linear when not given; ``nn.Sigmoid`` for data
            from 0 to 1, ``nn.Tanh`` for data from −1 to 1.
        batch_norm: whether the generator's hidden layers are normalized.
        dtype: of the parameters.

    Raises:
        ArgumentError: for sizes below 1, or no hidden layer.

    Source: Goodfellow et al. (2014).

    Example:
        >>> from chainrule import models
        >>> models.mlp_gan(2, latent=2, hidden=(32,))
        GAN(loss='non_saturating', latent=2
          (generator): Sequential(
            (0): Linear(2 → 32)
            (1): ReLU()
            (2): Linear(32 → 2)
          )
          (discriminator): Sequential(
            (0): Linear(2 → 32)
            (1): LeakyReLU(slope=0.2)
            (2): Linear(32 → 1)
          )
        )
    """
    whole = not hasattr(shape, "__len__")
    sides: Any = (shape,) if whole else shape
    sides = tuple(positive_size("mlp_gan", "shape", each) for each in sides)
    if not sides:
        raise ArgumentError(
            f"mlp_gan: shape={shape!r}: expected the shape of an example",
            fix="shape=2, or (28, 28, 1)",
        )
    check_layer_class("mlp_gan", "activation", activation)
    check_layer_class("mlp_gan", "output", output, optional=True)
    if not _some(hidden):
        raise ArgumentError(
            f"mlp_gan: hidden={hidden!r}: expected the sizes of one layer or more",
            fix="hidden=(256, 256)",
        )
    sizes = [positive_size("mlp_gan", "hidden", each) for each in hidden]
    features = math.prod(sides)
    layers: list[nn.Module] = []
    widths = [positive_size("mlp_gan", "latent", latent), *sizes]
    for a, b in itertools.pairwise(widths):
        norm = [nn.BatchNorm1d(b, dtype=dtype)] if batch_norm else []
        layers += [_linear(a, b, dtype), *norm, activation()]
    layers.append(nn.Linear(widths[-1], features, dtype=dtype))
    layers += [] if whole else [nn.Unflatten(sides)]
    layers += [] if output is None else [output()]
    judge: list[nn.Module] = [] if whole else [nn.Flatten()]
    for a, b in itertools.pairwise([features, *sizes[::-1]]):
        judge += [_linear(a, b, dtype), nn.LeakyReLU(0.2)]
    judge.append(nn.Linear(sizes[0], 1, dtype=dtype))
    return GAN(
        nn.Sequential(*layers),
        nn.Sequential(*judge),
        loss,
        latent=latent,
        critic_steps=critic_steps,
    )


def _some(sizes: Any) -> bool:
    """Whether there is a list of sizes with one or more in it."""
    return hasattr(sizes, "__len__") and not isinstance(sizes, str) and len(sizes) > 0


def _linear(a: int, b: int, dtype: DTypeLike | None) -> nn.Linear:
    return nn.Linear(a, b, weight_init="he_uniform", dtype=dtype)


@advised("models.FUNCTION")
def dcgan(
    image_shape: Sequence[int],
    latent: int = 100,
    channels: Sequence[int] = (64, 128),
    *,
    loss: str = "non_saturating",
    output: Activation | None = nn.Sigmoid,
    critic_steps: int | None = None,
    dtype: DTypeLike | None = None,
) -> GAN:
    """A convolutional GAN: the discriminator halves the image in every stage, and the
    generator doubles it.

    Both have 4 × 4 windows with stride 2, no pooling, and batch normalization behind
    all convolutions but the discriminator's first and the generator's last; for the
    loss "wasserstein" the discriminator has none. ``LeakyReLU(0.2)`` in the
    discriminator, ``ReLU`` in the generator.

    Shapes: noise (N, latent) → (N, H, W, C) → (N, 1).

    Initial values: weights from N(0, 0.02²), as in the paper.

    Arguments:
        image_shape: (H, W, C); H and W multiples of 2 for every stage.
        latent: how many numbers of noise an image is made of.
        channels: of the discriminator's stages; the generator's in reverse.
        loss, critic_steps: as of ``GAN``.
        output: of what is generated: for images from 0 to 1 unless told otherwise;
            ``nn.Tanh`` for images from −1 to 1, as in the paper.
        dtype: of the parameters.

    Raises:
        ArgumentError: for a shape that is no image's, or cannot be halved so often.

    Source: Radford, Metz & Chintala, Unsupervised representation learning with deep
    convolutional generative adversarial networks (2016), section 3.

    Example:
        >>> from chainrule import models
        >>> gan = models.dcgan((28, 28, 1), latent=16, channels=(8, 16))
        >>> fakes = gan.sample(5, seed=0)
        >>> fakes.shape, gan.discriminator(fakes).shape
        ((5, 28, 28, 1), (5, 1))
    """
    check_layer_class("dcgan", "output", output, optional=True)
    if not _some(channels):
        raise ArgumentError(
            f"dcgan: channels={channels!r}: expected those of every stage",
            fix="channels=(64, 128)",
        )
    height, width, depth = checked_image_shape("dcgan", image_shape, len(channels))
    small = (height >> len(channels), width >> len(channels), channels[-1])
    flat = math.prod(small)
    normal: dict[str, Any] = {
        "weight_init": initializers.normal(0.02),
        "dtype": dtype,
    }
    window: dict[str, Any] = {"stride": 2, "padding": 1, **normal}
    down: list[nn.Module] = []
    up: list[nn.Module] = [
        nn.Linear(positive_size("dcgan", "latent", latent), flat, **normal),
        nn.BatchNorm1d(flat, dtype=dtype),
        nn.ReLU(),
        nn.Unflatten(small),
    ]
    stages = [depth, *channels]
    for a, b in itertools.pairwise(stages):
        plain = (a == depth and not down) or loss == "wasserstein"
        norm = [] if plain else [nn.BatchNorm2d(b, dtype=dtype)]
        down += [nn.Conv2d(a, b, 4, **window), *norm, nn.LeakyReLU(0.2)]
    down += [nn.Flatten(), nn.Linear(flat, 1, **normal)]
    for a, b in itertools.pairwise(stages[:0:-1]):
        up += [nn.ConvTranspose2d(a, b, 4, **window)]
        up += [nn.BatchNorm2d(b, dtype=dtype), nn.ReLU()]
    up.append(nn.ConvTranspose2d(stages[1], depth, 4, **window))
    up += [output()] if output else []
    return GAN(
        nn.Sequential(*up),
        nn.Sequential(*down),
        loss,
        latent=latent,
        critic_steps=critic_steps,
    )
