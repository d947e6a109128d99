"""What recurrent layers and cells share: sizes, first values, the loop over the steps.

Place on the road: above ``scan``, beneath the families ``recurrent_rnn``,
``recurrent_lstm`` and ``recurrent_gru``, which add their equations. It must not know of
gates.

What a step takes from the input, x Wᵀ + b, does not wait for the step before it, so it
is computed for all steps at once, outside of the loop; the loop adds what it takes from
the state. Weights have PyTorch's names, shapes and order of gates, so
``layer.load_state_dict`` takes the values of a PyTorch layer as they are.

Sequences of different lengths lie in one batch as ``lengths`` says. After a sequence's
own end its state stays as it is, its output is 0, and its input is not looked at: not
even a NaN there has an effect. A layer that reads backward starts at that end.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from numpy.typing import DTypeLike

from .. import dtypes, tree
from ..dtypes import DType
from ..errors import ArgumentError, DTypeError, ShapeError
from ..graph import Node
from ..initializers import Initializer, Rule, as_initializer, uniform
from ..ops.composed import stack, swapaxes
from ..ops.control import scan
from ..ops.creation import zeros
from ..ops.elementwise import stop_gradient, where
from ..ops.movement import concatenate
from ..ops.primitive import constant, lift
from ..random_numbers import Generator
from ..shapes import Shape
from .arguments import features, new_parameter, number_within, positive_size
from .dropout import Dropout
from .lengths import real_steps
from .module import Module

#: The state of a step: (h,), or (h, c) for an LSTM.
State = tuple[Any, ...]

#: Whether there are biases, or the names of those there are.
Biases = bool | Sequence[str]


class Weights(NamedTuple):
    """The weights of one layer in one direction, as the equations use them."""

    input: Any
    hidden: Any
    bias_ih: Any
    bias_hh: Any
    peephole: Any


class Recurrence(Module):
    """A recurrence: weights for every gate, and the equations of one step.

    Class attributes:
        gates: how many blocks of rows each weight matrix has.
        states: the names of what a step hands to the next one.
    """

    gates: ClassVar[int] = 1
    states: ClassVar[tuple[str, ...]] = ("h",)
    options_elsewhere: ClassVar[str] = "nn.RECURRENT"

    def __init__(self, input_size: int, hidden_size: int, bias: Biases) -> None:
        name = type(self).__name__
        self.input_size = positive_size(name, "input_size", input_size)
        self.hidden_size = positive_size(name, "hidden_size", hidden_size)
        self.bias = bias if isinstance(bias, bool) else _names(name, bias)

    def step(self, z: Any, state: State, weights: Weights) -> State:
        """The next state, from what the input adds, z (N, G·H), and the state before.

        Families write it. The first state is also the output.
        """
        raise ArgumentError(f"{type(self).__name__}: step is not written")

    def input_bias(self, weights: Weights) -> Any:
        """The bias that can be added for all steps at once; None for none."""
        kept = [each for each in (weights.bias_ih, weights.bias_hh) if each is not None]
        return None if not kept else kept[0] if len(kept) == 1 else kept[0] + kept[1]

    def from_input(self, x: Any, weights: Weights) -> Any:
        """z: what the inputs (…, D) add to the gates, (…, G·H)."""
        bias = self.input_bias(weights)
        z = x @ weights.input
        return z if bias is None else z + bias

    def make_weights(
        self, suffix: str, input_size: int, first: FirstValues, peepholes: bool = False
    ) -> None:
        """New parameters ``weight_ih``, ``weight_hh``, ``bias_ih`` and ``bias_hh``,
        each with the suffix.
        """
        rows, own = self.gates * self.hidden_size, self.hidden_size
        shapes: dict[str, Shape] = {
            "weight_ih": (rows, input_size),
            "weight_hh": (rows, own),
        }
        for name in ("bias_ih", "bias_hh") if self.bias else ():
            if isinstance(self.bias, bool) or name + suffix in self.bias:
                shapes[name] = (rows,)
            else:
                setattr(self, name + suffix, None)
        if peepholes:
            shapes["weight_ch"] = (3, own)
        for name, shape in shapes.items():
            init = first.of(name, self.gates, own)
            parameter = new_parameter(name + suffix, shape, init, first.dtype)
            setattr(self, name + suffix, parameter)

    def weights(self, suffix: str = "") -> Weights:
        """The parameters of this suffix, the matrices as right sides of a product."""

        def named(name: str) -> Any:
            return vars(self).get(name + suffix)

        return Weights(
            named("weight_ih").T,
            named("weight_hh").T,
            named("bias_ih"),
            named("bias_hh"),
            named("weight_ch"),
        )

    def settings(self) -> dict[str, Any]:
        """The sizes, and whether there are biases, or which."""
        biases = {n: b for n, b in vars(self).items() if n.startswith("bias_")}
        held = [name for name, bias in biases.items() if bias is not None]
        return {
            "input_size": self.input_size,
            "hidden_size": self.hidden_size,
            "bias": sorted(held) if 0 < len(held) < len(biases) else bool(held),
        }

    def describe_settings(self) -> str:
        """``8 → 16, num_layers=2``: the sizes, and what is not as usual."""
        usual = {"bias": True, "num_layers": 1, "nonlinearity": "tanh"}
        shown = [f"{self.input_size} → {self.hidden_size}"]
        for name, value in self.settings().items():
            if not name.endswith("_size") and value != usual.get(name, 0):
                shown.append(f"{name}={value!r}")
        return ", ".join(shown)

    def _states_of(self, state: Any, shape: Shape, dtype: DType) -> State:
        """The states that were given, checked, or zeros; all of one dtype."""
        name, count = type(self).__name__, len(self.states)
        if state is None:
            return tuple(zeros(shape, dtype) for _ in self.states)
        several = isinstance(state, (tuple, list)) and not _is_array(state)
        wanted = f"a pair ({', '.join(self.states)})" if count > 1 else "one tensor"
        if several != (count > 1) or (several and len(state) != count):
            found = f"{len(state)} tensors" if several else "one tensor"
            raise ArgumentError(
                f"{name}: state: {found}: expected {wanted}",
                fix="give it the state that an earlier call answered, or None to start",
            )
        nodes = [lift([each])[0] for each in (state if several else [state])]
        for label, node in zip(self.states, nodes, strict=True):
            _check_state(name, label, node, shape)
            dtype = dtypes.promote(dtype, node.dtype)
        found_states: list[Any] = list(nodes)
        return tuple(each.astype(dtype) for each in found_states)


class RecurrentCell(Recurrence):
    """One step of a recurrence: ``h = cell(x, h)``."""

    def forward(self, x: Any, state: Any = None) -> Any:
        """The next state; from zeros where there is no state before.

        Raises:
            ShapeError: for an x that is not (N, input_size), or a state of another
                shape than (N, hidden_size).
            ArgumentError: where one tensor is given for a pair, or a pair for one.
        """
        node, w = (
            _input(self, x, 2, "(N, D), one step of every sequence"),
            self.weights(),
        )
        z = self.from_input(node, w)
        shape = (node.shape[0], self.hidden_size)
        new = self.step(z, self._states_of(state, shape, z.dtype), w)
        return new if len(self.states) > 1 else new[0]


class RecurrentLayer(Recurrence):
    """A recurrence over whole sequences: several layers, one or both directions."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: Biases,
        bidirectional: bool,
        dropout: float,
    ) -> None:
        super().__init__(input_size, hidden_size, bias)
        name = type(self).__name__
        self.num_layers = positive_size(name, "num_layers", num_layers)
        self.bidirectional = bool(bidirectional)
        rule = "a probability from 0 to less than 1"
        below_1 = math.nextafter(1.0, 0.0)
        self.dropout = number_within(name, "dropout", dropout, 0, below_1, rule)
        if self.dropout and self.num_layers == 1:
            raise ArgumentError(
                f"{name}: dropout={dropout} with one layer: it acts between layers, "
                "and there is nothing between",
                fix=f"num_layers=2, or nn.Dropout({dropout}) after the layer",
            )
        self.drop = Dropout(self.dropout) if self.dropout else None

    def make_layers(self, first: FirstValues, peepholes: bool = False) -> None:
        """New parameters for all layers and directions: ``weight_ih_l0``, …"""
        above = self.hidden_size * (2 if self.bidirectional else 1)
        for layer, _, suffix in self.passes():
            size = above if layer else self.input_size
            self.make_weights(suffix, size, first, peepholes)

    def passes(self) -> Iterator[tuple[int, bool, str]]:
        """(layer, whether it reads backward, suffix of its parameters), in the order
        of the states.
        """
        for layer in range(self.num_layers):
            yield layer, False, f"_l{layer}"
            if self.bidirectional:
                yield layer, True, f"_l{layer}_reverse"

    def forward(
        self, x: Any, state: Any = None, lengths: Any = None, training: bool = False
    ) -> Any:
        """Output and final state.

        Arguments:
            x: (N, T, input_size).
            state: what to start from; zeros when not given.
            lengths: how many steps of each sequence are real, (N,) integers from 0 to
                T; all of them when not given.
            training: whether the dropout between layers drops.

        Raises:
            ShapeError: for an x, a state or lengths of another shape.
            BoundsError: for a length that is negative or above T.
            DTypeError: for an x of integers, or lengths of floats.
        """
        node = _input(self, x, 3, "(N, T, D), sequences of T steps")
        samples, steps = node.shape[:2]
        sequence = swapaxes(node, 0, 1)  # the loop goes along the first axis
        real = None
        if lengths is not None:
            name = f"{type(self).__name__}: sequence"
            real = real_steps(name, lengths, samples, steps).T[:, :, None]
            sequence = where(real, sequence, 0.0)
        passes = list(self.passes())
        shape = (len(passes), samples, self.hidden_size)
        dtype = dtypes.promote(node.dtype, self.weights("_l0").hidden.dtype)
        starts = self._states_of(state, shape, dtype)
        finals: list[State] = []
        outputs: list[Any] = []
        for number, (layer, backward, suffix) in enumerate(passes):
            if layer and not backward:
                sequence, outputs = self._between(outputs, training), []
            start = tuple(each[number] for each in starts)
            found, final = self._along(sequence, start, suffix, real, backward)
            outputs.append(found)
            finals.append(final)
        output = swapaxes(_joined(outputs), 0, 1)
        last = tuple(stack(each) for each in zip(*finals, strict=True))
        return output, last if len(self.states) > 1 else last[0]

    def _between(self, outputs: list[Any], training: bool) -> Any:
        """What the next layer reads: the outputs of both directions, with dropout."""
        joined = _joined(outputs)
        return joined if self.drop is None else self.drop(joined, training=training)

    def _along(
        self, sequence: Any, start: State, suffix: str, real: Any, backward: bool
    ) -> tuple[Any, State]:
        """One layer in one direction: its outputs (T, N, H), and its final state."""
        w = self.weights(suffix)

        def step(state: State, element: list[Any]) -> tuple[State, Any]:
            z, *going = element
            new = self.step(z, state, w)
            for each in going:
                pairs = zip(new, state, strict=True)
                new = tuple(where(each, a, before) for a, before in pairs)
            return new, new[0]

        elements = [self.from_input(sequence, w), *([] if real is None else [real])]
        final, outputs = scan(step, start, elements, reverse=backward)
        return outputs if real is None else where(real, outputs, 0.0), final

    @staticmethod
    def detached(state: Any) -> Any:
        """A state without its past, to go on from: the same values, through which no
        gradient passes and which keep no graph alive.

        That truncates backpropagation through time: a long sequence is read in windows,
        each from the state that the one before it left (Williams & Peng, 1990). In a
        compiled step that takes the state as an argument there is nothing to do:
        gradients end at its arguments.

        Example:
            >>> import chainrule as cr
            >>> from chainrule import nn
            >>> layer, state = nn.GRU(2, 3), None
            >>> for window in cr.split(cr.ones((1, 6, 2)), 3, axis=1):
            ...     output, state = layer(window, state)
            ...     state = layer.detached(state)
        """
        leaves, structure = tree.flatten(state)
        return tree.unflatten(structure, [_without_past(each) for each in leaves])

    def settings(self) -> dict[str, Any]:
        """The sizes, layers and directions."""
        return {
            **super().settings(),
            "num_layers": self.num_layers,
            "bidirectional": self.bidirectional,
            "dropout": self.dropout,
        }


