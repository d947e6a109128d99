"""The workloads, one file each, and the peers that may run them.

A workload module offers ``SUMMARY`` (a line), ``MEASURE`` ("step" or "process"), and

- for "step": ``problem()``, the common work as a ``Problem``, and ``BUILDERS``: program
  → a function that makes everything ready for the problem and answers a ``Work``. The
  time of one step is measured.
- for "process": ``program(peer)``, the source of a program that prints one JSON object
  with the ``losses``, ``PEERS``, who takes part, and ``TIMED``: "inside" where that
  object says the ``seconds``, "outside" where the time from starting the process to
  that line is measured, "whole" where it is the time to the end of the process.

It may offer

- ``CASES``: names of variants, each measured for itself; ``problem(case)`` and
  ``program(peer, case)`` are then asked for them. ``WARM``: those of a "process" in
  which caches are kept, the others begin with empty ones.
- ``TOLERANCE``: how far the losses of two peers may lie apart, relative to the first.
- ``MOST_ROUNDS``: where one takes long.
- ``missing()``: why it cannot be run here, or None.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Protocol

#: Does its work so many times over, and answers the mean loss of each pass, where there
#: is one. It returns when all is done. An object that has a method ``losses`` is asked
#: by that what it computes.
Work = Callable[[int], list[float]]


class Problem(Protocol):
    """The work that all peers share, and what it costs at least."""

    @property
    def steps(self) -> int:
        """Steps in one pass."""

    def operations(self) -> int:
        """The multiplications and additions that a step cannot do without."""

    def traffic(self) -> tuple[int, int]:
        """The bytes that a step cannot do without: read, and written."""


@dataclass(frozen=True)
class Peer:
    """Who takes part.

    ``program`` is the name of what it runs, ``packages`` is what that needs,
    ``environment`` is what it is told on the way, and ``tolerance`` how far its losses
    may be from the others', where it computes less precisely.
    """

    program: str
    packages: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    tolerance: float = 0.0


def _chainrule(program: str = "chainrule", **environment: str) -> Peer:
    return Peer(program, ("chainrule",), environment)


#: Tells PyTorch's loops to compute products in bfloat16.
AUTOCAST = {"BENCHMARKS_AUTOCAST": "1"}
#: How far losses may lie apart where products are of bfloat16.
ROUGH = 0.02

#: Workload → its module.
WORKLOADS: dict[str, str] = {
    "mlp-tiny": "mlp_tiny",
    "mlp-mnist": "mlp_mnist",
    "autoencoder": "autoencoder",
    "rbm": "rbm",
    "dbm": "dbm",
    "gan": "gan",
    "chain": "chain",
    "softmax": "softmax",
    "layernorm": "layernorm",
    "matmul": "matmul",
    "convolutions": "convolutions",
    "pooling": "pooling",
    "lenet": "lenet",
    "resnet": "resnet",
    "lstm": "lstm",
    "forecast": "forecast",
    "crf": "crf",
    "viterbi": "viterbi",
    "handwriting": "handwriting",
    "hmc": "hmc",
    "ensemble": "ensemble",
    "gpt": "gpt",
    "seq2seq": "seq2seq",
    "word2vec": "word2vec",
    "many-classes": "many_classes",
    "inference": "inference",
    "generation": "generation",
    "call-overhead": "call_overhead",
    "mnist-epoch": "mnist_epoch",
    "import": "import_time",
    "cold-start": "cold_start",
    "compile-time": "compile_time",
    "train-cold": "train_cold",
    "small-fits": "small_fits",
    "tables": "tables",
}

PEERS: dict[str, Peer] = {
    "chainrule": _chainrule(),
    "chainrule-native": _chainrule(CHAINRULE_ENGINE="native"),
    "chainrule-numpy": _chainrule(CHAINRULE_ENGINE="numpy"),
    "chainrule-rows": _chainrule("chainrule-rows"),
    "chainrule-eager": _chainrule("chainrule-eager"),
    "chainrule-before": _chainrule(),
    "chainrule-bfloat16": Peer(
        "chainrule", ("chainrule",), {"CHAINRULE_PRECISION": "bfloat16"}, ROUGH
    ),
    "numpy": Peer("numpy", ("numpy",)),
    "torch-eager": Peer("torch-eager", ("torch",)),
    "torch-last": Peer("torch-last", ("torch",)),
    "torch-compile": Peer("torch-compile", ("torch",)),
    "torch-bfloat16": Peer("torch-eager", ("torch",), AUTOCAST, ROUGH),
    "torch-last-bfloat16": Peer("torch-last", ("torch",), AUTOCAST, ROUGH),
    "torch-compile-bfloat16": Peer("torch-compile", ("torch",), AUTOCAST, ROUGH),
    "jax": Peer("jax", ("jax", "optax")),
    "jax-scan": Peer("jax-scan", ("jax", "optax")),
    "keras-fit": Peer("keras-fit", ("keras", "tensorflow")),
    "keras-step": Peer("keras-step", ("keras", "tensorflow")),
    "keras-graph": Peer("keras-graph", ("keras", "tensorflow")),
    "sklearn": Peer("sklearn", ("sklearn",)),
    "gensim": Peer("gensim", ("gensim",)),
    "transformers": Peer("transformers", ("transformers", "torch")),
    "torch-vmap": Peer("torch-vmap", ("torch",)),
    "numpyro": Peer("numpyro", ("numpyro",)),
    "blackjax": Peer("blackjax", ("blackjax",)),
}

#: Another version of chainrule; ``compare_with`` says which.
BEFORE = "chainrule-before"
#: Who takes part unless the command says otherwise.
USUAL = [
    name
    for name in PEERS
    if name not in ("chainrule-native", "chainrule-numpy", BEFORE)
    and not name.endswith("bfloat16")
]

#: Whose processes take so long to start that one round of them must do.
SLOW = frozenset({"torch-compile", "torch-compile-bfloat16"})


def compare_with(source: Path) -> None:
    """Makes ``BEFORE`` the version of chainrule whose package is in this folder."""
    PEERS[BEFORE].environment["PYTHONPATH"] = str(source.resolve())


def load(name: str) -> ModuleType:
    """The module of a workload."""
    return importlib.import_module(f"{__name__}.{WORKLOADS[name]}")


def takes_part(workload: ModuleType) -> list[str]:
    """The peers that a workload has a program for, in the order of ``PEERS``."""
    programs = workload.BUILDERS if workload.MEASURE == "step" else workload.PEERS
    return [name for name, peer in PEERS.items() if peer.program in programs]


def cases(workload: ModuleType) -> list[str]:
    """The names of a workload's variants; one without a name where it has none."""
    return list(getattr(workload, "CASES", ("",)))


def problem(workload: ModuleType, case: str) -> Problem:
    """The problem of a case."""
    found: Problem = workload.problem(case) if case else workload.problem()
    return found


def program(workload: ModuleType, peer: str, case: str) -> str:
    """The source of a peer's program for a case."""
    arguments = (PEERS[peer].program, case) if case else (PEERS[peer].program,)
    source: str = workload.program(*arguments)
    return source
