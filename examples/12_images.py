"""Convolution: a small network reads digits as images, and shows a kernel."""

import numpy as np

import chainrule as cr
from chainrule import data, nn

cr.manual_seed(0)
digits = data.load("digits")  # rows of 64 numbers: 8 × 8 points
model = nn.Sequential(
    nn.Unflatten((8, 8, 1)),  # channels last: (N, height, width, channels)
    nn.Conv2d(1, 16, kernel_size=3, padding="same", weight_init="he_uniform"),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Branches(  # kernels of two sizes side by side, as in an Inception block
        nn.Conv2d(16, 16, kernel_size=1),
        nn.Conv2d(16, 16, kernel_size=3, padding="same"),
    ),
    nn.BatchNorm2d(32),
    nn.ReLU(),
    nn.GlobalAvgPool(),
    nn.Linear(32, 10),
)
print(model.summary((64,)))

cr.fit(model, digits.train, epochs=12, progress=False)
accuracy = cr.evaluate(model, digits.test)["accuracy"]
print(f"right on images never seen: {accuracy:.1%}")

kernel = model[1].weight.numpy()[0, :, :, 0]
print("one kernel:", np.array2string(kernel, precision=2), sep="\n")

# What a unit says does not depend on where it looks: a digit one row lower gives
# outputs one row lower.
image = digits.test.inputs[:1].reshape(1, 8, 8, 1)
seen = model[1](image).numpy()
lower = model[1](np.roll(image, 1, axis=1)).numpy()
assert np.allclose(lower[:, 2:-1], seen[:, 1:-2], atol=1e-5)
assert accuracy > 0.93
