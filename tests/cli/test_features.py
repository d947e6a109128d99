"""Features without targets on the command line: train, resume, encode, sample."""

from __future__ import annotations

import csv
import io
import json
import shutil
import types
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.runs import feature_models, feature_report, settings
from chainrule.training import callbacks
from tests.cli.conftest import call_well

#: Pictures of every run on images.
PICTURES = ["training_curve", "codes", "first_layer_features", "reconstructions"]


def trained(folder: Path, *words: object) -> Path:
    call_well("train", *words, "--quiet", "--out", folder)
    return folder


@pytest.fixture(scope="module")
def autoencoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits as two numbers."""
    folder = tmp_path_factory.mktemp("runs") / "autoencoder"
    return trained(folder, "--model", "autoencoder", "--code", 2, "--epochs", 15)


@pytest.fixture(scope="module")
def rbm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits by a machine."""
    folder = tmp_path_factory.mktemp("runs") / "rbm"
    return trained(folder, "--model", "rbm", "--hidden", 40, "--epochs", 15)


@pytest.fixture(scope="module")
def dbn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits and their classes by a belief net."""
    folder = tmp_path_factory.mktemp("runs") / "dbn"
    return trained(folder, "--model", "dbn", "--hidden", "60,60", "--epochs", 8)


@pytest.fixture(scope="module")
def people(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table by a machine with real and binary units."""
    folder = tmp_path_factory.mktemp("runs") / "people"
    words = ("--model", "rbm", "--drop", "id", "--epochs", 30)
    return trained(folder, tables / "houses.csv", *words)


def metrics(run: Path) -> dict:
    return json.loads((run / "metrics.json").read_text(encoding="utf-8"))


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_names_of_models_are_those_of_the_settings() -> None:
    assert tuple(feature_models.MODELS) == settings.FEATURE_MODELS


def test_a_code_of_two_numbers_beats_the_two_components_of_pca(autoencoder) -> None:
    found = metrics(autoencoder)
    pca = found["baselines"]["pca"]
    assert pca["components"] == 2
    error = found["test"]["reconstruction_error"]
    assert error < 0.9 * pca["test"]["reconstruction_error"]
    x = cr.data.load("digits").test.inputs
    spread = ((x - x.mean(0)) ** 2).sum(1).mean()
    assert found["test"]["explained"] == pytest.approx(1 - error / spread, rel=1e-5)


def test_a_run_draws_what_it_learned(autoencoder, rbm, people) -> None:
    drawn = {path.stem for path in autoencoder.glob("*.png")}
    assert drawn == set(PICTURES)
    assert {path.stem for path in rbm.glob("*.png")} == {*PICTURES, "samples"}
    assert {path.stem for path in people.glob("*.png")} == set(PICTURES[:2])
    history = json.loads((rbm / "history.json").read_text(encoding="utf-8"))
    assert {"free_energy", "validation_free_energy"} <= set(history["epochs"][0])


def test_the_curve_of_a_machine_names_what_is_measured(rbm, dbn, tmp_path) -> None:
    titles = []
    for run in map(cr.load_run, (rbm, dbn)):
        drawn = feature_report.as_drawn(run.history, run.settings).plot(tmp_path / "c")
        titles.append([ax.get_title(loc="left") for ax in drawn.axes])
    cd = "contrastive divergence"
    assert titles == [
        [cd, "reconstruction loss", "free_energy"],
        [f"layer 1: {cd}", f"layer 2: {cd}"],
    ]


def test_machines_are_compared_with_the_code_of_an_autoencoder(rbm, dbn) -> None:
    for run in (rbm, dbn):
        pca = metrics(run)["baselines"]["pca"]
        assert pca["components"] == 10
        assert 0.5 < pca["test"]["explained"] < 0.9


