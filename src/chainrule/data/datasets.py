"""Data sets: arrays of examples that have been checked, and a split of them.

Place on the road: between what users give (arrays, files, names) and the batches
that ``fit`` trains on. It must not know where the arrays came from, nor of networks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self, TypeAlias

import numpy as np

from ..errors import ArgumentError, DataError, unknown_option
from ..foreign import Settled
from ..wording import counted
from .augmentation import Augmentation
from .labels import check_distributions, class_names, listed, number_texts, renumbered
from .lazy_rows import Rows
from .validation import (
    Array,
    as_array,
    as_weights,
    check_finite,
    check_labels,
    is_mapped,
)

#: One array, or a tuple of arrays where a network has several inputs or outputs.
Arrays: TypeAlias = Array | tuple[Array, ...]

TASKS = ("classification", "regression", "none")


class Transform(Protocol):
    """A fitted transformation of inputs and targets that can be saved and undone."""

    def inverse_target(self, targets: Array) -> Array:
        """Predictions in the units of the original targets."""

    def to_json(self) -> dict[str, Any]:
        """The fitted numbers as plain JSON values."""


class Dataset(Settled):
    """Examples to learn from: inputs, and targets where there are any.

    Integer, boolean and text targets are class labels; floats are amounts (regression).
    Texts are numbered in alphabetical order and kept as ``classes``. Memory-mapped
    arrays are not read here: each batch is checked when it is taken.

    Arguments:
        inputs: ``(N, …)`` array, or a tuple of such arrays.
        targets: ``(N, …)`` array, a tuple of such, or None.
        name: what messages call the data.
        classes: the names of the classes, or how many there are.
        feature_names: the names of the D columns of ``(N, D)`` inputs.
        target_name: what the target is called.
        image_shape: ``(H, W, C)`` of an example that is a flattened image.
        task: ``"classification"``, ``"regression"`` or ``"none"``; recognised from the
            targets when not given.
        sample_weight: ``(N,)``, how much each example counts in losses.

    Raises:
        DataError: no examples, unequal lengths, NaN or infinity, labels out of range or
            not whole, one class only.

    Example:
        >>> examples = Dataset([[0.0, 1.0], [1.0, 0.0]], [0, 1], name="two points")
        >>> len(examples), examples.task, examples.num_classes
        (2, 'classification', 2)
    """

    def __init__(
        self,
        inputs: object,
        targets: object = None,
        *,
        name: str = "data",
        classes: Sequence[str] | int | None = None,
        feature_names: Sequence[str] | None = None,
        target_name: str | None = None,
        image_shape: tuple[int, ...] | None = None,
        task: str | None = None,
        sample_weight: object = None,
    ) -> None:
        if task is not None and task not in TASKS:
            raise unknown_option("task", task, TASKS)
        self.name = name
        self.target_name = target_name
        self.image_shape = image_shape
        self.classes = class_names(classes)
        #: Whether the classes have names, rather than being counted; and whether they
        #: were put in order here, as those of texts are.
        self._named = classes is not None and not isinstance(classes, int)
        self._ordered_here = False
        if feature_names is None and hasattr(inputs, "columns"):
            feature_names = [str(column) for column in inputs.columns]
        self.feature_names = tuple(feature_names) if feature_names is not None else None
        self.augmentation: Augmentation | None = None
        #: The bucket of each row: shuffled batches hold rows of one bucket.
        self.buckets: Array | None = None
        self._rows: Array | None = None
        self._inputs = self._read_all(inputs, "inputs")
        self._targets = (
            () if targets is None else self._read_all(targets, "targets", text=True)
        )
        self._tuple_inputs = isinstance(inputs, tuple)
        self._tuple_targets = isinstance(targets, tuple)
        self._check_lengths()
        #: How much each example counts; None where all count alike.
        self.sample_weight: Array | None = None
        if sample_weight is not None:
            what = f"Dataset {name!r}"
            self.sample_weight = as_weights(sample_weight, len(self), what)
        self._check_image_shape()
        self.task = task or self._recognise_task()
        self._prepare_targets()
        arrays = (*self._inputs, *self._targets)
        self.lazy = any(isinstance(a, Rows) or is_mapped(a) for a in arrays)
        if not self.lazy:
            self._check_values(self._inputs, self._targets, None)
            self._check_more_than_one_class()

    # -- what it holds

    @property
    def inputs(self) -> Arrays:
        """All inputs; a tuple where there are several."""
        return self._pick(self._inputs, slice(None), self._tuple_inputs)

    @property
    def targets(self) -> Arrays | None:
        """All targets; None where there are none."""
        if not self._targets:
            return None
        return self._pick(self._targets, slice(None), self._tuple_targets)

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The names of the classes; None where they are only counted."""
        return self.classes if self._named else None

    @property
    def num_classes(self) -> int | None:
        """How many classes there are: as declared, else the largest label plus one."""
        if self.task != "classification":
            return None
        if self.classes is not None:
            return len(self.classes)
        labels = self._targets[0]
        return int(labels.max()) + 1 if labels.dtype.kind in "iu" else labels.shape[-1]

    def __len__(self) -> int:
        return len(self._rows) if self._rows is not None else len(self._inputs[0])

    def __getitem__(self, index: Any) -> tuple[Arrays, Arrays | None]:
        """Inputs and targets at a NumPy index, slice, mask or array of row numbers."""
        inputs = self._pick(self._inputs, index, self._tuple_inputs)
        if not self._targets:
            return inputs, None
        return inputs, self._pick(self._targets, index, self._tuple_targets)

    def take(self, rows: Array) -> tuple[Arrays, Arrays | None]:
        """One batch: the examples at these row numbers, checked if not checked yet.

        Arguments:
            rows: ``(B,)`` integers from 0 to ``len(self) - 1``.

        Returns:
            inputs ``(B, …)`` and targets ``(B, …)``, or None for the latter.

        Raises:
            DataError: a NaN or a label out of range in a memory-mapped array.
        """
        inputs, targets = self[rows]
        if self.lazy:
            original = rows if self._rows is None else self._rows[rows]
            self._check_values(_tuple(inputs), _tuple(targets), original)
        return inputs, targets

    def subset(self, rows: Any, name: str | None = None) -> Dataset:
        """The examples at some rows, as a data set with the same names and classes.

        Arguments:
            rows: a slice, mask or array of row numbers.
            name: the name of the part; that of the whole when not given.

        Example:
            >>> len(Dataset(np.eye(4), np.arange(4)).subset([0, 2]))
            2
        """
        chosen = np.arange(len(self))[rows]
        if chosen.ndim != 1 or len(chosen) == 0:
            raise DataError(f"subset: no rows of Dataset {self.name!r} are chosen")
        part = self._copy()
        part.name = name or self.name
        if self.task == "classification" and self.classes is None and not self.lazy:
            part.classes = tuple(str(label) for label in range(self.num_classes or 0))
        if self.buckets is not None:
            part.buckets = self.buckets[chosen]
        if self.sample_weight is not None:
            part.sample_weight = self.sample_weight[chosen]
        if self.lazy:
            part._rows = chosen if self._rows is None else self._rows[chosen]
        else:
            part._inputs = tuple(array[chosen] for array in self._inputs)
            part._targets = tuple(array[chosen] for array in self._targets)
        return part

    def with_class_names(self, names: tuple[str, ...] | None) -> Dataset:
        """The same examples, with labels that count by these names.

        Arguments:
            names: the names of all classes in order; None where there are none.

        Raises:
            DataError: for labels that are none of the names; and for texts without
                names, since their order among themselves says nothing.

        Example:
            >>> part = Dataset(np.eye(3), ["c", "b", "c"])
            >>> part.targets, part.with_class_names(("a", "b", "c")).targets
            (array([1, 0, 1]), array([2, 1, 2]))
        """
        own = self.class_names
        if own is None or own == names:
            return self
        what = f"Dataset {self.name!r}: targets"
        if names is None:
            if self._ordered_here:
                raise _no_names(f"{what} {self._targets[0].shape}", own)
            return self
        changed, alone = self._copy(), len(self._targets) == 1
        changed.classes, changed._ordered_here = names, False
        changed._targets = tuple(
            renumbered(np.asarray(array), own, names, what)
            if array.dtype.kind in "iu" and (alone or wrote_texts)
            else array
            for array, wrote_texts in zip(self._targets, self._texts, strict=True)
        )
        return changed

    def with_arrays(self, inputs: Arrays, targets: Arrays | None) -> Dataset:
        """The same data set with other values in place of its own, row for row."""
        changed = self._copy()
        changed._inputs, changed._targets = _tuple(inputs), _tuple(targets)
        return changed

    def _copy(self) -> Self:
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        return copy

    @property
    def made_on_demand(self) -> bool:
        """Whether the inputs are computed on access, as images in files are."""
        return any(isinstance(array, Rows) and array.slow for array in self._inputs)

    def augmented(self, augmentation: Augmentation | None) -> Dataset:
        """The same examples, with images augmented whenever they are trained on.

        Shuffled batches, as for training, are augmented; batches in the order of the
        data, as for evaluation, are not. Subsets of the result are augmented too.

        Arguments:
            augmentation: what may happen to an image; None for nothing.

        Raises:
            DataError: the data set does not hold images.

        Example:
            >>> from chainrule.data import Augmentation
            >>> images = Dataset(np.zeros((4, 8, 8, 3)), [0, 1, 0, 1])
            >>> images.augmented(Augmentation(flip=True, crop=1)).augmentation
            Augmentation(flip=True, crop=1, rotate=0.0)
        """
        if self.image_shape is None and self._inputs[0].ndim != 4:
            raise _no_images("augmented", self.name)
        changed = self._copy()
        changed.augmentation = augmentation
        return changed

    def images(self) -> Array:
        """The inputs as pictures ``(N, H, W, C)``.

        Raises:
            DataError: the data set has no ``image_shape`` and is not of that shape.
        """
        inputs = self.inputs
        if isinstance(inputs, np.ndarray):
            if self.image_shape is not None:
                return inputs.reshape(len(inputs), *self.image_shape)
            if inputs.ndim == 4:
                return inputs
        raise _no_images("images", self.name)

    def __repr__(self) -> str:
        parts = [counted(len(self), "example")]
        for array in self._inputs:
            parts.append(f"inputs {_shape(array)} {array.dtype}")
        if self.image_shape is not None:
            parts.append(f"images {_shape_text(self.image_shape)}")
        if self.task == "classification" and (self.classes or not self.lazy):
            named = self.classes or ()
            shown = ", ".join(named[:4]) + (", …" if len(named) > 4 else "")
            parts.append(
                f"{self.num_classes} classes" + (f": {shown}" if named else "")
            )
        else:
            for array in self._targets:
                parts.append(f"targets {_shape(array)} {array.dtype} ({self.task})")
        return f"Dataset {self.name!r}: " + " · ".join(parts)

    # -- how it is made

    def _read_all(
        self, values: object, what: str, text: bool = False
    ) -> tuple[Array, ...]:
        several = isinstance(values, tuple)
        parts = values if isinstance(values, tuple) else (values,)
        arrays = []
        for position, part in enumerate(parts):
            label = f"Dataset {self.name!r}: {what}" + (
                f"[{position}]" if several else ""
            )
            array: Any = part if isinstance(part, Rows) else as_array(part, label)
            if array.dtype.kind in "UT" and not text:
                raise DataError(
                    f"{label} {array.shape}: text: inputs must be numbers",
                    fix="data.read_table(frame, target=...) encodes text columns",
                )
            arrays.append(array)
        if not arrays:
            raise DataError(f"Dataset {self.name!r}: {what}: an empty tuple of arrays")
        return tuple(arrays)

    def _check_lengths(self) -> None:
        first = self._inputs[0]
        if len(first) == 0 or first.size == 0:
            raise DataError(f"Dataset {self.name!r}: inputs {first.shape}: no examples")
        for what, arrays in (("inputs", self._inputs), ("targets", self._targets)):
            for array in arrays:
                if len(array) != len(first):
                    raise DataError(
                        f"Dataset {self.name!r}: inputs {first.shape} and {what} "
                        f"{array.shape}: {len(first)} ≠ {len(array)}; "
                        "every example needs one row in each",
                    )
        names = self.feature_names
        if names is not None and first.ndim == 2 and len(names) != first.shape[1]:
            raise ArgumentError(
                f"Dataset {self.name!r}: inputs {first.shape} with {len(names)} "
                f"feature names: {first.shape[1]} ≠ {len(names)}; one name per column"
            )

    def _check_image_shape(self) -> None:
        shape, first = self.image_shape, self._inputs[0]
        if shape is not None and np.prod(shape) != np.prod(first.shape[1:]):
            raise ArgumentError(
                f"Dataset {self.name!r}: inputs {first.shape} as images "
                f"{_shape_text(shape)}: {np.prod(first.shape[1:])} values per example "
                f"≠ {np.prod(shape)}"
            )

    def _recognise_task(self) -> str:
        if not self._targets:
            return "none"
        labels = self._targets[0]
        integers = labels.dtype.kind in "iuUT" or (
            labels.dtype.kind == "b" and labels.ndim == 1
        )
        return "classification" if integers or self.classes else "regression"

    def _prepare_targets(self) -> None:
        """Texts become numbers; booleans become integers or floats."""
        if self.task != "none" and not self._targets:
            raise ArgumentError(
                f"Dataset {self.name!r}: task={self.task!r} without targets",
                fix="Dataset(inputs, targets)",
            )
        prepared: list[Any] = []
        self._texts = tuple(array.dtype.kind in "UT" for array in self._targets)
        for array in self._targets:
            if isinstance(array, Rows):  # they are as whoever made them wants them
                prepared.append(array)
                continue
            if array.dtype.kind in "UT":
                array = self._number_texts(array)
            elif array.dtype.kind == "b":
                array = array.astype(np.int64 if array.ndim == 1 else np.float32)
            elif array.dtype.kind in "iu" and not is_mapped(array):
                regression = self.task == "regression"
                array = array.astype(np.float64 if regression else np.int64)
            prepared.append(array)
        self._targets = tuple(prepared)

    def _number_texts(self, texts: Array) -> Array:
        what = f"Dataset {self.name!r}: targets"
        if self.task == "regression":
            raise DataError(f"{what} {texts.shape}: text: regression needs numbers")
        if self.classes is None:
            self.classes = tuple(str(text) for text in np.unique(texts))
            self._ordered_here = True
        self._named = True
        return number_texts(texts, self.classes, what)

    def _check_values(
        self, inputs: tuple[Array, ...], targets: tuple[Array, ...], rows: Array | None
    ) -> None:
        for array in inputs:
            names = self.feature_names if array.ndim == 2 else None
            check_finite(array, f"Dataset {self.name!r}: inputs", names, rows)
        for array in targets:
            check_finite(array, f"Dataset {self.name!r}: targets", None, rows)
        if self.task != "classification" or not targets:
            return
        what = f"Dataset {self.name!r}: targets"
        known = len(self.classes) if self.classes is not None else None
        if targets[0].dtype.kind == "f" and targets[0].ndim >= 2:
            check_distributions(targets[0], known, what, rows)
        else:
            check_labels(targets[0], known, what, rows)

    def _check_more_than_one_class(self) -> None:
        if self.task != "classification" or self._targets[0].dtype.kind not in "iu":
            return
        labels = self._targets[0]
        if labels.size and labels.min() == labels.max():
            label = int(labels.flat[0])
            called = f" ({self.classes[label]!r})" if self.classes else ""
            raise DataError(
                f"Dataset {self.name!r}: targets {labels.shape}: label {label}{called} "
                "in every row: a classifier needs examples of two classes or more",
                fix="task='regression' if the targets are numeric",
            )

    def _pick(self, arrays: tuple[Array, ...], index: Any, several: bool) -> Arrays:
        if self._rows is not None:
            index = self._rows[index]
        picked = tuple([np.asarray(array[index]) for array in arrays])
        return picked if several else picked[0]


