"""A drawing: what a pen wrote, as the strokes between which it was lifted.

Place on the road: below the readers of pen files. It must not know of files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from ...errors import DataError
from ..validation import Array

#: Coordinates beyond this are no pen's: their squares would overflow in float32.
LARGEST = 1e9


@dataclass(frozen=True, eq=False)
class Drawing:
    """Strokes of a pen, and what is known of them.

    Attributes:
        strokes: for each, its points ``(Tᵢ, 2)``, Tᵢ ≥ 1: x to the right, y *down*, as
            on a screen; in the units of the file.
        label: what is written; None where that is not known.
        writer: who wrote it; None where that is not known.

    Raises:
        DataError: no stroke, an empty one, another shape, or a coordinate that is not
            finite or beyond ±10⁹.

    Example:
        >>> from chainrule import data
        >>> cross = data.Drawing([[[0, 0], [4, 4]], [[4, 0], [0, 4]]], label="x")
        >>> len(cross), cross.offsets().tolist()[2:]
        (4, [[0.0, -4.0, 0.0], [-4.0, 4.0, 1.0]])
    """

    strokes: tuple[Array, ...] = field(repr=False)
    label: str | None = None
    writer: str | None = None

    def __init__(
        self,
        strokes: Iterable[Any],
        label: str | None = None,
        writer: str | None = None,
    ) -> None:
        made = tuple(np.array(each, np.float64) for each in strokes)
        for number, each in enumerate(made):
            if each.ndim != 2 or each.shape[1] != 2 or not len(each):
                raise DataError(
                    f"Drawing: stroke {number} {each.shape}: expected (T, 2), x and y "
                    "of at least one point"
                )
            if not (np.abs(each) <= LARGEST).all():  # NaN is refused as well
                row = int(np.argmin((np.abs(each) <= LARGEST).all(axis=1)))
                raise DataError(
                    f"Drawing: stroke {number}: point {row} is "
                    f"({each[row, 0]:g}, {each[row, 1]:g}): expected two numbers "
                    f"within ±{LARGEST:g}"
                )
        if not made:
            raise DataError("Drawing: no strokes: expected at least one")
        for name, value in (("strokes", made), ("label", label), ("writer", writer)):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        """How many points there are."""
        return sum(map(len, self.strokes))

    @property
    def points(self) -> Array:
        """All points, stroke after stroke, (T, 2)."""
        return np.concatenate(self.strokes)

    @property
    def lifts(self) -> Array:
        """1 for the last point of every stroke, behind which the pen is lifted, else
        0: (T,).
        """
        up = np.zeros(len(self))
        up[np.cumsum([len(each) for each in self.strokes]) - 1] = 1
        return up

    @property
    def size(self) -> Array:
        """Width and height, (2,)."""
        points = self.points
        size: Array = points.max(axis=0) - points.min(axis=0)
        return size

    def offsets(self) -> Array:
        """Every point as its distance from the one before, (T, 3): Δx, Δy, and whether
        the pen is lifted behind it. The first point is (0, 0).
        """
        steps = np.diff(self.points, axis=0, prepend=self.points[:1])
        return np.concatenate([steps, self.lifts[:, None]], axis=1)

    @classmethod
    def of_offsets(
        cls, rows: Any, label: str | None = None, writer: str | None = None
    ) -> Self:
        """The drawing of rows (Δx, Δy, pen lifted), the inverse of ``offsets``.

        What stands behind the last lifting is a stroke, too.

        Raises:
            DataError: rows that are not (T, 3), or none.
        """
        table = np.asarray(rows, np.float64)
        if table.ndim != 2 or table.shape[1] != 3 or not len(table):
            raise DataError(
                f"Drawing: rows {table.shape}: expected (T, 3): Δx, Δy, pen lifted"
            )
        points = np.cumsum(table[:, :2], axis=0)
        ends = np.flatnonzero(table[:-1, 2] > 0.5) + 1
        return cls(np.split(points, ends), label, writer)

    def scaled(self, factor: float) -> Drawing:
        """The same drawing, so many times as large."""
        return self._with([each * factor for each in self.strokes])

    def moved(self, x: float, y: float) -> Drawing:
        """The same drawing at another place."""
        return self._with([each + np.array([x, y]) for each in self.strokes])

    def thinned(self, least: float) -> Drawing:
        """The same drawing with fewer points: of each stroke the first, the last, and
        of those between the ones at least so far from the one kept before.
        """
        kept = []
        for stroke in self.strokes:
            rows = [0]
            for row in range(1, len(stroke) - 1):
                if np.hypot(*(stroke[row] - stroke[rows[-1]])) >= least:
                    rows.append(row)
            if len(stroke) > 1:
                rows.append(len(stroke) - 1)
            kept.append(stroke[rows])
        return self._with(kept)

    def _with(self, strokes: Sequence[Array]) -> Drawing:
        return Drawing(strokes, self.label, self.writer)


def joined(drawings: Sequence[Drawing], gap: float) -> Drawing:
    """Drawings side by side, as a line that one writer wrote: its label is theirs,
    one after the other.

    Heights stay what they are, as letters keep their place on a line.

    Arguments:
        drawings: in the order of writing; at least one.
        gap: the empty width between two.

    Raises:
        DataError: no drawings.

    Example:
        >>> from chainrule import data
        >>> one = data.Drawing([[[5, 0], [5, 8]]], "1", "Anna")
        >>> line = data.joined([one, one], gap=2)
        >>> line.label, line.writer, line.points.tolist()
        ('11', 'Anna', [[0.0, 0.0], [0.0, 8.0], [2.0, 0.0], [2.0, 8.0]])
    """
    if not drawings:
        raise DataError("joined: no drawings: expected at least one")
    right = 0.0
    strokes: list[Array] = []
    for each in drawings:
        points = each.points
        moved = each.moved(right - points[:, 0].min(), 0.0)
        strokes += moved.strokes
        right = float(moved.points[:, 0].max()) + gap
    labels = [each.label for each in drawings]
    known = all(label is not None for label in labels)
    writers = {each.writer for each in drawings}
    return Drawing(
        strokes,
        "".join(map(str, labels)) if known else None,
        writers.pop() if len(writers) == 1 else None,
    )


def redrawn(
    drawings: Sequence[Drawing], times: int = 1, *, seed: int = 0
) -> list[Drawing]:
    """The drawings, and of each some copies that look alike and were drawn otherwise:
    the strokes come in another order, and each in either direction, by chance.

    A network that reads a pen point by point has to learn that people begin the same
    digit at either end; few writers do not show it all the ways there are.

    Arguments:
        drawings: of one symbol each; the order of the letters of a text matters.
        times: copies of each.
        seed: of the choice.

    Raises:
        DataError: ``times`` is negative or no whole number.

    Example:
        >>> from chainrule import data
        >>> one = data.Drawing([[[0, 0], [0, 9]]], "1")
        >>> [each.points.tolist() for each in data.redrawn([one], 2)]
        [[[0.0, 0.0], [0.0, 9.0]], [[0.0, 0.0], [0.0, 9.0]], [[0.0, 9.0], [0.0, 0.0]]]
    """
    if not isinstance(times, (int, np.integer)) or times < 0:
        raise DataError(f"redrawn: times={times!r}: expected 0 or more copies of each")
    source, found = np.random.default_rng(seed), list(drawings)
    for _ in range(times):
        for each in drawings:
            order = source.permutation(len(each.strokes))
            turned = source.random(len(order)) < 0.5
            strokes = [
                each.strokes[i][::-1] if back else each.strokes[i]
                for i, back in zip(order, turned, strict=True)
            ]
            found.append(Drawing(strokes, each.label, each.writer))
    return found


def random_lines(
    drawings: Sequence[Drawing],
    count: int,
    *,
    length: tuple[int, int] = (3, 6),
    gap: float = 0.25,
    seed: int = 0,
) -> list[Drawing]:
    """Lines of random drawings, each line by one writer.

    Arguments:
        drawings: with labels; those of one writer are put together. Where no writer is
            known, all count as of one.
        count: how many lines.
        length: drawings of a line, at least and at most.
        gap: between two, in heights of the writer's drawings (their median).
        seed: of the choice.

    Raises:
        DataError: no drawings, or one without a label.

    Example:
        >>> from chainrule import data
        >>> some = [data.Drawing([[[0, 0], [n, 9]]], str(n), "Bo") for n in range(10)]
        >>> [each.label for each in data.random_lines(some, 2, length=(4, 4))]
        ['8652', '3000']
    """
    if not drawings or any(each.label is None for each in drawings):
        raise DataError(
            "random_lines: expected drawings with labels, at least one",
            fix="[each for each in drawings if each.label is not None]",
        )
    hands: dict[str | None, list[Drawing]] = {}
    for each in drawings:
        hands.setdefault(each.writer, []).append(each)
    writers = list(hands)
    gaps = {
        writer: gap * float(np.median([each.size[1] for each in own]))
        for writer, own in hands.items()
    }
    source = np.random.default_rng(seed)
    lines = []
    for _ in range(count):
        writer = writers[source.integers(len(writers))]
        own = hands[writer]
        rows = source.integers(len(own), size=source.integers(length[0], length[1] + 1))
        lines.append(joined([own[row] for row in rows], gaps[writer]))
    return lines
