"""Timing: each peer in its own process, asked in turn, round after round.

A machine gets faster and slower as it goes; peers that take turns (A B C A B C …) share
that, so the ratio of two of them within a round is worth more than their times apart.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from types import ModuleType

from . import workloads
from .floor import Floor
from .processes import Peer, PeerFailed, environment, only_processors, run_program

#: How far the losses of two peers may lie apart, relative to the first.
TOLERANCE = 1e-4
PAUSE = 0.05  # seconds for the last peer's threads to fall asleep


@dataclass
class Timing:
    """What became of one peer: seconds a step (or run) by round, or why there are none.

    ``losses`` are the mean losses of its first passes, or other numbers that say what
    it computed; ``same_work`` says whether they are the reference's, None where there
    is nothing to compare. ``peak_bytes`` is the most memory of its process so far,
    other cases of the workload included.
    """

    peer: str
    seconds: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    same_work: bool | None = None
    peak_bytes: int | None = None
    note: str = ""

    def fail(self, failure: Exception) -> None:
        """Note why there is no result; rounds before the failure do not count."""
        self.seconds.clear()
        self.note = f"failed: {failure}"

    @property
    def median(self) -> float:
        """The median over the rounds."""
        return statistics.median(self.seconds)

    def ratio(self, reference: Timing) -> float:
        """How many times as long as the reference: median of the rounds' own ratios.

        Where one of them ran in fewer rounds, those count.
        """
        pairs = zip(self.seconds, reference.seconds, strict=False)
        return statistics.median(mine / other for mine, other in pairs)


@dataclass
class Result:
    """A case of a workload with the timings of all its peers.

    ``operations``, ``bytes_read`` and ``bytes_written`` are what a step cannot do
    without, ``floor_seconds`` the time that this takes here at least.
    """

    workload: str
    case: str
    summary: str
    timings: list[Timing]
    operations: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    floor_seconds: float | None = None

    @property
    def name(self) -> str:
        """The workload's name and the case's."""
        return f"{self.workload} {self.case}".rstrip()

    @property
    def reference(self) -> Timing | None:
        """Whom the others are compared with: chainrule, or the first that ran."""
        return next((each for each in self.timings if each.seconds), None)


def missing_package(peer: str) -> str | None:
    """The first package that a peer lacks."""
    for package in workloads.PEERS[peer].packages:
        if importlib.util.find_spec(package) is None:
            return package
    return None


def why_not(workload: ModuleType, peer: str) -> str:
    """Why a peer cannot take part here; an empty text if it can."""
    if package := missing_package(peer):
        return f"skipped: {package} is not installed"
    missing = getattr(workload, "missing", lambda: None)()
    return missing or ""


def time_steps(
    name: str, peers: list[str], rounds: int, threads: int, seconds: float, cache: str
) -> list[Result]:
    """The time of a step for each peer, all of them alive at once, taking turns."""
    workload = workloads.load(name)
    results = [
        Result(name, case, workload.SUMMARY, [Timing(peer) for peer in peers])
        for case in workloads.cases(workload)
    ]
    share = seconds * min(1.0, 3 / len(results))  # a family of cases is not to last
    with contextlib.ExitStack() as processes:
        running: list[tuple[int, Peer]] = []
        for place, peer in enumerate(peers):
            try:
                if note := why_not(workload, peer):
                    raise PeerFailed(note)
                process = Peer(name, peer, [r.case for r in results], threads, cache)
            except PeerFailed as failure:
                give_up(results, place, failure)
                continue
            processes.callback(process.close)
            running.append((place, process))
            take_over(results, place, process)
        for _ in range(rounds):
            for result in results:
                for place, process in list(running):
                    if result.timings[place].note:
                        continue
                    time.sleep(PAUSE)
                    try:
                        taken = process.seconds_a_step(result.case, share)
                    except PeerFailed as failure:
                        give_up(results, place, failure)
                        running.remove((place, process))
                        continue
                    result.timings[place].seconds.append(taken)
                    result.timings[place].peak_bytes = process.peak_bytes
    return results


def give_up(results: list[Result], place: int, failure: PeerFailed) -> None:
    """A peer has no result in any case."""
    for result in results:
        timing = result.timings[place]
        timing.fail(failure)
        if str(failure).startswith("skipped"):
            timing.note = str(failure)


def take_over(results: list[Result], place: int, process: Peer) -> None:
    """What a peer says of each case before it is timed."""
    for result in results:
        ready = process.ready[result.case]
        if "losses" not in ready:
            result.timings[place].note = "has nothing of the kind"
            continue
        result.timings[place].losses = ready["losses"]
        result.operations = ready["operations"]
        result.bytes_read = ready["bytes_read"]
        result.bytes_written = ready["bytes_written"]


def time_processes(
    name: str, case: str, peers: list[str], rounds: int, threads: int
) -> Result:
    """The time of a whole process for each peer, started anew in every round."""
    workload = workloads.load(name)
    result = Result(name, case, workload.SUMMARY, [Timing(peer) for peer in peers])
    for timing in result.timings:
        timing.note = why_not(workload, timing.peer)
    warm = case in getattr(workload, "WARM", ())
    with tempfile.TemporaryDirectory() as caches:
        # Round 0 brings the files into memory, and fills the caches of a warm case.
        for number in range(rounds + 1):
            for timing in result.timings:
                slow = timing.peer in workloads.SLOW
                if timing.note or (slow and number != 1 and not (warm and number == 0)):
                    continue
                folder = f"{caches}/{timing.peer}" + ("" if warm else f"-{number}")
                time_process(workload, case, timing, threads, folder, number > 0)
    return result


def time_process(
    workload: ModuleType,
    case: str,
    timing: Timing,
    threads: int,
    cache: str,
    counts: bool,
) -> None:
    """One run of a peer's program."""
    source = workloads.program(workload, timing.peer, case)
    try:
        run = run_program(source, timing.peer, workload.TIMED, threads, cache)
    except PeerFailed as failure:
        timing.fail(failure)
        return
    read = getattr(workload, "losses", lambda answer: answer.get("losses", []))
    timing.losses = read(run.answer)
    if counts:
        timing.seconds.append(run.seconds)
        timing.peak_bytes = max(timing.peak_bytes or 0, run.peak_bytes or 0) or None


