"""Networks as estimators of scikit-learn.

Place on the road: on ``training``, which fits them. They are imported when first used,
and scikit-learn with them.

======================  ==========================================================
``MLPClassifier``       multilayer perceptrons: arguments and attributes are those
``MLPRegressor``        of scikit-learn's, where they mean the same
``ConvClassifier``      a convolutional network for images
``SequenceClassifier``  a recurrent network for sequences, of different lengths too
``NetworkEstimator``    any network: of a function that makes it
``AutoencoderTransformer``
                        codes of X, learned without y, and X again from them
``RBMTransformer``      features of X, how likely X is, and samples
``VAETransformer``      codes of X, X again from them, how likely X is, and samples
======================  ==========================================================

They pass all checks of ``sklearn.utils.estimator_checks``. A pickle of one holds its
arguments and plain arrays.
"""

from typing import TYPE_CHECKING

from ..public import listing, missing_names

if TYPE_CHECKING:
    from .autoencoders import AutoencoderTransformer
    from .boltzmann import RBMTransformer
    from .images import ConvClassifier
    from .networks import NetworkEstimator
    from .perceptrons import MLPClassifier, MLPRegressor
    from .sequences import SequenceClassifier
    from .vaes import VAETransformer

#: Imported when first used, and with them scikit-learn and the SciPy that it needs.
LATER = {
    ".autoencoders": ["AutoencoderTransformer"],
    ".boltzmann": ["RBMTransformer"],
    ".images": ["ConvClassifier"],
    ".networks": ["NetworkEstimator"],
    ".perceptrons": ["MLPClassifier", "MLPRegressor"],
    ".sequences": ["SequenceClassifier"],
    ".vaes": ["VAETransformer"],
}

__all__ = [
    "AutoencoderTransformer",
    "ConvClassifier",
    "MLPClassifier",
    "MLPRegressor",
    "NetworkEstimator",
    "RBMTransformer",
    "SequenceClassifier",
    "VAETransformer",
]

__dir__ = listing(__all__)
if not TYPE_CHECKING:  # so that type checkers still find wrong names
    __getattr__ = missing_names(__name__, options="estimators.OPTIONS", later=LATER)
