"""Names of the package itself, and attributes of a tensor."""

from collections.abc import Mapping

from .phrases import NEVER_CHANGES, NOT_MOVED

GRADIENTS = "grads = cr.backprop(loss); grads[W] is ∂loss/∂W, of any tensor W"

IN_PLACE = "W.assign(new value) changes a parameter; no other tensor ever changes"

ALL_HAVE_GRADIENTS = (
    "leave it out: grads = cr.backprop(loss) has the gradient of every float tensor; "
    "cr.stop_gradient(x) ends it there"
)

FLOAT = "x.astype('float32')"

INTEGER = "x.astype('int64')"

FUNCTIONS = (
    "exp expm1 log log1p sqrt sin cos tanh sigmoid relu softmax log_softmax abs "
    "sign floor ceil erf square norm logsumexp isnan isfinite isinf tan arcsin "
    "arccos arctan sinh cosh arcsinh arccosh arctanh log2 log10 exp2 hypot "
    "logaddexp nan_to_num trunc nansum nanmean median diff tile roll flip tril triu "
    "diag moveaxis unique bincount argwhere count_nonzero corrcoef cov outer sort"
)

LINALG = "cholesky cond det eigh eigvalsh inv matrix_rank pinv qr slogdet svd"

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
    "permute": "x.transpose(0, 2, 1): all axes, in their new order",
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
    "chunk": "cr.array_split(x, parts)",
    "split": "cr.split(x, parts)",
    **dict.fromkeys(("new_zeros", "new_empty"), "cr.zeros((2, 3), x.dtype)"),
    "new_ones": "cr.ones((2, 3), x.dtype)",
    "new_full": "cr.full((2, 3), value, x.dtype)",
    "new_tensor": "cr.tensor(values, x.dtype)",
    "amax": "x.max(axis=0)",
    "amin": "x.min(axis=0)",
    **dict.fromkeys(("mT", "mH"), "x.swapaxes(-1, -2)"),
    "unbind": "list(x)",
    **dict.fromkeys(("index_select", "take"), "cr.take(x, index, axis=0)"),
    **dict.fromkeys(("scatter", "index_put", "put"), "cr.put(x, index, updates)"),
    **dict.fromkeys(
        ("scatter_add", "index_add"), "cr.scatter_add(updates, index, size)"
    ),
    **{
        name: f"x {sign} y"
        for name, sign in (
            ("add", "+"),
            ("sub", "-"),
            ("subtract", "-"),
            ("mul", "*"),
            ("multiply", "*"),
            ("div", "/"),
            ("divide", "/"),
            ("true_divide", "/"),
            ("floor_divide", "//"),
            ("ge", ">="),
            ("le", "<="),
            ("remainder", "%"),
        )
    },
    "neg": "-x",
    "reciprocal": "1.0 / x",
    "rsqrt": "1.0 / cr.sqrt(x)",
    "nelement": "x.size",
    "asin": "cr.arcsin(x)",
    "acos": "cr.arccos(x)",
    "atan": "cr.arctan(x)",
    "register_hook": GRADIENTS,
    "trace": "cr.linalg.trace(x)",
    "byte": "x.astype('uint8')",
    "fill": IN_PLACE,
}

#: Attributes that are assigned to a parameter in other libraries.
ASSIGNED: Mapping[str, str] = {
    **dict.fromkeys(("data", "value", "assign"), IN_PLACE),
    **dict.fromkeys(
        ("requires_grad", "trainable", "frozen"),
        "parameter.freeze(), or the freeze() of its layer; parameter.unfreeze()",
    ),
    "grad": "grads = cr.backprop(loss), and grads.replaced({W: …}) for others",
    "shape": "W.reshape(shape) is another tensor; a parameter keeps its shape",
    "dtype": "model.astype('float64') returns a copy",
}

