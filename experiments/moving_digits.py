"""Moving digits: ten frames of a video are read, the next ten are predicted.

Two digits of MNIST move through a frame of 64 × 64 points, each in a straight line of
its own, 3.6 points a frame, and bounce off its edges; where they meet, the brighter
point counts. The network is an encoder and a forecaster, one convolutional LSTM each,
of 64 channels; the forecaster starts from the encoder's state and is given nothing
else. As in the paper, frames are cut into patches of 4 × 4 points, whose points are the
16 channels of a picture of 16 × 16. The paper has up to three layers of 128 and 64
channels and 10 000 videos that are seen again and again; here every video is new.

    chainrule experiment moving-digits [--quick] [--seed 0] [--resume]

Videos to measure on the way are of other training digits than those to train on, videos
to test of the test set's. Beside the network stand the last frame, shown again, and the
mean frame, which knows nothing.

Source: Shi, Chen, Wang, Yeung, Wong & Woo, Convolutional LSTM network (2015), table 1:
nats a frame; the task: Srivastava, Mansimov & Salakhutdinov (2015).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import data, initializers, losses, nn, optim, pictures

from .record import Clock, Options, Published, Record, fit, of_training, save_small

SUMMARY = "the next ten frames of two moving digits, by a convolutional LSTM"
DATA = "mnist"
PUBLISHED = (
    Published("fully connected LSTM, nats a frame", 483.2, "Shi et al., 2015"),
    Published("three ConvLSTMs, nats a frame", 367.1, "Shi et al., 2015"),
)
SIZE, DIGIT, PATCH, SEEN, SPEED = 64, 28, 4, 10, 3.6
CELLS, POINTS = SIZE // PATCH, SIZE * SIZE
CHANNELS, KERNEL = 64, 3
EPOCHS, VIDEOS, BATCH_SIZE, MAX_LR = 10, 4000, 16, 2e-3
QUICK_EPOCHS, QUICK_VIDEOS, QUICK_CHANNELS = 2, 128, 8
#: Videos that are measured, and some of them that are drawn.
MEASURED, DRAWN = 1000, 3

Array = np.ndarray[Any, Any]


def videos(digits: Array, count: int, rng: np.random.Generator) -> Array:
    """``count`` videos of two digits, (N, 20, 64, 64) from 0 to 1.

    Arguments:
        digits: (D, 28, 28).
        rng: chooses digits, places and directions.
    """
    room = SIZE - DIGIT
    frames = np.zeros((count, 2 * SEEN, SIZE, SIZE), np.float32)
    steps = np.arange(2 * SEEN)[:, None]
    for video in frames:
        for digit in digits[rng.integers(0, len(digits), 2)]:
            angle = rng.uniform(0, 2 * np.pi)
            way = SPEED * np.array([np.sin(angle), np.cos(angle)])
            path = rng.uniform(0, room, 2) + steps * way
            places = room - abs(path % (2 * room) - room)  # bounces
            for frame, (top, left) in zip(
                video, places.round().astype(int), strict=True
            ):
                part = frame[top : top + DIGIT, left : left + DIGIT]
                np.maximum(part, digit, out=part)
    return frames


def patches(frames: Array) -> Array:
    """(N, T, 64, 64) as (N, T, 16, 16, 16): the points of a patch are channels."""
    n, t = frames.shape[:2]
    cut = frames.reshape(n, t, CELLS, PATCH, CELLS, PATCH)
    return cut.transpose(0, 1, 2, 4, 3, 5).reshape(n, t, CELLS, CELLS, PATCH**2)


def whole(cut: Array) -> Array:
    """What ``patches`` cut, put together again."""
    n, t = cut.shape[:2]
    frames = cut.reshape(n, t, CELLS, CELLS, PATCH, PATCH)
    return frames.transpose(0, 1, 2, 4, 3, 5).reshape(n, t, SIZE, SIZE)


class Forecaster(nn.Module):
    """Reads frames, and predicts as many.

    Shapes: patches (N, T, 16, 16, 16) → the logits of the next T frames, alike.
    """

    def __init__(self, channels: int) -> None:
        self.encoder = nn.ConvLSTM(PATCH**2, channels, KERNEL, forget_bias=1.0)
        self.forecaster = nn.ConvLSTM(1, channels, KERNEL, forget_bias=1.0)
        rare = initializers.constant(-3.0)  # one point in twenty is ink
        self.out = nn.Conv2d(channels, PATCH**2, 1, bias_init=rare)

    def forward(self, x: Any) -> Any:
        """The logits of the points of the frames to come."""
        _, state = self.encoder(x)
        h, _ = self.forecaster(cr.zeros((*x.shape[:-1], 1)), state)
        z = self.out(h.reshape(-1, *h.shape[2:]))
        return z.reshape(*x.shape)


def nats(logits: Any, targets: Any) -> Any:
    """Cross-entropy of a frame, the sum over its points."""
    return POINTS * losses.binary_cross_entropy(logits, targets)


def examples(digits: Array, count: int, seed: int) -> tuple[Array, Array]:
    """The seen and the coming halves of videos that a number determines."""
    cut = patches(videos(digits, count, np.random.default_rng(seed)))
    return cut[:, :SEEN], cut[:, SEEN:]


def run(options: Options) -> Record:
    """Trains on videos that are made on the way, and tests on 1000 others."""
    clock = Clock()
    cr.manual_seed(options.seed)
    split = data.load("mnist", flatten=False)
    train, test = (
        np.asarray(part.inputs)[..., 0] for part in (split.train, split.test)
    )
    quick = options.quick
    epochs = QUICK_EPOCHS if quick else EPOCHS
    count = QUICK_VIDEOS if quick else VIDEOS
    measured = QUICK_VIDEOS if quick else MEASURED
    batches = count // BATCH_SIZE

    def make(epoch: int) -> Iterator[tuple[Array, Array]]:
        for number in range(batches):
            seed = (options.seed + 1) * 10**6 + epoch * batches + number
            yield examples(train[:-5000], BATCH_SIZE, seed)

    model = Forecaster(QUICK_CHANNELS if quick else CHANNELS)
    optimizer = optim.Adam(
        model.parameters(),
        optim.OneCycle(MAX_LR, epochs * batches),
        transforms=[optim.ClipNorm(1000.0)],
    )
    history = fit(
        model,
        data.Stream(make, length=batches),
        options,
        loss=nats,
        validation=data.Dataset(*examples(train[-5000:], measured // 4, 1)),
        optimizer=optimizer,
        epochs=epochs,
        batch_size=BATCH_SIZE,
        metrics=[],
    )
    seen, coming = examples(test, measured, 2)
    logits = np.asarray(cr.predict(model, seen))
    predicted = 1 / (1 + np.exp(-logits))
    with pictures.windowless():
        figure = drawing(seen, coming, predicted)
        save_small(figure, options.picture("moving-digits.png"), 90)
    return Record(
        "moving-digits",
        SUMMARY,
        measured={
            "nats a frame": float(nats(logits, coming).item()),
            "squared error a frame": squared(predicted, coming),
            "squared error a frame, last frame": squared(seen[:, -1:], coming),
            "squared error a frame, mean frame": squared(
                seen.mean((0, 1), keepdims=True), coming
            ),
            "squared error of the tenth frame": squared(
                predicted[:, -1:], coming[:, -1:]
            ),
        },
        published=PUBLISHED,
        seed=options.seed,
        seconds=clock.seconds,
        pictures=["moving-digits.png"],
        **of_training(history, model, videos=epochs * batches * BATCH_SIZE),
    )


def squared(predicted: Array, coming: Array) -> float:
    """Σ (ŷ − y)² over the points of a frame, the mean over frames and videos."""
    return float(((predicted - coming) ** 2).mean() * POINTS)


def drawing(seen: Array, coming: Array, predicted: Array) -> Any:
    """Of some videos the frames seen, those that came, and those predicted."""
    rows = [
        frame
        for i in range(DRAWN)
        for part in (seen, coming, predicted)
        for frame in whole(part[i : i + 1])[0]
    ]
    title = "seen; what came; what was predicted"
    return pictures.image_grid(np.stack(rows), columns=SEEN, title=title)
