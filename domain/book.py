"""The book: a household's finances as one unit of consistency, composed of its rooms.

One book is one stream of events. `decide` answers what a command makes happen, `evolve` folds what happened into the
state; time, ids and randomness come in with the command, so both are pure.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import NewType, assert_never

from domain import budgets, prices, rules
from domain.budgets import BudgetChanged, BudgetEnded, Budgets, BudgetSet, ChangeBudget, EndBudget, SetBudget
from domain.errors import Rejected
from domain.ledger import (
    OPENING_BALANCES,
    AccountClosed,
    AccountId,
    AccountMerged,
    AccountOpened,
    AccountRecognized,
    AccountRenamed,
    AmendTransaction,
    AssertBalance,
    AssertionWithdrawn,
    BalanceAsserted,
    CategorizeTransaction,
    CloseAccount,
    ClosePeriod,
    CommodityDeclared,
    ConcludeImport,
    DeclareCommodity,
    ImportCommitted,
    ImportUndone,
    JoinTransaction,
    Kind,
    Ledger,
    LedgerCommand,
    LedgerEvent,
    MergeAccount,
    OpenAccount,
    PeriodClosed,
    RecognizeAccount,
    RecordTransaction,
    RenameAccount,
    SetOpeningBalance,
    TransactionAmended,
    TransactionCategorized,
    TransactionJoined,
    TransactionParted,
    TransactionRecorded,
    TransactionVoided,
    UndoImport,
    VoidTransaction,
    WithdrawAssertion,
    decide_account,
    decide_categorizing,
    decide_importing,
    decide_joining,
    decide_reconciling,
    decide_transaction,
    evolve_account,
    evolve_categorizing,
    evolve_importing,
    evolve_joining,
    evolve_reconciling,
    evolve_transaction,
    forgotten,
)
from domain.ledger.accounts import undeclared
from domain.prices import PriceRecorded, RecordPrice
from domain.private import check_id, check_text, private
from domain.rules import RemoveRule, RuleRemoved, Rules, RuleSet, SetRule

BookId = NewType("BookId", str)

MAX_BOOK_NAME_CHARS = 100

# Commands


@dataclass(frozen=True, slots=True)
class OpenBook:
    """Open a book; figures are told in `base`, days are those of `time_zone` (an IANA name, known to who asks)."""

    book: BookId
    base: str
    time_zone: str
    opening_account: AccountId
    name: str


@dataclass(frozen=True, slots=True)
class RenameBook:
    name: str


@dataclass(frozen=True, slots=True)
class EraseBook:
    """End the book for ever. Its key is destroyed, so that no name, payee or memo can be read again."""

    reason: str = ""


# Events


@dataclass(frozen=True, slots=True)
class BookOpened:
    book: BookId
    base: str
    time_zone: str
    name: str = private()


@dataclass(frozen=True, slots=True)
class BookRenamed:
    name: str = private()


@dataclass(frozen=True, slots=True)
class BookErased:
    """Every read model purges what it holds of the book."""

    reason: str = private()


BookCommand = (
    OpenBook
    | RenameBook
    | EraseBook
    | LedgerCommand
    | SetBudget
    | ChangeBudget
    | EndBudget
    | RecordPrice
    | SetRule
    | RemoveRule
)
BookEvent = (
    BookOpened
    | BookRenamed
    | BookErased
    | LedgerEvent
    | BudgetSet
    | BudgetChanged
    | BudgetEnded
    | PriceRecorded
    | RuleSet
    | RuleRemoved
)


# State


@dataclass(slots=True)
class Book:
    """All that decisions about a book rest on."""

    facts: MutableMapping[str, str] = field(default_factory=dict)
    """Single facts: `book` (its id), `base`, `time_zone`, `name`, `erased`."""
    ledger: Ledger = field(default_factory=Ledger)
    budgets: Budgets = field(default_factory=Budgets)
    rules: Rules = field(default_factory=Rules)


# Decisions


def decide(book: Book, command: BookCommand) -> list[BookEvent]:
    """The events that `command` makes of `book`; `Rejected` where a rule is broken. Reads and never writes."""
    if "erased" in book.facts:
        raise Rejected("book_erased")
    if isinstance(command, OpenBook):
        return _open(book, command)
    if "book" not in book.facts:
        raise Rejected("book_unknown")
    match command:
        case RenameBook(name):
            _check_name(name)
            return [BookRenamed(name)] if name != book.facts["name"] else []
        case EraseBook(reason):
            check_text("reason", reason)
            return [BookErased(reason)]
        case DeclareCommodity() | OpenAccount() | RenameAccount() | CloseAccount() | MergeAccount():
            return [*decide_account(book.ledger, command)]
        case RecordTransaction() | SetOpeningBalance() | AmendTransaction():
            return [*decide_transaction(book.ledger, command)]
        case VoidTransaction(transaction):
            voided = decide_transaction(book.ledger, command)
            return [*forgotten(book.ledger, transaction), *voided]
        case JoinTransaction():
            return [*decide_joining(book.ledger, command)]
        case CategorizeTransaction():
            return [*decide_categorizing(book.ledger, command)]
        case AssertBalance() | WithdrawAssertion() | ClosePeriod():
            return [*decide_reconciling(book.ledger, command)]
        case ConcludeImport() | UndoImport() | RecognizeAccount():
            return [*decide_importing(book.ledger, command)]
        case SetBudget() | ChangeBudget() | EndBudget():
            return [*budgets.decide(book.budgets, book.ledger, command)]
        case RecordPrice():
            return [*prices.decide(book.ledger, command)]
        case SetRule() | RemoveRule():
            return [*rules.decide(book.rules, book.ledger, command)]
        case _:
            assert_never(command)


def evolve(book: Book, event: BookEvent) -> None:
    """Fold what happened into the state. Total: history is never judged."""
    match event:
        case TransactionRecorded() | TransactionAmended() | TransactionVoided():
            evolve_transaction(book.ledger, event)
        case TransactionJoined() | TransactionParted():
            evolve_joining(book.ledger, event)
        case TransactionCategorized():
            evolve_categorizing(book.ledger, event)
        case CommodityDeclared() | AccountOpened() | AccountRenamed() | AccountClosed() | AccountMerged():
            evolve_account(book.ledger, event)
        case BalanceAsserted() | AssertionWithdrawn() | PeriodClosed():
            evolve_reconciling(book.ledger, event)
        case ImportUndone():
            evolve_importing(book.ledger, event)
            budgets.evolve_undone(book.budgets, event)
        case ImportCommitted() | AccountRecognized():
            evolve_importing(book.ledger, event)
        case BudgetSet() | BudgetChanged() | BudgetEnded():
            budgets.evolve(book.budgets, event)
        case PriceRecorded():
            pass  # prices are for readers; no decision rests on one
        case RuleSet() | RuleRemoved():
            rules.evolve(book.rules, event)
        case BookOpened(book_id, base, time_zone, name):
            book.facts["book"] = book_id
            book.facts["base"] = base
            book.facts["time_zone"] = time_zone
            book.facts["name"] = name
        case BookRenamed(name):
            book.facts["name"] = name
        case BookErased():
            _forget(book)
        case _:
            assert_never(event)


def _forget(book: Book) -> None:
    """Keep nothing of an erased book but that it was: no text outlives its key in memory, and a replay comes to the
    same.
    """
    for room in (book.ledger, book.budgets, book.rules):
        for name in type(room).__slots__:
            getattr(room, name).clear()
    book.facts.pop("name", None)
    book.facts["erased"] = "yes"


def _open(book: Book, command: OpenBook) -> list[BookEvent]:
    if "book" in book.facts:
        raise Rejected("book_exists", book=book.facts["book"])
    check_id("book", command.book)
    check_id("opening_account", command.opening_account)
    _check_name(command.name)
    declared = undeclared(book.ledger, [command.base])
    return [
        BookOpened(command.book, command.base, command.time_zone, command.name),
        *declared,
        AccountOpened(command.opening_account, Kind.EQUITY, (), None, False, OPENING_BALANCES),
    ]


def _check_name(name: str) -> None:
    if not name or name != name.strip() or len(name) > MAX_BOOK_NAME_CHARS or not name.isprintable():
        raise Rejected("book_name_not_valid", limit=MAX_BOOK_NAME_CHARS)
