"""Imports in the ledger: what one file brought is known by its import, and is taken back as a whole.

An undo voids all the import recorded, edited entries too, and takes its rows out of what they joined; where one of them
is confirmed or closed, or a closed account would not stay empty, it undoes nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import assert_never

from domain.errors import Rejected
from domain.ledger.accounts import known_account
from domain.ledger.joining import TransactionJoined, TransactionParted, parted, stood_alone
from domain.ledger.state import Entry, Joined, Ledger
from domain.ledger.transactions import (
    TransactionRecorded,
    TransactionVoided,
    check_turnover,
    standing_transaction,
)
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
    joined: int = 0
    opening_unknown: tuple[AccountId, ...] = ()
    profile: str = ""


@dataclass(frozen=True, slots=True)
class UndoImport:
    """Void all that an import recorded, edited transactions too, and take its rows out of what they joined; refused
    whole where one is reconciled or closed, or where an account that is closed would hold something again.
    """

    import_id: ImportId


@dataclass(frozen=True, slots=True)
class RecognizeAccount:
    """Let a bank's statements of one account go to `account` from now on.

    `fingerprint` is an HMAC of `source`, the bank and its number for the account; `is_shared` says that another book
    takes the same statements too.
    """

    account: AccountId
    fingerprint: str
    source: str
    is_shared: bool = False


# Events


@dataclass(frozen=True, slots=True)
class ImportCommitted:
    """`recorded`, `joined` and `skipped` count the file's rows. `opening_unknown` are accounts whose first file states
    no balance: what they hold is not known until an opening balance is set. `profile` is a person's own word for the
    way in which their bank writes a format.
    """

    import_id: ImportId
    format: str
    account: AccountId | None
    recorded: int
    skipped: int
    file_name: str = private()
    joined: int | None = None
    opening_unknown: tuple[AccountId, ...] | None = None
    profile: str = private()


@dataclass(frozen=True, slots=True)
class ImportUndone:
    import_id: ImportId
    voided: int


@dataclass(frozen=True, slots=True)
class AccountRecognized:
    account: AccountId
    fingerprint: str
    is_shared: bool
    source: str = private()


ImportingCommand = ConcludeImport | UndoImport | RecognizeAccount
ImportingEvent = (
    ImportCommitted
    | ImportUndone
    | AccountRecognized
    | TransactionVoided
    | TransactionParted
    | TransactionRecorded
    | TransactionJoined
)


# Decisions


def decide_importing(ledger: Ledger, command: ImportingCommand) -> list[ImportingEvent]:
    match command:
        case ConcludeImport():
            return _conclude_import(ledger, command)
        case UndoImport(import_id):
            return _undo_import(ledger, import_id)
        case RecognizeAccount(account, fingerprint, source, is_shared):
            known_account(ledger, account)
            check_id("fingerprint", fingerprint)
            check_text("source", source)
            if ledger.recognized.get(fingerprint) == account:
                return []
            return [AccountRecognized(account, fingerprint, is_shared, source)]
        case _:
            assert_never(command)


def evolve_importing(ledger: Ledger, event: ImportCommitted | ImportUndone | AccountRecognized) -> None:
    match event:
        case AccountRecognized(account, fingerprint):
            ledger.recognized[fingerprint] = account
        case ImportCommitted():
            source = source_name(event.format, event.profile)
            ledger.import_formats[ledger.import_number(event.import_id)] = source
            for account in event.opening_unknown or ():
                ledger.unopened[account] = event.import_id
        case ImportUndone(import_id, _):
            ledger.imports.pop(import_id, None)
            for account in [account for account, told_by in ledger.unopened.items() if told_by == import_id]:
                del ledger.unopened[account]
            for place, assertions in list(ledger.asserted.items()):
                if any(told_by == import_id for _, _, told_by in assertions):
                    ledger.asserted[place] = tuple(a for a in assertions if a[2] != import_id)
        case _:
            assert_never(event)


def source_name(format: str, profile: str) -> str:
    """What tells one way of writing statements from another: the format, and of several its profile."""
    return f"{format} {profile}" if profile else format


def _conclude_import(ledger: Ledger, command: ConcludeImport) -> list[ImportingEvent]:
    check_id("import_id", command.import_id)
    check_id("format", command.format)
    check_text("file_name", command.file_name)
    check_text("profile", command.profile)
    if command.account is not None:
        known_account(ledger, command.account)
    for account in command.opening_unknown:
        known_account(ledger, account)
    return [
        ImportCommitted(
            command.import_id,
            command.format,
            command.account,
            command.recorded,
            command.skipped,
            command.file_name,
            command.joined or None,
            command.opening_unknown or None,
            command.profile,
        )
    ]


def _undo_import(ledger: Ledger, import_id: ImportId) -> list[ImportingEvent]:
    number = ledger.imports.get(import_id)
    if number is None:
        raise Rejected("import_unknown", import_id=import_id)
    if number in ledger.closed_imports:
        raise Rejected("import_in_closed_period", import_id=import_id, closed_through=ledger.closed_through)
    events: list[ImportingEvent] = []
    left: dict[TransactionId, tuple[Entry, tuple[Joined, ...]]] = {}
    becomes: dict[TransactionId, list[Entry]] = {}
    goes = set(ledger.of_import(number))
    for transaction, rows in ledger.joined.items():
        if any(row.import_id == import_id for row in rows):
            left[transaction] = _without_its_rows(
                ledger, transaction, rows, import_id, events, goes=transaction in goes
            )
            becomes[transaction] = [left[transaction][0]]
    voided = 0
    for transaction in ledger.of_import(number):
        day, postings, _ = standing_transaction(ledger, transaction)
        entry, rest = left.get(transaction, ((day, postings), ledger.joined.get(transaction, ())))
        alone = stood_alone(ledger, rest) if rest else []
        events += [TransactionVoided(transaction, *entry, import_id), *alone]
        ends: dict[TransactionId, Entry] = {event.transaction: (event.date, event.postings) for event in alone}
        becomes[transaction] = list(ends.values())
        voided += 1
    _check_undoable(ledger, import_id, becomes)
    put = [e.postings for e in events if isinstance(e, TransactionParted | TransactionRecorded | TransactionJoined)]
    check_turnover(ledger, *put)
    return [*events, ImportUndone(import_id, voided)]


def _without_its_rows(
    ledger: Ledger,
    transaction: TransactionId,
    rows: tuple[Joined, ...],
    import_id: ImportId,
    events: list[ImportingEvent],
    *,
    goes: bool,
) -> tuple[Entry, tuple[Joined, ...]]:
    """What stands of a transaction without the rows of an import, and the rows that stay; adds the events of it. One
    that goes itself is not changed before.
    """
    day, postings, _ = standing_transaction(ledger, transaction)
    entry = (day, postings)
    for row in [row for row in reversed(rows) if row.import_id == import_id]:
        rows = tuple([other for other in rows if other is not row])
        then = entry if goes else parted(ledger, entry, row, rows)
        events.append(TransactionParted(transaction, *entry, *then, row.own, import_id))
        entry = then
    return entry, rows


def _check_undoable(ledger: Ledger, import_id: ImportId, becomes: dict[TransactionId, list[Entry]]) -> None:
    """Refuse what would change a closed period, an asserted balance, or what a closed account holds."""
    closed_through = ledger.closed_through
    on_closed: Counter[tuple[AccountId, str]] = Counter()
    touched: dict[TransactionId, set[tuple[AccountId, str, int, int]]] = {}
    for transaction, entries in becomes.items():
        if closed_through is not None and any(day <= closed_through for day, _ in entries):
            raise Rejected("import_in_closed_period", import_id=import_id, closed_through=closed_through)
        day, postings, _ = standing_transaction(ledger, transaction)
        moved = [(day, posting, -1) for posting in postings]
        moved += [(on, posting, 1) for on, put in entries for posting in put]
        _check_open(ledger, (day, postings), entries)
        touched[transaction] = _changed_assertions(ledger, moved, but=import_id)
        for _, posting, sign in moved:
            account = ledger.accounts[posting.account]
            if account.closed_on is not None and not account.kind.is_category:
                on_closed[account.id, posting.amount.commodity.code] += sign * posting.amount.minor
    binding = _that_hold(ledger, set().union(*touched.values()))
    reconciled = [transaction for transaction, changed in touched.items() if changed & binding]
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


def _check_open(ledger: Ledger, stood: Entry, entries: list[Entry]) -> None:
    """Refuse to bring back what stands on an account, or a category, that was closed before that day since."""
    for day, postings in entries:
        for posting in postings:
            account = ledger.accounts[posting.account]
            closed_on = account.closed_on
            if closed_on is not None and day > closed_on and (day != stood[0] or posting not in stood[1]):
                raise Rejected("account_closed", account=account.name, on=closed_on)


def _changed_assertions(
    ledger: Ledger, moved: list[tuple[date, Posting, int]], but: ImportId
) -> set[tuple[AccountId, str, int, int]]:
    """The assertions that moves change, leaving out what the import `but` asserted: account, commodity code, day as an
    ordinal, minor units.
    """
    changes: Counter[tuple[AccountId, str, int, int]] = Counter()
    for day, posting, sign in moved:
        account, code = ledger.canonical(posting.account), posting.amount.commodity.code
        for until, minor, told_by in ledger.asserted.get((account, code), ()):
            if day.toordinal() <= until and told_by != but:
                changes[account, code, until, minor] += sign * posting.amount.minor
    return {assertion for assertion, minor in changes.items() if minor}


def _that_hold(
    ledger: Ledger, assertions: set[tuple[AccountId, str, int, int]]
) -> set[tuple[AccountId, str, int, int]]:
    """The assertions that are true now, in one reading of what stands. An entry recorded behind an assertion makes it
    false: then it confirms nothing, and taking that entry back only makes it true again.
    """
    if not assertions:
        return set()
    days: dict[tuple[int, int], set[int]] = {}
    later: Counter[tuple[int, int, int]] = Counter()
    for account, code, until, _ in assertions:
        for number in ledger.numbers_of(account):
            days.setdefault((number, ledger.code_numbers[code]), set()).add(until)
    for ordinal, moves in ledger.moves_after(min(until for *_, until, _ in assertions)):
        for number, unit, minor in moves:
            for until in days.get((number, unit), ()):
                if until < ordinal:
                    later[number, unit, until] += minor
    found: set[tuple[AccountId, str, int, int]] = set()
    for account, code, until, stated in assertions:
        unit = ledger.code_numbers[code]
        after = sum(later[number, unit, until] for number in ledger.numbers_of(account))
        if ledger.holdings.get((account, code), 0) - after == stated:
            found.add((account, code, until, stated))
    return found
