"""Layers, and ``Module``, of which they and whole networks are made.

Place on the road: above the compiler, written with public operators only.
"""

from typing import TYPE_CHECKING

from ..foreign import NN, names_of
from .activations import (
    ELU,
    GELU,
    LeakyReLU,
    LogSoftmax,
    Maxout,
    PReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from .dropout import Dropout
from .embedding import Embedding
from .linear import Identity, Linear
from .module import Module
from .normalization import BatchNorm1d, LayerNorm
from .structure import Flatten, Sequential

__all__ = [
    "ELU",
    "GELU",
    "BatchNorm1d",
    "Dropout",
    "Embedding",
    "Flatten",
    "Identity",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "Maxout",
    "Module",
    "PReLU",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]

if not TYPE_CHECKING:  # so that type checkers still find wrong names
    __getattr__ = names_of(__name__, NN)
