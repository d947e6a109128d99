"""One peer in a process of its own: ``python -m benchmarks.peer WORKLOAD PEER``.

It speaks JSON lines. First it says the losses of its first passes, by which the harness
sees that everybody does the same work; then it answers each ``{"passes": n}`` with
``{"seconds": s}``, until its input ends.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from typing import Any

from . import workloads

CHECKED_PASSES = 2
WARM_UP_SECONDS = 1.0


def say(channel: Any, **values: object) -> None:
    """One JSON line."""
    channel.write(json.dumps(values) + "\n")
    channel.flush()


def seconds_of(train: workloads.Train, passes: int) -> float:
    """How long some passes take."""
    gc.collect()
    start = time.perf_counter()
    train(passes)
    return time.perf_counter() - start


def main() -> None:
    """Build, show the first losses, warm up, and answer requests for timings."""
    # Libraries write to standard output too: keep the channel for ourselves.
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    workload = workloads.load(sys.argv[1])
    problem = workload.problem()
    train = workload.BUILDERS[sys.argv[2]](problem)
    losses = train(CHECKED_PASSES)
    warm_until = time.perf_counter() + WARM_UP_SECONDS
    pass_seconds = seconds_of(train, 1)
    while time.perf_counter() < warm_until:
        pass_seconds = min(pass_seconds, seconds_of(train, 1))
    say(
        channel,
        losses=losses,
        pass_seconds=pass_seconds,
        steps_in_a_pass=len(problem.inputs),
    )
    for line in sys.stdin:
        say(channel, seconds=seconds_of(train, json.loads(line)["passes"]))


if __name__ == "__main__":
    main()
