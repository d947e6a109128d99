"""What tests start from: quiet threads, repeatable examples, untouched settings."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

# Before NumPy is imported: workers of one machine share its processors.
if "PYTEST_XDIST_WORKER" in os.environ:
    for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(_variable, "1")
os.environ.setdefault("MPLBACKEND", "Agg")  # no test opens a window
if "PYTEST_XDIST_WORKER" not in os.environ:  # workers share the first one's
    _cache = tempfile.mkdtemp(prefix="chainrule-tests-")
    os.environ["CHAINRULE_CACHE"] = _cache
    atexit.register(shutil.rmtree, _cache, ignore_errors=True)
if "PYTHONPATH" in os.environ:  # programs that tests start run in folders of their own
    _folders = os.environ["PYTHONPATH"].split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, _folders))

import hypothesis
import pytest

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as of a shell's job behind "&"
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Nothing is thrown away while tests are collected, nor are they later: the garbage
    collector need not look at them again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


hypothesis.settings.register_profile(
    "project", deadline=None, derandomize=bool(os.environ.get("CI")), database=None
)
hypothesis.settings.load_profile("project")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that holds pyproject.toml."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data sets, ``$CHAINRULE_DATA``; a test skips without it."""
    folder = os.environ.get("CHAINRULE_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("CHAINRULE_DATA names no folder of data sets")
    return Path(folder)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Settings that a test or its fixtures change in ``chainrule.config`` are put back
    after it: also those that a command has set which a fixture of a module runs."""
    from chainrule.config import config

    before = dict(vars(config))
    try:
        return (yield)
    finally:
        for name, value in before.items():
            setattr(config, name, value)


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that tokenizers are asked for, in their order."""
    from chainrule import data

    asked: list[str] = []
    for kind in (data.Characters, data.Words):

        def encode(self: Any, text: str, true: Any = kind.encode) -> Any:
            asked.append(text)
            return true(self, text)

        monkeypatch.setattr(kind, "encode", encode)
    return asked
