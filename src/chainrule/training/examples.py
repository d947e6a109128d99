"""``Examples``: checked data in the model's dtype, which training and evaluation read.

Place on the road: between ``data`` and the compiled step. It must not know of
optimizers or callbacks.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from ..data import (
    Dataset,
    Split,
    Stream,
    as_dataset,
    batches,
    check_labels,
    num_batches,
    train_test_split,
)
from ..dtypes import DType, default_float, is_float
from ..errors import ArgumentError, DataError
from ..nn.module import Module
from ..wording import counted
from .objective import Objective, Weighted
from .waiting import warned_when_late

Source = Dataset | Stream

#: The rows of a data set whose checksum is part of its identity.
IDENTITY_ROWS = 64


def model_dtype(model: Module) -> DType:
    """The dtype of a model's floating-point parameters; the default without any."""
    for parameter in model.parameters():
        if is_float(parameter.dtype):
            return parameter.dtype
    return default_float()


def refuse_table(operation: str, values: Any) -> None:
    """An ``ArgumentError`` for a table, which is no numbers yet.

    How it becomes numbers is fitted on the rows that are trained on, and must be the
    same for all other rows: neither is known from a table alone.
    """
    tables = sys.modules.get("chainrule.data.tables.table")  # whoever has one has it
    if tables is None or not isinstance(values, tables.Table):
        return
    cures = {
        "fit": "split = table.split(); cr.fit(model, split)",
        "evaluate": "cr.evaluate(model, split), split = table.split() as in training",
        "predict": "cr.predict(model, table.dataset(split.transform))",
    }
    raise ArgumentError(
        f"{operation}: Table {values.columns.source!r}: its columns become numbers by "
        "a transformation that is fitted on the rows to train on: which are they?",
        fix=cures[operation],
    )


