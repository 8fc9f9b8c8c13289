"""What a format makes of a file: the port between the many formats and the one way into the ledger.

A format only tells what the file says, row by row, and leaves nothing out without naming it. It knows no book and
decides nothing: the plans do (`statements`, `journals`). A new format is one file and a line in `formats`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from domain.money import Amount

MAX_IMPORT_BYTES = 64 * 1024 * 1024
"""The largest file, as sent."""

MAX_IMPORT_ROWS = 100_000
"""Rows of a statement, or transactions of a ledger, in one file; one more and the file is refused whole."""

MAX_IMPORT_DIRECTIVES = 100_000
"""Directives of a ledger of any one kind beside its transactions: prices, balances, notes."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is as it is: a stable code and the facts behind it. `domain.sentences` has the sentence."""

    code: str
    params: Mapping[str, object] = field(default_factory=dict)


# What is found out about a file, and what is asked


@dataclass(frozen=True, slots=True)
class Hints:
    """What a person says of a file that it leaves open, each empty where nobody said.

    `profile` is the name of one; `decimal_mark` "." or ","; `date_order` "ymd", "dmy" or "mdy"; `sign` "as-written",
    or "reversed" where the file writes what goes out as positive.
    """

    profile: str = ""
    decimal_mark: str = ""
    date_order: str = ""
    sign: str = ""


NO_HINTS = Hints()


@dataclass(frozen=True, slots=True)
class Detected:
    """How a file was read, in the words of `Hints`; empty where the format leaves no choice."""

    encoding: str
    delimiter: str = ""
    decimal_mark: str = ""
    date_order: str = ""
    sign: str = ""
    profile: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What a file leaves open. `answer` names the answer to give (a field of `plan.Answers` or of `Hints`), `choices`
    what it may be (empty: anything of its kind). What is `needed` must be answered before the file can be committed;
    rows that wait for it are left out of the preview by name.
    """

    code: str
    answer: str
    params: Mapping[str, object] = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    needed: bool = False


# Statements: what a bank tells of an account


class AccountType(StrEnum):
    """What kind of account a statement is of."""

    CHECKING = "checking"
    SAVINGS = "savings"
    CARD = "card"
    CREDIT_LINE = "credit-line"
    INVESTMENT = "investment"

    @property
    def is_debt(self) -> bool:
        return self in (AccountType.CARD, AccountType.CREDIT_LINE)


@dataclass(frozen=True, slots=True)
class Split:
    """A part of a row with a category of its own; the parts of a row sum to it. Signed as the row is."""

    amount: Amount
    category: str
    memo: str = ""


class Action(StrEnum):
    """What a trade does with a holding."""

    BUY = "buy"
    SELL = "sell"
    REINVEST = "reinvest"

    @property
    def moves_no_cash(self) -> bool:
        return self is Action.REINVEST


@dataclass(frozen=True, slots=True)
class Trade:
    """The holding's side of an investment row: `units` of a security, positive where they come in.

    `security` is a commodity's code; `name` what the broker calls it. The row's amount is the cash's side, fees and
    taxes inside; of a reinvestment it is what was earned and spent at once, and moves no cash.
    """

    action: Action
    security: str
    name: str
    units: Amount


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One movement as the bank tells it; `amount` is signed from the account's side, at the scale it was written with.

    `row` counts from 1 through the whole file. `dated` is False where the row itself has no date and `date` is the
    statement's last day. `instalment` is (k, n). `left_out` says why the row cannot be booked at all. `pending` is what
    the bank has not booked yet. `category` and `splits` are another program's, as written (`Food:Market`). `income` is
    a name of what a broker's row earned (`Dividends`), `trade` the holding that it moved. `counterpart` is the type of
    the person's other account at the bank that the row moves money to or from.
    """

    row: int
    date: date | None
    amount: Amount | None
    payee: str
    memo: str
    bank_id: str
    kind: str
    instalment: tuple[int, int] | None = None
    dated: bool = True
    left_out: Reason | None = None
    pending: bool = False
    category: str = ""
    splits: tuple[Split, ...] = ()
    income: str = ""
    trade: Trade | None = None
    counterpart: AccountType | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """A bank's statement of one account. `number` counts from 1 within the file; `stated` is the balance at the end
    of `stated_on`, where the bank tells one. `bank`, `account_number` and `currency` are as written, empty where not
    told.
    """

    number: int
    type: AccountType
    bank: str
    account_number: str
    currency: str
    first: date | None
    last: date | None
    stated: Amount | None
    stated_on: date | None
    rows: tuple[StatementRow, ...]


