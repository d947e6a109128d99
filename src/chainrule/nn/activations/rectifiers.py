"""Rectifiers: x on the positive side, something smaller on the negative one."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from numpy.typing import DTypeLike

from ...arrays import activations
from ...initializers import constant
from ...ops import elementwise
from ..arguments import (
    features,
    floats,
    new_parameter,
    number_within,
    positive_size,
)
from ..module import Module


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
        return activations.leaky_relu(floats("LeakyReLU", x), self.slope)


class PReLU(Module):
    """x where x > 0, else α x, with a learned α for all features or one for each.

    This is max(αx, x) only for α ≤ 1: for larger α that would swap the two sides.

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
        """The number of parameters."""
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
        return activations.elu(floats("ELU", x), self.alpha)


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
        return self.scale * activations.elu(floats("SELU", x), self.alpha)


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
        beta: β, above 0; the larger it is, the closer to a ReLU.

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
        """β, if it is not 1."""
        return {} if self.beta == 1.0 else {"beta": self.beta}

    def forward(self, x: Any) -> Any:
        """ln(1 + e^(βx)) / β."""
        node = floats("Softplus", x)
        if self.beta == 1.0:
            return elementwise.softplus(node)
        return elementwise.softplus(self.beta * node) / self.beta
