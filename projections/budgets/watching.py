"""Watching budgets: each event is held against the budgets it touches, as they stood at its very version.

Where every budget stands in its current period is kept for each book, so that an event costs what it touches. It is
read anew from the sums, as known at a version, when a period turns or the chart or a budget changes; so no split of the
log shows in what is raised.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, func, select

from domain.alerts import Alert, day_in
from domain.alerts.thresholds import (
    Later,
    Progress,
    armed_by,
    forecast,
    moved,
    on_day,
    progress_of,
    progress_record,
    rearmed,
    thresholds_crossed,
)
from domain.book import BookId, BookOpened
from domain.budgets import BudgetChanged, BudgetEnded, BudgetId, BudgetSet
from domain.ledger import LAST_DAY, AccountMerged, AccountOpened, AccountRenamed, ImportUndone
from domain.ledger.changes import Change, Standing, change_of
from domain.recorded import Recorded
from projections.budgets.asking import Families, families_of, standing_budgets
from projections.budgets.asking import Standing as Budget
from projections.budgets.tables import chart, raised, said, sums, watched
from projections.readmodel import add_in_bulk, in_chunks, insert_in_bulk

CHANGES_ALL = (BudgetSet, BudgetChanged, BudgetEnded, ImportUndone, AccountRenamed, AccountMerged)
"""What can change a budget, or what belongs to it: after these, where all of them stand is read anew."""


@dataclass(slots=True)
class _Book:
    """A book under watch: `progress` of each budget that has a period on the days from `first` to `last`.

    `stale`: it does not know of all accounts, and is to be read before it is used. `kept`: the row as it stands.
    """

    number: int
    time_zone: str
    kept: str
    first: date = date.max
    last: date = date.min
    stale: bool = False
    progress: list[Progress] = field(default_factory=list)


def watch(connection: Connection, batch: Sequence[Recorded], numbers: Mapping[BookId, int]) -> None:
    """Raise what the batch's events make true of budgets. The batch is in the tables already.

    Books without a budget cost one question a batch.
    """
    opened = [
        {"book_number": numbers[recorded.book], "time_zone": recorded.event.time_zone, "state": "{}"}
        for recorded in batch
        if isinstance(recorded.event, BookOpened)
    ]
    insert_in_bulk(connection, watched, opened)
    with_budgets: set[int] = set()
    for chunk in in_chunks(sorted(set(numbers.values()))):
        found = select(said.c.book_number).where(said.c.book_number.in_(chunk)).distinct()
        with_budgets.update(connection.scalars(found))
    if not with_budgets:
        return
    events: dict[BookId, list[Recorded]] = defaultdict(list)
    for recorded in batch:
        if numbers[recorded.book] in with_budgets:
            events[recorded.book].append(recorded)
    books = _read(connection, with_budgets)
    kept = []
    for book_id in sorted(events):
        number = numbers[book_id]
        book = books.get(number) or _Book(number, "UTC", "")
        alerts: list[Alert] = []
        for recorded in events[book_id]:
            alerts.extend(_observe(connection, book, recorded))
        raised.keep(connection, alerts)
        if (written := _written(book)) != book.kept:
            kept.append((number, book.time_zone, written))
    add_in_bulk(connection, watched, kept, added=("state",), put=True)


def _observe(connection: Connection, book: _Book, recorded: Recorded) -> list[Alert]:
    event = recorded.event
    if isinstance(event, AccountOpened):
        book.stale = book.stale or event.kind.is_category
        return []
    changes_all, change = isinstance(event, CHANGES_ALL), change_of(event)
    if not changes_all and change is None:
        return []
    today = day_in(book.time_zone, recorded.recorded_at)
    if book.stale or not book.first <= today <= book.last:
        _stand(connection, book, recorded.book, recorded.version - 1, today)
    if change is not None:
        return _spent(book, recorded, change, today)
    before = {(progress.budget, progress.first): on_day(progress, today) for progress in book.progress}
    _stand(connection, book, recorded.book, recorded.version, today)
    alerts: list[Alert] = []
    for place, progress in enumerate(book.progress):
        old = before.get((progress.budget, progress.first))
        if old is None:
            set_now = isinstance(event, BudgetSet) and event.budget == progress.budget
            book.progress[place] = rearmed(None, progress, recorded.version) if set_now else progress
        elif old.limit != progress.limit:
            book.progress[place] = rearmed(old, progress, recorded.version)
        else:
            book.progress[place], crossed = thresholds_crossed(recorded, old.spent, progress)
            alerts.extend(crossed)
    return alerts


def _spent(book: _Book, recorded: Recorded, change: Change, today: date) -> list[Alert]:
    """What a transaction's change raises: only the budgets it touches are looked at."""
    alerts: list[Alert] = []
    parts = [(sign, standing) for sign, standing in ((-1, change.was), (1, change.becomes)) if standing is not None]
    for place, progress in enumerate(book.progress):
        becomes = before = None
        for sign, standing in parts:
            if not progress.first <= standing.day <= progress.last:
                continue
            minor, touches = _posted(progress, standing)
            if touches:
                if becomes is None:
                    becomes = before = on_day(progress, today)
                becomes = moved(becomes, standing.day, sign * minor, sign)
        if becomes is None or before is None:
            continue
        becomes, crossed = thresholds_crossed(recorded, before.spent, becomes)
        becomes, foreseen = forecast(recorded, becomes)
        book.progress[place] = becomes
        alerts.extend((*crossed, *foreseen))
    return alerts


