"""Money moved, by day and version: the rows that balances, net worth, cash flow and budgets are summed from.

Every figure is a sum of changes. Whole months answer today's questions in a few rows, the changes themselves the days
at a period's edges, and, as each carries the version of the event that made it, every question about what was known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Date,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    func,
    select,
)

from domain.book import BookId
from domain.budgets import Every, Period, period_of
from domain.ledger import Kind
from domain.money import Commodity, commodity
from domain.recorded import Recorded
from projections.chart import Chart
from projections.reading import read
from projections.readmodel import CText, Value, add_in_bulk, copy_in_bulk

A_MONDAY = date(1900, 1, 1)
"""Calendar periods are counted from here: weeks begin on Monday, months and years on their first day."""

Counted = Callable[[Kind, int], int | None]
"""Under which number an account of a kind, with a number, is summed; None where the figure leaves it out."""


@dataclass(frozen=True, slots=True)
class Step:
    """What moved on one account in one commodity: on `day`, or in the whole month that begins on `day`.

    `entries`: how many transactions were recorded there, less those taken back.
    """

    day: date
    account: int
    unit: Commodity
    minor: int
    entries: int


class Sums:
    """The tables of changes and of their months within one read model."""

    def __init__(self, name: str, version: int, metadata: MetaData, chart: Chart, counted: Counted) -> None:
        self.chart = chart
        self.counted = counted
        self.months = Table(
            f"{name}_v{version}_months",
            metadata,
            Column("book_number", BigInteger),
            Column("month", Date),
            Column("account", Integer),
            Column("commodity", CText),
            Column("scale", SmallInteger, nullable=False),
            Column("minor", BigInteger, nullable=False),
            Column("entries", Integer, nullable=False),
            PrimaryKeyConstraint("book_number", "month", "account", "commodity"),
            sqlite_with_rowid=False,
        )
        # The order of columns leaves no gaps in PostgreSQL's rows.
        self.changes = Table(
            f"{name}_v{version}_changes",
            metadata,
            Column("book_number", BigInteger),
            Column("minor", BigInteger, nullable=False),
            Column("day", Date),
            Column("account", Integer),
            Column("version", Integer),
            Column("scale", SmallInteger, nullable=False),
            Column("sign", SmallInteger),
            Column("commodity", CText),
            PrimaryKeyConstraint("book_number", "day", "account", "version", "sign", "commodity"),
            sqlite_with_rowid=False,
        )

    def apply(self, connection: Connection, batch: Sequence[Recorded]) -> Mapping[BookId, int]:
        """Add what the batch's transactions move; the numbers of its books."""
        reading = read(batch)
        numbers = self.chart.extend(connection, reading)
        places = {
            book: {account: self.counted(kind, number) for account, (number, kind) in accounts.items()}
            for book, accounts in numbers.accounts.items()
        }
        changes: list[tuple[Value, ...]] = []
        months: dict[tuple[int, str, int, str], list[int]] = {}
        for book, version, sign, day, month, amounts in reading.moves:
            number, place_of = numbers.books[book], places[book]
            moved: dict[tuple[int, str, int], int] = {}
            for account, code, scale, minor in amounts:
                place = place_of[account]
                if place is not None:
                    key = (place, code, scale)
                    moved[key] = moved.get(key, 0) + minor
            for (place, code, scale), minor in moved.items():
                if not minor:
                    continue
                changes.append((number, minor, day, place, version, scale, sign, code))
                sums = months.get((number, month, place, code))
                if sums is None:
                    months[number, month, place, code] = [scale, minor, sign]
                else:
                    sums[1] += minor
                    sums[2] += sign
        copy_in_bulk(connection, self.changes, changes)
        # In the order of keys, so that two writers would meet the rows in the same order.
        rows: list[tuple[Value, ...]] = [(*key, *months[key]) for key in sorted(months)]
        add_in_bulk(connection, self.months, rows, added=("minor", "entries"))
        return numbers.books

    def purge(self, connection: Connection, book: BookId) -> None:
        self.chart.purge(connection, book, (self.months, self.changes))

    def totals(
        self, connection: Connection, number: int, first: date | None, last: date, known: int | None
    ) -> Iterator[Step]:
        """What moved from `first` (None: ever) to `last`, one step an account and commodity; its day is no answer.

        Today's question (`known` None) reads whole months and the days at the edges.
        """
        parts = []
        for table, when in self._parts(number, first, last, known, by_day=False):
            columns = table.c
            entries = columns.entries if table is self.months else columns.sign
            parts.append(
                select(
                    columns.account,
                    columns.commodity,
                    columns.scale,
                    func.sum(columns.minor),
                    func.sum(entries),
                )
                .where(*when)
                .group_by(columns.account, columns.commodity, columns.scale)
            )
        for part in parts:
            for account, code, scale, minor, entries in connection.execute(part):
                yield Step(last, account, commodity(code, scale), int(minor), int(entries))

    def steps(
        self, connection: Connection, number: int, first: date, last: date, known: int | None, *, by_day: bool = False
    ) -> Iterator[Step]:
        """What moved from `first` to `last` as it went, in no order: by whole months, and by days at the edges.

        `by_day`: by days throughout. With `known`, all are days.
        """
        for table, when in self._parts(number, first, last, known, by_day=by_day):
            columns = table.c
            if table is self.months:
                part = select(
                    columns.month, columns.account, columns.commodity, columns.scale, columns.minor, columns.entries
                ).where(*when)
            else:
                keys = (columns.day, columns.account, columns.commodity, columns.scale)
                part = select(*keys, func.sum(columns.minor), func.sum(columns.sign)).where(*when).group_by(*keys)
            for day, account, code, scale, minor, entries in connection.execute(part):
                yield Step(day, account, commodity(code, scale), int(minor), int(entries))

    def _parts(
        self, number: int, first: date | None, last: date, known: int | None, *, by_day: bool
    ) -> list[tuple[Table, list[ColumnElement[bool]]]]:
        """The tables to read, and which of their rows: together every change of the range, each once."""
        months, changes = self.months.c, self.changes.c
        if known is not None or by_day:
            when = [changes.book_number == number, changes.day <= last]
            if first is not None:
                when.append(changes.day >= first)
            if known is not None:
                when.append(changes.version <= known)
            return [(self.changes, when)]
        begin = None if first is None else _first_of_month_from(first)
        end = (last + timedelta(days=1)).replace(day=1)
        if begin is not None and begin >= end:
            return self._parts(number, first, last, known, by_day=True)
        whole = [months.book_number == number, months.month < end]
        if begin is not None:
            whole.append(months.month >= begin)
        parts: list[tuple[Table, list[ColumnElement[bool]]]] = [(self.months, whole)]
        edges: list[tuple[date, date]] = [(end, last)]
        if first is not None and begin is not None:
            edges.append((first, begin - timedelta(days=1)))
        for edge_first, edge_last in edges:
            if edge_first <= edge_last:
                parts.append(
                    (self.changes, [changes.book_number == number, changes.day.between(edge_first, edge_last)])
                )
        return parts


def calendar_period(every: Every, day: date) -> tuple[date, date]:
    """First and last day of the calendar day, week (from Monday), month or year that `day` lies in."""
    return period_of(Period(every, 1, A_MONDAY), day)


def _first_of_month_from(day: date) -> date:
    """The first day of a month on or after `day`."""
    return day if day.day == 1 else (day.replace(day=28) + timedelta(days=4)).replace(day=1)
