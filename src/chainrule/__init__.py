"""chainrule: neural networks as computational graphs, the chain rule, and a compiler.

The road that every program travels, and where to read about each part of it::

    function ─► operators ─► Graph ─► backprop ─► passes ─► Program ─► Engine ─► arrays
                tensor, ops  graph    backprop    compiler             engines

- ``tensor``, ``parameter``, ``Variable`` and the functions of ``ops``: computing.
- ``arrays``: NumPy's other functions, made of those.
- ``einsum``; ``linalg``: factorizations, linear equations and norms of matrices.
- ``backprop``, ``grad``, ``vjp``, ``jvp``, ``hvp``, ``jacobian``, ``hessian``;
  ``vmap``, ``per_example_grads``: a function of one example for a batch.
- ``trace``, ``compile``, ``scan``: graphs from functions.
- ``nn``, ``losses``, ``initializers``, ``optim``: networks and how they learn;
  ``models``: those of the field, ready to be trained.
- ``data``, ``fit``, ``find_lr``, ``evaluate``, ``metrics``, ``load``, ``load_run``:
  training as people expect it; ``runs``: what was trained by the command; ``tuning``:
  choosing a model.
- ``sampling``: draws from any log density, by chains; what they are worth.
- ``estimators``: networks with scikit-learn's interface.
- ``explain``, ``check_gradients``, ``check_numerics``: looking inside.
- ``random``, ``manual_seed``, ``config``, ``errors``: the rest.
"""

import sys
from typing import TYPE_CHECKING

from . import errors
from . import random_numbers as random
from .backprop import backprop
from .compiler.compile import compile
from .compiler.trace import trace
from .config import config
from .derivatives import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from .explain import explain
from .gradients import Gradients
from .graph import Graph
from .ops.composed import (
    all,
    any,
    clip,
    cumprod,
    expand_dims,
    log_softmax,
    logsumexp,
    mean,
    norm,
    one_hot,
    power,
    softmax,
    sort,
    square,
    squeeze,
    stack,
    std,
    swapaxes,
    var,
)
from .ops.control import scan
from .ops.convolution import convolution, convolution_transposed
from .ops.creation import arange, eye, full, ones, zeros
from .ops.elementwise import (
    absolute,
    add,
    arctan2,
    ceil,
    cos,
    divide,
    equal,
    erf,
    exp,
    expm1,
    floor,
    floor_divide,
    gelu,
    greater,
    greater_equal,
    isfinite,
    isnan,
    less,
    less_equal,
    log,
    log1p,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    maximum,
    minimum,
    multiply,
    negative,
    not_equal,
    relu,
    remainder,
    sigmoid,
    sign,
    sin,
    softplus,
    sqrt,
    stop_gradient,
    subtract,
    tanh,
    where,
)
from .ops.elementwise import absolute as abs
from .ops.indexing import put, scatter_add, take, take_along_axis
from .ops.matmul import matmul
from .ops.movement import broadcast_to, concatenate, flip, reshape, transpose
from .ops.reduction import argmax, argmin, argsort, cumsum, max, min, prod, sum
from .ops.windows import overlap_add, windows
from .public import advise, listing, missing_names
from .random_numbers import manual_seed
from .tensor import Tensor, tensor
from .variable import Parameter, Variable, parameter

