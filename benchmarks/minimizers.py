"""``python -m benchmarks.minimizers``: our L-BFGS and SciPy's L-BFGS-B.

Five small networks in float64, from the same weights. SciPy is given the same loss and
gradient, compiled by us, of a vector that has all weights. Both stop where no component
of the gradient is larger than the tolerance. They take turns, on one thread; times are
the processor's, the shortest of all turns, with everything compiled. A line a network
has evaluations, milliseconds, the loss, and after how many evaluations ours was as low
as where SciPy's stopped.
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize
from threadpoolctl import threadpool_limits

import chainrule as cr
from chainrule import losses, nn, optim
from chainrule.optim.line_search import Evaluate, Point

TOLERANCE = 1e-4
ITERATIONS = 400


@dataclass(frozen=True)
class Network:
    """A network and what it is to learn.

    Arguments:
        sizes: of the layers.
        examples: how many.
        loss: a function of ``losses``.
        activation: of the hidden layers.
    """

    sizes: tuple[int, ...]
    examples: int
    loss: Callable[..., Any]
    activation: type[nn.Module] = nn.Tanh


NETWORKS = {
    "a curve": Network((1, 12, 1), 60, losses.mse),
    "two layers": Network((3, 10, 8, 2), 80, losses.mse),
    "classes": Network((6, 16, 4), 120, losses.cross_entropy),
    "softplus": Network((4, 12, 1), 60, losses.huber, nn.Softplus),
    "linear": Network((10, 3), 100, losses.cross_entropy),
}


class Logged(optim.StrongWolfe):
    """The usual line search, which remembers the loss of every evaluation."""

    def search(self, evaluate: Evaluate, start: Point, first: float) -> Point:
        """The same point."""
        if not self.values:
            self.values.append(start.loss)

        def logged(step: float) -> Point:
            point = evaluate(step)
            self.values.append(point.loss)
            return point

        return super().search(logged, start, first)

    @property
    def values(self) -> list[float]:
        """The losses so far."""
        found: list[float] = vars(self).setdefault("_values", [])
        return found


class Task:
    """A network with data, to be trained by either from the same start."""

    def __init__(self, network: Network) -> None:
        random = np.random.default_rng(len(network.sizes))
        inputs, *_, outputs = network.sizes
        x = random.normal(size=(network.examples, inputs))
        waves = np.sin(2 * x[:, :1] * np.arange(1, outputs + 1))
        amounts = waves + 0.1 * x.sum(1)[:, None]
        classes = network.loss is losses.cross_entropy
        y = amounts.argmax(1) if classes else amounts
        cr.manual_seed(3)
        layers: list[nn.Module] = []
        for a, b in itertools.pairwise(network.sizes):
            layers += [nn.Linear(a, b, dtype="float64"), network.activation()]
        self.model = nn.Sequential(*layers[:-1])
        self.loss = network.loss
        self.weights = self.model.parameters()
        self.start = [w.numpy().copy() for w in self.weights]
        self.data = cr.tensor(x, dtype="float64"), cr.tensor(y)
        self.flat = np.concatenate([each.ravel() for each in self.start])
        self._gradient = cr.compile(self._value_and_gradient)
        self._optimizer, self._logging = (
            optim.LBFGS(self.weights, line_search=search, gradient_tolerance=TOLERANCE)
            for search in (optim.StrongWolfe(), Logged())
        )

    def _value_and_gradient(self, flat: Any, x: Any, y: Any) -> Any:
        at = 0
        for w in self.weights:
            w.assign(flat[at : at + w.size].reshape(w.shape))
            at += w.size
        value = self.loss(self.model(x), y)
        gradients = cr.backprop(value)
        parts = [gradients[w].reshape(-1) for w in self.weights]
        return value, cr.concatenate(parts)

    def _objective(self, x: Any, y: Any) -> Any:
        return self.loss(self.model(x), y)

    def scipy(self) -> Any:
        """SciPy's result."""

        def function(flat: Any) -> Any:
            at = cr.tensor(flat, dtype="float64")
            value, gradient = self._gradient(at, *self.data)
            return value.item(), gradient.numpy()

        options = {
            "ftol": 0.0, "gtol": TOLERANCE, "maxiter": ITERATIONS, "maxfun": 10**6,
        }  # fmt: skip
        return optimize.minimize(
            function, self.flat, jac=True, method="L-BFGS-B", options=options
        )

    def begin(self) -> None:
        """The optimizer as it was made, the weights as they were: not part of a run."""
        for w, value in zip(self.weights, self.start, strict=True):
            w.assign(value)
        fresh = optim.LBFGS(self.weights).state_dict()
        for optimizer in (self._optimizer, self._logging):
            optimizer.load_state_dict(fresh)

    def ours(self) -> optim.Iteration:
        """Our last iteration."""
        return self._optimizer.minimize(
            self._objective, *self.data, iterations=ITERATIONS
        )

    def losses(self) -> list[float]:
        """The losses of all evaluations of such a run."""
        self.begin()
        self._logging.minimize(self._objective, *self.data, iterations=ITERATIONS)
        values: list[float] = self._logging.line_search.values
        return values


def reached(values: list[float], target: float, but_for: float = 1e-6) -> float:
    """After how many evaluations a loss was as low as a target, but for a part of what
    there was to gain (Moré & Wild, 2009, eq. 2.2); infinity for never.
    """
    enough = target + but_for * (values[0] - target)
    low = [i for i, v in enumerate(values, 1) if v <= enough]
    return low[0] if low else math.inf


def compare(name: str, turns: int) -> str:
    """A line of the table."""
    task = Task(NETWORKS[name])
    times: tuple[list[float], list[float]] = ([], [])
    with threadpool_limits(1):
        for _ in range(turns + 1):  # the first compiles
            for spent, run in zip(times, (task.ours, task.scipy), strict=True):
                task.begin()
                start = time.process_time()
                run()
                spent.append(1000 * (time.process_time() - start))
        task.begin()
        last, theirs = task.ours(), task.scipy()
    mine, other = map(min, times)
    low = reached(task.losses(), theirs.fun)
    return (
        f"{name:12} {len(task.flat):7} {last.evaluations:5} {theirs.nfev:6} {low:6} "
        f"{mine:8.2f} {other:8.2f} {mine / other:6.2f}   {last.loss:.3e}  "
        f"{theirs.fun:.3e}"
    )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--turns", type=int, default=30)
    turns = parser.parse_args().turns
    print("network      numbers  ours  SciPy as low     ours    SciPy  ratio   losses")
    for name in NETWORKS:
        print(compare(name, turns))


if __name__ == "__main__":
    main()
