"""Options that many functions have in other libraries, whatever they do.

Advice of the form "axis=-1" is given only where a function has an ``axis``.
"""

from collections.abc import Mapping

from .phrases import NEVER_CHANGES, NOT_MOVED

NEW_TENSORS = "leave it out: functions return new tensors; nothing is written into one"

ALL_HAVE_GRADIENTS = (
    "leave it out: cr.backprop(loss) has the gradient of every float tensor; "
    "cr.stop_gradient(x) ends it there"
)

#: Another library's option → ours.
COMMON: Mapping[str, str] = {
    **dict.fromkeys(("dim", "dims", "axes", "reduction_indices"), "axis=-1"),
    **dict.fromkeys(("keepdim", "keep_dims"), "keepdims=True"),
    "dim0": "axis1=0",
    "dim1": "axis2=1",
    **dict.fromkeys(("unbiased", "correction"), "ddof=1"),
    **dict.fromkeys(("size", "sizes"), "shape=(2, 3)"),
    **dict.fromkeys(("min", "a_min", "clip_value_min"), "low=0.0"),
    **dict.fromkeys(("max", "a_max", "clip_value_max"), "high=1.0"),
    **dict.fromkeys(("indices", "index_", "ids"), "index=[0, 2]"),
    **dict.fromkeys(
        (
            "sections", "indices_or_sections", "num_or_size_splits",
            "split_size_or_sections", "chunks",
        ),
        "parts=3",
    ),
    "out": NEW_TENSORS,
    "where": "leave it out: cr.where(mask, x, 0.0) chooses among elements",
    **dict.fromkeys(("device", "map_location", "pin_memory"), NOT_MOVED),
    "requires_grad": ALL_HAVE_GRADIENTS,
    "inplace": NEVER_CHANGES,
    "copy": NEVER_CHANGES,
    "order": "leave it out: elements are in C order, the last axis fastest",
    "layout": "leave it out: tensors are dense, in C order",
    "fill_value": "value=0.0",
    **dict.fromkeys(("input", "a", "arr", "array", "tensor"), "x, the first argument"),
    "interpolation": "method='linear'",
    "steps": "num=50",
    "end": "stop=10",
    "depth": "num_classes=10",
    "pad_width": "widths=[(1, 1)]",
    "constant_values": "value=0.0",
    "perm": "axes=(1, 0)",
    "learning_rate": "lr=0.001",
    "verbose": "progress=False for none",
    **dict.fromkeys(("random_state", "rng"), "seed=0"),
    "n_epochs": "epochs=10",
    "num_epochs": "epochs=10",
    "epsilon": "eps=1e-05",
    "dtype": "x.astype('float64')",
    "pad": "widths=[(1, 1)]",
    **dict.fromkeys(("arrays", "tensors", "values"), "tensors, the first argument"),
}  # fmt: skip
