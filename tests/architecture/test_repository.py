"""The house itself: what is packaged, what CI runs, and what no file may mention."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

import chainrule
from tests.architecture.source_tree import ROOT, SOURCE

TEXT = {".cfg", ".css", ".csv", ".html", ".ini", ".js", ".json", ".md", ".py", ".svg"}
TEXT |= {".lock", ".toml", ".txt", ".yaml", ".yml", ""}
SKIPPED = {"__pycache__", "build", "dist", "node_modules", "venv"}


def text_files() -> Iterator[Path]:
    """Every text file of the repository; caches and environments are passed over."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [
            name
            for name in sorted(folders)
            if name not in SKIPPED
            and Path(folder) / name != ROOT / "runs"  # of the command, tried here
            and (not name.startswith(".") or name == ".ci")
            and not (Path(folder) / name / "pyvenv.cfg").exists()
        ]
        for name in sorted(names):
            path = Path(folder) / name
            if name == ".git":  # in a worktree it is a file, which names a folder
                continue
            if path.suffix in TEXT and path.stat().st_size < 2_000_000:
                yield path


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    private = re.compile(r"(?<![\w.:/])/(?:home|root|Users|work|farm)/\w|\.\./shared\b")
    found = []
    for path in text_files():
        if path == Path(__file__):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            # The one place that may look beside the repository for data sets.
            if path == ROOT / ".ci" / "run" and line.startswith("data="):
                continue
            if private.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}")
    assert not found


def test_the_installed_version_is_the_one_the_package_says() -> None:
    try:
        installed = metadata.version("chainrule")
    except metadata.PackageNotFoundError:
        pytest.skip("run from the source tree, not installed")
    assert installed == chainrule.__version__


def test_the_changelog_begins_with_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[([^\]]+)\]", text, re.MULTILINE)
    assert versions[0] in ("Unreleased", chainrule.__version__)
    assert chainrule.__version__ in versions


def test_the_installed_package_is_typed_and_complete() -> None:
    """A file that the wheel forgets is missing only on other people's machines."""
    installed = Path(chainrule.__file__).parent
    here = {path.relative_to(SOURCE) for path in SOURCE.rglob("*") if path.is_file()}
    there = {path.relative_to(installed) for path in installed.rglob("*")}
    missing = {path for path in here - there if "__pycache__" not in path.parts}
    assert not missing
    assert (installed / "py.typed").exists()


def test_ci_runs_the_test_command_of_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    command = script[script.rindex("\npython3 ") :]
    assert "requirements/dev.lock" in command
    assert command.endswith(" -m tests\n")
    assert f"```sh{command}```" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_licence_is_the_whole_apache_licence() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text.splitlines()[1]
    for section in range(1, 10):
        assert re.search(rf"^   {section}\. [A-Z]", text, re.MULTILINE)
    assert "END OF TERMS AND CONDITIONS" in text
