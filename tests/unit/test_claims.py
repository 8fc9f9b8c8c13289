"""Claims: what the events of one unit hold, release or keep taken."""

from __future__ import annotations

from commands.claims import claims_of
from commands.ports import BOOK_NAMES, Claims
from domain.book import BookErased, BookId, BookOpened, BookRenamed

HOME = BookId("b-home")
OPENED = BookOpened(HOME, "BRL", "UTC", "first")


def test_a_book_renamed_twice_at_once_holds_only_its_last_name() -> None:
    claims = claims_of(HOME, [BookRenamed("middle"), BookRenamed("last")], str.upper)
    assert claims.holds == ((BOOK_NAMES, "LAST", HOME),)
    assert set(claims.releases) == {(BOOK_NAMES, HOME)}


def test_a_book_opened_and_renamed_at_once_holds_only_its_last_name() -> None:
    assert claims_of(HOME, [OPENED, BookRenamed("last")], str.upper).holds == ((BOOK_NAMES, "LAST", HOME),)
    assert claims_of(HOME, [OPENED], str.upper) == Claims(((BOOK_NAMES, "FIRST", HOME),))


def test_a_book_renamed_and_erased_at_once_holds_no_name() -> None:
    claims = claims_of(HOME, [BookRenamed("last"), BookErased()], str.upper)
    assert claims.holds == ()
    assert (BOOK_NAMES, HOME) in claims.releases
