"""The character model: what it learns of a text, and what it writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.errors import ArgumentError, ChainruleError, DataError
from chainrule.models import CharLSTM

RHYME = "one two three four five six seven eight nine ten\n"


def alphabet(text: str) -> str:
    return "".join(sorted(set(text)))


@pytest.fixture(scope="module")
def trained() -> CharLSTM:
    """A small model that knows the rhyme by heart."""
    cr.manual_seed(0)
    text = RHYME * 30
    model = CharLSTM(alphabet(text), hidden_size=48, num_layers=1, width=8)
    cr.fit(
        model,
        model.windows(text, 60),
        optimizer=optim.Adam(model.parameters(), lr=0.02),
        epochs=60,
        batch_size=8,
        progress=False,
    )
    return model


def test_a_rhyme_is_learnt_and_written_from_memory(trained: CharLSTM) -> None:
    written = trained.sample(2 * len(RHYME), temperature=0)
    assert written == 2 * RHYME
    assert trained.sample(10, "one two th", temperature=0) == "ree four f"


def test_what_is_written_depends_on_the_seed_alone(trained: CharLSTM) -> None:
    def write() -> str:
        source = cr.random.Generator(5)
        return trained.sample(60, temperature=2.0, generator=source)

    assert write() == write()
    other = trained.sample(60, temperature=2.0, generator=cr.random.Generator(6))
    assert other != write()
    assert set(other) <= set(trained.characters)


def test_reading_in_two_parts_is_reading_in_one(trained: CharLSTM) -> None:
    ids = trained.encode(RHYME)[None]
    whole = trained(ids).numpy()
    first, state = trained.read(ids[:, :20])
    second, _ = trained.read(ids[:, 20:], state)
    joined = np.concatenate([first.numpy(), second.numpy()], axis=1)
    np.testing.assert_allclose(joined, whole, rtol=2e-5, atol=1e-5)


def test_text_becomes_numbers_and_text_again() -> None:
    model = CharLSTM(alphabet(RHYME), 4)
    assert model.decode(model.encode(RHYME)) == RHYME
    inputs, targets = model.windows(RHYME, 6)
    assert inputs.shape == targets.shape == (8, 6)
    assert model.decode(inputs.ravel()) == RHYME[:48]
    assert model.decode(targets.ravel()) == RHYME[1:49]


def test_a_model_comes_back_from_a_file(trained: CharLSTM, tmp_path: Path) -> None:
    trained.save(tmp_path / "rhyme.safetensors")
    again = CharLSTM(**trained.settings())
    again.load(tmp_path / "rhyme.safetensors")
    assert again.sample(len(RHYME), temperature=0) == RHYME


def test_the_text_of_a_play_is_learnt_beyond_its_letters(data_folder: Path) -> None:
    """Better than the frequencies of letters, and of pairs of letters, can be."""
    text = (data_folder / "text" / "tinyshakespeare_input.txt").read_text()[:40_000]
    cr.manual_seed(0)
    model = CharLSTM(alphabet(text), hidden_size=96, num_layers=1, width=32)
    history = cr.fit(
        model,
        model.windows(text, 50),
        optimizer=optim.Adam(model.parameters(), lr=8e-3),
        epochs=5,
        batch_size=16,
        progress=False,
    )
    ids = model.encode(text)
    pairs = np.zeros((len(model.characters),) * 2)
    np.add.at(pairs, (ids[:-1], ids[1:]), 1)
    joint = pairs / pairs.sum()
    given = joint[joint > 0] / (joint.sum(1, keepdims=True) + 0 * joint)[joint > 0]
    of_pairs = -(joint[joint > 0] * np.log(given)).sum()
    assert history["loss"][-1] < of_pairs - 0.2


MISTAKES: dict[str, tuple[Callable[[], Any], type[ChainruleError], str]] = {
    "an unknown character": (
        lambda: CharLSTM("abc", 4).sample(3, "ax"),
        DataError,
        "CharLSTM: character 'x' at place 1 of the text: it is not among the model's 3",
    ),
    "a character twice": (
        lambda: CharLSTM("abca", 4),
        ArgumentError,
        "CharLSTM: characters: 'a' is there twice: each is one number",
    ),
    "no alphabet": (
        lambda: CharLSTM("a", 4),
        ArgumentError,
        "CharLSTM: characters='a': expected a text of at least two",
    ),
    "a text without a window": (
        lambda: CharLSTM("abc", 4).windows("abcabc", 6),
        DataError,
        "CharLSTM: a text of 6 characters has no window of 6 and one that follows",
    ),
    "nothing to write": (
        lambda: CharLSTM("abc", 4).sample(0),
        ArgumentError,
        "sample: steps=0: expected a whole number of at least 1",
    ),
    "colder than 0": (
        lambda: CharLSTM("abc", 4).sample(3, temperature=-1.0),
        ArgumentError,
        "sample: temperature=-1.0",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_clear_error(name: str) -> None:
    mistake, kind, message = MISTAKES[name]
    with pytest.raises(kind) as caught:
        mistake()
    assert caught.value.what.startswith(message)
