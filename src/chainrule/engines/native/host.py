"""The processor that code is generated for: the one file that knows which it is.

Place on the road: beside the lowering, which asks it for sizes and for machine code.
"""

from __future__ import annotations

import ctypes
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
    triple: str = field(repr=False, compare=False, default="")

    def machine(self) -> Any:
        """LLVM's machine that generates code for it; each is for one thread."""
        return llvm.Target.from_triple(self.triple).create_target_machine(
            cpu=self.name,
            features=self.features,
            opt=2,
            reloc="static",
            codemodel="jitdefault",
            jit=True,
        )


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
    """A processor, from what it has."""
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
    return Host(name, features, vector_bytes, registers, pause, triple)


class Compilation:
    """A module of LLVM text on its way to machine code.

    The text is vectorised already, so what is left to do is to put numbers into
    registers, to share and hoist computations, and to remove what is not needed.

    Whatever takes long is in ``run``, which may be called in another thread: the module
    has a context of its own, and nothing here is shared.

    Arguments:
        text: of the module.
        found: what code is generated for.
        quick: a sixth of the passes' time, and half of the whole, for code that is a
            few per cent slower: right where little is computed.
    """

    def __init__(self, text: str, found: Host, quick: bool = False) -> None:
        self.machine = found.machine()
        self.module = llvm.parse_assembly(text, llvm.create_context())
        self.module.verify()
        options = llvm.create_pipeline_tuning_options(speed_level=2)
        options.loop_vectorization = False
        options.slp_vectorization = False
        options.loop_unrolling = False
        options.loop_interleaving = False
        self._builder = llvm.create_pass_builder(self.machine, options)
        self._passes = (
            _quick_passes() if quick else self._builder.getModulePassManager()
        )
        self._buffer: Any = None

    def optimise(self) -> None:
        """Runs the passes."""
        _unlocked("LLVMPY_RunNewModulePassManager")(
            self._passes, self.module, self._builder
        )

    def run(self) -> Compilation:
        """Runs the passes and generates code."""
        self.optimise()
        with llvm.ffi.OutputString() as error:
            emit = _unlocked("LLVMPY_TargetMachineEmitToMemory")
            self._buffer = emit(self.machine, self.module, 1, error)
            if not self._buffer:
                raise RuntimeError(f"LLVM: {error}")
        return self

    def code(self) -> bytes:
        """The object file that ``run`` has made, once."""
        lib = llvm.ffi.lib
        size = lib.LLVMPY_GetBufferSize(self._buffer)
        code = ctypes.string_at(lib.LLVMPY_GetBufferStart(self._buffer), size)
        lib.LLVMPY_DisposeMemoryBuffer(self._buffer)
        return code


def _unlocked(name: str) -> Any:
    """A function of LLVM that does not wait for other threads.

    llvmlite lets one thread at a time into LLVM, for modules may share a context. Those
    of ``Compilation`` do not.
    """
    function = getattr(llvm.ffi.lib, name)
    return getattr(function, "_cfn", function)


def _quick_passes() -> Any:
    passes = llvm.create_new_module_pass_manager()
    passes.add_ipsccp_pass()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.add_global_dead_code_eliminate_pass()
    return passes


class Library:
    """Loaded machine code: the functions of some object files, by name."""

    def __init__(self, *codes: bytes) -> None:
        empty = llvm.parse_assembly("")
        self.engine = llvm.create_mcjit_compiler(empty, host().machine())
        for code in codes:
            self.engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self.engine.finalize_object()

    def address(self, name: str) -> int:
        """The address of a function."""
        found: int = self.engine.get_function_address(name)
        return found
