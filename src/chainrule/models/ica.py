"""Independent components that are also a code: reconstruction ICA.

Read from top to bottom. The shape of a value stands at the right of the line that makes
it: N examples, D features, K components.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from numpy.typing import DTypeLike

from .. import nn
from ..nn.arguments import features, new_parameter, number_within, positive_size
from ..ops.elementwise import absolute, softplus


class ReconstructionICA(nn.Module):
    """Independent component analysis with a reconstruction in place of orthogonality.

    Formula: L = mean over the examples of λ ‖x − Wᵀ W x‖² + Σₖ ln cosh(wₖ x). The
    second term asks for components that are seldom large; the first keeps W from
    shrinking and its rows from being alike. For whitened x it is the soft form of W Wᵀ
    = 1, which ICA demands; unlike that it allows more components than features.

    It returns its loss (``outputs_loss``), so ``cr.fit`` takes no ``loss=``. Made for
    whitened data (``data.Whitening``) and for ``optim.LBFGS``, which sees all examples
    at once.

    Shapes: x (N, D) → one number; components (N, K); ``weight`` (K, D).

    Initial values: ``weight`` from ``orthogonal``.

    Arguments:
        in_features: D.
        num_components: K; D of them if not given.
        penalty: λ, the weight of the reconstruction.
        dtype: of the weight; ``config.dtype`` by default.

    Raises:
        ArgumentError: sizes below 1, a penalty below 0.
        ShapeError: in a call, examples that do not have D features.

    Source: Le, Karpenko, Ngiam & Ng, ICA with reconstruction cost for efficient
    overcomplete feature learning (2011).

    Example:
        >>> import numpy as np
        >>> import chainrule as cr
        >>> rng = np.random.default_rng(0)
        >>> sources = rng.laplace(size=(2000, 2))
        >>> white = cr.data.Whitening.fit(sources @ [[2.0, 1.0], [1.0, 1.0]])
        >>> x = white.transform(sources @ [[2.0, 1.0], [1.0, 1.0]])
        >>> model = cr.models.ReconstructionICA(2)
        >>> history = cr.fit(model, x, optimizer=cr.optim.LBFGS(), epochs=50)
        >>> found = model.encode(x).numpy()
        >>> np.abs(np.corrcoef(found.T, sources.T)[:2, 2:]).max(axis=1) > 0.98
        array([ True,  True])
    """

    outputs_loss: ClassVar[bool] = True

    def __init__(
        self,
        in_features: int,
        num_components: int | None = None,
        penalty: float = 1.0,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        layer = "ReconstructionICA"
        self.in_features = positive_size(layer, "in_features", in_features)
        count = self.in_features if num_components is None else num_components
        self.num_components = positive_size(layer, "num_components", count)
        self.penalty = number_within(
            layer, "penalty", penalty, 0.0, rule="a number of at least 0"
        )
        shape = (self.num_components, self.in_features)
        self.weight = new_parameter("weight", shape, "orthogonal", dtype)

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "in_features": self.in_features,
            "num_components": self.num_components,
            "penalty": self.penalty,
        }

    def describe_settings(self) -> str:
        """``256 → 256, penalty=1``"""
        sizes = f"{self.in_features} → {self.num_components}"
        return f"{sizes}, penalty={self.penalty:g}"

    def encode(self, x: Any) -> Any:
        """The components W x of examples, (N, D) → (N, K)."""
        node = features(
            "ReconstructionICA",
            x,
            self.in_features,
            "the last axis of x must have in_features elements",
            f"ReconstructionICA({{}}, {self.num_components})",
        )
        return node @ self.weight.T

    def decode(self, components: Any) -> Any:
        """The reconstruction Wᵀ s of components s, (N, K) → (N, D)."""
        return components @ self.weight

    def forward(self, x: Any) -> Any:
        """The mean cost of reconstruction and of components that are not sparse."""
        s = self.encode(x)  # (N, K)
        rest = self.decode(s) - x  # (N, D)
        # ln cosh s without overflow of cosh
        sparse = absolute(s) + softplus(-2.0 * absolute(s)) - math.log(2.0)
        cost = self.penalty * (rest * rest).sum(axis=1) + sparse.sum(axis=1)
        return cost.mean()
