"""A GPT and an LSTM on Shakespeare's text, five seeds each, beside PyTorch's run of the
same.

nanoGPT's setting for computers without a GPU: 2000 batches of 12 windows of 64
characters, AdamW with weight decay 0.1 for matrices, gradients clipped to norm 1, 100
steps of warm-up, then half a cosine down to a tenth of the rate. The GPT has four
layers of width 128 with four heads and reads windows that begin anywhere; the LSTM has
two layers of 256 and reads twelve rows of the text on and on, its state carried from
batch to batch.

The last tenth is measured in two ways: as nanoGPT estimates it, on 20 batches of 12
windows at random; and whole, every character but the first once. The second number has
no noise of its own; for the GPT it is also given with at least 32 characters before
each, as ``model.evaluate`` measures unless it is told otherwise.

Where PyTorch is installed (``pip install 'chainrule[bench]'``), it trains the same
networks from the same first weights on the same batches, with as many threads.

    chainrule experiment language-models [--quick] [--seed 0] [--resume]

Ten trainings, and ten of PyTorch: an hour or more on two cores. With ``--resume`` those
that are finished are kept, and one that was stopped goes on.

Source: Karpathy, nanoGPT (2022), README: this setting "gets us a loss of only 1.88", an
estimate of the first kind.
"""

from __future__ import annotations

import importlib.util
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import data, losses, models, optim
from chainrule.models.perplexity import BEFORE, overlapping
from chainrule.saving import replace_file

from . import shakespeare
from .record import Clock, Options, Published, Record, fit, save_small

SUMMARY = "a GPT and an LSTM, Shakespeare's characters, beside PyTorch's"
DATA = "Shakespeare's text"
PUBLISHED = (Published("the GPT, estimated", 1.88, "nanoGPT, Karpathy, 2022"),)
NETWORKS = ("gpt", "lstm")
SEEDS, PARTS, STEPS, WARMUP, BATCH_SIZE, LENGTH = 5, 8, 250, 100, 12, 64
RATES, DECAY = {"gpt": 1e-3, "lstm": 4e-3}, 0.1
ESTIMATED = 20  # batches


def run(options: Options) -> Record:
    """All trainings, and what they measured, mean ± standard error."""
    clock = Clock()
    text = shakespeare.read()
    border = int(0.9 * len(text))
    letters = data.Characters.fit(text)
    parts, steps, seeds = (1, 40, 1) if options.quick else (PARTS, STEPS, SEEDS)
    held_out = letters.encode(text[border:])
    held_out = held_out[: 40 * LENGTH] if options.quick else held_out
    ids = letters.encode(text[:border])
    runs: dict[str, list[dict[str, float]]] = {}
    for network in NETWORKS:
        for seed in range(options.seed, options.seed + seeds):
            own = (network, letters, ids, held_out, parts, steps, seed, options)
            runs.setdefault(network, []).append(_kept(f"{network}-{seed}", _ours, own))
            if importlib.util.find_spec("torch") is not None:
                found = _kept(f"{network}-torch-{seed}", _torch, own)
                runs.setdefault(f"{network}, PyTorch", []).append(found)
    _draw(runs, options)
    return Record(
        "language-models",
        SUMMARY,
        measured=_summary(runs),
        published=PUBLISHED,
        seed=options.seed,
        seconds=clock.seconds,
        settings={"steps": parts * steps, "seeds": seeds, "runs": runs},
        pictures=["language-models.png"],
    )


def _summary(runs: dict[str, list[dict[str, float]]]) -> dict[str, float]:
    """Means over the seeds, and their standard errors."""
    found = {}
    for name, several in runs.items():
        for key in several[0]:
            values = [each[key] for each in several]
            found[f"{name}: {key}"] = statistics.fmean(values)
            if len(values) > 1:
                error = statistics.stdev(values) / math.sqrt(len(values))
                found[f"{name}: {key}, ±"] = error
    return found


def _kept(name: str, make: Callable[..., Any], own: tuple[Any, ...]) -> Any:
    """What a training measured; with a folder of checkpoints, as it was kept there."""
    options: Options = own[-1]
    if options.checkpoints is None:
        return make(name, *own)
    file = options.checkpoints / f"{name}.json"
    if not file.is_file():
        found = make(name, *own)
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, json.dumps(found).encode())
    return json.loads(file.read_text(encoding="utf-8"))


