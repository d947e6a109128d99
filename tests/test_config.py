"""Settings: what the environment may say, and when a wrong value is an error."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import chainrule as cr
from chainrule.config import READERS, Config, config
from chainrule.errors import ArgumentError, OptionError


@pytest.mark.parametrize(
    ("variable", "value", "setting", "what", "fix"),
    [
        (
            "CHAINRULE_THREADS", wrong, "threads",
            f"CHAINRULE_THREADS={wrong!r}: expected a whole number of at least 1",
            "unset CHAINRULE_THREADS",
        )
        for wrong in ("0", "-1", "abc", "2.5", "²")
    ]
    + [
        (
            "CHAINRULE_CACHE_BYTES", wrong, "cache_bytes",
            f"CHAINRULE_CACHE_BYTES={wrong!r}: expected a whole number of at least 0",
            "unset CHAINRULE_CACHE_BYTES",
        )
        for wrong in ("-1", "1 GB", "1e9")
    ]
    + [
        (
            "CHAINRULE_DTYPE", "flaot64", "dtype",
            "unknown CHAINRULE_DTYPE 'flaot64': expected one of 'float32', 'float64'",
            "did you mean 'float64'?",
        ),
    ],
)  # fmt: skip
def test_a_wrong_value_in_the_environment_is_an_error_where_it_is_used(
    variable: str,
    value: str,
    setting: str,
    what: str,
    fix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, value)
    config = Config()
    with pytest.raises(ArgumentError) as caught:
        getattr(config, setting)
    assert (caught.value.what, caught.value.fix) == (what, fix)
    assert setting not in repr(config)
    right = {"threads": 2, "cache_bytes": 0, "dtype": "float64"}[setting]
    setattr(config, setting, right)
    assert getattr(config, setting) == right


def test_a_setting_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINRULE_THREADS", "3")
    monkeypatch.setenv("CHAINRULE_DTYPE", "float64")
    monkeypatch.setenv("CHAINRULE_CACHE", "~/here")
    monkeypatch.setenv("CHAINRULE_CACHE_BYTES", "0")
    config = Config()
    assert (config.threads, config.dtype) == (3, "float64")
    assert config.cache_bytes == 0
    assert config.cache_folder == Path("~/here").expanduser()
    assert set(vars(config)) == set(READERS)


def test_compiled_code_takes_a_gibibyte_at_most_unless_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CHAINRULE_CACHE_BYTES", raising=False)
    assert Config().cache_bytes == 1 << 30


@pytest.mark.parametrize(
    ("setting", "wrong", "least"),
    [("threads", 0, 1), ("cache_bytes", -1, 0), ("cache_bytes", 1e9, 0)],
)
def test_a_wrong_number_is_an_error(setting: str, wrong: object, least: int) -> None:
    with pytest.raises(ArgumentError) as caught:
        setattr(config, setting, wrong)
    what = f"{setting}: {wrong!r}: expected a whole number of at least {least}"
    assert caught.value.what == what


def test_a_folder_may_be_named_by_a_string() -> None:
    for name in ("cache_folder", "data_folder"):
        with cr.config.using(**{name: "~/somewhere"}):
            assert getattr(cr.config, name) == Path.home() / "somewhere"
        with pytest.raises(ArgumentError, match=f"{name}: 3: expected a path"):
            setattr(cr.config, name, 3)


def test_a_setting_that_does_not_exist_is_no_attribute() -> None:
    assert not hasattr(cr.config, "thread")
    with pytest.raises(OptionError, match="did you mean 'threads'"):
        cr.config.thread = 3


@pytest.mark.parametrize("variable", ["CHAINRULE_THREADS", "CHAINRULE_DTYPE"])
def test_the_command_says_a_wrong_value_in_one_sentence(
    variable: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "chainrule", "train", "--epochs", "1"],
        env={**os.environ, variable: "x"},
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 2
    assert variable in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert "Traceback" not in done.stderr


def test_a_user_without_a_home_has_no_cache_and_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("CHAINRULE_CACHE", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(OSError, match="Not a directory"):
        Config().cache_folder.mkdir(parents=True)


def test_every_change_of_a_setting_leaves_another_object() -> None:
    config = Config()
    seen = [config.last_change]
    for change in ({"dtype": "float64"}, {"threads": 1}, {"threads": 1}):
        for name, value in change.items():
            setattr(config, name, value)
        assert all(config.last_change is not before for before in seen)
        seen.append(config.last_change)
    assert config.dtype == "float64"
    assert config.last_change is seen[-1]  # reading is no change
    assert "last_change" not in repr(config)


def test_a_setting_that_was_wrong_and_is_put_right_is_a_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CHAINRULE_DTYPE", "x")
    config = Config()
    before = config.last_change
    monkeypatch.setenv("CHAINRULE_DTYPE", "float64")
    assert config.dtype == "float64"
    assert config.last_change is not before
    monkeypatch.setenv("CHAINRULE_DTYPE", "float32")
    assert config.dtype == "float64"  # read once


def test_settings_can_be_copied_and_pickled() -> None:
    config.threads = 3
    for copied in (copy.copy(config), pickle.loads(pickle.dumps(config))):
        assert vars(copied) == vars(config)
        copied.threads = 1
        assert copied.last_change is not config.last_change
    assert config.threads == 3


def test_a_setting_that_is_forgotten_is_read_again_and_noticed() -> None:
    step = cr.compile(lambda x: x + 0.5)
    config.dtype = "float64"
    assert step(1.0).dtype == "float64"
    del config.dtype
    assert step(1.0).dtype == "float32"


@pytest.mark.parametrize(
    ("shared", "threads"), [("1", 1), ("", 2), ("9", 2), ("2,1", 2), ("0", 2)]
)
def test_threads_keep_to_the_limit_that_libraries_share(
    monkeypatch: pytest.MonkeyPatch, shared: str, threads: int
) -> None:
    module = sys.modules["chainrule.config"]
    monkeypatch.setattr(module, "available_processors", lambda: 2)
    monkeypatch.delenv("CHAINRULE_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", shared)
    assert READERS["threads"]() == threads
    monkeypatch.setenv("CHAINRULE_THREADS", "5")
    assert READERS["threads"]() == 5
