"""Figures: what can be asked of a book, answered from the read models as items, whichever door asks.

A frame says which book, day and version a question is about; every figure of one question is read in one frame, so
that what is shown side by side fits together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from api.items import (
    Item,
    account_item,
    account_names,
    balance_item,
    budget_item,
    entry_item,
    flow_item,
    imported_item,
    money,
    payee_item,
    promise_item,
    rule_item,
    worth_item,
)
from commands.ports import Clock
from domain.book import BookId
from domain.budgets import Every, month_later
from domain.errors import Rejected
from domain.ledger import FIRST_DAY, LAST_DAY, OPENING_BALANCES, UNCATEGORIZED, AccountId, Kind
from domain.money import Amount, Commodity
from projections import accounts, balances, budgets, cash_flow, imports, net_worth, register, rules, timeline
from projections.accounts import BookRow
from streams.runner import ProjectionRunner

MONTHS_TOLD = 12
"""Net worth and cash flow tell the last twelve months where no span is asked for."""

MAX_PERIODS = 4_000
"""The most periods of one answer: every day of almost eleven years."""

PAGE_SIZE = 500
"""Transactions read at a time where more than a page is asked for."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A question in its book, which the read models hold up to `version`.

    `as_of` and `today` are days of the book's zone; `known` is None for all versions.
    """

    book: BookId
    row: BookRow
    version: int
    as_of: date
    today: date
    known: int | None


def frame_of(
    connection: Connection,
    clock: Clock,
    row: BookRow,
    version: int,
    as_of: date | None = None,
    known_on: str | None = None,
) -> Frame:
    """The frame of a question about a book as `connection` sees it."""
    today = clock.now().astimezone(ZoneInfo(row.time_zone)).date()
    known = None
    if known_on is not None:
        known = timeline.version_known_on(connection, row.book, moment(known_on, row.time_zone))
    return Frame(row.book, row, version, as_of or today, today, known)


def version_held(connection: Connection, runner: ProjectionRunner, names: Sequence[str], book: BookId) -> int:
    """The version of a book that all these read models hold; 0 where one has nothing of it.

    `projection_parked` where one has put the book aside: its figures would be old.
    """
    versions = []
    for name in names:
        head = runner.head(connection, name, book)
        if head is not None and head.parked is not None:
            raise Rejected("projection_parked", projection=name, book=book, version=head.version, reason=head.parked)
        versions.append(0 if head is None else head.version)
    return min(versions)


def moment(text: str, time_zone: str) -> datetime:
    """An instant as written, or the last moment of a date in the book's zone; UTC. `query_not_valid` otherwise."""
    text = text.strip()
    try:
        if len(text) == 10:
            following = min(date.fromisoformat(text), LAST_DAY) + timedelta(days=1)
            midnight = datetime.combine(following, time(), ZoneInfo(time_zone))
            return midnight.astimezone(UTC) - timedelta(microseconds=1)
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):  # no moment, or one that is beyond the calendar in UTC
        pass
    reason = "an instant with its zone, such as 2026-09-14T18:00:00Z, or a date is expected"
    raise Rejected("query_not_valid", fields=["known_on"], reasons={"known_on": reason})


def span(first: date | None, last: date | None, frame: Frame) -> tuple[date, date]:
    """The days asked for; where nothing is said, the last twelve months up to the frame's day.

    Days to come that only have a beginning are that one day.
    """
    last = _in_range("to", last or max(frame.as_of, first or frame.as_of))
    first = _in_range("from", first or month_later(last.replace(day=1), 1 - MONTHS_TOLD))
    if first > last:
        raise Rejected("query_not_valid", fields=["from", "to"], reasons={"from": "it is after `to`"})
    return first, last


def _in_range(field: str, day: date) -> date:
    if not FIRST_DAY <= day <= LAST_DAY:
        raise Rejected("date_out_of_range", date=day, first=FIRST_DAY, last=LAST_DAY, field=field)
    return day


def period_day(text: str | None, otherwise: date) -> date:
    """A day of the period that is meant. A month means the period that begins in it, which holds its last day."""
    if text is None:
        return otherwise
    try:
        if len(text) == 7:
            return month_later(date.fromisoformat(f"{text}-01"), 1) - timedelta(days=1)
        return date.fromisoformat(text)
    except ValueError:
        reason = "a day as YYYY-MM-DD or a month as YYYY-MM is expected"
        raise Rejected("query_not_valid", fields=["period"], reasons={"period": reason}) from None


