"""Images: MNIST, Fashion-MNIST, CIFAR-10, USPS, digits.

Place on the road: part of the catalogue of named data sets. Each function returns
inputs in [0, 1] ``(N, H, W, C)`` float32 and labels ``(N,)``. It must not know of
splits or networks.
"""

from __future__ import annotations

import gzip
import importlib.util
import io
import zlib
from pathlib import Path

import numpy as np

from ...errors import FileError, missing_package
from ..validation import Array
from .download import RemoteFile, digest, is_present, read_content

Examples = tuple[Array, Array]

#: The four files of MNIST and of Fashion-MNIST, and the sha256 of what is in them.
IDX_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
IDX_SHA256 = {
    "mnist": (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    "fashion-mnist": (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}
IDX_ADDRESSES = {
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    "fashion-mnist": (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
}

USPS_NPZ = RemoteFile(
    "usps/usps.npz",
    "024e1009ac27e0111d34f38b6ddd84b3fedd33023ec91d9f1077af912ed531d8",
    (),
)
USPS_H5 = RemoteFile(
    "usps/usps.h5",
    "734f88c541104a956d88be2c95d03b4a463ffd74ccc2ba9c80841fb98e3fcb36",
    (
        "https://raw.githubusercontent.com/niuers/Learning-From-Data-A-Short-Course/"
        "879a698b960e5867f7c2b11f8938fa89c3d21839/data/usps.h5",
    ),
)

CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer",
    "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
#: Of the batches; those of 32 digits are the author's own md5 sums.
CIFAR10_CHECKSUMS = {
    "data_batch_1": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "data_batch_2": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
}
CIFAR10_FILES = tuple(
    RemoteFile(
        f"cifar-10/{name}.bin.xz",
        checksum,
        (),
        also=(f"cifar-10-batches-bin/{name}.bin",),  # where the author's archive has it
        by_hand="unpack cifar-10-binary.tar.gz, from "
        "https://www.cs.toronto.edu/~kriz/cifar.html, in the folder that "
        "CHAINRULE_DATA names",
    )
    for name, checksum in CIFAR10_CHECKSUMS.items()
)

#: The words of ``digits.csv``, as scikit-learn has carried it since 2010.
SKLEARN_DIGITS = "5a2b41de826b7c5d86e3446df8ba9dce5d9e9ac77bff64242d62e506fa06c46d"

UCI = "https://archive.ics.uci.edu/ml/machine-learning-databases/"
DIGIT_TABLES = {
    "pendigits.tra": "a9863272a9c59fddfdbdd1c3c52e21d37dcea019916f5f9a05726acb9d62d195",
    "pendigits.tes": "3f8d590646d8b6048fd31ecef93b528d9b819a1dcbbef6d82b0cebe227513d71",
    "optdigits.tra": "e6f33021f05f252454fb0ade1081b4a6be9752e41d6d94b3e8c909e8170a08ad",
    "optdigits.tes": "5a2b41de826b7c5d86e3446df8ba9dce5d9e9ac77bff64242d62e506fa06c46d",
}


def idx_files(name: str) -> tuple[RemoteFile, ...]:
    """The four files of ``"mnist"`` or ``"fashion-mnist"``."""
    return tuple(
        RemoteFile(
            f"{name}/{file}", sha256, tuple(base + file for base in IDX_ADDRESSES[name])
        )
        for file, sha256 in zip(IDX_FILES, IDX_SHA256[name], strict=True)
    )


def read_idx(content: bytes, what: str) -> Array:
    """An array of bytes from the idx format of LeCun's MNIST page.

    Format: two zero bytes, the code 8 for unsigned bytes, the number of axes, the
        length of
    each axis as a big-endian 32-bit integer, then the values in C order.

    Raises:
        FileError: another format, or fewer values than announced.
    """
    ndim = content[3] if len(content) >= 4 and content[:3] == b"\0\0\x08" else 0
    start = 4 + 4 * ndim
    if ndim == 0 or len(content) < start:
        raise FileError(f"data: {what}: not an idx file of unsigned bytes")
    shape = tuple(np.frombuffer(content, ">u4", ndim, 4).tolist())
    values = np.frombuffer(content, np.uint8, offset=start)
    if values.size != np.prod(shape):
        raise FileError(
            f"data: {what}: {values.size} values for the announced shape {shape}: "
            "the file is truncated"
        )
    return values.reshape(shape)


def load_digits() -> Examples | None:
    """The digits in scikit-learn's own file, without importing scikit-learn.

    Importing it takes a second and more, reading this file a fiftieth of that.

    Returns:
        All 1797 examples; None where the file is not there or not the one known here.
    """
    spec = importlib.util.find_spec("sklearn")
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder, "datasets", "data", "digits.csv.gz")
        try:
            text = gzip.decompress(path.read_bytes())
        except (OSError, EOFError, zlib.error):
            continue
        if digest(text, text=True) != SKLEARN_DIGITS:
            continue
        numbers = text.replace(b"\n", b",").rstrip(b",").split(b",")
        table = np.array(numbers, np.float32).reshape(-1, 65)
        return _unit(table[:, :-1].reshape(-1, 8, 8, 1), 16), table[:, -1].astype(int)
    return None


def load_idx(name: str) -> tuple[Examples, Examples]:
    """Training and test examples of MNIST or Fashion-MNIST."""
    arrays = [read_idx(read_content(file), file.path) for file in idx_files(name)]
    train, test = ((arrays[i][..., None], arrays[i + 1]) for i in (0, 2))
    return (_unit(train[0], 255), train[1]), (_unit(test[0], 255), test[1])


def load_cifar10() -> tuple[Examples, Examples]:
    """Training and test examples of CIFAR-10: the first training batch, those of the
    other four that are there, and the test batch."""
    first, *others, last = CIFAR10_FILES
    there = [first, *(file for file in others if is_present(file))]
    parts = [_cifar_batch(file) for file in (*there, last)]
    images_, labels = (np.concatenate(part) for part in zip(*parts[:-1], strict=True))
    return (images_, labels), parts[-1]


def _cifar_batch(file: RemoteFile) -> Examples:
    """10 000 rows: a label, then the planes of red, green and blue."""
    rows = np.frombuffer(read_content(file), np.uint8).reshape(-1, 3073)
    planes = rows[:, 1:].reshape(-1, 3, 32, 32)
    return _unit(planes.transpose(0, 2, 3, 1), 255), rows[:, 0].astype(np.int64)


def load_usps() -> tuple[Examples, Examples]:
    """Training and test examples of the USPS zip codes, pixels from −1 … 1 to 0 … 1."""
    if not is_present(USPS_NPZ):
        return _load_usps_h5()
    archive = np.load(io.BytesIO(read_content(USPS_NPZ)), allow_pickle=False)
    parts = []
    for part in ("train", "test"):
        pixels = (archive[f"{part}_x_milli"].astype(np.float64) / 1000 + 1) / 2
        parts.append((_unit(pixels.reshape(-1, 16, 16, 1), 1), archive[f"{part}_y"]))
    return parts[0], parts[1]


def _load_usps_h5() -> tuple[Examples, Examples]:
    try:
        h5py = importlib.import_module("h5py")
    except ImportError:
        raise missing_package("h5py", "reading usps.h5") from None
    with h5py.File(io.BytesIO(read_content(USPS_H5)), "r") as file:
        parts = [
            (
                _unit(file[part]["data"][:].reshape(-1, 16, 16, 1), 1),
                file[part]["target"][:],
            )
            for part in ("train", "test")
        ]
    return parts[0], parts[1]


def load_digit_table(name: str) -> tuple[Examples, Examples]:
    """Training and test rows of ``"pendigits"`` or ``"optdigits"``, as in the files."""
    parts = []
    for suffix in ("tra", "tes"):
        file = f"{name}.{suffix}"
        remote = RemoteFile(
            f"pendigits/{file}.gz",
            DIGIT_TABLES[file],
            (f"{UCI}{name}/{file}",),
            text=True,
        )
        text = read_content(remote).decode("ascii")
        table = np.loadtxt(io.StringIO(text), delimiter=",", dtype=np.int64)
        parts.append((table[:, :-1], table[:, -1]))
    return parts[0], parts[1]


def load_optdigits() -> tuple[Examples, Examples]:
    """Training and test examples of the optical digits, 8 × 8 counts from 0 to 16."""
    train, test = load_digit_table("optdigits")
    return tuple(  # type: ignore[return-value]
        (_unit(rows.reshape(-1, 8, 8, 1), 16), labels) for rows, labels in (train, test)
    )


def _unit(pixels: Array, largest: float) -> Array:
    return pixels.astype(np.float32) / np.float32(largest)
