"""Random numbers: Philox's published answers, distributions, and repeatability."""

from __future__ import annotations

import math
import sys
import threading
from typing import Any

import numpy as np
import pytest
from scipy import stats

import chainrule as cr
from chainrule.errors import ArgumentError, DTypeError
from chainrule.ops.philox import next_state, philox, seeded_state, words
from tests.agreement import assert_agrees, each_engine


def generator(seed: int = 0) -> cr.random.Generator:
    """A generator of its own for a test."""
    return cr.random.Generator(seed)


#: counter, key, answer of philox4x32-10: the known-answer file of Random123 1.14.
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2,
     (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0),
     (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
]  # fmt: skip


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_philox_gives_the_published_answers(
    counter: Any, key: Any, answer: Any
) -> None:
    given = tuple(np.array([word], np.uint64) for word in counter)
    assert [int(word[0]) for word in philox(given, key)] == list(answer)


def test_word_i_of_a_draw_is_made_from_the_counter_i_over_4_and_the_draw() -> None:
    state = np.array([11, 22, 33, 44], np.uint32)
    drawn = words(state, 11)
    for i in (0, 3, 4, 10):
        counter = tuple(np.array([w], np.uint64) for w in (i // 4, 0, 33, 44))
        assert drawn[i] == philox(counter, (11, 22))[i % 4][0]
    assert words(state, 0).shape == (0,)
    np.testing.assert_array_equal(words(state, 5), drawn[:5])


def test_a_seed_of_64_bits_is_the_key() -> None:
    assert seeded_state(0x123456789ABCDEF0).tolist() == [0x9ABCDEF0, 0x12345678, 0, 0]
    state = cr.tensor(np.array([7, 8, 0xFFFFFFFF, 1], np.uint32))
    assert next_state(state).tolist() == [7, 8, 0, 2]


# Distributions. -----------------------------------------------------------------------

N = 200_000


def fits(sample: Any, distribution: Any, *args: float) -> None:
    """A Kolmogorov–Smirnov test; seeds are fixed, so it does not fail by chance."""
    assert (
        stats.kstest(np.asarray(sample, np.float64), distribution, args).pvalue > 1e-3
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform_numbers(dtype: str) -> None:
    drawn = generator(1).uniform(N, dtype=dtype)
    assert drawn.dtype == dtype
    values = drawn.numpy()
    assert 0 <= values.min() < values.max() < 1
    fits(values, "uniform")
    fits(
        generator(2).uniform(N, low=-3.0, high=5.0, dtype=dtype).numpy(),
        "uniform",
        -3.0,
        8.0,
    )
    step = 2.0**-24 if dtype == "float32" else 2.0**-53
    np.testing.assert_array_equal(values / step % 1, 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normal_numbers(dtype: str) -> None:
    drawn = generator(3).normal(N + 1, dtype=dtype)
    assert (drawn.shape, drawn.dtype) == ((N + 1,), dtype)
    values = drawn.numpy()
    fits(values, "norm")
    assert abs(np.mean(values**3)) < 0.02
    assert abs(np.mean(values**4) - 3) < 0.05
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 0.01
    fits(generator(4).normal((N,), mean=2.0, std=0.5).numpy(), "norm", 2.0, 0.5)


def test_bernoulli_numbers() -> None:
    for p in (0.0, 0.3, 1.0):
        drawn = generator(5).bernoulli(p, (N,))
        assert drawn.dtype == "bool"
        assert abs(drawn.numpy().mean() - p) < 4 * math.sqrt(p * (1 - p) / N) + 1e-12
    by_element = generator(6).bernoulli(cr.tensor([0.0, 1.0, 0.0])).tolist()
    assert by_element == [False, True, False]


def test_whole_numbers_are_each_equally_likely() -> None:
    values = generator(7).integers(-3, 4, (N,)).numpy()
    assert values.dtype == np.int64
    counts = np.bincount(values + 3, minlength=7)
    assert len(counts) == 7
    assert stats.chisquare(counts).pvalue > 1e-3
    assert generator(8).integers(5, 6, (3,)).tolist() == [5, 5, 5]
    wide = generator(9).integers(0, 1 << 53, (1000,)).numpy()
    assert wide.max() < 1 << 53
    assert (wide % 2).mean() > 0.4


def test_a_permutation_has_every_number_once_in_an_order_that_is_even() -> None:
    assert sorted(generator(10).permutation(1000).tolist()) == list(range(1000))
    assert generator(10).permutation(0).tolist() == []
    rng, counts = generator(11), np.zeros((4, 4))
    for _ in range(4000):
        counts[np.arange(4), rng.permutation(4).numpy()] += 1
    assert stats.chisquare(counts.reshape(-1)).pvalue > 1e-3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_categories_come_with_the_probabilities_of_softmax(dtype: str) -> None:
    p = np.array([0.5, 0.2, 0.25, 0.05])
    logits = np.broadcast_to(np.log(p) + 7, (N, 4)).astype(dtype)
    drawn = generator(12).categorical(logits)
    assert (drawn.shape, drawn.dtype) == ((N,), "int64")
    counts = np.bincount(drawn.numpy(), minlength=4)
    assert stats.chisquare(counts, p * N).pvalue > 1e-3
    never = np.array([[0.0, -np.inf, 0.0]] * 1000, dtype)
    assert 1 not in generator(13).categorical(never).tolist()
    along_first = generator(14).categorical(logits[:1000].T, axis=0)
    assert along_first.shape == (1000,)
    assert generator(15).categorical(cr.tensor([0, 0])).shape == ()


def test_a_category_of_small_probability_is_not_drawn_too_often() -> None:
    """Its noise must not be infinite where the uniform number behind it is 0."""
    logits = np.zeros((N, 2), np.float32)
    logits[:, 1] = -30.0
    assert generator(16).categorical(logits).numpy().sum() == 0


# Repeatability. -----------------------------------------------------------------------

DRAWS: dict[str, Any] = {
    "uniform": lambda g: g.uniform((3, 2)),
    "uniform64": lambda g: g.uniform(5, low=-1.0, high=1.0, dtype="float64"),
    "normal": lambda g: g.normal((2, 3), mean=1.0, std=2.0),
    "bernoulli": lambda g: g.bernoulli(0.5, (7,)),
    "integers": lambda g: g.integers(0, 10, (7,)),
    "permutation": lambda g: g.permutation(7),
    "categorical": lambda g: g.categorical(cr.zeros((7, 3))),
    "bits": lambda g: g.bits(7),
}


@each_engine
@pytest.mark.parametrize("name", sorted(DRAWS))
def test_the_same_seed_gives_the_same_numbers_eager_and_compiled(
    name: str, engine: str
) -> None:
    draw = DRAWS[name]
    eager, compiled = generator(42), generator(42)
    run = cr.compile(lambda: (draw(compiled), draw(compiled)), engine=engine)
    for _ in range(3):
        wanted = (draw(eager), draw(eager))
        for found, each in zip(run(), wanted, strict=True):
            assert found.dtype == each.dtype
            # Normal numbers go through a logarithm, a sine and a cosine.
            exact = "numpy" if name != "normal" else engine
            assert_agrees(found.numpy(), each.numpy(), exact)
    assert eager.state.tolist() == compiled.state.tolist()


def test_draws_do_not_overlap() -> None:
    rng = generator(0)
    drawn = np.concatenate([rng.bits(n).numpy() for n in (1000, 1, 3, 4, 5, 1000)])
    other = generator(1).bits(1000).numpy()
    assert len(np.unique(drawn)) == len(drawn)
    assert not np.isin(other, drawn).any()


def test_manual_seed_repeats_the_default_generator() -> None:
    def draws() -> list[Any]:
        return [
            cr.random.uniform(3).tolist(),
            cr.random.normal(3).tolist(),
            cr.random.bernoulli(0.5, (3,)).tolist(),
            cr.random.integers(0, 9, 3).tolist(),
            cr.random.permutation(5).tolist(),
        ]

    cr.manual_seed(5)
    first = draws()
    second = draws()
    cr.manual_seed(5)
    assert draws() == first != second


def test_generators_without_a_seed_differ() -> None:
    one, other = cr.random.Generator(), cr.random.Generator()
    assert one.bits(4).tolist() != other.bits(4).tolist()


def test_random_numbers_have_no_gradient_and_let_others_through() -> None:
    x = cr.tensor([1.0, 2.0, 3.0])
    mask = generator(0).bernoulli(0.5, (3,))
    noise = generator(1).normal(3)
    g = cr.backprop((cr.where(mask, x, 0.0) * noise).sum())[x]
    np.testing.assert_array_equal(g.numpy(), mask.numpy() * noise.numpy())


@pytest.mark.parametrize("seed", [-1, 1 << 64, 1.0, "0", True, None.__class__])
def test_a_seed_is_a_whole_number_of_64_bits(seed: Any) -> None:
    with pytest.raises(ArgumentError, match="seed: "):
        cr.manual_seed(seed)


def test_the_largest_seeds_are_taken() -> None:
    for seed in (0, (1 << 64) - 1, np.uint64(1 << 63), np.int32(7)):
        generator(seed).uniform(1)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda g: g.integers(3, 3), ArgumentError),
        (lambda g: g.integers(0, 1 << 54), ArgumentError),
        (lambda g: g.integers(0, 2.5), ArgumentError),
        (lambda g: g.bernoulli(1.5), ArgumentError),
        (lambda g: g.uniform(-1), ArgumentError),
        (lambda g: g.normal((2, 1.5)), ArgumentError),
        (lambda g: g.permutation(-2), ArgumentError),
        (lambda g: g.uniform(2, dtype="int64"), DTypeError),
        (lambda g: g.normal(2, dtype="float16"), DTypeError),
    ],
)
def test_arguments_that_make_no_sense_are_an_error(call: Any, error: Any) -> None:
    rng = generator(0)
    before = rng.state.tolist()
    with pytest.raises(error):
        call(rng)
    assert rng.state.tolist() == before


def test_no_two_threads_draw_the_same_numbers() -> None:
    rng = generator(1)
    drawn: list[tuple[int, ...]] = []

    def draw() -> None:
        for _ in range(100):
            drawn.append(tuple(rng.bits(4).tolist()))

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=draw) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    finally:
        sys.setswitchinterval(usual)
    assert len(set(drawn)) == len(drawn) == 400
    assert rng.state.tolist() == [1, 0, 400, 0]
