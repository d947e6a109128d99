"""Strokes of pens as SVG, and as a page on which they are written before one's eyes.

Place on the road: beside the pictures of matplotlib, which would make thousands of
lines of a drawing. It knows drawings by their strokes and labels alone, and writes
text: no script, nothing from outside.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

#: Width of a line, and empty space around a drawing, in parts of its height.
LINE, MARGIN = 0.03, 0.12

#: Seconds that a point takes in an animation, and a lifted pen.
POINT_SECONDS, LIFT_SECONDS = 0.03, 0.12

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem; color: #222; }
figure { display: inline-block; margin: .5rem; }
figcaption { color: #666; font-size: .8rem; }
svg { height: 8rem; border: 1px solid #ddd; background: #fff; }
path { stroke-dasharray: 1 2; stroke-dashoffset: 1; animation: write linear forwards; }
@keyframes write { from { stroke-dashoffset: 1; } to { stroke-dashoffset: 0; } }
@media (prefers-reduced-motion: reduce) { path { animation-duration: 0s !important;
  animation-delay: 0s !important; } }
"""


def pen_svg(drawings: Sequence[Any], columns: int | None = None) -> str:
    """Drawings side by side in one SVG picture, with their labels below them.

    Arguments:
        drawings: with ``strokes``, (T, 2) each, x to the right and y down, and a
            ``label`` or None; at least one.
        columns: how many stand in a row; as many as make the whole about square.

    Example:
        >>> from types import SimpleNamespace
        >>> line = SimpleNamespace(strokes=[np.array([[0, 0], [9, 9]])], label="<")
        >>> text = pen_svg([line])
        >>> text.startswith("<svg"), text.count("<path"), "&lt;" in text
        (True, 1, True)
    """
    boxes = [_box(each) for each in drawings]
    wide = max(width for _, _, width, _ in boxes)
    high = max(height for _, _, _, height in boxes)
    if columns is None:
        columns = max(1, round(math.sqrt(len(boxes) * high / wide)))
    columns = min(columns, len(boxes))
    text = 0.12 * high if any(each.label for each in drawings) else 0.0
    rows = -(-len(boxes) // columns)
    pens, texts = [], []
    for number, (each, (x, y, width, height)) in enumerate(
        zip(drawings, boxes, strict=True)
    ):
        left = (number % columns) * wide + (wide - width) / 2 - x
        top = (number // columns) * (high + text) + (high - height) / 2 - y
        paths = "".join(f'<path d="{_path(stroke)}"/>' for stroke in each.strokes)
        pens.append(f'<g transform="translate({_n(left)} {_n(top)})">{paths}</g>')
        if each.label:
            middle = (number % columns + 0.5) * wide
            base = (number // columns + 1) * (high + text) - 0.25 * text
            texts.append(
                f'<text x="{_n(middle)}" y="{_n(base)}">'
                f"{html.escape(each.label)}</text>"
            )
    size = f"0 0 {_n(columns * wide)} {_n(rows * (high + text))}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}">'
        f'<rect width="100%" height="100%" fill="#fff"/><g {_pen(high)}>'
        f"{''.join(pens)}</g>"
        f'<g font-family="sans-serif" text-anchor="middle" fill="#666" '
        f'font-size="{_n(0.75 * text)}">{"".join(texts)}</g></svg>\n'
    )


def pen_page(drawings: Sequence[Any], title: str) -> str:
    """A page on which every drawing is written, point after point, as a pen does.

    Arguments:
        drawings: as of ``pen_svg``.
        title: of the page.

    Example:
        >>> from types import SimpleNamespace
        >>> line = SimpleNamespace(strokes=[np.array([[0, 0], [9, 9]])], label="l")
        >>> page = pen_page([line], "One line")
        >>> "<script" in page, "http:" in page, "animation-delay" in page
        (False, False, True)
    """
    figures = []
    for each in drawings:
        x, y, width, height = _box(each)
        paths, start = [], 0.0
        for stroke in each.strokes:
            seconds = POINT_SECONDS * len(stroke)
            paths.append(
                f'<path pathLength="1" d="{_path(stroke)}" style="animation-delay:'
                f'{_n(start)}s;animation-duration:{_n(seconds)}s"/>'
            )
            start += seconds + LIFT_SECONDS
        name = html.escape(each.label or "")
        label = f"<figcaption>{name}</figcaption>" * bool(name)
        figures.append(
            f'<figure><svg viewBox="{_n(x)} {_n(y)} {_n(width)} {_n(height)}">'
            f"<g {_pen(height)}>{''.join(paths)}</g></svg>{label}</figure>"
        )
    name = html.escape(title)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{name}'
        f"</title><style>{_STYLE}</style></head><body><h1>{name}</h1>\n"
        + "\n".join(figures)
        + "\n</body></html>\n"
    )


def _box(drawing: Any) -> tuple[float, float, float, float]:
    """Left, top, width and height of a drawing with its margin."""
    points = np.concatenate(drawing.strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    size = high - low
    margin = max(MARGIN * float(size.max()), 1e-6 * float(np.abs(points).max()), 1e-9)
    left, top = (low - margin).tolist()
    width, height = (size + 2 * margin).tolist()
    return left, top, width, height


def _path(stroke: Any) -> str:
    """The way of a pen; a point is a line to itself, which round ends make a dot."""
    points = stroke if len(stroke) > 1 else [stroke[0], stroke[0]]
    return "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points)


def _pen(height: float) -> str:
    return (
        f'fill="none" stroke="#111" stroke-width="{_n(LINE * height)}" '
        'stroke-linecap="round" stroke-linejoin="round"'
    )


def _n(value: float) -> str:
    return f"{float(value):.6g}"
