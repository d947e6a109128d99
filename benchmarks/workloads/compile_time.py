"""How long the first step of ``mlp-mnist`` takes: to trace, compile, and run it once.

Imports of the library and making the network come before and do not count; what the
library imports only to compile does. "cold" begins with empty caches; "from cache" is a
second process with what the first has left on disk.
"""

from __future__ import annotations

SUMMARY = "the first step of mlp-mnist in a fresh process: compiling"
MEASURE = "process"
TIMED = "inside"
MOST_ROUNDS = 5
CASES = ("cold", "from cache")
WARM = ("from cache",)
PEERS = ("chainrule", "torch-compile", "jax", "keras-step")


def program(peer: str, case: str) -> str:
    """A program that times its first step and prints the seconds and the loss.

    JAX is told to keep what it compiles, which it does not by itself.
    """
    return (
        "import json, os, time\n"
        "from benchmarks.workloads import mlp_mnist\n"
        "os.environ['JAX_COMPILATION_CACHE_DIR'] = os.environ['CHAINRULE_CACHE']\n"
        "os.environ['JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS'] = '0'\n"
        "os.environ['JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES'] = '-1'\n"
        f"train = mlp_mnist.BUILDERS[{peer!r}](mlp_mnist.problem(batches=1))\n"
        "start = time.perf_counter()\n"
        "losses = train(1)\n"
        "seconds = time.perf_counter() - start\n"
        "print(json.dumps({'seconds': seconds, 'losses': losses}), flush=True)\n"
    )