class Examples:
    """A data set or stream whose batches have the model's dtype.

    Arguments:
        source: checked data; a ``Dataset`` is converted as a whole beforehand.
        dtype: the dtype of floating-point values.
    """

    def __init__(self, source: Source, dtype: DType) -> None:
        self.source = source
        self.dtype = dtype

    @classmethod
    def of(cls, values: Any, name: str, dtype: DType) -> Examples:
        """Examples from a ``Dataset``, a ``Stream``, a ``Split`` or a pair (x, y).

        Only training data (``name`` "data") must have more than one class.
        """
        if isinstance(values, Stream):
            return cls(values, dtype)
        if name != "data" and isinstance(values, tuple) and len(values) in (2, 3):
            x, y, *weights = values
            weight = weights[0] if weights else None
            values = Dataset(x, y, name=name, task="none", sample_weight=weight)
        return cls(_cast(as_dataset(values, name=name), dtype), dtype)

    def counted_by(self, names: tuple[str, ...] | None) -> Examples:
        """The same examples, with labels that count by a model's class names.

        Raises:
            DataError: for labels that are none of them, or texts where there are none.
        """
        source = self.source.with_class_names(names)
        return self if source is self.source else Examples(source, self.dtype)

    def batches(
        self,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        epoch: int = 0,
        start_batch: int = 0,
        drop_last: bool = False,
    ) -> Iterator[tuple[Any, Any]]:
        """The batches of an epoch, as ``data.batches`` makes them, in the dtype."""
        made = batches(
            self.source,
            batch_size,
            shuffle=shuffle,
            seed=seed,
            epoch=epoch,
            start_batch=start_batch,
            drop_last=drop_last,
        )
        unconverted: Iterator[Any] = (_pair(batch, self.dtype) for batch in made)
        if isinstance(self.source, Dataset) and not self.source.lazy:
            return unconverted  # converted as a whole before
        kind = type(self.source).__name__
        unconverted = warned_when_late(unconverted, f"{kind} {self.source.name!r}")
        return (_converted_batch(batch, self.dtype) for batch in unconverted)

    @property
    def in_memory(self) -> bool:
        """Whether a batch is nothing but some rows of arrays: not computed when it is
        wanted, and not augmented.
        """
        source = self.source
        if not isinstance(source, Dataset) or source.lazy or source.augmentation:
            return False
        parts = (*_tuple(source.inputs), *_tuple(source.targets))
        return all(type(each) is np.ndarray for each in parts)

    def at(self, rows: Any) -> tuple[Any, Any]:
        """Inputs and targets of some rows, for data that is ``in_memory``; those of all
        for ``slice(None)``.
        """
        source = self.source
        assert isinstance(source, Dataset)
        weights = source.sample_weight
        more = () if weights is None else (weights[rows],)
        return _pair((*source[rows], *more), self.dtype)

    def num_batches(self, batch_size: int, drop_last: bool = False) -> int | None:
        """The batches of an epoch; None where a stream does not say."""
        if isinstance(self.source, Stream):
            return self.source.length
        return num_batches(len(self.source), batch_size, drop_last)

    @cached_property
    def has_weights(self) -> bool:
        """Whether examples do not count alike; of a stream, the first batch decides."""
        if isinstance(self.source, Stream):
            return len(next(iter(self.source.batches(0)))) == 3
        return self.source.sample_weight is not None

    @property
    def is_stream(self) -> bool:
        """Whether its batches come as they are."""
        return isinstance(self.source, Stream)

    @cached_property
    def kind(self) -> str:
        """``"classification"`` for whole-number targets, ``"regression"`` for floats;
        ``"none"`` without targets, ``"other"`` where they are several arrays.

        Of a stream, the first batch decides.
        """
        if isinstance(self.source, Dataset):
            targets = self.source.targets
            if self.source.task != "none" and isinstance(targets, np.ndarray):
                return self.source.task
        else:
            targets = next(iter(self.source.batches(0)))[1]
        if targets is None:
            return "none"
        if isinstance(targets, tuple):
            return "other"
        return "classification" if targets.dtype.kind in "iub" else "regression"

    @property
    def identity(self) -> dict[str, Any]:
        """What tells one data set from another, for checkpoints: sizes and a checksum.

        The checksum is that of some rows, evenly spaced: it is to notice a mistake, not
        to prove that nothing has changed.
        """
        if isinstance(self.source, Stream):
            return {"stream": self.source.name, "batches": self.source.length}
        count = len(self.source)
        rows = np.linspace(0, count - 1, IDENTITY_ROWS).astype(np.int64)
        rows = rows[np.diff(rows, prepend=-1) > 0]
        inputs, targets = self.source.take(rows)
        arrays = [*_tuple(inputs), *_tuple(targets)]
        if self.source.sample_weight is not None:
            arrays.append(self.source.sample_weight[rows])
        checksum = 0
        for array in arrays:
            checksum = zlib.crc32(np.ascontiguousarray(array).tobytes(), checksum)
        shapes = [[count, *array.shape[1:]] for array in arrays]
        return {"shapes": shapes, "checksum": checksum}

    def __str__(self) -> str:
        if isinstance(self.source, Stream):
            return f"stream {self.source.name}"
        return f"{self.source.name}, {counted(len(self.source), 'example')}"


def training_and_validation(
    data: Any, validation: Any, model: Module, seed: int
) -> tuple[Examples, Examples | None]:
    """What is trained on, and what is evaluated after each epoch; the labels of both
    count by the model's class names or, where it has none yet, by those of the
    training data.

    A fraction is taken from the training data, the same for the same seed. Of a
    ``Split`` the training part is trained on, its validation part, if it has one, is
    the validation data, and its test part is not used.
    """
    if isinstance(data, Split) and validation is None:
        validation = data.validation
    refuse_table("fit", data)
    refuse_table("fit", validation)
    dtype = model_dtype(model)
    examples = Examples.of(data, "data", dtype)
    names = model.class_names or examples.source.class_names
    examples = examples.counted_by(names)
    if validation is None or validation is False:
        return examples, None
    if isinstance(validation, (float, int)):
        parts = _part_off(examples.source, validation, seed)
        return Examples(parts.train, dtype), Examples(parts.test, dtype)
    if isinstance(validation, Split):
        raise ArgumentError(
            "fit: validation: a Split: which part of it?",
            fix="validation=split.test, or split.validation",
        )
    measured = Examples.of(validation, "validation", dtype).counted_by(names)
    alone = isinstance(measured.source, Dataset) and measured.source.targets is None
    if alone and examples.kind != "none":
        raise DataError(
            f"fit: validation: {measured.source!r} has no targets to compare with",
            fix="validation=(x, y), a Dataset, or a fraction of the training data",
        )
    return examples, measured


