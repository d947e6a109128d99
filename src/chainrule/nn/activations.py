"""Activations as layers: what makes a network more than one matrix.

Those without parameters are the functions of the same name (``cr.sigmoid`` …), so that
they can stand in a ``Sequential`` and be saved; they take any shape and keep it.
"""

from __future__ import annotations

import math
import operator
from typing import Any, ClassVar

from numpy.typing import DTypeLike

from .. import shapes
from ..errors import ArgumentError, unknown_option
from ..initializers import Initializer, constant
from ..ops import composed, elementwise
from .arguments import (
    features,
    floats,
    new_parameter,
    number_within,
    positive_size,
)
from .module import Module

#: So far from 0 that 1 + |x| is |x| in either dtype.
FAR = 1e30


class Sigmoid(Module):
    """σ(x) = 1 / (1 + e⁻ˣ), between 0 and 1; σ′ = σ(1 − σ).

    Shapes: any → the same.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Sigmoid()(cr.tensor([0.0])).numpy()
        array([0.5], dtype=float32)
    """

    def forward(self, x: Any) -> Any:
        """σ(x)."""
        return elementwise.sigmoid(floats("Sigmoid", x))


class Tanh(Module):
    """tanh x = 2σ(2x) − 1, between −1 and 1; tanh′ = 1 − tanh².

    Shapes: any → the same.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Tanh()(cr.tensor([0.0])).numpy()
        array([0.], dtype=float32)
    """

    def forward(self, x: Any) -> Any:
        """tanh x."""
        return elementwise.tanh(floats("Tanh", x))


class ReLU(Module):
    """max(x, 0); its derivative at 0 is taken as 0.

    Shapes: any → the same.

    Source: Nair & Hinton (2010).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.ReLU()(cr.tensor([-1.0, 2.0])).numpy()
        array([0., 2.], dtype=float32)
    """

    def forward(self, x: Any) -> Any:
        """max(x, 0)."""
        return elementwise.relu(floats("ReLU", x))


class LeakyReLU(Module):
    """x where x > 0, else slope · x; the derivative at 0 is the slope.

    Shapes: any → the same.

    Arguments:
        slope: of the negative side; 0.01 in the paper, 0.1 in some lectures.

    Source: Maas, Hannun & Ng (2013).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.LeakyReLU(0.1)(cr.tensor([-1.0, 2.0])).numpy()
        array([-0.1,  2. ], dtype=float32)
    """

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = number_within("LeakyReLU", "slope", slope)

    def settings(self) -> dict[str, Any]:
        """The slope."""
        return {"slope": self.slope}

    def forward(self, x: Any) -> Any:
        """x where x > 0, else slope · x."""
        return composed.leaky_relu(floats("LeakyReLU", x), self.slope)


class PReLU(Module):
    """x where x > 0, else α x, with a learned α; one for all features, or one each.

    It is max(αx, x) only while α ≤ 1: for larger α that would swap the two sides.

    Shapes: (…, num_parameters) → the same; with one parameter any shape.
    ``weight`` (num_parameters,).

    Initial values: ``init``, 0.25.

    Source: He et al. (2015), Delving deep into rectifiers.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.PReLU()(cr.tensor([-1.0, 2.0])).numpy()
        array([-0.25,  2.  ], dtype=float32)
    """

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        size = positive_size("PReLU", "num_parameters", num_parameters)
        first = constant(number_within("PReLU", "init", init))
        self.weight = new_parameter("weight", (size,), first, dtype)

    def settings(self) -> dict[str, Any]:
        """How many parameters."""
        return {"num_parameters": self.weight.shape[0]}

    def forward(self, x: Any) -> Any:
        """x where x > 0, else α x."""
        size = self.weight.shape[0]
        if size == 1:
            node = floats("PReLU", x)
        else:
            rule = "the last axis of x must have num_parameters elements"
            node = features("PReLU", x, size, rule, "PReLU({})")
        return elementwise.where(node > 0, node, self.weight * node)


