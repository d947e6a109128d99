"""Logistic regression as one neuron, by hand: no layer, no optimizer."""

import numpy as np

import chainrule as cr
from chainrule import losses

rng = np.random.default_rng(0)
points = rng.normal(size=(200, 2)).astype("float32")
labels = (points[:, 0] + 2 * points[:, 1] > 0.5).astype("float32")

w = cr.parameter(np.zeros(2, "float32"), name="w")
b = cr.parameter(0.0, name="b")

for step in range(200):
    z = points @ w + b
    loss = losses.binary_cross_entropy(z, labels)
    grads = cr.backprop(loss)
    w.assign(w - 1.0 * grads[w])
    b.assign(b - 1.0 * grads[b])
    if step % 50 == 0:
        print(f"step {step:3d}  loss {loss.item():.4f}")

correct = ((points @ w + b).numpy() > 0) == (labels > 0.5)
print(f"accuracy {correct.mean():.3f}, w = {w.numpy()}, b = {b.item():.3f}")
assert correct.mean() > 0.97