def names_of(connection: Connection, frame: Frame) -> dict[AccountId, str]:
    """Account names as known at the version that the question is about."""
    return account_names(accounts.accounts(connection, frame.book, frame.known))


def account_meant(names: dict[AccountId, str], text: str) -> AccountId:
    """The account that an id or a full name means; `account_unknown` where none does."""
    if AccountId(text) in names:
        return AccountId(text)
    for account, name in names.items():
        if name == text:
            return account
    raise Rejected("account_unknown", account=text[:250])


# Figures


def account_items(connection: Connection, frame: Frame) -> list[Item]:
    rows = accounts.accounts(connection, frame.book, frame.known)
    return [account_item(row) for row in sorted(rows, key=lambda row: row.name)]


def balance_items(connection: Connection, frame: Frame) -> list[Item]:
    """What every account holds at the end of the frame's day, by name."""
    names = names_of(connection, frame)
    rows = balances.balances(connection, frame.book, frame.as_of, frame.known)
    return sorted([balance_item(row, names) for row in rows], key=lambda item: (item["account"], item["commodity"]))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which transactions are asked for: of an account (its id or full name), between days, with words, of a payee in
    any of its spellings.

    Those to come only where `last` or `as_of` says so; where both are said, the earlier counts.
    """

    account: str | None = None
    first: date | None = None
    last: date | None = None
    text: str | None = None
    as_of: date | None = None
    payee: str | None = None


def transaction_page(
    connection: Connection, frame: Frame, wanted: Wanted, limit: int, cursor: str | None = None
) -> tuple[list[Item], str | None]:
    """The next transactions, newest first, and the cursor of what follows."""
    names = names_of(connection, frame)
    page = register.transactions(
        connection,
        frame.book,
        account=None if wanted.account is None else account_meant(names, wanted.account),
        first=wanted.first,
        last=wanted.last or frame.as_of,
        text=wanted.text or None,
        payee=wanted.payee,
        known=frame.known,
        limit=limit,
        cursor=cursor,
        as_of=wanted.as_of,
    )
    return [entry_item(entry, names) for entry in page.items], page.next


def transaction_items(connection: Connection, frame: Frame, wanted: Wanted, limit: int) -> Iterator[Item]:
    """At most `limit` transactions, newest first, read page by page."""
    cursor = None
    while limit > 0:
        items, cursor = transaction_page(connection, frame, wanted, min(limit, PAGE_SIZE), cursor)
        yield from items
        if cursor is None:
            return
        limit -= len(items)


def worth_items(
    connection: Connection, frame: Frame, first: date | None, last: date | None, every: Every
) -> list[Item]:
    since, until = span(first, last, frame)
    rows = net_worth.net_worth(connection, frame.book, since, until, every, frame.row.base, frame.known)
    unknown = _opening_unknown(connection, frame)
    return [worth_item(row, unknown) for row in rows]


def _opening_unknown(connection: Connection, frame: Frame) -> list[str]:
    """The names of the accounts that a file began with and nobody has told an opening balance of, sorted."""
    accounts_told = imports.opening_unknown(connection, frame.book, frame.known)
    if not accounts_told:
        return []
    names = names_of(connection, frame)
    for equity, name in names.items():
        if name == OPENING_BALANCES:
            known = register.opened_against(connection, frame.book, equity, accounts_told, frame.known)
            accounts_told = [account for account in accounts_told if account not in known]
    return sorted(names[account] for account in accounts_told)


def flow_items(connection: Connection, frame: Frame, first: date | None, last: date | None, every: Every) -> list[Item]:
    """What categories took in and gave out, by period and name; signs as posted."""
    since, until = span(first, last, frame)
    _check_periods(since, until, every)
    names = names_of(connection, frame)
    rows = cash_flow.cash_flow(connection, frame.book, since, until, every, frame.known)
    items = [flow_item(row, names) for row in rows]
    return sorted(items, key=lambda item: (item["period"], item["account"], item["commodity"]))


def budget_items(connection: Connection, frame: Frame, period: str | None) -> list[Item]:
    names = names_of(connection, frame)
    rows = budgets.budgets(connection, frame.book, period_day(period, frame.as_of), frame.known)
    return sorted([budget_item(row, names) for row in rows], key=lambda item: (item["account"], item["budget_id"]))


def promise_items(connection: Connection, frame: Frame) -> tuple[list[Item], list[Item]]:
    """What purchases in instalments still have to come, by account, payee and purchase; and what that comes to in each
    commodity, the base one first.
    """
    names = names_of(connection, frame)
    rows = register.promised(connection, frame.book, frame.as_of, frame.known)
    sums: Counter[Commodity] = Counter()
    for row in rows:
        sums[row.amount.commodity] += row.amount.minor
    items = [promise_item(row, names) for row in rows]
    in_order = sorted(sums.items(), key=lambda item: (item[0].code != frame.row.base, item[0].code))
    return (
        sorted(items, key=lambda item: (item["account"], item["payee"], item["purchase"])),
        [money(Amount(minor, unit)) for unit, minor in in_order],
    )


def payee_items(connection: Connection, frame: Frame, first: date | None, last: date | None) -> tuple[list[Item], Item]:
    """With whom money moved, by commodity (the base one first) and the largest spending; and how many transactions with
    a category are told what for.
    """
    since, until = span(first, last, frame)
    untold = {account for account, name in names_of(connection, frame).items() if name in UNCATEGORIZED}
    found = register.payees(connection, frame.book, since, until, untold, frame.known)
    in_order = sorted(found.items, key=lambda row: row.amount.commodity.code != frame.row.base)
    return [payee_item(row) for row in in_order], {"transactions": found.transactions, "done": found.categorized}


def import_items(connection: Connection, frame: Frame) -> list[Item]:
    """The book's imports, oldest first."""
    names = names_of(connection, frame)
    return [imported_item(row, names) for row in imports.imports(connection, frame.book, frame.known)]


