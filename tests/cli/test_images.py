"""Networks that learn from folders of images, and what the command says of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import training
from chainrule.runs import architectures, first_layer
from chainrule.runs.settings import Settings
from chainrule.training import History
from tests.cli.conftest import call_well
from tests.data.image_files import write_folder

QUICK = ("--engine", "numpy", "--model", "lenet", "--batch-size", 16, "--lr", 0.003)


@pytest.fixture(scope="session")
def animals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("images") / "animals", each=25)


@pytest.fixture(scope="session")
def run(animals: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that learned from images."""
    folder = tmp_path_factory.mktemp("runs") / "animals"
    call_well("train", animals, *QUICK, "--epochs", 6, "--out", folder)
    return folder


def test_a_folder_of_images_is_learned(run) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["test"]["accuracy"] >= 0.8
    assert metrics["test"]["examples"] == 10
    settings = Settings.from_json(json.loads((run / "settings.json").read_text()))
    assert settings.classes == ("bars", "discs")
    assert settings.image_shape == (28, 28, 3)
    assert settings.training.augment == ("flip", "crop")
    assert len(settings.network.mean) == 3
    assert {path.name for path in run.glob("*.png")} == {
        "training_curve.png",
        "confusion_matrix.png",
        "worst_mistakes.png",
        "first_layer_filters.png",
        "first_layer_activations.png",
        "first_layer_patches.png",
    }


def test_the_saved_network_takes_images_as_they_are(run, animals) -> None:
    model = cr.load(run / "model.safetensors")
    split = cr.data.image_folder(animals, size=28, seed=0, validation=0.1)
    found = cr.evaluate(model, split.test, engine="numpy")
    metrics = json.loads((run / "metrics.json").read_text())["test"]
    assert found["accuracy"] == pytest.approx(metrics["accuracy"])


def test_an_image_and_a_folder_of_images_are_predicted(run, animals, chainrule) -> None:
    image = animals / "discs" / "001.png"
    lines = chainrule("predict", run, image).stdout.splitlines()
    assert lines[0] == "file,predicted_class,p_bars,p_discs"
    assert len(lines) == 2 and lines[1].startswith(f"{image},")
    answer = json.loads(chainrule("predict", run, animals, "--json").stdout)
    assert len(answer["files"]) == len(answer["predictions"]) == 50
    right = [Path(f).parent.name for f in answer["files"]]
    assert np.mean(np.array(right) == answer["predictions"]) > 0.8


def test_it_is_evaluated_on_its_test_part_and_on_other_folders(
    run, animals, chainrule
) -> None:
    own = json.loads(chainrule("evaluate", run, "--json").stdout)
    metrics = json.loads((run / "metrics.json").read_text())["test"]
    assert own["accuracy"] == metrics["accuracy"]
    whole = json.loads(chainrule("evaluate", run, animals, "--json").stdout)
    assert whole["examples"] == 50


def test_the_first_layers_activations_are_drawn(run, chainrule) -> None:
    result = chainrule("explain", run, "--row", 2, "--out", "activations.png")
    assert result.exit_code == 0, result.output
    assert Path("activations.png").read_bytes().startswith(b"\x89PNG")


def test_a_stopped_run_goes_on_with_the_numbers_it_would_have_had(
    animals, chainrule, monkeypatch
) -> None:
    words = ("train", animals, *QUICK, "--epochs", 4, "--augment", "flip,crop,rotate")
    assert chainrule(*words, "--out", "whole").exit_code == 0

    class Stop(cr.callbacks.Callback):
        def on_epoch_end(self, run) -> None:
            if run.epoch == 2:
                raise KeyboardInterrupt

    real = training.fit
    monkeypatch.setattr(
        training,
        "fit",
        lambda *a, callbacks, **k: real(*a, callbacks=[*callbacks, Stop()], **k),
    )
    assert chainrule(*words, "--out", "parts").exit_code == 130
    monkeypatch.setattr(training, "fit", real)
    result = chainrule("train", "--resume", "parts")
    assert result.exit_code == 0, result.output
    whole, parts = (History.from_json(f"{n}/history.json") for n in ("whole", "parts"))
    assert whole["loss"] == parts["loss"]
    assert Path("whole/model.safetensors").read_bytes() == (
        Path("parts/model.safetensors").read_bytes()
    )


def test_a_changed_folder_is_not_gone_on_with(tmp_path, chainrule) -> None:
    folder = write_folder(tmp_path / "few", each=10)
    words = ("train", folder, *QUICK, "--epochs", 1, "--out", "r")
    assert chainrule(*words).exit_code == 0
    (folder / "bars" / "000.png").unlink()
    result = chainrule("evaluate", "r")
    assert result.exit_code == 2
    assert "images in the folder have changed since this run began" in result.stderr


