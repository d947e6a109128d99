"""X as scikit-learn's users give it, as inputs of a network.

Place on the road: beneath the estimators. It must not know of networks or targets.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..data import Rows
from ..errors import DataError, ShapeError

Array = np.ndarray[Any, np.dtype[Any]]

#: What networks compute with: of these, the dtype of X; for any other, the first.
DTYPES = (np.float64, np.float32)


class SparseRows(Rows):
    """A sparse matrix whose rows become dense when a batch takes them.

    Arguments:
        matrix: a SciPy sparse matrix in the format CSR.

    Example:
        >>> from scipy.sparse import eye_array
        >>> SparseRows(eye_array(3, format="csr"))[1:]
        array([[0., 1., 0.],
               [0., 0., 1.]])
    """

    slow = False

    def __init__(self, matrix: Any) -> None:
        self.matrix = matrix
        self.shape = tuple(matrix.shape)
        self.dtype = matrix.dtype

    def __getitem__(self, index: Any) -> Array:
        rows: Array = self.matrix[index].toarray()
        return rows


def rows_of(inputs: Any) -> Any:
    """What batches are taken from: arrays, or the rows of a sparse matrix."""
    return SparseRows(inputs) if hasattr(inputs, "toarray") else inputs


def taken(inputs: Any, rows: Array) -> Any:
    """Some rows of inputs, which may be a tuple."""
    if isinstance(inputs, tuple):
        return tuple(each[rows] for each in inputs)
    return inputs[rows]


def dtype_of(inputs: Any) -> Any:
    """The dtype of inputs: of several that of the first."""
    return inputs[0].dtype if isinstance(inputs, tuple) else inputs.dtype


def flattened(name: str, x: Any) -> Any:
    """X as ``(N, D)``: an array of more axes with the values of an example in a row.

    Arguments:
        name: of the estimator, for messages.

    Raises:
        ShapeError: for examples without values.

    Example:
        >>> flattened("ConvClassifier", np.zeros((5, 8, 8))).shape
        (5, 64)
    """
    shape = example_shape(x)
    if shape is None:
        return x
    array = np.asarray(x)
    if array.size == 0:
        raise ShapeError(f"{name}: X {array.shape}: there are no values")
    return array.reshape(len(array), -1)


def example_shape(x: Any) -> tuple[int, ...] | None:
    """The shape of an example, where X has more than two axes; else None."""
    if isinstance(x, list):
        x = np.asarray(x)
    shape = getattr(x, "shape", ())
    return tuple(shape[1:]) if len(shape) > 2 else None


def image_shape(
    name: str, given: Any, example: tuple[int, ...] | None, features: int
) -> tuple[int, int, int]:
    """``(H, W, C)`` of the images: as given; of an array with such axes, its own; a
    square where there are as many features; else a line of them.

    Arguments:
        name: of the estimator, for messages.
        given: its argument ``image_shape``.
        example: the shape of an example of X, where X has more than two axes.
        features: the number of values of an example.

    Raises:
        ShapeError: for a shape that an example does not have.

    Example:
        >>> image_shape("ConvClassifier", None, None, 64)
        (8, 8, 1)
        >>> image_shape("ConvClassifier", None, (8, 6), 48)
        (8, 6, 1)
        >>> image_shape("ConvClassifier", None, None, 10)
        (1, 10, 1)
    """
    if given is None and example is None:
        side = math.isqrt(features)
        return (side, side, 1) if side * side == features else (1, features, 1)
    shape = tuple(given) if given is not None else tuple(example or ())
    whole = (*shape, 1) if len(shape) == 2 else shape
    if len(whole) != 3 or math.prod(whole) != features:
        raise ShapeError(
            f"{name}: images {shape} of {features} values: expected (H, W) or "
            f"(H, W, C) with H·W·C = {features}",
            fix="X as (N, H, W, C), or image_shape=(H, W, C)",
        )
    height, width, channels = map(int, whole)
    return height, width, channels


def are_sequences(x: Any) -> bool:
    """Whether X is a list, or an array, of arrays ``(T, D)`` or ``(T,)``, which may
    differ in T.
    """
    if isinstance(x, np.ndarray):
        return x.dtype == object and x.ndim == 1 and hasattr(x[0], "shape")
    return isinstance(x, list) and len(x) > 0 and hasattr(x[0], "shape")


def padded(name: str, x: Any) -> tuple[Array, Array]:
    """Sequences as one array ``(N, T, D)``, zeros behind their ends, and their lengths.

    Arguments:
        name: of the estimator, for messages.
        x: arrays ``(T, D)`` or ``(T,)``.

    Raises:
        DataError: for an empty sequence, or ones with different numbers of features.

    Example:
        >>> steps, lengths = padded("SequenceClassifier", [np.ones(2), np.ones(3)])
        >>> steps[..., 0]
        array([[1., 1., 0.],
               [1., 1., 1.]])
        >>> lengths
        array([2, 3])
    """
    sequences = [np.asarray(each) for each in x]
    sequences = [s[:, None] if s.ndim == 1 else s for s in sequences]
    width = sequences[0].shape[-1]
    for number, sequence in enumerate(sequences):
        if sequence.ndim != 2 or sequence.shape[1] != width or not len(sequence):
            raise DataError(
                f"{name}: X: sequence {number} {sequence.shape}: expected "
                f"(steps, {width}), with a step at least, as the others"
            )
    lengths = np.array([len(sequence) for sequence in sequences])
    dtype = np.result_type(*{s.dtype for s in sequences})
    steps = np.zeros((len(sequences), int(lengths.max()), width), dtype)
    for row, sequence in zip(steps, sequences, strict=True):
        row[: len(sequence)] = sequence
    return steps, lengths