def _names(layer: str, bias: Any) -> tuple[str, ...]:
    """The names of the biases there are."""
    names = tuple(bias) if isinstance(bias, list | tuple) else ()
    if not names or not all(
        re.fullmatch(r"bias_[ih]h(_l\d+\w*)?", str(n)) for n in names
    ):
        raise ArgumentError(
            f"{layer}: bias={bias!r}: expected True, False, or the names of the biases "
            "there are, such as ['bias_ih_l0']"
        )
    return names


class FirstValues:
    """What the parameters of a recurrence start as.

    Arguments:
        weight_init: of the weights of inputs; None for the usual, U(±1/√H).
        recurrent_init: of the weights of the state, for each gate by itself.
        biases: (gate, value) pairs: the sum of the two biases of a gate.
        dtype: of all of them.
    """

    def __init__(
        self,
        weight_init: Initializer | str | None,
        recurrent_init: Initializer | str | None,
        dtype: DTypeLike | None,
        biases: Mapping[int, float] | None = None,
    ) -> None:
        self.inits = {"weight_ih": weight_init, "weight_hh": recurrent_init}
        self.biases = dict(biases or {})
        self.dtype = dtype

    def of(self, name: str, gates: int, hidden: int) -> Initializer:
        """The initializer of a parameter; a matrix is drawn gate by gate."""
        init = self.inits.get(name)
        usual = uniform(-1.0 / math.sqrt(hidden), 1.0 / math.sqrt(hidden))
        if name.startswith("bias"):
            return _with_blocks(usual, hidden, self.biases, name == "bias_ih")
        return usual if init is None else _gate_by_gate(as_initializer(init), gates)