class Part(Dataset):
    """A part of more data, which may hold examples of one class alone.

    Example:
        >>> len(Part([[0.5]], [1], classes=("no", "yes")))
        1
    """

    def _check_more_than_one_class(self) -> None:
        return


@dataclass(frozen=True)
class Split:
    """Data for training and for testing, and where they came from.

    Arguments:
        train: what a network learns from.
        test: what it is measured on at the end.
        validation: what choices (when to stop, how wide) are made on, or None.
        name, description, source, licence: of the whole.
        published: reference results, one sentence each.
        transform: how inputs and targets were scaled, fitted on ``train`` alone; its
            ``inverse_target`` gives predictions in the original units.

    Example:
        >>> train, test = load("digits")  # doctest: +SKIP
    """

    train: Dataset
    test: Dataset
    validation: Dataset | None = None
    name: str = ""
    description: str = ""
    source: str = ""
    licence: str = ""
    published: tuple[str, ...] = ()
    transform: Transform | None = None

    def augmented(self, augmentation: Augmentation | None) -> Split:
        """The same, with the images of ``train`` changed in every epoch.

        Arguments:
            augmentation: what may happen to an image; None for nothing.
        """
        return replace(self, train=self.train.augmented(augmentation))

    def __iter__(self) -> Iterator[Dataset]:
        """train, test; or train, validation, test where there is a validation part."""
        yield self.train
        if self.validation is not None:
            yield self.validation
        yield self.test

    def __repr__(self) -> str:
        lines = [
            f"Split {self.name!r}" + (f": {self.description}" * bool(self.description))
        ]
        lines += [f"  {part!r}" for part in self]
        for label in ("source", "licence"):
            if getattr(self, label):
                lines.append(f"  {label}: {getattr(self, label)}")
        lines += [f"  published: {result}" for result in self.published]
        return "\n".join(lines)