#: Names of the package itself.
NAMES: Mapping[str, str] = {
    **dict.fromkeys(
        ("lr_find", "lr_finder", "LRFinder", "lr_range_test"),
        "cr.find_lr(model, data)",
    ),
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
    **{name: f"cr.linalg.{name}(a)" for name in LINALG.split()},
    "solve": "cr.linalg.solve(a, b)",
    "lstsq": "cr.linalg.lstsq(a, b)",
    "matrix_power": "cr.linalg.matrix_power(a, n)",
    "inverse": "cr.linalg.inv(a)",
    "pinverse": "cr.linalg.pinv(a)",
    "logdet": "cr.linalg.slogdet(a).logabsdet",
    "triangular_solve": "cr.linalg.solve_triangular(a, b)",
    "cdist": "cr.linalg.norm(x[:, None] - y, axis=-1)",
    "to_dlpack": "the other library's from_dlpack(x) takes a tensor itself",
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
    "randn_like": "cr.random.normal_like(x)",
    "rand_like": "cr.random.uniform_like(x)",
    "empty": "cr.zeros((2, 3))",
    "empty_like": "cr.zeros_like(x)",
    **{
        name: f"cr.{ours}(x)"
        for name, ours in (
            ("asin", "arcsin"),
            ("acos", "arccos"),
            ("atan", "arctan"),
            ("sgn", "sign"),
            ("asinh", "arcsinh"),
            ("acosh", "arccosh"),
            ("atanh", "arctanh"),
            ("swish", "silu"),
            ("expit", "sigmoid"),
            ("fix", "trunc"),
            ("reduce_max", "max"),
            ("reduce_min", "min"),
            ("reduce_logsumexp", "logsumexp"),
        )
    },
    "atan2": "cr.arctan2(y, x)",
    "amax": "cr.max(x, axis=0)",
    "amin": "cr.min(x, axis=0)",
    "flatten": "x.flatten()",
    "ravel": "x.ravel()",
    "numel": "x.size",
    "is_tensor": "isinstance(x, cr.Tensor)",
    "index_select": "cr.take(x, index, axis=0)",
    **dict.fromkeys(("scatter", "index_put"), "cr.put(x, index, updates)"),
    "segment_sum": "cr.scatter_add(x, segments, size=n)",
    "chunk": "cr.array_split(x, parts)",
    **dict.fromkeys(("hsplit", "vsplit"), "cr.split(x, parts, axis)"),
    **{
        name: f"x {sign} y"
        for name, sign in (
            ("sub", "-"),
            ("mul", "*"),
            ("div", "/"),
            ("true_divide", "/"),
            ("eq", "=="),
            ("ne", "!="),
            ("lt", "<"),
            ("gt", ">"),
            ("le", "<="),
            ("ge", ">="),
            ("mod", "%"),
        )
    },
    "neg": "-x",
    "reciprocal": "1.0 / x",
    "rsqrt": "1.0 / cr.sqrt(x)",
    "erfc": "1.0 - cr.erf(x)",
    "logit": "cr.log(p / (1.0 - p))",
    "fmod": "cr.remainder(x, y), with the sign of y",
    "lerp": "a + t * (b - a)",
    "tri": "cr.tril(cr.ones((n, n)))",
    "newaxis": "None",
    "masked_fill": "cr.where(mask, value, x)",
    **dict.fromkeys(
        ("allclose", "isclose", "array_equal"),
        "np.allclose(x, y) compares the values",
    ),
    **dict.fromkeys(
        ("triu_indices", "tril_indices"),
        "np.triu_indices(n) are two arrays to index by",
    ),
    **dict.fromkeys(
        ("fori_loop", "while_loop", "map_fn"), "cr.scan(f, init, xs) repeats a step"
    ),
    **dict.fromkeys(
        ("vectorized_map", "pmap"),
        "cr.vmap(f)(x), for a function of one example",
    ),
    **dict.fromkeys(("jacrev", "jacfwd"), "cr.jacobian(f)(x)"),
    **dict.fromkeys(
        ("functional_call", "per_sample_grads"),
        "cr.per_example_grads(loss, model, x, y) has the gradients of every example",
    ),
    **dict.fromkeys(("pi", "e"), "math.pi and math.e"),
    **dict.fromkeys(("inf", "nan"), "float('inf') and float('nan')"),
    **dict.fromkeys(
        ("multinomial", "categorical"),
        "cr.random.default_generator.categorical(logits)",
    ),
    "bernoulli": "cr.random.bernoulli(p)",
    "eval": "model(x): a call predicts unless it says training=True",
}

ONE_SHAPE = "the shape is one argument: cr.%s((2, 3))"

#: Options of its functions, and of a tensor's methods, that are not ``options.COMMON``;
#: "where()" is advice for a call with other arguments than ``where`` takes.
OPTIONS: Mapping[str, str] = {
    **{f"{name}()": ONE_SHAPE % name for name in ("zeros", "ones")},
    "full()": "the shape is one argument: cr.full((2, 3), 7.0)",
    "where()": "cr.where(mask, a, b); the indices where a mask is True are "
    "cr.nonzero(mask)",
    "sort(descending)": "cr.flip(cr.sort(x), -1)",
    "argsort(descending)": "cr.argsort(-x)",
    "top_k(largest)": "cr.top_k(-x, k) has the smallest, negative",
    "repeat()": "cr.tile(x, (2, 1)) repeats the whole, x.repeat(2, axis=0) each "
    "element",
    "repeat(repeat_interleave)": "x.repeat(2, axis=0)",
    **dict.fromkeys(("norm(ord)", "norm(p)"), "cr.linalg.norm(x, ord=1)"),
    **dict.fromkeys(("flatten(start_dim)", "flatten(end_dim)"), "axis=1"),
    "reshape(shape)": "x.reshape(2, -1)",
    "transpose(perm)": "axes=(0, 2, 1)",
    "backprop()": "grads = cr.backprop(loss); grads[W] is ∂loss/∂W, of any tensor W",
    "backprop(retain_graph)": "leave it out: a graph lives as long as its tensors",
    "backprop(create_graph)": "leave it out: gradients are graphs again",
    **dict.fromkeys(
        (
            "compile(fullgraph)",
            "compile(dynamic)",
            "compile(mode)",
            "compile(jit_compile)",
        ),
        "leave it out: the whole function becomes one program",
    ),
    "compile(backend)": "engine='native'",
    **dict.fromkeys(
        ("compile(static_argnums)", "compile(static_argnames)"),
        "leave it out: what is no tensor or array is static",
    ),
    "vmap(in_dims)": "in_axes=…",
    "vmap(out_dims)": "out_axes=…",
    "vmap(chunk_size)": "leave it out, and call it for a part of the batch at a time",
    "tensor(requires_grad)": ALL_HAVE_GRADIENTS,
    "load(weights_only)": "leave it out: nothing in a file is executed",
    "arange(limit)": "stop=10",
    "solve_triangular(upper)": "lower=False",
}
