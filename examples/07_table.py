"""A table with numbers, categories and gaps, and predictions in its own units."""

import tempfile
from pathlib import Path

import numpy as np

import chainrule as cr
from chainrule import data, nn

rng = np.random.default_rng(0)
rows = ["area,rooms,district,price"]
for _ in range(400):
    area, rooms = rng.uniform(30, 150), int(rng.integers(1, 6))
    district = rng.choice(["north", "south", "old town"])
    extra = {"north": 0, "south": 30, "old town": 80}[district]
    price = 2.5 * area + 10 * rooms + extra
    shown = "" if rng.random() < 0.05 else f"{area:.1f}"
    rows.append(f"{shown},{rooms},{district},{price + rng.normal(0, 5):.1f}")

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "houses.csv"
    path.write_text("\n".join(rows))
    table = data.read_table(path, target="price")

print(table.explanation)
split = table.split(test=0.25, seed=0)
width = split.train.inputs.shape[1]
cr.manual_seed(0)
model = nn.Sequential(nn.Linear(width, 32), nn.ReLU(), nn.Linear(32, 1))
cr.fit(model, split.train, loss="mse", epochs=60, progress=False)

predicted = split.transform.inverse_target(cr.predict(model, split.test.inputs))
true = split.transform.inverse_target(split.test.targets)
error = np.abs(np.ravel(predicted) - np.ravel(true)).mean()
print(f"mean absolute error: {error:.1f} (prices average {np.mean(true):.0f})")
assert error < 0.15 * np.mean(true)
