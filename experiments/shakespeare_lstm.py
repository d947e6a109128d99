"""Two LSTMs above each other on Shakespeare's text, character by character.

``models.TokenRNN``: two layers of 256 units, dropout 0.3, windows of 64 characters in
batches of 32, Adam, gradients clipped to norm 1, a rate that goes up quickly and down
slowly.

    chainrule experiment shakespeare-lstm [--quick] [--seed 0] [--resume]

There is no published number for this very network. Beside it stands nanoGPT's large one
for this text (Karpathy, 2022, README: 1.4697), with ten times the parameters.
"""

from __future__ import annotations

import chainrule as cr
from chainrule import data, models, optim

from . import shakespeare
from .record import Clock, Options, Published, Record

SUMMARY = "two LSTMs of 256, Shakespeare's characters"
DATA = "Shakespeare's text"
PUBLISHED = (
    Published("GPT, 6 layers of 384, loss", 1.4697, "nanoGPT, Karpathy, 2022"),
)
HIDDEN, LAYERS, DROPOUT, LENGTH, BATCH_SIZE = 256, 2, 0.3, 64, 32
EPOCHS, LR = 10, 4e-3


def run(options: Options) -> Record:
    """Trains, and writes a few hundred characters."""
    clock = Clock()
    cr.manual_seed(options.seed)
    ids, held_out, alphabet = shakespeare.numbers()
    epochs = 1 if options.quick else EPOCHS
    if options.quick:
        ids, held_out = ids[: 1600 * LENGTH], held_out[: 50 * LENGTH]
    model = models.language_model(
        data.Characters(alphabet), width=HIDDEN, num_layers=LAYERS, dropout=DROPOUT
    )
    source = shakespeare.windows(ids, LENGTH)
    steps = epochs * data.num_batches(len(source), BATCH_SIZE)
    optimizer = optim.Adam(
        model.parameters(),
        lr=optim.OneCycle(LR, steps, pct_start=0.1),
        transforms=[optim.ClipNorm(1.0)],
    )
    history = shakespeare.train(
        model,
        source,
        shakespeare.windows(held_out, LENGTH),
        optimizer,
        options,
        epochs,
        BATCH_SIZE,
    )
    written = model.generate(shakespeare.PROMPT, 600, temperature=0.7)
    return shakespeare.record(
        "shakespeare-lstm", SUMMARY, PUBLISHED, history, model, written, options, clock
    )
