"""A network's layers under the names of the textbook: z, a, δ, ∇W and ∇b.

    z⁽ˡ⁾ = W⁽ˡ⁾ a⁽ˡ⁻¹⁾ + b⁽ˡ⁾        a⁽ˡ⁾ = σ(z⁽ˡ⁾)        δ⁽ˡ⁾ = ∂L/∂z⁽ˡ⁾
    ∇W⁽ˡ⁾ = δ⁽ˡ⁾ (a⁽ˡ⁻¹⁾)ᵀ           ∇b⁽ˡ⁾ = δ⁽ˡ⁾, both summed over the samples

Beside the road, for ``explain``: it watches the calls of modules, and asks the graph
for everything else. It works for any module: every call of one that holds parameters is
a layer, and what it returns is its z.

Source: Rumelhart, Hinton & Williams (1986), "Learning representations by
back-propagating errors".
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import dtypes, losses, tree
from ..errors import ArgumentError, GradientError
from ..graph import Array, Node, in_order
from ..nn import Game
from ..nn.module import Module
from ..nn.module.call import watching
from ..ops.arrays import lift
from ..tensor import Tensor, tensor
from ..training.objective import OwnLoss
from ..variable import Parameter
from ..wording import counted
from .calls import Calls, activation, own_parameters
from .explanation import DRAWN, Explanation
from .output.svg import Picture, condensed
from .recurrence.steps import Sequences
from .through_time import ThroughTime, through_time
from .words.lines import Wording
from .words.numerals import array, number, superscript

#: Arrays of at most this many elements are printed in full.
PRINTED = 24
#: Of a network with more nodes than a drawing shows, how many of the first are kept.
FIRST_DRAWN = 60


class Layer:
    """One call of a module that holds parameters.

    Attributes:
        number: l, from 1.
        path, module: which part of the network it is.
        z: what the module returned, before the activation.
        a: the activation a = σ(z) that follows, z itself where none does.
        delta: δ = ∂L/∂z.
        grad_W, grad_b: ∂L/∂weight and ∂L/∂bias; of a module that is called several
            times, the sum over its calls.
        gradients: ∂L/∂parameter for all parameters of the module, by name.
    """

    def __init__(
        self,
        number: int,
        path: str,
        module: Module,
        x_node: Node | None,
        z_node: Node,
        a_node: Node,
    ) -> None:
        self.number = number
        self.x_node = x_node
        self.path = path
        self.module = module
        self.z_node = z_node
        self.a_node = a_node
        self.calls = 1
        self._found: Explanation | None = None

    @property
    def label(self) -> str:
        """The layer as messages and tables name it: ``0 = Linear(2 → 3)``"""
        shown = f"{type(self.module).__name__}({self.module.describe_settings()})"
        return f"{self.path} = {shown}" if self.path else shown

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters that the module itself holds, by name."""
        return own_parameters(self.module)

    @property
    def z(self) -> Array:
        """What the module returned: W a + b of a fully connected layer."""
        return np.array(self.z_node.value)

    @property
    def a(self) -> Array:
        """The activation σ(z); z itself where no function of z alone follows."""
        return np.array(self.a_node.value)

    @property
    def delta(self) -> Array:
        """δ = ∂L/∂z.

        Raises:
            GradientError: when the loss does not depend on this layer.
        """
        return self._gradient(self.z_node, "δ")

    @property
    def gradients(self) -> dict[str, Array]:
        """∂L/∂parameter for each parameter of the module that the loss depends on."""
        explanation = self._explanation()
        return {
            name: explanation.gradient(parameter)
            for name, parameter in self.parameters.items()
            if explanation.has_gradient(parameter)
        }

    @property
    def grad_W(self) -> Array:
        """∇W = ∂L/∂weight."""
        return self._parameter_gradient("weight", "∇W")

    @property
    def grad_b(self) -> Array:
        """∇b = ∂L/∂bias."""
        return self._parameter_gradient("bias", "∇b")

    def explained_by(self, explanation: Explanation) -> None:
        """Sets the explanation of the loss, which has the derivatives."""
        self._found = explanation

    def _explanation(self) -> Explanation:
        assert self._found is not None
        return self._found

    def _parameter_gradient(self, name: str, symbol: str) -> Array:
        parameters = self.parameters
        if name not in parameters:
            held = ", ".join(parameters)
            raise ArgumentError(
                f"explain: layer {self.number}, {self.label}, has no {name}, so no "
                f"{symbol}; its parameters: {held}",
                fix=f"layer.gradients[{next(iter(parameters))!r}]",
            )
        return self._gradient(parameters[name], symbol)

    def _gradient(self, node: Node, symbol: str) -> Array:
        explanation = self._explanation()
        if not explanation.has_gradient(node):
            raise GradientError(
                f"explain: layer {self.number}, {self.label}: no {symbol}: the loss "
                "does not depend on it",
                fix="use the layer's output in the network's output",
            )
        return explanation.gradient(node)


