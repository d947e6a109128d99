"""Class labels: the names of classes, and the numbers that stand for them.

Place on the road: below data sets, which hold labels as numbers. A number means a class
only together with the names in their order, so labels that were numbered by other names
are numbered anew here, or refused. It must not know of networks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import ArgumentError, DataError
from .validation import Array

#: The most labels or names that a message lists.
MOST_LISTED = 8

Names = tuple[str, ...]


def class_names(classes: Sequence[str] | int | None) -> Names | None:
    """The names of classes that are given as names, or as how many there are.

    Raises:
        ArgumentError: fewer than two, or two of one name.

    Example:
        >>> class_names(3), class_names(["no", "yes"])
        (('0', '1', '2'), ('no', 'yes'))
    """
    if classes is None:
        return None
    if isinstance(classes, int):
        names = tuple(str(label) for label in range(classes))
    else:
        names = tuple(str(name) for name in classes)
    if len(names) < 2 or len(set(names)) != len(names):
        raise ArgumentError(
            f"Dataset: classes={classes!r}: expected two different names"
        )
    return names


def number_texts(texts: Array, names: Names, what: str) -> Array:
    """The position of each text among the names, as int64 of the same shape.

    Raises:
        DataError: listing the texts that are none of the names.

    Example:
        >>> number_texts(np.array(["b", "a", "b"]), ("a", "b"), "labels")
        array([1, 0, 1])
    """
    numbers = {text: number for number, text in enumerate(names)}
    flat = [numbers.get(str(text), -1) for text in texts.ravel()]
    labels = np.asarray(flat, dtype=np.int64).reshape(texts.shape)
    if (labels < 0).any():
        unknown = dict.fromkeys(str(text) for text in texts[labels < 0])
        row = int(np.argwhere(labels < 0)[0][0])
        raise _unknown(tuple(unknown), row, labels.shape, names, "", what)
    return labels


def renumbered(labels: Array, own: Names, known: Names, what: str) -> Array:
    """Labels that count by the names ``own``, counted by the names ``known``.

    Arguments:
        labels: positions in ``own``, of any shape; those below 0 stay as they are.
        own, known: the names of the classes, in two orders.
        what: how the message calls the labels.

    Raises:
        DataError: listing the labels that are none of the known names.

    Example:
        >>> renumbered(np.array([0, 1, 1]), ("b", "c"), ("a", "b", "c"), "labels")
        array([1, 2, 2])
    """
    numbers = {name: number for number, name in enumerate(known)}
    table = np.array([numbers.get(name, -1) for name in own])
    inside = (labels >= 0) & (labels < len(own))
    found = np.where(inside, table[np.where(inside, labels, 0)], labels)
    lost = inside & (found < 0)
    if lost.any():
        unknown = tuple(own[label] for label in np.unique(labels[lost]))
        row = int(np.argwhere(lost)[0][0])
        raise _unknown(unknown, row, labels.shape, known, " that the model knows", what)
    return found.astype(np.int64)


def _unknown(
    unknown: Names,
    row: int,
    shape: tuple[int, ...],
    known: Names,
    whose: str,
    what: str,
) -> DataError:
    """The one error of labels that are none of the classes: it lists them."""
    return DataError(
        f"{what} {shape}: label{'s' * (len(unknown) > 1)} {listed(unknown)}, first at "
        f"row {row}: none of the {len(known)} classes{whose}: {listed(known)}",
        fix="leave these rows out or correct them; to learn other classes, "
        "model.class_names = None and a layer with as many outputs"
        if whose
        else "correct them, or name every class in classes=",
    )


def listed(names: Sequence[str]) -> str:
    """The first names, quoted.

    Example:
        >>> listed(("a", "b"))
        "'a', 'b'"
    """
    shown = ", ".join(repr(str(name)) for name in names[:MOST_LISTED])
    return shown + (f" and {len(names) - MOST_LISTED} more") * (
        len(names) > MOST_LISTED
    )


def check_distributions(
    targets: Array, num_classes: int | None, what: str, rows: Array | None
) -> None:
    """Raise a ``DataError`` for rows that are no distribution over the classes.

    Arguments:
        targets: ``(N, …, K)`` probabilities.
        num_classes: how many classes there are; None for as many as there are columns.
        what: how the message calls them.
        rows: the row numbers to name where they are part of a larger array.
    """
    if num_classes is not None and targets.shape[-1] != num_classes:
        raise DataError(
            f"{what} {targets.shape}: {targets.shape[-1]} probabilities for "
            f"{num_classes} classes: one probability per class"
        )
    wrong = (targets < 0).any(-1) | (np.abs(targets.sum(-1) - 1) > 1e-3)
    if wrong.any():
        row = int(np.argwhere(wrong)[0][0])
        shown = row if rows is None else int(rows[row])
        raise DataError(
            f"{what} {targets.shape}: row {shown} is not a distribution: "
            "probabilities are at least 0 and sum to 1",
            fix="task='regression' if the targets are numeric",
        )
