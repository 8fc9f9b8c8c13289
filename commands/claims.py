"""Claims: which reservations a unit's events hold, release or turn into tombstones.

Told by the events alone, so that the reservations of a store can be rebuilt from its log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from commands.ports import BANK_ACCOUNTS, BOOK_NAMES, NO_CLAIMS, Claims
from domain.book import BookErased, BookEvent, BookId, BookOpened, BookRenamed
from domain.ledger import (
    AccountRecognized,
    TransactionJoined,
    TransactionParted,
    TransactionRecorded,
    TransactionVoided,
)
from domain.prices import PriceRecorded


def claims_of(book: BookId, events: Iterable[BookEvent], installation_fingerprint: Callable[[str], str]) -> Claims:
    """What `events` of `book` claim. A row is held for its transaction, released by an undo, and stays taken, as a
    tombstone, where a person voided it: a row that a person deleted does not come back. Of several names that a book
    has within these events it holds the last.
    """
    held_name: str | None = None
    holds: list[tuple[str, str, str]] = []
    releases: list[tuple[str, str]] = []
    tombstones: list[tuple[str, str]] = []
    for event in events:
        match event:
            case TransactionRecorded(transaction, fingerprint=str(fingerprint)):
                holds.append((book, fingerprint, transaction))
            case TransactionJoined(own=own, fingerprint=str(fingerprint)):
                holds.append((book, fingerprint, own))
            case TransactionParted(own=own, undoes=None):
                tombstones.append((book, own))
            case TransactionParted(own=own):
                releases.append((book, own))
            case AccountRecognized(is_shared=False, source=str(source)) if source:
                holds.append((BANK_ACCOUNTS, installation_fingerprint(source), book))
            case PriceRecorded(fingerprint=str(fingerprint)):
                holds.append((book, fingerprint, f"price:{fingerprint}"))
            case TransactionVoided(transaction, undoes=None):
                tombstones.append((book, transaction))
            case TransactionVoided(transaction):
                releases.append((book, transaction))
            case BookOpened(name=name):
                held_name = name
            case BookRenamed(name):
                releases.append((BOOK_NAMES, book))
                held_name = name
            case BookErased():
                releases += [(BOOK_NAMES, book), (BANK_ACCOUNTS, book)]
                held_name = None
            case _:
                pass  # claims nothing beyond its own book
    if held_name is not None:
        holds.append((BOOK_NAMES, installation_fingerprint(held_name), book))
    if not holds and not releases and not tombstones:
        return NO_CLAIMS
    return Claims(tuple(holds), tuple(releases), tuple(tombstones))
