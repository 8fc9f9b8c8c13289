"""Balances: what each account holds on any day, as now known or as known at an earlier version.

The balance of a day is every change up to its end: months that are over in one row each, then the month's own days.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, MetaData

from domain.book import BookId
from domain.ledger import LAST_DAY, AccountId
from domain.money import Amount, Commodity
from domain.recorded import Recorded
from projections.chart import Chart
from projections.sums import Sums

NAME, VERSION = "balances", 1

metadata = MetaData()
chart = Chart(NAME, VERSION, metadata)
sums = Sums(NAME, VERSION, metadata, chart, counted=lambda _kind, account: account)


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account holds in one commodity; liabilities and income are negative where they are owed or earned."""

    account: AccountId
    amount: Amount


def apply(connection: Connection, batch: Sequence[Recorded]) -> None:
    """Add the batch's postings to the sums."""
    sums.apply(connection, batch)


def purge(connection: Connection, book: BookId) -> None:
    """Remove all balances of a book."""
    sums.purge(connection, book)


def balances(connection: Connection, book: BookId, as_of: date, known: int | None = None) -> list[Balance]:
    """What every account of `book` holds at the end of `as_of`, in minor units of each commodity; zero left out.

    `known`: the last book version to take into account, None for all. What a merged account held counts for the one
    it was merged into. Sorted by account id and commodity; empty for a book without events.
    """
    places = chart.of(connection, book, known)
    if places is None:
        return []
    held: Counter[tuple[AccountId, Commodity]] = Counter()
    for step in sums.totals(connection, places.number, None, min(as_of, LAST_DAY), known):
        held[places.accounts[step.account], step.unit] += step.minor
    in_order = sorted(held.items(), key=lambda item: (item[0][0], item[0][1].code))
    return [Balance(account, Amount(minor, unit)) for (account, unit), minor in in_order if minor]
