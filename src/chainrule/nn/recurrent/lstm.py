"""The long short-term memory: a context, read and written through gates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from numpy.typing import DTypeLike

from ...arrays.joining import split
from ...initializers import Initializer
from ...ops.elementwise import sigmoid, tanh
from ..arguments import number_within
from .base import Biases, Recurrence, RecurrentCell, RecurrentLayer, State, Weights

#: The gates in the order of their rows in the weights: input, forget, context, output.
INPUT, FORGET, CONTEXT, OUTPUT = range(4)


class LSTMEquations(Recurrence):
    """One step of a long short-term memory.

    i, f, o = σ(…), g = tanh(…); c′ = f ⊙ c + i ⊙ g; h′ = o ⊙ tanh(c′).
    """

    gates: ClassVar[int] = 4
    states: ClassVar[tuple[str, ...]] = ("h", "c")
    forget_bias: float | None

    def _set_gates(self, peepholes: bool, forget_bias: float | None) -> None:
        """Sets the options of the gates, after checks."""
        self.peepholes = bool(peepholes)
        self.forget_bias = forget_bias
        if forget_bias is not None:
            layer = type(self).__name__
            self.forget_bias = number_within(layer, "forget_bias", forget_bias)

    def _initial_biases(self) -> Mapping[int, float]:
        """The bias of the forget gate, if one was given."""
        return {} if self.forget_bias is None else {FORGET: self.forget_bias}

    def step(self, z: Any, state: State, weights: Weights) -> State:
        """The next (h, c)."""
        h, c = state
        i, f, g, o = split(z + self.product(h, weights.hidden), 4, axis=-1)
        peephole = weights.peephole
        if peephole is not None:
            i, f = i + peephole[0] * c, f + peephole[1] * c
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        if peephole is not None:
            o = o + peephole[2] * c
        return sigmoid(o) * tanh(c), c

    def settings(self) -> dict[str, Any]:
        """The sizes, layers and directions, and whether there are peepholes."""
        return {**super().settings(), "peepholes": self.peepholes}


class LSTM(LSTMEquations, RecurrentLayer):
    """Long short-term memory: the lectures' equations.

    Formula:
        iₜ = σ(Wⁱ xₜ + Uⁱ hₜ₋₁ + bⁱ)        how much to take in
        fₜ = σ(Wᶠ xₜ + Uᶠ hₜ₋₁ + bᶠ)        how much to keep
        Ĉₜ = tanh(Wᶜ xₜ + Uᶜ hₜ₋₁ + bᶜ)     the local context
        oₜ = σ(Wᵒ xₜ + Uᵒ hₜ₋₁ + bᵒ)        how much to show
        Cₜ = fₜ ⊙ Cₜ₋₁ + iₜ ⊙ Ĉₜ
        hₜ = oₜ ⊙ tanh(Cₜ)
    With peepholes, the σ of i and f also take p ⊙ Cₜ₋₁, and that of o takes p ⊙ Cₜ.
    ``bias=False`` gives the lectures' form without b. Each b is the sum of two, as in
    PyTorch.

    Shapes: x (N, T, D) → output (N, T, H), or (N, T, 2H) with two directions, and a
    pair of final states (h, C), each (L, N, H), or (2L, N, H): for each of L layers the
    forward one, then the backward one. ``weight_ih_l0`` (4H, D), ``weight_hh_l0``
    (4H, H), ``bias_ih_l0`` and ``bias_hh_l0`` (4H,): H rows each for i, f, Ĉ, o;
    ``…_l1`` for the layer above, ``…_reverse`` for the backward direction. Names,
    shapes and order are PyTorch's. ``weight_ch_l0`` (3, H): the peepholes of i, f, o.

    Initial values: U(±1/√H), as in PyTorch.

    A call returns ``(output, state)``. It takes ``state=`` to start from and
    ``lengths=`` (N,) for sequences of different lengths: after the end of a sequence
    its output is 0 and its state stays that of its last step; the backward direction
    starts at that end. In a ``Sequential``, ``LastStep`` or ``AllSteps`` follows.

    Arguments:
        input_size, hidden_size: D and H.
        num_layers: L; a layer above the first reads the h of the one below.
        bias: whether there are biases, or the names of those that exist.
        bidirectional: whether there is also a backward direction.
        dropout: the probability of dropping elements between two layers, in training.
        peepholes: whether the gates see the context.
        weight_init, recurrent_init: an initializer, or its name, for the Ws and for the
            Us of each gate, instead of the default initial values.
        forget_bias: the initial value of bᶠ; 1 keeps the context at first, and with it
            the gradient.
        dtype: of the parameters; ``config.dtype`` by default.

    Raises:
        ArgumentError: for wrong sizes, or dropout with a single layer.

    Source: Hochreiter & Schmidhuber (1997); the forget gate, and its bias: Gers,
    Schmidhuber & Cummins (2000); peepholes: Gers & Schmidhuber (2000).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> output, (h, c) = nn.LSTM(4, 8, bidirectional=True)(cr.zeros((2, 5, 4)))
        >>> output.shape, h.shape, c.shape
        ((2, 5, 16), (2, 2, 8), (2, 2, 8))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: Biases = True,
        *,
        bidirectional: bool = False,
        dropout: float = 0.0,
        peepholes: bool = False,
        weight_init: Initializer | str | None = None,
        recurrent_init: Initializer | str | None = None,
        forget_bias: float | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        self._set_gates(peepholes, forget_bias)
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias,
            bidirectional=bidirectional,
            dropout=dropout,
            weight_init=weight_init,
            recurrent_init=recurrent_init,
            dtype=dtype,
        )


class LSTMCell(LSTMEquations, RecurrentCell):
    """One step of a long short-term memory, for your own loops.

    Formula: that of ``LSTM``: (h′, C′) from x and (h, C).

    Shapes: x (N, D), h and C (N, H) → a pair (h′, C′), each (N, H); ``weight_ih``
    (4H, D), ``weight_hh`` (4H, H), ``bias_ih`` and ``bias_hh`` (4H,), ``weight_ch``
    (3, H).

    Arguments: as ``LSTM``.

    Source: Hochreiter & Schmidhuber (1997); Gers, Schmidhuber & Cummins (2000).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> cell, state = nn.LSTMCell(4, 8), None
        >>> for x in cr.zeros((5, 2, 4)):
        ...     state = cell(x, state)
        >>> state[0].shape, state[1].shape
        ((2, 8), (2, 8))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: Biases = True,
        *,
        peepholes: bool = False,
        weight_init: Initializer | str | None = None,
        recurrent_init: Initializer | str | None = None,
        forget_bias: float | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        self._set_gates(peepholes, forget_bias)
        super().__init__(
            input_size,
            hidden_size,
            bias,
            weight_init=weight_init,
            recurrent_init=recurrent_init,
            dtype=dtype,
        )
