"""Training: the loop, its callbacks, metrics and histories.

Place on the road: above ``nn``, ``losses``, ``optim`` and beside ``data``; below the
models, the estimators and the command.

======================  ==========================================================
``fit``                 trains a network; returns its ``History``
``find_lr``             learning rates to begin with
``evaluate``            loss and metrics on data      ``predict``  outputs for inputs
``metrics``             accuracy, F1, R² …, exact over batches
``callbacks``           early stopping, checkpoints, …; ``describe_loop`` prints the
                        loop's events
======================  ==========================================================
"""

from typing import TYPE_CHECKING

from ..public import advise, listing, missing_names
from . import callbacks, metrics
from .evaluation import Evaluation, evaluate, predict
from .events import Callback, describe_loop
from .history import History
from .loop import fit
from .run import Run

if TYPE_CHECKING:
    from .learning_rates import LearningRates, find_lr

#: Imported when first used: most programs fit.
LATER = {".learning_rates": ["LearningRates", "find_lr"]}

__all__ = [
    "Callback",
    "Evaluation",
    "History",
    "LearningRates",
    "Run",
    "callbacks",
    "describe_loop",
    "evaluate",
    "find_lr",
    "fit",
    "metrics",
    "predict",
]


advise(__name__, __all__, "training.FIT")
__dir__ = listing(__all__)
if not TYPE_CHECKING:  # so that type checkers still find wrong names
    __getattr__ = missing_names(__name__, options="training.FIT", later=LATER)
