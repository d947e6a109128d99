"""Names of ``initializers`` in other libraries, and options of its functions."""

from collections.abc import Mapping

#: Names of ``initializers``.
NAMES: Mapping[str, str] = {
    **{f"{kind}_": f"weight_init='{kind}'" for kind in ("orthogonal", "constant")},
    **dict.fromkeys(
        ("xavier_uniform", "xavier_uniform_"), "initializers.glorot_uniform()"
    ),
    **dict.fromkeys(
        ("xavier_normal", "xavier_normal_"), "initializers.glorot_normal()"
    ),
    **dict.fromkeys(
        ("kaiming_uniform", "kaiming_uniform_"), "initializers.he_uniform()"
    ),
    **dict.fromkeys(("kaiming_normal", "kaiming_normal_"), "initializers.he_normal()"),
    **dict.fromkeys(
        ("GlorotUniform", "VarianceScaling"), "initializers.glorot_uniform()"
    ),
    "GlorotNormal": "initializers.glorot_normal()",
    "HeUniform": "initializers.he_uniform()",
    "HeNormal": "initializers.he_normal()",
    **dict.fromkeys(
        ("RandomNormal", "normal_", "trunc_normal_"), "initializers.normal(std=0.01)"
    ),
    **dict.fromkeys(("RandomUniform", "uniform_"), "initializers.uniform(-0.05, 0.05)"),
}

#: Options of its functions.
OPTIONS: Mapping[str, str] = {
    **dict.fromkeys(("stddev", "scale"), "std=0.01"),
    "minval": "low=-0.05",
    "maxval": "high=0.05",
    "a": "gain=1.0",
    "val": "value=0.0",
    **dict.fromkeys(
        ("mode", "nonlinearity", "distribution"),
        "each is a function of its own: he_normal, he_uniform, lecun_normal …",
    ),
    "seed": "leave it out: cr.manual_seed(0) before the layer is made",
}
