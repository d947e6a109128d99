"""Instructions of independent parts, interleaved; vectors of a loop, computed together.

Results must not know of it: an element is the same bit for bit in whatever vector, at
whatever place of a block, and in the masked rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.pipeline import run_passes
from chainrule.compiler.program import plan
from chainrule.engines.native.abi.call_table import CallTable
from chainrule.engines.native.choose.processor import host
from chainrule.engines.native.plan.fuse import fuse
from chainrule.engines.native.write import ir
from chainrule.engines.native.write.emit import I64, MOST_WOVEN, woven
from chainrule.engines.native.write.program import tasks_of, write_program
from tests.engines.native.jit import VOID, new_module


def builder() -> tuple[ir.IRBuilder, ir.Value]:
    """At the end of a block that is not the first one, and a number."""
    function = ir.Function(new_module(), ir.FunctionType(VOID, [I64]), "f")
    ir.IRBuilder(function.append_basic_block("entry"))
    return ir.IRBuilder(function.append_basic_block("body")), function.args[0]


#: A letter, and the operation of the instructions that it stands for.
OPERATIONS = {"a": "add", "b": "sub", "c": "mul", "d": "xor", "x": "shl", "y": "or_"}


def chain(b: ir.IRBuilder, x: ir.Value, letter: str, length: int) -> None:
    for _ in range(length):
        x = getattr(b, OPERATIONS[letter])(x, x)


def letters(block: ir.Block) -> str:
    """What a block's instructions are; ? is another one."""
    known = {name.strip("_"): letter for letter, name in OPERATIONS.items()}
    return "".join(known.get(each.split()[2], "?") for each in block.instructions)


@pytest.mark.parametrize(
    ("lengths", "order"),
    [
        ((), "x"),
        ((3,), "xaaa"),
        ((3, 3), "xababab"),
        ((2, 4), "xababbb"),
        ((4, 1, 2), "xabaaacc"),
        ((2, 2, 2, 2), "xababcdcd"),
    ],
)
def test_instructions_of_parts_take_turns_two_at_a_time(
    lengths: tuple[int, ...], order: str
) -> None:
    b, x = builder()
    chain(b, x, "x", 1)
    with woven(b) as begin:
        for name, length in zip("abcd", lengths, strict=False):
            begin()
            chain(b, x, name, length)
    chain(b, x, "y", 1)
    assert MOST_WOVEN == 2
    assert letters(b.block) == order + "y"


def test_parts_that_branch_stay_one_after_the_other() -> None:
    b, x = builder()
    before = b.block
    with woven(b) as begin:
        begin()
        chain(b, x, "a", 2)
        begin()
        chain(b, x, "b", 2)
        with b.if_then(b.icmp_signed("<", x, ir.Constant(I64, 3))):
            chain(b, x, "d", 1)
    assert letters(before) == "aabb??"


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "exp": cr.exp,
    "tanh": cr.tanh,
    "sigmoid": cr.sigmoid,
    "gelu": cr.gelu,
    "log": lambda x: cr.log(abs(x)),
    "chain": lambda x: cr.tanh(cr.exp(x)) * x,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_element_does_not_depend_on_its_place(name: str) -> None:
    f = FUNCTIONS[name]
    x = (np.random.default_rng(5).standard_normal(1000) * 4).astype(np.float32)
    x[::97] = [np.inf, -np.inf, np.nan, 0, -0.0, 1e-40, -1e-40, 3e38, -3e38, 90, -104]
    want = np.concatenate(
        [cr.compile(f, engine="native")(part).numpy() for part in np.split(x, 100)]
    )
    for length in (1000, 999, 64, 63, 80, 95, 128, 130):
        found = cr.compile(f, engine="native")(x[:length]).numpy()
        np.testing.assert_array_equal(
            found.view(np.uint32), want[:length].view(np.uint32)
        )


@pytest.mark.parametrize("shape", [(8, 40), (5, 200), (9, 16), (300, 7)])
def test_rows_computed_together_are_those_computed_alone(
    shape: tuple[int, int],
) -> None:
    x = np.random.default_rng(6).standard_normal(shape).astype(np.float32)
    x[0, 1::2] = -1e9
    f = cr.compile(lambda x: (cr.softmax(x), cr.logsumexp(x, axis=-1)), engine="native")
    whole = [each.numpy() for each in f(x)]
    for i in range(shape[0]):
        for found, want in zip(f(x[i : i + 1]), whole, strict=True):
            np.testing.assert_array_equal(found.numpy()[0], want[i])


def test_vectors_that_lie_on_the_stack_begin_with_a_line_of_the_cache() -> None:
    graph = run_passes(cr.trace(FUNCTIONS["chain"], cr.zeros(1000)))
    program = plan(graph)
    schedule = fuse(program)
    texts: list[str] = []
    tasks = tasks_of(schedule, host())
    write_program(tasks, CallTable.of(program, schedule), host(), texts.append)
    assert "nounwind alignstack(64)" in texts[0]
