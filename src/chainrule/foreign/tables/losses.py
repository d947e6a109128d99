"""Losses by the names that other libraries give them."""

from collections.abc import Mapping

#: Another library's name, in lower case without "_" and "loss" → our name.
NAMES: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "crossentropy", "nll", "log", "softmaxcrossentropy",
            "categoricalcrossentropy", "sparsecategoricalcrossentropy",
        ),
        "cross_entropy",
    ),
    **dict.fromkeys(
        ("bce", "bcewithlogits", "binarycrossentropy", "binarycrossentropywithlogits"),
        "binary_cross_entropy",
    ),
    **dict.fromkeys(("mse", "meansquarederror"), "mse"),
    **dict.fromkeys(("mae", "l1", "meanabsoluteerror"), "l1"),
    **dict.fromkeys(("huber", "smoothl1"), "huber"),
    **dict.fromkeys(("gaussiannll",), "gaussian_nll"),
    **dict.fromkeys(("kldiv", "kldivergence", "kl"), "kl_divergence"),
    **dict.fromkeys(("cosineembedding", "cosinesimilarity"), "cosine_embedding"),
    **dict.fromkeys(("poissonnll", "poisson"), "poisson_nll"),
    **dict.fromkeys(("negativebinomial", "nbnll"), "negative_binomial_nll"),
    **dict.fromkeys(
        (
            "focal", "sigmoidfocal", "binaryfocalcrossentropy",
            "categoricalfocalcrossentropy",
        ),
        "focal",
    ),
    "dice": "dice",
    "ctc": "ctc",
    **dict.fromkeys(("hinge", "multimargin", "hingeembedding"), "hinge"),
}  # fmt: skip

LOGITS = "leave it out: losses take logits, the numbers before softmax or sigmoid"

REDUCED = "reduction='mean', 'sum' or 'none'"

#: Options of losses in other libraries.
OPTIONS: Mapping[str, str] = {
    "from_logits": LOGITS,
    **dict.fromkeys(("size_average", "reduce", "reduction_indices"), REDUCED),
    "weights": "sample_weight=w, of samples; weight=w, of classes",
    **dict.fromkeys(("class_weight", "alpha_weights"), "weight=w, one for each class"),
    **dict.fromkeys(("y_true", "labels", "target"), "targets, the second argument"),
    **dict.fromkeys(("y_pred", "input"), "predictions, the first argument"),
    "beta": "delta=1.0",
    "smoothing": "label_smoothing=0.1",
    "mask": "sample_weight=mask, of the shape of the targets",
    "padding_value": "ignore_index=-1",
    "log_target": "target_logits=True",
    "log_input": "leave it out: predictions are logarithms of rates",
    "p": "leave it out: distances are Euclidean",
    "blank_id": "blank=0",
    "eps": "leave it out: the formulas need none",
}
