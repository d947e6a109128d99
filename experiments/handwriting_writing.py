"""Handwriting written by a network: lines of digits, kanji, sheep and letters.

Graves's network (2013): two layers of an LSTM with peepholes, and a mixture of twenty
normal distributions with correlation for the next point of the pen. Of lines of digits,
put together from the pen digits of UCI, a soft window tells it what to write; sketches
of three kinds (kanji, sheep, and the letters of Omniglot) it draws by itself. The epoch
with the least loss on held-out drawings is kept. Measured is −ln p a point of the test
drawings, in units of the root mean square of an offset, beside two pens that know
nothing of what they did before: one normal distribution, and a mixture of twenty.

    chainrule experiment handwriting-writing [--quick] [--seed 0] [--resume]

Coordinates in the files are whole numbers; each is moved by chance within its unit, so
that no density can grow by guessing them. The lines of digits are of other writers than
those that were learned from.

Found by others: −1041.0 to −1057.7 nats a sequence without texts, −1096.9 to −1128.2
with them, on IAM-OnDB (Graves, Generating sequences with recurrent neural networks,
2013), a set that is not free to download: the numbers here are of other pens.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from chainrule import data, models, optim, pictures
from chainrule.runs.memoryless_pens import MemorylessPen
from chainrule.training import callbacks

from .record import (
    Clock,
    Options,
    Published,
    Record,
    Results,
    fit,
    save_small,
    seconds_of_epoch,
)

SUMMARY = "a pen's LSTM with a mixture and a window: digits, kanji, sheep, Omniglot"
DATA = "pendigits, sketch-rnn"
PUBLISHED = (
    Published("nats a sequence, IAM-OnDB, with texts", "−1096.9 to −1128.2",
              "Graves, 2013"),
)  # fmt: skip
#: Set ↦ epochs of its training; an epoch of each is a million points at most.
EPOCHS = {"digits": 40, "kanji": 40, "sheep": 20, "omniglot": 20}
LINES, HIDDEN, BATCH_SIZE, LR, COMPONENTS = 6000, 128, 32, 0.004, 20
QUICK_DRAWINGS, QUICK_EPOCHS, QUICK_HIDDEN = 96, 4, 24
TEXT = "271828"

Drawings = list[data.Drawing]


def parts(name: str, options: Options) -> tuple[Drawings, Drawings, Drawings]:
    """Drawings for training, for choosing the epoch, and for the test."""
    if name == "digits":
        every, test = data.pen_digits(), data.pen_digits("test")
        writers = sorted({str(each.writer) for each in every}, key=int)
        held = set(
            np.random.default_rng(options.seed).permutation(writers)[:5].tolist()
        )
        count = QUICK_DRAWINGS if options.quick else LINES
        groups = (
            [each for each in every if each.writer not in held],
            [each for each in every if each.writer in held],
            test,
        )
        found = [
            data.random_lines(group, size, length=(1, 2) if options.quick else (2, 6),
                              seed=options.seed + number)
            for number, (group, size) in enumerate(
                zip(groups, (count, count // 10, count // 10), strict=True))
        ]  # fmt: skip
    else:
        found = [data.sketches(name, part) for part in ("train", "valid", "test")]
        if options.quick:
            small = [[each for each in part if len(each) <= 64] for part in found]
            sizes = (QUICK_DRAWINGS, QUICK_DRAWINGS // 4, QUICK_DRAWINGS // 4)
            found = [each[:size] for each, size in zip(small, sizes, strict=True)]
    made = [moved_by_chance(part, number) for number, part in enumerate(found)]
    return made[0], made[1], made[2]


def moved_by_chance(drawings: Drawings, seed: int) -> Drawings:
    """Every point somewhere within its unit."""
    source = np.random.default_rng(seed)
    return [
        data.Drawing(
            [each + source.uniform(-0.5, 0.5, each.shape) for each in drawing.strokes],
            drawing.label,
            drawing.writer,
        )
        for drawing in drawings
        if len(drawing) > 1
    ]


def train(
    name: str, options: Options
) -> tuple[models.PenWriter, dict[str, float], Any]:
    """A writer, its nats a point beside those of pens without memory, and the history
    of its training.
    """
    quick = options.quick
    cr.manual_seed(options.seed)
    given, held, test = parts(name, options)
    writer = models.PenWriter.of(
        given,
        texts=name == "digits",
        hidden_size=QUICK_HIDDEN if quick else HIDDEN,
        components=3 if quick else COMPONENTS,
    )
    epochs = QUICK_EPOCHS if quick else EPOCHS[name]
    size = 16 if quick else BATCH_SIZE
    steps = epochs * -(-len(given) // size)
    history = fit(
        models.PenWriting(writer),
        writer.examples(given, buckets=1 if quick else 4),
        options.part(name),
        validation=writer.examples(held, buckets=1),
        optimizer=optim.Adam(
            lr=optim.OneCycle(0.01 if quick else LR, steps),
            transforms=[optim.ClipNorm(1.0)],
        ),
        epochs=epochs,
        batch_size=size,
        callbacks=[callbacks.EarlyStopping("validation_loss", epochs)],
        progress=False,
    )
    rows, new = writer.rows(given), writer.rows(test)
    found = {
        name: writer.score(test).loss,
        f"{name}, one normal distribution": MemorylessPen(rows).nats(new),
        f"{name}, mixture without memory": MemorylessPen(rows, COMPONENTS).nats(new),
    }
    return writer, found, history


def draw_samples(
    written: dict[str, models.PenWriter], drawn: Drawings, options: Options
) -> str:
    """What the networks write: a line at three biases and after a prime; sketches."""
    figure = pictures.new_figure(9, 7.2)
    top, *below = figure.subfigures(4, 1, height_ratios=(2.2, 1, 1, 1))
    most = 60 if options.quick else 1200
    grid = top.subplots(2, 2).ravel()
    text = TEXT[:2] if options.quick else TEXT
    writer = written["digits"]
    for ax, bias in zip(grid, (0.0, 0.5, 2.0), strict=False):
        (line,) = writer.write([text], bias=bias, seed=options.seed + 1, most=most)
        show(ax, line, f"{text}, bias {bias:g}")
    (line,) = writer.write([text], bias=1.0, most=most, prime=drawn[0])
    show(grid[3], line, f"{text}, in the hand of a test writer")
    for part, name in zip(below, ("kanji", "sheep", "omniglot"), strict=True):
        made = written[name].write(8, bias=0.5, seed=options.seed, most=most // 4)
        part.suptitle(name, x=0.03, y=0.5, ha="left", fontsize=9)
        for ax, each in zip(part.subplots(1, 8), made, strict=True):
            show(ax, each, "")
    save_small(figure, options.picture("handwriting-writing.png"), 80)
    return "handwriting-writing.png"


def draw_window(writer: models.PenWriter, line: data.Drawing, options: Options) -> str:
    """A line of a test writer, and what the window had of each digit at every point."""
    figure = pictures.new_figure(9, 3.2)
    left, right = figure.subplots(1, 2)
    show(left, line, "a line that was never seen")
    shares = writer.attention(line).T
    right.imshow(shares, aspect="auto", cmap="Greys", interpolation="nearest")
    right.set(xlabel="point", ylabel="character", title="the window: φ(t, u)")
    right.set_yticks(range(len(str(line.label))), list(str(line.label)))
    figure.tight_layout()
    save_small(figure, options.picture("handwriting-window.png"), 80)
    return "handwriting-window.png"


def show(ax: Any, drawing: data.Drawing, title: str) -> None:
    """A drawing in a part of a picture."""
    for stroke in drawing.strokes:
        if len(stroke) == 1:
            ax.plot(stroke[:, 0], stroke[:, 1], ".", color="#222", ms=2)
        ax.plot(stroke[:, 0], stroke[:, 1], color="#222", lw=1)
    ax.set_aspect("equal", "datalim")
    ax.invert_yaxis()
    ax.set_axis_off()
    ax.set_title(title, fontsize=8)


def run(options: Options) -> Record:
    """Trains four networks, measures them, and has them write."""
    clock = Clock()
    results = Results(options.checkpoints)
    writers: dict[str, models.PenWriter] = {}
    histories = {}
    for name in EPOCHS:
        writers[name], found, histories[name] = train(name, options)
        for key, value in found.items():
            results.keep(key, value)
    lines = parts("digits", options)[2]
    drawn = [draw_samples(writers, lines, options),
             draw_window(writers["digits"], lines[0], options)]  # fmt: skip
    own = {f"nats a point, {name}": results.found[name] for name in EPOCHS}
    others = {k: v for k, v in results.found.items() if k not in EPOCHS}
    history = histories["digits"]
    return Record(
        "handwriting-writing",
        SUMMARY,
        measured={**own, **others},
        published=PUBLISHED,
        seed=options.seed,
        seconds=clock.seconds,
        epochs=sum(len(each.epochs) for each in histories.values()),
        seconds_per_epoch=seconds_of_epoch(history.epochs),
        settings={
            **history.settings,
            "parameters": {k: w.num_parameters for k, w in writers.items()},
            "scale": {name: w.scale for name, w in writers.items()},
        },
        history=history.epochs,
        pictures=drawn,
    )