def as_dataset(values: object, name: str = "data") -> Dataset:
    """A data set from whatever names one: itself, a split, a pair of arrays, inputs.

    Arguments:
        values: a ``Dataset``; a ``Split`` (its ``train``); ``(inputs, targets)`` or
            ``(inputs, targets, sample_weight)``; or inputs alone.
        name: what messages call it.

    Example:
        >>> as_dataset(([[1.0], [2.0]], [0, 1])).task
        'classification'
    """
    if isinstance(values, Dataset):
        return values
    if isinstance(values, Split):
        return values.train
    if isinstance(values, (Mapping, str, os.PathLike)):
        raise ArgumentError(
            f"data: expected a Dataset or (inputs, targets), got {_briefly(values)}",
            fix="data.load(name), or data.read_table(path, target=...).dataset()",
        )
    if isinstance(values, tuple):
        if len(values) not in (2, 3):
            raise ArgumentError(
                f"data: a tuple of {len(values)}: expected (inputs, targets)",
                fix="several inputs are a tuple inside: ((inputs1, inputs2), targets)",
            )
        weights = values[2] if len(values) == 3 else None
        return Dataset(values[0], values[1], name=name, sample_weight=weights)
    if isinstance(values, list) and len(values) == 2 and hasattr(values[0], "shape"):
        raise ArgumentError(
            "data: a list of 2 arrays: expected a Dataset or (inputs, targets)",
            fix="a tuple: (x, y)",
        )
    indexed = hasattr(values, "__getitem__") and hasattr(values, "__len__")
    if indexed and not isinstance(values, list) and not _is_array(values):
        raise ArgumentError(
            f"data: {type(values).__name__}, which is indexed example by example: "
            "expected a Dataset or (inputs, targets)",
            fix="x, y = map(np.stack, zip(*(d[i] for i in range(len(d))))), then "
            "(x, y); data.Stream for more than memory holds",
        )
    return Dataset(values, name=name)


def _is_array(values: object) -> bool:
    """Whether it is an array, a tensor, a frame or a column, or rows of files."""
    names = ("__array__", "numpy", "to_numpy", "columns", "shape", "toarray")
    return isinstance(values, Rows) or any(hasattr(values, name) for name in names)


def _briefly(values: object) -> str:
    return repr(values) if isinstance(values, str) else f"a {type(values).__name__}"


def _no_names(what: str, own: Sequence[str]) -> DataError:
    return DataError(
        f"{what}: texts, and the model knows no class names: which of its outputs "
        f"{listed(own[:1])} means is not known",
        fix="model.class_names = (…), the names in the order of the outputs; cr.fit "
        "on labels that are texts sets them",
    )


def _no_images(operation: str, name: str) -> DataError:
    return DataError(
        f"{operation}: Dataset {name!r} does not hold images",
        fix="Dataset(..., image_shape=(height, width, channels))",
    )


def _tuple(arrays: Arrays | None) -> tuple[Array, ...]:
    if arrays is None:
        return ()
    return arrays if isinstance(arrays, tuple) else (arrays,)


def _shape_text(shape: Sequence[int]) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def _shape(array: Array) -> str:
    return _shape_text(array.shape[1:])
