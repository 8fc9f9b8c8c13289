"""Looks at a book while its commands wait: what places held on days, and which opening balances stand."""

from __future__ import annotations

from datetime import date, timedelta

from commands.imports.looks import held_on, openings
from domain.book import Book
from domain.ledger import (
    OPENING_BALANCES,
    AccountId,
    Cost,
    MergeAccount,
    Posting,
    RecordTransaction,
    RenameAccount,
    SetOpeningBalance,
    TransactionId,
    VoidTransaction,
)
from tests.given import (
    CARD,
    CHECKING,
    FOOD,
    GROCERIES,
    OPENING,
    SALARY,
    SAVINGS,
    Told,
    brl,
    given,
    household,
    moved,
    on,
    usd,
)

FIRST = on("2026-03-01")
DAYS = [FIRST + timedelta(days=n) for n in range(12)]


def lived_in() -> Book:
    """Every third day another kind of entry, some at cost, one taken back, one category become part of another."""
    told = []
    for number, day in enumerate(DAYS):
        dollars = Posting(SAVINGS, usd("1.00"), Cost(brl("5.00"), day)), Posting(CHECKING, brl("-5.00"))
        kinds = [moved(brl("1.50"), CHECKING, FOOD), dollars, moved(brl("2.25"), CARD, GROCERIES)]
        told.append(RecordTransaction(TransactionId(f"t-{number}"), day, kinds[number % 3]))
    return given(household(), told, VoidTransaction(TransactionId("t-3")), MergeAccount(GROCERIES, FOOD)).book


def counted(book: Book, account: AccountId, code: str, day: date) -> int:
    """The same, a posting at a time."""
    minor = 0
    for transaction in book.ledger.standing:
        standing = book.ledger.transaction(transaction)
        assert standing is not None
        for posting in standing[1] if standing[0] <= day else ():
            is_there = book.ledger.canonical(posting.account) == account
            minor += posting.amount.minor if is_there and posting.amount.commodity.code == code else 0
    return minor


def test_what_places_held_is_told_for_any_days_at_once() -> None:
    book = lived_in()
    days = [FIRST - timedelta(days=1), *DAYS, DAYS[-1] + timedelta(days=1)]
    places = [(CHECKING, "BRL"), (SAVINGS, "USD"), (SAVINGS, "BRL"), (CARD, "BRL"), (FOOD, "BRL"), (SALARY, "BRL")]
    expected = {(*place, day): counted(book, *place, day) for place in places for day in days}
    assert held_on(book.ledger, expected.keys()) == expected
    assert {asked: book.ledger.held_on(*asked) for asked in expected} == expected


def test_whether_an_account_was_used_after_a_day_is_told_by_what_stands() -> None:
    ledger = lived_in().ledger
    assert ledger.posted_after(FOOD, DAYS[10])  # by what was merged into it
    assert ledger.posted_after(SAVINGS, DAYS[9])
    assert not ledger.posted_after(SAVINGS, DAYS[10])
    assert not ledger.posted_after(SALARY, FIRST - timedelta(days=1))
    taken_back = given(household(), RecordTransaction(TransactionId("t"), FIRST, moved(brl("1"), CHECKING, FOOD)))
    assert taken_back.book.ledger.posted_after(FOOD, FIRST - timedelta(days=1))
    undone = taken_back.when(VoidTransaction(TransactionId("t"))).after()
    assert not undone.ledger.posted_after(FOOD, FIRST - timedelta(days=1))


def test_opening_balances_are_told_by_day() -> None:
    opened: list[Told] = [
        SetOpeningBalance(TransactionId("o-1"), CHECKING, DAYS[0], brl("100")),
        SetOpeningBalance(TransactionId("o-2"), CHECKING, DAYS[5], brl("-1")),
        SetOpeningBalance(TransactionId("o-3"), CHECKING, DAYS[5], brl("0.40")),
        SetOpeningBalance(TransactionId("o-4"), CHECKING, DAYS[6], usd("7")),
        SetOpeningBalance(TransactionId("o-5"), CARD, DAYS[7], brl("8")),
        RecordTransaction(TransactionId("t-1"), DAYS[5], moved(brl("3"), CHECKING, FOOD)),
        RecordTransaction(TransactionId("t-2"), DAYS[8], moved(brl("3"), CHECKING, FOOD)),
    ]
    book = given(household(), opened)
    assert openings(book.book.ledger, (CHECKING, "BRL")) == {DAYS[0]: 10000, DAYS[5]: -60}
    assert openings(book.book.ledger, (CHECKING, "USD")) == {DAYS[6]: 700}
    assert openings(book.book.ledger, (SAVINGS, "BRL")) == openings(book.book.ledger, (SAVINGS, "JPY")) == {}
    renamed = book.when(RenameAccount(OPENING, "Equity:Elsewhere")).after()
    assert OPENING_BALANCES not in renamed.ledger.names
    assert openings(renamed.ledger, (CHECKING, "BRL")) == {}
