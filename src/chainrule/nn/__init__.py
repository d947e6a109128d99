"""Layers, and ``Module``, the base class of layers and networks.

Place on the road: above the compiler, written with public operators only. In the order
of reading: ``module`` (parameters, calls, files), ``arguments`` (checks), ``linear``
and the other simple layers, ``containers``; then ``recurrent`` and ``attention``, which
are made of them.
"""

from typing import TYPE_CHECKING

from ..public import advise, listing, missing_names
from .attention.key_value_cache import KeyValueCache
from .module import Module
from .module.registry import offer

if TYPE_CHECKING:
    from .activations.gated import GELU, Mish, SiLU
    from .activations.maxout import Maxout
    from .activations.rectifiers import (
        CELU,
        ELU,
        SELU,
        LeakyReLU,
        PReLU,
        ReLU,
        Softplus,
    )
    from .activations.sigmoids import Hardtanh, LogSigmoid, Sigmoid, Softsign, Tanh
    from .activations.softmax import LogSoftmax, Softmax
    from .attention.encoder_decoder import BahdanauAttention, LuongAttention
    from .attention.multihead import MultiheadAttention
    from .attention.positions import (
        LearnedPositions,
        RotaryPositions,
        SinusoidalPositions,
    )
    from .attention.transformer import (
        TransformerDecoder,
        TransformerDecoderLayer,
        TransformerEncoder,
        TransformerEncoderLayer,
    )
    from .chains.crf import CRF
    from .containers import (
        Branches,
        Flatten,
        Residual,
        Sequential,
        Subsample,
        Unflatten,
    )
    from .convolution.convolution import Conv1d, Conv2d, Conv3d
    from .convolution.locally_connected import LocallyConnected1d, LocallyConnected2d
    from .convolution.transposed import (
        ConvTranspose1d,
        ConvTranspose2d,
        ConvTranspose3d,
    )
    from .dropout import (
        AlphaDropout,
        DropConnect,
        Dropout,
        Dropout1d,
        Dropout2d,
        Dropout3d,
    )
    from .embedding import Embedding
    from .ensemble import Ensemble, EnsembleLinear
    from .experts import MixtureOfExperts
    from .game import Game
    from .linear import Identity, Linear
    from .many_classes.hierarchical import HierarchicalSoftmax
    from .many_classes.sampled import SampledSoftmax
    from .many_classes.sampler import ClassSampler
    from .noise import GaussianNoise, SaltAndPepper, ZeroMasking
    from .normalization.batch import BatchNorm1d, BatchNorm2d, BatchNorm3d
    from .normalization.channels import (
        GroupNorm,
        InstanceNorm1d,
        InstanceNorm2d,
        InstanceNorm3d,
    )
    from .normalization.features import LayerNorm, RMSNorm
    from .normalization.fixed import Normalization
    from .normalization.local_contrast import LocalContrastNorm
    from .normalization.local_response import LocalResponseNorm
    from .pooling.adaptive import (
        AdaptiveAvgPool1d,
        AdaptiveAvgPool2d,
        AdaptiveMaxPool1d,
        AdaptiveMaxPool2d,
    )
    from .pooling.average import AvgPool1d, AvgPool2d, AvgPool3d
    from .pooling.global_pooling import GlobalAvgPool, GlobalMaxPool
    from .pooling.lp_norm import LPPool1d, LPPool2d
    from .pooling.maximum import MaxPool1d, MaxPool2d, MaxPool3d
    from .pooling.unpooling import MaxUnpool1d, MaxUnpool2d, MaxUnpool3d
    from .recurrent.conv_lstm import ConvLSTM, ConvLSTMCell
    from .recurrent.gru import GRU, GRUCell
    from .recurrent.lstm import LSTM, LSTMCell
    from .recurrent.outputs import AllSteps, LastStep
    from .recurrent.rnn import RNN, RNNCell
    from .tied import Tied
    from .upsampling import Upsample

