"""The words by which a transaction is found, as its row keeps them."""

from __future__ import annotations

from functools import lru_cache

from domain.words import words

REMEMBERED_TEXTS = 4_096
"""How many texts' words are kept while folding: households write the same payees again and again."""


@lru_cache(maxsize=REMEMBERED_TEXTS)
def words_column(payee: str, memo: str, tags: tuple[str, ...]) -> str:
    """The words of a transaction's texts, each after a space, so that the beginning of a word can be looked for."""
    found = words(" ".join((payee, memo, *tags)))
    return f" {' '.join(found)}" if found else ""
