"""What costs little beside a network that reads: words counted, without their order.

Place on the road: below the reports of runs on texts, on scikit-learn. It knows no
network.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np

from ..data.text.tagged import Sentence
from ..data.text.tokenizers import Words


class NBSVM:
    """A linear classifier of the words and pairs of words of a text.

    Formula: f is 1 for each word and pair that is there, else 0. With the shares p and
    q of each in the texts of a class and of all others, both counted from α,
        r = ln(p / ‖p‖₁) − ln(q / ‖q‖₁),
    and w of a support vector machine on f ⊙ r, the score of the class is
    ((1 − β) ‖w‖₁ / V + β w)ᵀ (f ⊙ r) + b. The class with the largest score is told.

    Arguments:
        smoothing: α.
        interpolation: β; 1 is the support vector machine alone, 0 naive Bayes.
        c: the weight of the squared hinge loss against ‖w‖².
        lower: whether capitals count as small letters.

    Source: Wang & Manning, Baselines and bigrams (2012).

    Example:
        >>> model = NBSVM().fit(["a good film", "a bad film"] * 4, ["yes", "no"] * 4)
        >>> model.predict(["good", "so bad"])
        ['yes', 'no']
        >>> model.telling(2)
        {'no': ['bad', 'a bad'], 'yes': ['good', 'a good']}
    """

    def __init__(
        self,
        smoothing: float = 1.0,
        interpolation: float = 0.25,
        c: float = 1.0,
        lower: bool = True,
    ) -> None:
        self.smoothing, self.interpolation, self.c = smoothing, interpolation, c
        self._words = Words((), lower=lower)
        self.terms: tuple[str, ...] = ()
        self.classes: tuple[Any, ...] = ()

    def fit(self, texts: Sequence[str], labels: Sequence[Any]) -> Self:
        """Counts and fits; of two classes one machine, of more one for each.

        Arguments:
            texts: to learn from.
            labels: the class of each, of two or more.
        """
        from sklearn.svm import LinearSVC

        terms = [self._terms(text) for text in texts]
        self.terms = tuple(dict.fromkeys(term for each in terms for term in each))
        self._places = {term: place for place, term in enumerate(self.terms)}
        self.classes = tuple(sorted(set(labels)))
        f, y = self._features(terms), np.array(list(labels), dtype=object)
        self.weights = np.zeros((len(self.classes), len(self.terms)))
        self.biases = np.zeros(len(self.classes))
        two = len(self.classes) == 2
        for place, name in enumerate(self.classes[1:] if two else self.classes, two):
            here = y == name
            p = self.smoothing + np.asarray(f[here].sum(axis=0)).ravel()
            q = self.smoothing + np.asarray(f[~here].sum(axis=0)).ravel()
            r = np.log(p / p.sum()) - np.log(q / q.sum())
            machine = LinearSVC(C=self.c, dual=True, random_state=0, max_iter=5000)
            machine.fit(f.multiply(r).tocsr(), here)
            w = machine.coef_[0]
            even = (1 - self.interpolation) * np.abs(w).mean()
            self.weights[place] = (even + self.interpolation * w) * r
            self.biases[place] = float(machine.intercept_[0])
        if two:
            self.weights[0], self.biases[0] = -self.weights[1], -self.biases[1]
        return self

    def predict(self, texts: Iterable[str]) -> list[Any]:
        """The class of each text."""
        f = self._features([self._terms(text) for text in texts])
        scores = f @ self.weights.T + self.biases
        return [self.classes[place] for place in np.asarray(scores).argmax(axis=1)]

    def telling(self, count: int) -> dict[Any, list[str]]:
        """The words and pairs that speak most for each class.

        Arguments:
            count: how many of each.
        """
        order = np.argsort(-self.weights, axis=1, kind="stable")[:, :count]
        rows = zip(self.classes, order, strict=True)
        return {name: [self.terms[place] for place in row] for name, row in rows}

    def _terms(self, text: str) -> list[str]:
        words = self._words.cut(text)
        pairs = itertools.pairwise(words)
        return [*dict.fromkeys([*words, *(f"{a} {b}" for a, b in pairs)])]

    def _features(self, terms: Sequence[Sequence[str]]) -> Any:
        from scipy.sparse import csr_matrix

        known = [
            [self._places[term] for term in each if term in self._places]
            for each in terms
        ]
        starts = np.cumsum([0, *map(len, known)])
        places = np.array([place for each in known for place in each], np.int64)
        values = np.ones(len(places))
        shape = (len(known), len(self.terms))
        return csr_matrix((values, places, starts), shape=shape)


class MostFrequentTags:
    """The tag that each word has most often, the commonest of all for other words.

    Example:
        >>> model = MostFrequentTags([Sentence(("a", "b", "a"), tags=("X", "Y", "X"))])
        >>> model.tag([("b", "c")])
        [['Y', 'X']]
    """

    def __init__(self, sentences: Iterable[Sentence]) -> None:
        pairs = Counter(
            pair
            for each in sentences
            for pair in zip(each.words, each.tags or (), strict=True)
        )
        of_all: Counter[str] = Counter()
        best: dict[str, tuple[int, str]] = {}
        for (word, tag), count in sorted(pairs.items()):
            of_all[tag] += count
            if word not in best or count > best[word][0]:
                best[word] = count, tag
        self.commonest = of_all.most_common(1)[0][0]
        self.tags = {word: tag for word, (_, tag) in best.items()}

    def tag(self, sentences: Iterable[Sequence[str]]) -> list[list[str]]:
        """The tags of each sentence, of words."""
        return [[self.tags.get(w, self.commonest) for w in each] for each in sentences]
