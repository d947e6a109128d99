"""What ``compile`` made of a function: stages, kernels, bytes and operations, as text.

Place on the road: beside the compiler. It reads graphs, and what an engine says of its
kernels; it must not know how an engine works.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..dtypes import DType
from ..graph import Graph, Node, format_type
from ..ops.flops import flops
from ..ops.primitive import Primitive
from .engine import KernelReport, Speed

#: The width of the column of operations; longer ones go on in the next line.
WIDTH = 44


@dataclass(frozen=True)
class Timing:
    """What a call takes, beside the best that the engine's machine can do.

    Attributes:
        seconds: the median of the calls that were measured.
        peak: the machine's best; None where the engine does not know it.
    """

    seconds: float
    peak: Speed | None


@dataclass(frozen=True)
class Report:
    """How a function was compiled for one kind of arguments; ``str`` shows all of it.

    Attributes:
        function: its name.
        arguments: name, dtype and shape of each.
        engine: the engine's name.
        stages: pairs (stage, number of operations after it): the traced function, then
            every pass.
        kernels: what the engine runs, in order; None where it does not say.
        arena_bytes: memory for what lives between kernels; None where it does not say.
        seconds: that tracing, passes and engine took.
        from_cache: whether the machine code was found, on disk or in this process.
        timing: what a call takes, where it was measured.
    """

    function: str
    arguments: tuple[str, ...]
    engine: str
    stages: tuple[tuple[str, int], ...]
    kernels: tuple[KernelReport, ...] | None
    arena_bytes: int | None
    seconds: float
    from_cache: bool | None
    timing: Timing | None = None

    @property
    def flops(self) -> int:
        """The floating-point operations of a call."""
        return sum(each.flops for each in self.kernels or ())

    @property
    def bytes_moved(self) -> int:
        """The bytes that the kernels of a call read and write, caches included."""
        found = self.kernels or ()
        return sum(each.bytes_read + each.bytes_written for each in found)

    def to_json(self) -> dict[str, Any]:
        """The same as plain data."""
        return {**asdict(self), "flops": self.flops, "bytes_moved": self.bytes_moved}

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.function}({', '.join(self.arguments)}), engine {self.engine}",
                "",
                *self._stage_lines(),
                "",
                *self._kernel_lines(),
                *self._timing_lines(),
            ]
        )

    def _stage_lines(self) -> list[str]:
        lines = ["operations after each stage"]
        lines += [f"  {name:<32} {count:>6}" for name, count in self.stages]
        made = {True: ", machine code from the cache", False: ", machine code new"}
        known = "" if self.from_cache is None else made[self.from_cache]
        return [*lines, f"  compiled in {amount(self.seconds, 's')}{known}"]

    def _kernel_lines(self) -> list[str]:
        if self.kernels is None:
            return [f"the engine {self.engine} does not say what it runs"]
        count = len(self.kernels)
        lines = [f"{count} kernel{'s' * (count != 1)} ([n]: reduced over)"]
        figures = ("time", "reads", "writes", "operations")
        header = ("", "kernel", "loops", "cut", "computes", *figures)
        total = ("", "together", "", "", "", *_figures(self.kernels))
        lines += table([header, *_rows(self.kernels), total])
        if self.arena_bytes is not None:
            lines.append(f"  between kernels: {amount(self.arena_bytes, 'B')}")
        return lines

    def _timing_lines(self) -> list[str]:
        if self.timing is None:
            return []
        seconds, peak = self.timing.seconds, self.timing.peak
        flops, moved = self.flops, self.bytes_moved
        lines = ["", f"{amount(seconds, 's')} a call"]
        arithmetic = amount(flops / seconds, "FLOP/s")
        memory = amount(moved / seconds, "B/s")
        if peak is None:
            return [*lines, f"  {arithmetic}", f"  {memory}"]
        floor = max(flops / peak.flops, moved / peak.bytes)
        return [
            *lines,
            f"  {arithmetic}: {flops / seconds / peak.flops:.0%} of this machine's "
            f"{amount(peak.flops, 'FLOP/s')}",
            f"  {memory}: {moved / seconds / peak.bytes:.0%} of its memory's "
            f"{amount(peak.bytes, 'B/s')} (more where caches serve)",
            f"  at these peaks the call would take {amount(floor, 's')}",
        ]


def _rows(kernels: Sequence[KernelReport], before: str = "") -> Iterable[Sequence[str]]:
    for number, each in enumerate(kernels, 1):
        label = f"{before}{number}"
        lines = wrapped(each.operations)
        yield label, each.kind, each.loops, each.cut, lines[0], *_figures([each])
        for line in lines[1:]:
            yield "", "", "", "", line, "", "", "", ""
        yield from _rows(each.inside, f"{label}.")


def _figures(kernels: Iterable[KernelReport]) -> tuple[str, ...]:
    listed = list(kernels)
    times = [each.seconds for each in listed if each.seconds is not None]
    return (
        amount(sum(times), "s") if times else "",
        amount(sum(each.bytes_read for each in listed), "B"),
        amount(sum(each.bytes_written for each in listed), "B"),
        amount(sum(each.flops for each in listed), "FLOP"),
    )


def wrapped(operations: Sequence[str]) -> list[str]:
    """Operations in lines of at most ``WIDTH``; repeated ones counted: ``add ×3``."""
    counted: list[tuple[str, int]] = []
    for name in operations:
        if counted and counted[-1][0] == name:
            counted[-1] = name, counted[-1][1] + 1
        else:
            counted.append((name, 1))
    lines = [""]
    for name, count in counted:
        word = name if count == 1 else f"{name} ×{count}"
        longer = f"{lines[-1]} {word}".strip()
        if len(longer) <= WIDTH or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines: the last four columns are figures, flush right; a column with
    nothing but its title is left out.
    """
    filled = [any(row[i] for row in rows[1:]) for i in range(len(rows[0]))]
    first_figure = sum(filled[:-4])
    rows = [list(itertools.compress(row, filled)) for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if i < first_figure else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(f"  {'  '.join(cells)}".rstrip())
    return lines


def amount(value: float, unit: str) -> str:
    """A figure of three digits with its unit: ``amount(24700, "B")`` is ``24.7 kB``."""
    if value == 0:
        return f"0 {unit}"
    power = min(4, max(-3, math.floor(math.log10(abs(value)) / 3 + 1e-9)))
    if unit in ("B", "FLOP"):  # there is no thousandth of these
        power = max(0, power)
    prefix = {-3: "n", -2: "µ", -1: "m", 0: "", 1: "k", 2: "M", 3: "G", 4: "T"}[power]
    return f"{value / 1000.0**power:.3g} {prefix}{unit}"


def loops_text(shape: Sequence[int], reduced: Iterable[int] = ()) -> str:
    """``32 × [10]``: sizes of loops, those reduced over in brackets."""
    inside = set(reduced)
    sizes = [f"[{n}]" if i in inside else str(n) for i, n in enumerate(shape)]
    return " × ".join(sizes) or "1"


def instruction_report(node: Node) -> KernelReport:
    """The figures of one node that is computed by itself."""
    name = node.op.name if node.op is not None else "leaf"
    written = sum(_bytes(shape, dtype) for shape, dtype in node.types)
    given = [each for each in node.inputs if not each.literal]
    parts = [part for each in given for part in each.types]
    read = sum(_bytes(shape, dtype) for shape, dtype in parts)
    if isinstance(node.op, Primitive) and node.op.is_view:
        read = written = 0
    if name == "scan":
        body = [instruction_report(n) for n in node.params["body"].operations]
        loops = f"{node.params['length']} steps"
        total = flops(node)
        return KernelReport(name, loops, (name,), read, written, total, tuple(body))
    return KernelReport(
        name,
        " × ".join(loops_text(shape) for shape, _ in node.types[:1]),
        (name,),
        read,
        written,
        flops(node),
    )


def _bytes(shape: Sequence[int], dtype: DType) -> int:
    return math.prod(shape) * dtype.itemsize


def arguments_text(graph: Graph) -> tuple[str, ...]:
    """Name, dtype and shape of each input."""
    return tuple(
        f"{each.name}: {format_type(each)}" if each.name else format_type(each)
        for each in graph.inputs
    )
