"""What the tests of the data room share: folders of its own for every test."""

from collections.abc import Callable
from pathlib import Path

import pytest

from chainrule.config import config


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder that starts empty, so that no test depends on an earlier one."""
    monkeypatch.setattr(config, "cache_folder", tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def real_data() -> Path:
    """The folder of real data sets; the test is skipped where there is none."""
    if config.data_folder is None or not config.data_folder.is_dir():
        pytest.skip("CHAINRULE_DATA is not set")
    return config.data_folder


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """write(content) puts text or bytes into a file ``t.csv`` and answers its path."""

    def write_file(content: str | bytes, name: str = "t.csv") -> Path:
        path = tmp_path / name
        raw = content.encode() if isinstance(content, str) else content
        path.write_bytes(raw)
        return path

    return write_file