if TYPE_CHECKING:  # imported when first used: the same names stand in LATER
    from . import (
        data,
        estimators,
        initializers,
        linalg,
        losses,
        models,
        nn,
        optim,
        runs,
        sampling,
        tuning,
    )
    from .arrays.activations import elu, leaky_relu, log_sigmoid, silu
    from .arrays.counting import bincount, count_nonzero, histogram
    from .arrays.differences import diff, trapezoid
    from .arrays.filling import full_like, linspace, ones_like, zeros_like
    from .arrays.joining import (
        array_split,
        column_stack,
        dstack,
        hstack,
        meshgrid,
        split,
        vstack,
    )
    from .arrays.logarithms import exp2, log2, log10, logaddexp
    from .arrays.matrices import cross, diag, diagonal, kron, outer, tril, triu
    from .arrays.missing_values import (
        isinf,
        nan_to_num,
        nanmax,
        nanmean,
        nanmin,
        nanprod,
        nanstd,
        nansum,
        nanvar,
    )
    from .arrays.moments import average, corrcoef, cov
    from .arrays.padding import pad
    from .arrays.quantiles import median, percentile, ptp, quantile
    from .arrays.rearranging import (
        atleast_1d,
        atleast_2d,
        atleast_3d,
        fliplr,
        flipud,
        moveaxis,
        repeat,
        roll,
        rot90,
        tile,
    )
    from .arrays.rounding import round, trunc
    from .arrays.searching import (
        argwhere,
        digitize,
        flatnonzero,
        interp,
        nonzero,
        searchsorted,
        top_k,
        unique,
    )
    from .arrays.trigonometry import (
        arccos,
        arccosh,
        arcsin,
        arcsinh,
        arctan,
        arctanh,
        cosh,
        deg2rad,
        hypot,
        rad2deg,
        sinh,
        tan,
    )
    from .checks import check_declared, check_gradients, check_numerics
    from .linalg.contraction import einsum, tensordot
    from .loading import load
    from .nn.attention.dot_product import attention
    from .nn.module.activations import activations
    from .protocols.dlpack import from_dlpack
    from .runs import load_run
    from .training import callbacks, evaluate, metrics, predict
    from .training.learning_rates import find_lr
    from .training.loop import fit
    from .vectorize.per_example import per_example_grads
    from .vectorize.transform import vmap

__version__ = "0.1.0"
__all__ = [
    "Gradients",
    "Graph",
    "Parameter",
    "Tensor",
    "Variable",
    "abs",
    "absolute",
    "activations",
    "add",
    "all",
    "any",
    "arange",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "argmax",
    "argmin",
    "argsort",
    "argwhere",
    "array_split",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "attention",
    "average",
    "backprop",
    "bincount",
    "broadcast_to",
    "callbacks",
    "ceil",
    "check_declared",
    "check_gradients",
    "check_numerics",
    "clip",
    "column_stack",
    "compile",
    "concatenate",
    "config",
    "convolution",
    "convolution_transposed",
    "corrcoef",
    "cos",
    "cosh",
    "count_nonzero",
    "cov",
    "cross",
    "cumprod",
    "cumsum",
    "data",
    "deg2rad",
    "diag",
    "diagonal",
    "diff",
    "digitize",
    "divide",
    "dstack",
    "einsum",
    "elu",
    "equal",
    "erf",
    "errors",
    "estimators",
    "evaluate",
    "exp",
    "exp2",
    "expand_dims",
    "explain",
    "expm1",
    "eye",
    "find_lr",
    "fit",
    "flatnonzero",
    "flip",
    "fliplr",
    "flipud",
    "floor",
    "floor_divide",
    "from_dlpack",
    "full",
    "full_like",
    "gelu",
    "grad",
    "greater",
    "greater_equal",
    "hessian",
    "histogram",
    "hstack",
    "hvp",
    "hypot",
    "initializers",
    "interp",
    "isfinite",
    "isinf",
    "isnan",
    "jacobian",
    "jvp",
    "kron",
    "leaky_relu",
    "less",
    "less_equal",
    "linalg",
    "linspace",
    "load",
    "load_run",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_sigmoid",
    "log_softmax",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logsumexp",
    "losses",
    "manual_seed",
    "matmul",
    "max",
    "maximum",
    "mean",
    "median",
    "meshgrid",
    "metrics",
    "min",
    "minimum",
    "models",
    "moveaxis",
    "multiply",
    "nan_to_num",
    "nanmax",
    "nanmean",
    "nanmin",
    "nanprod",
    "nanstd",
    "nansum",
    "nanvar",
    "negative",
    "nn",
    "nonzero",
    "norm",
    "not_equal",
    "one_hot",
    "ones",
    "ones_like",
    "optim",
    "outer",
    "overlap_add",
    "pad",
    "parameter",
    "per_example_grads",
    "percentile",
    "power",
    "predict",
    "prod",
    "ptp",
    "put",
    "quantile",
    "rad2deg",
    "random",
    "relu",
    "remainder",
    "repeat",
    "reshape",
    "roll",
    "rot90",
    "round",
    "runs",
    "sampling",
    "scan",
    "scatter_add",
    "searchsorted",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sinh",
    "softmax",
    "softplus",
    "sort",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "stop_gradient",
    "subtract",
    "sum",
    "swapaxes",
    "take",
    "take_along_axis",
    "tan",
    "tanh",
    "tensor",
    "tensordot",
    "tile",
    "top_k",
    "trace",
    "transpose",
    "trapezoid",
    "tril",
    "triu",
    "trunc",
    "tuning",
    "unique",
    "value_and_grad",
    "var",
    "vjp",
    "vmap",
    "vstack",
    "where",
    "windows",
    "zeros",
    "zeros_like",
]