def test_a_belief_net_says_which_layer_learns(chainrule) -> None:
    words = ("--model", "dbn", "--hidden", "9,8", "--epochs", 30)
    said = chainrule("train", *words, "--out", "o")
    lines = said.stderr.splitlines()
    assert lines[0] == "layer 1: recognition.0" and lines[1].startswith("epoch  1/30")
    assert "layer 2: top" in lines and len(lines) < 30
    assert (
        "kept     the weights of epoch 30 of each of 2 layers, the last" in said.stdout
    )
    history = Path("o", "history.json")
    short = json.loads(history.read_text(encoding="utf-8"))
    short["epochs"] = short["epochs"][:41]
    history.write_text(json.dumps(short), encoding="utf-8")
    Path("o", "metrics.json").unlink()
    told = "o: stopped after 41 of 60 epochs, in layer 2 of 2"
    assert told in chainrule("runs", "o").stdout


def test_pictures_say_what_they_show(rbm) -> None:
    run = cr.load_run(rbm)
    many = np.zeros((401, 64), "f4")
    with cr.pictures.windowless():
        for rows, label, title in (
            (many, None, "the first 400 of 401 samples, rbm, digits"),
            (many[:5], "3", "5 samples of 3, rbm, digits"),
        ):
            figure = feature_report.draw_samples(rows, run.settings, label)
            assert figure.get_suptitle() == title


def test_codes_are_those_of_the_saved_model(chainrule, autoencoder) -> None:
    x = np.asarray(cr.data.load("digits").test.inputs)[:5]
    np.save("digits.npy", x)
    rows = rows_of(chainrule("encode", autoencoder, "digits.npy").stdout)
    assert list(rows[0]) == ["row", "code_1", "code_2"]
    model = cr.load(autoencoder / "model.safetensors")
    codes = [[float(row["code_1"]), float(row["code_2"])] for row in rows]
    np.testing.assert_allclose(codes, model.encode(x).numpy(), rtol=1e-5, atol=1e-5)
    run = cr.load_run(autoencoder)
    np.testing.assert_allclose(run.encode(x), codes, rtol=1e-5, atol=1e-5)
    said = chainrule("encode", autoencoder, "digits.npy", "--out", "c.csv").stdout
    assert said == "5 codes in c.csv\n"
    written = Path("c.csv").read_text()
    Path("c.csv").unlink()
    words = ("encode", autoencoder, "digits.npy", "--json", "--out", "c.csv")
    answer = json.loads(chainrule(*words).stdout)
    np.testing.assert_allclose(answer["codes"], codes, rtol=1e-5, atol=1e-5)
    assert Path("c.csv").read_text() == written


def test_columns_are_kept_beside_the_codes_of_a_table(chainrule, people) -> None:
    words = ("encode", people, "houses.csv", "--keep", "id,city")
    rows = rows_of(chainrule(*words).stdout)
    assert len(rows) == 300 and rows[3]["id"] == "3"
    assert list(rows[0])[:3] == ["id", "city", "code_1"]
    assert all(0 <= float(row["code_1"]) <= 1 for row in rows)


def test_samples_of_a_table_have_its_columns_and_their_units(chainrule, people) -> None:
    rows = rows_of(chainrule("sample", people, "--n", 400, "--steps", 200).stdout)
    assert list(rows[0]) == ["area", "rooms", "city", "price"]
    assert {row["city"] for row in rows} == {"Bonn", "Oslo", "Rome"}
    table = rows_of(Path("houses.csv").read_text())
    for name in ("area", "price"):
        drawn = np.array([float(row[name]) for row in rows])
        known = np.array([float(row[name]) for row in table])
        assert abs(drawn.mean() - known.mean()) < 0.5 * known.std()
        assert 0.6 < drawn.std() / known.std() < 1.7
        assert known.min() <= drawn.min() and drawn.max() <= known.max()
    assert {row["rooms"] for row in rows} == set("123456")


def test_rare_categories_are_drawn_as_often_as_they_are_probable() -> None:
    columns = {"a": ["x"] * 8 + ["y", "z"], "b": ["no"] * 9 + ["yes"]}
    fitted = cr.data.TableTransform.fit(columns)
    assert fitted.feature_names == ("a=x", "a=y", "a=z", "b")
    known = types.SimpleNamespace(transform=fitted.to_json())
    cr.manual_seed(0)
    drawn = np.tile(np.array([[0.8, 0.1, 0.1, 0.1]], "float32"), (4000, 1))
    found = feature_report.as_table(drawn, known)
    for name, word in (("a", "y"), ("a", "z"), ("b", "yes")):
        assert 0.08 < (found[name] == word).mean() < 0.12


