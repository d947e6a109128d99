"""Attention: its formula, whole and in strips, its masks, its memory, and its cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import (
    ArgumentError,
    BoundsError,
    ChainruleError,
    DTypeError,
    ShapeError,
)
from chainrule.nn.attention import dot_product
from tests.agreement import assert_agrees, each_engine

Array = Any
rng = np.random.default_rng(0)
T, S, D = 21, 21, 4
Q, K, V = (rng.normal(size=(2, 3, n, D)) for n in (T, S, S))
BOOLS = rng.random((2, 1, T, S)) < 0.6
BOOLS[0, 0, 3] = False  # a query that may look nowhere
BIAS = rng.normal(size=(3, T, S))


def formula(
    q: Array,
    k: Array,
    v: Array,
    *,
    causal: bool = False,
    mask: Array | None = None,
    lengths: Array | None = None,
    scale: float | None = None,
) -> Array:
    """softmax(s Q Kᵀ + M) V, one query after the other."""
    result = np.zeros((*q.shape[:-1], v.shape[-1]))
    scores = q @ np.swapaxes(k, -1, -2) * (scale or 1 / np.sqrt(q.shape[-1]))
    seen = np.ones(scores.shape, bool)
    if mask is not None and mask.dtype == bool:
        seen &= mask
    elif mask is not None:
        scores = scores + mask
    for sample, *rest, i in np.ndindex(q.shape[:-1]):
        at = (sample, *rest, i)
        keys = [
            j
            for j in range(k.shape[-2])
            if seen[(*at, j)]
            and (j <= i or not causal)
            and (lengths is None or j < lengths[sample])
        ]
        if keys:
            e = np.exp(scores[at][keys])
            result[at] = e / e.sum() @ v[(sample, *rest)][keys]
    return result


OPTIONS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "causal": {"causal": True},
    "scale": {"scale": 0.3},
    "bools": {"mask": BOOLS},
    "bools for all": {"mask": BOOLS[1, 0]},
    "bools for keys": {"mask": BOOLS[:, :, 1:2]},
    "bias": {"mask": BIAS},
    "lengths": {"lengths": np.array([0, 13])},
    "all": {"mask": BIAS, "causal": True, "lengths": np.array([21, 13])},
}
each_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


@pytest.fixture(params=["whole", "strips"])
def way(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """All scores at once, or in strips of two queries and a last one of one."""
    if request.param == "strips":
        monkeypatch.setattr(dot_product, "MAX_SCORES_AT_ONCE", 1)
        monkeypatch.setattr(dot_product, "MIN_STRIP_ROWS", 2)
        monkeypatch.setattr(dot_product, "STRIP_SCORES", 4 * S)
    yield request.param


@pytest.mark.parametrize("name", ["causal", "all"])
def test_causal_attention_in_parts_is_its_formula(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dot_product, "MIN_CAUSAL_ROWS", 4)
    found = cr.attention(Q, K, V, **OPTIONS[name]).numpy()
    np.testing.assert_allclose(found, formula(Q, K, V, **OPTIONS[name]), atol=1e-12)


@each_option
def test_attention_is_its_formula(way: str, options: dict[str, Any]) -> None:
    found = cr.attention(Q, K, V, **options).numpy()
    np.testing.assert_allclose(found, formula(Q, K, V, **options), atol=1e-12)


@each_engine
@pytest.mark.parametrize("name", ["causal", "bools", "all"])
def test_compiled_attention_and_its_gradients_are_the_eager_ones(
    way: str, name: str, engine: str
) -> None:
    def both(q: Any, k: Any, v: Any) -> Any:
        q, k, v = q * 1.0, k * 1.0, v * 1.0
        y = cr.attention(q, k, v, **OPTIONS[name])
        grads = cr.backprop((y * y).sum())
        return y, grads[q], grads[k], grads[v]

    compiled = cr.compile(both, engine=engine)(Q, K, V)
    for found, wanted in zip(compiled, both(*map(cr.tensor, (Q, K, V))), strict=True):
        if way == "strips":  # loops that keep values add in another order
            np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)
        elif engine == "numpy":
            # On Zen 5 a product of NumPy's adds in an order that depends on how its
            # matrices lie.
            np.testing.assert_allclose(found, wanted, rtol=1e-15, atol=1e-15)
        else:
            assert_agrees(found, wanted, engine)


@pytest.mark.parametrize("name", ["causal", "bools", "all"])
def test_gradients_of_query_key_value_and_bias_are_right(way: str, name: str) -> None:
    options = dict(OPTIONS[name])
    q, k, v = Q[:, :1, :, :2], K[:, :1, :, :2], V[:, :1, :, :2]
    if name == "all":
        del options["mask"]
        cr.check_gradients(
            lambda q, k, v, b: cr.attention(q, k, v, mask=b, **options),
            q, k, v, BIAS[:1],
        )  # fmt: skip
    else:
        cr.check_gradients(lambda *a: cr.attention(*a, **options), q, k, v)


def test_one_sequence_without_an_axis_of_samples_has_one_length() -> None:
    q, k, v = Q[0, 0], K[0, 0], V[0, 0]
    found = cr.attention(q, k, v, lengths=[9]).numpy()
    wanted = formula(q[None], k[None], v[None], lengths=np.array([9]))[0]
    np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_heads_and_samples_broadcast(way: str) -> None:
    found = cr.attention(Q, K[:1, :1], V[:, :1]).numpy()
    k, v = (np.broadcast_to(each, Q.shape) for each in (K[:1, :1], V[:, :1]))
    np.testing.assert_allclose(found, formula(Q, k, v), atol=1e-12)


def test_other_numbers_of_queries_keys_and_features() -> None:
    q, v = Q[:, :, :5], V[..., :3]
    np.testing.assert_allclose(
        cr.attention(q, K, v, causal=True).numpy(),
        formula(q, K, v, causal=True),
        atol=1e-12,
    )


def test_large_scores_do_not_overflow(way: str) -> None:
    y = cr.attention(1e3 * Q, 1e3 * K, V, causal=True)
    assert np.isfinite(y.numpy()).all()
    np.testing.assert_allclose(y.numpy()[..., 0, :], V[..., 0, :])


def test_what_is_hidden_is_no_infinity_to_those_who_look_for_them(way: str) -> None:
    with cr.check_numerics():
        q, k, v = map(cr.tensor, (Q, K, V))
        cr.backprop(cr.attention(q, k, v, mask=BOOLS, causal=True).sum())


def test_minus_infinity_in_a_bias_hides_too() -> None:
    bias = np.where(BOOLS, 0.0, -np.inf)
    found = cr.attention(Q, K, V, mask=bias).numpy()
    np.testing.assert_allclose(found, formula(Q, K, V, mask=BOOLS), atol=1e-12)


def test_dropout_keeps_the_expectation_and_drops_that_share(way: str) -> None:
    cr.manual_seed(0)
    ones = np.ones((1, 1, S, 400))
    y = cr.attention(Q[:1, :1], K[:1, :1], ones, dropout=0.25).numpy()
    assert y.std() > 0.05
    many = [
        cr.attention(Q[:1], K[:1], ones, dropout=0.25).numpy().mean() for _ in range(60)
    ]
    assert np.mean(many) == pytest.approx(1, abs=0.03)
    cr.manual_seed(0)
    again = cr.attention(Q[:1, :1], K[:1, :1], ones, dropout=0.25).numpy()
    assert (again == y).all()


def test_gradients_in_strips_see_the_same_dropout_as_the_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dot_product, "MAX_SCORES_AT_ONCE", 1)
    monkeypatch.setattr(dot_product, "MIN_STRIP_ROWS", 4)

    def seeded(q: Any, k: Any, v: Any) -> Any:
        cr.manual_seed(3)
        return cr.attention(q, k, v, dropout=0.5)

    cr.check_gradients(seeded, Q[:1, :1], K[:1, :1], V[:1, :1], order=1)


# Memory. -----------------------------------------------------------------------------


def between_kernels(steps: int, causal: bool) -> int:
    """The bytes that a compiled step keeps between kernels, gradients included."""

    def step(q: Any, k: Any, v: Any) -> Any:
        q, k, v = q * 1.0, k * 1.0, v * 1.0
        grads = cr.backprop((cr.attention(q, k, v, causal=causal) ** 2).sum())
        return grads[q], grads[k], grads[v]

    x = cr.zeros((2, steps, 16))
    report = cr.compile(step, engine="native").explain(x, x, x)
    assert report.arena_bytes is not None
    return report.arena_bytes


def test_memory_grows_with_the_length_and_not_with_its_square() -> None:
    short, long = (between_kernels(steps, causal=False) for steps in (2048, 8192))
    assert long < 8 * short  # the square would be 16 times as much


def test_causal_attention_never_has_more_than_a_block_of_the_scores() -> None:
    steps = 8192
    all_scores = 2 * steps * steps * 4
    assert between_kernels(steps, causal=True) < all_scores / 16


# Layers. -----------------------------------------------------------------------------


def projected(layer: nn.MultiheadAttention, x: Array, part: int) -> Array:
    """A projection of x, (N, heads, T, d)."""
    d, h = layer.embed_dim, layer.num_heads
    if layer.in_proj_weight is not None:
        w = layer.in_proj_weight.array[part * d : (part + 1) * d]
    else:
        w = getattr(layer, f"{'qkv'[part]}_proj_weight").array
    z = x @ w.T
    if layer.in_proj_bias is not None:
        z = z + layer.in_proj_bias.array[part * d : (part + 1) * d]
    return z.reshape(*x.shape[:-1], h, d // h).swapaxes(1, 2)


def heads_formula(
    layer: nn.MultiheadAttention, q: Array, k: Array, v: Array, **options: Any
) -> Array:
    parts = (projected(layer, x, i) for i, x in enumerate((q, k, v)))
    y = formula(*parts, **options).swapaxes(1, 2).reshape(*q.shape[:2], layer.embed_dim)
    y = y @ layer.out_proj.weight.array.T
    return y if layer.out_proj.bias is None else y + layer.out_proj.bias.array


def randomised(layer: Any) -> Any:
    """The layer with biases that are not 0."""
    for _, each in layer.named_parameters():
        each.assign(rng.normal(size=each.shape, scale=0.5))
    return layer


X, Y = rng.normal(size=(2, 5, 6)), rng.normal(size=(2, 7, 4))


@pytest.mark.parametrize("bias", [True, False])
def test_several_heads_are_several_attentions_of_projections(bias: bool) -> None:
    layer = randomised(nn.MultiheadAttention(6, 3, bias=bias, dtype="float64"))
    found = layer(X, causal=True, lengths=[5, 3]).numpy()
    wanted = heads_formula(layer, X, X, X, causal=True, lengths=[5, 3])
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    other = rng.normal(size=(2, 7, 6))
    np.testing.assert_allclose(
        layer(X, other).numpy(), heads_formula(layer, X, other, other), atol=1e-12
    )


def test_keys_and_values_may_have_other_sizes() -> None:
    layer = nn.MultiheadAttention(6, 2, kdim=4, vdim=3, dtype="float64")
    values = rng.normal(size=(2, 7, 3))
    assert [n for n, _ in layer.named_parameters()] == [
        "q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_bias",
        "out_proj.weight", "out_proj.bias",
    ]  # fmt: skip
    found = randomised(layer)(X, Y, values).numpy()
    wanted = heads_formula(layer, X, Y, values)
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    assert layer.weights(X, Y).shape == (2, 2, 5, 7)


def test_gradients_of_a_layer_are_right() -> None:
    layer = randomised(nn.MultiheadAttention(6, 2, dtype="float64"))
    cr.check_gradients(lambda x: layer(x, causal=True), X)
    w = layer.in_proj_weight.array.copy()

    def of_weight(w: Any) -> Any:
        layer.in_proj_weight.assign(w)
        return layer(X, causal=True)

    grads = cr.backprop((layer(X, causal=True) ** 2).sum())[layer.in_proj_weight]
    step = rng.normal(size=w.shape) * 1e-6
    up, down = ((of_weight(w + s).numpy() ** 2).sum() for s in (step, -step))
    assert (up - down) / 2 == pytest.approx((grads.numpy() * step).sum(), rel=1e-4)


def test_the_three_projections_are_one_parameter_or_three() -> None:
    stacked = nn.MultiheadAttention(6, 2)
    assert [name for name, _ in stacked.own_variables()] == [
        "in_proj_weight",
        "in_proj_bias",
    ]
    assert stacked.q_proj_weight is stacked.k_proj_weight is stacked.v_proj_weight
    apart = nn.MultiheadAttention(6, 2, kdim=5, vdim=4, bias=False)
    shapes = [(name, v.shape) for name, v in apart.own_variables()]
    assert shapes == [
        ("q_proj_weight", (6, 6)),
        ("k_proj_weight", (6, 5)),
        ("v_proj_weight", (6, 4)),
    ]
    assert apart.in_proj_weight is None


def test_weights_are_what_the_layer_averages_with() -> None:
    layer = nn.MultiheadAttention(6, 2, dtype="float64")
    weights = layer.weights(X, causal=True).numpy()
    np.testing.assert_allclose(weights.sum(-1), 1)
    assert (np.triu(weights, 1) == 0).all()
    values = projected(layer, X, 2)
    y = (weights @ values).swapaxes(1, 2).reshape(2, 5, 6)
    wanted = layer.out_proj(y).numpy()
    np.testing.assert_allclose(layer(X, causal=True).numpy(), wanted, atol=1e-12)


@pytest.mark.parametrize("options", [{}, {"kdim": 4, "vdim": 3, "bias": False}])
def test_a_saved_layer_is_loaded_with_its_settings(
    tmp_path: Any, options: dict[str, Any]
) -> None:
    layer = nn.MultiheadAttention(8, 2, rotary=nn.RotaryPositions(4), **options)
    layer.save(tmp_path / "layer.safetensors")
    again = cr.load(tmp_path / "layer.safetensors")
    assert repr(again) == repr(layer)
    for name, value in layer.state_dict().items():
        assert (again.state_dict()[name] == value).all()


# The cache. --------------------------------------------------------------------------


@pytest.mark.parametrize("rotary", [False, True])
@pytest.mark.parametrize("engine", [None, "numpy", "native"])
def test_step_by_step_with_a_cache_is_the_whole_at_once(
    engine: str | None, rotary: bool
) -> None:
    turn = nn.RotaryPositions(2) if rotary else None
    layer = randomised(nn.MultiheadAttention(6, 3, rotary=turn))
    x = rng.normal(size=(2, 9, 6)).astype("float32")
    cache = layer.new_cache(batch=2, max_length=9)

    def step(x: Any) -> Any:
        return layer(x, causal=True, cache=cache)

    run = step if engine is None else cr.compile(step, engine=engine)
    found = [run(x[:, :4])] + [run(x[:, t : t + 1]) for t in range(4, 9)]
    whole = layer(x, causal=True).numpy()
    np.testing.assert_allclose(np.concatenate(found, 1), whole, rtol=1e-4, atol=1e-5)
    assert cache.length.item() == 9
    if engine is not None:
        assert len(run.specialisations) == 2
    with pytest.raises(BoundsError, match="KeyValueCache: step"):
        run(x[:, :1])
    cache.clear()
    np.testing.assert_allclose(run(x[:, :4]), whole[:, :4], rtol=1e-4, atol=1e-5)


def test_a_compiled_step_writes_into_the_cache_in_place() -> None:
    layer = nn.MultiheadAttention(8, 2)
    cache = layer.new_cache(batch=1, max_length=4096)
    step = cr.compile(lambda x: layer(x, causal=True, cache=cache), engine="native")
    step(cr.zeros((1, 1, 8)))
    (report,) = step.reports
    size = cache.keys.size * 4
    copies = [k for k in report.kernels or () if k.bytes_written >= size]
    assert [k.kind for k in copies] == ["put", "put"]
    assert report.arena_bytes is not None
    assert report.arena_bytes < size


# Mistakes. ---------------------------------------------------------------------------

MISTAKES: list[tuple[Any, type[ChainruleError], str, str | None]] = [
    (
        lambda: cr.attention(np.ones((2, 3)), np.ones((4, 5)), np.ones((4, 5))),
        ShapeError,
        "attention: query (2, 3), key (4, 5), value (4, 5): 3 ≠ 5; the last axes of "
        "query and key must be equal",
        None,
    ),
    (
        lambda: cr.attention(np.ones((2, 5)), np.ones((4, 5)), np.ones((3, 5))),
        ShapeError,
        "attention: query (2, 5), key (4, 5), value (3, 5): 4 ≠ 3; there must be a "
        "value for every key",
        None,
    ),
    (
        lambda: cr.attention([1.0], [1.0], [1.0]),
        ShapeError,
        "attention: query (1,): expected (…, steps, features)",
        None,
    ),
    (
        lambda: cr.attention([[1]], [[1]], [[1]]),
        DTypeError,
        "attention: query (1, 1) is int64: expected floats",
        "query.astype('float32'); ids become vectors with nn.Embedding",
    ),
    (
        lambda: cr.attention(Q, K, V, mask=np.ones((T, S), int)),
        DTypeError,
        "attention: mask (21, 21) is int64: expected bools, True where a query may "
        "attend to a key, or floats that are added to the scores",
        "mask.astype('bool')",
    ),
    (
        lambda: cr.attention(Q, K, V, mask=np.ones((2, 2, 3, T, S), bool)),
        ShapeError,
        "attention: mask (2, 2, 3, 21, 21) for scores (2, 3, 21, 21): a mask must "
        "broadcast to (…, queries, keys)",
        None,
    ),
    (
        lambda: cr.attention(Q, K, V, lengths=[3, 22]),
        BoundsError,
        "attention: length 22 of a sequence of 21 steps at row 1: lengths go from 0 to "
        "21",
        "pad the sequences to the longest, or correct the lengths",
    ),
    (
        lambda: cr.attention(Q, K, V, lengths=[3]),
        ShapeError,
        "attention: lengths (1,) for 2 sequences: expected (2,), how many steps of "
        "each are real",
        None,
    ),
    (
        lambda: cr.attention(Q, K, V, dropout=1.0),
        ArgumentError,
        "attention: dropout=1.0: expected a probability from 0 to less than 1",
        None,
    ),
    (
        lambda: nn.MultiheadAttention(10, 4),
        ArgumentError,
        "MultiheadAttention: embed_dim=10 for num_heads=4: the number of heads must "
        "divide the features",
        "embed_dim=8",
    ),
    (
        lambda: nn.MultiheadAttention(8, 2, rotary=nn.RotaryPositions(8)),
        ArgumentError,
        "MultiheadAttention: rotary is for vectors of 8 elements, the heads have 4",
        "rotary=RotaryPositions(4)",
    ),
    (
        lambda: nn.MultiheadAttention(6, 2)(cr.zeros((2, 3, 6)), cr.zeros((2, 3, 5))),
        ShapeError,
        "MultiheadAttention: x (2, 3, 5): 5 ≠ 6; the last axis of the key must have 6 "
        "elements",
        "MultiheadAttention(5), or give it inputs with 6 features",
    ),
]


@pytest.mark.parametrize(("wrong", "kind", "what", "fix"), MISTAKES)
def test_a_mistake_is_one_clear_error(
    wrong: Any, kind: type[ChainruleError], what: str, fix: str | None
) -> None:
    with pytest.raises(kind) as caught:
        wrong()
    assert caught.value.what == what
    assert caught.value.fix == fix


def test_a_cache_needs_causal_self_attention() -> None:
    layer = nn.MultiheadAttention(6, 2)
    cache = layer.new_cache(1, 4)
    with pytest.raises(ArgumentError, match="a cache holds the earlier steps"):
        layer(cr.zeros((1, 2, 6)), cache=cache)
    with pytest.raises(ShapeError, match="make a cache for this batch"):
        layer(cr.zeros((2, 2, 6)), causal=True, cache=cache)
