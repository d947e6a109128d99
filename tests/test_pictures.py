"""Pictures show the numbers that they are given, legibly, for every size of data."""

from __future__ import annotations

import re

import numpy as np
import pytest

from chainrule import pictures
from chainrule.errors import ArgumentError, DataError, OptionError, ShapeError
from chainrule.pictures.grids import coloured
from chainrule.pictures.tiles import FRAME

SOURCE = np.random.default_rng(0)


def saved(figure) -> bytes:
    """The figure as a PNG file's bytes; drawing it must raise no warning."""
    from io import BytesIO

    file = BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def axes(width: float = 5, height: float = 5):
    """One plot on a figure that no window knows."""
    return pictures.new_figure(width, height).subplots()


def test_confusion_matrix_shows_every_count_and_the_share_that_is_right() -> None:
    counts = np.array([[8, 2, 0], [0, 10, 0], [1, 0, 4]])
    ax = pictures.confusion_matrix(counts, ["cat", "dog", "long name"], axes())
    assert [text.get_text() for text in ax.texts] == ["8", "2", "10", "1", "4"]
    assert ax.get_title() == "22 of 25 correct (88.0 %)"
    assert [tick.get_text() for tick in ax.get_xticklabels()] == [
        "cat",
        "dog",
        "long name",
    ]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")
    assert saved(ax.figure)


def test_confusion_matrix_colours_mistakes_apart_from_hits() -> None:
    ax = pictures.confusion_matrix(np.array([[9, 1], [0, 10]]), None, axes())
    colours = np.asarray(ax.images[0].get_array())
    assert colours[0, 0, 2] > colours[0, 0, 0]  # blue: right
    assert colours[0, 1, 0] > colours[0, 1, 2]  # orange: wrong
    assert np.allclose(colours[1, 0], 1)  # white: never


@pytest.mark.parametrize("classes", [2, 26, 150])
def test_confusion_matrix_of_any_number_of_classes(classes) -> None:
    counts = SOURCE.integers(0, 5, (classes, classes))
    assert saved(pictures.confusion_matrix(counts, None, axes()).figure)
    assert saved(pictures.confusion_matrix(0 * counts, None, axes()).figure)


@pytest.mark.parametrize(
    ("shape", "units"), [((8, 8), 5), ((8, 8, 1), 70), ((4, 5, 3), 10), ((1, 7), 1)]
)
def test_features_are_tiles_on_one_scale(shape, units) -> None:
    weights = SOURCE.normal(size=(units, int(np.prod(shape))))
    figure = pictures.features(weights, shape, pictures.new_figure(1, 1))
    tiles, scale = figure.axes
    assert len(tiles.images) == 1  # all of them: an axes for each takes seconds
    shown = np.asarray(tiles.images[0].get_array())
    assert _frames(shown) == min(units, pictures.MOST_TILES)
    low, high = scale.get_xlim()
    assert low == -high
    assert saved(figure)


def _frames(mosaic: np.ndarray) -> int:
    """How many tiles a mosaic has: each has a grey frame, and so two upper corners."""
    grey = (mosaic == FRAME).all(axis=-1)
    above, before = np.zeros_like(grey), np.zeros_like(grey)
    above[1:], before[:, 1:] = grey[:-1], grey[:, :-1]
    right, below = np.zeros_like(grey), np.zeros_like(grey)
    right[:, :-1], below[:-1] = grey[:, 1:], grey[1:]
    return int((grey & ~above & ~before & right & below).sum())


def test_nobody_is_called_quite_sure_who_is_not() -> None:
    images, sure = np.ones((3, 2, 2)), np.array([1.0, 0.999999, 0.9949])
    figure = pictures.worst_mistakes(
        images, "aaa", "bbb", sure, pictures.new_figure(1, 1)
    )
    shares = [text.get_text().split("\n")[1] for text in figure.axes[0].texts]
    assert shares == ["100 % probability", "99.99 % probability", "99 % probability"]


