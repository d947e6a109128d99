"""Writes the pages of the documentation that are made from the code.

``python docs/generate.py`` writes them; ``--check`` writes nothing, and fails when one
is out of date. What a page says is decided by the package, not here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from chainrule.explain.primitives import markdown as primitives

try:
    from algorithms import algorithms_page
    from names import names_page
    from pictures import DRAWINGS, PICTURES
    from reference import pages as reference
except ImportError:  # imported as docs.generate, from the folder above
    from docs.algorithms import algorithms_page
    from docs.names import names_page
    from docs.pictures import DRAWINGS, PICTURES
    from docs.reference import pages as reference

DOCS = Path(__file__).resolve().parent

#: file → what it holds.
PAGES: dict[str, Callable[[], str]] = {
    "primitives.md": primitives,
    "names-elsewhere.md": names_page,
    "optimizers-line-by-line.md": algorithms_page,
    **reference(),
    **PICTURES,
}


def outdated() -> dict[str, str]:
    """The pages that are missing, or differ from what the code says now, with that."""
    found = {}
    for name, page in PAGES.items():
        path, text = DOCS / name, page()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            found[name] = text
    return found


def main() -> int:
    """Write the pages, or check them; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument(
        "--drawings", action="store_true", help="draw matplotlib's pictures anew, too"
    )
    options = parser.parse_args()
    check: bool = options.check
    for name, draw in DRAWINGS.items():
        if options.drawings:
            draw(str(DOCS / name))
        elif not (DOCS / name).exists():
            sys.stdout.write(f"{name} is missing: --drawings draws it\n")
            return 1
    pages = outdated()
    for name, text in pages.items():
        if not check:
            (DOCS / name).parent.mkdir(exist_ok=True)
            (DOCS / name).write_text(text, encoding="utf-8", newline="\n")
        sys.stdout.write(f"{name} {'is out of date' if check else 'written'}\n")
    return int(check and bool(pages))


if __name__ == "__main__":
    sys.exit(main())
