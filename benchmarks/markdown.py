"""Results as Markdown, one table for all workloads: for ``benchmarks/results/``."""

from __future__ import annotations

from typing import Any

from .floor import Floor
from .harness import Result, Timing
from .report import cells, in_terms_of_the_first


def about_machine(about: dict[str, Any], floor: Floor) -> str:
    """What the figures were measured on, without the machine's name."""
    versions = ", ".join(f"{name} {v}" for name, v in about["versions"].items())
    load = f"load before {about['load']}; " if about["load"] is not None else ""
    return (
        f"{about['processor']}, {about['cores']} cores, {about['threads']} thread(s) "
        f"each; {load}measured here: {floor.gigaflops:.0f} GFLOP/s of float32 multiply-"
        f"adds, {floor.gigabytes_read:.1f} GB/s reading and "
        f"{floor.gigabytes_written:.1f} GB/s writing memory. {about['system']}, "
        f"Python {about['python']}; {versions}."
    )


def lines(header: list[str], rows: list[list[str]]) -> list[str]:
    """A table; the first column stands left, the others right."""
    marks = [":--", *["--:"] * (len(header) - 1)]
    return ["| " + " | ".join(cells) + " |" for cells in [header, marks, *rows]]


def times(results: list[Result], floor: Floor) -> list[str]:
    """A line a case: the reference's time, and everybody's in terms of it."""
    header, *rows = in_terms_of_the_first(results, [r.name for r in results], floor)
    return lines(header, rows)


def memory(results: list[Result]) -> list[str]:
    """A line a workload: the peak of each peer's process, in MB."""
    last = {result.workload: result for result in results}  # of a family, all of it
    peers = list(
        dict.fromkeys(t.peer for r in results for t in r.timings if t.peak_bytes)
    )

    def peak(timing: Timing, result: Result) -> str:
        return f"{timing.peak_bytes / 1e6:.0f}" if timing.peak_bytes else ""

    rows = [[name, *cells(result, peers, peak)] for name, result in last.items()]
    return lines(["", *peers], rows)


def page(results: list[Result], about: dict[str, Any], floor: Floor) -> str:
    """The whole page."""
    workloads = {result.workload: result.summary for result in results}
    parts = [
        "# Benchmark results",
        "",
        about_machine(about, floor),
        "",
        "The first column is a median, the peers' are multiples of it (more than 1: "
        "slower), each the median of the ratios within a round. The floor is the least "
        "time that the operations and bytes take here.",
        "",
        *times(results, floor),
        "",
        "Peak memory of each process, in MB:",
        "",
        *memory(results),
        "",
        *(f"- `{name}`: {summary}" for name, summary in workloads.items()),
    ]
    return "\n".join(parts) + "\n"