@dataclass(frozen=True)
class _Run:
    """A network run once: its inputs, its output, and its loss.

    The outputs of one that returns its loss are what its parts returned, and its
    function is the network itself.
    """

    inputs: list[Node]
    target: Node | None
    outputs: list[Node]
    loss: Tensor
    function: Callable[..., Any]
    entry_names: dict[Node, Sequence[str]]


class NetworkExplanation(Explanation):
    """A network on some data: every layer's z, a, δ, ∇W and ∇b, and the whole graph.

    Attributes:
        layers: one ``Layer`` for each call of a module with parameters, in order.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
        >>> found = cr.explain(model, cr.ones((4, 2)), cr.zeros((4, 1)))
        >>> [layer.delta.shape for layer in found.layers]
        [(4, 3), (4, 1)]
        >>> found.layers[0].grad_W.shape
        (3, 2)
    """

    def __init__(self, model: Module, layers: Sequence[Layer], run: _Run) -> None:
        self.layers = list(layers)
        self._model = model
        self._run = run
        self._given = _names(layers, run)
        super().__init__(run.loss, self._given, title=type(model).__name__)
        self._wording.entry_names.update(run.entry_names)
        for layer in self.layers:
            layer.explained_by(self)

    def _picture(self, last: int | None) -> tuple[Wording, Picture]:
        """The inputs, parameters and layers, without what is computed on the way."""
        if last is not None:
            return super()._picture(last)
        wording = Wording(self._wording.ledger, self._given)
        wording.entry_names = self._wording.entry_names
        everything = self._wording.ledger.nodes
        nodes = [node for node in everything if node in self._given]
        drawn = set(nodes[:FIRST_DRAWN]) | set(nodes[FIRST_DRAWN - DRAWN :])
        wording.visible = drawn
        self._textbook_formulas(wording)
        inside = len(everything) - len(nodes)
        note = f"{inside:,} operations inside layers and loss are not drawn"
        if len(drawn) < len(nodes):
            note = (
                f"the first {FIRST_DRAWN} and the last {DRAWN - FIRST_DRAWN} of "
                f"{len(nodes)} nodes; {note}"
            )
        return wording, condensed(wording, drawn, note)

    def _textbook_formulas(self, wording: Wording) -> None:
        """L by the loss's name; the derivatives of fully connected layers."""
        run = self._run
        name = getattr(run.function, "__name__", type(run.function).__name__)
        own = run.function is self._model
        given = run.inputs if own else run.outputs
        given = [*given, *([] if run.target is None else [run.target])]
        listed = ", ".join(wording.name(node) for node in given)
        wording.formulas[run.loss] = f"{name.lstrip('_')}({listed})"
        leaves = {n.owner: n for n in self._wording.ledger.nodes if n.owner is not None}
        below = run.inputs[0]
        for layer in self.layers:
            z = wording.name(layer.z_node)
            delta = z.replace("z", "δ", 1)
            if _plain(layer) and z != delta and layer.calls == 1:
                weight, bias = (leaves.get(p) for p in layer.parameters.values())
                if weight is not None and bias is not None:
                    x = wording.name(below)
                    wording.derivatives[weight] = f"{delta}ᵀ {x}"
                    wording.derivatives[bias] = f"Σ {delta}"
                    if layer.number > 1:
                        wording.derivatives[below] = f"{delta} {wording.name(weight)}"
            below = layer.a_node

    def through_time(self, example: int = 0, last: int = 12) -> ThroughTime:
        """A recurrent network unrolled: one sequence, step by step in time.

        Formula: ∂L/∂hₜ = what step t itself adds + what comes back from step t + 1.

        Arguments:
            example: which sequence of the batch.
            last: how many steps are drawn, counted from the end.

        Returns:
            ``print`` it, or ``save("rnn.html")`` a page that plays predictions, errors
            and gradients.

        Raises:
            ArgumentError: for a network without a loop over time.
        """
        run = self._run
        own = run.function is self._model
        outputs = [] if own else run.outputs
        function = None if own else run.function
        sequences = Sequences(
            self._model, self.title, run.inputs, outputs, run.target, run.loss,
            function, run.entry_names, example,
        )  # fmt: skip
        return through_time(sequences, last)

    def text(self, limit: int | None = None) -> str:
        """z, a, δ, ∇W and ∇b of every layer: numbers where they are few.

        Arguments:
            limit: the most layers; None for all.
        """
        layers = self.layers if limit is None else self.layers[:limit]
        parts = [
            self._head(),
            *self._about(),
            *(self._layer(layer) for layer in layers),
        ]
        if len(layers) < len(self.layers):
            parts.append(f"… {counted(len(self.layers) - len(layers), 'more layer')}")
        return "\n\n".join(parts)

    def _about(self) -> list[str]:
        """What is known of the example, as a table."""
        if not self.facts:
            return []
        widths = [max(map(len, cells)) for cells in zip(*self.facts, strict=True)]
        return [
            "\n".join(
                "  ".join(
                    cell.ljust(w) for cell, w in zip(row, widths, strict=True)
                ).rstrip()
                for row in self.facts
            )
        ]

    def _head(self) -> str:
        run = self._run
        name = getattr(run.function, "__name__", type(run.function).__name__)
        count = len(self.layers)
        plural = "" if count == 1 else "s"
        return (
            f"{type(self._model).__name__}: {count} layer{plural} with parameters; "
            f"L = {name} = {number(run.loss.value)}\n{_how_combined(run)}"
        )

    def _layer(self, layer: Layer) -> str:
        mark = superscript(layer.number)
        first = self._input_symbol(layer)
        formula = f" = W{mark} {first} + b{mark}" if first and _plain(layer) else ""
        activation = (
            "σ(z" + mark + ")" if layer.a_node is not layer.z_node else "z" + mark
        )
        rows = [(f"z{mark}{formula}", layer.z), (f"a{mark} = {activation}", layer.a)]
        if self.has_gradient(layer.z_node):
            rows.append((f"δ{mark} = ∂L/∂z{mark}", layer.delta))
        above = first if first.startswith("x") else f"({first})"
        product = f" = δ{mark} {above}ᵀ" if formula else ""
        for name, gradient in layer.gradients.items():
            symbol = {"weight": "W", "bias": "b"}.get(name, name)
            right = product if symbol == "W" else f" = δ{mark}" if product else ""
            rows.append((f"∇{symbol}{mark}{right}", gradient))
        lines = [f"layer {layer.number}: {layer.label}"]
        for symbol, values in rows:
            lines += _row(symbol, values)
        if layer.calls > 1:
            lines.append(
                f"  called {layer.calls} times: the ∇ are sums over all its calls"
            )
        if not self.has_gradient(layer.z_node):
            lines.append("  the loss does not depend on this layer: no δ")
        return "\n".join(lines)

    def _input_symbol(self, layer: Layer) -> str:
        """x, x2 or a⁽ˡ⁾: what a layer was given, if views or functions of one array
        lead to it from there; else "".
        """
        several = len(self._run.inputs) > 1
        symbols = {
            node: f"x{i}" if several else "x"
            for i, node in enumerate(self._run.inputs, 1)
        }
        for each in self.layers:
            symbols.setdefault(each.z_node, f"z{superscript(each.number)}")
        symbols |= {each.a_node: f"a{superscript(each.number)}" for each in self.layers}
        node = layer.x_node
        while node is not None and node not in symbols:
            causes = [n for n in node.inputs if n.op is not None or n in symbols]
            node = causes[0] if len(causes) == 1 else None
        return "" if node is None else symbols[node]