class Maxout(Module):
    """The largest of several linear functions: a learned convex activation.

    Formula: yⱼ = maxₚ (Wₚ x + bₚ)ⱼ over p = 1 … pieces.

    Shapes: (…, in_features) → (…, out_features); ``weight`` (out_features · pieces,
    in_features), the pieces of one output beside each other; ``bias`` (out_features ·
    pieces,).

    Initial values: ``weight`` from ``glorot_uniform``, ``bias`` 0.

    Source: Goodfellow et al. (2013).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Maxout(3, 4, pieces=2)(cr.zeros((5, 3))).shape
        (5, 4)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        pieces: int = 2,
        *,
        weight_init: Initializer | str = "glorot_uniform",
        bias_init: Initializer | str = "zeros",
        dtype: DTypeLike | None = None,
    ) -> None:
        self.in_features = positive_size("Maxout", "in_features", in_features)
        self.out_features = positive_size("Maxout", "out_features", out_features)
        self.pieces = positive_size("Maxout", "pieces", pieces)
        rows = self.out_features * self.pieces
        self.weight = new_parameter(
            "weight", (rows, self.in_features), weight_init, dtype
        )
        self.bias = new_parameter("bias", (rows,), bias_init, dtype)

    def settings(self) -> dict[str, Any]:
        """The sizes."""
        return {
            "in_features": self.in_features,
            "out_features": self.out_features,
            "pieces": self.pieces,
        }

    def describe_settings(self) -> str:
        """``3 → 4, pieces=2``"""
        return f"{self.in_features} → {self.out_features}, pieces={self.pieces}"

    def forward(self, x: Any) -> Any:
        """The largest piece of each output."""
        node = features(
            "Maxout",
            x,
            self.in_features,
            "the last axis of x must have in_features elements",
            f"Maxout({{}}, {self.out_features}, pieces={self.pieces})",
        )
        z = node @ self.weight.T + self.bias
        return z.reshape(*z.shape[:-1], self.out_features, self.pieces).max(axis=-1)


class ELU(Module):
    """x where x > 0, else α(eˣ − 1).

    Shapes: any → the same.

    Source: Clevert, Unterthiner & Hochreiter (2015).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.ELU()(cr.tensor([0.0, 2.0])).numpy()
        array([0., 2.], dtype=float32)
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = number_within("ELU", "alpha", alpha)

    def settings(self) -> dict[str, Any]:
        """α."""
        return {"alpha": self.alpha}

    def forward(self, x: Any) -> Any:
        """x where x > 0, else α(eˣ − 1)."""
        return composed.elu(floats("ELU", x), self.alpha)


class SELU(Module):
    """λ x where x > 0, else λ α(eˣ − 1): every layer keeps mean 0 and variance 1.

    α ≈ 1.6733 and λ ≈ 1.0507 make that mean and variance a fixed point, with weights
    from ``lecun_normal``. ``AlphaDropout`` is the dropout that keeps them.

    Shapes: any → the same.

    Source: Klambauer et al. (2017), Self-normalizing neural networks.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.SELU()(cr.tensor([0.0, 1.0])).numpy()
        array([0.      , 1.050701], dtype=float32)
    """

    alpha: ClassVar[float] = 1.6732632423543772
    scale: ClassVar[float] = 1.0507009873554805

    def forward(self, x: Any) -> Any:
        """λ x where x > 0, else λ α(eˣ − 1)."""
        return self.scale * composed.elu(floats("SELU", x), self.alpha)


