"""Conditional random fields: the likelihood of a whole row of tags.

Place on the road: beside the other losses, on the paths of ``nn.chains``, as the
layer ``nn.CRF`` is.
"""

from __future__ import annotations

from typing import Any

from ..nn.chains.paths import IMPOSSIBLE, log_partition_of, path_scores, steps_of
from ..ops.elementwise import where
from .inputs import average, float_predictions


def crf(
    scores: Any,
    tags: Any,
    chain: Any,
    *,
    lengths: Any = None,
    sample_weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """The negative log-probability of the right tags among all rows of tags.

    Formula: ℓ = ln Z − s(y), with the score of a row of tags
        s(y) = start[y₁] + Σₜ scores[t, yₜ] + Σₜ A[yₜ₋₁, yₜ] + end[y_T]
    and Z = Σ_y exp s(y), by the forward algorithm. ∂ℓ/∂scores is p(yₜ = j) − [yₜ = j].

    Shapes: scores (N, T, K), tags (N, T) → ().

    Arguments:
        scores: of each tag at each step, from a network; no softmax.
        tags: the right ones, from 0 to K − 1; anything behind the end.
        chain: ``nn.CRF(K).chain()``: transitions A (K, K), start (K,) and end (K,).
        lengths: how many of the T steps are real, (N,); all when not given. A sequence
            without steps has the loss 0.
        sample_weight, reduction: as for all losses. The loss of a sequence is a sum
            over its steps.

    Raises:
        BoundsError: for a tag or a length out of range.
        ShapeError, DTypeError: for inputs of the wrong shape or kind.

    A row with a transition that is forbidden has the loss ∞.

    Source: Lafferty, McCallum & Pereira (2001); Collobert et al. (2011), equation 13.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import losses, nn
        >>> scores = cr.zeros((1, 2, 3))  # 9 rows, all alike
        >>> loss = losses.crf(scores, [[0, 2]], nn.CRF(3).chain())
        >>> round(loss.item(), 4), round(cr.log(9.0).item(), 4)
        (2.1972, 2.1972)
    """
    z = float_predictions("crf", scores, "scores")
    steps = steps_of("crf", z, chain, lengths)
    right = path_scores("crf", steps, tags)
    losses = log_partition_of(steps) - right
    losses = where(right < IMPOSSIBLE / 2, float("inf"), losses).astype(z.dtype)
    return average("crf", losses, "element", sample_weight, reduction)
