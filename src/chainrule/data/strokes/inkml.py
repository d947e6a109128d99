"""InkML: the XML format of digital ink (W3C, 2011).

    <ink xmlns="http://www.w3.org/2003/InkML">
      <annotation type="truth">7</annotation>
      <trace>10 0, 9 14, 8 20</trace>
    </ink>

Read is what pens and tablets write: ``trace`` elements, each a stroke; the channels of
``traceFormat``, of which X and Y are taken; values by themselves, and first and second
differences (``'`` and ``"``, and ``!`` for values again); annotations ``truth`` or
``label``, and ``writer``, of the file or of a ``traceGroup``. Every outermost
``traceGroup`` with a label and traces of its own is one drawing; what stands outside
of these is the file's. A group that only points at traces (``traceView``), as the
segmentation of a formula does, is none. Traces with ``type="penUp"`` are left out.

A document type with entities is refused: nothing here needs one, and a few lines of
them can stand for gigabytes.
"""

from __future__ import annotations

import re
from typing import Any
from xml.parsers import expat

from ...errors import DataError
from .drawing import LARGEST, Drawing
from .unipen import MOST_POINTS

#: Annotations that say what is written, and by whom.
TRUTH, WRITER = ("truth", "label"), ("writer", "writerid")

#: The parts of a point: marks of differences, numbers, and what stands for no value.
_TOKEN = re.compile(r"\s*([!'\"*?TF]|[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")


def parse_inkml(content: bytes, name: str) -> list[Drawing]:
    """The drawings in the bytes of an InkML file.

    Arguments:
        content: of the file.
        name: of it, for messages.

    Raises:
        DataError: broken XML, with line and column; entities; a trace without points,
            or whose values are no numbers or beyond ±10⁹, with its number and line; no
            trace.

    Example:
        >>> text = b"<ink><annotation type='truth'>1</annotation>" \\
        ...     b"<trace>5 0, 5 9</trace></ink>"
        >>> (one,) = parse_inkml(text, "one.inkml")
        >>> one.label, one.strokes[0].tolist()
        ('1', [[5.0, 0.0], [5.0, 9.0]])
    """
    reader = _Reader(name)
    try:
        reader.parser.Parse(content, True)
    except expat.ExpatError as error:
        raise DataError(
            f"read_drawings: {name}: line {error.lineno}, column {error.offset + 1}: "
            f"broken XML: {expat.errors.messages[error.code]}",
            fix="write the file anew with the program that it is from",
        ) from None
    return reader.finished()


class _Reader:
    """What was read so far.

    Arguments:
        name: of the file.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.parser = parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = self._refuse_entities
        self.drawings: list[Drawing] = []
        self.strokes: list[Any] = []
        self.channels: list[str] = []
        self.about: dict[str, str] = {}
        self.of_file: dict[str, str] = {}
        self.text = ""
        self.kind = ""
        self.trace_line = self.traces = self.groups = self.count = 0
        self.before = 0  # strokes that stand before the outermost group

    def finished(self) -> list[Drawing]:
        """All drawings."""
        self._keep(self.of_file, 0)
        if not self.drawings:
            raise DataError(f"read_drawings: {self.name}: no trace in it")
        return self.drawings

    def _start(self, element: str, attributes: dict[str, str]) -> None:
        local = element.rpartition(" ")[2]
        self.text = ""
        self.kind = attributes.get("type", "")
        if local == "trace":
            self.trace_line = self.parser.CurrentLineNumber
            self.traces += 1
        elif local == "channel":
            self.channels.append(attributes.get("name", "").upper())
        elif local == "traceFormat":
            self.channels = []
        elif local == "traceGroup":
            self.groups += 1
            if self.groups == 1:
                self.about, self.before = {}, len(self.strokes)

    def _end(self, element: str) -> None:
        local = element.rpartition(" ")[2]
        if local == "trace" and self.kind.lower() != "penup":
            self.strokes.append(self._points(self.text))
        elif local == "annotation":
            known = self.of_file if not self.groups else self.about
            # Groups within groups are the parts of what the outermost one says.
            if self.groups < 2:
                known[self.kind.lower()] = self.text.strip()
        elif local == "traceGroup":
            self.groups -= 1
            labelled = any(kind in self.about for kind in TRUTH)
            if self.groups == 0 and labelled:
                self._keep(self.about, self.before)
        self.text = ""

    def _text(self, text: str) -> None:
        self.text += text

    def _keep(self, about: dict[str, str], first: int) -> None:
        """The strokes from ``first`` on are a drawing, if there are any; what is not
        known about it is what the file says.
        """
        strokes = self.strokes[first:]
        label, writer = (
            _first(about, names) or _first(self.of_file, names)
            for names in (TRUTH, WRITER)
        )
        if strokes:
            self.drawings.append(Drawing(strokes, label, writer))
        del self.strokes[first:]

    def _points(self, text: str) -> list[tuple[float, float]]:
        """x and y of every point of a trace."""
        channels = self.channels or ["X", "Y"]
        if "X" not in channels or "Y" not in channels:
            raise self._error(f"its channels are {', '.join(channels)}: expected X, Y")
        take = channels.index("X"), channels.index("Y")
        values = [_Channel() for _ in channels]
        points: list[tuple[float, float]] = []
        for part in text.strip().rstrip(",").split(","):
            cells = self._cells(part)
            if len(cells) <= max(take):
                raise self._error(f"{part.strip()[:40]!r}: expected x and y of a point")
            for value, (mark, number) in zip(values, cells, strict=False):
                value.next(mark, number)
            x, y = (values[column].value for column in take)
            if not (abs(x) <= LARGEST and abs(y) <= LARGEST):
                raise self._error(
                    f"{part.strip()[:40]!r}: expected numbers within ±{LARGEST:g}"
                )
            points.append((x, y))
        self.count += len(points)
        if self.count > MOST_POINTS:
            raise self._error(f"more than {MOST_POINTS} points in a file")
        return points

    def _cells(self, part: str) -> list[tuple[str, float | None]]:
        """The values of a point, each with the mark of a difference before it."""
        cells: list[tuple[str, float | None]] = []
        place, mark = 0, ""
        text = part.rstrip()
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None:
                raise self._error(f"{part.strip()[:40]!r}: expected numbers")
            token, place = found[1], found.end()
            if token in "!'\"":
                mark = token
            else:
                cells.append((mark, None if token in "*?TF" else float(token)))
                mark = ""
        return cells

    def _refuse_entities(self, *_: object) -> None:
        raise DataError(
            f"read_drawings: {self.name}: line {self.parser.CurrentLineNumber}: an "
            "entity: expected InkML without a document type",
            fix="leave <!DOCTYPE …> out",
        )

    def _error(self, what: str) -> DataError:
        where = f"trace {self.traces}, line {self.trace_line}"
        return DataError(f"read_drawings: {self.name}: {where}: {what}")


class _Channel:
    """One channel of a trace: its value, and how the next number changes it."""

    def __init__(self) -> None:
        self.value = self.speed = 0.0
        self.order = "!"

    def next(self, mark: str, number: float | None) -> None:
        """Takes the next number: a value, a difference, or a difference of these."""
        self.order = mark or self.order
        if number is None:
            return
        if self.order == "!":
            self.value, self.speed = number, 0.0
            return
        self.speed = number if self.order == "'" else self.speed + number
        self.value += self.speed


def _first(about: dict[str, str], names: tuple[str, ...]) -> str | None:
    return next((about[name] for name in names if about.get(name)), None)
