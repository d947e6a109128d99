"""``chainrule doctor``: what this machine offers, and what is wrong.

Place on the road: a command. Each function examines one thing and returns a section:
what it found, and advice where something is wrong. It changes nothing.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np

from .. import __version__
from ..config import available_processors, config
from ..errors import ChainruleError
from ..recompilation import entries
from ..training.environment import processor_name, version_of
from .application import Command
from .terminal import Terminal, columns

EXAMPLES = """
Examples:
  chainrule doctor                     look at everything, with a test step
  chainrule doctor --json > report     attach it to a report
"""

BASE = (
    *("numpy", "llvmlite", "scipy", "scikit-learn", "matplotlib", "rich"),
    *("click", "safetensors"),
)

#: Optional packages, and what each is for.
OPTIONAL = {
    "jax": "the XLA engine: GPUs, TPUs",
    "pyarrow": "large CSV files, Parquet files",
    "python-calamine": "Excel workbooks",
    "pandas": "pandas frames",
    "polars": "Polars frames",
    "onnx": "models for and from other programs",
}

TEST_SECONDS, PRODUCT_SECONDS = 1.0, 0.2
SMALLEST_FREE_SPACE = 1 << 30


@dataclass
class Section:
    """The findings on one subject.

    Arguments:
        title: of the thing.
        facts: name ↦ value.
        advice: sentences on what should be changed.
        broken: whether something does not work at all.
    """

    title: str
    facts: dict[str, Any] = field(default_factory=dict)
    advice: list[str] = field(default_factory=list)
    broken: bool = False


@click.command("doctor", cls=Command, epilog=EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> int:
    """Check the installation: versions, processor, threads, engines, folders.

    Every engine runs a training step for a second, and its result is compared with
    one worked out in NumPy. The exit code is 1 where something does not work.
    """
    terminal = Terminal(json=as_json)
    sections = []
    for look in LOOKS:
        section = look()
        sections.append(section)
        facts = [(name, _shown(value)) for name, value in section.facts.items()]
        terminal.result(section.title, *columns(facts))
    advice = [sentence for section in sections for sentence in section.advice]
    broken = any(section.broken for section in sections)
    terminal.result("", *(f"! {sentence}" for sentence in advice))
    if not advice:
        terminal.result("All is well.")
    terminal.finish(
        {section.title: section.facts for section in sections}
        | {"advice": advice, "works": not broken}
    )
    return int(broken)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(each)}" for name, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _versions() -> Section:
    section = Section("versions")
    section.facts = {
        "chainrule": __version__,
        "python": f"{platform.python_version()} {platform.python_implementation()}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }
    for package in BASE:
        version = version_of(package)
        section.facts[package] = version or "missing"
        if version is None:
            section.broken = True
            section.advice.append(f"pip install {package}: chainrule needs it.")
    return section


def _processor() -> Section:
    built: dict[str, Any] = np.show_config(mode="dicts")  # type: ignore[assignment]
    vectors = built.get("SIMD Extensions", {})
    return Section(
        "processor",
        {
            "name": processor_name(),
            "vector extensions": vectors.get("baseline", []) + vectors.get("found", []),
            "memory": _gigabytes(_memory()),
        },
    )


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def _gigabytes(size: int | None) -> str:
    return "unknown" if size is None else f"{size / (1 << 30):.1f} GB"


def _threads() -> Section:
    import threadpoolctl

    present = os.cpu_count() or 1
    usable = available_processors()
    section = Section("threads")
    section.facts = {
        "cores of the machine": present,
        "cores this process may use": usable,
        "chainrule uses": config.threads,
    }
    for pool in threadpoolctl.threadpool_info():
        name = f"{pool.get('internal_api', '?')} {pool.get('version') or ''}".strip()
        section.facts[name] = f"{pool['num_threads']} threads"
        if pool.get("user_api") == "blas" and pool["num_threads"] > usable:
            section.advice.append(
                f"{name} would run {pool['num_threads']} threads on {usable} cores, "
                f"which is slow: set OMP_NUM_THREADS={usable}."
            )
    if config.threads > usable:
        section.advice.append(
            f"{config.threads} threads on {usable} cores is slow: "
            f"set CHAINRULE_THREADS={usable}."
        )
    return section


def _engines() -> Section:
    from ..compiler.registry import ENGINES

    section = Section("engines")
    for name in sorted(ENGINES, key=lambda each: each != config.engine):
        default = ", the default" if name == config.engine else ""
        try:
            steps = _steps_per_second(name)
        except Exception as error:  # noqa: BLE001 - whatever an engine does is reported
            what = error.what if isinstance(error, ChainruleError) else error
            sentence = " ".join(f"{type(error).__name__}: {what}".split())
            section.facts[name] = f"does not work{default}: {sentence}"
            section.advice.append(f"the engine {name!r} does not work: {sentence}")
            section.broken |= name == config.engine
        else:
            section.facts[name] = f"works{default}: {steps:.0f} training steps a second"
    if config.engine not in ENGINES:
        section.broken = True
        section.advice.append(
            f"the engine {config.engine!r} that CHAINRULE_ENGINE names does not exist; "
            f"there are: {', '.join(ENGINES)}."
        )
    return section


def _steps_per_second(engine: str) -> float:
    """Trains 64-64-10 on batches of 32 for a second, the first step checked.

    Raises:
        ArithmeticError: the loss is not the one that NumPy arithmetic gives.
    """
    import chainrule as cr

    source = np.random.default_rng(0)
    x = source.normal(size=(32, 64)).astype(np.float32)
    y = source.normal(size=(32, 10)).astype(np.float32)
    arrays = [source.normal(size=shape) / 8 for shape in ((64, 64), (64, 10))]
    w1, w2 = (cr.parameter(array.astype(np.float32)) for array in arrays)

    def train(x: Any, y: Any) -> Any:
        error = cr.tanh(x @ w1) @ w2 - y
        loss = (error * error).mean()
        grads = cr.backprop(loss)
        for weight in (w1, w2):
            weight.assign(weight - 0.01 * grads[weight])
        return loss

    step = cr.compile(train, engine=engine)
    expected = np.mean((np.tanh(x @ w1.numpy()) @ w2.numpy() - y) ** 2)
    first = step(x, y).item()
    if not abs(first - expected) <= 1e-4 * expected:
        raise ArithmeticError(f"a loss of {first:.6g} where {expected:.6g} is right")
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < TEST_SECONDS:
        step(x, y)
        count += 1
    return count / (time.perf_counter() - start)


def _products() -> Section:
    """How fast matrices are multiplied in each precision of factors."""
    section = Section("products")
    for precision in ("float32", "bfloat16"):
        try:
            rate = _operations_per_second(precision)
        except Exception as error:  # noqa: BLE001 - the engines' section says more
            section.facts[precision] = f"does not work: {type(error).__name__}"
        else:
            section.facts[precision] = f"{rate / 1e9:.0f} GFLOP/s"
    return section


def _operations_per_second(precision: str) -> float:
    """The best rate of a product of matrices of 512 × 512 numbers."""
    import chainrule as cr

    n = 512
    product = cr.compile(lambda a, b: a @ b, precision=precision)
    a = np.random.default_rng(0).normal(size=(n, n)).astype(np.float32)
    product(a, a)
    least, end = np.inf, time.perf_counter() + PRODUCT_SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter()
        product(a, a)
        least = min(least, time.perf_counter() - start)
    return 2.0 * n**3 / least


def _trials() -> Section:
    """What the default engine has found out about this processor."""
    from ..compiler.registry import engine_named

    section = Section("trials")
    try:
        found = engine_named(config.engine).trials()
    except Exception as error:  # noqa: BLE001 - the engines' section says more
        found = {"none": f"they do not work: {type(error).__name__}"}
    section.facts = dict(found) or {"none": "the engine makes none, or may not"}
    return section


def _folders() -> Section:
    section = Section("folders")
    cache = config.cache_folder
    code, most = _size(entries.folder()), config.cache_bytes
    section.facts["cache"] = (
        f"{cache}, {_gigabytes(_size(cache))} in use, of which compiled code "
        f"{_gigabytes(code)} of at most {_gigabytes(most)}"
    )
    if not _is_writable(cache):
        section.facts["cache"] = f"{cache}, not writable"
        section.advice.append(
            f"the cache folder {cache} is not writable, so nothing is kept: "
            "set CHAINRULE_CACHE to a folder that is."
        )
    if config.data_folder is None:
        section.facts["data"] = "none named by CHAINRULE_DATA; the cache is used"
    elif config.data_folder.is_dir():
        section.facts["data"] = str(config.data_folder)
    else:
        section.facts["data"] = f"{config.data_folder}, which does not exist"
        section.advice.append(
            f"CHAINRULE_DATA names {config.data_folder}, which does not exist."
        )
    free = shutil.disk_usage(Path.cwd()).free
    section.facts["free space here"] = _gigabytes(free)
    if free < SMALLEST_FREE_SPACE:
        section.advice.append(
            f"only {_gigabytes(free)} are free in this folder, where runs are kept."
        )
    return section


def _size(folder: Path) -> int:
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # another process has just removed it
                total += os.lstat(os.path.join(path, name)).st_size
    return total


def _is_writable(folder: Path) -> bool:
    """Whether a file can be made there; a folder that is missing can be made later."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _optional() -> Section:
    section = Section("optional packages")
    for package, purpose in OPTIONAL.items():
        version = version_of(package)
        section.facts[package] = f"{version or 'not installed'}, for {purpose}"
    if not sys.flags.utf8_mode and sys.stdout.encoding.lower() not in ("utf-8", "utf8"):
        section.advice.append(
            f"this terminal's encoding is {sys.stdout.encoding}: signs such as ∂ may "
            "not show; set PYTHONUTF8=1."
        )
    return section


#: All that is looked at, in order.
LOOKS = (
    _versions,
    _processor,
    _threads,
    _engines,
    _products,
    _trials,
    _folders,
    _optional,
)
