"""The LLVM text of many programs, in files, to compare two versions of the engine.

    python -m tests.engines.native.llvm_text before
    …a change that must not touch the generated code…
    python -m tests.engines.native.llvm_text after
    diff -r before after

The programs are those of all benchmarks that time a step, and random programs and
networks, for the processor at hand and for one with shorter vectors. Nothing is
compiled or run: LLVM's parser is replaced by one that records the text and returns
functions that do nothing. The results of the programs therefore mean nothing; the whole
takes two minutes.
"""

from __future__ import annotations

import argparse
import functools
import random
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numpy as np

import chainrule as cr
from benchmarks import workloads
from chainrule.config import config
from chainrule.errors import NumericsError
from tests.engines.native import random_networks, random_programs

#: A function that other modules can see: its result type, name and argument types.
FUNCTION = re.compile(r'^define (?!internal)([^@]+?) @"?([^"(]+)"?\(([^)]*)\)', re.M)
#: Values of ``config.processor`` that the text is written for.
PROCESSORS = ("host", "avx2")


def without_bodies(text: str) -> str:
    """A module with the same visible functions, which return zero at once."""
    stubs = []
    for result, name, arguments in FUNCTION.findall(text):
        value = "void" if result == "void" else f"{result} zeroinitializer"
        types = ", ".join(each.split()[0] for each in arguments.split(",") if each)
        stubs.append(f'define {result} @"{name}"({types}) {{\n  ret {value}\n}}\n')
    return "\n".join(stubs)


@contextmanager
def recorded() -> Iterator[list[str]]:
    """Collects the text of every module handed to LLVM, without compiling it."""
    texts: list[str] = []
    parse = llvm.parse_assembly

    def parse_recorded(text: str, context: Any = None) -> Any:
        if not text:  # MCJIT wants a module to begin with
            return parse(text, context)
        texts.append(text)
        return parse(without_bodies(text), context)

    before = config.cache_folder
    llvm.parse_assembly = parse_recorded
    try:
        with tempfile.TemporaryDirectory() as empty:
            config.cache_folder = Path(empty)
            yield texts
    finally:
        llvm.parse_assembly = parse
        config.cache_folder = before


def benchmark_programs() -> Iterator[tuple[str, Callable[[], object]]]:
    """A name, and a function that compiles the programs, for each case of each step."""
    for name in workloads.WORKLOADS:
        workload = workloads.load(name)
        if workload.MEASURE != "step" or "chainrule" not in workload.BUILDERS:
            continue
        if getattr(workload, "missing", lambda: None)():
            continue  # it needs a data set that is not here
        for case in workloads.cases(workload):
            compile_them = functools.partial(one_pass, workload, case)
            yield f"{name} {case}".strip(), compile_them


def one_pass(workload: Any, case: str) -> None:
    """Builds a workload in chainrule, and calls what it has compiled."""
    cr.manual_seed(0)
    work = workload.BUILDERS["chainrule"](workloads.problem(workload, case))
    work(1)


def random_program(seed: int) -> None:
    """Compiles a random program, and its backward pass where the seed says so."""
    random_programs.differences(seed)


def random_network(seed: int) -> None:
    """Compiles a training step of a random network."""
    dtype = random.Random(~seed).choice(["float32", "float64"])
    random_networks.results(seed, dtype, "native")


def programs(count: int) -> Iterator[tuple[str, Callable[[], object]]]:
    """All programs, ``count`` random ones of each sort among them."""
    yield from benchmark_programs()
    for seed in range(count):
        yield f"random program {seed}", functools.partial(random_program, seed)
        yield f"random network {seed}", functools.partial(random_network, seed)


def write(folder: Path, count: int) -> int:
    """One file of LLVM text a program and processor; returns how many were written."""
    # The pool of threads is compiled once, for real, before anything is recorded.
    config.threads = 2
    square = cr.tensor(np.ones((512, 512), np.float32))
    cr.compile(lambda x: x @ x, engine="native")(square)
    config.engine, written = "native", 0
    for processor in PROCESSORS:
        config.processor = processor
        target = folder / processor
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name, compile_them in programs(count):
            config.dtype = "float32"
            # Some notice that nothing was computed, once all is compiled.
            with (
                recorded() as texts,
                np.errstate(all="ignore"),
                suppress(NumericsError),
            ):
                compile_them()
            path = target / f"{re.sub(r'[^0-9A-Za-z]+', '-', name)}.ll"
            path.write_text("\n".join(texts), encoding="utf-8")
            written += 1
    return written


def main() -> None:
    """Reads the arguments, and writes the files."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.engines.native.llvm_text",
        description="Write the LLVM text of many programs, to compare two versions.",
    )
    parser.add_argument("folder", type=Path, help="where the files go")
    parser.add_argument(
        "--random", type=int, default=100, help="random programs and networks of each"
    )
    options = parser.parse_args()
    count = write(options.folder, options.random)
    sys.stdout.write(f"{count} files in {options.folder}\n")


if __name__ == "__main__":
    main()