def _plain(layer: Layer) -> bool:
    """Whether z = W a + b, of a matrix W and rows a."""
    weight = layer.parameters.get("weight")
    return (
        weight is not None
        and len(weight.shape) == 2
        and list(layer.parameters) == ["weight", "bias"]
        and layer.z.ndim == 2
    )


def _row(symbol: str, values: Array) -> list[str]:
    """A name, the shape, and the numbers or their statistics."""
    head = f"  {symbol:<24} {values.shape!s:<12}"
    if values.ndim < 2 or values.size > PRINTED or values.size == 0:
        return [f"{head} {array(values, PRINTED)}"]
    rows = [array(row, PRINTED) for row in values]
    gap = " " * len(head)
    return [f"{head if i == 0 else gap} {row}" for i, row in enumerate(rows)]


def _how_combined(run: _Run) -> str:
    """Whether the loss averages or sums over the samples: δ carries the factor."""
    first = run.inputs[0] if isinstance(run.function, Module) else run.outputs[0]
    samples = first.shape[0] if first.shape else 1
    try:
        settings = inspect.signature(run.function).parameters
    except (TypeError, ValueError):
        settings = inspect.signature(lambda: None).parameters
    sums = "∇W and ∇b are sums over the samples."
    reduction = settings.get("reduction")
    if reduction is None or reduction.default != "mean":
        return f"Each δ is ∂L/∂z, where L combines {counted(samples, 'sample')}; {sums}"
    if samples == 1 and math.prod(run.outputs[0].shape) == 1:
        return "L is the loss of a single sample."
    per = settings.get("per")
    if per is not None and per.default == "element":
        return f"L is the average over every element, so each δ includes 1/n; {sums}"
    if samples == 1:
        return "L is the loss of a single sample."
    return (
        f"L is the average over {samples} samples, so each δ includes 1/{samples}; "
        f"{sums}"
    )