# The networks, and their batches. ----------------------------------------------------


def model_of(network: str, letters: data.Characters) -> models.LanguageModel:
    """The network with its first weights, from the default generator."""
    if network == "gpt":
        return models.language_model(letters, "gpt", width=128, length=LENGTH)
    return models.language_model(letters, "lstm", width=256)


def batches_of(network: str, ids: Any, parts: int, steps: int, seed: int) -> Any:
    """The batches of all steps, in parts."""
    if network == "gpt":
        anywhere = shakespeare.anywhere(ids, LENGTH, BATCH_SIZE, steps, seed)

        def windows(part: int) -> Iterator[Any]:
            for x, y in anywhere.batches(part):
                yield (x, np.full(BATCH_SIZE, True)), y

        return data.Stream(windows, length=steps, name="shakespeare")
    row = (len(ids) - 1) // BATCH_SIZE
    whole = row // LENGTH
    first = np.random.default_rng(seed).integers(0, row - whole * LENGTH + 1)
    places = first + row * np.arange(BATCH_SIZE)[:, None] + np.arange(LENGTH)

    def rows(part: int) -> Iterator[Any]:
        for step in range(part * steps, (part + 1) * steps):
            at = places + step % whole * LENGTH
            begins = np.full(BATCH_SIZE, step % whole == 0)
            yield (ids[at], begins), ids[at + 1]

    return data.Stream(rows, length=steps, name="shakespeare")


def estimated(loss: Callable[[Any, Any], float], held_out: Any, seed: int) -> float:
    """The mean loss on 20 batches of windows at random, as nanoGPT estimates it."""
    stream = shakespeare.anywhere(
        held_out, LENGTH, BATCH_SIZE, ESTIMATED, 10_000 + seed
    )
    return statistics.fmean(loss(x, y) for x, y in stream.batches())


# Ours. -------------------------------------------------------------------------------


