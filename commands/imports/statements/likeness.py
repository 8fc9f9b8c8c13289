"""Rows that tell what another file or a person already told: the other leg of a transfer, or the same movement again.

Likeness only proposes. A transfer is proposed where amounts are exactly opposite, days are near and each side has no
other; a match where account and amount are the same and the day is, or the words are alike. Rows of one and the same
source are never likened to each other: that source's own identity tells them apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from rapidfuzz import fuzz

from commands.imports.plan import BookFacts, Candidate, Desk
from commands.imports.reading import Reason, StatementRow
from commands.imports.statements.accounts import Target
from commands.imports.statements.categories import is_refund
from domain.ledger import AccountId, How, Posting, TransactionId
from domain.money import Amount
from domain.words import words as words_of

TRANSFER_DAYS = 4
"""The most days that the two sides of a transfer lie apart."""

MATCH_DAYS = 4
"""The most days that two tellings of one movement lie apart: a weekend, and a day of booking."""

ALIKE = 60
"""From which likeness of their words, of 100, two rows of different days are taken for one."""

MAX_COMPARED = 50
"""Standing transactions of one account and amount that a row's words are compared with, the nearest days first."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """A row that is no duplicate, with the amount at its account's scale. `covered` are the first and last day that its
    statement has rows of.
    """

    row: StatementRow
    day: date
    amount: Amount
    fingerprint: str
    target: Target
    covered: tuple[date, date]


@dataclass(frozen=True, slots=True)
class Join:
    """That a row joins a standing transaction, or with `row` the one that another row of the file records."""

    how: How
    reason: Reason
    day: date
    transaction: TransactionId | None = None
    row: int | None = None


def found_joins(
    fresh: Sequence[Fresh], facts: BookFacts, desk: Desk, source: str, met: frozenset[TransactionId]
) -> tuple[dict[int, Join], dict[int, Reason]]:
    """For a row's number what it joins; and why it joins nothing where more than one transfer would fit.

    `met` are the transactions that other rows of the file are duplicates of.
    """
    if not fresh:
        return {}, {}
    wanted = frozenset((f.amount.commodity.code, f.amount.minor) for f in fresh)
    reach = timedelta(days=max(TRANSFER_DAYS, MATCH_DAYS))
    first, last = min(f.day for f in fresh), max(f.day for f in fresh)
    candidates = [
        candidate
        for candidate in desk.candidates(wanted, first - reach, last + reach)
        # What stands on accounts opened since the look at the book came since, too: the commit will plan again.
        if candidate.transaction not in met and all(posting.account in facts.accounts for posting in candidate.postings)
    ]
    joins = _matches(fresh, candidates, desk, source)
    left = [f for f in fresh if f.row.row not in joins]
    used = {join.transaction for join in joins.values()}
    transfers, unclear = _transfers(left, [c for c in candidates if c.transaction not in used], facts)
    return joins | transfers, unclear


# The same movement told again


@dataclass(frozen=True, slots=True)
class _Telling:
    """A standing posting that a row may tell again: its transaction, and the day and words its own bank told, if one
    did; words None: not known yet.
    """

    transaction: TransactionId
    day: date
    words: str | None


def _matches(fresh: Sequence[Fresh], candidates: Sequence[Candidate], desk: Desk, source: str) -> dict[int, Join]:
    standing: dict[_Place, list[_Telling]] = defaultdict(list)
    for candidate in candidates:
        for posting in candidate.postings:
            if (source, posting.account) not in candidate.told_by:
                amount = posting.amount
                day, words = candidate.legs.get(posting.account, (candidate.day, None))
                telling = _Telling(candidate.transaction, day, words)
                standing[posting.account, amount.commodity.code, amount.minor].append(telling)
    rows: dict[_Place, list[Fresh]] = defaultdict(list)
    for one in fresh:
        place = (one.target.account.id, one.amount.commodity.code, one.amount.minor)
        if place in standing and one.row.trade is None:
            rows[place].append(one)
    if not rows:
        return {}
    asked = {telling.transaction for place in rows for telling in standing[place] if telling.words is None}
    told = {transaction: " ".join(words) for transaction, words in desk.words(asked).items()} if asked else {}
    joins: dict[int, Join] = {}
    taken: set[TransactionId] = set()
    for place, alike in rows.items():
        pairs = [
            (abs((telling.day - one.day).days), -likeness, one.row.row, number, one, telling)
            for one in alike
            for number, (telling, likeness) in enumerate(_near(one, standing[place], told))
        ]
        for *_, one, telling in sorted(pairs, key=lambda pair: pair[:4]):
            if one.row.row not in joins and telling.transaction not in taken:
                taken.add(telling.transaction)
                params = {"transaction": telling.transaction, "date": telling.day}
                reason = Reason("row_matches", params)
                joins[one.row.row] = Join(How.MATCH, reason, telling.day, telling.transaction)
    return joins


_Place = tuple[AccountId, str, int]
"""An account, a commodity's code, and minor units."""