def test_features_show_the_strongest_units_first() -> None:
    weights = np.outer(np.arange(1.0, 101.0), np.ones(4))
    figure = pictures.features(weights, (2, 2), pictures.new_figure(1, 1))
    shown = np.asarray(figure.axes[0].images[0].get_array())
    red = shown[2 + shown.shape[0] // 16, :, 2]  # the less blue, the larger
    first, last = red[: len(red) // 16].min(), red[-len(red) // 10 :].min()
    assert first < last
    assert "64 strongest of 100 units" in figure.get_suptitle()


def test_worst_mistakes_come_surest_first_and_hits_are_left_out() -> None:
    images = SOURCE.uniform(size=(4, 8, 8, 1))
    sure = np.array([0.6, 0.9, 0.99, 0.7])
    figure = pictures.worst_mistakes(
        images, list("3512"), list("8518"), sure, pictures.new_figure(1, 1)
    )
    titles = [text.get_text() for text in figure.axes[0].texts]
    assert titles == [
        "2 predicted as 8\n70 % probability",
        "3 predicted as 8\n60 % probability",
    ]
    assert figure.get_suptitle() == "Worst mistakes: all 2 mistakes on 4 examples"
    assert saved(figure)


@pytest.mark.parametrize("shape", [(9, 9), (9, 9, 1), (9, 9, 3)])
@pytest.mark.parametrize(
    ("wrong", "title"),
    [
        (0, "No mistakes on 40 examples"),
        (1, "Worst mistakes: the one mistake on 40 examples"),
        (40, "Worst mistakes: the 20 most confident of 40 mistakes on 40 examples"),
    ],
)
def test_worst_mistakes_of_any_number(shape, wrong, title) -> None:
    images = SOURCE.uniform(size=(40, *shape))
    predicted = ["b"] * wrong + ["a"] * (40 - wrong)
    sure = SOURCE.uniform(size=40)
    figure = pictures.worst_mistakes(
        images, ["a"] * 40, predicted, sure, pictures.new_figure(1, 1)
    )
    assert figure.get_suptitle() == title
    assert saved(figure)


@pytest.mark.parametrize("count", [1, 2, 300, 20_000])
def test_amounts_of_any_number_are_drawn(count) -> None:
    true = SOURCE.normal(200, 50, count)
    guess = true + SOURCE.normal(0, 5, count)
    ax = pictures.predicted_against_true(true, guess, "price", axes())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("true price", "predicted price")
    assert ax.get_xlim() == ax.get_ylim()
    assert ax.get_title().startswith(
        f"{pictures.amount(count)} example{'s' * (count > 1)}: RMSE "
    )
    assert saved(ax.figure)
    ax = pictures.residuals(true, guess, "price", axes())
    assert ax.get_ylim()[0] == -ax.get_ylim()[1]
    assert saved(ax.figure)


def test_titles_state_the_measures_of_the_points() -> None:
    true, guess = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0])
    ax = pictures.predicted_against_true(true, guess, "y", axes())
    assert ax.get_title() == "3 examples: RMSE 0.5774, R² 0.500"
    ax = pictures.residuals(true, guess - 2, "y", axes())
    assert ax.get_title() == "Mean error −1.667, standard deviation 0.4714"