def test_a_row_of_a_class_has_the_column_of_its_class(chainrule) -> None:
    words = ("--model", "dbn", "--target", "kind", "--epochs", 1, "--hidden", 8)
    trained(Path("o"), "kinds.csv", *words)
    said = chainrule("sample", "o", "--label", "small", "--n", 3, "--steps", 2).stdout
    rows = rows_of(said)
    assert list(rows[0]) == ["area", "rooms", "city", "kind"]
    assert [row["kind"] for row in rows] == ["small"] * 3
    said = chainrule("sample", "o", "--n", 60, "--steps", 2).stdout
    assert {row["kind"] for row in rows_of(said)} == {"small", "large"}


def test_a_clamped_class_is_dreamed_of(chainrule, dbn) -> None:
    assert metrics(dbn)["test"]["accuracy"] > 0.6
    words = ("--n", 60, "--steps", 100, "--seed", 3, "--json")
    shares = []
    net = cr.load(dbn / "model.safetensors")
    for label in ("0", "4"):
        said = chainrule("sample", dbn, "--label", label, *words).stdout
        drawn = np.array(json.loads(said)["samples"], "float32")
        assert drawn.shape == (60, 64) and drawn.min() >= 0 and drawn.max() <= 1
        found = net.logits(drawn).numpy().argmax(1)
        shares.append(float((found == int(label)).mean()))
    assert min(shares) > 0.5


def test_samples_of_images_are_a_picture_and_the_same_for_a_seed(
    chainrule, rbm
) -> None:
    for name in ("one.png", "two.png"):
        said = chainrule("sample", rbm, "--n", 9, "--steps", 20, "--out", name).stdout
        assert said == f"9 samples in {name}\n"
    assert Path("one.png").read_bytes() == Path("two.png").read_bytes()
    chainrule("sample", rbm, "--n", 9, "--steps", 20, "--seed", 8, "--out", "two.png")
    assert Path("one.png").read_bytes() != Path("two.png").read_bytes()


def test_features_are_evaluated_without_targets(chainrule, autoencoder, people) -> None:
    said = json.loads(chainrule("evaluate", autoencoder, "--json").stdout)
    known = metrics(autoencoder)["test"]
    assert said["reconstruction_error"] == pytest.approx(known["reconstruction_error"])
    with Path("some.csv").open("w") as file:
        file.write("price,area,rooms,city\n300000,100,3,Rome\n150000,50,2,Bonn\n")
    said = chainrule("evaluate", people, "some.csv").stdout
    assert said.startswith("some.csv: reconstruction error ")
    assert "2 examples" in said


def test_runs_lists_what_learned_features(chainrule, autoencoder, rbm) -> None:
    said = chainrule("runs", autoencoder, rbm).stdout
    assert said.startswith("digits: features\n")
    rows = [line.split() for line in said.splitlines()]
    assert ["code", "40", "2"] in rows
    assert not {"outputs", "visible", "labels"} & {row[0] for row in rows if row}
    assert "validation reconstruction error" in said
    assert "features of digits, rbm" in repr(cr.load_run(rbm))


