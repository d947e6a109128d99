"""Autoencoders: networks that learn a code from which their input can be made again.

Read from top to bottom: the network, what it is trained to do, and how fully connected
and convolutional ones are built. The shape of a value stands at the right of the line
that makes it: N examples, D features, K numbers of a code.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, ClassVar

from numpy.typing import DTypeLike

from .. import losses, nn
from ..backprop import backprop
from ..errors import ArgumentError, ShapeError
from ..foreign import advised
from ..graph import Node
from ..nn.arguments import floats, number_within, positive_size
from ..random_numbers import default_generator
from ..training.objective import BINARY_LOSSES, last_layer
from .halving import checked_image_shape
from .layer_classes import Activation, check_layer_class

#: The losses that compare a reconstruction with its input.
RECONSTRUCTION_LOSSES = (
    "mse", "squared_error", "half_squared_error", "l1", "huber",
    "binary_cross_entropy", "bernoulli_nll",
)  # fmt: skip

#: Activations of each unit by itself, f(z)ⱼ = f(zⱼ).
ELEMENTWISE = (
    nn.Identity, nn.Sigmoid, nn.Tanh, nn.Softsign, nn.ReLU, nn.LeakyReLU, nn.ELU,
    nn.Softplus, nn.GELU, nn.SiLU,
)  # fmt: skip


class Autoencoder(nn.Module):
    """A network that learns a code of its input, and to make the input again from it.

    Formula: h = f(x), x̂ = g(h), with the encoder f and the decoder g.

    Shapes: (N, …) → the same; the code is what the encoder returns.

    Arguments:
        encoder, decoder: any modules. Where the decoder is a ``Sequential`` that ends
            in ``Sigmoid``, losses of logits are given what comes before it, by
            ``Reconstruction``.

    Raises:
        ArgumentError: for anything that is not a layer.

    Source: Rumelhart, Hinton & Williams (1986); Baldi & Hornik (1989) for the linear
    one, whose code spans the subspace of the principal components.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models, nn
        >>> ae = models.Autoencoder(nn.Linear(64, 10), nn.Linear(10, 64))
        >>> x = cr.zeros((5, 64))
        >>> ae.encode(x).shape, ae.decode(ae.encode(x)).shape, ae(x).shape
        ((5, 10), (5, 64), (5, 64))
    """

    ends_in: ClassVar[str] = "decoder"

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        for name, part in (("encoder", encoder), ("decoder", decoder)):
            if not isinstance(part, nn.Module):
                raise ArgumentError(
                    f"Autoencoder: {name} is a {type(part).__name__}: expected a layer",
                    fix="models.deep_autoencoder((784, 500, 30)); or "
                    "models.Autoencoder(nn.Linear(784, 30), nn.Linear(30, 784))",
                )
        self.encoder, self.decoder = encoder, decoder

    def settings(self) -> dict[str, Any]:
        """The two parts."""
        return {"encoder": self.encoder, "decoder": self.decoder}

    def describe_settings(self) -> str:
        """Empty: the parts are printed below it."""
        return ""

    def encode(self, x: Any, *, training: bool | None = None) -> Any:
        """The code of x. For many examples, ``cr.predict(model.encoder, x)``."""
        return self.encoder(x, training=training)

    def decode(self, code: Any, *, training: bool | None = None) -> Any:
        """What the decoder makes of a code."""
        return self.decoder(code, training=training)

    def forward(self, x: Any, training: bool = False) -> Any:
        """The reconstruction."""
        code = self.encode(x, training=training)
        return self.decode(code, training=training)


# Training. ----------------------------------------------------------------------------


class Reconstruction(nn.Module):
    """What an autoencoder is trained to do: a module that returns its own loss.

    Formula, in training: L = (1/N) Σᵢ ℓ(g(f(x̃ᵢ)), xᵢ) + β Σⱼ KL(ρ ‖ ρ̂ⱼ)
    + γ (1/N) Σᵢ ‖hᵢ‖₁ + λ (1/N) Σᵢ ‖∂h/∂x(x̃ᵢ)‖²_F, where x̃ is x with noise, and β, γ
    and λ are ``sparsity``, ``l1`` and ``contraction``. In evaluation the first term
    alone, of x without noise: how well it reconstructs, whatever it is trained with.

    Shapes: (N, …) → ().

    ``cr.fit(models.Reconstruction(model), x)`` trains the autoencoder itself.

    Arguments:
        autoencoder: the network.
        loss: the name of ℓ: "mse", "squared_error" (a sum over the features, as the
            deep autoencoder's paper counts it), "l1", "huber"; for data from 0 to 1
            and a decoder that ends in ``nn.Sigmoid`` also "binary_cross_entropy" or, as
            a sum, "bernoulli_nll".
        noise: a layer between x and the encoder: ``nn.ZeroMasking(0.3)``.
        sparsity: β; see ``losses.kl_sparsity``. Of codes from 0 to 1.
        target: ρ, the share of the examples in which a unit is to be active.
        l1: γ, of codes that need no bounds.
        contraction: λ; see ``squared_jacobian``.

    Raises:
        ArgumentError: for a loss or a weight that is none, a binary loss of a decoder
            without ``Sigmoid``, or a sparsity of codes that are not from 0 to 1.
        DataError: in a call with a binary loss, for x outside of 0 … 1.

    Source: Vincent et al. (2008) for noise, Ng (2011) for sparsity, Rifai, Vincent,
    Muller, Glorot & Bengio, Contractive auto-encoders (2011).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import data, models, nn
        >>> cr.manual_seed(0)
        >>> x = data.load("digits").train.inputs
        >>> ae = models.deep_autoencoder((64, 32, 8), output=nn.Sigmoid)
        >>> denoising = models.Reconstruction(ae, noise=nn.ZeroMasking(0.3))
        >>> history = cr.fit(denoising, x, epochs=10, progress=False)
        >>> history["loss"][-1] < history["loss"][0]
        True
        >>> ae.encode(x[:3]).shape
        (3, 8)
    """

    outputs_loss: ClassVar[bool] = True

    def __init__(
        self,
        autoencoder: Autoencoder,
        loss: str = "mse",
        *,
        noise: nn.Module | None = None,
        sparsity: float = 0.0,
        target: float = 0.05,
        l1: float = 0.0,
        contraction: float = 0.0,
    ) -> None:
        if not isinstance(autoencoder, Autoencoder):
            raise ArgumentError(
                f"Reconstruction: autoencoder is a {type(autoencoder).__name__}: "
                "expected an Autoencoder",
                fix="models.Autoencoder(encoder, decoder)",
            )
        if noise is not None and not isinstance(noise, nn.Module):
            raise ArgumentError(
                f"Reconstruction: noise={noise!r}: expected a layer",
                fix="noise=nn.ZeroMasking(0.3), nn.GaussianNoise(0.1) or "
                "nn.SaltAndPepper(0.1)",
            )
        self.autoencoder = autoencoder
        self.noise = noise
        self.loss = _reconstruction_loss(loss)
        if self.loss in BINARY_LOSSES:
            _refuse_logits(self.loss, autoencoder.decoder)
        self.sparsity = _weight("sparsity", sparsity)
        self.target = number_within(
            "Reconstruction", "target", target, 1e-6, 1 - 1e-6,
            "a number between 0 and 1",
        )  # fmt: skip
        self.l1 = _weight("l1", l1)
        self.contraction = _weight("contraction", contraction)
        if self.sparsity:
            _refuse_unbounded_codes(autoencoder.encoder)

    def settings(self) -> dict[str, Any]:
        """The network, the loss, and what is added to it."""
        return {
            "autoencoder": self.autoencoder,
            "loss": self.loss,
            "noise": self.noise,
            "sparsity": self.sparsity,
            "target": self.target,
            "l1": self.l1,
            "contraction": self.contraction,
        }

    def describe_settings(self) -> str:
        """``loss='mse', l1=0.001``: the loss, and what is added to it."""
        shown = [f"loss={self.loss!r}"]
        if self.sparsity:
            shown.append(f"sparsity={self.sparsity}, target={self.target}")
        for name in ("l1", "contraction"):
            if getattr(self, name):
                shown.append(f"{name}={getattr(self, name)}")
        return ", ".join(shown)

    def forward(self, x: Any, training: bool = False) -> Any:
        """The loss of a batch: see the formula."""
        model = self.autoencoder
        x = floats("Reconstruction", x)  # (N, …)
        seen = x if self.noise is None else self.noise(x, training=training)
        code = model.encode(seen, training=training)  # (N, K)
        loss = self._error(code, x, training)
        if not training:
            return loss
        if self.sparsity:
            loss = loss + self.sparsity * losses.kl_sparsity(code, self.target)
        if self.l1:
            loss = loss + self.l1 * losses.l1_sparsity(code)
        if self.contraction:
            loss = loss + self.contraction * squared_jacobian(model.encoder, seen, code)
        return loss

    def _error(self, code: Any, x: Any, training: bool) -> Any:
        """ℓ of what the decoder makes of the code, or of the logits before that."""
        decoder, made = self.autoencoder.decoder, code
        binary = self.loss in BINARY_LOSSES
        while binary and isinstance(decoder, nn.Sequential):
            *before, decoder = decoder
            for layer in before:
                made = layer(made, training=training)
        if not (binary and isinstance(decoder, nn.Sigmoid)):
            made = decoder(made, training=training)  # (N, …)
        if made.shape != x.shape:
            raise ShapeError(
                f"Reconstruction: x {x.shape} and its reconstruction {made.shape}: "
                "both must have the same shape",
                fix="a decoder that ends with the size that the encoder begins with",
            )
        return losses.by_name(self.loss)(made, x)


def squared_jacobian(encoder: nn.Module, x: Any, code: Any) -> Any:
    """How strongly codes answer to changes of their inputs, ‖∂h/∂x‖²_F, averaged over
    examples.

    Formula: for one layer h = f(W x + b) with f of each unit by itself, Σⱼ f′(zⱼ)²
    Σₖ W²ⱼₖ; for a sigmoid f′(z) = h (1 − h). For any other encoder an unbiased
    estimate, ‖vᵀ ∂h/∂x‖² with one v for each example, drawn from {−1, 1}ᴷ: its mean
    over v is ‖∂h/∂x‖²_F, at the cost of one backward pass. Where a code depends on
    other examples too, as with ``BatchNorm1d`` in training, what it estimates is
    (1/N) Σᵢₘ ‖∂hᵢ/∂xₘ‖²_F, over all pairs of examples.

    Arguments:
        encoder: f.
        x: (N, …), what the code was made of; a tensor.
        code: f(x), (N, K).

    Returns:
        A tensor ().

    Raises:
        ArgumentError: for an array x, of which a code of several layers is not known to
            be made.

    Source: Rifai, Vincent, Muller, Glorot & Bengio, Contractive auto-encoders (2011);
    Hutchinson (1990) for the estimate.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> layer = nn.Linear(2, 2)
        >>> layer.weight.assign([[3.0, 0.0], [0.0, 4.0]])
        >>> x = cr.zeros((5, 2))
        >>> squared_jacobian(layer, x, layer(x)).item()
        25.0
    """
    linear = _single_layer(encoder)
    if linear is not None:
        z = linear(x)  # (N, K)
        h = z
        for activation in encoder[1:] if isinstance(encoder, nn.Sequential) else ():
            h = activation(h)
        slopes = backprop(h.sum())[z]  # (N, K)
        return ((slopes * slopes) @ (linear.weight * linear.weight).sum(axis=1)).mean()
    if not isinstance(x, Node):
        raise ArgumentError(
            f"squared_jacobian: x is a {type(x).__name__}, of which the code does not "
            "know that it was made of it",
            fix="x = cr.tensor(x); squared_jacobian(encoder, x, encoder(x))",
        )
    signs: Any = default_generator.bernoulli(0.5, code.shape)
    v = 2.0 * signs.astype(code.dtype) - 1.0  # (N, K)
    product = backprop((v * code).sum())[x]  # (N, …): vᵀ ∂h/∂x
    return (product * product).sum() / code.shape[0]


def _single_layer(encoder: nn.Module) -> nn.Linear | None:
    """The ``Linear`` of an encoder that is one, with activations of units alone."""
    layers = list(encoder) if isinstance(encoder, nn.Sequential) else [encoder]
    if not layers or not all(isinstance(each, ELEMENTWISE) for each in layers[1:]):
        return None
    return layers[0] if isinstance(layers[0], nn.Linear) else None


def _reconstruction_loss(loss: Any) -> str:
    """The name of a loss that compares two arrays of one shape."""
    name = loss.replace("-", "_") if isinstance(loss, str) else loss
    if name in RECONSTRUCTION_LOSSES:
        return str(name)
    fix = "another one trains the network itself: cr.fit(autoencoder, (x, x), "
    fix += "loss=function)"
    shown, expected = repr(loss), "one"
    if callable(loss):
        name = getattr(loss, "__name__", type(loss).__name__)
        shown, expected = f"{name}, a function", "the name of one"
        if name in RECONSTRUCTION_LOSSES and losses.by_name(name) is loss:
            fix = f"loss={name!r}"
    raise ArgumentError(
        f"Reconstruction: loss={shown}: expected {expected} of "
        f"{', '.join(RECONSTRUCTION_LOSSES)}",
        fix=fix,
    )


def _weight(name: str, value: Any) -> float:
    rule = "a finite number from 0"
    return number_within("Reconstruction", name, value, 0, rule=rule)


def _refuse_logits(loss: str, decoder: nn.Module) -> None:
    """An error where a decoder would make logits, which are no reconstruction."""
    last = last_layer(decoder)
    if not isinstance(last, nn.Sigmoid):
        raise ArgumentError(
            f"Reconstruction: loss={loss!r} of a decoder that ends in "
            f"{type(last).__name__}: it would learn logits, and make these of a code "
            "in the place of numbers from 0 to 1",
            fix="nn.Sigmoid() as the decoder's last layer: output=nn.Sigmoid",
        )


def _refuse_unbounded_codes(encoder: nn.Module) -> None:
    """An error where a code is known not to be from 0 to 1."""
    last = last_layer(encoder)
    unbounded = isinstance(last, (nn.Linear, *ELEMENTWISE))
    if unbounded and not isinstance(last, nn.Sigmoid):
        raise ArgumentError(
            f"Reconstruction: sparsity= of a code that {type(last).__name__} makes: it "
            "compares the mean of a unit with a share of time, and such codes are not "
            "from 0 to 1",
            fix="nn.Sigmoid() as the encoder's last layer, or l1=0.001",
        )


# Building. ----------------------------------------------------------------------------


@advised("models.FUNCTION")
def deep_autoencoder(
    sizes: Sequence[int],
    activation: Activation = nn.ReLU,
    *,
    code: Activation | None = None,
    output: Activation | None = None,
    tied: bool = False,
    batch_norm: bool = False,
    dtype: DTypeLike | None = None,
) -> Autoencoder:
    """A fully connected autoencoder: layers that become narrower down to the code, and
    the same layers in reverse.

    Formula: f = code ∘ (W z + b) ∘ … ∘ activation ∘ (W₁ x + b₁), and g alike from the
    code to x; with ``tied`` the decoder has the encoder's matrices, transposed.

    Shapes: (N, sizes[0]) → the same; the code is (N, sizes[-1]).

    Initial values: those of ``Linear``; of hidden layers "he_uniform" before ``ReLU``.

    Arguments:
        sizes: of the input, the hidden layers, and the code.
        activation: of the hidden layers: ``nn.ReLU``, ``nn.Sigmoid`` or another class,
            or a function that makes a layer.
        code, output: of the code and the reconstruction, which are linear when not
            given. ``output=nn.Sigmoid`` for data from 0 to 1.
        tied: whether the decoder shares the encoder's weights.
        batch_norm: whether every hidden layer is normalized before its activation.
        dtype: of the parameters.

    Raises:
        ArgumentError: for fewer than two sizes, sizes below 1, and a linear code that
            is as wide as the input, which it could copy.

    Source: Hinton & Salakhutdinov, Reducing the dimensionality of data with neural
    networks (2006), whose network is ``(784, 1000, 500, 250, 30), nn.Sigmoid,
    output=nn.Sigmoid``.

    Example:
        >>> from chainrule import models, nn
        >>> models.deep_autoencoder((784, 100, 2), nn.Tanh, tied=True)
        Autoencoder(
          (encoder): Sequential(
            (0): Linear(784 → 100)
            (1): Tanh()
            (2): Linear(100 → 2)
          )
          (decoder): Sequential(
            (0): Tied(2 → 100)
            (1): Tanh()
            (2): Tied(100 → 784)
          )
        )
    """
    widths = _sizes(sizes, linear=code is None)
    check_layer_class("deep_autoencoder", "activation", activation)
    for name, make in (("code", code), ("output", output)):
        check_layer_class("deep_autoencoder", name, make, optional=True)
    inner = _init(activation)

    def linear_layers(widths: Sequence[int]) -> list[nn.Linear]:
        inits = [inner] * (len(widths) - 2) + ["glorot_uniform"]
        return [
            nn.Linear(a, b, weight_init=init, dtype=dtype)
            for a, b, init in zip(widths, widths[1:], inits, strict=False)
        ]

    def chain(layers: Sequence[Any], last: Activation | None) -> nn.Sequential:
        made: list[nn.Module] = []
        for layer in layers[:-1]:
            width = layer.out_features
            norm = [nn.BatchNorm1d(width, dtype=dtype)] if batch_norm else []
            made += [layer, *norm, activation()]
        return nn.Sequential(*made, layers[-1], *([last()] if last else []))

    down = linear_layers(widths)
    up = (
        [nn.Tied(layer) for layer in down[::-1]]
        if tied
        else linear_layers(widths[::-1])
    )
    return Autoencoder(chain(down, code), chain(up, output))


def perceptron(
    sizes: Sequence[int], activation: Activation, dtype: DTypeLike | None = None
) -> nn.Sequential:
    """``Linear`` layers of these sizes with activations between them, none at the end.

    Example:
        >>> perceptron((784, 200, 2), nn.Tanh)
        Sequential(
          (0): Linear(784 → 200)
          (1): Tanh()
          (2): Linear(200 → 2)
        )
    """
    layers: list[nn.Module] = []
    *inner, last = itertools.pairwise(sizes)
    for a, b in inner:
        init = _init(activation)
        layers += [nn.Linear(a, b, weight_init=init, dtype=dtype), activation()]
    end = nn.Linear(*last, weight_init="glorot_uniform", dtype=dtype)
    return nn.Sequential(*layers, end)


def _init(activation: Activation) -> str:
    """How the weights before an activation start."""
    return "he_uniform" if activation is nn.ReLU else "glorot_uniform"


def _sizes(sizes: Any, linear: bool) -> list[int]:
    """The sizes, checked."""
    if isinstance(sizes, str) or not hasattr(sizes, "__iter__") or len(sizes) < 2:
        raise ArgumentError(
            f"deep_autoencoder: sizes={sizes!r}: expected those of the input, of "
            "hidden layers and of the code",
            fix="models.deep_autoencoder((784, 1000, 500, 250, 30))",
        )
    widths = [
        positive_size("deep_autoencoder", f"sizes[{i}]", size)
        for i, size in enumerate(sizes)
    ]
    if linear and len(widths) == 2 and widths[1] >= widths[0]:
        raise ArgumentError(
            f"deep_autoencoder: a linear code of {widths[1]} numbers for {widths[0]} "
            "inputs: it can copy them, and nothing is to be learned",
            fix=f"a code narrower than {widths[0]}; or code=nn.Sigmoid and "
            "Reconstruction(…, sparsity=3.0) or noise=, for codes that may be wider",
        )
    return widths


@advised("models.FUNCTION")
def conv_autoencoder(
    image_shape: Sequence[int],
    code: int,
    channels: Sequence[int] = (32, 64),
    *,
    activation: Activation = nn.ReLU,
    output: Activation | None = nn.Sigmoid,
    dtype: DTypeLike | None = None,
) -> Autoencoder:
    """A convolutional autoencoder: every stage halves the image and changes its
    channels; a linear layer makes the code. The decoder is the same in reverse.

    Shapes: (N, H, W, C) → the same; the code is (N, code).

    Arguments:
        image_shape: (H, W, C); H and W multiples of 2 for every stage.
        code: how many numbers it has.
        channels: of the stages: 3 × 3 convolutions with stride 2, and transposed ones
            of 4 × 4, whose windows overlap evenly.
        activation: of all layers but the code and the reconstruction.
        output: of the reconstruction: for images from 0 to 1 unless told otherwise.
        dtype: of the parameters.

    Raises:
        ArgumentError: for a shape that is no image's, or cannot be halved so often.

    Source: Masci, Meier, Cireşan & Schmidhuber, Stacked convolutional auto-encoders
    (2011), with strides in the place of pooling.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> ae = models.conv_autoencoder((28, 28, 1), 16, channels=(8, 16))
        >>> x = cr.zeros((5, 28, 28, 1))
        >>> ae.encode(x).shape, ae(x).shape
        ((5, 16), (5, 28, 28, 1))
    """
    if isinstance(channels, str) or not hasattr(channels, "__len__"):
        raise ArgumentError(
            f"conv_autoencoder: channels={channels!r}: expected those of every stage",
            fix="channels=(32, 64)",
        )
    height, width, depth = checked_image_shape(
        "conv_autoencoder", image_shape, len(channels)
    )
    positive_size("conv_autoencoder", "code", code)
    check_layer_class("conv_autoencoder", "activation", activation)
    check_layer_class("conv_autoencoder", "output", output, optional=True)
    stages = [depth, *channels]
    down: list[nn.Module] = []
    up: list[nn.Module] = []
    for a, b in itertools.pairwise(stages):
        conv = nn.Conv2d(
            a, b, 3, stride=2, padding=1, weight_init=_init(activation), dtype=dtype
        )
        down += [conv, activation()]  # half as high and wide
    for a, b in zip(stages[:0:-1], stages[-2::-1], strict=True):
        back = nn.ConvTranspose2d(a, b, 4, stride=2, padding=1, dtype=dtype)
        up += [activation(), back]  # twice as high and wide
    small = (height >> len(channels), width >> len(channels), stages[-1])
    flat = small[0] * small[1] * small[2]
    encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(flat, code, dtype=dtype))
    first = [nn.Linear(code, flat, dtype=dtype), nn.Unflatten(small)]
    return Autoencoder(
        encoder, nn.Sequential(*first, *up, *([output()] if output else []))
    )
