"""A recurrent network through time as a drawing, and as a page that plays it.

Beside the road, for ``explain``. Columns are steps of time; from below to above stand
the input, the states of each loop, the prediction, and its loss. Predictions are drawn
as lines, errors as dots, gradients as dashes that are the wider the larger they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...graph import Array
from ..recurrence.steps import Column, State
from ..recurrence.timeline import Timeline
from ..words.numerals import compact, norm, number, strip
from .page import filled, part
from .svg import escape, heat

PITCH, BOX, STRIP, LEFT, RIGHT, HEAD = 140, 84, 30, 172, 44, 60
#: Between the states of a loop, between loops side by side, and where arrows stand.
CLOSE, APART, ARROWS = 10, 18, 48
BARS, CELLS, LOSS = 40, 28, 23
#: How far beside the middle of a box the arrows of one way pass those of the other.
ASIDE = 10
#: Widths of gradients: of the largest, and of those this many decades below it.
WIDEST, THINNEST, DECADES = 5.0, 0.8, 4


@dataclass(frozen=True)
class Rows:
    """Where the rows of the drawing stand: their upper ends.

    Attributes:
        states: of each state.
        levels: level ↦ (upper end, lower end).
        bars: of each loop, the line that its bars stand on.
    """

    loss: float
    output: float
    states: list[float]
    levels: dict[int, tuple[float, float]]
    x: float
    bars: list[float]
    height: float


class Drawing:
    """The drawing of a story; every part of it knows the frame that it appears in.

    Arguments:
        heading: title and note, above the drawing; () where they stand elsewhere.
        story: what is drawn.
    """

    def __init__(self, heading: Sequence[str], story: Timeline) -> None:
        self.heading, self.story = heading, story
        self.columns, self.states, self.loops = story.columns, story.states, story.loops
        self.first = story.columns[0].number - 1
        self.has_loss = any(c.loss is not None for c in self.columns)
        self.has_output = any(c.output is not None for c in self.columns)
        self.rows = self._rows()
        sizes = [s for state in self.states for s in (*state.sizes, *state.back_sizes)]
        sizes += [norm(c.error) for c in self.columns if c.error is not None]
        self.largest = max((s for s in sizes if math.isfinite(s)), default=0.0) or 1.0

    def svg(self) -> str:
        """The whole text."""
        width = LEFT + PITCH * len(self.columns) - (PITCH - BOX) + RIGHT
        width = max(width, 760)
        top = HEAD * bool(self.heading)
        height = self.rows.height + top
        body = [self._column(column) for column in self.columns]
        title, note = self.heading or ("A recurrent network through time", "")
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" class="tt" role="img" '
                f'width="{width}" height="{height:.0f}" '
                f'viewBox="0 0 {width} {height:.0f}">',
                f"<title>{escape(title)}</title>",
                f"<style>{part('through_time.css')}</style>",
                *(_head(way) for way in ("prediction", "error", "gradient")),
                f'<rect class="tt-paper" width="{width}" height="{height:.0f}"/>',
                *(_heading(title, note) if self.heading else ()),
                f'<g transform="translate(0 {top})">',
                _legend(),
                *self._names(),
                *body,
                "</g></svg>",
            ]
        )

    # Places. -----------------------------------------------------------------------

    def _rows(self) -> Rows:
        """From above to below: loss, prediction, levels, input, bars."""
        y = 50.0  # below the legend
        loss = y + 14
        y = loss + 2 * LOSS + ARROWS if self.has_loss else y
        output = y
        y += STRIP + ARROWS if self.has_output else 0
        states = [0.0] * len(self.states)
        levels: dict[int, tuple[float, float]] = {}
        for level in sorted({s.level for s in self.states}, reverse=True):
            top = y
            rows = [s for s in self.states if s.level == level]
            spots: dict[tuple[int, str], float] = {}
            before: State | None = None
            for state in rows:
                same = before is not None and before.loop == state.loop
                beside = [
                    at for (loop, name), at in spots.items()
                    if self._follows(loop, state) and name == _plain(state.name)
                ]  # fmt: skip
                if beside:  # behind another loop, in its row
                    at = beside[0]
                else:
                    at = y if before is None else y + (CLOSE if same else APART)
                    y = at + STRIP
                    before = state
                spots[state.loop, _plain(state.name)] = at
                states[self.states.index(state)] = at
            levels[level] = top, y
            y += ARROWS
        x = y
        y += STRIP + 34
        bars = []
        for _ in self.loops:
            y += BARS + 20
            bars.append(y)
        return Rows(loss, output, states, levels, x, bars, y + 24)

    def _follows(self, loop: int, state: State) -> bool:
        """Whether a state's loop begins where another one ends."""
        other = next(s for s in self.states if s.loop == loop)
        return state.start >= other.start + len(other.values)

    def _x(self, column: Column) -> float:
        """The left end of a column's boxes."""
        return LEFT + PITCH * (column.number - 1 - self.first)

    def _frame(self, *event: Any) -> int:
        """The frame in which something appears; 0 of what does not happen."""
        return self.story.at.get(event, 0)

    # Parts. ------------------------------------------------------------------------

    def _names(self) -> list[str]:
        """What the rows are, at the left."""
        rows = self.rows
        lines = [_name(rows.x + STRIP / 2, "xₜ", "input")]
        for state, y in zip(self.states, rows.states, strict=True):
            if state.start <= self.first or state.start == 0:
                first = next(s for s in self.states if s.loop == state.loop) is state
                about = state.layer if first else ""
                lines.append(_name(y + STRIP / 2, f"{state.name}ₜ", about))
        if self.has_output:
            lines.append(_name(rows.output + STRIP / 2, "ŷₜ", "prediction"))
        if self.has_loss:
            lines.append(_name(rows.loss + LOSS, "Lₜ", "its loss"))
        for loop, base in zip(self.loops, rows.bars, strict=True):
            lines.append(_name(base - BARS / 2 + 4, f"‖∂L/∂{loop[0].name}ₜ‖", ""))
        return lines

    def _column(self, column: Column) -> str:
        """One step of time."""
        t, x = column.number - 1, self._x(column)
        present = [i for i, loop in enumerate(self.loops) if loop[0].has(t)]
        parts = self._between_levels(present, t, x)  # below the boxes that they pass
        for i in present:
            parts += [self._state(i, state, t, x) for state in self.loops[i]]
        lowest = [self._frame("state", i, t) for i in present if self._low(i)]
        parts.append(self._input(column, x, min(lowest, default=0)))
        if column.output is not None:
            parts.append(self._output(column, x, present))
        parts += [self._bar(i, t, x) for i in present]
        return "".join(parts)

    def _low(self, loop: int) -> bool:
        return self.loops[loop][0].level == min(s.level for s in self.states)

    def _state(self, i: int, state: State, t: int, x: float) -> str:
        """A box, what it takes from the step before, and what comes back to it."""
        place = t - state.start
        y = self.rows.states[self.states.index(state)]
        shown = _box(x, y, state.values[place], "", f"{state.name} at t = {t + 1}")
        before, after = state.place_before(place), state.place_after(place)
        way = -1 if state.reverse else 1
        if before is not None and before + state.start >= self.first:
            start = x - PITCH + BOX if way > 0 else x + PITCH
            end = x if way > 0 else x + BOX
            shown += _arrow("prediction", (start, y + 9), (end, y + 9))
        group = _group(self._frame("state", i, t), shown)
        if after is not None:
            size = state.back_sizes[place]
            start = x + PITCH if way > 0 else x - PITCH + BOX
            end = x + BOX if way > 0 else x
            arrow = _arrow(
                "gradient", (start, y + 23), (end, y + 23), self._width(size), size
            )
            group += _group(self._frame("back", i, t), arrow)
        return group

    def _between_levels(self, present: Sequence[int], t: int, x: float) -> list[str]:
        """Arrows from below into each level, and gradients out of it."""
        parts = []
        middle = x + BOX / 2
        levels = sorted({self.loops[i][0].level for i in present})
        for level in levels:
            here = [i for i in present if self.loops[i][0].level == level]
            below = max((k for k in levels if k < level), default=None)
            start = self.rows.x if below is None else self.rows.levels[below][0]
            for i in here:
                up = (middle - ASIDE, start), (middle - ASIDE, self._bottom(i))
                arrow = _arrow("prediction", *up)
                parts.append(_group(self._frame("state", i, t), arrow))
            above = min((k for k in levels if k > level), default=None)
            if above is not None:
                size = norm(np.array([self._own(i, t) for i in here]))
                ends = self.rows.levels[above][1], self.rows.levels[level][0]
                down = self._down(middle, *ends, size)
                parts.append(_group(self._last("back", here, t), down))
        return parts

    def _bottom(self, i: int) -> float:
        """The lower end of a loop's states."""
        places = [self.states.index(state) for state in self.loops[i]]
        return max(self.rows.states[place] for place in places) + STRIP

    def _own(self, i: int, t: int) -> float:
        """What comes to a loop's first state from above."""
        state = self.loops[i][0]
        return state.own_sizes[t - state.start]

    def _last(self, what: str, loops: Sequence[int], t: int) -> int:
        return max(self._frame(what, i, t) for i in loops)

    def _down(self, middle: float, start: float, end: float, size: float) -> str:
        at = middle + ASIDE
        return _arrow("gradient", (at, start), (at, end), self._width(size), size)

    def _input(self, column: Column, x: float, frame: int) -> str:
        """What is read, and the number of the step."""
        y = self.rows.x
        number_ = f'<text class="tt-t" x="{x + BOX / 2}" y="{y + STRIP + 20}">'
        mark = f"{number_}t = {column.number}</text>"
        if column.x is None:
            return mark
        tip = f"x at t = {column.number}"
        return _group(frame, _box(x, y, column.x, column.x_text, tip)) + mark

    def _output(self, column: Column, x: float, present: Sequence[int]) -> str:
        """The prediction, its loss, and the gradients between them."""
        t, middle, rows = column.number - 1, x + BOX / 2, self.rows
        top = max(self.loops[i][0].level for i in present)
        here = [i for i in present if self.loops[i][0].level == top]
        upper = rows.levels[top][0]
        assert column.output is not None
        tip = f"prediction at t = {column.number}"
        box = _box(x, rows.output, column.output, column.prediction, tip, "prediction")
        up = (middle - ASIDE, upper), (middle - ASIDE, rows.output + STRIP)
        parts = _group(self._frame("output", t), _arrow("prediction", *up) + box)
        back = self._last("back", here, t)
        size = norm(np.array([self._own(i, t) for i in here]))
        parts += _group(back, self._down(middle, rows.output + STRIP, upper, size))
        if column.loss is None:
            return parts
        y = rows.loss + LOSS
        beside = (middle - ASIDE, rows.output), (middle - ASIDE, y + LOSS - 2)
        loss = _arrow("error", *beside) + (
            f'<circle class="tt-loss" cx="{middle}" cy="{y}" r="{LOSS}"/>'
            f'<text class="tt-error" x="{middle}" y="{y + 4}">'
            f"{escape(compact(column.loss))}</text>"
        )
        if column.target:
            target = f"y = {column.target}"
            loss += (
                f'<text class="tt-target" x="{middle}" y="{y - LOSS - 6}">'
                f"{escape(target)}</text>"
            )
        parts += _group(self._frame("error", t), loss)
        if column.error is not None:
            ends = y + LOSS - 2, rows.output
            parts += _group(back, self._down(middle, *ends, norm(column.error)))
        return parts

    def _bar(self, i: int, t: int, x: float) -> str:
        """The size of a gradient, as a bar beside those of the other steps."""
        state, base = self.loops[i][0], self.rows.bars[i]
        size = state.sizes[t - state.start]
        high = max((s for s in state.sizes if math.isfinite(s)), default=0.0) or 1.0
        tall = BARS * min(size / high, 1.0) if math.isfinite(size) else BARS
        shown = (
            f'<rect class="tt-bar" x="{x + 18}" y="{base - tall:.1f}" '
            f'width="{BOX - 36}" height="{tall:.1f}"/>'
            f'<text class="tt-gradient" x="{x + BOX / 2}" y="{base + 14}">'
            f"{escape(compact(_two(size)))}</text>"
        )
        return _group(self._frame("back", i, t), shown)

    def _width(self, size: float) -> float:
        """By the logarithm, over some decades."""
        if not math.isfinite(size) or size <= 0:
            return THINNEST
        share = 1 + math.log10(size / self.largest) / DECADES
        return THINNEST + (WIDEST - THINNEST) * min(max(share, 0.0), 1.0)


