"""LLVM's assembly language as it is written here: what it computes, and its errors."""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chainrule.engines.native.write import ir
from tests.engines.native.jit import I64, POINTER, VOID, Compiled, new_module

I1, I8, I32 = ir.IntType(1), ir.IntType(8), ir.IntType(32)
FLOAT, DOUBLE = ir.FloatType(), ir.DoubleType()
KINDS = {
    np.dtype(np.float32): FLOAT,
    np.dtype(np.float64): DOUBLE,
    np.dtype(np.int32): I32,
    np.dtype(np.int64): I64,
}


def number(value: int) -> ir.Constant:
    return ir.Constant(I64, value)


def run(write: Callable[..., None], *arrays: Any) -> None:
    """Compiles ``write(builder, *addresses)`` and calls it."""
    module = new_module()
    function = ir.Function(module, ir.FunctionType(VOID, [POINTER] * len(arrays)), "f")
    b = ir.IRBuilder(function.append_basic_block("entry"))
    write(b, *function.args)
    b.ret_void()
    code = Compiled(module)
    code.function("f", *[ctypes.c_void_p] * len(arrays))(
        *(each.ctypes.data for each in arrays)
    )


def computed(
    how: Callable[[ir.IRBuilder, ir.Value, ir.Value], ir.Value], x: Any, y: Any
) -> Any:
    """An operation on vectors of eight, in registers; its bytes as of x's dtype."""
    kind = ir.VectorType(KINDS[x.dtype], len(x))
    found = np.zeros_like(x)

    def write(b: ir.IRBuilder, *places: ir.Value) -> None:
        given = [b.load(place, kind, 1) for place in places[:2]]
        result = how(b, *given)
        if result.type.element == I1:
            result = b.zext(result, ir.VectorType(ir.IntType(8 * x.itemsize), len(x)))
        b.store(result, places[2], 1)

    run(write, x, y, found)
    return found


WHOLE = np.array([7, -7, 12, -1, 0, 2**31 - 1, -(2**31), 5], np.int32)
OTHER = np.array([2, 3, -5, 1, 9, -4, 3, 5], np.int32)
REAL = np.array([1.5, -2.0, np.nan, np.inf, 0.0, -0.0, 3.0, 1e30], np.float32)
REALS = np.array([1.5, 2.0, 1.0, np.inf, -0.0, 0.0, np.nan, 1e-30], np.float32)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("add", operator.add),
        ("sub", operator.sub),
        ("mul", operator.mul),
        ("sdiv", lambda x, y: np.trunc(x / y.astype(float)).astype(np.int32)),
        ("srem", np.fmod),
        ("udiv", lambda x, y: (x.view(np.uint32) // y.view(np.uint32)).view(np.int32)),
        ("urem", lambda x, y: (x.view(np.uint32) % y.view(np.uint32)).view(np.int32)),
        ("and_", operator.and_),
        ("or_", operator.or_),
        ("xor", operator.xor),
    ],
)
def test_operations_on_integers(name: str, reference: Callable[..., Any]) -> None:
    with np.errstate(over="ignore"):
        expected = reference(WHOLE, OTHER)
    found = computed(lambda b, x, y: getattr(b, name)(x, y), WHOLE, OTHER)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["shl", "lshr", "ashr"])
def test_bits_that_move(name: str) -> None:
    by = (OTHER & 7).astype(np.int32)
    unsigned = WHOLE.view(np.uint32)
    expected = {
        "shl": (unsigned << by.view(np.uint32)).view(np.int32),
        "lshr": (unsigned >> by.view(np.uint32)).view(np.int32),
        "ashr": WHOLE >> by,
    }[name]
    found = computed(lambda b, x, y: getattr(b, name)(x, y), WHOLE, by)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("fadd", operator.add),
        ("fsub", operator.sub),
        ("fmul", operator.mul),
        ("fdiv", operator.truediv),
        ("fneg", lambda x, y: -x),
        ("neg", lambda x, y: -x),
        ("not_", lambda x, y: ~x),
    ],
)
def test_operations_on_floats_and_of_one_number(
    name: str, reference: Callable[..., Any]
) -> None:
    x, y = (REAL, REALS) if name.startswith("f") else (WHOLE, OTHER)
    takes = 2 if name in ("fadd", "fsub", "fmul", "fdiv") else 1
    with np.errstate(all="ignore"):
        expected = reference(x, y)
    found = computed(lambda b, *given: getattr(b, name)(*given[:takes]), x, y)
    np.testing.assert_array_equal(found, expected)


COMPARED = {"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
            ">": operator.gt, ">=": operator.ge}  # fmt: skip


