"""Products: right for every shape, stride, tile and part, within their memory."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from chainrule import dtypes
from chainrule.engines.native.choose import matmul
from chainrule.engines.native.choose.matmul import (
    InnerTiling,
    Matmul,
    Panels,
    TallTiling,
    Tiling,
    choose_tiling,
    may_be_wide,
    panel_elements,
    prepared,
    scratch_elements,
)
from chainrule.engines.native.write import emit, ir
from chainrule.engines.native.write.epilogue import Epilogue, Place
from chainrule.engines.native.write.matmul.matmul import emit_matmul, emit_panels
from tests.engines.native.guarded import Guarded, span, view
from tests.engines.native.jit import POINTER, Compiled, new_module

pytestmark = pytest.mark.skipif(
    os.name == "nt", reason="pages are protected by mprotect"
)

Array = Any
#: Bytes of a vector, registers, and whether the code is for any processor.
MACHINES = ((64, 32, False), (32, 16, False), (16, 32, False), (16, 16, True))
POISON = -12345.678
PARTS = (1, 2, 3, 7)


@dataclass(frozen=True)
class Case:
    """A product to try: sizes; layouts of A, B and C ("n", "t", "gap", "wide")."""

    m: int
    n: int
    k: int
    a: str = "n"
    b: str = "n"
    c: str = "n"
    batch: int = 1
    shared: str = ""  # operands that have no batch axis
    dtype: Any = dtypes.float32
    machine: tuple[int, int, bool] = MACHINES[0]
    epilogue: str = ""
    at_start: bool = False

    def strides(self, layout: str, rows: int, columns: int) -> tuple[int, int, int]:
        """Of (batch, row, column)."""
        row, column = {
            "n": (columns, 1),
            "t": (1, rows),
            "gap": (columns + 3, 1),
            "wide": (2 * columns + 5, 2),
            "page": (-(-columns // 1024) * 1024, 1),
        }[layout]
        size = max(row * rows, column * columns)
        return size, row, column

    @property
    def spec(self) -> Matmul:
        """What the kernel is asked for."""
        a = self.strides(self.a, self.m, self.k)
        b = self.strides(self.b, self.k, self.n)
        c = self.strides(self.c, self.m, self.n)
        a = (0, *a[1:]) if "a" in self.shared else a
        b = (0, *b[1:]) if "b" in self.shared else b
        sizes = (self.batch, self.m, self.n, self.k)
        return Matmul(*sizes, a, b, c, np.dtype(self.dtype))

    @property
    def tiling(self) -> Tiling:
        """How it is cut."""
        return choose_tiling(self.spec, *self.machine[:2])


# The epilogues: what they add as LLVM text, and what they mean.
# ------------------------------------------------------------------------------------


class Written(Epilogue):
    """``max(0, x + bias[j] + d[i, j])``, or ``d[i, j] − x / 2``."""

    def __init__(self, case: Case) -> None:
        self.update, self.spec = case.epilogue == "update", case.spec

    def vector(self, b: ir.IRBuilder, value: ir.Value, place: Place) -> ir.Value:
        context, where, _, mask = place
        lanes = emit.lanes_of(value.type)
        element = emit.register_type(self.spec.dtype)

        def operand(number: int, position: ir.Value) -> ir.Value:
            slot = emit.address(b, context, POINTER, emit.index(number))
            at = emit.address(b, b.load(slot, POINTER), element, position)
            return emit.load(b, self.spec.dtype, at, lanes, mask)

        terms = list(zip(where, self.spec.c_strides, strict=True))
        d = operand(1, emit.linear(b, 0, terms))
        if self.update:
            return b.fsub(d, b.fmul(value, emit.constant(value.type, 0.5)))
        total = b.fadd(b.fadd(value, operand(0, where[-1])), d)
        zero = emit.constant(value.type, 0)
        return b.select(b.fcmp_ordered(">", total, zero), total, zero)


def meaning(case: Case, product: Array, bias: Array, d: Array) -> Array:
    """The same in NumPy."""
    if case.epilogue == "update":
        return d - product / 2
    return np.maximum(product + bias + d, 0) if case.epilogue else product


# A run, on memory that ends where the arrays do.
# ------------------------------------------------------------------------------------


class Run:
    """One case compiled, its operands in guarded memory."""

    def __init__(self, case: Case, tiling: Tiling | None = None) -> None:
        self.case, self.spec = case, case.spec
        self.tiling = tiling or case.tiling
        module = new_module()
        epilogue = Written(case) if case.epilogue else None
        emit_matmul(module, "product", self.spec, self.tiling, epilogue)
        shared = self.tiling.panels in (Panels.COPIED, Panels.PREPARED)
        self.copied = panel_elements(self.spec, self.tiling) if shared else 0
        if self.copied:
            emit_panels(module, "panels", self.spec, self.tiling)
        self.code = Compiled(module, case.machine[2])
        pointer, number = ctypes.c_void_p, ctypes.c_int64
        self.call = self.code.function("product", *[pointer] * 5, number, number)
        if self.copied:
            self.copy = self.code.function("panels", *[pointer] * 2, number, number)
        self.random = np.random.default_rng(abs(hash((case.m, case.n, case.k))))
        self.guards: list[Guarded] = []
        s, batch = self.spec, case.batch
        self.a = self._operand((batch, case.m, case.k), s.a_strides)
        self.b = self._operand((batch, case.k, case.n), s.b_strides)
        self.bias = self._operand((case.n,), (1,))
        shape = (batch, case.m, case.n)
        self.d = self._operand(shape, s.c_strides)
        self.memory = self._guarded(span(shape, s.c_strides))
        self.c = view(self.memory, shape, s.c_strides)
        self.start = self.d.copy()
        self.scratch = scratch_elements(self.spec, self.tiling)

    def _guarded(self, count: int) -> Array:
        guard = Guarded(count, self.spec.dtype, self.case.at_start)
        self.guards.append(guard)
        return guard.array

    def _operand(self, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
        memory = self._guarded(span(shape, strides))
        memory[:] = np.nan  # what lies between the elements is not to be used
        array = view(memory, shape, strides)
        array[...] = self.random.standard_normal(shape)
        return array

    def result(self, parts: int) -> Array:
        """C, computed in so many parts, the last one first."""
        self.memory[:] = POISON
        in_place = self.case.epilogue == "update"
        if in_place:
            self.c[...] = self.start
        d = self.c if in_place else self.d
        scratch = self._guarded(parts * self.scratch)
        scratch[:] = np.nan
        table = np.array([self.bias.ctypes.data, d.ctypes.data], np.uintp)
        second = self.panels(parts) if self.copied else self.b
        places = [x.ctypes.data for x in (self.a, second, self.memory, scratch, table)]
        for part in reversed(range(parts)):
            self.call(*places, part, parts)
        return self.c.copy()

    def panels(self, parts: int) -> Array:
        """B's panels, copied before the product in so many parts."""
        panels = self._guarded(self.copied)
        panels[:] = np.nan
        for part in reversed(range(parts)):
            self.copy(self.b.ctypes.data, panels.ctypes.data, part, parts)
        return panels

    def untouched(self) -> bool:
        """Whether what lies between the elements of C is as it was."""
        mask = np.ones(self.memory.shape, bool)
        view(mask, self.c.shape, self.spec.c_strides)[...] = False
        poison = np.asarray(POISON, self.spec.dtype)
        return bool((self.memory[mask] == poison).all())

    def assert_right(self) -> None:
        """C is close to the exact product, the same for any parts, and nothing else."""
        found = self.result(1)
        assert self.untouched()
        exact = self.a.astype(float) @ self.b.astype(float)
        size = abs(self.a).astype(float) @ abs(self.b).astype(float)
        eps = float(np.finfo(self.spec.dtype).eps)
        want = meaning(self.case, exact, self.bias, self.d.astype(float))
        allowed = eps * ((4 + self.case.k**0.5) * size + 4 * (1 + abs(want)))
        wrong = ~(abs(found - want) <= allowed)
        assert not wrong.any(), (self.case, self.tiling, np.argwhere(wrong)[:5])
        for parts in PARTS[1:]:
            again = self.result(parts)
            assert again.tobytes() == found.tobytes(), (self.case, parts)

    def close(self) -> None:
        """Frees the memory."""
        for guard in self.guards:
            guard.release()


