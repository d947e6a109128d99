"""Handwritten digits in ten lines: load, build, fit, evaluate, save, load again."""

import tempfile
from pathlib import Path

import chainrule as cr
from chainrule import data, nn

digits = data.load("digits")
cr.manual_seed(0)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))

history = cr.fit(model, digits.train, loss="cross_entropy", epochs=20, progress=False)
print(history)
print(cr.evaluate(model, digits.test, loss="cross_entropy"))

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "model.safetensors"
    model.save(path)
    again = cr.load(path)
    same = (
        again(digits.test.inputs).numpy() == model(digits.test.inputs).numpy()
    ).all()
    print("loaded network answers the same:", bool(same))
    assert same
