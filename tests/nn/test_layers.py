"""Every layer: its formula in NumPy, gradients, extremes, compiled code, messages."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import erf

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError, ChainruleError, DTypeError, ShapeError
from tests.agreement import assert_agrees, each_engine

Array = Any
rng = np.random.default_rng(0)
X = rng.normal(size=(6, 4))


def array(variable: Any) -> Array:
    return np.asarray(variable.array)


def affine(layer: Any, x: Array) -> Array:
    return x @ array(layer.weight).T + array(layer.bias)


def maxout(layer: Any, x: Array) -> Array:
    pieces = affine(layer, x)
    return np.stack([pieces[..., i::3] for i in range(3)]).max(0)


def softmax(x: Array, axis: int = -1) -> Array:
    return np.exp(x) / np.exp(x).sum(axis, keepdims=True)


def standardised(x: Array, axes: Any) -> Array:
    mean = x.mean(axes, keepdims=True)
    return (x - mean) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)


def running(layer: Any, x: Array) -> Array:
    return x / np.sqrt(1 + 1e-5)


def gelu_tanh(layer: Any, x: Array) -> Array:
    return x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2


Formula = Callable[[Any, Array], Array]

#: layer, its formula
LAYERS: list[tuple[Callable[[], nn.Module], Formula]] = [
    (lambda: nn.Linear(4, 3), affine),
    (lambda: nn.Linear(4, 3, bias=False), lambda m, x: x @ array(m.weight).T),
    (nn.Identity, lambda m, x: x),
    (nn.Sigmoid, lambda m, x: 1 / (1 + np.exp(-x))),
    (nn.Tanh, lambda m, x: np.tanh(x)),
    (nn.ReLU, lambda m, x: np.maximum(x, 0)),
    (nn.LeakyReLU, lambda m, x: np.where(x > 0, x, 0.01 * x)),
    (lambda: nn.LeakyReLU(0.1), lambda m, x: np.where(x > 0, x, 0.1 * x)),
    (nn.PReLU, lambda m, x: np.where(x > 0, x, 0.25 * x)),
    (lambda: nn.PReLU(4, init=2.0), lambda m, x: np.where(x > 0, x, 2.0 * x)),
    (lambda: nn.Maxout(4, 2, pieces=3), maxout),
    (nn.ELU, lambda m, x: np.where(x > 0, x, np.exp(x) - 1)),
    (lambda: nn.ELU(0.5), lambda m, x: np.where(x > 0, x, 0.5 * (np.exp(x) - 1))),
    (nn.Softplus, lambda m, x: np.log(1 + np.exp(x))),
    (nn.GELU, lambda m, x: x * (1 + erf(x / math.sqrt(2))) / 2),
    (lambda: nn.GELU("tanh"), gelu_tanh),
    (nn.SiLU, lambda m, x: x / (1 + np.exp(-x))),
    (nn.Mish, lambda m, x: x * np.tanh(np.log(1 + np.exp(x)))),
    (lambda: nn.Softplus(3.0), lambda m, x: np.log(1 + np.exp(3 * x)) / 3),
    (nn.LogSigmoid, lambda m, x: np.log(1 / (1 + np.exp(-x)))),
    (nn.Softsign, lambda m, x: x / (1 + np.abs(x))),
    (lambda: nn.Hardtanh(-0.3, 0.7), lambda m, x: np.clip(x, -0.3, 0.7)),
    (
        nn.SELU,
        lambda m, x: (
            1.0507009873554805
            * np.where(x > 0, x, 1.6732632423543772 * (np.exp(x) - 1))
        ),
    ),
    (lambda: nn.CELU(0.5), lambda m, x: np.where(x > 0, x, (np.exp(2 * x) - 1) / 2)),
    (nn.Softmax, lambda m, x: softmax(x)),
    (lambda: nn.Softmax(axis=0), lambda m, x: softmax(x, 0)),
    (nn.LogSoftmax, lambda m, x: np.log(softmax(x))),
    (nn.Dropout, lambda m, x: x),
    (lambda: nn.BatchNorm1d(4), running),
    (lambda: nn.BatchNorm1d(4, affine=False), running),
    (lambda: nn.LayerNorm(4), lambda m, x: standardised(x, -1)),
    (lambda: nn.LayerNorm((6, 4)), lambda m, x: standardised(x, (0, 1))),
    (lambda: nn.LayerNorm(4, bias=False), lambda m, x: standardised(x, -1)),
    (nn.Flatten, lambda m, x: x.reshape(len(x), -1)),
    (
        lambda: nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2)),
        lambda m, x: affine(m[2], np.tanh(affine(m[0], x))),
    ),
]
ACTIVATIONS = [
    nn.Identity, nn.Sigmoid, nn.Tanh, nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.ELU,
    nn.Softplus, nn.GELU, nn.SiLU, nn.Softmax, nn.LogSoftmax, nn.SELU, nn.CELU, nn.Mish,
    nn.Hardtanh, nn.Softsign, nn.LogSigmoid, lambda: nn.GELU("tanh"),
]  # fmt: skip


def title(case: Any) -> str:
    return repr(case[0]()).split("\n")[0]


@pytest.fixture(params=LAYERS, ids=title)
def made(request: pytest.FixtureRequest) -> tuple[nn.Module, Formula]:
    cr.manual_seed(0)
    make, formula = request.param
    return make().astype("float64"), formula


def test_a_layer_computes_its_formula(made: tuple[nn.Module, Formula]) -> None:
    layer, formula = made
    np.testing.assert_allclose(
        layer(X).numpy(), formula(layer, X), rtol=1e-12, atol=1e-12
    )


def test_gradients_by_inputs_and_parameters_agree_with_finite_differences(
    made: tuple[nn.Module, Formula],
) -> None:
    layer, _ = made
    # A curve without symmetry, so that no gradient vanishes by chance.
    cr.check_gradients(lambda x: cr.sin(layer(x) + x.sum() * 0.01), X, tolerance=1e-5)
    for parameter in layer.parameters():
        start = parameter.array.copy()
        node = cr.backprop(cr.sin(layer(X)).sum())[parameter].numpy()
        direction = np.random.default_rng(1).normal(size=start.shape)
        values = []
        for step in (1e-5, -1e-5):
            parameter.assign(start + step * direction)
            values.append(np.sin(layer(X).numpy()).sum())
        parameter.assign(start)
        measured = (values[0] - values[1]) / 2e-5
        assert (node * direction).sum() == pytest.approx(measured, rel=1e-6, abs=1e-7)


@each_engine
def test_compiled_layers_are_the_eager_ones(
    made: tuple[nn.Module, Formula], engine: str
) -> None:
    layer, _ = made
    compiled = cr.compile(lambda x: layer(x), engine=engine)
    assert_agrees(compiled(X).numpy(), layer(X).numpy(), engine)


def test_values_and_dtypes_are_as_declared(made: tuple[nn.Module, Formula]) -> None:
    layer, _ = made
    cr.check_declared(layer, X)
    narrow = layer.astype("float32")
    assert narrow(X.astype(np.float32)).dtype == np.float32


def by_rows(case: Any) -> bool:
    """Whether a layer is a function of single rows."""
    shown = repr(case[0]())
    return not shown.startswith(("Flatten", "Softmax(axis=0)", "LayerNorm(6, 4)"))


@pytest.mark.parametrize("made", [*filter(by_rows, LAYERS)], ids=title, indirect=True)
def test_leading_axes_are_a_batch(made: tuple[nn.Module, Formula]) -> None:
    layer, _ = made
    deep = layer(X.reshape(2, 3, 4)).numpy()
    flat = layer(X).numpy()
    np.testing.assert_allclose(deep, flat.reshape(2, 3, -1), rtol=1e-12)


def test_a_layer_refuses_integers_and_names_the_cure(
    made: tuple[nn.Module, Formula],
) -> None:
    layer, _ = made
    if type(layer) in (nn.Identity, nn.Flatten):
        assert layer(np.ones((2, 3), int)).dtype == np.int64
        return
    with pytest.raises(DTypeError) as caught:
        layer(np.ones((6, 4), np.uint8))
    assert "x (6, 4) is uint8: this layer computes with floats" in caught.value.what
    assert caught.value.fix == (
        "x.astype('float32'); for images of 0 … 255, divide by 255.0; for ids or class "
        "numbers, start the network with Embedding"
    )


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_activation_and_its_gradient_have_no_nan_over_the_whole_float_range(
    activation: Callable[[], nn.Module], dtype: Any
) -> None:
    info = np.finfo(dtype)
    sizes = np.concatenate(
        [
            [0.0, info.tiny, info.smallest_subnormal, info.max],
            np.geomspace(info.tiny, info.max / 2, 2000),
            np.linspace(0, 200, 2001),
        ]
    ).astype(dtype)
    both = np.concatenate([-sizes[::-1], sizes])
    x = cr.tensor(both[:, None].repeat(2, 1) * np.array([1, 0.5], dtype))
    y = activation()(x)
    # Each row's first output, so that a softmax has a gradient too.
    gradient = cr.backprop(y[:, 0].sum() if activation is nn.Softmax else y.sum())[x]
    assert not np.isnan(y.numpy()).any()
    assert not np.isnan(gradient.numpy()).any()
    assert y.dtype == dtype


@pytest.mark.parametrize(
    ("activation", "derivative"),
    [(nn.ReLU(), 0.0), (nn.LeakyReLU(0.1), 0.1), (nn.PReLU(), 0.25), (nn.ELU(), 1.0)],
    ids=repr,
)
def test_the_derivative_at_0_is_that_of_the_negative_side(
    activation: nn.Module, derivative: float
) -> None:
    x = cr.tensor([0.0])
    assert cr.backprop(activation(x).sum())[x].item() == pytest.approx(derivative)


def test_prelu_differs_from_max_of_both_sides_where_alpha_is_above_1() -> None:
    x = np.array([-1.0, 1.0])
    for alpha, agrees in ((0.5, True), (1.0, True), (1.5, False)):
        prelu = nn.PReLU(init=alpha)(x).numpy()
        assert np.array_equal(prelu, np.maximum(alpha * x, x)) == agrees


def test_prelu_learns_one_slope_for_each_feature() -> None:
    layer = nn.PReLU(2).astype("float64")
    loss = layer(np.array([[-1.0, 2.0], [-3.0, -5.0]])).sum()
    assert cr.backprop(loss)[layer.weight].tolist() == [-4.0, -5.0]


def test_maxout_of_two_pieces_makes_an_absolute_value() -> None:
    layer = nn.Maxout(1, 1, pieces=2)
    layer.weight.assign([[1.0], [-1.0]])
    assert layer(np.array([[-2.0], [3.0]], np.float32)).tolist() == [[2.0], [3.0]]


# Initial values. ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shapes"),
    [
        (nn.Linear(4, 3), {"weight": (3, 4), "bias": (3,)}),
        (nn.Linear(4, 3, bias=False), {"weight": (3, 4)}),
        (nn.PReLU(5), {"weight": (5,)}),
        (nn.Maxout(4, 3, 2), {"weight": (6, 4), "bias": (6,)}),
        (nn.LayerNorm(4), {"weight": (4,), "bias": (4,)}),
        (nn.LayerNorm(4, elementwise_affine=False), {}),
        (nn.Embedding(7, 2), {"weight": (7, 2)}),
        (
            nn.BatchNorm1d(4),
            dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (4,)),
        ),
    ],
    ids=repr,
)
def test_a_layer_holds_the_documented_values_under_pytorchs_names(
    layer: nn.Module, shapes: dict[str, Any]
) -> None:
    assert {name: v.shape for name, v in layer.named_variables()} == shapes


def test_linear_starts_from_glorot_and_a_bias_of_0() -> None:
    cr.manual_seed(0)
    layer = nn.Linear(500, 300)
    assert layer.weight.numpy().var() == pytest.approx(2 / 800, rel=0.02)
    assert layer.bias is not None and not layer.bias.numpy().any()


def test_a_layer_takes_the_dtype_asked_for_and_else_the_configured_one() -> None:
    assert nn.Linear(2, 3, dtype="float64").weight.dtype == np.float64
    cr.config.dtype = "float64"
    assert nn.Linear(2, 3).weight.dtype == np.float64
    assert nn.BatchNorm1d(2).running_mean.dtype == np.float64


# Wrong sizes and inputs. --------------------------------------------------------------

SIZES: list[tuple[Callable[[Any], Any], str]] = [
    (lambda n: nn.Linear(n, 2), "Linear: in_features"),
    (lambda n: nn.Linear(2, n), "Linear: out_features"),
    (lambda n: nn.PReLU(n), "PReLU: num_parameters"),
    (lambda n: nn.Maxout(n, 2), "Maxout: in_features"),
    (lambda n: nn.Maxout(2, n), "Maxout: out_features"),
    (lambda n: nn.Maxout(2, 2, n), "Maxout: pieces"),
    (lambda n: nn.BatchNorm1d(n), "BatchNorm1d: num_features"),
    (lambda n: nn.LayerNorm(n), "LayerNorm: normalized_shape"),
    (lambda n: nn.LayerNorm((2, n)), "LayerNorm: normalized_shape"),
    (lambda n: nn.Embedding(n, 2), "Embedding: num_embeddings"),
    (lambda n: nn.Embedding(2, n), "Embedding: embedding_dim"),
]


@pytest.mark.parametrize("size", [0, -3, 2.0, "3", None, True, cr.tensor(2.0)])
@pytest.mark.parametrize(("make", "named"), SIZES, ids=[s[1] for s in SIZES])
def test_a_size_that_is_no_positive_integer_is_an_error(
    make: Callable[[Any], Any], named: str, size: Any
) -> None:
    with pytest.raises(ArgumentError) as caught:
        make(size)
    assert caught.value.what == (
        f"{named}={size!r}: expected a whole number of at least 1"
    )


def test_numpy_integers_are_sizes() -> None:
    layer = nn.Linear(np.int64(2), np.uint8(3))
    assert (type(layer.in_features), layer.weight.shape) == (int, (3, 2))


f32 = np.float32
WRONG: list[tuple[Callable[[], Any], type[ChainruleError], str, str | None]] = [
    (
        lambda: nn.Linear(512, 10)(np.ones((32, 784), f32)),
        ShapeError,
        "Linear: x (32, 784): 784 ≠ 512; the last axis of x must have in_features "
        "elements",
        "Linear(784, 10), or give it inputs with 512 features",
    ),
    (
        lambda: nn.Linear(784, 10)(np.ones((32, 28, 28), f32)),
        ShapeError,
        "Linear: x (32, 28, 28): 28 ≠ 784; the last axis of x must have in_features "
        "elements",
        "Linear(28, 10), or give it inputs with 784 features; Flatten() before it "
        "makes one row of each sample",
    ),
    (
        lambda: nn.Linear(5, 2)(np.ones((5, 3), f32)),
        ShapeError,
        "Linear: x (5, 3): 3 ≠ 5; the last axis of x must have in_features elements",
        "Linear(3, 2), or give it inputs with 5 features; rows are samples: perhaps "
        "x.T",
    ),
    (
        lambda: nn.LayerNorm(3)(np.ones((2, 3, 8), f32)),
        ShapeError,
        "LayerNorm: x (2, 3, 8): its last axes must be (3,)",
        "LayerNorm(8), or give it inputs with 3 features",
    ),
    (
        lambda: nn.LayerNorm((3, 8))(np.ones(8, f32)),
        ShapeError,
        "LayerNorm: x (8,): its last axes must be (3, 8)",
        "LayerNorm(8), or give it inputs with 3, 8 features",
    ),
    (
        lambda: nn.BatchNorm1d(3)(np.ones((2, 3, 8), f32)),
        ShapeError,
        "BatchNorm1d: x (2, 3, 8): 8 ≠ 3; the last axis of x must have num_features "
        "elements",
        "BatchNorm1d(8), or give it inputs with 3 features; features come last here: "
        "move axis 1 to the end",
    ),
    (
        lambda: nn.PReLU(3)(np.ones((2, 4), f32)),
        ShapeError,
        "PReLU: x (2, 4): 4 ≠ 3; the last axis of x must have num_parameters elements",
        "PReLU(4), or give it inputs with 3 features",
    ),
    (
        lambda: nn.Maxout(3, 2)(np.ones((2, 4), f32)),
        ShapeError,
        "Maxout: x (2, 4): 4 ≠ 3; the last axis of x must have in_features elements",
        "Maxout(4, 2, pieces=2), or give it inputs with 3 features",
    ),
    (
        lambda: nn.Linear(3, 2)(1.0),
        ShapeError,
        "Linear: x (): a single number has no axis of features; the last axis of x "
        "must have in_features elements",
        "give it an array of shape (rows, features)",
    ),
    (
        lambda: nn.Flatten()(1.0),
        ShapeError,
        "Flatten: x (): a single number has no axis of samples",
        None,
    ),
    (
        lambda: nn.Softmax()(1.0),
        ShapeError,
        "Softmax: axis=-1 of a tensor with 0 axes",
        None,
    ),
    (
        lambda: nn.Softmax(axis="last"),  # type: ignore[arg-type]
        ArgumentError,
        "Softmax: axis='last': expected a whole number, such as -1 for the last",
        None,
    ),
    (
        lambda: nn.Dropout(1.5),
        ArgumentError,
        "Dropout: p=1.5: expected a probability from 0 to less than 1",
        None,
    ),
    (
        lambda: nn.Dropout(1),
        ArgumentError,
        "Dropout: p=1: expected a probability from 0 to less than 1",
        "p is the fraction that is dropped; 1 would drop everything",
    ),
    (
        lambda: nn.LeakyReLU(math.nan),
        ArgumentError,
        "LeakyReLU: slope=nan: expected a finite number",
        None,
    ),
    (
        lambda: nn.BatchNorm1d(3, momentum=2),
        ArgumentError,
        "BatchNorm1d: momentum=2: expected a number from 0 to 1",
        None,
    ),
    (
        lambda: nn.BatchNorm1d(3, eps=-1),
        ArgumentError,
        "BatchNorm1d: eps=-1: expected a number ≥ 0",
        None,
    ),
    (
        lambda: nn.LayerNorm(()),
        ShapeError,
        "LayerNorm: normalized_shape=(): expected at least 1 axis",
        None,
    ),
    (
        lambda: nn.Linear(2, 3, dtype="int64"),
        DTypeError,
        "weight: dtype int64: expected float32 or float64",
        None,
    ),
    (
        lambda: nn.Sequential(nn.Linear(2, 3), cr.relu),
        ArgumentError,
        "Sequential: layer 1 is the function relu: expected a layer",
        "use the layer of that function, such as ReLU(), or write a Module",
    ),
    (
        lambda: nn.Sequential(nn.ReLU),
        ArgumentError,
        "Sequential: layer 0 is the class ReLU: expected a layer",
        "call it: ReLU(…)",
    ),
    (
        lambda: nn.Sequential([nn.ReLU()]),
        ArgumentError,
        "Sequential: layer 0 is a list: expected a layer",
        "unpack it: Sequential(*layers)",
    ),
]


@pytest.mark.parametrize(
    ("call", "kind", "what", "fix"), WRONG, ids=[case[2] for case in WRONG]
)
def test_wrong_use_is_one_error_that_says_what_to_do(
    call: Callable[[], Any], kind: type[ChainruleError], what: str, fix: str | None
) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.what.startswith(what)
    if fix is not None:
        assert caught.value.fix == fix


def test_the_message_of_a_wrong_shape_names_layer_and_line() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            self.fc1 = nn.Linear(512, 10)

        def forward(self, x: Any) -> Any:
            return self.fc1(x)

    with pytest.raises(ShapeError) as caught:
        Net()(np.ones((32, 784), np.float32))
    lines = str(caught.value).splitlines()
    assert lines[0] == (
        "Linear: x (32, 784): 784 ≠ 512; the last axis of x must have in_features "
        "elements"
    )
    assert lines[1] == "  in layer   fc1 = Linear(512 → 10), weight (10, 512)"
    assert lines[2].startswith("  called at  test_layers.py:")
    assert lines[2].endswith("in forward:  return self.fc1(x)")
    assert lines[3] == (
        "  fix        Linear(784, 10), or give it inputs with 512 features"
    )
