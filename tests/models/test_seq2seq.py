"""Networks that read one sequence and write another: their equations, padding, loss,
files, and what they learn.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, models, optim
from chainrule.errors import ArgumentError, DataError, OptionError, ShapeError
from chainrule.models.seq2seq import EncoderDecoder

rng = np.random.default_rng(0)
SOURCE = np.array([[1, 4, 2, 0, 3], [2, 2, 0, 0, 0], [4, 0, 1, 0, 0]])
LENGTHS = np.array([5, 2, 3])
TARGET = np.array([[0, 2], [1, 0], [2, 1]])


def recurrent(**options: Any) -> models.Seq2Seq:
    cr.manual_seed(0)
    model = models.Seq2Seq(5, 3, 8, 4, dtype="float64", **options)
    return larger(model)


def transformer(**options: Any) -> models.Transformer:
    cr.manual_seed(0)
    model = models.Transformer(
        5, 3, 8, 2, 2, 12, dropout=0.2, max_length=12, dtype="float64", **options
    )
    return larger(model)


def larger(model: Any) -> Any:
    """The same network with weights that make a difference."""
    for weight in model.parameters():
        weight.assign(weight.array + 0.3 * rng.normal(size=weight.shape))
    return model


FAMILIES = {
    "bahdanau": recurrent,
    "dot": lambda: recurrent(attention="dot", cell="lstm"),
    "general": lambda: recurrent(attention="general", num_layers=2),
    "transformer": transformer,
    "norm first": lambda: transformer(norm_first=True),
}
each_family = pytest.mark.parametrize("make", FAMILIES.values(), ids=FAMILIES)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def gru(cell: Any, x: Any, h: Any) -> Any:
    """One step of a GRU in NumPy."""
    z = cell.weight_ih.array @ x + cell.bias_ih.array
    back = cell.weight_hh.array @ h + cell.bias_hh.array
    r, u = (sigmoid(z[i : i + 8] + back[i : i + 8]) for i in (0, 8))
    n = np.tanh(z[16:] + r * back[16:])
    return (1 - u) * n + u * h


@pytest.mark.parametrize("kind", ["bahdanau", "general"])
def test_the_recurrent_decoder_is_its_equations(kind: str) -> None:
    """Written here one step after the other, from the encoder's states on."""
    model = recurrent(attention=kind)
    memory, state = model.encode(SOURCE, LENGTHS)
    found = model(SOURCE, LENGTHS, TARGET).numpy()
    for n in range(3):
        s, fed = (np.asarray(part.numpy()[n]) for part in state)
        h = memory.states.numpy()[n : n + 1]
        assert not fed.any()
        for t, token in enumerate([3, *TARGET[n]]):
            y = model.target_embedding.weight.array[token]
            if kind == "bahdanau":
                fed = model.attention(s[None], h, LENGTHS[n : n + 1])[0].numpy()[0]
            s = gru(model.cell, np.concatenate([y, fed]), s)
            if kind == "bahdanau":
                context = fed
            else:
                context = model.attention(s[None], h, LENGTHS[n : n + 1])[0].numpy()[0]
            out = model.readout(np.concatenate([s, context])[None])
            fed = np.tanh(out.numpy()[0])
            logits = model.output(fed[None]).numpy()[0]
            np.testing.assert_allclose(found[n, t], logits, atol=1e-12)


@each_family
def test_padding_of_a_source_changes_nothing(make: Any) -> None:
    model = make()
    whole = model(SOURCE, LENGTHS, TARGET).numpy()
    assert whole.shape == (3, 3, 4)
    for n, length in enumerate(LENGTHS):
        alone = model(SOURCE[n : n + 1, :length], None, TARGET[n : n + 1]).numpy()
        np.testing.assert_allclose(whole[n], alone[0], atol=1e-12)


