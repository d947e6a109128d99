"""Stores of the first lanes only: what lies behind them stays as it is."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from chainrule.engines.native.write import emit, ir
from tests.engines.native.jit import I64, POINTER, VOID, Compiled, new_module


@pytest.mark.parametrize("known", [True, False], ids=["constant", "computed"])
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("lanes", [4, 8, 16, 64])
@pytest.mark.parametrize("target", ["int8", "uint16", "int32"])
def test_integers_cut_to_fewer_bits(
    target: str, lanes: int, count: int, known: bool
) -> None:
    dtype = np.dtype(target)
    module = new_module()
    kind = ir.FunctionType(VOID, [POINTER, POINTER, I64])
    function = ir.Function(module, kind, "narrow")
    source, pointer, _ = function.args
    b = ir.IRBuilder(function.append_basic_block("entry"))
    wider = 16 * dtype.itemsize
    values = b.load(source, emit.wide(ir.IntType(wider), lanes), align=1)
    narrow = b.trunc(values, emit.wide(emit.register_type(dtype), lanes))
    mask = emit.first_lanes(count, lanes)
    if not known:  # LLVM's passes find that it is
        mask = emit.existing_lanes(b, emit.index(count), lanes)
    emit.store(b, dtype, narrow, pointer, mask)
    b.ret_void()
    code = Compiled(module)
    call = code.function("narrow", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    given = np.random.default_rng(lanes).integers(0, 255, 8 * wider, dtype=np.uint8)
    memory = np.full(lanes + 8, 77, dtype)
    call(given.ctypes.data, memory.ctypes.data, count)
    expected = given.view(f"u{wider // 8}")[:count].astype(dtype)
    np.testing.assert_array_equal(memory[:count], expected)
    assert (memory[count:] == 77).all()
