"""Net worth: what is owned less what is owed, in one commodity, at the ends of periods.

The rate of a day is the latest price on or before it. An old price is used and named as stale; where there is none the
amount is left out and the total is partial: a missing price is never taken for zero or one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    and_,
    func,
    or_,
    select,
)

from domain.book import BookId
from domain.budgets import Every
from domain.errors import Rejected
from domain.ledger import FIRST_DAY, LAST_DAY, CommodityDeclared, Kind
from domain.money import ISO_4217, Amount, Commodity, commodity
from domain.prices import PriceRecorded
from domain.recorded import Recorded
from projections.chart import Chart
from projections.reading import read
from projections.readmodel import NEVER, CText, in_chunks, insert_in_bulk
from projections.sums import Sums, calendar_period

NAME, VERSION = "net_worth", 1

STALE_AFTER_DAYS = 7
"""A price older than this is still used, and said to be stale."""

MAX_POINTS = 4_000
"""The most dates of one answer: every day of almost eleven years."""

MAX_PAIRS_A_QUERY = 50
"""Pairs of commodities whose prices one query looks for, each by a place in the key."""

metadata = MetaData()
chart = Chart(NAME, VERSION, metadata)
sums = Sums(
    NAME,
    VERSION,
    metadata,
    chart,
    # Accounts are no matter here: all that is owned or owed is summed under one number.
    counted=lambda kind, _account: 0 if kind in (Kind.ASSETS, Kind.LIABILITIES) else None,
)
prices_told = Table(
    f"{NAME}_v{VERSION}_prices",
    metadata,
    Column("book_number", BigInteger, primary_key=True, autoincrement=False),
    Column("commodity", CText, primary_key=True),
    Column("currency", CText, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("rate", CText, nullable=False),
    sqlite_with_rowid=False,
)
"""`rate` is the exact decimal string; of one day's prices the last told stands."""
declared = Table(
    f"{NAME}_v{VERSION}_commodities",
    metadata,
    Column("book_number", BigInteger, primary_key=True, autoincrement=False),
    Column("code", CText, primary_key=True),
    Column("scale", SmallInteger, nullable=False),
    sqlite_with_rowid=False,
)


