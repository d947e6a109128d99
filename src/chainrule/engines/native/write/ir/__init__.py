"""LLVM's assembly language, as far as kernels need it: types, values, a builder.

Place on the road: below ``emit`` and all that writes kernels; LLVM reads the text that
is written here, and checks it (``run.compile.llvm``). The names are those of llvmlite's
``ir``, which can say much more and takes several times as long.
"""

from __future__ import annotations

from .builder import IRBuilder
from .kinds import (
    ArrayType,
    BFloatType,
    DoubleType,
    FloatType,
    FunctionType,
    IntType,
    PointerType,
    Type,
    VectorType,
    VoidType,
)
from .values import (
    Address,
    Block,
    Constant,
    Function,
    GlobalVariable,
    Local,
    Module,
    Phi,
    Undefined,
    Value,
)

__all__ = [
    "Address",
    "ArrayType",
    "BFloatType",
    "Block",
    "Constant",
    "DoubleType",
    "FloatType",
    "Function",
    "FunctionType",
    "GlobalVariable",
    "IRBuilder",
    "IntType",
    "Local",
    "Module",
    "Phi",
    "PointerType",
    "Type",
    "Undefined",
    "Value",
    "VectorType",
    "VoidType",
]