# Pieces. -----------------------------------------------------------------------------


def _two(size: float) -> float:
    return float(f"{size:.2g}")


def _plain(name: str) -> str:
    return name.partition("⁽")[0]


def _name(y: float, symbol: str, about: str) -> str:
    where = f'class="tt-row" x="20" y="{y + 4:.1f}"'
    return f"<text {where}><tspan>{escape(symbol)}</tspan> {escape(about)}</text>"


def _group(frame: int, shown: str) -> str:
    return f'<g data-frame="{frame}">{shown}</g>'


def _head(way: str) -> str:
    """The head of an arrow: of gradients it is open."""
    shape = "M1 1 L10 5 L1 9 L4 5 z" if way == "gradient" else "M0 1 L10 5 L0 9 z"
    return (
        f'<defs><marker id="tt-{way}" viewBox="0 0 10 10" refX="9" refY="5" '
        'markerWidth="10" markerHeight="10" markerUnits="userSpaceOnUse" '
        f'orient="auto"><path class="tt-{way}" d="{shape}"/></marker></defs>'
    )


def _arrow(
    way: str,
    start: tuple[float, float],
    end: tuple[float, float],
    width: float | None = None,
    size: float | None = None,
) -> str:
    """A straight line with a head; of a gradient, with its size beside it."""
    (x0, y0), (x1, y1) = start, end
    drawn = "" if width is None else f' style="stroke-width: {width:.2f}"'
    text = (
        f'<path class="tt-arrow tt-{way}" d="M{x0:.1f} {y0:.1f} L{x1:.1f} {y1:.1f}" '
        f'marker-end="url(#tt-{way})"{drawn}/>'
    )
    if size is None:
        return text
    level = y0 == y1
    x, y = ((x0 + x1) / 2, y0 + 16) if level else (x0 + 8, (y0 + y1) / 2 + 4)
    anchor = "" if level else ' style="text-anchor: start"'
    words = escape(compact(_two(size)))
    place = f'class="tt-gradient" x="{x:.1f}" y="{y:.1f}"{anchor}'
    return f"{text}<text {place}>{words}</text>"