def check(case: Case, tiling: Tiling | None = None) -> Tiling:
    run = Run(case, tiling)
    try:
        run.assert_right()
    finally:
        run.close()
    return run.tiling


# What is tried.
# ------------------------------------------------------------------------------------

#: How each way to compute a product is reached: its form, whether panels are packed.
WAYS = [
    ("outer", False, Case(1, 300, 50)),
    ("outer", False, Case(3, 131, 40, a="t")),
    ("outer", False, Case(33, 70, 21)),
    ("outer", False, Case(29, 13, 31, a="t", b="gap")),
    ("outer", False, Case(12, 5, 17, a="wide")),
    ("outer", False, Case(1, 40, 1100, c="gap")),
    ("outer", False, Case(40, 70, 2100, a="t")),
    ("outer", False, Case(37, 131, 1500)),
    ("outer", False, Case(200, 67, 70)),
    ("outer", True, Case(130, 131, 1100)),
    ("outer", True, Case(133, 97, 300, a="t")),
    ("outer", True, Case(100, 100, 100, a="t", b="t")),
    ("outer", True, Case(21, 33, 7, b="t")),
    ("outer", True, Case(40, 50, 20, b="wide")),
    ("outer", True, Case(140, 100, 30, b="page")),
    ("outer", False, Case(140, 100, 30)),
    ("outer", True, Case(130, 47, 1030, a="wide", b="t")),
    ("inner", False, Case(1, 100, 129, b="t")),
    ("inner", False, Case(1, 37, 33, b="t")),
    ("inner", False, Case(2, 37, 200, b="t")),
    ("inner", False, Case(27, 37, 300, b="t")),
    ("inner", False, Case(7, 35, 131, a="gap", b="t")),
    ("inner", False, Case(20, 45, 999, b="t")),
    ("inner", False, Case(45, 1, 300)),
    ("inner", False, Case(67, 11, 100, b="t")),
    ("inner", False, Case(31, 7, 64, b="t")),
    ("inner", True, Case(50, 3, 77)),
    ("inner", True, Case(300, 10, 64, b="wide")),
    ("tall", False, Case(150, 1, 20, a="t")),
    ("tall", False, Case(131, 2, 65, a="t", b="t")),
    ("tall", False, Case(97, 3, 33, a="t", b="wide")),
    ("tall", False, Case(64, 4, 5, a="t")),
]


