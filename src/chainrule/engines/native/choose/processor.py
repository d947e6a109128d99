"""The processor that code is generated for; no other file knows which it is.

Place on the road: below all choices, which ask it for the width and number of vector
registers, and ``run.compile``, which asks it for LLVM's description of it.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from dataclasses import dataclass, field
from typing import Any

import llvmlite.binding as llvm

from ....config import config
from ....errors import ArgumentError

#: Multiplications that a processor of today has under way at the same time (latency
#: times throughput): with this many independent sums, none waits for another.
IN_FLIGHT = 8

#: With as many registers a tile is large enough that loading its factors costs next to
#: nothing. With fewer, as without AVX-512, what is loaded for each multiplication
#: decides: a tile of inner products needs 2.5 times what one of outer products does.
MANY_REGISTERS = 32

#: Bytes of a line of the cache: what memory is read and aligned by.
CACHE_LINE = 64

AVX512 = frozenset({"avx512f", "avx512vl", "avx512bw", "avx512dq"})
AMX = frozenset({"amx-tile", "amx-bf16"})


@dataclass(frozen=True)
class Host:
    """What code is generated for.

    Attributes:
        name, features: as LLVM knows them.
        vector_bytes: the width of a vector register.
        registers: how many of them there are.
        multiplies_pairs: whether it has x86's instruction for pairs of bfloat16.
        multiplies_matrices: whether it has x86's unit for small matrices of these
            (AMX), and the system lets this process use it.
        pause: the intrinsic for the body of a spinning loop, which leaves the core's
            other thread its turn; None where there is none.
    """

    name: str
    features: str
    vector_bytes: int
    registers: int
    multiplies_pairs: bool
    multiplies_matrices: bool
    pause: str | None
    triple: str = field(repr=False, compare=False, default="")

    @property
    def counter(self) -> str:
        """The intrinsic that reads its counter of time; on others than x86 that of
        cycles may be forbidden."""
        return f"llvm.read{'cycle' if self.pause else 'steady'}counter"

    def machine(self) -> Any:
        """LLVM's target machine for it; one for each thread that compiles."""
        return llvm.Target.from_triple(self.triple).create_target_machine(
            cpu=self.name,
            features=self.features,
            opt=2,
            reloc="static",
            codemodel="jitdefault",
            jit=True,
        )


#: A setting of ``config.processor`` → LLVM's name for x86 processors of that level (of
#: the x86-64 psABI), and the features that generated code needs.
X86 = {
    "baseline": ("x86-64", frozenset[str]()),
    "avx2": ("x86-64-v3", frozenset({"avx2"})),
    "avx512": ("x86-64-v4", frozenset({"avx2", *AVX512})),
}


def host() -> Host:
    """The processor that ``config.processor`` names; "host" is this machine's."""
    return _host(config.processor)


@functools.cache
def _host(processor: str) -> Host:
    """LLVM is initialised at the first call."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    triple = llvm.get_process_triple()
    x86 = "86" in triple.split("-")[0]
    has = {name for name, there in llvm.get_host_cpu_features().items() if there}
    if processor == "host":
        features = llvm.get_host_cpu_features().flatten()
        if has >= AMX and not _may_multiply_matrices():
            features, has = f"{features},-amx-tile,-amx-bf16", has - AMX
        return described(triple, llvm.get_host_cpu_name(), features, has)
    if not x86:
        if processor == "baseline":
            return described(triple, "generic", "", set())
        raise ArgumentError(
            f"processor={processor!r}: this is not an x86 processor ({triple})",
            fix="processor='baseline'",
        )
    name, needs = X86[processor]
    if not needs <= has:
        raise ArgumentError(
            f"processor={processor!r}: this one, {llvm.get_host_cpu_name()}, has no "
            f"{', '.join(sorted(needs - has))}",
            fix="processor='host' is always right",
        )
    return described(triple, name, "", set(needs))


def described(triple: str, name: str, features: str, has: set[str]) -> Host:
    """A processor with these features."""
    x86 = "86" in triple.split("-")[0]
    vector_bytes, registers = 16, 32
    if x86:
        vector_bytes, registers = 16, 16
        if "avx2" in has:
            vector_bytes = 32
        if has >= AVX512:
            vector_bytes, registers = 64, 32
            features = ",".join(filter(None, [features, "-prefer-256-bit"]))
    pause = "llvm.x86.sse2.pause" if x86 else None
    pairs = has >= {*AVX512, "avx512bf16"}
    matrices = pairs and has >= AMX
    return Host(name, features, vector_bytes, registers, pairs, matrices, pause, triple)


def _may_multiply_matrices() -> bool:
    """Asks the system for the large registers of AMX, for all threads of this process:
    ``arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)`` of Linux on x86-64.
    """
    if sys.platform != "linux":
        return False
    call = ctypes.CDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    return bool(call(158, 0x1023, 18) == 0)
