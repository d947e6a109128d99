"""The room of experiments: each one in small, on its real data, and what is kept."""

from __future__ import annotations

import importlib
import itertools
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from experiments import (
    EXPERIMENTS,
    autoencoder_2d,
    cifar10,
    cifar10_all,
    cifar10_time,
    deep_autoencoder,
    deep_autoencoder_pretrained,
    denoising,
    hessian_free,
    hessian_free_all,
    language_models,
    mnist,
    record,
    shakespeare,
)
from experiments import fashion_mnist as fashion
from experiments import tables as tables_experiment
from tests.experiments.data_folder import WITH_DATA

PICTURES = (
    "training.png",
    "first-layer-filters.png",
    "first-layer-activations.png",
    "first-layer-patches.png",
)


@pytest.fixture
def quick(tmp_path: Path) -> record.Options:
    return record.Options(quick=True, folder=tmp_path)


@WITH_DATA
@pytest.mark.parametrize(
    ("experiment", "data", "at_least"),
    [(mnist, "mnist", 0.5), (fashion, "fashion-mnist", 0.6)],
)
def test_two_epochs_of_a_thousand_images_teach_most_of_what_is_there(
    quick: record.Options, experiment: object, data: str, at_least: float
) -> None:
    made = experiment.run(quick)  # type: ignore[attr-defined]
    # so few steps settle no running statistics of a norm, which testing needs
    assert made.measured["training accuracy"] > at_least
    assert made.measured["test accuracy"] > 0.2
    assert made.pictures == [f"{data}-{name}" for name in PICTURES]
    for name in made.pictures:
        assert (quick.folder / name).read_bytes().startswith(b"\x89PNG")


@WITH_DATA
def test_resnet_20_learns_from_photographs_and_its_first_layer_is_drawn(
    quick: record.Options,
) -> None:
    made = cifar10.run(quick)
    first, last = (row["loss"] for row in made.history)
    assert last < 0.9 * first
    assert all((quick.folder / name).is_file() for name in made.pictures)
    assert made.settings["augmentation"] == "flip, crop 4"


@WITH_DATA
def test_all_of_cifar_10_goes_up_and_down_once_with_pictures_of_its_own(
    quick: record.Options,
) -> None:
    made = cifar10_all.run(quick)
    first, last = (row["loss"] for row in made.history)
    assert last < first
    assert made.pictures == [f"cifar-10-all-{name}" for name in PICTURES]
    assert made.settings["batch_size"] == 128


@pytest.mark.skipif(
    cr.config.data_folder is None
    or (cr.config.data_folder / "cifar-10/data_batch_2.bin").exists(),
    reason="a part of the images is needed",
)
def test_all_of_cifar_10_says_where_all_of_it_is_to_be_had() -> None:
    with pytest.raises(SystemExit, match=r"10000 of the 50000 .* cifar-10-binary"):
        cifar10_all.run(record.Options())


@WITH_DATA
def test_hessian_free_trains_a_deep_autoencoder_from_random_weights(
    quick: record.Options,
) -> None:
    made = hessian_free_all.run(quick)
    # better than any constant, from 16 numbers an image
    assert (
        made.measured["test error"]
        < 0.7 * made.measured["test error of the mean image"]
    )
    losses = [row["loss"] for row in made.history]
    assert all(after < before for before, after in itertools.pairwise(losses))
    assert (quick.folder / "hessian-free-all.png").is_file()


@WITH_DATA
def test_a_deep_autoencoder_leaves_less_than_as_many_principal_components(
    quick: record.Options,
) -> None:
    made = deep_autoencoder.run(quick)
    assert made.measured["test error"] < 0.9 * made.measured["test error, PCA"]
    assert (quick.folder / "deep-autoencoder.png").is_file()


@WITH_DATA
def test_two_numbers_of_an_autoencoder_keep_digits_apart(
    quick: record.Options,
) -> None:
    made = autoencoder_2d.run(quick)
    share = "test accuracy of 5 neighbours, "
    assert made.measured[share + "autoencoder"] > made.measured[share + "PCA"] + 0.1
    assert (quick.folder / "autoencoder-2d.png").is_file()


@WITH_DATA
def test_layers_trained_before_lead_a_deep_autoencoder_of_sigmoids_off_its_plateau(
    quick: record.Options,
) -> None:
    made = deep_autoencoder_pretrained.run(quick).measured
    assert made["test error"] < 0.8 * made["test error, layers alone"]
    assert made["test error"] < 0.7 * made["test error, from random weights"]


@WITH_DATA
def test_what_is_missing_teaches_larger_filters_which_classify_better(
    quick: record.Options,
) -> None:
    made = denoising.run(quick)
    alike = [made.measured[f"neighbours alike, {level}"] for level in (0.0, 0.5)]
    assert alike[1] > alike[0] + 0.01
    right = [made.measured[f"test accuracy, 1000 labels, {n}"] for n in (0.0, 0.5)]
    assert right[1] > right[0]
    assert all((quick.folder / name).is_file() for name in made.pictures)