@pytest.mark.parametrize("epilogue", ["", "relu", "update"])
@pytest.mark.parametrize(("form", "packed", "case"), WAYS, ids=lambda x: str(x)[:24])
def test_every_way_to_compute_a_product_is_right(
    form: str, packed: bool, case: Case, epilogue: str
) -> None:
    case = replace(case, epilogue=epilogue, at_start=epilogue == "relu")
    tiling = check(case)
    assert (tiling.form, tiling.in_panels) == (form, packed)


@pytest.mark.parametrize("epilogue", ["", "relu", "update"])
@pytest.mark.parametrize("machine", MACHINES)
def test_a_large_matrix_is_read_row_by_row(
    machine: tuple[int, int, bool], epilogue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matmul, "LARGE_MATRIX", 1000)
    for case in (
        Case(1, 777, 101),
        Case(1, 513, 30, a="wide", b="gap"),
        Case(2, 200, 300),
        Case(37, 213, 150, a="t", b="gap"),
    ):
        tiling = check(replace(case, machine=machine, epilogue=epilogue))
        assert tiling.panels is Panels.STREAMED


@pytest.mark.parametrize("epilogue", ["", "relu", "update"])
@pytest.mark.parametrize("machine", MACHINES)
def test_rows_that_come_from_memory_are_read_once_for_several_panels(
    machine: tuple[int, int, bool], epilogue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matmul, "LARGE_MATRIX", 1000)
    monkeypatch.setattr(matmul, "LARGE_ROWS", 1000)
    monkeypatch.setattr(matmul, "FEWEST_GROUPS", 2)
    monkeypatch.setattr(matmul, "BLOCK_OF_ROWS", 20_000)
    monkeypatch.setattr(matmul, "HELD_ROWS", 100)
    for case in (
        Case(150, 333, 50, b="t"),
        Case(150, 333, 700, b="page"),
        Case(131, 257, 1111, a="t", b="wide", c="gap"),
        Case(200, 160, 300, a="gap", dtype=dtypes.float64),
    ):
        case = replace(case, machine=machine, epilogue=epilogue)
        tiling = check(case)
        assert tiling.together > 1
        assert tiling.rows <= tiling.row_block <= tiling.chunk < case.m
        check(case, prepared(tiling, case.spec))


