"""Imports in the ledger: what one file brought is known by its import, and is taken back as a whole.

An undo voids all the import recorded, edited entries too; where one of them is confirmed or closed, or a closed account
would not stay empty, it undoes nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import assert_never

from domain.errors import Rejected
from domain.ledger.accounts import known_account
from domain.ledger.state import Ledger
from domain.ledger.transactions import TransactionVoided, standing_transaction
from domain.ledger.vocabulary import AccountId, ImportId, Posting, TransactionId
from domain.private import check_id, check_text, private

MAX_NAMED_BLOCKERS = 20
"""How many transactions a refused undo lists."""

# Commands


@dataclass(frozen=True, slots=True)
class ConcludeImport:
    """Name an import whose transactions stand before this command in the same atomic group."""

    import_id: ImportId
    format: str
    account: AccountId | None
    recorded: int
    skipped: int
    file_name: str = ""


@dataclass(frozen=True, slots=True)
class UndoImport:
    """Void all that an import recorded, edited transactions too; refused whole where one is reconciled or closed, or
    where an account that is closed would hold something again.
    """

    import_id: ImportId


# Events


@dataclass(frozen=True, slots=True)
class ImportCommitted:
    import_id: ImportId
    format: str
    account: AccountId | None
    recorded: int
    skipped: int
    file_name: str = private()


@dataclass(frozen=True, slots=True)
class ImportUndone:
    import_id: ImportId
    voided: int


ImportingCommand = ConcludeImport | UndoImport
ImportingEvent = ImportCommitted | ImportUndone | TransactionVoided


# Decisions


def decide_importing(ledger: Ledger, command: ImportingCommand) -> list[ImportingEvent]:
    match command:
        case ConcludeImport():
            return _conclude_import(ledger, command)
        case UndoImport(import_id):
            return _undo_import(ledger, import_id)
        case _:
            assert_never(command)


def evolve_importing(ledger: Ledger, event: ImportCommitted | ImportUndone) -> None:
    match event:
        case ImportCommitted():
            ledger.import_number(event.import_id)
        case ImportUndone(import_id, _):
            ledger.imports.pop(import_id, None)
            for place, assertions in list(ledger.asserted.items()):
                if any(told_by == import_id for _, _, told_by in assertions):
                    ledger.asserted[place] = tuple(a for a in assertions if a[2] != import_id)
        case _:
            assert_never(event)


def _conclude_import(ledger: Ledger, command: ConcludeImport) -> list[ImportingEvent]:
    check_id("import_id", command.import_id)
    check_id("format", command.format)
    check_text("file_name", command.file_name)
    if command.account is not None:
        known_account(ledger, command.account)
    return [
        ImportCommitted(
            command.import_id, command.format, command.account, command.recorded, command.skipped, command.file_name
        )
    ]


def _undo_import(ledger: Ledger, import_id: ImportId) -> list[ImportingEvent]:
    number = ledger.imports.get(import_id)
    if number is None:
        raise Rejected("import_unknown", import_id=import_id)
    if number in ledger.closed_imports:
        raise Rejected("import_in_closed_period", import_id=import_id, closed_through=ledger.closed_through)
    voided: list[ImportingEvent] = []
    on_closed: Counter[tuple[AccountId, str]] = Counter()
    reconciled: list[TransactionId] = []
    for transaction in ledger.of_import(number):
        day, postings, _ = standing_transaction(ledger, transaction)
        if _reconciled_by(ledger, day, postings, but=import_id):
            reconciled.append(transaction)
        voided.append(TransactionVoided(transaction, day, postings, import_id))
        for posting in postings:
            account = ledger.accounts[posting.account]
            if account.closed_on is not None and not account.kind.is_category:
                on_closed[account.id, posting.amount.commodity.code] += posting.amount.minor
    if reconciled:
        raise Rejected(
            "import_reconciled",
            import_id=import_id,
            count=len(reconciled),
            transactions=reconciled[:MAX_NAMED_BLOCKERS],
        )
    for (closed, _), minor in on_closed.items():
        # What comes to nothing can go: an import may have filled, emptied and closed an account all by itself.
        if minor:
            account = ledger.accounts[closed]
            raise Rejected("account_closed", account=account.name, on=account.closed_on)
    return [*voided, ImportUndone(import_id, len(voided))]


def _reconciled_by(ledger: Ledger, day: date, postings: tuple[Posting, ...], but: ImportId) -> AccountId | None:
    """The first account whose asserted balance covers the transaction, leaving out what the import `but` asserted."""
    for posting in postings:
        account = ledger.canonical(posting.account)
        for until, _, told_by in ledger.asserted.get((account, posting.amount.commodity.code), ()):
            if day.toordinal() <= until and told_by != but:
                return account
    return None
