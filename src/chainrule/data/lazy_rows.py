"""Arrays whose rows are computed on access.

Place on the road: below data sets, which hold them in place of arrays. It must not
know how rows are computed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..foreign import Settled
from .validation import Array


class Rows(Settled):
    """The interface of an array whose rows are computed on access.

    Attributes:
        shape, dtype: of the array.
        slow: whether rows are worth computing in threads of their own.
    """

    slow: bool = True
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> Array:
        """The rows at a NumPy index of the first axis."""
        raise NotImplementedError