@pytest.mark.parametrize("machine", MACHINES)
def test_sums_that_wait_take_no_more_memory_for_more_rows(
    machine: tuple[int, int, bool],
) -> None:
    sizes = []
    for m in (10_000, 1_000_000):
        spec = Case(m, 4096, 2000, machine=machine).spec
        tiling = choose_tiling(spec, *machine[:2])
        assert tiling.together > 1
        sizes.append(4 * scratch_elements(spec, tiling))
    assert sizes[0] == sizes[1] <= 2 << 20


@pytest.mark.parametrize("machine", MACHINES[:2])
def test_panels_whose_rows_compete_for_lines_of_the_cache_are_copied(
    machine: tuple[int, int, bool],
) -> None:
    """Rows 1 kB apart: four of every 64 lines, eight ways each."""
    for k, by_row, packed in ((32, 256, False), (33, 256, True), (100, 260, False)):
        spec = replace(
            Case(200, 256, k, machine=machine).spec, b_strides=(0, by_row, 1)
        )
        assert choose_tiling(spec, *machine[:2]).in_panels == packed, (k, by_row)


@pytest.mark.parametrize("machine", MACHINES)
def test_parts_that_share_rows_find_all_panels_copied(
    machine: tuple[int, int, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Block by block of rows; A's numbers may be copied as well."""
    monkeypatch.setattr(matmul, "BLOCK_OF_ROWS", 3000)
    monkeypatch.setattr(matmul, "SOME_TILES", 2)
    for case in (
        Case(150, 131, 70, b="t"),
        Case(200, 200, 800, a="t", b="page", epilogue="relu"),
        Case(140, 40, 30, b="wide", c="gap", epilogue="update"),
        Case(131, 200, 70, b="t", dtype=dtypes.float64),
    ):
        tiling = check(replace(case, machine=machine))
        assert tiling.panels is Panels.COPIED
        assert 2 * tiling.rows <= tiling.row_block < case.m
    for case in (
        Case(200, 131, 700, a="t", b="t"),
        Case(769, 70, 300, a="t", b="wide", c="gap", epilogue="update"),
        Case(131, 192, 1000, a="t", b="page", dtype=dtypes.float64),
    ):
        case = replace(case, machine=machine)
        tiling = check(case)
        assert tiling.panels is Panels.COPIED
        assert tiling.row_block == tiling.rows < tiling.chunk < case.m
        assert tiling.stretches(case.k)[1] <= (64 if machine[1] >= 32 else 128)
        check(case, prepared(tiling, case.spec))
    whole = choose_tiling(Case(2000, 65, 100).spec, *machine[:2], whole_columns=True)
    assert whole.by_panel


#: Products for which wide tiles are another way.
WIDE = [
    Case(64, 300, 50),
    Case(37, 513, 100, b="t"),
    Case(35, 70, 40, batch=5, shared="b", epilogue="relu"),
    Case(70, 256, 700, a="t", epilogue="update"),
    Case(300, 150, 700, a="t", epilogue="update"),
    Case(150, 67, 70, b="t"),
    Case(200, 97, 1100, a="t", b="wide"),
    Case(1000, 90, 33, epilogue="relu"),
    Case(140, 1100, 1200, b="t"),
    Case(150, 1500, 700, b="page", epilogue="update"),
    Case(150, 600, 700, b="page"),
    Case(33, 130, 20, a="gap", b="gap", c="gap", dtype=dtypes.float64),
]


@pytest.mark.parametrize("machine", [MACHINES[0], MACHINES[2]])
@pytest.mark.parametrize("case", WIDE, ids=str)
def test_wide_tiles_compute_the_same_bits(
    case: Case, machine: tuple[int, int, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matmul, "LARGE_ROWS", 300_000)
    case = replace(case, machine=machine)
    plain = case.tiling
    assert may_be_wide(case.spec, plain, machine[1])
    wide = choose_tiling(case.spec, *machine[:2], wide=True)
    assert wide.columns > plain.columns
    check(case, wide)
    found = []
    for tiling in (plain, wide):
        run = Run(case, tiling)
        found.append(run.result(1).tobytes())
        run.close()
    assert found[0] == found[1]


def test_with_few_registers_inner_products_are_for_few_rows_or_columns() -> None:
    for m, n, form in ((128, 200, "outer"), (8, 200, "inner"), (128, 12, "inner")):
        spec = Case(m, n, 1000, b="t").spec
        assert choose_tiling(spec, 32, 16).form == form
        assert choose_tiling(spec, 64, 32).form == "inner"


SIZES = (1, 1, 2, 3, 4, 5, 7, 8, 13, 16, 17, 31, 32, 33, 47, 64, 97, 128, 131)


def random_case(seed: int) -> Case:
    """Any sizes, layouts and batches, for any machine."""
    r = np.random.default_rng(seed)
    layouts = ("n", "n", "t", "t", "gap", "wide")
    m, n, k = (int(r.choice(SIZES)) for _ in range(3))
    if seed % 5 == 0:
        k = int(r.integers(1025, 2300))
    a, b = (str(r.choice(layouts)) for _ in range(2))
    return Case(
        m,
        n,
        k,
        a,
        b,
        c=str(r.choice(["n", "gap"])),
        batch=int(r.choice([1, 1, 2, 5])),
        shared=str(r.choice(["", "", "a", "b"])),
        dtype=[dtypes.float32, dtypes.float64][seed % 2],
        machine=MACHINES[seed // 2 % 4],
        epilogue=str(r.choice(["", "relu", "update"])),
        at_start=bool(r.random() < 0.3),
    )


@pytest.mark.parametrize("seed", range(64))
def test_random_products_are_right_for_every_machine(seed: int) -> None:
    check(random_case(seed))


@pytest.mark.parametrize("epilogue", ["", "relu"])
@pytest.mark.parametrize("sizes", [(0, 3, 4), (3, 0, 4), (3, 4, 0), (40, 3, 0)])
def test_empty_products_are_zero_or_nothing(
    sizes: tuple[int, int, int], epilogue: str
) -> None:
    for layout in ("n", "t"):
        check(Case(*sizes, a=layout, b=layout, epilogue=epilogue))
    check(Case(4, 4, 4, batch=0, epilogue=epilogue))


@pytest.mark.parametrize(("form", "packed", "case"), WAYS, ids=lambda x: str(x)[:24])
def test_a_nan_stays_in_its_row_and_column(form: str, packed: bool, case: Case) -> None:
    run = Run(case)
    run.a[0, case.m // 2, case.k // 2] = np.nan
    run.b[0, case.k - 1, case.n // 2] = np.inf
    expected = np.zeros((1, case.m, case.n), bool)
    expected[0, case.m // 2, :] = expected[0, :, case.n // 2] = True
    assert (~np.isfinite(run.result(2)) == expected).all()
    run.close()


def test_a_part_uses_no_scratch_memory_but_its_own() -> None:
    for _, _, case in WAYS:
        if not case.tiling.copies:
            continue
        run = Run(case)
        scratch = np.full((3, run.scratch), np.nan, run.spec.dtype)
        places = [x.ctypes.data for x in (run.a, run.b, run.memory, scratch, scratch)]
        run.call(*places, 1, 3)
        assert np.isnan(scratch[[0, 2]]).all()
        run.close()


@pytest.mark.parametrize("machine", MACHINES[:3])
def test_tiles_fit_the_registers(machine: tuple[int, int, bool]) -> None:
    vector_bytes, registers, _ = machine
    for seed in range(300):
        case = replace(random_case(seed), machine=machine)
        t = choose_tiling(case.spec, vector_bytes, registers)
        vectors = -(-t.columns // t.lanes)
        if isinstance(t, InnerTiling):
            sums = t.rows * t.group + min(t.rows, t.group)
        elif isinstance(t, TallTiling):
            sums = (t.rows // t.lanes) * (t.columns + 1)
        else:
            sums = t.rows * vectors + vectors
        assert sums + 1 <= registers, (case, t)
        stretches, longest = t.stretches(case.k)
        assert longest * stretches >= case.k
        assert stretches == 1 or longest <= 1024
