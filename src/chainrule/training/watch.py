"""``Watch``: gradients, weights and updates of every layer, and what looks wrong.

Place on the road: a callback whose measurements are traced into the compiled step: it
sees every module's output and every gradient of the very step that trains. It must not
know how the loop works.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..dtypes import float64
from ..graph import Array
from ..nn import ReLU
from ..nn.module import Module
from ..ops.composed import any as any_
from ..ops.composed import square, stack
from ..ops.elementwise import sqrt
from ..optim import Optimizer
from .events import Callback
from .run import Run

#: More than this share of a layer's units never active: a warning.
DEAD_SHARE = 0.5

#: Gradients of the first layer relative to the last, below this: vanishing.
VANISHING = 1e-5

#: Updates relative to weights, above this: the learning rate is too large.
LARGE_UPDATE = 0.3

#: Gradient norms above this: exploding.
EXPLODING = 1e4


class Watch(Callback):
    """Norms of gradients, weights and updates of every parameter, and dead ReLU units.

    The history gets the columns ``gradient_norm``, of all parameters together, and
    ``update_ratio``, the largest ‖Δw‖ / ‖w‖ of any; ``watch.layers`` has every
    parameter. A ``UserWarning``, once for each cause, says when gradients vanish or
    explode, updates are as large as the weights, or most units of a layer are never
    active in a whole epoch.

    Attributes:
        layers: for each epoch a dictionary: parameter → its average gradient norm,
            weight norm and update ratio; ReLU layer → the share of dead units.

    Example:
        >>> Watch().layers
        []
    """

    order = -5
    columns = ("gradient_norm", "update_ratio")

    def __init__(self) -> None:
        self.layers: list[dict[str, dict[str, float]]] = []
        self.names: list[str] = []
        self._said: set[str] = set()
        self._resumed = False
        self._clear()

    def _clear(self) -> None:
        self.steps = 0
        self.sums: Array | None = None  # (3, parameters)
        self.active: dict[str, Array] = {}

    # Traced into the step.

    def begin(self, model: Module) -> None:
        """A step is about to be traced."""
        self._paths = {id(module): path for path, module in model.named_modules()}
        self._parameters = list(model.named_parameters())
        self.names = [name for name, _ in self._parameters]
        self._outputs: dict[str, Any] = {}

    def before(self, module: Module, inputs: tuple[Any, ...]) -> None:
        """Nothing to see before a module has computed."""

    def after(self, module: Module, inputs: tuple[Any, ...], output: Any) -> None:
        """Which units of a ReLU are active for any example."""
        if isinstance(module, ReLU) and len(output.shape) > 1:
            examples = tuple(range(len(output.shape) - 1))
            path = self._paths.get(id(module)) or "ReLU"
            self._outputs[path] = any_(output > 0, axis=examples)

    def measure(self, gradients: Any, before: Any) -> dict[str, Any]:
        """Norms of each parameter's gradient, value and change, after the update; for
        one batch of several, whose gradients are still to be added up, only which units
        were active.
        """
        if gradients is None:
            return {"active": self._outputs}
        norms = []
        for _, w in self._parameters:
            old = before[w]
            gradient = gradients[w] if w in gradients else old * 0.0
            norms.append(stack([_norm(gradient), _norm(old), _norm(w.read() - old)]))
        return {"norms": stack(norms, axis=1), "active": self._outputs}

    def measured(self, values: Mapping[str, Any]) -> None:
        """What ``measure`` returned of a step, as arrays."""
        if "norms" in values:
            norms: Array = values["norms"].value
            self.sums = norms if self.sums is None else self.sums + norms
            self.steps += 1
        for path, active in values["active"].items():
            seen = self.active.get(path)
            self.active[path] = active.value if seen is None else seen | active.value

    # Events.

    def on_fit_start(self, run: Run) -> None:
        """Begins anew, unless a checkpoint was read."""
        if not self._resumed:
            self.layers = []
            self._clear()
        self._resumed = False

    def on_epoch_end(self, run: Run) -> None:
        """The epoch's averages, as columns and as a report; warnings."""
        if self.sums is None:
            return
        gradient, weight, update = self.sums / self.steps
        ratio = np.divide(update, weight, out=np.zeros_like(update), where=weight > 0)
        report = {
            name: {
                "gradient_norm": float(gradient[i]),
                "weight_norm": float(weight[i]),
                "update_ratio": float(ratio[i]),
            }
            for i, name in enumerate(self.names)
        }
        dead = {path: float(1 - active.mean()) for path, active in self.active.items()}
        report |= {path: {"dead_share": share} for path, share in dead.items()}
        self.layers.append(report)
        norm = float(np.sqrt((gradient**2).sum()))
        run.row.setdefault("gradient_norm", norm)  # a minimizer has its own
        run.row["update_ratio"] = float(ratio.max())
        self._warn(run, gradient, ratio, dead)
        self._clear()

    def _warn(
        self, run: Run, gradient: Array, ratio: Array, dead: Mapping[str, float]
    ) -> None:
        epoch = run.row["epoch"]
        weights = [i for i, name in enumerate(self.names) if name.endswith("weight")]
        if len(weights) > 1:
            first, last = weights[0], weights[-1]
            if gradient[first] < VANISHING * gradient[last]:
                self._say(
                    "vanishing",
                    f"epoch {epoch}: gradients vanish: {self.names[first]} "
                    f"{gradient[first]:.3g}, {self.names[last]} {gradient[last]:.3g}; "
                    "ReLU, normalisation or skip connections keep them alive",
                )
        worst = int(gradient.argmax())
        if gradient[worst] > EXPLODING:
            self._say(
                "exploding",
                f"epoch {epoch}: gradients explode: {self.names[worst]} "
                f"{gradient[worst]:.3g}; optim.ClipNorm, or a smaller learning rate",
            )
        for i in weights if isinstance(run.optimizer, Optimizer) else ():
            if ratio[i] > LARGE_UPDATE:
                self._say(
                    "update",
                    f"epoch {epoch}: each step changes {self.names[i]} by "
                    f"{ratio[i]:.0%} of its norm: a smaller learning rate",
                )
        for path, share in dead.items():
            if share > DEAD_SHARE:
                self._say(
                    f"dead {path}",
                    f"epoch {epoch}: {share:.0%} of the units of {path} were 0 for "
                    "every example: a smaller learning rate, or LeakyReLU",
                )

    def _say(self, cause: str, text: str) -> None:
        if cause not in self._said:
            self._said.add(cause)
            warnings.warn(f"Watch: {text}", stacklevel=2)

    # For checkpoints.

    def state_dict(self) -> dict[str, Any]:
        """The sums over the current epoch, and the reports so far."""
        state: dict[str, Any] = {
            "steps": self.steps,
            "layers": self.layers,
            "said": sorted(self._said),
            "active": {path: np.asarray(a) for path, a in self.active.items()},
        }
        if self.sums is not None:
            state["sums"] = self.sums
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Puts back what ``state_dict`` returned."""
        self.steps = state["steps"]
        self.layers = list(state["layers"])
        self._said = set(state["said"])
        self.sums = state.get("sums")
        self.active = {
            name.removeprefix("active."): array
            for name, array in state.items()
            if name.startswith("active.")
        }
        self._resumed = True


def _norm(x: Any) -> Any:
    return sqrt(square(x.astype(float64)).sum())
