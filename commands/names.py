"""Names to ids: where the outside takes an account, it takes an id or a full name."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from domain.book import Book
from domain.errors import Rejected
from domain.ledger import AccountId


def account_id(state: Book, text: str) -> AccountId:
    """The account that an id or a full name means in this state; `account_unknown` where none does."""
    named = state.ledger.names.get(text)
    if named is not None:
        return named
    if AccountId(text) in state.ledger.accounts:
        return AccountId(text)
    # A book that is not there, or whose names are gone with its key, has no accounts either: that is what to say.
    check_open(state)
    raise Rejected("account_unknown", account=text[:250])


def today(state: Book, now: datetime) -> date:
    """The day that a moment (aware) falls on in the book's zone."""
    check_open(state)
    return now.astimezone(ZoneInfo(state.facts["time_zone"])).date()


def check_open(state: Book) -> None:
    """Refuse a state in which nothing can be looked up: of a book that is erased, or is none."""
    if "erased" in state.facts:
        raise Rejected("book_erased")
    if "book" not in state.facts:
        raise Rejected("book_unknown")
