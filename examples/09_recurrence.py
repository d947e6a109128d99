"""Backpropagation through time: a plain recurrent network learns a running parity."""

import numpy as np

import chainrule as cr
from chainrule import losses, nn, optim

rng = np.random.default_rng(0)
bits = rng.integers(0, 2, size=(6, 256, 1)).astype("float32")  # (time, batch, 1)
parity = np.cumsum(bits, axis=0) % 2

cr.manual_seed(0)
width = 16
to_hidden = nn.Linear(1 + width, width)
to_output = nn.Linear(width, 1)
parameters = [*to_hidden.parameters(), *to_output.parameters()]
optimizer = optim.Adam(parameters, lr=0.01)


def network(sequence):
    def step(hidden, x):
        hidden = cr.tanh(to_hidden(cr.concatenate([x, hidden], axis=1)))
        return hidden, to_output(hidden)

    start = cr.zeros((sequence.shape[1], width))
    _, outputs = cr.scan(step, start, sequence)
    return outputs


@cr.compile
def train_step(sequence, targets):
    loss = losses.binary_cross_entropy(network(sequence), targets)
    optimizer.step(cr.backprop(loss))
    return loss


for step in range(600):
    loss = train_step(bits, parity)
    if step % 100 == 0:
        print(f"step {step:3d}  loss {loss.item():.4f}")
right = (network(bits).numpy() > 0) == parity
print(f"right at every time step: {right.mean(axis=(1, 2))}")
assert right.mean() > 0.95
