"""Likeness: which payees are the same for a person, however a bank spelled them.

Banks write a payee with the day, or with the number of the instalment, behind it. That and case, accents and signs are
left out where payees are compared, and never where they are shown.
"""

from __future__ import annotations

import re
from functools import lru_cache

from domain.words import words

REMEMBERED_PAYEES = 16_384
"""Spellings whose likeness is kept: a household's of some years, in about 3 MB. A purge lets go of them."""

_DIGIT = re.compile(r"\d")
_PART = re.compile(r"\b(?:parcela|parc|instal?lment)\.?\s*\d{1,3}\s*(?:/|de|of)\s*\d{1,3}\b", re.IGNORECASE)
"""Which instalment it is, wherever in the text."""

_DAY_OR_PART = re.compile(
    r"(?<![\s*(-])[\s*(-]++[a-z]?(?:\d{1,2}/\d{1,2}(?:/\d{2,4})?|\d{4}-\d{2}-\d{2}|\d{2}\.\d{2}(?:\.\d{2,4})?)\)?\s*$",
    re.IGNORECASE,
)
"""A day, or an instalment as `k/n`, at the end; a letter may stand before it, as in `E01/09`."""


@lru_cache(maxsize=REMEMBERED_PAYEES)
def likeness(payee: str) -> str:
    """What payees have in common that are the same for a person: the words, without a day or an instalment."""
    name = payee
    if _DIGIT.search(payee) is not None:  # most payees have none, and looking for it costs a tenth of the rest
        name = _DAY_OR_PART.sub("", _PART.sub(" ", payee))
    return " ".join(words(name)) or " ".join(words(payee)) or payee