def _gate_by_gate(init: Initializer, gates: int) -> Initializer:
    def draw(shape: Shape, source: Generator, dtype: Any) -> Any:
        block = (shape[0] // gates, *shape[1:])
        return concatenate([init(block, source, dtype) for _ in range(gates)])

    return Rule("gate by gate", draw)


def _with_blocks(
    init: Initializer, size: int, values: Mapping[int, float], counts: bool
) -> Initializer:
    """An initializer of vectors with blocks of known values; only one of two vectors
    that are added up counts, the other is 0 there.
    """

    def draw(shape: Shape, source: Generator, dtype: Any) -> Any:
        drawn = init(shape, source, dtype).numpy().copy()
        for block, value in values.items():
            drawn[block * size : (block + 1) * size] = value if counts else 0.0
        return constant(drawn)

    return Rule("with known blocks", draw)


def _joined(outputs: list[Any]) -> Any:
    return outputs[0] if len(outputs) == 1 else concatenate(outputs, axis=-1)


def _without_past(value: Any) -> Any:
    (node,) = lift([value])
    return stop_gradient(node) if node.value is None else constant(node.value)


def _is_array(state: Any) -> bool:
    """Whether a list is the rows of one array, not several states."""
    return not any(isinstance(each, Node) or hasattr(each, "dtype") for each in state)


def _input(layer: Recurrence, x: Any, axes: int, wanted: str) -> Any:
    name = type(layer).__name__
    node = features(
        name,
        x,
        layer.input_size,
        "the last axis of x must have input_size elements",
        f"{name}({{}}, {layer.hidden_size})",
    )
    if len(node.shape) != axes:
        fix = "x[None] for a single one" if len(node.shape) == axes - 1 else None
        raise ShapeError(f"{name}: x {node.shape}: expected {wanted}", fix=fix)
    return node


def _check_state(name: str, label: str, node: Node, shape: Shape) -> None:
    if node.shape != shape:
        layers = "(layers · directions, N, H)" if len(shape) == 3 else "(N, H)"
        raise ShapeError(
            f"{name}: state {label} {node.shape}: expected {shape}, {layers}",
            fix="a state belongs to the sequences of its batch, in their order",
        )
    if not dtypes.is_float(node.dtype):
        raise DTypeError(
            f"{name}: state {label} {node.shape} of {node.dtype}: expected floats",
            fix="state.astype('float32')",
        )
