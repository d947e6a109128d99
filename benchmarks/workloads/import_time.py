"""Seconds that the import statement takes in a Python that has imported nothing."""

from __future__ import annotations

SUMMARY = "the import of the package, in a fresh Python"
MEASURE = "process"
TIMED = "inside"
MOST_ROUNDS = 5

#: Peer → what its users import before their first line of work.
PEERS = {
    "chainrule": "import chainrule",
    "torch-eager": "import torch",
    "jax": "import jax, jax.numpy, optax",
    "keras-fit": "import keras",
    "sklearn": "import sklearn.neural_network",
}


def program(peer: str) -> str:
    """A program that times the import and prints the seconds."""
    return (
        "import json, time\n"
        "start = time.perf_counter()\n"
        f"{PEERS[peer]}\n"
        "print(json.dumps({'seconds': time.perf_counter() - start}))\n"
    )
