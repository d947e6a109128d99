"""Windows of an image by plain Python loops, for the layers that have windows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

Array = Any


def each_window(
    x: Array, kernel: Any, stride: Any, pads: Any, counts: Any, dilation: Any = None
) -> Iterator[tuple[Any, Array]]:
    """(place, (N, elements inside the image, C)) of every window."""
    axes = len(kernel)
    gaps = dilation or (1,) * axes
    for place in np.ndindex(*counts):
        inside = []
        for i, k, s, (before, _), d, n in zip(
            place, kernel, stride, pads, gaps, x.shape[1:-1], strict=True
        ):
            found = [i * s - before + a * d for a in range(k)]
            inside.append([a for a in found if 0 <= a < n])
        seen = x[np.ix_(range(len(x)), *inside, range(x.shape[-1]))]
        yield place, seen.reshape(len(x), -1, x.shape[-1])


def counted(x: Array, kernel: Any, stride: Any, pads: Any, dilation: Any = None) -> Any:
    """How many windows there are along each axis."""
    gaps = dilation or (1,) * len(kernel)
    return tuple(
        len(range(0, before + n + after - d * (k - 1), s))
        for n, k, s, (before, after), d in zip(
            x.shape[1:-1], kernel, stride, pads, gaps, strict=True
        )
    )


def pooled(
    reduce: Any, x: Array, kernel: Any, stride: Any, pads: Any, dilation: Any = None
) -> Array:
    """Each window reduced over its elements inside the image."""
    counts = counted(x, kernel, stride, pads, dilation)
    result = np.zeros((len(x), *counts, x.shape[-1]))
    for place, seen in each_window(x, kernel, stride, pads, counts, dilation):
        result[(slice(None), *place)] = reduce(seen)
    return result


def bins(size: int, count: int) -> list[tuple[int, int]]:
    """Where the parts of an axis start and end, by rational numbers."""
    return [
        (int(np.floor(i * size / count)), int(np.ceil((i + 1) * size / count)))
        for i in range(count)
    ]
