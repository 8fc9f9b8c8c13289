"""Looks at a book's ledger, as plans ask for them: each reads what stands once, while the book's commands wait."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date

from commands.imports.plan import Candidate, Earlier, Place, Told
from domain.ledger import OPENING_BALANCES, AccountId, How, Ledger, TransactionId

NO_LEGS: Mapping[AccountId, tuple[date, str]] = {}


def candidates(ledger: Ledger, wanted: frozenset[tuple[str, int]], first: date, last: date) -> list[Candidate]:
    """The standing transactions of some days that move one of these amounts; no opening balance among them."""
    equity = ledger.names.get(OPENING_BALANCES)
    found: list[Candidate] = []
    told_alone: dict[tuple[int, tuple[AccountId, ...]], frozenset[tuple[str, AccountId]]] = {}
    for transaction, day, postings, number in ledger.that_move(wanted, first, last):
        accounts = tuple([posting.account for posting in postings])
        if equity in accounts:
            continue
        rows = ledger.joined.get(transaction, ())
        if not rows:  # nearly all, and this reads all of a long book while its commands wait
            alone = told_alone.get((number, accounts))
            if alone is None:
                form = ledger.import_formats.get(number, "")
                alone = frozenset([(form, account) for account in accounts] if number else [])
                told_alone[number, accounts] = alone
            found.append(Candidate(transaction, day, postings, alone, NO_LEGS))
            continue
        legs = {
            row.postings[0].account: (row.date, f"{row.payee} {row.memo}") for row in rows if row.how is How.TRANSFER
        }
        told = {
            (ledger.import_formats.get(ledger.imports.get(row.import_id, 0), ""), row.postings[0].account)
            for row in rows
            if row.import_id is not None and row.postings
        }
        if number:
            form = ledger.import_formats.get(number, "")
            told |= {(form, posting.account) for posting in postings if posting.account not in legs}
        found.append(Candidate(transaction, day, postings, frozenset(told), legs))
    return found


def joined_into(ledger: Ledger, holders: Iterable[str]) -> dict[TransactionId, TransactionId]:
    """Of those holders of rows that do not stand themselves, the transaction that each joined."""
    own = {TransactionId(holder) for holder in holders if holder and holder not in ledger.standing}
    if not own:
        return {}
    return {row.own: into for into, rows in ledger.joined.items() for row in rows if row.own in own}


def _between_days(ledger: Ledger) -> Iterator[tuple[Place, tuple[date, date], int]]:
    """The legs of transfers that stand on another day than their bank booked them on: place, (bank's day, day it
    stands on), minor units. What a bank states of its own day is compared by the bank's day.
    """
    for transaction, rows in ledger.joined.items():
        for row in rows:
            standing = ledger.transaction(transaction)
            if row.how is How.TRANSFER and standing is not None and standing[0] != row.date:
                amount = row.postings[0].amount
                yield (row.postings[0].account, amount.commodity.code), (row.date, standing[0]), amount.minor


def held_on(ledger: Ledger, wanted: Collection[tuple[AccountId, str, date]]) -> dict[tuple[AccountId, str, date], int]:
    """What places hold at the end of days that are not closed, in minor units, in one reading of what stands; each leg
    of a transfer counts from the day that its own bank booked it on.
    """
    held: dict[tuple[AccountId, str, date], int] = {}
    late: dict[tuple[AccountId, str], list[date]] = {}
    days: dict[Place, list[date]] = {}
    for account, code, day in sorted(wanted, key=lambda asked: asked[2]):
        place = (account, code)
        days.setdefault(place, []).append(day)
        held[account, code, day] = ledger.holdings.get(place, 0)
        if ledger.latest.get(place, 0) > day.toordinal():
            late.setdefault(place, []).append(day)
    for place, (booked, stands), minor in _between_days(ledger):
        asked_on = days.get(place, [])
        begin, end = bisect_left(asked_on, min(booked, stands)), bisect_left(asked_on, max(booked, stands))
        for on in asked_on[begin:end]:
            held[(*place, on)] += minor if booked < stands else -minor
    if not late:
        return held
    asked = {place: sorted([day.toordinal() for day in days]) for place, days in late.items()}
    place_of = {
        (number, ledger.code_numbers[code]): (account, code)
        for account, code in asked
        for number in ledger.numbers_of(account)
    }
    after: dict[Place, Counter[int]] = {place: Counter() for place in asked}
    for ordinal, moves in ledger.moves_after(min(ordinals[0] for ordinals in asked.values())):
        for number, unit, minor in moves:
            found = place_of.get((number, unit))
            if found is not None:
                after[found][bisect_left(asked[found], ordinal)] += minor
    for place, ordinals in asked.items():
        later = 0
        for nth in range(len(ordinals), 0, -1):
            later += after[place][nth]
            held[(*place, date.fromordinal(ordinals[nth - 1]))] -= later
    return held


def earlier(ledger: Ledger, transactions: Collection[TransactionId], form: str) -> Earlier:
    """What the imports of a format told that told some of these transactions."""
    asked = frozenset(transactions)
    same = {number for number, told_in in ledger.import_formats.items() if told_in == form}
    told_by = {number for transaction, number in ledger.makers() if transaction in asked}
    told_by |= {
        ledger.imports.get(row.import_id, 0)
        for transaction in asked & ledger.joined.keys()
        for row in ledger.joined[transaction]
        if row.import_id is not None
    }
    told_by &= same
    gone = [t for t, number in ledger.makers() if number in told_by and t not in asked] if told_by else []
    met = {told.transaction: told for t in asked & ledger.joined.keys() if (told := _told(ledger, t)).place is not None}
    bound = {
        place: frozenset(day for day, _, by in known if by is None or ledger.imports.get(by, 0) not in same)
        for place, known in ledger.asserted.items()
    }
    imports = frozenset([ledger.import_numbers[number] for number in told_by])
    return Earlier(imports, met, tuple([told for t in gone if (told := _told(ledger, t)).postings]), bound)


def _told(ledger: Ledger, transaction: TransactionId) -> Told:
    standing = ledger.transaction(transaction)
    assert standing is not None, "what is looked at stands"
    day, postings, _ = standing
    rows = ledger.joined.get(transaction, ())
    for place in range(len(rows) - 1, -1, -1):
        row = rows[place]
        if row.how.takes_its_place:
            became = row.date, row.postings
            return Told(transaction, day, postings, len(rows), place, row.fingerprint, became)
    return Told(transaction, day, postings, len(rows))


def first_day(ledger: Ledger, account: AccountId) -> date | None:
    """The first open day on which a transaction of the account stands; None where none does."""
    numbers = ledger.numbers_of(account)
    ordinals = [ordinal for ordinal, moves in ledger.moves_after(0) if any(number in numbers for number, _, _ in moves)]
    return date.fromordinal(min(ordinals)) if ordinals else None


def openings(ledger: Ledger, place: Place) -> dict[date, int]:
    """The opening balances of a place that stand in open periods, in minor units by day, in one reading of them."""
    account, code = place
    equity = ledger.names.get(OPENING_BALANCES)
    found: dict[date, int] = {}
    unit = ledger.code_numbers.get(code)
    if equity is None or unit is None:
        return found
    own, against = ledger.accounts[account].number, ledger.accounts[equity].number
    last = max([ledger.latest.get((equity, known), 0) for known in ledger.commodities])
    for ordinal, packed in ledger.moves_after(0, last):
        moves = list(packed)
        if any(number == against for number, _, _ in moves):
            day = date.fromordinal(ordinal)
            for number, moved, minor in moves:
                if number == own and moved == unit:
                    found[day] = found.get(day, 0) + minor
    return found
