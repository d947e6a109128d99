"""The simple recurrent network: the state is the activation of input and state."""

from __future__ import annotations

from typing import Any

from numpy.typing import DTypeLike

from ...errors import unknown_option
from ...initializers import Initializer
from ...ops.elementwise import relu, tanh
from .base import Biases, Recurrence, RecurrentCell, RecurrentLayer, State, Weights

NONLINEARITIES = {"tanh": tanh, "relu": relu}


class RNNEquations(Recurrence):
    """One step of the simple recurrent network: h′ = f(z + U h)."""

    nonlinearity: str

    def _set_nonlinearity(self, name: str) -> None:
        """Sets f by its name, after a check of the name."""
        if name not in NONLINEARITIES:
            kind = f"{type(self).__name__} nonlinearity"
            raise unknown_option(kind, name, NONLINEARITIES)
        self.nonlinearity = name

    def step(self, z: Any, state: State, weights: Weights) -> State:
        """h′ = f(z + U h)."""
        (h,) = state
        f = NONLINEARITIES[self.nonlinearity]
        return (f(z + self.product(h, weights.hidden)),)

    def settings(self) -> dict[str, Any]:
        """The sizes, layers and directions, and the activation."""
        return {**super().settings(), "nonlinearity": self.nonlinearity}


class RNN(RNNEquations, RecurrentLayer):
    """The simple recurrent network of the lectures.

    Formula: hₜ = f(W xₜ + b + U hₜ₋₁ + b′), with f = tanh or ReLU. A layer above the
    first reads the h of the one below; with two directions, a layer's output is the
    forward h next to the backward one.

    Shapes: x (N, T, D) → output (N, T, H), or (N, T, 2H) with two directions, and final
    state (L, N, H), or (2L, N, H): for each of L layers the forward one, then the
    backward one. ``weight_ih_l0`` = W (H, D), ``weight_hh_l0`` = U (H, H),
    ``bias_ih_l0`` = b and ``bias_hh_l0`` = b′ (H,); ``…_l1`` for the layer above,
    ``…_reverse`` for the backward direction. Names and shapes are PyTorch's.

    Initial values: U(±1/√H), as in PyTorch.

    A call returns ``(output, state)``. It takes ``state=`` to start from and
    ``lengths=`` (N,) for sequences of different lengths: after the end of a sequence
    its output is 0 and its state stays that of its last step; the backward direction
    starts at that end. In a ``Sequential``, ``LastStep`` or ``AllSteps`` follows.

    Arguments:
        input_size, hidden_size: D and H.
        num_layers: L.
        bias: whether there are b and b′, or the names of those that exist.
        nonlinearity: "tanh" or "relu".
        bidirectional: whether there is also a backward direction.
        dropout: the probability of dropping elements between two layers, in training.
        weight_init, recurrent_init: an initializer, or its name, for the Ws and for the
            Us, instead of the default initial values; "orthogonal" Us keep lengths.
        dtype: of the parameters; ``config.dtype`` by default.

    Raises:
        ArgumentError: for wrong sizes, or dropout with a single layer.
        OptionError: for another nonlinearity.

    Source: Elman (1990); in both directions Schuster & Paliwal (1997).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> output, state = nn.RNN(4, 8)(cr.zeros((2, 5, 4)))
        >>> output.shape, state.shape
        ((2, 5, 8), (1, 2, 8))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: Biases = True,
        *,
        nonlinearity: str = "tanh",
        bidirectional: bool = False,
        dropout: float = 0.0,
        weight_init: Initializer | str | None = None,
        recurrent_init: Initializer | str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        self._set_nonlinearity(nonlinearity)
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


class RNNCell(RNNEquations, RecurrentCell):
    """One step of the simple recurrent network, for your own loops.

    Formula: h′ = f(W x + b + U h + b′).

    Shapes: x (N, D), h (N, H) → h′ (N, H); ``weight_ih`` (H, D), ``weight_hh`` (H, H),
    ``bias_ih`` and ``bias_hh`` (H,).

    Arguments: as ``RNN``.

    Source: Elman (1990).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> cell, h = nn.RNNCell(4, 8), None
        >>> for x in cr.zeros((5, 2, 4)):
        ...     h = cell(x, h)
        >>> h.shape
        (2, 8)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: Biases = True,
        *,
        nonlinearity: str = "tanh",
        weight_init: Initializer | str | None = None,
        recurrent_init: Initializer | str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        self._set_nonlinearity(nonlinearity)
        super().__init__(
            input_size,
            hidden_size,
            bias,
            weight_init=weight_init,
            recurrent_init=recurrent_init,
            dtype=dtype,
        )
