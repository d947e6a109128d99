"""Initializers: the variance each aims at, measured; their fans, names and messages."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from chainrule.random import Generator

import chainrule as cr
from chainrule import initializers, nn
from chainrule.errors import ArgumentError, ChainruleError, OptionError, ShapeError

OUT, IN = 300, 500
SIZE = OUT * IN

#: initializer, the variance its documentation names, whether its numbers are uniform
RANDOM: list[tuple[initializers.Rule, float, bool]] = [
    (initializers.normal(), 1.0, False),
    (initializers.normal(std=0.02), 0.02**2, False),
    (initializers.uniform(-0.5, 0.5), 1 / 12, True),
    (initializers.glorot_uniform(), 2 / (IN + OUT), True),
    (initializers.glorot_normal(), 2 / (IN + OUT), False),
    (initializers.glorot_uniform(gain=3.0), 9 * 2 / (IN + OUT), True),
    (initializers.he_uniform(), 2 / IN, True),
    (initializers.he_normal(), 2 / IN, False),
    (initializers.lecun_uniform(), 1 / IN, True),
    (initializers.lecun_normal(), 1 / IN, False),
    (initializers.lecun_normal(gain=2.0), 4 / IN, False),
]


@pytest.mark.parametrize(("init", "variance", "flat"), RANDOM, ids=str)
def test_mean_variance_and_shape_of_the_distribution_are_as_documented(
    init: initializers.Rule, variance: float, flat: bool
) -> None:
    x = init((OUT, IN), Generator(1), "float64").numpy()
    kurtosis = 1.8 if flat else 3.0
    # Five standard errors: of a mean σ/√n, of a variance σ²√((κ − 1)/n).
    assert abs(x.mean()) < 5 * math.sqrt(variance / SIZE)
    error = variance * math.sqrt((kurtosis - 1) / SIZE)
    assert abs(x.var() - variance) < 5 * error
    assert np.mean(x**4) / x.var() ** 2 == pytest.approx(kurtosis, abs=0.1)


def test_a_mean_that_is_asked_for_is_met() -> None:
    x = initializers.normal(std=0.1, mean=2.0)((OUT, IN), Generator(1)).numpy()
    assert x.mean() == pytest.approx(2.0, abs=5 * 0.1 / math.sqrt(SIZE) + 1e-5)


def test_uniform_numbers_fill_their_range_and_stay_in_it() -> None:
    bound = math.sqrt(6 / (IN + OUT))
    x = initializers.glorot_uniform()((OUT, IN), Generator(1), "float64").numpy()
    assert -bound <= x.min() < -0.999 * bound
    assert 0.999 * bound < x.max() < bound


@pytest.mark.parametrize(
    "shape", [(3, 3), (3, 8), (8, 3), (1, 5), (6, 2, 2, 3), (9, 2, 1, 3)]
)
def test_orthogonal_matrices_keep_lengths_times_gain(shape: tuple[int, ...]) -> None:
    w = initializers.orthogonal(gain=2.0)(shape, Generator(1), "float64").numpy()
    assert w.shape == shape
    matrix = w.reshape(shape[0], -1)
    rows, columns = matrix.shape
    product = matrix @ matrix.T if rows <= columns else matrix.T @ matrix
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)


def test_orthogonal_matrices_are_spread_evenly_over_rotations() -> None:
    generator = Generator(3)
    corners = [
        initializers.orthogonal()((2, 2), generator, "float64").numpy()[0, 0]
        for _ in range(400)
    ]
    # The corner of a random rotation is cos of a uniform angle: mean 0, variance ½.
    assert abs(np.mean(corners)) < 5 * math.sqrt(0.5 / 400)
    assert np.var(corners) == pytest.approx(0.5, abs=5 * math.sqrt(0.125 / 400))


@pytest.mark.parametrize(
    ("init", "value"),
    [
        (initializers.zeros(), 0.0),
        (initializers.ones(), 1.0),
        (initializers.constant(-0.5), -0.5),
    ],
    ids=str,
)
def test_constants_are_the_same_everywhere(
    init: initializers.Rule, value: float
) -> None:
    assert (init((4, 2)).numpy() == value).all()


def test_n_0_1_weights_multiply_the_variance_by_fan_in_and_lecun_keeps_it() -> None:
    x = np.random.default_rng(0).normal(size=(2000, IN)).astype(np.float32)
    w = initializers.normal()((OUT, IN), Generator(1)).numpy()
    assert (x @ w.T).var() == pytest.approx(IN, rel=0.05)
    w = initializers.lecun_normal()((OUT, IN), Generator(1)).numpy()
    assert (x @ w.T).var() == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize("name", ["he_normal", "he_uniform"])
def test_he_keeps_the_scale_through_thirty_layers_of_relu(name: str) -> None:
    cr.manual_seed(0)
    x = np.random.default_rng(0).normal(size=(200, 256)).astype(np.float32)
    for _ in range(30):
        x = nn.ReLU()(nn.Linear(256, 256, weight_init=name)(x)).numpy()
    assert 0.2 < np.mean(x**2) / 1.0 < 5.0


def test_glorot_keeps_the_scale_forward_and_backward_through_thirty_layers() -> None:
    cr.manual_seed(0)
    x = cr.tensor(np.random.default_rng(0).normal(size=(200, 256)), "float32")
    layers = [nn.Linear(256, 256) for _ in range(30)]
    y = nn.Sequential(*layers)(x)
    assert 0.2 < y.numpy().var() < 5.0
    noise = np.random.default_rng(1).normal(size=(200, 256)).astype(np.float32)
    gradient = cr.backprop((y * noise).sum())[x].numpy()
    assert 0.2 < gradient.var() < 5.0


# Seeds and dtypes. --------------------------------------------------------------------


@pytest.mark.parametrize("init", [each[0] for each in RANDOM], ids=str)
def test_a_seed_repeats_the_numbers_and_a_generator_moves_on(
    init: initializers.Rule,
) -> None:
    one, two = Generator(5), Generator(5)
    first = init((3, 4), one).numpy()
    assert (first == init((3, 4), two).numpy()).all()
    assert (first != init((3, 4), one).numpy()).any()


def test_without_a_generator_manual_seed_repeats_a_layer() -> None:
    cr.manual_seed(3)
    first = nn.Linear(4, 5).weight.numpy()
    cr.manual_seed(3)
    assert (first == nn.Linear(4, 5).weight.numpy()).all()


@pytest.mark.parametrize("name", initializers.BY_NAME)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_initializer_gives_the_shape_and_dtype_asked_for(
    name: str, dtype: str
) -> None:
    made = initializers.by_name(name)((3, 5), dtype=dtype)
    assert (made.shape, made.dtype) == ((3, 5), dtype)
    assert initializers.by_name(name)((3, 5)).dtype == "float32"


# Fans, names, messages. ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((10, 784), (784, 10)), ((32, 3, 5, 16), (240, 480)), ((4, 3, 2), (6, 12))],
)
def test_fans_are_inputs_an_output_has_and_the_reverse(
    shape: tuple[int, ...], expected: tuple[int, int]
) -> None:
    assert initializers.fans(shape) == expected


@pytest.mark.parametrize("given", ["he-normal", initializers.he_normal])
def test_a_layer_takes_an_initializer_its_name_or_its_maker(given: Any) -> None:
    weight = nn.Linear(500, 300, weight_init=given).weight.numpy()
    assert weight.var() == pytest.approx(2 / 500, rel=0.05)


def test_a_layer_takes_any_function_of_shape_generator_and_dtype() -> None:
    def ramp(shape: Any, generator: Any = None, dtype: Any = None) -> Any:
        return np.arange(math.prod(shape)).reshape(shape).astype(dtype)

    layer = nn.Linear(3, 2, weight_init=ramp, bias_init=initializers.constant(7))
    assert layer.weight.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert layer.bias is not None and layer.bias.tolist() == [7, 7]


WRONG: list[tuple[Callable[[], Any], type[ChainruleError], str]] = [
    (
        lambda: initializers.by_name("glorot"),
        OptionError,
        "unknown initializer 'glorot'",
    ),
    (
        lambda: nn.Linear(2, 2, weight_init="he_norml"),
        OptionError,
        "unknown initializer 'he_norml'",
    ),
    (
        lambda: nn.Linear(2, 2, weight_init=0.5),  # type: ignore[arg-type]
        ArgumentError,
        "initializer: 0.5: expected a name, or a function of (shape, generator, dtype)",
    ),
    (
        lambda: initializers.he_normal()((3,)),
        ShapeError,
        "initializers: weight (3,): fan_in and fan_out need at least two axes, "
        "(out, in)",
    ),
    (
        lambda: initializers.orthogonal()((3,)),
        ShapeError,
        "initializers: weight (3,): fan_in and fan_out need at least two axes, "
        "(out, in)",
    ),
    (
        lambda: initializers.normal(std=-1),
        ArgumentError,
        "normal: std=-1: expected a number ≥ 0",
    ),
    (
        lambda: initializers.he_uniform(gain=math.nan),
        ArgumentError,
        "he_uniform: gain=nan: expected a number ≥ 0",
    ),
    (
        lambda: initializers.uniform(1, 0),
        ArgumentError,
        "uniform: low=1, high=0: low must not be larger",
    ),
    (
        lambda: nn.Linear(2, 3, weight_init=lambda *a, **k: np.zeros(3)),
        ShapeError,
        "weight: the initializer returned (3,) instead of (3, 2)",
    ),
]


@pytest.mark.parametrize(("call", "kind", "what"), WRONG, ids=[c[2] for c in WRONG])
def test_wrong_use_is_one_error(
    call: Callable[[], Any], kind: type[ChainruleError], what: str
) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.what.startswith(what)


def test_an_initializer_prints_as_it_was_made() -> None:
    assert repr(initializers.normal(std=0.02)) == "normal(std=0.02, mean=0)"
    assert repr(initializers.zeros()) == "zeros()"