class CELU(Module):
    """x where x > 0, else α(e^(x/α) − 1): an ELU of slope 1 at 0 for every α.

    Shapes: any → the same.

    Source: Barron (2017), Continuously differentiable exponential linear units.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.CELU(2.0)(cr.tensor([-2.0, 2.0])).numpy()
        array([-1.2642411,  2.       ], dtype=float32)
    """

    def __init__(self, alpha: float = 1.0) -> None:
        least, rule = math.nextafter(0.0, 1.0), "a number above 0"
        self.alpha = number_within("CELU", "alpha", alpha, least, rule=rule)

    def settings(self) -> dict[str, Any]:
        """α."""
        return {"alpha": self.alpha}

    def forward(self, x: Any) -> Any:
        """x where x > 0, else α(e^(x/α) − 1)."""
        node = floats("CELU", x)
        below = elementwise.where(node > 0, 0.0, node)
        return elementwise.where(
            node > 0, node, self.alpha * elementwise.expm1(below / self.alpha)
        )


class Softplus(Module):
    """ln(1 + e^(βx)) / β: a smooth ReLU, always positive; its derivative is σ(βx).

    Shapes: any → the same.

    Arguments:
        beta: β, above 0; the larger it is, the more like a ReLU.

    Source: Dugas et al. (2000).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Softplus()(cr.tensor([0.0])).numpy()
        array([0.6931472], dtype=float32)
    """

    def __init__(self, beta: float = 1.0) -> None:
        least, rule = math.nextafter(0.0, 1.0), "a number above 0"
        self.beta = number_within("Softplus", "beta", beta, least, rule=rule)

    def settings(self) -> dict[str, Any]:
        """β, where it is not 1."""
        return {} if self.beta == 1.0 else {"beta": self.beta}

    def forward(self, x: Any) -> Any:
        """ln(1 + e^(βx)) / β."""
        node = floats("Softplus", x)
        if self.beta == 1.0:
            return elementwise.softplus(node)
        return elementwise.softplus(self.beta * node) / self.beta


class LogSigmoid(Module):
    """ln σ(x) = −ln(1 + e⁻ˣ): the logarithm of a probability.

    Shapes: any → the same.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.LogSigmoid()(cr.tensor([0.0, -1000.0])).numpy()
        array([-6.931472e-01, -1.000000e+03], dtype=float32)
    """

    def forward(self, x: Any) -> Any:
        """ln σ(x)."""
        return composed.log_sigmoid(floats("LogSigmoid", x))


class Softsign(Module):
    """x / (1 + |x|), between −1 and 1: as tanh, but slower to reach its ends.

    Shapes: any → the same.

    Source: Bergstra, Desjardins, Lamblin & Bengio (2009).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Softsign()(cr.tensor([-1.0, 3.0])).numpy()
        array([-0.5 ,  0.75], dtype=float32)
    """

    def forward(self, x: Any) -> Any:
        """x / (1 + |x|)."""
        node = composed.clip(floats("Softsign", x), -FAR, FAR)  # ∞ / ∞ is 1, not NaN
        return node / (1.0 + elementwise.absolute(node))


class Hardtanh(Module):
    """x between ``low`` and ``high``, and these beyond; its derivative there is 0.

    ``Hardtanh(0.0, 6.0)`` is ReLU6.

    Shapes: any → the same.

    Source: Collobert (2004).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Hardtanh()(cr.tensor([-3.0, 0.5, 3.0])).numpy()
        array([-1. ,  0.5,  1. ], dtype=float32)
    """

    def __init__(self, low: float = -1.0, high: float = 1.0) -> None:
        self.low = number_within("Hardtanh", "low", low)
        self.high = number_within("Hardtanh", "high", high)
        if not low < high:
            raise ArgumentError(
                f"Hardtanh: low={low!r}, high={high!r}: low must be less than high"
            )

    def settings(self) -> dict[str, Any]:
        """Both ends."""
        return {"low": self.low, "high": self.high}

    def forward(self, x: Any) -> Any:
        """min(max(x, low), high)."""
        node = floats("Hardtanh", x)
        above = elementwise.where(node <= self.low, self.low, node)
        return elementwise.where(node >= self.high, self.high, above)


