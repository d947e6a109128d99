"""A function compiled for one kind of arguments: its graph, and what runs it.

Place on the road: between ``compile``, which finds the program for a call, and the
engine's executable. Nothing here knows how either works.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import tree
from ..dtypes import DType, scalar_dtype
from ..errors import NumericsError
from ..graph import Array, Graph, computed_leaves
from ..shapes import Shape
from .engine import (
    Engine,
    Executable,
    Explained,
    Repeating,
    Repetition,
    Timed,
    one_by_one,
)
from .program import cell_of
from .report import Report, Timing, arguments_text
from .timing import seconds_of

if TYPE_CHECKING:
    from ..recompilation.captured import Captured


@dataclass(frozen=True)
class Specialisation:
    """A function compiled for one kind of arguments."""

    graph: Graph
    executable: Executable
    results: tree.Structure
    types: tuple[tuple[Shape, DType], ...]
    engine: Engine
    stages: tuple[tuple[str, int], ...]
    seconds: float
    captured: Captured
    numbers: tuple[tuple[int, DType], ...]
    arrays: tuple[str, ...]
    narrow: bool = False

    def prepared(self, arrays: list[Any]) -> list[Array]:
        """The arguments' arrays in the program's dtypes, the numbers among them, and
        what the function has captured.
        """
        if self.numbers:  # of the right dtype, which checks their range
            kinds = [(arrays[i], dtype) for i, dtype in self.numbers]
            wanted = [np.asarray(n, scalar_dtype(n, dtype)) for n, dtype in kinds]
            arrays = [each for each in arrays if type(each) is not int] + wanted
        if self.narrow:
            pairs = zip(arrays, self.graph.inputs, strict=False)
            arrays = [a.astype(n.dtype) if a.dtype != n.dtype else a for a, n in pairs]
        return [*arrays, *(self.captured.arrays[name] for name in self.arrays)]

    def checked(self, inputs: Sequence[Array]) -> list[Array]:
        """Runs once, and looks for NaN and Inf in what is new.

        Raises:
            NumericsError: naming the first operation; no variable has changed then.
        """
        from ..checks import first_fault  # not at the start

        cells = [cell_of(leaf) for leaf, _ in self.graph.updates]
        before = [cell.array.copy() for cell in cells]
        results = self.executable(inputs)
        pairs = list(zip(cells, before, strict=True))
        if not all(map(is_finite, results)) or any(
            is_finite(old) and not is_finite(cell.array) for cell, old in pairs
        ):
            for cell, old in pairs:
                cell.array = old
            error = first_fault(self.executable, inputs)
            if error is not None:
                raise NumericsError(
                    f"{self.graph.name}: {error.what}; no variable has changed",
                    at=error.at,
                    fix=error.fix,
                )
        return results

    def repeated(self, repetition: Repetition, checking: bool) -> Any:
        """The results of many runs in one call, the runs as their first axis.

        Arguments:
            repetition: the runs.
            checking: whether each is ``checked``.
        """
        made = self.executable
        if isinstance(made, Repeating) and not checking:
            arrays = made.repeat(repetition)
        else:
            run: Executable = self.checked if checking else made
            arrays = one_by_one(run, self.graph.outputs, repetition)
        types = tuple(((repetition.times, *shape), kind) for shape, kind in self.types)
        return tree.unflatten(self.results, computed_leaves(types, arrays))

    def report(
        self, timing: Timing | None = None, seconds: Sequence[float] = ()
    ) -> Report:
        """What was made, in words and figures; ``seconds`` are those of its kernels."""
        made = self.executable
        says = made if isinstance(made, Explained) else None
        kernels = [] if says is None else says.kernels()
        if seconds:
            both = zip(kernels, seconds, strict=True)
            kernels = [replace(each, seconds=least) for each, least in both]
        return Report(
            self.graph.name,
            arguments_text(self.graph),
            self.engine.name,
            self.stages,
            None if says is None else tuple(kernels),
            None if says is None else says.arena_bytes,
            self.seconds,
            None if says is None else says.from_cache,
            timing,
        )

    def measured(self, arrays: list[Array]) -> Report:
        """The same, after runs whose time was taken."""
        cells = [cell_of(leaf) for leaf, _ in self.graph.updates]

        def run(executable: Executable) -> float:
            return seconds_of(lambda: executable(arrays), cells)

        made, of_kernels = self.executable, list[float]()
        timing = Timing(run(made), self.engine.speed())
        if isinstance(made, Timed):
            of_kernels = made.kernel_seconds(run)
        return self.report(timing, of_kernels)


def is_finite(array: Array) -> bool:
    """Whether there is no NaN or infinity in an array."""
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())
