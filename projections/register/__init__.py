"""The register: the list of transactions, newest first, with the running balance of an account, and found by words.

Each row is one state of a transaction with the versions from and until which it stood, so that the list can be read as
it was known at any version. A page costs what it shows, not what the book holds. The same rows tell what is promised,
with whom money moves, and whose opening balance is told.
"""

from __future__ import annotations

from projections.register.asking import (
    MAX_PAGE,
    MAX_SEARCH_WORDS,
    Entry,
    Page,
    opened_against,
    span,
    transactions,
)
from projections.register.folding import apply, purge
from projections.register.payees import Payee, Payees, payees
from projections.register.promised import Promise, promised
from projections.register.tables import NAME, VERSION, metadata

__all__ = [
    "MAX_PAGE",
    "MAX_SEARCH_WORDS",
    "NAME",
    "VERSION",
    "Entry",
    "Page",
    "Payee",
    "Payees",
    "Promise",
    "apply",
    "metadata",
    "opened_against",
    "payees",
    "promised",
    "purge",
    "span",
    "transactions",
]
