"""bfloat16 on the native engine: what NumPy's engine answers, for values, products and
convolutions of all layouts, on processors with and without instructions for it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.pipeline import run_passes
from chainrule.compiler.program import plan
from chainrule.config import config
from chainrule.engines.native.choose.processor import described
from chainrule.engines.native.choose.words import Words, words_of
from chainrule.engines.native.plan.fuse import fuse
from chainrule.engines.native.plan.kernels import (
    Convolution,
    ConvolutionGradient,
    Product,
)
from chainrule.ops.primitive import REGISTRY as P

Array = Any
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
AVX512 = {"avx2", "avx512f", "avx512vl", "avx512bw", "avx512dq"}


def numbers(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def short(x: Any) -> Any:
    return x.astype("bfloat16")


def both(f: Callable[..., Any], *arguments: Array) -> tuple[Array, Array]:
    """What the native and the NumPy engine answer."""
    found, wanted = (
        cr.compile(f, engine=engine)(*arguments).numpy()
        for engine in ("native", "numpy")
    )
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    return found, wanted


@pytest.fixture(params=["host", "baseline"])
def processor(request: pytest.FixtureRequest) -> Iterator[str]:
    with config.using(processor=request.param):
        yield request.param


# Values. ------------------------------------------------------------------------------

VALUES: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: short(x) + short(y),
    "number": lambda x, y: short(x) * short(y) + 1.7,
    "chain": lambda x, y: cr.tanh(short(x) * 3 + short(y)).sum(axis=0),
    "divide": lambda x, y: -short(x) / short(y),
    "power": lambda x, y: abs(short(x)) ** 0.5,
    "mean": lambda x, y: short(x).mean(axis=1),
    "variance": lambda x, y: short(x).var(axis=0),
    "extremes": lambda x, y: cr.minimum(cr.maximum(short(x), 0.25), short(y)),
    "largest": lambda x, y: short(x).max(axis=0),
    "argmax": lambda x, y: cr.argmax(short(x), axis=1),
    "less": lambda x, y: short(x) < short(y),
    "where": lambda x, y: cr.where(x < y, short(x), short(y)),
    "softmax": lambda x, y: cr.softmax(short(x)),
    "rows": lambda x, y: short(x)[np.array([0, 5, 2, 2])],
    "joined": lambda x, y: cr.concatenate([short(x), short(y)]),
    "filled": lambda x, y: cr.pad(short(x), ((1, 1), (0, 2)), value=-1.3),
    "cumsum": lambda x, y: cr.cumsum(short(x), axis=0),
    "sorted": lambda x, y: cr.sort(short(x), axis=1),
    "mixed": lambda x, y: short(x) + y,
    "to int": lambda x, y: (short(x) * 100).astype("int32"),
    "from int": lambda x, y: cr.floor(x * 1000).astype("int64").astype("bfloat16"),
    "to float64": lambda x, y: short(x).astype("float64"),
    "loop": lambda x, y: cr.scan(
        lambda c, v: (c + v, c * v), short(x[0]), short(y)
    )[1],
    "gradient of float32": lambda x, y: cr.grad(
        lambda a: (cr.tanh(short(a) @ short(y).T) ** 2).sum().astype("float32")
    )(x),
    "gradient of bfloat16": lambda x, y: cr.grad(
        lambda a: (cr.softmax(a @ short(y).T) * 2).sum().astype("float32")
    )(short(x)),
    "gradient of rows": lambda x, y: cr.grad(
        lambda a: (short(a)[np.array([0, 5, 2, 2])] * 2).sum().astype("float32")
    )(x),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_values_are_those_of_numpy_to_the_bit(name: str, processor: str) -> None:
    x, y = numbers(6, 8), numbers(6, 8, seed=1)
    found, wanted = both(VALUES[name], x, y)
    np.testing.assert_array_equal(found.astype("float64"), wanted.astype("float64"))
    eager = VALUES[name](cr.tensor(x), cr.tensor(y)).numpy()
    assert eager.dtype == wanted.dtype
    np.testing.assert_array_equal(eager.astype("float64"), wanted.astype("float64"))


def test_rounding_is_to_the_nearest_and_keeps_nan_and_infinity() -> None:
    bits = np.random.default_rng(0).integers(0, 1 << 32, 100_000, dtype=np.uint32)
    special = [0x7F800000, 0xFF800000, 0x7F800001, 0x7FFFFFFF, 0x7F7FFFFF, 1, 0x8000,
               0x18000, 0x3F808000, 0x3F818000, 0x80000000, 0xFFFFFFFF]  # fmt: skip
    x = np.concatenate([bits, np.array(special, np.uint32)]).view(np.float32)
    found = cr.compile(short, engine="native")(x).numpy()
    with np.errstate(invalid="ignore"):
        wanted = x.astype(BFLOAT16)
    there = np.isnan(wanted.astype("float32"))
    np.testing.assert_array_equal(np.isnan(found.astype("float32")), there)
    np.testing.assert_array_equal(
        found[~there].view(np.uint16), wanted[~there].view(np.uint16)
    )


# Products. ----------------------------------------------------------------------------

SIZES = [
    (3, 5, 4), (8, 32, 16), (7, 33, 18), (65, 47, 30), (100, 64, 65), (128, 10, 128),
    (40, 3, 64), (300, 2, 33), (1, 100, 64), (5, 1, 9), (2, 300, 601), (4, 6, 1),
]  # fmt: skip


def assert_close(found: Array, a: Array, b: Array) -> None:
    """A product of numbers of bfloat16, summed in float32."""
    a, b = (each.astype(BFLOAT16).astype("float64") for each in (a, b))
    error = abs(found - a @ b)
    assert (error <= 1e-6 * (abs(a) @ abs(b))).all(), error.max()


@pytest.mark.parametrize(("m", "n", "k"), SIZES)
def test_products_of_all_layouts(m: int, n: int, k: int, processor: str) -> None:
    a, b = numbers(m, k), numbers(k, n, seed=1)
    for turn_a, turn_b in itertools.product((False, True), repeat=2):
        x = np.ascontiguousarray(a.T) if turn_a else a
        y = np.ascontiguousarray(b.T) if turn_b else b

        def product(x: Any, y: Any, swap: Any = (turn_a, turn_b)) -> Any:
            x, y = (
                short(z).T if s else short(z) for z, s in zip((x, y), swap, strict=True)
            )
            return P["matmul"](x, y)

        found = cr.compile(product, engine="native")(x, y).numpy()
        assert found.dtype == "float32"
        assert_close(found, a, b)


def test_products_of_a_batch_and_of_slices() -> None:
    a, b = numbers(3, 10, 20), numbers(3, 20, 12, seed=1)
    found, _ = both(lambda a, b: P["matmul"](short(a), short(b)), a, b)
    assert_close(found, a, b)
    found, _ = both(lambda a, b: P["matmul"](short(a), short(b[0])), a, b)
    assert_close(found, a, b[0])
    found, _ = both(lambda a, b: short(a)[:, 1:, 1:] @ short(b)[:, 1:, ::2], a, b)
    wanted = a[:, 1:, 1:].astype(BFLOAT16).astype("float32") @ b[:, 1:, ::2].astype(
        BFLOAT16
    ).astype("float32")
    np.testing.assert_allclose(found.astype("float32"), wanted, rtol=1e-2, atol=1e-2)


def kernels_of(f: Callable[..., Any], *arguments: Array) -> list[Any]:
    graph = run_passes(cr.trace(f, *[cr.tensor(each) for each in arguments]))
    return fuse(plan(graph)).kernels


def test_a_product_reads_rows_where_they_lie_as_words_of_two() -> None:
    f = lambda a, b: P["matmul"](short(a), short(b).T)  # noqa: E731
    kernels = kernels_of(f, numbers(8, 32), numbers(16, 32))
    (product,) = [each for each in kernels if isinstance(each, Product)]
    assert product.pairs
    assert product.a.shape == (1, 8, 16)
    assert product.b.shape == (1, 16, 16)
    assert len(kernels) == 3  # each factor is rounded, nothing is copied


def test_the_instruction_is_used_where_there_is_one() -> None:
    f = lambda a, b: P["matmul"](short(a), short(b).T)  # noqa: E731
    *_, product = kernels_of(f, numbers(8, 32), numbers(16, 32))
    with_it = described("x86_64", "znver4", "", {*AVX512, "avx512bf16"})
    without = described("x86_64", "x86-64-v4", "", AVX512)
    assert words_of(product, with_it) is Words.PAIRS
    assert words_of(product, without) is Words.PAIRS_APART


# Convolutions. ------------------------------------------------------------------------

#: Images, height, width, channels, outputs, kernel, stride, padding, dilation, groups.
LAYERS = [
    (4, 8, 8, 4, 16, 3, 1, 1, 1, 1),
    (3, 9, 7, 6, 5, 3, 2, 1, 1, 1),
    (2, 8, 8, 1, 6, 5, 1, 2, 1, 1),
    (2, 8, 8, 3, 20, 3, 1, 0, 1, 1),
    (4, 6, 6, 16, 32, 1, 1, 0, 1, 1),
    (4, 6, 6, 8, 8, 3, 1, 1, 2, 1),
    (4, 6, 6, 8, 16, 3, 1, 1, 1, 2),
    (4, 6, 6, 8, 8, 3, 1, 1, 1, 8),
    (5, 5, 5, 7, 9, 5, 1, 0, 1, 1),
    (8, 16, 16, 32, 64, 3, 2, 1, 1, 1),
    (1, 6, 6, 32, 32, 3, 1, 1, 1, 8),
    (2, 7, 7, 16, 16, 1, 2, 0, 1, 1),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_convolutions_and_their_gradients(layer: Any, processor: str) -> None:
    n, h, w, c, outputs, size, stride, pad, dilation, groups = layer
    settings: dict[str, Any] = {
        "stride": (stride, stride), "padding": ((pad, pad), (pad, pad)),
        "dilation": (dilation, dilation), "groups": groups,
    }  # fmt: skip
    x, weights = numbers(n, h, w, c), numbers(outputs, size, size, c // groups, seed=1)
    out = P["convolution"](cr.tensor(x), cr.tensor(weights), **settings).shape
    z = numbers(*out, seed=2)
    convolution, transposed, kernel = (
        P[name]
        for name in ("convolution", "convolution_transposed", "convolution_kernel")
    )
    forms = [
        lambda x, y, z: convolution(short(x), short(y), **settings),
        lambda x, y, z: transposed(short(z), short(y), size=(h, w), **settings),
        lambda x, y, z: kernel(short(x), short(z), kernel=(size, size), **settings),
    ]
    for form in forms:
        found, wanted = both(form, x, weights, z)
        assert found.dtype == "float32"
        assert abs(found - wanted).max() <= 1e-5 * abs(wanted).max()


def test_a_convolution_reads_channels_as_words_its_gradient_images() -> None:
    settings = {"stride": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1)}
    x, w, z = numbers(4, 8, 8, 6), numbers(8, 3, 3, 6), numbers(4, 8, 8, 8)

    def both_forms(x: Any, w: Any, z: Any) -> Any:
        return (
            P["convolution"](short(x), short(w), **settings, groups=1),
            P["convolution_kernel"](
                short(x), short(z), kernel=(3, 3), **settings, groups=1
            ),
        )

    kernels = kernels_of(both_forms, x, w, z)
    (forward,) = [each for each in kernels if isinstance(each, Convolution)]
    (gradient,) = [each for each in kernels if isinstance(each, ConvolutionGradient)]
    assert forward.pairs
    assert forward.correlation.inputs == 3
    assert gradient.pairs
    assert gradient.spec.batch == 2


# Results of which only something else is wanted. --------------------------------------


def written(f: Callable[..., Any], *arguments: Array) -> int:
    """The bytes that the only kernel with a product or convolution writes."""
    kernels = cr.compile(f, engine="native").explain(*arguments).kernels
    assert kernels is not None
    (kernel,) = [each for each in kernels if each.kind in ("product", "convolution")]
    return kernel.bytes_written


@pytest.mark.parametrize("bounds", [False, True])
@pytest.mark.parametrize(("m", "n", "k"), [(40, 70, 300), (100, 90, 70), (3, 5, 2)])
def test_a_product_that_is_rounded_is_written_once(
    m: int, n: int, k: int, bounds: bool, processor: str
) -> None:
    a, b = numbers(m, k), numbers(k, n, seed=1)
    f = lambda a, b: short(cr.relu(a @ b))  # noqa: E731
    with config.using(debug=bounds):
        found, wanted = both(f, a, b)
    np.testing.assert_allclose(
        found.astype("f"), wanted.astype("f"), rtol=0.01, atol=1e-5
    )
    assert written(f, a, b) == found.nbytes


@pytest.mark.parametrize("layer", LAYERS[:5], ids=str)
def test_a_convolution_that_is_rounded_is_written_once(
    layer: Any, processor: str
) -> None:
    n, h, w, c, outputs, size, stride, pad, _, _ = layer
    settings = {
        "stride": (stride, stride), "padding": ((pad, pad), (pad, pad)),
        "dilation": (1, 1), "groups": 1,
    }  # fmt: skip
    x, weights = numbers(n, h, w, c), numbers(outputs, size, size, c, seed=1)

    def f(x: Any, y: Any) -> Any:
        return short(cr.relu(P["convolution"](short(x), short(y), **settings)))

    found, wanted = both(f, x, weights)
    np.testing.assert_allclose(
        found.astype("f"), wanted.astype("f"), rtol=0.01, atol=1e-4
    )
    assert written(f, x, weights) == found.nbytes


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_do_not_depend_on_the_number_of_threads(threads: int) -> None:
    a, b = numbers(300, 200), numbers(200, 400, seed=1)
    f = lambda a, b: P["matmul"](short(a), short(b))  # noqa: E731
    with config.using(threads=1):
        wanted = cr.compile(f, engine="native")(a, b).numpy()
    with config.using(threads=threads):
        found = cr.compile(f, engine="native")(a, b).numpy()
    np.testing.assert_array_equal(found, wanted)
