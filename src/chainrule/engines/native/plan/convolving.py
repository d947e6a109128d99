"""A convolution among the kernels of a schedule: plain data.

Place on the road: made where a program is fused; ``convolution`` writes it as LLVM.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .convolution_spec import Correlation
from .kernels import Product


@dataclass
class Convolution(Product):
    """A convolution or its adjoint, and elementwise steps while in registers.

    The space is (image, spatial axes …, output); ``a`` is the input, of channels that
    are neighbours in memory, ``b`` the weights, contiguous.

    Attributes:
        correlation: what is computed; where results go is the main store's affair.
        turned: whether it is the adjoint, whose weights lead from the outputs.
    """

    correlation: Correlation | None = None
    turned: bool = False

    @property
    def sums(self) -> bool:
        """Whether sums along all pixels may join: a part has its own."""
        return True

    @property
    def computed(self) -> Correlation:
        """What is computed, results included."""
        assert self.correlation is not None
        image, *strides = self.stores[self.main_store()][1].strides[:-1]
        missing = len(self.correlation.x_strides) - 1 - len(strides)
        y_strides = (image, *(0,) * missing, *strides)
        return replace(self.correlation, y_strides=y_strides)
