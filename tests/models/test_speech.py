"""Recognisers of speech, on words that are made of numbers."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, losses, models, optim
from chainrule.data.audio.features import SpeechFeatures
from chainrule.errors import ArgumentError, ChainruleError, DataError
from chainrule.models.speech.gaussian import log_densities
from chainrule.models.speech.recogniser import SoundExamples
from chainrule.models.speech.states import WordStates, log_leave
from chainrule.nn.chains.bands import (
    Band,
    band_best_paths,
    band_log_partition,
    band_marginals,
)
from chainrule.nn.chains.paths import IMPOSSIBLE, Chain, best_paths, log_partition

Array = np.ndarray[Any, Any]
WORDS = ("no", "yes")
FEATURES = SpeechFeatures(rate=8000, bins=4)
rng = np.random.default_rng(0)


def heard(word: str, rng: Any) -> Array:
    """Features of a word of two sounds, each of some frames, in noise, in silence."""
    sounds = {"no": (0, 1), "yes": (2, 3)}[word]
    frames = [np.zeros((rng.integers(1, 3), 4))]
    for sound in sounds:
        frames.append(np.tile(3 * np.eye(4)[sound], (rng.integers(4, 9), 1)))
    frames.append(np.zeros((rng.integers(1, 3), 4)))
    x = np.concatenate(frames)
    return (x + rng.normal(0, 0.7, x.shape)).astype(np.float32)


def spoken(count: int, most: int = 1) -> tuple[list[Array], list[tuple[str, ...]]]:
    rng = np.random.default_rng(count)
    said = [
        tuple(rng.choice(WORDS, size=rng.integers(1, most + 1))) for _ in range(count)
    ]
    return [np.concatenate([heard(w, rng) for w in ws]) for ws in said], said


# States and graphs. ------------------------------------------------------------------


def test_a_graph_of_one_word_has_the_probability_of_every_word_and_no_other() -> None:
    """Against every path through words of two states, silence before and behind."""
    states = WordStates(["a", "b"], 2)
    stay = np.log(np.array([0.5, 0.6, 0.7, 0.8, 0.9]))
    leave = log_leave(stay)
    rng = np.random.default_rng(0)
    frames = 4
    scores = rng.normal(size=(frames, 5))
    graph = states.graph(stay)
    z = log_partition(scores[None][:, :, graph.emits], graph.chain).item()
    total = 0.0
    for first in (1, 3):
        for before, after in itertools.product((0, 1), repeat=2):
            row = [0] * before + [first, first + 1] + [0] * after
            for cuts in itertools.combinations(range(1, frames), len(row) - 1):
                ends = [0, *cuts, frames]
                p = -math.log(2)
                for state, a, b in zip(row, ends, ends[1:], strict=False):
                    p += scores[a:b, state].sum() + (b - a - 1) * stay[state]
                p += sum(leave[state] for state in row[:-1])
                p += leave[row[-1]] if not after else 0.0
                total += math.exp(p)
    assert z == pytest.approx(math.log(total), rel=1e-10)


@pytest.mark.parametrize("connected", [False, True])
def test_the_graph_and_the_row_of_the_words_it_finds_agree(connected: bool) -> None:
    """The best path of all is the best of the words that it says."""
    states = WordStates(["a", "b", "c"], 2, connected)
    stay = np.log(np.full(states.count, 0.6))
    rng = np.random.default_rng(1)
    scores = 2 * rng.normal(size=(1, 12, states.count))
    graph = states.graph(stay, penalty=1.0)
    path, score = best_paths(scores[:, :, graph.emits], graph.chain)
    said = states.said(graph, path.numpy()[0])
    row = states.row(said)
    band = states.bands([row], stay, len(row))
    forced = band_best_paths(scores[:, :, row], band)
    assert forced.states.shape == (1, 12)
    costs = len(said) * (math.log(3) + 1.0)
    ends = 0.0 if row[forced.states.numpy()[0, -1]] else log_leave(stay)[0]
    assert score.item() == pytest.approx(forced.scores.item() - costs - ends)
    assert (
        row[forced.states.numpy()[0]].tolist() == graph.emits[path.numpy()[0]].tolist()
    )


def test_a_flat_start_is_even_and_leaves_silence_out_where_there_is_no_time() -> None:
    states = WordStates(["no", "yes"], 3)
    assert states.flat(["yes"], 10).tolist() == [0, 0, 4, 4, 5, 5, 6, 6, 0, 0]
    assert states.flat(["yes"], 3).tolist() == [4, 5, 6]


# Gaussians. --------------------------------------------------------------------------


def test_log_densities_are_those_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 4))
    means, variances = rng.normal(size=(5, 2, 4)), rng.uniform(0.3, 2, (5, 2, 4))
    weights = np.log(rng.dirichlet([1, 1], 5))
    found = log_densities(x, means, variances, weights).numpy()
    wanted = weights + stats.norm.logpdf(
        x[:, :, None, None], means, np.sqrt(variances)
    ).sum(-1)
    np.testing.assert_allclose(found, wanted, rtol=1e-10)


def test_scores_alignment_and_posteriors_are_those_of_hmmlearn() -> None:
    hmm = pytest.importorskip("hmmlearn.hmm")
    rng = np.random.default_rng(0)
    size, mixtures = 4, 2
    known = hmm.GMMHMM(size, mixtures, covariance_type="diag")
    stays = np.array([0.6, 0.7, 0.8, 1.0])
    known.startprob_ = np.eye(size)[0]
    known.transmat_ = np.diag(stays) + np.diag(1 - stays[:-1], 1)
    known.means_ = rng.normal(size=(size, mixtures, 3))
    known.covars_ = rng.uniform(0.5, 2, (size, mixtures, 3))
    known.weights_ = rng.dirichlet([1, 1], size)
    x = rng.normal(size=(20, 3))
    logs = np.log(known.weights_)
    parts = log_densities(x[None], known.means_, known.covars_, logs)
    scores = cr.logsumexp(parts, axis=-1)
    never = np.full(size, IMPOSSIBLE)
    start = np.where(np.arange(size) == 0, 0.0, IMPOSSIBLE)
    step = np.concatenate([[IMPOSSIBLE], np.log(1 - stays[:-1])])
    band = Band(np.log(stays), step, never, start, np.zeros(size))
    assert band_log_partition(scores, band).item() == pytest.approx(known.score(x))
    np.testing.assert_allclose(
        band_marginals(scores, band).numpy()[0], known.predict_proba(x), atol=1e-8
    )
    score, path = known.decode(x)
    best = band_best_paths(scores, band)
    assert best.scores.item() == pytest.approx(score)
    assert best.states.numpy()[0].tolist() == path.tolist()


def test_one_iteration_is_baum_and_welchs() -> None:
    """Means, variances, weights and transitions, against sums over every path."""
    model = models.GaussianRecogniser(["a"], FEATURES, states=2, mixtures=2)
    rng = np.random.default_rng(0)
    model.means.assign(rng.normal(size=(3, 2, 4)))
    x = rng.normal(size=(6, 4)).astype(np.float32)
    stay, row = model.log_stay.numpy(), model.states.row(["a"])
    band = model.states.bands([row], stay, len(row))
    parts = log_densities(
        x.astype(float)[None],
        *(p.numpy() for p in (model.means, model.variances, model.log_weights)),
    ).numpy()[0]  # (T, K, M)
    scores = np.logaddexp.reduce(parts, axis=-1)
    every: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(4), repeat=6):
        moves = [b - a for a, b in itertools.pairwise(path)]
        if any(move not in (0, 1, 2) for move in moves):
            continue
        p = band.start[0, path[0]] + band.end[0, path[-1]]
        p += sum(scores[t, row[s]] for t, s in enumerate(path))
        ways = (band.stay, band.step, band.skip)
        p += sum(ways[m][0, s] for m, s in zip(moves, path[1:], strict=True))
        every[path] = p
    z = np.logaddexp.reduce(list(every.values()))
    r, visits = np.zeros((6, 3, 2)), np.zeros(3)
    for path, p in every.items():
        share = math.exp(p - z)
        for t, s in enumerate(path):
            k = row[s]
            r[t, k] += share * np.exp(parts[t, k] - scores[t, k])
        for s in set(path):
            visits[row[s]] += share
    likelihood = model.iterate([x], [("a",)])
    assert likelihood == pytest.approx(z / 6, rel=1e-9)
    weight = r.sum(axis=0)
    seen = weight > 1.0
    means = np.einsum("tkm,td->kmd", r, x) / weight[..., None]
    np.testing.assert_allclose(model.means.numpy()[seen], means[seen], rtol=1e-6)
    stays = np.clip(1 - visits / weight.sum(axis=1), 0.1, 0.98)
    np.testing.assert_allclose(np.exp(model.log_stay.numpy()), stays, rtol=1e-6)


def test_the_likelihood_never_falls_but_at_a_split_and_the_words_are_found() -> None:
    x, said = spoken(40)
    model = models.GaussianRecogniser(WORDS, FEATURES, states=3, mixtures=2)
    likelihoods = np.array(model.learn_from(x, said, iterations=4))
    rises = np.diff(likelihoods)
    assert (np.delete(rises, 3) > -1e-6).all() and likelihoods[-1] > likelihoods[0]
    new, right = spoken(30)
    assert model.said(new) == right


# The hybrid. -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hybrid() -> tuple[Any, SoundExamples, Any]:
    """A hybrid after a short training, its examples, and what was trained."""
    cr.manual_seed(0)
    x, said = spoken(60)
    model = models.HybridRecogniser(
        WORDS, FEATURES, states=3, width=16, masked=0, dropout=0.0
    )
    flat = [model.states.flat(w, len(f)) for w, f in zip(said, x, strict=True)]
    examples = SoundExamples(x, said, flat, 1, "words")
    realign = models.Realign(model, examples, epochs=(3, 5, 8))
    before = examples.frames.steps.copy()
    cr.fit(
        models.SpeechTraining(model),
        examples,
        epochs=10,
        batch_size=20,
        optimizer=optim.Adam(lr=0.01),
        callbacks=[realign],
        progress=False,
    )
    return model, examples, before


def test_a_hybrid_says_words_it_was_trained_on(hybrid: Any) -> None:
    new, right = spoken(30)
    assert hybrid[0].said(new) == right


def test_bayes_rule_divides_by_the_priors(hybrid: Any) -> None:
    model = hybrid[0]
    x = spoken(1)[0][0]
    lengths = np.array([len(x)])
    posterior = cr.softmax(model(x[None], lengths), axis=-1).numpy()
    likelihood = np.exp(model.state_scores(x[None], lengths).numpy())
    prior = np.exp(model.log_prior.numpy())
    assert prior.sum() == pytest.approx(1)
    np.testing.assert_allclose(likelihood * prior, posterior, rtol=1e-5)


def test_realigning_moves_states_from_the_flat_start_to_where_sounds_change(
    hybrid: Any,
) -> None:
    model, examples, before = hybrid
    after = examples.frames.steps
    assert (after != before).mean() > 0.1
    counts = np.bincount(after, minlength=model.states.count)
    np.testing.assert_allclose(
        np.exp(model.log_prior.numpy()), (counts + 1) / (counts + 1).sum(), rtol=1e-6
    )
    x = examples.sounds.sequences()[0]
    (found,) = model.aligned([x], [examples.said[0]])
    inside = [each for each in found.words if each]
    assert set(inside) == set(examples.said[0]) and len(inside) > 6
    assert (np.diff(found.states[found.states > 0]) >= 0).all()


def test_the_states_of_frames_are_part_of_a_checkpoint(hybrid: Any) -> None:
    model, examples, before = hybrid
    realign = models.Realign(model, examples)
    kept = {"states": realign.state_dict()["states"].copy()}
    examples.frames.steps[:] = before
    realign.load_state_dict(kept)
    assert examples.frames.steps.tolist() == kept["states"].tolist()


def test_a_saved_hybrid_says_the_same(hybrid: Any, tmp_path: Any) -> None:
    hybrid[0].save(tmp_path / "model.safetensors")
    again = cr.load(tmp_path / "model.safetensors")
    new, right = spoken(10)
    assert again.said(new) == right


@pytest.mark.parametrize(
    "model",
    [
        models.GaussianRecogniser(WORDS, FEATURES, states=3, mixtures=2),
        models.CTCRecogniser(WORDS, FEATURES, units="characters", width=8, recurrent=4),
        models.WordClassifier(WORDS, FEATURES, width=8, masked=2),
        models.HybridRecogniser(WORDS, FEATURES, states=2, connected=True, width=8),
    ],
    ids=lambda model: type(model).__name__,
)
def test_what_is_saved_is_loaded(model: Any, tmp_path: Any) -> None:
    path = tmp_path / "training.safetensors"
    x, lengths = np.zeros((1, 9, 4), np.float32), np.array([9])
    if isinstance(model, models.GaussianRecogniser):
        model.means.assign(rng.normal(size=model.means.shape))
        model.save(path)
        again = cr.load(path)
    else:
        models.SpeechTraining(model).save(path)
        again = cr.load(path).recogniser
    assert again.settings().keys() == model.settings().keys()
    assert again.features == FEATURES and again.words == WORDS
    assert again(x, lengths).numpy().tolist() == model(x, lengths).numpy().tolist()


def test_padding_has_no_effect(hybrid: Any) -> None:
    model = hybrid[0]
    x = spoken(1)[0][0]
    short = model(x[None], np.array([len(x)])).numpy()[0]
    padded = np.concatenate([x, np.full((9, 4), 7.0, np.float32)])
    long = model(padded[None], np.array([len(x)])).numpy()[0]
    np.testing.assert_allclose(short, long[: len(x)], atol=1e-5)


def test_words_that_follow_each_other_are_found_by_the_same_states(hybrid: Any) -> None:
    model = hybrid[0]
    settings = model.settings() | {"connected": True}
    whole = models.HybridRecogniser(**settings)
    whole.load_state_dict(model.state_dict())
    whole.penalty.assign(np.array(3.0))
    new, right = spoken(20, most=3)
    rates = data.error_rates(whole.said(new), [[words] for words in right])
    assert rates.tokens < 0.1


# CTC and the classifier. -------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ctc", "classifier"])
def test_networks_without_states_say_words(kind: str) -> None:
    cr.manual_seed(0)
    x, said = spoken(60)
    options: dict[str, Any] = {"width": 16, "masked": 0, "dropout": 0.0}
    targets = np.array([[WORDS.index(w) for w in words] for words in said])
    if kind == "ctc":
        model: Any = models.CTCRecogniser(WORDS, FEATURES, recurrent=8, **options)
        targets = targets + 1
    else:
        model, targets = (
            models.WordClassifier(WORDS, FEATURES, **options),
            targets[:, 0],
        )
    cr.fit(
        models.SpeechTraining(model),
        SoundExamples(x, said, targets, 1, "words"),
        epochs=20,
        batch_size=20,
        optimizer=optim.Adam(lr=0.01),
        progress=False,
    )
    new, right = spoken(30)
    rates = data.error_rates(model.said(new), [[words] for words in right])
    assert rates.tokens <= 0.1


def test_characters_are_spelled_with_blanks_between_words() -> None:
    model = models.CTCRecogniser(WORDS, FEATURES, units="characters", width=8)
    numbers = model.spelled(("no", "yes"))
    assert "".join(model.symbols[number - 1] for number in numbers) == "no yes"
    logits = np.full((1, 6, 7), -9.0)
    for t, number in enumerate(numbers):
        logits[0, t, number] = 9.0
    assert losses.ctc_decode(logits)[0].labels == numbers


# What does not fit. ------------------------------------------------------------------


def frames(count: int) -> Array:
    return np.zeros((count, 4), np.float32)


GMM = models.GaussianRecogniser(WORDS, FEATURES, states=6)
MESSAGES: list[tuple[Any, Any, str]] = [
    (
        DataError,
        lambda: GMM.learn_from([frames(20), frames(5)], [("no",), ("yes",)]),
        "GaussianRecogniser: recording 1: 5 frames of 10 ms for 'yes', which has 6 "
        "states: a state takes a frame at least",
    ),
    (
        DataError,
        lambda: GMM.said([frames(4)]),
        "GaussianRecogniser: sound 0: 4 frames of 10 ms: too short for a word, which "
        "has 6 states",
    ),
    (
        DataError,
        lambda: GMM.aligned([frames(20)], [("maybe",)]),
        "WordStates: the word 'maybe' is none of the 2 that are known",
    ),
    (
        ArgumentError,
        lambda: models.HybridRecogniser(["a", "a"], FEATURES),
        "HybridRecogniser: words ['a', 'a']: expected some, each once",
    ),
    (
        ArgumentError,
        lambda: WordStates([str(n) for n in range(1000)], 6),
        "WordStates: 1000 words of 6 states are 6001: expected 4000 or fewer: all "
        "pairs of them are looked at",
    ),
    (
        ArgumentError,
        lambda: models.SpeechTraining(GMM),
        "SpeechTraining: GaussianRecogniser: expected a recogniser that is trained by "
        "gradients",
    ),
    (
        ArgumentError,
        lambda: models.Realign(GMM, SoundExamples([frames(9)], [("no",)], np.zeros(1),
                                                  1, "x")),
        "Realign: GaussianRecogniser and SoundExamples: expected a HybridRecogniser "
        "and its examples",
    ),
    (
        ArgumentError,
        lambda: models.GaussianRecogniser(WORDS, FEATURES, mixtures=0),
        "GaussianRecogniser: mixtures=0: expected 1 or more",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("error", "call", "message"), MESSAGES)
def test_messages(error: type[ChainruleError], call: Any, message: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert caught.value.what == message


def test_a_chain_and_a_graph_are_of_one_kind() -> None:
    assert isinstance(WordStates(WORDS, 2).graph(np.log(np.full(5, 0.5))).chain, Chain)
