"""Huffman's tree: a path of few yes-or-no questions to each of many classes.

Place on the road: below ``HierarchicalSoftmax``, which learns the answers. NumPy only;
it must not know of tensors.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...errors import DataError
from ...graph import Array


class HuffmanTree(NamedTuple):
    """The path from the root to each class; K classes, L questions at most.

    Attributes:
        nodes: the numbers of the inner nodes on the way, (K, L) int32, 0 to K − 2; 0 is
            the root, and 0 stands behind a path's end.
        signs: where the way goes at each, (K, L) int8: 1 and −1; 0 behind the end.
    """

    nodes: Array
    signs: Array


def huffman(counts: Any) -> HuffmanTree:
    """The tree in which Σ countₖ · (length of the path to k) is smallest: frequent
    classes have short paths.

    The two rarest subtrees are joined, again and again. With classes sorted by their
    counts once, what is joined comes in the order of its counts as well, so the rarest
    is always the head of one of two queues. Of equal counts the class goes first.

    Arguments:
        counts: how often each class occurs, (K,), above 0.

    Raises:
        DataError: for fewer than two classes, or counts that are not above 0.

    Source: Huffman, A method for the construction of minimum-redundancy codes (1952);
    with two queues, van Leeuwen (1976).

    Example:
        >>> tree = huffman([5, 2, 1, 1])
        >>> tree.nodes.tolist()
        [[0, 0, 0], [0, 1, 0], [0, 1, 2], [0, 1, 2]]
        >>> abs(tree.signs).sum(axis=1).tolist()
        [1, 2, 3, 3]
    """
    weights = class_counts("huffman", counts)
    classes = len(weights)
    order = np.argsort(weights, kind="stable")
    parent, sign = _joined(weights[order].tolist())
    root, last = 2 * classes - 2, np.empty(classes, np.int64)
    last[order] = np.arange(classes)  # where each class stands among the leaves
    steps: list[tuple[Array, Array]] = []  # from the leaves up, all classes at once
    while (last != root).any():
        inside = last != root
        above = np.where(inside, parent[last], root)
        steps.append((root - above, np.where(inside, sign[last], 0)))
        last = above
    nodes = np.stack([node for node, _ in steps], 1)  # (K, L), the root last
    signs = np.stack([sign for _, sign in steps], 1)
    return _from_the_root(nodes.astype(np.int32), signs.astype(np.int8))


def class_counts(caller: str, counts: Any) -> Array:
    """How often each of at least two classes occurs, (K,) float64.

    Raises:
        DataError: for anything else.

    Example:
        >>> class_counts("huffman", [3, 1])
        array([3., 1.])
    """
    try:
        weights = np.asarray(counts, np.float64)
    except (TypeError, ValueError):
        weights = np.zeros(())
    if weights.ndim != 1 or len(weights) < 2:
        raise DataError(
            f"{caller}: counts {weights.shape}: expected one number for each of two "
            "classes or more",
            fix="np.bincount(labels, minlength=classes)",
        )
    wrong = ~(np.isfinite(weights) & (weights > 0))
    if wrong.any():
        k = int(wrong.argmax())
        raise DataError(
            f"{caller}: counts[{k}] is {weights[k]:g}: expected numbers above 0",
            fix="np.maximum(counts, 1) where a class has no example",
        )
    return weights


def _joined(leaves: list[float]) -> tuple[Array, Array]:
    """Of leaves in the order of their weights, and behind them of what is joined: the
    parent, and the sign of the way from there.
    """
    count = len(leaves)
    weights = leaves + [0.0] * (count - 1)
    parent = np.zeros(2 * count - 1, np.int64)
    sign = np.ones(2 * count - 1, np.int64)
    leaf, inner = 0, count
    for new in range(count, 2 * count - 1):
        for way in (1, -1):
            if leaf < count and (inner >= new or weights[leaf] <= weights[inner]):
                chosen, leaf = leaf, leaf + 1
            else:
                chosen, inner = inner, inner + 1
            weights[new] += weights[chosen]
            parent[chosen], sign[chosen] = new, way
    return parent, sign


def _from_the_root(nodes: Array, signs: Array) -> HuffmanTree:
    """Paths that begin at the root, from paths that end there at different steps."""
    lengths = np.abs(signs).sum(axis=1)
    place = lengths[:, None] - 1 - np.arange(nodes.shape[1])
    turned = np.where(place >= 0, place, 0)
    kept = place >= 0
    return HuffmanTree(
        np.where(kept, np.take_along_axis(nodes, turned, 1), 0),
        np.where(kept, np.take_along_axis(signs, turned, 1), 0),
    )