def _part_off(source: Source, fraction: float, seed: int) -> Split:
    if isinstance(source, Stream):
        raise ArgumentError(
            f"fit: validation={fraction} of Stream {source.name!r}: a stream cannot be "
            "split",
            fix="validation=(x, y), a Dataset or another Stream",
        )
    if isinstance(fraction, bool) or not 0 < fraction < 1:
        raise ArgumentError(
            f"fit: validation={fraction!r}: expected a fraction between 0 and 1, "
            "(x, y), a Dataset or a Stream"
        )
    parts = train_test_split(source, test=float(fraction), seed=seed)
    parts.test.name = f"{source.name}/validation"
    return parts


class LabelCheck:
    """Compares the labels of examples with the model's outputs, while a step is traced.

    Raises:
        DataError: for a label without an output, with its row.
    """

    def __init__(self, examples: Examples, objective: Objective | None) -> None:
        self.source = examples.source
        self.objective = objective

    def __call__(self, outputs: Any, targets: Any) -> None:
        """Checks all labels of the data at once, before any step is made."""
        objective = self.objective
        if objective is None or not (objective.counts_classes or objective.is_binary):
            return
        if isinstance(self.source, Stream) or not hasattr(outputs, "shape"):
            return
        labels = self.source.targets
        if isinstance(labels, np.ndarray) and labels.dtype.kind in "iu":
            name = f"Dataset {self.source.name!r}: targets"
            if objective.is_binary:
                check_labels(labels, 2, name)
            elif len(outputs.shape) == labels.ndim + 1:
                if outputs.shape[-1] == 1:
                    raise _one_logit(name)
                check_labels(labels, int(outputs.shape[-1]), name)


def _one_logit(name: str) -> DataError:
    """The error for class numbers and a model with one output, which has no choice."""
    return DataError(
        f"{name} are class numbers, and the model has one output: cross_entropy needs "
        "one for each class",
        fix="loss='binary_cross_entropy' for two classes; "
        "data.Dataset(x, y, task='regression') for amounts",
    )


def _cast(dataset: Dataset, dtype: DType) -> Dataset:
    """The data set with its floats in ``dtype``; the same one if they are already."""
    if dataset.lazy:
        return dataset
    parts = (dataset.inputs, dataset.targets)
    if all(_has_dtype(array, dtype) for part in parts for array in _tuple(part)):
        return dataset
    inputs, targets = (_converted_part(part, dtype) for part in parts)
    return dataset.with_arrays(inputs, targets)


def _has_dtype(array: Any, dtype: DType) -> bool:
    return bool(array.dtype.kind != "f" or array.dtype == dtype)


def _tuple(part: Any) -> tuple[Any, ...]:
    return part if isinstance(part, tuple) else () if part is None else (part,)


def _pair(batch: Any, dtype: DType) -> tuple[Any, Any]:
    """Inputs and targets, these with the weights where there are any."""
    inputs, targets, *weights = batch
    return inputs, Weighted(targets, weights[0].astype(dtype)) if weights else targets


def _converted_batch(batch: tuple[Any, Any], dtype: DType) -> tuple[Any, Any]:
    inputs, targets = batch
    return _converted_part(inputs, dtype), _converted_part(targets, dtype)


def _converted_part(part: Any, dtype: DType) -> Any:
    """Inputs or targets: one array, several, or None."""
    if isinstance(part, Weighted):
        return part._replace(targets=_converted_part(part.targets, dtype))
    if isinstance(part, tuple):
        return tuple(converted(array, dtype) for array in part)
    return converted(part, dtype)


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
