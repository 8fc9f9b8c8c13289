"""Cash flow: what each category took in or gave out, by day, week, month or year.

A category is an Income or Expenses account; a refund is a negative expense on its own date.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, MetaData

from domain.book import BookId
from domain.budgets import Every
from domain.ledger import FIRST_DAY, LAST_DAY, AccountId
from domain.money import Amount, Commodity
from domain.recorded import Recorded
from projections.chart import Chart
from projections.sums import Sums, calendar_period

NAME, VERSION = "cash_flow", 1

metadata = MetaData()
chart = Chart(NAME, VERSION, metadata)
sums = Sums(NAME, VERSION, metadata, chart, counted=lambda kind, account: account if kind.is_category else None)


@dataclass(frozen=True, slots=True)
class Flow:
    """What moved on a category in the period that begins on `period`: expenses positive, income negative, as posted."""

    period: date
    account: AccountId
    amount: Amount


def apply(connection: Connection, batch: Sequence[Recorded]) -> None:
    """Add the batch's postings on categories to the sums."""
    sums.apply(connection, batch)


def purge(connection: Connection, book: BookId) -> None:
    """Remove all cash flows of a book."""
    sums.purge(connection, book)


def cash_flow(
    connection: Connection, book: BookId, first: date, last: date, every: Every, known: int | None = None
) -> list[Flow]:
    """What each category took from `first` to the end of `last`, by calendar period, in minor units; zero left out.

    `period` is the first day of the calendar period (a week begins on Monday), even where `first` lies within it; only
    what happened from `first` to `last` counts. `known`: the last book version to take into account, None for all. A
    merged category counts for the one it was merged into. Sorted by period, account id and commodity.
    """
    first, last = max(first, FIRST_DAY), min(last, LAST_DAY)
    places = chart.of(connection, book, known)
    if places is None or first > last:
        return []
    by_day = every in (Every.DAY, Every.WEEK)
    begins: dict[date, date] = {}
    moved: Counter[tuple[date, AccountId, Commodity]] = Counter()
    for step in sums.steps(connection, places.number, first, last, known, by_day=by_day):
        period = begins.get(step.day)
        if period is None:
            period = begins[step.day] = calendar_period(every, step.day)[0]
        moved[period, places.accounts[step.account], step.unit] += step.minor
    in_order = sorted(moved.items(), key=lambda item: (item[0][0], item[0][1], item[0][2].code))
    return [Flow(period, account, Amount(minor, unit)) for (period, account, unit), minor in in_order if minor]
