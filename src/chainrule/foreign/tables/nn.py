"""Names of ``nn``, attributes of modules, options of layers and of their calls."""

from collections.abc import Mapping

from .phrases import MASK, NEVER_CHANGES, NOT_MOVED, NOTHING_TO_ZERO

NO_SWITCH = (
    "leave it out: a call predicts unless it says model(x, training=True); cr.fit does"
)

FREEZE = "layer.freeze() and layer.unfreeze(), of a network or of a part"

#: Attributes and methods of a network or layer.
MODULE: Mapping[str, str] = {
    **dict.fromkeys(("train", "eval", "training"), NO_SWITCH),
    **dict.fromkeys(("to", "cuda", "cpu", "device"), NOT_MOVED),
    "zero_grad": NOTHING_TO_ZERO,
    **dict.fromkeys(("requires_grad", "requires_grad_", "trainable"), FREEZE),
    "double": "model.astype('float64') returns a copy",
    "float": "model.astype('float32') returns a copy",
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
    "apply": "for path, layer in model.named_modules(): …",
    "half": "leave it out: networks compute with float32 or float64",
    "named_children": "model.children()",
    "buffers": "model.named_variables()",
    "named_buffers": "model.named_variables()",
    "register_buffer": "self.name = cr.Variable(value)",
    "register_parameter": "self.name = cr.parameter(value)",
    "add_module": "self.name = layer",
    **dict.fromkeys(
        ("register_forward_hook", "get_layer", "register_full_backward_hook"),
        'cr.activations(model, x, "0"): what the layer of that name computes',
    ),
}

SIZES_FIRST = "leave it out: layers know their numbers of inputs"

CONV = "nn.Conv2d(in_channels, out_channels, kernel_size), of images with channels last"

#: Names of ``nn`` that are no losses.
NAMES: Mapping[str, str] = {
    "functional": "functions are the package's own: cr.relu(x), cr.softmax(x)",
    "init": "initializers: nn.Linear(2, 3, weight_init='he_normal')",
    "utils": "optim.ClipNorm(1.0) among an optimizer's transforms clips gradients",
    "Dense": "nn.Linear(inputs, outputs)",
    "Parameter": "cr.parameter(values)",
    "Model": "nn.Module",
    "SimpleRNN": "nn.RNN(input_size, hidden_size)",
    "ConvLSTM2D": "nn.ConvLSTM(input_size, hidden_size, kernel_size)",
    "Bidirectional": "nn.LSTM(input_size, hidden_size, bidirectional=True)",
    "TimeDistributed": "leave it out: nn.Linear takes (N, T, D) as it is",
    "Masking": "model(x, lengths): how many steps of each sequence are real",
    **dict.fromkeys(
        ("pack_padded_sequence", "pad_packed_sequence", "pack_sequence"),
        "layer(x, lengths=lengths)",
    ),
    **dict.fromkeys(
        ("ParameterList", "ParameterDict"),
        "a plain list or dict in an attribute: its parameters belong to the module",
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
    **{
        f"{name}Pad{n}d": f"cr.pad(x, widths, {mode!r}), or nn.Conv{n}d(…, padding=1, "
        f"padding_mode={layer!r})"
        for name, mode, layer in (
            ("Reflection", "reflect", "reflect"),
            ("Replication", "edge", "replicate"),
            ("Circular", "wrap", "circular"),
        )
        for n in (1, 2, 3)
    },
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
    "Transformer": "models.Transformer(source_vocabulary, target_vocabulary)",
    "AdditiveAttention": "nn.BahdanauAttention(query_size, memory_size, size)",
    "PositionalEncoding": "nn.SinusoidalPositions(dim)",
    "Unfold": "cr.windows(x, kernel)",
    "Fold": "cr.overlap_add(windows, size)",
    **dict.fromkeys(
        ("TripletMarginLoss", "TripletLoss", "TripletMarginWithDistanceLoss"),
        "losses.triplet_margin(anchors, positives, negatives), a function",
    ),
    "CosineSimilarity": "losses.cosine_embedding((a, b), targets); or (a * b).sum(-1) "
    "/ cr.norm(a, axis=-1) / cr.norm(b, axis=-1)",
    "PairwiseDistance": "cr.norm(a - b, axis=-1)",
    "SpatialDropout1D": "nn.Dropout1d(0.5)",
    "Activation": "a layer of its own: nn.ReLU()",
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
    "padding_mode": "leave it out: this layer pads with zeros; "
    "cr.pad(x, widths, 'reflect') goes before it",
    "pool_size": "kernel_size=2",
    "rate": "p=0.5",
    "return_indices": "nn.MaxPool2d(2, return_indices=True) has indices",
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
    "False; a call returns (output, state)",
    "return_state": "leave it out: output, state = layer(x)",
    "units": "nn.LSTM(input_size, hidden_size)",
    "activation": "nn.RNN(…, nonlinearity='relu')",
    "recurrent_initializer": "recurrent_init='orthogonal'",
    "kernel_initializer": "weight_init='glorot_uniform'",
    "unit_forget_bias": "forget_bias=1.0",
    "recurrent_dropout": "dropout= acts between layers, not between steps",
}

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
        "leave it out: nn.attention.dot_product.attention_weights(q, k) shows weights",
    ),
    **dict.fromkeys(("hx", "initial_state"), "state=…, as returned by an earlier call"),
    **dict.fromkeys(("mask", "sequence_length", "seq_lens"), LENGTHS),
    "train": "training=True",
}
