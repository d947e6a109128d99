"""A long text as batches: rows that are read on and on, or windows anywhere.

Place on the road: between the numbers of a text and ``fit``. It must not know what the
numbers stand for.

A batch is ``((ids, begins), following)``: tokens ``(B, T)``; whether a row begins anew,
``(B,)``, or goes on where the batch before ended; and the tokens that follow each,
``(B, T)``. Where a row or window begins changes with the epoch, and is determined by
(seed, epoch).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...errors import DataError
from ..batching import Stream, epoch_order
from ..validation import Array


def packed_rows(
    ids: Array, batch_size: int, length: int, seed: int = 0, name: str = "text"
) -> Stream:
    """A text cut into ``batch_size`` rows, each of which goes on from batch to batch.

    Arguments:
        ids: tokens, ``(N,)``.
        batch_size: how many rows there are.
        length: tokens of each in a batch.
        seed: of where the first row begins, up to ``length`` tokens late.
        name: what messages call it.

    Raises:
        DataError: for a text that is too short for one batch.

    Example:
        >>> stream = packed_rows(np.arange(30), batch_size=2, length=4)
        >>> [begins.tolist() for (_, begins), _ in stream.batches()]
        [[True, True], [False, False], [False, False]]
        >>> (ids, _), following = next(stream.batches())
        >>> bool((following == ids + 1).all())
        True
    """
    row = (len(ids) - length) // batch_size
    steps = row // length
    if steps < 1:
        raise _too_short(name, len(ids), batch_size, length, batch_size * length)

    def make(epoch: int) -> Iterator[Any]:
        start = _offset(length, seed, epoch)
        places = start + row * np.arange(batch_size)[:, None] + np.arange(length)
        for step in range(steps):
            begins = np.full(batch_size, step == 0)
            yield (ids[places], begins), ids[places + 1]
            places = places + length

    return Stream(make, length=steps, name=name)


def packed_windows(
    ids: Array, batch_size: int, length: int, seed: int = 0, name: str = "text"
) -> Stream:
    """A text cut into windows, in another order and at other places in every epoch;
    those that fill no batch are left out, in every epoch others.

    Arguments, errors: as ``packed_rows``.

    Example:
        >>> stream = packed_windows(np.arange(40), batch_size=2, length=8)
        >>> stream.length, [ids.shape for (ids, _), _ in stream.batches()]
        (2, [(2, 8), (2, 8)])
    """
    windows = (len(ids) - length) // length
    steps = windows // batch_size
    if steps < 1:
        raise _too_short(name, len(ids), batch_size, length, batch_size * length)

    def make(epoch: int) -> Iterator[Any]:
        start = _offset(length, seed, epoch)
        order = epoch_order(windows, seed, epoch)
        begins = np.full(batch_size, True)
        for step in range(steps):
            chosen = order[step * batch_size : (step + 1) * batch_size, None]
            places = start + chosen * length + np.arange(length)
            yield (ids[places], begins), ids[places + 1]

    return Stream(make, length=steps, name=name)


def whole_windows(ids: Array, length: int) -> tuple[tuple[Array, Array], Array]:
    """All of a text in windows one after another, as examples: ``((ids, begins),
    following)``; what fills no window at the end is left out, and of a text shorter
    than a window nothing.
    """
    size = min(length, len(ids) - 1)
    rows = (len(ids) - 1) // size
    inputs, targets = (ids[i : i + rows * size].reshape(rows, size) for i in (0, 1))
    return (inputs, np.full(rows, True)), targets


def _offset(length: int, seed: int, epoch: int) -> int:
    """Where the first window begins, from 0 to ``length`` − 1."""
    return int(np.random.default_rng([seed, epoch]).integers(0, length))


def _too_short(
    name: str, tokens: int, batch_size: int, length: int, needed: int
) -> DataError:
    return DataError(
        f"{name}: {tokens} tokens: too few for one batch of {batch_size} × {length} "
        f"tokens, which takes {needed + length}",
        fix="a longer text, a smaller batch_size or a shorter length",
    )
