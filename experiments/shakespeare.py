"""What the experiments with Shakespeare's text share: the text, batches, the record.

The text is ``text/tinyshakespeare_input.txt`` of the data folder: 1 115 394 characters,
65 different ones, put together by Karpathy for char-rnn (2015). The first nine tenths
are trained on; the last tenth is measured, once more after each part of the training,
and nothing is chosen by it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule import data, optim
from chainrule.training import callbacks

from .record import Clock, Options, Published, Record, data_file, fit, of_training

FILE = "text/tinyshakespeare_input.txt"
PROMPT = "\n"


def read() -> str:
    """The whole text."""
    return data_file(FILE, "the text is").read_text(encoding="utf-8")


def numbers() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], str]:
    """The characters as numbers: nine tenths, one tenth; and the alphabet."""
    text = read()
    alphabet = "".join(sorted(set(text)))
    places = {each: place for place, each in enumerate(alphabet)}
    ids = np.array([places[each] for each in text], np.int64)
    border = int(0.9 * len(ids))
    return ids[:border], ids[border:], alphabet


def windows(ids: Any, length: int) -> data.Dataset:
    """All of a text in windows one after another, and what follows each character."""
    rows = (len(ids) - 1) // length
    inputs, targets = (ids[i : i + rows * length].reshape(rows, -1) for i in (0, 1))
    return data.Dataset(inputs, targets, name="shakespeare", task="none")


def anywhere(
    ids: Any, length: int, batch_size: int, steps: int, seed: int
) -> data.Stream:
    """Batches of windows that begin anywhere, ``steps`` of them an epoch."""

    def make(epoch: int) -> Iterator[tuple[Any, Any]]:
        rng = np.random.default_rng([seed, epoch])
        for _ in range(steps):
            starts = rng.integers(0, len(ids) - length, (batch_size, 1))
            places = starts + np.arange(length)
            yield ids[places], ids[places + 1]

    return data.Stream(make, length=steps, name="shakespeare")


def train(
    model: Any,
    source: Any,
    held_out: data.Dataset,
    optimizer: optim.Optimizer,
    options: Options,
    epochs: int,
    batch_size: int,
) -> Any:
    """The history of a training."""
    return fit(
        model,
        source,
        options,
        loss="cross_entropy",
        validation=held_out,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch_size,
        metrics=[],
        callbacks=[callbacks.LearningRateLog()],
    )


def record(
    name: str,
    summary: str,
    published: Sequence[Published],
    history: Any,
    model: Any,
    written: str,
    options: Options,
    clock: Clock,
) -> Record:
    """The loss after the last part, in nats and in bits a character; what it writes."""
    nats = history["validation_loss"][-1]
    history.plot(options.picture(f"{name}-training.png"))
    text = options.picture(f"{name}.txt")
    text.write_text(written.strip("\n") + "\n", encoding="utf-8")
    return Record(
        name,
        summary,
        measured={
            "loss on the last tenth": nats,
            "bits a character": nats / math.log(2),
            "training loss": history["loss"][-1],
        },
        published=published,
        seed=options.seed,
        seconds=clock.seconds,
        pictures=[f"{name}-training.png", f"{name}.txt"],
        **of_training(history, model),
    )
