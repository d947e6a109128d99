"""Trained runs that the tests of this folder share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from tests.cli.conftest import call_well, write_table

PEOPLE = ["number", "sex", "age", "joined", "member", "town", "spent", "stays"]


def people(count: int, seed: int) -> list[list[object]]:
    """Rows with a column of every kind; who stays depends on sex and age."""
    source = np.random.default_rng(seed)
    rows: list[list[object]] = []
    for number in range(count):
        sex = str(source.choice(["female", "male"]))
        age = "" if number % 9 == 4 else int(source.integers(18, 90))
        joined = f"20{source.integers(10, 24)}-0{source.integers(1, 10)}-11"
        member = str(source.choice(["yes", "no"]))
        town = str(source.choice(["Oslo", "Rome", "Bonn"]))
        spent = round(float(source.normal(50, 20)) + 40 * (sex == "female"), 2)
        stays = int(sex == "female" or (age != "" and int(str(age)) > 60))
        rows.append([number * 3 % 97, sex, age, joined, member, town, spent, stays])
    return rows


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """people.csv"""
    path = tmp_path_factory.mktemp("people") / "people.csv"
    write_table(path, PEOPLE, people(300, 0))
    return path


@pytest.fixture(scope="session")
def stays(table: Path) -> cr.runs.SavedRun:
    """A run that learned who stays: classes 0 and 1."""
    out = table.parent / "stays"
    words = ("--target", "stays", "--epochs", 12, "--out", out)
    call_well("train", table, *words)
    return cr.load_run(out)


@pytest.fixture(scope="session")
def spent(table: Path) -> cr.runs.SavedRun:
    """A run that learned what people spent: amounts."""
    out = table.parent / "spent"
    words = ("--target", "spent", "--drop", "number", "--epochs", 12, "--out", out)
    call_well("train", table, *words)
    return cr.load_run(out)