def _posted(progress: Progress, standing: Standing) -> tuple[int, bool]:
    """What a transaction posts to a budget's accounts, in minor units, and whether it moves any of them."""
    accounts: dict[str, int] = {}
    for posting in standing.postings:
        if posting.account in progress.accounts and posting.amount.commodity.code == progress.commodity:
            accounts[posting.account] = accounts.get(posting.account, 0) + posting.amount.minor
    return sum(accounts.values()), any(accounts.values())


# Where budgets stand


def _stand(connection: Connection, book: _Book, book_id: BookId, known: int, today: date) -> None:
    """Read where every budget stands today as known at a version; what was armed stays so within its period."""
    armed = {(progress.budget, progress.first): progress for progress in book.progress}
    book.progress, book.first, book.last, book.stale = [], today, date.max, False
    places = chart.of(connection, book_id, known)
    if places is None:
        return
    standing = standing_budgets(connection, book.number, known)
    if not standing:
        return
    families = families_of(connection, places, known)
    columns = chart.accounts.c
    ids = {
        row.number: row.account
        for row in connection.execute(
            select(columns.number, columns.account).where(columns.book_number == book.number, columns.number <= known)
        )
    }
    for budget_id, budget in standing.items():
        if today < budget.period.start:
            book.last = min(book.last, budget.period.start - timedelta(days=1))
        period = budget.period_on(today)
        if period is None:
            continue
        book.last = min(book.last, period[1])
        progress = _progress(connection, book.number, budget_id, budget, families, ids, period, known, today)
        old = armed.get((progress.budget, progress.first))
        if old is not None:
            progress = replace(progress, armed=old.armed, forecast=old.forecast)
        book.progress.append(progress)


def _progress(
    connection: Connection,
    number: int,
    budget_id: BudgetId,
    budget: Budget,
    families: Families,
    ids: Mapping[int, str],
    period: tuple[date, date],
    known: int,
    today: date,
) -> Progress:
    account = families.places.stands_in.get(budget.account, budget.account)
    family = sorted(families.of(account) & ids.keys())
    first, last = period
    limit, told_by = budget.told_from(first)
    until = min(today, LAST_DAY)
    so_far = _days(connection, number, family, budget.code, (first, until), known, by_day=False)
    later = _days(connection, number, family, budget.code, (until + timedelta(days=1), last), known, by_day=True)
    return Progress(
        budget_id,
        account,
        frozenset(ids[each] for each in family),
        budget.code,
        budget.scale,
        first,
        last,
        limit,
        today,
        sum(part.minor for part in so_far),
        sum(part.entries for part in so_far),
        tuple([part for part in later if part.minor or part.entries]),
        armed_by(told_by),
        told_by,
    )


def _days(
    connection: Connection,
    number: int,
    family: Sequence[int],
    code: str,
    between: tuple[date, date],
    known: int,
    *,
    by_day: bool,
) -> list[Later]:
    """What was posted to accounts between two days, by day or at once, and by how many transactions."""
    if between[0] > between[1] or not family:
        return []
    columns = sums.changes.c
    # A transaction can post to several accounts of a budget and is one all the same.
    each = (
        select(columns.day, columns.version, columns.sign, func.sum(columns.minor).label("minor"))
        .where(
            columns.book_number == number,
            columns.day.between(*between),
            columns.account.in_(family),
            columns.commodity == code,
            columns.version <= known,
        )
        .group_by(columns.day, columns.version, columns.sign)
        .subquery()
    )
    totals = select(func.min(each.c.day), func.sum(each.c.minor), func.sum(each.c.sign))
    if by_day:
        totals = totals.group_by(each.c.day).order_by(each.c.day)
    return [
        Later(day, int(minor), int(entries)) for day, minor, entries in connection.execute(totals) if day is not None
    ]


# As it is kept


def _read(connection: Connection, numbers: set[int]) -> dict[int, _Book]:
    books = {}
    for chunk in in_chunks(sorted(numbers)):
        for row in connection.execute(select(watched).where(watched.c.book_number.in_(chunk))):
            book = books[row.book_number] = _Book(row.book_number, row.time_zone, row.state)
            state: dict[str, Any] = orjson.loads(row.state)
            if state:
                book.first, book.last = date.fromisoformat(state["first"]), date.fromisoformat(state["last"])
                book.stale = state["stale"]
                book.progress = [progress_of(record) for record in state["progress"]]
    return books


def _written(book: _Book) -> str:
    state = {
        "first": book.first.isoformat(),
        "last": book.last.isoformat(),
        "stale": book.stale,
        "progress": [progress_record(progress) for progress in book.progress],
    }
    return orjson.dumps(state).decode()
