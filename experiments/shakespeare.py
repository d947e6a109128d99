"""What the experiments with Shakespeare's text share: the text, and batches of it.

The text is ``text/tinyshakespeare_input.txt`` of the data folder: 1 115 394 characters,
65 different ones, put together by Karpathy for char-rnn (2015). The first nine tenths
are trained on; the last tenth is measured, and nothing is chosen by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule import data

from .record import data_file

FILE = "text/tinyshakespeare_input.txt"


def read() -> str:
    """The whole text."""
    return data_file(FILE, "the text is").read_text(encoding="utf-8")


def numbers() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], str]:
    """The characters as numbers: nine tenths, one tenth; and the alphabet."""
    text = read()
    alphabet = "".join(sorted(set(text)))
    places = {each: place for place, each in enumerate(alphabet)}
    ids = np.array([places[each] for each in text], np.int64)
    border = int(0.9 * len(ids))
    return ids[:border], ids[border:], alphabet


def windows(ids: Any, length: int) -> data.Dataset:
    """All of a text in windows one after another, and what follows each character."""
    rows = (len(ids) - 1) // length
    inputs, targets = (ids[i : i + rows * length].reshape(rows, -1) for i in (0, 1))
    return data.Dataset(inputs, targets, name="shakespeare", task="none")


def anywhere(
    ids: Any, length: int, batch_size: int, steps: int, seed: int
) -> data.Stream:
    """Batches of windows that begin anywhere, ``steps`` of them an epoch."""

    def make(epoch: int) -> Iterator[tuple[Any, Any]]:
        rng = np.random.default_rng([seed, epoch])
        for _ in range(steps):
            starts = rng.integers(0, len(ids) - length, (batch_size, 1))
            places = starts + np.arange(length)
            yield ids[places], ids[places + 1]

    return data.Stream(make, length=steps, name="shakespeare")
