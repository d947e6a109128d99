"""Choosing a model: candidates, cross-validation, growth, and larger searches.

Place on the road: above ``runs``, whose pieces train each candidate; below the command
``chainrule tune``, which says what is found here.

==============  ====================================================================
``space``       what is tried: sizes, learning rates, penalties, dropout
``folds``       the training data in k parts, each once held out
``trials``      one candidate trained on one fold, and measured on what was held out
``journal``     a line on disk for every finished fold
``choice``      mean errors, their standard errors, and which candidate they choose
``growth``      networks made wider and deeper, starting from what they are
``workers``     processes that end with the search, however it ends
``search``      every candidate on every fold, in as many processes as are wanted
``path``        a network that grows while that is gained from
``report``      what was found, in rows, sentences and pictures
``study``       the same by Optuna, in a database that several machines share
==============  ====================================================================
"""

from ..public import advise, listing
from .choice import one_standard_error
from .growth import deepened, widened

__all__ = ["deepened", "one_standard_error", "widened"]

advise(__name__, __all__, "package.OPTIONS")
__dir__ = listing(__all__)
