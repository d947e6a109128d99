"""LLVM: text becomes optimised machine code, and machine code is loaded.

Place on the road: behind ``write``, which makes the text. Whatever takes long here may
run in several threads at once.
"""

from __future__ import annotations

import ctypes
from typing import Any

import llvmlite.binding as llvm

from ...choose.processor import Host, host


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
