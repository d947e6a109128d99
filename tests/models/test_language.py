"""Language models: what they learn of a text, what they write, what they say of one."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, models, optim
from chainrule.errors import ArgumentError, ChainruleError, DataError, OptionError
from chainrule.models import generation, gpt
from chainrule.models.perplexity import overlapping
from chainrule.training import callbacks

RHYME = "one two three four five six seven eight nine ten\n"
TEXT = RHYME * 40
LETTERS = data.Characters.fit(TEXT)


def small(network: str = "lstm", **options: Any) -> models.LanguageModel:
    cr.manual_seed(0)
    sizes = {"width": 16, "num_layers": 1, "num_heads": 2, "length": 24} | options
    return models.language_model(LETTERS, network, **sizes)


def fitted(model: models.LanguageModel, epochs: int, length: int = 24) -> Any:
    learning = models.NextToken(model, batch_size=4)
    return cr.fit(
        learning,
        learning.batches(TEXT, length),
        optimizer=optim.Adam(lr=0.02),
        epochs=epochs,
        progress=False,
    )


@pytest.fixture(scope="module")
def trained() -> models.LanguageModel:
    """A small LSTM that knows the rhyme by heart."""
    model = small(width=48)
    fitted(model, 12)
    return model


# What they learn. --------------------------------------------------------------------


def test_a_rhyme_is_learnt_and_written_from_memory(
    trained: models.LanguageModel,
) -> None:
    assert trained.generate("", 2 * len(RHYME), temperature=0) == 2 * RHYME
    assert trained.generate("one two th", 10, temperature=0) == "ree four f"
    assert trained.evaluate(TEXT).perplexity < 1.1


@pytest.mark.parametrize("network", ["gru", "gpt"])
def test_the_other_networks_learn_it_by_the_same_call(network: str) -> None:
    model = small(network)
    before = model.evaluate(RHYME * 4).loss
    history = fitted(model, 3)
    assert history["loss"][-1] < history["loss"][0]
    assert model.evaluate(RHYME * 4).loss < 0.75 * before


def test_rows_are_read_on_and_on_as_a_whole_text_is() -> None:
    """In training, a batch begins with the state in which the last one ended."""
    model = small()
    learning = models.NextToken(model, batch_size=2)
    ids = LETTERS.encode(TEXT)
    rows = np.stack([ids[:49], ids[500:549]])
    whole = learning(rows[:, :48], np.array([True] * 2), rows[:, 1:]).item()
    losses = [
        learning(
            rows[:, at : at + 12],
            np.array([at == 0] * 2),
            rows[:, at + 1 : at + 13],
            training=True,
        ).item()
        for at in range(0, 48, 12)
    ]
    assert np.mean(losses) == pytest.approx(whole, rel=1e-5)
    again = learning(rows[:, :48], np.array([True] * 2), rows[:, 1:], training=True)
    assert again.item() == pytest.approx(whole, rel=1e-5)


def test_gradients_end_where_a_batch_begins() -> None:
    """That of a second batch is that of a text which begins with a given state."""
    model = small()
    learning = models.NextToken(model, batch_size=2)
    ids = LETTERS.encode(TEXT)[:50].reshape(2, 25)
    learning(ids[:, :12], np.array([True] * 2), ids[:, 1:13], training=True)
    state = [learning.state_dict()[f"state_{name}"].copy() for name in "hc"]
    loss = learning(ids[:, 12:24], np.array([False] * 2), ids[:, 13:], training=True)
    found = cr.backprop(loss)
    logits, _ = model.network.go_on(ids[:, 12:24], tuple(state), training=True)
    wanted = cr.backprop(cr.losses.cross_entropy(logits, ids[:, 13:]))
    for name, weight in model.named_parameters():
        np.testing.assert_allclose(
            found[weight].numpy(), wanted[weight].numpy(), 1e-4, 1e-6, err_msg=name
        )


def test_a_run_stopped_in_an_epoch_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    """The state of the rows is in the checkpoint."""

    class Stop(callbacks.Callback):
        def on_batch_end(self, run: Any) -> None:
            if run.step == 3:
                run.stop("half")

    def run(folder: Path | None, *, stop: bool = False) -> models.LanguageModel:
        model = small()
        learning = models.NextToken(model, batch_size=4)
        listeners: list[Any] = [Stop()] if stop else []
        if folder is not None:
            listeners.append(callbacks.Checkpoint(folder))
        cr.fit(
            learning,
            learning.batches(TEXT, 24),
            optimizer=optim.Adam(lr=0.02),
            epochs=1,
            callbacks=listeners,
            progress=False,
            resume=None if folder is None else "auto",
        )
        return model

    whole = run(None)
    run(tmp_path, stop=True)
    again = run(tmp_path)
    for name, weight in whole.state_dict().items():
        assert (weight == again.state_dict()[name]).all(), name


def test_the_batches_of_an_epoch_follow_from_its_seed() -> None:
    learning = models.NextToken(small(), batch_size=3)
    stream = learning.batches(TEXT, 10, seed=4)
    first = [ids for (ids, _), _ in stream.batches(epoch=2)]
    again = [ids for (ids, _), _ in stream.batches(epoch=2)]
    others = [next(stream.batches(epoch))[0][0] for epoch in range(3, 9)]
    assert np.array_equal(first, again)
    assert not all(np.array_equal(first[0], other) for other in others)
    assert len(first) == stream.length
    for (ids, _), following in stream.batches():
        assert (ids[:, 1:] == following[:, :-1]).all()


# What they write. --------------------------------------------------------------------


@pytest.mark.parametrize("network", ["lstm", "gru", "gpt"])
@pytest.mark.parametrize("length", [1, 2, 9, 70, 100])
def test_a_prompt_is_read_in_chunks_as_at_once(network: str, length: int) -> None:
    """The likeliest token after a prompt of any length; of a GPT, in its window."""
    model = small(network, length=128)
    ids = LETTERS.encode(TEXT[3 : 3 + length])[None]
    (found,) = generation.write(model.network, ids, 1, generation.Sampling(0))
    assert found[0] == model(ids).numpy()[0, -1].argmax()


def test_prompts_of_many_lengths_compile_a_handful_of_programs() -> None:
    for network in ("lstm", "gpt"):
        model = small(network, length=64)
        for length in (1, 3, 7, 8, 20, 50):
            model.generate(TEXT[:length], 3, temperature=0.5 + length / 10)
            model.generate(TEXT[:length], 3, top_k=length, top_p=0.9)
        (writer,) = generation.writers.waiting[model.network].values()
        programs = len(writer.next.specialisations) + len(writer.absorb.specialisations)
        assert programs <= 4


@pytest.mark.parametrize("network", ["lstm", "gru", "gpt"])
def test_tokens_are_the_same_however_many_a_call_draws(
    network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small(network, length=16)  # a GPT forgets half of its window now and then
    rules = ({"temperature": 0}, {"temperature": 1.5}, {"top_k": 5, "top_p": 0.9})

    def written(rule: dict[str, Any]) -> list[str]:
        found: list[str] = model.generate(
            ["one two", "three"], 40, generator=cr.random.Generator(3), **rule
        )
        generation.writers.waiting.pop(model.network)  # its programs
        return found

    for rule in rules:
        monkeypatch.setattr(generation, "MOMENT", 0.0)
        singly = written(rule)
        monkeypatch.setattr(generation, "MOMENT", 1e9)
        assert written(rule) == singly
        with monkeypatch.context() as patch:
            patch.setattr(gpt, "LARGE_MEMORY", 0)
            assert written(rule) == singly
        assert singly[0] != singly[1]


def test_a_large_memory_is_read_in_quarters(monkeypatch: pytest.MonkeyPatch) -> None:
    """It writes the same, with three programs more."""
    model = small("gpt", length=16)
    whole = model.generate(["one", "seven"], 40, temperature=0)
    generation.writers.waiting.pop(model.network)
    monkeypatch.setattr(gpt, "LARGE_MEMORY", 0)
    assert model.generate(["one", "seven"], 40, temperature=0) == whole
    (writer,) = generation.writers.waiting[model.network].values()
    assert len(writer.next.specialisations) == 4
    memory = model.network.new_memory(1)
    assert [memory.room(tokens) for tokens in (1, 4, 5, 12, 16)] == [4, 4, 8, 12, 16]


def test_a_gpt_writes_on_when_its_window_is_full() -> None:
    """It then knows the newer half of it, and nothing else."""
    model = small("gpt", length=8)
    written = LETTERS.encode(model.generate("one two", 30, temperature=0))
    ids = np.concatenate([LETTERS.encode("one two"), written])
    held = 7
    for place in range(7, len(ids)):
        logits = model(ids[None, place - held : place]).numpy()[0, -1]
        assert ids[place] == logits.argmax(), place
        held = held + 1 if held < 8 else 4


@pytest.mark.parametrize("network", ["lstm", "gpt"])
def test_pieces_prompts_and_batches_write_the_same_text(network: str) -> None:
    model = small(network)
    pieces = list(model.stream("one", 20, temperature=0))
    one = model.generate("one", 20, temperature=0)
    assert "".join(pieces) == one and len(pieces) == 20
    several = model.generate(["one", "seven", "two"], 20, temperature=0)
    assert several[0] == one
    assert several[1] == model.generate("seven", 20, temperature=0)


def test_what_is_written_depends_on_the_seed_alone(
    trained: models.LanguageModel,
) -> None:
    def write(seed: int) -> Any:
        source = cr.random.Generator(seed)
        return trained.generate("one", 60, temperature=2.0, generator=source)

    assert write(5) == write(5) != write(6)
    (writer,) = generation.writers.waiting[trained.network].values()
    assert len(writer.next.specialisations) <= 2


def test_words_go_on_with_a_blank_and_unknown_is_never_written() -> None:
    words = data.Words.fit("to be , or not to be", 6, special=["pad", "unknown"])
    cr.manual_seed(0)
    model = models.language_model(words, width=8)
    text = model.generate("to", 40, temperature=3.0)
    assert text[0] in " ," and "<" not in text


# How a token is drawn. ---------------------------------------------------------------

LOGITS = np.log(np.array([[0.5, 0.3, 0.15, 0.05]]))
KEPT: dict[str, tuple[generation.Sampling, list[float]]] = {
    "all": (generation.Sampling(), [0.5, 0.3, 0.15, 0.05]),
    "top_k": (generation.Sampling(top_k=2), [0.625, 0.375, 0, 0]),
    "top_p": (generation.Sampling(top_p=0.79), [0.625, 0.375, 0, 0]),
    "top_p, more": (
        generation.Sampling(top_p=0.81),
        [0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0],
    ),
    "top_p, one": (generation.Sampling(top_p=0.01), [1, 0, 0, 0]),
    "both": (generation.Sampling(top_k=3, top_p=0.6), [0.625, 0.375, 0, 0]),
    "cold": (
        generation.Sampling(0.5),
        [0.25 / 0.365, 0.09 / 0.365, 0.0225 / 0.365, 0.0025 / 0.365],
    ),
    "greedy": (generation.Sampling(0), [1, 0, 0, 0]),
    "never the first": (generation.Sampling(never=1), [0, 0.6, 0.3, 0.1]),
    "greedy, never the first": (generation.Sampling(0, never=1), [0, 1, 0, 0]),
}


@pytest.mark.parametrize("name", KEPT)
def test_tokens_are_drawn_with_the_probabilities_that_they_have(name: str) -> None:
    rules, wanted = KEPT[name]
    logits = np.repeat(LOGITS, 20_000, axis=0).astype("f4")
    source = cr.random.Generator(0)
    drawn = generation.sample(logits, rules.amounts(), rules, source).numpy()
    shares = np.bincount(drawn, minlength=4) / len(drawn)
    np.testing.assert_allclose(shares, wanted, atol=0.012)
    assert (shares[np.array(wanted) == 0] == 0).all()


# How well they know a text. ----------------------------------------------------------


@pytest.mark.parametrize("tokens", [2, 3, 9, 24, 25, 26, 50, 97, 1000])
@pytest.mark.parametrize("before", [0, 5, 12, 23])
def test_every_token_but_the_first_is_measured_once(tokens: int, before: int) -> None:
    ids = np.arange(tokens)
    times, least = np.zeros(tokens), []
    for windows, following, counts in overlapping(ids, 24, before):
        assert windows.shape == following.shape == counts.shape
        assert (following == windows + 1).all()
        np.add.at(times, following, counts)
        for row in range(len(windows)):
            if counts[row].any():
                first = int(counts[row].argmax())
                least.append(min(first, int(windows[row, 0]) + first))
                assert first >= before or windows[row, 0] == 0
    assert times[0] == 0 and (times[1:] == 1).all()


def test_a_score_is_the_mean_of_what_was_said_of_every_token() -> None:
    model = small("gpt")
    text = TEXT[:25]
    ids = LETTERS.encode(text)
    logits = model(ids[None, :-1]).numpy()[0].astype(float)
    chances = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    nats = -np.log(chances[np.arange(24), ids[1:]])
    score = model.evaluate(text)
    assert (score.tokens, score.characters, score.unknown) == (24, 24, 0)
    assert score.loss == pytest.approx(nats.mean(), rel=1e-5)
    assert score.perplexity == pytest.approx(math.exp(nats.mean()), rel=1e-5)
    assert score.bits_per_character == pytest.approx(nats.mean() / math.log(2), 1e-5)


def test_bits_of_a_character_do_not_depend_on_how_it_is_cut() -> None:
    """A model that finds all tokens equally likely needs log₂ V bits for each."""
    text = "né 🐌\n" * 20
    for tokenizer, tokens, kinds in (
        (data.Bytes(), 180 - 1, 256),
        (data.Characters.fit(text), 100 - 1, 5),
    ):
        model = models.language_model(tokenizer, "lstm", width=4, num_layers=1)
        model.network.output.weight.assign(model.network.output.weight * 0)
        model.network.output.bias.assign(model.network.output.bias * 0)
        score = model.evaluate(text)
        assert score.tokens == tokens and score.characters == 99
        bits = tokens * math.log2(kinds) / 99
        assert score.bits_per_character == pytest.approx(bits, rel=1e-5)


# Files, and mistakes. ----------------------------------------------------------------


@pytest.mark.parametrize("network", ["lstm", "gru", "gpt"])
def test_a_model_comes_back_from_a_file_with_its_tokenizer(
    network: str, tmp_path: Path
) -> None:
    model = small(network)
    model.save(tmp_path / "rhyme.safetensors")
    again: Any = cr.load(tmp_path / "rhyme.safetensors")
    assert again.tokenizer == model.tokenizer
    written = model.generate("one", 20, temperature=0)
    assert again.generate("one", 20, temperature=0) == written
    learning = models.NextToken(model, 3)
    learning.save(tmp_path / "learning.safetensors")
    other: Any = cr.load(tmp_path / "learning.safetensors")
    assert repr(other) == repr(learning)
    assert learning.state_dict().keys() == other.state_dict().keys()


MISTAKES: dict[str, tuple[Callable[[], Any], type[ChainruleError], str]] = {
    "an unknown character in a prompt": (
        lambda: small().generate("one zwei"),
        DataError,
        "Characters: 'z' at line 1, place 5: it is not among the 16 characters",
    ),
    "one among several prompts": (
        lambda: small().generate(["one", "zwei"]),
        DataError,
        "Characters: 'z' at line 1, place 1: it is not among the 16 characters",
    ),
    "nothing to write": (
        lambda: small().generate("one", 0),
        ArgumentError,
        "generate: steps=0: expected a whole number of at least 1",
    ),
    "colder than 0": (
        lambda: small().generate("one", temperature=-1.0),
        ArgumentError,
        "generate: temperature=-1.0",
    ),
    "no probability": (
        lambda: small().generate("one", top_p=0.0),
        ArgumentError,
        "generate: top_p=0.0: expected a probability above 0",
    ),
    "no tokens": (
        lambda: small().generate("one", top_k=0),
        ArgumentError,
        "generate: top_k=0: expected a whole number of at least 1",
    ),
    "another network": (
        lambda: small("rnn"),
        OptionError,
        "unknown network 'rnn'",
    ),
    "another cell": (
        lambda: models.TokenRNN(5, cell="elman"),
        OptionError,
        "unknown recurrent cell 'elman'",
    ),
    "a network of other tokens": (
        lambda: models.LanguageModel(LETTERS, models.TokenRNN(5, 4)),
        ArgumentError,
        "LanguageModel: Characters(16 tokens: '\\n', ' ', 'e', 'f', 'g', …) and a "
        "network of 5 tokens",
    ),
    "no network of tokens": (
        lambda: models.LanguageModel(LETTERS, cr.nn.Linear(3, 16)),
        ArgumentError,
        "LanguageModel: Linear: expected a network that predicts the next token",
    ),
    "a text that is shorter than a batch": (
        lambda: models.NextToken(small(), 32).batches(TEXT[:100], 24),
        DataError,
        "text: 100 tokens: too few for one batch of 32 × 24 tokens, which takes 792",
    ),
    "a window longer than a GPT's": (
        lambda: models.NextToken(small("gpt"), 2).batches(TEXT, 25),
        ArgumentError,
        "NextToken: length=25: the network looks back on 24 tokens",
    ),
    "no language model": (
        lambda: models.NextToken(cr.nn.Linear(2, 3)),  # type: ignore[arg-type]
        ArgumentError,
        "NextToken: Linear: expected a language model",
    ),
    "a text of one token": (
        lambda: small().evaluate("o"),
        DataError,
        "evaluate: a text of 1 tokens: nothing follows anything",
    ),
    "more tokens before than a window has": (
        lambda: small("gpt").evaluate(TEXT, before=24),
        ArgumentError,
        "evaluate: before=24: expected 0 to 23 tokens",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_clear_error(name: str) -> None:
    mistake, kind, message = MISTAKES[name]
    with pytest.raises(kind) as caught:
        mistake()
    assert caught.value.what.startswith(message)
