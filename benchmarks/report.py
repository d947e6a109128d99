"""Results as a table for people and JSON for programs, and the machine behind them."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from .floor import Floor
from .harness import Result, Timing

PACKAGES = ["jax", "keras", "numpy", "optax", "scikit-learn", "torch"]
PACKAGES += ["tensorflow", "tensorflow-cpu"]


def processor() -> str:
    """The processor's name, as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """The version of every peer that is installed."""
    found = {}
    if importlib.util.find_spec("chainrule"):
        import chainrule

        engine = chainrule.config.engine
        found["chainrule"] = f"{chainrule.__version__} (default engine: {engine})"
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def load() -> float | None:
    """How many processes were running in the last minute: others, before it begins."""
    try:
        return round(os.getloadavg()[0], 1)
    except (AttributeError, OSError):
        return None


def machine(threads: int) -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "load": load(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "versions": versions(),
    }


def duration(seconds: float) -> str:
    """Three digits and a unit: ``12.3 µs``."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def memory(peak: int | None) -> str:
    """Megabytes: ``123 MB``."""
    return "" if peak is None else f"{peak / 1e6:.0f} MB"


def rate(result: Result, timing: Timing, floor: Floor) -> str:
    """Operations or bytes a second, whichever the floor is made of."""
    moved = result.bytes_read + result.bytes_written
    if not (result.operations or moved):
        return ""
    arithmetic = floor.arithmetic(result.operations)
    if arithmetic >= floor.memory(result.bytes_read, result.bytes_written):
        return f"{result.operations / timing.median / 1e9:.3g} GFLOP/s"
    return f"{moved / timing.median / 1e9:.3g} GB/s"


def row(timing: Timing, result: Result, floor: Floor) -> list[str]:
    """A line of the table."""
    if not timing.seconds or result.reference is None:
        return [timing.peer, "–", *[""] * 6, timing.note]
    least = result.floor_seconds
    words = {True: "same work", False: "OTHER LOSSES", None: ""}[timing.same_work]
    return [
        timing.peer,
        duration(timing.median),
        duration(min(timing.seconds)),
        duration(max(timing.seconds)),
        f"{timing.ratio(result.reference):.2f}",
        f"{timing.median / least:.2f}" if least else "",
        rate(result, timing, floor),
        memory(timing.peak_bytes),
        words,
    ]


def table(result: Result, floor: Floor) -> str:
    """The timings of a workload as plain text."""
    reference = result.reference.peer if result.reference else "…"
    header = ["", "median", "least", "most", f"÷ {reference}", "÷ floor"]
    header += ["rate", "memory", ""]
    rows = [header, *(row(timing, result, floor) for timing in result.timings)]
    if result.floor_seconds:
        rows.append(["(floor)", duration(result.floor_seconds), *[""] * 7])
    widths = [max(len(cells[i]) for cells in rows) for i in range(len(header))]
    case = f" [{result.case}]" if result.case else ""
    lines = [f"{result.workload}{case}: {result.summary}", ""]
    for cells in rows:
        name, *numbers, note = cells
        columns = [name.ljust(widths[0])]
        pairs = zip(numbers, widths[1:-1], strict=True)
        columns += [number.rjust(width) for number, width in pairs]
        lines.append("  ".join(["", *columns, note]).rstrip())
    return "\n".join(lines)


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


def cells(
    result: Result, peers: list[str], show: Callable[[Timing, Result], str]
) -> list[str]:
    """What there is to show of each peer."""
    found = {timing.peer: timing for timing in result.timings if timing.seconds}
    return [show(found[peer], result) if peer in found else "" for peer in peers]


def in_terms_of_the_first(
    results: list[Result], names: list[str], floor: Floor
) -> list[list[str]]:
    """A header, and a row a result: the reference's time, all others as multiples."""
    peers = columns(results)
    references = dict.fromkeys(r.reference.peer for r in results if r.reference)
    rows = [["", " / ".join(references) or "–", "÷ floor", "rate", *peers]]
    for name, result in zip(names, results, strict=True):
        reference = result.reference
        if reference is None:
            notes = "; ".join(dict.fromkeys(t.note for t in result.timings if t.note))
            rows.append([name, notes, *[""] * (len(peers) + 2)])
            continue
        least = result.floor_seconds
        above = f"{reference.median / least:.2f}" if least else ""
        own = [duration(reference.median), above, rate(result, reference, floor)]
        rows.append([name, *own, *cells(result, peers, ratio)])
    return rows


def family(results: list[Result], floor: Floor) -> str:
    """The cases of a workload as one plain table, a row each."""
    first = results[0]
    rows = in_terms_of_the_first(results, [r.case for r in results], floor)
    lines = [f"{first.workload}: {first.summary}", "", *aligned(rows)]
    peaks = [
        f"{timing.peer} {memory(timing.peak_bytes)}"
        for timing in results[-1].timings
        if timing.seconds
    ]
    notes = [f"{timing.peer} {timing.note}" for timing in first.timings if timing.note]
    return "\n".join([*lines, "", "  " + "; ".join([*peaks, *notes])])


def aligned(rows: list[list[str]]) -> list[str]:
    """Rows as lines: the first column stands left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for name, *others in rows:
        pairs = zip(others, widths[1:], strict=True)
        columns = [name.ljust(widths[0]), *(cell.rjust(width) for cell, width in pairs)]
        lines.append("  ".join(["", *columns]).rstrip())
    return lines


def as_json(results: list[Result], about: dict[str, Any], floor: Floor) -> str:
    """Everything measured, with every round, as JSON."""
    entries = []
    for result in results:
        entry: dict[str, Any] = asdict(result)
        for timing, values in zip(result.timings, entry["timings"], strict=True):
            if timing.seconds and result.reference is not None:
                values["median"] = timing.median
                values["ratio"] = timing.ratio(result.reference)
        entry["name"] = result.name
        entry["reference"] = result.reference.peer if result.reference else None
        entries.append(entry)
    content = {"machine": about, "floor": asdict(floor), "workloads": entries}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
