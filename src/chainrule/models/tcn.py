"""Temporal convolutional networks: sequences read by causal, dilated convolutions.

The shape of a value stands at the right of the line that makes it: N sequences, T
steps, D features, H channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from numpy.typing import DTypeLike

from .. import nn
from ..errors import ArgumentError
from ..nn.arguments import positive_size
from ..ops.elementwise import relu


class TCN(nn.Module):
    """Blocks of two causal convolutions, each block with twice the reach of the one
    below.

    Formula: of block i, with dilation d = 2ⁱ and ∗ a convolution that sees only the
    past, u = relu(W¹ ∗ x), v = relu(W² ∗ u), output relu(v + x), where x passes a
    1 × 1 convolution if the number of channels changes; dropout after each relu. A step
    of the output has seen 1 + 2 (k − 1)(2ᴮ − 1) steps, with B blocks.

    Shapes: (N, T, D) → (N, T, H).

    Initial values: kernels from ``he_normal``, of variance 2 / fan_in.

    Arguments:
        in_channels: D.
        channels: of each block, the last of which is H.
        kernel_size: k.
        dropout: the part of the channels' values that is silenced in training.

    Raises:
        ArgumentError: for no blocks, and sizes below 1.

    Source: van den Oord et al., WaveNet (2016); Bai, Kolter & Koltun, An empirical
        evaluation of generic convolutional and recurrent networks for sequence modeling
        (2018).

    Example:
        >>> import chainrule as cr
        >>> tcn = TCN(1, [16, 16, 16], kernel_size=3)
        >>> tcn(cr.zeros((2, 40, 1))).shape, tcn.reach
        ((2, 40, 16), 29)
    """

    depends_on_training: ClassVar[bool] = True

    def __init__(
        self,
        in_channels: int,
        channels: Sequence[int],
        kernel_size: int = 3,
        dropout: float = 0.0,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.in_channels = positive_size("TCN", "in_channels", in_channels)
        self.channels = tuple(positive_size("TCN", "channels", c) for c in channels)
        self.kernel_size = positive_size("TCN", "kernel_size", kernel_size)
        if not self.channels:
            raise ArgumentError(
                "TCN: channels=(): expected one size or more, one for each block"
            )
        first, second, shortcuts = [], [], []
        before = self.in_channels
        for block, after in enumerate(self.channels):
            d = 2**block
            options: dict[str, Any] = {
                "padding": [((self.kernel_size - 1) * d, 0)],
                "dilation": d,
                "weight_init": "he_normal",
                "dtype": dtype,
            }
            first.append(nn.Conv1d(before, after, self.kernel_size, **options))
            second.append(nn.Conv1d(after, after, self.kernel_size, **options))
            shortcuts.append(
                nn.Sequential()
                if before == after
                else nn.Linear(before, after, dtype=dtype)
            )
            before = after
        self.first = nn.Sequential(*first)
        self.second = nn.Sequential(*second)
        self.shortcuts = nn.Sequential(*shortcuts)
        self.dropout = nn.Dropout(dropout)

    @property
    def reach(self) -> int:
        """How many steps a step of the output has seen, itself included."""
        return 1 + 2 * (self.kernel_size - 1) * ((1 << len(self.channels)) - 1)

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "in_channels": self.in_channels,
            "channels": list(self.channels),
            "kernel_size": self.kernel_size,
            "dropout": self.dropout.p,
        }

    def forward(self, x: Any, training: bool = False) -> Any:
        """The features of every step."""
        parts = zip(self.first, self.second, self.shortcuts, strict=True)
        for first, second, shortcut in parts:
            u = self.dropout(relu(first(x)), training=training)  # (N, T, H)
            v = self.dropout(relu(second(u)), training=training)  # (N, T, H)
            x = relu(v + shortcut(x))  # (N, T, H)
        return x
