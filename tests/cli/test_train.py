"""``chainrule train``: what is learned, what is left behind, what is said."""

from __future__ import annotations

import functools
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.runs import network
from chainrule.training import History
from tests.cli.conftest import program, stopped_run

PNG = b"\x89PNG\r\n\x1a\n"


def test_without_arguments_digits_are_learned_in_20_seconds(tmp_path) -> None:
    """Seconds of the processor: those of the clock count what else it has to do."""
    before = os.times()
    process = program(tmp_path, "train")
    said, _ = process.communicate(timeout=120)
    after = os.times()
    assert process.returncode == 0
    used = after.children_user - before.children_user
    assert used + after.children_system - before.children_system < 20
    (run,) = (tmp_path / "runs").iterdir()
    assert re.fullmatch(r"digits-\d{8}-\d{6}", run.name)
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["test"]["accuracy"] >= 0.97
    assert metrics["test"]["examples"] == 359
    pictures = {path.name for path in run.glob("*.png")}
    assert pictures == {
        "training_curve.png",
        "confusion_matrix.png",
        "first_layer_features.png",
        "worst_mistakes.png",
    }
    assert all((run / name).read_bytes().startswith(PNG) for name in pictures)
    assert not (run / "checkpoints").exists()
    assert len(History.from_json(run / "history.json")) == metrics["epochs"]
    assert cr.load(run / "model.safetensors").num_parameters > 1000
    accuracy = 100 * metrics["test"]["accuracy"]
    assert f"accuracy {accuracy:.4g} %" in said
    assert f"chainrule explain runs/{run.name}" in said


def test_amounts_are_measured_in_the_units_of_the_table(chainrule, houses) -> None:
    metrics = json.loads((houses / "metrics.json").read_text())["test"]
    assert metrics["r2"] > 0.95
    assert 4_000 < metrics["rmse"] < 40_000
    again = json.loads(chainrule("evaluate", houses, "--json").stdout)
    assert again["rmse"] == pytest.approx(metrics["rmse"], rel=1e-6)


def test_the_task_is_said_aloud_with_the_reason_and_can_be_changed(chainrule) -> None:
    words = ("--target", "rooms", "--epochs", 1)
    said = chainrule("train", "houses.csv", *words).stdout
    assert "'rooms' holds 6 different whole numbers (1 to 6): classification" in said
    assert "--task regression changes that" in said
    said = chainrule("train", "houses.csv", *words, "--task", "regression").stdout
    assert "'rooms' is predicted by regression, as asked." in said
    assert "RMSE" in said


def test_pictures_fit_the_task(houses, kinds) -> None:
    assert {path.name for path in houses.glob("*.png")} == {
        "training_curve.png",
        "predicted_against_true.png",
        "residuals.png",
    }
    assert {path.name for path in kinds.glob("*.png")} == {
        "training_curve.png",
        "confusion_matrix.png",
    }


def test_pictures_are_drawn_of_the_test_data(chainrule, monkeypatch) -> None:
    from chainrule import pictures

    drawn = {}

    def noted(name, real, *values):
        drawn[name] = values
        return real(*values)

    for name in ("predicted_against_true", "residuals"):
        real = getattr(pictures, name)
        monkeypatch.setattr(pictures, name, functools.partial(noted, name, real))
    words = ("--target", "price", "--epochs", 1, "--json")
    answer = json.loads(chainrule("train", "houses.csv", *words).stdout)["test"]
    assert set(drawn) == {"predicted_against_true", "residuals"}
    for true, predicted, target in drawn.values():
        assert target == "price"
        rmse = np.sqrt(np.mean((predicted - true) ** 2))
        assert rmse == pytest.approx(answer["rmse"])