def _box(
    x: float, y: float, values: Array, text: str, tip: str, way: str = "value"
) -> str:
    """A box with a text, or with a strip of colours for many numbers."""
    title = f"<title>{escape(tip)}: {escape(_listed(values))}</title>"
    frame = (
        f'<rect class="tt-box" x="{x}" y="{y:.1f}" width="{BOX}" height="{STRIP}" '
        'rx="6"/>'
    )
    if text:
        shown = text if len(text) <= 13 else text[:12] + "…"
        place = f'class="tt-{way}" x="{x + BOX / 2}" y="{y + 19:.1f}"'
        inside = f"<text {place}>{escape(shown)}</text>"
        return f"<g>{title}{frame}{inside}</g>"
    cells = strip(values, CELLS)
    size = (BOX - 16) / max(len(cells), 1)
    inside = "".join(
        f'<rect x="{x + 8 + i * size:.2f}" y="{y + 8:.1f}" width="{size:.2f}" '
        f'height="{STRIP - 16}" fill="{colour}"/>'
        for i, colour in enumerate(heat(cells))
    )
    inside += (
        f'<rect class="tt-frame" x="{x + 8}" y="{y + 8:.1f}" width="{BOX - 16}" '
        f'height="{STRIP - 16}"/>'
    )
    return f"<g>{title}{frame}{inside}</g>"


