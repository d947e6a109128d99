"""The few settings, and the only reader of the environment.

Place on the road: below everything. A setting is read where it is used, so a change
takes effect at once. Each has an environment variable, read when the package is
imported.

    ================  =======================  ======================================
    setting           environment              meaning
    ================  =======================  ======================================
    ``dtype``         ``CHAINRULE_DTYPE``      the dtype of Python floats: float32
                                               (default) or float64
    ``precision``     ``CHAINRULE_PRECISION``  of the factors of products that
                                               ``cr.compile`` compiles: float32
                                               (default), bfloat16 with sums in
                                               float32 (mixed precision), bfloat16x3
                                               or bfloat16x6, float32 as a sum of these
    ``engine``        ``CHAINRULE_ENGINE``     the engine of ``cr.compile``
    ``threads``       ``CHAINRULE_THREADS``    threads an engine may use; default: the
                                               processors this process may run on, or
                                               ``OMP_NUM_THREADS`` where that is fewer
    ``processor``     ``CHAINRULE_PROCESSOR``  what native code is written for: "host"
                                               (default), this processor; "baseline",
                                               any of its architecture; on x86 also
                                               "avx2" and "avx512"
    ``cache_folder``  ``CHAINRULE_CACHE``      downloaded data and compiled code
    ``cache_bytes``   ``CHAINRULE_CACHE_       the most that compiled code may take on
                      BYTES``                  disk: 1 GiB (default); what was not used
                                               for longest makes room. 0: none is kept
    ``data_folder``   ``CHAINRULE_DATA``       a folder of data sets, looked into first
    ``trials``        ``CHAINRULE_TRIALS``     0: what this processor gains by is not
                                               tried out, at most once on a machine
    ``debug``         ``CHAINRULE_DEBUG``      1: verify the graph after every compiler
                                               pass, and check what native code reads
                                               and writes
    ``check_          ``CHAINRULE_CHECK_       1: a NaN or infinity that a compiled call
    numerics``        NUMERICS``               makes is an error naming the operation
    ================  =======================  ======================================
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ArgumentError, unknown_option

DTYPES = ("float32", "float64")
PRECISIONS = ("float32", "bfloat16", "bfloat16x3", "bfloat16x6")
PROCESSORS = ("host", "baseline", "avx2", "avx512")
CACHE_BYTES = 1 << 30


def available_processors() -> int:
    """How many processors this process may use: its affinity mask and cgroup quota."""
    try:
        processors = len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        processors = os.cpu_count() or 1
    with suppress(OSError, ValueError):  # no such file, or "max": no quota
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        processors = min(processors, max(1, int(quota) // int(period)))
    return processors


def default_cache_folder() -> Path:
    """The user's cache folder, ``$XDG_CACHE_HOME/chainrule`` or the like."""
    base = os.environ.get("XDG_CACHE_HOME")
    if base:
        return Path(base) / "chainrule"
    try:
        return Path.home() / ".cache" / "chainrule"
    except RuntimeError:  # the user has no home folder: no cache until one is set
        return Path(os.devnull) / "chainrule"


def _threads(variable: str) -> int:
    value = os.environ.get(variable)
    if not value:  # the limit that all libraries share, as joblib sets it in processes
        shared = os.environ.get("OMP_NUM_THREADS", "")
        most = int(shared) if shared.isdecimal() else 0
        return min(available_processors(), most or available_processors())
    return _whole(variable, value, least=1)


def _cache_bytes(variable: str) -> int:
    value = os.environ.get(variable)
    return _whole(variable, value, least=0) if value else CACHE_BYTES


def _whole(variable: str, value: str, least: int) -> int:
    if not (value.isascii() and value.isdigit() and int(value) >= least):
        raise ArgumentError(
            f"{variable}={value!r}: expected a whole number of at least {least}",
            fix=f"unset {variable}",
        )
    return int(value)


def _choice(variable: str, choices: tuple[str, ...]) -> str:
    value = os.environ.get(variable) or choices[0]
    if value not in choices:
        raise unknown_option(variable, value, choices)
    return value


def _folder(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value).expanduser() if value else None


