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