def test_without_axes_a_new_figure_is_made() -> None:
    from matplotlib import pyplot

    made = [
        pictures.residuals(np.ones(2), np.ones(2)).figure,
        pictures.features(np.ones((1, 4)), (2, 2)),
    ]
    assert [figure.number for figure in made] == pyplot.get_fignums()
    pyplot.close("all")


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: pictures.confusion_matrix(np.ones((2, 3))),
            "confusion_matrix: matrix (2, 3): expected (K, K)",
        ),
        (
            lambda: pictures.confusion_matrix(np.ones((2, 2)), ["a"]),
            "confusion_matrix: matrix (2, 2) with 1 names: 2 ≠ 1",
        ),
        (
            lambda: pictures.features(np.ones((3, 10)), (3, 3)),
            "features: weights (3, 10) as images (3, 3): expected (units, 9)",
        ),
        (
            lambda: pictures.worst_mistakes(np.ones((2, 3, 3)), "a", "b", np.ones(2)),
            "worst_mistakes: images (2, 3, 3), 1 true and 1 predicted classes, 2 "
            "confidences: expected (N, H, W) images and N of each",
        ),
        (
            lambda: pictures.residuals(np.ones((2, 1)), np.ones(2)),
            "residuals: true (2, 1), predicted (2,): expected (N,) each",
        ),
        (
            lambda: pictures.predicted_against_true(np.ones(0), np.ones(0)),
            "predicted_against_true: true (0,), predicted (0,): expected (N,) each",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_one_error(call, sentence) -> None:
    with pytest.raises(ShapeError) as caught:
        call()
    assert caught.value.what == sentence


def test_windowless_pictures_are_in_no_window() -> None:
    from matplotlib import pyplot

    with pictures.windowless():
        ax = pictures.residuals(np.ones(2), np.zeros(2))
    assert pyplot.get_fignums() == []
    assert saved(ax.figure)


def test_labels_lie_within_the_picture() -> None:
    """Margins are given, not sought: they must suffice for long names and numbers."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    names = ["T-shirt/top", "MMMMMMMMMMMM", "déjà vu", *"abcde"]
    large = SOURCE.normal(0, 3e5, 50)
    with pictures.windowless():
        drawn = [
            pictures.confusion_matrix(np.eye(8, dtype=int), names).figure,
            pictures.confusion_matrix(np.eye(60, dtype=int)).figure,
            pictures.predicted_against_true(large, -large, "price").figure,
            pictures.residuals(large, -large, "price").figure,
            pictures.features(np.eye(4), (2, 2)),
            pictures.worst_mistakes(
                np.ones((2, 4, 4)), ["ankle boot"] * 2, names[:2], np.ones(2)
            ),
        ]
    for figure in drawn:
        FigureCanvasAgg(figure).draw()
        inside = figure.get_tightbbox().padded(-0.02)
        width, height = figure.get_size_inches()
        assert inside.x0 >= 0 and inside.y0 >= 0
        assert inside.x1 <= width and inside.y1 <= height


def mosaic_of(figure) -> np.ndarray:
    return np.asarray(figure.axes[0].images[0].get_array())


@pytest.mark.parametrize("channels", [1, 3, 16])
def test_filters_are_one_tile_a_unit(channels) -> None:
    kernels = SOURCE.normal(size=(70, 3, 5, channels))
    with pictures.windowless():
        figure = pictures.filters(kernels)
    assert _frames(mosaic_of(figure)) == pictures.MOST_TILES
    assert "the 64 strongest of 70 filters of 3 × 5 pixels" in figure.get_suptitle()
    assert len(figure.axes) == (1 if channels == 3 else 2)  # colours need no scale
    assert saved(figure)


def test_activations_show_the_image_and_the_most_excited_units_first() -> None:
    maps = np.zeros((6, 6, 3))
    maps[2, 2] = 0.1, 0.9, 0.5
    with pictures.windowless():
        figure = pictures.activations(np.ones((8, 8, 3)), maps, "seven")
    titles = [text.get_text() for text in figure.axes[0].texts]
    assert titles == ["seven", "unit 1", "unit 2", "unit 0"]
    assert saved(figure)


@pytest.mark.parametrize(("stride", "before"), [((1, 1), 0), ((2, 2), 0), ((1, 1), 1)])
def test_patches_are_cut_where_the_unit_says_most(stride, before) -> None:
    images = SOURCE.uniform(size=(7, 9, 9, 2))
    room = [(0, 0), (before, before), (before, before), (0, 0)]
    padded = np.pad(images, room)
    kernel = SOURCE.normal(size=(3, 3, 2))
    views = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    maps = np.einsum("nyxcab,abc->nyx", views[:, :: stride[0], :: stride[1]], kernel)
    found = pictures.strongest_patches(images, maps[..., None], (3, 3), stride, [0], 4)
    said = np.einsum("pabc,abc->p", found[0], kernel)
    best = np.sort(maps.reshape(7, -1).max(axis=1))[::-1][:4]
    np.testing.assert_allclose(said, best, rtol=1e-12)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: pictures.filters(np.ones((3, 4))),
        lambda: pictures.activations(np.ones((3, 3)), np.ones((3, 3))),
        lambda: pictures.exciting_patches(np.ones((2, 1, 3, 3, 1)), [0]),
    ],
)
def test_first_layer_pictures_of_other_shapes_are_an_error(wrong) -> None:
    with pytest.raises(ShapeError, match="expected"):
        wrong()


FOLDS = np.array([[0.1, 0.3], [0.2, 0.2], [0.0, 0.1]])


def band(ax, number: int) -> np.ndarray:
    """The corners of a band, sorted: the least and largest of each place."""
    corners = ax.collections[number].get_paths()[0].vertices
    places = np.unique(corners[:, 0])
    found = [corners[corners[:, 0] == x, 1] for x in places]
    return np.array([[x, y.min(), y.max()] for x, y in zip(places, found, strict=True)])


@pytest.mark.parametrize("draw", [pictures.learning_curve, pictures.validation_curve])
def test_curves_are_means_over_folds_with_standard_errors_in_order(draw) -> None:
    ax = draw([30, 10, 20], FOLDS, FOLDS + 0.5, score="error", ax=axes())
    training, validation = ax.lines
    assert (training.get_label(), validation.get_label()) == ("training", "validation")
    assert np.allclose(training.get_xydata(), [[10, 0.2], [20, 0.05], [30, 0.2]])
    assert np.allclose(validation.get_ydata(), [0.7, 0.55, 0.7])
    # s of two values is their distance / √2, so the standard error half of it
    assert np.allclose(band(ax, 0), [[10, 0.2, 0.2], [20, 0, 0.1], [30, 0.1, 0.3]])
    assert ax.get_ylabel() == "error" and ax.get_xscale() == "linear"
    assert saved(ax.figure)


def test_a_learning_curve_says_what_all_examples_give() -> None:
    ax = pictures.learning_curve([10, 500, 20], FOLDS, FOLDS + 0.5, ax=axes())
    assert ax.get_title() == "500 examples: score 0.7 ± 0, in training 0.2"
    assert ax.get_xscale() == "log"
    ticks = [tick.get_text() for tick in ax.get_xticklabels()]
    assert ticks == ["10", "20", "50", "100", "200", "500"]
    ax = pictures.learning_curve([10, 20], FOLDS[:2, :1], FOLDS[:2, :1], ax=axes())
    assert ax.get_title() == "20 examples: score 0.2, in training 0.2"  # of one fold
    assert saved(ax.figure)


@pytest.mark.parametrize(
    ("values", "scale", "ticks"),
    [
        ([1e-4, 1e-2, 1.0], "log", None),
        (np.array([2, 4, 8]), "linear", None),
        ([0.0, 1e-4, 1.0], "linear", ["0", "0.0001", "1"]),
        ([(8,), (8, 4), ()], "linear", ["8", "8,4", "none"]),
        (["relu", None, True], "linear", ["relu", "None", "True"]),
    ],
)
def test_values_of_a_setting_stand_where_they_can_be_told_apart(
    values, scale, ticks
) -> None:
    ax = pictures.validation_curve(values, FOLDS, FOLDS, name="setting", ax=axes())
    assert (ax.get_xscale(), ax.get_xlabel()) == (scale, "setting")
    if ticks is None:
        assert list(ax.lines[0].get_xdata()) == list(values)
    else:
        assert [tick.get_text() for tick in ax.get_xticklabels()] == ticks
        assert list(ax.lines[0].get_xdata()) == [0, 1, 2]
    assert saved(ax.figure)


def test_a_fold_that_failed_leaves_a_gap_in_the_curve_alone() -> None:
    scores = np.where(FOLDS == 0.3, np.nan, FOLDS)
    ax = pictures.validation_curve([1, 2, 3], scores, FOLDS, ax=axes())
    shown = [np.isfinite(line.get_ydata()).tolist() for line in ax.lines]
    assert shown == [[False, True, True], [True, True, True]]
    assert saved(ax.figure)


def test_scores_of_other_shapes_than_the_places_are_an_error() -> None:
    with pytest.raises(ShapeError) as caught:
        pictures.learning_curve([10, 20], FOLDS, FOLDS)
    assert caught.value.what == (
        "learning_curve: 2 sizes, training (3, 2), validation (3, 2): expected a row "
        "of scores for each of the sizes, a column for each fold"
    )
    for places, training, validation in (
        ([1, 2, 3], FOLDS, FOLDS[:, :1]),
        ([1, 2, 3], FOLDS[:, 0], FOLDS[:, 0]),
        ([], FOLDS[:0], FOLDS[:0]),
        (3, FOLDS, FOLDS),
        ([1, 2, 3], FOLDS[:, :0], FOLDS[:, :0]),
    ):
        with pytest.raises(ShapeError, match=r"^validation_curve: "):
            pictures.validation_curve(places, training, validation)  # type: ignore[arg-type]


@pytest.mark.parametrize("sizes", [[0, 1, 2], [1, np.nan, 2], ["a", "b", "c"]])
def test_sizes_are_numbers_of_examples(sizes) -> None:
    with pytest.raises(ArgumentError) as caught:
        pictures.learning_curve(sizes, FOLDS, FOLDS)
    assert caught.value.what == (
        f"learning_curve: sizes={sizes}: expected positive numbers of training examples"
    )


def test_a_grid_has_its_images_in_their_order() -> None:
    images = np.zeros((7, 4, 6))
    images[3] = 1.0  # black, as ink
    with pictures.windowless():
        figure = pictures.image_grid(images, columns=3, title="seven")
    mosaic = mosaic_of(figure)
    assert _frames(mosaic) == 7
    assert figure.get_suptitle() == "seven"
    rows, columns = np.nonzero((mosaic == 0).all(axis=-1))
    assert columns.max() < mosaic.shape[1] / 3  # the fourth begins the second row
    assert mosaic.shape[0] / 3 < rows.min() and rows.max() < 2 * mosaic.shape[0] / 3
    assert saved(figure)


def test_signed_images_have_a_scale_each_and_zero_is_grey() -> None:
    tiles = np.array([[[-1.0, 0.0, 1.0]], [[-100.0, 0.0, 50.0]], [[0.0, 0.0, 0.0]]])
    shown = coloured(tiles, "signed")[..., 0].tolist()
    assert shown == [[[0, 127, 255]], [[0, 127, 191]], [[127, 127, 127]]]
    colours = coloured(np.array([[[[0.0, 0.5, 1.0]]]]), "light")
    assert colours.tolist() == [[[[0, 127, 255]]]]
    assert coloured(np.array([[[0.0, 1.0]]]), "ink")[0, 0, :, 0].tolist() == [255, 0]


def test_a_grid_refuses_what_is_no_image() -> None:
    for wrong, text in (
        (np.ones((2, 3)), "image_grid: images (2, 3): expected (N, H, W), or (N, H, W"),
        (np.ones((2, 3, 3, 2)), "image_grid: images (2, 3, 3, 2): expected (N, H, W)"),
    ):
        with pytest.raises(ShapeError, match=re.escape(text)):
            pictures.image_grid(wrong)
    with pytest.raises(ShapeError, match="image_grid: 1 title for 2 images"):
        pictures.image_grid(np.ones((2, 3, 3)), titles=["one"])
    with pytest.raises(OptionError, match="unknown values of image_grid 'grey'"):
        pictures.image_grid(np.ones((2, 3, 3)), values="grey")


def test_reconstructions_stand_below_their_images() -> None:
    images = np.zeros((5, 4, 4))
    images[2] = 1.0
    with pictures.windowless():
        figure = pictures.reconstructions(
            images, 1 - images, names=("images", "inverse"), title="as far as it goes"
        )
    mosaic = mosaic_of(figure)
    assert _frames(mosaic) == 10
    black = (mosaic == 0).all(axis=-1)
    half = len(black) // 2
    upper, lower = (
        np.nonzero(part)[1] / black.shape[1] for part in (black[:half], black[half:])
    )
    assert (upper.min() > 0.4) & (upper.max() < 0.6)  # the third image
    assert (lower.min() < 0.1) & (lower.max() > 0.9)  # all but the third
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["images", "inverse"]
    assert figure.get_suptitle() == "as far as it goes"
    assert saved(figure)


def test_names_of_rows_do_not_reach_over_the_edge() -> None:
    name = "a rather long name of a network"
    with pictures.windowless():
        figure = pictures.reconstructions(
            np.zeros((3, 4, 4, 1)), np.zeros((3, 4, 4, 1)), names=("x", name)
        )
    figure.canvas.draw()  # type: ignore[no-untyped-call]
    left = min(text.get_window_extent().x0 for text in figure.axes[0].texts)
    assert 0 <= left < 40


def test_codes_are_coloured_by_class_side_by_side() -> None:
    labels = np.arange(60) % 3
    points = np.eye(3, 2)[labels] * 4 + np.random.default_rng(0).normal(size=(60, 2))
    with pictures.windowless():
        figure = pictures.codes(
            {"one": points, "two": points[:, ::-1]}, labels, classes=("a", "b", "c")
        )
    first, second = figure.axes
    assert (first.get_title(), second.get_title()) == ("one", "two")
    np.testing.assert_allclose(first.collections[0].get_offsets(), points)
    np.testing.assert_allclose(second.collections[0].get_offsets(), points[:, ::-1])
    colours = first.collections[0].get_facecolors()
    assert len({tuple(row) for row in colours}) == 3
    assert (colours[labels == 1] == colours[1]).all()
    assert [text.get_text() for text in first.texts] == ["a", "b", "c"]
    where = np.array([text.get_position() for text in first.texts])
    centres = np.array([points[labels == k].mean(axis=0) for k in range(3)])
    assert np.abs(where - centres).max() < 2
    assert saved(figure)


def test_neighbours_vote_for_classes() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 400)
    apart = 10 * np.eye(4)[labels] + rng.normal(size=(400, 4))
    assert pictures.neighbour_accuracy(apart, labels) == 1
    mixed = pictures.neighbour_accuracy(rng.normal(size=(400, 2)), labels)
    assert 0.15 < mixed < 0.35
    among = (10 * np.eye(4), np.array([1, 0, 2, 3]))  # two of them exchanged
    share = pictures.neighbour_accuracy(apart, labels, among, neighbours=1)
    assert share == np.isin(labels, (2, 3)).mean()


def test_an_example_is_no_neighbour_of_its_own() -> None:
    codes = np.array([[0.0], [1.0], [10.0], [11.0]])
    alternating = np.array([0, 1, 0, 1])
    assert pictures.neighbour_accuracy(codes, alternating, neighbours=1) == 0


@pytest.mark.parametrize(
    ("make", "kind", "what"),
    [
        (
            lambda: pictures.reconstructions(np.ones((2, 3, 3)), np.ones((3, 3, 3))),
            ShapeError,
            "reconstructions: images (2, 3, 3) and row 1 (3, 3, 3): both must have the "
            "same shape",
        ),
        (
            lambda: pictures.reconstructions(np.ones((2, 9))),
            ShapeError,
            "reconstructions: images (2, 9): expected (N, H, W), or (N, H, W, C) with "
            "one or three channels",
        ),
        (
            lambda: pictures.reconstructions(np.ones((2, 3, 3)), names=("a", "b")),
            ShapeError,
            "reconstructions: 2 names for 1 row",
        ),
        (
            lambda: pictures.codes({}, np.arange(3)),
            ArgumentError,
            "codes: panels is nothing: expected titles with codes",
        ),
        (
            lambda: pictures.codes({"a": np.ones((3, 5))}, np.arange(3)),
            ShapeError,
            "codes: 'a' (3, 5) with labels (3,): expected (N, 2) with (N,)",
        ),
        (
            lambda: pictures.codes({"a": np.ones((3, 2))}, np.array(["x", "y", "z"])),
            ArgumentError,
            "codes: labels (3,) of <U1: expected class numbers",
        ),
        (
            lambda: pictures.codes({"a": np.ones((3, 2))}, np.arange(3), "ab"),
            ShapeError,
            "codes: 2 class names for labels up to 2",
        ),
        (
            lambda: pictures.codes(None, np.arange(3)),
            ArgumentError,
            "codes: panels is a NoneType: expected titles with codes",
        ),
        (
            lambda: pictures.codes({"a": [[0.0, np.nan]]}, np.arange(1)),
            DataError,
            "codes: 'a' (1, 2) of float64: expected finite numbers",
        ),
        (
            lambda: pictures.neighbour_accuracy(np.ones((9, 2)), np.arange(9) - 1),
            ArgumentError,
            "neighbour_accuracy: labels (9,) of int64: expected class numbers",
        ),
        (
            lambda: pictures.neighbour_accuracy(np.ones((9, 2)), np.arange(9) / 2),
            ArgumentError,
            "neighbour_accuracy: labels (9,) of float64: expected class numbers",
        ),
        (
            lambda: pictures.neighbour_accuracy(np.ones((2, 2)), np.array(["a", "b"])),
            ArgumentError,
            "neighbour_accuracy: labels (2,) of <U1: expected class numbers",
        ),
        (
            lambda: pictures.neighbour_accuracy(np.ones((9, 2)), np.arange(8)),
            ShapeError,
            "neighbour_accuracy: codes (9, 2) with labels (8,): expected (N, K) with "
            "(N,)",
        ),
        (
            lambda: pictures.neighbour_accuracy(
                np.ones((9, 2)), np.arange(9), (np.ones((7, 2)), np.arange(7) - 2.5)
            ),
            ArgumentError,
            "neighbour_accuracy: labels (7,) of float64: expected class numbers",
        ),
        (
            lambda: pictures.neighbour_accuracy(np.ones((3, 2)), np.arange(3)),
            ArgumentError,
            "neighbour_accuracy: neighbours=5 of 3 examples: there are fewer",
        ),
    ],
)
def test_what_cannot_be_drawn_of_codes_is_said(make, kind, what: str) -> None:
    with pytest.raises(kind) as caught:
        make()
    assert caught.value.what == what
