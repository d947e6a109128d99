"""Names of ``random`` in other libraries, and options of its functions."""

from collections.abc import Mapping

NORMAL = "cr.random.normal((2, 3))"

UNIFORM = "cr.random.uniform((2, 3))"

PERMUTATION = "cr.random.permutation(10); x[cr.random.permutation(len(x))] shuffles x"

#: Names of ``random``.
NAMES: Mapping[str, str] = {
    **dict.fromkeys(("randn", "standard_normal", "gauss", "truncated_normal"), NORMAL),
    **dict.fromkeys(("rand", "random", "random_sample", "ranf"), UNIFORM),
    **dict.fromkeys(
        ("randint", "random_integers"), "cr.random.integers(0, 10, (2, 3))"
    ),
    **dict.fromkeys(("shuffle", "randperm"), PERMUTATION),
    "choice": "x[cr.random.integers(0, len(x), 5)], with replacement; "
    "x[cr.random.permutation(len(x))[:5]] without",
    **dict.fromkeys(("seed", "set_seed", "PRNGKey", "key"), "cr.manual_seed(0)"),
    **dict.fromkeys(("default_rng", "RandomState"), "cr.random.Generator(0)"),
    **dict.fromkeys(("randn_like", "standard_normal_like"), "cr.random.normal_like(x)"),
    "rand_like": "cr.random.uniform_like(x)",
    **dict.fromkeys(
        ("categorical", "multinomial"),
        "cr.random.default_generator.categorical(logits)",
    ),
    "binomial": "cr.random.bernoulli(0.5, (2, 3))",
}

SHAPE = "the shape is one argument, all else has a name: "

#: Options of its functions.
OPTIONS: Mapping[str, str] = {
    "size": "shape=(2, 3)",
    "loc": "mean=0.0",
    "scale": "std=1.0",
    "stddev": "std=1.0",
    **dict.fromkeys(("minval", "a", "from_"), "low=0.0"),
    **dict.fromkeys(("maxval", "b"), "high=1.0"),
    **dict.fromkeys(("probs", "prob"), "p=0.5"),
    **dict.fromkeys(
        ("generator", "rng"), "generator.normal((2, 3)), of a cr.random.Generator"
    ),
    "replace": "cr.random.permutation(n)[:5] chooses without replacement",
    "normal()": SHAPE + "cr.random.normal((2, 3), mean=0.0, std=1.0)",
    "uniform()": SHAPE + "cr.random.uniform((2, 3), low=0.0, high=1.0)",
    "integers()": "the shape is one argument: cr.random.integers(0, 10, (2, 3))",
    "bernoulli()": "the shape is one argument: cr.random.bernoulli(0.5, (2, 3))",
    "permutation()": "cr.random.permutation(10)",
}
