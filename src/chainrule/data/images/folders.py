"""Images from folders, one folder a class, read while the network trains on others.

Place on the road: between a person's files and batches. How a file becomes an array is
decided in ``decoding``. It must not know of networks.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...config import config
from ...errors import ArgumentError, DataError, FileError
from ...wording import counted
from ..datasets import Dataset, Split
from ..lazy_rows import Rows
from ..splitting import train_test_split
from ..validation import Array
from .decoding import decode, describe, is_image

#: The largest size of images, unless a size is given.
USUAL_SIZE = 64
LEAST_SIZE = 16

#: Images of a data set of at most this many bytes stay in memory once they are read.
KEPT_BYTES = 1 << 30

#: Folders with these names are the parts, if there is one for training.
TRAIN_NAMES = ("train", "training")
TEST_NAMES = ("test", "testing")
VALIDATION_NAMES = ("validation", "val", "valid")


class ImageFiles(Rows):
    """Images in files, as an array that reads a row on access.

    Images are kept in memory, a byte a number, where they need no more than a gigabyte.

    Arguments:
        paths: of N files.
        size: ``(H, W)`` that every image is brought to.
        channels: 1 for grey, 3 for colours.
        flatten: rows ``(N, H·W·C)`` instead of ``(N, H, W, C)``.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        size: tuple[int, int],
        channels: int,
        flatten: bool = False,
    ) -> None:
        self.paths = tuple(paths)
        self.image_size, self.channels = size, channels
        image = (*size, channels)
        self.shape = (len(paths), *((int(np.prod(image)),) if flatten else image))
        self.dtype = np.dtype(np.float32)
        self._kept: Array | None = None
        if len(paths) * int(np.prod(image)) <= KEPT_BYTES:
            self._kept = np.empty((len(paths), *image), np.uint8)
        self._is_kept = np.zeros(len(paths), bool)

    def __getitem__(self, index: Any) -> Array:
        """float32 images in [0, 1], at a NumPy index of the first axis."""
        rows = np.arange(len(self.paths))[index]
        flat = np.ravel(rows)
        if not len(flat):
            return np.empty((0, *self.shape[1:]), self.dtype)
        images = np.stack([self._image(int(row)) for row in flat])
        scaled = images.astype(np.float32) / np.float32(255)
        return scaled.reshape(*np.shape(rows), *self.shape[1:])

    def _image(self, row: int) -> Array:
        if self._kept is None:
            return decode(self.paths[row], self.image_size, self.channels)
        if not self._is_kept[row]:
            self._kept[row] = decode(self.paths[row], self.image_size, self.channels)
            self._is_kept[row] = True
        kept: Array = self._kept[row]
        return kept


@dataclass(frozen=True)
class FolderContents:
    """The image files of a folder, and their classes.

    Arguments:
        classes: the names of the class folders, in alphabetical order; none of images
            without labels.
        parts: part (``"train"``, ``"test"``, ``"validation"``; ``""`` where the folder
            is not parted) ↦ (paths, labels), and no labels where there are no classes.
        left_out: files that are no images.
    """

    classes: tuple[str, ...]
    parts: dict[str, tuple[list[Path], list[int]]]
    left_out: tuple[Path, ...]


def image_folder(
    folder: str | os.PathLike[str],
    *,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    flatten: bool = False,
    test: float = 0.2,
    validation: float = 0.0,
    seed: int = 0,
    skip_broken: bool = False,
    labels: bool = True,
) -> Split:
    """Images in folders, one folder a class: ``train``, ``test``, maybe ``validation``.

    ``animals/cat/1.jpg``, ``animals/dog/a.png``; or with ``animals/train/cat/…`` and
    ``animals/test/cat/…`` where the parts are given. Each class has its share of every
    part. Files are read when a batch needs them, by ``config.threads`` threads ahead of
    the network; images that are transparent, grey, turned or in 16 bits are brought to
    one form, see ``decoding``.

    Arguments:
        folder: its path.
        size: height and width of all images; when not given that of the middle one of
            them, but at most 64.
        channels: 1 for grey, 3 for colours; when not given 3 if an image has colours.
        flatten: rows ``(N, H·W·C)``, for networks without convolutions.
        test, validation: the fractions to set aside, where folders do not part them.
        seed: of the parting.
        skip_broken: leave out files that cannot be read; every file is then read once
            in advance.
        labels: whether folders are classes. Otherwise all images below the folder, at
            any depth, are examples without targets, for models that learn features.

    Raises:
        FileError: no such folder.
        DataError: no class folders, a class without images, one class alone, or files
            that cannot be read; without labels, no images.

    Example:
        >>> split = image_folder("animals", size=32)  # doctest: +SKIP
        >>> split.train  # doctest: +SKIP
        Dataset 'animals/train': 800 examples · inputs (32, 32, 3) float32 · …
    """
    root = Path(folder)
    contents = find_images(root, labels)
    headers = _headers(contents, skip_broken)
    if skip_broken:
        contents = _without(contents, headers, root)
        headers = {path: header for path, header in headers.items() if header}
    chosen = _size(size, [h for h in headers.values() if h])
    colours = any(header and header[2] for header in headers.values())
    number = channels if channels is not None else 3 if colours else 1
    if number not in (1, 3):
        raise ArgumentError(
            f"image_folder: channels={channels!r}: expected 1 for greyscale, 3 for "
            "colour"
        )

    def dataset(part: str) -> Dataset:
        paths, classes = contents.parts[part]
        return Dataset(
            ImageFiles(paths, chosen, number, flatten),
            np.asarray(classes, np.int64) if contents.classes else None,
            name=f"{root.name}/{part}" if part else root.name,
            classes=contents.classes or None,
            image_shape=(*chosen, number),
        )

    return _split(root, contents, dataset, test, validation, seed)


