"""A step of a GAN: the discriminator's loss, backward pass and Adam, then the
generator's, by what the new discriminator says of the same fakes.

``MLP`` is 64-256-256-784 against 784-256-256-1, batch 128; ``DCGAN`` has two stages of
32 and 64 maps for images of 28 × 28 and batch normalization, batch 64. Both play the
non-saturating game (Goodfellow et al., 2014; Radford et al., 2016).

Each library draws its own noise and weights; what is compared is how large both losses
are in the first passes over the same images, to a quarter. PyTorch's step is the usual
one: two optimizers, the fused Adam, fakes detached for the discriminator, the gradients
of the generator's loss for the discriminator thrown away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SUMMARY = "GAN: both losses, backward passes and updates by Adam: one step"
MEASURE = "step"
CASES = ("MLP", "DCGAN")
TOLERANCE = 0.25
NOISE, HIDDEN, CHANNELS = 64, 256, (32, 64)
BATCHES = {"MLP": 128, "DCGAN": 64}
RATE, BETAS = 2e-4, (0.5, 0.999)
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Problem:
    """Batches of images with a blob somewhere, flat for the MLP."""

    case: str
    inputs: list[Array]

    @property
    def steps(self) -> int:
        """Steps in a pass."""
        return len(self.inputs)

    def operations(self) -> int:
        """Products and convolutions: forward and two backward ones through the
        generator once, and through the discriminator for data, for fakes, and once
        more for the generator, without its weights' gradients.
        """
        if self.case == "MLP":
            up = NOISE * HIDDEN + HIDDEN * HIDDEN + HIDDEN * 784
            down = 784 * HIDDEN + HIDDEN * HIDDEN + HIDDEN
        else:
            first, second = CHANNELS
            stages = 14 * 14 * 16 * first + 7 * 7 * 16 * first * second
            up = NOISE * 49 * second + stages
            down = stages + 49 * second
        return 2 * BATCHES[self.case] * (3 * up + (3 + 3 + 2) * down)

    def traffic(self) -> tuple[int, int]:
        """The batch is read; weights are few beside it."""
        return self.inputs[0].nbytes, 0


def problem(case: str = CASES[0]) -> Problem:
    """Eight batches."""
    generator = np.random.default_rng(1)
    rows, columns = np.mgrid[:28, :28]
    inputs = []
    for _ in range(8):
        size = BATCHES[case]
        y, x = generator.uniform(6, 22, (2, size, 1, 1))
        squares = (rows - y) ** 2 + (columns - x) ** 2
        images = np.exp(-squares / 18).astype(np.float32)
        shape = (size, 784) if case == "MLP" else (size, 28, 28, 1)
        inputs.append(images.reshape(shape))
    return Problem(case, inputs)


@dataclass(frozen=True)
class Player:
    """What plays.

    Attributes:
        batches: the inputs as the library takes them.
        step: by a batch; returns both losses.
    """

    batches: list[Any]
    step: Callable[[Any], Any]

    def __call__(self, passes: int) -> list[float]:
        """So many passes; the mean of both losses in each."""
        means = []
        for _ in range(passes):
            seen = [self.step(batch) for batch in self.batches]
            means.append(float(np.mean([[float(x) for x in pair] for pair in seen])))
        return means


def chainrule(problem: Problem) -> Player:
    """chainrule: the package's model, both players in one compiled function."""
    import chainrule as cr
    from chainrule import models, nn, optim

    cr.manual_seed(0)
    if problem.case == "MLP":
        gan = models.mlp_gan(784, NOISE, (HIDDEN, HIDDEN), output=nn.Sigmoid)
    else:
        gan = models.dcgan((28, 28, 1), NOISE, CHANNELS)
    adam = optim.Adam(lr=RATE, betas=BETAS)
    players = {p: adam.bound_to(getattr(gan, p).parameters()) for p in gan.players}

    @cr.compile
    def step(batch: Any) -> Any:
        losses = []
        for player, loss in gan.turns(batch, training=True):
            grads, own = cr.backprop(loss), players[player]
            own.step({w: grads[w] for w in own.parameters})
            losses.append(loss)
        return losses

    def work(batch: Any) -> list[float]:
        return [loss.item() for loss in step(batch)]

    return Player([cr.tensor(batch) for batch in problem.inputs], work)


