"""What a training run is: its folder, settings, data, network and scores.

Place on the road: above everything that trains and explains, below the commands, which
print what is found here.

==================  ===============================================================
``saved_run``       ``load_run``, and what it returns
``overview``        the runs of a folder side by side
``importance``      which columns predictions rest on
``example``         one example, to be explained
``predictions``     what a network says, in the words and units of its data
``folder``          what a run leaves on disk
``settings``        everything a run was made with, as JSON
``sources``         the data of a run: a named set or a person's table
``new_data``        rows and images to predict, and to measure a network on
``network``         the network of a run
``plan``            the settings of a new run, from options and defaults
``learning``        a run prepared, trained and tested
``architectures``   the networks for images, by name
``feature_models``  the models that learn features without targets, by name
``feature_plan``    the settings of a new run of such a model
``feature_learning``  how it is trained
``feature_report``  its scores and pictures, those of PCA beside
``first_layer``     what the first layer of such a network looks for and finds
``report``          scores and pictures
``baselines``       scores that cost nothing: the commonest class, a linear model
``linear_models``   ridge and logistic regression, without scikit-learn's import
==================  ===============================================================
"""

from typing import TYPE_CHECKING

from ..public import listing, missing_names

if TYPE_CHECKING:
    from .importance import Importance as Importance
    from .overview import RunSummary as RunSummary
    from .overview import list_runs as list_runs
    from .predictions import Predictions as Predictions
    from .saved_run import SavedRun as SavedRun
    from .saved_run import load_run as load_run

__all__ = [
    "Importance",
    "Predictions",
    "RunSummary",
    "SavedRun",
    "list_runs",
    "load_run",
]

__dir__ = listing(__all__)
if not TYPE_CHECKING:  # so that type checkers still find wrong names
    __getattr__ = missing_names(
        __name__,
        later={
            ".importance": ("Importance",),
            ".overview": ("RunSummary", "list_runs"),
            ".predictions": ("Predictions",),
            ".saved_run": ("SavedRun", "load_run"),
        },
    )