class GELU(Module):
    """x · Φ(x), Φ the cumulative normal distribution.

    With ``approximate="tanh"``, as GPT-2 was trained: ½x(1 + tanh(√(2/π)(x + 0.044715
    x³))), within 0.0005 of it.

    Shapes: any → the same.

    Arguments:
        approximate: "none", computed exactly with erf, or "tanh".

    Raises:
        OptionError: for another approximation.

    Source: Hendrycks & Gimpel (2016).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.GELU()(cr.tensor([0.0])).numpy()
        array([0.], dtype=float32)
    """

    def __init__(self, approximate: str = "none") -> None:
        if approximate not in ("none", "tanh"):
            kind = "approximation of GELU"
            raise unknown_option(kind, approximate, ("none", "tanh"))
        self.approximate = approximate

    def settings(self) -> dict[str, Any]:
        """The approximation, where there is one."""
        return {} if self.approximate == "none" else {"approximate": self.approximate}

    def forward(self, x: Any) -> Any:
        """x · Φ(x)."""
        node = floats("GELU", x)
        if self.approximate == "none":
            return elementwise.gelu(node)
        return composed.gated(node, _tanh_gate)


class SiLU(Module):
    """x · σ(x), also called swish.

    Shapes: any → the same.

    Source: Elfwing, Uchibe & Doya (2017).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.SiLU()(cr.tensor([0.0])).numpy()
        array([0.], dtype=float32)
    """

    def forward(self, x: Any) -> Any:
        """x · σ(x)."""
        return composed.silu(floats("SiLU", x))


class Mish(Module):
    """x · tanh(ln(1 + eˣ)): as SiLU, smooth, with a small dip below 0.

    Shapes: any → the same.

    Source: Misra (2019).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Mish()(cr.tensor([0.0])).numpy()
        array([0.], dtype=float32)
    """

    def forward(self, x: Any) -> Any:
        """x · tanh(ln(1 + eˣ))."""
        node = floats("Mish", x)
        return composed.gated(node, lambda z: elementwise.tanh(elementwise.softplus(z)))


class Softmax(Module):
    """yᵢ = e^xᵢ / Σⱼ e^xⱼ along ``axis``: probabilities.

    The losses for classes take the values before it, the logits: leave it out of a
    network that is trained with ``cross_entropy``.

    Shapes: any → the same.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Softmax()(cr.tensor([[0.0, 0.0]])).numpy()
        array([[0.5, 0.5]], dtype=float32)
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = _axis("Softmax", axis)

    def settings(self) -> dict[str, Any]:
        """The axis."""
        return {"axis": self.axis}

    def forward(self, x: Any) -> Any:
        """softmax(x)."""
        return composed.softmax(_with_axis("Softmax", x, self.axis), self.axis)


class LogSoftmax(Module):
    """xᵢ − ln Σⱼ e^xⱼ along ``axis``: logarithms of probabilities.

    Shapes: any → the same.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.LogSoftmax()(cr.tensor([[0.0, 0.0]])).numpy()
        array([[-0.6931472, -0.6931472]], dtype=float32)
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = _axis("LogSoftmax", axis)

    def settings(self) -> dict[str, Any]:
        """The axis."""
        return {"axis": self.axis}

    def forward(self, x: Any) -> Any:
        """ln softmax(x)."""
        return composed.log_softmax(_with_axis("LogSoftmax", x, self.axis), self.axis)


def _tanh_gate(x: Any) -> Any:
    """½(1 + tanh(√(2/π)(x + 0.044715 x³))), near Φ(x)."""
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
    return 0.5 * (1.0 + elementwise.tanh(inner))


def _axis(layer: str, axis: Any) -> int:
    try:
        return operator.index(axis)
    except TypeError:
        raise ArgumentError(
            f"{layer}: axis={axis!r}: expected a whole number, such as -1 for the last"
        ) from None


def _with_axis(layer: str, x: Any, axis: int) -> Any:
    node = floats(layer, x)
    shapes.normal_axis(layer, axis, len(node.shape))
    return node
