"""XOR: no line separates it, two layers do."""

import numpy as np

import chainrule as cr
from chainrule import losses, nn, optim

x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
y = np.array([[0], [1], [1], [0]], "float32")


def train(model):
    optimizer = optim.Adam(model.parameters(), lr=0.05)

    @cr.compile
    def step(x, y):
        loss = losses.binary_cross_entropy(model(x, training=True), y)
        optimizer.step(cr.backprop(loss))
        return loss

    for _ in range(500):
        step(x, y)
    return ((model(x).numpy() > 0) == y).mean()


cr.manual_seed(0)
one_layer = train(nn.Linear(2, 1))
two_layers = train(nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)))
print(f"one layer: {one_layer:.0%} right; two layers: {two_layers:.0%} right")
assert one_layer <= 0.75 and two_layers == 1.0
