"""Data as the loop wants it: checked, in the model's dtype, with a key for checkpoints.

Place on the road: between ``data`` and the compiled step. It must not know of
optimizers or callbacks.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..data import Dataset, Split, Stream, batches, check_labels, train_test_split
from ..data import as_dataset as from_pair
from ..dtypes import DType, default_float, is_float
from ..errors import ArgumentError, DataError
from ..nn.module import Module
from .objective import Objective

Source = Dataset | Stream

#: How many rows of a data set its checkpoint key looks at.
KEY_ROWS = 64


def model_dtype(model: Module) -> DType:
    """The dtype of a model's floating-point parameters; the default without any."""
    for parameter in model.parameters():
        if is_float(parameter.dtype):
            return parameter.dtype
    return default_float()


def training_and_validation(
    data: Any, validation: Any, dtype: DType, seed: int
) -> tuple[Source, Source | None]:
    """What is trained on, and what is looked at after each epoch.

    A fraction is taken from the training data, the same for the same seed. Of a
    ``Split`` the training part is trained on, its validation part, if it has one, is
    the validation data, and its test part is not looked at.
    """
    if isinstance(data, Split) and validation is None:
        validation = data.validation
    source = as_source(data, "data", dtype)
    if validation is None or validation is False:
        return source, None
    if isinstance(validation, (float, int)):
        return _part_off(source, validation, seed)
    if isinstance(validation, Split):
        raise ArgumentError(
            "fit: validation: a Split: which part of it?",
            fix="validation=split.test, or split.validation",
        )
    return source, as_source(validation, "validation", dtype)


def _part_off(source: Source, fraction: float, seed: int) -> tuple[Dataset, Dataset]:
    if isinstance(source, Stream):
        raise ArgumentError(
            f"fit: validation={fraction} of Stream {source.name!r}: a stream cannot be "
            "parted",
            fix="validation=(x, y), a Dataset or another Stream",
        )
    if isinstance(fraction, bool) or not 0 < fraction < 1:
        raise ArgumentError(
            f"fit: validation={fraction!r}: expected a fraction between 0 and 1, "
            "(x, y), a Dataset or a Stream"
        )
    parts = train_test_split(source, test=float(fraction), seed=seed)
    parts.test.name = f"{source.name}/validation"
    return parts.train, parts.test


def as_source(values: Any, name: str, dtype: DType) -> Source:
    """A data set or stream with floats of ``dtype``, from whatever people hand over.

    One class only is no mistake in data that is merely looked at.
    """
    if isinstance(values, Stream):
        return values
    if name != "data" and isinstance(values, tuple) and len(values) == 2:
        values = Dataset(*values, name=name, task="none")
    return _cast(from_pair(values, name=name), dtype)


def _cast(dataset: Dataset, dtype: DType) -> Dataset:
    """The data set with its floats in ``dtype``, itself where they are already."""
    if dataset.lazy:
        return dataset
    parts = (dataset.inputs, dataset.targets)
    if all(_fits(array, dtype) for part in parts for array in _tuple(part)):
        return dataset
    inputs, targets = (
        tuple(converted(array, dtype) for array in part)
        if isinstance(part, tuple)
        else converted(part, dtype)
        for part in parts
    )
    cast = Dataset(inputs, targets, name=dataset.name, task="none")
    cast.classes, cast.task = dataset.classes, dataset.task
    cast.image_shape, cast.augmentation = dataset.image_shape, dataset.augmentation
    return cast


def _fits(array: Any, dtype: DType) -> bool:
    return bool(array.dtype.kind != "f" or array.dtype == dtype)


def _tuple(part: Any) -> tuple[Any, ...]:
    return part if isinstance(part, tuple) else () if part is None else (part,)


def converted(array: Any, dtype: DType) -> Any:
    """An array with floats of ``dtype``; integers and None as they are."""
    if array is None or array.dtype == dtype or array.dtype.kind != "f":
        return array
    with np.errstate(over="ignore"):
        cast = array.astype(dtype)
    if not np.isfinite(cast).all():
        row = int(np.argwhere(~np.isfinite(cast))[0][0])
        raise DataError(
            f"data {array.shape} of {array.dtype}: a value in row {row} is too large "
            f"for the model's {dtype}",
            fix="scale the data: data.standardise(x)",
        )
    return cast


def batches_of(
    source: Source,
    dtype: DType,
    batch_size: int,
    *,
    shuffle: bool,
    seed: int = 0,
    epoch: int = 0,
    start_batch: int = 0,
) -> Iterator[tuple[Any, Any]]:
    """The batches of an epoch, as ``data.batches`` makes them, in the model's dtype."""
    found = batches(
        source,
        batch_size,
        shuffle=shuffle,
        seed=seed,
        epoch=epoch,
        start_batch=start_batch,
    )
    if isinstance(source, Dataset) and not source.lazy:
        return found  # cast as a whole before
    return (_converted_batch(batch, dtype) for batch in found)


def _converted_batch(batch: tuple[Any, Any], dtype: DType) -> tuple[Any, Any]:
    inputs, targets = (
        tuple(converted(array, dtype) for array in part)
        if isinstance(part, tuple)
        else converted(part, dtype)
        for part in batch
    )
    return inputs, targets


def kind_of(source: Source) -> str:
    """``"classification"`` for whole-number targets, ``"regression"`` for floats;
    ``"none"`` without targets, ``"other"`` where they are several arrays.

    A stream is asked for its first batch.
    """
    if isinstance(source, Dataset):
        targets = source.targets
        if source.task != "none" and isinstance(targets, np.ndarray):
            return source.task
    else:
        targets = next(iter(source.batches(0)))[1]
    if targets is None:
        return "none"
    if isinstance(targets, tuple):
        return "other"
    return "classification" if targets.dtype.kind in "iub" else "regression"


class FitsOutputs:
    """The check of a source against the model's outputs, made while a step is traced.

    Raises:
        DataError: for a label without an output, with its row.
    """

    def __init__(self, source: Source, objective: Objective | None) -> None:
        self.source = source
        self.objective = objective

    def __call__(self, outputs: Any, targets: Any) -> None:
        """Looks at all labels of the data at once, before any step is made."""
        if self.objective is None or not self.objective.counts_classes:
            return
        if isinstance(self.source, Stream) or not hasattr(outputs, "shape"):
            return
        labels = self.source.targets
        if isinstance(labels, np.ndarray) and labels.dtype.kind in "iu":
            if len(outputs.shape) == labels.ndim + 1:
                name = f"Dataset {self.source.name!r}: targets"
                check_labels(labels, int(outputs.shape[-1]), name)


def dataset_key(source: Source) -> dict[str, Any]:
    """What tells one data set from another, for checkpoints: sizes and a checksum.

    The checksum is that of some rows, evenly spaced: it is to notice a mistake, not to
    prove that nothing has changed.
    """
    if isinstance(source, Stream):
        return {"stream": source.name, "batches": source.length}
    rows = np.unique(np.linspace(0, len(source) - 1, KEY_ROWS).astype(np.int64))
    inputs, targets = source.take(rows)
    arrays = [*_tuple(inputs), *_tuple(targets)]
    checksum = 0
    for array in arrays:
        checksum = zlib.crc32(np.ascontiguousarray(array).tobytes(), checksum)
    shapes = [[len(source), *array.shape[1:]] for array in arrays]
    return {"shapes": shapes, "checksum": checksum}