@pytest.mark.parametrize("model", ["autoencoder", "rbm", "dbn", "gan"])
def test_a_stopped_run_is_resumed_to_the_same_bytes(
    chainrule, monkeypatch, model
) -> None:
    words = ("train", "--model", model, "--hidden", 16, "--epochs", 3, "--quiet")
    if model == "dbn":
        words = ("train", "--model", model, "--hidden", "16,9", "--epochs", 2)
    assert chainrule(*words, "--out", "whole").exit_code == 0
    keep, kept = callbacks.Checkpoint.on_epoch_end, []

    def stopping(self, run) -> None:
        keep(self, run)
        kept.append(run)
        if len(kept) == (3 if model == "dbn" else 2):
            raise SystemExit  # as if the process had been killed here

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.Checkpoint, "on_epoch_end", stopping)
        chainrule(*words, "--out", "killed")
    assert len(kept) in (2, 3)
    refused = chainrule("encode", "killed", "houses.csv").stderr
    assert refused == (
        "FileError: killed: this run has no model yet: it was stopped before its "
        "training ended" + fix("chainrule train --resume killed")
    )
    assert chainrule("train", "--resume", "killed", "--quiet").exit_code == 0
    one, two = (Path(run, "model.safetensors") for run in ("whole", "killed"))
    assert one.read_bytes() == two.read_bytes()


def test_ctrl_c_in_one_layer_ends_all(chainrule, monkeypatch) -> None:
    trained_layers = []
    monkeypatch.setattr(
        "chainrule.models.layer_training.fit",
        lambda *args, **options: (
            trained_layers.append(args) or cr.training.History([], "interrupted")
        ),
    )
    words = ("train", "--model", "dbn", "--hidden", "9,9", "--quiet", "--out", "o")
    stopped = chainrule(*words)
    assert len(trained_layers) == 1
    assert (stopped.exit_code, stopped.stderr) == (
        130,
        "stopped in the training of its layers; everything is kept in o\n"
        "  resume     chainrule train --resume o\n",
    )


def test_a_stopped_run_says_so_and_half_a_belief_net_is_no_model(
    chainrule, monkeypatch, rbm
) -> None:
    shutil.copytree(rbm, "rbm")
    Path("rbm", "metrics.json").unlink()
    half = cr.training.History([{"epoch": 1, "loss": 1.0}], "interrupted")
    with monkeypatch.context() as patch:
        patch.setattr("chainrule.models.layer_training.fit", lambda *a, **k: half)
        words = ("--model", "dbn", "--hidden", "9,9", "--quiet", "--out", "dbn")
        assert chainrule("train", *words).exit_code == 130
    np.save("x.npy", np.zeros((2, 64), "float32"))
    warning = (
        "warning: the training of rbm was stopped before its end; chainrule train "
        "--resume rbm goes on\n"
    )
    for words in (("evaluate",), ("sample", "--steps", "1"), ("encode", "x.npy")):
        called = chainrule(words[0], "rbm", *words[1:])
        assert (called.exit_code, called.stderr) == (0, warning)
        called = chainrule(words[0], "dbn", *words[1:])
        assert called.exit_code == 2
        assert "dbn: this run has no model yet: it was stopped" in called.stderr
        assert called.stderr.endswith(fix("chainrule train --resume dbn"))


def test_the_file_that_is_read_is_not_replaced(chainrule, people, houses) -> None:
    before = Path("houses.csv").read_bytes()
    for words in (("encode", people), ("predict", houses)):
        result = chainrule(*words, "houses.csv", "--out", "./houses.csv")
        assert (result.exit_code, result.stderr) == (
            2,
            "ArgumentError: --out ./houses.csv: the file that is read, which would be "
            "lost" + fix("another file"),
        )
    assert Path("houses.csv").read_bytes() == before


def test_one_column_has_no_shorter_code(chainrule) -> None:
    lines = [f"{number / 7:.3f}" for number in np.random.default_rng(0).permutation(60)]
    Path("one.csv").write_text("\n".join(["a", *lines]) + "\n")
    result = chainrule("train", "one.csv", "--model", "autoencoder")
    assert (result.exit_code, result.stderr) == (
        2,
        "DataError: one.csv: one input number, and a code must have fewer numbers than "
        "the inputs" + fix("data with more columns"),
    )


