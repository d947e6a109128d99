"""A network that recognises digits, from the first keystroke to the test accuracy.

``chainrule train`` as it comes, against the scripts that one would write to the same
end: scikit-learn's digits, a fifth of them kept for the test, 64-256-10, ReLU, Adam, 30
epochs of batches of 32, the weights saved. PyTorch has dropout and the learning rate of
the command (one cycle), scikit-learn has neither. The command also watches validation
data and draws four pictures; the scripts do not. What is compared is the accuracy.
"""

from __future__ import annotations

SUMMARY = "whole run of `chainrule train` (digits), and of scripts to the same end"
MEASURE = "process"
TIMED = "whole"
TOLERANCE = 0.03
MOST_ROUNDS = 3
CASES = ("first time", "again")
WARM = ("again",)

CHAINRULE = """
import os, runpy, sys, tempfile
folder = os.path.join(tempfile.mkdtemp(dir=os.environ["CHAINRULE_CACHE"]), "run")
sys.argv = ["chainrule", "train", "--json", "--out", folder]
runpy.run_module("chainrule", run_name="__main__", alter_sys=True)
"""

DATA = """
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
images, labels = load_digits(return_X_y=True)
x, x_test, y, y_test = train_test_split(
    (images / 16).astype("float32"), labels, test_size=0.2, stratify=labels,
    random_state=0,
)
"""

TORCH = """
import torch
from torch import nn
torch.manual_seed(0)
x, x_test, y, y_test = map(torch.from_numpy, (x, x_test, y, y_test))
model = nn.Sequential(
    nn.Linear(64, 256), nn.ReLU(), nn.Dropout(0.3), nn.Linear(256, 10)
)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, fused=True)
starts = range(0, len(x), 32)
schedule = torch.optim.lr_scheduler.OneCycleLR(
    optimizer, 5e-3, epochs=30, steps_per_epoch=len(starts)
)
for epoch in range(30):
    order = torch.randperm(len(x))
    for start in starts:
        batch = order[start : start + 32]
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
        schedule.step()
model.eval()
with torch.no_grad():
    accuracy = (model(x_test).argmax(1) == y_test).float().mean().item()
torch.save(model.state_dict(), folder + "/model.pt")
"""

SKLEARN = """
import joblib
from sklearn.neural_network import MLPClassifier
model = MLPClassifier(
    (256,), batch_size=32, max_iter=30, n_iter_no_change=30, alpha=0, random_state=0,
    learning_rate_init=5e-3,
)
import warnings
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # 30 epochs are what is asked for
    model.fit(x, y)
accuracy = model.score(x_test, y_test)
joblib.dump(model, folder + "/model.joblib")
"""

BEGIN = """
import json, os
folder = os.environ["CHAINRULE_CACHE"]
"""

END = """
print(json.dumps({"test": {"accuracy": accuracy}}))
"""

PEERS = {
    "chainrule": CHAINRULE,
    "torch-eager": BEGIN + DATA + TORCH + END,
    "sklearn": BEGIN + DATA + SKLEARN + END,
}


def program(peer: str, case: str) -> str:
    """The script of a peer."""
    return PEERS[peer]


def losses(answer: dict[str, dict[str, float]]) -> list[float]:
    """What is compared: the accuracy on the test data."""
    return [answer["test"]["accuracy"]]
