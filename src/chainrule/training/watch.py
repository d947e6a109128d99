"""``Watch``: gradients, weights and updates of every layer, and what looks wrong.

Place on the road: a callback whose measurements are traced into the compiled step: it
sees every module's output and every gradient of the very step that trains. It must not
know how the loop works.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import tree
from ..dtypes import float64
from ..errors import ArgumentError, OptionError
from ..graph import Array, Node, current_trace
from ..nn import ReLU
from ..nn.module import Module
from ..ops.composed import any as any_
from ..ops.composed import square, stack
from ..ops.elementwise import sqrt
from ..optim import Optimizer
from ..variable import Parameter
from .events import Callback
from .histograms import KINDS, Histograms
from .run import Run

if TYPE_CHECKING:
    from .histogram_pictures import Panel

#: More than this share of a layer's units never active: a warning.
DEAD_SHARE = 0.5

#: Gradients of the first layer relative to the last, below this: vanishing.
VANISHING = 1e-5

#: Updates relative to weights, above this: the learning rate is too large.
LARGE_UPDATE = 0.3

#: Gradient norms above this: exploding.
EXPLODING = 1e4


class Watch(Callback):
    """What goes on in every layer: norms of gradients, weights and updates, dead ReLU
    units, and histograms of weights, gradients and activations.

    The history gets the columns ``gradient_norm``, of all parameters together, and
    ``update_ratio``, the largest ‖Δw‖ / ‖w‖ of any; ``watch.layers`` has every
    parameter. A ``UserWarning``, once for each cause, says when gradients vanish or
    explode, updates are as large as the weights, or most units of a layer are never
    active in a whole epoch.

    Histograms are those at the end of each epoch, of its last batch, which goes forward
    and backward once more for them; ``watch.plot()`` draws them. Of more than 256
    epochs, evenly spaced ones are kept.

    ``fit(watch=True)`` is short for this callback; ``history.watch`` is it then.

    Arguments:
        names: the layers, by their paths, whose histograms are kept; all when not
            given.
        histograms: whether there are any.

    Attributes:
        layers: for each epoch a dictionary: parameter → its average gradient norm,
            weight norm and update ratio; ReLU layer → the share of dead units.
        histograms: "weights", "gradients" or "activations" → name → one for each epoch,
            with ``epoch``, ``edges``, ``counts`` and ``zeros``; None where there are
            none.

    Raises:
        OptionError: when training begins, for a layer that the network does not have.

    Example:
        >>> import numpy as np
        >>> from chainrule import nn, training
        >>> model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
        >>> x = np.random.default_rng(0).normal(size=(64, 2))
        >>> watch = Watch()
        >>> _ = training.fit(model, (x, x[:, :1]), epochs=3, callbacks=[watch],
        ...                  progress=False)
        >>> sorted(watch.layers[0]["0.weight"])
        ['gradient_norm', 'update_ratio', 'weight_norm']
        >>> [each.epoch for each in watch.histograms["gradients"]["0.weight"]]
        [1, 2, 3]
        >>> list(watch.histograms["activations"])
        ['0', '1', '2']
    """

    order = -5
    columns = ("gradient_norm", "update_ratio")

    def __init__(
        self, names: Sequence[str] | None = None, *, histograms: bool = True
    ) -> None:
        if isinstance(names, str):
            raise ArgumentError(
                f"Watch: names={names!r}: expected a list of paths of layers",
                fix=f"Watch([{names!r}])",
            )
        self.chosen = None if names is None else tuple(names)
        self.histograms = Histograms() if histograms else None
        self._inside = _Inside()
        self._look: Any = None
        self._model: Module | None = None
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
            self.histograms = None if self.histograms is None else Histograms()
            self._clear()
        self._resumed = False
        self._model, self._look = run.model, None
        self._inside = _Inside(_parts(run.model, self.chosen))

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
        kept = self.histograms
        if kept is not None and kept.wants(run.epoch) and run.inputs is not None:
            self._count(run, kept)

    def _count(self, run: Run, histograms: Histograms) -> None:
        """The histograms of this epoch, of its last batch."""
        if self._look is None:
            self._look = run.inspection(self._inside)
        inputs, targets = run.inputs, run.targets
        if run.accumulate > 1:
            inputs, targets = inputs[-1], targets[-1]
        seen = self._look(inputs, targets)
        arrays = {
            kind: {name: each.value for name, each in seen[kind].items()}
            for kind in ("gradients", "activations")
        }
        arrays["weights"] = {
            name: w.array for name, w in self._inside.parameters.items()
        }
        histograms.add(run.epoch, arrays)

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """The histograms over the epochs: a row a layer; its weights, the logarithms
        of their gradients, and its outputs, after what follows it without weights of
        its own, such as ReLU.

        Arguments:
            path: a file to write, PNG, SVG or PDF by its suffix.

        Returns:
            The matplotlib ``Figure``.

        Raises:
            ArgumentError: when no epoch has ended, or no histograms were wanted.
            MissingPackageError: without matplotlib.
        """
        from .histogram_pictures import draw  # most programs draw nothing

        if not self.histograms or self._model is None:
            raise ArgumentError(
                "Watch.plot: there are no histograms: "
                + ("histograms=False" if self.histograms is None else "no epoch ended")
            )
        return draw(_panels(self._model, self.histograms), path)

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
        if self.histograms is not None:
            state["histograms"] = self.histograms.state_dict()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Puts back what ``state_dict`` returned."""
        self.steps = state["steps"]
        self.layers = list(state["layers"])
        self._said = set(state["said"])
        self.sums = state.get("sums")
        rows = _of("histograms", state)
        if self.histograms is not None and rows:
            self.histograms.load_state_dict(rows)
        self.active = _of("active", state)
        self._resumed = True


