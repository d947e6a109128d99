"""Words as points: which vectors lie beside each other.

Place on the road: a picture of arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ShapeError, unknown_option
from .figures import BLUE, Array, Margins, axes_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: How vectors are brought into two dimensions, and the side of the picture in inches.
METHODS = ("tsne", "pca")
SIDE = 9.0


def word_map(
    vectors: Array, words: Sequence[str], method: str = "tsne", ax: Axes | None = None
) -> Axes:
    """Words where their vectors of length 1 lie, in two dimensions.

    Arguments:
        vectors: (n, D).
        words: as many.
        method: "tsne" keeps neighbours together, and far distances mean nothing;
            "pca" shows the two directions in which they differ most.
        ax: where to draw; a new figure when not given.

    Returns:
        The axes.

    Raises:
        OptionError: another method.
        ShapeError: other than one word a row, or fewer than three.

    Source: t-SNE: van der Maaten & Hinton (2008), by scikit-learn.

    Example:
        >>> from chainrule import pictures
        >>> with pictures.windowless():
        ...     ax = pictures.word_map(np.eye(3, 4), ["one", "two", "three"], "pca")
        >>> [text.get_text() for text in ax.texts]
        ['one', 'two', 'three']
    """
    points = _two_dimensions(np.asarray(vectors), len(words), method)
    ax = axes_of(ax, SIDE, SIDE, Margins(0.15, 0.15, 0.15, 0.15))
    ax.scatter(points[:, 0], points[:, 1], s=4, c=BLUE, linewidths=0)
    for word, (x, y) in zip(words, points.tolist(), strict=True):
        ax.annotate(
            word.replace("$", r"\$"), (x, y), xytext=(2, 1), fontsize=7,
            textcoords="offset points",
        )  # fmt: skip
    ax.set(xticks=[], yticks=[])
    return ax


def _two_dimensions(vectors: Array, words: int, method: str) -> Array:
    if method not in METHODS:
        raise unknown_option("method of word_map", method, METHODS)
    if vectors.ndim != 2 or len(vectors) != words or words < 3:
        raise ShapeError(
            f"word_map: vectors {vectors.shape} of {words} words: expected a row for "
            "each of three words or more"
        )
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = vectors / np.maximum(lengths, 1e-30)
    found: Any
    if method == "pca":
        centred = units - units.mean(axis=0)
        left, size, _ = np.linalg.svd(centred, full_matrices=False)
        return np.asarray((left * size)[:, :2])
    from sklearn.manifold import TSNE

    perplexity = min(12.0, (words - 1) / 3)
    found = TSNE(perplexity=perplexity, init="pca", random_state=0, metric="cosine")
    return np.asarray(found.fit_transform(units), np.float64)