def rule_items(connection: Connection, frame: Frame) -> list[Item]:
    """The book's rules in the order in which they are tried, each with the category that it leads to by now."""
    rows = accounts.accounts(connection, frame.book, frame.known)
    into = {row.account: row.merged_into for row in rows if row.merged_into is not None}
    found = []
    for rule in rules.rules(connection, frame.book, frame.known):
        category = rule.category
        while category in into:
            category = into[category]
        found.append(rule_item(replace(rule, category=category), account_names(rows)))
    return found


def month_item(connection: Connection, frame: Frame) -> Item:
    """The household's month at a glance: net worth now, and what came in and went out since the month's first day.

    In and out are by commodity, both positive; a refund lessens what went out, as it lessens its category.
    """
    kinds = {row.account: row.kind for row in accounts.accounts(connection, frame.book, frame.known)}
    first = frame.today.replace(day=1)
    base = frame.row.base
    worth = net_worth.net_worth(connection, frame.book, frame.today, frame.today, Every.DAY, base, frame.known)
    sums: dict[tuple[str, str], int] = {}
    units: dict[str, Commodity] = {}
    for flow in cash_flow.cash_flow(connection, frame.book, first, frame.today, Every.MONTH, frame.known):
        way = "in" if kinds[flow.account] is Kind.INCOME else "out"
        unit = flow.amount.commodity
        units[unit.code] = unit
        minor = -flow.amount.minor if way == "in" else flow.amount.minor
        sums[way, unit.code] = sums.get((way, unit.code), 0) + minor
    return {
        "net_worth": worth_item(worth[-1], _opening_unknown(connection, frame)) if worth else None,
        "month": first.isoformat()[:7],
        "in": _sums_item(sums, "in", units, base),
        "out": _sums_item(sums, "out", units, base),
    }


def _check_periods(first: date, last: date, every: Every) -> None:
    days = {Every.DAY: 1, Every.WEEK: 7, Every.MONTH: 28, Every.YEAR: 365}[every]
    if (last - first).days // days > MAX_PERIODS:
        raise Rejected("too_many_periods", first=first, last=last, limit=MAX_PERIODS)


def _sums_item(sums: dict[tuple[str, str], int], way: str, units: dict[str, Commodity], base: str) -> list[Item]:
    """The sums of one way, the base commodity first; an empty month tells nothing."""
    codes = sorted((code for told, code in sums if told == way), key=lambda code: (code != base, code))
    return [money(Amount(sums[way, code], units[code])) for code in codes]
