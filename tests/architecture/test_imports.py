"""What ``import chainrule`` costs, and which module may import which."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import chainrule as cr
from chainrule.optim.algorithms import IN_ORDER
from tests.architecture.source_tree import ROOT, SOURCE, source_files

#: Imported when first used, never by ``import chainrule``.
HEAVY = [
    "click",
    "llvmlite",
    "matplotlib",
    "ml_dtypes",
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
    "ml_dtypes",
    "safetensors",
    "scipy",
    "sklearn",
    "threadpoolctl",
}

#: Imported only where the user hands over, or asks for, the thing they make.
OPTIONAL = {
    "IPython",
    "ipywidgets",
    "kaldi_native_fbank",
    "optuna",
    "pandas",
    "polars",
    "pyarrow",
    "python_calamine",
    "tokenizers",
}


def printed_by(program: str) -> list[str]:
    """The words that a program prints in a fresh Python."""
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        encoding="utf-8",
        check=True,
        cwd=ROOT,
    ).stdout.split()


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


#: The rooms that ``import chainrule`` enters; all others come when they are used.
AT_ONCE = {
    "backprop", "collector", "compiler", "config", "derivatives", "dtypes", "errors",
    "explain", "foreign", "gradients", "graph", "ops", "public", "random",
    "random_numbers", "shapes", "tensor", "tree", "variable",
}  # fmt: skip

#: The most files of ours that it reads: each takes about a millisecond.
MOST_FILES = 90


def test_only_the_core_is_imported_at_once() -> None:
    """Layers, losses, optimizers, data, training and models wait for their first use,
    as does what draws explanations and what gives advice after an error.
    """
    program = "import chainrule, sys; print(*sys.modules)"
    modules = printed_by(program)
    ours = {name for name in modules if name.startswith("chainrule.")}
    assert {name.split(".")[1] for name in ours} == AT_ONCE
    assert {"chainrule.explain", "chainrule.explain.entrance"} == {
        name for name in ours if name.startswith("chainrule.explain")
    }
    assert not [name for name in ours if "tables" in name]
    assert len(ours) <= MOST_FILES


#: Parts of the standard library that ``import numpy`` does not bring in either.
SLOW = {"asyncio", "concurrent", "decimal", "difflib", "email", "hashlib", "http"} | {
    "json",
    "multiprocessing",
    "random",
    "secrets",
    "sqlite3",
    "statistics",
    "subprocess",
    "tempfile",
}


def test_importing_the_package_brings_in_no_slow_part_of_the_library() -> None:
    extra = modules_after("import chainrule") - modules_after("import numpy")
    assert not extra & SLOW


#: A small network, trained on arrays.
TRAINING = """
import chainrule as cr, numpy as np
model = cr.nn.Linear(2, 2)
cr.fit(model, (np.eye(4)[:, :2], [0, 1, 0, 1]), epochs=1, progress=False)
import sys; print(*sys.modules)
"""

#: What only files, tables and named data sets need, and what takes long to import.
NOT_FOR_ARRAYS = (
    "chainrule.data.images.", "chainrule.data.named.", "chainrule.data.tables.",
    "importlib.metadata.", "matplotlib.", "numpy.ma.", "rich.", "scipy.", "sklearn.",
)  # fmt: skip


def test_training_on_arrays_brings_in_no_reader_of_files() -> None:
    found = printed_by(TRAINING)
    assert "chainrule.training.loop" in found
    assert not [each for each in found if f"{each}.".startswith(NOT_FOR_ARRAYS)]


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
    names = {"scikit-learn": "sklearn", "pillow": "PIL", "ml-dtypes": "ml_dtypes"}
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
PRIVATE = ("typing", "public", "module.registry")


#: The modules whose names are imported when first used.
LAZY = [cr, cr.estimators, cr.nn, cr.optim]

each_lazy = pytest.mark.parametrize("module", LAZY, ids=lambda each: each.__name__)


def tree_of(module: ModuleType) -> ast.Module:
    """The syntax tree of a package's ``__init__.py``."""
    return ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))


def assigned(tree: ast.Module, name: str) -> object:
    """The value of a constant that a module assigns once."""
    values = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    ]
    assert len(values) == 1
    return ast.literal_eval(values[0])


def imported_names(body: list[ast.stmt]) -> set[str]:
    """The names that ``from … import`` statements bind, but for PRIVATE modules."""
    return {
        alias.asname or alias.name
        for node in body
        if isinstance(node, ast.ImportFrom) and node.module not in PRIVATE
        for alias in node.names
    }


def imports_for_type_checkers(tree: ast.Module) -> list[ast.stmt]:
    """What stands under ``if TYPE_CHECKING:``."""
    (guarded,) = [
        node.body
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    return guarded


@each_lazy
def test_the_public_names_are_spelled_out(module: ModuleType) -> None:
    """Type checkers and editors read ``__all__``; they cannot run it."""
    tree = tree_of(module)
    listed = assigned(tree, "__all__")
    assert isinstance(listed, list)
    imported = imported_names(tree.body + imports_for_type_checkers(tree))
    assert set(listed) == imported


@each_lazy
def test_what_comes_later_is_what_type_checkers_see(module: ModuleType) -> None:
    seen = {
        ("." + (node.module or ""), alias.name)
        for node in imports_for_type_checkers(tree_of(module))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    later = {(home, name) for home, names in module.LATER.items() for name in names}
    assert later == seen


#: Imports the estimators, then uses one; says how often the collector looked through
#: all modules meanwhile, whether scikit-learn was there before, and how many objects it
#: will look at when it looks next.
ESTIMATORS = """
import gc, sys
from chainrule import estimators
early = "sklearn" in sys.modules
looked = []
gc.callbacks.append(lambda phase, _: looked.append(phase))
estimators.MLPClassifier
young = len(gc.get_objects(generation=0))
others = "chainrule.estimators.sequences" in sys.modules
print(early, others, looked.count("stop"), young)
"""


def test_estimators_wait_for_their_first_use_and_then_come_one_by_one() -> None:
    """A look through the 1400 modules of scikit-learn takes 50 ms; without the pause
    there are some 150.
    """
    early, others, looks, young = printed_by(ESTIMATORS)
    assert (early, others) == ("False", "False")
    assert int(looks) <= 3
    assert int(young) < 5_000  # of some 400 000


#: Fits an estimator, and says what of ours is there that it has no use for.
FIRST_FIT = """
import sys
import numpy as np
from chainrule.estimators import MLPClassifier
MLPClassifier(max_iter=2, tol=0).fit(np.eye(4), [0, 1, 0, 1])
unused = ("pictures", "optim.minimizer", "training.learning_rates", "training.progress",
          "training.minimizing", "nn.module.summary")
print(*[name for name in unused if f"chainrule.{name}" in sys.modules])
"""


def test_a_fit_imports_what_it_uses() -> None:
    assert printed_by(FIRST_FIT) == []


def test_training_brings_in_its_own_algorithm_only() -> None:
    found = {each.rpartition(".")[2] for each in printed_by(TRAINING)}
    assert found & {name.lower() for name in IN_ORDER} == {"adam"}