@dataclass(frozen=True, slots=True)
class Statements:
    """A bank file. `remarks` are what a person should know about the reading, `questions` what it leaves open."""

    detected: Detected
    statements: tuple[Statement, ...]
    remarks: tuple[Reason, ...] = ()
    questions: tuple[Question, ...] = ()


# Journals: what another ledger tells of everything


@dataclass(frozen=True, slots=True)
class JournalAccount:
    """`opened_on` None: before any day. `commodities` empty: any."""

    name: str
    commodities: tuple[str, ...]
    opened_on: date | None
    line: int


@dataclass(frozen=True, slots=True)
class JournalCost:
    """What one unit cost, exactly as the other ledger knows it."""

    each: Decimal
    currency: str
    date: date | None
    label: str


@dataclass(frozen=True, slots=True)
class JournalPosting:
    """`price_each` is what one unit was exchanged for, in `price_currency`."""

    account: str
    number: Decimal
    commodity: str
    cost: JournalCost | None = None
    price_each: Decimal | None = None
    price_currency: str = ""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A transaction that balances within the other ledger's tolerance. `row` counts from 1 through the file."""

    row: int
    line: int
    date: date
    payee: str
    memo: str
    tags: tuple[str, ...]
    links: tuple[str, ...]
    postings: tuple[JournalPosting, ...]


@dataclass(frozen=True, slots=True)
class JournalPrice:
    commodity: str
    date: date
    rate: Decimal
    currency: str
    line: int


@dataclass(frozen=True, slots=True)
class JournalBalance:
    """What an account held at the end of `on`; `row` counts on from the transactions."""

    row: int
    line: int
    account: str
    on: date
    number: Decimal
    commodity: str


@dataclass(frozen=True, slots=True)
class JournalClosing:
    row: int
    line: int
    account: str
    on: date


class Interval(StrEnum):
    """The calendar's periods that a journal's budget may be told for; a week begins on Monday."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    YEARLY = "yearly"


@dataclass(frozen=True, slots=True)
class JournalBudget:
    """What a category may take in each whole period, from `date` until the next such entry of the same account and
    commodity; every day of a period has the same share of it.
    """

    row: int
    line: int
    account: str
    date: date
    interval: Interval
    number: Decimal
    commodity: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A directive that is not taken over: where it stands, what it says, and why it stays behind."""

    row: int
    line: int
    date: date | None
    description: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Journal:
    """A whole ledger. `places` are the decimal places each commodity that is posted is written with, and those that
    its amounts need: 1.50 is written with two and needs one.
    """

    detected: Detected
    accounts: tuple[JournalAccount, ...]
    commodities: tuple[str, ...]
    places: Mapping[str, tuple[int, int]]
    entries: tuple[JournalEntry, ...]
    prices: tuple[JournalPrice, ...]
    balances: tuple[JournalBalance, ...]
    closings: tuple[JournalClosing, ...]
    left_out: tuple[LeftOut, ...]
    remarks: tuple[Reason, ...] = ()
    budgets: tuple[JournalBudget, ...] = ()


Reading = Statements | Journal


class Format(Protocol):
    """One way of writing down money, read from bytes that a stranger made.

    `read` raises `Rejected` for whatever it cannot read to the end, and nothing else, in time and memory linear in
    the bytes.
    """

    @property
    def name(self) -> str: ...

    def fits(self, head: bytes, file_name: str) -> bool:
        """Whether a file that begins with `head` (its first `SNIFFED_BYTES`) looks like one of this format."""
        ...

    def read(self, raw: bytes, hints: Hints = NO_HINTS) -> Reading: ...


SNIFFED_BYTES = 64 * 1024
"""How much of a file is looked at to tell its format."""
