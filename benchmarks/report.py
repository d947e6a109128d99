"""Results as a table for people and JSON for programs, and the machine behind them."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
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
        found["chainrule"] = f"{chainrule.__version__} ({engine} engine)"
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine(threads: int) -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads,
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
