"""The file format: whole or not at all, never silently damaged, old ones for ever."""

from __future__ import annotations

import json
import os
import resource
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from chainrule import saving
from chainrule.errors import ArgumentError, ChainruleError, FileError

GOLDEN = Path(__file__).parent / "golden"

rng = np.random.default_rng(0)
ARRAYS = {
    "0.weight": rng.normal(size=(5, 3)).astype(np.float32),
    "0.bias": rng.normal(size=5),
    "count": np.array(7),
    "mask": np.array([True, False]),
    "state": np.arange(4, dtype=np.uint32),
    "empty": np.zeros((0, 3), np.float32),
}
SETTINGS = {"epoch": 3, "name": "Größe µ", "list": [1, 2.5, None, True, {"a": "b"}]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "state.safetensors"
    saving.write(path, ARRAYS, SETTINGS)
    return path


def same(found: Any, expected: Any) -> bool:
    return found.keys() == expected.keys() and all(
        found[name].dtype == expected[name].dtype
        and np.array_equal(found[name], expected[name])
        for name in expected
    )


def test_what_is_read_is_what_was_written(file: Path) -> None:
    arrays, settings = saving.read(file)
    assert same(arrays, ARRAYS)
    assert settings == SETTINGS


def test_any_reader_of_safetensors_finds_the_arrays(file: Path) -> None:
    assert same(safetensors.numpy.load_file(file), ARRAYS)


STRIDED = np.arange(24, dtype=np.float32).reshape(4, 6)


@pytest.mark.parametrize(
    "array",
    [
        STRIDED.T,
        STRIDED[::-1],
        STRIDED[:, ::2],
        np.asfortranarray(STRIDED),
        np.broadcast_to(STRIDED[0], (3, 6)),
        STRIDED.astype(">f4"),
        STRIDED.reshape(2, 3, 4).transpose(2, 0, 1),
        np.array(3.5),
    ],
    ids=[
        "transposed",
        "reversed",
        "strided",
        "fortran",
        "broadcast",
        "big-endian",
        "permuted",
        "scalar",
    ],
)
def test_arrays_of_any_memory_layout_come_back_as_they_were(
    array: Any, tmp_path: Path
) -> None:
    saving.write(tmp_path / "a", {"x": array}, {})
    found = saving.read(tmp_path / "a")[0]["x"]
    assert np.array_equal(found, array)
    assert found.shape == array.shape


def test_the_same_contents_make_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        saving.write(tmp_path / name, ARRAYS, SETTINGS)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


# Damage. ------------------------------------------------------------------------------


def test_a_file_cut_off_anywhere_is_an_error(file: Path) -> None:
    whole = file.read_bytes()
    for length in (*range(0, len(whole), 97), *range(10), len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(FileError) as caught:
            saving.read(file)
        assert "damaged" in str(caught.value) or "not a safetensors" in str(
            caught.value
        )


def test_a_file_with_any_flipped_bit_is_an_error_or_reads_the_same(file: Path) -> None:
    whole = file.read_bytes()
    chance = np.random.default_rng(1)
    noticed = 0
    places = [*range(0, 1200, 3), *chance.integers(0, len(whole), 400)]
    for place in places:
        damaged = bytearray(whole)
        damaged[place % len(whole)] ^= 1 << int(chance.integers(8))
        file.write_bytes(damaged)
        try:
            arrays, settings = saving.read(file)
        except FileError:
            noticed += 1
        else:
            assert same(arrays, ARRAYS)
            assert settings == SETTINGS
    assert noticed > 0.9 * len(places)


def test_every_flipped_bit_of_the_arrays_is_noticed(file: Path) -> None:
    whole = file.read_bytes()
    start = 8 + int.from_bytes(whole[:8], "little")
    for place in range(start, len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        file.write_bytes(damaged)
        with pytest.raises(FileError, match="do not match their checksum"):
            saving.read(file)


def test_random_bytes_are_an_error(tmp_path: Path) -> None:
    chance = np.random.default_rng(2)
    for length in (1, 8, 9, 50, 5000):
        for start in (b"", b"\x20\0\0\0\0\0\0\0{", b"\xff" * 8 + b"{"):
            (tmp_path / "x").write_bytes(start + chance.bytes(length))
            with pytest.raises(FileError):
                saving.read(tmp_path / "x")


def with_head(path: Path, head: str | None = None, **changes: Any) -> Path:
    """A file whose metadata are changed, written by safetensors itself."""
    arrays = {"x": np.zeros(2, np.float32)}
    table = {"version": 1, "settings": {}, "sha256": saving._digest(arrays, {})}
    text = json.dumps({**table, **changes}) if head is None else head
    path.write_bytes(safetensors.numpy.save(arrays, {"chainrule": text}))
    return path


WRONG: list[tuple[str, Callable[[Path], Any], str, str | None]] = [
    (
        "missing",
        lambda folder: folder / "modle.safetensors",
        "load: {path}: there is no such file",
        "did you mean {folder}/model.safetensors?",
    ),
    (
        "in a missing folder",
        lambda folder: folder / "no" / "model.safetensors",
        "load: {path}: there is no such file",
        "the folder {folder}/no does not exist",
    ),
    ("a folder", lambda folder: folder, "load: {path}: is a folder", "name a file"),
    (
        "text",
        lambda folder: written(folder / "a.txt", b"Dear reader, this is a letter."),
        "load: {path}: not a safetensors file",
        "give it a file written by model.save",
    ),
    (
        "empty",
        lambda folder: written(folder / "a", b""),
        "load: {path}: the file is damaged: it has 0 bytes",
        "copy or download it again; nothing was loaded",
    ),
    (
        "of another library",
        lambda folder: written(folder / "a", safetensors.numpy.save(ARRAYS)),
        "load: {path}: a safetensors file, but not written by chainrule",
        "for weights of another library: model.load_state_dict("
        "safetensors.numpy.load_file(path)), with the names changed to this model's",
    ),
    (
        "of a newer version",
        lambda folder: with_head(folder / "a", version=2),
        "load: {path}: written in version 2 of the format; this chainrule reads up to "
        "1",
        "pip install --upgrade chainrule",
    ),
    (
        "of a version that is no number",
        lambda folder: with_head(folder / "a", version="one"),
        "load: {path}: the file is damaged: its version is not a number",
        "copy or download it again; nothing was loaded",
    ),
    (
        "without a version",
        lambda folder: with_head(folder / "a", "{}"),
        "load: {path}: the file is damaged: its version is not a number",
        "copy or download it again; nothing was loaded",
    ),
    (
        "with a head that is no JSON",
        lambda folder: with_head(folder / "a", "{"),
        "load: {path}: the file is damaged: its header is not JSON",
        "copy or download it again; nothing was loaded",
    ),
    (
        "nested without end",
        lambda folder: with_head(folder / "a", "[" * 100_000),
        "load: {path}: the file is damaged: its header is not JSON",
        "copy or download it again; nothing was loaded",
    ),
    (
        "with settings that are a list",
        lambda folder: with_head(folder / "a", settings=[]),
        "load: {path}: the file is damaged: its settings are not a table",
        "copy or download it again; nothing was loaded",
    ),
    (
        "with another checksum",
        lambda folder: with_head(folder / "a", sha256=None),
        "load: {path}: the file is damaged: its contents do not match their checksum",
        "copy or download it again; nothing was loaded",
    ),
]


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("make", "what", "fix"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG]
)
def test_a_wrong_file_is_one_error_that_says_what_to_do(
    make: Callable[[Path], Path], what: str, fix: str | None, tmp_path: Path
) -> None:
    written(tmp_path / "model.safetensors", b"")
    path = make(tmp_path)
    with pytest.raises(FileError) as caught:
        saving.read(path)
    assert caught.value.what.startswith(what.format(path=path, folder=tmp_path))
    assert caught.value.fix == (fix and fix.format(path=path, folder=tmp_path))


# Writing, whole or not at all. --------------------------------------------------------


def listing(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_a_full_disk_is_an_error_and_leaves_the_older_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError) as caught:
        saving.write(file, {"x": np.zeros(3)}, {})
    assert caught.value.what == (
        f"save: {file}: cannot be written: No space left on device; the older file is "
        "as it was"
    )
    monkeypatch.undo()
    assert same(saving.read(file)[0], ARRAYS)
    assert listing(file.parent) == [file.name]


def test_a_limit_on_file_size_is_an_error_and_leaves_the_older_file(
    file: Path,
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(FileError, match="cannot be written: File too large"):
            saving.write(file, {"x": np.zeros(100_000)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert same(saving.read(file)[0], ARRAYS)
    assert listing(file.parent) == [file.name]


def test_a_failing_move_leaves_the_older_file_and_no_other(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(FileError, match="Permission denied; the older file"):
        saving.write(file, {"x": np.zeros(3)}, {})
    assert same(saving.read(file)[0], ARRAYS)
    assert listing(file.parent) == [file.name]


def test_an_interruption_while_writing_leaves_the_older_file_and_no_other(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        saving.write(file, {"x": np.zeros(3)}, {})
    assert same(saving.read(file)[0], ARRAYS)
    assert listing(file.parent) == [file.name]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_an_error(file: Path) -> None:
    file.parent.chmod(0o500)
    try:
        with pytest.raises(FileError, match="cannot be written: Permission denied"):
            saving.write(file, {"x": np.zeros(3)}, {})
    finally:
        file.parent.chmod(0o700)


@pytest.mark.parametrize(
    ("path", "what", "fix"),
    [
        ("", "save: {folder}: is a folder", "give it a file name"),
        (
            "no/model",
            "save: {folder}/no/model: the folder {folder}/no does not exist",
            "create the folder first",
        ),
    ],
)
def test_a_place_where_no_file_can_be_is_an_error(
    path: str, what: str, fix: str, tmp_path: Path
) -> None:
    with pytest.raises(FileError) as caught:
        saving.write(tmp_path / path, {}, {})
    assert caught.value.what == what.format(folder=tmp_path)
    assert caught.value.fix == fix


def test_what_json_or_safetensors_cannot_hold_is_an_error(tmp_path: Path) -> None:
    wrong: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        ({}, {"f": open}, "the settings cannot be written as JSON"),
        ({}, {"x": float("nan")}, "the settings cannot be written as JSON"),
        ({"x": np.array(["a"])}, {}, "x of <U1: only arrays of numbers can be saved"),
        ({"x": np.array([None])}, {}, "x of object: only arrays of numbers"),
    ]
    for arrays, settings, text in wrong:
        with pytest.raises(ArgumentError, match=text):
            saving.write(tmp_path / "a", arrays, settings)
    assert listing(tmp_path) == []


def test_an_existing_file_keeps_its_permissions_and_a_new_one_has_the_usual(
    file: Path, tmp_path: Path
) -> None:
    (tmp_path / "usual").write_bytes(b"")
    usual = stat.S_IMODE((tmp_path / "usual").stat().st_mode)
    assert stat.S_IMODE(file.stat().st_mode) == usual
    file.chmod(0o640)
    saving.write(file, ARRAYS, {})
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_link_stays_a_link_and_its_file_is_replaced(file: Path) -> None:
    link = file.with_name("latest")
    link.symlink_to(file.name)
    saving.write(link, {"x": np.ones(1)}, {})
    assert link.is_symlink()
    assert list(saving.read(file)[0]) == ["x"]


def test_bytes_and_folder_are_flushed_before_and_after_the_move(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(descriptor: int) -> None:
        kind = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        order.append("folder" if kind else "file")
        fsync(descriptor)

    def note_replace(*paths: Any) -> None:
        order.append("move")
        replace(*paths)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    saving.write(file, ARRAYS, {})
    assert order == ["file", "move", "folder"]


def test_left_overs_of_killed_writers_are_swept_and_nothing_else_is(
    file: Path,
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    folder = file.parent
    abandoned = written(folder / f".{file.name}.{ended.pid}-0123abcd.partial", b"x")
    old = written(folder / f".{file.name}.{os.getppid()}-0123abcd.partial", b"x")
    os.utime(old, (time.time() - 7200,) * 2)
    kept = [
        written(folder / f".{file.name}.{os.getppid()}-4567abcd.partial", b"x"),
        written(folder / f".other.{ended.pid}-0123abcd.partial", b"x"),
        written(folder / f"{file.name}.partial", b"x"),
    ]
    saving.write(file, ARRAYS, {})
    assert not abandoned.exists()
    assert not old.exists()
    assert all(path.exists() for path in kept)


def test_a_writer_killed_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    file = tmp_path / "state"
    program = textwrap.dedent(
        f"""
        import numpy as np
        from chainrule import saving
        step = 0
        while True:
            step += 1
            saving.write({str(file)!r}, {{"x": np.full(300_000, step)}}, {{"n": step}})
            if step == 1:
                print("started", flush=True)
        """
    )
    chance = np.random.default_rng(3)
    for _ in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(float(chance.uniform(0, 0.05)))
            writer.kill()
        arrays, settings = saving.read(file)
        assert (arrays["x"] == settings["n"]).all()
    saving.write(file, {}, {})
    assert listing(tmp_path) == ["state"]


# Versions. ----------------------------------------------------------------------------


def test_the_golden_file_of_version_1_is_read_for_ever() -> None:
    arrays, settings = saving.read(GOLDEN / "arrays-version-1.safetensors")
    assert settings == {"epoch": 3, "name": "Größe µ"}
    assert arrays["x"].tolist() == [[0.0, 0.5, 1.0], [1.5, 2.0, 2.5]]
    assert arrays["x"].dtype == np.float32
    assert (arrays["n"].tolist(), arrays["n"].dtype) == (7, np.int64)
    assert arrays["mask"].tolist() == [True, False]


def test_file_errors_are_os_errors_too() -> None:
    assert issubclass(FileError, OSError)
    assert issubclass(FileError, ChainruleError)