def _listed(values: Array) -> str:
    flat = values.reshape(-1)
    more = ", …" if flat.size > 8 else ""
    return ", ".join(number(each, 3) for each in flat[:8]) + more


def _heading(title: str, note: str) -> list[str]:
    return [
        f'<text class="tt-title" x="20" y="34">{escape(title)}</text>',
        f'<text class="tt-note" x="20" y="55">{escape(note)}</text>',
    ]


def _legend() -> str:
    """The three kinds of lines."""
    parts, x = [], 20
    words = {
        "prediction": "prediction, forward",
        "error": "error, against the target",
        "gradient": "gradient, back through time: wide is large",
    }
    for way, text in words.items():
        parts.append(
            _arrow(way, (x, 26), (x + 40, 26), 3 if way == "gradient" else None)
        )
        parts.append(
            f'<text class="tt-{way}" x="{x + 48}" y="30" '
            f'style="text-anchor: start; font-size: 12px">{escape(text)}</text>'
        )
        x += 62 + round(6.6 * len(text))
    return "".join(parts)


def drawing(title: str, note: str, story: Timeline) -> str:
    """The whole drawing, the text of an SVG file."""
    return Drawing((title, note), story).svg()


def page(
    title: str,
    note: str,
    story: Timeline,
    weights: Mapping[str, Sequence[float]],
    text: str,
) -> str:
    """The whole page, with no reference to anything outside of it.

    Arguments:
        weights: parameter ↦ the size of what each step adds to its gradient.
        text: for browsers without scripts.
    """
    data = {
        "note": note,
        "frames": [asdict(frame) for frame in story.frames],
        "head": ["t", "ŷ", "y", "L", *(f"‖∂L/∂{s[0].name}‖" for s in story.loops)],
        "rows": [_row(story, column) for column in story.columns],
        "weights": [
            {"name": name, "sizes": _finite(sizes), "first": number(sizes[0], 3),
             "last": number(sizes[-1], 3)}
            for name, sizes in weights.items()
        ],
    }  # fmt: skip
    return filled(
        title=title,
        style=part("page.css") + part("through_time_page.css"),
        drawing=Drawing((), story).svg(),
        text=text,
        data=data,
        script=part("controls.js") + part("through_time.js"),
    )


def _finite(sizes: Sequence[float]) -> list[float]:
    return [size if math.isfinite(size) else 0.0 for size in sizes]


def _row(story: Timeline, column: Column) -> list[dict[str, Any]]:
    """A line of the table: texts, and the frames that they appear in."""
    t = column.number - 1

    def cell(text: str, *event: Any) -> dict[str, Any]:
        return {"text": text, "frame": story.at.get(event, 0)}

    loss = "" if column.loss is None else number(column.loss)
    said = column.prediction
    if not said and column.output is not None:
        said = f"norm {number(norm(column.output), 3)}"
    row = [
        cell(str(column.number)),
        cell(said, "output", t),
        cell(column.target, "error", t),
        cell(loss, "error", t),
    ]
    for i, (state, *_) in enumerate(story.loops):
        size = number(state.sizes[t - state.start]) if state.has(t) else ""
        row.append(cell(size, "back", i, t))
    return row
