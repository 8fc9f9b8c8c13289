"""The ledger's words: accounts, postings, transactions, and the limits they are held to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NewType, TypeAlias

from domain.errors import Rejected
from domain.money import Amount
from domain.private import private

AccountId = NewType("AccountId", str)
TransactionId = NewType("TransactionId", str)
ImportId = NewType("ImportId", str)
RuleId = NewType("RuleId", str)

Day: TypeAlias = date
"""A date, where a field of that name stands in its way."""

FIRST_DAY = date(1900, 1, 1)
LAST_DAY = date(2200, 12, 31)
"""Days outside of these are typing errors, not finance."""

MAX_POSTINGS = 200
"""Postings of one transaction. The largest event is then an amendment, which carries both sides: with ids of 64
characters, a cost with the longest label and a price on every posting, and the longest texts, about 440 KB of the
512 KiB that an event may take. What is recorded can so always be amended and voided.
"""

MAX_COMMODITIES = 65_000
"""Commodities that a book declares: with every ISO currency beside them, a number still fits the state's 16 bits."""

MAX_NAME_CHARS = 250
MAX_NAME_PARTS = 12

OPENING_BALANCES = "Equity:Opening-Balances"
"""The account against which a book's first balances stand; every book is born with it."""

UNCATEGORIZED = ("Expenses:Uncategorized", "Income:Uncategorized")
"""The categories of what was spent, and of what came in, until somebody says what it was for."""


def check_calendar(day: date) -> None:
    if not FIRST_DAY <= day <= LAST_DAY:
        raise Rejected("date_out_of_range", date=day, first=FIRST_DAY, last=LAST_DAY)


class Kind(StrEnum):
    """The five roots of the chart of accounts. Income and Expenses accounts are the categories."""

    ASSETS = "Assets"
    LIABILITIES = "Liabilities"
    EQUITY = "Equity"
    INCOME = "Income"
    EXPENSES = "Expenses"

    @property
    def is_category(self) -> bool:
        return self in (Kind.INCOME, Kind.EXPENSES)


@dataclass(frozen=True, slots=True)
class Account:
    """An account as decisions know it. `number` is its place in the order of opening, from 0."""

    id: AccountId
    number: int
    name: str
    kind: Kind
    commodities: tuple[str, ...]
    opened_on: date | None
    on_budget: bool
    closed_on: date | None = None
    merged_into: AccountId | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What a holding cost in total, signed as the amount held; date and label tell its lot from others."""

    total: Amount
    date: date | None = None
    label: str = private()


@dataclass(frozen=True, slots=True)
class Price:
    """What the amount was exchanged for in total, signed as the amount."""

    total: Amount


MAX_INSTALMENTS = 999
"""The most instalments of one purchase."""


@dataclass(frozen=True, slots=True)
class Instalment:
    """The `k`-th of `n` instalments of a purchase; `purchase` is the same id for all of them."""

    k: int
    n: int
    purchase: str


@dataclass(frozen=True, slots=True)
class Posting:
    """An amount on an account. Its weight, which the transaction balances by, is cost, else price, else amount."""

    account: AccountId
    amount: Amount
    cost: Cost | None = None
    price: Price | None = None

    @property
    def weight(self) -> Amount:
        if self.cost is not None:
            return self.cost.total
        if self.price is not None:
            return self.price.total
        return self.amount
