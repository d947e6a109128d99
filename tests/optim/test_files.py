"""Optimizers in files: training goes on with the same bits, other files are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, saving
from chainrule.errors import FileError, StateError
from chainrule.optim import ALGORITHMS
from tests.algorithms import TAKE_GRADIENTS

X = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)


def network() -> nn.Sequential:
    cr.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))


def train(model: nn.Module, optimizer: Any, steps: int, compiled: bool) -> None:
    def step(x: Any) -> Any:
        loss = (model(x, training=True) ** 2).mean()
        optimizer.step(cr.backprop(loss))
        return loss

    run = cr.compile(step) if compiled else step
    for _ in range(steps):
        run(X)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("algorithm", TAKE_GRADIENTS)
def test_training_goes_on_from_files_with_the_same_bits(
    algorithm: str, compiled: bool, tmp_path: Path
) -> None:
    def fresh(model: nn.Module) -> Any:
        return ALGORITHMS[algorithm](model.parameters(), lr=optim.Cosine(0.1, steps=9))

    whole = network()
    train(whole, fresh(whole), 5, compiled)
    half = network()
    first = fresh(half)
    train(half, first, 3, compiled)
    half.save(tmp_path / "model.safetensors")
    first.save(tmp_path / "optimizer.safetensors")
    rest: Any = cr.load(tmp_path / "model.safetensors")
    second = fresh(rest)
    second.load(tmp_path / "optimizer.safetensors")
    assert second.num_steps == 3
    train(rest, second, 2, compiled)
    for name, value in whole.state_dict().items():
        np.testing.assert_array_equal(value, rest.state_dict()[name])


def test_hyper_parameters_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "optimizer.safetensors"
    model = network()
    groups: Any = [
        {"params": model[0].parameters(), "lr": 0.3},
        {"params": model[2].parameters(), "weight_decay": 0.0},
    ]
    optimizer: Any = optim.AdamW(groups, betas=(0.5, 0.9))
    optimizer.lr = 0.25
    optimizer.groups[1].eps = 1e-4
    optimizer.save(path)
    other: Any = optim.AdamW([{"params": g["params"]} for g in groups])
    other.load(path)
    assert repr(other) == repr(optimizer)


def adam() -> optim.Adam:
    return optim.Adam(network().parameters())


def test_a_file_of_something_else_is_refused_and_changes_nothing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.safetensors"
    optimizer: Any = adam()
    before = optimizer.state_dict()

    def refused(kind: type[Exception], text: str) -> None:
        with pytest.raises(kind) as caught:
            optimizer.load(path)
        assert str(caught.value).split("\n")[0] == f"load: {path}: {text}"
        for name, value in optimizer.state_dict().items():
            np.testing.assert_array_equal(value, before[name])

    network().save(path)
    refused(FileError, "no optimizer was saved in it")
    optim.SGD(network().parameters(), lr=0.1).save(path)
    refused(StateError, "it is the state of SGD, and this is Adam")
    groups: Any = [{"params": network().parameters()}] * 1
    groups.append({"params": [cr.parameter(1.0)]})
    optim.Adam(groups).save(path)
    refused(
        StateError,
        "2 groups with the options [['betas', 'eps', 'maximize'], ['betas', 'eps', "
        "'maximize']], and this Adam has 1",
    )
    optim.Adam(nn.Linear(2, 2).parameters()).save(path)
    with pytest.raises(StateError, match=r"missing '2\.weight\.m'"):
        optimizer.load(path)


def test_a_damaged_file_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "optimizer.safetensors"
    optimizer = adam()
    optimizer.save(path)
    whole = path.read_bytes()
    for damaged in (whole[:-7], whole[:40], b"", bytes([whole[-1] ^ 1])):
        path.write_bytes(damaged)
        with pytest.raises(FileError):
            optimizer.load(path)
    arrays, settings = optimizer.state_dict(), {"optimizer": {"algorithm": "Adam"}}
    saving.write(path, arrays, settings)
    with pytest.raises(StateError, match="0 groups"):
        optimizer.load(path)
    with pytest.raises(FileError):
        optimizer.load(tmp_path / "nothing.safetensors")
