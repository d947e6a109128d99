"""Every check of the project, in order: ``python -m tests``.

Lint, format, types, import contracts, tests (examples and the code of the documentation
among them) and the examples in docstrings. All of them run even when one fails; the
exit code is 0 only if all pass. ``python -m tests types tests`` runs the named ones.
At the end it says how long each took, and which tests were slowest.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTEST = ("-m", "pytest", "-p", "no:cacheprovider", "-q")
TWO_WORKERS = ("-n", "2", "--dist", "worksteal")
SLOWEST = ("--durations", "10", "--durations-min", "1")
DOCTESTS = ("--rootdir", ".", "--doctest-modules", "--pyargs", "chainrule")

#: "2 failed, 90 passed, 3 skipped in 4.56s"
CLOSING_LINE = re.compile(r"\d+ \w+.* in [\d.]+s")
#: "12.34s call     tests/test_losses.py::test_name"
DURATION = re.compile(r"[\d.]+s (?:call|setup|teardown) +\S")

#: name → arguments of the Python that runs this file.
CHECKS: dict[str, tuple[str, ...]] = {
    "lint": ("-m", "ruff", "check", "."),
    "format": ("-m", "ruff", "format", "--check", "."),
    "types": ("-m", "mypy"),
    "imports": ("-c", "from importlinter.cli import lint_imports_command as c; c()"),
    "tests": (*PYTEST, *TWO_WORKERS, *SLOWEST, "tests"),
    "docstrings": (*PYTEST, *TWO_WORKERS, "-c", "pyproject.toml", *DOCTESTS),
}


@dataclass(frozen=True)
class Outcome:
    """How one check ended: exit code, duration, the last line it printed, and the lines
    that name its slowest tests."""

    name: str
    code: int
    seconds: float
    last_line: str
    slowest: tuple[str, ...] = ()

    def count(self, word: str) -> int:
        """The number before ``word`` in pytest's closing line, 0 without one."""
        closing = self.last_line if CLOSING_LINE.search(self.last_line) else ""
        found = re.search(rf"\b(\d+) {word}", closing)
        return int(found[1]) if found else 0


def environment() -> dict[str, str]:
    """This process's environment, with one BLAS thread for each of the two workers."""
    one_thread = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
    )
    return one_thread | {"MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8"} | os.environ


def run(name: str) -> Outcome:
    """Run one check, passing its output on line by line."""
    print(f"\n── {name} ".ljust(88, "─"), flush=True)
    start = time.perf_counter()
    last_line = ""
    slowest: list[str] = []
    with subprocess.Popen(
        [sys.executable, *CHECKS[name]],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            last_line = line.strip() or last_line
            if DURATION.match(line):
                slowest.append(line.rstrip())
    seconds = time.perf_counter() - start
    return Outcome(name, process.returncode, seconds, last_line, tuple(slowest))


def summary(outcomes: list[Outcome]) -> str:
    """The slowest tests, one line a check, and the totals of the tests; a failed check
    counts as one."""
    slowest = [line for outcome in outcomes for line in outcome.slowest]
    lines = [
        f"{'ok' if outcome.code == 0 else 'FAILED':8}{outcome.name:12}"
        f"{outcome.seconds:7.1f} s  {outcome.last_line.strip('= ')}"
        for outcome in outcomes
    ]
    passed = failed = skipped = 0
    for outcome in outcomes:
        passed += outcome.count("passed") or int(outcome.code == 0)
        found = outcome.count("failed") + outcome.count("error")
        failed += max(found, int(outcome.code != 0)) if outcome.code else 0
        skipped += outcome.count("skipped")
    totals = f"{passed} passed, {failed} failed, {skipped} skipped"
    return "\n".join([*slowest, *[""] * bool(slowest), *lines, "", totals])


def main(names: list[str]) -> int:
    """Run the checks named, or all of them; the exit code of the whole."""
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        print(f"no check named {', '.join(unknown)}; there are: {', '.join(CHECKS)}")
        return 2
    outcomes = [run(name) for name in names or CHECKS]
    print("\n" + "═" * 88 + "\n" + summary(outcomes), flush=True)
    return int(any(outcome.code for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
