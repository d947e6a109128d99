"""The network that hears: convolutions over frames, and what came before and after.

Place on the road: below the recognisers. It must not know what its outputs mean.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import DTypeLike

from ... import nn
from ...nn.lengths import real_steps
from ...ops.creation import arange
from ...ops.elementwise import logical_and, maximum, where
from ...random_numbers import default_generator


class AcousticNetwork(nn.Module):
    """Scores of outputs for every frame of a sound.

    Formula: three convolutions over time, h ← relu(norm(conv(h))), the second and third
    over frames that lie 2 and 4 apart, so that a frame is heard with 8 before and
    behind it; with ``recurrent``, a GRU in both directions; z = W h + b. Behind its end
    a recording is 0 in every layer: what follows it has no effect.

    In training one stretch of time and one band of frequencies of every recording are
    silenced, the mean that features have been brought to.

    Shapes: x (N, T, D), lengths (N,) → (N, T, outputs).

    Arguments:
        inputs, outputs: D, and how many scores there are; 0 for h itself.
        width: of the layers.
        recurrent: units of the GRU in each direction; 0 for none.
        dropout: of every layer, in training.
        masked: the longest band of columns and, ten times it in hundredths, the longest
            share of time that is silenced.

    Source: convolutions over time: Waibel et al. (1989); silenced stretches: Park et
    al., SpecAugment (2019).

    Example:
        >>> import chainrule as cr
        >>> net = AcousticNetwork(24, 11, width=16)
        >>> net(cr.zeros((2, 50, 24)), cr.tensor([50, 30])).shape
        (2, 50, 11)
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        width: int = 128,
        recurrent: int = 0,
        dropout: float = 0.2,
        masked: int = 4,
        dtype: DTypeLike | None = None,
    ) -> None:
        made: dict[str, Any] = {"padding": "same", "dtype": dtype}
        self.conv1 = nn.Conv1d(inputs, width, 5, weight_init="he_uniform", **made)
        self.conv2 = nn.Conv1d(
            width, width, 3, dilation=2, weight_init="he_uniform", **made
        )
        self.conv3 = nn.Conv1d(
            width, width, 3, dilation=4, weight_init="he_uniform", **made
        )
        self.norm1, self.norm2, self.norm3 = (
            nn.LayerNorm(width, dtype=dtype) for _ in range(3)
        )
        self.dropout = nn.Dropout(dropout)
        self.gru = None
        if recurrent:
            self.gru = nn.GRU(width, recurrent, bidirectional=True, dtype=dtype)
        last = 2 * recurrent if recurrent else width
        self.output = nn.Linear(last, outputs, dtype=dtype) if outputs else None
        self.inputs, self.outputs, self.width = inputs, outputs, width
        self.recurrent, self.masked = recurrent, masked

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "inputs": self.inputs,
            "outputs": self.outputs,
            "width": self.width,
            "recurrent": self.recurrent,
            "dropout": self.dropout.p,
            "masked": self.masked,
        }

    def forward(self, x: Any, lengths: Any, training: bool = False) -> Any:
        """The scores of every frame."""
        samples, steps, _ = x.shape
        real = real_steps("AcousticNetwork: sound", lengths, samples, steps)
        real = real[:, :, None]
        h = where(real, x, 0.0)
        if training and self.masked:
            h = self._silenced(h, lengths)
        for conv, norm in (
            (self.conv1, self.norm1),
            (self.conv2, self.norm2),
            (self.conv3, self.norm3),
        ):
            h = where(real, maximum(norm(conv(h)), 0.0), 0.0)  # (N, T, width)
            h = self.dropout(h, training=training)
        if self.gru is not None:
            h, _ = self.gru(h, lengths=lengths)  # (N, T, 2 · recurrent)
            h = self.dropout(h, training=training)
        return h if self.output is None else self.output(h)  # (N, T, outputs)

    def _silenced(self, x: Any, lengths: Any) -> Any:
        """x with a band of columns and a stretch of time at 0."""
        samples, steps, columns = x.shape
        start, width, begin, share = (
            default_generator.uniform((samples, 1)) for _ in range(4)
        )
        width = width * self.masked
        start = start * (columns - width)
        column = arange(columns)
        band = logical_and(column >= start, column < start + width)  # (N, D)
        long = lengths[:, None] * share * (self.masked / 20)
        begin = begin * (lengths[:, None] - long)
        step = arange(steps)
        gap = logical_and(step >= begin, step < begin + long)  # (N, T)
        return where(band[:, None, :], 0.0, where(gap[:, :, None], 0.0, x))
