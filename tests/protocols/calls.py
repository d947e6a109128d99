"""A call of every function of NumPy that tensors have, with NumPy's own arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

RNG = np.random.default_rng(0)
v, m, s = RNG.normal(size=5), RNG.normal(size=(3, 4)), RNG.normal(size=(3, 3))
t = RNG.normal(size=(2, 3, 4))
i = np.array([2, 0, 1])
positive = s @ s.T + np.eye(3)

#: Reductions with axis and keepdims.
REDUCING = (
    "sum mean prod max min amax amin ptp median any all nansum nanmean nanprod nanmax "
    "nanmin nanstd nanvar std var argmax argmin count_nonzero"
)

#: Universal functions of one operand, between 0 and 1; above 1; of two.
OF_ONE = (
    "exp exp2 expm1 sqrt square tan tanh sin sinh cos cosh arcsin arccos arctan "
    "arcsinh arctanh isnan isinf isfinite floor ceil trunc rint sign fabs absolute "
    "negative positive degrees radians deg2rad rad2deg reciprocal conjugate logical_not"
)
ABOVE_ONE = "log log2 log10 log1p arccosh"
OF_TWO = (
    "add subtract multiply divide floor_divide remainder maximum minimum arctan2 hypot "
    "logaddexp equal not_equal less greater less_equal greater_equal logical_and "
    "logical_or logical_xor"
)

Call = tuple[str, tuple[Any, ...], dict[str, Any]]


def call(name: str, *args: Any, **kwargs: Any) -> Call:
    """A call of ``np.name``."""
    return name, args, kwargs


CALLS: list[Call] = [
    *(call(name, m) for name in REDUCING.split()),
    *(call(name, m, 1) for name in REDUCING.split()),
    *(call(name, m, axis=0, keepdims=True) for name in REDUCING.split()),
    *(call(name, m, 1) for name in ("cumsum", "cumprod")),
    call("cumsum", m), call("cumulative_sum", v), call("cumulative_prod", v),
    call("sum", i, dtype="float32"), call("mean", m, dtype=np.float64),
    call("var", m, ddof=1), call("std", m, 0, None, None, 1),
    call("var", m, correction=1), call("average", m),
    call("average", v, weights=v**2), call("cov", m), call("corrcoef", m),
    call("quantile", m, 0.3), call("percentile", m, [10, 20], axis=1),
    # of some elements, together with a first value
    *(call(name, m, where=[True, False, True, True]) for name in ("sum", "prod")),
    *(call(name, m, 1, initial=0.5) for name in ("sum", "prod", "max", "amin")),
    *(call(name, m, 0, None, True, -0.5, m > -0.3) for name in ("max", "amax")),
    call("min", m, axis=1, initial=0.25, where=np.ones(4, bool)),
    call("sum", i, where=[True, False, True], initial=7),
    call("mean", m, 1, keepdims=True, where=[True, False, True, True]),
    call("any", m > 0, where=False), call("all", m > 0, 0, where=m > -0.3),
    # joined and parted
    call("concatenate", [m, m]), call("concatenate", (m, m), -1),
    call("concatenate", [m, m], axis=1), call("concat", [m, m]),
    call("concatenate", [m, v], axis=None), call("concat", [m, m], axis=None),
    call("stack", [v, v]), call("stack", [v, v], axis=-1),
    *(call(name, [m, m]) for name in ("vstack", "hstack", "dstack", "column_stack")),
    call("append", m, m), call("append", m, m, axis=0),
    call("split", v, [2]), call("split", m, 3), call("array_split", v, 2),
    call("hsplit", m, 2), call("hsplit", v, [2]), call("vsplit", m, 3),
    call("dsplit", t, 2), call("unstack", m), call("unstack", m, axis=1),
    # products
    call("dot", m, m.T), call("dot", v, v), call("dot", 2.0, v),
    call("dot", m, t.swapaxes(1, 2)), call("inner", m, m), call("inner", v, 2.0),
    call("vdot", m, m), call("outer", v, m), call("kron", m, s),
    call("cross", v[:3], v[2:]), call("trace", m), call("trace", t, 1, 1, 2),
    call("tensordot", m, m), call("tensordot", m, m.T, axes=1), call("matmul", m, m.T),
    call("einsum", "ij,kj->ik", m, m), call("einsum", "ij->j", m, optimize=True),
    # shapes
    call("reshape", m, (4, 3)), call("reshape", m, -1), call("ravel", m),
    call("reshape", m, 12, order="C"), call("transpose", m),
    call("transpose", m, (1, 0)),
    call("permute_dims", m, (1, 0)), call("matrix_transpose", m),
    call("swapaxes", m, 0, 1), call("moveaxis", m, 0, 1), call("expand_dims", m, 1),
    call("expand_dims", m, (0, 1)), call("squeeze", m[None]),
    call("squeeze", m[None], 0),
    call("flip", m), call("flip", m, 0), call("fliplr", m), call("flipud", m),
    call("rot90", m), call("roll", m, 1), call("roll", m, (1, 2), axis=(0, 1)),
    call("tile", m, 2), call("repeat", m, 2), call("repeat", m, 2, axis=0),
    call("broadcast_to", v, (2, 5)), call("broadcast_arrays", m, v[:4]),
    *(call(f"atleast_{n}d", v) for n in (1, 2, 3)), call("atleast_2d", v, m),
    call("pad", m, 1), call("pad", m, ((1, 2), (0, 1)), constant_values=3),
    call("pad", v, (1, 2)), call("pad", m, 2, mode="reflect"),
    call("pad", m, 2, "edge"), call("diag", v), call("diag", m, 1), call("diagonal", m),
    call("diagonal", m, offset=1), call("tril", m), call("triu", m, 1),
    call("meshgrid", v, v), call("meshgrid", v, v, indexing="ij"),
    # chosen, sorted, counted
    call("where", m > 0, m, 0.0), call("where", m > 0), call("sort", m),
    call("sort", m, axis=0), call("sort", m, None), call("argsort", m),
    call("argsort", m, kind="stable"), call("argsort", m, None), call("take", m, i),
    call("take", m, i, axis=1), call("take_along_axis", m, np.argsort(m), axis=1),
    call("take_along_axis", m, np.array([1, 2]), None),
    call("searchsorted", np.sort(v), v), call("digitize", v, np.sort(v)),
    call("nonzero", m > 0), call("argwhere", m > 0), call("flatnonzero", m > 0),
    call("unique", i), call("unique", i, return_counts=True), call("bincount", i),
    call("bincount", i, minlength=6), call("bincount", i, weights=v[:3]),
    call("histogram", v), call("histogram", v, bins=3), call("histogram2d", v, v),
    call("histogramdd", m), call("histogram_bin_edges", v), call("isin", i, [0, 1]),
    call("lexsort", (v, v)), call("nanargmax", m), call("nanargmin", m, 1),
    call("interp", v, np.sort(v), v), call("diff", m), call("diff", v, 2),
    call("trapezoid", v),
    # element by element
    call("clip", m, -1, 1), call("clip", m, min=0),
    call("clip", m, a_min=None, a_max=1),
    call("round", m), call("round", m, 2), call("around", m, 1), call("fix", m),
    call("nan_to_num", m), call("nan_to_num", m, copy=False, nan=1.0),
    call("isclose", m, m + 1e-9), call("isclose", m, np.nan, equal_nan=True),
    call("real", m), call("copy", m), call("astype", m, "float32"),
    call("zeros_like", m), call("empty_like", m * 0), call("ones_like", m),
    call("full_like", m, 7), call("full_like", m, 7, dtype="int64"),
    call("linspace", v, v + 1, 3),
    # linear algebra
    *(call(f"linalg.{name}", positive) for name in (
        "inv", "det", "slogdet", "eigvalsh", "cond", "matrix_rank", "pinv", "svdvals",
        "svd", "qr", "eigh", "norm", "cholesky")),
    call("linalg.svd", m, full_matrices=False), call("linalg.svd", m, compute_uv=False),
    call("linalg.solve", positive, v[:3]), call("linalg.lstsq", m.T, np.arange(4.0)),
    call("linalg.lstsq", m.T, np.arange(4.0), rcond=None),
    call("linalg.norm", m, axis=1), call("linalg.norm", m, "nuc"),
    call("linalg.norm", v, 1), call("linalg.matrix_power", s, 3),
    call("linalg.trace", m), call("linalg.diagonal", m), call("linalg.outer", v, v),
    call("linalg.cross", v[:3], v[2:]), call("linalg.matmul", m, m.T),
    call("linalg.tensordot", m, m.T, axes=1), call("linalg.vector_norm", m),
    call("linalg.vector_norm", m, axis=1, keepdims=True), call("linalg.matrix_norm", m),
    call("linalg.matrix_transpose", m), call("linalg.vecdot", m, m),
    call("linalg.eigh", positive, "U"), call("linalg.cholesky", positive, upper=True),
    call("linalg.pinv", m, rtol=1e-9), call("linalg.matrix_rank", m, rtol=1e-9),
    # universal functions
    *(call(name, np.abs(v) % 1) for name in OF_ONE.split()),
    *(call(name, np.abs(v) + 1) for name in ABOVE_ONE.split()),
    *(call(name, v, v[::-1] ** 2) for name in OF_TWO.split()),
    call("power", v**2, 1.5), call("vecdot", m, m), call("invert", v > 0),
    call("bitwise_and", v > 0, v < 1),
]  # fmt: skip

#: What answers in Python's values, or NumPy's, as it does of arrays.
ANSWERS: list[Call] = [
    call("shape", m), call("ndim", m), call("size", m), call("size", m, 1),
    call("array_equal", m, m), call("array_equiv", m, m), call("allclose", m, m + 1e-9),
    call("result_type", m, np.float32), call("can_cast", i, "float64"),
    call("common_type", m), call("min_scalar_type", i[0]), call("iscomplexobj", m),
    call("isrealobj", m), call("shares_memory", m, m[:1] + 1),
    call("may_share_memory", m, m[:1] + 1), call("array2string", m),
    call("einsum_path", "ij,jk,kl->il", s, s, s),
]  # fmt: skip


def function(name: str) -> Callable[..., Any]:
    """``np.name``, with dots in it."""
    found: Any = np
    for part in name.split("."):
        found = getattr(found, part)
    return found
