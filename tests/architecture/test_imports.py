"""What ``import chainrule`` costs, and which module may import which."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib

import pytest

from tests.architecture.source_tree import ROOT, SOURCE, source_files

#: Imported when first used, never by ``import chainrule``.
HEAVY = [
    "click",
    "llvmlite",
    "matplotlib",
    "pandas",
    "polars",
    "pyarrow",
    "rich",
    "PIL",
    "safetensors",
    "scipy",
    "sklearn",
    "threadpoolctl",
]

#: What the package may import when it is installed without extras.
BASE = {"chainrule", "click", "llvmlite", "matplotlib", "numpy", "rich"} | {
    "PIL",
    "safetensors",
    "scipy",
    "sklearn",
    "threadpoolctl",
}

#: Imported only where the user hands over, or asks for, the thing they make.
OPTIONAL = {"IPython", "ipywidgets", "pandas", "polars", "pyarrow"}


def modules_after(statement: str) -> set[str]:
    """The top-level modules of a fresh Python after one statement."""
    program = (
        f"import sys; {statement}; print(*{{n.split('.')[0] for n in sys.modules}})"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        encoding="utf-8",
        check=True,
        cwd=ROOT,
    )
    return set(done.stdout.split())


def test_importing_the_package_brings_in_numpy_and_nothing_heavy() -> None:
    loaded = modules_after("import chainrule")
    assert "numpy" in loaded
    assert not loaded.intersection(HEAVY)


def test_the_package_needs_only_what_its_base_install_brings() -> None:
    needed = {
        (module.split(".")[0], file.name)
        for file in source_files()
        for _, module in file.imported()
    }
    allowed = BASE | OPTIONAL | set(sys.stdlib_module_names)
    assert not {pair for pair in needed if pair[0] not in allowed}


def test_the_base_packages_are_the_declared_dependencies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {line.split(">=")[0] for line in project["dependencies"]}
    names = {"scikit-learn": "sklearn", "pillow": "PIL"}
    assert {names.get(name, name) for name in declared} == BASE - {"chainrule"}


def layers() -> list[list[str]]:
    """The layers of the first import contract, highest first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    rows = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    for bracket in "()":
        rows = [row.replace(bracket, "") for row in rows]
    return [[name.strip() for name in row.replace("|", ":").split(":")] for row in rows]


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(SOURCE.iterdir()) if not path.name.startswith("__")],
    ids=lambda path: path.stem,
)
def test_every_room_stands_on_a_layer(path) -> None:
    if path.is_dir() and not (path / "__init__.py").exists():
        pytest.skip("an empty room")
    if path.suffix not in ("", ".py"):
        pytest.skip("not a module")
    listed = {name.split(".")[1] for row in layers() for name in row}
    assert path.stem in listed, "name it in the import contracts of pyproject.toml"


def test_import_contracts_name_each_room_once() -> None:
    names = [name for row in layers() for name in row]
    assert sorted(names) == sorted(set(names))


#: What ``__init__.py`` imports for itself.
PRIVATE = ("typing", "foreign")


def test_the_public_names_are_spelled_out() -> None:
    """Type checkers and editors read ``__all__``; they cannot run it."""
    tree = next(file.tree for file in source_files() if file.name == "__init__.py")
    listed = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    imported = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module not in PRIVATE
        for alias in node.names
    }
    assert len(listed) == 1
    assert set(ast.literal_eval(listed[0])) - {"__version__"} == imported
