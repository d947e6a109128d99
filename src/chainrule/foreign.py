"""Names that users of other libraries reach for, and what to write here instead.

Place on the road: below everything, beside ``errors``. Tables of words only: it knows
no class that they are about. Classes and packages ask it when Python has not found an
attribute, so these names cost nothing and do not exist: ``hasattr`` is False.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from .errors import ArgumentError, ForeignNameError, OptionError, unknown_option

GRADIENTS = "grads = cr.backprop(loss); grads[W] is ∂loss/∂W, of any tensor W"
STEP = "optimizer.step(cr.backprop(loss))"
NOT_MOVED = "leave it out: there are no devices to move to; cr.compile makes it fast"
NEVER_CHANGES = "leave it out: a tensor's value never changes"
IN_PLACE = "W.assign(new value) changes a parameter; no other tensor ever changes"
NO_SWITCH = (
    "leave it out: a call predicts unless it says model(x, training=True); cr.fit does"
)
NOTHING_TO_ZERO = "leave it out: each cr.backprop(loss) answers gradients of its own"
ALL_HAVE_GRADIENTS = (
    "leave it out: grads = cr.backprop(loss) has the gradient of every float tensor; "
    "cr.stop_gradient(x) ends it there"
)
CHOSEN_BY_OPTIMIZER = "give the optimizer only the parameters that are to be trained"
SCHEDULE = "a schedule takes the place of the number: optim.Adam(params, lr=optim.%s)"

FLOAT = "x.astype('float32')"
INTEGER = "x.astype('int64')"

SIZES_FIRST = "leave it out: layers know their numbers of inputs"
CONV = "nn.Conv2d(in_channels, out_channels, kernel_size), of images with channels last"
FUNCTIONS = (
    "exp expm1 log log1p sqrt sin cos tanh sigmoid relu softmax log_softmax abs sign "
    "floor ceil erf square norm logsumexp isnan isfinite"
)
IN_PLACE_NAMES = (
    "add_ sub_ mul_ div_ copy_ zero_ fill_ clamp_ normal_ uniform_ assign assign_add "
    "assign_sub set_value"
)

#: Attributes and methods of a tensor.
TENSOR: Mapping[str, str] = {
    **dict.fromkeys(("backward", "grad", "grad_fn", "retain_grad"), GRADIENTS),
    **dict.fromkeys(("requires_grad", "requires_grad_"), ALL_HAVE_GRADIENTS),
    **dict.fromkeys(("to", "cuda", "cpu", "device", "pin_memory"), NOT_MOVED),
    **dict.fromkeys(("clone", "copy", "contiguous"), NEVER_CHANGES),
    **dict.fromkeys(IN_PLACE_NAMES.split(), IN_PLACE),
    **{name: f"cr.{name}(x)" for name in FUNCTIONS.split()},
    "data": "x.numpy() reads the value; W.assign(new value) changes a parameter's",
    "view": "x.reshape(2, -1)",
    "permute": "x.transpose(1, 0)",
    "t": "x.T",
    "unsqueeze": "cr.expand_dims(x, axis), or x[:, None]",
    "expand": "cr.broadcast_to(x, shape)",
    "mm": "x @ y",
    "bmm": "x @ y",
    "matmul": "x @ y",
    "pow": "x ** 2",
    "clamp": "x.clip(0.0, 1.0)",
    "float": FLOAT,
    "double": "x.astype('float64')",
    "half": FLOAT,
    "long": INTEGER,
    "int": INTEGER,
    "bool": "x.astype(bool), or x != 0",
    "type": FLOAT,
    "dim": "x.ndim",
    "numel": "x.size",
    "eq": "x == y",
    "ne": "x != y",
    "lt": "x < y",
    "gt": "x > y",
    "gather": "cr.take_along_axis(x, indices, axis)",
    "masked_fill": "cr.where(mask, value, x)",
    "topk": "cr.top_k(x, k)",
    "chunk": "cr.split(x, parts)",
    "split": "cr.split(x, parts)",
}

#: Attributes and methods of a network or layer.
MODULE: Mapping[str, str] = {
    **dict.fromkeys(("train", "eval", "training"), NO_SWITCH),
    **dict.fromkeys(("to", "cuda", "cpu", "device"), NOT_MOVED),
    "zero_grad": NOTHING_TO_ZERO,
    **dict.fromkeys(("requires_grad_", "trainable", "freeze"), CHOSEN_BY_OPTIMIZER),
    "double": "model.astype('float64') answers a copy",
    "float": "model.astype('float32') answers a copy",
    "fit": "cr.fit(model, (x, y), epochs=10)",
    "compile": "cr.fit(model, (x, y), loss=…, optimizer=…, metrics=[…])",
    "predict": "cr.predict(model, x); for classes .argmax(-1) of it",
    "predict_proba": "cr.softmax(cr.predict(model, x))",
    "evaluate": "cr.evaluate(model, (x, y))",
    "score": "cr.evaluate(model, (x, y))",
    "add": "nn.Sequential(*model, layer) makes a longer one",
    "append": "nn.Sequential(*model, layer) makes a longer one",
    "weights": "model.parameters(), or model.state_dict() by name",
    "get_weights": "model.state_dict()",
    "set_weights": "model.load_state_dict(state)",
    "load_weights": "model.load(path)",
    "save_weights": "model.save(path)",
    "trainable_variables": "model.parameters()",
    "trainable_weights": "model.parameters()",
    "count_params": "model.num_parameters",
    "modules": "model.named_modules()",
    "named_children": "model.children()",
    "buffers": "model.named_variables()",
    "named_buffers": "model.named_variables()",
    "register_buffer": "self.name = cr.Variable(value)",
    "register_parameter": "self.name = cr.parameter(value)",
    "add_module": "self.name = layer",
    "register_forward_hook": "cr.explain(model, x, y) shows what every layer computes",
}

#: Attributes and methods of an optimizer.
OPTIMIZER: Mapping[str, str] = {
    "zero_grad": NOTHING_TO_ZERO,
    "minimize": STEP,
    "apply_gradients": STEP,
    "update": STEP,
    "param_groups": "optimizer.groups",
    "learning_rate": "optimizer.lr",
}

#: Attributes of what ``fit`` answers.
HISTORY: Mapping[str, str] = {
    "history": "history['loss'], or history.epochs, a dictionary for each epoch",
    "epoch": "history['epoch']",
    "params": "history.settings",
}

#: Names of the package itself.
PACKAGE: Mapping[str, str] = {
    **dict.fromkeys(
        ("no_grad", "inference_mode", "enable_grad", "set_grad_enabled"),
        "leave it out: gradients are computed where cr.backprop is called, only there",
    ),
    **dict.fromkeys(("GradientTape", "autograd"), GRADIENTS),
    **dict.fromkeys(
        ("array", "asarray", "as_tensor", "from_numpy", "FloatTensor", "LongTensor"),
        "cr.tensor(values)",
    ),
    **dict.fromkeys(("randn", "random_normal"), "cr.random.normal((2, 3))"),
    "rand": "cr.random.uniform((2, 3))",
    "randint": "cr.random.integers(0, 10, (2, 3))",
    "randperm": "cr.random.permutation(10)",
    **dict.fromkeys(
        ("float32", "float64", "int64", "int32", "bool"),
        "dtypes are NumPy's: np.float32, or its name 'float32'",
    ),
    **dict.fromkeys(("float", "double", "long"), "x.astype('float32')"),
    **dict.fromkeys(("device", "cuda"), NOT_MOVED),
    **dict.fromkeys(("jit", "function"), "cr.compile(f)"),
    **dict.fromkeys(("mm", "bmm", "dot"), "x @ y"),
    "set_default_dtype": "cr.config.dtype = 'float64'",
    "cat": "cr.concatenate([x, y], axis=0)",
    "concat": "cr.concatenate([x, y], axis=0)",
    "unsqueeze": "cr.expand_dims(x, axis)",
    "permute": "cr.transpose(x, axes)",
    "pow": "cr.power(x, 2)",
    "clamp": "cr.clip(x, 0.0, 1.0)",
    "topk": "cr.top_k(x, k)",
    "gather": "cr.take_along_axis(x, indices, axis)",
    "reduce_mean": "cr.mean(x)",
    "reduce_sum": "cr.sum(x)",
    "save": "model.save(path)",
    "Module": "nn.Module",
    "Sequential": "nn.Sequential(…)",
    "Linear": "nn.Linear(inputs, outputs)",
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), "cr.convolution(x, weight) + bias"),
    **dict.fromkeys(
        ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
        "cr.convolution_transposed(x, weight) + bias",
    ),
    "unfold": "cr.windows(x, kernel)",
    "fold": "cr.overlap_add(windows, size)",
    "max_pool2d": "nn.MaxPool2d(2)(x)",
    "avg_pool2d": "nn.AvgPool2d(2)(x)",
    "interpolate": "nn.Upsample(scale_factor=2)(x)",
    "dropout": "nn.Dropout(0.5)(x, training=training)",
}

#: Names of ``nn`` that are no losses.
NN: Mapping[str, str] = {
    "functional": "functions are the package's own: cr.relu(x), cr.softmax(x)",
    "init": "initializers: nn.Linear(2, 3, weight_init='he_normal')",
    "utils": "optim.ClipNorm(1.0) among an optimizer's transforms clips gradients",
    "Dense": "nn.Linear(inputs, outputs)",
    "Parameter": "cr.parameter(values)",
    "Model": "nn.Module",
    "SimpleRNN": "nn.RNN(input_size, hidden_size)",
    "Bidirectional": "nn.LSTM(input_size, hidden_size, bidirectional=True)",
    "TimeDistributed": "leave it out: nn.Linear takes (N, T, D) as it is",
    "Masking": "model(x, lengths): how many steps of each sequence are real",
    **dict.fromkeys(
        ("pack_padded_sequence", "pad_packed_sequence", "pack_sequence"),
        "layer(x, lengths=lengths)",
    ),
    "ModuleList": "a plain list in an attribute: its layers belong to the module",
    "ModuleDict": "a plain dict in an attribute: its layers belong to the module",
    "BatchNormalization": "nn.BatchNorm1d(features), nn.BatchNorm2d(channels)",
    "LayerNormalization": "nn.LayerNorm(features)",
    "GroupNormalization": "nn.GroupNorm(num_groups, channels)",
    "Conv1D": "nn.Conv1d(in_channels, out_channels, kernel_size)",
    "Conv2D": CONV,
    "Conv3D": "nn.Conv3d(in_channels, out_channels, kernel_size)",
    "Conv2DTranspose": "nn.ConvTranspose2d(in_channels, out_channels, kernel_size)",
    "DepthwiseConv2D": "nn.Conv2d(channels, channels, 3, groups=channels)",
    "SeparableConv2D": "nn.Conv2d(channels, channels, 3, groups=channels), then "
    "nn.Conv2d(channels, out_channels, 1)",
    **dict.fromkeys(
        ("LazyConv2d", "LazyLinear"),
        "leave Lazy out: layers are told their numbers of inputs",
    ),
    "LocallyConnected2D": "nn.LocallyConnected2d(in_channels, out_channels, …)",
    "MaxPooling1D": "nn.MaxPool1d(2)",
    **dict.fromkeys(("MaxPooling2D", "MaxPool2D"), "nn.MaxPool2d(2)"),
    **dict.fromkeys(("AveragePooling2D", "AvgPool2D"), "nn.AvgPool2d(2)"),
    **dict.fromkeys(
        ("GlobalAveragePooling1D", "GlobalAveragePooling2D"), "nn.GlobalAvgPool()"
    ),
    **dict.fromkeys(("GlobalMaxPooling1D", "GlobalMaxPooling2D"), "nn.GlobalMaxPool()"),
    **dict.fromkeys(
        ("UpSampling2D", "UpsamplingNearest2d"), "nn.Upsample(scale_factor=2)"
    ),
    "UpsamplingBilinear2d": "nn.Upsample(scale_factor=2, mode='bilinear', "
    "align_corners=True)",
    **dict.fromkeys(
        ("ZeroPad2d", "ZeroPadding2D"),
        "nn.Conv2d(…, padding=((1, 1), (0, 1))), or cr.pad(x, widths)",
    ),
    "SpatialDropout2D": "nn.Dropout2d(0.5)",
    **dict.fromkeys(
        ("Concatenate", "Parallel"),
        "nn.Branches(layer, layer), or cr.concatenate([x, y], axis=-1)",
    ),
    "Add": "nn.Residual(layer), or x + y",
    "Reshape": "nn.Unflatten(shape), or x.reshape(shape)",
    "Input": SIZES_FIRST,
    "Swish": "nn.SiLU()",
    "ReLU6": "nn.Hardtanh(0.0, 6.0)",
    "ThresholdedReLU": "cr.where(x > theta, x, 0.0)",
    "Hardswish": "x * nn.Hardtanh(0.0, 6.0)(x + 3.0) / 6.0",
    "Hardsigmoid": "nn.Hardtanh(0.0, 6.0)(x + 3.0) / 6.0",
    "MultiHeadAttention": "nn.MultiheadAttention(embed_dim, num_heads)",
    "Attention": "nn.MultiheadAttention(embed_dim, num_heads); cr.attention(q, k, v)",
    "Transformer": "nn.TransformerEncoder(layer, num_layers) and nn.TransformerDecoder",
    "PositionalEncoding": "nn.SinusoidalPositions(dim)",
    "Unfold": "cr.windows(x, kernel)",
    "Fold": "cr.overlap_add(windows, size)",
    "SpatialDropout1D": "nn.Dropout1d(0.5)",
    "Activation": "a layer of its own: nn.ReLU()",
}

#: Names of ``models``.
MODELS: Mapping[str, str] = {
    **{f"resnet{n}": f"models.resnet({n})" for n in (18, 34, 50, 101, 152)},
    **{f"resnet{n}": f"models.resnet_small({n})" for n in (20, 32, 44, 56, 110)},
    **{f"vgg{n}": f"models.vgg({n})" for n in (11, 13, 16, 19)},
    **{f"vgg{n}_bn": f"models.vgg({n}, batch_norm=True)" for n in (11, 13, 16, 19)},
    **dict.fromkeys(("LeNet5", "LeNet"), "models.lenet5()"),
    "ResNet50": "models.resnet(50)",
    "VGG16": "models.vgg(16)",
    **dict.fromkeys(("GoogLeNet", "inception_v1", "InceptionV1"), "models.googlenet()"),
}

BATCH_FIRST = "leave it out: inputs are (N, T, D), the batch first"
A_LAYER = "a layer of its own behind this one: nn.ReLU()"

#: Options of layers in other libraries.
LAYER: Mapping[str, str] = {
    "activation": A_LAYER,
    "approximate": "nn.GELU(approximate='tanh')",
    "batch_first": BATCH_FIRST,
    "bias_initializer": "bias_init='zeros'",
    "beta_initializer": "layer.bias.assign(values) after it is made",
    "center": "affine=False for neither factor nor bias",
    "data_format": "leave it out: channels come last",
    "depth_multiplier": "nn.Conv2d(channels, 2 * channels, 3, groups=channels)",
    "device": NOT_MOVED,
    "dilation_rate": "dilation=2",
    "dim": "axis=-1",
    "start_dim": "leave it out: nn.Flatten() makes a row of each sample",
    "epsilon": "eps=0.001",
    "filters": "in_channels, out_channels: the channels of input and output",
    "inplace": NEVER_CHANGES,
    "input_dim": "nn.Embedding(num_embeddings, embedding_dim)",
    **dict.fromkeys(("input_shape", "batch_input_shape"), SIZES_FIRST),
    "kernel_initializer": "weight_init='glorot_uniform'",
    **dict.fromkeys(
        ("kernel_regularizer", "bias_regularizer", "activity_regularizer"),
        "optim.Adam(params, transforms=[optim.L2(0.0001)])",
    ),
    "key_dim": "nn.MultiheadAttention(embed_dim, num_heads), embed_dim being num_heads "
    "heads of key_dim features",
    "mask_zero": "padding_idx=0",
    "max_val": "high=1.0",
    "min_val": "low=-1.0",
    "name": "leave it out: a layer is named by the attribute that holds it",
    "negative_slope": "slope=0.01",
    "noise_shape": "nn.Dropout2d(0.5) drops whole channels",
    "output_dim": "nn.Embedding(num_embeddings, embedding_dim)",
    "padding_mode": "leave it out: a layer pads with zeros; other edges are made "
    "before it, with cr.concatenate",
    "pool_size": "kernel_size=2",
    "rate": "p=0.5",
    "return_indices": "leave it out: gradients find the way back by themselves",
    "scale": "affine=False for neither factor nor bias",
    "sparse": "leave it out: gradients cost as much as the ids of the batch",
    "strides": "stride=2",
    "track_running_stats": "leave it out: layer(x, training=True) takes the batch's "
    "own mean and variance",
    "units": "the sizes of input and output: nn.Linear(inputs, outputs)",
    "use_bias": "bias=False",
}

#: Options of recurrent layers in other libraries, where they differ.
RECURRENT: Mapping[str, str] = {
    **LAYER,
    "return_sequences": "nn.AllSteps() behind the layer for True, nn.LastStep() for "
    "False; a call answers (output, state)",
    "return_state": "leave it out: output, state = layer(x)",
    "units": "nn.LSTM(input_size, hidden_size)",
    "activation": "nn.RNN(…, nonlinearity='relu')",
    "recurrent_initializer": "recurrent_init='orthogonal'",
    "kernel_initializer": "weight_init='glorot_uniform'",
    "unit_forget_bias": "forget_bias=1.0",
    "recurrent_dropout": "dropout= acts between layers, not between steps",
}

MASK = "mask=…, True where a query may look (PyTorch's layers have it the other way)"
LENGTHS = "lengths=…, how many steps of each sequence are real"

#: Options of calls of layers in other libraries.
CALL: Mapping[str, str] = {
    **dict.fromkeys(("attn_mask", "attention_mask", "src_mask", "tgt_mask"), MASK),
    **dict.fromkeys(
        ("key_padding_mask", "src_key_padding_mask", "tgt_key_padding_mask"), LENGTHS
    ),
    **dict.fromkeys(("is_causal", "use_causal_mask"), "causal=True"),
    **dict.fromkeys(
        ("need_weights", "return_attention_scores"),
        "leave it out: nn.dot_product.attention_weights(q, k) shows weights",
    ),
    **dict.fromkeys(("hx", "initial_state"), "state=…, as an earlier call answered it"),
    **dict.fromkeys(("mask", "sequence_length", "seq_lens"), LENGTHS),
    "train": "training=True",
}

#: Options of functions that make models, and of ``attention``.
MADE: Mapping[str, str] = {
    **dict.fromkeys(
        ("pretrained", "weights"),
        "leave it out: weights are drawn; model.load(path) puts others in their place",
    ),
    **dict.fromkeys(("channels", "input_shape"), "in_channels=3"),
    "classes": "num_classes=10",
    "attn_mask": MASK,
    "is_causal": "causal=True",
    "dropout_p": "dropout=0.1",
}

#: Options of the GPT in other programs.
GPT: Mapping[str, str] = {
    **LAYER,
    **dict.fromkeys(("n_embd", "embed_dim", "d_model"), "width=128"),
    **dict.fromkeys(("n_head", "nhead"), "num_heads=4"),
    "n_layer": "num_layers=4",
    **dict.fromkeys(("block_size", "context_length"), "max_length=128"),
    "vocab_size": "vocabulary=256",
}

#: Names of ``optim``.
OPTIM: Mapping[str, str] = {
    "lr_scheduler": SCHEDULE % "Cosine(0.001, steps=1000)",
    "StepLR": SCHEDULE % "StepDecay(…)",
    "ExponentialLR": SCHEDULE % "Exponential(…)",
    "CosineAnnealingLR": SCHEDULE % "Cosine(…)",
    "OneCycleLR": SCHEDULE % "OneCycle(…)",
    "MultiStepLR": SCHEDULE % "Piecewise(…)",
    "LinearLR": SCHEDULE % "Warmup(…)",
    "RMSprop": "optim.RMSProp(params)",
    "AdaGrad": "optim.Adagrad(params)",
}

#: Names of ``data``.
DATA: Mapping[str, str] = {
    "DataLoader": "data.batches(dataset, 32, seed=0, epoch=0); cr.fit makes its own",
    "TensorDataset": "data.Dataset(x, y)",
    "random_split": "data.train_test_split((x, y), test=0.2)",
}

CLASSES = "cross_entropy"

#: A loss by what others call it, in small letters without "_" and "loss" → our name.
LOSSES: Mapping[str, str] = {
    **dict.fromkeys(("crossentropy", "nll", "log", "softmaxcrossentropy"), CLASSES),
    **dict.fromkeys(
        ("categoricalcrossentropy", "sparsecategoricalcrossentropy"), CLASSES
    ),
    **dict.fromkeys(
        ("bce", "bcewithlogits", "binarycrossentropy", "binarycrossentropywithlogits"),
        "binary_cross_entropy",
    ),
    **dict.fromkeys(("mse", "meansquarederror"), "mse"),
    **dict.fromkeys(("mae", "l1", "meanabsoluteerror"), "l1"),
    **dict.fromkeys(("huber", "smoothl1"), "huber"),
    **dict.fromkeys(("gaussiannll",), "gaussian_nll"),
    "ctc": "ctc",
    **dict.fromkeys(("hinge", "multimargin", "hingeembedding"), "hinge"),
}

#: Options of ``fit`` in other libraries; under "" what it is called like.
FIT: Mapping[str, str] = {
    "validation_split": "validation=0.1, a fraction of the training data",
    "validation_data": "validation=(x, y)",
    "verbose": "progress=False for none",
    "lr": "optimizer=optim.Adam(model.parameters(), lr=…)",
    "learning_rate": "optimizer=optim.Adam(model.parameters(), lr=…)",
    "shuffle": "leave it out: the examples of every epoch are shuffled",
    "random_state": "seed=0",
    "num_epochs": "epochs=10",
    "n_epochs": "epochs=10",
    "y": "cr.fit(model, (x, y))",
    "x": "cr.fit(model, (x, y))",
    "": "cr.fit(model, (x, y), epochs=10): inputs and targets are a pair",
}

#: Options of ``train_test_split`` in other libraries.
SPLIT: Mapping[str, str] = {
    "test_size": "test=0.2",
    "random_state": "seed=0",
    "": "data.train_test_split((x, y), test=0.2): inputs and targets are a pair",
}


def loss_called(name: object) -> str | None:
    """Our name of a loss that others call so, or None.

    Example:
        >>> loss_called("CrossEntropyLoss"), loss_called("mean_squared_error")
        ('cross_entropy', 'mse')
    """
    plain = str(name).replace("_", "").replace("-", "").lower().removesuffix("loss")
    return LOSSES.get(plain)


def no_attribute(owner: object, name: str, table: Mapping[str, str]) -> Exception:
    """The error for an attribute that an object does not have.

    A name of the table is answered with its advice, any other as Python does it, which
    offers the nearest name.

    Example:
        >>> print(no_attribute(object(), "backward", TENSOR).what)
        object.backward: there is no such attribute here
    """
    kind = type(owner)
    if any(name in vars(each) for each in kind.__mro__):
        return _own_error(owner, name)  # a property that failed inside
    if name in table:
        what = f"{kind.__name__}.{name}: there is no such attribute here"
        return ForeignNameError(what, fix=table[name])
    text = f"{kind.__name__!r} object has no attribute {name!r}"
    return AttributeError(text, name=name, obj=owner)


def _own_error(owner: object, name: str) -> Exception:
    try:
        object.__getattribute__(owner, name)
    except AttributeError as error:
        return error
    return AttributeError(name)


def names_of(package: str, table: Mapping[str, str]) -> Callable[[str], Any]:
    """What a package's ``__getattr__`` is: the error for a name that it does not have.

    Names of losses are looked for wherever the table has nothing.
    """
    short = package.replace("chainrule", "cr", 1)

    def missing(name: str) -> Any:
        fix = table.get(name)
        loss = None if fix or name.startswith("_") else loss_called(name)
        if loss:
            fix = f"losses.{loss}(predictions, targets), a function"
        if fix:
            what = f"{short}.{name}: there is no such name here"
            raise ForeignNameError(what, fix=fix)
        text = f"module {package!r} has no attribute {name!r}"
        raise AttributeError(text, name=name, obj=sys.modules.get(package))

    return missing


P = ParamSpec("P")
R = TypeVar("R")


def advised(table: Mapping[str, str]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator: wrong arguments of a function are an error that says what is right.

    Arguments:
        table: options that this function has in other libraries, and ours.

    Example:
        >>> @advised({"test_size": "test=0.2"})
        ... def split(data, *, test=0.2): ...
        >>> split(1, test_size=0.5)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        chainrule.errors.OptionError: unknown option of split 'test_size': ...
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        name = getattr(function, "__qualname__", "").removesuffix(".__init__")

        @functools.wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except TypeError:
                refused = _wrong_arguments(function, name, table, args, kwargs)
                if refused is not None:
                    raise refused from None
                raise

        return checked

    return decorate


def advised_layer(make: Callable[..., None]) -> Callable[..., None]:
    """The same for the ``__init__`` of layers: the message names the layer's class."""

    @functools.wraps(make)
    def checked(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            make(self, *args, **kwargs)
        except TypeError:
            name, table = type(self).__name__, type(self)._elsewhere
            refused = _wrong_arguments(make, name, table, (self, *args), kwargs)
            if refused is not None:
                raise refused from None
            raise

    return checked


def _wrong_arguments(
    function: Callable[..., Any],
    name: str,
    table: Mapping[str, str],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Exception | None:
    """The error for arguments that a function does not take; None when it takes them
    and failed inside.
    """
    signature = inspect.signature(function)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        known = {
            n: p
            for n, p in signature.parameters.items()
            if n != "self" and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        }
        for each in kwargs:
            if each not in known and not known:
                what = f"{name}: option {each!r}: it takes none"
                return OptionError(what, fix=table.get(each))
            if each not in known:
                kind = f"option of {name}"
                return unknown_option(kind, each, known, table.get(each))
        needed = [n for n, p in known.items() if p.default is p.empty]
        usual = f"{name}({', '.join(needed)}, …)" if needed else None
        return ArgumentError(f"{name}: {error}", fix=table.get("", usual))
    return None