def _near(one: Fresh, standing: Sequence[_Telling], told: Mapping[TransactionId, str]) -> list[tuple[_Telling, float]]:
    """What may be the row's: what stands on its day, and of near days what has words alike.

    Of near days only those that the statement covers, or the last coffee of one file would be the first of the next.
    """
    first, last = one.covered
    near = [t for t in standing if abs((t.day - one.day).days) <= MATCH_DAYS and first <= t.day <= last]
    near.sort(key=lambda telling: abs((telling.day - one.day).days))
    mine = " ".join(words_of(f"{one.row.payee} {one.row.memo}"))
    found: list[tuple[_Telling, float]] = []
    for telling in near[:MAX_COMPARED]:
        theirs = " ".join(words_of(telling.words or told.get(telling.transaction, "")))
        likeness = fuzz.token_set_ratio(mine, theirs)
        if telling.day == one.day or likeness >= ALIKE:
            found.append((telling, likeness))
    return found


# The other leg of a transfer


@dataclass(frozen=True, slots=True)
class _Side:
    """The standing side of a transfer: `account` gave or got the opposite; `row` is the file's own that records it."""

    account: AccountId
    name: str
    day: date
    transaction: TransactionId | None = None
    row: int | None = None


def _transfers(
    fresh: Sequence[Fresh], candidates: Sequence[Candidate], facts: BookFacts
) -> tuple[dict[int, Join], dict[int, Reason]]:
    opposite: dict[tuple[str, int], list[_Side]] = defaultdict(list)
    for candidate in candidates:
        for category in _open_ends(candidate, facts):
            code, minor = category.amount.commodity.code, category.amount.minor
            for posting in candidate.postings:
                account = facts.accounts[posting.account]
                if posting.amount == -category.amount and not account.kind.is_category:
                    side = _Side(account.id, account.name, candidate.day, candidate.transaction)
                    opposite[code, minor].append(side)
    possible = [one for one in fresh if _may_transfer(one)]
    for one in possible:
        account = one.target.account
        side = _Side(account.id, account.name, one.day, row=one.row.row)
        opposite[one.amount.commodity.code, -one.amount.minor].append(side)
    sides_of: dict[int, list[_Side]] = {}
    rows_of: dict[_Side, list[int]] = defaultdict(list)
    for one in possible:
        sides = [
            side
            for side in opposite.get((one.amount.commodity.code, one.amount.minor), ())
            if side.account != one.target.account.id
            and abs((side.day - one.day).days) <= TRANSFER_DAYS
            and (side.row is not None or _may_post(one, side.day, facts))
        ]
        if sides:
            sides_of[one.row.row] = sides
            for side in sides:
                rows_of[side].append(one.row.row)
    joins: dict[int, Join] = {}
    unclear: dict[int, Reason] = {}
    for row, sides in sides_of.items():
        if len(sides) > 1 or len(rows_of[sides[0]]) > 1:
            unclear[row] = Reason("transfer_not_clear", {"count": max(len(sides), len(rows_of[sides[0]]))})
            continue
        (side,) = sides
        if side.row is None:
            params = {"account": side.name, "date": side.day, "transaction": side.transaction}
            joins[row] = Join(How.TRANSFER, Reason("row_is_transfer", params), side.day, side.transaction)
        elif len(sides_of.get(side.row, ())) > 1:
            unclear[row] = Reason("transfer_not_clear", {"count": len(sides_of[side.row])})
        elif side.row < row:
            params = {"account": side.name, "date": side.day, "other_row": side.row}
            joins[row] = Join(How.TRANSFER, Reason("row_is_transfer_in_file", params), side.day, row=side.row)
    return joins, unclear


def _may_transfer(one: Fresh) -> bool:
    row = one.row
    plain = row.trade is None and not row.income and row.instalment is None and not row.splits and not row.category
    return plain and not is_refund(row)


def _open_ends(candidate: Candidate, facts: BookFacts) -> list[Posting]:
    """The one category posting that may stand for an account that no file has told of yet."""
    ends = [p for p in candidate.postings if facts.accounts[p.account].kind.is_category]
    return ends if len(ends) == 1 and ends[0].cost is None and ends[0].price is None else []


def _may_post(one: Fresh, day: date, facts: BookFacts) -> bool:
    """Whether the row's account takes a leg on the other side's day: it is open, and not confirmed beyond it."""
    account = one.target.account
    if account.opened_on is not None and day < account.opened_on:
        return False
    asserted = facts.asserted.get((account.id, one.amount.commodity.code), frozenset())
    return not any(day.toordinal() <= until for until in asserted)
