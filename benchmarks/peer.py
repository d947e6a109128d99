"""One peer in a process of its own: ``python -m benchmarks.peer WORKLOAD PEER``.

It speaks JSON lines. First it says of every case what came out of it, by which the
harness sees that everybody does the same work, and what it costs at least; then it
answers each ``{"case": c, "passes": n}`` with ``{"seconds": s}``, until its input ends.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from . import workloads

CHECKED_PASSES = 2
WARM_UP_SECONDS = 1.0


def say(channel: Any, **values: object) -> None:
    """One JSON line."""
    channel.write(json.dumps(values) + "\n")
    channel.flush()


def seconds_of(work: workloads.Work, passes: int) -> float:
    """How long some passes take."""
    gc.collect()
    start = time.perf_counter()
    work(passes)
    return time.perf_counter() - start


def peak_bytes() -> int | None:
    """The most memory that this process has had at once."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return peak_by_usage()
    (line,) = (line for line in lines if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def peak_by_usage() -> int | None:
    """The same where there is no /proc."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    return in_bytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def in_bytes(peak: int) -> int:
    """What the system calls the peak: kilobytes, on macOS bytes."""
    return peak if sys.platform == "darwin" else peak * 1024


def ready(problem: workloads.Problem, work: Any, warm_up: float) -> dict[str, Any]:
    """Show what comes out, and warm up."""
    losses = work.losses() if hasattr(work, "losses") else work(CHECKED_PASSES)
    warm_until = time.perf_counter() + warm_up
    pass_seconds = seconds_of(work, 1)
    while time.perf_counter() < warm_until:
        pass_seconds = min(pass_seconds, seconds_of(work, 1))
    read, written = problem.traffic()
    return {
        "losses": losses,
        "pass_seconds": pass_seconds,
        "steps_in_a_pass": problem.steps,
        "operations": problem.operations(),
        "bytes_read": read,
        "bytes_written": written,
    }


def main() -> None:
    """Get everything ready, and answer requests for timings."""
    # Libraries write to standard output too: keep the channel for ourselves.
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    workload = workloads.load(sys.argv[1])
    builder = workload.BUILDERS[workloads.PEERS[sys.argv[2]].program]
    cases = workloads.cases(workload)
    works = {}
    for case in cases:
        problem = workloads.problem(workload, case)
        work = builder(problem)
        if work is None:  # the library has nothing of the kind
            say(channel, case=case)
            continue
        works[case] = work
        answer = ready(problem, work, WARM_UP_SECONDS / len(cases))
        say(channel, case=case, **answer)
    for line in sys.stdin:
        request = json.loads(line)
        seconds = seconds_of(works[request["case"]], request["passes"])
        say(channel, seconds=seconds, peak_bytes=peak_bytes())


if __name__ == "__main__":
    main()
