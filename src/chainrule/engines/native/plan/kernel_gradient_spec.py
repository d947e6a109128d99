"""What the gradient for a convolution's weights computes, in figures.

Place on the road: beside ``convolution_spec``; ``convolution_kernel`` writes LLVM for
it. Plain data and choices by arithmetic.

    w[o, t, c] = Σ_{n, j} z[n, j, o] · x[n, j·stride + t·dilation − low, c]

is a product of matrices for every tap t, and pixels are what is summed over. The pixels
are divided into *shares*, each summed apart; the shares are then added in order. Where
they are large, and few shares can be afforded, outputs are divided as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ....dtypes import DType
from .convolution_spec import Axis

#: The number of parts, and the most bytes of all shares together.
PARTS, SHARES_BYTES = 8, 2 << 20
#: Multiplications that are worth a thread's while.
WORTH_SHARING = 1 << 19
#: Lanes that a choice is made for which may not depend on the processor.
USUAL_LANES = 16


@dataclass(frozen=True)
class KernelGradient:
    """The gradient for the weights, and where its operands lie.

    Attributes:
        batch: the number of images.
        groups, inputs, outputs: channels of x are ``groups · inputs``, of z ``groups ·
            outputs``.
        axes: as in the convolution: results are pixels of z.
        x_strides, z_strides: of the batch axis and the spatial axes; channels are
            neighbours in memory.
        depthwise: as in ``Correlation``.
        mixed: the groups are small, as many outputs as inputs each, and share vectors:
            ``groups`` is 1, ``outputs`` are those of all groups, ``inputs`` of one.
    """

    batch: int
    groups: int
    inputs: int
    outputs: int
    axes: tuple[Axis, ...]
    x_strides: tuple[int, ...]
    z_strides: tuple[int, ...]
    dtype: DType
    depthwise: bool = False
    mixed: bool = False

    @property
    def taps(self) -> int:
        """The number of taps."""
        return math.prod(axis.taps for axis in self.axes)

    @property
    def elements(self) -> int:
        """The number of weights."""
        return self.groups * self.outputs * self.taps * self.inputs

    @property
    def multiplications(self) -> int:
        """Of the whole computation; what lies outside of the input does not count."""
        each = self.batch * self.groups * self.inputs * self.outputs
        return each * math.prod(axis.multiplications for axis in self.axes)

    @property
    def merged(self) -> bool:
        """Whether the taps of the last axis and their channels are neighbours."""
        return self.axes[-1].dilation * self.x_strides[-1] == self.inputs

    @property
    def along_outputs(self) -> bool:
        """Whether the lanes of vectors are outputs. Shares are then (taps …, inputs,
        outputs of all groups), else as the weights: (outputs, taps …, inputs).

        Inputs are better, because nothing has to be turned; where they are few, and the
        vectors would be half empty, outputs are.
        """

        def filled(n: int) -> float:
            return n / (-(-n // USUAL_LANES) * USUAL_LANES)

        if self.depthwise or self.mixed:
            return True
        return filled(self.inputs) < 0.75 * filled(self.outputs)

    @property
    def side_by_side(self) -> bool:
        """Whether lanes of z meet lanes of x, not one number of it."""
        return self.depthwise or self.mixed

    @property
    def shares(self) -> int:
        """How many sums of pixels there are."""
        size = max(1, self.elements * self.dtype.itemsize)
        return max(1, min(self._worth, self.batch, SHARES_BYTES // size))

    @property
    def sections(self) -> int:
        """Into how many sections the outputs of all groups are divided."""
        if self.along_outputs or self.groups > 1:
            return 1
        return max(1, min(self._worth // self.shares, self.outputs // 16))

    @property
    def _worth(self) -> int:
        """How many parts there may be: each is worth a thread's while."""
        return min(PARTS, self.multiplications // WORTH_SHARING)


def share_vectors(groups: int, inputs: int, outputs: int) -> bool:
    """Whether small groups lie side by side in a vector: ``KernelGradient.mixed``."""
    return (
        groups > 1
        and 1 < inputs == outputs < USUAL_LANES
        and not (USUAL_LANES % inputs)
    )