def _of(owner: str, state: Mapping[str, Any]) -> dict[str, Array]:
    """The arrays of one dictionary of a state, without its name."""
    start = f"{owner}."
    return {
        name.removeprefix(start): array
        for name, array in state.items()
        if name.startswith(start)
    }


class _Inside:
    """A probe that hands out gradients of parameters and outputs of layers.

    Arguments:
        parts: path ↦ the layers that are watched.
    """

    def __init__(self, parts: Mapping[str, Module] | None = None) -> None:
        self._parts = dict(parts or {})
        self._paths = {id(part): path for path, part in self._parts.items()}
        self.parameters = {
            _join(path, name): w
            for path, part in self._parts.items()
            for name, w in part.own_variables()
            if isinstance(w, Parameter)
        }
        self._outputs: dict[str, Any] = {}

    def begin(self, model: Module) -> None:
        """A step is about to be traced."""
        self._trace = current_trace()
        self._outputs = {}

    def before(self, module: Module, inputs: tuple[Any, ...]) -> None:
        """Nothing to see before a module has computed."""

    def after(self, module: Module, inputs: tuple[Any, ...], output: Any) -> None:
        """Keeps what a layer returned, the last time that it is called; of several
        tensors the first. Inside a scan there is a tensor for every step: none is kept.
        """
        path = self._paths.get(id(module))
        leaves = [x for x in tree.flatten(output)[0] if isinstance(x, Node)]
        whole = current_trace() is self._trace and not _has_parts(module)
        if path is not None and leaves and whole:
            self._outputs[path] = leaves[0]

    def measure(self, gradients: Any, before: Any) -> dict[str, Any]:
        """The gradients of the watched parameters, and the outputs."""
        found = {n: gradients[w] for n, w in self.parameters.items() if w in gradients}
        return {"gradients": found, "activations": self._outputs}

    def measured(self, values: Any) -> None:
        """What it hands out goes to whoever asked."""


def _parts(model: Module, chosen: Sequence[str] | None) -> dict[str, Module]:
    """The layers that are watched, with all that is inside them."""
    parts = dict(model.named_modules())
    if chosen is None:
        return parts
    for name in chosen:
        if name not in parts:
            raise OptionError(
                f"Watch: {type(model).__name__} has no layer {name!r}",
                fix=f"one of {', '.join(repr(path) for path in parts if path)}",
            )
    return {
        path: part
        for path, part in parts.items()
        if any(path == name or path.startswith(f"{name}.") for name in chosen)
    }


def _panels(model: Module, histograms: Histograms) -> list[list[Panel]]:
    """A row for each layer with weights, with the outputs of what follows it."""
    from .histogram_pictures import Panel

    rows: list[list[Panel]] = []
    weights, gradients, outputs = (histograms[kind] for kind in KINDS)
    for path, part in model.named_modules():
        own = [name for name, w in part.own_variables() if isinstance(w, Parameter)]
        names = [_join(path, name) for name in own]
        shown = [name for name in names if name in weights]
        title = f"{path or 'model'} ({type(part).__name__})"
        if shown:
            largest = next((n for n in shown if n.endswith("weight")), shown[0])
            rows.append(
                [
                    Panel(largest, weights[largest]),
                    Panel(f"|∇ {largest}|", gradients.get(largest, ()), True),
                    Panel("", ()),
                ]
            )
        if path in outputs:
            if not rows:
                rows.append([Panel("", ()), Panel("", ()), Panel("", ())])
            rows[-1][2] = Panel(f"output of {title}", outputs[path])
    return rows


def _has_parts(module: Module) -> bool:
    return next(iter(module.children()), None) is not None


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _norm(x: Any) -> Any:
    return sqrt(square(x.astype(float64)).sum())
