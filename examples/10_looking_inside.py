"""Nothing hidden: a training step's graph, a layer's z, a, δ, ∇W, and a NaN found."""

import numpy as np

import chainrule as cr
from chainrule import losses, nn, optim

cr.manual_seed(0)
model = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 1))
optimizer = optim.SGD(model.parameters(), lr=0.1)
x, y = np.array([[0.5, -1.0]], "float32"), np.array([[1.0]], "float32")


def step(x, y):
    loss = losses.half_squared_error(model(x, training=True), y)
    optimizer.step(cr.backprop(loss))
    return loss


print(cr.trace(step, x, y))
print(cr.explain(model, x, y, loss="half_squared_error"))

try:
    with cr.check_numerics():
        cr.log(cr.tensor([1.0, 0.0])).sum()
except cr.errors.NumericsError as error:
    print(error)
