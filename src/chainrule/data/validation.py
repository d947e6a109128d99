"""What users give, as arrays, or one clear error.

Place on the road: the first step of every data set, and of every batch of a data set
that is too large to be checked as a whole. It must not know of batches, files or
networks; foreign arrays and frames are recognised by their methods, never by an import.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, DataError

Array = np.ndarray[Any, np.dtype[Any]]

_WHOLE = (int, np.integer)

#: Elements checked for NaN at a time, so that no large copy is made.
CHUNK_ELEMENTS = 1 << 22


def as_array(values: object, what: str) -> Array:
    """Numbers, booleans or texts of any origin as a NumPy array.

    Arguments:
        values: an array, memory map, list, pandas or Polars frame or series, tensor, or
            anything else that offers ``__array__`` or ``numpy()``.
        what: how messages call it, as in ``"Dataset: inputs"``.

    Returns:
        An array of kind bool, integer, float or text; not a copy where none is needed.

    Raises:
        DataError: lists of unequal lengths, columns of text in a frame, complex
            numbers.

    Example:
        >>> as_array([[1, 2], [3, 4]], "inputs").shape
        (2, 2)
    """
    if isinstance(values, np.ndarray):
        array: Array = values
    elif values is None or isinstance(values, (str, bytes, dict, set)):
        kind = type(values).__name__
        raise ArgumentError(f"{what}: expected an array, got {kind}")
    elif hasattr(values, "columns") and hasattr(values, "to_numpy"):
        return _frame_array(values, what)
    else:
        array = _convert(values, what)
    if array.ndim == 0:
        hint = "x.toarray()" if hasattr(values, "toarray") else "wrap it: [value]"
        raise DataError(
            f"{what}: a single {type(values).__name__}: expected one row per example",
            fix=hint,
        )
    if array.dtype.kind == "O":
        array = _plain(array, what)
    if array.dtype.kind not in "biufUT":
        raise DataError(
            f"{what} {array.shape}: dtype {array.dtype}: expected numbers",
            fix="convert it to float or integer first",
        )
    return array


def is_whole(value: object) -> bool:
    """Whether a value is a whole number; True and False are none.

    Example:
        >>> is_whole(3), is_whole(3.0), is_whole(True)
        (True, False, False)
    """
    return isinstance(value, _WHOLE) and not isinstance(value, bool)


def is_mapped(array: Array) -> bool:
    """Whether the array lies in a file that is mapped into memory (``np.memmap``)."""
    owner: object = array
    while isinstance(owner, np.ndarray):
        if isinstance(owner, np.memmap):
            return True
        owner = owner.base
    return False


def check_finite(
    array: Array,
    what: str,
    names: Sequence[str] | None = None,
    rows: Array | None = None,
) -> None:
    """Raise a ``DataError`` that names the first NaN or infinity of a float array.

    Arguments:
        array: ``(N, …)``; integers and booleans are not checked.
        what: how the message calls it.
        names: the names of the columns of an ``(N, D)`` array.
        rows: ``(N,)``, the row numbers to name where the array is part of a larger one.

    Example:
        >>> x = np.array([[1.0, np.nan]])
        >>> check_finite(x, "inputs", ["height", "age"])  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        chainrule.errors.DataError: inputs (1, 2): nan at row 0, column 'age': ...
    """
    if array.dtype.kind != "f" or array.size == 0:
        return
    step = max(1, CHUNK_ELEMENTS // max(1, array[0].size))
    for start in range(0, len(array), step):
        finite = np.isfinite(array[start : start + step])
        if not finite.all():
            index = [int(i) for i in np.argwhere(~finite)[0]]
            index[0] += start
            value = array[tuple(index)]
            if rows is not None:
                index[0] = int(rows[index[0]])
            raise DataError(
                f"{what} {array.shape}: {value} at {_place(index, names)}: "
                "every value must be finite",
                fix="leave the row out, or replace the value; "
                "data.read_table fills in missing values of a table",
            )


def check_labels(
    labels: Array,
    num_classes: int | None,
    what: str = "targets",
    rows: Array | None = None,
) -> None:
    """Raise a ``DataError`` for labels that are not whole numbers 0 … num_classes − 1.

    Arguments:
        labels: class indices of any shape, examples along the first axis.
        num_classes: how many classes there are; None checks only the sign.
        what: how the message calls them.
        rows: the row numbers to name where the labels are part of a larger array.

    Example:
        >>> check_labels(np.array([0, 10]), 10)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        chainrule.errors.DataError: targets: label 10 for 10 classes at row 1: ...
    """
    if labels.dtype.kind not in "iub":
        _refuse_float_labels(labels, what)
    wrong = labels < 0
    if num_classes is not None:
        wrong = wrong | (labels >= num_classes)
    if not wrong.any():
        return
    index = [int(i) for i in np.argwhere(wrong)[0]]
    label = labels[tuple(index)]
    if rows is not None:
        index[0] = int(rows[index[0]])
    place = _place(index, None)
    if num_classes is None:
        raise DataError(
            f"{what}: label {label} at {place}: labels count from 0",
            fix="subtract the smallest label, or task='regression' for numeric targets",
        )
    raise DataError(
        f"{what}: label {label} for {num_classes} classes at {place}: "
        f"labels go from 0 to {num_classes - 1}",
        fix=f"subtract 1 where labels count from 1, or provide {int(label) + 1} classes"
        if label > 0
        else "labels count from 0",
    )


#: The largest weight of a data set is between this and its inverse.
SMALLEST_WEIGHT = 1e-30


def as_weights(values: object, rows: int, what: str) -> Array:
    """How much each example counts, as checked numbers.

    Arguments:
        values: ``(N,)`` numbers of at least 0, not all of them 0.
        rows: N, the number of examples.
        what: how messages call the data.

    Raises:
        DataError: for another shape, a negative weight, nothing that counts, or weights
            so large or small that float32 cannot sum them.

    Example:
        >>> as_weights([2, 0], 2, "data")
        array([2., 0.])
    """
    weights = as_array(values, f"{what}: sample_weight").astype(np.float64)
    name = f"{what}: sample_weight {weights.shape}"
    if weights.shape != (rows,):
        raise DataError(f"{name} for {rows} examples: expected one weight for each")
    check_finite(weights, f"{what}: sample_weight")
    if (weights < 0).any():
        row = int(np.flatnonzero(weights < 0)[0])
        raise DataError(f"{name}: {weights[row]:g} at row {row}: expected 0 or more")
    if not weights.any():
        raise DataError(f"{name}: all 0: no example counts")
    if not SMALLEST_WEIGHT <= (largest := weights.max()) <= 1 / SMALLEST_WEIGHT:
        raise DataError(
            f"{name}: the largest is {largest:g}: sums of such numbers do not fit "
            "float32",
            fix="sample_weight / sample_weight.max(): only their ratios count",
        )
    return weights


def _refuse_float_labels(labels: Array, what: str) -> None:
    described = f"{what} {labels.shape}: {labels.dtype} labels"
    whole = labels.dtype.kind == "f" and bool(np.all(labels == np.floor(labels)))
    raise DataError(
        f"{described}: classes are counted with integers",
        fix="targets.astype(int)"
        if whole
        else "round them, or task='regression' for numeric targets",
    )


def _place(index: Sequence[int], names: Sequence[str] | None) -> str:
    if len(index) == 1:
        return f"row {index[0]}"
    if len(index) == 2:
        column = names[index[1]] if names is not None else index[1]
        return f"row {index[0]}, column {column!r}"
    return f"row {index[0]}, position {tuple(index[1:])}"


def _convert(values: Any, what: str) -> Array:
    if not hasattr(values, "__array__") and hasattr(values, "numpy"):
        values = values.numpy()
    try:
        return np.asarray(values)
    except (ValueError, TypeError) as error:
        if isinstance(values, (list, tuple)):
            lengths = [len(v) if hasattr(v, "__len__") else 1 for v in values]
            for row, length in enumerate(lengths):
                if length != lengths[0]:
                    raise DataError(
                        f"{what}: row {row} has length {length}, row 0 has length "
                        f"{lengths[0]}: every row must have the same length",
                        fix="pad or cut the rows to one length",
                    ) from None
        raise DataError(f"{what}: cannot be read as an array: {error}") from error


def _frame_array(frame: Any, what: str) -> Array:
    """A frame whose columns are all numbers; a column of text is named."""
    columns = []
    for name in frame.columns:
        column = as_array(frame[name].to_numpy(), f"{what}, column {str(name)!r}")
        if column.dtype.kind in "UT":
            raise DataError(
                f"{what} {frame.shape}: column {str(name)!r} holds text: "
                "a data set holds numbers",
                fix="data.read_table(frame, target=...) encodes text columns",
            )
        columns.append(column)
    if not columns:
        raise DataError(f"{what} {frame.shape}: no columns")
    return np.stack(columns, axis=1)


def _plain(array: Array, what: str) -> Array:
    """An array of Python objects as what they all are: texts, booleans, whole numbers;
    as float64 otherwise.
    """
    flat = array.ravel()
    kinds = {type(value) for value in flat}
    if kinds and all(issubclass(kind, str) for kind in kinds):
        return array.astype(str)
    if kinds and kinds <= {bool, np.bool_}:
        return array.astype(np.bool_)
    if kinds and all(issubclass(kind, _WHOLE) and kind is not bool for kind in kinds):
        return _whole_numbers(array)
    gaps = [position for position, value in enumerate(flat) if _is_missing(value)]
    texts = sum(isinstance(value, str) for value in flat)
    if gaps and texts and len(gaps) + texts == flat.size:
        index = [int(i) for i in np.unravel_index(gaps[0], array.shape)]
        raise DataError(
            f"{what} {array.shape}: no value at {_place(index, None)}, among texts",
            fix="leave the row out, or write what is missing as a text",
        )
    numbers = np.full(flat.shape, np.nan, dtype=np.float64)
    missing = set(gaps)
    for position, value in enumerate(flat):
        if position in missing:
            continue
        try:
            if isinstance(value, str):  # "7" would pass as the number it spells
                raise TypeError("text is not a number")
            numbers[position] = float(value)
        except (TypeError, ValueError):
            raise _no_number(position, value, array, what) from None
    return numbers.reshape(array.shape)


def _is_missing(value: Any) -> bool:
    """Whether it stands for a missing value: None, pandas' NA and NaT, or NaN."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _whole_numbers(array: Array) -> Array:
    try:
        return array.astype(np.int64)
    except OverflowError:
        return array.astype(np.float64)


def _no_number(position: int, value: object, array: Array, what: str) -> DataError:
    index = [int(i) for i in np.unravel_index(position, array.shape)]
    text = repr(value)
    text = text if len(text) <= 40 else text[:37] + "..."
    return DataError(
        f"{what} {array.shape}: {text} at {_place(index, None)} is not a number",
        fix="correct or leave out the value; data.read_table encodes columns of text",
    )
