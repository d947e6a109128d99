"""The workloads, one file each, and the peers that may run them.

A workload module offers ``SUMMARY`` (a line), ``MEASURE`` ("step" or "process"), and

- for "step": ``problem(batches)``, the common work, and ``BUILDERS``: peer → a function
  that builds the network from the problem's own initial weights and answers ``train``.
  that builds the network from the problem's initial weights and answers ``train``.
  the mean loss of each pass. It returns when all work is done.
- for "process": ``program(peer)``, the source of a program that prints one JSON line,
  ``PEERS``, who takes part, and ``TIMED``: "inside" where that line says the seconds,
  "outside" where the time from starting the process to that line is measured.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType

Train = Callable[[int], list[float]]

#: Workload → its module.
WORKLOADS: dict[str, str] = {
    "mlp-tiny": "mlp_tiny",
    "mlp-mnist": "mlp_mnist",
    "import": "import_time",
    "cold-start": "cold_start",
}

#: Peer → the packages without which it is skipped.
PEERS: dict[str, tuple[str, ...]] = {
    "chainrule": ("chainrule",),
    "chainrule-eager": ("chainrule",),
    "torch-eager": ("torch",),
    "torch-compile": ("torch",),
    "jax": ("jax", "optax"),
    "jax-scan": ("jax", "optax"),
    "keras-fit": ("keras", "tensorflow"),
    "keras-step": ("keras", "tensorflow"),
    "sklearn": ("sklearn",),
}


def load(name: str) -> ModuleType:
    """The module of a workload."""
    return importlib.import_module(f"{__name__}.{WORKLOADS[name]}")


def takes_part(workload: ModuleType) -> list[str]:
    """The peers that a workload has a program for, in the order of ``PEERS``."""
    programs = workload.BUILDERS if workload.MEASURE == "step" else workload.PEERS
    return [peer for peer in PEERS if peer in programs]
