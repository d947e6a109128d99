"""How each operation enters the plan: one table, and a default for the rest.

Place on the road: asked by ``fuse`` for every instruction. A rule puts an operation
into the kernels that it needs. What is in no table runs in Python.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ....compiler.program import Instruction, plan
from ....dtypes import is_bfloat16
from . import convolutions, elementwise, indexing, products, windows
from .calls import ELEMENTWISE, REDUCTIONS, VIEWS
from .carries import carry_slots
from .kernels import (
    ArgSort,
    Cumsum,
    NextState,
    RandomBits,
    RandomUniform,
    Scan,
)
from .planner import Planner
from .views import whole

Rule = Callable[[Planner, Instruction], None]


def along_axis(
    kind: type[Cumsum] | type[ArgSort], planner: Planner, instruction: Instruction
) -> None:
    """A special kernel along an axis of its operand."""
    (slot,) = instruction.inputs
    given, store = planner.contiguous(slot), planner.out(instruction)
    axis = instruction.params["axis"]
    planner.start(kind((given,), ((store.buffer, store.shape),), axis))


def from_state(
    kind: type[RandomBits] | type[RandomUniform] | type[NextState],
    planner: Planner,
    instruction: Instruction,
) -> None:
    """A special kernel that reads the state of random numbers."""
    (slot,) = instruction.inputs
    given, store = planner.contiguous(slot), planner.out(instruction)
    planner.start(kind((given,), ((store.buffer, store.shape),)))


def scan(planner: Planner, instruction: Instruction) -> None:
    """A loop, whose body is a schedule of its own."""
    inputs = tuple(planner.contiguous(slot) for slot in instruction.inputs)
    node: Any = instruction.node
    outputs = []
    for shape, dtype in zip(node.shape, node.dtype, strict=True):
        outputs.append((planner.new_buffer(dtype, math.prod(shape)), shape))
    planner.parts[instruction.output] = tuple(buffer for buffer, _ in outputs)
    params = instruction.params
    graph, carried = carry_slots(params["body"], params["split"])
    loop = Scan(
        inputs, tuple(outputs), planner.nested(plan(graph)), params["split"],
        params["length"], params["reverse"], carried, len(planner.constants),
    )  # fmt: skip
    planner.constants += loop.body.constants
    planner.start(loop)


def project(planner: Planner, instruction: Instruction) -> None:
    """One of the results of a loop."""
    buffer = planner.parts[instruction.inputs[0]][instruction.params["index"]]
    planner.views[instruction.output] = whole(buffer, instruction.node.shape)


#: Operations that only their name tells apart.
RULES: Mapping[str, Rule] = {
    "power": elementwise.power,
    "pad": windows.pad,
    "windows": windows.windows,
    "overlap_add": windows.overlap_add,
    "concatenate": elementwise.concatenate,
    "matmul": products.matmul,
    "convolution": convolutions.place_convolution,
    "convolution_transposed": convolutions.place_transposed,
    "convolution_kernel": convolutions.place_kernel_gradient,
    "normal_index": indexing.normal_index,
    "take": indexing.take,
    "take_along_axis": indexing.take_along_axis,
    "put": indexing.put,
    "scatter_add": indexing.scatter_add,
    "scatter_along_axis": indexing.scatter_along_axis,
    "cumsum": functools.partial(along_axis, Cumsum),
    "argsort": functools.partial(along_axis, ArgSort),
    "random_bits": functools.partial(from_state, RandomBits),
    "random_uniform": functools.partial(from_state, RandomUniform),
    "next_state": functools.partial(from_state, NextState),
    "scan": scan,
    "project": project,
}
#: What all operations of a sort have in common.
DEFAULTS: tuple[tuple[frozenset[str], Rule], ...] = (
    (VIEWS, elementwise.movement),
    (REDUCTIONS, elementwise.reduction),
    (ELEMENTWISE, elementwise.elementwise),
)


#: What adds or compares numbers by a kernel of its own, which knows no bfloat16.
NOT_IN_BFLOAT16 = frozenset(
    {"overlap_add", "scatter_add", "scatter_along_axis", "cumsum", "argsort"}
)


def rule_of(name: str, given: Iterable[Any] = ()) -> Rule:
    """How the operation of this name, on operands of these dtypes, enters the plan."""
    if name in NOT_IN_BFLOAT16 and any(map(is_bfloat16, given)):
        return Planner.callback
    if name in RULES:
        return RULES[name]
    for names, rule in DEFAULTS:
        if name in names:
            return rule
    return Planner.callback