#: setting → what reads it from the environment
READERS: dict[str, Callable[[], Any]] = {
    "dtype": lambda: _choice("CHAINRULE_DTYPE", DTYPES),
    "precision": lambda: _choice("CHAINRULE_PRECISION", PRECISIONS),
    "engine": lambda: os.environ.get("CHAINRULE_ENGINE") or "native",
    "threads": lambda: _threads("CHAINRULE_THREADS"),
    "processor": lambda: _choice("CHAINRULE_PROCESSOR", PROCESSORS),
    "cache_folder": lambda: _folder("CHAINRULE_CACHE") or default_cache_folder(),
    "cache_bytes": lambda: _cache_bytes("CHAINRULE_CACHE_BYTES"),
    "data_folder": lambda: _folder("CHAINRULE_DATA"),
    "trials": lambda: os.environ.get("CHAINRULE_TRIALS", "1") != "0",
    "debug": lambda: os.environ.get("CHAINRULE_DEBUG", "0") not in ("", "0"),
    "check_numerics": lambda: (
        os.environ.get("CHAINRULE_CHECK_NUMERICS", "0") not in ("", "0")
    ),
}
#: setting → the least of a whole number
LEAST = {"threads": 1, "cache_bytes": 0}


class Config:
    """The settings of this process; the one instance is ``chainrule.config``.

    A wrong value in the environment is an error where the setting is first used, so
    that ``import chainrule`` always works.

    Attributes:
        last_change: a new object after every change of a setting. Code that depends on
            several settings compares this object instead of all of them.

    Example:
        >>> import chainrule as cr
        >>> cr.config.dtype
        'float32'
    """

    __slots__ = ("__dict__", "last_change")

    dtype: str
    precision: str
    engine: str
    threads: int
    processor: str
    cache_folder: Path
    cache_bytes: int
    data_folder: Path | None
    trials: bool
    debug: bool
    check_numerics: bool
    last_change: object

    def __init__(self) -> None:
        object.__setattr__(self, "last_change", object())
        for name, read in READERS.items():
            with suppress(ArgumentError):
                setattr(self, name, read())

    if not TYPE_CHECKING:  # so that type checkers still find wrong names

        def __getattr__(self, name: str) -> Any:
            """Raises the error of a setting whose environment variable is invalid."""
            if name in READERS:
                setattr(self, name, READERS[name]())
                return vars(self)[name]
            raise AttributeError(f"no setting {name!r}", name=name, obj=self)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"Config({shown})"

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in READERS:
            raise unknown_option("setting", name, READERS)
        if name == "dtype" and value not in DTYPES:
            raise unknown_option("default dtype", value, DTYPES)
        if name == "precision" and value not in PRECISIONS:
            raise unknown_option("precision", value, PRECISIONS)
        if name == "processor" and value not in PROCESSORS:
            raise unknown_option("processor", value, PROCESSORS)
        least = LEAST.get(name)
        if least is not None and (not isinstance(value, int) or value < least):
            raise ArgumentError(
                f"{name}: {value!r}: expected a whole number of at least {least}"
            )
        if name.endswith("_folder") and value is not None:
            if not isinstance(value, str | os.PathLike):
                raise ArgumentError(f"{name}: {value!r}: expected a path")
            value = Path(value).expanduser()
        object.__setattr__(self, name, value)
        object.__setattr__(self, "last_change", object())

    def __delattr__(self, name: str) -> None:
        """Forgets a setting: it is read from the environment again."""
        object.__delattr__(self, name)
        object.__setattr__(self, "last_change", object())

    @contextmanager
    def using(self, **settings: Any) -> Iterator[None]:
        """Other settings for a while.

        Example:
            >>> import chainrule as cr
            >>> with cr.config.using(dtype="float64"):
            ...     cr.tensor(0.5).dtype
            dtype('float64')
        """
        before = {name: getattr(self, name) for name in settings}
        try:
            for name, value in settings.items():
                setattr(self, name, value)
            yield
        finally:
            for name, value in before.items():
                setattr(self, name, value)

    def __getstate__(self) -> dict[str, Any]:
        """The settings, for copies."""
        return dict(vars(self))

    def __setstate__(self, settings: dict[str, Any]) -> None:
        vars(self).update(settings)
        object.__setattr__(self, "last_change", object())


config = Config()
