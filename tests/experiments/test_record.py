"""What experiments share: a training that goes on, and the record of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import nn, optim
from experiments import record

X = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def trained(options: record.Options, epochs: int) -> tuple[nn.Module, Any]:
    cr.manual_seed(options.seed)
    model = nn.Linear(3, 1)
    history = record.fit(
        model,
        (X, Y),
        options,
        optimizer=optim.Adam(lr=0.1),
        epochs=epochs,
        batch_size=5,
        progress="none",
    )
    return model, history


def test_a_training_goes_on_from_its_checkpoint_and_ends_where_one_call_does(
    tmp_path: Path,
) -> None:
    kept = record.Options(checkpoints=tmp_path).part("half")
    whole, _ = trained(record.Options(), 4)
    trained(kept, 2)
    again, history = trained(kept, 4)
    assert (tmp_path / "half").is_dir()
    assert len(history.epochs) == 4
    assert (again.weight.array == whole.weight.array).all()


def test_a_part_of_a_training_without_checkpoints_has_none() -> None:
    options = record.Options(seed=3)
    assert options.part("half") == options


def test_the_record_of_a_training_has_its_epochs_and_their_median_of_seconds() -> None:
    model, history = trained(record.Options(), 3)
    fields = record.of_training(history, model, images=20)
    seconds = sorted(row["seconds"] for row in history.epochs)
    assert fields["epochs"] == 3
    assert fields["seconds_per_epoch"] == seconds[1]
    assert fields["history"] == history.epochs
    assert fields["settings"]["parameters"] == 4
    assert fields["settings"]["images"] == 20
    assert fields["settings"]["optimizer"].startswith("Adam")
