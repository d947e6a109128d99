"""Tasks: what is chosen for each kernel before it is written; explain shows it."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.pipeline import run_passes
from chainrule.compiler.program import plan
from chainrule.engines.native.choose.matmul import OuterTiling
from chainrule.engines.native.choose.memory import Block
from chainrule.engines.native.choose.processor import Host, described
from chainrule.engines.native.choose.product import ProductCut
from chainrule.engines.native.choose.scan import ScanCut
from chainrule.engines.native.choose.task import MOST_PARTS, Tasks
from chainrule.engines.native.plan import kernels
from chainrule.engines.native.plan.fuse import fuse
from chainrule.engines.native.report import kernel_reports
from chainrule.engines.native.write.kinds import KINDS
from chainrule.engines.native.write.program import tasks_of

AVX512 = {"avx2", "avx512f", "avx512vl", "avx512bw", "avx512dq"}
PROCESSORS = {
    "avx512": described("x86_64", "x86-64-v4", "", AVX512),
    "avx2": described("x86_64", "x86-64-v3", "", {"avx2"}),
    "arm": described("aarch64", "generic", "", set()),
}


def array(*shape: int) -> Any:
    return np.ones(shape, np.float32)


def tasks(f: Any, *arguments: Any, host: Host = PROCESSORS["avx512"]) -> Tasks:
    graph = run_passes(cr.trace(f, *arguments))
    return tasks_of(fuse(plan(graph)), host)


def test_every_kind_of_kernel_has_a_row_and_is_written_or_called() -> None:
    kinds = {
        kind for each in get_args(kernels.Kernel) for kind in get_args(each) or [each]
    }
    assert KINDS.keys() == kinds
    for kind in KINDS.values():
        assert (kind.write is None) != (kind.call is None)


@pytest.mark.parametrize(
    ("f", "length", "cut"),
    [
        (cr.tanh, 1000, "16 lanes × 2"),
        (cr.tanh, 40, "16 lanes"),
        (lambda x: x * 2, 1000, "16 lanes"),
    ],
)
def test_two_vectors_of_a_function_are_computed_together(
    f: Any, length: int, cut: str
) -> None:
    (report,) = kernel_reports(tasks(f, array(length)))
    assert report.cut == cut


@pytest.mark.parametrize(
    ("processor", "product", "sums"),
    [
        ("avx512", "outer 8×32, direct, 3 parts", "16 lanes × 4, 4 rows"),
        ("avx2", "outer 6×16, direct, 3 parts", "8 lanes × 4, 4 rows"),
        ("arm", "outer 8×8, direct, 3 parts", "4 lanes × 4, 4 rows"),
    ],
)
def test_a_kernel_is_cut_for_the_processor(
    processor: str, product: str, sums: str
) -> None:
    found = tasks(
        lambda x, y: ((x @ y), x.sum(axis=1)),
        array(96, 128),
        array(128, 128),
        host=PROCESSORS[processor],
    )
    assert {str(each.task) for each in found.launches} == {product, sums}


def test_kernels_that_differ_in_their_buffers_only_are_one_task() -> None:
    found = tasks(lambda x, y: (x.sum(axis=1), y.sum(axis=1)), array(4, 9), array(4, 9))
    one, other = found.launches
    assert one.task is other.task
    assert one.operands != other.operands


def test_the_number_of_parts_grows_with_the_work_up_to_a_limit() -> None:
    parts = [
        tasks(lambda x: cr.exp(x), array(size, 64)).launches[0].task.parts
        for size in (8, 1 << 12, 1 << 15, 1 << 18)
    ]
    assert parts[0] == 1
    assert parts == sorted(parts)
    assert parts[-1] == MOST_PARTS


def test_scratch_memory_and_buffers_that_are_alive_together_do_not_overlap() -> None:
    def f(x: Any, y: Any) -> Any:
        a = x @ y.T  # packed: parts copy panels to scratch memory
        return cr.argsort(a.sum(axis=1)), (a @ y).T @ x, a.max(axis=0)

    found = tasks(f, array(150, 130), array(150, 130))
    assert any(each.task.scratch_bytes for each in found.launches)
    buffers, blocks = found.schedule.buffers, []
    for buffer, offset in found.offsets.items():
        used = [
            moment
            for moment, each in enumerate(found.schedule.kernels)
            if buffer in each.reads | each.writes
        ]
        size = buffers[buffer].size * buffers[buffer].dtype.itemsize
        blocks.append((offset, Block(size, min(used), max(used))))
    for moment, each in enumerate(found.launches):
        blocks.append((each.scratch, Block(each.task.scratch_bytes, moment, moment)))
    for i, (offset, block) in enumerate(blocks):
        assert offset + block.size <= found.arena_bytes
        for other_offset, other in blocks[:i]:
            together = block.first <= other.last and other.first <= block.last
            if together and block.size and other.size:
                assert (
                    offset + block.size <= other_offset
                    or other_offset + other.size <= offset
                )


def test_a_loop_has_the_tasks_of_its_body_and_factors_in_panels() -> None:
    def f(h: Any, xs: Any, w: Any) -> Any:
        return cr.scan(lambda h, x: (cr.tanh(h @ w + x), None), h, xs)[0]

    found = tasks(f, array(32, 64), array(9, 32, 64), array(64, 64))
    (cut,) = [each.task.cut for each in found.launches]
    assert isinstance(cut, ScanCut)
    (product,) = [each.task.cut for each in cut.body.launches]
    assert isinstance(product, ProductCut)
    assert isinstance(product.tiling, OuterTiling)
    assert str(product) == "outer 8×32, prepared"
    assert len(cut.factors) == len(cut.panels) == 1
    (report,) = kernel_reports(found)
    assert report.cut == "1 factor in panels"
    assert [each.cut for each in report.inside] == ["outer 8×32, prepared"]


def test_explain_shows_how_each_kernel_is_cut() -> None:
    report = cr.compile(lambda x: cr.softmax(x), engine="native").explain(array(8, 40))
    (kernel,) = report.kernels
    assert "lanes" in kernel.cut
    assert "3 passes" in kernel.cut
    assert kernel.cut in str(report)
    plain = cr.compile(lambda x: x * 2.0, engine="numpy").explain(array(3))
    assert " cut " not in str(plain)