@each_family
def test_a_token_is_expected_from_those_before_it_alone(make: Any) -> None:
    model = make()
    other = TARGET.copy()
    other[:, 1] = (other[:, 1] + 1) % 3
    one, two = (model(SOURCE, LENGTHS, t).numpy() for t in (TARGET, other))
    np.testing.assert_array_equal(one[:, :2], two[:, :2])
    assert (np.abs(one[:, 2] - two[:, 2]) > 1e-6).any(axis=-1).all()


@each_family
def test_attention_maps_are_averages_of_the_real_source(make: Any) -> None:
    maps = make().attention_maps(SOURCE, LENGTHS, TARGET).numpy()
    assert maps.shape == (3, 3, 5)
    np.testing.assert_allclose(maps.sum(-1), 1)
    assert not maps[1, :, 2:].any() and (maps[0] > 0).all()


def test_heads_of_a_transformer_can_be_looked_at_one_by_one() -> None:
    model = transformer()
    each = model.attention_maps(SOURCE, LENGTHS, TARGET, heads=True).numpy()
    assert each.shape == (3, 2, 2, 3, 5)
    mean = model.attention_maps(SOURCE, LENGTHS, TARGET).numpy()
    np.testing.assert_allclose(each.mean((1, 2)), mean)


@each_family
def test_the_loss_is_that_of_the_real_tokens_and_of_each_end(make: Any) -> None:
    model, known = make(), np.array([2, 0, 1])
    logp = cr.log_softmax(model(SOURCE, LENGTHS, TARGET)).numpy()
    wanted = [logp[0, 0, 0], logp[0, 1, 2], logp[0, 2, 3], logp[1, 0, 3],
              logp[2, 0, 2], logp[2, 1, 3]]  # fmt: skip
    task = models.TeacherForcing(model, label_smoothing=0.1)
    loss = task(SOURCE, LENGTHS, TARGET, known).item()
    assert loss == pytest.approx(-np.mean(wanted))


def test_label_smoothing_is_for_training_alone() -> None:
    model = recurrent()
    sizes = np.array([2, 2, 2])
    logp = cr.log_softmax(model(SOURCE, LENGTHS, TARGET)).numpy()
    labels = np.concatenate([TARGET, np.full((3, 1), 3)], axis=1)
    true = np.take_along_axis(logp, labels[:, :, None], -1)
    smooth = 0.9 * true[..., 0] + 0.1 * logp.mean(-1)
    task = models.TeacherForcing(model, label_smoothing=0.1)
    loss = task(SOURCE, LENGTHS, TARGET, sizes, training=True).item()
    assert loss == pytest.approx(-smooth.mean())


@each_family
def test_gradients_of_the_loss_are_those_of_finite_differences(make: Any) -> None:
    task = models.TeacherForcing(make())
    sizes = np.array([2, 1, 0])
    weights = list(task.parameters())
    grads = cr.backprop(task(SOURCE, LENGTHS, TARGET, sizes))
    along = [rng.normal(size=w.shape) for w in weights]
    slope = sum(
        (grads[w].numpy() * v).sum() for w, v in zip(weights, along, strict=True)
    )
    ends = []
    for h in (1e-5, -2e-5):
        for w, v in zip(weights, along, strict=True):
            w.assign(w.array + h * v)
        ends.append(task(SOURCE, LENGTHS, TARGET, sizes).item())
    assert slope == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-6)