def compare_work(timings: list[Timing], tolerance: float = TOLERANCE) -> None:
    """Say of each peer whether its losses are those of the first that has any."""
    with_losses = [timing for timing in timings if timing.losses]
    for timing in with_losses:
        pairs = zip(timing.losses, with_losses[0].losses, strict=True)
        peers = (workloads.PEERS.get(t.peer) for t in (timing, with_losses[0]))
        most = max(tolerance, *(peer.tolerance if peer else 0.0 for peer in peers))
        timing.same_work = all(
            math.isclose(mine, other, rel_tol=most) for mine, other in pairs
        )


def measure_floor(threads: int) -> Floor:
    """The machine's best with that many threads, measured in a process of its own."""
    with tempfile.TemporaryDirectory() as cache, only_processors(threads):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.floor"],
            env=environment(threads, cache),
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
    return Floor(**json.loads(done.stdout))


def run_workload(
    name: str,
    peers: list[str],
    rounds: int,
    threads: int,
    seconds: float,
    floor: Floor,
    cache: str,
) -> list[Result]:
    """Time a workload, case by case, with the peers named, those that take part.

    Peers that are timed by the step keep what they compile in the folder ``cache``.
    """
    workload = workloads.load(name)
    taking_part = [peer for peer in workloads.takes_part(workload) if peer in peers]
    rounds = min(rounds, getattr(workload, "MOST_ROUNDS", rounds))
    with only_processors(threads):
        if workload.MEASURE == "step":
            results = time_steps(name, taking_part, rounds, threads, seconds, cache)
        else:
            results = [
                time_processes(name, case, taking_part, rounds, threads)
                for case in workloads.cases(workload)
            ]
    for result in results:
        compare_work(result.timings, getattr(workload, "TOLERANCE", TOLERANCE))
        costs = result.operations, result.bytes_read, result.bytes_written
        result.floor_seconds = floor.seconds(*costs) or None
    return results
