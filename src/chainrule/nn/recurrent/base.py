"""What recurrent layers and cells share: sizes, weights, the loop over the steps.

Place on the road: above ``scan``, below the families in ``rnn``, ``lstm``, ``gru`` and
``conv_lstm``.
Each of them is a class of equations, a ``Recurrence``, which its layer and its cell
inherit from. This file must not know what a gate means.

What a step takes from the input, x Wᵀ + b, does not depend on the step before, so it is
computed for all steps at once, outside of the loop; the loop adds what depends on the
state. Weights have PyTorch's names, shapes and order of gates, so
``layer.load_state_dict`` takes the values of a PyTorch layer as they are.

A batch may hold sequences of different lengths, given by ``lengths``. After the end of
a sequence its state stays as it is and its output is 0; the input there is ignored, so
that not even a NaN has an effect. A layer that reads backward starts at that end.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from numpy.typing import DTypeLike

from ... import dtypes, tree
from ...dtypes import DType
from ...errors import ArgumentError, DTypeError, ShapeError
from ...graph import Node
from ...initializers import Initializer
from ...ops.arrays import constant, lift
from ...ops.composed import stack, swapaxes
from ...ops.control import scan
from ...ops.creation import zeros
from ...ops.elementwise import stop_gradient, where
from ...ops.movement import concatenate
from ...shapes import Shape
from ..arguments import features, new_parameter, number_within, positive_size
from ..dropout import Dropout
from ..lengths import real_steps
from ..module import Module
from ..spatial import sizes_text
from .initial_values import InitialValues

#: The state of a step: (h,), or (h, c) for an LSTM.
State = tuple[Any, ...]

#: Whether there are biases; or a list of names, if there are only some of them.
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
        states: the names of what a step passes on to the next one.
        input_axes, state_axes: of one step of one sequence, in letters.

    Attributes:
        peepholes: whether gates also have weights for the context.
        kernel_size: of weights that are kernels; () of matrices.
    """

    gates: ClassVar[int] = 1
    states: ClassVar[tuple[str, ...]] = ("h",)
    input_axes: ClassVar[tuple[str, ...]] = ("D",)
    state_axes: ClassVar[tuple[str, ...]] = ("H",)
    peepholes: bool = False
    kernel_size: Shape = ()
    options_elsewhere: ClassVar[str] = "nn.RECURRENT"

    def __init__(self, input_size: int, hidden_size: int, bias: Biases) -> None:
        name = type(self).__name__
        self.input_size = positive_size(name, "input_size", input_size)
        self.hidden_size = positive_size(name, "hidden_size", hidden_size)
        self.bias = bias if isinstance(bias, bool) else _names(name, bias)

    def step(self, z: Any, state: State, weights: Weights) -> State:
        """The next state, from the input's part z (N, G·H) and the state before.

        Families define it. The first of the states is also the output.
        """
        raise ArgumentError(f"{type(self).__name__}: step is not defined")

    def _initial_biases(self) -> Mapping[int, float]:
        """Gate → the sum of its two biases, for gates that do not start at random."""
        return {}

    def input_bias(self, weights: Weights) -> Any:
        """The bias that can be added for all steps at once; None if there is none."""
        if weights.bias_ih is None or weights.bias_hh is None:
            return weights.bias_hh if weights.bias_ih is None else weights.bias_ih
        return weights.bias_ih + weights.bias_hh

    def factor(self, weight: Any) -> Any:
        """A weight as ``product`` takes it, made once for all steps."""
        return weight.T

    def product(self, x: Any, factor: Any) -> Any:
        """W x, of inputs or states (…, D) and a weight (G·H, D): (…, G·H)."""
        return x @ factor

    def from_input(self, x: Any, weights: Weights) -> Any:
        """z: what the gates take from the inputs (…, D) alone, (…, G·H)."""
        bias = self.input_bias(weights)
        z = self.product(x, weights.input)
        return z if bias is None else z + bias

    def make_weights(
        self, suffix: str, input_size: int, initial: InitialValues
    ) -> None:
        """New parameters ``weight_ih``, ``weight_hh``, ``bias_ih`` and ``bias_hh``,
        all with this suffix.
        """
        rows, own = self.gates * self.hidden_size, self.hidden_size
        shapes: dict[str, Shape] = {
            "weight_ih": (rows, *self.kernel_size, input_size),
            "weight_hh": (rows, *self.kernel_size, own),
        }
        for name in ("bias_ih", "bias_hh") if self.bias else ():
            if isinstance(self.bias, bool) or name + suffix in self.bias:
                shapes[name] = (rows,)
            else:
                setattr(self, name + suffix, None)
        if self.peepholes:
            shapes["weight_ch"] = (3, own)
        seen = own * math.prod(self.kernel_size)
        for name, shape in shapes.items():
            init = initial.of(name, self.gates, own, seen)
            parameter = new_parameter(name + suffix, shape, init, initial.dtype)
            setattr(self, name + suffix, parameter)

    def weights(self, suffix: str = "") -> Weights:
        """The parameters with this suffix, those of products as factors."""
        own: dict[str, Any] = vars(self)
        return Weights(
            self.factor(own[f"weight_ih{suffix}"]),
            self.factor(own[f"weight_hh{suffix}"]),
            own.get(f"bias_ih{suffix}"),
            own.get(f"bias_hh{suffix}"),
            own.get(f"weight_ch{suffix}"),
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
        """``8 → 16, num_layers=2``: the sizes, and what is not the default."""
        usual = {"bias": True, "num_layers": 1, "nonlinearity": "tanh"}
        shown = [f"{self.input_size} → {self.hidden_size}"]
        if self.kernel_size:
            shown.append(sizes_text(self.kernel_size))
        for name, value in self.settings().items():
            if not name.endswith("_size") and value != usual.get(name, 0):
                shown.append(f"{name}={value!r}")
        return ", ".join(shown)

    def _states_of(self, state: Any, shape: Shape, dtype: DType) -> State:
        """The given states, checked, or zeros if none were given; all of one dtype."""
        name, count = type(self).__name__, len(self.states)
        if state is None:
            return tuple(zeros(shape, dtype) for _ in self.states)
        several = isinstance(state, (tuple, list)) and not _is_array(state)
        wanted = f"a pair ({', '.join(self.states)})" if count > 1 else "one tensor"
        if several != (count > 1) or (several and len(state) != count):
            given = f"{len(state)} tensors" if several else "one tensor"
            raise ArgumentError(
                f"{name}: state: {given}: expected {wanted}",
                fix="pass the state that an earlier call returned, or None to start",
            )
        nodes: list[Any] = [lift([s])[0] for s in (state if several else [state])]
        for label, node in zip(self.states, nodes, strict=True):
            _check_state(self, label, node, shape)
            dtype = dtypes.promote(dtype, node.dtype)
        return tuple(node.astype(dtype) for node in nodes)


class RecurrentCell(Recurrence):
    """One step of a recurrence: ``h = cell(x, h)``."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: Biases = True,
        *,
        weight_init: Initializer | str | None = None,
        recurrent_init: Initializer | str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias)
        initial = InitialValues(
            weight_init, recurrent_init, dtype, self._initial_biases()
        )
        self.make_weights("", self.input_size, initial)

    def forward(self, x: Any, state: Any = None) -> Any:
        """The next state; from zeros if no state is given.

        Raises:
            ShapeError: for an x that is not (N, input_size), or a state that is not
                (N, hidden_size).
            ArgumentError: for one tensor instead of a pair, or a pair instead of one.
        """
        node = _input(self, x, ("N",), "one step of every sequence")
        w = self.weights()
        z = self.from_input(node, w)
        shape = (*node.shape[:-1], self.hidden_size)
        new = self.step(z, self._states_of(state, shape, z.dtype), w)
        return new if len(self.states) > 1 else new[0]


class RecurrentLayer(Recurrence):
    """A recurrence over whole sequences: several layers, one or both directions."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: Biases = True,
        *,
        bidirectional: bool = False,
        dropout: float = 0.0,
        weight_init: Initializer | str | None = None,
        recurrent_init: Initializer | str | None = None,
        dtype: DTypeLike | None = None,
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
                f"{name}: dropout={dropout} with one layer: dropout acts between "
                "layers",
                fix=f"num_layers=2, or nn.Dropout({dropout}) after the layer",
            )
        self.drop = Dropout(self.dropout) if self.dropout else None
        initial = InitialValues(
            weight_init, recurrent_init, dtype, self._initial_biases()
        )
        upper_size = self.hidden_size * (2 if self.bidirectional else 1)
        for layer, _, suffix in self.passes():
            self.make_weights(suffix, upper_size if layer else self.input_size, initial)

    def passes(self) -> Iterator[tuple[int, bool, str]]:
        """(layer, whether it reads backward, suffix of its parameters) for every layer
        and direction, in the order of the states.
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
            state: what to start from; zeros if not given.
            lengths: how many steps of each sequence are real, (N,) integers from 0 to
                T; all of them if not given.
            training: whether there is dropout between layers.

        Raises:
            ShapeError: for an x, a state or lengths of another shape.
            BoundsError: for a length that is negative or above T.
            DTypeError: for an x of integers, or lengths of floats.
        """
        node = _input(self, x, ("N", "T"), "sequences of T steps")
        samples, steps = node.shape[:2]
        sequence = swapaxes(node, 0, 1)  # the loop goes along the first axis
        real = None
        if lengths is not None:
            name = f"{type(self).__name__}: sequence"
            real = real_steps(name, lengths, samples, steps).T
            real = real.reshape(steps, samples, *[1] * len(self.input_axes))
            sequence = where(real, sequence, 0.0)
        passes = list(self.passes())
        shape = (len(passes), samples, *node.shape[2:-1], self.hidden_size)
        dtype = dtypes.promote(node.dtype, self.weights("_l0").hidden.dtype)
        starts = self._states_of(state, shape, dtype)
        finals: list[State] = []
        outputs: list[Any] = []
        for number, (layer, backward, suffix) in enumerate(passes):
            if layer and not backward:
                sequence, outputs = self._between(outputs, training), []
            start = tuple(state[number] for state in starts)
            output, final = self._along(sequence, start, suffix, real, backward)
            outputs.append(output)
            finals.append(final)
        output = swapaxes(_joined(outputs), 0, 1)
        last = tuple(stack(states) for states in zip(*finals, strict=True))
        return output, last if len(self.states) > 1 else last[0]

    def _between(self, outputs: list[Any], training: bool) -> Any:
        """The input of the next layer: outputs of both directions, with dropout."""
        joined = _joined(outputs)
        return joined if self.drop is None else self.drop(joined, training=training)

    def _along(
        self, sequence: Any, start: State, suffix: str, real: Any, backward: bool
    ) -> tuple[Any, State]:
        """One layer in one direction: its outputs (T, N, H), and its final state."""
        w = self.weights(suffix)

        def step(state: State, element: list[Any]) -> tuple[State, Any]:
            z, *is_real = element
            new = self.step(z, state, w)
            for going_on in is_real:
                pairs = zip(new, state, strict=True)
                new = tuple(where(going_on, after, before) for after, before in pairs)
            return new, new[0]

        elements = [self.from_input(sequence, w), *([] if real is None else [real])]
        final, outputs = scan(step, start, elements, reverse=backward)
        return outputs if real is None else where(real, outputs, 0.0), final

    @staticmethod
    def detached(state: Any) -> Any:
        """The same state without its history: no gradient passes through it, and it
        keeps no graph alive.

        This truncates backpropagation through time: a long sequence is read in windows,
        each starting from the final state of the one before (Williams & Peng, 1990). In
        a compiled step that takes the state as an argument it is not needed: gradients
        end at the arguments.

        Example:
            >>> import chainrule as cr
            >>> from chainrule import nn
            >>> layer, state = nn.GRU(2, 3), None
            >>> for window in cr.split(cr.ones((1, 6, 2)), 3, axis=1):
            ...     output, state = layer(window, state)
            ...     state = layer.detached(state)
        """
        leaves, structure = tree.flatten(state)
        return tree.unflatten(structure, [_without_history(leaf) for leaf in leaves])

    def settings(self) -> dict[str, Any]:
        """The sizes, layers and directions."""
        return {
            **super().settings(),
            "num_layers": self.num_layers,
            "bidirectional": self.bidirectional,
            "dropout": self.dropout,
        }


