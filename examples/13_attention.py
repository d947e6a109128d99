"""Attention: a small GPT learns to write words backwards."""

import numpy as np

import chainrule as cr
from chainrule import losses, optim
from chainrule.models import GPT

LETTERS = "abcdefgh>"  # ">" says: now backwards
SIZE = 4

rng = np.random.default_rng(0)
cr.manual_seed(0)
model = GPT(len(LETTERS), 2 * SIZE + 1, num_layers=2, num_heads=2, width=32)
optimizer = optim.Adam(model.parameters(), lr=optim.OneCycle(0.005, 200))


def words(count):
    """Word, ">", and the word backwards: (count, 2 · SIZE + 1) numbers."""
    word = rng.integers(0, len(LETTERS) - 1, (count, SIZE))
    arrow = np.full((count, 1), len(LETTERS) - 1)
    return np.concatenate([word, arrow, word[:, ::-1]], axis=1)


@cr.compile
def step(text):
    logits = model(text[:, :-1], training=True)[:, SIZE:]  # what follows the arrow
    loss = losses.cross_entropy(logits, text[:, SIZE + 1 :])
    optimizer.step(cr.backprop(loss))
    return loss


for number in range(200):
    loss = step(words(64))
    if number % 50 == 49:
        print(f"step {number + 1}  loss {loss.item():.4f}")

test = words(200)
# Greedy writing: every step reads one letter; a cache keeps the keys of the others.
written = model.generate(test[:, : SIZE + 1], SIZE, temperature=0)
right = (written == test).mean()
for row in written[:3]:
    print("   ", "".join(LETTERS[each] for each in row))
print(f"letters that are right: {right:.1%}")
assert right > 0.95
