"""``python -m benchmarks.estimators``: our multilayer perceptrons and scikit-learn's.

The same classifier on the same numbers, float32, Adam, batches of 200, as many epochs:
the two libraries take turns, each fit in a fresh process. A line a size has

- a *process*: from starting Python over the imports to the end of the first fit;
- the *first* fit in it, with what is compiled on disk from a process before;
- another fit of the same sizes in the same process, *again*;
- *predict*: the classes of the training examples, of 10 000 at most.

Seconds are those of the processor, on one thread, and the least of the rounds: other
work on the machine counts as little as can be. Both libraries find the bytecode of
their files, as after an installation.

``--accuracy`` compares test scores on real and toy data sets instead.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

LIBRARIES = {
    "chainrule": "chainrule.estimators",
    "scikit-learn": "sklearn.neural_network",
}

ROWS = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
COLUMNS = (10, 100, 1_000)
HIDDEN = (10, 100, 1_000)

#: Numbers in X at most: 400 MB in float32, and several times as much while it is made.
MOST_NUMBERS = 100_000_000

#: Multiplications of an epoch at most: scikit-learn needs a minute for more.
MOST_WORK = 200_000_000_000

#: Epochs of a number of rows: enough steps to be measured, and no more.
EPOCHS = {10: 100, 100: 100, 1_000: 50, 10_000: 10, 100_000: 2, 1_000_000: 1}

PROGRAM = """
import json, sys, time, warnings
rows, columns, hidden, epochs = map(int, sys.argv[2:6])
import importlib
Estimator = importlib.import_module(sys.argv[1]).MLPClassifier
warnings.simplefilter("ignore")
import numpy as np
began = time.process_time()
random = np.random.default_rng(0)
x = random.normal(size=(rows, columns)).astype("float32")
y = (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(int)
y[:2] = 0, 1
def fit():
    model = Estimator(
        (hidden,), max_iter=epochs, tol=0.0, n_iter_no_change=epochs + 1, random_state=0
    )
    start = time.process_time()
    model.fit(x, y)
    return model, time.process_time() - start
made = time.process_time()
model, first = fit()
process = time.process_time() - (made - began)  # without the making of the numbers
again = min(fit()[1] for _ in range(3 if first < 1 else 1)) if first < 5 else first

few = x[:10_000]
model.predict(few)
start = time.process_time()
model.predict(few)
predict = time.process_time() - start
print(json.dumps({"process": process, "first": first, "again": again,
                  "predict": predict, "loss": float(model.loss_)}))
"""


@dataclass(frozen=True)
class Size:
    """What is fitted."""

    rows: int
    columns: int
    hidden: int

    @property
    def epochs(self) -> int:
        """How often all rows are seen."""
        return EPOCHS[self.rows]

    @property
    def work(self) -> int:
        """The multiplications of an epoch."""
        return 3 * self.rows * (self.columns + 1) * self.hidden

    def __str__(self) -> str:
        return f"{self.rows:,} × {self.columns:,}, {self.hidden:,}".replace(
            ",000", " 000"
        )


def sizes(most_rows: int = ROWS[-1]) -> Iterator[Size]:
    """The sweep, without what takes too much memory or time."""
    for rows in ROWS:
        for columns in COLUMNS:
            for hidden in HIDDEN:
                size = Size(rows, columns, hidden)
                fits = rows * columns <= MOST_NUMBERS and size.work <= MOST_WORK
                if fits and rows <= most_rows:
                    yield size


def size_of(text: str) -> Size:
    """The size that an argument such as "10,100,10" names."""
    rows, columns, hidden = map(int, text.split(","))
    return Size(rows, columns, hidden)


def measured(library: str, size: Size, cache: str) -> dict[str, float]:
    """The times of one process, in seconds."""
    numbers = map(str, (size.rows, size.columns, size.hidden, size.epochs))
    surroundings = os.environ | {
        "CHAINRULE_CACHE": cache,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPYCACHEPREFIX": f"{cache}/bytecode",
    }
    surroundings.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, LIBRARIES[library], *numbers],
        capture_output=True,
        check=True,
        encoding="utf-8",
        env=surroundings,
    )
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


COLUMNS_SHOWN = ("process", "first", "again", "predict")


def sweep(
    chosen: Sequence[Size], rounds: int
) -> Iterator[tuple[Size, dict[str, dict]]]:
    """The least times of every size and library, each as soon as it is known."""
    with tempfile.TemporaryDirectory() as cache:
        measured("scikit-learn", next(sizes()), cache)  # writes its bytecode
        for size in chosen:
            measured("chainrule", size, cache)  # compiled once before, and kept on disk
            found: dict[str, list[dict[str, float]]] = {name: [] for name in LIBRARIES}
            for _ in range(rounds if size.work < 10**10 else 1):
                for library, answers in found.items():
                    answers.append(measured(library, size, cache))
            yield (
                size,
                {
                    library: {
                        key: min(answer[key] for answer in answers)
                        for key in (*COLUMNS_SHOWN, "loss")
                    }
                    for library, answers in found.items()
                },
            )


def shown(seconds: float) -> str:
    """Three digits, in ms or s."""
    if seconds < 1:
        return f"{seconds * 1e3:.3g} ms"
    return f"{seconds:.3g} s"


def line(size: Size, found: dict[str, dict[str, float]]) -> str:
    """A row of the table: ours, and how many times as long theirs takes."""
    ours, theirs = found["chainrule"], found["scikit-learn"]
    cells = [f"{size}", str(size.epochs)]
    for key in COLUMNS_SHOWN:
        cells.append(f"{shown(ours[key])} ({theirs[key] / ours[key]:.2f})")
    return "| " + " | ".join(cells) + " |"


HEADER = (
    "| rows × columns, hidden | epochs | process | first fit | again | predict |\n"
    "|:--|--:|--:|--:|--:|--:|"
)

ACCURACY = """
import json, sys, warnings
import numpy as np
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
import importlib
warnings.simplefilter("ignore")
name, library, seeds = sys.argv[1:]
library, seeds = importlib.import_module(library), int(seeds)
amounts = name in ("diabetes", "friedman1")
scores = []
for seed in range(seeds):
    make = {
        "moons": lambda: datasets.make_moons(500, noise=0.25, random_state=seed),
        "circles": lambda: datasets.make_circles(500, noise=0.15, factor=0.5,
                                                 random_state=seed),
        "friedman1": lambda: datasets.make_friedman1(500, random_state=seed),
    }.get(name) or (lambda: getattr(datasets, "load_" + name)(return_X_y=True))
    x, y = make()
    kept = None if amounts else y
    x, x_test, y, y_test = train_test_split(x, y, random_state=seed, stratify=kept)
    scale = StandardScaler().fit(x)
    if amounts:
        y, y_test = (y - y.mean()) / y.std(), (y_test - y.mean()) / y.std()
    model = getattr(library, "MLPRegressor" if amounts else "MLPClassifier")
    model = model(random_state=seed).fit(scale.transform(x), y)
    scores.append(model.score(scale.transform(x_test), y_test))
print(json.dumps(scores))
"""

DATA_SETS = (
    *("digits", "breast_cancer", "wine", "iris", "moons", "circles"),
    *("diabetes", "friedman1"),
)


def accuracies(seeds: int) -> Iterator[tuple[str, dict[str, list[float]]]]:
    """The test scores of every data set and library, a split and weights a seed."""
    for name in DATA_SETS:
        scores = {}
        for library, module in LIBRARIES.items():
            done = subprocess.run(
                [sys.executable, "-c", ACCURACY, name, module, str(seeds)],
                capture_output=True,
                check=True,
                encoding="utf-8",
            )
            scores[library] = json.loads(done.stdout)
        yield name, scores


def accuracy_line(name: str, scores: dict[str, list[float]]) -> str:
    """A row: mean ± standard error of both, and of their differences, seed by seed."""
    ours, theirs = scores["chainrule"], scores["scikit-learn"]
    differences = [a - b for a, b in zip(ours, theirs, strict=True)]
    cells = [name.replace("_", " ")]
    for values in (ours, theirs, differences):
        error = statistics.stdev(values) / len(values) ** 0.5
        cells.append(f"{statistics.mean(values):.4f} ± {error:.4f}")
    return "| " + " | ".join(cells) + " |"


ACCURACY_HEADER = (
    "| data set | chainrule | scikit-learn | difference |\n|:--|--:|--:|--:|"
)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.estimators")
    parser.add_argument("--accuracy", action="store_true", help="compare test scores")
    parser.add_argument("--seeds", type=int, default=10, help="of --accuracy")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--sizes", nargs="+", type=size_of, help="rows,columns,hidden instead of all"
    )
    parser.add_argument("--most-rows", type=int, default=ROWS[-1])
    parser.add_argument("--least-rows", type=int, default=1)
    parser.add_argument(
        "--markdown", type=Path, help="write the table to this file too"
    )
    options = parser.parse_args(arguments)
    if options.accuracy:
        lines, header = (
            (accuracy_line(*each) for each in accuracies(options.seeds)),
            ACCURACY_HEADER,
        )
    else:
        chosen = options.sizes or [
            s for s in sizes(options.most_rows) if s.rows >= options.least_rows
        ]
        lines = (line(*each) for each in sweep(chosen, options.rounds))
        header = HEADER
    written = [header]
    print(header)
    for each in lines:
        print(each, flush=True)
        written.append(each)
    if options.markdown:
        options.markdown.write_text("\n".join(written) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
