"""Every Python block of README and docs/ runs, page by page, as a reader would type it.

The blocks of one page share their names and run in order in an empty folder. Where a
page says ``<!-- output -->`` before a block, that block is what the Python block before
it printed (``...`` stands for anything, as in a doctest).
"""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [
    page
    for page in (*ROOT.glob("*.md"), *sorted(ROOT.glob("docs/**/*.md")))
    if page.name != "CHANGELOG.md"
]
FENCE = re.compile(
    r"(?P<output><!-- output -->\s*\n)?"
    r"^(?P<indent> *)```(?P<language>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```",
    re.MULTILINE | re.DOTALL,
)
SEPARATOR = "<<< end of block {} >>>"


@dataclass
class Block:
    """A fenced block: Python to run and, where the page shows it, what it prints."""

    line: int
    code: str
    output: str | None = None


def blocks_of(text: str) -> list[Block]:
    """The Python blocks of a page, each with the output the page promises for it."""
    blocks: list[Block] = []
    for match in FENCE.finditer(text):
        body = textwrap.dedent(match["body"])
        if match["language"].strip() == "python":
            blocks.append(Block(text.count("\n", 0, match.start("body")) + 1, body))
        elif match["output"] and blocks:
            blocks[-1].output = body
    return blocks


def script_of(page: Path, blocks: list[Block]) -> str:
    """One program that runs the blocks in order; lines are the page's own, and where
    source is looked up (``linecache``) the page has nothing but its code."""
    source: list[str] = []
    for block in blocks:
        source += [""] * (block.line - 1 - len(source)) + block.code.splitlines()
    kept = [line + "\n" for line in source]
    lines = [
        "import linecache",
        "names = {'__name__': '__main__'}",
        f"linecache.cache[{str(page)!r}] = (1, None, {kept!r}, {str(page)!r})",
    ]
    for number, block in enumerate(blocks):
        code = "\n" * (block.line - 1) + block.code
        lines.append(f"exec(compile({code!r}, {str(page)!r}, 'exec'), names)")
        lines.append(f"print({SEPARATOR.format(number)!r}, flush=True)")
    return "\n".join(lines)


def run_page(page: Path, folder: Path) -> list[str]:
    """Run a page's blocks in ``folder``; what each of them printed."""
    blocks = blocks_of(page.read_text(encoding="utf-8"))
    script = folder / "page.py"
    script.write_text(script_of(page, blocks), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", script.name],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, f"{page.name}:\n{done.stdout}\n{done.stderr}"
    printed = []
    rest = done.stdout
    for number in range(len(blocks)):
        text, _, rest = rest.partition(SEPARATOR.format(number) + "\n")
        printed.append(text)
    return printed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_code_of_a_page_runs_and_prints_what_the_page_shows(
    page: Path, tmp_path: Path
) -> None:
    blocks = blocks_of(page.read_text(encoding="utf-8"))
    if not blocks:
        pytest.skip("no Python on this page")
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    for block, printed in zip(blocks, run_page(page, tmp_path), strict=True):
        if block.output is not None:
            same = doctest.OutputChecker().check_output(block.output, printed, flags)
            assert same, f"{page.name}:{block.line}: printed\n{printed}"


def test_a_page_that_promises_another_output_is_found_out(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Text.\n\n```python\nx = 1\n```\n\n```python\nprint(x + 1)\n```\n"
        "<!-- output -->\n```text\n2\n```\n",
        encoding="utf-8",
    )
    blocks = blocks_of(page.read_text(encoding="utf-8"))
    assert [(block.line, block.output) for block in blocks] == [(4, None), (8, "2\n")]
    assert run_page(page, tmp_path) == ["", "2\n"]