@pytest.mark.parametrize("how", COMPARED)
@pytest.mark.parametrize(
    "name", ["icmp_signed", "icmp_unsigned", "fcmp_ordered", "fcmp_unordered"]
)
def test_comparisons(name: str, how: str) -> None:
    x, y = (WHOLE, OTHER) if name.startswith("i") else (REAL, REALS)
    seen = (x.view(np.uint32), y.view(np.uint32)) if name == "icmp_unsigned" else (x, y)
    expected = COMPARED[how](*seen)
    if name.startswith("f"):
        nan = np.isnan(x) | np.isnan(y)
        expected = np.where(nan, name == "fcmp_unordered", expected)
    found = computed(lambda b, p, q: getattr(b, name)(how, p, q), x, y)
    np.testing.assert_array_equal(found.view(np.int32), expected.astype(np.int32))


NUMBERS = (0.0, -0.0, 1 / 3, -2.5e-42, 3.4e38, 1e300, np.inf, -np.inf, np.nan)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constants_have_the_bits_of_their_numbers(dtype: Any) -> None:
    kind = KINDS[np.dtype(dtype)]
    found = np.ones((3, len(NUMBERS)), dtype)
    place = found.itemsize * len(NUMBERS)

    def write(b: ir.IRBuilder, to: ir.Value) -> None:
        for i, each in enumerate(NUMBERS):
            b.store(ir.Constant(kind, each), b.gep(to, number(i), kind))
        row = ir.VectorType(kind, len(NUMBERS))
        second = b.gep(to, number(place), I8)
        b.store(ir.Constant(row, list(NUMBERS)), second, 1)
        b.store(ir.Constant(row, 1 / 3), b.gep(to, number(2 * place), I8), 1)

    run(write, found)
    with np.errstate(over="ignore"):
        expected = np.array(NUMBERS).astype(dtype)
    bits = f"u{found.itemsize}"
    np.testing.assert_array_equal(found[0].view(bits), expected.view(bits))
    np.testing.assert_array_equal(found[1].view(bits), expected.view(bits))
    assert (found[2] == dtype(1 / 3)).all()


def test_nothing_is_zeros_or_no_address() -> None:
    spelled = {
        str(ir.Constant(kind, None))
        for kind in (POINTER, I64, FLOAT, ir.VectorType(I64, 2), ir.ArrayType(I8, 3))
    }
    assert spelled == {
        "ptr null", "i64 zeroinitializer", "float zeroinitializer",
        "<2 x i64> zeroinitializer", "[3 x i8] zeroinitializer",
    }  # fmt: skip
    assert str(ir.Constant(ir.ArrayType(I8, 3), b"a\0z")) == '[3 x i8] c"\\61\\00\\7a"'
    assert str(ir.Constant(FLOAT, ir.Undefined)) == "float undef"


def test_casts() -> None:
    given, found = np.array([3.75, -3.75]), np.zeros(8, np.int64)

    def write(b: ir.IRBuilder, source: ir.Value, to: ir.Value) -> None:
        x = b.load(b.gep(source, number(1), DOUBLE), DOUBLE)
        narrow = b.fptrunc(x, FLOAT)
        whole = b.fptosi(x, I32)
        values = [
            b.sext(whole, I64),
            b.zext(whole, I64),
            b.zext(b.trunc(whole, I8), I64),
            b.zext(b.bitcast(narrow, I32), I64),
            b.bitcast(b.fpext(narrow, DOUBLE), I64),
            b.bitcast(b.sitofp(whole, DOUBLE), I64),
            b.bitcast(b.uitofp(b.trunc(whole, I8), DOUBLE), I64),
            b.sub(b.ptrtoint(b.inttoptr(b.ptrtoint(to, I64), POINTER), I64),
                  b.ptrtoint(to, I64)),
        ]  # fmt: skip
        assert b.trunc(whole, I32) is whole  # nothing to do
        for i, value in enumerate(values):
            b.store(value, b.gep(to, number(i), I64))

    run(write, given, found)
    minus = [np.float32(-3.75).view(np.int32), np.float64(-3.75).view(np.int64)]
    assert found.tolist() == [
        -3, 2**32 - 3, 253, int(minus[0]) & 0xFFFFFFFF, int(minus[1]),
        int(np.float64(-3).view(np.int64)), int(np.float64(253).view(np.int64)), 0,
    ]  # fmt: skip