def test_rows_of_one_group_stay_together_and_the_column_is_not_learned_from(
    chainrule,
) -> None:
    words = ("--target", "price", "--groups", "city", "--test", 0.34, "--out", "g")
    words += ("--epochs", 1, "--validation", 0)
    result = chainrule("train", "houses.csv", *words)
    assert result.exit_code == 0, result.stderr
    run = cr.load_run("g")
    assert run.columns == ("area", "rooms")
    cities = [line.split(",")[3] for line in Path("houses.csv").read_text().split()]
    counts = [cities.count(city) for city in ("Bonn", "Oslo", "Rome")]
    assert run.evaluate()["examples"] == len(run.examples.test)
    assert len(run.examples.test) in counts
    assert len(run.examples.train) == 300 - len(run.examples.test)


def test_options_reach_the_network_and_its_training(chainrule) -> None:
    words = "--hidden 12,7 --members 3 --activation tanh --dropout 0.25 --epochs 2"
    words += " --batch-size 50"
    words += " --optimizer nesterov --lr 0.01 --schedule cosine --loss huber --seed 3"
    words += " --validation 0.2 --patience 9 --weight-decay 0.001 --test 0.3"
    words += " --target price --drop id,city --categorical rooms --out o"
    result = chainrule("train", "houses.csv", *words.split())
    assert result.exit_code == 0, result.stderr
    settings = json.loads(Path("o/settings.json").read_text())
    assert settings["network"] == {
        "inputs": 8,
        "outputs": 1,
        "hidden": [12, 7],
        "activation": "tanh",
        "dropout": 0.25,
        "model": "mlp",
        "mean": [],
        "std": [],
        "members": 3,
        "average": "values",
        "bayes": "",
        "visible": "",
        "labels": 0,
    }
    training = settings["training"]
    assert (training["epochs"], training["batch_size"]) == (2, 50)
    assert (training["optimizer"], training["lr"]) == ("nesterov", 0.01)
    assert (training["schedule"], training["loss"]) == ("cosine", "huber")
    assert (training["seed"], training["patience"]) == (3, 9)
    assert settings["source"]["test"] == 0.3
    kinds = {rule["name"]: rule["kind"] for rule in settings["transform"]["columns"]}
    assert kinds == {"area": "numeric", "rooms": "categorical"}
    model = cr.load("o/model.safetensors")
    assert [p.shape for p in model.parameters()][::2] == [
        (3, 12, 8),
        (3, 7, 12),
        (3, 1, 7),
    ]
    assert "90 examples" in result.stdout  # 0.3 of 300 rows


def test_a_table_is_learned_by_an_ensemble_unless_one_network_is_asked_for(
    chainrule,
) -> None:
    words = ("train", "houses.csv", "--target", "price", "--epochs", 1)
    result = chainrule(*words, "--out", "o")
    assert "network  8 × (" in result.stdout
    assert " weights per training example in each of 8 networks" in result.stdout
    assert cr.load("o/model.safetensors").members == 8
    result = chainrule(*words, "--members", 1, "--out", "one")
    assert "network  8 × (" not in result.stdout
    assert type(cr.load("one/model.safetensors")) is cr.nn.Sequential


@pytest.mark.parametrize("activation", network.ACTIVATIONS)
def test_every_activation_trains(chainrule, activation) -> None:
    words = ("--target", "kind", "--epochs", 1, "--activation", activation, "--quiet")
    assert chainrule("train", "kinds.csv", *words).exit_code == 0


@pytest.mark.parametrize(
    ("table", "target", "loss"),
    [("kinds.csv", "kind", loss) for loss in network.LOSSES["classification"]]
    + [("houses.csv", "price", loss) for loss in network.LOSSES["regression"]],
)
def test_every_loss_offered_for_a_task_trains(chainrule, table, target, loss) -> None:
    words = ("--target", target, "--epochs", 1, "--loss", loss, "--quiet")
    assert chainrule("train", table, *words).exit_code == 0