@dataclass(frozen=True, slots=True)
class Worth:
    """Net worth at the end of `date`, in the commodity asked for.

    `partial`: something held has no price, and its code stands in `unpriced`; `stale` are the codes whose latest price
    is more than 7 days old. Both sorted.
    """

    date: date
    amount: Amount
    partial: bool
    unpriced: tuple[str, ...]
    stale: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One `commodity` was worth `rate` of `currency` on `date`."""

    commodity: str
    currency: str
    date: date
    rate: Decimal


def apply(connection: Connection, batch: Sequence[Recorded]) -> None:
    """Add what was moved on Assets and Liabilities, and the prices told."""
    numbers = sums.apply(connection, batch)
    prices_new = []
    units_new = []
    for recorded in read(batch).others:
        number = numbers[recorded.book]
        match recorded.event:
            case PriceRecorded() as price:
                prices_new.append(
                    {
                        "book_number": number,
                        "commodity": price.commodity,
                        "currency": price.currency,
                        "day": price.date,
                        "version": recorded.version,
                        "rate": format(price.rate, "f"),
                    }
                )
            case CommodityDeclared(code, scale):
                units_new.append({"book_number": number, "code": code, "scale": scale})
            case _:
                pass
    insert_in_bulk(connection, prices_told, prices_new)
    insert_in_bulk(connection, declared, units_new)


def purge(connection: Connection, book: BookId) -> None:
    """Remove all that is kept of a book, prices too."""
    chart.purge(connection, book, (sums.months, sums.changes, prices_told, declared))


def net_worth(
    connection: Connection,
    book: BookId,
    first: date,
    last: date,
    every: Every,
    base: str,
    known: int | None = None,
) -> list[Worth]:
    """Net worth at the end of every calendar period that ends from `first` to `last`, and at the end of `last`.

    In minor units of the commodity with the code `base`; what is held in another is converted at the latest price on
    or before the day: the later of direct and inverse (direct where equal), else by one cross, the one whose older
    price is the latest. Each commodity's value is rounded half-up to the scale of `base`. `known`: the last book
    version to take into account, None for all; it goes for prices too. Oldest first; empty for a book without events,
    and where `first` is after `last`. Raises `commodity_unknown` for a base without a scale, `too_many_periods`.
    """
    first, last = max(first, FIRST_DAY), min(last, LAST_DAY)
    number = chart.books.of(connection, book, known)
    if number is None or first > last:
        return []
    unit = _unit(connection, number, base)
    dates = _ends(first, last, every)
    holdings = _holdings(connection, number, dates, known, by_day=every in (Every.DAY, Every.WEEK))
    codes = {held.code for on_day in holdings for held in on_day}
    rates = _rates(connection, number, dates[0], last, codes | {base}, known) if codes - {base} else _Rates({})
    return [_worth(day, held, unit, rates) for day, held in zip(dates, holdings, strict=True)]


def prices(connection: Connection, book: BookId, known: int | None = None) -> list[PriceRow]:
    """Every price that stands, the last told for each commodity, currency and day; sorted by these three."""
    number = chart.books.of(connection, book, known)
    if number is None:
        return []
    columns = prices_told.c
    told = (
        select(columns.commodity, columns.currency, columns.day, columns.rate)
        .where(columns.book_number == number, columns.version <= (NEVER if known is None else known))
        .order_by(columns.commodity, columns.currency, columns.day, columns.version)
    )
    standing = {(code, currency, day): rate for code, currency, day, rate in connection.execute(told)}
    return [PriceRow(code, currency, day, Decimal(rate)) for (code, currency, day), rate in standing.items()]


def _unit(connection: Connection, number: int, code: str) -> Commodity:
    scale = connection.scalar(select(declared.c.scale).where(declared.c.book_number == number, declared.c.code == code))
    if scale is not None:
        return commodity(code, scale)
    if code not in ISO_4217:
        raise Rejected("commodity_unknown", commodity=code)
    return ISO_4217[code]


def _ends(first: date, last: date, every: Every) -> list[date]:
    dates = []
    day = first
    while (end := calendar_period(every, day)[1]) < last:
        dates.append(end)
        if len(dates) == MAX_POINTS:
            raise Rejected("too_many_periods", first=first, last=last, limit=MAX_POINTS)
        day = end + timedelta(days=1)
    return [*dates, last]


def _holdings(
    connection: Connection, number: int, dates: Sequence[date], known: int | None, *, by_day: bool
) -> list[dict[Commodity, int]]:
    """What was held at the end of each of `dates` (ascending), in minor units by commodity; zero left out."""
    start = dates[0].replace(day=1)
    held: Counter[Commodity] = Counter()
    if start > FIRST_DAY:
        for step in sums.totals(connection, number, None, start - timedelta(days=1), known):
            held[step.unit] += step.minor
    # A month that is over comes as one step on its first day; that is before its end, and after the month before.
    steps = sorted(
        sums.steps(connection, number, start, dates[-1], known, by_day=by_day), key=lambda step: step.day, reverse=True
    )
    holdings = []
    for day in dates:
        while steps and steps[-1].day <= day:
            step = steps.pop()
            held[step.unit] += step.minor
        holdings.append({unit: minor for unit, minor in held.items() if minor})
    return holdings


def _worth(day: date, held: dict[Commodity, int], unit: Commodity, rates: _Rates) -> Worth:
    total = 0
    unpriced, stale = [], []
    for other, minor in held.items():
        if other.code == unit.code:
            total += minor
            continue
        found = rates.rate(other.code, unit.code, day)
        if found is None:
            unpriced.append(other.code)
            continue
        priced_on, rate = found
        total += _rounded(minor * rate * Fraction(10) ** (unit.scale - other.scale))
        if day - priced_on > timedelta(days=STALE_AFTER_DAYS):
            stale.append(other.code)
    return Worth(day, Amount(total, unit), bool(unpriced), tuple(sorted(unpriced)), tuple(sorted(stale)))


def _rounded(value: Fraction) -> int:
    """The nearest whole number, halves away from zero."""
    whole = (abs(value.numerator) * 2 + value.denominator) // (2 * value.denominator)
    return -whole if value < 0 else whole


_Dated = tuple[date, Fraction]


class _Rates:
    """Prices by pair, each a list of days and one of rates, ascending."""

    def __init__(self, series: dict[tuple[str, str], tuple[list[date], list[Fraction]]]) -> None:
        self._series = series
        self._neighbours: dict[str, set[str]] = {}
        for one, other in series:
            self._neighbours.setdefault(one, set()).add(other)
            self._neighbours.setdefault(other, set()).add(one)

    def rate(self, code: str, base: str, day: date) -> _Dated | None:
        """What one `code` was worth in `base` on `day`, and the day of the (older) price; None where unknown."""
        direct = self._step(code, base, day)
        if direct is not None:
            return direct
        crosses = []
        for middle in sorted(self._neighbours.get(code, set()) & self._neighbours.get(base, set())):
            here, there = self._step(code, middle, day), self._step(middle, base, day)
            if here is not None and there is not None:
                crosses.append((min(here[0], there[0]), here[1] * there[1]))
        return max(crosses, key=lambda cross: cross[0], default=None)

    def _step(self, code: str, base: str, day: date) -> _Dated | None:
        direct = self._latest((code, base), day)
        inverse = self._latest((base, code), day)
        if inverse is not None and (direct is None or inverse[0] > direct[0]):
            return inverse[0], 1 / inverse[1]
        return direct

    def _latest(self, pair: tuple[str, str], day: date) -> _Dated | None:
        days, rates = self._series.get(pair, ([], []))
        place = bisect_right(days, day)
        return (days[place - 1], rates[place - 1]) if place else None


def _rates(connection: Connection, number: int, first: date, last: date, codes: set[str], known: int | None) -> _Rates:
    """The prices that can matter from `first` to `last`: of each pair the latest up to `first`, and all after.

    A pair matters where it speaks of a commodity held or of the base: a cross has one of them on each leg.
    """
    columns = prices_told.c
    told = (columns.book_number == number, columns.day <= last, columns.version <= (NEVER if known is None else known))
    pairs = connection.execute(
        select(columns.commodity, columns.currency, func.max(columns.day).filter(columns.day <= first))
        .where(*told)
        .group_by(columns.commodity, columns.currency)
    )
    wanted = [
        and_(columns.commodity == code, columns.currency == currency, columns.day >= (begin or FIRST_DAY))
        for code, currency, begin in pairs
        if code in codes or currency in codes
    ]
    series: dict[tuple[str, str], tuple[list[date], list[Fraction]]] = {}
    for chunk in in_chunks(wanted, MAX_PAIRS_A_QUERY):
        prices = select(columns.commodity, columns.currency, columns.day, columns.rate).where(*told, or_(*chunk))
        in_order = prices.order_by(columns.commodity, columns.currency, columns.day, columns.version)
        for code, currency, day, rate in connection.execute(in_order):
            days, rates = series.setdefault((code, currency), ([], []))
            if days and days[-1] == day:
                rates[-1] = Fraction(rate)  # told again: the last word stands
            else:
                days.append(day)
                rates.append(Fraction(rate))
    return _Rates(series)
