"""The sweep beside scikit-learn's networks: which sizes, and that it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import estimators


def test_the_sweep_has_every_order_of_magnitude_that_memory_allows() -> None:
    sizes = [*estimators.sizes()]
    assert {size.rows for size in sizes} == {*estimators.ROWS}
    assert {size.columns for size in sizes} == {*estimators.COLUMNS}
    assert {size.hidden for size in sizes} == {*estimators.HIDDEN}
    assert max(size.rows * size.columns for size in sizes) <= estimators.MOST_NUMBERS


def test_both_libraries_fit_the_smallest_size(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (found,) = estimators.sweep([estimators.Size(10, 10, 10)], rounds=1)
    line = estimators.line(*found)
    assert line.startswith("| 10 × 10, 10 | 100 | ")
    losses = [each["loss"] for each in found[1].values()]
    assert all(0 < loss < 2 for loss in losses)


def test_programs_are_python() -> None:
    compile(estimators.PROGRAM, "program", "exec")
    compile(estimators.ACCURACY, "accuracy", "exec")
