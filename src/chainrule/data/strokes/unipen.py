"""UNIPEN: the text format of handwriting recognition (Guyon et al., 1994).

    .SEGMENT DIGIT 0-1 ? "7"
    .PEN_DOWN
     249 234
     251 238
    .PEN_UP

Lines that begin with a dot are statements; others are points. What a statement means to
a drawing:

==========================  =========================================================
``.COORD X Y …``            which columns of a point are X and Y; the first two if it
                            is missing
``.PEN_DOWN`` ``.PEN_UP``   a stroke begins, and ends; points behind ``.PEN_UP`` are
                            of the pen in the air, and left out
``.SEGMENT`` level, range,  the strokes that follow are one drawing with this label;
quality, label              what stands before the first is one without
``.WRITER_ID``              who wrote what follows
==========================  =========================================================

All others are skipped. The pen digits of UCI name the writer in a comment of three
numbers behind ``.SEGMENT``, label, writer and count: such comments are read as well.
UNIPEN's y points up, a drawing's down: its sign is turned.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from ...errors import DataError
from .drawing import LARGEST, Drawing

#: Points of a file, at most.
MOST_POINTS = 20_000_000


def parse_unipen(lines: Iterable[tuple[int, str]], name: str) -> list[Drawing]:
    """The drawings in lines with their numbers.

    Arguments:
        lines: numbers and lines.
        name: of the file, for messages.

    Raises:
        DataError: points outside of a stroke's statements, that are no numbers or
            beyond ±10⁹, a stroke without points, another order of columns: with the
            line; no drawing.

    Example:
        >>> text = '.SEGMENT DIGIT 0 ? "1"\\n.PEN_DOWN\\n 5 9\\n 5 0\\n.PEN_UP'
        >>> (one,) = parse_unipen(enumerate(text.split("\\n"), 1), "one.dat")
        >>> one.label, one.strokes[0].tolist()
        ('1', [[5.0, -9.0], [5.0, -0.0]])
    """
    reader = _Reader(name)
    for number, line in lines:
        text = line.strip()
        if text.startswith("."):
            reader.statement(number, text)
        elif text:
            reader.point(number, text)
    return reader.finished()


class _Reader:
    """What was read so far.

    Arguments:
        name: of the file.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.drawings: list[Drawing] = []
        self.strokes: list[list[tuple[float, float]]] = []
        self.stroke: list[tuple[float, float]] | None = None
        self.began = 0
        self.in_air = False
        self.label: str | None = None
        self.writer: str | None = None
        self.columns = (0, 1)
        self.count = 0

    def statement(self, number: int, text: str) -> None:
        """A line that begins with a dot."""
        word, _, rest = text.partition(" ")
        word, rest = word.upper(), rest.strip()
        if word == ".PEN_DOWN":
            self._end_stroke()
            self.stroke, self.began, self.in_air = [], number, False
        elif word == ".PEN_UP":
            self._end_stroke()
            self.in_air = True
        elif word == ".SEGMENT":
            self._end_stroke()
            self._end_drawing()
            self.label, self.in_air = _label(rest), False
        elif word == ".WRITER_ID":
            self._end_drawing()
            self.writer = rest or None
        elif word == ".COMMENT" and self.label is not None:
            cells = rest.split()
            if len(cells) == 3 and cells[0] == self.label and rest[-1].isdecimal():
                self.writer = cells[1]
        elif word == ".COORD":
            self._order(number, rest.upper().split())

    def point(self, number: int, text: str) -> None:
        """A line of numbers: columns of a point."""
        if self.stroke is None:
            # Texts of statements go on over lines; numbers alone are of a pen.
            if not self.in_air and text[0] in "+-.0123456789":
                raise self._error(number, f"{text[:40]!r}: a point before .PEN_DOWN")
            return
        cells = text.split()
        if len(cells) <= max(self.columns):
            raise self._error(number, f"{text[:40]!r}: expected x and y of a point")
        try:
            x, y = (float(cells[column]) for column in self.columns)
        except ValueError:
            raise self._error(
                number, f"{text[:40]!r}: expected x and y of a point, two numbers"
            ) from None
        if not (abs(x) <= LARGEST and abs(y) <= LARGEST):
            raise self._error(
                number, f"{text[:40]!r}: expected numbers within ±{LARGEST:g}"
            )
        self.count += 1
        if self.count > MOST_POINTS:
            raise self._error(number, f"more than {MOST_POINTS} points in a file")
        self.stroke.append((x, -y))

    def finished(self) -> list[Drawing]:
        """All drawings; the last stroke may lack its ``.PEN_UP``."""
        self._end_stroke()
        self._end_drawing()
        if not self.drawings:
            raise DataError(
                f"read_drawings: {self.name}: no stroke in it: expected .PEN_DOWN, "
                "lines of x and y, .PEN_UP"
            )
        return self.drawings

    def _end_stroke(self) -> None:
        if self.stroke is None:
            return
        if not self.stroke:
            raise self._error(self.began, ".PEN_DOWN without a point behind it")
        self.strokes.append(self.stroke)
        self.stroke = None

    def _end_drawing(self) -> None:
        if self.strokes:
            self.drawings.append(Drawing(self.strokes, self.label, self.writer))
        self.strokes = []

    def _order(self, number: int, names: list[str]) -> None:
        if "X" not in names or "Y" not in names:
            raise self._error(
                number, f".COORD {' '.join(names)[:40]}: expected X and Y among them"
            )
        self.columns = names.index("X"), names.index("Y")

    def _error(self, number: int, what: str) -> DataError:
        return DataError(f"read_drawings: {self.name}: line {number}: {what}")


def _label(rest: str) -> str | None:
    """The label of a ``.SEGMENT``: in quotes, at the end."""
    try:
        cells = shlex.split(rest)
    except ValueError:  # a quotation mark without its partner
        cells = rest.replace('"', " ").split()
    return cells[3] if len(cells) > 3 else None
