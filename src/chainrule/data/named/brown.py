"""The Brown corpus: a million words of American English of 1961, in 500 samples.

Place on the road: a text for models of words, beside the catalogue of sets to train
``fit`` on.
"""

from __future__ import annotations

import io
import re
import zipfile

from .download import RemoteFile, read_content

BROWN = RemoteFile(
    "nltk-corpora/brown.zip",
    "9b275f9b3b95d7bd66ccfb7cd259f445a13bbe5d1f4107aba09fd3e8364bafa6",
    (
        "https://raw.githubusercontent.com/nltk/nltk_data/"
        "5db857e6f7df11eabb5e5665836db9ec8df07e28/packages/corpora/brown.zip",
    ),
)


def brown_sentences() -> list[list[str]]:
    """The sentences of the Brown corpus, 57 340 with 1 161 192 words and marks, in
    small letters; marks are tokens as words are.

    Found in the data folder or downloaded once. To be used for what is not commercial.

    Source: Francis & Kučera, Brown corpus manual (1964, 1979); the files of NLTK.
    """
    found = []
    with zipfile.ZipFile(io.BytesIO(read_content(BROWN))) as archive:
        for name in sorted(archive.namelist()):
            if not re.fullmatch(r"brown/c[a-r]\d\d", name):
                continue
            for line in archive.read(name).decode("ascii").splitlines():
                words = [each.rpartition("/")[0].lower() for each in line.split()]
                if words:
                    found.append(words)
    return found
