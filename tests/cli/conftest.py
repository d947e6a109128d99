"""What the tests of the command share: tables, trained runs, and a way to call it."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from chainrule.cli.application import application
from chainrule.config import config

Call = Callable[..., Result]


def call(*words: Any) -> Result:
    """``chainrule`` with these words, in this process."""
    return CliRunner().invoke(application, [str(word) for word in words])


def call_well(*words: Any) -> Result:
    """The same, for what must work."""
    result = call(*words)
    assert result.exit_code == 0, result.output
    return result


def program(folder: Path, *words: str) -> subprocess.Popen[str]:
    """The command as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "chainrule", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def stopped_run(folder: Path, signal: str, *words: str) -> subprocess.Popen[str]:
    """A run that is stopped once it has written a checkpoint."""
    process = program(folder, "train", *words)
    run = folder / words[words.index("--out") + 1]
    deadline = time.monotonic() + 60
    while not list(run.glob("checkpoints/*.safetensors")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill() if signal == "kill" else process.send_signal(2)
    return process


@pytest.fixture
def chainrule(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    tables: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Call]:
    """The command, in an empty folder that holds the tables."""
    for table in tables.iterdir():
        (tmp_path / table.name).write_bytes(table.read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(config, "cache_folder", tmp_path_factory.mktemp("cache"))
    yield call


def write_table(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    """A CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """houses.csv (price), kinds.csv (kind), new.csv (rows without either)."""
    folder = tmp_path_factory.mktemp("tables")
    source = np.random.default_rng(0)
    cities = ["Bonn", "Oslo", "Rome"]
    houses, kinds = [], []
    for number in range(300):
        area, rooms = round(source.uniform(30, 200), 1), int(source.integers(1, 7))
        city = cities[source.integers(3)]
        price = 3000 * area + 9000 * rooms + 90_000 * (city == "Oslo")
        price += source.normal(0, 8000)
        shown = "" if number % 17 == 5 else rooms
        houses.append([number, area, shown, city, round(price)])
        kinds.append([area, rooms, city, "large" if area > 110 else "small"])
    write_table(folder / "houses.csv", ["id", "area", "rooms", "city", "price"], houses)
    write_table(folder / "kinds.csv", ["area", "rooms", "city", "kind"], kinds)
    new = [[100, 3, "Rome"], [50, "", "Oslo"], [120, 4, "Paris"]]
    write_table(folder / "new.csv", ["area", "rooms", "city"], new)
    return folder


@pytest.fixture(scope="session")
def houses(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that learned prices of houses."""
    folder = tmp_path_factory.mktemp("runs") / "houses"
    call_well("train", tables / "houses.csv", "--target", "price", "--out", folder)
    return folder


@pytest.fixture(scope="session")
def kinds(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that learned kinds of houses."""
    folder = tmp_path_factory.mktemp("runs") / "kinds"
    words = ("--target", "kind", "--epochs", 15, "--out", folder)
    call_well("train", tables / "kinds.csv", *words)
    return folder


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that learned digits, briefly."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    call_well("train", "--epochs", 4, "--hidden", 64, "--out", folder)
    return folder
