"""Sampled softmax: one class among K, compared with a few that are drawn.

Place on the road: the last layer of a network, above ``ClassSampler``.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from ...initializers import Initializer
from ...ops.composed import logsumexp
from ...ops.elementwise import where
from ...ops.indexing import take
from ...ops.movement import concatenate
from ..arguments import features, new_parameter, positive_size
from ..module import Module
from .hierarchical import inputs_and_labels
from .sampler import ClassSampler

#: A logit of what does not count; within it no gradient is ∞ − ∞.
_ABSENT = -1e30


class SampledSoftmax(Module):
    """A softmax over K classes that is trained on the true class and S drawn ones, and
    evaluated on all; a layer that returns its loss (``outputs_loss``).

    Formula, for logits zₖ = wₖᵀ x + bₖ, and classes s₁ … s_S drawn from q once for a
    whole batch::

        Z  = Σₖ exp zₖ
        Ẑ  = exp z_y + Σ_{i: sᵢ ≠ y} exp(z_{sᵢ} − ln(S q_{sᵢ}))        E Ẑ = Z
        loss = mean over the batch of ln Ẑ − z_y

    The division by S q, what is expected of a class among the draws, is the log-q
    correction: with it Ẑ is unbiased, and the loss and its gradient become those of the
    full softmax as S grows. By Jensen's inequality E ln Ẑ ≤ ln Z: the training loss is
    too small on average, and models are compared by that of evaluation.

    A step costs and changes S + N rows of the weight (with SGD, Adagrad or SparseAdam).

    Shapes: x (N, D) and class numbers (N,) → one number; ``weight`` (K, D); ``bias``
    (K,).

    Initial values: as a ``Linear``'s.

    Arguments:
        in_features: D.
        counts: how often each class occurs, (K,), above 0.
        num_sampled: S.
        power: q ∝ countᵖ; 1 are the frequencies themselves.
        weight_init: an initializer, or its name.

    Raises:
        DataError: for fewer than two classes, or counts that are not above 0.
        ShapeError: in a call, for other features, or other than one class a row.
        BoundsError: in a call, for a class number outside of 0 … K − 1.

    Source: Bengio & Senécal, Adaptive importance sampling to accelerate training of a
    neural probabilistic language model (2008); Jean et al., On using very large target
    vocabulary for neural machine translation (2015).

    Example:
        >>> import chainrule as cr
        >>> import numpy as np
        >>> from chainrule import nn
        >>> head = nn.SampledSoftmax(8, counts=np.ones(1000), num_sampled=20)
        >>> x, labels = np.eye(8, dtype="float32"), np.arange(8)
        >>> history = cr.fit(head, (x, labels), epochs=200, progress=False)
        >>> head.logits(x).argmax(axis=1).numpy()
        array([0, 1, 2, 3, 4, 5, 6, 7])
    """

    outputs_loss: ClassVar[bool] = True
    depends_on_training: ClassVar[bool] = True

    def __init__(
        self,
        in_features: int,
        counts: Any,
        num_sampled: int = 1024,
        power: float = 1.0,
        *,
        weight_init: Initializer | str = "glorot_uniform",
        dtype: DTypeLike | None = None,
    ) -> None:
        layer = "SampledSoftmax"
        self.in_features = positive_size(layer, "in_features", in_features)
        self.num_sampled = positive_size(layer, "num_sampled", num_sampled)
        self.sampler = ClassSampler(counts, power)
        shape = (len(self.sampler.counts), self.in_features)
        self.weight = new_parameter("weight", shape, weight_init, dtype)
        self.bias = new_parameter("bias", shape[:1], "zeros", dtype)

    @property
    def counts(self) -> tuple[float, ...]:
        """How often each class occurs."""
        return self.sampler.counts

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "in_features": self.in_features,
            "counts": list(self.counts),
            "num_sampled": self.num_sampled,
            "power": self.sampler.power,
        }

    def describe_settings(self) -> str:
        """``512 → 22000, num_sampled=1024``"""
        sizes = f"{self.in_features} → {len(self.counts)}"
        return f"{sizes}, num_sampled={self.num_sampled}"

    def forward(self, x: Any, labels: Any, training: bool = False) -> Any:
        """The mean of ln Ẑ − z of the label; in evaluation that of ln Z − z."""
        node, of = inputs_and_labels("SampledSoftmax", self, x, labels)
        if not training:
            z = self.logits(node)  # (N, K)
            right = where(of[:, None] == np.arange(z.shape[1]), z, 0.0).sum(axis=1)
            return (logsumexp(z, -1) - right).mean()
        drawn = self.sampler(self.num_sampled)
        expected = take(self.sampler.log_probabilities.read(), drawn)
        return self.compared(node, of, drawn, expected + math.log(self.num_sampled))

    def compared(self, x: Any, labels: Any, drawn: Any, log_expected: Any) -> Any:
        """The mean of ln Ẑ − z of the label, for classes that were drawn.

        Arguments:
            x: (N, D).
            labels: (N,).
            drawn: class numbers, (S,).
            log_expected: ln of how often each of them was to be expected, (S,): 0 where
                each is there once, and if all classes are, the value is that of the
                full softmax.
        """
        count = labels.shape[0]
        both = concatenate([labels.astype(drawn.dtype), drawn])  # (N + S,)
        rows, biases = take(self.weight, both), take(self.bias, both)
        right = (x * rows[:count]).sum(axis=1) + biases[:count]  # (N,)
        others = x @ rows[count:].T + (biases[count:] - log_expected)  # (N, S)
        others = where(drawn == labels[:, None], _ABSENT, others)
        total = logsumexp(concatenate([right[:, None], others], 1), -1)
        return (total - right).mean()

    def logits(self, x: Any) -> Any:
        """x Wᵀ + b of all classes, (N, D) → (N, K)."""
        rule = "the last axis of x must have in_features elements"
        instead = "SampledSoftmax({}, counts)"
        node = features("SampledSoftmax", x, self.in_features, rule, instead)
        return node @ self.weight.T + self.bias
