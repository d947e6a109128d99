"""The command as a whole: help, exit codes, bugs, pipes; ``doctor`` and ``data``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import doctor
from chainrule.cli.application import COMMANDS
from chainrule.compiler import registry
from chainrule.runs import folder as run_folder
from chainrule.runs import network


def test_without_a_command_the_help_is_shown(chainrule) -> None:
    result = chainrule()
    assert result.exit_code == 0
    assert all(name in result.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_examples_that_begin_with_it(chainrule, name) -> None:
    for option in ("--help", "-h"):
        text = chainrule(name, option).stdout
        _, _, examples = text.partition("Examples:\n")
        lines = [line for line in examples.splitlines() if line.startswith("  chain")]
        assert lines
        assert all(line.startswith(f"  chainrule {name}") for line in lines)
        assert len(max(text.splitlines(), key=len)) <= 88


def test_every_option_of_an_example_exists(chainrule) -> None:
    from chainrule.cli.application import application

    for name in COMMANDS:
        command = application.get_command(None, name)
        known = {option for each in command.params for option in each.opts}
        words = command.epilog.split()
        assert {word for word in words if word.startswith("--")} <= known


def test_version(chainrule) -> None:
    assert chainrule("--version").stdout == f"chainrule, version {cr.__version__}\n"


def broken(*args: object, **values: object) -> None:
    raise RuntimeError("a mistake\nof ours")


def test_a_bug_is_one_line_and_exit_code_1(chainrule, monkeypatch) -> None:
    monkeypatch.setattr(network, "build", broken)
    result = chainrule("train", "iris")
    assert result.exit_code == 1
    assert result.stderr == (
        "RuntimeError: a mistake of ours: this is a bug of chainrule, please report "
        "it\n  fix        run the command again with --debug, and send what it prints\n"
    )


@pytest.mark.parametrize("words", [("--debug", "train"), ("train", "--debug")])
def test_debug_shows_the_traceback(chainrule, monkeypatch, words) -> None:
    monkeypatch.setattr(network, "build", broken)
    result = chainrule(*words, "iris") if words[0] == "train" else chainrule(*words)
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert "in broken" in result.stderr


def test_ctrl_c_outside_of_training_is_told_in_a_word(chainrule, monkeypatch) -> None:
    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(network, "build", interrupted)
    result = chainrule("train", "iris")
    assert (result.exit_code, result.stderr) == (130, "\nstopped.\n")


def test_a_reader_that_goes_away_is_no_error(chainrule) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "chainrule", "data"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 1
    assert said == b""


def test_a_terminal_without_our_signs_is_no_error(chainrule) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "chainrule", "data", "digits"],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "iso8859-7"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"8 ? 8 pixels" in done.stdout


def test_data_lists_every_data_set(chainrule) -> None:
    said = chainrule("data").stdout
    answer = json.loads(chainrule("data", "--json").stdout)
    assert list(answer) == list(cr.data.names())
    assert all(line.split()[0] in answer for line in said.splitlines())
    assert answer["digits"]["included"]
    assert not answer["mnist"]["included"]
    assert "chainrule train wine" in chainrule("data", "wine").stdout


def test_doctor_finds_versions_threads_engines_and_folders(
    chainrule, monkeypatch
) -> None:
    monkeypatch.setattr(doctor, "TEST_SECONDS", 0.02)
    answer = json.loads(chainrule("doctor", "--json").stdout)
    rates = answer["products"]
    assert list(rates) == ["float32", "bfloat16"]
    assert all(float(each.removesuffix(" GFLOP/s")) > 0.1 for each in rates.values())
    assert answer["versions"]["chainrule"] == cr.__version__
    assert answer["versions"]["numpy"] == np.__version__
    assert answer["threads"]["chainrule uses"] == cr.config.threads
    assert answer["engines"][cr.config.engine].startswith("works, the default: ")
    assert answer["works"]
    assert "compiled code 0.0 GB of at most 1.0 GB" in answer["folders"]["cache"]
    said = chainrule("doctor").stdout
    for title in ("versions", "processor", "threads", "engines", "folders"):
        assert f"\n{title}\n" in "\n" + said


def test_doctor_gives_plain_advice(chainrule, monkeypatch) -> None:
    monkeypatch.setattr(doctor, "TEST_SECONDS", 0.02)
    monkeypatch.setattr(doctor, "available_processors", lambda: 1)
    cr.config.threads = 3
    cr.config.data_folder = Path("nowhere")
    Path("file").write_text("")
    cr.config.cache_folder = Path("file") / "cache"
    advice = json.loads(chainrule("doctor", "--json").stdout)["advice"]
    assert "3 threads on 1 cores is slow: set CHAINRULE_THREADS=1." in advice
    assert "CHAINRULE_DATA names nowhere, which does not exist." in advice
    assert any("set CHAINRULE_CACHE to a folder that is" in each for each in advice)


@pytest.mark.parametrize(
    ("default", "code"), [("numpy", 0), ("native", 0), ("lame", 1)]
)
def test_doctor_fails_only_where_the_default_engine_does(
    chainrule, monkeypatch, default, code
) -> None:
    monkeypatch.setattr(doctor, "TEST_SECONDS", 0.02)
    monkeypatch.setitem(registry.ENGINES, "lame", "chainrule.engines.lame")
    cr.config.engine = default
    result = chainrule("doctor")
    assert result.exit_code == code
    assert "! the engine 'lame' does not work: ModuleNotFoundError" in result.stdout


def test_a_second_run_in_the_same_second_gets_another_folder(
    chainrule, monkeypatch
) -> None:
    monkeypatch.setattr(run_folder.time, "strftime", lambda form: "20260131-120000")
    names = [str(run_folder.RunFolder.create("iris", None)) for _ in range(3)]
    assert names == [f"runs/iris-20260131-120000{end}" for end in ("", "-2", "-3")]