def test_without_hidden_layers_it_is_linear_regression(chainrule) -> None:
    words = ("--target", "price", "--hidden", "none", "--out", "o", "--quiet")
    assert chainrule("train", "houses.csv", *words).exit_code == 0
    assert len(cr.load("o/model.safetensors").parameters()) == 2
    assert json.loads(Path("o/metrics.json").read_text())["test"]["r2"] > 0.95


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(chainrule) -> None:
    files = []
    for out, seed in (("a", 1), ("b", 1), ("c", 2)):
        words = ("--hidden", 16, "--epochs", 2, "--quiet", "--seed", seed)
        chainrule("train", "iris", *words, "--out", out)
        files.append(Path(out, "model.safetensors").read_bytes())
    assert files[0] == files[1] != files[2]


def test_json_prints_one_object_and_nothing_else(chainrule) -> None:
    result = chainrule("train", "iris", "--epochs", 2, "--json", "--out", "o")
    answer = json.loads(result.stdout)
    assert result.stderr == ""
    assert answer["run"] == "o"
    assert answer["epochs"] == 2
    assert 0 <= answer["test"]["accuracy"] <= 1


def test_quiet_prints_the_result_only(chainrule) -> None:
    result = chainrule("train", "iris", "--epochs", 2, "--quiet", "--out", "o")
    assert result.stderr == ""
    lines = [line for line in result.stdout.splitlines() if line[0] != " "]
    assert [line.split()[0] for line in lines] == ["test", "run"]


def test_many_epochs_leave_about_ten_lines(chainrule) -> None:
    words = ("--epochs", 40, "--validation", 0, "--hidden", 4, "--out", "o")
    result = chainrule("train", "iris", *words)
    lines = result.stderr.splitlines()
    assert all(line.startswith("epoch") for line in lines)
    assert 8 <= len(lines) <= 13
    assert lines[-1].startswith("epoch 40/40")


def test_early_stopping_keeps_the_best_weights(chainrule) -> None:
    words = "--target price --epochs 200 --patience 2 --lr 0.02 --schedule constant"
    chainrule("train", "houses.csv", *words.split(), "--out", "o", "--quiet")
    history = History.from_json("o/history.json")
    assert history.stopped.startswith("early stopping")
    best = history.best("validation_loss")["epoch"]
    assert best == history.settings["best_epoch"] == len(history) - 2


def test_a_minimizer_has_all_examples_and_says_why_it_stopped(chainrule) -> None:
    words = "--optimizer lbfgs --hidden 4 --validation 0 --weight-decay 0.01"
    result = chainrule("train", "iris", *words.split(), "--out", "o")
    assert "lbfgs, steps by line search; seed 0" in result.stdout
    history = History.from_json("o/history.json")
    assert f"stopped: {history.stopped}" in result.stderr
    assert history.stopped != "finished" and history.last["step_length"] == 0.0
    assert history.settings["batch_size"] == 120
    explained = chainrule("explain", "o", "--compiled")
    assert "an evaluation of loss and gradient of o, 120 examples" in explained.stdout


@pytest.mark.parametrize(
    "optimizer",
    [name for name in optim.ALGORITHMS if name == "muon" or network.is_minimizer(name)],
)
def test_every_minimizer_trains_a_table_with_the_default_members(
    chainrule, optimizer: str
) -> None:
    words = ("--hidden", 2, "--epochs", 2, "--engine", "numpy", "--quiet")
    table = ("kinds.csv", "--target", "kind")
    result = chainrule("train", *table, "--optimizer", optimizer, *words, "--out", "o")
    assert result.exit_code == 0, result.stderr
    members = json.loads(Path("o/settings.json").read_text())["network"]["members"]
    alone = ("muon", "gaussnewton", "levenbergmarquardt", "hessianfree")
    assert members == (1 if optimizer in alone else 8)


