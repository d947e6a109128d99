"""LLVM: text becomes optimised machine code, and machine code is loaded.

Place on the road: after ``write``, which makes the text. What takes long here may run
in several threads at once.
"""

from __future__ import annotations

import ctypes
from typing import Any

import llvmlite.binding as llvm

from ...choose.processor import Host, host


class Compilation:
    """A module of LLVM text on its way to machine code.

    The text is vectorised, unrolled and free of repeated computations already. What is
    left for LLVM's passes is to keep values in registers, to test loops at their ends,
    to simplify, and to remove dead code; all else that the usual levels of optimisation
    do costs half of the time and gains nothing.

    What takes long is in ``run``, which may be called in another thread: the module has
    a context of its own, and nothing is shared.

    Arguments:
        text: of the module.
        found: what code is generated for.
    """

    def __init__(self, text: str, found: Host) -> None:
        self.machine = found.machine()
        self.module = llvm.parse_assembly(text, llvm.create_context())
        self.module.verify()
        options = llvm.create_pipeline_tuning_options()
        self._builder = llvm.create_pass_builder(self.machine, options)
        self._buffer: Any = None

    def optimise(self) -> None:
        """Runs the passes."""
        passes = _passes()
        _unlocked("LLVMPY_RunNewModulePassManager")(passes, self.module, self._builder)
        # llvmlite 0.50 frees no passes: its ``close`` finds nothing to do.
        _unlocked("LLVMPY_DisposeNewModulePassManger")(passes)
        passes.detach()

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
        """The object file that ``run`` has made. It can be asked for once."""
        lib = llvm.ffi.lib
        size = lib.LLVMPY_GetBufferSize(self._buffer)
        code = ctypes.string_at(lib.LLVMPY_GetBufferStart(self._buffer), size)
        lib.LLVMPY_DisposeMemoryBuffer(self._buffer)
        return code


def _unlocked(name: str) -> Any:
    """A function of LLVM, without the lock that llvmlite puts around it.

    The lock is for modules that share a context; those of ``Compilation`` do not.
    """
    function = getattr(llvm.ffi.lib, name)
    return getattr(function, "_cfn", function)


def _passes() -> Any:
    passes = llvm.create_new_module_pass_manager()
    passes.add_ipsccp_pass()
    passes.add_sroa_pass()
    passes.add_loop_rotate_pass()
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
