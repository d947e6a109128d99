"""A dense matrix of second derivatives, taken apart into eigenvalues and eigenvectors.

Place on the road: below the minimizers for small networks. In the basis of eigenvectors
every way to change the matrix (a shift, absolute values, a pseudo-inverse) is one line
on its eigenvalues.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ..linalg import diagonal, eigh
from ..ops.arrays import constant
from ..ops.elementwise import maximum, sqrt, where
from ..ops.movement import transpose
from ..variable import Parameter


@dataclass(frozen=True)
class Spectrum:
    """D⁻¹ A D⁻¹ = Q diag(λ) Qᵀ, with A symmetric and D diagonal.

    Attributes:
        values: λ, ascending, (n,).
        vectors: Q, columns, (n, n).
        scale: D's diagonal, (n,).
    """

    values: Any
    vectors: Any
    scale: Any

    @classmethod
    def of(cls, matrix: Any, scale: Any = None) -> Self:
        """The parts of a matrix, scaled, or as it is."""
        if scale is None:
            scale = constant(np.ones(matrix.shape[0]), matrix.dtype)
        values, vectors = eigh(matrix / scale / scale[:, None])
        return cls(values, vectors, scale)

    @property
    def largest(self) -> Any:
        """The largest |λ|."""
        return maximum(abs(self.values[-1]), abs(self.values[0]))

    def coordinates(self, gradient: Any) -> Any:
        """Qᵀ D⁻¹ g."""
        return transpose(self.vectors) @ (gradient / self.scale)

    def vector(self, coordinates: Any) -> Any:
        """D⁻¹ Q c."""
        return (self.vectors @ coordinates) / self.scale


def column_scale(matrix: Any) -> Any:
    """√diag A, 1 where that is 0: with A = JᵀJ, the lengths of J's columns."""
    d = diagonal(matrix)
    return sqrt(where(d > 0, d, 1.0))


def rounding(weights: Sequence[Parameter]) -> float:
    """ε of the coarsest dtype of some parameters."""
    return max(float(np.finfo(w.dtype).eps) for w in weights)