#: Imported when first used, module → names: they take longer than all the rest.
LATER = {
    ".": (
        *("data", "estimators", "initializers", "linalg", "losses", "models", "nn"),
        *("optim", "runs", "sampling", "tuning"),
    ),
    ".arrays.activations": ("elu", "leaky_relu", "log_sigmoid", "silu"),
    ".arrays.counting": ("bincount", "count_nonzero", "histogram"),
    ".arrays.differences": ("diff", "trapezoid"),
    ".arrays.filling": ("full_like", "linspace", "ones_like", "zeros_like"),
    ".arrays.joining": (
        "array_split",
        "column_stack",
        "dstack",
        "hstack",
        "meshgrid",
        "vstack",
        "split",
    ),
    ".arrays.logarithms": ("exp2", "log10", "log2", "logaddexp"),
    ".arrays.matrices": (
        "cross",
        "diag",
        "diagonal",
        "kron",
        "outer",
        "tril",
        "triu",
    ),
    ".arrays.missing_values": (
        "isinf",
        "nan_to_num",
        "nanmax",
        "nanmean",
        "nanmin",
        "nanprod",
        "nanstd",
        "nansum",
        "nanvar",
    ),
    ".arrays.moments": ("average", "corrcoef", "cov"),
    ".arrays.padding": ("pad",),
    ".arrays.quantiles": ("median", "percentile", "ptp", "quantile"),
    ".arrays.rearranging": (
        "atleast_1d",
        "atleast_2d",
        "atleast_3d",
        "fliplr",
        "flipud",
        "moveaxis",
        "repeat",
        "roll",
        "rot90",
        "tile",
    ),
    ".arrays.rounding": ("round", "trunc"),
    ".arrays.searching": (
        "argwhere",
        "digitize",
        "flatnonzero",
        "interp",
        "nonzero",
        "searchsorted",
        "unique",
        "top_k",
    ),
    ".arrays.trigonometry": (
        "arccos",
        "arccosh",
        "arcsin",
        "arcsinh",
        "arctan",
        "arctanh",
        "cosh",
        "deg2rad",
        "hypot",
        "rad2deg",
        "sinh",
        "tan",
    ),
    ".checks": ("check_declared", "check_gradients", "check_numerics"),
    ".linalg.contraction": ("einsum", "tensordot"),
    ".loading": ("load",),
    ".nn.attention.dot_product": ("attention",),
    ".nn.module.activations": ("activations",),
    ".protocols.dlpack": ("from_dlpack",),
    ".runs": ("load_run",),
    ".training": ("callbacks", "evaluate", "metrics", "predict"),
    ".training.learning_rates": ("find_lr",),
    ".training.loop": ("fit",),
    ".vectorize.per_example": ("per_example_grads",),
    ".vectorize.transform": ("vmap",),
}

advise(__name__, __all__, "package.OPTIONS")
__dir__ = listing([*__all__, "__version__"])
if not TYPE_CHECKING:  # so that type checkers still find wrong names
    __getattr__ = missing_names(
        __name__, advice="package.NAMES", options="package.OPTIONS", later=LATER
    )

# ``import chainrule.random``: the file has another name, so that Python started in this
# folder finds its own ``random``. (``os.path`` is registered in the same way.)
sys.modules["chainrule.random"] = random
