"""Every optimizer of the package on one small and one real network, tuned alike.

The loss on all training examples against epochs and against seconds of training, on
handwritten digits (8 × 8 pixels, 64-32-10) and on 6000 images of MNIST (784-64-10); and
the paths that the optimizers take through Rosenbrock's valley.

Tuned alike means: a constant learning rate out of half decades, three around the usual
one and more for as long as the best is at an end of them, chosen by the lowest loss on
validation examples; no weight decay and no other option than those of the class; then
three other seeds with that rate. Optimizers that evaluate the loss themselves have no
rate: they get all examples at once, and their epochs are evaluations of the gradient
and products with a matrix of second derivatives, each of them a pass over the data.

    chainrule experiment optimizers [--quick] [--seed 0] [--resume]

No published numbers stand beside these: what papers compare depends on the network and
on how rates were tuned as much as on the rule (Schmidt, Schneider & Hennig, Descending
through a crowded valley, 2021, who find no winner among fifteen on eight problems; Choi
et al., On empirical comparisons of optimizers for deep learning, 2019).
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import callbacks, nn, optim
from chainrule.pictures import new_figure

from .record import Clock, Options, Published, Record, save_small

SUMMARY = "every optimizer on digits and MNIST, rates tuned alike"
DATA = "digits, mnist"
PUBLISHED = (
    Published("fifteen optimizers", "no clear winner", "Schmidt et al., 2021"),
    Published("all options tuned", "never behind special cases", "Choi et al., 2019"),
)
#: The learning rate in the middle of the first three.
USUAL = {
    "SGD": 0.1,
    "Momentum": 0.03,
    "Nesterov": 0.03,
    "Adagrad": 0.03,
    "RMSProp": 3e-3,
    "Adadelta": 3.0,
    "Adam": 3e-3,
    "AdamW": 3e-3,
    "Nadam": 3e-3,
    "AMSGrad": 3e-3,
    "LAMB": 1e-2,
    "Lion": 1e-3,
    "Muon": 1e-2,
}
#: Those that need no rate, of which every one that there is takes part.
MINIMIZERS = (
    "GradientDescent",
    "ConjugateGradient",
    "LBFGS",
    "TruncatedNewton",
    "GaussNewton",
    "HessianFree",
)
HALF_DECADE = 10**0.5
MOST_RATES = 9
SEEDS = 3

#: Okabe and Ito (2008), without the yellow, first as lines, then dashed.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")


def style(i: int) -> dict[str, Any]:
    """Colour and dashes of the line of one optimizer."""
    lines = ("-", (0, (4, 1.5)), (0, (1, 1)))
    return {"color": COLOURS[i % 7], "linestyle": lines[i // 7 % 3], "linewidth": 1.6}


@dataclass(frozen=True)
class Problem:
    """A network and its data."""

    name: str
    sizes: tuple[int, ...]
    train: Any
    validation: Any
    test: Any
    epochs: int
    batch_size: int

    def network(self, seed: int) -> nn.Module:
        """The network, with its first weights."""
        cr.manual_seed(seed)
        layers: list[nn.Module] = []
        for width, size in zip(self.sizes, self.sizes[1:], strict=False):
            layers += [nn.Linear(width, size), nn.ReLU()]
        return nn.Sequential(*layers[:-1])


def digits(quick: bool, rng: np.random.Generator) -> Problem:
    """1797 digits: 1200 to train, 297 to choose by, 300 for the end."""
    whole = cr.data.load("digits")
    parts = (whole.train, whole.test)
    x, y = (
        np.concatenate([getattr(p, n) for p in parts]) for n in ("inputs", "targets")
    )
    order = rng.permutation(len(x))
    x, y = x[order].astype("float32"), y[order]
    a, b = (300, 600) if quick else (1200, 1497)
    train, validation = (x[:a], y[:a]), (x[a:b], y[a:b])
    test = x[1497:], y[1497:]
    epochs = 8 if quick else 40
    return Problem("digits", (64, 32, 10), train, validation, test, epochs, 32)


def mnist(rng: np.random.Generator) -> Problem:
    """6000 images to train, 2000 to choose by, all 10 000 test images for the end."""
    whole = cr.data.load("mnist")
    rows = rng.permutation(len(whole.train))[:8000]
    x = np.asarray(whole.train.inputs[rows], "float32").reshape(8000, -1)
    y = np.asarray(whole.train.targets)[rows]
    scale = max(1.0, float(x.max()))
    last = np.asarray(whole.test.inputs, "float32").reshape(len(whole.test), -1)
    test = last / scale, np.asarray(whole.test.targets)
    train, validation = (x[:6000] / scale, y[:6000]), (x[6000:] / scale, y[6000:])
    return Problem("MNIST", (784, 64, 10), train, validation, test, 12, 64)


@dataclass
class Curve(callbacks.Callback):
    """The losses on all examples after every epoch, and the seconds of training but
    the first step, which is compiled.
    """

    problem: Problem
    losses: list[tuple[float, float]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    began: float = 0.0
    only_observes = True

    def look(self, run: Any) -> None:
        """Loss on training and on validation examples."""
        parts = (self.problem.train, self.problem.validation)
        both = [cr.evaluate(run.model, each, batch_size=6000)["loss"] for each in parts]
        self.losses.append((both[0], both[1]))

    def on_fit_start(self, run: Any) -> None:
        """Before the first step."""
        self.look(run)
        self.seconds.append(0.0)

    def on_epoch_start(self, run: Any) -> None:
        """The clock goes on."""
        self.began = time.perf_counter()

    def on_batch_end(self, run: Any) -> None:
        """The clock starts with the second step."""
        if run.step == 1:
            self.began = time.perf_counter()

    def on_epoch_end(self, run: Any) -> None:
        """The clock stands still while losses are measured."""
        now = time.perf_counter() - self.began
        self.seconds.append(self.seconds[-1] + now)
        self.look(run)


@dataclass
class Walk:
    """One training: how the loss fell."""

    train: list[float]
    validation: list[float]
    seconds: list[float]
    passes: list[float]
    accuracy: float


def specification(name: str, lr: float | None) -> Any:
    """An optimizer without parameters, without weight decay."""
    made: Any = getattr(optim, name)(**({} if lr is None else {"lr": lr}))
    if lr is not None and "weight_decay" in made.groups[0].options:
        made.weight_decay = 0.0
    return made


def walk(problem: Problem, name: str, lr: float | None, seed: int, epochs: int) -> Walk:
    """Trains the network once; with NaN where a rate was far too large."""
    model, curve = problem.network(seed), Curve(problem)
    try:
        history: Any = cr.fit(
            model,
            problem.train,
            optimizer=specification(name, lr),
            epochs=epochs,
            batch_size=None if lr is None else problem.batch_size,
            callbacks=[curve],
            metrics=[],
            seed=seed,
            progress=False,
        )
    except cr.errors.NumericsError:
        nothing = [float("nan")]
        return Walk(nothing, nothing, [0.0], [0.0], 0.0)
    train, validation = (list(each) for each in zip(*curve.losses, strict=True))
    passes = np.arange(len(train), dtype=float)
    if lr is None:
        work = np.array(history["evaluations"], float)
        if "products" in history:
            work += np.array(history["products"], float)
        passes = np.concatenate([[0.0], np.cumsum(work)])
    right = cr.evaluate(model, problem.test, batch_size=5000)["accuracy"]
    return Walk(train, validation, curve.seconds, passes.tolist(), right)


def tuned(problem: Problem, name: str, seed: int, epochs: int) -> tuple[float, int]:
    """The learning rate with the lowest loss on validation examples, and how many were
    tried."""
    exponents = [-1, 0, 1]
    found: dict[int, float] = {}
    while True:
        for k in exponents:
            if k not in found:
                lr = USUAL[name] * HALF_DECADE**k
                value = min(walk(problem, name, lr, seed, epochs).validation)
                found[k] = value if np.isfinite(value) else float("inf")
        best = min(found, key=lambda k: found[k])
        if best not in (min(found), max(found)) or len(found) >= MOST_RATES:
            return USUAL[name] * HALF_DECADE**best, len(found)
        exponents = [best - 1, best + 1]


@dataclass
class Result:
    """What came of one optimizer on one problem."""

    name: str
    lr: float | None
    tried: int
    walks: list[Walk]

    def last(self, attribute: str) -> np.ndarray[Any, Any]:
        """The last, of validation the lowest, number of every seed."""
        pick = min if attribute == "validation" else (lambda values: values[-1])
        return np.array([pick(getattr(each, attribute)) for each in self.walks])


def compare(problem: Problem, names: Sequence[str], options: Options) -> list[Result]:
    """Every optimizer: tuned with one seed, then run with others. One that is in the
    folder of checkpoints is read from there.
    """
    seed, seeds = options.seed, 1 if options.quick else SEEDS
    results: list[Result] = []
    for name in names:
        kept = None
        if options.checkpoints is not None:
            options.checkpoints.mkdir(parents=True, exist_ok=True)
            kept = options.checkpoints / f"{problem.name}-{name}-{seed}.json"
            if kept.is_file():
                read = json.loads(kept.read_text(encoding="utf-8"))
                read["walks"] = [Walk(**each) for each in read["walks"]]
                results.append(Result(**read))
                continue
        lr, tried, epochs = None, 0, problem.epochs
        if name in USUAL:
            lr, tried = tuned(problem, name, seed, epochs)
        else:
            epochs *= 5  # iterations: every one a step, where an epoch has many
        walks = [walk(problem, name, lr, seed + 1 + i, epochs) for i in range(seeds)]
        results.append(Result(name, lr, tried, walks))
        if kept is not None:
            kept.write_text(json.dumps(asdict(results[-1])), encoding="utf-8")
    return results


# Paths through a valley. -------------------------------------------------------------


def rosenbrock(w: Any) -> Any:
    """(1 − x)² + 100 (y − x²)², of a row (1, 2); 0 at (1, 1)."""
    x, y = w[0, 0], w[0, 1]
    return (1.0 - x) ** 2 + 100.0 * (y - x * x) ** 2


def path(name: str, lr: float | None, steps: int) -> np.ndarray[Any, Any]:
    """The points from (−1.2, 1) on, (steps + 1, 2); NaN from where it left the map."""
    w = cr.parameter(np.array([[-1.2, 1.0]]), name="w")
    optimizer = specification(name, lr).bound_to([w])

    def loss() -> Any:
        return rosenbrock(w)

    @cr.compile
    def descend() -> None:
        optimizer.step(cr.backprop(loss()))

    points = [w.numpy()[0].copy()]
    for _ in range(steps):
        if lr is None:
            iteration = optimizer.step(loss)
        else:
            descend()
        points.append(w.numpy()[0].copy())
        if not np.abs(points[-1]).max() < 1e3 or (lr is None and iteration.stopped):
            break
    last = [np.nan, np.nan] if not np.abs(points[-1]).max() < 1e3 else points[-1]
    points += [last] * (steps + 1 - len(points))
    return np.array(points)


def height(points: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Rosenbrock's function of points (n, 2)."""
    x, y = points[:, 0], points[:, 1]
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def best_path(name: str, steps: int) -> tuple[np.ndarray[Any, Any], float | None]:
    """The path that ends lowest, of those that stay on the map with rates in half
    decades; the only one of a minimizer.
    """
    if name not in USUAL:
        return path(name, None, steps), None
    rates = [HALF_DECADE**k for k in range(-12, 3)]
    ends = {lr: path(name, lr, steps) for lr in rates}
    stays = [lr for lr, points in ends.items() if (np.abs(points) < 1.7).all()]
    lr = min(stays, key=lambda lr: float(height(ends[lr])[-1]))
    return ends[lr], lr