def _names(layer: str, bias: Any) -> tuple[str, ...]:
    """The names of the biases that exist."""
    names = tuple(bias) if isinstance(bias, list | tuple) else ()
    if not names or not all(
        re.fullmatch(r"bias_[ih]h(_l\d+\w*)?", str(n)) for n in names
    ):
        raise ArgumentError(
            f"{layer}: bias={bias!r}: expected True, False, or the names of those that "
            "exist, such as ['bias_ih_l0']"
        )
    return names


def _joined(outputs: list[Any]) -> Any:
    return outputs[0] if len(outputs) == 1 else concatenate(outputs, axis=-1)


def _without_history(value: Any) -> Any:
    (node,) = lift([value])
    return stop_gradient(node) if node.value is None else constant(node.value)


def _is_array(state: Any) -> bool:
    """Whether a list is the rows of one array, not several states."""
    return not any(isinstance(part, Node) or hasattr(part, "dtype") for part in state)


def _input(layer: Recurrence, x: Any, lead: tuple[str, ...], what: str) -> Any:
    """x, checked to have the axes ``lead``, then those of one step."""
    name, axes = type(layer).__name__, (*lead, *layer.input_axes)
    node = features(
        name,
        x,
        layer.input_size,
        "the last axis of x must have input_size elements",
        f"{name}({{}}, {layer.hidden_size})",
    )
    if len(node.shape) != len(axes):
        fix = "x[None] for a single one" if len(node.shape) == len(axes) - 1 else None
        wanted = f"({', '.join(axes)}), {what}"
        raise ShapeError(f"{name}: x {node.shape}: expected {wanted}", fix=fix)
    return node


def _check_state(layer: Recurrence, label: str, node: Node, shape: Shape) -> None:
    name, axes = type(layer).__name__, ["N", *layer.state_axes]
    if node.shape != shape:
        if len(shape) > len(axes):
            axes.insert(0, "layers · directions")
        raise ShapeError(
            f"{name}: state {label} {node.shape}: expected {shape}, "
            f"({', '.join(axes)})",
            fix="a state belongs to the sequences of its batch, in the same order",
        )
    if not dtypes.is_float(node.dtype):
        raise DTypeError(
            f"{name}: state {label} {node.shape} of {node.dtype}: expected floats",
            fix="state.astype('float32')",
        )
