"""A small GPT on Shakespeare's text: nanoGPT's setting for computers without a GPU.

Four layers of width 128 with four heads, 64 characters of context, 2000 batches of 12
windows that begin anywhere; AdamW with weight decay 0.1 for matrices, gradients clipped
to norm 1, 100 steps of warm-up, then half a cosine down to a tenth of the rate. An
"epoch" is 250 batches.

    chainrule experiment shakespeare-gpt [--quick] [--seed 0] [--resume]

Source: Karpathy, nanoGPT (2022), README: this setting "gets us a loss of only 1.88" on
the validation text, in about three minutes; six layers of width 384, on a GPU, 1.4697.
"""

from __future__ import annotations

import numpy as np

import chainrule as cr
from chainrule import models, optim

from . import shakespeare
from .record import Clock, Options, Published, Record

SUMMARY = "GPT, 4 layers of 128, Shakespeare's characters"
DATA = "Shakespeare's text"
PUBLISHED = (
    Published("this setting, loss", 1.88, "nanoGPT, Karpathy, 2022"),
    Published("6 layers of 384, loss", 1.4697, "nanoGPT, Karpathy, 2022"),
)
LAYERS, HEADS, WIDTH, LENGTH, BATCH_SIZE = 4, 4, 128, 64, 12
EPOCHS, STEPS, WARMUP, LR, DECAY = 8, 250, 100, 1e-3, 0.1


def optimizer_of(model: models.GPT, steps: int) -> optim.Optimizer:
    """AdamW, which lets matrices decay and nothing else."""
    matrices = [w for w in model.parameters() if w.ndim >= 2]
    rest = [w for w in model.parameters() if w.ndim < 2]
    return optim.AdamW(
        [{"params": matrices}, {"params": rest, "weight_decay": 0.0}],
        optim.Warmup(WARMUP, optim.Cosine(LR, steps - WARMUP, LR / 10)),
        betas=(0.9, 0.99),
        weight_decay=DECAY,
        transforms=[optim.ClipNorm(1.0)],
    )


def run(options: Options) -> Record:
    """2000 steps, and a few lines written by the network."""
    clock = Clock()
    cr.manual_seed(options.seed)
    ids, held_out, alphabet = shakespeare.numbers()
    epochs, steps = (1, 120) if options.quick else (EPOCHS, STEPS)
    if options.quick:
        held_out = held_out[: 50 * LENGTH]
    model = models.GPT(len(alphabet), LENGTH, LAYERS, HEADS, WIDTH, bias=False)
    source = shakespeare.anywhere(ids, LENGTH, BATCH_SIZE, steps, options.seed)
    history = shakespeare.train(
        model,
        source,
        shakespeare.windows(held_out, LENGTH),
        optimizer_of(model, epochs * steps),
        options,
        epochs,
        BATCH_SIZE,
    )
    first = np.full((8, 1), alphabet.index(shakespeare.PROMPT))
    rows = model.generate(first, LENGTH - 1, temperature=0.8)
    written = "\n---\n".join("".join(alphabet[i] for i in row).strip() for row in rows)
    return shakespeare.record(
        "shakespeare-gpt", SUMMARY, PUBLISHED, history, model, written, options, clock
    )