@pytest.mark.parametrize(
    ("optimizer", "why"),
    [
        ("lbfgs", "a line search finds the length of every step"),
        ("levenbergmarquardt", "it finds the length of every step itself"),
    ],
)
@pytest.mark.parametrize("option", ["--lr 0.1", "--schedule cosine"])
@pytest.mark.parametrize("command", ["train", "tune", "tune --grow", "tune --trials 2"])
def test_a_minimizer_takes_no_learning_rate(
    chainrule, command: str, option: str, optimizer: str, why: str
) -> None:
    words = (*command.split(), "iris", "--optimizer", optimizer, *option.split())
    result = chainrule(*words)
    name = option.split()[0]
    assert result.exit_code == 2
    assert result.stderr == (
        f"ArgumentError: {name}: {optimizer} has no learning rate: {why}\n"
        f"  fix        leave {name} out\n"
    )


def test_ctrl_c_keeps_everything_and_resume_gives_the_same_bytes(chainrule) -> None:
    folder = Path.cwd()
    words = ("--hidden", "50", "--epochs", "20", "--quiet")
    process = stopped_run(folder, "interrupt", *words, "--out", "stopped")
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert re.search(r"stopped after \d+ of 20 epochs; everything is kept", said)
    assert "resume     chainrule train --resume stopped" in said
    assert Path("stopped/model.safetensors").exists()
    assert not Path("stopped/metrics.json").exists()  # the test data are unseen
    assert chainrule("evaluate", "stopped").exit_code == 0
    assert chainrule("train", "--resume", "stopped", "--quiet").exit_code == 0
    assert chainrule("train", *words, "--out", "whole").exit_code == 0
    files = [Path(run, "model.safetensors") for run in ("stopped", "whole")]
    assert files[0].read_bytes() == files[1].read_bytes()
    first, second = (
        json.loads(Path(run, "metrics.json").read_text())["test"]
        for run in ("stopped", "whole")
    )
    assert first == second


