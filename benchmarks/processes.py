"""The processes in which peers work: their surroundings, and how to talk to them."""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import workloads
from .peer import in_bytes


class PeerFailed(Exception):
    """A peer that ended before it answered; the message is its last line of output."""


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
    kept = os.environ | values
    # As installed packages have it, so has a working copy: compiled to bytecode once.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept


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
    """A peer's process, ready to be timed.

    ``ready`` is what it says of each case: see ``benchmarks.peer``.
    """

    def __init__(
        self, workload: str, name: str, cases: list[str], threads: int, cache: str
    ) -> None:
        self.name = name
        self.peak_bytes: int | None = None
        self.errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.peer", workload, name],
            env=environment(threads, cache) | workloads.PEERS[name].environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            encoding="utf-8",
        )
        self.ready: dict[str, dict[str, Any]] = {}
        try:
            for case in cases:
                self.ready[case] = self.read()
        except PeerFailed:
            self.close()
            raise

    def read(self) -> dict[str, Any]:
        """The next answer."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise PeerFailed(last_line(self.errors))
        answer: dict[str, Any] = json.loads(line)
        return answer

    def seconds_a_step(self, case: str, at_least: float) -> float:
        """One timing, of as many passes as fill ``at_least`` seconds."""
        ready = self.ready[case]
        passes = max(1, math.ceil(at_least / ready["pass_seconds"]))
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # then there is no answer either
            self.process.stdin.write(json.dumps({"case": case, "passes": passes}))
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        answer = self.read()
        self.peak_bytes = answer["peak_bytes"]
        seconds: float = answer["seconds"]
        return seconds / (passes * ready["steps_in_a_pass"])

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


@dataclass(frozen=True)
class Run:
    """What came of a program: the seconds that it is about, its answer, its memory."""

    seconds: float
    answer: dict[str, Any]
    peak_bytes: int | None


def run_program(source: str, peer: str, timed: str, threads: int, cache: str) -> Run:
    """Run a peer's program; ``timed`` is explained in ``benchmarks.workloads``."""
    Path(cache).mkdir(exist_ok=True)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        begin = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "-c", source],
            env=environment(threads, cache) | workloads.PEERS[peer].environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
        ) as process:
            assert process.stdout is not None
            shown, outside = "", math.nan
            for line in process.stdout:
                shown += line
                if math.isnan(outside) and line.startswith("{"):
                    outside = time.perf_counter() - begin
            peak = wait(process)
            whole = time.perf_counter() - begin
        if process.returncode or math.isnan(outside):
            raise PeerFailed(last_line(errors))
    answer, _ = json.JSONDecoder().raw_decode(shown[shown.index("{") :])
    inside = answer.get("seconds", math.nan)
    seconds = {"inside": inside, "outside": outside, "whole": whole}[timed]
    return Run(seconds, answer, peak)


def wait(process: subprocess.Popen[str]) -> int | None:
    """Wait for the end of a process; the most memory that it has had at once."""
    if not hasattr(os, "wait4"):  # Windows
        process.wait()
        return None
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return in_bytes(usage.ru_maxrss)