def optimizer_of(network: str, module: Any, steps: int) -> optim.Optimizer:
    """AdamW, which lets matrices decay and nothing else."""
    matrices = [w for w in module.parameters() if w.ndim >= 2]
    rest = [w for w in module.parameters() if w.ndim < 2]
    rate, warmup = RATES[network], min(WARMUP, steps // 4)
    return optim.AdamW(
        [{"params": matrices}, {"params": rest, "weight_decay": 0.0}],
        optim.Warmup(warmup, optim.Cosine(rate, steps - warmup, rate / 10)),
        betas=(0.9, 0.99),
        weight_decay=DECAY,
        transforms=[optim.ClipNorm(1.0)],
    )


def _ours(
    name: str, network: str, letters: data.Characters, ids: Any, held_out: Any,
    parts: int, steps: int, seed: int, options: Options,
) -> dict[str, float]:  # fmt: skip
    """A training by chainrule."""
    cr.manual_seed(seed)
    model = model_of(network, letters)
    learning = models.NextToken(model, BATCH_SIZE)
    history = fit(
        learning,
        batches_of(network, ids, parts, steps, seed),
        options.part(name),
        optimizer=optimizer_of(network, learning, parts * steps),
        epochs=parts,
        progress=False,
    )
    look = cr.compile(lambda x, y: losses.cross_entropy(model(x), y))

    def loss(x: Any, y: Any) -> float:
        return float(look(x, y).item())

    return {
        "loss, whole last tenth": model.evaluate_tokens(held_out, before=0).loss,
        "loss, estimated": estimated(loss, held_out, seed),
        "loss, more before": model.evaluate_tokens(held_out).loss,
        "seconds": sum(history["seconds"]),
    }


# PyTorch's. --------------------------------------------------------------------------


def _torch(
    name: str, network: str, letters: data.Characters, ids: Any, held_out: Any,
    parts: int, steps: int, seed: int, options: Options,
) -> dict[str, float]:  # fmt: skip
    """The same by PyTorch: first weights, batches, steps."""
    import torch
    from torch.nn import functional as F

    torch.set_num_threads(cr.config.threads)
    cr.manual_seed(seed)
    model = _torch_model(network, model_of(network, letters))
    matrices = [w for w in model.parameters() if w.ndim >= 2]
    rest = [w for w in model.parameters() if w.ndim < 2]
    rate, total = RATES[network], parts * steps
    warmup = min(WARMUP, total // 4)
    groups = [{"params": matrices}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, rate, (0.9, 0.99), weight_decay=DECAY)
    schedule = optim.Warmup(warmup, optim.Cosine(rate, total - warmup, rate / 10))

    def loss_of(x: Any, y: Any, state: Any = None) -> tuple[Any, Any]:
        logits, state = model(torch.from_numpy(x), state)
        flat = logits.view(-1, logits.shape[-1])
        return F.cross_entropy(flat, torch.from_numpy(y).reshape(-1)), state

    began, done, state = time.perf_counter(), 0, None
    stream = batches_of(network, ids, parts, steps, seed)
    for part in range(parts):
        for (x, begins), y in stream.batches(part):
            for group in optimizer.param_groups:
                group["lr"] = float(schedule(done))
            loss, state = loss_of(x, y, None if begins.all() else state)
            state = None if state is None else tuple(s.detach() for s in state)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            done += 1
    seconds = time.perf_counter() - began

    def measured(x: Any, y: Any) -> float:
        with torch.no_grad():
            return float(loss_of(x, y)[0])

    sums, longest = 0.0, LENGTH if network == "gpt" else 4 * BEFORE
    with torch.no_grad():
        for x, y, counts in overlapping(held_out, longest, before=0):
            logits, _ = model(torch.from_numpy(x), None)
            right = torch.from_numpy(y)[..., None]
            nats = -F.log_softmax(logits, -1).gather(-1, right)[..., 0]
            sums += float((nats.numpy() * counts).sum())
    return {
        "loss, whole last tenth": sums / (len(held_out) - 1),
        "loss, estimated": estimated(measured, held_out, seed),
        "seconds": seconds,
    }


def _torch_model(network: str, ours: models.LanguageModel) -> Any:
    """PyTorch's own layers with our first weights, whose names are theirs."""
    import torch
    from torch import nn

    class Gpt(nn.Module):  # type: ignore[misc]
        """Blocks of ``nn.TransformerEncoderLayer``, causal; tied weights."""

        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(ours.network.vocabulary, 128)
            self.positions = nn.Embedding(LENGTH, 128)
            block = nn.TransformerEncoderLayer(
                128, 4, 512, 0.0, "gelu", batch_first=True, norm_first=True, bias=False
            )
            norm = nn.LayerNorm(128, bias=False)
            self.blocks = nn.TransformerEncoder(block, 4, norm, False)
            mask = nn.Transformer.generate_square_subsequent_mask(LENGTH)
            self.register_buffer("mask", mask, persistent=False)

        def forward(self, ids: Any, state: Any) -> tuple[Any, Any]:
            steps = ids.shape[1]
            x = self.embedding(ids) + self.positions.weight[:steps]
            mask = self.mask[:steps, :steps]
            x = self.blocks(x, mask, is_causal=True)
            return x @ self.embedding.weight.T, None

    class Recurrent(nn.Module):  # type: ignore[misc]
        """``nn.LSTM`` between a table and a product."""

        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(ours.network.vocabulary, 256)
            self.recurrence = nn.LSTM(256, 256, 2, batch_first=True)
            self.output = nn.Linear(256, ours.network.vocabulary)

        def forward(self, ids: Any, state: Any) -> tuple[Any, Any]:
            h, state = self.recurrence(self.embedding(ids), state)
            return self.output(h), state

    model = Gpt() if network == "gpt" else Recurrent()
    first = ours.network.state_dict()
    model.load_state_dict({n: torch.from_numpy(v.copy()) for n, v in first.items()})
    return model


def _draw(runs: dict[str, list[dict[str, float]]], options: Options) -> None:
    """The loss of every training against the seconds that it took."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    for name, several in runs.items():
        x = [each["seconds"] for each in several]
        y = [each["loss, whole last tenth"] for each in several]
        filled = {} if "PyTorch" in name else {"facecolors": "none"}
        axes.scatter(x, y, label=name, edgecolors="C0" if "gpt" in name else "C1",
                     color="C0" if "gpt" in name else "C1", **filled)  # fmt: skip
    axes.set(xlabel="seconds of training", ylabel="nats a character, last tenth")
    axes.set_xlim(left=0)
    axes.legend()
    save_small(figure, options.picture("language-models.png"))
