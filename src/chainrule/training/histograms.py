"""Histograms of weights, gradients and activations over the epochs, in little memory.

Place on the road: below ``Watch``, which asks for them; arrays in, counts out. It must
not know of networks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ..graph import Array

#: Of what there are histograms. Those of gradients are of their logarithms.
KINDS = ("weights", "gradients", "activations")

BINS = 48

#: More values than this are counted by an evenly spaced part of them.
MOST_VALUES = 50_000

#: When more epochs are held, every second one is dropped, and only every second one
#: after that is added.
MOST_EPOCHS = 256

#: The bins reach over all but this share of the values, at either end.
TAIL = 0.001

#: Values beyond are counted as this one, so that widths of bins are finite.
LARGEST = 1e300


@dataclass(frozen=True)
class Histogram:
    """How the values of an array are spread in one epoch.

    Arguments:
        epoch: its number.
        low, high: where the bins, all of one width, begin and end; of gradients they
            are powers of ten.
        zeros: the share of values that are exactly 0, which no bin counts.
        counts: ``(BINS,)``, the share of the values in each bin.
    """

    epoch: int
    low: float
    high: float
    zeros: float
    counts: Array

    @property
    def edges(self) -> Array:
        """``(BINS + 1,)``: where the bins begin and end."""
        return np.linspace(self.low, self.high, len(self.counts) + 1)


def histogram(values: Array, epoch: int, logarithmic: bool = False) -> Histogram:
    """The histogram of an array; values that are not finite are left out.

    Example:
        >>> found = histogram(np.array([0.0, 1.0, 2.0, 2.0]), epoch=1)
        >>> found.zeros, round(found.low), found.high, float(found.counts[-1])
        (0.25, 1, 2.0, 0.5)
    """
    flat = np.asarray(values).reshape(-1)
    flat = flat[:: max(1, len(flat) // MOST_VALUES)].astype(np.float64)
    some = flat[np.isfinite(flat) & (flat != 0)]
    count = max(1, len(flat))
    zeros = float(np.sum(flat == 0) / count)
    if logarithmic:
        some = np.log10(np.abs(some))
    if not len(some):
        return Histogram(epoch, 0.0, 1.0, zeros, np.zeros(BINS))
    some = np.clip(some, -LARGEST, LARGEST)
    low, high = np.quantile(some, [TAIL, 1 - TAIL])
    narrowest = BINS * float(np.spacing(max(abs(low), abs(high))))
    if high - low <= narrowest:  # no room for so many edges
        middle, half = (low + high) / 2, max(0.5, narrowest)
        low, high = middle - half, middle + half
    inside = np.clip(some, low, high)
    counts = np.histogram(inside, BINS, (low, high))[0]
    return Histogram(epoch, float(low), float(high), zeros, counts / count)


class Histograms:
    """The histograms of many arrays, of every epoch or of evenly spaced ones.

    Attributes:
        every: which epochs are kept: 1 for all of them, 2 for every second …

    Example:
        >>> kept = Histograms()
        >>> kept.add(1, {"weights": {"0.weight": np.arange(5.0)}})
        >>> [each.epoch for each in kept["weights"]["0.weight"]]
        [1]
    """

    def __init__(self) -> None:
        self.every = 1
        self._found: dict[tuple[str, str], list[Histogram]] = {}

    def wants(self, epoch: int) -> bool:
        """Whether this epoch is kept."""
        return (epoch - 1) % self.every == 0

    def add(self, epoch: int, arrays: Mapping[str, Mapping[str, Array]]) -> None:
        """Counts the arrays of an epoch: kind ↦ name ↦ values."""
        for kind, named in arrays.items():
            for name, values in named.items():
                found = histogram(values, epoch, logarithmic=kind == "gradients")
                self._found.setdefault((kind, name), []).append(found)
        if max(map(len, self._found.values()), default=0) > MOST_EPOCHS:
            self.every *= 2
            for key, rows in self._found.items():
                self._found[key] = [row for row in rows if self.wants(row.epoch)]

    def __getitem__(self, kind: str) -> dict[str, list[Histogram]]:
        """Name ↦ its histograms in the order of the epochs."""
        return {name: rows for (k, name), rows in self._found.items() if k == kind}

    def __iter__(self) -> Iterator[str]:
        return iter(KINDS)

    def __bool__(self) -> bool:
        return bool(self._found)

    def state_dict(self) -> dict[str, Array]:
        """All of it as arrays: one row an epoch."""
        rows = {
            f"{kind} {name}": np.array(
                [[r.epoch, r.low, r.high, r.zeros, *r.counts] for r in found]
            )
            for (kind, name), found in self._found.items()
        }
        return {"every": np.array(self.every), **rows}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Puts back what ``state_dict`` returned."""
        self.every = int(state["every"])
        self._found = {}
        for key, rows in state.items():
            if key == "every":
                continue
            kind, _, name = key.partition(" ")
            self._found[kind, name] = [
                Histogram(int(r[0]), float(r[1]), float(r[2]), float(r[3]), r[4:])
                for r in rows
            ]
