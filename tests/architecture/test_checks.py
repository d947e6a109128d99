"""The last lines of ``python -m tests``: they say what failed, and what took long."""

from __future__ import annotations

import pytest

from tests import __main__ as checks
from tests.__main__ import Outcome, summary

PASSED = Outcome("tests", 0, 9.0, "== 90 passed, 3 skipped in 4.56s ==")


def totals(*outcomes: Outcome) -> str:
    """The last line."""
    return summary(list(outcomes)).splitlines()[-1]


def test_the_last_line_counts_tests_and_checks_without_tests() -> None:
    lint = Outcome("lint", 0, 0.1, "All checks passed!")
    assert totals(lint, PASSED) == "91 passed, 0 failed, 3 skipped"


@pytest.mark.parametrize(
    ("code", "last_line", "failed"),
    [
        (1, "2 failed, 90 passed in 4.56s", 2),
        (1, "90 passed, 1 error in 4.56s", 1),
        (1, "Found 7 errors.", 1),  # not pytest's: a check that failed
        (-11, "90 passed in 4.56s", 1),  # ended by a signal behind its last line
        (5, "", 1),
    ],
)
def test_a_check_that_ends_badly_never_counts_as_none_failed(
    code: int, last_line: str, failed: int
) -> None:
    line = totals(PASSED, Outcome("other", code, 1.0, last_line))
    assert f", {failed} failed, " in line


def test_the_slowest_tests_are_named_at_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "12.34s call     tests/test_losses.py::test_name"
    program = f"print('slowest'); print({line!r}); print('1 passed in 12.40s')"
    monkeypatch.setitem(checks.CHECKS, "tests", ("-c", program))
    assert checks.main(["tests"]) == 0
    end = capsys.readouterr().out.splitlines()[-5:]
    assert end[0] == line
    assert end[2].startswith("ok      tests") and end[2].endswith("1 passed in 12.40s")
    assert end[4] == "1 passed, 0 failed, 0 skipped"


def test_a_check_that_is_not_known_is_a_mistake_and_runs_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert checks.main(["lint", "tsets"]) == 2
    assert "no check named tsets; there are: lint, " in capsys.readouterr().out
