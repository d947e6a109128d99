"""The steps of one sequence through a recurrent network: inputs, states, outputs,
losses, and gradients.

Beside the road, for ``explain``: the numbers of a page, from loops that were taken
apart. It knows nothing of pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import dtypes, losses
from ...graph import Array, Node, in_order
from ...nn.module import Module
from ...nn.recurrent.base import Recurrence
from ...ops.arrays import constant
from ...shapes import Shape
from ..words.numerals import compact, norm, subscript, superscript
from .unrolling import Loop, Unrolled

#: The losses of single steps are computed for at most this many of a batch.
MOST_LOSSES = 4096
#: Of an input or an output, so many numbers are written.
WRITTEN = 2


@dataclass(frozen=True)
class State:
    """One state of a loop, for one sequence, at every step.

    Attributes:
        name: ``h``, or ``c`` beside it; ``h⁽²⁾`` of a second loop.
        layer, loop: the loop that it belongs to, in words and by number.
        level: 1 for a loop over the inputs, 2 for one over what that emits, and so on.
        start: the column of its first step.
        reverse: whether the last step came first.
        values: (T, …).
        gradients: ∂L/∂hₜ, (T, …).
        back: the part of it that comes back from the step that came next, (T, …).
    """

    name: str
    layer: str
    loop: int
    level: int
    start: int
    reverse: bool
    values: Array
    gradients: Array
    back: Array

    def has(self, t: int) -> bool:
        """Whether there is a step in the column t, from 0."""
        return self.start <= t < self.start + len(self.values)

    def place_before(self, place: int) -> int | None:
        """The step that a step took the state from; None of the first one."""
        return self._within(place + 1 if self.reverse else place - 1)

    def place_after(self, place: int) -> int | None:
        """The step that took the state from a step; None of the last one."""
        return self._within(place - 1 if self.reverse else place + 1)

    def _within(self, place: int) -> int | None:
        return place if 0 <= place < len(self.values) else None

    @property
    def sizes(self) -> list[float]:
        """‖∂L/∂hₜ‖ for every step."""
        return [norm(each) for each in self.gradients]

    @property
    def back_sizes(self) -> list[float]:
        """The size of what comes back to every step."""
        return [norm(each) for each in self.back]

    @property
    def own_sizes(self) -> list[float]:
        """The size of what comes from every step itself."""
        pairs = zip(self.gradients, self.back, strict=True)
        return [norm(whole - part) for whole, part in pairs]


@dataclass(frozen=True)
class Column:
    """One step of time.

    Attributes:
        number: t, from 1.
        x: the input, as numbers; None where there is none.
        x_text, prediction, target: in a few letters; "" where there is none.
        output: the network's output; None where it has none at this step.
        error: ∂L/∂output.
        loss: of this step alone; None where it is not a number of its own.
    """

    number: int
    x: Array | None = None
    x_text: str = ""
    output: Array | None = None
    prediction: str = ""
    target: str = ""
    error: Array | None = None
    loss: float | None = None

    @property
    def mark(self) -> str:
        """The subscript t."""
        return subscript(self.number)


@dataclass(frozen=True)
class Sequences:
    """What a network was run on, and which of its sequences is shown.

    Attributes:
        model, title: the network, and what the run is called.
        inputs, outputs: nodes of the run.
        target: a node, or None.
        loss: the node of L.
        function: of (output, target), whose value is L; None where there is none.
        names: node ↦ what its columns are called.
        example: the number of the sequence.
    """

    model: Module
    title: str
    inputs: Sequence[Node]
    outputs: Sequence[Node]
    target: Node | None
    loss: Node
    function: Callable[..., Any] | None
    names: dict[Node, Sequence[str]]
    example: int

    @property
    def samples(self) -> int:
        """N."""
        shape = self.inputs[0].shape
        return shape[0] if shape else 1


def _gradient(grads: Any, node: Node) -> Array:
    """∂L/∂node; zeros where nothing flows."""
    if node in grads:
        return np.asarray(grads[node].value)
    return np.zeros(node.shape, node.dtype)


def places(loops: Sequence[Loop]) -> list[tuple[int, int]]:
    """(level, first column) of each loop: one over what another emits stands above it,
    one that starts from another's last state stands behind it.
    """
    behind = {loop.node: set(in_order(loop.node.inputs)) for loop in loops}
    found: dict[Node, tuple[int, int]] = {}
    for loop in loops:
        split = loop.node.params["split"]
        first = loop.node.inputs[split.outside :][: split.carry]
        met = set(in_order(first))
        level, start = 1, 0
        for other in loops:
            if other.node not in found or other.node not in behind[loop.node]:
                continue
            other_level, other_start = found[other.node]
            if other.node in met:
                level = max(level, other_level)
                start = max(start, other_start + len(other.steps))
            else:
                level, start = max(level, other_level + 1), max(start, other_start)
        found[loop.node] = level, start
    return [found[loop.node] for loop in loops]


def states(
    run: Sequences, loops: Sequence[Loop], where: Any, grads: Any
) -> list[State]:
    """Those of floats, of all loops."""
    found: list[State] = []
    for number, (loop, place) in enumerate(zip(loops, where, strict=True), 1):
        (level, start), (layer, names) = place, _named(run.model, loop)
        mark = superscript(number) if len(loops) > 1 else ""
        ordered = loop.steps[::-1] if loop.reverse else loop.steps
        for i, name in enumerate(names):
            if not dtypes.is_float(loop.steps[0].after[i].dtype):
                continue
            after = [*ordered[1:], None]
            values, whole, back = [], [], []
            for step, later in zip(ordered, after, strict=True):
                node = step.after[i]
                gradient = _gradient(grads, node)
                returned = np.zeros_like(gradient)
                if later is not None:
                    returned = _gradient(grads, later.before[i])
                values.append(_part(run, np.asarray(node.value)))
                whole.append(_part(run, gradient))
                back.append(_part(run, returned))
            way = -1 if loop.reverse else 1
            arrays = [np.stack(each[::way]) for each in (values, whole, back)]
            about = layer, number, level, start, loop.reverse
            found.append(State(name + mark, *about, *arrays))
    return found


def _part(run: Sequences, array: Array) -> Array:
    """The part of a batch that belongs to the sequence that is shown."""
    batch = array.ndim and array.shape[0] == run.samples
    return np.asarray(array[run.example]) if batch else array


def _named(model: Module, loop: Loop) -> tuple[str, list[str]]:
    """What a loop is called, after the layer whose parameters it uses; its states."""
    split = loop.node.params["split"]
    modules = dict(model.named_modules())
    paths = {id(p): path for path, p in model.named_parameters()}
    for node in in_order(loop.node.inputs[: split.outside]):
        path = paths.get(id(node.owner), "")
        module = modules.get(path.rpartition(".")[0])
        if isinstance(module, Recurrence) and len(module.states) == split.carry:
            found = re.search(r"_l(\d+)(_reverse)?$", path)
            words = [type(module).__name__]
            if found and len(modules) and getattr(module, "num_layers", 1) > 1:
                words.append(f"layer {int(found[1]) + 1}")
            if found and getattr(module, "bidirectional", False):
                words.append("backward" if found[2] else "forward")
            return ", ".join(words), list(module.states)
    several = split.carry > 1
    return "loop", [
        f"s{subscript(i + 1)}" if several else "s" for i in range(split.carry)
    ]


def weights(
    model: Module, loops: Sequence[Loop], where: Any, steps: int, grads: Any
) -> dict[str, list[float]]:
    """Parameter ↦ ‖what each step adds to its gradient‖, of the whole batch."""
    paths = {id(p): path for path, p in model.named_parameters()}
    found: dict[str, list[float]] = {}
    for loop, (_, start) in zip(loops, where, strict=True):
        for i, node in enumerate(loop.outside):
            owners = [
                paths[id(n.owner)] for n in in_order([node]) if id(n.owner) in paths
            ]
            if len(owners) != 1 or not dtypes.is_float(node.dtype):
                continue
            added = [norm(_gradient(grads, step.outside[i])) for step in loop.steps]
            behind = steps - start - len(added)
            found[owners[0]] = [0.0] * start + added + [0.0] * behind
    return found


def columns(run: Sequences, found: Unrolled, grads: Any, steps: int) -> list[Column]:
    """What each step reads, says and loses."""
    x = run.inputs[0]
    lengths = {steps, *(len(loop.steps) for loop in found.loops)}
    read = _by_step(x.shape, run, steps, lengths)
    outputs = _Outputs(run, found, grads, steps) if run.outputs else None
    names = run.names.get(x)
    made = []
    for t in range(steps):
        values = None if read is None else read(np.asarray(x.value), t)
        said = {} if outputs is None else outputs.at(t)
        text = "" if values is None else _text(values, names)
        made.append(Column(t + 1, values, text, **said))
    return made


#: The part of an array that belongs to one sequence and step; None where there is none.
Cut = Callable[[Array, int], Array | None]


def _by_step(
    shape: Shape, run: Sequences, steps: int, lengths: Collection[int], last: int = 0
) -> Cut | None:
    """How the numbers of one step are taken from arrays of a batch, (N, T, …) or
    (N · T, …); None of a shape without steps.

    Arguments:
        lengths: what T may be.
        last: 1 for arrays of the last T steps, 0 for those of the first.
    """
    n, one = run.samples, run.example
    if len(shape) >= 2 and shape[0] == n and shape[1] in lengths:
        length = shape[1]
        first = (steps - length) * last

        def cut(array: Array, t: int) -> Array | None:
            there = first <= t < first + length
            return np.asarray(array[one, t - first]) if there else None

        return cut
    if steps > 1 and shape and shape[0] == n * steps:
        return lambda array, t: np.asarray(array[one * steps + t])
    return None


class _Outputs:
    """A network's outputs, targets, errors and losses, for one sequence.

    A network that answers once, after the last step, has them there.
    """

    def __init__(self, run: Sequences, found: Unrolled, grads: Any, steps: int) -> None:
        node, target = run.outputs[0], run.target
        self.run, self.steps, self.names = run, steps, run.names.get(node)
        self.values = np.asarray(node.value)
        self.errors = _gradient(grads, found.new.get(node, node))
        self.targets = None if target is None else np.asarray(target.value)
        lengths = {steps, *(len(loop.steps) for loop in found.loops)}
        alike = self.targets is None or self.targets.shape[:2] == node.shape[:2]
        by_step = _by_step(node.shape, run, steps, lengths, last=1)
        flat = bool(node.shape) and node.shape[0] != run.samples
        self.whole = by_step is None or not (alike or flat)
        self.cut: Cut = self._at_the_end if self.whole or not by_step else by_step
        self.losses = self._losses()

    def at(self, t: int) -> dict[str, Any]:
        """The fields of a column that belong to the output."""
        output = self.cut(self.values, t)
        if output is None:
            return {}
        fields: dict[str, Any] = {
            "output": output,
            "error": self.cut(self.errors, t),
            "prediction": self._predicted(output),
        }
        target = None if self.targets is None else self._target(t)
        if target is not None:
            fields["target"] = _text(target, self.names)
        if self.losses is not None:
            fields["loss"] = self.losses.get(t)
        return fields

    def _target(self, t: int) -> Array | None:
        assert self.targets is not None
        if self.targets.shape[:1] != self.values.shape[:1]:
            return None
        return self.cut(self.targets, t)

    def _at_the_end(self, array: Array, t: int) -> Array | None:
        if t < self.steps - 1 or array.shape[:1] != (self.run.samples,):
            return None
        return np.asarray(array[self.run.example])

    def _predicted(self, output: Array) -> str:
        """Of scores of classes the likeliest and its probability; else the numbers."""
        if self.run.function is losses.cross_entropy and output.ndim == 1:
            powers = np.exp(output - output.max())
            best = int(output.argmax())
            name = self.names[best] if self.names else str(best)
            return f"{name} ({powers[best] / powers.sum():.2f})"
        return _text(output, None)

    def _losses(self) -> dict[int, float] | None:
        """Step ↦ its own loss: the network's loss of nothing else. None where L is
        neither their average nor their sum, over all steps or those of a sequence.
        """
        run, target = self.run, self.targets
        if (
            run.function is None
            or target is None
            or (self.whole and not self.values.ndim)
        ):
            return None
        if target.shape[:1] != self.values.shape[:1]:
            return None
        flat = self.values.shape[0] != run.samples
        length = 1 if self.whole else self.steps if flat else self.values.shape[1]
        if run.samples * length > MOST_LOSSES:
            return None
        each: dict[tuple[int, ...], float] = {}
        for n, t in np.ndindex(run.samples, length):
            place: Any = slice(n, n + 1)
            if flat:
                place = slice(n * length + t, n * length + t + 1)
            elif not self.whole:
                place = slice(n, n + 1), slice(t, t + 1)
            parts = (constant(array[place]) for array in (self.values, target))
            each[n, t] = float(run.function(*parts).value)
        total = sum(each.values())
        whole = float(np.asarray(run.loss.value))
        count = 1, len(each), run.samples  # a sum, a mean, a mean over sequences
        if not any(np.isclose(whole, total / n, 1e-4) for n in count):
            return None
        first = self.steps - length
        return {first + t: each[run.example, t] for t in range(length)}


def _text(values: Array, names: Sequence[str] | None) -> str:
    """A few numbers; of an index or a row of zeros with a single 1, its name."""
    if values.ndim == 0 and values.dtype.kind in "iub":
        return names[int(values)] if names else str(int(values))
    flat = values.reshape(-1)
    if names and len(names) == flat.size and flat.size > 1 and is_one_hot(flat):
        return names[int(flat.argmax())]
    if flat.size <= WRITTEN:
        return ", ".join(compact(each) for each in flat)
    return ""


def is_one_hot(values: Array) -> bool:
    """Whether all are 0 but a single 1."""
    return bool((values != 0).sum() == 1 and values.max() == 1)
