"""New data for the network of a run: rows and images to predict, and known examples to
measure it on.

Place on the road: above ``sources``, which finds the data that a run learns from. It
must not know of networks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import data
from ..data import Rows
from ..data.datasets import Part
from ..data.images.decoding import is_image
from ..data.images.folders import ImageFiles, find_images
from ..data.tables.columns import Columns, read_columns, read_parts
from ..data.tables.differences import Differences
from ..errors import DataError, FileError, nearest
from ..wording import counted, signed
from .settings import Settings
from .sources import load_named

Array = np.ndarray[Any, np.dtype[Any]]

#: Rows of a new table may lie this far outside the [0, 1] of pixels.
PIXEL_MARGIN = 0.01


def name_of(source: object) -> str:
    """What messages call a file, or data that are none."""
    if isinstance(source, (str, os.PathLike)):
        return Path(source).name or str(source)
    return "frame" if hasattr(source, "columns") else "data"


def new_images(settings: Settings, what: object) -> tuple[list[str], Rows] | None:
    """Image files for a run's network: their names, and the inputs they make.

    Arguments:
        settings: of the run.
        what: an image file, a sequence of such, or a folder with some, at any depth.

    Returns:
        None where ``what`` is neither.

    Raises:
        FileError: an image file that is not there.
        DataError: a folder without images; images for a network that takes a table.
    """
    listed = _image_files(what)
    if listed is None:
        return None
    if not settings.image_shape:
        raise DataError(
            f"{listed[0]}: images, but the network was trained on the columns of a "
            "table",
            fix="a table with those columns",
        )
    files = []
    for path in listed:
        if not path.exists():
            raise FileError(f"{path}: no such file")
        found = [path]
        if path.is_dir():
            found = sorted(each for each in path.rglob("*") if is_image(each))
            if not found:
                raise DataError(f"{path}: no images in this folder")
        files += found
    height, width, channels = settings.image_shape
    rows = ImageFiles(files, (height, width), channels, settings.network.flat)
    return [str(each) for each in files], rows


def _image_files(what: object) -> list[Path] | None:
    """The paths that stand for images; None for everything else."""
    several = isinstance(what, (list, tuple)) and len(what) > 0
    given: Any = what if several else [what]
    if not all(isinstance(each, (str, os.PathLike)) for each in given):
        return None
    paths = [Path(each) for each in given]
    if all(path.is_dir() or is_image(path) for path in paths):
        return paths
    return None


def new_inputs(settings: Settings, source: object) -> tuple[Array, Columns | None]:
    """The inputs of a run's network, from new rows.

    Arguments:
        settings: of the run.
        source: a file, frame or mapping with the columns that the run learned from; for
            a run on images, a table, an array or a ``.npy`` file with one number a
            pixel.

    Returns:
        float32 ``(N, inputs)``, and the columns of the file where it is a table.

    Raises:
        FileError: it cannot be read.
        DataError: columns are missing, or hold other things than in training.
    """
    if settings.transform is not None:
        if isinstance(source, np.ndarray):
            raise DataError(
                f"array {source.shape}: the network was trained on columns with names",
                fix="pandas.DataFrame(array, columns=run.columns)",
            )
        fitted = data.TableTransform.from_json(settings.transform)
        columns = read_columns(source, decimal=fitted.decimals)
        _require_columns(columns, [rule.name for rule in fitted.columns])
        return fitted.transform(columns), columns
    pixels = _pixels(settings, source)
    if not settings.network.flat:
        pixels = pixels.reshape(len(pixels), *settings.image_shape)
    return pixels, None


@dataclass(frozen=True)
class NewRows:
    """Some of the rows of a file that are to be predicted.

    Arguments:
        inputs: ``(N, D)``, or images, as the network takes them.
        columns: all columns of the rows, where the file is a table.
    """

    inputs: Array
    columns: Columns | None


def new_parts(
    settings: Settings, file: str, differences: Differences | None = None
) -> Iterator[NewRows]:
    """The rows of a file in parts, so that it may be larger than memory.

    Arguments:
        settings: of the run.
        file: as for ``new_inputs``.
        differences: where given, is told of every part.

    Raises:
        FileError, DataError: as ``new_inputs``.
    """
    if settings.transform is None:
        yield NewRows(*new_inputs(settings, file))
        return
    fitted = data.TableTransform.from_json(settings.transform)
    for columns in read_parts(file, fitted.decimals):
        _require_columns(columns, [rule.name for rule in fitted.columns])
        if differences is not None:
            differences.add(columns)
        yield NewRows(fitted.transform(columns), columns)


def new_examples(settings: Settings, source: Any) -> data.Dataset:
    """Rows with known targets, to measure a run's network on.

    Raises:
        FileError, DataError: as ``new_inputs``; and for a missing target.
    """
    if settings.network.learns_features:
        return _examples_alone(settings, source)
    is_path = isinstance(source, (str, os.PathLike))
    if settings.image_shape and is_path and Path(source).is_dir():
        return _known_images(settings, Path(source))
    if settings.transform is None:
        raise DataError(
            f"{name_of(source)}: a network for images is evaluated on a named data "
            "set, or on a folder of images",
            fix=f"one with images of {_size(settings.image_shape)}: chainrule data "
            "lists them",
        )
    inputs, columns = new_inputs(settings, source)
    assert columns is not None
    if settings.target not in columns:
        raise DataError(
            f"{columns.source}: no column {settings.target!r}: the target is needed to "
            "evaluate predictions",
            fix="rows with known targets; chainrule predict takes rows without",
        )
    fitted = data.TableTransform.from_json(settings.transform)
    return Part(
        inputs,
        fitted.transform_target(columns),
        name=name_of(source),
        classes=settings.classes or None,
        target_name=settings.target,
        task=settings.task,
    )


def _examples_alone(settings: Settings, source: Any) -> data.Dataset:
    """Inputs without targets, to measure features on."""
    images = new_images(settings, source)
    inputs = new_inputs(settings, source)[0] if images is None else images[1]
    return Part(inputs, name=name_of(source), image_shape=settings.image_shape or None)


def _known_images(settings: Settings, folder: Path) -> data.Dataset:
    """Images in folders that are named after the classes of a run."""
    images = find_images(folder)
    unknown = [name for name in images.classes if name not in settings.classes]
    if unknown:
        raise DataError(
            f"{folder}: the folder {unknown[0]!r} is not a class of the network, which "
            f"knows {', '.join(settings.classes[:8])}"
        )
    every = list(images.parts.values())
    paths = [path for each, _ in every for path in each]
    names = [images.classes[label] for _, labels in every for label in labels]
    height, width, channels = settings.image_shape
    return Part(
        ImageFiles(paths, (height, width), channels, settings.network.flat),
        np.array([settings.classes.index(name) for name in names]),
        name=folder.name,
        classes=settings.classes,
        image_shape=settings.image_shape,
    )


def named_examples(settings: Settings, name: str) -> data.Dataset:
    """The test part of a named data set, if a run's network can take it.

    Raises:
        DataError: its inputs or classes are others.
    """
    test = load_named(name, 0.0, settings.network.flat).test
    inputs = np.asarray(test.inputs)
    size = inputs[0].size
    if size != settings.network.inputs:
        raise DataError(
            f"{name}: {counted(size, 'input')} per example: the network takes "
            f"{settings.network.inputs}",
            fix=f"data like {settings.title!r}, which it was trained on",
        )
    known = test.classes or ()
    if known != settings.classes and not settings.network.learns_features:
        raise DataError(
            f"{name}: its classes are not those of {settings.title!r}, "
            "which the network was trained on"
        )
    if settings.transform is not None and name != settings.source.name:
        raise DataError(
            f"{name}: its columns are scaled by its own mean and deviation, which are "
            f"not those of {settings.title!r}",
            fix="a table file with the columns that the network was trained on",
        )
    return test


def _require_columns(columns: Columns, names: Sequence[str]) -> None:
    """All missing columns in one sentence."""
    missing = [name for name in names if name not in columns]
    if not missing:
        return
    noun = "column" if len(missing) == 1 else "columns"
    listed = ", ".join(map(repr, missing[:8])) + (", …" if len(missing) > 8 else "")
    unused = [name for name in columns.names if name not in names]
    close = nearest(missing[0], unused)
    raise DataError(
        f"{columns.source}: {len(missing)} {noun} of the training data missing: "
        f"{listed}",
        fix=f"is {close!r} meant to be {missing[0]!r}?"
        if close
        else "the file needs every column that the network was trained on",
    )


def _pixels(settings: Settings, source: Any) -> Array:
    size = settings.network.inputs
    what = f"one number per pixel, {size} of {_size(settings.image_shape)}, from 0 to 1"
    file = name_of(source)
    if hasattr(source, "__array__") and not hasattr(source, "columns"):
        inputs = np.asarray(source, dtype=np.float32)
        alone = inputs.shape in (settings.image_shape, settings.image_shape[:2])
        inputs = inputs.reshape(1 if alone else len(inputs), -1)
    elif str(source).endswith(".npy"):
        inputs = np.asarray(data.memory_map(source).inputs, dtype=np.float32)
        inputs = inputs.reshape(len(inputs), -1)
    else:
        columns = read_columns(source)
        texts = [name for name in columns.names if columns[name].dtype.kind != "f"]
        if texts:
            raise DataError(f"{file}: column {texts[0]!r} holds text: expected {what}")
        inputs = np.stack([columns[name] for name in columns.names], axis=1)
    if inputs.shape[1] != size:
        raise DataError(
            f"{file}: {counted(inputs.shape[1], 'number')} per row: expected {what}"
        )
    low, high = float(np.min(inputs)), float(np.max(inputs))
    if not (low >= -PIXEL_MARGIN and high <= 1 + PIXEL_MARGIN):
        raise DataError(
            f"{file}: numbers from {signed(f'{low:g} to {high:g}')}: expected {what}",
            fix=f"divide them by {high:g}" if high > 1 and low >= 0 else None,
        )
    return inputs.astype(np.float32)


def _size(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape[:2] if shape[2:] == (1,) else shape))
