"""Baselines of words, in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import data
from chainrule.runs.bag_of_words import NBSVM, MostFrequentTags

TEXTS = ["good film", "good plot", "bad film", "bad bad plot"]
LABELS = ["yes", "yes", "no", "no"]


def test_words_are_weighed_by_the_log_ratio_of_their_shares() -> None:
    """With β = 0 the weights are ‖w‖₁/V · r, and r is counted by hand."""
    model = NBSVM(interpolation=0.0).fit(TEXTS, LABELS)
    assert model.terms[:3] == ("good", "film", "good film")
    p = np.array([3, 2, 2, 2, 2, 1, 1, 1, 1], float)  # good film good_film plot …
    q = np.array([1, 2, 1, 2, 1, 3, 2, 2, 2], float)
    r = np.log(p / p.sum()) - np.log(q / q.sum())
    ratio = model.weights[1] / r
    np.testing.assert_allclose(ratio, ratio[0])
    np.testing.assert_array_equal(model.weights[0], -model.weights[1])


def test_three_classes_have_a_machine_each() -> None:
    texts = ["red rose", "blue sea", "green tree"] * 3
    model = NBSVM().fit(texts, ["r", "b", "g"] * 3)
    assert model.predict(["rose", "sea sea", "a tree", ""])[:3] == ["r", "b", "g"]
    assert model.telling(1)["g"][0] in ("green", "tree", "green tree")


def test_the_tag_of_a_word_is_the_one_it_has_most_often() -> None:
    sentence = data.Sentence(("a", "a", "a", "b"), tags=("Y", "X", "Y", "X"))
    model = MostFrequentTags([sentence, data.Sentence(("c", "c"), tags=("X", "Z"))])
    assert model.tag([("a", "b", "c", "new"), ()]) == [["Y", "X", "X", "X"], []]


@pytest.mark.parametrize("beta", [0.0, 0.25, 1.0])
def test_texts_that_were_seen_are_told_rightly(beta: float) -> None:
    assert NBSVM(interpolation=beta).fit(TEXTS, LABELS).predict(TEXTS) == LABELS
