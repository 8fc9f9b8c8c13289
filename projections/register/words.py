"""Words as they are compared: whatever their accents and case, and the same on every database."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

REMEMBERED_TEXTS = 4_096
"""How many texts' words are kept while folding: households write the same payees again and again."""

_WORD = re.compile(r"\w+")
_BEYOND_LATIN = re.compile("[^\u0000-\u007f\u0300-\u036f]")
"""What neither is ASCII nor an accent taken apart from its letter."""


def words(text: str) -> list[str]:
    """The words of a text as they are compared: case folded, accents stripped, each once, in order."""
    return list(dict.fromkeys(_WORD.findall(_folded(text))))


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text)
    if _BEYOND_LATIN.search(apart) is None:  # nearly all that is written in Latin letters, and it goes fast
        return apart.encode("ascii", "ignore").decode("ascii").lower()
    folded = unicodedata.normalize("NFKD", apart.casefold())
    return "".join([character for character in folded if not unicodedata.combining(character)]).casefold()


@lru_cache(maxsize=REMEMBERED_TEXTS)
def words_column(payee: str, memo: str, tags: tuple[str, ...]) -> str:
    """The words of a transaction's texts, each after a space, so that the beginning of a word can be looked for."""
    found = words(" ".join((payee, memo, *tags)))
    return f" {' '.join(found)}" if found else ""
