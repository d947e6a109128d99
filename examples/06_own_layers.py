"""Layers of one's own: a skip, shared weights, two inputs and two outputs."""

import numpy as np

import chainrule as cr
from chainrule import nn


class Residual(nn.Module):
    """x + f(x), with dropout inside: `training` is handed on."""

    def __init__(self, width):
        self.inner = nn.Linear(width, width)
        self.drop = nn.Dropout(0.5)

    def forward(self, x, training=False):
        return x + self.drop(cr.tanh(self.inner(x)), training=training)


class Siamese(nn.Module):
    """The same layers for both inputs; answers a distance and the two codes."""

    def __init__(self):
        self.encode = nn.Sequential(nn.Linear(4, 8), Residual(8), nn.Linear(8, 2))

    def forward(self, left, right, training=False):
        a = self.encode(left, training=training)
        b = self.encode(right, training=training)
        return cr.norm(a - b, axis=1), cr.concatenate([a, b], axis=1)


cr.manual_seed(0)
net = Siamese()
x = np.ones((3, 4), "float32")
distance, codes = net(x, 2 * x, training=True)
print(net)
print("distances", distance.numpy(), "codes", codes.shape)

loss = distance.mean()
grads = cr.backprop(loss)
for name, parameter in net.named_parameters():
    length = cr.norm(grads[parameter]).item()
    print(f"{name:24s} {parameter.shape!s:8s} |∇| = {length:.4f}")