@WITH_DATA
def test_our_principal_components_are_those_of_the_paper() -> None:
    train, test = deep_autoencoder.images(record.Options())
    found = deep_autoencoder.components(train, 30)
    assert deep_autoencoder.pca_error(found, test) == pytest.approx(13.866, abs=5e-4)


def test_the_network_of_1000_500_250_30_has_15_connections_a_unit() -> None:
    network = hessian_free.network(hessian_free.SIZES, seed=0)
    weights = [each.weight.numpy() for each in network[::2] if hasattr(each, "weight")]
    assert network.num_parameters == 2_837_314
    assert all((np.count_nonzero(w, axis=1) == 15).all() for w in weights)


def test_without_pytorch_there_is_nothing_to_compare_with(
    quick: record.Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(SystemExit, match="PyTorch is not installed"):
        cifar10_time.run(quick)


@WITH_DATA
def test_both_networks_learn_and_a_finished_training_is_kept(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    quick = record.Options(quick=True, folder=tmp_path, checkpoints=kept)
    made = language_models.run(quick)
    for network in language_models.NETWORKS:
        assert made.measured[f"{network}: loss, whole last tenth"] < 3.3
        assert made.measured[f"{network}: loss, estimated"] < 3.3
    began = {each: each.stat().st_mtime_ns for each in kept.glob("*.json")}
    again = language_models.run(quick)
    assert again.measured == made.measured and len(began) >= 2
    assert began == {each: each.stat().st_mtime_ns for each in kept.glob("*.json")}


def test_windows_are_the_text_and_what_follows_each_character() -> None:
    found = shakespeare.windows(np.arange(11), 3)
    assert found.inputs.tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert found.targets.tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_random_windows_depend_on_seed_and_epoch_alone() -> None:
    stream = shakespeare.anywhere(np.arange(50), 4, 2, steps=3, seed=1)
    again = shakespeare.anywhere(np.arange(50), 4, 2, steps=3, seed=1)
    first, same, other = (
        np.stack([x for x, _ in source.batches(epoch)])
        for source, epoch in ((stream, 0), (again, 0), (stream, 1))
    )
    assert (first == same).all() and (first != other).any()
    assert all((y == x + 1).all() for x, y in stream.batches(2))


def test_a_record_is_kept_with_its_command_and_version(
    quick: record.Options,
) -> None:
    made = record.Record(
        "mnist",
        "LeNet",
        {"test accuracy": 0.99},
        [record.Published("LeNet-5", 0.9905, "LeCun et al., 1998")],
        seed=3,
        seconds=200,
    )
    kept = json.loads(record.keep(made, quick).read_text(encoding="utf-8"))
    assert kept["command"] == "chainrule experiment mnist --seed 3 --quick"
    assert kept["version"] == cr.__version__
    row = record.row(kept)
    assert "test accuracy 0.99 | LeNet-5: 0.9905 (LeCun et al., 1998) | 3 |" in row
    assert "3.3 min" in row


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_says_how_it_is_run(name: str) -> None:
    module = importlib.import_module(f"experiments.{EXPERIMENTS[name]}")
    assert f"chainrule experiment {name} [--quick]" in (module.__doc__ or "")
    assert callable(module.run)


RECORDS = sorted(record.RESULTS.glob("*.json"))


@pytest.mark.parametrize("path", RECORDS, ids=[path.stem for path in RECORDS])
def test_what_is_published_here_is_of_whole_runs_and_stands_in_the_table(
    path: Path,
) -> None:
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert kept["name"] == path.stem in EXPERIMENTS
    assert not kept["quick"]
    assert record.row(kept) in record.README.read_text(encoding="utf-8")
    for name in kept["pictures"]:
        assert (record.RESULTS / name).stat().st_size < 100_000


@pytest.mark.parametrize(
    ("name", "figure", "goal"),
    [
        ("mnist", "test accuracy", 0.992),
        ("fashion-mnist", "test accuracy", 0.925),
        ("cifar-10-all", "test accuracy", 0.91),
        ("language-models", "gpt: loss, whole last tenth", -1.92),
        ("language-models", "lstm: loss, whole last tenth", -1.58),
    ],
)
def test_recorded_results_reach_their_goals(
    name: str, figure: str, goal: float
) -> None:
    path = record.RESULTS / f"{name}.json"
    value = json.loads(path.read_text(encoding="utf-8"))["measured"][figure]
    assert (value if goal > 0 else -value) >= goal


def test_the_commands_defaults_are_ranked_beside_scikit_learns_on_a_table(
    quick: record.Options,
) -> None:
    made = tables_experiment.run(quick)
    assert made.settings["scores"]["wine"]["chainrule"] > 0.9
    ranks = [rank for name, rank in made.measured.items() if "rank" in name]
    assert len(ranks) == 4 and sum(ranks) == 1 + 2 + 3 + 4


def test_ranks_share_places_where_scores_are_equal() -> None:
    scores = np.array([[0.9, 0.7, 0.9, 0.8]])
    assert tables_experiment.ranks(scores).tolist() == [[1.5, 4, 1.5, 3]]
