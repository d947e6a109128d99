"""Chorales of Bach: which notes come next, and one that no one has written.

229 chorales for training, 76 for choosing, 77 for testing (Boulanger-Lewandowski's
split), a step for each quarter note, 88 keys of a piano that sound or not. A network
reads the steps so far and says for each key how probable it is in the next; each key is
then taken for itself, as in the works below. Measured is the negative log-likelihood of
a step: the sum over 88 keys, the mean over all steps but the first of each chorale, as
Bai et al. count; that over all steps stands beside it.

    chainrule experiment chorales [--quick] [--seed 0] [--resume]

A GRU, an LSTM and a temporal convolution are trained, each with dropout; the epoch with
the least loss on the chorales held out is kept. ``"moved"`` in the settings is the loss
of a GRU for which every chorale is moved by up to ``SHIFT`` half tones, anew in every
epoch: what is the same in every key is then all that it can learn.

Found by others: recurrent networks 8.71, a restricted Boltzmann machine at each step
7.27 and with Hessian-free training 6.27 (Boulanger-Lewandowski, Bengio & Vincent,
2012); GRU 8.43, LSTM 8.45, temporal convolution 8.10 (Bai, Kolter & Koltun, 2018).
The Boltzmann machines know which keys sound together; a network here does not.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import chainrule as cr
from chainrule import data, losses, models, nn, optim, pictures
from chainrule.training.callbacks import EarlyStopping

from .record import (
    Clock,
    Options,
    Published,
    Record,
    data_file,
    fit,
    save_small,
    seconds_of_epoch,
)

SUMMARY = "GRU, LSTM and temporal convolution on Bach's chorales, and one of their own"
DATA = "JSB chorales"
FILE = "jsb-chorales/jsb-chorales-quarter.json"
PUBLISHED = (
    Published("RNN", 8.71, "Boulanger-Lewandowski et al., 2012"),
    Published("GRU", 8.43, "Bai, Kolter & Koltun, 2018"),
    Published("LSTM", 8.45, "the same"),
    Published("TCN", 8.10, "the same"),
)
LOWEST, KEYS = 21, 88
NETWORKS = ("gru", "lstm", "tcn")
HIDDEN, DROPOUT, BATCH_SIZE, LR = 256, 0.4, 4, 3e-3
EPOCHS, PATIENCE, SHIFT = 80, 15, 5
QUICK_EPOCHS, QUICK_CHORALES = 6, 48
#: Steps of the chorale that is drawn, and how fast it is played.
LENGTH, BEATS_A_MINUTE = 64, 80


class Keys(nn.Module):
    """What is probable next: logits of the 88 keys after every step.

    Arguments:
        kind: "gru", "lstm" or "tcn".
        hidden: H.
        dropout: of the input's and the output's features, in training.
    """

    depends_on_training: ClassVar[bool] = True
    outputs_loss: ClassVar[bool] = True

    def __init__(self, kind: str, hidden: int, dropout: float) -> None:
        self.kind = kind
        if kind == "tcn":
            self.body: Any = models.TCN(KEYS, [hidden] * 4, 3, dropout)
        else:
            layer = nn.GRU if kind == "gru" else nn.LSTM
            self.body = layer(KEYS, hidden)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, KEYS)

    def logits(self, x: Any, training: bool = False) -> Any:
        """(N, T, 88) of what follows each step of x (N, T, 88)."""
        h = self.body(x, training=training)  # (N, T, H)
        h = h if self.kind == "tcn" else h[0]
        return self.output(self.dropout(h, training=training))

    def forward(self, x: Any, lengths: Any, training: bool = False) -> Any:
        """The negative log-likelihood of a step: all steps but the first of each."""
        lost = self.lost(x, lengths, training)  # (N, T)
        return lost[:, 1:].sum() / (lengths - 1).sum()

    def lost(self, x: Any, lengths: Any, training: bool = False) -> Any:
        """(N, T): of every step, given those before it; 0 after the end."""
        before = cr.concatenate([x[:, :1] * 0.0, x[:, :-1]], axis=1)
        z = self.logits(before, training)
        real = cr.arange(x.shape[1]) < lengths[:, None]
        each = losses.bernoulli_nll(
            z.reshape(-1, KEYS), x.reshape(-1, KEYS), reduction="none"
        )
        return cr.where(real, each.reshape(*x.shape[:2]), 0.0)


def chorales() -> dict[str, list[Any]]:
    """The chorales of each part, (T, 88) bool each."""
    text = data_file(FILE, "the chorales are").read_text(encoding="utf-8")
    return {
        part: [_sounding(each) for each in several]
        for part, several in json.loads(text).items()
    }


def _sounding(steps: Sequence[Sequence[float]]) -> Any:
    found = np.zeros((len(steps), KEYS), np.float32)
    for row, pitches in enumerate(steps):
        found[row, [int(pitch) - LOWEST for pitch in pitches]] = 1
    return found


def padded(given: Sequence[Any]) -> tuple[Any, Any]:
    """Chorales as (N, T, 88), and how long each is; T is one of a few lengths, for each
    of which a program is compiled.
    """
    lengths = np.array([len(each) for each in given])
    found = np.zeros((len(given), -(-lengths.max() // 32) * 32, KEYS), np.float32)
    for row, each in enumerate(given):
        found[row, : len(each)] = each
    return found, lengths


def batches(given: Sequence[Any], size: int, shift: int, seed: int) -> data.Stream:
    """Batches of chorales of like lengths, each moved by some half tones.

    Arguments:
        given: the chorales.
        size: how many are in a batch.
        shift: by how much they are moved at most, up or down.
        seed: of what is random.
    """
    order = np.argsort([len(each) for each in given], kind="stable")
    parts = [padded([given[i] for i in order[n : n + size]])
             for n in range(0, len(order), size)]  # fmt: skip

    def make(epoch: int) -> Any:
        rng = np.random.default_rng((seed, epoch))
        for number in rng.permutation(len(parts)):
            x, lengths = parts[number]
            moved = np.zeros_like(x)
            for row, by in enumerate(rng.integers(-shift, shift + 1, len(x))):
                moved[row] = np.roll(x[row], by, axis=1)
            yield ((moved, lengths),)

    return data.Stream(make, length=len(parts))


def likelihood(model: Keys, given: Sequence[Any]) -> tuple[float, float]:
    """The negative log-likelihood of a step, without the first of each, and with it."""
    total, first, steps = 0.0, 0.0, 0
    lost_of = cr.compile(model.lost)
    order = sorted(given, key=len)
    for start in range(0, len(order), BATCH_SIZE):
        x, lengths = padded(order[start : start + BATCH_SIZE])
        lost = np.asarray(lost_of(x, lengths).numpy(), np.float64)
        total += lost.sum()
        first += lost[:, 0].sum()
        steps += int(lengths.sum())
    return (total - first) / (steps - len(order)), total / steps


def train(kind: str, parts: Any, options: Options, shift: int = 0) -> Any:
    """A network with the weights of its best epoch, and its history."""
    cr.manual_seed(options.seed)
    quick = options.quick
    model = Keys(kind, 32 if quick else HIDDEN, DROPOUT)
    given = parts["train"]
    if quick:  # of one length, for which one program is made
        given = [each for each in given if 32 < len(each) <= 64][:QUICK_CHORALES]
    epochs = QUICK_EPOCHS if quick else EPOCHS
    held = batches(parts["valid"][: 16 if quick else None], BATCH_SIZE, 0, 0)
    learning = batches(given, BATCH_SIZE, shift, options.seed)
    rate = optim.Cosine(LR if not quick else 0.01, epochs * len(learning), 1e-4)
    history = fit(
        model, learning, options.part(f"{kind}-{shift}"), validation=held,
        optimizer=optim.Adam(lr=rate, transforms=[optim.ClipNorm(1.0)]), epochs=epochs,
        callbacks=[EarlyStopping("validation_loss", PATIENCE)],
    )  # fmt: skip
    return model, history


def sample(model: Keys, steps: int, seed: int) -> Any:
    """A chorale of its own, (T, 88): every key is drawn by its probability."""
    rng = np.random.default_rng(seed)
    logits = cr.compile(model.logits)
    found = np.zeros((1, steps + 1, KEYS), np.float32)
    for step in range(steps):
        z = np.asarray(logits(found).numpy())[0, step]
        found[0, step + 1] = rng.random(KEYS) < 1 / (1 + np.exp(-1.5 * z))
    return found[0, 1:]


def midi(sounding: Any, path: Path) -> None:
    """Writes keys that sound as a MIDI file of format 0: a quarter note a step; keys
    that go on sounding are held.
    """
    ticks, late = 480, 0
    track = b"\x00\xff\x51\x03" + struct.pack(">I", 60_000_000 // BEATS_A_MINUTE)[1:]
    before = np.zeros(KEYS, bool)
    for now in [*np.asarray(sounding, bool), np.zeros(KEYS, bool)]:
        for status, keys in ((0x80, before & ~now), (0x90, now & ~before)):
            for key in np.flatnonzero(keys):
                track += _variable(late) + bytes((status, int(key) + LOWEST, 72))
                late = 0
        late += ticks
        before = now
    track += b"\x00\xff\x2f\x00"
    head = b"MThd" + struct.pack(">IHHH", 6, 0, 1, ticks)
    path.write_bytes(head + b"MTrk" + struct.pack(">I", len(track)) + track)


def _variable(number: int) -> bytes:
    """A number in the seven bits of each byte, all but the last marked."""
    found = [number & 127]
    while number := number >> 7:
        found.append(number & 127 | 128)
    return bytes(reversed(found))


def draw(histories: Any, real: Any, own: Any, options: Options) -> str:
    """The losses over the epochs, a chorale of Bach, and one of the network."""
    figure = pictures.new_figure(9, 6.2)
    grid = figure.add_gridspec(2, 2, height_ratios=[1, 1.1])
    ax = figure.add_subplot(grid[0, :])
    for (kind, history), color in zip(
        histories.items(), ("#0072B2", "#D55E00", "#009E73"), strict=False
    ):
        ax.plot(history["validation_loss"], color=color, label=kind, lw=1.8)
        ax.plot(history["loss"], color=color, lw=0.8, ls=":")
    ax.axhline(8.43, color="#777777", lw=0.8)
    ax.set(xlabel="epoch", ylabel="negative log-likelihood a step", ylim=(6, 14))
    ax.set_title("held-out chorales; training dotted; the line: 8.43, GRU, Bai et al.")
    ax.legend(frameon=False)
    for place, (title, keys) in enumerate((("Bach", real), ("the network", own))):
        roll = figure.add_subplot(grid[1, place])
        shown = keys[:LENGTH, 15:70].T
        extent = (0, shown.shape[1], 15 + LOWEST, 70 + LOWEST)
        roll.imshow(shown, aspect="auto", origin="lower", cmap="Greys",
                    interpolation="nearest", extent=extent)  # fmt: skip
        roll.set(title=title, xlabel="quarter notes", ylabel="MIDI pitch")
    figure.tight_layout()
    save_small(figure, options.picture("chorales.png"), 80)
    return "chorales.png"


def run(options: Options) -> Record:
    """Trains the networks, measures the best on the test chorales, writes one."""
    clock, parts = Clock(), chorales()
    measured: dict[str, float] = {}
    every, settings, histories, held = {}, {}, {}, {}
    names = NETWORKS[:1] if options.quick else NETWORKS
    for kind in names:
        model, history = train(kind, parts, options)
        every[kind], histories[kind] = model, history
        held[kind] = min(history["validation_loss"])
        without, whole = likelihood(model, parts["test"])
        measured[f"{kind.upper()}, a step"] = without
        settings[kind] = {
            "all steps": whole,
            "held-out": held[kind],
            "parameters": model.num_parameters,
            "epochs": len(history.epochs),
        }
    if not options.quick:
        other, _ = train("gru", parts, options, shift=SHIFT)
        settings["moved"] = likelihood(other, parts["test"])[0]
    best = min(held, key=lambda kind: held[kind])
    own = sample(every[best], LENGTH, options.seed)
    midi(own, options.picture("chorale.mid"))
    return Record(
        "chorales",
        SUMMARY,
        measured=measured,
        published=PUBLISHED,
        seed=options.seed,
        seconds=clock.seconds,
        epochs=len(histories[best].epochs),
        seconds_per_epoch=seconds_of_epoch(histories[best].epochs),
        settings={**histories[best].settings, "networks": settings, "chosen": best},
        history=histories[best].epochs,
        pictures=[draw(histories, parts["test"][0], own, options), "chorale.mid"],
    )
