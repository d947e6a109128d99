"""How long the first step of a network takes: to trace, compile, and run it once.

Imports of the library and making the network come before and do not count; what the
library imports only to compile does. "cold" begins with empty caches; "from cache" is a
second process with what the first has left on disk.
"""

from __future__ import annotations

from . import WORKLOADS

SUMMARY = "the first step of a network in a fresh process: compiling"
MEASURE = "process"
TIMED = "inside"
MOST_ROUNDS = 5
TOLERANCE = 1e-3  # that of the deepest network
NETWORKS = ("mlp-mnist", "lenet", "lstm", "resnet", "gpt")
COLD = tuple(f"{name}, cold" for name in NETWORKS)
WARM = tuple(f"{name}, from cache" for name in NETWORKS)
CASES = tuple(each for pair in zip(COLD, WARM, strict=True) for each in pair)
PEERS = ("chainrule", "torch-compile", "jax", "keras-step")


def program(peer: str, case: str) -> str:
    """A program that times its first step and prints the seconds and the loss.

    JAX is told to keep what it compiles, which it does not by itself.
    """
    module = WORKLOADS[case.split(",")[0]]
    return (
        "import dataclasses, json, os, sys, time\n"
        f"from benchmarks.workloads import {module} as workload\n"
        "os.environ['JAX_COMPILATION_CACHE_DIR'] = os.environ['CHAINRULE_CACHE']\n"
        "os.environ['JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS'] = '0'\n"
        "os.environ['JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES'] = '-1'\n"
        f"if {peer!r} not in workload.BUILDERS:\n"
        "    sys.exit('no such program')\n"
        "work = workload.problem()\n"
        "first = {'inputs': work.inputs[:1], 'targets': work.targets[:1]}\n"
        "work = dataclasses.replace(work, **first)\n"
        f"train = workload.BUILDERS[{peer!r}](work)\n"
        "start = time.perf_counter()\n"
        "losses = train(1)\n"
        "seconds = time.perf_counter() - start\n"
        "print(json.dumps({'seconds': seconds, 'losses': losses}), flush=True)\n"
    )
