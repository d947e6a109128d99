"""The data of a run: a named data set or a person's table, ready to be learned from.

Place on the road: below the commands, above ``data``. It must not know of networks.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import data
from ..data import Rows
from ..data.datasets import Part
from ..data.images.decoding import is_image
from ..data.images.folders import FolderContents, ImageFiles, find_images
from ..data.tables import excel_files
from ..data.tables.columns import Columns, read_columns
from ..data.tables.csv_files import checksum
from ..data.tables.rules import ColumnRule, TargetRule
from ..errors import ArgumentError, DataError, FileError, OptionError, nearest
from ..wording import counted
from .settings import Settings, Source

Array = np.ndarray[Any, np.dtype[Any]]

#: Names that end so are meant as files.
TABLE_SUFFIXES = (
    *(".csv", ".tsv", ".txt", ".parquet", ".pq", ".gz", ".data", ".dat"),
    *excel_files.SUFFIXES,
)

#: Options that only tables take, and that only folders of images take.
FOR_TABLES = ("target", "task", "drop", "keep", "categorical", "dates", "decimal")
FOR_FOLDERS = ("size", "skip_broken")

#: How many training images the channel statistics are computed from.
SCALED_BY = 2000

#: Rows of a new table may lie this far outside the [0, 1] of pixels.
PIXEL_MARGIN = 0.01


@dataclass(frozen=True)
class Examples:
    """What a run learns from and is tested on.

    Arguments:
        title: what the data are called.
        description: a sentence on them.
        train, test: the examples.
        validation: those on which the best epoch is chosen, or None.
        transform: how a table's columns became numbers; None for images.
        notes: what was decided about a table, one sentence each.
        reading: how the columns of a table were read, kinds and their columns.
    """

    title: str
    description: str
    train: data.Dataset
    test: data.Dataset
    validation: data.Dataset | None
    transform: data.TableTransform | None
    notes: tuple[str, ...] = ()
    reading: tuple[tuple[str, str], ...] = ()


def recognise(what: str, **asked: Any) -> Source:
    """The source that a word on the command line names: a data set, file or folder.

    Arguments:
        what: the word on the command line.
        **asked: those of ``FOR_TABLES`` that are given, which only a table takes;
            ``size`` and ``skip_broken``, which only a folder of images takes; ``test``.

    Raises:
        OptionError: neither a name nor a file.
        FileError: the name of a file that is not there.
        ArgumentError: a file without a target, a data set with one.
    """
    path = Path(what)
    if what in data.names():
        for option, value in asked.items():
            if value:
                kind = "folders of images" if option in FOR_FOLDERS else "tables"
                raise ArgumentError(
                    f"--{_dashed(option)} {_words(value)}: the data set {what!r} knows "
                    f"its own: --{_dashed(option)} is for {kind}",
                    fix=f"leave --{_dashed(option)} out",
                )
        return Source(name=what)
    if path.is_dir():
        return _recognise_folder(path, asked)
    if what.endswith(("/", os.sep)):
        raise FileError(f"{what}: no such folder")
    _refuse(asked, FOR_FOLDERS, f"{what} is no folder of images")
    if not path.exists() and not _looks_like_file(what):
        here = [
            each.name for each in Path.cwd().iterdir() if _looks_like_file(each.name)
        ]
        close = nearest(what, [*data.names(), *here])
        raise OptionError(
            f"{what!r} is neither a data set nor a file; chainrule data lists the "
            "data sets",
            fix=f"did you mean {close!r}?" if close else None,
        )
    digest = checksum(path)
    if not asked.get("target"):
        columns = read_columns(path).names
        listed = ", ".join(columns[:12]) + (", …" if len(columns) > 12 else "")
        raise ArgumentError(
            f"{what}: which column is to be predicted? There are: {listed}",
            fix=f"--target {shlex.quote(columns[-1])}, or another of them",
        )
    given = {option: value for option, value in asked.items() if value}
    return Source(file=str(path.resolve()), sha256=digest, **given)


def _recognise_folder(path: Path, asked: dict[str, Any]) -> Source:
    """A folder of images, its files counted and named in a checksum."""
    _refuse(asked, FOR_TABLES, f"{path} is a folder of images")
    given = {option: value for option, value in asked.items() if value}
    return Source(
        folder=str(path.resolve()), sha256=_listing(find_images(path), path), **given
    )


def _refuse(asked: dict[str, Any], options: Sequence[str], because: str) -> None:
    for option in options:
        if asked.get(option):
            raise ArgumentError(
                f"--{_dashed(option)}: {because}",
                fix=f"leave --{_dashed(option)} out",
            )


def _dashed(option: str) -> str:
    return option.replace("_", "-")


def _listing(images: FolderContents, root: Path) -> str:
    """A checksum of the names and sizes of all images: it notices a change."""
    digest = hashlib.sha256()
    for part, (paths, _) in images.parts.items():
        for path in paths:
            line = f"{part} {path.relative_to(root)} {path.stat().st_size}\n"
            digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()


def of_run(settings: Settings) -> Examples:
    """The examples of a run that has begun, as its network takes them."""
    words = settings.training
    flat = settings.network.flat
    return load(settings.source, words.validation, words.seed, flat)


def load(source: Source, validation: float, seed: int, flat: bool = True) -> Examples:
    """The examples of a run.

    Arguments:
        source: where from.
        validation: the part of the training data to choose the best epoch on.
        seed: of the split of a table or folder into parts.
        flat: images as rows of numbers.

    Raises:
        FileError: the file is not there, or is not the one that it was.
        DataError: it cannot be learned from.
    """
    if source.name is not None:
        return _load_named(source.name, validation, flat)
    if source.folder is not None:
        return _load_folder(source, validation, seed, flat)
    return _load_table(source, validation, seed)


def _load_folder(source: Source, validation: float, seed: int, flat: bool) -> Examples:
    path = Path(str(source.folder))
    if source.sha256 != _listing(find_images(path), path):
        raise FileError(
            f"{path}: images in the folder have changed since this run began",
            fix="restore them, or start a new run",
        )
    try:
        split = data.image_folder(
            path,
            size=source.size,
            flatten=flat,
            test=source.test,
            validation=validation,
            seed=seed,
            skip_broken=source.skip_broken,
        )
    except ArgumentError as error:
        raise DataError(
            f"{path.name}: too few images to train and test on: {error.what}",
            fix="more images, or --validation 0 with a larger --test",
        ) from error
    height, width, channels = split.train.image_shape or (0, 0, 0)
    kind = "colour" if channels == 3 else "greyscale"
    return Examples(
        path.name,
        f"{split.description}, resized to {height} × {width} pixels, {kind}",
        split.train,
        split.test,
        split.validation,
        None,
    )


def _load_named(name: str, validation: float, flat: bool) -> Examples:
    split = data.load(name, validation=validation, flatten=flat)
    return Examples(
        name,
        f"{split.description} (licence: {split.licence})",
        split.train,
        split.test,
        split.validation,
        _as_table_transform(split),
    )


def _load_table(source: Source, validation: float, seed: int) -> Examples:
    path = Path(str(source.file))
    if source.sha256 != checksum(path):
        raise FileError(
            f"{path}: the file has changed since this run began",
            fix="restore the file, or start a new run",
        )
    kinds = dict.fromkeys(source.categorical, "categorical")
    table = data.read_table(
        path,
        source.target,
        task=source.task,
        kinds=kinds,
        drop=source.drop,
        keep=source.keep,
        dates=source.dates,
        decimal=source.decimal,
    )
    _refuse_many_classes(table)
    inner = validation * (1 - source.test)
    try:
        split = table.split(test=source.test, validation=inner, seed=seed)
    except ArgumentError as error:
        parts = "training, validation and test" if validation else "training and test"
        rows = f"{len(table)} {'row is' if len(table) == 1 else 'rows are'}"
        raise DataError(
            f"{path.name}: {rows} too few to split into {parts} data",
            fix=_for_few_rows(table, seed),
        ) from error
    fitted: Any = split.transform
    columns = "1 column" if len(table.kinds) == 1 else f"{len(table.kinds)} columns"
    return Examples(
        path.name,
        f"{len(table)} rows; {source.target} from {columns}",
        split.train,
        split.test,
        split.validation,
        fitted,
        tuple(table.notes),
        tuple(table.reading()),
    )


def _for_few_rows(table: data.Table, seed: int) -> str:
    """Advice that was tried: a part to test on that leaves something to learn from."""
    for test in (0.2, 0.34, 0.5):
        try:
            table.split(test=test, seed=seed)
        except (ArgumentError, DataError):
            continue
        part = "" if test == 0.2 else f" --test {test:g}"
        return f"more rows; or --validation 0{part}, to see it run"
    return "more rows"


def _refuse_many_classes(table: data.Table) -> None:
    """An error where most rows have a class of their own: there is nothing to learn."""
    classes = table.classes or ()
    if len(classes) > max(2, len(table) // 2):
        raise DataError(
            f"{table.columns.source}: {table.target!r} holds {len(classes)} different "
            f"values in {len(table)} rows: too many to be classes",
            fix="--task regression for a numeric target, or another --target",
        )


def _as_table_transform(split: data.Split) -> data.TableTransform | None:
    """The scaling of a named table as that of a file with these columns."""
    train, scaling = split.train, split.transform
    if train.image_shape is not None or not isinstance(scaling, data.Standardiser):
        return None
    names = feature_names(train)
    columns = tuple(
        ColumnRule(name, "numeric", float(mean), float(std))
        for name, mean, std in zip(names, scaling.mean, scaling.std, strict=True)
    )
    target = TargetRule(
        train.target_name or "class",
        train.task,
        float(scaling.target_mean[0]),
        float(scaling.target_std[0]),
        train.classes or (),
    )
    return data.TableTransform(columns, target)


def feature_names(dataset: data.Dataset) -> tuple[str, ...]:
    """The names of the columns of a data set's inputs; x1, x2 … where it has none."""
    inputs = np.asarray(dataset.inputs)
    numbered = tuple(f"x{number}" for number in range(1, inputs.shape[1] + 1))
    return dataset.feature_names or numbered


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
            f"{listed[0]}: images, but the network learned from the columns of a table",
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
                f"array {source.shape}: the network learned from columns with names",
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


