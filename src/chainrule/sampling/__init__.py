"""Draws from any log density: Hamiltonian Monte Carlo, NUTS, Langevin dynamics.

Place on the road: beside ``nn`` and ``optim``, which it does not need: a density is any
function of a tensor. Posteriors of networks, ``models.bayesian``, are built on it.
"""

from typing import TYPE_CHECKING

from ..public import listing, missing_names
from .diagnostics import ess_bulk, ess_mean, ess_tail, r_hat
from .draws import Draws
from .hamiltonian import hmc
from .langevin import LangevinDraws, sgld
from .nuts import nuts

__all__ = [
    "Draws",
    "LangevinDraws",
    "ess_bulk",
    "ess_mean",
    "ess_tail",
    "hmc",
    "nuts",
    "r_hat",
    "sgld",
]

__dir__ = listing(__all__)
if not TYPE_CHECKING:  # so that type checkers still find wrong names
    __getattr__ = missing_names(__name__)
