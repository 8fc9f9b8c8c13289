"""What an import would do: every row with a verdict and a reason, and the commands of one atomic group.

A plan is made from what the file says and a look at the book; it writes nothing. It is made for the preview and again
for the commit, so that nothing rests on what was true in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Literal

from commands.imports.reading import NO_HINTS, Hints, Question, Reason
from domain.book import Book, BookCommand
from domain.budgets import Budget, BudgetId
from domain.errors import Rejected
from domain.ledger import Account, AccountId, ImportId, Posting, TransactionId
from domain.money import ISO_4217, Amount, Commodity
from domain.rules import Rule


class Verdict(StrEnum):
    """What happens to a row."""

    NEW = "new"
    DUPLICATE = "duplicate"
    TRANSFER = "transfer"
    MATCH = "match"
    CHANGED = "changed"
    GONE = "gone"
    LEFT_OUT = "left-out"


@dataclass(frozen=True, slots=True)
class Row:
    """A row as the preview shows it. `line` is its place in a text that has lines a person edits, else 0; `category`
    the name of the one it goes to; `instalment` is (k, n); `transaction` the standing one that it meets.
    """

    row: int
    date: date | None
    amount: Amount | None
    description: str
    verdict: Verdict
    reason: Reason
    line: int = 0
    category: str | None = None
    instalment: tuple[int, int] | None = None
    transaction: TransactionId | None = None


@dataclass(frozen=True, slots=True)
class StatementPlan:
    """One statement of a bank file in the plan.

    `account` is the full name, `opened` whether the import opens it, `opening` its opening balance where this is its
    first file. `stated` is what the bank (or the person's answer) says it holds at the end of `stated_on`, `held` what
    the books would say then; `agreement` compares the two.
    """

    account: str
    opened: bool
    currency: str
    first: date | None
    last: date | None
    opening: Amount | None
    stated: Amount | None
    stated_on: date | None
    held: Amount | None
    agreement: Reason


@dataclass(frozen=True, slots=True)
class Check:
    """The balance to look at once the group is committed."""

    account: AccountId
    stated: Amount
    on: date


@dataclass(frozen=True, slots=True)
class Plan:
    """`commands` end with the one that concludes the import. `row_of` names the row behind a command, by its place in
    the group.
    """

    account: str | None
    period: tuple[date, date] | None
    rows: tuple[Row, ...]
    questions: tuple[Question, ...]
    remarks: tuple[Reason, ...]
    statements: tuple[StatementPlan, ...]
    agreement: Reason
    commands: tuple[BookCommand, ...]
    row_of: Mapping[int, int]
    also: Mapping[str, int] = field(default_factory=dict)
    """How many of what else than rows is imported: accounts, commodities, prices, assertions, closings."""
    checks: tuple[Check, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Rows by verdict, those without any left out but new, duplicate and left-out always told; and how many of all
        rows are instalments.
        """
        found = Counter(str(row.verdict) for row in self.rows)
        instalments = sum(row.instalment is not None for row in self.rows)
        if instalments:
            found["instalments"] = instalments
        always = (Verdict.NEW, Verdict.DUPLICATE, Verdict.LEFT_OUT)
        return {str(verdict): 0 for verdict in always} | dict(found) | dict(self.also)


@dataclass(frozen=True, slots=True)
class BookFacts:
    """A look at a book, copied out of its state."""

    base: str
    time_zone: str
    accounts: Mapping[AccountId, Account]
    names: Mapping[str, AccountId]
    commodities: Mapping[str, Commodity]
    closed_through: date | None
    holdings: Mapping[tuple[AccountId, str], int]
    latest: Mapping[tuple[AccountId, str], int]
    asserted: Mapping[tuple[AccountId, str], frozenset[int]]
    recognized: Mapping[str, AccountId]
    rules: tuple[Rule, ...]
    unopened: frozenset[AccountId]
    told: Mapping[tuple[AccountId, str], tuple[date, date]]
    """`unopened`: accounts of which nobody said what they held before their files. `told`: of opening balances that a
    person's word was counted back to, their day and the day of the word.
    """
    budgets: Mapping[BudgetId, Budget]
    formats: frozenset[str]

    @classmethod
    def of(cls, book: Book) -> BookFacts:
        ledger = book.ledger
        return cls(
            book.facts["base"],
            book.facts["time_zone"],
            dict(ledger.accounts),
            dict(ledger.names),
            dict(ledger.commodities),
            ledger.closed_through,
            dict(ledger.holdings),
            dict(ledger.latest),
            {place: frozenset(day for day, *_ in known) for place, known in ledger.asserted.items()},
            dict(ledger.recognized),
            tuple(book.rules.standing.values()),
            frozenset(ledger.unopened),
            {place: (on, through) for place, (_, on, through) in ledger.told.items()},
            dict(book.budgets.standing),
            frozenset([ledger.import_formats.get(number, "") for number in ledger.imports.values()]),
        )

    def unit(self, code: str) -> Commodity | None:
        return self.commodities.get(code) or ISO_4217.get(code)

    def account(self, text: str) -> Account:
        """The account that an id or a full name means; `account_unknown` where none does."""
        account = self.accounts.get(self.names.get(text, AccountId(text)))
        if account is None:
            raise Rejected("account_unknown", account=text[:250])
        return account


Place = tuple[AccountId, str]
"""An account and a commodity it holds."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A standing transaction that a row may tell again, or the other leg of.

    `told_by`: of every file that told of it, the format and the account that it told of. `legs`: of the accounts that
    joined it as the other leg, the day and the words that their own bank told.
    """

    transaction: TransactionId
    day: date
    postings: tuple[Posting, ...]
    told_by: frozenset[tuple[str, AccountId]]
    legs: Mapping[AccountId, tuple[date, str]]


@dataclass(frozen=True, slots=True)
class Told:
    """A standing transaction that an earlier file told; without postings where one told that it is no more.

    `rows` is how many rows joined it; where one of them took its place, `place` is which, `said` its fingerprint and
    `became` what it made of it.
    """

    transaction: TransactionId
    day: date
    postings: tuple[Posting, ...]
    rows: int
    place: int | None = None
    said: str | None = None
    became: tuple[date, tuple[Posting, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """What earlier versions of a ledger told: `imports` are theirs, `met` the transactions asked for, as far as a row
    took their place, `gone` all others that the same imports told. `bound` are the days, as ordinals, up to which
    balances of a place are confirmed by something else than such a file.
    """

    imports: frozenset[ImportId]
    met: Mapping[TransactionId, Told]
    gone: tuple[Told, ...]
    bound: Mapping[Place, frozenset[int]]


@dataclass(frozen=True, slots=True)
class Desk:
    """What a plan asks for while it is made.

    `taken` tells which fingerprints stand already, and for which transaction (an empty text: a person deleted it);
    `is_untouched` whether no standing transaction touches an account; `held_on` what places hold at the end of days;
    `openings` the opening balances of a place in open periods, in minor units by day; `first_day` the first open day
    that an account stands on. `candidates` are standing
    transactions of some days that move one of these (commodity code, minor units); `words` payee and memo of
    transactions, as far as they are known; `elsewhere` which of these bank accounts another book has files of;
    `earlier` what the imports of a format told that told some of these transactions.
    """

    import_id: ImportId
    new_id: Callable[[], str]
    fingerprint: Callable[[str], str]
    taken: Callable[[Iterable[str]], Mapping[str, str]]
    is_untouched: Callable[[AccountId], bool]
    held_on: Callable[[frozenset[tuple[AccountId, str, date]]], Mapping[tuple[AccountId, str, date], int]]
    openings: Callable[[Place], Mapping[date, int]]
    first_day: Callable[[AccountId], date | None]
    candidates: Callable[[frozenset[tuple[str, int]], date, date], Sequence[Candidate]]
    words: Callable[[Collection[TransactionId]], Mapping[TransactionId, tuple[str, str]]]
    elsewhere: Callable[[Collection[str]], frozenset[str]]
    earlier: Callable[[Collection[TransactionId], str], Earlier]
    today: date


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person said to a preview's questions.

    `balance_today`: what the bank shows, of a debt what is owed; `balances` the same by a statement's number.
    `accounts`: for a statement's number, the account it goes to, one to be opened too. `hints` are about the reading.
    `separate`: rows that join nothing. `closed_rows`: what becomes of rows in a closed period. `other_book`: the file's
    account belongs to another book, and here too. `gone`: what becomes of entries that an edited ledger has no longer.
    """

    balance_today: str | None = None
    balances: Mapping[int, str] = field(default_factory=dict)
    accounts: Mapping[int, str] = field(default_factory=dict)
    hints: Hints = NO_HINTS
    separate: frozenset[int] = frozenset()
    closed_rows: Literal["skip", "first-open-day"] = "skip"
    other_book: bool = False
    gone: Literal["keep", "void"] = "keep"


NO_ANSWERS = Answers()


def standing_row(fingerprint: str, taken: Mapping[str, str]) -> Reason | None:
    """Why a row is a duplicate; None where it is not."""
    holder = taken.get(fingerprint)
    if holder is None:
        return None
    return Reason("row_known", {"transaction": holder}) if holder else Reason("row_deleted_by_person")


def period_of(days: Iterable[date | None]) -> tuple[date, date] | None:
    known = [day for day in days if day is not None]
    return (min(known), max(known)) if known else None


ROW_NEW = Reason("row_new")
ROW_SKIPPED = Reason("row_skipped")
UNKNOWN = Reason("agreement_unknown")
