"""Losses of classes: yes or no, one among several, and margins between them."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np

from .. import dtypes
from ..errors import ArgumentError, DataError, DTypeError, ShapeError
from ..graph import Node
from ..ops import composed
from ..ops.arrays import constant, lift
from ..ops.elementwise import exp, log, relu, softplus, where
from ..ops.indexing import normal_index
from .inputs import average, float_predictions, pair, place, right_values

#: A logit of what cannot be; within it no gradient is ∞ − ∞ or ∞ · 0.
_IMPOSSIBLE = -1e30


def binary_cross_entropy(
    logits: Any,
    targets: Any,
    *,
    pos_weight: float | None = None,
    per: str = "element",
    sample_weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """The cross-entropy of yes-or-no questions, from logits.

    Formula: ℓ = −[p y ln σ(z) + (1 − y) ln(1 − σ(z))], computed as
    p y softplus(−z) + (1 − y) softplus(z), which neither overflows nor rounds to 0.

    Shapes: logits and targets alike, (N,) or (N, K) → ().

    Arguments:
        logits: z, before the sigmoid.
        targets: 0 and 1, False and True, or probabilities between them.
        pos_weight: p, the weight of targets 1 relative to targets 0.

    Raises:
        ShapeError: when the shapes differ or the batch is empty.
        BoundsError: for integer targets other than 0 and 1.
        DataError: for known targets outside of 0 … 1.

    Example:
        >>> binary_cross_entropy([0.0, 0.0], [0, 1]).item()
        0.6931471824645996
    """
    name = "binary_cross_entropy"
    if pos_weight is not None and not pos_weight > 0:
        raise ArgumentError(f"{name}: pos_weight={pos_weight!r}: expected above 0")
    z, y = logits_and_answers(name, logits, targets)
    yes = y * softplus(-z)
    if pos_weight is not None:
        yes = yes * float(pos_weight)
    no = (1.0 - y) * softplus(z)
    return average(name, yes + no, per, sample_weight, reduction)


def cross_entropy(
    logits: Any,
    targets: Any,
    *,
    weight: Any = None,
    label_smoothing: float = 0.0,
    ignore_index: int | None = None,
    sample_weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """The cross-entropy of one class among several, from logits.

    Formula: ℓᵢ = −ln pᵢ[yᵢ] with p = softmax(z); for a distribution q as target
    −Σₖ qₖ ln pₖ. With class weights w the average is Σ wᵧᵢ ℓᵢ / Σ wᵧᵢ. With label
    smoothing ε, q becomes (1 − ε) q + ε / K.

    Shapes: logits (…, K); targets (…) of class numbers 0 … K − 1, or (…, K) of
    distributions → ().

    Arguments:
        weight: one weight for each class, (K,).
        label_smoothing: ε, from 0 to 1.
        ignore_index: a class number, such as −1, that marks targets which do not count,
            neither in the sum nor in the average: the steps behind a sequence's end.
            (``sample_weight`` of the targets' shape, with zeros there, does the same.)

    Raises:
        ShapeError: when the shapes do not fit, or the batch is empty.
        BoundsError: for a class number outside of 0 … K − 1.
        ArgumentError: for ``ignore_index`` with distributions.
        DTypeError: for class numbers that are not integers.

    Source: label smoothing: Szegedy et al. (2016).

    Example:
        >>> cross_entropy([[0.0, 0.0], [2.0, 2.0]], [0, 1]).item()
        0.6931471824645996
    """
    name = "cross_entropy"
    targets, counts = _without_ignored(name, logits, targets, ignore_index)
    z, q, known = class_targets(name, logits, targets)
    if counts is not None:  # even a NaN in an ignored row must have no effect
        z = where(composed.expand_dims(counts, -1), z, 0.0)
    smoothing = _share(name, "label_smoothing", label_smoothing)
    classes = z.shape[-1]
    w = None if weight is None else _class_weights(name, weight, z)
    logp = composed.log_softmax(z)
    if known and not smoothing:
        terms = where(q, -logp, 0.0)  # 0 · ∞ would be NaN
    else:
        smooth = q.astype(z.dtype)
        if smoothing:
            smooth = smooth * (1.0 - smoothing) + smoothing / classes
        terms = where(smooth == 0.0, 0.0, -smooth * logp)
    losses = (terms if w is None else terms * w).sum(axis=-1)
    mass = None if w is None else (q.astype(z.dtype) * w).sum(axis=-1)
    if counts is not None:
        losses = where(counts, losses, 0.0)
        mass = counts.astype(z.dtype) if mass is None else where(counts, mass, 0.0)
    return average(name, losses, "element", sample_weight, reduction, mass)


def kl_divergence(
    logits: Any,
    targets: Any,
    *,
    target_logits: bool = False,
    sample_weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """The Kullback-Leibler divergence of the predicted distribution from the target:
    D(q ‖ p), what is lost where p is used and q is true.

    Formula: ℓᵢ = Σₖ qᵢₖ (ln qᵢₖ − ln pᵢₖ) with p = softmax(z); 0 where both are the
    same. It is ``cross_entropy`` minus the entropy of q, with the same gradient by z.
    (D(p ‖ q), the other direction, is Σ p (ln p − ln q), and another number.)

    Shapes: logits and targets alike, (…, K) → ().

    Arguments:
        logits: z.
        targets: q, distributions along the last axis.
        target_logits: whether ``targets`` are logits too, and q their softmax, as
            where one network learns from another.

    Raises:
        ShapeError: when the shapes differ or the batch is empty.
        DataError: for known targets that are no distributions.

    Source: Kullback & Leibler (1951); Hinton, Vinyals & Dean (2015) for distillation.

    Example:
        >>> kl_divergence([[0.0, 0.0]], [[1.0, 0.0]]).item()
        0.6931471824645996
        >>> kl_divergence([[1.0, 2.0]], [[3.0, 4.0]], target_logits=True).item()
        0.0
    """
    name = "kl_divergence"
    z, y = pair(name, logits, targets, "logits")
    if z.shape[-1] == 1 or len(z.shape) < 2:
        raise ShapeError(
            f"{name}: logits {z.shape}: expected distributions along the last axis, "
            "(samples, classes)"
        )
    logp = composed.log_softmax(z)
    if target_logits:
        logq = composed.log_softmax(y)
        q = exp(logq)
    else:
        y = right_values(name, y, lambda v: v >= 0, "probabilities, 0 or more",
                         "for logits, target_logits=True")  # fmt: skip
        if y.value is not None:
            _check_distributions(name, y)
        q, logq = y, log(where(y == 0.0, 1.0, y))
    losses = where(q == 0.0, 0.0, q * (logq - logp)).sum(axis=-1)
    return average(name, losses, "element", sample_weight, reduction)


def focal(
    logits: Any,
    targets: Any,
    *,
    gamma: float = 2.0,
    alpha: Any = None,
    sample_weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """The cross-entropy in which what is already right counts little, from logits: for
    classes of which one is rare.

    Formula: ℓ = −α (1 − p)ᵞ ln p, with p the predicted probability of the true answer:
    σ(z) or 1 − σ(z) of yes or no, softmax(z)[y] of class numbers. γ = 0 is the
    cross-entropy.

    Shapes: logits (N, …) with targets alike of 0 and 1, or logits (…, K) with integers
    (…) of class numbers → ().

    Arguments:
        gamma: γ, 0 or more.
        alpha: for yes or no, the weight of 1, from 0 to 1; that of 0 is 1 − alpha. For
            classes one weight for each, (K,). Without it all weights are 1.

    Raises:
        ShapeError: when the shapes do not fit, or the batch is empty.
        BoundsError: for a class number outside of 0 … K − 1.
        DataError: for known targets outside of 0 … 1.

    Source: Lin et al. (2017), with γ = 2 and α = 0.25.

    Example:
        >>> round(focal([0.0, 0.0], [0, 1]).item(), 4)  # ¼ ln 2
        0.1733
        >>> round(focal([[0.0, 0.0]], [0]).item(), 4)
        0.1733
    """
    name = "focal"
    if not isinstance(gamma, numbers.Real) or not 0 <= gamma < math.inf:
        raise ArgumentError(f"{name}: gamma={gamma!r}: expected a number, 0 or more")
    (s,), (y,) = lift([logits]), lift([targets])
    if dtypes.is_integer(y.dtype) and len(s.shape) == len(y.shape) + 1:
        if s.shape[-1] > 1:
            losses = _multiclass_focal(name, s, y, float(gamma), alpha)
            return average(name, losses, "element", sample_weight, reduction)
    z, y = logits_and_answers(name, s, y)
    # ln p = −softplus(−z), and (1 − p)ᵞ = e^(−γ softplus(z)).
    z = composed.clip(z, _IMPOSSIBLE, -_IMPOSSIBLE)
    yes = y * softplus(-z) * exp(-float(gamma) * softplus(z))
    no = (1.0 - y) * softplus(z) * exp(-float(gamma) * softplus(-z))
    if alpha is not None:
        share = _share(name, "alpha", alpha)
        yes, no = share * yes, (1.0 - share) * no
    return average(name, yes + no, "element", sample_weight, reduction)


def _multiclass_focal(
    name: str, logits: Node, labels: Node, gamma: float, alpha: Any
) -> Any:
    z, right, _ = class_targets(name, logits, labels)
    z = composed.clip(z, _IMPOSSIBLE, -_IMPOSSIBLE)
    logp = where(right, composed.log_softmax(z), 0.0).sum(axis=-1)
    others = where(right, _IMPOSSIBLE, z)
    log_rest = composed.logsumexp(others, -1) - composed.logsumexp(z, -1)
    losses = -exp(gamma * log_rest) * logp
    if alpha is None:
        return losses
    weights = _class_weights(name, alpha, z)
    return losses * where(right, weights, 0.0).sum(axis=-1)


def hinge(
    scores: Any,
    targets: Any,
    *,
    margin: float = 1.0,
    sample_weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """How far the true class is from winning by a margin.

    Formula, for targets y of −1 and 1: ℓ = max(0, m − y s); for class numbers y:
    ℓᵢ = max(0, m + max_{k ≠ yᵢ} sᵢₖ − sᵢ[yᵢ]).

    Shapes: scores (N, …) with targets alike of −1 and 1, or scores (…, K) with
    integers (…) of class numbers → ().

    Arguments:
        margin: m.

    Raises:
        ShapeError: when the shapes do not fit, or the batch is empty.
        BoundsError: for a class number outside of 0 … K − 1.
        DataError: for known targets other than −1 and 1.

    Source: Cortes & Vapnik (1995); for several classes Crammer & Singer (2001).

    Example:
        >>> hinge([2.0, 0.5], [1, -1], reduction="none").numpy()
        array([0. , 1.5], dtype=float32)
        >>> hinge([[2.0, 1.5, 0.0]], [0]).item()
        0.5
    """
    (s,), (y,) = lift([scores]), lift([targets])
    if dtypes.is_integer(y.dtype) and len(s.shape) == len(y.shape) + 1:
        if s.shape[-1] > 1:
            return _multiclass_hinge(s, y, margin, sample_weight, reduction)
    s, y = pair("hinge", s, y, "scores")
    y = signs("hinge", y)
    losses = relu(float(margin) - y * s)
    return average("hinge", losses, "element", sample_weight, reduction)


def _multiclass_hinge(
    scores: Node, labels: Node, margin: float, sample_weight: Any, reduction: str
) -> Any:
    s, right, _ = class_targets("hinge", scores, labels)
    of_right = where(right, s, 0.0).sum(axis=-1)
    of_others = where(right, -math.inf, s).max(axis=-1)
    losses = relu(float(margin) + of_others - of_right)
    return average("hinge", losses, "element", sample_weight, reduction)


def logits_and_answers(name: str, logits: Any, targets: Any) -> tuple[Any, Any]:
    """Logits, and targets from 0 to 1 of the same shape."""
    (y,) = lift([targets])
    if not dtypes.is_float(y.dtype):
        number: Any = y
        y = normal_index(number.astype(dtypes.int64), size=2, what=f"{name}: label")
    z, y = pair(name, logits, y, "logits")
    wrong = "for −1 and 1 use hinge; divide images by 255.0"
    y = right_values(name, y, lambda v: (v >= 0) & (v <= 1), "from 0 to 1", wrong)
    return z, y


def signs(name: str, targets: Any) -> Any:
    """Floats that are −1 or 1.

    Example:
        >>> import chainrule as cr
        >>> signs("hinge", cr.tensor([1.0, -1.0])).numpy().tolist()
        [1.0, -1.0]
    """
    return right_values(
        name, targets, lambda v: (v == 1) | (v == -1), "−1 or 1", "2 * targets - 1"
    )


def class_targets(name: str, logits: Any, targets: Any) -> tuple[Any, Any, bool]:
    """Logits (…, K), targets (…, K), and whether these are bools that mark a class."""
    z = float_predictions(name, logits, "logits")
    (y,) = lift([targets])
    _check_classes(name, z, y)
    node: Any = y
    if z.shape != y.shape:
        index = normal_index(
            node.astype(dtypes.int64), size=z.shape[-1], what=f"{name}: label"
        )
        return z, composed.expand_dims(index, -1) == constant(range(z.shape[-1])), True
    q = node.astype(z.dtype)
    q = right_values(name, q, lambda v: v >= 0, "probabilities, 0 or more", None)
    if y.value is not None:
        _check_distributions(name, y)
    return z, q, False


def _without_ignored(
    name: str, logits: Any, targets: Any, ignored: int | None
) -> tuple[Any, Any]:
    """Targets with class 0 in the place of ignored ones, and which ones count."""
    if ignored is None:
        return targets, None
    if not isinstance(ignored, numbers.Integral) or isinstance(ignored, bool):
        raise ArgumentError(
            f"{name}: ignore_index={ignored!r}: expected a class number"
        )
    (y,) = lift([targets])
    if not dtypes.is_integer(y.dtype) or y.shape == lift([logits])[0].shape:
        raise ArgumentError(
            f"{name}: ignore_index={ignored} with targets {y.shape} of {y.dtype}: it "
            "is a class number among class numbers",
            fix="sample_weight says which distributions count",
        )
    labels: Any = y
    counts = labels != int(ignored)
    return where(counts, labels, 0), counts


def _check_classes(name: str, z: Node, y: Node) -> None:
    what = f"{name}: logits {z.shape} with targets {y.shape}"
    if not z.shape or z.shape[-1] == 1:
        raise ShapeError(
            f"{what}: one column cannot choose between classes",
            fix="binary_cross_entropy for yes or no; else give the network one output "
            "for each class",
        )
    if y.shape == z.shape:
        return
    if y.shape != z.shape[:-1]:
        raise ShapeError(
            f"{what}: expected class numbers {z.shape[:-1]} or distributions {z.shape}",
            fix=_how_to_fit_classes(z, y),
        )
    if dtypes.is_float(y.dtype):
        raise DTypeError(
            f"{what} of {y.dtype}: class numbers are integers",
            fix="targets.astype('int64')",
        )


def _how_to_fit_classes(z: Node, y: Node) -> str:
    if y.shape == (*z.shape[:-1], 1):
        return "targets.squeeze(-1)"
    if y.shape[:1] != z.shape[:1]:
        return "as many targets as predictions: one row a sample"
    if len(y.shape) == len(z.shape):
        return f"give the network {y.shape[-1]} outputs, one for each class"
    return "the classes are the last axis of the logits"


def _check_distributions(name: str, y: Node) -> None:
    totals = np.asarray(np.sum(y.value, axis=-1, dtype=np.float64))
    wrong = np.argwhere(np.abs(totals - 1.0) > 1e-3)
    if wrong.size:
        first = tuple(int(i) for i in wrong[0])
        raise DataError(
            f"{name}: targets {y.shape}: the distribution {place(first)} has the sum "
            f"{totals[first]:.6g}: expected 1",
            fix="divide each row by its sum",
        )


def _class_weights(name: str, weight: Any, z: Any) -> Any:
    (w,) = lift([weight])
    if w.shape != (z.shape[-1],):
        raise ShapeError(
            f"{name}: weight {w.shape} for {z.shape[-1]} classes: one weight a class "
            "is needed"
        )
    weights: Any = w
    weights = weights.astype(z.dtype)
    return right_values(name, weights, lambda v: v >= 0, "0 or more", None, "weight")


def _share(name: str, argument: str, value: Any) -> float:
    share = float(value) if isinstance(value, numbers.Real) else math.nan
    if not 0 <= share <= 1:
        raise ArgumentError(f"{name}: {argument}={value!r}: expected from 0 to 1")
    return share
