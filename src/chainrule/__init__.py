"""chainrule: neural networks as computational graphs, the chain rule, and a compiler.

The road that every program travels, and where to read about each part of it::

    function ─► operators ─► Graph ─► backprop ─► passes ─► Program ─► Engine ─► arrays
                tensor, ops  graph    backprop    compiler             engines

- ``tensor``, ``parameter``, ``Variable`` and the functions of ``ops``: computing.
- ``linalg``: factorizations, linear equations and norms of matrices.
- ``backprop``, ``grad``, ``vjp``, ``jvp``, ``hvp``, ``jacobian``, ``hessian``.
- ``trace``, ``compile``, ``scan``: graphs from functions.
- ``nn``, ``losses``, ``initializers``, ``optim``: networks and how they learn;
  ``models``: those of the field, ready to be trained.
- ``data``, ``fit``, ``evaluate``, ``metrics``, ``load``, ``load_run``: training as
  people expect it.
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
    elu,
    expand_dims,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    logsumexp,
    mean,
    norm,
    one_hot,
    outer,
    power,
    silu,
    softmax,
    sort,
    split,
    square,
    squeeze,
    stack,
    std,
    swapaxes,
    top_k,
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
from .ops.elementwise import round_ as round
from .ops.indexing import put, scatter_add, take, take_along_axis
from .ops.matmul import matmul
from .ops.movement import broadcast_to, concatenate, flip, pad, reshape, transpose
from .ops.reduction import argmax, argmin, argsort, cumsum, max, min, prod, sum
from .ops.windows import overlap_add, windows
from .public import listing, missing_names
from .random_numbers import manual_seed
from .tensor import Tensor, tensor
from .variable import Parameter, Variable, parameter

if TYPE_CHECKING:  # imported when first used: the same names stand in LATER
    from . import data, initializers, linalg, losses, models, nn, optim
    from .checks import check_declared, check_gradients, check_numerics
    from .loading import load
    from .nn.attention.dot_product import attention
    from .runs import load_run
    from .training import callbacks, evaluate, metrics, predict
    from .training.loop import fit

__version__ = "0.1.0"
__all__ = [
    "Gradients",
    "Graph",
    "Parameter",
    "Tensor",
    "Variable",
    "abs",
    "absolute",
    "add",
    "all",
    "any",
    "arange",
    "arctan2",
    "argmax",
    "argmin",
    "argsort",
    "attention",
    "backprop",
    "broadcast_to",
    "callbacks",
    "ceil",
    "check_declared",
    "check_gradients",
    "check_numerics",
    "clip",
    "compile",
    "concatenate",
    "config",
    "convolution",
    "convolution_transposed",
    "cos",
    "cumprod",
    "cumsum",
    "data",
    "divide",
    "elu",
    "equal",
    "erf",
    "errors",
    "evaluate",
    "exp",
    "expand_dims",
    "explain",
    "expm1",
    "eye",
    "fit",
    "flip",
    "floor",
    "floor_divide",
    "full",
    "gelu",
    "grad",
    "greater",
    "greater_equal",
    "hessian",
    "hvp",
    "initializers",
    "isfinite",
    "isnan",
    "jacobian",
    "jvp",
    "leaky_relu",
    "less",
    "less_equal",
    "linalg",
    "load",
    "load_run",
    "log",
    "log1p",
    "log_sigmoid",
    "log_softmax",
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
    "metrics",
    "min",
    "minimum",
    "models",
    "multiply",
    "negative",
    "nn",
    "norm",
    "not_equal",
    "one_hot",
    "ones",
    "optim",
    "outer",
    "overlap_add",
    "pad",
    "parameter",
    "power",
    "predict",
    "prod",
    "put",
    "random",
    "relu",
    "remainder",
    "reshape",
    "round",
    "scan",
    "scatter_add",
    "sigmoid",
    "sign",
    "silu",
    "sin",
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
    "tanh",
    "tensor",
    "top_k",
    "trace",
    "transpose",
    "value_and_grad",
    "var",
    "vjp",
    "where",
    "windows",
    "zeros",
]

#: Imported when first used, module → names: they take longer than all the rest.
LATER = {
    ".": ("data", "initializers", "linalg", "losses", "models", "nn", "optim"),
    ".checks": ("check_declared", "check_gradients", "check_numerics"),
    ".loading": ("load",),
    ".nn.attention.dot_product": ("attention",),
    ".runs": ("load_run",),
    ".training": ("callbacks", "evaluate", "metrics", "predict"),
    ".training.loop": ("fit",),
}

__dir__ = listing([*__all__, "__version__"])
if not TYPE_CHECKING:  # so that type checkers still find wrong names
    __getattr__ = missing_names(__name__, advice="package.NAMES", later=LATER)

# ``import chainrule.random``: the file has another name, so that Python started in this
# folder finds its own ``random``. (``os.path`` is registered in the same way.)
sys.modules["chainrule.random"] = random
