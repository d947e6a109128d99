"""``chainrule tune``: what is chosen, what is left behind, and what survives a kill."""

from __future__ import annotations

import csv
import io
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli.progress import SearchProgress
from chainrule.pictures import amount
from chainrule.tuning import one_standard_error

#: Few folds and epochs, and nothing to compile.
QUICK = ("--epochs", 4, "--folds", 3, "--engine", "numpy")
KINDS = ("tune", "kinds.csv", "--target", "kind", *QUICK)
HOUSES = ("tune", "houses.csv", "--target", "price", *QUICK)
SIZES = ("--hidden", "4,16", "--layers", 1, "--members", 1)


def candidates(folder: str) -> list[dict[str, str]]:
    with Path(folder, "candidates.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def answer(folder: str | Path) -> tuple[bytes, bytes, dict[str, object]]:
    """What must be the same however a search got there."""
    metrics = json.loads(Path(folder, "metrics.json").read_text())
    del metrics["training_seconds"]
    for timed in (metrics, *metrics["baselines"].values()):
        timed.pop("seconds", None)
    names = ("candidates.csv", "model.safetensors")
    table, model = (Path(folder, name).read_bytes() for name in names)
    return table, model, metrics


def program(*words: object, **options: object) -> subprocess.Popen[str]:
    """The command as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "chainrule", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        **options,  # type: ignore[call-overload]
    )


def lines_of(journal: Path) -> int:
    return journal.read_bytes().count(b"\n") if journal.is_file() else 0


def wait_for_folds(process: subprocess.Popen[str], journal: Path, count: int) -> None:
    """Returns when so many folds are finished."""
    end = time.monotonic() + 60
    while lines_of(journal) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_folder_is_that_of_a_run_with_the_choice_and_why_beside(chainrule) -> None:
    result = chainrule(*KINDS, *SIZES, "--lr", "1e-4,1e-2", "--out", "t")
    assert result.exit_code == 0, result.stderr
    rows = candidates("t")
    assert len(rows) == 4
    (chosen,) = [row for row in rows if row["chosen"] == "True"]
    errors = [[float(row[f"fold {n}"]) for n in (1, 2, 3)] for row in rows]
    sizes = [int(row["parameters"]) for row in rows]
    assert rows[one_standard_error(errors, sizes)] is chosen
    for row, own in zip(rows, errors, strict=True):
        assert float(row["error"]) == pytest.approx(np.mean(own))
        assert float(row["standard_error"]) == pytest.approx(
            np.std(own, ddof=1) / np.sqrt(3)
        )
    run = cr.load_run("t")
    assert run.settings.network.hidden == (int(chosen["hidden"]),)
    assert run.settings.training.lr == float(chosen["lr"])
    assert len(run.examples.train) == 240  # all but what is tested on
    assert run.metrics["test"]["examples"] == 60
    assert run.evaluate()["accuracy"] == run.metrics["test"]["accuracy"]
    assert run.metrics["cross_validation"] == {
        "accuracy": pytest.approx(1 - float(chosen["error"])),
        "standard_error": pytest.approx(float(chosen["standard_error"])),
        "folds": 3,
    }
    assert chainrule("predict", "t", "new.csv").exit_code == 0
    assert chainrule("explain", "t").exit_code == 0
    assert Path("t/error_over_size.png").read_bytes().startswith(b"\x89PNG")
    said = result.stdout
    assert "240 training and 60 test examples" in said
    assert (
        "search   4 candidates × 3 folds: units 4,16, layers 1, learning rate " in said
    )
    assert re.search(r"\n {2}16 +0.01 +\d+ +[\d.]+ % ± [\d.]+ %  lowest", said)
    assert f"chosen   hidden {chosen['hidden']}, learning rate" in said
    assert "in cross-validation: the " in said


def test_tuned_runs_are_listed_with_what_they_were_chosen_by(chainrule) -> None:
    small = ("--hidden", 4, "--layers", 1, "--members", 1)
    chainrule(*HOUSES, *small, "--out", "runs/tuned")
    chainrule(*HOUSES, *small, "--folds", 4, "--out", "runs/other")
    words = ("--target", "price", "--epochs", 1, "--hidden", 4, "--quiet")
    chainrule("train", "houses.csv", *words, "--out", "runs/trained")
    chosen = json.loads(Path("runs/tuned/choice.json").read_text())["chosen"]
    error, spread = map(amount, (chosen["error"], chosen["standard_error"]))
    said = chainrule("runs", "runs/tuned", "--in", "runs").stdout
    assert f"  {error} ± {spread}, 3 folds  " in said
    answer = json.loads(chainrule("runs", "--json").stdout)
    rows = {Path(row["run"]).name: row for row in answer["runs"]}
    assert rows["tuned"]["validation"] == pytest.approx(chosen["error"])
    assert rows["tuned"]["standard_error"] == pytest.approx(chosen["standard_error"])
    assert rows["trained"]["standard_error"] is None
    by_error = sorted(rows.values(), key=lambda row: row["validation"])
    assert [row["run"] for row in answer["runs"]] == [row["run"] for row in by_error]
    for other in ("trained", "other"):  # one part held out, or other folds
        said = chainrule("runs", "runs/tuned", f"runs/{other}").stdout
        assert "validated on different rows" in said


def test_with_no_options_any_data_are_tuned(chainrule) -> None:
    words = ("--epochs", 1, "--engine", "numpy", "--json")  # to be quick
    result = chainrule("tune", "iris", *words)
    assert result.exit_code == 0, result.stderr
    said = json.loads(result.stdout)
    (run,) = Path("runs").iterdir()
    assert re.fullmatch(r"iris-tuned-\d{8}-\d{6}", run.name)
    assert said["run"] == str(run)
    rows = candidates(str(run))
    assert {row["hidden"] for row in rows} == {
        " ".join([units] * layers)
        for units in ("8", "16", "32", "64", "128", "256")
        for layers in (1, 2)
    }
    assert said["chosen"]["error"] == pytest.approx(np.mean(said["chosen"]["errors"]))
    assert said["test"]["examples"] == 30
    assert "error_over_size.png" in said["pictures"]
    assert "epoch" not in result.stderr and "fold" not in result.stderr


def test_the_answer_is_the_same_in_any_number_of_processes(chainrule) -> None:
    for processes in (1, 2):
        words = ("--processes", processes, "--out", str(processes), "--quiet")
        words += ("--engine", "native")
        result = chainrule(*HOUSES, *SIZES, *words)
        assert result.exit_code == 0, result.stderr
    assert answer("1") == answer("2")


@pytest.mark.parametrize("method", [(), ("--grow",)])
def test_a_search_that_was_killed_goes_on_to_the_same_answer(chainrule, method) -> None:
    words = (*HOUSES, "--hidden", "4..16", "--layers", "1,2", *method, "--quiet")
    assert chainrule(*words, "--out", "whole", "--processes", 1).exit_code == 0
    process = program(*words, "--out", "killed", "--processes", 1)
    journal = Path("killed/folds.jsonl")
    wait_for_folds(process, journal, 2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    done = lines_of(journal)
    with journal.open("ab") as file:
        file.write(b'{"hidden": [4], "lr"')  # a line torn by the kill
    assert not Path("killed/metrics.json").exists()
    result = chainrule("tune", "--resume", "killed", "--processes", 2)
    assert result.exit_code == 0, result.stderr
    assert answer("killed") == answer("whole")
    assert lines_of(journal) == lines_of(Path("whole/folds.jsonl")) > done
    assert not Path("killed/growth").exists()


def test_a_network_killed_in_its_last_training_is_resumed(chainrule) -> None:
    words = (*HOUSES, "--hidden", "4,8", "--layers", 1, "--quiet")
    assert chainrule(*words, "--out", "whole").exit_code == 0
    shutil.copytree("whole", "killed")
    for name in ("metrics.json", "model.safetensors", "history.json", "choice.json"):
        Path("killed", name).unlink()
    before = Path("killed/folds.jsonl").read_bytes()
    result = chainrule("tune", "--resume", "killed")
    assert result.exit_code == 0, result.stderr
    assert answer("killed") == answer("whole")
    assert Path("killed/folds.jsonl").read_bytes() == before  # nothing was repeated


@pytest.mark.parametrize("processes", [1, 2])
def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(
    chainrule, processes
) -> None:
    words = (*KINDS, "--hidden", "8..256", "--out", "t", "--processes", processes)
    process = program(*words, "--quiet", "--epochs", 40, start_new_session=True)
    wait_for_folds(process, Path("t/folds.jsonl"), 1)
    os.killpg(process.pid, signal.SIGINT)
    said, complaint = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == ""
    assert complaint == (
        "stopped; what is finished is kept in t\n"
        "  resume     chainrule tune --resume t\n"
    )
    for line in Path("t/folds.jsonl").read_text().splitlines():
        assert json.loads(line)["error"] is not None


def test_growth_goes_on_while_it_gains_more_than_one_standard_error(chainrule) -> None:
    words = ("--hidden", "2..16", "--layers", "1..2", "--grow", "--out", "t")
    result = chainrule(*HOUSES, *words, "--seed", 1)
    assert result.exit_code == 0, result.stderr
    steps = json.loads(Path("t/choice.json").read_text())["path"]
    kept = steps[0]
    assert kept["hidden"] == [2] and kept["gain"] is None
    for step in steps[1:]:
        gains = np.subtract(kept["errors"], step["errors"])
        assert step["gain"] == pytest.approx(gains.mean())
        assert step["gain_error"] == pytest.approx(gains.std(ddof=1) / np.sqrt(3))
        assert step["kept"] == (step["gain"] > step["gain_error"])
        grown = step["hidden"]
        assert grown in ([2 * kept["hidden"][0]], [*kept["hidden"], kept["hidden"][-1]])
        kept = step if step["kept"] else kept
    run = cr.load_run("t")
    assert run.settings.network.hidden == tuple(kept["hidden"])
    assert Path("t/growth_path.png").read_bytes().startswith(b"\x89PNG")
    assert "gain" in result.stdout


def test_a_grown_network_starts_from_the_one_before_it(chainrule) -> None:
    """With a learning rate of nearly nothing it is the network that it grew from."""
    words = ("--hidden", "2..4", "--layers", 2, "--lr", "1e-12", "--grow", "--out", "t")
    assert chainrule(*HOUSES, *words).exit_code == 0
    steps = json.loads(Path("t/choice.json").read_text())["path"]
    for step in steps[1:]:
        assert step["errors"] == pytest.approx(steps[0]["errors"], rel=1e-5)


def test_baselines_stand_beside_the_chosen_network(chainrule) -> None:
    words = (*SIZES, "--baselines", "--out", "t", "--json")
    result = chainrule(*HOUSES, *words)
    assert result.exit_code == 0, result.stderr
    beside = json.loads(result.stdout)["baselines"]
    assert {"ridge_regression", "gradient_boosting"} <= set(beside)


def test_a_finished_search_is_not_resumed(chainrule) -> None:
    assert chainrule(*KINDS, *SIZES, "--out", "t", "--quiet").exit_code == 0
    result = chainrule("tune", "--resume", "t")
    assert result.exit_code == 2
    assert result.stderr == (
        "ArgumentError: --resume t: this search is finished\n"
        "  fix        chainrule evaluate t, or a new search\n"
    )


def test_where_every_candidate_diverges_that_is_the_error(chainrule) -> None:
    words = ("--optimizer", "sgd", "--lr", "1e12", "--quiet", "--out", "t")
    result = chainrule(*HOUSES, *SIZES, *words)
    assert result.exit_code == 2
    assert result.stderr == (
        "StateError: tune: no candidate was trained on every fold: the loss became NaN "
        "or infinite\n  fix        a smaller --lr\n"
    )


def test_an_optimizer_of_one_network_ends_a_search_with_one(chainrule) -> None:
    words = ("--hidden", 2, "--layers", 1, "--optimizer", "levenbergmarquardt")
    result = chainrule(*KINDS, *words, "--out", "t")
    assert result.exit_code == 0, result.stderr
    assert json.loads(Path("t/settings.json").read_text())["network"]["members"] == 1


@pytest.mark.parametrize(
    ("optimizer", "steps"),
    [
        ("lbfgs", "lbfgs, steps by line search"),
        ("levenbergmarquardt", "levenbergmarquardt, steps of lengths that it finds"),
        ("adam", "adam, one_cycle"),
    ],
)
@pytest.mark.parametrize("method", ["", "--trials 2"])
def test_no_learning_rate_is_told_of_a_minimizer(
    chainrule, optimizer: str, steps: str, method: str
) -> None:
    if method:
        pytest.importorskip("optuna")
    words = ("--hidden", 2, "--layers", 1, "--members", 1, "--optimizer", optimizer)
    result = chainrule(*KINDS, *words, *method.split(), "--out", "t")
    assert result.exit_code == 0, result.stderr
    assert f"; {steps}" in result.stdout
    told = re.findall(
        r"^(?:search|chosen) .*learning rate", result.stdout, re.MULTILINE
    )
    assert len(told) == (2 if optimizer == "adam" else 0)


def test_two_searches_do_not_share_a_folder(chainrule) -> None:
    words = (*KINDS, "--hidden", "8..256", "--out", "t", "--quiet", "--epochs", 40)
    process = program(*words)
    wait_for_folds(process, Path("t/folds.jsonl"), 1)
    result = chainrule("tune", "--resume", "t")
    process.kill()
    process.communicate()
    assert result.exit_code == 2
    assert result.stderr == (
        f"FileError: tune: process {process.pid} on {platform.node()} is writing "
        "there: one run at a time\n  fix        wait, or stop it first\n"
    )


def test_without_a_terminal_progress_is_about_ten_lines() -> None:
    stream = io.StringIO()
    with SearchProgress("fold", True, stream) as bar:
        for done in range(101):
            bar.update(done, 100, "lowest error rate 3 %")
    lines = stream.getvalue().splitlines()
    assert 9 <= len(lines) <= 11
    assert re.fullmatch(r"10 of 100 folds  0:00 left  lowest error rate 3 %", lines[0])
    assert lines[-1] == "100 of 100 folds  lowest error rate 3 %"


def test_in_a_terminal_progress_is_a_bar_with_the_time_left() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with SearchProgress("trial", True, stream) as bar:
        bar.update(3, 10)
        bar.update(5, 10, "lowest RMSE of price 12")
        bar.bar.refresh()
    assert re.search(
        r"5 of 10 trials  0:00 left  lowest RMSE of price 12", stream.getvalue()
    )
    assert "━" in stream.getvalue()
