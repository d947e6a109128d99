"""From starting Python to the end of the first training step, with empty caches.

The step is the one of ``mlp-mnist``; what every peer pays alike (Python's start, NumPy,
making the batch) is part of it, as it is for a user who runs a script.
"""

from __future__ import annotations

from . import mlp_mnist

SUMMARY = "process start to the end of the first step of mlp-mnist, caches empty"
MEASURE = "process"
TIMED = "outside"
MOST_ROUNDS = 3
PEERS = tuple(mlp_mnist.BUILDERS)


def program(peer: str) -> str:
    """A program that takes one step and prints its loss."""
    return (
        "import json\n"
        "from benchmarks.workloads import mlp_mnist\n"
        f"train = mlp_mnist.BUILDERS[{peer!r}](mlp_mnist.problem(batches=1))\n"
        "print(json.dumps({'losses': train(1)}), flush=True)\n"
    )
