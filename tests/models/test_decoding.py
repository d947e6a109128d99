"""Greedy and beam search: against all targets there are, each other, and the model."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import models
from chainrule.errors import ArgumentError, DataError
from chainrule.models import decoding
from tests.models.test_seq2seq import each_family, recurrent, transformer

SOURCES = [[1, 4, 2, 0, 3], [2, 2], [4, 0, 1], [3]]


@pytest.fixture(autouse=True)
def interpreted() -> None:
    """What is tested here is the search, not what runs it: nothing is compiled, but
    where a test says so.
    """
    cr.config.engine = "numpy"


def log_probability(model: Any, source: list[int], target: list[int]) -> float:
    """ln p(target, end | source), of one pass without any cache."""
    return float(log_probabilities(model, source, [target])[0])


def log_probabilities(model: Any, source: list[int], targets: Any) -> Any:
    """The same of several targets of one length."""
    y = np.array(targets, np.int64).reshape(len(targets), -1)
    logp = cr.log_softmax(model(np.array([source] * len(y)), None, y)).numpy()
    labels = np.concatenate([y, np.full((len(y), 1), model.end)], axis=1)
    return np.take_along_axis(logp, labels[:, :, None], -1)[..., 0].sum(-1)


def all_targets(model: Any, source: list[int], longest: int, alpha: float) -> Any:
    """(score, log probability, target) of every target there is, the best first."""
    found = []
    for length in range(longest):
        targets = [[*y] for y in itertools.product(range(model.end), repeat=length)]
        known = log_probabilities(model, source, targets)
        scores = known / ((6 + length) / 6) ** alpha
        found += zip(scores.tolist(), known.tolist(), targets, strict=True)
    return sorted(found, reverse=True)


@each_family
@pytest.mark.parametrize("alpha", [0.0, 3.0])
def test_a_beam_that_holds_all_targets_finds_the_best_of_them(
    make: Any, alpha: float
) -> None:
    """Of four tokens at most, the end included, there are 1 + 3 + 9 + 27."""
    model = make()
    lengths = np.array([len(source) for source in SOURCES])
    padded = np.array([source + [0] * (5 - len(source)) for source in SOURCES])
    with decoding.writers.borrowed(model, 4, 27, 4) as writer:
        found = decoding._search(writer, padded, lengths, 4, alpha)
    for each, source in zip(found, SOURCES, strict=True):
        score, known, target = all_targets(model, source, 4, alpha)[0]
        assert each.tokens == target
        assert each.log_probability == pytest.approx(known)
        assert each.score == pytest.approx(score)


@each_family
def test_a_beam_of_1_takes_the_likeliest_token_every_time(make: Any) -> None:
    """Without any cache: the whole target is read again for every token."""
    model = make()
    found = models.decode(model, SOURCES, max_length=6)
    for each, source in zip(found, SOURCES, strict=True):
        tokens: list[int] = []
        while len(tokens) < 5:
            y = np.array(tokens, np.int64).reshape(1, -1)
            following = model(np.array([source]), None, y).numpy()[0, -1].argmax()
            if following == model.end:
                break
            tokens.append(int(following))
        assert each.tokens == tokens
        known = log_probability(model, source, tokens)
        assert each.log_probability == pytest.approx(known)


@each_family
def test_a_wider_beam_keeps_what_it_says(make: Any) -> None:
    """The logarithms of the steps with a cache are those of one pass without; and a
    beam finds nothing that is better than the best.
    """
    model = make()
    found = models.decode(model, SOURCES, beam=3, length_penalty=0, max_length=5)
    for each, source in zip(found, SOURCES, strict=True):
        known = log_probability(model, source, each.tokens)
        assert each.log_probability == pytest.approx(known)
        assert each.score == each.log_probability
        assert each.score <= all_targets(model, source, 5, 0)[0][0] + 1e-9


@pytest.mark.parametrize("make", [recurrent, transformer])
def test_compiled_searches_find_what_interpreted_ones_find(make: Any) -> None:
    model = make()
    wanted = models.decode(model, SOURCES, beam=2, max_length=5)
    cr.config.engine = "native"
    decoding.writers.waiting.clear()
    found = models.decode(model, SOURCES, beam=2, max_length=5)
    for one, two in zip(found, wanted, strict=True):
        assert one.tokens == two.tokens
        assert one.score == pytest.approx(two.score)


@each_family
def test_batches_and_order_make_no_difference(make: Any) -> None:
    model = make()
    sources = [*SOURCES * 3, [0] * 12]
    whole = models.decode(model, sources, beam=2)
    for size in (1, 5):
        parts = models.decode(model, sources[::-1], beam=2, batch_size=size)[::-1]
        assert [each.tokens for each in parts] == [each.tokens for each in whole]
        for one, two in zip(parts, whole, strict=True):
            assert one.score == pytest.approx(two.score)


def test_a_handful_of_programs_serves_sources_of_every_length() -> None:
    cr.manual_seed(0)
    model = models.Seq2Seq(5, 3, 4)
    sources = [[1] * n for n in range(1, 41)]
    models.decode(model, sources, beam=2, max_length=4, batch_size=8)
    (writer,) = decoding.writers.waiting[model].values()
    # three sizes of sources: 16, 32, 64
    assert len(writer.begin.specialisations) == 3
    assert len(writer.extend.specialisations) == 3


def test_weights_may_change_between_two_calls() -> None:
    model = transformer()
    before = models.decode(model, SOURCES)
    for weight in model.parameters():
        weight.assign(-weight.array)
    after = models.decode(model, SOURCES)
    for each, source in zip(after, SOURCES, strict=True):
        known = log_probability(model, source, each.tokens)
        assert each.log_probability == pytest.approx(known)
    assert before != after


def test_nothing_is_written_for_no_sources() -> None:
    assert models.decode(recurrent(), []) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam": 0}, "decode: beam=0: expected a whole number of at least 1"),
        (
            {"beam": 4},
            "decode: beam=4: the first step has 3 tokens to choose from",
        ),
        ({"max_length": 0}, "decode: max_length=0: expected a whole number of at"),
        (
            {"max_length": 13},
            "decode: max_length=13: the model writes at most 12 tokens, the end includ",
        ),
        ({"length_penalty": -1}, "decode: length_penalty=-1: expected"),
    ],
)
def test_options_that_make_no_sense_are_named(options: Any, message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        models.decode(transformer(), SOURCES, **options)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([], "decode: source 1 is empty: there is nothing to read"),
        ([5], "decode: source 1 has the token 5: the model's are 0 to 4"),
        ([-1], "decode: source 1 has the token -1: the model's are 0 to 4"),
        ([1] * 13, "decode: source 1 has 13 tokens: the model reads at most 12"),
        ([0.5], "decode: source 1 (1,) of float64: expected the numbers of its tokens"),
    ],
)
def test_sources_that_cannot_be_read_are_named(source: Any, message: str) -> None:
    with pytest.raises(DataError) as caught:
        models.decode(transformer(), [[1], source])
    assert message in str(caught.value)
