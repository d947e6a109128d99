"""The reference engine: runs a program with the NumPy meaning of every primitive.

Place on the road: an engine, written against ``compiler.engine``. It is the definition
that other engines are compared with, so it does nothing clever: one instruction after
the other, and every value is dropped after its last use.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from ..compiler.engine import Engine, KernelReport, Speed
from ..compiler.locked import Locked
from ..compiler.program import Program
from ..compiler.report import instruction_report
from ..config import config
from ..graph import Array, Graph, Node
from ..ops.convolution import CONVOLUTIONS, multiplications
from ..ops.numerics import check_value, checking_numerics
from ..shapes import size
from .machine_speed import machine_speed

#: Products of fewer multiplications run on one thread: synchronising several would
#: cost more time than they save.
SMALL_PRODUCT = 8_000_000

#: The threads of NumPy's products.
BLAS = ThreadpoolController().select(user_api="blas")


class NumpyExecutable(Locked):
    """A program, run instruction by instruction."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.program = program
        self.arena_bytes: int | None = None
        self.from_cache: bool | None = None
        self._largest = largest_product(each.node for each in program.instructions)
        self._constants = {id(array) for _, array in program.constants}
        self._steps = [
            (
                each.op.numpy,
                each.params,
                each.inputs,
                each.output,
                each.last_uses,
                each.node,
            )
            for each in program.instructions
        ]

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        if not self.program.updates:
            return self._call(inputs)
        with self._lock:  # so that two threads do not both start from the same values
            return self._call(inputs)

    def kernels(self) -> list[KernelReport]:
        """The instructions: nothing is fused."""
        return [instruction_report(each.node) for each in self.program.instructions]

    def _call(self, inputs: Sequence[Array]) -> list[Array]:
        program = self.program
        values: list[Any] = [None] * program.num_slots
        for slot, array in program.constants:
            values[slot] = array
        for slot, array in zip(program.inputs, inputs, strict=True):
            values[slot] = array
        for slot, variable in program.variables:
            values[slot] = variable.array
        with np.errstate(all="ignore"), self._threads():
            self._run(values)
        taken = {id(array) for array in inputs} | self._constants
        taken.update(id(variable.array) for _, variable in program.variables)
        results = [_own(values[slot], taken) for slot in program.outputs]
        updates = [
            (variable, _own(values[slot], taken)) for variable, slot in program.updates
        ]
        for variable, array in updates:
            variable.array = array
        return results

    def _threads(self) -> AbstractContextManager[object]:
        """Inside, NumPy's products run on as many threads as suit the largest one."""
        if self._largest == 0:
            return nullcontext()
        limited: AbstractContextManager[object] = BLAS.limit(
            limits=1 if self._largest < SMALL_PRODUCT else config.threads
        )
        return limited

    def _run(self, values: list[Any]) -> None:
        checking = checking_numerics.get()
        for meaning, params, inputs, output, last_uses, node in self._steps:
            arguments = [values[slot] for slot in inputs]
            value = meaning(*arguments, **params)
            if not isinstance(value, (np.ndarray, tuple)):
                value = np.asarray(value)
            if checking:
                check_value(node, value, arguments)
            values[output] = value
            for slot in last_uses:
                values[slot] = None


def largest_product(nodes: Iterable[Node]) -> int:
    """The multiplications of the largest matrix product or convolution; 0 without
    any.
    """
    largest, pending = 0, list(nodes)
    while pending:
        node = pending.pop()
        if node.op is not None and node.op.name == "matmul":
            largest = max(largest, size(node.shape) * node.inputs[0].shape[-1])
        elif node.op is not None and node.op.name in CONVOLUTIONS:
            largest = max(largest, multiplications(node))
        for value in node.params.values():
            if isinstance(value, Graph):  # the body of a loop
                pending.extend(value.operations)
    return largest


def _own(array: Array, taken: set[int]) -> Array:
    """A result that shares memory with no input, variable, constant or other result."""
    if array.base is not None or id(array) in taken or not array.flags.c_contiguous:
        array = array.copy()
    taken.add(id(array))
    return array


class NumpyEngine(Engine):
    """Prepares programs for NumPy."""

    name = "numpy"

    def prepare(self, program: Program) -> NumpyExecutable:
        """The executable for a program."""
        return NumpyExecutable(program)

    def speed(self) -> Speed:
        """That of this processor."""
        return machine_speed(config.threads)


ENGINE = NumpyEngine()
