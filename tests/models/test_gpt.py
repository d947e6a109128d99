"""GPT: its size, its learning, its writing, its mistakes."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, models, optim
from chainrule.errors import BoundsError, DTypeError, ShapeError
from chainrule.models.generation import writers
from chainrule.models.gpt import gpt_size

TEXT = "pack my box with five dozen liquor jugs, how vexing. "
LETTERS = sorted(set(TEXT))
IDS = np.array([LETTERS.index(each) for each in TEXT * 4])


def small(**options: Any) -> models.GPT:
    cr.manual_seed(0)
    return models.GPT(len(LETTERS), 48, num_layers=2, num_heads=2, width=32, **options)


@pytest.mark.parametrize("bias", [True, False])
def test_the_size_is_the_sum_of_its_parameters(bias: bool) -> None:
    gpt = small(bias=bias)
    assert gpt.num_parameters == gpt_size(len(LETTERS), 48, 2, 32, bias)


@pytest.mark.parametrize(
    ("layers", "width", "millions"),
    [(12, 768, 124.4), (24, 1024, 354.8), (36, 1280, 774.0), (48, 1600, 1557.6)],
)
def test_the_sizes_of_gpt_2_are_those_published(
    layers: int, width: int, millions: float
) -> None:
    found = gpt_size(50257, 1024, layers, width) / 1e6
    assert found == pytest.approx(millions, abs=0.05)


def test_it_starts_by_finding_all_tokens_about_as_likely() -> None:
    loss = losses.cross_entropy(small()(IDS[None, :40]), IDS[None, 1:41])
    assert loss.item() == pytest.approx(np.log(len(LETTERS)), abs=0.1)


def test_no_step_sees_what_comes_after_it() -> None:
    gpt, other = small(), IDS[:40].copy()
    other[20:] = 0
    one, two = (gpt(ids[None]).numpy() for ids in (IDS[:40], other))
    assert (one[:, :20] == two[:, :20]).all()


def trained() -> models.GPT:
    """A network that has read the text for a while, compiled."""
    gpt = small()
    optimizer = optim.Adam(gpt.parameters(), lr=3e-3)

    @cr.compile
    def step(x: Any, y: Any) -> Any:
        loss = losses.cross_entropy(gpt(x, training=True), y)
        optimizer.step(cr.backprop(loss))
        return loss

    starts = np.random.default_rng(0).integers(0, len(TEXT), (150, 8))
    windows = np.lib.stride_tricks.sliding_window_view(IDS, 41)
    for rows in starts:
        loss = step(windows[rows][:, :-1], windows[rows][:, 1:])
    assert loss.item() < 0.35  # where a window begins, nobody knows what follows
    return gpt


def test_it_learns_a_text_and_writes_it_on() -> None:
    gpt = trained()
    prompt = IDS[:10]
    ids = gpt.generate(prompt, 30, temperature=0)
    assert "".join(LETTERS[each] for each in ids) == TEXT[:40]


def uncached(gpt: models.GPT, prompt: Any, steps: int) -> Any:
    """The likeliest tokens, everything computed again for each."""
    ids = np.array(prompt)
    for _ in range(steps):
        following = gpt(ids).numpy()[:, -1].argmax(-1)
        ids = np.concatenate([ids, following[:, None]], 1)
    return ids


def test_writing_with_a_cache_is_writing_without() -> None:
    gpt = small()
    prompt = np.random.default_rng(1).integers(0, len(LETTERS), (3, 4))
    wanted = uncached(gpt, prompt, 12)
    assert (gpt.generate(prompt, 12, temperature=0) == wanted).all()


def test_all_tokens_after_the_prompt_share_one_program() -> None:
    gpt = small()
    gpt.generate([[1, 2, 3]], 20)
    gpt.generate([[3, 2, 1]], 40)
    (writer,) = writers.waiting[gpt].values()
    programs = (writer.absorb, writer.next)  # what a prompt begins with, and all else
    assert [len(each.specialisations) for each in programs] == [1, 1]


def test_a_seed_repeats_what_is_drawn_and_top_k_1_draws_the_likeliest() -> None:
    gpt = small()
    first, second = (
        gpt.generate([1, 2], 30, generator=cr.random.Generator(5)) for _ in range(2)
    )
    assert (first == second).all()
    assert len(set(first.tolist())) > 5
    greedy = gpt.generate([[1, 2]], 30, temperature=0)
    assert (gpt.generate([[1, 2]], 30, top_k=1, temperature=2.0) == greedy).all()


def test_training_between_two_calls_is_seen() -> None:
    gpt = small()
    gpt.generate([[1]], 3, temperature=0)
    gpt.embedding.weight.assign(gpt.embedding.weight * 0)
    table = gpt.embedding.weight.numpy().copy()
    table[4] = 1.0
    norm = gpt.blocks.norm
    assert norm is not None
    norm.bias.assign(np.ones(32))  # type: ignore[attr-defined]
    gpt.embedding.weight.assign(table)
    assert (gpt.generate([[1]], 3, temperature=0) == [[1, 4, 4, 4]]).all()


def test_a_dropped_network_is_freed_with_its_caches() -> None:
    gpt = small()
    gpt.generate([[1]], 2)
    alive = weakref.ref(gpt)
    del gpt
    gc.collect()
    assert alive() is None


def test_it_is_saved_and_loaded(tmp_path: Any) -> None:
    gpt, other = small(), small()
    other.embedding.weight.assign(other.embedding.weight * 2)
    gpt.save(tmp_path / "gpt.safetensors")
    other.load(tmp_path / "gpt.safetensors")
    ids = IDS[None, :7]
    assert (gpt(ids).numpy() == other(ids).numpy()).all()
    assert not any(name.startswith("head") for name in gpt.state_dict())


@pytest.mark.parametrize("compiled", [False, True])
def test_a_token_outside_of_the_vocabulary_is_named(compiled: bool) -> None:
    gpt = small()
    call = cr.compile(lambda ids: gpt(ids)) if compiled else gpt
    with pytest.raises(BoundsError) as caught:
        call(np.array([[0, len(LETTERS)]]))
    n = len(LETTERS)
    assert caught.value.what == (
        f"Embedding: id {n} for {n} rows at position (0, 1): ids go from 0 to {n - 1}"
    )


@pytest.mark.parametrize(
    ("prompt", "kind", "what"),
    [
        ([[1.0]], DTypeError, "a token is an integer"),
        ([[]], DTypeError, "a token is an integer"),
        (np.zeros((1, 0), int), ShapeError, "at least one token to continue"),
        ([[[1]]], ShapeError, "expected (tokens,) or (sequences, tokens)"),
    ],
)
def test_a_prompt_that_does_not_fit_is_an_error(
    prompt: Any, kind: type[Exception], what: str
) -> None:
    with pytest.raises(kind) as caught:
        small().generate(prompt, 10)
    assert what in str(caught.value)


def test_a_prompt_longer_than_the_window_counts_by_its_end() -> None:
    gpt = small()
    prompt = np.arange(100) % len(LETTERS)
    found = gpt.generate(prompt, 1, temperature=0)
    assert found.shape == (101,)
    assert found[-1] == gpt(prompt[None, -48:]).numpy()[0, -1].argmax()


def test_too_long_a_sequence_is_an_error() -> None:
    with pytest.raises(ShapeError, match="49 steps, but max_length is 48"):
        small()(np.zeros((1, 49), int))