def _names(layers: Sequence[Layer], run: _Run) -> dict[Node, str]:
    """The textbook's names for the nodes of a network."""
    names: dict[Node, str] = {run.loss: "L"}
    if run.target is not None:
        names[run.target] = "y"
    leaves = {n.owner: n for n in in_order([run.loss]) if n.owner is not None}
    for layer in reversed(layers):
        mark = superscript(layer.number)
        names[layer.a_node] = f"a{mark}"
        names[layer.z_node] = f"z{mark}"
        for name, parameter in layer.parameters.items():
            symbol = {"weight": "W", "bias": "b"}.get(name, name)
            if parameter in leaves:
                names[leaves[parameter]] = f"{symbol}{mark}"
    plural = len(run.inputs) > 1
    for i, node in enumerate(run.inputs):
        names[node] = node.name or (f"x{i + 1}" if plural else "x")
    return names


def explain_network(
    model: Module,
    x: Any,
    y: Any,
    loss: str | Callable[..., Any] | None,
    training: bool,
    feature_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
) -> NetworkExplanation:
    """Runs a network and its loss once, and names what its layers computed.

    Raises:
        ArgumentError: without input, or without a target where the model does not
            return its loss; for a network without parameters.
    """
    own = model.outputs_loss
    if isinstance(model, Game):
        raise ArgumentError(
            f"explain: {type(model).__name__} has a loss for each of its players, and "
            "one loss is explained at a time",
            fix=f"cr.explain(model.{model.players[0]}, x, y), of that network alone",
        )
    if x is None or (y is None and not own):
        needed = "an input" if own else "an input and a target"
        raise ArgumentError(
            f"explain: {type(model).__name__} needs {needed} to compute a loss",
            fix="cr.explain(model, x)" if own else "cr.explain(model, x, y)",
        )
    calls = Calls(model if own else None)
    dtype = next((p.dtype for p in model.parameters()), None)
    if isinstance(x, list) and len(x) > 1 and all(hasattr(a, "shape") for a in x):
        raise ArgumentError(
            f"explain: x is a list of {len(x)} arrays: several inputs are a tuple",
            fix="cr.explain(model, (x1, x2), y)",
        )
    parts = x if isinstance(x, tuple) else (x,)
    inputs = [_as_node(each, dtype) for each in parts]
    target = None if y is None else _as_node(y, dtype)
    given, function = _called_with(model, inputs, target, loss)
    with watching(calls):
        output = model(*given, **({"training": True} if training else {}))
    outputs = [each for each in tree.flatten(output)[0] if isinstance(each, Node)]
    value = lift([output if own else function(output, target)])[0]
    if own:
        outputs = calls.results
    assert isinstance(value, Tensor)
    _check_loss(model, value, calls)
    run = _Run(inputs, target, outputs, value, function, {})
    layers = _layers(model, calls, run)
    if class_names is None:
        class_names = getattr(model, "class_names", None)
    run.entry_names.update(_entry_names(layers, run, feature_names, class_names))
    return NetworkExplanation(model, layers, run)


