"""A search for a network: ``chainrule tune`` beside scikit-learn's ``GridSearchCV``.

Twenty candidates (five sizes, two learning rates, two penalties) on five folds of a
table of 1000 rows and 10 columns, as many epochs and examples in a step, as many
processes. Each is a program of its own, from its start to its end, the training of the
chosen network included: ``python -m benchmarks.tuning --processes 2 --rounds 3``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

UNITS, RATES, PENALTIES = (8, 16, 32, 64, 128), (1e-3, 1e-2), (1e-4, 1e-2)

#: The peer, as a program: table, epochs, batch size, processes.
PEER = """
import sys, warnings
import numpy as np
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
warnings.simplefilter("ignore")
file, epochs, batch, processes = sys.argv[1], *map(int, sys.argv[2:5])
table = np.loadtxt(file, delimiter=",", skiprows=1)
x, y = table[:, :-1], table[:, -1].astype(int)
x, x_test, y, y_test = train_test_split(x, y, test_size=0.2, random_state=0, stratify=y)
network = MLPClassifier(
    batch_size=batch, max_iter=epochs, n_iter_no_change=epochs, random_state=0
)
grid = {
    "mlpclassifier__hidden_layer_sizes": [(units,) for units in UNITS],
    "mlpclassifier__learning_rate_init": RATES,
    "mlpclassifier__alpha": PENALTIES,
}
folds = StratifiedKFold(5, shuffle=True, random_state=0)
search = GridSearchCV(
    make_pipeline(StandardScaler(), network), grid, cv=folds, n_jobs=processes
)
print(search.fit(x, y).score(x_test, y_test))
"""


def write_table(file: Path) -> None:
    """Two classes that a linear model cannot tell apart, with some noise."""
    source = np.random.default_rng(0)
    x = source.normal(size=(1000, 10))
    y = (x[:, 0] * x[:, 1] + x[:, 2] + source.normal(0, 0.3, 1000) > 0).astype(int)
    names = ",".join([*(f"x{number}" for number in range(10)), "y"])
    rows = np.column_stack([x, y])
    np.savetxt(file, rows, "%.6g", ",", header=names, comments="")


def seconds(words: list[str], folder: Path) -> tuple[float, float, str]:
    """How long a program takes by the clock and of processors, and what it prints.

    Seconds of processors are those of processes that it has waited for: with
    ``--processes 1`` all of them.
    """
    before, began = os.times(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    taken, after = time.perf_counter() - began, os.times()
    used = after.children_user - before.children_user
    used += after.children_system - before.children_system
    return taken, used, done.stdout


def programs(epochs: int, batch: int, processes: int) -> dict[str, list[str]]:
    """The two searches."""
    peer = PEER.replace("UNITS", repr(UNITS)).replace("RATES", repr(RATES))
    peer = peer.replace("PENALTIES", repr(PENALTIES))
    numbers = [str(each) for each in (epochs, batch, processes)]
    listed = (",".join(map(str, each)) for each in (UNITS, RATES, PENALTIES))
    units, rates, penalties = listed
    return {
        "chainrule tune": [
            *("-m", "chainrule", "tune", "table.csv", "--target", "y", "--layers", "1"),
            *("--hidden", units, "--lr", rates, "--weight-decay", penalties),
            *("--epochs", numbers[0], "--batch-size", numbers[1], "--members", "1"),
            *("--processes", numbers[2], "--quiet"),
        ],
        "scikit-learn GridSearchCV": ["-c", peer, "table.csv", *numbers],
    }


def main() -> None:
    """Times both, round by round, and prints medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    both = programs(asked.epochs, asked.batch_size, asked.processes)
    times: dict[str, list[float]] = {name: [] for name in both}
    with tempfile.TemporaryDirectory() as folder:
        write_table(Path(folder, "table.csv"))
        for _ in range(asked.rounds):
            for name, words in both.items():
                taken, used, said = seconds(words, Path(folder))
                times[name].append(taken)
                told = f"{taken:6.1f} s, {used:.1f} s of processors"
                print(f"{name:26} {told}  {' '.join(said.split())[:90]}")
    for name, taken in times.items():
        print(f"{name:26} median {statistics.median(taken):.1f} s")


if __name__ == "__main__":
    main()
