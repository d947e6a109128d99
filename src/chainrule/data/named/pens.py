"""Pen strokes of named sets: digits of 44 writers, sheep, kanji, and letters.

Place on the road: handwriting and sketches for models of pens, beside the catalogue of
sets to train ``fit`` on.
"""

from __future__ import annotations

import io

import numpy as np

from ...errors import unknown_option
from ..strokes.drawing import Drawing
from ..strokes.reading import of_table
from ..strokes.unipen import parse_unipen
from .download import RemoteFile, read_content

COPY = (
    "https://raw.githubusercontent.com/choucavalier/pendigits-hmm/"
    "03382e1457941714439d40b67e53eaf117fe4d08/data/pendigits-"
)
PEN_DIGITS = {
    "train": "d61fe8208359c01aeeac7999259dd0bea447ab88a8bb1c097d149092977339e2",
    "test": "c13b770aae3c362585723176f6c0e1c0cc6e10d64cba0f6670c3018d7cfa8014",
}
FILES = {"train": "pendigits-orig.tra.gz", "test": "pendigits-orig.tes.gz"}

#: name ↦ the file, and its sha256.
SKETCHES = {
    "sheep": (
        "aaron_sheep_flat.npz",
        "09b69be2153df6dd6389e6ede64908e61fbd3e9d1d5fe01d8697104fea598afe",
    ),
    "kanji": (
        "short_kanji_flat.npz",
        "845f62928645a04f2d5712fa1e8e84cf771ab5b737aead707ce4d27ea0e7af9b",
    ),
    "omniglot": (
        "omniglot_flat.npz",
        "ad823d8233e72b059cebd2e766ae01d43d0a55282d4e58990132c77ff97a2373",
    ),
}


def pen_digits(part: str = "train") -> list[Drawing]:
    """Digits as a pen wrote them, with labels "0" … "9" and their writers: 7494 of 30
    people, "train", and 3498 of 14 others, "test".

    A point every 100 ms, in units of a tablet's box of 500. Found in the data folder or
    downloaded once.

    Raises:
        OptionError: for another part.

    Source: Alimoglu & Alpaydin (1996); UCI, Pen-Based Recognition of Handwritten
    Digits.
    """
    if part not in FILES:
        raise unknown_option("part of the pen digits", part, FILES)
    name = FILES[part]
    file = RemoteFile(f"pendigits/{name}", PEN_DIGITS[part], (COPY + part,), text=True)
    content = read_content(file)
    lines = content.decode("latin-1").splitlines()
    return parse_unipen(enumerate(lines, 1), name)


def sketches(name: str, part: str = "train") -> list[Drawing]:
    """Drawings of one kind: "sheep" (7400, 300 and 300), "kanji" (10 000, 600 and 500),
    or "omniglot", letters of fifty alphabets (30 000, 1000 and 1000).

    Looked for in the data folder. Sheep: © Aaron Koblin, CC BY-NC 4.0; kanji: KanjiVG,
    © Ulrich Apel, CC BY-SA 3.0; Omniglot: Lake, Salakhutdinov & Tenenbaum (2015), MIT.

    Arguments:
        name: which.
        part: "train", "valid" or "test".

    Raises:
        OptionError: for another name or part.
        FileError: the file is not there.

    Source: the data of sketch-rnn, Ha & Eck (2017), without pickled objects.
    """
    if name not in SKETCHES:
        raise unknown_option("sketches", name, SKETCHES)
    if part not in ("train", "valid", "test"):
        raise unknown_option("part of the sketches", part, ("train", "valid", "test"))
    file, digest = SKETCHES[name]
    content = read_content(RemoteFile(f"sketch-rnn/{file}", digest, ()))
    with np.load(io.BytesIO(content), allow_pickle=False) as table:
        points, begins = table[f"{part}_points"], table[f"{part}_offsets"]
    return of_table(points, begins, f"{file}: {part}")
