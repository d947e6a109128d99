"""The last layer of a classifier of 22 000 classes: one training step by SGD.

512 features, batches of 128. A full softmax; a softmax over 1024 drawn classes; and a
tree of yes-or-no questions, Huffman's for counts that fall as 1 / rank. In all the
gradient goes back into the features as well.

PyTorch has the first as a layer; the others are written with ``embedding`` and sparse
gradients, which its SGD adds to the rows alone.

At best, a step multiplies the features with the rows that it touches, three times, and
reads and writes these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import Work
from .training import by_batch

SUMMARY = "last layer of 22 000 classes, 512 features, batch 128, SGD: one step"
MEASURE = "step"
CASES = ("full softmax", "sampled softmax", "hierarchical softmax")
#: Each library draws classes of its own.
TOLERANCE = 0.05
CLASSES, FEATURES, BATCH, DRAWN, RATE, BATCHES = 22_000, 512, 128, 1024, 0.1, 8


@dataclass(frozen=True)
class Problem:
    """Features, labels, and how often each class occurs."""

    case: str
    inputs: list[NDArray[np.float32]]
    targets: list[NDArray[np.int64]]
    counts: NDArray[np.float64]
    nodes: NDArray[np.int64]
    signs: NDArray[np.float32]

    @property
    def steps(self) -> int:
        """Steps in a pass."""
        return len(self.inputs)

    @property
    def rows(self) -> int:
        """How many rows of the weight a batch touches; of paths, with repetitions."""
        if self.case == CASES[0]:
            return CLASSES
        if self.case == CASES[1]:
            return DRAWN + BATCH
        return int(np.abs(self.signs[self.targets[0]]).sum())

    def operations(self) -> int:
        """Three products: logits, and both gradients."""
        each = self.rows if self.case == CASES[2] else BATCH * self.rows
        return 3 * 2 * each * FEATURES

    def traffic(self) -> tuple[int, int]:
        """The rows are read and written; the batch is read."""
        rows = 4 * FEATURES * min(self.rows, CLASSES)
        return rows + self.inputs[0].nbytes, rows


def problem(case: str = CASES[0]) -> Problem:
    """Classes drawn by their counts."""
    from chainrule.nn.many_classes.huffman import huffman

    random = np.random.default_rng(0)
    counts = 1e6 / np.arange(1.0, CLASSES + 1)
    share = counts / counts.sum()
    shape = (BATCH, FEATURES)
    inputs = [random.normal(size=shape).astype(np.float32) for _ in range(BATCHES)]
    targets = [random.choice(CLASSES, BATCH, p=share) for _ in range(BATCHES)]
    tree = huffman(counts)
    nodes, signs = tree.nodes.astype(np.int64), tree.signs.astype(np.float32)
    return Problem(case, inputs, targets, counts, nodes, signs)


def chainrule(problem: Problem) -> Work:
    """chainrule: a layer and the loss, or the layer that is the loss."""
    import chainrule as cr
    from chainrule import losses, nn, optim

    cr.manual_seed(0)
    zero: dict[str, Any] = {"weight_init": "zeros"}
    head: Any
    if problem.case == CASES[0]:
        head = nn.Linear(FEATURES, CLASSES, **zero)
    elif problem.case == CASES[1]:
        head = nn.SampledSoftmax(FEATURES, problem.counts, DRAWN, **zero)
    else:
        head = nn.HierarchicalSoftmax(FEATURES, problem.counts)
    optimizer = optim.SGD(head.parameters(), lr=RATE)

    @cr.compile
    def step(x: Any, labels: Any) -> Any:
        if problem.case == CASES[0]:
            loss = losses.cross_entropy(head(x), labels)
        else:
            loss = head(x, labels, training=True)
        gradients = cr.backprop(loss)
        optimizer.step(gradients)
        return loss, gradients[x]

    pairs = zip(problem.inputs, problem.targets, strict=True)
    batches = [(cr.tensor(x), cr.tensor(y)) for x, y in pairs]
    return by_batch(lambda x, y: step(x, y)[0].item(), batches)


def torch_eager(problem: Problem) -> Work:
    """PyTorch."""
    import torch
    from torch.nn import functional as F

    torch.manual_seed(0)
    rows = CLASSES - (problem.case == CASES[2])
    weight = torch.zeros(rows, FEATURES, requires_grad=True)
    bias = torch.zeros(rows, 1, requires_grad=True)
    optimizer = torch.optim.SGD([weight, bias], lr=RATE)
    share = torch.tensor(problem.counts / problem.counts.sum(), dtype=torch.float32)
    log_expected = torch.log(DRAWN * share)
    nodes, signs = torch.tensor(problem.nodes), torch.tensor(problem.signs)

    def full(x: Any, y: Any) -> Any:
        return F.cross_entropy(F.linear(x, weight, bias[:, 0]), y)

    def sampled(x: Any, y: Any) -> Any:
        drawn = torch.multinomial(share, DRAWN, replacement=True)
        w = F.embedding(torch.cat([y, drawn]), weight, sparse=True)
        b = F.embedding(torch.cat([y, drawn]), bias, sparse=True)[:, 0]
        right = (x * w[:BATCH]).sum(1) + b[:BATCH]
        others = x @ w[BATCH:].T + b[BATCH:] - log_expected[drawn]
        others = others.masked_fill(drawn == y[:, None], -1e30)
        total = torch.logsumexp(torch.cat([right[:, None], others], 1), 1)
        return (total - right).mean()

    def tree(x: Any, y: Any) -> Any:
        sign = signs[y]
        w = F.embedding(nodes[y], weight, sparse=True)
        z = sign * (w @ x[:, :, None])[:, :, 0]
        return (F.softplus(-z) * sign.abs()).sum(1).mean()

    loss_of = dict(zip(CASES, (full, sampled, tree), strict=True))[problem.case]

    def step(x: Any, y: Any) -> Any:
        x.grad = None
        optimizer.zero_grad()
        loss = loss_of(x, y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    pairs = zip(problem.inputs, problem.targets, strict=True)
    batches = [(torch.tensor(x, requires_grad=True), torch.tensor(y)) for x, y in pairs]
    return by_batch(step, batches)


BUILDERS = {"chainrule": chainrule, "torch-eager": torch_eager}
