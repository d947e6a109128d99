"""Scaling columns to mean 0 and standard deviation 1, and labels to one-hot rows.

Place on the road: beside the data sets; named data sets and tables are scaled with it.
It must not know of files or networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ArgumentError, DataError
from .validation import Array, as_array, check_finite, check_labels


@dataclass(frozen=True)
class Standardiser:
    """A fitted scaling x ↦ (x − mean) / std of every column, and of the target.

    Arguments:
        mean, std: ``(D,)``, of the inputs it was fitted on; the std of a constant
            column counts as 1.
        target_mean, target_std: ``(K,)`` of regression targets; 0 and 1 where the
            targets are not scaled.

    Example:
        >>> scaling = Standardiser.fit(np.array([[1.0], [3.0]]))
        >>> scaling.transform(np.array([[5.0]])).tolist()
        [[3.0]]
    """

    mean: Array
    std: Array
    target_mean: Array
    target_std: Array

    @classmethod
    def fit(cls, inputs: object, targets: object = None) -> Standardiser:
        """Measure mean and (population) standard deviation of every column."""
        mean, std = mean_and_std(_matrix(inputs, "inputs"))
        if targets is None:
            return cls(mean, std, np.zeros(1), np.ones(1))
        return cls(mean, std, *mean_and_std(_matrix(targets, "targets")))

    def transform(self, inputs: object) -> Array:
        """Inputs ``(N, D)``, scaled."""
        return self._scale(inputs, "inputs", self.mean, self.std)

    def transform_target(self, targets: object) -> Array:
        """Targets ``(N, K)``, scaled."""
        return self._scale(targets, "targets", self.target_mean, self.target_std)

    def inverse(self, inputs: Array) -> Array:
        """Scaled inputs ``(N, D)`` in their original units."""
        return np.asarray(inputs) * self.std + self.mean

    def inverse_target(self, targets: Array) -> Array:
        """Scaled targets or predictions ``(N, K)`` in their original units."""
        return np.asarray(targets) * self.target_std + self.target_mean

    def to_json(self) -> dict[str, Any]:
        """The fitted numbers as plain JSON values."""
        names = ("mean", "std", "target_mean", "target_std")
        return {"format": "chainrule.standardiser/1"} | {
            name: getattr(self, name).tolist() for name in names
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Standardiser:
        """The inverse of ``to_json``."""
        try:
            if values["format"] != "chainrule.standardiser/1":
                raise KeyError("format")
            names = ("mean", "std", "target_mean", "target_std")
            return cls(*(np.asarray(values[name], dtype=np.float64) for name in names))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"Standardiser.from_json: {error} is missing or wrong"
            ) from error

    @staticmethod
    def _scale(values: object, what: str, mean: Array, std: Array) -> Array:
        matrix = _matrix(values, what)
        if matrix.shape[1:] != mean.shape:
            raise DataError(
                f"Standardiser: {what} {matrix.shape}: "
                f"fitted on {mean.shape[0]} columns"
            )
        return (matrix - mean) / std


def mean_and_std(values: Array) -> tuple[Array, Array]:
    """Mean and population standard deviation over the first axis, without overflow.

    Columns that are constant, or whose deviation is too small for a float64, get std 1,
    so that dividing by it gives no NaN.
    """
    values = values.astype(np.float64)
    scale = np.maximum(np.abs(values).max(axis=0), np.finfo(np.float64).tiny)
    mean = (values / scale).mean(axis=0)
    std = (values / scale).std(axis=0) * scale
    constant = values.min(axis=0) == values.max(axis=0)
    mean = np.where(constant, values[0], mean * scale)
    return mean, np.where(constant | (std == 0), 1.0, std)


def standardise(train: object, *others: object) -> Any:
    """Columns scaled to mean 0 and standard deviation 1, measured on ``train`` alone.

    Arguments:
        train: ``(N, D)``, what mean and standard deviation are measured on.
        *others: further arrays ``(M, D)`` to scale with the same numbers.

    Returns:
        The scaled ``train``; a tuple of all scaled arrays where there are others.

    Example:
        >>> standardise([[1.0], [3.0]], [[5.0]])[1].tolist()
        [[3.0]]
    """
    scaling = Standardiser.fit(train)
    scaled = tuple(scaling.transform(part) for part in (train, *others))
    return scaled if others else scaled[0]


def one_hot(labels: object, num_classes: int | None = None) -> Array:
    """Class indices as rows of zeros with a single one.

    Arguments:
        labels: ``(…)`` integers.
        num_classes: K; the largest label plus one when not given.

    Returns:
        float32 ``(…, K)``.

    Raises:
        DataError: labels that are not whole numbers from 0 to K − 1.

    Example:
        >>> one_hot([0, 2], 3).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    array = as_array(labels, "one_hot: labels")
    if num_classes is not None and num_classes < 1:
        raise ArgumentError(f"one_hot: num_classes={num_classes}: expected at least 1")
    if array.dtype.kind == "b":
        array = array.astype(np.int64)
    if array.dtype.kind in "UT":
        raise DataError("one_hot: labels: texts: expected class numbers")
    check_labels(array, num_classes, "one_hot: labels")
    count = num_classes if num_classes is not None else int(array.max(initial=-1)) + 1
    rows = np.zeros((*array.shape, count), dtype=np.float32)
    np.put_along_axis(rows, array[..., None].astype(np.int64), 1.0, axis=-1)
    return rows


def _matrix(values: object, what: str) -> Array:
    matrix = as_array(values, f"Standardiser: {what}")
    if matrix.ndim != 2 or len(matrix) == 0 or matrix.dtype.kind in "UT":
        raise DataError(
            f"Standardiser: {what} {matrix.shape} {matrix.dtype}: "
            "expected numbers (N, D), one row per example",
            fix="x.reshape(-1, 1) for a single column" if matrix.ndim == 1 else None,
        )
    check_finite(matrix, f"Standardiser: {what}")
    return matrix
