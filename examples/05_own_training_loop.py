"""A training loop of one's own: a compiled step, a schedule, and clipped gradients."""

import chainrule as cr
from chainrule import data, losses, nn, optim

digits = data.load("digits")
cr.manual_seed(0)
model = nn.Sequential(
    nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10)
)
optimizer = optim.Adam(
    model.parameters(),
    lr=optim.Cosine(0.003, steps=450),
    transforms=[optim.ClipNorm(1.0)],
)


@cr.compile
def step(images, labels):
    logits = model(images, training=True)
    loss = losses.cross_entropy(logits, labels)
    optimizer.step(cr.backprop(loss))
    return loss


for epoch in range(10):
    for images, labels in data.batches(digits.train, 32, epoch=epoch, seed=0):
        loss = step(images, labels)
    print(f"epoch {epoch + 1:2d}  loss {loss.item():.4f}")

predicted = cr.predict(model, digits.test.inputs).argmax(axis=1)
accuracy = (predicted == digits.test.targets).mean()
print(f"test accuracy {accuracy:.4f}")
assert accuracy > 0.95
