"""Linear algebra, with NumPy's names and arguments: factorizations, equations, norms.

Every function takes matrices along leading axes, broadcasts as NumPy does, computes in
float32 or float64 by LAPACK, and can be differentiated twice and more. Place on the
road: beside ``nn``, made of the public parts of the core; the primitives here are
declared as anybody's are.

- ``systems``: ``solve``, ``inv``, ``solve_triangular``
- ``factors``: ``cholesky``, ``qr``
- ``spectral``: ``eigh``, ``eigvalsh``, ``svd``, ``svdvals``
- ``determinants``: ``det``, ``slogdet``
- ``least_squares``: ``lstsq``, ``pinv``, ``matrix_rank``
- ``contraction``: ``einsum`` and ``tensordot``, which are names of the package itself
- ``measures``: ``norm``, ``cond``, ``trace``, ``diagonal``, ``matrix_power``
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..public import advise, listing, missing_names
from .determinants import det, slogdet
from .factors import cholesky, qr
from .least_squares import lstsq, matrix_rank, pinv
from .measures import cond, diagonal, matrix_power, norm, trace
from .spectral import eigh, eigvalsh, svd, svdvals
from .systems import inv, solve, solve_triangular

__all__ = [
    "cholesky",
    "cond",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "lstsq",
    "matrix_power",
    "matrix_rank",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "svdvals",
    "trace",
]

advise(__name__, __all__, "package.OPTIONS")
__dir__ = listing(__all__)
if not TYPE_CHECKING:  # so that type checkers still find wrong names
    __getattr__ = missing_names(__name__, advice="linalg.NAMES")
