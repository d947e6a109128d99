"""Generated pages and pictures say what the code says now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_generated_pages_are_up_to_date(repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        cwd=repository,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, (
        f"{done.stdout}{done.stderr}run: python docs/generate.py"
    )