def _entry_names(
    layers: Sequence[Layer],
    run: _Run,
    features: Sequence[str] | None,
    classes: Sequence[str] | None,
) -> dict[Node, Sequence[str]]:
    """The names of the input's columns and of the output's classes, where these are.

    Raises:
        ArgumentError: for another number of names than columns.
    """
    names: dict[Node, Sequence[str]] = {}
    x, first, last = run.inputs[0], layers[0], layers[-1]
    if features is not None:
        width = x.shape[-1] if x.shape else 0
        if len(features) != width:
            raise ArgumentError(
                f"explain: {len(features)} feature_names for x {x.shape}: one name for "
                "each entry of its last axis",
                fix=f"{width} names",
            )
        names[x] = features
        weight = first.parameters.get("weight")
        for node in in_order([run.loss]):
            if weight is not None and node.owner is weight and _plain(first):
                names[node] = features
    if classes is not None:
        for node in (last.z_node, last.a_node, *run.outputs):
            if node.shape and node.shape[-1] == len(classes):
                names[node] = classes
    return names


def _check_loss(model: Module, loss: Tensor, calls: Calls) -> None:
    name = type(model).__name__
    if loss.size != 1 or not dtypes.is_float(loss.dtype):
        raise ArgumentError(
            f"explain: {name}: the loss is {loss.describe()} of {loss.dtype}: "
            "expected one floating-point number",
            fix="let the loss average or sum over the samples",
        )
    if not calls.made:
        raise ArgumentError(
            f"explain: {name} called no layer with parameters, so there is nothing to "
            "differentiate with respect to",
            fix="explain the loss itself: cr.explain(loss)",
        )


def _as_node(value: Any, dtype: Any) -> Node:
    """A tensor as it is; other numbers as one, floats in the network's own dtype."""
    if isinstance(value, Node):
        return value.read()
    made = tensor(value)
    return tensor(value, dtype) if dtype and dtypes.is_float(made.dtype) else made


def _called_with(
    model: Module, inputs: list[Node], target: Node | None, loss: Any
) -> tuple[Sequence[Node], Callable[..., Any]]:
    """What a model is called with, and the function whose value is the loss: that of
    its outputs, or the model itself.
    """
    if not model.outputs_loss:
        assert target is not None
        return inputs, _loss(loss, target)
    objective = OwnLoss(model, loss, "none" if target is None else "other")
    return objective.arguments(tuple(inputs), target), model


def _loss(loss: str | Callable[..., Any] | None, target: Node) -> Callable[..., Any]:
    """The requested loss; by default the usual one for the targets."""
    if loss is None:
        whole = dtypes.is_integer(target.dtype)
        return losses.cross_entropy if whole else losses.half_squared_error
    if isinstance(loss, str):
        return losses.by_name(loss)
    if not callable(loss):
        raise ArgumentError(
            f"explain: loss={loss!r}: expected the name of a loss, or a function of "
            "(output, target)",
            fix='loss="mse"',
        )
    return loss


def _layers(model: Module, calls: Calls, run: _Run) -> list[Layer]:
    paths = {id(module): path for path, module in model.named_modules()}
    within = in_order(run.outputs)
    used, layers = set(within), []
    for i, (module, x, results) in enumerate(calls.made, 1):
        # Of an output and a state, z is the one that the rest of the network uses.
        z = next((each for each in results if each in used), results[0])
        a = activation(z, within, set(run.inputs), calls.inside)
        layers.append(Layer(i, paths.get(id(module), ""), module, x, z, a))
    counts: dict[int, int] = {}
    for layer in layers:
        counts[id(layer.module)] = counts.get(id(layer.module), 0) + 1
    for layer in layers:
        layer.calls = counts[id(layer.module)]
    return layers
