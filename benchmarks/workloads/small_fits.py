"""Seconds of a whole training of 100 rows of 10 columns, with 10 hidden units.

That is 200 epochs of batches of 32 by Adam, of scikit-learn's ``MLPClassifier`` and of
``cr.fit``. So small, it is all overhead: compiling, and what a step costs besides its
work. The imports of the library come before and do not count; what it imports only to
train does. "another fit" is one of a new network like one before in the process, as in
the folds of a cross-validation.
"""

from __future__ import annotations

SUMMARY = "training 10-10-2 on 100 rows for 200 epochs, as the first and as another fit"
MEASURE = "process"
TIMED = "inside"
MOST_ROUNDS = 7
TOLERANCE = 0.1
CASES = ("first fit, cold", "first fit", "another fit")
WARM = CASES[1:]

DATA = """
import json, time
import numpy as np
random = np.random.default_rng(0)
x = random.normal(size=(100, 10)).astype("float32")
y = (x[:, 0] + x[:, 1] > 0).astype(int)
"""

CHAINRULE = """
import chainrule as cr
from chainrule import nn
def train():
    cr.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 10), nn.ReLU(), nn.Linear(10, 2))
    cr.fit(model, (x, y), epochs=200, batch_size=32, progress=False)
    return float((cr.predict(model, x).argmax(1) == y).mean())
"""

SKLEARN = """
import warnings
from sklearn.neural_network import MLPClassifier
warnings.simplefilter("ignore")  # 200 epochs are what is asked for
def train():
    model = MLPClassifier(
        (10,), batch_size=32, max_iter=200, n_iter_no_change=200, alpha=0,
        random_state=0,
    )
    return float(model.fit(x, y).score(x, y))
"""

PEERS = {"chainrule": CHAINRULE, "sklearn": SKLEARN}

END = """
for _ in range(BEFORE):
    train()
start = time.perf_counter()
accuracy = train()
print(json.dumps({"seconds": time.perf_counter() - start, "losses": [accuracy]}))
"""


def program(peer: str, case: str) -> str:
    """A program that times a training, the first of its process or the third."""
    before = 2 if case == "another fit" else 0
    return f"BEFORE = {before}\n{DATA}{PEERS[peer]}{END}"
