"""Losses of embeddings: what is alike lies close together, what is not lies apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..graph import Node
from ..ops import composed
from ..ops.arrays import lift
from ..ops.elementwise import absolute, minimum, relu, stop_gradient, where
from .classes import signs
from .inputs import average, float_predictions


def cosine_embedding(
    predictions: Any,
    targets: Any,
    *,
    margin: float = 0.0,
    sample_weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """How far pairs of embeddings are from pointing the same way, or from being apart.

    Formula: with c = a · b / (‖a‖ ‖b‖), ℓ = 1 − c for a target of 1, and max(0, c − m)
    for −1. A zero vector has c = 0 and no gradient.

    Shapes: a and b (N, …, D), targets (N, …) → ().

    Arguments:
        predictions: a pair (a, b) of embeddings.
        targets: 1 where both belong together, −1 where they do not.
        margin: m, from −1 to 1.

    Raises:
        ShapeError: when the shapes do not fit, or the batch is empty.
        DataError: for known targets other than −1 and 1.

    Source: Barz & Denzler (2020); PyTorch's CosineEmbeddingLoss.

    Example:
        >>> a, b = [[1.0, 0.0], [1.0, 0.0]], [[0.0, 2.0], [3.0, 0.0]]
        >>> cosine_embedding((a, b), [1, -1], reduction="none").numpy()
        array([1., 1.], dtype=float32)
    """
    name = "cosine_embedding"
    if not -1 <= margin <= 1:
        raise ArgumentError(f"{name}: margin={margin!r}: expected from −1 to 1")
    a, b = _several(name, predictions, ("a", "b"))
    (y,) = lift([targets])
    if y.shape != a.shape[:-1]:
        raise ShapeError(
            f"{name}: embeddings {a.shape} with targets {y.shape}: expected one "
            f"target a pair, {a.shape[:-1]}",
            fix="1 for pairs that belong together, −1 for the others",
        )
    alike: Any = y
    alike = signs(name, alike.astype(a.dtype))
    cosine = (_unit(a) * _unit(b)).sum(-1)
    apart = relu(alike * (float(margin) - cosine))
    losses = where(alike > 0, 1.0 - cosine, apart)
    return average(name, losses, "element", sample_weight, reduction)


def triplet_margin(
    anchors: Any,
    positives: Any,
    negatives: Any,
    *,
    margin: float = 1.0,
    swap: bool = False,
    sample_weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """How far anchors are from being closer to what belongs to them than to what does
    not, by a margin.

    Formula: ℓ = max(0, m + ‖a − p‖ − ‖a − n‖).

    Shapes: anchors, positives and negatives alike, (N, …, D) → ().

    Arguments:
        anchors, positives, negatives: embeddings; a and p of one thing, n of another.
        margin: m, above 0.
        swap: whether the smaller of ‖a − n‖ and ‖p − n‖ counts.

    Raises:
        ShapeError: when the shapes differ, or the batch is empty.
        ArgumentError: for a margin that is not above 0.

    Source: Schroff, Kalenichenko & Philbin (2015); ``swap``: Balntas et al. (2016).

    Example:
        >>> triplet_margin([[0.0]], [[1.0]], [[-1.5]]).item()
        0.5
    """
    name = "triplet_margin"
    if not margin > 0:
        raise ArgumentError(f"{name}: margin={margin!r}: expected above 0")
    names = ("anchors", "positives", "negatives")
    a, p, n = _several(name, (anchors, positives, negatives), names)
    near, far = composed.norm(a - p, -1), composed.norm(a - n, -1)
    if swap:
        far = minimum(far, composed.norm(p - n, -1))
    losses = relu(float(margin) + near - far)
    return average(name, losses, "element", sample_weight, reduction)


def _several(name: str, given: Any, names: tuple[str, ...]) -> list[Any]:
    """Embeddings of one shape."""
    if isinstance(given, (Node, np.ndarray)) or len(given) != len(names):
        raise ShapeError(
            f"{name}: embeddings: expected a pair ({', '.join(names)})",
            fix="a network with two outputs, or (model(x1), model(x2))",
        )
    found = [
        float_predictions(name, each, what)
        for each, what in zip(given, names, strict=True)
    ]
    shapes = [each.shape for each in found]
    if len(set(shapes)) > 1 or len(shapes[0]) < 2:
        shown = ", ".join(f"{w} {s}" for w, s in zip(names, shapes, strict=True))
        raise ShapeError(
            f"{name}: {shown}: expected embeddings of one shape, (samples, features)"
        )
    return found


def _unit(x: Any) -> Any:
    """Vectors of length 1; without overflow, and zeros where they are zero."""
    largest = stop_gradient(absolute(x).max(-1, keepdims=True))
    scaled = x / where(largest == 0.0, 1.0, largest)
    length = composed.norm(scaled, -1, keepdims=True)
    return scaled / where(length == 0.0, 1.0, length)
