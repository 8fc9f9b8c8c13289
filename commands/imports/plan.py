"""What an import would do: every row with a verdict and a reason, and the commands of one atomic group.

A plan is made from what the file says and a look at the book; it writes nothing. It is made for the preview and again
for the commit, so that nothing rests on what was true in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from commands.imports.reading import Reason
from domain.book import Book, BookCommand
from domain.errors import Rejected
from domain.ledger import Account, AccountId, ImportId
from domain.money import ISO_4217, Amount, Commodity


class Verdict(StrEnum):
    """What happens to a row."""

    NEW = "new"
    DUPLICATE = "duplicate"
    TRANSFER = "transfer"
    MATCH = "match"
    LEFT_OUT = "left-out"


@dataclass(frozen=True, slots=True)
class Row:
    """A row as the preview shows it. `line` is its place in a text that has lines a person edits, else 0."""

    row: int
    date: date | None
    amount: Amount | None
    description: str
    verdict: Verdict
    reason: Reason
    line: int = 0


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
    """`commands` end with the one that concludes the import; `recorded` are their transactions. `row_of` names the row
    behind a command, by its place in the group.
    """

    account: str | None
    period: tuple[date, date] | None
    rows: tuple[Row, ...]
    questions: tuple[Reason, ...]
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
        """Rows by verdict, those without any left out but new, duplicate and left-out always told."""
        found = Counter(str(row.verdict) for row in self.rows)
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
class Desk:
    """What a plan asks for while it is made.

    `taken` tells which fingerprints stand already, and for which transaction (an empty text: a person deleted it);
    `is_untouched` whether no standing transaction touches an account; `held_on` what places hold at the end of days;
    `openings` the opening balances of a place in open periods, in minor units by day.
    """

    import_id: ImportId
    new_id: Callable[[], str]
    fingerprint: Callable[[str], str]
    taken: Callable[[Iterable[str]], Mapping[str, str]]
    is_untouched: Callable[[AccountId], bool]
    held_on: Callable[[frozenset[tuple[AccountId, str, date]]], Mapping[tuple[AccountId, str, date], int]]
    openings: Callable[[Place], Mapping[date, int]]
    today: date


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person said to a preview's questions. `accounts`: for a statement's number, the account it goes to."""

    balance_today: str | None = None
    accounts: Mapping[int, str] = field(default_factory=dict)


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
