"""Given, when, then: a decision told as a sentence, on a book made of events and commands.

    given(household(), RecordTransaction(LUNCH, ...)).when(VoidTransaction(LUNCH)).then(TransactionVoided(LUNCH, ...))

The rule it keeps: whatever is asked, deciding has written nothing into the book, and deciding again says the same.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Self, TypeAlias, cast, get_args

from domain.book import Book, BookCommand, BookEvent, BookId, BookOpened, decide, evolve
from domain.errors import Rejected
from domain.ledger import AccountId, AccountOpened, CommodityDeclared, Kind, Posting
from domain.money import Amount, parse_amount

Told: TypeAlias = "BookEvent | BookCommand | Iterable[Told]"
"""What a book is made of: events as they happened, commands that must succeed, and lists of these."""

_EVENTS = get_args(BookEvent)
_COMMANDS = get_args(BookCommand)

BOOK = BookId("b-home")
CHECKING = AccountId("a-checking")
SAVINGS = AccountId("a-savings")
CARD = AccountId("a-card")
OPENING = AccountId("a-opening")
SALARY = AccountId("a-salary")
FOOD = AccountId("a-food")
GROCERIES = AccountId("a-groceries")


def household() -> list[BookEvent]:
    """A book in BRL with the accounts named above, open for any day and any commodity."""
    accounts = {
        CHECKING: (Kind.ASSETS, "Assets:Checking"),
        SAVINGS: (Kind.ASSETS, "Assets:Savings"),
        CARD: (Kind.LIABILITIES, "Liabilities:Card"),
        SALARY: (Kind.INCOME, "Income:Salary"),
        FOOD: (Kind.EXPENSES, "Expenses:Food"),
        GROCERIES: (Kind.EXPENSES, "Expenses:Food:Groceries"),
    }
    return [
        BookOpened(BOOK, "BRL", "America/Sao_Paulo", "Home"),
        CommodityDeclared("BRL", 2),
        AccountOpened(OPENING, Kind.EQUITY, (), None, False, "Equity:Opening-Balances"),
        *[AccountOpened(account, kind, (), None, True, name) for account, (kind, name) in accounts.items()],
    ]


def brl(text: str) -> Amount:
    return parse_amount(text, "BRL")


def usd(text: str) -> Amount:
    return parse_amount(text, "USD")


def moved(amount: Amount, source: AccountId, target: AccountId) -> tuple[Posting, ...]:
    """The two postings of `amount` going from one account to another."""
    return Posting(target, amount), Posting(source, -amount)


def on(text: str) -> date:
    return date.fromisoformat(text)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was answered to a command: the events it made, or the refusal; and the book it was asked of."""

    book: Book
    events: list[BookEvent]
    refusal: Rejected | None

    def then(self, *expected: BookEvent) -> Self:
        """Exactly these events in this order; none at all says that nothing needed to happen."""
        assert self.refusal is None, f"refused: {self.refusal}"
        assert self.events == list(expected)
        return self

    def then_refused(self, code: str, **params: object) -> Self:
        """Refused with this code, and at least these facts behind it."""
        assert self.refusal is not None, f"expected {code}, but it happened: {self.events}"
        assert self.refusal.code == code, str(self.refusal)
        assert {name: self.refusal.params.get(name) for name in params} == params
        return self

    def after(self) -> Book:
        """The book once the events are folded in."""
        assert self.refusal is None, f"refused: {self.refusal}"
        for event in self.events:
            evolve(self.book, event)
        return self.book


@dataclass(frozen=True, slots=True)
class Given:
    book: Book

    def when(self, command: BookCommand) -> Outcome:
        before = copy.deepcopy(self.book)
        first, again = _answer(self.book, command), _answer(self.book, command)
        assert self.book == before, "deciding wrote into the book"
        assert first.events == again.events
        assert str(first.refusal) == str(again.refusal)
        return first


def given(*told: Told) -> Given:
    book = Book()
    for part in told:
        tell(book, part)
    return Given(book)


def tell(book: Book, part: Told) -> None:
    """Let it happen to the book: an event as it is, a command by what it makes, a list one after the other."""
    if isinstance(part, _EVENTS):
        evolve(book, cast(BookEvent, part))
    elif isinstance(part, _COMMANDS):
        for event in decide(book, cast(BookCommand, part)):
            evolve(book, event)
    else:
        for inner in cast("Iterable[Told]", part):
            tell(book, inner)


def _answer(book: Book, command: BookCommand) -> Outcome:
    try:
        return Outcome(book, decide(book, command), None)
    except Rejected as refusal:
        return Outcome(book, [], refusal)