def test_a_perceptron_learns_from_images_too(animals, chainrule) -> None:
    words = ("--model", "mlp", "--epochs", 1, "--size", 8, "--engine", "numpy")
    result = chainrule("train", animals, *words, "--out", "r")
    assert result.exit_code == 0, result.output
    assert "192 → 256 → 2" in result.stdout
    assert (Path("r") / "first_layer_features.png").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("train {folder} --target x", "--target: {folder} is a folder of images"),
        ("train digits --size 30", "--size is for folders of images"),
        ("train digits --skip-broken", "--skip-broken is for folders of images"),
        ("train houses.csv --target price --size 9", "houses.csv is not a folder"),
        ("train nowhere/", "FileError: nowhere/: no such folder"),
        ("train digits --model lenett", "did you mean 'lenet'? There are: mlp, lenet"),
        (
            "train digits --model lenet",
            "images of 28 × 28; those of digits are",
        ),
        ("train digits --model vgg11", "images of 32 × 32 and more; those of digits"),
        ("train {folder} --model vgg11 --size 40", "a multiple of 32; the images of"),
        ("train iris --model resnet", "a network for images, and iris holds none"),
        ("train {folder} --hidden 3", "--hidden: --model resnet has its own layers"),
        ("train digits --augment flp", "did you mean 'flip'? There are flip, crop"),
        ("train iris --augment flip", "--augment: it is for images"),
        ("predict {run} nothing.png", "FileError: nothing.png: no such file"),
        ("predict {run} {empty}", "no images in this folder"),
        ("evaluate {run} {other}", "'stars' is not a class of the network, which"),
        ("evaluate {run} digits", "64 inputs per example: the network takes 2352"),
    ],
)
def test_mistakes_are_one_sentence(
    words, said, run, animals, chainrule, tmp_path
) -> None:
    other = write_folder(tmp_path / "other", each=1, kinds=3)
    (tmp_path / "empty").mkdir()
    names = {"folder": animals, "run": run, "other": other, "empty": tmp_path / "empty"}
    result = chainrule(*(word.format(**names) for word in words.split()))
    assert result.exit_code == 2
    assert said.format(**names) in " ".join(result.stderr.split())


def test_broken_images_are_named_with_the_option_that_leaves_them_out(
    chainrule, tmp_path
) -> None:
    folder = write_folder(tmp_path / "few", each=10)
    (folder / "bars" / "000.png").write_bytes(b"no image")
    result = chainrule("train", folder, *QUICK, "--epochs", 1)
    assert result.exit_code == 2
    assert "000.png: a damaged or incomplete image" in result.stderr
    assert "leave them out: --skip-broken" in result.stderr
    result = chainrule("train", folder, *QUICK, "--epochs", 1, "--skip-broken")
    assert result.exit_code == 0, result.output
    assert "1 other file left out" in result.stdout


@pytest.mark.parametrize("name", architectures.ARCHITECTURES)
def test_every_network_takes_the_images_it_is_offered_for(name) -> None:
    known = architectures.architecture(name)
    side = known.side or known.least
    cr.manual_seed(0)
    shape = (side, side, 3)
    architectures.check(name, shape, "data")
    if name in ("vgg13", "vgg16", "resnet34", "resnet50", "resnet44", "resnet56"):
        return  # as their smaller kin
    model = architectures.build(name, 4, shape, ([0.5] * 3, [0.2] * 3))
    assert model(cr.zeros((1, *shape))).shape == (1, 4)
    found = first_layer.find(model)
    assert (found is None) == (name == "lstm")  # which has no convolution
    assert found is None or found.convolution.in_channels == 3


def test_an_lstm_reads_images_row_by_row_and_is_shown_through_time(
    chainrule, tmp_path
) -> None:
    folder = write_folder(tmp_path / "few", each=20)
    words = ("--model", "lstm", "--size", 8, "--epochs", 1, "--out", tmp_path / "run")
    result = chainrule("train", folder, *words)
    assert result.exit_code == 0, result.output
    assert "lstm, reads row by row, 128 units" in result.stdout
    said = chainrule("explain", tmp_path / "run", "--through-time")
    assert said.exit_code == 0, said.output
    lines = said.stdout.splitlines()
    head = next(i for i, line in enumerate(lines) if "‖∂L/∂h‖" in line)
    steps = [line.split()[0] for line in lines[head + 1 : head + 9]]
    assert steps == [str(t) for t in range(1, 9)]
    page = tmp_path / "rnn.html"
    words = ("explain", tmp_path / "run", "--through-time", "--out", page)
    assert chainrule(*words).exit_code == 0
    assert "through time" in page.read_text(encoding="utf-8")
    words = ("explain", tmp_path / "run", "--through-time", "--graph")
    assert chainrule(*words).exit_code == 2