def new_examples(settings: Settings, source: Any) -> data.Dataset:
    """Rows with known targets, to measure a run's network on.

    Raises:
        FileError, DataError: as ``new_inputs``; and for a missing target.
    """
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


def _known_images(settings: Settings, folder: Path) -> data.Dataset:
    """Images in folders that are named after the classes of a run."""
    images = find_images(folder)
    unknown = [name for name in images.classes if name not in settings.classes]
    if unknown:
        raise DataError(
            f"{folder}: the folder {unknown[0]!r} is no class of the network, which "
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
    test = _load_named(name, 0.0, settings.network.flat).test
    inputs = np.asarray(test.inputs)
    size = inputs[0].size
    if size != settings.network.inputs:
        raise DataError(
            f"{name}: {counted(size, 'input')} per example: the network takes "
            f"{settings.network.inputs}",
            fix=f"data like {settings.title!r}, which it learned from",
        )
    if (test.classes or ()) != settings.classes:
        raise DataError(
            f"{name}: its classes are not those of {settings.title!r}, "
            "which the network learned from"
        )
    if settings.transform is not None and name != settings.source.name:
        raise DataError(
            f"{name}: its columns are scaled by its own mean and deviation, which are "
            f"not those of {settings.title!r}",
            fix="a table file with the columns that the network learned from",
        )
    return test


def channel_scaling(
    train: data.Dataset,
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, of evenly spaced training images.

    A channel that is the same everywhere has a deviation of 1.
    """
    rows = np.unique(np.linspace(0, len(train) - 1, SCALED_BY).astype(np.int64))
    inputs: Any = train.take(rows)[0]
    images = inputs.reshape(len(rows), -1, (train.image_shape or (1,))[-1])
    mean = images.mean(axis=(0, 1), dtype=np.float64)
    std = images.std(axis=(0, 1), dtype=np.float64)
    std[std < 1e-6] = 1.0
    return tuple(mean.round(6).tolist()), tuple(std.round(6).tolist())


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
        else "the file needs every column that the network learned from",
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
            f"{file}: numbers from {low:g} to {high:g}: expected {what}",
            fix=f"divide them by {high:g}" if high > 1 and low >= 0 else None,
        )
    return inputs.astype(np.float32)


def _size(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape[:2] if shape[2:] == (1,) else shape))


def _looks_like_file(word: str) -> bool:
    return word.lower().endswith(TABLE_SUFFIXES) or (
        ("/" in word or "\\" in word) and not word.startswith("uci/")
    )


def _words(value: Any) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)