def fix(sentence: str) -> str:
    return f"\n  fix        {sentence}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "houses.csv --model autoencoder --target price",
            "ArgumentError: --target price: --model autoencoder learns from the inputs "
            "alone"
            + fix(
                "leave --target out; --drop price keeps the column out of the inputs"
            ),
        ),
        (
            "houses.csv --model rbm --task regression",
            "ArgumentError: --task regression: --model rbm learns from the inputs alone"
            + fix("leave --task out"),
        ),
        (
            "houses.csv --model dbn --target price",
            "ArgumentError: --target price: an amount; --model dbn joins data and "
            "classes" + fix("--task classification, or another column"),
        ),
        (
            "--model autoencoder --code 64",
            "ArgumentError: --code 64: the inputs of digits are 64 numbers: a code as "
            "wide could copy them" + fix("--code 63 or less"),
        ),
        (
            "--model rbm --code 5",
            "ArgumentError: --code: --model rbm has its code in the last of --hidden"
            + fix("leave --code out"),
        ),
        (
            "--code 5",
            "ArgumentError: --code: --model mlp predicts and has no code"
            + fix("leave --code out, or --model autoencoder"),
        ),
        (
            "--model rbm --hidden 20,10",
            "ArgumentError: --hidden 20,10: --model rbm has one size: of its hidden "
            "units" + fix("--hidden 500; --model dbn has several layers"),
        ),
        (
            "--model dbn --hidden none",
            "ArgumentError: --hidden none: --model dbn has one size or more: of its "
            "hidden units" + fix("--hidden 500"),
        ),
        (
            "--model autoencoder --members 3",
            "ArgumentError: --members: --model autoencoder learns features and "
            "predicts nothing" + fix("leave --members out"),
        ),
        (
            "--model dbn --augment flip",
            "ArgumentError: --augment: --model dbn learns features layer by layer, and "
            "has no use for it" + fix("leave --augment out"),
        ),
        (
            "--model autoencoder --find-lr",
            "ArgumentError: --find-lr: --model autoencoder learns features; rates are "
            "found for networks that predict" + fix("leave --find-lr out"),
        ),
        (
            "--model rbm --activation relu",
            "ArgumentError: --activation: --model rbm has units of its own"
            + fix("leave --activation out"),
        ),
        (
            "--model dbn --patience 3",
            "ArgumentError: --patience: --model dbn is trained layer by layer"
            + fix("leave --patience out"),
        ),
        (
            "--model rbm --patience 3",
            "ArgumentError: --patience: --model rbm may reconstruct worse while it "
            "still learns" + fix("leave --patience out"),
        ),
        (
            "--model rbm --optimizer lbfgs",
            "ArgumentError: --optimizer lbfgs: contrastive divergence is a direction, "
            "not a function that has a smallest value"
            + fix("adam, momentum, or another optimizer that takes a learning rate"),
        ),
        (
            "houses.csv --model autoencoder --loss binary_cross_entropy",
            "ArgumentError: --loss binary_cross_entropy: for data from 0 to 1; the "
            "columns of a table are scaled to mean 0 and deviation 1"
            + fix("--loss mse"),
        ),
        (
            "houses.csv --model rbm --loss persistent_contrastive_divergence",
            "ArgumentError: --loss persistent_contrastive_divergence: chains of real "
            "units wander off without data" + fix("--loss contrastive_divergence"),
        ),
        (
            "--model autoencoder --loss hinge",
            "ArgumentError: --loss hinge: not a loss of --model autoencoder"
            + fix("one of mse, l1, huber, binary_cross_entropy"),
        ),
    ],
)
def test_options_that_do_not_fit_are_refused_with_a_cure(
    chainrule, words, message
) -> None:
    result = chainrule("train", *words.split())
    assert (result.exit_code, result.stderr) == (2, message)
    assert not Path("runs").exists()