@pytest.mark.parametrize(
    ("model", "rate"),
    [
        (lambda: models.Seq2Seq(5, 5, 32, attention="general"), 0.01),
        (lambda: models.Transformer(5, 5, 32, 1, 2, 64, 0.0, True, 16), 0.01),
    ],
    ids=["recurrent", "transformer"],
)
def test_a_trained_network_reverses_words_it_has_never_seen(
    model: Any, rate: float
) -> None:
    cr.config.engine = "numpy"  # so small a network is trained before it is compiled
    cr.manual_seed(0)
    words = [list(w) for n in (1, 2, 3) for w in itertools.product(range(5), repeat=n)]
    order = np.random.default_rng(0).permutation(len(words))  # 155 of them
    sources = [words[i] for i in order]
    net = model()
    history = cr.fit(
        models.TeacherForcing(net),
        data.bucket_pairs(sources[:128], [w[::-1] for w in sources[:128]], buckets=1),
        optimizer=optim.Adam(net.parameters(), optim.Cosine(rate, 60 * 4)),
        epochs=60,
        batch_size=32,
        progress=False,
    )
    assert history["loss"][-1] < 0.05 * history["loss"][0]
    found = models.decode(net, sources[128:])
    pairs = zip(found, sources[128:], strict=True)
    assert np.mean([each.tokens == source[::-1] for each, source in pairs]) >= 0.8


@each_family
def test_a_network_comes_back_from_its_file(make: Any, tmp_path: Path) -> None:
    task = models.TeacherForcing(make(), 0.1)
    task.save(tmp_path / "model.safetensors")
    again: Any = cr.load(tmp_path / "model.safetensors")
    assert repr(again) == repr(task)
    for training in (False, True):
        cr.manual_seed(1)
        one = task(SOURCE, LENGTHS, TARGET, [2, 2, 2], training=training).item()
        cr.manual_seed(1)
        two = again(SOURCE, LENGTHS, TARGET, [2, 2, 2], training=training).item()
        assert one == two


# Several together.
# ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "makes", [(recurrent, recurrent), (transformer, recurrent, transformer)]
)
def test_an_ensemble_writes_by_the_mean_of_its_members_probabilities(
    makes: Any, tmp_path: Path
) -> None:
    members = [make() for make in makes]
    together = models.Seq2SeqEnsemble(members)
    logits = [m(SOURCE, LENGTHS, TARGET).numpy() for m in members]
    each = [np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True) for x in logits]
    found = together(SOURCE, LENGTHS, TARGET).numpy()
    np.testing.assert_allclose(np.exp(found), np.mean(each, axis=0), rtol=1e-12)
    maps = [m.attention_maps(SOURCE, LENGTHS, TARGET).numpy() for m in members]
    np.testing.assert_allclose(
        together.attention_maps(SOURCE, LENGTHS, TARGET).numpy(),
        np.mean(maps, axis=0),
        rtol=1e-12,
    )
    # What is decoded has the probability that the network says it has.
    sources = [row[:n] for row, n in zip(SOURCE, LENGTHS, strict=True)]
    for beam in (1, 3):
        for source, one in zip(
            sources, models.decode(together, sources, beam=beam), strict=True
        ):
            target = np.array([one.tokens], int).reshape(1, -1)
            logp = together(source[None], [len(source)], target).numpy()[0]
            path = [*one.tokens, together.end]
            total = logp[np.arange(len(path)), path].sum()
            assert one.log_probability == pytest.approx(total, rel=1e-9)
    together.save(tmp_path / "together.safetensors")
    again: Any = cr.load(tmp_path / "together.safetensors")
    np.testing.assert_array_equal(again(SOURCE, LENGTHS, TARGET).numpy(), found)
    assert again.max_length == together.max_length


