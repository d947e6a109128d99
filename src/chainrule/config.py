"""The few settings, and the only reader of the environment.

Place on the road: below everything. A setting is read where it is used, so a change
takes effect at once. Each has an environment variable, read when the package is
imported.

    ================  =====================  ========================================
    setting           environment            meaning
    ================  =====================  ========================================
    ``dtype``         ``CHAINRULE_DTYPE``    the dtype of Python floats: float32
                                             (default) or float64
    ``engine``        ``CHAINRULE_ENGINE``   the engine of ``cr.compile``
    ``threads``       ``CHAINRULE_THREADS``  threads an engine may use; default: the
                                             processors this process may run on
    ``cache_folder``  ``CHAINRULE_CACHE``    downloaded data and compiled code
    ``data_folder``   ``CHAINRULE_DATA``     a folder of data sets, looked into first
    ``debug``         ``CHAINRULE_DEBUG``    1: verify the graph after every compiler
                                             pass
    ================  =====================  ========================================
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from .errors import ArgumentError, unknown_option


def available_processors() -> int:
    """How many processors this process may use: its affinity mask and cgroup quota."""
    try:
        processors = len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        processors = os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            processors = min(processors, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass
    return processors


def default_cache_folder() -> Path:
    """The user's cache folder, ``$XDG_CACHE_HOME/chainrule`` or the like."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "chainrule"


def _folder(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value).expanduser() if value else None


def _positive_integer(name: str, value: str | None, default: int) -> int:
    if value is None or value == "":
        return default
    if not value.isdigit() or int(value) < 1:
        raise ArgumentError(f"{name}={value!r}: expected a whole number of at least 1")
    return int(value)


@dataclass
class Config:
    """The settings of this process; the one instance is ``chainrule.config``.

    Example:
        >>> import chainrule as cr
        >>> cr.config.dtype
        'float32'
    """

    dtype: str = field(
        default_factory=lambda: os.environ.get("CHAINRULE_DTYPE", "float32")
    )
    engine: str = field(
        default_factory=lambda: os.environ.get("CHAINRULE_ENGINE", "numpy")
    )
    threads: int = field(
        default_factory=lambda: _positive_integer(
            "CHAINRULE_THREADS",
            os.environ.get("CHAINRULE_THREADS"),
            available_processors(),
        )
    )
    cache_folder: Path = field(
        default_factory=lambda: _folder("CHAINRULE_CACHE") or default_cache_folder()
    )
    data_folder: Path | None = field(default_factory=lambda: _folder("CHAINRULE_DATA"))
    debug: bool = field(
        default_factory=lambda: os.environ.get("CHAINRULE_DEBUG", "0") not in ("", "0")
    )

    def __setattr__(self, name: str, value: Any) -> None:
        names = [setting.name for setting in fields(self)]
        if name not in names:
            raise unknown_option("setting", name, names)
        if name == "dtype" and value not in ("float32", "float64"):
            raise unknown_option("default dtype", value, ["float32", "float64"])
        if name == "threads" and (not isinstance(value, int) or value < 1):
            raise ArgumentError(
                f"threads: {value!r}: expected a whole number of at least 1"
            )
        object.__setattr__(self, name, value)


config = Config()