def test_a_run_says_what_it_cannot_do(
    chainrule, autoencoder, rbm, dbn, people, kinds
) -> None:
    np.save("dark.npy", np.full((3, 64), 16.0))
    no_target = "the run learned features of digits with --model autoencoder, and no "
    cases = {
        ("predict", autoencoder, "new.csv"): f"ArgumentError: predict: {no_target}"
        "target" + fix("chainrule encode gives the features of new data"),
        ("explain", autoencoder): f"ArgumentError: explain: {no_target}target"
        + fix("chainrule encode gives the features of new data"),
        ("encode", kinds, "new.csv"): "ArgumentError: encode: the run learned "
        "classification of 'kind': it has no code"
        + fix(
            "chainrule predict; a code is learned with --model autoencoder, vae, rbm "
            "or dbn"
        ),
        ("sample", kinds): "ArgumentError: sample: mlp has no distribution to draw "
        "from" + fix("a run with --model vae, gan, rbm or dbn"),
        ("sample", rbm, "--out", "x.csv"): "ArgumentError: --out x.csv: samples of "
        "images are a picture"
        + fix("a name that ends in .png, .svg, .pdf, .jpg; --json prints the numbers"),
        ("sample", rbm, "--out", "none/x.png"): "FileError: save: none/x.png: the "
        f"folder {Path('none').resolve()} does not exist"
        + fix("create the folder first"),
        ("sample", autoencoder): "ArgumentError: sample: autoencoder has no "
        "distribution to draw from" + fix("a run with --model vae, gan, rbm or dbn"),
        ("sample", rbm, "--label", "3"): "ArgumentError: --label 3: rbm learned no "
        "classes" + fix("a run with --model dbn on data with classes"),
        ("sample", dbn, "--label", "ten"): "DataError: --label ten: not a class of "
        "digits, which has 0, 1, 2, 3, 4, 5, 6, 7, 8, 9\n",
        ("encode", rbm, "dark.npy"): "DataError: dark.npy: numbers from 16 to 16: "
        "expected one number per pixel, 64 of 8 × 8, from 0 to 1"
        + fix("divide them by 16"),
        ("encode", people, "new.csv"): "DataError: new.csv: 1 column of the training "
        "data missing: 'price'"
        + fix("the file needs every column that the network was trained on"),
    }
    for words, message in cases.items():
        result = chainrule(*words)
        assert (result.exit_code, result.stderr) == (2, message)


def test_units_stand_for_the_columns_of_a_table() -> None:
    from chainrule.data import TableTransform

    columns = {"a": [1.5, 2, None], "b": ["x", "y", "x"], "c": [3.5, 4, 5]}
    fitted = TableTransform.fit(columns)
    assert fitted.feature_names == ("a", "a is missing", "b=x", "b=y", "c")
    units = feature_models.visible_units(fitted, 5)
    assert units == "Gaussian(1), Binary(3), Gaussian(1)"
    assert cr.models.RBM(units, 2).visible.features == 5


def test_an_autoencoder_of_a_folder_of_images_is_trained(chainrule) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    for number in range(40):
        folder = Path("blots", "left" if number % 2 else "right")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.zeros((16, 16), "uint8")
        row, column = rng.integers(10), 10 * (number % 2)
        pixels[row : row + 6, column : column + 6] = 255
        Image.fromarray(pixels).save(folder / f"{number}.png")
    words = ("--model", "autoencoder", "--hidden", 32, "--code", 3, "--size", 16)
    said = chainrule("train", "blots", *words, "--epochs", 2, "--out", "o").stdout
    assert "network  autoencoder, 256 → 32 → 3 → 32 → 256, relu" in said
    assert "codes of others  chainrule encode o new.jpg" in said
    words = ("--model", "autoencoder", "--hidden", 8, "--epochs", 1, "--out", "digits")
    assert "chainrule encode digits new.npy" in chainrule("train", *words).stdout
    rows = rows_of(chainrule("encode", "o", "blots/left").stdout)
    assert len(rows) == 20 and rows[0]["file"].endswith("1.png")
    words = ("--hidden", 8, "--size", 8, "--epochs", 1, "--out", "without")
    said = chainrule("train", "blots/left", "--model", "rbm", *words).stdout
    assert "20 images, resized to 8 × 8 pixels, greyscale" in said
    settings = json.loads(Path("without", "settings.json").read_text())
    assert settings["classes"] == []
    said = json.loads(chainrule("evaluate", "without", "--json").stdout)
    assert said["examples"] == 4
