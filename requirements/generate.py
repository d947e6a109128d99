"""Writes the lock file and the bill of materials: ``python requirements/generate.py``.

``dev.lock`` holds one release, with the hashes of its files, of everything that the
tests need, for each supported Python on each system. ``sbom.json`` is what follows from
it: a CycloneDX bill of materials that says which releases the library needs at run time
and which only its tests. Releases that still satisfy ``pyproject.toml`` stay as they
are; ``--upgrade`` takes the newest ones. ``--check`` writes nothing and needs no
network: it says whether ``sbom.json`` is what follows from ``dev.lock``.

Resolving needs uv: ``pip install uv``.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent
LOCK = FOLDER / "dev.lock"
BILL = FOLDER / "sbom.json"

#: ``numpy==2.4.6 ; python_full_version < '3.12' \``
PIN = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[^ ;]+)(?: ; (?P<marker>.+?))? \\")
#: ``    #   matplotlib`` or ``    # via matplotlib``, below a pin and its hashes.
NEEDED_BY = re.compile(r" +# (?:via)? *(?P<name>[a-z0-9-]*).*")
#: The name at the beginning of a requirement.
NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Pin:
    """One release in the lock file.

    Attributes:
        name, version: of the release; names are in their normal form.
        marker: for which Pythons and systems it is; empty where it is for all.
        needed_by: names of the packages that require it.
    """

    name: str
    version: str
    marker: str
    needed_by: tuple[str, ...]

    @property
    def purl(self) -> str:
        """The package URL, which names a release in every database of advisories."""
        return f"pkg:pypi/{self.name}@{self.version}"


def resolve(upgrade: bool) -> int:
    """Write the lock file by uv; its exit code."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml"]
    command += ["--extra", "dev", "--output-file", str(LOCK.relative_to(ROOT))]
    command += ["--universal", "--python-version", "3.11", "--generate-hashes"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--quiet"]
    command += ["--custom-compile-command", "python requirements/generate.py"]
    return subprocess.run(command + ["--upgrade"] * upgrade, cwd=ROOT).returncode


def pins(text: str) -> list[Pin]:
    """The releases that a lock file names, in its order."""
    found: list[tuple[re.Match[str], list[str]]] = []
    for line in text.splitlines():
        pin, reason = PIN.fullmatch(line), NEEDED_BY.fullmatch(line)
        if pin:
            found.append((pin, []))
        elif reason and reason["name"]:
            found[-1][1].append(reason["name"])
    return [
        Pin(pin["name"], pin["version"], pin["marker"] or "", tuple(names))
        for pin, names in found
    ]


def closure(names: Iterable[str], locked: list[Pin]) -> set[str]:
    """These packages and everything that they need, directly or not."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [pin.name for pin in locked if name in pin.needed_by]
    return found


def _names(requirements: list[str]) -> set[str]:
    """The packages of some requirements, in their normal form."""
    begins = (NAME.match(requirement) for requirement in requirements)
    return {re.sub(r"[-_.]+", "-", found[0]).lower() for found in begins if found}


def bill_of_materials(lock: str, project: dict[str, Any]) -> str:
    """The CycloneDX 1.6 document for a lock file and the project's table in
    ``pyproject.toml``: every release, how far it is needed, and what needs it.

    It follows from these files alone, so that it is the same on every machine: it has
    no date and no serial number. Hashes stay in the lock file, since there is one for
    each file of a release and not one for the release.
    """
    locked = pins(lock)
    extras = project["optional-dependencies"]
    required = closure(_names(project["dependencies"]), locked)
    optional = closure(_names([*extras["tables"], *extras["tune"]]), locked)
    name = project["name"]
    dependencies: dict[str, list[str]] = {name: [], **{p.purl: [] for p in locked}}
    for pin in locked:
        if name in pin.needed_by:
            dependencies[name].append(pin.purl)
        for other in locked:
            if other.name in pin.needed_by:
                dependencies[other.purl].append(pin.purl)
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "lifecycles": [{"phase": "pre-build"}],
            "component": {
                "type": "library",
                "bom-ref": name,
                "name": name,
                "description": project["description"],
                "licenses": [{"license": {"id": project["license"]}}],
            },
        },
        "components": [_component(pin, required, optional) for pin in locked],
        "dependencies": [
            {"ref": reference, "dependsOn": needed}
            for reference, needed in dependencies.items()
        ],
    }
    return json.dumps(bill, indent=1) + "\n"


def _component(pin: Pin, required: set[str], optional: set[str]) -> dict[str, Any]:
    scope = "excluded"  # CycloneDX's word for what is needed by tests alone
    if pin.name in required:
        scope = "required"
    elif pin.name in optional:
        scope = "optional"
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": pin.purl,
        "name": pin.name,
        "version": pin.version,
        "scope": scope,
        "purl": pin.purl,
    }
    if pin.marker:
        component["properties"] = [{"name": "python:marker", "value": pin.marker}]
    return component


def main() -> int:
    """Write both files, or check the second; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take newest releases")
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    if not options.check and (code := resolve(options.upgrade)):
        return code
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    text = bill_of_materials(LOCK.read_text(encoding="utf-8"), project["project"])
    same = BILL.exists() and BILL.read_text(encoding="utf-8") == text
    if options.check:
        sys.stdout.write("" if same else f"{BILL.name} is out of date\n")
        return int(not same)
    BILL.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
