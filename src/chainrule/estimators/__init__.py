"""Networks as estimators of scikit-learn.

Place on the road: on ``training``, which fits them. Imported when it is first used, and
scikit-learn with it.

======================  ==========================================================
``MLPClassifier``       multilayer perceptrons: arguments and attributes are those
``MLPRegressor``        of scikit-learn's, where they mean the same
``ConvClassifier``      a convolutional network for images
``SequenceClassifier``  a recurrent network for sequences, of different lengths too
``NetworkEstimator``    any network: of a function that makes it
======================  ==========================================================

They pass all checks of ``sklearn.utils.estimator_checks``. A pickle of one holds its
arguments and plain arrays.
"""

from typing import TYPE_CHECKING

from ..public import advise, listing, missing_names
from .images import ConvClassifier
from .networks import NetworkEstimator
from .perceptrons import MLPClassifier, MLPRegressor
from .sequences import SequenceClassifier

__all__ = [
    "ConvClassifier",
    "MLPClassifier",
    "MLPRegressor",
    "NetworkEstimator",
    "SequenceClassifier",
]

advise(__name__, __all__, "estimators.OPTIONS")
__dir__ = listing(__all__)
if not TYPE_CHECKING:  # so that type checkers still find wrong names
    __getattr__ = missing_names(__name__)
