"""Programs for many kinds of arguments: which are kept, and what memory they take."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.recompilation import kinds


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only four kinds are kept."""
    monkeypatch.setattr(kinds, "MOST_KINDS", 4)


def doubled() -> tuple[Any, list[int]]:
    """A compiled function, and the lengths that it has been traced for."""
    traced: list[int] = []

    def double(x: Any) -> Any:
        traced.append(len(x))
        return x * 2.0

    return cr.compile(double, engine="numpy"), traced


def call(f: Any, length: int) -> None:
    x = np.arange(length, dtype=np.float32)
    np.testing.assert_array_equal(f(x).numpy(), 2.0 * x)


def test_the_kinds_that_are_kept_have_a_most_and_all_results_are_right() -> None:
    double, traced = doubled()
    for length in [*range(1, 8), *range(1, 8)]:
        call(double, length)
        assert len(double.specialisations) <= 4
    assert len(double.specialisations) == 4
    assert len(traced) == 14


def test_what_is_called_again_and_again_stays() -> None:
    double, traced = doubled()
    for length in range(1, 40):
        call(double, 1)
        call(double, length)
        call(double, 2)
    assert (traced.count(1), traced.count(2)) == (1, 1)


def test_a_few_kinds_are_all_kept() -> None:
    double, traced = doubled()
    for _ in range(3):
        for length in (1, 2, 3, 4):
            call(double, length)
    assert traced == [1, 2, 3, 4]


def test_arrays_of_float64_count_as_their_two_kinds() -> None:
    w = cr.parameter(np.ones(1, np.float32))
    scaled = cr.compile(lambda x: x * w, engine="numpy")
    for length in range(1, 9):
        assert scaled(np.ones(length)).dtype == np.float32
        assert len(scaled.specialisations) <= 4


def test_what_makes_room_updates_the_same_variables_when_it_comes_again() -> None:
    count = cr.parameter(0.0)

    @cr.compile
    def add(x: Any) -> Any:
        count.assign(count + x.sum())
        return count

    for length in (1, 2, 3, 4, 5, 6, 1, 2):
        last = add(np.ones(length, np.float32))
    assert last.item() == count.item() == 24.0


MEMORY = """
import warnings
import numpy as np
import chainrule as cr
from chainrule.recompilation import kinds, templates

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

kinds.MOST_KINDS = templates.MOST_TEMPLATES = 8
cr.config.cache_bytes = 0
warnings.simplefilter("ignore")
f = cr.compile(lambda x: x * 2.0 + 1.0)
for length in range(1, 121):
    assert f(np.ones(length, "f4"))[-1].item() == 3.0
    if length == 20:
        before = resident()
print(resident() - before)
"""

LLVM = """
import llvmlite.binding as llvm
from chainrule.engines.native.choose.processor import host
from chainrule.engines.native.run.compile.llvm import Compilation, Library

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

for number in range(330):
    code = Compilation("define i64 @f() {\\n ret i64 7\\n}\\n", host()).run().code()
    assert Library(code).address("f")
    if number == 30:
        before = resident()
print(resident() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux tells memory")
@pytest.mark.parametrize(
    ("program", "most"),
    [(MEMORY, 3 << 20), (LLVM, 2 << 20)],
    ids=["100 kinds of arguments", "300 modules of LLVM"],
)
def test_compiling_on_and_on_leaves_memory_as_it_is(
    program: str, most: int, tmp_path: Path
) -> None:
    """Without a most the kinds take 7 MB; if no passes are freed, the modules 14."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"CHAINRULE_CACHE": str(tmp_path), "CHAINRULE_THREADS": "1"},
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    assert int(done.stdout) < most
