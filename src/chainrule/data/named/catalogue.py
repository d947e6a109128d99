"""The catalogue of named data sets: ``data.load("digits")``.

Place on the road: the first step of most examples. It knows each set's origin, licence
and published results; how files are found and read is the business of other files. It
must not know of networks.

========================  ===========================================================
``digits``                handwritten digits 8 × 8, in scikit-learn: no download
``iris`` ``wine``         small tables, in scikit-learn: no download
``breast-cancer``         likewise
``diabetes``              likewise, regression
``mnist``                 handwritten digits 28 × 28, 60 000 + 10 000
``fashion-mnist``         articles of clothing 28 × 28, 60 000 + 10 000
``cifar-10``              colour photographs 32 × 32, as many of the five batches of
                          10 000 as there are, and 10 000
``usps``                  digits of zip codes 16 × 16, 7291 + 2007
``optdigits``             handwritten digits 8 × 8, 3823 + 1797, other writers in
                          the test part
``pendigits``             digits as 8 points of a pen, 7494 + 3498
``uci/boston`` and more   nine regression tables with published splits: ``split=0``
========================  ===========================================================

Images are float32 in [0, 1]. Tables are standardised with the mean and standard
deviation of their training part, and so are regression targets, ``(N, 1)``;
``split.transform`` remembers the numbers. Sets without an official split are parted 80
to 20 with seed 0, classes in equal shares.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ...errors import ArgumentError, OptionError, missing_package, unknown_option
from ..datasets import Dataset, Split
from ..images.folders import image_folder
from ..scaling import Standardiser
from ..splitting import train_test_split
from ..validation import Array
from . import image_sets, uci

Parts = tuple[tuple[Array, Array], tuple[Array, Array]]

DIGIT_NAMES = tuple("0123456789")
CLOTHES = (
    "T-shirt/top", "trouser", "pullover", "dress", "coat",
    "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
SKLEARN = "scikit-learn, sklearn.datasets"
UCI_LICENCE = "CC BY 4.0 (UCI Machine Learning Repository)"


@dataclass(frozen=True)
class Entry:
    """An entry of the catalogue: what a set is, and the function that reads it."""

    description: str
    source: str
    licence: str
    published: tuple[str, ...]
    read: Callable[[int], Parts] | None = None
    classes: tuple[str, ...] | None = None
    target_name: str | None = None
    feature_names: tuple[str, ...] | None = None


CATALOGUE: dict[str, Entry] = {
    "digits": Entry(
        "1797 handwritten digits, 8 × 8 pixels",
        f"{SKLEARN}.load_digits; UCI optdigits, test part (Alpaydin & Kaynak, 1998)",
        UCI_LICENCE,
        ("k nearest neighbours on optdigits, whose test part this is: 98.0 %",),
    ),
    "iris": Entry(
        "150 irises of three species, four lengths each",
        f"{SKLEARN}.load_iris; Fisher, 1936",
        UCI_LICENCE,
        ("linear discriminants, fitted and measured on all 150: 98.0 %",),
    ),
    "wine": Entry(
        "178 wines of three growers, thirteen chemical measurements",
        f"{SKLEARN}.load_wine; Forina et al., 1991",
        UCI_LICENCE,
        ("linear discriminants, leave one out: 98.9 % (Aeberhard et al., 1992)",),
    ),
    "breast-cancer": Entry(
        "569 tumours, malignant or benign, thirty measurements of cell nuclei",
        f"{SKLEARN}.load_breast_cancer; Wolberg, Street & Mangasarian, 1993",
        UCI_LICENCE,
        ("plane in three features, ten folds: 97.5 % (Street et al., 1993)",),
    ),
    "diabetes": Entry(
        "442 patients, ten measurements, progression of diabetes after one year",
        f"{SKLEARN}.load_diabetes; Efron, Hastie, Johnstone & Tibshirani, 2004",
        "none stated",
        ("least squares on all 442: R² 0.518 (Efron et al., 2004)",),
        target_name="progression",
    ),
    "mnist": Entry(
        "70 000 handwritten digits, 28 × 28 pixels",
        "LeCun, Cortes & Burges, 1998",
        "none stated by the authors",
        (
            "linear classifier: 12.0 % test error (LeCun et al., 1998)",
            "k nearest neighbours: 5.0 % (LeCun et al., 1998)",
            "784-300-10, squared error: 4.7 % (LeCun et al., 1998)",
            "784-800-10, cross-entropy: 1.6 % (Simard et al., 2003)",
            "LeNet-5: 0.95 % (LeCun et al., 1998)",
        ),
        lambda split: image_sets.load_idx("mnist"),
        DIGIT_NAMES,
    ),
    "fashion-mnist": Entry(
        "70 000 articles of clothing, 28 × 28 pixels",
        "Xiao, Rasul & Vollgraf, 2017",
        "MIT",
        (
            "256-128-100 perceptron: 88.3 % test accuracy (Xiao et al., 2017)",
            "two convolutions with pooling: 87.6 % to 91.6 %",
            "people: 83.5 %",
        ),
        lambda split: image_sets.load_idx("fashion-mnist"),
        CLOTHES,
    ),
    "cifar-10": Entry(
        "colour photographs of ten kinds of things, 32 × 32 pixels",
        "Krizhevsky, 2009",
        "none stated by the author",
        (
            "convolutional network: 18 %, with moved images 13 % test error "
            "(cuda-convnet, on all 50 000)",
            "ResNet-20: 8.75 % (He et al., 2016)",
        ),
        lambda split: image_sets.load_cifar10(),
        image_sets.CIFAR10_CLASSES,
    ),
    "usps": Entry(
        "9298 digits of zip codes on envelopes, 16 × 16 pixels",
        "Hull, 1994; as in Hastie et al., The Elements of Statistical Learning",
        "none stated by the authors",
        (
            "nearest neighbour: 5.6 % test error",
            "convolutional network: 5.0 % (LeCun et al., 1989)",
            "people: about 2.5 %",
        ),
        lambda split: image_sets.load_usps(),
        DIGIT_NAMES,
    ),
    "optdigits": Entry(
        "5620 handwritten digits, 8 × 8 pixels; the test part by other writers",
        "UCI optdigits (Alpaydin & Kaynak, 1998)",
        UCI_LICENCE,
        ("k nearest neighbours: 98.00 % test accuracy for k = 1, 97.83 % for k = 3",),
        lambda split: image_sets.load_optdigits(),
        DIGIT_NAMES,
    ),
    "pendigits": Entry(
        "10 992 handwritten digits as eight points of a pen; the test by other writers",
        "UCI pendigits (Alpaydin & Alimoglu, 1998)",
        UCI_LICENCE,
        ("k nearest neighbours: 97.74 % test accuracy for k = 1, 97.80 % for k = 3",),
        lambda split: image_sets.load_digit_table("pendigits"),
        DIGIT_NAMES,
        feature_names=tuple(f"{axis}{point}" for point in range(1, 9) for axis in "xy"),
    ),
}


def _uci_entry(name: str) -> Entry:
    table = uci.TABLES[name]
    return Entry(
        f"UCI regression table {table.folder}: {table.target}",
        "UCI, with the splits of Hernández-Lobato & Adams, 2015",
        UCI_LICENCE,
        table.published,
        lambda split: uci.load_regression(name, split),
        target_name=table.target,
    )


CATALOGUE |= {name: _uci_entry(name) for name in uci.TABLES}


def names() -> tuple[str, ...]:
    """The names that ``load`` knows.

    Example:
        >>> "digits" in names()
        True
    """
    return tuple(CATALOGUE)


def load(
    name: str | os.PathLike[str],
    *,
    flatten: bool = True,
    standardise: bool = True,
    validation: float = 0.0,
    split: int = 0,
) -> Split:
    """A named data set, or a folder of images: ``train``, ``test`` and more.

    Looked for in ``config.data_folder`` (``CHAINRULE_DATA``), then in the cache folder,
    then downloaded from the original address and checked.

    Arguments:
        name: one of ``names()``; or the path of a folder with one folder of images for
            each class, see ``image_folder``.
        flatten: images as rows ``(N, H·W·C)``, their shape kept in ``image_shape``;
            else ``(N, H, W, C)``.
        standardise: scale tables, and regression targets, by the mean and standard
            deviation of the training part.
        validation: the fraction of the training part to set aside for choices; 0 for
            none.
        split: which published split, of the sets ``uci/…``.

    Raises:
        OptionError: an unknown name; the message offers the nearest.
        FileError: neither found nor downloaded; a wrong checksum.

    Example:
        >>> digits = load("digits")
        >>> digits.train.inputs.shape, digits.test.inputs.shape
        ((1438, 64), (359, 64))
    """
    entry = CATALOGUE.get(name) if isinstance(name, str) else None
    if entry is None:
        if isinstance(name, (str, os.PathLike)) and os.path.isdir(name):
            return image_folder(name, flatten=flatten, validation=validation)
        raise _unknown_name(name)
    if split != 0 and name not in uci.TABLES:
        raise ArgumentError(
            f"data.load({name!r}, split={split!r}): it has one split only"
        )
    name = str(name)
    if entry.read is None:
        entry, whole = _from_sklearn(name, entry)
        parts = train_test_split(whole)
        (x, y), (u, v) = parts.train[:], parts.test[:]
        read: Parts = ((np.asarray(x), np.asarray(y)), (np.asarray(u), np.asarray(v)))
    else:
        read = entry.read(split)
    result = _as_split(name, entry, read, flatten, standardise)
    if validation:
        parts = train_test_split(result.train, test=validation)
        inner, held_out = parts.train, parts.test
        inner.name, held_out.name = f"{name}/train", f"{name}/validation"
        result = replace(result, train=inner, validation=held_out)
    return result


def _as_split(
    name: str, entry: Entry, parts: Parts, flatten: bool, standardise: bool
) -> Split:
    (x, y), (u, v) = parts
    shape = x.shape[1:] if x.ndim == 4 else None
    transform = None
    if shape is not None and flatten:
        x, u = x.reshape(len(x), -1), u.reshape(len(u), -1)
    elif shape is None and standardise:
        regression = y.dtype.kind == "f"
        transform = Standardiser.fit(x, y if regression else None)
        x, u = transform.transform(x), transform.transform(u)
        if regression:
            y, v = transform.transform_target(y), transform.transform_target(v)

    def dataset(part: str, inputs: Array, targets: Array) -> Dataset:
        labels = targets.dtype.kind in "iu"
        return Dataset(
            inputs.astype(np.float32),
            targets if labels else targets.astype(np.float32),
            name=f"{name}/{part}",
            classes=entry.classes,
            feature_names=entry.feature_names,
            target_name=entry.target_name,
            image_shape=shape,
        )

    return Split(
        dataset("train", x, y),
        dataset("test", u, v),
        name=name,
        description=entry.description,
        source=entry.source,
        licence=entry.licence,
        published=entry.published,
        transform=transform,
    )


def _from_sklearn(name: str, entry: Entry) -> tuple[Entry, Dataset]:
    """A set that scikit-learn carries, whole; images as (N, 8, 8, 1) in [0, 1]."""
    if name == "digits" and (read := image_sets.load_digits()) is not None:
        return replace(entry, classes=DIGIT_NAMES), Dataset(*read)
    try:
        from sklearn import datasets
    except ImportError:
        raise missing_package("scikit-learn", f"data.load({name!r})") from None
    if name == "digits":
        bunch = datasets.load_digits()
        inputs = (bunch.images[..., None] / 16).astype(np.float32)
        return replace(entry, classes=DIGIT_NAMES), Dataset(inputs, bunch.target)
    if name == "diabetes":
        bunch = datasets.load_diabetes(scaled=False)
        targets, classes = bunch.target[:, None], None
    else:
        bunch = getattr(datasets, "load_" + name.replace("-", "_"))()
        targets = bunch.target
        classes = tuple(str(label) for label in bunch.target_names)
    features = tuple(str(feature) for feature in bunch.feature_names)
    entry = replace(entry, classes=classes, feature_names=features)
    return entry, Dataset(bunch.data, targets)


def _unknown_name(name: object) -> OptionError:
    error = unknown_option("data set", name, CATALOGUE)
    if isinstance(name, (str, os.PathLike)):
        path = os.fspath(name)
        if os.path.exists(path) or path.endswith((".csv", ".tsv", ".parquet", ".txt")):
            fix = f"data.read_table({path!r}, target=...) reads a file"
            return OptionError(error.what, fix=fix)
    return error
