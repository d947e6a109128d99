"""The processor that this process runs on: the one file that knows which it is.

Place on the road: beside the lowering, which asks it for sizes and for machine code.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import llvmlite.binding as llvm


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


@functools.cache
def host() -> Host:
    """This process's processor. LLVM is initialised at the first call."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    found = llvm.get_host_cpu_features()
    features = found.flatten()
    has = {name for name, there in found.items() if there}
    x86 = "86" in llvm.get_process_triple().split("-")[0]
    vector_bytes, registers = 16, 32
    if x86:
        vector_bytes, registers = 16, 16
        if "avx2" in has:
            vector_bytes = 32
        if {"avx512f", "avx512vl", "avx512bw", "avx512dq"} <= has:
            vector_bytes, registers = 64, 32
            features += ",-prefer-256-bit"
    name = llvm.get_host_cpu_name()
    machine = target.create_target_machine(
        cpu=name,
        features=features,
        opt=2,
        reloc="pic",
        codemodel="jitdefault",
        jit=True,
    )
    pause = "llvm.x86.sse2.pause" if x86 else None
    return Host(name, features, vector_bytes, registers, pause, machine)


def optimised(text: str, machine: Any) -> Any:
    """LLVM's module for a text, after a few passes.

    The text is vectorised already, so what is left to do is to put numbers into
    registers, to share and hoist computations, and to remove what is not needed.
    """
    module = llvm.parse_assembly(text)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = False
    options.slp_vectorization = False
    options.loop_unrolling = False
    options.loop_interleaving = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return module


def machine_code(text: str) -> bytes:
    """The object file for LLVM text."""
    found = host()
    code: bytes = found.machine.emit_object(optimised(text, found.machine))
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