def test_an_ensemble_has_several_members_alike_and_is_not_trained() -> None:
    with pytest.raises(ArgumentError, match="1 members with 1 sizes of vocabularies"):
        models.Seq2SeqEnsemble([recurrent()])
    with pytest.raises(ArgumentError, match="2 members with 2 sizes"):
        models.Seq2SeqEnsemble([recurrent(), models.Seq2Seq(5, 4, 8)])
    with pytest.raises(ArgumentError, match="a member is a Linear: expected networks"):
        models.Seq2SeqEnsemble([recurrent(), cr.nn.Linear(2, 3)])  # type: ignore[list-item]
    together = models.Seq2SeqEnsemble([recurrent(), recurrent()])
    with pytest.raises(ArgumentError, match="members are not trained together"):
        together(SOURCE, LENGTHS, TARGET, training=True)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: models.Seq2Seq(5, 3, 7),
            ArgumentError,
            "Seq2Seq: hidden_size=7: each of the encoder's two directions has half of",
        ),
        (
            lambda: models.Seq2Seq(5, 3, attention="loung"),
            OptionError,
            "attention of Seq2Seq",
        ),
        (lambda: models.Seq2Seq(5, 3, cell="rnn"), OptionError, "cell of Seq2Seq"),
        (
            lambda: models.TeacherForcing(cr.nn.Linear(2, 3)),  # type: ignore[arg-type]
            ArgumentError,
            "TeacherForcing: model is a Linear: expected one that reads a sequence and "
            "writes another",
        ),
        (
            lambda: models.TeacherForcing(recurrent(), 1.0),
            ArgumentError,
            "TeacherForcing: label_smoothing=1.0: expected a share from 0 to less than",
        ),
        (
            lambda: transformer()(np.zeros((1, 13), int), None, TARGET[:1]),
            ShapeError,
            "SinusoidalPositions: x (1, 13, 8): 13 steps, but max_length is 12",
        ),
        (
            lambda: recurrent()(SOURCE, LENGTHS, TARGET[0]),
            ShapeError,
            "Seq2Seq: target (2,): expected (N, T) tokens",
        ),
        (
            lambda: EncoderDecoder(2, 3).encode(SOURCE),
            ArgumentError,
            "EncoderDecoder: encode is not defined",
        ),
        (
            lambda: EncoderDecoder(2, 3)(SOURCE, LENGTHS, TARGET),
            ArgumentError,
            "EncoderDecoder: forward is not defined",
        ),
    ],
)
def test_what_does_not_fit_is_named(make: Any, error: Any, message: str) -> None:
    with pytest.raises(error) as caught:
        make()
    assert message in str(caught.value)


def test_fit_without_the_loss_says_what_trains_the_network() -> None:
    pairs = data.bucket_pairs([[1], [2, 3]], [[0], [1]])
    with pytest.raises(ArgumentError) as caught:
        cr.fit(models.Seq2Seq(5, 3, 4), pairs, progress=False)
    assert "cr.fit(models.TeacherForcing(model), data.bucket_pairs(sources" in str(
        caught.value
    )


# Batches of pairs. --------------------------------------------------------------------


def test_pairs_are_padded_to_few_sizes_and_lose_nothing() -> None:
    sources = [list(range(1, 2 + int(n))) for n in rng.integers(0, 20, 300)]
    targets = [each[: 1 + len(each) // 2] for each in sources]
    pairs = data.bucket_pairs(sources, targets, buckets=4)
    sizes, seen = set(), []
    for (source, n, target, m), nothing in data.batches(pairs, 16, seed=1):
        assert nothing is None
        sizes.add((source.shape[1], target.shape[1]))
        for row, length, there, other in zip(source, n, target, m, strict=True):
            assert not row[length:].any() and not there[other:].any()
            assert (there[:other] == row[:other]).all() and other == 1 + length // 2
            seen.append(row[:length].tolist())
    assert sorted(seen) == sorted(sources)
    assert 2 <= len(sizes) <= 4


@pytest.mark.parametrize(
    ("sources", "targets", "message"),
    [
        ([[1]], [[1], [2]], "bucket_pairs: 'pairs': 1 source and 2 targets: expected"),
        ([[1], []], [[1], [2]], "bucket_pairs: 'pairs': source 1 is empty: there is"),
        ([], [], "bucket_pairs: 'pairs': sources: no examples"),
    ],
)
def test_pairs_that_are_none_are_named(
    sources: Any, targets: Any, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        data.bucket_pairs(sources, targets)
    assert message in str(caught.value)


def test_a_number_of_buckets_is_at_least_1() -> None:
    with pytest.raises(ArgumentError, match="buckets=0: expected 1 or more"):
        data.bucket_pairs([[1]], [[1]], buckets=0)
