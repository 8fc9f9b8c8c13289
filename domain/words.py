"""Words as they are compared: whatever their accents and case, and the same on every machine and database."""

from __future__ import annotations

import re
import unicodedata

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
