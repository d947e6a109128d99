"""What ``dir`` shows, what comes later, and what Python finds in our folders."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import chainrule as cr
from chainrule import pictures, training
from chainrule.foreign import table
from chainrule.optim import schedules, transforms
from chainrule.public import listing, missing_names
from tests.architecture.source_tree import ROOT, SOURCE, source_files

PUBLIC: list[ModuleType] = [
    cr,
    cr.callbacks,
    cr.data,
    cr.errors,
    cr.estimators,
    cr.initializers,
    cr.linalg,
    cr.losses,
    cr.metrics,
    cr.models,
    cr.nn,
    cr.optim,
    cr.random,
    cr.runs,
    cr.sampling,
    cr.tuning,
    pictures,
    schedules,
    training,
    transforms,
]


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
def test_dir_shows_the_public_names_and_nothing_else(module: ModuleType) -> None:
    shown = dir(module)
    assert set(shown) - {"__version__"} == set(module.__all__)
    assert all(hasattr(module, name) for name in shown)


@pytest.mark.parametrize("module", PUBLIC[1:], ids=lambda module: module.__name__)
def test_no_module_of_ours_is_among_the_public_names(module: ModuleType) -> None:
    """Modules are how the source is arranged, and only the package itself has some."""
    inside = [
        name for name in dir(module) if isinstance(getattr(module, name), ModuleType)
    ]
    assert inside == (["callbacks", "metrics"] if module is training else [])


def test_dir_of_the_package_is_complete_before_anything_was_used() -> None:
    program = "import chainrule; print(*dir(chainrule))"
    assert run(program).split() == sorted([*cr.__all__, "__version__"])


def test_completion_offers_the_public_names() -> None:
    """What Python's shell completes, as a notebook does, comes from ``dir``."""
    program = (
        "import rlcompleter, chainrule as cr\n"
        "complete = rlcompleter.Completer({'cr': cr}).complete\n"
        "n = 0\n"
        "while (name := complete('cr.', n)) is not None:\n"
        "    n += 1\n"
        "    print(name.strip('()'))"
    )
    offered = run(program).replace("cr.", "").split()
    assert sorted(offered) == sorted(cr.__all__)


def test_a_listing_hands_out_a_list_of_its_own() -> None:
    names = listing(["b", "a"])
    names().clear()
    assert names() == ["a", "b"]


def test_a_name_is_imported_once_and_then_an_attribute() -> None:
    program = (
        "import chainrule as cr; assert 'fit' not in vars(cr); fit = cr.fit; "
        "assert vars(cr)['fit'] is fit; assert cr.nn is vars(cr)['nn']; "
        "from chainrule import evaluate, optim; print(fit.__name__, optim.__name__)"
    )
    assert run(program) == "fit chainrule.optim\n"


def test_the_function_explain_is_not_hidden_by_its_package() -> None:
    program = (
        "import chainrule as cr, chainrule.explain.output.page\n"
        "print(cr.explain.__name__)"
    )
    assert run(program) == "explain\n"


def test_a_package_without_advice_still_names_a_loss_of_another_library() -> None:
    with pytest.raises(AttributeError, match=r"losses\.mse"):
        missing_names("chainrule.losses")("MSELoss")


# Where Python is started. ------------------------------------------------------------

FOLDERS = sorted({file.path.parent for file in source_files()})

#: Modules of ours that are called as one of the standard library's.
SHADOWS = {
    "compiler/trace.py",
    "graph/trace.py",
}


def test_no_module_is_called_as_one_of_the_standard_library() -> None:
    names = {
        file.name
        for file in source_files()
        if {file.path.stem, file.path.parent.name} & set(sys.stdlib_module_names)
    }
    assert names <= SHADOWS


@pytest.mark.parametrize(
    "folder", FOLDERS, ids=lambda path: path.relative_to(SOURCE).as_posix()
)
def test_python_started_in_a_folder_of_the_package_works(folder: Path) -> None:
    """It looks for modules where it was started before it looks at its own."""
    if any((SOURCE / name).parent == folder for name in SHADOWS):
        pytest.skip("a module there waits for another name")
    others = ", numpy" if folder == SOURCE else ""  # numpy reads most of the library
    assert run(f"import tempfile, statistics{others}; print(1)", folder) == "1\n"


def test_random_is_the_public_name_of_random_numbers() -> None:
    for statement in (
        "import chainrule.random; random = chainrule.random",
        "import chainrule as cr; random = cr.random",
        "from chainrule import random",
        "import chainrule.random as random",
    ):
        program = f"{statement}; print(random.Generator(0).integers(0, 1).item())"
        assert run(program) == "0\n"
    with pytest.raises(ImportError, match="Generators"):
        from chainrule.random import Generators  # noqa: F401


# Advice. -----------------------------------------------------------------------------


def test_every_table_that_is_named_exists() -> None:
    """Addresses of tables are text, so that no table is imported before an error."""
    addresses = {
        node.value
        for file in source_files()
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"[a-z]+\.[A-Z]{2,}", node.value)
    }
    tables = {
        f"{file.path.stem}.{name}"
        for file in source_files()
        if file.name.startswith("foreign/tables/")
        for node in file.tree.body
        if isinstance(node, ast.AnnAssign)
        for name in [ast.unparse(node.target)]
    }
    assert addresses == tables
    assert all(table(address) for address in addresses)


def run(program: str, folder: os.PathLike[str] = ROOT) -> str:
    """What a fresh Python prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        encoding="utf-8",
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
