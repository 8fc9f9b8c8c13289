"""Opening balances: what an account held before the first row that its files tell.

With the first file it is what is stated less the rows up to that day; a file that comes later and reaches further back
moves it. All of it is the file's own, and goes with it when it is undone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

from commands.imports.plan import BookFacts, Desk
from commands.imports.reading import AccountType, Question
from commands.imports.statements.accounts import Target
from commands.imports.statements.drafts import Draft
from domain.ledger import FIRST_DAY, OPENING_BALANCES, Posting, RecordTransaction, SetOpeningBalance, TransactionId
from domain.money import Amount


def opened_by(target: Target, drafts: Sequence[Draft], facts: BookFacts, desk: Desk) -> list[Question]:
    """Set the target's opening balance where this is its first file: what is stated last less the rows up to its day,
    on the evening before the first of them. Gives the question to ask where nobody states a balance. `drafts` are its
    statements.

    Rows before the account's first day, or in a closed period, are part of the opening balance.
    """
    stating = [(draft.stated_on, draft.stated) for draft in drafts if draft.stated is not None]
    told = [(on, stated) for on, stated in stating if on is not None]
    days = [day for day, _ in target.own] + [d.statement.first for d in drafts if d.statement.first is not None]
    days += [on + timedelta(days=1) for on, _ in told]
    is_unopened = target.account.id in facts.unopened
    if not target.is_first and not is_unopened:
        if days:
            _settle_openings(target, facts, desk, min(days), told)
        return []
    if not told:
        if all(draft.statement.type is AccountType.INVESTMENT for draft in drafts):
            return []  # nobody's bank shows the cash in a broker's account apart
        code = "owed_today" if target.is_debt else "balance_today"
        number = next(draft.statement.number for draft in drafts if draft.needs_balance)
        params = {"account": target.account.name, "commodity": target.unit.code, "statement": number}
        return [Question(code, "balance_today", params)]
    stated_on, stated = max(told, key=lambda pair: pair[0])
    since = sum(minor for day, minor in target.own if day <= stated_on)
    if is_unopened:
        account, code = target.account.id, target.unit.code
        since += desk.held_on(frozenset({(account, code, stated_on)}))[account, code, stated_on]
        standing_since = desk.first_day(account)
        days += [standing_since] if standing_since is not None else []
    through = stated_on if any(draft.is_told_by_person for draft in drafts) else None
    _set_opening(target, desk, _evening_before(min(days), target, facts), stated.minor - since, through)
    return []


def _settle_openings(
    target: Target, facts: BookFacts, desk: Desk, first: date, told: list[tuple[date, Amount]]
) -> None:
    """Let a file that comes after a newer one join it: what it tells of days before an opening balance that stands is
    part of that balance, so it is taken out of it again, and what the account held from then on stays as it was.

    The same holds for days after it, up to the one on which a person told what the bank showed.

    Before the earliest opening balance the account is opened anew: with what this file states there, or else with what
    the rows leave of that balance. All of it is the file's own, and goes with it when it is undone.

    `first`: the first day that the file tells of; `told`: days and balances that it states.
    """
    equity, code = facts.names.get(OPENING_BALANCES), target.unit.code
    if equity is None:
        return
    on_told, through = facts.told.get((target.account.id, code), (FIRST_DAY, FIRST_DAY))
    if first.toordinal() > max(facts.latest.get((equity, code), 0), through.toordinal()):
        return  # no opening balance is that late
    standing = desk.openings((target.account.id, code))
    if not standing:
        return
    days = sorted(standing)
    earliest = days[0]
    taken_out: Counter[date] = Counter()
    before = 0
    for day, minor in target.own:
        if on_told in standing and on_told < day <= through:
            taken_out[on_told] += minor  # a person had seen it in the balance that the opening was counted back from
            continue
        place = bisect_left(days, day)
        if place < len(days):
            taken_out[days[place]] += minor
        before += minor if day <= earliest else 0
    on = _evening_before(first, target, facts)
    stated = max([pair for pair in told if pair[0] < earliest], key=lambda pair: pair[0], default=None)
    reaches_back = any(day <= earliest for day, _ in target.own)
    if reaches_back or (stated is not None and on < earliest):
        opening = standing[earliest] - before
        if stated is not None:
            opening = stated[1].minor - sum(minor for day, minor in target.own if day <= stated[0])
        _set_opening(target, desk, on, opening)
        taken_out[earliest] += opening
    for day, minor in sorted(taken_out.items()):
        if minor:
            out = Amount(-minor, target.unit)
            postings = (Posting(target.account.id, out), Posting(equity, -out))
            record = RecordTransaction(TransactionId(desk.new_id()), day, postings, import_id=desk.import_id)
            target.settled.append(record)


def _evening_before(day: date, target: Target, facts: BookFacts) -> date:
    """The day before, or the first after that on which the account and the period are open."""
    on = max(day - timedelta(days=1), FIRST_DAY)
    closed, opened_on = facts.closed_through, target.account.opened_on
    if closed is not None and on <= closed:
        on = closed + timedelta(days=1)
    return opened_on if opened_on is not None and on < opened_on else on


def _set_opening(target: Target, desk: Desk, on: date, minor: int, through: date | None = None) -> None:
    target.opening = SetOpeningBalance(
        TransactionId(desk.new_id()), target.account.id, on, Amount(minor, target.unit), desk.import_id, through
    )