def torch_eager(problem: Problem, compiled: bool = False) -> Player:
    """PyTorch: the usual loop; images with the channels first."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    generator, discriminator = _torch_networks(problem.case)
    how: dict[str, Any] = {"lr": RATE, "betas": BETAS, "fused": True}
    of_generator = torch.optim.Adam(generator.parameters(), **how)
    of_discriminator = torch.optim.Adam(discriminator.parameters(), **how)
    softplus = nn.functional.softplus

    if compiled:  # each: a backward pass through both at once frees what it saved
        generator = torch.compile(generator)
        discriminator = torch.compile(discriminator)

    def step(batch: Any) -> tuple[float, float]:
        of_discriminator.zero_grad(set_to_none=True)
        fake = generator(torch.randn(len(batch), NOISE))
        first = softplus(-discriminator(batch)).mean()
        first = first + softplus(discriminator(fake.detach())).mean()
        first.backward()
        of_discriminator.step()
        of_generator.zero_grad(set_to_none=True)
        second = softplus(-discriminator(fake)).mean()
        second.backward()
        of_generator.step()
        return first.item(), second.item()

    batches = [torch.from_numpy(batch) for batch in problem.inputs]
    if problem.case == "DCGAN":
        batches = [batch.permute(0, 3, 1, 2).contiguous() for batch in batches]
    return Player(batches, step)


def _torch_networks(case: str) -> Any:
    """The same two networks, with first weights drawn alike."""
    from torch import nn

    if case == "MLP":
        up = nn.Sequential(
            nn.Linear(NOISE, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(),
            nn.Linear(HIDDEN, 784), nn.Sigmoid(),
        )  # fmt: skip
        down = nn.Sequential(
            nn.Linear(784, HIDDEN), nn.LeakyReLU(0.2),
            nn.Linear(HIDDEN, HIDDEN), nn.LeakyReLU(0.2), nn.Linear(HIDDEN, 1),
        )  # fmt: skip
        for part in (*up, *down):
            if isinstance(part, nn.Linear):
                last = part.out_features in (1, 784)
                init = nn.init.xavier_uniform_ if last else nn.init.kaiming_uniform_
                init(part.weight) if last else init(part.weight, nonlinearity="relu")
                nn.init.zeros_(part.bias)
        return up, down
    first, second = CHANNELS
    up = nn.Sequential(
        nn.Linear(NOISE, 49 * second), nn.BatchNorm1d(49 * second), nn.ReLU(),
        nn.Unflatten(1, (second, 7, 7)),
        nn.ConvTranspose2d(second, first, 4, 2, 1), nn.BatchNorm2d(first), nn.ReLU(),
        nn.ConvTranspose2d(first, 1, 4, 2, 1), nn.Sigmoid(),
    )  # fmt: skip
    down = nn.Sequential(
        nn.Conv2d(1, first, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv2d(first, second, 4, 2, 1), nn.BatchNorm2d(second), nn.LeakyReLU(0.2),
        nn.Flatten(), nn.Linear(49 * second, 1),
    )  # fmt: skip
    for part in (*up, *down):
        if isinstance(part, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(part.weight, 0.0, 0.02)
            nn.init.zeros_(part.bias)
    return up, down


def torch_compile(problem: Problem) -> Player:
    """PyTorch, both networks compiled by Inductor."""
    return torch_eager(problem, compiled=True)


BUILDERS = {
    "chainrule": chainrule,
    "torch-eager": torch_eager,
    "torch-compile": torch_compile,
}
