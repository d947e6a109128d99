"""``cr.load`` where only the package was imported; more in ``nn/module``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chainrule import data, models, nn


@pytest.mark.parametrize("name", ["Linear", "GPT", "LanguageModel"])
def test_a_fresh_program_loads_every_kind_of_network(name: str, tmp_path: Path) -> None:
    network = {
        "Linear": lambda: nn.Linear(2, 3),
        "GPT": lambda: models.GPT(5, 8, width=4, num_heads=1, num_layers=1),
        "LanguageModel": lambda: models.language_model(
            data.Characters("abcde"), width=4
        ),
    }[name]()
    path = tmp_path / "model.safetensors"
    network.save(path)
    program = (
        "import sys, chainrule as cr; assert 'chainrule.models' not in sys.modules; "
        f"print(type(cr.load({str(path)!r})).__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8"
    )
    assert done.stdout == f"{name}\n", done.stderr