@pytest.mark.parametrize(
    "how",
    [
        "--epochs 60 --batch-size 4",
        "--epochs 40 --batch-size 8 --optimizer lbfgs",
        "--epochs 400 --optimizer conjugategradient",
    ],
)
def test_a_killed_run_goes_on_from_its_checkpoint(chainrule, how: str) -> None:
    words = ("--target", "price", *how.split(), "--quiet")
    folder = Path.cwd()
    process = stopped_run(folder, "kill", "houses.csv", *words, "--out", "killed")
    process.communicate(timeout=120)
    assert not Path("killed/model.safetensors").exists()
    refused = chainrule("predict", "killed", "new.csv")
    assert refused.exit_code == 2
    assert "chainrule train --resume killed" in refused.stderr
    assert chainrule("train", "--resume", "killed", "--quiet").exit_code == 0
    chainrule("train", "houses.csv", *words, "--out", "whole")
    files = [Path(run, "model.safetensors") for run in ("killed", "whole")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_watch_draws_every_layer_and_leaves_the_network_as_it_is(chainrule) -> None:
    words = ["--target", "price", "--epochs", "3", "--hidden", "8", "--quiet"]
    for out, more in (("plain", []), ("watched", ["--watch"])):
        result = chainrule("train", "houses.csv", *words, *more, "--out", out)
        assert result.exit_code == 0, result.stderr
    assert not Path("plain/histograms.png").exists()
    assert Path("watched/histograms.png").stat().st_size > 10_000
    files = [Path(run, "model.safetensors") for run in ("plain", "watched")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert "gradient_norm" in cr.load_run("watched").history.last


def test_members_are_trained_by_curvature_where_asked(chainrule) -> None:
    words = "--optimizer hessianfree --hidden 4 --epochs 3 --quiet --out"
    for out, more in (("one", []), ("three", ["--members", "3"])):
        result = chainrule("train", "iris", *words.split(), out, *more)
        assert result.exit_code == 0, result.stderr
        settings = json.loads(Path(out, "settings.json").read_text())
        assert settings["network"]["members"] == (3 if more else 1)


def test_learning_rates_are_drawn_and_change_nothing(chainrule) -> None:
    words = "train houses.csv --target price --epochs 2 --hidden 8 --out"
    chainrule(*words.split(), "plain")
    told = chainrule(*words.split(), "found", "--find-lr").stdout
    assert "rates    Adam, " in told and "suggestion" in told
    assert Path("found/learning_rates.png").stat().st_size > 10_000
    files = [Path(run, "model.safetensors") for run in ("plain", "found")]
    assert files[0].read_bytes() == files[1].read_bytes()
    answer = json.loads(chainrule(*words.split(), "j", "--find-lr", "--json").stdout)
    low, high = answer["learning_rates"]["range"]
    assert low < answer["learning_rates"]["suggestion"] < high
    assert answer["pictures"][0] == "learning_rates.png"
    refused = chainrule(*words.split(), "r", "--find-lr", "--optimizer", "lbfgs")
    assert refused.stderr == (
        "ArgumentError: --find-lr: lbfgs has no learning rate: it finds the length of "
        "every step by itself\n  fix        leave --find-lr out\n"
    )
    assert not Path("r").exists()


def test_a_killed_run_that_was_watched_has_the_picture_of_all_epochs(chainrule) -> None:
    words = "--target price --epochs 60 --batch-size 4 --hidden 8 --watch --quiet"
    process = stopped_run(
        Path.cwd(), "kill", "houses.csv", *words.split(), "--out", "killed"
    )
    process.communicate(timeout=120)
    assert not Path("killed/metrics.json").exists()
    resumed = chainrule("train", "--resume", "killed", "--quiet")
    assert resumed.exit_code == 0, resumed.stderr
    chainrule("train", "houses.csv", *words.split(), "--out", "whole")
    files = [Path(run, "histograms.png") for run in ("killed", "whole")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_watched_run_that_diverges_is_drawn_with_its_warnings(chainrule) -> None:
    words = "--lr 2 --optimizer sgd --schedule constant --hidden none --epochs 200"
    words += " --batch-size 300 --validation 0 --watch --out o --quiet"
    result = chainrule("train", "houses.csv", "--target", "price", *words.split())
    assert result.exit_code == 2, result.stderr
    said = result.stderr.splitlines()
    assert said[0].startswith("warning: Watch: epoch 1: each step changes 0.weight by ")
    assert said[1].startswith("warning: Watch: ") and "gradients explode" in said[1]
    assert said[2].startswith("NumericsError: ")
    assert Path("o/histograms.png").stat().st_size > 10_000
    assert not Path("o/metrics.json").exists()


def test_a_resumed_run_refuses_a_table_that_has_changed(chainrule, houses) -> None:
    chainrule("train", "houses.csv", "--target", "price", "--epochs", 1, "--out", "o")
    Path("o/metrics.json").unlink()
    with Path("houses.csv").open("a") as table:
        table.write("301,100,3,Rome,400000\n")
    result = chainrule("train", "--resume", "o")
    assert result.exit_code == 2
    assert "houses.csv: the file has changed since this run began" in result.stderr


def test_a_table_may_be_parquet(chainrule) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    arrow = pytest.importorskip("pyarrow")
    x = np.linspace(0, 1, 100)
    parquet.write_table(arrow.table({"x": x, "y": 3 * x}), "line.parquet")
    result = chainrule("train", "line.parquet", "--target", "y", "--epochs", 2)
    assert result.exit_code == 0, result.stderr


def test_how_each_column_was_read_is_said(chainrule) -> None:
    rows = "".join(
        f'{n},{n % 9}.5,"${n},500",{("a", "NA")[n % 2]},{1 + n % 28}/3/2024,{n}.25\n'
        for n in range(1, 101)
    )
    Path("mixed.csv").write_text("code,x,pay,c,day,y\n" + rows)
    words = ("train", "mixed.csv", "--target", "y", "--epochs", 1)
    said = chainrule(*words).stdout
    assert "  numbers     x, pay (in $ with commas before thousands)\n" in said
    assert "  categories  c (1 different, 50 gaps, 50 × 'NA')\n" in said
    assert "  dates       day (day, month, year)\n" in said
    assert "'code' is left out: it counts the rows; --keep code uses it." in said
    said = chainrule(*words, "--keep", "code", "--drop", "pay,c").stdout
    assert "  numbers  code, x\n" in said


def test_dates_and_decimals_that_are_open_are_settled_by_options(chainrule) -> None:
    rows = "".join(
        f"{1 + n % 9}/{1 + n % 12}/2024;{n + 1},125;{n % 2}\n" for n in range(80)
    )
    Path("open.csv").write_text("day;x;y\n" + rows)
    words = ("train", "open.csv", "--target", "y", "--epochs", 1)
    refused = chainrule(*words)
    assert refused.exit_code == 2
    assert "--dates dmy for day, month, year, --dates mdy for month" in refused.stderr
    result = chainrule(*words, "--dates", "dmy", "--decimal", ".", "--out", "o")
    assert result.exit_code == 0, result.stderr
    settings = json.loads(Path("o/settings.json").read_text())
    forms = {rule["name"]: rule["form"] for rule in settings["transform"]["columns"]}
    assert forms == {"day": "dmy", "x": "."}
    high = settings["transform"]["columns"][1]["high"]
    assert high > 10_000
    assert chainrule("predict", "o", "open.csv").stderr == ""
    assert chainrule("evaluate", "o", "open.csv").exit_code == 0


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("x,y\n1,a\n2,b\n3,a\n", "y"),
        ("x,y\n1,1.5\n2,2.5\n4,3.75\n", "y"),
        ("x,y\n1,a\n2,b\n", "y"),
        ("x,y\n1,1.5\n2,2.5\n", "y"),
        ("x,z,y\n" + "".join(f"{n},{n % 3},a\n" for n in range(9)), "y"),
        ("x,z,y\n" + "".join(f"{n},{n % 3},2.5\n" for n in range(9)), "y"),
        ("x,y\n" + "".join(f"{n},w{n}\n" for n in range(40)), "y"),
    ],
)
def test_the_cure_that_a_message_offers_leads_somewhere(
    chainrule, text: str, target: str
) -> None:
    """The options of the advice are taken as they stand, until the run succeeds or the
    advice is to bring other rows."""
    Path("t.csv").write_text(text)
    words = ["--target", target]
    for _ in range(4):
        result = chainrule("train", "t.csv", *words, "--epochs", 1, "--quiet")
        if result.exit_code == 0:
            return
        assert result.exit_code == 2, result.stderr
        advice = result.stderr.split("  fix ")[1]
        offered = re.findall(r"(--\w+) ([\w.]+)", advice)
        if not offered:
            assert re.search("more rows|rows with other values|correct the num", advice)
            return
        for option, value in offered:
            if option in words:
                words[words.index(option) + 1] = value
            else:
                words += [option, value]
    raise AssertionError(result.stderr)


def test_a_test_part_of_one_class_is_no_mistake(chainrule) -> None:
    rows = "".join(f"{n},{'b' if n in (3, 70) else 'a'}\n" for n in range(100))
    Path("rare.csv").write_text("x,y\n" + rows)
    result = chainrule("train", "rare.csv", "--target", "y", "--epochs", 1)
    assert result.exit_code == 0, result.stderr


def test_mnist_with_two_layers_learns(chainrule, data_folder, monkeypatch) -> None:
    monkeypatch.setattr(cr.config, "data_folder", data_folder)
    words = ("--hidden", 16, "--epochs", 1, "--batch-size", 512, "--json")
    answer = json.loads(chainrule("train", "mnist", *words).stdout)
    assert answer["test"]["accuracy"] > 0.8
    assert answer["test"]["examples"] == 10_000
