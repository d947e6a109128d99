"""Panels: the columns of B that one register tile needs, copied to contiguous memory.

Place on the road: below ``matmul``. Columns that do not exist become zeros, so that the
tile need not ask. Three ways, by the strides of B: its rows lie contiguous in memory;
its columns do (B transposed), and squares of lanes × lanes numbers are turned in
registers on the way; or neither.
"""

from __future__ import annotations

from llvmlite import ir

from ....dtypes import DType
from ..emit import (
    I1,
    I32,
    I64,
    POINTER,
    VOID,
    address,
    constant,
    index,
    lane_numbers,
    linear,
    load,
    loop,
    splat,
    store,
    wide,
)


def first_lanes(b: ir.IRBuilder, count: ir.Value, lanes: int) -> ir.Value:
    """The mask of the first ``count`` lanes."""
    return b.icmp_signed("<", lane_numbers(lanes), splat(b, count, lanes))


def emit_packer(
    module: ir.Module,
    name: str,
    dtype: DType,
    lanes: int,
    vectors: int,
    by_row: int,
    by_column: int,
) -> ir.Function:
    """Writes ``name(source, target, length, columns)``: ``length`` rows of a panel of
    lanes · vectors columns, of which ``columns`` exist."""
    function = ir.Function(
        module, ir.FunctionType(VOID, [POINTER, POINTER, I64, I64]), name
    )
    function.linkage = "internal"
    function.attributes.add("noinline")
    b = ir.IRBuilder(function.append_basic_block("entry"))
    emit = _copy if by_column == 1 else _turn if by_row == 1 else _gather
    emit(b, dtype, lanes, vectors, by_row, by_column, *function.args)
    b.ret_void()
    return function


def _copy(
    b: ir.IRBuilder,
    dtype: DType,
    lanes: int,
    vectors: int,
    by_row: int,
    by_column: int,
    source: ir.Value,
    target: ir.Value,
    length: ir.Value,
    columns: ir.Value,
) -> None:
    element = wide_element(dtype)
    masks = [
        first_lanes(b, b.sub(columns, index(v * lanes)), lanes) for v in range(vectors)
    ]
    with loop(b, 0, length, name="p") as p:
        for v in range(vectors):
            place = linear(b, v * lanes, [(p, by_row)])
            value = load(b, dtype, address(b, source, element, place), lanes, masks[v])
            place = linear(b, v * lanes, [(p, lanes * vectors)])
            store(b, dtype, value, address(b, target, element, place), None)


def _turn(
    b: ir.IRBuilder,
    dtype: DType,
    lanes: int,
    vectors: int,
    by_row: int,
    by_column: int,
    source: ir.Value,
    target: ir.Value,
    length: ir.Value,
    columns: ir.Value,
) -> None:
    element = wide_element(dtype)
    nothing = constant(wide(I1, lanes), 0)
    with loop(b, 0, length, step=lanes, name="p") as p:
        there = first_lanes(b, b.sub(length, p), lanes)
        for v in range(vectors):
            rows = []
            for column in range(v * lanes, (v + 1) * lanes):
                exists = b.icmp_signed("<", index(column), columns)
                place = address(
                    b, source, element, linear(b, column * by_column, [(p, 1)])
                )
                mask = b.select(exists, there, nothing)
                rows.append(load(b, dtype, place, lanes, mask))
            for i, row in enumerate(transposed(b, rows)):
                start = i * lanes * vectors + v * lanes
                place = linear(b, start, [(p, lanes * vectors)])
                store(b, dtype, row, address(b, target, element, place), None)


def _gather(
    b: ir.IRBuilder,
    dtype: DType,
    lanes: int,
    vectors: int,
    by_row: int,
    by_column: int,
    source: ir.Value,
    target: ir.Value,
    length: ir.Value,
    columns: ir.Value,
) -> None:
    element = wide_element(dtype)
    width = lanes * vectors
    with loop(b, 0, length, name="p") as p, loop(b, 0, width, name="j") as j:
        to = address(b, target, element, linear(b, 0, [(p, width), (j, 1)]))
        store(b, dtype, constant(element, 0), to, None)
        with b.if_then(b.icmp_signed("<", j, columns)):
            place = linear(b, 0, [(p, by_row), (j, by_column)])
            number = load(b, dtype, address(b, source, element, place), 0, None)
            store(b, dtype, number, to, None)


def wide_element(dtype: DType) -> ir.Type:
    """The type of one floating-point number."""
    return ir.FloatType() if dtype.itemsize == 4 else ir.DoubleType()


def transposed(b: ir.IRBuilder, rows: list[ir.Value]) -> list[ir.Value]:
    """A square of vectors turned: log₂ n rounds that exchange blocks of 1, 2, 4, …
    lanes between rows that are as far apart."""
    n, step = len(rows), 1
    while step < n:
        low = [i - step + n if i & step else i for i in range(n)]
        high = [i + n if i & step else i + step for i in range(n)]
        turned = list(rows)
        for i in range(n):
            if not i & step:
                turned[i] = _mixed(b, rows[i], rows[i + step], low)
                turned[i + step] = _mixed(b, rows[i], rows[i + step], high)
        rows, step = turned, 2 * step
    return rows


def _mixed(b: ir.IRBuilder, x: ir.Value, y: ir.Value, lanes: list[int]) -> ir.Value:
    return b.shuffle_vector(x, y, ir.Constant(wide(I32, len(lanes)), lanes))
