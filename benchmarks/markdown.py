"""Results as Markdown, one table for all workloads: for ``benchmarks/results/``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .floor import Floor
from .harness import Result, Timing
from .report import duration, rate


def about_machine(about: dict[str, Any], floor: Floor) -> str:
    """What the figures were measured on, without the machine's name."""
    versions = ", ".join(f"{name} {v}" for name, v in about["versions"].items())
    return (
        f"{about['processor']}, {about['cores']} cores, {about['threads']} thread(s) "
        f"each; measured here: {floor.gigaflops:.0f} GFLOP/s in float32 matrix "
        f"products, {floor.gigabytes_read:.1f} GB/s reading and "
        f"{floor.gigabytes_written:.1f} GB/s writing memory. {about['system']}, "
        f"Python {about['python']}; {versions}."
    )


def ratio(timing: Timing, result: Result) -> str:
    """How many times as long as the reference; with a mark where the work differs."""
    assert result.reference is not None
    mark = " (other losses)" if timing.same_work is False else ""
    return f"{timing.ratio(result.reference):.2f} ×{mark}"


def columns(results: list[Result]) -> list[str]:
    """The peers that have a time somewhere, except references."""
    timings = [(t, r.reference) for r in results for t in r.timings if t.seconds]
    names = [timing.peer for timing, reference in timings if timing is not reference]
    return list(dict.fromkeys(names))


def lines(header: list[str], rows: list[list[str]]) -> list[str]:
    """A table; the first column stands left, the others right."""
    marks = [":--", *["--:"] * (len(header) - 1)]
    return ["| " + " | ".join(cells) + " |" for cells in [header, marks, *rows]]


def cells(
    result: Result, peers: list[str], show: Callable[[Timing, Result], str]
) -> list[str]:
    """What there is to show of each peer."""
    found = {timing.peer: timing for timing in result.timings if timing.seconds}
    return [show(found[peer], result) if peer in found else "" for peer in peers]


def times(results: list[Result], floor: Floor) -> list[str]:
    """A line a case: the reference's time, and everybody's in terms of it."""
    peers = columns(results)
    rows = []
    for result in results:
        reference = result.reference
        if reference is None:
            notes = "; ".join(dict.fromkeys(t.note for t in result.timings if t.note))
            rows.append([result.name, notes, *[""] * (len(peers) + 2)])
            continue
        least = result.floor_seconds
        above = f"{reference.median / least:.2f}" if least else ""
        own = [duration(reference.median), above, rate(result, reference, floor)]
        rows.append([result.name, *own, *cells(result, peers, ratio)])
    names = dict.fromkeys(r.reference.peer for r in results if r.reference)
    header = ["", " / ".join(names) or "–", "÷ floor", "rate", *peers]
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