# Pictures. ---------------------------------------------------------------------------


def draw(picture: Path, problem: Problem, results: Sequence[Result]) -> None:
    """Losses on training and on validation examples against epochs and against
    seconds: of the seed in the middle, by its loss on validation examples.
    """
    figure = new_figure(13, 9.5)
    panels = figure.subplots(2, 2, sharey="row", sharex="col")
    figure.subplots_adjust(
        left=0.075, right=0.84, top=0.96, bottom=0.06, wspace=0.05, hspace=0.08
    )
    ends = []
    for i, each in enumerate(results):
        order = np.argsort(each.last("validation"))
        middle = each.walks[int(order[len(order) // 2])]
        rate = "" if each.lr is None else f", {each.lr:.2g}"
        ends.append(middle.seconds[-1])
        for row, y in zip(panels, (middle.train, middle.validation), strict=True):
            for ax, x in zip(row, (middle.passes, middle.seconds), strict=True):
                ax.plot(x, y, label=each.name + rate, **style(i))
    for ax, what in zip(panels[:, 0], ("training", "validation"), strict=True):
        ax.set(ylabel=f"loss on all {what} examples", yscale="log")
    lowest = min(min(w.train) for each in results for w in each.walks)
    panels[0, 0].set_ylim(max(1e-4, 0.7 * lowest), 3.5)
    best = min(min(w.validation) for each in results for w in each.walks)
    panels[1, 0].set_ylim(0.85 * best, 3.5)
    panels[1, 0].set(xlabel="epochs: passes over the data", xlim=(0, problem.epochs))
    panels[1, 1].set(xlabel="seconds of training", xscale="log")
    panels[1, 1].set_xlim(max(ends) / 200, max(ends))
    for ax in panels.ravel():
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(alpha=0.25, linewidth=0.6)
    shape = "-".join(map(str, problem.sizes))
    panels[0, 0].set_title(f"{problem.name}, {shape}: against epochs", loc="left")
    panels[0, 1].set_title("the same, against seconds", loc="left")
    panels[0, 1].legend(
        frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9,
        title="optimizer, learning rate",
    )  # fmt: skip
    save_small(figure, picture, 90)


def draw_paths(picture: Path, names: Sequence[str], steps: int) -> dict[str, float]:
    """A small map for every optimizer; where each path ends."""
    columns = 4
    rows = -(-len(names) // columns)
    tall = 2.6 * rows + 0.8
    figure = new_figure(12, tall)
    figure.subplots_adjust(
        left=0.04, right=0.99, top=1 - 0.7 / tall, bottom=0.3 / tall, hspace=0.22,
        wspace=0.06,
    )  # fmt: skip
    grid = np.atleast_1d(
        figure.subplots(rows, columns, sharex=True, sharey=True)
    ).ravel()
    x, y = np.meshgrid(np.linspace(-1.7, 1.5, 160), np.linspace(-0.7, 1.7, 120))
    z = height(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(x.shape)
    ends = {}
    for ax, name in zip(grid, names, strict=False):
        points, lr = best_path(name, steps)
        ends[name] = float(height(points)[-1])
        ax.contour(x, y, z, levels=np.geomspace(0.3, 1000, 6), colors="#BBBBBB",
                   linewidths=0.6)  # fmt: skip
        ax.plot(*points.T, "-o", color="#0072B2", markersize=1.8, linewidth=0.9)
        ax.plot(1, 1, "*", color="#D55E00", markersize=9)
        rate = "" if lr is None else f", η = {lr:.2g}"
        ax.set_title(f"{name}{rate}: {ends[name]:.1e}", fontsize=9, loc="left")
        ax.set(xlim=(-1.7, 1.5), ylim=(-0.7, 1.7))
    for ax in grid[len(names) :]:
        ax.axis("off")
    title = (
        f"{steps} steps in Rosenbrock's valley from (−1.2, 1), and the value reached"
    )
    figure.suptitle(title, y=1 - 0.12 / tall)
    save_small(figure, picture, 70)
    return ends


def run(options: Options) -> Record:
    """Compares, draws, and records."""
    clock, rng = Clock(), np.random.default_rng(options.seed)
    there = [name for name in MINIMIZERS if name in optim.__all__]
    names = ["SGD", "Momentum", "Adam", "Lion"] if options.quick else [*USUAL, *there]
    problems = [digits(options.quick, rng)]
    if not options.quick:
        problems = [mnist(rng), *problems]
    measured: dict[str, float] = {}
    history, pictures = [], []
    for problem in problems:
        results = compare(problem, names, options)
        pictures.append(f"optimizers-{problem.name.lower()}.png")
        draw(options.picture(pictures[-1]), problem, results)
        for each in sorted(
            results, key=lambda each: float(each.last("validation").mean())
        ):
            history.append(
                {
                    "problem": problem.name,
                    "optimizer": each.name,
                    "learning_rate": each.lr,
                    "rates_tried": each.tried,
                    "validation_loss": float(each.last("validation").mean()),
                    "validation_loss_sd": float(each.last("validation").std()),
                    "training_loss": float(each.last("train").mean()),
                    "passes": float(each.last("passes").mean()),
                    "seconds": float(each.last("seconds").min()),
                    "test_accuracy": float(np.mean([w.accuracy for w in each.walks])),
                }
            )
            measured[f"{problem.name}, validation loss, {each.name}"] = history[-1][
                "validation_loss"
            ]
    pictures.append("optimizers-paths.png")
    steps = 60 if options.quick else 200
    ends = draw_paths(options.picture(pictures[-1]), names, steps)
    measured |= {f"Rosenbrock after {steps} steps, {n}": v for n, v in ends.items()}
    return Record(
        "optimizers",
        SUMMARY,
        measured,
        PUBLISHED,
        options.seed,
        clock.seconds,
        settings={
            "epochs": {each.name: each.epochs for each in problems},
            "batch_size": {each.name: each.batch_size for each in problems},
            "seeds": 1 if options.quick else SEEDS,
        },
        history=history,
        pictures=pictures,
    )
