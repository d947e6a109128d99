"""The gated recurrent unit: two gates, and no context besides the state."""

from __future__ import annotations

from typing import Any, ClassVar

from ...arrays.joining import split
from ...ops.elementwise import sigmoid, tanh
from .base import Recurrence, RecurrentCell, RecurrentLayer, State, Weights


class GRUEquations(Recurrence):
    """One step of a gated recurrent unit.

    r, u = σ(…); n = tanh(zⁿ + r ⊙ (Uⁿ h + b′ⁿ)); h′ = (1 − u) ⊙ n + u ⊙ h.
    """

    gates: ClassVar[int] = 3

    def input_bias(self, weights: Weights) -> Any:
        """b alone: b′ is multiplied by the reset gate."""
        return weights.bias_ih

    def step(self, z: Any, state: State, weights: Weights) -> State:
        """The next h."""
        (h,) = state
        back = self.product(h, weights.hidden)
        if weights.bias_hh is not None:
            back = back + weights.bias_hh
        reset, update, new = split(z, 3, axis=-1)
        back_reset, back_update, back_new = split(back, 3, axis=-1)
        n = tanh(new + sigmoid(reset + back_reset) * back_new)
        return (n + sigmoid(update + back_update) * (h - n),)


class GRU(GRUEquations, RecurrentLayer):
    """The gated recurrent unit.

    Formula:
        rₜ = σ(Wʳ xₜ + bʳ + Uʳ hₜ₋₁ + b′ʳ)          how much of the state n sees
        uₜ = σ(Wᵘ xₜ + bᵘ + Uᵘ hₜ₋₁ + b′ᵘ)          how much of the state stays
        nₜ = tanh(Wⁿ xₜ + bⁿ + rₜ ⊙ (Uⁿ hₜ₋₁ + b′ⁿ))  the new state
        hₜ = (1 − uₜ) ⊙ nₜ + uₜ ⊙ hₜ₋₁
    The reset gate acts after the product, as in PyTorch and cuDNN; in the first paper
    it acts before, Uⁿ (r ⊙ h).

    Shapes: x (N, T, D) → output (N, T, H), or (N, T, 2H) with two directions, and final
    state (L, N, H), or (2L, N, H): for each of L layers the forward one, then the
    backward one. ``weight_ih_l0`` (3H, D), ``weight_hh_l0`` (3H, H), ``bias_ih_l0`` and
    ``bias_hh_l0`` (3H,): H rows each for r, u, n; ``…_l1`` for the layer above,
    ``…_reverse`` for the backward direction. Names, shapes and order are PyTorch's.

    Initial values: U(±1/√H), as in PyTorch.

    A call returns ``(output, state)``. It takes ``state=`` to start from and
    ``lengths=`` (N,) for sequences of different lengths: after the end of a sequence
    its output is 0 and its state stays that of its last step; the backward direction
    starts at that end. In a ``Sequential``, ``LastStep`` or ``AllSteps`` follows.

    Arguments:
        input_size, hidden_size: D and H.
        num_layers: L; a layer above the first reads the h of the one below.
        bias: whether there are b and b′, or the names of those that exist.
        bidirectional: whether there is also a backward direction.
        dropout: the probability of dropping elements between two layers, in training.
        weight_init, recurrent_init: an initializer, or its name, for the Ws and for the
            Us of each gate, instead of the default initial values.
        dtype: of the parameters; ``config.dtype`` by default.

    Raises:
        ArgumentError: for wrong sizes, or dropout with a single layer.

    Source: Cho et al. (2014); the reset after the product: Chung et al. (2014) and
    cuDNN.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> output, state = nn.GRU(4, 8, num_layers=2)(cr.zeros((2, 5, 4)))
        >>> output.shape, state.shape
        ((2, 5, 8), (2, 2, 8))
    """


class GRUCell(GRUEquations, RecurrentCell):
    """One step of a gated recurrent unit, for your own loops.

    Formula: that of ``GRU``: h′ from x and h.

    Shapes: x (N, D), h (N, H) → h′ (N, H); ``weight_ih`` (3H, D), ``weight_hh``
    (3H, H), ``bias_ih`` and ``bias_hh`` (3H,).

    Arguments: as ``GRU``.

    Source: Cho et al. (2014).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> cell, h = nn.GRUCell(4, 8), None
        >>> for x in cr.zeros((5, 2, 4)):
        ...     h = cell(x, h)
        >>> h.shape
        (2, 8)
    """
