"""Tables as HTML, for notebooks: static, so that they survive an export.

Place on the road: at its very beginning, beside ``wording``. It knows nothing but
texts. No script and no style sheet: a notebook that is converted to a page, or shown by
a site that runs nothing, looks the same.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

_CELL = "padding:.15em .6em;text-align:{};white-space:nowrap"


def html_table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    title: str = "",
    notes: Sequence[str] = (),
    left: int = 1,
    bold: Sequence[int] = (),
) -> str:
    """A table with a line above and notes below it; all texts are escaped.

    Arguments:
        head: the names of the columns.
        rows: the cells, as texts.
        title: the line above.
        notes: the lines below.
        left: how many columns are flush left; the others, numbers, are flush right.
        bold: the numbers of the rows that stand out.

    Example:
        >>> html_table(["a"], [["<b>"]]).count("&lt;b&gt;")
        1
    """
    lines = ["<div>"]
    if title:
        lines.append(f"<div><strong>{html.escape(title)}</strong></div>")
    if rows:
        lines += ['<table style="border-collapse:collapse">', "<thead>"]
        lines += [_row("th", head, left, ""), "</thead>", "<tbody>"]
        for number, cells in enumerate(rows):
            weight = "font-weight:bold" if number in bold else ""
            lines.append(_row("td", cells, left, weight))
        lines += ["</tbody>", "</table>"]
    lines += [f"<div><small>{html.escape(note)}</small></div>" for note in notes]
    return "\n".join([*lines, "</div>"])


def _row(tag: str, cells: Sequence[str], left: int, style: str) -> str:
    written = [
        f'<{tag} style="{_CELL.format("left" if i < left else "right")}">'
        f"{html.escape(cell)}</{tag}>"
        for i, cell in enumerate(cells)
    ]
    start = f'<tr style="{style}">' if style else "<tr>"
    return f"{start}{''.join(written)}</tr>"