def find_images(root: Path, labels: bool = True) -> FolderContents:
    """The image files below a folder, by part and class.

    Arguments:
        labels: whether folders are classes, as of ``image_folder``.

    Raises:
        FileError: no such folder.
        DataError: no class folders, a class without images, or one class alone; without
            labels, no images.
    """
    parts = _parts(root)
    left_out: list[Path] = []
    files: dict[str, tuple[list[Path], list[int]]] = {}
    if not labels:
        for part, place in parts.items():
            files[part] = _images_below(place, left_out), []
            if not files[part][0]:
                raise DataError(
                    f"image_folder: {place}: no images in this folder or below it",
                    fix="put images there: PNG, JPEG, …",
                )
        return FolderContents((), files, tuple(left_out))
    first = next(iter(parts.values()))
    classes = tuple(sorted(each.name for each in _folders(first)))
    if len(classes) < 2:
        raise _too_few(first, classes)
    for part, place in parts.items():
        files[part] = _files(place, classes, left_out)
    return FolderContents(classes, files, tuple(left_out))


def has_classes(root: Path) -> bool:
    """Whether a folder has folders that may be classes: two or more, and no images
    beside them.

    Raises:
        FileError: no such folder.
    """
    first = next(iter(_parts(root).values()))
    return len(_folders(first)) > 1 and not any(map(is_image, first.iterdir()))


def _parts(root: Path) -> dict[str, Path]:
    """The folders of the parts; the folder itself, as ``""``, where it has none."""
    if not root.is_dir():
        what = "a file, not a folder" if root.exists() else "no such folder"
        raise FileError(f"image_folder: {root}: {what}")
    named = {each.name.lower(): each for each in _folders(root)}
    parts = {
        part: named[name]
        for part, names in (
            ("train", TRAIN_NAMES),
            ("test", TEST_NAMES),
            ("validation", VALIDATION_NAMES),
        )
        for name in names
        if name in named
    }
    alone = "train" not in parts or len(parts) != len(named)
    return {"": root} if alone else parts


def _folders(place: Path) -> list[Path]:
    hidden = (".", "__")
    every = (each for each in place.iterdir() if not each.name.startswith(hidden))
    return sorted(each for each in every if each.is_dir())


def _files(
    place: Path, classes: tuple[str, ...], left_out: list[Path]
) -> tuple[list[Path], list[int]]:
    """Paths in alphabetical order and their labels; every class has some."""
    unknown = [each.name for each in _folders(place) if each.name not in classes]
    if unknown:
        raise DataError(
            f"image_folder: {place}: the class {unknown[0]!r} is not among those to "
            f"train on: {', '.join(classes[:8])}"
        )
    paths: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        images = _images_below(place / name, left_out)
        if not images:
            raise DataError(
                f"image_folder: {place / name}: no images in the folder of the class "
                f"{name!r}",
                fix="put images there (PNG, JPEG, …), or remove the folder",
            )
        paths += images
        labels += [label] * len(images)
    return paths, labels


def _images_below(place: Path, left_out: list[Path]) -> list[Path]:
    """In alphabetical order; other files are added to those that are left out."""
    below = sorted(each for each in place.rglob("*") if each.is_file())
    left_out += [
        each for each in below if not is_image(each) and not each.name.startswith(".")
    ]
    return [each for each in below if is_image(each)]


