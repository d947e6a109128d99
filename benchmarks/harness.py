"""Processes and timing: each peer in its own process, asked in turn, round after round.

A machine gets faster and slower as it goes; peers that take turns (A B C A B C …) share
that, so the ratio of two of them within a round is worth more than their times apart.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from . import workloads
from .floor import Floor

#: How far the losses of two peers may lie apart, relative to the first.
TOLERANCE = 1e-4
PAUSE = 0.05  # seconds for the last peer's threads to fall asleep


class PeerFailed(Exception):
    """A peer that ended before it answered; the message is its last line of output."""


@dataclass
class Timing:
    """What became of one peer: seconds a step (or run) by round, or why there are none.

    ``losses`` are the mean losses of its first passes; ``same_work`` says whether they
    are the reference's, None where there is nothing to compare.
    """

    peer: str
    seconds: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    same_work: bool | None = None
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
        """How many times as long as the reference: median of the rounds' own ratios."""
        pairs = zip(self.seconds, reference.seconds, strict=True)
        return statistics.median(mine / other for mine, other in pairs)


@dataclass
class Result:
    """A workload with the timings of all its peers, and its floor where it has one."""

    workload: str
    summary: str
    timings: list[Timing]
    floor_seconds: float | None = None

    @property
    def reference(self) -> Timing | None:
        """Whom the others are compared with: chainrule, or the first that ran."""
        return next((each for each in self.timings if each.seconds), None)


def environment(threads: int, cache: str) -> dict[str, str]:
    """The environment of a peer: its number of threads, its caches in one folder."""
    count = str(threads)
    names = ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM", "TF_INTRAOP", "TF_INTEROP")
    values = {f"{name}_NUM_THREADS": count for name in names}
    values |= {"VECLIB_MAXIMUM_THREADS": count, "CHAINRULE_THREADS": count}
    values |= {"TF_NUM_INTRAOP_THREADS": count, "TF_NUM_INTEROP_THREADS": count}
    values |= {"TORCHINDUCTOR_CACHE_DIR": cache, "CHAINRULE_CACHE": cache}
    values |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    values |= {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
    return os.environ | values


@contextlib.contextmanager
def only_processors(count: int) -> Iterator[None]:
    """Keep this process, and those it starts, to ``count`` of its processors."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(before)[:count]))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Peer:
    """A peer's process, ready to be timed."""

    def __init__(self, workload: str, name: str, threads: int, cache: str) -> None:
        self.name = name
        self.errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.peer", workload, name],
            env=environment(threads, cache),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            encoding="utf-8",
        )
        try:
            ready = self.read()
        except PeerFailed:
            self.close()
            raise
        self.losses: list[float] = ready["losses"]
        self.steps_in_a_pass: int = ready["steps_in_a_pass"]
        self.pass_seconds: float = ready["pass_seconds"]

    def read(self) -> dict[str, Any]:
        """The next answer."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise PeerFailed(last_line(self.errors))
        answer: dict[str, Any] = json.loads(line)
        return answer

    def seconds_a_step(self, at_least: float) -> float:
        """One timing, of as many passes as fill ``at_least`` seconds."""
        passes = max(1, math.ceil(at_least / self.pass_seconds))
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # then there is no answer either
            self.process.stdin.write(json.dumps({"passes": passes}) + "\n")
            self.process.stdin.flush()
        seconds: float = self.read()["seconds"]
        return seconds / (passes * self.steps_in_a_pass)

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None and self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def last_line(file: Any) -> str:
    """The last line that says anything."""
    file.seek(0)
    lines = [line.strip() for line in file if line.strip()]
    return lines[-1] if lines else "ended without a word"


def missing_package(peer: str) -> str | None:
    """The first package that a peer lacks."""
    for package in workloads.PEERS[peer]:
        if importlib.util.find_spec(package) is None:
            return package
    return None


def time_steps(
    name: str, peers: list[str], rounds: int, threads: int, seconds: float
) -> list[Timing]:
    """The time of a step for each peer, all of them alive at once, taking turns."""
    timings = [Timing(peer) for peer in peers]
    running: list[tuple[Peer, Timing]] = []
    with tempfile.TemporaryDirectory() as cache, contextlib.ExitStack() as processes:
        for timing in timings:
            if package := missing_package(timing.peer):
                timing.note = f"skipped: {package} is not installed"
                continue
            try:
                peer = Peer(name, timing.peer, threads, cache)
            except PeerFailed as failure:
                timing.fail(failure)
                continue
            processes.callback(peer.close)
            timing.losses = peer.losses
            running.append((peer, timing))
        for _ in range(rounds):
            for peer, timing in running:
                if timing.note:
                    continue
                time.sleep(PAUSE)
                try:
                    timing.seconds.append(peer.seconds_a_step(seconds))
                except PeerFailed as failure:
                    timing.fail(failure)
    return timings


def time_processes(
    workload: ModuleType, peers: list[str], rounds: int, threads: int
) -> list[Timing]:
    """The time of a whole process for each peer, started anew in every round."""
    timings = [Timing(peer) for peer in peers]
    for timing in timings:
        if package := missing_package(timing.peer):
            timing.note = f"skipped: {package} is not installed"
    # The first round only brings the files into memory.
    for number in range(rounds + 1):
        for timing in timings:
            if timing.note:
                continue
            try:
                seconds, losses = run_process(workload, timing.peer, threads)
            except PeerFailed as failure:
                timing.fail(failure)
                continue
            timing.losses = losses
            if number:
                timing.seconds.append(seconds)
    return timings


def run_process(
    workload: ModuleType, peer: str, threads: int
) -> tuple[float, list[float]]:
    """One run of a program: the seconds that the workload is about, and its losses."""
    with (
        tempfile.TemporaryDirectory() as cache,
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
    ):
        begin = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "-c", workload.program(peer)],
            env=environment(threads, cache),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
        ) as process:
            assert process.stdout is not None
            answer = None
            for line in process.stdout:
                if answer is None and line.startswith("{"):
                    outside = time.perf_counter() - begin
                    answer = json.loads(line)
        if process.returncode or answer is None:
            raise PeerFailed(last_line(errors))
    inside = answer.get("seconds", math.nan)
    losses = answer.get("losses", [])
    return (inside if workload.TIMED == "inside" else outside), losses


def compare_work(timings: list[Timing]) -> None:
    """Say of each peer whether its losses are those of the first that has any."""
    with_losses = [timing for timing in timings if timing.losses]
    for timing in with_losses:
        pairs = zip(timing.losses, with_losses[0].losses, strict=True)
        timing.same_work = all(
            math.isclose(mine, other, rel_tol=TOLERANCE) for mine, other in pairs
        )


def measure_floor(threads: int) -> Floor:
    """The machine's best with that many threads, measured in a process of its own."""
    with tempfile.TemporaryDirectory() as cache:
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
) -> Result:
    """Time a workload with the peers named, those that take part in it."""
    workload = workloads.load(name)
    taking_part = [peer for peer in workloads.takes_part(workload) if peer in peers]
    floor_seconds = None
    with only_processors(threads):
        if workload.MEASURE == "step":
            timings = time_steps(name, taking_part, rounds, threads, seconds)
            problem = workload.problem(1)
            floor_seconds = floor.seconds(problem.operations(), problem.bytes_moved())
        else:
            timings = time_processes(workload, taking_part, rounds, threads)
    compare_work(timings)
    return Result(name, workload.SUMMARY, timings, floor_seconds)
