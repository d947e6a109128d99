"""Word vectors of the Brown corpus: five epochs, from sentences to vectors.

Skip-gram with five negative words, 100 numbers a word, windows of 5, five epochs, as
both do by default; the same sentences in small letters for both. Counting the words
belongs to it, and of chainrule compiling the step, a quarter of a second. gensim's
threads race for the same rows, and its vectors are others in every run; chainrule's are
not. What is compared is how many words there are; what the vectors are worth is
measured by the experiment ``word-vectors``.

The corpus is looked for in ``$CHAINRULE_DATA/nltk-corpora``.
"""

from __future__ import annotations

import os
from pathlib import Path

SUMMARY = "Brown, 1.16 million words, skip-gram of 100: five epochs"
MEASURE = "process"
TIMED = "inside"
MOST_ROUNDS = 3

BEGIN = """
import json, os, time
from chainrule import data
sentences = data.brown_sentences()
threads = int(os.environ["CHAINRULE_THREADS"])
"""

CHAINRULE = """
from chainrule import models
start = time.perf_counter()
words = len(models.WordVectors.fit(sentences, size=100, epochs=5))
"""

GENSIM = """
from gensim.models import Word2Vec
start = time.perf_counter()
words = len(Word2Vec(sentences, vector_size=100, epochs=5, sg=1, workers=threads).wv)
"""

END = """
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "losses": [words / 14221]}))
"""

PEERS = {"chainrule": CHAINRULE, "gensim": GENSIM}


def missing() -> str | None:
    """Why it cannot be run here."""
    folder = Path(os.environ.get("CHAINRULE_DATA", ""))
    if (folder / "nltk-corpora" / "brown.zip").is_file():
        return None
    return "skipped: CHAINRULE_DATA names no folder with nltk-corpora/"


def program(peer: str) -> str:
    """A program that times five epochs."""
    return f"{BEGIN}{PEERS[peer]}{END}"
