"""chainrule: neural networks as computational graphs, the chain rule, and a compiler.

The road that every program travels, and where to read about each part of it::

    your function ─► operators ─► Graph ─► backprop ─► passes ─► Program ─► Engine ─► arrays
                     tensor       graph    backprop    compiler             engines
                     ops

- ``tensor``, ``parameter``, ``Variable``: what you compute with; every function of ``ops``.
- ``backprop``, ``grad``, ``vjp``, ``jvp``, ``hvp``, ``jacobian``, ``hessian``: derivatives.
- ``trace``, ``compile``, ``scan``: graphs from functions.
- ``nn``, ``losses``, ``initializers``, ``optim``: networks and how they learn.
- ``data``, ``fit``, ``evaluate``, ``metrics``, ``load``: training as people expect it.
- ``explain``, ``check_gradients``, ``check_numerics``: looking inside.
- ``random``, ``manual_seed``, ``config``, ``errors``: the rest.
"""

from . import errors, initializers, losses, nn, optim, random
from .backprop import Gradients, backprop
from .checks import check_declared, check_gradients, check_numerics
from .compiler.compile import compile
from .compiler.trace import trace
from .config import config
from .derivatives import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from .explain import explain
from .graph import Graph
from .nn.rebuild import load
from .ops.composed import (
    all,
    any,
    clip,
    cumprod,
    elu,
    expand_dims,
    gelu,
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
from .ops.indexing import scatter_add, take, take_along_axis
from .ops.matmul import matmul
from .ops.movement import broadcast_to, concatenate, flip, pad, reshape, transpose
from .ops.reduction import argmax, argmin, argsort, cumsum, max, min, prod, sum
from .random import manual_seed
from .tensor import Parameter, Tensor, Variable, parameter, tensor
from .training import callbacks, evaluate, fit, metrics, predict

__version__ = "0.1.0"
__all__ = [name for name in globals() if not name.startswith("_")]
