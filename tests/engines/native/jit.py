"""Functions written as LLVM text, compiled in this process."""

from __future__ import annotations

import ctypes
from typing import Any

import llvmlite.binding as llvm

from chainrule.engines.native.write import ir

POINTER, I64, VOID = ir.PointerType(), ir.IntType(64), ir.VoidType()

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()


class Compiled:
    """A module as machine code: for this processor, or for any of its family."""

    def __init__(self, module: ir.Module, generic: bool = False) -> None:
        self._module = llvm.parse_assembly(str(module))
        self._module.triple = llvm.get_default_triple()
        self._module.verify()
        cpu = "" if generic else llvm.get_host_cpu_name()
        features = "" if generic else llvm.get_host_cpu_features().flatten()
        target = llvm.Target.from_default_triple()
        machine = target.create_target_machine(cpu=cpu, features=features, opt=2)
        options = llvm.create_pipeline_tuning_options(speed_level=2)
        options.loop_vectorization = options.slp_vectorization = False
        options.loop_unrolling = False
        builder = llvm.create_pass_builder(machine, options)
        builder.getModulePassManager().run(self._module, builder)
        self._engine = llvm.create_mcjit_compiler(self._module, machine)
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Where a function is."""
        found: int = self._engine.get_function_address(name)
        return found

    def function(self, name: str, *arguments: Any) -> Any:
        """A function of this module that answers nothing, to be called from Python."""
        return ctypes.CFUNCTYPE(None, *arguments)(self.address(name))


def new_module() -> ir.Module:
    """An empty module."""
    return ir.Module("test")
