"""The processor that code is generated for: the one file that knows which it is.

Place on the road: beside the lowering, which asks it for sizes and for machine code.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import llvmlite.binding as llvm

from ...config import config
from ...errors import ArgumentError

AVX512 = frozenset({"avx512f", "avx512vl", "avx512bw", "avx512dq"})


@dataclass(frozen=True)
class Host:
    """What code is generated for.

    Attributes:
        name, features: as LLVM knows them.
        vector_bytes: the width of a vector register.
        registers: how many of them there are.
        pause: the intrinsic with which a waiting loop is polite, or None.
    """

    name: str
    features: str
    vector_bytes: int
    registers: int
    pause: str | None
    machine: Any = field(repr=False, compare=False, default=None)


#: Setting of ``config.processor`` → LLVM's name for x86 processors of that kind (the
#: levels of the x86-64 psABI), and what of it the generated code asks for.
X86 = {
    "baseline": ("x86-64", frozenset[str]()),
    "avx2": ("x86-64-v3", frozenset({"avx2"})),
    "avx512": ("x86-64-v4", frozenset({"avx2", *AVX512})),
}


def host() -> Host:
    """The processor that ``config.processor`` says, "host" being this very one."""
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
    """A processor, and LLVM's machine that generates code for it."""
    x86 = "86" in triple.split("-")[0]
    vector_bytes, registers = 16, 32
    if x86:
        vector_bytes, registers = 16, 16
        if "avx2" in has:
            vector_bytes = 32
        if has >= AVX512:
            vector_bytes, registers = 64, 32
            features = ",".join(filter(None, [features, "-prefer-256-bit"]))
    machine = llvm.Target.from_triple(triple).create_target_machine(
        cpu=name,
        features=features,
        opt=2,
        reloc="pic",
        codemodel="jitdefault",
        jit=True,
    )
    pause = "llvm.x86.sse2.pause" if x86 else None
    return Host(name, features, vector_bytes, registers, pause, machine)


def optimised(text: str, machine: Any, quick: bool = False) -> Any:
    """LLVM's module for a text, after a few passes.

    The text is vectorised already, so what is left to do is to put numbers into
    registers, to share and hoist computations, and to remove what is not needed.

    Arguments:
        text: of the module.
        machine: what code is generated for.
        quick: a sixth of the passes' time, and half of the whole, for code that is a
            few per cent slower: right where little is computed.
    """
    module = llvm.parse_assembly(text)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = False
    options.slp_vectorization = False
    options.loop_unrolling = False
    options.loop_interleaving = False
    builder = llvm.create_pass_builder(machine, options)
    passes = _quick_passes() if quick else builder.getModulePassManager()
    passes.run(module, builder)
    return module


def _quick_passes() -> Any:
    passes = llvm.create_new_module_pass_manager()
    passes.add_ipsccp_pass()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.add_global_dead_code_eliminate_pass()
    return passes


def machine_code(text: str, quick: bool = False) -> bytes:
    """The object file for LLVM text; ``quick`` as for ``optimised``."""
    found = host()
    code: bytes = found.machine.emit_object(optimised(text, found.machine, quick))
    return code


class Library:
    """Loaded machine code: functions by name."""

    def __init__(self, code: bytes) -> None:
        target = llvm.Target.from_triple(llvm.get_process_triple())
        machine = target.create_target_machine(
            cpu=host().name, features=host().features, opt=2, reloc="pic", jit=True
        )
        empty = llvm.parse_assembly("")
        self.engine = llvm.create_mcjit_compiler(empty, machine)
        self.engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self.engine.finalize_object()

    def address(self, name: str) -> int:
        """The address of a function."""
        found: int = self.engine.get_function_address(name)
        return found
