"""How long an epoch of ``cifar-10`` takes, beside the same training in PyTorch.

The same network, images, batches, changes of the images, and optimizer; the two take
turns, ten batches each, in one process and with as many threads, so a slower minute of
the machine falls on both; an epoch is the fastest turn times their number, since other
work on the machine only adds, and adds most to who waits for two threads at a time.
PyTorch runs eagerly, in whichever of its two layouts is faster. Making and changing the
images is part of the time, and of both.

    chainrule experiment cifar-10-time [--quick]

There is nothing to compare with where PyTorch is not installed: the command says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import data, losses

from . import cifar10
from .record import Clock, Options, Record

LR, TURN, MOST_TURNS = 0.1, 10, 12
SUMMARY = "an epoch of cifar-10, beside PyTorch's"
DATA = "cifar-10"

Step = Callable[[Any, Any], float]


def in_chainrule() -> Step:
    """A compiled step."""
    model = cifar10.network()
    optimizer = cifar10.optimizer_of(model, LR)

    @cr.compile
    def step(x: Any, y: Any) -> Any:
        loss = losses.cross_entropy(model(x, training=True), y)
        optimizer.step(cr.backprop(loss))
        return loss

    return lambda x, y: float(step(x, y).item())


def in_torch(layout: str) -> Step:
    """The usual loop in PyTorch, with channels first or last in memory."""
    import torch

    torch.set_num_threads(cr.config.threads)
    torch.manual_seed(0)
    memory = getattr(torch, layout)
    model = torch_network().to(memory_format=memory)
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=LR,
        momentum=cifar10.MOMENTUM,
        weight_decay=cifar10.DECAY,
        foreach=True,
    )
    loss_of = torch.nn.CrossEntropyLoss()
    mean, std = (
        torch.tensor(each).reshape(1, 3, 1, 1) for each in (cifar10.MEAN, cifar10.STD)
    )

    def step(x: Any, y: Any) -> float:
        images = torch.from_numpy(x).permute(0, 3, 1, 2)
        images = ((images - mean) / std).contiguous(memory_format=memory)
        optimizer.zero_grad()
        loss = loss_of(model(images), torch.from_numpy(y))
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def torch_network() -> Any:
    """ResNet-20 with shortcuts A."""
    from torch import nn
    from torch.nn import functional as f

    class Block(nn.Module):
        def __init__(self, channels: int, width: int, stride: int) -> None:
            super().__init__()
            self.first = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
            self.first_norm = nn.BatchNorm2d(width)
            self.second = nn.Conv2d(width, width, 3, 1, 1, bias=False)
            self.second_norm = nn.BatchNorm2d(width)
            self.stride, self.extra = stride, width - channels

        def forward(self, x: Any) -> Any:
            inner = f.relu(self.first_norm(self.first(x)))
            inner = self.second_norm(self.second(inner))
            if self.extra:
                x = x[:, :, :: self.stride, :: self.stride]
                x = f.pad(x, (0, 0, 0, 0, self.extra // 2, self.extra // 2))
            return f.relu(inner + x)

    layers: list[Any] = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)]
    layers.append(nn.ReLU())
    channels = 16
    for width in (16, 32, 64):
        for block in range(3):
            stride = 2 if width > 16 and block == 0 else 1
            layers.append(Block(channels, width, stride))
            channels = width
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    return nn.Sequential(*layers)


def run(options: Options) -> Record:
    """An epoch of each, turn by turn; seconds, and their ratio."""
    try:
        import torch
    except ImportError:
        raise SystemExit("cifar-10-time: PyTorch is not installed") from None
    clock = Clock()
    cr.manual_seed(options.seed)
    train = cifar10.examples(options).train
    steps = {"chainrule": in_chainrule()}
    for layout in ("contiguous_format", "channels_last"):
        steps[layout] = in_torch(layout)
    seconds = taking_turns(steps, train, options.seed)
    turns = len(train) / (TURN * cifar10.BATCH_SIZE)
    epoch = {name: min(each) * turns for name, each in seconds.items()}
    best = min(("contiguous_format", "channels_last"), key=epoch.__getitem__)
    return Record(
        "cifar-10-time",
        SUMMARY,
        measured={
            "seconds, chainrule": epoch["chainrule"],
            "seconds, PyTorch": epoch[best],
            "PyTorch / chainrule": epoch[best] / epoch["chainrule"],
        },
        published=(),
        seed=options.seed,
        seconds=clock.seconds,
        epochs=1,
        settings={
            "torch": torch.__version__,
            "layout": best,
            "batch_size": cifar10.BATCH_SIZE,
            "images": len(train),
            "batches a turn": TURN,
            "seconds of every turn": seconds,
        },
    )


def taking_turns(
    steps: dict[str, Step], train: data.Dataset, seed: int
) -> dict[str, list[float]]:
    """Who ↦ the seconds of each of its turns, the first batches left out."""
    coming = {
        name: data.batches(train, cifar10.BATCH_SIZE, seed=seed, drop_last=True)
        for name in steps
    }
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for name, step in steps.items():
        for batch in islice(coming[name], 3):  # compiles
            step(*batch)
    turns = min(MOST_TURNS, (len(train) // cifar10.BATCH_SIZE - 3) // TURN)
    for _ in range(turns):
        for name, step in steps.items():
            start = time.perf_counter()
            lost = [step(*batch) for batch in islice(coming[name], TURN)]
            seconds[name].append(time.perf_counter() - start)
            if not np.isfinite(lost).all():
                raise SystemExit(f"cifar-10-time: {name} diverged")
    return seconds
