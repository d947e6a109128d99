"""The experiment that compares products in bfloat16 with float32, in its quick form."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments import mixed_precision
from experiments.record import Options
from tests.experiments.data_folder import WITH_DATA


@WITH_DATA
def test_both_precisions_learn_the_same(tmp_path: Path) -> None:
    options = Options(quick=True, folder=tmp_path, checkpoints=tmp_path / "kept")
    made = mixed_precision.run(options)
    found = made.measured
    for name in ("LeNet", "ResNet-20"):
        assert found[f"{name}, bfloat16"] == pytest.approx(
            found[f"{name}, float32"], abs=0.1
        )
    assert found["LeNet, bfloat16"] > 0.5
    assert found["GPT, bfloat16"] == pytest.approx(found["GPT, float32"], abs=0.05)
    assert found["GPT, bfloat16"] < 3.5
    assert (tmp_path / made.pictures[0]).read_bytes().startswith(b"\x89PNG")
    again = mixed_precision.run(options)  # from what is kept
    assert again.measured == found
