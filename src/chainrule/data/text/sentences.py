"""A text as sentences of words, for what learns from words beside each other.

Place on the road: between a text and the models of words. It must not know of them.
"""

from __future__ import annotations

from .tokenizers import WORDS

#: Marks behind which another sentence begins.
ENDS = frozenset(".!?…")


def sentences(text: str) -> list[list[str]]:
    """The words of a text, sentence by sentence, in small letters.

    A sentence ends at ``.``, ``!``, ``?`` or ``…``, and at a blank line. Marks are no
    words; numbers are, and so is what an apostrophe or hyphen holds together.

    Example:
        >>> sentences("It's late.\\n\\nCHAPTER 2\\n\\nWho? No-one, I\\nhope.")
        [["it's", 'late'], ['chapter', '2'], ['who'], ['no-one', 'i', 'hope']]
    """
    found: list[list[str]] = [[]]
    before = ""
    for token in WORDS.findall(text.lower()):
        if token[0].isalnum():
            found[-1].append(token)
        elif token in ENDS or token == before == "\n":
            found.append([])
        before = token
    return [each for each in found if each]
