"""The fully connected layer, and the identity."""

from __future__ import annotations

from typing import Any

from numpy.typing import DTypeLike

from ..initializers import Initializer
from ..ops.arrays import lift
from .arguments import features, new_parameter, positive_size
from .module import Module


class Linear(Module):
    """Every output is a weighted sum of all inputs.

    Formula: z = W a + b for every row a; for a batch, Z = A Wᵀ + b.

    Shapes: (…, in_features) → (…, out_features); ``weight`` (out_features,
    in_features), as in the lectures' z = W a + b; ``bias`` (out_features,).

    Initial values: ``weight`` from ``glorot_uniform``, of variance 2 / (fan_in +
    fan_out); ``bias`` 0. A layer does not know which activation follows it: these
    values keep the scale of signals and gradients for every activation of slope 1
    around 0. For ReLU they are off by at most a factor of √2 a layer, which
    ``weight_init="he_uniform"`` corrects.

    Arguments:
        in_features, out_features: sizes of the last axis before and after.
        bias: whether there is a b.
        weight_init, bias_init: an initializer, or its name.
        dtype: of the parameters; ``config.dtype`` by default.

    Raises:
        ArgumentError: for sizes that are not whole numbers of at least 1.
        ShapeError: in a call, for inputs with another number of features.
        DTypeError: in a call, for integers.

    Source: Glorot & Bengio (2010) for the initial values.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> layer = nn.Linear(3, 2)
        >>> layer(cr.zeros((5, 3))).shape, layer.weight.shape
        ((5, 2), (2, 3))
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        weight_init: Initializer | str = "glorot_uniform",
        bias_init: Initializer | str = "zeros",
        dtype: DTypeLike | None = None,
    ) -> None:
        self.in_features = positive_size("Linear", "in_features", in_features)
        self.out_features = positive_size("Linear", "out_features", out_features)
        shape = (self.out_features, self.in_features)
        self.weight = new_parameter("weight", shape, weight_init, dtype)
        self.bias = new_parameter("bias", shape[:1], bias_init, dtype) if bias else None

    def settings(self) -> dict[str, Any]:
        """The sizes, and whether there is a bias."""
        return {
            "in_features": self.in_features,
            "out_features": self.out_features,
            "bias": self.bias is not None,
        }

    def describe_settings(self) -> str:
        """``512 → 10``"""
        sizes = f"{self.in_features} → {self.out_features}"
        return sizes if self.bias is not None else f"{sizes}, bias=False"

    def forward(self, x: Any) -> Any:
        """x Wᵀ + b."""
        node = features(
            "Linear",
            x,
            self.in_features,
            "the last axis of x must have in_features elements",
            f"Linear({{}}, {self.out_features})",
        )
        z = node @ self.weight.T
        return z if self.bias is None else z + self.bias


class Identity(Module):
    """y = x: a placeholder for a layer that a variant of a network leaves out.

    Shapes: any → the same.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Identity()(cr.ones(2)).numpy()
        array([1., 1.], dtype=float32)
    """

    def forward(self, x: Any) -> Any:
        """x."""
        return lift([x])[0]
