"""Machine code on disk: a program is compiled once on a machine, not in every process.

Place on the road: in front of the compilation, which is skipped if the code is there.
An entry is a file named after a hash of everything that the code depends on: the
schedule, the processor, the versions, and this engine's own source.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm

from ....recompilation.entries import folder, load, store
from ..abi.call_table import DATA_OFFSET
from ..choose.processor import host

#: Files outside of this engine that machine code is made with, besides what the
#: schedule says: how much work there is, which functions are costly, and the rounds of
#: the random numbers. A test compares this with what the rooms that write code import.
OUTSIDE = (
    "compiler/report.py", "ops/elementwise.py", "ops/philox.py", "ops/primitive.py"
)  # fmt: skip


def cached(description: str, make: Callable[[], bytes]) -> tuple[bytes, bool]:
    """What ``make`` returns for this description, and whether it was found on disk."""
    entry = entry_of(description)
    code = load(entry)
    if code is not None:
        return code, True
    code = make()
    store(entry, code)
    return code, False


def entry_of(description: str) -> Path:
    """The file for machine code of which this is everything that it depends on, besides
    its surroundings and what makes it.
    """
    text = "\n".join((*surroundings(), source_digest(), description))
    return folder() / f"{hashlib.sha256(text.encode()).hexdigest()}.o"


def surroundings() -> tuple[str, ...]:
    """The processor, and the versions of what machine code is made and called by."""
    processor = host()
    return (
        llvmlite.__version__,
        str(llvm.llvm_version_info),
        processor.triple,
        processor.name,
        processor.features,
        str(DATA_OFFSET),  # it differs between builds of Python
    )


@functools.cache
def source_digest() -> str:
    """A hash of the source files that write code: another version writes other code."""
    found, native = hashlib.sha256(), Path(__file__).parents[1]
    others = [native.parents[1] / each for each in OUTSIDE]
    for path in (*sorted(native.rglob("*.py")), *others):
        found.update(path.read_bytes())
    return found.hexdigest()
