"""Processes of a search: all work is done once, and none outlives what began it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chainrule.errors import StateError
from chainrule.tuning.workers import results


def power(piece: int, shared: int) -> int:
    return piece**shared


def end(piece: int, shared: str) -> None:
    """As if the system had killed the process for want of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def linger(piece: int, folder: str) -> None:
    Path(folder, str(os.getpid())).touch()
    time.sleep(600)


def test_every_piece_is_worked_on_once_with_what_is_shared() -> None:
    assert sorted(results(power, iter(range(20)), 2, 2)) == [n**2 for n in range(20)]


def test_a_process_that_is_killed_is_a_clear_error() -> None:
    with pytest.raises(StateError) as caught:
        list(results(end, [1, 2], "", 2))
    assert caught.value.what == (
        "tune: a process was killed while it trained: memory may be short"
    )
    assert caught.value.fix == "--processes 1; what is finished is kept"


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split()[0]
    except OSError:
        return True
    return state == "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_no_process_outlives_the_one_that_began_it(tmp_path: Path, how: int) -> None:
    text = (
        "from tests.tuning.test_workers import linger\n"
        "from chainrule.tuning.workers import results\n"
        "if __name__ == '__main__':\n"
        f"    list(results(linger, [1, 2], {str(tmp_path / 'pids')!r}, 2))\n"
    )
    (tmp_path / "pids").mkdir()
    (tmp_path / "main.py").write_text(text)
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "main.py")],
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while len(pids := [int(p.name) for p in (tmp_path / "pids").iterdir()]) < 2:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(how)
    process.wait()
    while not all(map(gone, pids)):
        assert time.monotonic() < deadline, pids
        time.sleep(0.05)
