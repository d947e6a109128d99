"""Entries on disk keep to a limit; no process harms another, and none waits."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chainrule.config import config
from chainrule.recompilation import entries
from chainrule.recompilation.entries import BLOCK, folder, load, store

#: An entry of this payload takes one block.
PAYLOAD = b"x" * 1000


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path) -> Iterator[None]:
    """An empty cache, with room for sixteen entries of one block."""
    with config.using(cache_folder=tmp_path, cache_bytes=16 * BLOCK):
        yield


def entry(number: int) -> Path:
    return folder() / f"{number:064x}.o"


def kept() -> list[int]:
    """The numbers of the entries there are."""
    return sorted(int(path.stem, 16) for path in folder().glob("*.o"))


def blocks() -> int:
    """What all entries take."""
    return sum(-(-path.stat().st_size // BLOCK) for path in folder().glob("*.o"))


def grow_old(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


def seconds_since(path: Path) -> float:
    return time.time() - path.stat().st_mtime


# The limit. ---------------------------------------------------------------------------


def test_the_limit_is_kept_and_what_was_stored_last_is_there() -> None:
    for number in range(40):
        store(entry(number), PAYLOAD)
        assert blocks() <= 16
        assert load(entry(number)) == PAYLOAD
    assert len(kept()) >= 13


def test_what_was_not_used_for_longest_makes_room() -> None:
    for number in range(15):
        store(entry(number), PAYLOAD)
        grow_old(entry(number), 100_000 - number)
    for number in (0, 3):
        assert load(entry(number)) == PAYLOAD
    store(entry(15), PAYLOAD)
    assert kept() == [0, 3, *range(4, 16)]


def test_large_entries_count_for_what_they_take() -> None:
    store(entry(0), PAYLOAD)
    grow_old(entry(0), 10)
    store(entry(1), bytes(10 * BLOCK))  # eleven blocks, with its checksum
    assert kept() == [0, 1]
    store(entry(2), bytes(3 * BLOCK))
    assert kept() == [2]
    store(entry(3), bytes(16 * BLOCK))  # larger than the limit
    assert kept() == [2]


def test_with_a_limit_of_nothing_nothing_is_kept() -> None:
    with config.using(cache_bytes=0):
        store(entry(0), PAYLOAD)
    assert load(entry(0)) is None
    assert not folder().exists()


def test_a_limit_that_was_lowered_is_kept_from_the_next_look_on() -> None:
    with config.using(cache_bytes=1 << 30):
        for number in range(40):
            store(entry(number), PAYLOAD)
    assert len(kept()) == 40
    store(entry(40), PAYLOAD)
    assert blocks() <= 16


def test_the_folder_is_looked_at_once_in_a_share_by_any_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[Path] = []
    monkeypatch.setattr(entries, "_make_room", looks.append)
    config.cache_bytes = 32 * 16 * BLOCK
    (folder()).mkdir()
    (folder() / "tally").write_bytes(bytes(30))  # by another process
    store(entry(0), PAYLOAD)
    assert looks == []
    store(entry(1), PAYLOAD)
    assert looks == [folder()]


def test_a_look_begins_a_new_tally() -> None:
    config.cache_bytes = 32 * BLOCK
    store(entry(0), PAYLOAD)
    assert (folder() / "tally").stat().st_size == 1
    store(entry(1), PAYLOAD)
    assert not (folder() / "tally").exists()


# A use. -------------------------------------------------------------------------------


def test_a_hit_is_noted_once_in_an_hour() -> None:
    store(entry(0), PAYLOAD)
    grow_old(entry(0), 3000)
    load(entry(0))
    assert seconds_since(entry(0)) > 2900
    grow_old(entry(0), 4000)
    load(entry(0))
    assert seconds_since(entry(0)) < 100


def test_a_damaged_entry_is_not_used() -> None:
    store(entry(0), PAYLOAD)
    entry(0).write_bytes(entry(0).read_bytes()[:-1])
    grow_old(entry(0), 4000)
    assert load(entry(0)) is None
    assert seconds_since(entry(0)) > 3900


# What other processes and the disk do. ------------------------------------------------


def test_what_a_killed_process_left_is_removed_and_nothing_of_others() -> None:
    folder().mkdir()
    abandoned, young = (Path(f"{entry(n)}{n}.part") for n in (1, 2))
    foreign = [folder() / name for name in ("mine.o", "tmp1.part")]
    for path in (abandoned, young, *foreign):
        path.write_bytes(bytes(20 * BLOCK))
        grow_old(path, 5000)
    grow_old(young, 60)
    store(entry(0), PAYLOAD)
    assert not abandoned.exists()
    assert all(path.exists() for path in (young, *foreign, entry(0)))


def test_nothing_is_left_of_a_write_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", full)
    store(entry(0), PAYLOAD)
    monkeypatch.setattr(os, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        store(entry(0), PAYLOAD)
    assert [*folder().iterdir()] == []


def test_an_entry_that_cannot_be_counted_is_kept_all_the_same() -> None:
    (folder() / "tally").mkdir(parents=True)  # a file that cannot be written
    store(entry(0), PAYLOAD)
    assert load(entry(0)) == PAYLOAD


def test_what_another_process_removes_during_a_look_is_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(15):
        store(entry(number), PAYLOAD)
        grow_old(entry(number), 100 - number)
    unlink = os.unlink
    monkeypatch.setattr(os, "unlink", lambda path: (unlink(path), unlink(path)))
    store(entry(15), PAYLOAD)
    assert kept() == [*range(2, 16)]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write")
def test_a_folder_that_is_read_only_is_read() -> None:
    store(entry(0), PAYLOAD)
    grow_old(entry(0), 4000)
    folder().chmod(0o500)
    try:
        store(entry(1), PAYLOAD)
        assert load(entry(0)) == PAYLOAD
        assert kept() == [0]
    finally:
        folder().chmod(0o700)


PROGRAM = """
import random, sys, time
from chainrule.config import config
from chainrule.recompilation.entries import folder, load, store
config.cache_bytes = 40 * 4096
source, hits = random.Random(int(sys.argv[1])), 0
end = time.monotonic() + 1.5
while time.monotonic() < end:
    number = source.randrange(60)
    payload = bytes([number]) * (number * 200)
    entry = folder() / f"{number:064x}.o"
    found = load(entry)
    if found is None:
        store(entry, payload)
    else:
        hits += 1
        assert found == payload
assert hits
"""


def test_processes_that_store_load_and_remove_at_once_do_no_harm() -> None:
    environment = os.environ | {"CHAINRULE_CACHE": str(config.cache_folder)}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(number)],
            env=environment,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        for number in range(4)
    ]
    time.sleep(1.0)
    started[0].kill()
    errors = [each.communicate()[1] for each in started]
    assert errors == ["", "", "", ""]
    assert [each.returncode for each in started[1:]] == [0, 0, 0]
    assert blocks() <= 40 + len(started)
    whole = [path for path in folder().glob("*.o") if load(path) is None]
    assert whole == []
    assert len([*folder().glob("*.part")]) <= 1  # of the process that was killed


def test_a_temporary_name_is_that_of_an_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    make = tempfile.mkstemp

    def noted(*args: object) -> tuple[int, str]:
        names.append(make(*args)[1])
        raise OSError

    monkeypatch.setattr(tempfile, "mkstemp", noted)
    store(entry(0), PAYLOAD)
    assert entries.NAME.match(Path(names[0]).name)
    assert names[0].endswith(entries.PART)