#: Layers are imported when they are first used: a network has few of these kinds.
LATER = {
    ".activations.gated": ["GELU", "Mish", "SiLU"],
    ".activations.maxout": ["Maxout"],
    ".activations.rectifiers": [
        "CELU",
        "ELU",
        "SELU",
        "LeakyReLU",
        "PReLU",
        "ReLU",
        "Softplus",
    ],
    ".activations.sigmoids": ["Hardtanh", "LogSigmoid", "Sigmoid", "Softsign", "Tanh"],
    ".activations.softmax": ["LogSoftmax", "Softmax"],
    ".attention.encoder_decoder": ["BahdanauAttention", "LuongAttention"],
    ".attention.multihead": ["MultiheadAttention"],
    ".attention.positions": [
        "LearnedPositions",
        "RotaryPositions",
        "SinusoidalPositions",
    ],
    ".attention.transformer": [
        "TransformerDecoder",
        "TransformerDecoderLayer",
        "TransformerEncoder",
        "TransformerEncoderLayer",
    ],
    ".chains.crf": ["CRF"],
    ".containers": [
        "Branches",
        "Flatten",
        "Residual",
        "Sequential",
        "Subsample",
        "Unflatten",
    ],
    ".convolution.convolution": ["Conv1d", "Conv2d", "Conv3d"],
    ".convolution.locally_connected": ["LocallyConnected1d", "LocallyConnected2d"],
    ".convolution.transposed": [
        "ConvTranspose1d",
        "ConvTranspose2d",
        "ConvTranspose3d",
    ],
    ".dropout": [
        "AlphaDropout",
        "DropConnect",
        "Dropout",
        "Dropout1d",
        "Dropout2d",
        "Dropout3d",
    ],
    ".embedding": ["Embedding"],
    ".ensemble": ["Ensemble", "EnsembleLinear"],
    ".experts": ["MixtureOfExperts"],
    ".game": ["Game"],
    ".linear": ["Identity", "Linear"],
    ".many_classes.hierarchical": ["HierarchicalSoftmax"],
    ".many_classes.sampled": ["SampledSoftmax"],
    ".many_classes.sampler": ["ClassSampler"],
    ".noise": ["GaussianNoise", "SaltAndPepper", "ZeroMasking"],
    ".normalization.batch": ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"],
    ".normalization.channels": [
        "GroupNorm",
        "InstanceNorm1d",
        "InstanceNorm2d",
        "InstanceNorm3d",
    ],
    ".normalization.features": ["LayerNorm", "RMSNorm"],
    ".normalization.fixed": ["Normalization"],
    ".normalization.local_contrast": ["LocalContrastNorm"],
    ".normalization.local_response": ["LocalResponseNorm"],
    ".pooling.adaptive": [
        "AdaptiveAvgPool1d",
        "AdaptiveAvgPool2d",
        "AdaptiveMaxPool1d",
        "AdaptiveMaxPool2d",
    ],
    ".pooling.average": ["AvgPool1d", "AvgPool2d", "AvgPool3d"],
    ".pooling.global_pooling": ["GlobalAvgPool", "GlobalMaxPool"],
    ".pooling.lp_norm": ["LPPool1d", "LPPool2d"],
    ".pooling.maximum": ["MaxPool1d", "MaxPool2d", "MaxPool3d"],
    ".pooling.unpooling": ["MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d"],
    ".recurrent.conv_lstm": ["ConvLSTM", "ConvLSTMCell"],
    ".recurrent.gru": ["GRU", "GRUCell"],
    ".recurrent.lstm": ["LSTM", "LSTMCell"],
    ".recurrent.outputs": ["AllSteps", "LastStep"],
    ".recurrent.rnn": ["RNN", "RNNCell"],
    ".tied": ["Tied"],
    ".upsampling": ["Upsample"],
}

__all__ = [
    "CELU",
    "CRF",
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "SELU",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AllSteps",
    "AlphaDropout",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BahdanauAttention",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "Branches",
    "ClassSampler",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvLSTM",
    "ConvLSTMCell",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "DropConnect",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "Embedding",
    "Ensemble",
    "EnsembleLinear",
    "Flatten",
    "GRUCell",
    "Game",
    "GaussianNoise",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "GroupNorm",
    "Hardtanh",
    "HierarchicalSoftmax",
    "Identity",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "KeyValueCache",
    "LPPool1d",
    "LPPool2d",
    "LSTMCell",
    "LastStep",
    "LayerNorm",
    "LeakyReLU",
    "LearnedPositions",
    "Linear",
    "LocalContrastNorm",
    "LocalResponseNorm",
    "LocallyConnected1d",
    "LocallyConnected2d",
    "LogSigmoid",
    "LogSoftmax",
    "LuongAttention",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
    "Maxout",
    "Mish",
    "MixtureOfExperts",
    "Module",
    "MultiheadAttention",
    "Normalization",
    "PReLU",
    "RMSNorm",
    "RNNCell",
    "ReLU",
    "Residual",
    "RotaryPositions",
    "SaltAndPepper",
    "SampledSoftmax",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SinusoidalPositions",
    "Softmax",
    "Softplus",
    "Softsign",
    "Subsample",
    "Tanh",
    "Tied",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "Unflatten",
    "Upsample",
    "ZeroMasking",
]

#: A memory, and the bases of classes: what a model file may not name.
APART = ("Game", "KeyValueCache", "Module")

# A model file may name these layers and no other class of this package.
offer(__name__, [name for name in __all__ if name not in APART])

advise(__name__, ["KeyValueCache", "Module"], "nn.LAYER")
__dir__ = listing(__all__)
if not TYPE_CHECKING:  # so that type checkers still find wrong names
    __getattr__ = missing_names(__name__, advice="nn.NAMES", later=LATER)
