"""Pages that list files list all of them, and none that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

NATIVE = "src/chainrule/engines/native"
COMPILER = "src/chainrule/compiler"


def test_the_page_of_the_native_engine_has_every_file_of_it(repository: Path) -> None:
    page = (repository / "docs/native-engine.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"`([\w/]+\.py)`", page[page.index("## The files") :]))
    native = repository / NATIVE
    files = {path.relative_to(native).as_posix() for path in native.rglob("*.py")}
    assert listed == {each for each in files if not each.endswith("__init__.py")}


#: Files beside the passes on loops that these are written with.
BESIDE_PASSES = {"loops.loop", "loops.all_steps", "loops.sums"}


def test_every_pass_is_in_the_pipeline(repository: Path) -> None:
    pipeline = (repository / COMPILER / "pipeline.py").read_text(encoding="utf-8")
    used = set(re.findall(r"from \.passes\.([\w.]+) import", pipeline))
    folder = repository / COMPILER / "passes"
    files = {path.relative_to(folder).with_suffix("") for path in folder.rglob("*.py")}
    passes = {".".join(each.parts) for each in files if each.name != "__init__"}
    assert used - BESIDE_PASSES == passes - BESIDE_PASSES


def test_the_list_of_decisions_has_all_of_them_in_order(repository: Path) -> None:
    decisions = repository / "docs/decisions"
    index = (decisions / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[(\d{4})\]\((.+?)\)", index, re.MULTILINE)
    files = sorted(path.name for path in decisions.glob("[0-9]*.md"))
    assert listed == [(name[:4], name) for name in files]


@pytest.mark.parametrize(
    ("page", "files", "count"),
    [
        ("belief-nets", ["belief.py"], 7),
        ("gans", ["gan.py"], 5),
        ("features-of-images", ["sparse_coding.py", "ica.py"], 7),
        (
            "markov-chains",
            [
                *("../sampling/dynamics.py", "../sampling/hamiltonian.py"),
                *("../sampling/nuts.py", "../sampling/langevin.py"),
            ],
            7,
        ),
        ("word-vectors", ["word2vec.py"], 7),
        ("tagging", ["tagging.py"], 5),
        ("forecasting", ["forecast/forecaster.py"], 3),
        ("vaes", ["vae.py", "likelihoods.py"], 7),
        (
            "uncertainty",
            [
                f"bayesian/{name}.py"
                for name in (
                    "likelihoods",
                    "priors",
                    "joint",
                    "prediction",
                    "posterior",
                    "ensembles",
                    "dropout",
                    "variational",
                    "laplace",
                )
            ],
            12,
        ),
        ("text-classification", ["text_classifier.py"], 4),
        (
            "boltzmann-machines",
            ["boltzmann/machine.py", "boltzmann/divergence.py", "boltzmann/deep.py"],
            12,
        ),
    ],
)
def test_a_page_on_a_model_quotes_code_that_is_there(
    page: str, files: list[str], count: int, repository: Path
) -> None:
    text = (repository / f"docs/{page}.md").read_text(encoding="utf-8")
    folder = repository / "src/chainrule/models"
    code = "".join((folder / file).read_text(encoding="utf-8") for file in files)
    quoted = re.findall(r"^\| .+ \| `([^`]+)` \|$", text, re.MULTILINE)
    assert len(quoted) == count
    assert [line for line in quoted if f"{line}\n" not in code] == []