def test_parts_of_vectors_and_choice() -> None:
    lanes = ir.Constant(ir.VectorType(I32, 8), [7, 6, 5, 4, 3, 2, 1, 8])

    def how(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
        turned = b.shuffle_vector(x, y, lanes)
        third = b.extract_element(x, ir.Constant(I32, 2))
        changed = b.insert_element(turned, third, ir.Constant(I32, 0))
        there = ir.Constant(ir.VectorType(I1, 8), [1, 1, 1, 1, 1, 1, 0, 1])
        return b.select(there, changed, y)

    expected = [12, *WHOLE[6:1:-1], OTHER[6], OTHER[0]]
    np.testing.assert_array_equal(computed(how, WHOLE, OTHER), expected)


def test_branches_loops_and_local_variables() -> None:
    found = np.zeros(12, np.int64)

    def write(b: ir.IRBuilder, to: ir.Value) -> None:
        entry = b.block
        head, body, after = map(b.append_basic_block, ("head", "body", "after"))
        b.branch(head)
        b.position_at_end(head)
        i = b.phi(I64, "i")
        i.add_incoming(number(0), entry)
        b.cbranch(b.icmp_signed("<", i, number(6)), body, after)
        b.position_at_end(body)
        with b.goto_entry_block():  # before the branch at its end
            kept = b.alloca(I64, 64)
        assert kept.allocated_type == I64
        b.store(b.mul(i, i), kept)
        odd = b.icmp_unsigned("==", b.and_(i, number(1)), number(1))
        with b.if_else(odd) as (then, otherwise):
            with then:
                b.store(number(-1), kept)
            with otherwise, b.if_then(b.icmp_signed(">", i, number(3)), likely=True):
                b.store(number(16), kept)
        b.store(b.load(kept, I64), b.gep(to, i, I64))
        end, one, two = map(b.append_basic_block, ("end", "one", "two"))
        choice = b.switch(i, end)
        for value, block in enumerate((one, two), start=1):
            choice.add_case(number(value), block)
            b.position_at_end(block)
            b.store(number(100 * value), b.gep(to, b.add(i, number(6)), I64))
            b.branch(end)
        b.position_at_end(end)
        i.add_incoming(b.add(i, number(1)), b.block)
        b.branch(head)
        b.position_at_end(after)

    run(write, found)
    assert found.tolist() == [0, -1, 4, -1, 16, -1, 0, 100, 200, 0, 0, 0]


def test_words_that_threads_share() -> None:
    found = np.array([5, 0, 0, 0], np.int64)

    def write(b: ir.IRBuilder, to: ir.Value) -> None:
        for i, old in ((1, 5), (2, 5)):  # the second one comes too late
            there = b.exchanged(to, number(old), number(9))
            b.store(b.zext(there, I64), b.gep(to, number(i), I64))
        b.atomic_rmw("sub", to, number(2), "acq_rel")
        b.store_atomic(b.load_atomic(to, "acquire", I64), b.gep(to, number(3), I64),
                       "release")  # fmt: skip

    run(write, found)
    assert found.tolist() == [7, 1, 0, 7]


def test_functions_of_other_modules_are_declared_where_they_are_used() -> None:
    kind = ir.FunctionType(VOID, [POINTER])
    there, here = ir.Module("there"), ir.Module("here")
    called, passed = (ir.Function(there, kind, name) for name in ("called", "passed"))
    b = ir.IRBuilder(ir.Function(here, kind, "f").append_basic_block())
    b.call(called, [passed])
    b.call(called, [passed])
    assert [each.name for each in here.functions] == ["f", "called", "passed"]
    text = str(here)
    assert text.startswith('; ModuleID = "here"\n')
    assert text.count('declare void @"called"(ptr') == 1
    assert here.declared("called", kind) is here.globals["called"]
    with pytest.raises(ValueError, match="here: called is there already"):
        ir.Function(here, kind, "called")


def test_memory_of_a_module_and_addresses_that_were_computed() -> None:
    found = np.zeros(2, np.int64)

    def write(b: ir.IRBuilder, to: ir.Value) -> None:
        table = ir.GlobalVariable(b.module, ir.ArrayType(I8, 2), "table")
        table.initializer = ir.Constant(table.value_type, b"\x07\x09")
        table.linkage, table.global_constant, table.align = "internal", True, 16
        zeros = ir.GlobalVariable(b.module, I64, "zeros")
        second = b.gep(table, number(1), I8)
        assert isinstance(second, ir.Address)
        assert second.pointer is table
        b.store(b.zext(b.load(second, I8), I64), to)
        b.store(b.add(b.load(zeros, I64), number(3)), b.gep(to, number(1), I64))

    run(write, found)
    assert found.tolist() == [9, 3]


def test_types_are_equal_where_they_are_spelled_alike() -> None:
    assert ir.VectorType(FLOAT, 4) == ir.VectorType(ir.FloatType(), 4)
    assert ir.VectorType(FLOAT, 4) != ir.VectorType(FLOAT, 8)
    assert {ir.IntType(8): 1}[I8] == 1
    assert ir.IntType(8) != "i8"
    assert str(ir.FunctionType(VOID, [POINTER, I64])) == "void (ptr, i64)"
