"""``memory_map``: data sets over files that stay on disk.

Place on the road: above data sets, which check each batch of such arrays when it is
taken. It must not know of batches.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..errors import FileError
from .datasets import Dataset
from .validation import Array


def memory_map(
    inputs: str | os.PathLike[str],
    targets: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> Dataset:
    """A data set over ``.npy`` files that stay on disk; only batches are read.

    Arguments:
        inputs: a ``.npy`` file with ``(N, …)`` inputs.
        targets: a ``.npy`` file with ``(N, …)`` targets, or None.
        **settings: the keyword arguments of ``Dataset``. Without ``classes`` the
            labels, and only they, are read once when ``num_classes`` is needed.

    Raises:
        FileError: no such file, or not a whole ``.npy`` file of numbers.

    Example:
        >>> examples = memory_map("x.npy", "y.npy", classes=10)  # doctest: +SKIP
    """
    arrays = [_map_file(path) for path in (inputs, targets) if path is not None]
    settings.setdefault("name", os.path.basename(os.fspath(inputs)))
    return Dataset(*arrays, **settings)


def _map_file(path: str | os.PathLike[str]) -> Array:
    try:
        array: Any = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise FileError(f"memory_map: {os.fspath(path)!r}: no such file") from None
    except (OSError, ValueError, EOFError) as error:
        raise FileError(
            f"memory_map: {os.fspath(path)!r}: "
            f"not a whole .npy file of numbers: {error}",
            fix="write it with numpy.save(path, array)",
        ) from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise FileError(
            f"memory_map: {os.fspath(path)!r}: an .npz archive cannot be mapped",
            fix="write each array with numpy.save(path, array)",
        )
    mapped: Array = array
    return mapped
