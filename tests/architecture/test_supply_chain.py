"""What is installed and what is published: the lock file, the bill of materials, and a
wheel that anybody can build to the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections import defaultdict
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from experiments import EXPERIMENTS
from tests.architecture.source_tree import ROOT

LOCK = ROOT / "requirements" / "dev.lock"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PYTHONS = [
    found[1]
    for each in PROJECT["project"]["classifiers"]
    if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", each))
]
SDIST = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]
HASH = re.compile(r" {4}--hash=sha256:[0-9a-f]{64}( \\)?")


def locked() -> list[tuple[Requirement, int]]:
    """The releases of the lock file, each with the number of its hashes."""
    found: list[tuple[Requirement, int]] = []
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        if HASH.fullmatch(line):
            requirement, hashes = found.pop()
            found.append((requirement, hashes + 1))
        elif not line.lstrip().startswith("#"):
            assert line.endswith(" \\"), line  # anything else is an option or a file
            found.append((Requirement(line.removesuffix(" \\")), 0))
    return found


def releases(python: str) -> dict[str, Version]:
    """What the lock file installs for a version of Python on this system."""
    setting = {"python_version": python, "python_full_version": f"{python}.0"}
    found: dict[str, list[Version]] = defaultdict(list)
    for requirement, _ in locked():
        if requirement.marker is None or requirement.marker.evaluate(setting):
            (pin,) = requirement.specifier
            found[requirement.name].append(Version(pin.version))
    assert all(len(versions) == 1 for versions in found.values())
    return {name: versions[0] for name, versions in found.items()}


def needed(extras: tuple[str, ...]) -> list[Requirement]:
    """What ``pyproject.toml`` asks for, these extras of it included."""
    lists = [PROJECT["project"]["dependencies"]]
    lists += [PROJECT["project"]["optional-dependencies"][extra] for extra in extras]
    wanted = (Requirement(each) for several in lists for each in several)
    return [each for each in wanted if each.name != "chainrule"]


def test_the_lock_file_pins_by_hash_and_names_no_registry() -> None:
    """So it means the same files wherever it is installed from."""
    for requirement, hashes in locked():
        (pin,) = requirement.specifier
        assert pin.operator == "==" and not pin.version.endswith("*")
        assert requirement.url is None
        assert hashes
    assert "://" not in LOCK.read_text(encoding="utf-8")


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_file_has_what_the_project_needs(python: str) -> None:
    found = releases(python)
    built_with = [Requirement(each) for each in PROJECT["build-system"]["requires"]]
    for requirement in (*needed(("tables", "dev")), *built_with):
        version = found[canonicalize_name(requirement.name)]
        assert version in requirement.specifier, requirement


def test_the_lock_file_is_for_every_supported_python() -> None:
    supported = SpecifierSet(PROJECT["project"]["requires-python"])
    assert PYTHONS[0] == "3.11"
    assert all(python in supported for python in PYTHONS)
    assert "3.10" not in supported  # the first of the classifiers is the oldest


@pytest.mark.skipif("CI" not in os.environ, reason="elsewhere other releases may do")
def test_ci_runs_on_the_releases_of_the_lock_file() -> None:
    python = "{}.{}".format(*sys.version_info)
    expected = {name: str(version) for name, version in releases(python).items()}
    assert {name: metadata.version(name) for name in expected} == expected


def test_the_bill_of_materials_follows_from_the_lock_file() -> None:
    done = subprocess.run(
        [sys.executable, "requirements/generate.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, (
        f"{done.stdout}{done.stderr}run: python requirements/generate.py"
    )


def bill() -> Any:
    """The bill of materials."""
    return json.loads((ROOT / "requirements" / "sbom.json").read_bytes())


def test_the_bill_of_materials_has_every_release_and_nothing_else() -> None:
    lines = [str(requirement).partition(";")[0] for requirement, _ in locked()]
    names = {"pkg:pypi/" + line.replace("==", "@") for line in lines}
    components = bill()["components"]
    assert [each["purl"] for each in components] == [
        each["bom-ref"] for each in components
    ]
    assert {each["purl"] for each in components} == names
    references = {each["ref"] for each in bill()["dependencies"]}
    assert references == names | {"chainrule"}
    assert {
        needed for each in bill()["dependencies"] for needed in each["dependsOn"]
    } <= names


def test_the_bill_of_materials_says_what_is_needed_at_run_time() -> None:
    """Compared with what the installed packages say of themselves."""
    waiting, found = needed(()), set[str]()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name not in found:
            found.add(name)
            further = map(Requirement, metadata.requires(name) or ())
            waiting += [
                each for each in further if not each.marker or each.marker.evaluate()
            ]
    scopes = {each["name"]: each["scope"] for each in bill()["components"]}
    assert {name for name in found if scopes[name] != "required"} == set()
    assert {scopes["pyarrow"], scopes["pytest"]} == {"optional", "excluded"}


def copy(path: Path, target: Path) -> None:
    """Copies a file, or a folder without what Python caches there."""
    target.parent.mkdir(exist_ok=True)
    if path.is_dir():
        caches = shutil.ignore_patterns("__pycache__")
        shutil.copytree(path, target, ignore=caches)
    else:
        shutil.copy(path, target)


@pytest.mark.parametrize("target", ["wheel", "sdist"])
def test_a_distribution_that_is_built_twice_has_the_same_bytes(
    tmp_path: Path, target: str
) -> None:
    """In folders of other names, with files of other dates and permissions."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target]
    digests = []
    for number, name in enumerate(["one", "another"]):
        tree = tmp_path / name
        for path in (*SDIST["include"], "pyproject.toml", "README.md", "LICENSE"):
            copy(ROOT / path.lstrip("/"), tree / path.lstrip("/"))
        for path in tree.rglob("*"):
            os.utime(path, (1e9 * number + 1e8, 1e9 * number + 1e8))
            path.chmod(path.stat().st_mode & (0o777 if number else 0o700))
        done = subprocess.run(
            [*command, "--directory", "../built"],
            cwd=tree,
            capture_output=True,
            encoding="utf-8",
        )
        assert done.returncode == 0, done.stdout + done.stderr
        (built,) = (tmp_path / "built").iterdir()
        digests.append((built.name, hashlib.sha256(built.read_bytes()).hexdigest()))
        built.unlink()
    assert digests[0] == digests[1]


def test_an_installed_package_has_the_experiments_and_their_records(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d"]
    subprocess.run([*command, tmp_path], cwd=ROOT, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as built:
        built.extractall(tmp_path / "site")
    done = subprocess.run(
        [sys.executable, "-m", "chainrule", "experiment", "list", "--json"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)
    assert list(listed) == list(EXPERIMENTS)
    assert listed["mnist"]["measured"]
    there = {path.name for path in (tmp_path / "site/chainrule/experiments").iterdir()}
    assert {path.name for path in (ROOT / "experiments").glob("*.py")} <= there
