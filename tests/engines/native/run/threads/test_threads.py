"""Workers: every part runs once, whoever calls, forks, sleeps, stops or interrupts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from tests.engines.native import team as teams
from tests.engines.native.jit import Compiled
from tests.engines.native.team import Team

PROGRAM = [sys.executable, "-W", "error", "-m", "tests.engines.native.team"]


@pytest.fixture(scope="module")
def code() -> Compiled:
    return teams.compiled()


@pytest.fixture
def team(code: Compiled) -> Iterator[Team]:
    found = Team(code, 2)
    yield found
    found.pool.stop()


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("parts", [1, 2, 3, 64])
def test_every_part_of_thousands_of_jobs_runs_once(
    code: Compiled, threads: int, parts: int
) -> None:
    team = Team(code, threads)
    assert team.count(2000, parts)
    for _ in range(200):
        assert team.count(5, parts)
    team.pool.stop()


def test_no_parts_are_no_work(team: Team) -> None:
    assert team.count(10, 0)


def test_workers_run_at_the_same_time_as_the_caller(team: Team) -> None:
    assert team.meets(2)


def test_a_team_of_one_starts_no_threads(code: Compiled) -> None:
    before = threading.active_count()
    team = Team(code, 1)
    assert team.count(100, 4)
    assert threading.active_count() == before


def test_several_python_threads_may_call_at_once(team: Team) -> None:
    found: list[bool] = []

    def call() -> None:
        found.extend(team.count(50, parts) for parts in (2, 3, 4, 7) for _ in range(40))

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 640


def test_a_task_may_be_parallel_itself(team: Team) -> None:
    counters = np.zeros((5, 8), np.int64)
    context = np.array([team.pool.address, counters.ctypes.data], np.int64)
    team.run("nested", context, 300, 5)
    assert (counters == 300).all()


def test_workers_sleep_when_idle_and_wake_for_the_next_job(team: Team) -> None:
    for _ in range(3):
        assert team.count(10, 4)
        assert team.asleep()
        assert team.meets(2)


def test_sleeping_workers_take_no_time(team: Team) -> None:
    assert team.count(10, 4)
    assert team.asleep()
    before = time.process_time()
    time.sleep(0.2)
    assert time.process_time() - before < 0.05


def test_a_job_does_not_wait_for_workers_that_sleep(team: Team) -> None:
    assert team.count(10, 4)
    assert team.asleep()
    counters = np.zeros(4, np.int64)
    team.call("count", counters, 1000, 4)
    assert (counters == 1000).all()


def test_workers_do_not_sleep_while_a_program_runs(team: Team) -> None:
    with team.pool:
        for pause in (0.0, 0.03, 0.1):  # the program's own work, on one thread
            time.sleep(pause)
            words = np.zeros(3, np.int64)
            team.call("meet", words, 1, 2)
            assert words.tolist() == [2, 1, 1]
    assert team.asleep()


def test_a_stopped_pool_starts_again(team: Team) -> None:
    for _ in range(3):
        assert team.count(100, 4)
        workers = list(team.pool._workers)
        assert workers
        team.pool.stop()
        assert not any(worker.is_alive() for worker in workers)


def test_a_program_that_runs_while_its_pool_is_stopped_does_all_its_parts(
    code: Compiled,
) -> None:
    for _ in range(20):
        team, right = Team(code, 2), list[bool]()

        def run(team: Team = team, right: list[bool] = right) -> None:
            right.append(team.count(20_000, 64))

        program = threading.Thread(target=run)
        program.start()
        time.sleep(0.002)
        team.pool.stop()  # as when ``config.threads`` changes
        program.join()
        team.pool.stop()
        assert right == [True]


def test_a_system_without_more_threads_is_one_thread(
    code: Compiled, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    team = Team(code, 3)
    assert team.count(100, 8)
    team.pool.stop()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("asleep", [False, True])
def test_a_forked_process_has_workers_of_its_own(team: Team, asleep: bool) -> None:
    assert team.count(100, 4)
    assert not asleep or team.asleep()
    child = os.fork()
    if child == 0:
        right = team.count(1000, 4) and team.meets(2)
        os._exit(0 if right else 1)
    assert team.count(1000, 4)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert team.meets(2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_process_may_fork_while_another_thread_is_at_work(team: Team) -> None:
    going, found = threading.Event(), []

    def work() -> None:
        while not going.is_set():
            found.append(team.count(200, 4))

    thread = threading.Thread(target=work)
    thread.start()
    for _ in range(5):
        child = os.fork()
        if child == 0:
            os._exit(0 if team.count(500, 4) else 1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
    going.set()
    thread.join()
    assert found and all(found)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_process_may_call_what_another_thread_was_running() -> None:
    x = np.ones((256, 256), np.float32)
    f = cr.compile(lambda x: cr.tanh(x @ x.T).sum(), engine="native")
    wanted, over = f(x).item(), threading.Event()

    def work() -> None:
        while not over.is_set():
            f(x)

    thread = threading.Thread(target=work)
    thread.start()
    for _ in range(5):
        child = os.fork()
        if child == 0:
            signal.alarm(20)  # rather than wait for ever
            os._exit(0 if f(x).item() == wanted else 1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
    over.set()
    thread.join()


def test_a_retired_pool_starts_no_threads(team: Team) -> None:
    assert team.count(100, 4)
    workers = list(team.pool._workers)
    team.pool.retire()
    assert team.count(100, 4)  # by the caller alone
    assert not team.pool._workers
    assert not any(worker.is_alive() for worker in workers)


def start(what: str, folder: Path) -> subprocess.Popen[str]:
    """A program of its own."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*PROGRAM, what], cwd=folder, stdout=pipe, stderr=pipe, text=True
    )


@pytest.mark.parametrize("what", ["spinning", "sleeping", "stopped", "from a daemon"])
def test_a_program_ends_promptly_and_well(what: str, repository: Path) -> None:
    program = start(what, repository)
    out, err = program.communicate(timeout=30)
    assert (program.returncode, out, err) == (0, "", "")


@pytest.mark.skipif(os.name == "nt", reason="sends a signal")
def test_an_interrupted_program_may_go_on(repository: Path) -> None:
    program = start("interrupted", repository)
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"
    time.sleep(0.1)
    program.send_signal(signal.SIGINT)
    out, err = program.communicate(timeout=30)
    assert (program.returncode, out, err) == (0, "went on\n", "")
