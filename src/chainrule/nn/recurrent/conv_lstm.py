"""The convolutional LSTM: a long short-term memory whose products are convolutions.

Place on the road: beside ``lstm``, whose equations it inherits; it says what a product
is, and no more.
"""

from __future__ import annotations

from typing import Any, ClassVar

from numpy.typing import DTypeLike

from ...initializers import Initializer
from ...ops.convolution import convolution
from ...ops.windows import per_axis, sides
from ...shapes import Shape
from ..convolution.kernels import Sizes
from .base import Biases, RecurrentCell, RecurrentLayer
from .lstm import LSTMEquations

ONE = (1, 1)


class ConvLSTMEquations(LSTMEquations):
    """One step of a convolutional LSTM: that of an LSTM, with W ∗ x for W x."""

    input_axes: ClassVar[tuple[str, ...]] = ("H", "W", "C")
    state_axes: ClassVar[tuple[str, ...]] = ("H", "W", "K")

    def _set_kernels(self, kernel_size: Sizes) -> None:
        """Sets the size of the kernels, after a check."""
        layer = type(self).__name__
        self.kernel_size: Shape = per_axis(layer, "kernel_size", kernel_size, 2)

    def factor(self, weight: Any) -> Any:
        """The kernels as they are."""
        return weight

    def product(self, x: Any, factor: Any) -> Any:
        """W ∗ x, of images or states (…, H, W, C): (…, H, W, G·K)."""
        *lead, height, width, channels = x.shape
        pads = sides("same", (height, width), self.kernel_size, ONE, ONE)
        images = x.reshape(-1, height, width, channels) if len(lead) > 1 else x
        z = convolution(images, factor, ONE, pads, ONE)
        return z.reshape(*lead, *z.shape[1:]) if len(lead) > 1 else z

    def settings(self) -> dict[str, Any]:
        """Those of an LSTM, and the size of the kernels."""
        return {**super().settings(), "kernel_size": list(self.kernel_size)}


class ConvLSTM(ConvLSTMEquations, RecurrentLayer):
    """A long short-term memory over sequences of images: videos, radar, maps.

    Formula, with ∗ a convolution that keeps the size of the image:
        iₜ = σ(Wⁱ ∗ xₜ + Uⁱ ∗ hₜ₋₁ + bⁱ)
        fₜ = σ(Wᶠ ∗ xₜ + Uᶠ ∗ hₜ₋₁ + bᶠ)
        Ĉₜ = tanh(Wᶜ ∗ xₜ + Uᶜ ∗ hₜ₋₁ + bᶜ)
        oₜ = σ(Wᵒ ∗ xₜ + Uᵒ ∗ hₜ₋₁ + bᵒ)
        Cₜ = fₜ ⊙ Cₜ₋₁ + iₜ ⊙ Ĉₜ
        hₜ = oₜ ⊙ tanh(Cₜ)
    With peepholes, the σ of i and f also take p ⊙ Cₜ₋₁, and that of o takes p ⊙ Cₜ: one
    p for each channel, the same everywhere, so that images may have any size; in the
    paper each place has its own. A state sees as far as its kernels in one step, and
    farther in every step after it: what moves faster is not followed.

    Shapes: x (N, T, H, W, C) → output (N, T, H, W, K), or (…, 2K) with two directions,
    and a pair of final states (h, C), each (L, N, H, W, K), or (2L, …): for each of L
    layers the forward one, then the backward one. ``weight_ih_l0`` (4K, k, k, C),
    ``weight_hh_l0`` (4K, k, k, K), ``bias_ih_l0`` and ``bias_hh_l0`` (4K,): K rows each
    for i, f, Ĉ, o; ``…_l1`` for the layer above, ``…_reverse`` for the backward
    direction; ``weight_ch_l0`` (3, K): the peepholes of i, f, o.

    Initial values: U(±1/√(k² K)): those of an LSTM with as many numbers of the state.

    A call returns ``(output, state)``. It takes ``state=`` to start from and
    ``lengths=`` (N,) for sequences of different lengths, as ``LSTM`` does.

    Arguments:
        input_size, hidden_size: C and K, the channels of an image and of the state.
        kernel_size: k, or one for each axis; around the image are zeros.
        num_layers: L; a layer above the first reads the h of the one below.
        bias: whether there are biases, or the names of those that exist.
        bidirectional: whether there is also a backward direction.
        dropout: the probability of dropping elements between two layers, in training.
        peepholes: whether the gates see the context.
        weight_init, recurrent_init: an initializer, or its name, for the Ws and for the
            Us of each gate, instead of the default initial values.
        forget_bias: the initial value of bᶠ.
        dtype: of the parameters; ``config.dtype`` by default.

    Raises:
        ArgumentError: for wrong sizes, or dropout with a single layer.

    Source: Shi, Chen, Wang, Yeung, Wong & Woo, Convolutional LSTM network (2015),
    equation 3.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> layer = nn.ConvLSTM(1, 8, kernel_size=3)
        >>> output, (h, c) = layer(cr.zeros((2, 5, 16, 16, 1)))
        >>> output.shape, h.shape
        ((2, 5, 16, 16, 8), (1, 2, 16, 16, 8))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        kernel_size: Sizes,
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
        self._set_kernels(kernel_size)
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


class ConvLSTMCell(ConvLSTMEquations, RecurrentCell):
    """One step of a convolutional LSTM, for your own loops.

    Formula: that of ``ConvLSTM``: (h′, C′) from x and (h, C).

    Shapes: x (N, H, W, C), h and C (N, H, W, K) → a pair (h′, C′), each (N, H, W, K);
    ``weight_ih`` (4K, k, k, C), ``weight_hh`` (4K, k, k, K), ``bias_ih`` and
    ``bias_hh`` (4K,), ``weight_ch`` (3, K).

    Arguments: as ``ConvLSTM``.

    Source: Shi et al. (2015).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> cell, state = nn.ConvLSTMCell(1, 8, kernel_size=3), None
        >>> for x in cr.zeros((5, 2, 16, 16, 1)):
        ...     state = cell(x, state)
        >>> state[0].shape, state[1].shape
        ((2, 16, 16, 8), (2, 16, 16, 8))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        kernel_size: Sizes,
        bias: Biases = True,
        *,
        peepholes: bool = False,
        weight_init: Initializer | str | None = None,
        recurrent_init: Initializer | str | None = None,
        forget_bias: float | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        self._set_gates(peepholes, forget_bias)
        self._set_kernels(kernel_size)
        super().__init__(
            input_size,
            hidden_size,
            bias,
            weight_init=weight_init,
            recurrent_init=recurrent_init,
            dtype=dtype,
        )