def _too_few(place: Path, classes: tuple[str, ...]) -> DataError:
    loose = sum(is_image(each) for each in place.iterdir())
    if classes:
        return DataError(
            f"image_folder: {place}: one class alone, {classes[0]!r}: a classifier "
            "needs images of two classes or more",
            fix=f"a folder for each class: {place / classes[0]}, {place / 'another'}, "
            "…; or the folder above",
        )
    return DataError(
        f"image_folder: {place}: {loose or 'no'} images and no folders in it: expected "
        "one folder of images for each class",
        fix=f"{place}/cat/1.jpg, {place}/dog/1.jpg, …; images without labels are for "
        "models that learn features",
    )


Header = tuple[int, int, bool] | None


def _headers(contents: FolderContents, whole: bool) -> dict[Path, Header]:
    """Height, width and colours of every file, read by several threads.

    Arguments:
        contents: the files.
        whole: whether to read files to their end, and to return None for broken ones;
            otherwise a file that is no image is an error.
    """
    from concurrent.futures import ThreadPoolExecutor

    every = [path for paths, _ in contents.parts.values() for path in paths]

    def header(path: Path) -> Header | DataError:
        try:
            if whole:
                decode(path, (8, 8), 3)
            return describe(path)
        except DataError as error:
            return None if whole else error

    with ThreadPoolExecutor(config.threads) as pool:
        headers = dict(zip(every, pool.map(header, every), strict=True))
    errors = [each for each in headers.values() if isinstance(each, DataError)]
    if errors:
        others = len(errors) - 1
        more = f"; nor are {others} other files" if others > 1 else ""
        more = "; nor is one other file" if others == 1 else more
        raise DataError(
            f"image_folder: {errors[0].what}{more}",
            fix="remove them, or leave them out: skip_broken=True",
        )
    return headers  # type: ignore[return-value]


def _without(
    contents: FolderContents, headers: dict[Path, Header], root: Path
) -> FolderContents:
    """The folder without files that cannot be read."""
    parts, broken = {}, []
    for part, (paths, labels) in contents.parts.items():
        kept = [i for i, path in enumerate(paths) if headers[path] is not None]
        broken += [path for path in paths if headers[path] is None]
        numbers = [labels[i] for i in kept] if labels else []
        parts[part] = [paths[i] for i in kept], numbers
        if not kept and not labels:
            raise DataError(f"image_folder: {root}: no image can be read")
        missing = set(range(len(contents.classes))) - set(parts[part][1])
        if missing:
            name = contents.classes[min(missing)]
            raise DataError(
                f"image_folder: {root}: no image of the class {name!r} can be read"
            )
    return FolderContents(contents.classes, parts, (*contents.left_out, *broken))


def _size(
    asked: int | tuple[int, int] | None, headers: Sequence[tuple[int, int, bool]]
) -> tuple[int, int]:
    if asked is None:
        middle = int(np.median([min(height, width) for height, width, _ in headers]))
        side = max(LEAST_SIZE, min(USUAL_SIZE, middle))
        return side, side
    pair = asked if isinstance(asked, tuple) else (asked, asked)
    whole = all(isinstance(n, int) and not isinstance(n, bool) for n in pair)
    if len(pair) != 2 or not whole or min(pair) < 1:
        raise ArgumentError(
            f"image_folder: size={asked!r}: expected a number of pixels, or "
            "(height, width)"
        )
    return pair[0], pair[1]


def _split(
    root: Path,
    contents: FolderContents,
    dataset: Any,
    test: float,
    validation: float,
    seed: int,
) -> Split:
    """The parts as given by folders, or drawn at random."""
    count = sum(len(paths) for paths, _ in contents.parts.values())
    described = counted(count, "image")
    if contents.classes:
        described += f" of {len(contents.classes)} classes"
    if contents.left_out:
        described += f"; {counted(len(contents.left_out), 'other file')} left out"
    about: dict[str, Any] = {
        "name": root.name,
        "description": described,
        "source": str(root),
    }
    held_out: Dataset | None = None
    if "" in contents.parts:
        inner = validation * (1 - test)
        parts = train_test_split(dataset(""), test, inner, seed=seed)
        return Split(parts.train, parts.test, parts.validation, **about)
    train = dataset("train")
    if "validation" in contents.parts:
        held_out = dataset("validation")
    if "test" in contents.parts:
        tested = dataset("test")
    else:  # the validation part is the only one to test on
        assert held_out is not None
        tested, held_out = held_out, None
    if held_out is None and validation:
        inner_parts = train_test_split(train, validation, seed=seed)
        train, held_out = inner_parts.train, inner_parts.test
        train.name, held_out.name = f"{root.name}/train", f"{root.name}/validation"
    return Split(train, tested, held_out, **about)
