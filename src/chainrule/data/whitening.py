"""Whitening: directions without correlation, all of variance 1.

Place on the road: beside the scaling of columns, of which it is the next step; what
learns features of images is given whitened patches. It must not know of files or
networks.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass

import numpy as np

from ..errors import ArgumentError, DataError, unknown_option
from .validation import Array, as_array, check_finite, is_whole

KINDS = ("zca", "pca")

#: Eigenvalues below this part of the largest are rounding.
ROUNDING = 1e-10


@dataclass(frozen=True, eq=False)
class Whitening:
    """A fitted linear map after which the covariance of the data is the identity.

    Formula, with the covariance C = V Λ Vᵀ of the data, about its mean m:

    - PCA: u = (Λ + ε)^(−½) Vᵀ (x − m), one number for each direction, the one of the
      largest variance first;
    - ZCA ("zero-phase"): u = V (Λ + ε)^(−½) Vᵀ (x − m), the same turned back: of all
      whitened data the nearest to the data itself, so whitened images look like images.

    Directions in which the data hardly varies are mostly noise, and whitening makes
    them as strong as all others. ε > 0 leaves them weak, or ``components`` leaves them
    out.

    Arguments:
        mean: ``(D,)``.
        matrix: ``(K, D)``, u = matrix (x − m); K is D for ZCA.
        inverse: ``(D, K)``, its inverse on the directions that are kept.
        shape: of an example, D numbers in all.
        kind: "zca" or "pca".

    Source: Bell & Sejnowski, The "independent components" of natural scenes are edge
    filters (1997); Kessy, Lewin & Strimmer, Optimal whitening and decorrelation (2018).

    Example:
        >>> x = np.random.default_rng(0).normal(size=(500, 2)) @ [[2.0, 1.0], [0, 1.0]]
        >>> whitening = Whitening.fit(x)
        >>> np.cov(whitening.transform(x).T, bias=True).round(6)
        array([[1., 0.],
               [0., 1.]])
        >>> bool(np.allclose(whitening.inverse_transform(whitening.transform(x)), x))
        True
    """

    mean: Array
    matrix: Array
    inverse: Array
    shape: tuple[int, ...]
    kind: str

    @classmethod
    def fit(
        cls,
        x: object,
        kind: str = "zca",
        *,
        epsilon: float = 0.0,
        components: int | None = None,
    ) -> Whitening:
        """Measures mean and covariance.

        Arguments:
            x: ``(N, …)``, examples of D numbers in all.
            kind: "zca" or "pca".
            epsilon: ε, in the units of a variance of the data.
            components: how many directions of largest variance are kept; all if not
                given.

        Raises:
            OptionError: another kind.
            ArgumentError: an ε that is no finite number from 0; more components than
                D, or none.
            DataError: fewer than two examples; without ε, data that does not vary in
                one of the directions kept.
        """
        if kind not in KINDS:
            raise unknown_option("kind of whitening", kind, KINDS)
        real = isinstance(epsilon, numbers.Real)
        if not real or not 0 <= epsilon < math.inf:
            raise ArgumentError(
                f"Whitening: epsilon={epsilon!r}: expected a finite number, 0 or more"
            )
        examples = _examples(x)
        shape = examples.shape[1:]
        rows = examples.reshape(len(examples), -1).astype(np.float64)
        size = rows.shape[1]
        kept = size if components is None else components
        if not is_whole(kept) or not 1 <= kept <= size:
            raise ArgumentError(
                f"Whitening: components={components!r} of data {examples.shape}: "
                f"expected a whole number from 1 to {size}"
            )
        mean = rows.mean(axis=0)
        rows -= mean
        values, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
        values, V = values[::-1][:kept], vectors[:, ::-1][:, :kept]
        if epsilon == 0 and values[-1] <= ROUNDING * values[0]:
            raise _constant(examples, values)
        std = np.sqrt(np.maximum(values, 0.0) + epsilon)
        back = V if kind == "zca" else np.eye(kept)
        return cls(mean, (back / std) @ V.T, (V * std) @ back.T, shape, kind)

    def transform(self, x: object) -> Array:
        """Whitened examples: ``(N, …)`` as they came for ZCA, ``(N, K)`` for PCA."""
        examples = _examples(x, least=0)
        if examples.shape[1:] != self.shape:
            raise DataError(
                f"Whitening: data {examples.shape}: fitted on examples {self.shape}"
            )
        rows = examples.reshape(len(examples), -1)
        u = (rows - self.mean) @ self.matrix.T
        whole = self.shape if self.kind == "zca" else (-1,)
        return _as_given(u.reshape(len(u), *whole), examples)

    def inverse_transform(self, u: object) -> Array:
        """The data ``(N, …)`` of whitened examples; what lay in directions that were
        left out is lost."""
        examples = _examples(u, least=0)
        rows = examples.reshape(len(examples), -1)
        if rows.shape[1] != len(self.matrix):
            raise DataError(
                f"Whitening: whitened data {examples.shape}: expected "
                f"(N, {len(self.matrix)})"
            )
        x = rows @ self.inverse.T + self.mean
        return _as_given(x.reshape(len(x), *self.shape), examples)


def _as_given(values: Array, examples: Array) -> Array:
    """In the dtype of the examples, where that is one of floats."""
    return values.astype(examples.dtype) if examples.dtype.kind == "f" else values


def _examples(x: object, least: int = 2) -> Array:
    examples = as_array(x, "Whitening: data")
    if examples.ndim < 2 or len(examples) < least or examples.dtype.kind in "UT":
        raise DataError(
            f"Whitening: data {examples.shape} {examples.dtype}: expected numbers "
            f"(N, …), one row per example, at least {least}"
        )
    check_finite(examples, "Whitening: data")
    return examples


def _constant(examples: Array, values: Array) -> DataError:
    varying = int((values > ROUNDING * values[0]).sum())
    return DataError(
        f"Whitening: data {examples.shape} varies in {varying} of {len(values)} "
        "directions: the others cannot be given variance 1",
        fix=f"components={varying}, or epsilon=0.01 to leave them weak"
        if varying
        else "examples that are not all the same",
    )
