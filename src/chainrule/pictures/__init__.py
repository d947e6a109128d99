"""Pictures of a trained network: what it learned, and where it is wrong.

Place on the road: beside the commands; it draws arrays and must not know of tensors,
networks or files; ``decision_boundary`` asks what it is given. Curves over the epochs
are drawn by ``History.plot``.

matplotlib is imported when something is drawn. Where no ``ax`` (or
``figure``, for pictures of many tiles) is given, a new one is made with ``pyplot``, so
that a notebook shows it; inside ``with windowless():`` it belongs to no window.

Colours are those of Okabe and Ito (2008), which colour-blind readers can tell apart;
signed numbers run from blue through white to red, on one scale for all tiles.
"""

from ..public import advise, listing
from .amounts import MOST_POINTS, predicted_against_true, residuals
from .attention import attention_map, attention_maps
from .boundaries import decision_boundary
from .choices import error_over_size, growth_path
from .classes import MOST_MISTAKES, confusion_matrix, worst_mistakes
from .coding import MOST_CODES, codes, neighbour_accuracy, reconstructions
from .curves import learning_curve, validation_curve
from .figures import amount, legend_below, new_figure, prepare, save, windowless
from .forecasts import fan_chart
from .grids import image_grid
from .pens import pen_page, pen_svg
from .speech import alignment
from .units import (
    MOST_TILES,
    activations,
    exciting_patches,
    features,
    filters,
    strongest_patches,
)
from .words import word_map

__all__ = [
    "MOST_CODES",
    "MOST_MISTAKES",
    "MOST_POINTS",
    "MOST_TILES",
    "activations",
    "alignment",
    "amount",
    "attention_map",
    "attention_maps",
    "codes",
    "confusion_matrix",
    "decision_boundary",
    "error_over_size",
    "exciting_patches",
    "fan_chart",
    "features",
    "filters",
    "growth_path",
    "image_grid",
    "learning_curve",
    "legend_below",
    "neighbour_accuracy",
    "new_figure",
    "pen_page",
    "pen_svg",
    "predicted_against_true",
    "prepare",
    "reconstructions",
    "residuals",
    "save",
    "strongest_patches",
    "validation_curve",
    "windowless",
    "word_map",
    "worst_mistakes",
]


advise(__name__, __all__, "package.OPTIONS")
__dir__ = listing(__all__)
