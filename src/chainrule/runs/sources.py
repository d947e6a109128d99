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
from ..data.images.folders import FolderContents, find_images, has_classes
from ..data.tables import excel_files
from ..data.tables.columns import read_columns
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
FOR_TABLES = (
    *("target", "task", "drop", "keep", "categorical", "dates", "decimal"),
    "groups",
)
FOR_FOLDERS = ("size", "skip_broken")

#: How many training images the channel statistics are computed from.
SCALED_BY = 2000


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


def recognise(what: str, *, targets: bool = True, **asked: Any) -> Source:
    """The source that a word on the command line names: a data set, file or folder.

    Arguments:
        what: the word on the command line.
        targets: whether something is to be predicted: a column of a table, or the
            classes of images.
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
        return _recognise_folder(path, targets, asked)
    if what.endswith(("/", os.sep)):
        raise FileError(f"{what}: no such folder")
    _refuse(asked, FOR_FOLDERS, f"{what} is not a folder of images")
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
    if targets and not asked.get("target") and path.suffix.lower() == ".txt":
        raise ArgumentError(
            f"{what}: a text, or a table of which no column is to be predicted yet",
            fix="--task language learns to write like it; --target COLUMN predicts a "
            "column of a table",
        )
    if targets and not asked.get("target"):
        columns = read_columns(path).names
        listed = ", ".join(columns[:12]) + (", …" if len(columns) > 12 else "")
        raise ArgumentError(
            f"{what}: which column is to be predicted? There are: {listed}",
            fix=f"--target {shlex.quote(columns[-1])}, or another of them",
        )
    given = {option: value for option, value in asked.items() if value}
    return Source(file=str(path.resolve()), sha256=digest, **given)


def _recognise_folder(path: Path, targets: bool, asked: dict[str, Any]) -> Source:
    """A folder of images, its files counted and named in a checksum."""
    _refuse(asked, FOR_TABLES, f"{path} is a folder of images")
    given = {option: value for option, value in asked.items() if value}
    classes = targets or has_classes(path)
    digest = _listing(find_images(path, classes), path)
    return Source(
        folder=str(path.resolve()), sha256=digest, class_folders=classes, **given
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
        return load_named(source.name, validation, flat)
    if source.folder is not None:
        return _load_folder(source, validation, seed, flat)
    return _load_table(source, validation, seed)


def _load_folder(source: Source, validation: float, seed: int, flat: bool) -> Examples:
    path = Path(str(source.folder))
    if source.sha256 != _listing(find_images(path, source.class_folders), path):
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
            labels=source.class_folders,
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


def load_named(name: str, validation: float, flat: bool) -> Examples:
    """The examples of a named data set."""
    split = data.load(name, validation=validation, flatten=flat)
    return Examples(
        name,
        f"{split.description} (licence: {split.licence})",
        split.train,
        split.test,
        split.validation,
        _as_table_transform(split),
    )


def read_table(source: Source) -> data.Table:
    """The table of a run.

    Raises:
        FileError: the file is not there, or is not the one that it was.
        DataError: it cannot be learned from.
    """
    path = Path(str(source.file))
    if source.sha256 != checksum(path):
        raise FileError(
            f"{path}: the file has changed since this run began",
            fix="restore the file, or start a new run",
        )
    own = () if source.groups is None else (source.groups,)
    if source.groups is not None and source.groups == source.target:
        raise ArgumentError(
            f"--groups {source.groups}: it is the target, which is to be predicted",
            fix="another column, whose rows of one value belong together",
        )
    table = data.read_table(
        path,
        source.target,
        task=source.task,
        kinds=dict.fromkeys(source.categorical, "categorical"),
        drop=(*source.drop, *own),
        keep=source.keep,
        dates=source.dates,
        decimal=source.decimal,
    )
    _refuse_many_classes(table)
    return table


def _load_table(source: Source, validation: float, seed: int) -> Examples:
    table = read_table(source)
    name = Path(str(source.file)).name
    inner = validation * (1 - source.test)
    try:
        split = table.split(source.test, inner, seed, source.groups)
    except ArgumentError as error:
        raise _too_few(table, source, validation, seed) from error
    fitted: Any = split.transform
    columns = counted(len(table.kinds), "column")
    return Examples(
        name,
        f"{counted(len(table), 'row')}; {source.target or 'features'} from {columns}",
        split.train,
        split.test,
        split.validation,
        fitted,
        tuple(table.notes),
        tuple(table.reading()),
    )


def _too_few(
    table: data.Table, source: Source, validation: float, seed: int
) -> DataError:
    """The error where rows, or groups of them, are too few for all parts."""
    name = Path(str(source.file)).name
    parts = "training, validation and test" if validation else "training and test"
    none = "--validation 0 " if validation else ""
    if source.groups is None:
        count, what, of = len(table), "row", ""
        fix = _for_few_rows(table, source.test, validation, seed)
    else:
        count, what = int(table.groups(source.groups).max()) + 1, "group"
        of = f" of {source.groups!r}"
        fix = f"more groups; or {none}--test 0.5, to see it run"
    are = f"{count} {what}{of} is" if count == 1 else f"{count} {what}s{of} are"
    return DataError(f"{name}: {are} too few to split into {parts} data", fix=fix)


def _for_few_rows(table: data.Table, asked: float, validation: float, seed: int) -> str:
    """Advice that was tried: a part to test on that leaves something to learn from."""
    for test in (*((asked,) if asked <= 0.5 else ()), 0.2, 0.34, 0.5):
        try:
            table.split(test=test, seed=seed)
        except (ArgumentError, DataError):
            continue
        options = ["--validation 0"] if validation else []
        if test != asked:
            options.append(f"--test {test:g}")
        return f"more rows; or {' '.join(options)}, to see it run"
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


def _looks_like_file(word: str) -> bool:
    return word.lower().endswith(TABLE_SUFFIXES) or (
        ("/" in word or "\\" in word) and not word.startswith("uci/")
    )


def _words(value: Any) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)
