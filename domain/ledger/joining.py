"""Joining: a row of one file that tells what another already told.

Two banks tell a transfer each from its own side, two formats tell one movement twice, an edited ledger tells an entry
anew. The transaction stands once; it remembers what each row that joined it would have recorded on its own, so that
undoing a file takes back what that file told and leaves what the others did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import assert_never

from domain.errors import Rejected
from domain.ledger.accounts import CommodityDeclared
from domain.ledger.reconciling import AssertionWithdrawn
from domain.ledger.state import Entry, How, Joined, Ledger
from domain.ledger.transactions import (
    RecordTransaction,
    TransactionRecorded,
    changed_assertions,
    check_accounts_open,
    check_not_reconciled,
    check_turnover,
    checked_record,
    standing_transaction,
)
from domain.ledger.vocabulary import MAX_POSTINGS, ImportId, Instalment, Posting, TransactionId
from domain.private import check_id, private

MAX_JOINED_POSTINGS = 2 * MAX_POSTINGS
"""Postings that a joining carries, of what stood, what stands and what would stand alone: as many as an amendment, so
that the event is never larger than any may be.
"""

MAX_JOINED = 20
"""Rows that may join one transaction: a household has not so many banks and formats."""

# Commands


@dataclass(frozen=True, slots=True)
class JoinTransaction:
    """Let a row join a standing transaction instead of being recorded as `own`, whose first posting is the row's.

    `TRANSFER`: the row is the other leg, and takes the place of the category that stood for it. `MATCH`: the row tells
    a posting that stands already, and nothing moves. `REPLACEMENT`: day and postings become those of `own`. `REMOVAL`:
    the newer file tells the entry no more; nothing of it moves, and `own` has no postings.
    """

    transaction: TransactionId
    own: RecordTransaction
    how: How


# Events


@dataclass(frozen=True, slots=True)
class TransactionJoined:
    """`was_date` and `was_postings` are what is reversed, on that date; `date` and `postings` stand from now on, under
    the words that stood. `own` would stand on its own, with `own_date`, `own_postings`, `payee` and `memo`, should what
    it joined be undone.
    """

    transaction: TransactionId
    how: How
    own: TransactionId
    own_date: date
    own_postings: tuple[Posting, ...]
    was_date: date
    was_postings: tuple[Posting, ...]
    date: date
    postings: tuple[Posting, ...]
    import_id: ImportId | None = None
    fingerprint: str | None = None
    payee: str = private()
    memo: str = private()
    instalment: Instalment | None = None


@dataclass(frozen=True, slots=True)
class TransactionParted:
    """What `own` brought is taken out again. `undoes` names the import whose undoing did it; None where a person voids
    the whole transaction, in the event that follows.
    """

    transaction: TransactionId
    was_date: date
    was_postings: tuple[Posting, ...]
    date: date
    postings: tuple[Posting, ...]
    own: TransactionId
    undoes: ImportId | None = None


JoiningEvent = TransactionJoined | TransactionParted


# Decisions


def decide_joining(
    ledger: Ledger, command: JoinTransaction
) -> list[JoiningEvent | CommodityDeclared | AssertionWithdrawn]:
    """Join a row to what stands; `transaction_not_joinable` where it does not fit there.

    What takes an entry's place may contradict a balance that an older version of the same ledger confirmed: that
    confirmation is withdrawn. Any other refuses it.
    """
    day, was, _ = standing_transaction(ledger, command.transaction)
    declared, recorded = _checked_own(ledger, command, day)
    known = ledger.joined.get(command.transaction, ())
    if len(known) >= MAX_JOINED:
        raise Rejected("transaction_not_joinable", transaction=command.transaction)
    becomes = _joined(ledger, (day, was), command.how, recorded)
    if becomes is None:
        raise Rejected("transaction_not_joinable", transaction=command.transaction)
    carried = len(was) + len(becomes[1]) + len(recorded.postings)
    if carried > MAX_JOINED_POSTINGS:
        raise Rejected("too_many_postings", count=carried, limit=MAX_JOINED_POSTINGS)
    _check_opened(ledger, becomes)
    check_accounts_open(ledger, was, becomes[1])
    check_turnover(ledger, becomes[1])
    withdrawn: list[AssertionWithdrawn] = []
    if command.how.takes_its_place:
        withdrawn = _contradicted(ledger, command.transaction, (day, was), becomes)
    else:
        check_not_reconciled(ledger, command.transaction, (day, was), becomes)
    joined = TransactionJoined(
        command.transaction,
        command.how,
        recorded.transaction,
        recorded.date,
        recorded.postings,
        day,
        was,
        *becomes,
        recorded.import_id,
        recorded.fingerprint,
        recorded.payee,
        recorded.memo,
        recorded.instalment,
    )
    return [*declared, *withdrawn, joined]


def _checked_own(
    ledger: Ledger, command: JoinTransaction, day: date
) -> tuple[list[CommodityDeclared], TransactionRecorded]:
    own = command.own
    if command.how is not How.REMOVAL:
        return checked_record(ledger, own)
    check_id("transaction", own.transaction)
    check_id("import_id", own.import_id)
    return [], TransactionRecorded(own.transaction, day, (), None, own.import_id)


def _contradicted(ledger: Ledger, transaction: TransactionId, was: Entry, becomes: Entry) -> list[AssertionWithdrawn]:
    """The assertions to withdraw; refused where one that `becomes` contradicts is not of the same kind of file."""
    standing = ledger.transaction(transaction)
    number = ledger.imports.get(standing[2], 0) if standing is not None and standing[2] is not None else 0
    form = ledger.import_formats.get(number)
    withdrawn: list[AssertionWithdrawn] = []
    for account, code, until, told_by in changed_assertions(ledger, was, becomes):
        told_in = ledger.import_formats.get(ledger.imports.get(told_by, 0)) if told_by is not None else None
        if form is None or told_in != form:
            raise Rejected("transaction_reconciled", transaction=transaction, account=ledger.accounts[account].name)
        withdrawn.append(AssertionWithdrawn(account, code, date.fromordinal(until)))
    return list(dict.fromkeys(withdrawn))


def evolve_joining(ledger: Ledger, event: JoiningEvent) -> None:
    match event:
        case TransactionJoined():
            ledger.import_number(event.import_id)
            known = ledger.joined.get(event.transaction, ())
            ledger.joined[event.transaction] = (*known, _remembered(event))
        case TransactionParted(transaction, own=own):
            kept = _without(ledger, ledger.joined.get(transaction, ()), own)
            if kept:
                ledger.joined[transaction] = kept
            else:
                ledger.joined.pop(transaction, None)
        case _:
            assert_never(event)
    standing = ledger.transaction(event.transaction)
    number = ledger.import_number(standing[2] if standing is not None else None)
    ledger.take_back(event.transaction, event.was_date, event.was_postings)
    ledger.add(event.transaction, event.date, event.postings, number)


def forgotten(ledger: Ledger, transaction: TransactionId) -> list[TransactionParted]:
    """The rows that go with a transaction that a person voids: they move nothing any more, and do not come back."""
    rows = ledger.joined.get(transaction, ())
    if not rows:
        return []
    day, postings, _ = standing_transaction(ledger, transaction)
    check_turnover(ledger, *[postings for _ in rows])
    return [TransactionParted(transaction, day, postings, day, postings, row.own) for row in rows]


def parted(ledger: Ledger, entry: Entry, joined: Joined, rest: Sequence[Joined]) -> Entry:
    """What stands once `joined` is taken out of `entry`; the rows in `rest` still tell their part of it.

    What a person has since made of the joined posting stays as it is.
    """
    day, postings = entry
    match joined.how:
        case How.MATCH:
            return entry
        case How.REPLACEMENT | How.REMOVAL:
            return joined.was if entry == (joined.date, joined.postings) else entry
        case How.TRANSFER:
            leg = joined.postings[0]
            if joined.contra is None or any(_tells(ledger, other.postings[:1], leg) for other in rest):
                return entry
            place = next((n for n, posting in enumerate(postings) if _same_leg(ledger, posting, leg)), None)
            if place is None:
                return entry
            contra = _of_today(ledger, joined.contra)
            return day, (*postings[:place], contra, *postings[place + 1 :])
        case _:
            assert_never(joined.how)


def stood_alone(ledger: Ledger, rows: Sequence[Joined]) -> list[TransactionRecorded | TransactionJoined]:
    """What rows become whose transaction is undone: the first stands on its own, the others join it where they fit."""
    events: list[TransactionRecorded | TransactionJoined] = []
    standing: list[tuple[TransactionId, Entry]] = []
    for row in rows:
        if row.how is How.REMOVAL and not standing:
            continue
        postings = tuple([_of_today(ledger, posting) for posting in row.postings])
        recorded = TransactionRecorded(
            row.own,
            row.date,
            postings,
            None,
            row.import_id,
            row.fingerprint,
            row.payee,
            row.memo,
            (),
            (),
            row.instalment,
        )
        fitting = (row.how,) if row.how.takes_its_place else (How.MATCH, How.TRANSFER)
        for place, (transaction, entry) in enumerate(standing):
            found = next(
                ((how, fit) for how in fitting if (fit := _joined(ledger, entry, how, recorded)) is not None), None
            )
            if found is not None:
                how, becomes = found
                standing[place] = transaction, becomes
                events.append(
                    TransactionJoined(
                        transaction,
                        how,
                        row.own,
                        row.date,
                        postings,
                        *entry,
                        *becomes,
                        row.import_id,
                        row.fingerprint,
                        row.payee,
                        row.memo,
                        row.instalment,
                    )
                )
                break
        else:
            standing.append((row.own, (row.date, postings)))
            events.append(recorded)
    return events


def _check_opened(ledger: Ledger, entry: Entry) -> None:
    """A leg may join on a day before its own, on which its account has to be open too."""
    day, postings = entry
    for posting in postings:
        account = ledger.accounts[posting.account]
        if account.opened_on is not None and day < account.opened_on:
            raise Rejected("account_not_open_yet", account=account.name, opened_on=account.opened_on, date=day)


def _joined(ledger: Ledger, entry: Entry, how: How, own: TransactionRecorded) -> Entry | None:
    """What stands once a row has joined; None where it does not fit."""
    day, postings = entry
    match how:
        case How.REPLACEMENT | How.REMOVAL:
            return own.date, own.postings
        case How.MATCH:
            return entry if _tells(ledger, postings, own.postings[0]) else None
        case How.TRANSFER:
            leg = own.postings[0]
            place = _contra(ledger, postings, leg)
            if place is None or _tells(ledger, postings, leg):
                return None
            return day, (*postings[:place], leg, *postings[place + 1 :])
        case _:
            assert_never(how)


def _contra(ledger: Ledger, postings: tuple[Posting, ...], leg: Posting) -> int | None:
    """The place of the one category posting that stands for the leg: of its very amount, and without a cost."""
    places = [
        place
        for place, posting in enumerate(postings)
        if posting.amount == leg.amount
        and posting.cost is None
        and posting.price is None
        and ledger.accounts[posting.account].kind.is_category
    ]
    return places[0] if len(places) == 1 else None


def _of_today(ledger: Ledger, posting: Posting) -> Posting:
    """The posting on the category that its own was merged into since."""
    account = ledger.canonical(posting.account)
    return posting if account == posting.account else Posting(account, posting.amount, posting.cost, posting.price)


def _tells(ledger: Ledger, postings: Sequence[Posting], leg: Posting) -> bool:
    return any(_same_leg(ledger, posting, leg) for posting in postings)


def _same_leg(ledger: Ledger, one: Posting, other: Posting) -> bool:
    return one.amount == other.amount and ledger.canonical(one.account) == ledger.canonical(other.account)


def _without(ledger: Ledger, rows: tuple[Joined, ...], own: TransactionId) -> tuple[Joined, ...]:
    """The rows that stay where one parts; what they took the place of is told without it too, and where another tells
    its leg, that one stands for the category now.
    """
    kept: list[Joined] = []
    gone: Joined | None = None
    for row in rows:
        if row.own == own:
            gone = row
        elif gone is not None and row.how.takes_its_place:
            kept.append(replace(row, was=parted(ledger, row.was, gone, kept)))
        else:
            kept.append(row)
    if gone is not None and gone.how is How.TRANSFER:
        for place, row in enumerate(kept):
            if row.how is How.MATCH and _same_leg(ledger, row.postings[0], gone.postings[0]):
                kept[place] = replace(row, how=How.TRANSFER, contra=gone.contra)
                break
    return tuple(kept)


def _remembered(event: TransactionJoined) -> Joined:
    contra = None
    if event.how is How.TRANSFER:
        pairs = zip(event.was_postings, event.postings, strict=True)
        contra = next(was for was, becomes in pairs if was != becomes)
    return Joined(
        event.how,
        event.own,
        event.own_date,
        event.own_postings,
        event.import_id,
        event.fingerprint,
        contra,
        (event.was_date, event.was_postings),
        event.payee,
        event.memo,
        event.instalment,
    )
