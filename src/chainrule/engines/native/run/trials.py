"""Trials: what this machine gains by ways to cut a product, measured once.

Place on the road: beside ``machine_code``, which needs the answers. A trial takes some
hundredths of a second, the first time that a program is compiled for which its answer
matters; it is kept beside the machine code on disk. ``config.trials`` turns them off,
and code for other processors than this one is made without.
"""

from __future__ import annotations

import ctypes
import hashlib
import time
from pathlib import Path
from typing import Any

import numpy as np

from ....config import config
from ....recompilation.entries import folder, load, store
from ..choose.matmul import OuterTiling, copied_elements, scratch_elements
from ..choose.processor import host
from ..choose.product import example
from ..choose.tiling import Matmul
from ..choose.trials import Doubt, Trial
from ..write import ir
from ..write.matmul.alone import emit_alone
from .compile.llvm import Compilation, Library
from .memory import aligned
from .object_cache import source_digest, surroundings

#: Both ways are computed in turns, so many times; the least time counts.
ROUNDS = 8

#: What this process knows.
_known: dict[Doubt, Trial] = {}


def pays(doubt: Doubt) -> bool | None:
    """Whether this processor gains by a way to cut products; None where nothing is
    tried."""
    found = trial(doubt)
    return None if found is None else found.pays


def trial(doubt: Doubt) -> Trial | None:
    """What was measured on this machine, now or earlier; None where nothing is tried:
    plain ways are taken then.
    """
    if not config.trials or config.processor != "host":
        return None
    if doubt not in _known:
        entry = _entry(doubt)
        kept = load(entry)
        if kept is None:
            seconds = _measured(doubt)
            store(entry, np.array(seconds).tobytes())
        else:
            seconds = tuple(np.frombuffer(kept))
        plain, other = map(float, seconds)
        _known[doubt] = Trial(plain, other, doubt.margin)
    return _known[doubt]


def told() -> dict[str, str]:
    """What was found out, or is now, in words."""
    answers = {doubt.value: trial(doubt) for doubt in Doubt}
    return {doubt: str(found) for doubt, found in answers.items() if found is not None}


def _entry(doubt: Doubt) -> Path:
    """The file of a trial; another processor or version makes another."""
    text = "\n".join((*surroundings(), source_digest(), doubt.name))
    return folder() / f"{hashlib.sha256(text.encode()).hexdigest()}.trial"


def _measured(doubt: Doubt) -> tuple[float, ...]:
    """The least seconds of the example, plain and in the other way."""
    spec, *tilings = example(doubt, host())
    module = ir.Module("chainrule_trial")
    for number, tiling in enumerate(tilings):
        emit_alone(module, f"trial{number}", spec, tiling)
    library = Library(Compilation(str(module), host()).run().code())
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_size_t] * 4)
    ways = [kind(library.address(f"trial{n}")) for n in range(len(tilings))]
    memory = _memory(spec, tilings)
    addresses = [each.ctypes.data for each in memory]
    least = [float("inf")] * len(ways)
    for _ in range(ROUNDS):
        for number, way in enumerate(ways):
            began = time.perf_counter()
            way(*addresses)
            least[number] = min(least[number], time.perf_counter() - began)
    return tuple(least)


def _memory(spec: Matmul, tilings: list[OuterTiling]) -> list[Any]:
    """The factors, the result and scratch memory. All is written once: what never was
    is one page of zeros to the system, which would stay in the cache."""

    def extent(shape: tuple[int, ...], strides: tuple[int, ...]) -> int:
        return 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))

    sizes = [
        extent((spec.m, spec.k), spec.a_strides[1:]),
        extent((spec.k, spec.n), spec.b_strides[1:]),
        extent((spec.m, spec.n), spec.c_strides[1:]),
        max(copied_elements(spec, t) + scratch_elements(spec, t) for t in tilings),
    ]
    memory = [aligned(size * spec.dtype.itemsize) for size in sizes]
    for each in memory:
        each.view(spec.dtype).fill(1)
    return memory
