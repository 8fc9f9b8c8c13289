"""A household's life, made up: who earns what, what is paid when, and what is bought in between.

Pure and repeatable: the same life, seed and last day make the same history, on any machine and release of Python.
Every month draws from a sequence of its own, so what happened in it does not change as the days go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import sha256

from domain.budgets import Every, month_later
from domain.money import split_in_parts

Days = Callable[[int, int], list[date]]
"""The days of a year and month on which something is paid."""


@dataclass(slots=True)
class Draw:
    """A repeatable sequence of whole numbers: SHA-256 over its name and a counter. No float comes near money."""

    name: str
    drawn: int = 0

    def between(self, low: int, high: int) -> int:
        self.drawn += 1
        number = int.from_bytes(sha256(f"{self.name}:{self.drawn}".encode()).digest()[:4], "big")
        return low + (number * (high - low + 1) >> 32)

    def one_of(self, choices: tuple[str, ...]) -> str:
        return choices[self.between(0, len(choices) - 1)]


@dataclass(frozen=True, slots=True)
class Move:
    """So many minor units to an account; in a foreign commodity, what they cost in the book's own (`total_minor`)."""

    account: str
    minor: int
    commodity: str = ""
    total_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One transaction of the made-up history."""

    date: date
    payee: str
    memo: str
    moves: tuple[Move, ...]
    tags: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    part: tuple[int, int] | None = None
    """Which instalment of how many it is, of the purchase that its one link names."""


@dataclass(frozen=True, slots=True)
class Pay:
    """A salary: gross to the income account, `deductions` are (account, thousandths of the gross)."""

    payee: str
    memo: str
    income: str
    gross_minor: int
    deductions: tuple[tuple[str, int], ...]
    days: Days
    months: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Bill:
    """What comes every month (or in `months` of the year), `spread` thousandths up or down."""

    payee: str
    category: str
    minor: int
    days: Days
    spread: int = 0
    on_card: bool = False
    months: tuple[int, ...] = ()
    memo: str = ""


@dataclass(frozen=True, slots=True)
class Habit:
    """What is bought now and then: chances in thousandths a weekday and a day of the weekend, and how it is paid:
    thousandths by card and in cash, the rest from the checking account.
    """

    category: str
    payees: tuple[str, ...]
    weekday: int
    weekend: int
    low_minor: int
    high_minor: int
    card: int = 0
    cash: int = 0
    memos: tuple[str, ...] = ("",)


@dataclass(frozen=True, slots=True)
class Purchase:
    """Something large, once a year, on the card in `parts`; part of it may come back `refund_after` days later."""

    month: int
    day: int
    payee: str
    category: str
    minor: int
    parts: int = 1
    memo: str = ""
    tags: tuple[str, ...] = ()
    refund_minor: int = 0
    refund_after: int = 0


@dataclass(frozen=True, slots=True)
class Trip:
    """Days abroad every year: cash changed before, spent there with the foreign card purchases, some brought home."""

    month: int
    day: int
    days: int
    tag: str
    category: str
    fee_category: str
    fee: int
    """Tax or fee on card purchases abroad, in thousandths."""
    exchange: str
    cash_minor: int
    payees: tuple[str, ...]
    memo: str


@dataclass(frozen=True, slots=True)
class Words:
    """What the household calls the things that it does by rule."""

    bill_payment: str
    bill_memo: str
    withdrawal: str
    saving: str
    from_savings: str
    interest: str
    bank: str
    instalment: str
    refund: str


@dataclass(frozen=True, slots=True)
class Life:
    """A household: its book, its accounts and everything that happens to it."""

    book: str
    base: str
    time_zone: str
    foreign: str
    rate_low: int
    rate_high: int
    """One unit of `foreign` in the base currency, in ten-thousandths, goes between these."""
    checking: str
    savings: str
    wallet: str
    foreign_wallet: str
    card: str
    interest: str
    closing_day: int
    due_day: int
    opening_minor: dict[str, int]
    cushion_minor: int
    """What is above this in the checking account at a month's end goes to the savings."""
    withdrawal_minor: int
    savings_rate: int
    """Interest of the savings a month, in hundred-thousandths."""
    pays: tuple[Pay, ...]
    bills: tuple[Bill, ...]
    habits: tuple[Habit, ...]
    purchases: tuple[Purchase, ...]
    trip: Trip
    budgets: tuple[tuple[str, str, int, Every], ...]
    """(name, category, limit in minor units, period); that of the trip's category is in the foreign commodity."""
    words: Words


def working_day(nth: int) -> Days:
    """The n-th day from Monday to Friday of a month (feasts are not known here)."""

    def days(year: int, month: int) -> list[date]:
        return [day for day in days_of(year, month) if day.weekday() < 5][nth - 1 : nth]

    return days


def every_second_week(anchor: date) -> Days:
    def days(year: int, month: int) -> list[date]:
        return [day for day in days_of(year, month) if (day - anchor).days % 14 == 0]

    return days


def on(day: int) -> Days:
    """The same day of every month, or the last of a shorter one."""
    return lambda year, month: [days_of(year, month)[:day][-1]]


def days_of(year: int, month: int) -> list[date]:
    first = date(year, month, 1)
    return [first + timedelta(days=n) for n in range((month_later(first, 1) - first).days)]


def bill_due(day: date, closing_day: int, due_day: int) -> date:
    """The due day of the card bill that a purchase of `day` is on.

    A purchase dated before the closing day is on this bill; on or after it, on the next. Days beyond a month's end
    are its last.
    """
    month = date(day.year, day.month, 1)
    if day >= _day_of(month, closing_day):
        month = month_later(month, 1)
    return _day_of(month_later(month, 1) if due_day <= closing_day else month, due_day)


def _day_of(month: date, day: int) -> date:
    return days_of(month.year, month.month)[:day][-1]


def rate_on(life: Life, seed: int, day: date) -> int:
    """The made-up rate of a day in ten-thousandths: from one month's to the next's in even steps, with some noise."""
    first = date(day.year, day.month, 1)
    following = month_later(first, 1)
    start, end = _month_rate(life, seed, first), _month_rate(life, seed, following)
    even = start + (end - start) * (day - first).days // (following - first).days
    return even + Draw(f"{seed}:{life.book}:rate:{day}").between(-120, 120)


def _month_rate(life: Life, seed: int, month: date) -> int:
    return Draw(f"{seed}:{life.book}:rate:{month:%Y-%m}").between(life.rate_low, life.rate_high)


def history(life: Life, seed: int, start: date, until: date) -> Iterator[Entry]:
    """Every transaction from `start` (the first of a month) to `until`, in order of date.

    What the household merely does (pays, buys, travels) is drawn month by month; what follows from it (card bills,
    cash, savings, interest) is added while walking through the days, from the balances then.
    """
    planned: dict[date, list[Entry]] = {}
    month = start
    while month <= until:
        for entry in _month_of(life, seed, month):
            planned.setdefault(entry.date, []).append(entry)
        month = month_later(month, 1)
    walk = _Walk(life, dict(life.opening_minor))
    first_bill = bill_due(month_later(start, -1), life.closing_day, life.due_day)
    walk.bills[_next_working_day(first_bill)] = life.opening_minor[life.card]
    day = start
    while day <= until:
        yield from walk.through(day, planned.get(day, []))
        day += timedelta(days=1)


@dataclass(slots=True)
class _Walk:
    """Balances of the household's own accounts, and card bills by the day they are paid, both in minor units."""

    life: Life
    balances: dict[str, int]
    bills: dict[date, int] = field(default_factory=dict)

    def through(self, day: date, planned: list[Entry]) -> Iterator[Entry]:
        life, words = self.life, self.life.words
        if day.day == 1 and self.balances[life.savings] > 0:
            earned = (self.balances[life.savings] * life.savings_rate + 50_000) // 100_000
            yield from self._book(_transfer(day, words.bank, words.interest, life.interest, life.savings, earned))
        for entry in planned:
            yield from self._book(entry)
        owed = -self.bills.pop(day, 0)
        if owed > 0:
            billed = month_later(date(day.year, day.month, 1), -1 if life.due_day <= life.closing_day else 0)
            memo = words.bill_memo.format(month=f"{billed:%m/%Y}")
            yield from self._book(_transfer(day, words.bill_payment, memo, life.checking, life.card, owed))
        spare = (self.balances[life.checking] - life.cushion_minor) // 10_000 * 10_000
        if (day + timedelta(days=1)).day == 1 and spare > 0:
            yield from self._book(_transfer(day, words.bank, words.saving, life.checking, life.savings, spare))

    def _book(self, entry: Entry) -> Iterator[Entry]:
        """The entry, behind whatever it takes so that neither the wallet nor the checking account runs dry."""
        life, words = self.life, self.life.words
        taken = {move.account: -move.minor for move in entry.moves if move.minor < 0}
        short = taken.get(life.wallet, 0) - self.balances[life.wallet]
        if short > 0:
            notes = -(-short // life.withdrawal_minor) * life.withdrawal_minor
            yield from self._book(
                _transfer(entry.date, words.bank, words.withdrawal, life.checking, life.wallet, notes)
            )
        missing = taken.get(life.checking, 0) - self.balances[life.checking]
        if missing > 0:
            rescue = -(-missing // 50_000) * 50_000
            yield from self._book(
                _transfer(entry.date, words.bank, words.from_savings, life.savings, life.checking, rescue)
            )
        for move in entry.moves:
            if move.account in self.balances and not move.commodity:
                self.balances[move.account] += move.minor
            if move.account == life.card and life.checking not in taken:
                due = _next_working_day(bill_due(entry.date, life.closing_day, life.due_day))
                self.bills[due] = self.bills.get(due, 0) + move.minor
        yield entry


def _month_of(life: Life, seed: int, month: date) -> list[Entry]:
    """What is planned or drawn in a month; instalments reach beyond it."""
    draw = Draw(f"{seed}:{life.book}:{month:%Y-%m}")
    year, number = month.year, month.month
    made: list[Entry] = []
    for pay in life.pays:
        if not pay.months or number in pay.months:
            made += [_salary(life, pay, day) for day in pay.days(year, number)]
    for bill in life.bills:
        if not bill.months or number in bill.months:
            for day in bill.days(year, number):
                minor = _grown(bill.minor, month) * draw.between(1000 - bill.spread, 1000 + bill.spread) // 1000
                source = life.card if bill.on_card else life.checking
                made.append(_spending(day, bill.payee, bill.memo, source, bill.category, minor))
    for day in days_of(year, number):
        for habit in life.habits:
            if draw.between(1, 1000) <= (habit.weekend if day.weekday() >= 5 else habit.weekday):
                made.append(_bought(life, habit, day, draw))
    for place, purchase in enumerate(life.purchases):
        if purchase.month == number:
            made += _instalments(life, purchase, place, month)
    if life.trip.month == number:
        made += _trip(life, seed, year, draw)
    return made


def _salary(life: Life, pay: Pay, day: date) -> Entry:
    gross = pay.gross_minor * (1000 + 45 * (day.year - 2024)) // 1000
    held = [Move(account, gross * share // 1000) for account, share in pay.deductions]
    net = gross - sum(move.minor for move in held)
    return Entry(day, pay.payee, pay.memo, (Move(life.checking, net), *held, Move(pay.income, -gross)))


def _bought(life: Life, habit: Habit, day: date, draw: Draw) -> Entry:
    way = draw.between(1, 1000)
    source = life.card if way <= habit.card else life.wallet if way <= habit.card + habit.cash else life.checking
    minor = _grown(draw.between(habit.low_minor, habit.high_minor), day)
    if source == life.wallet:
        minor = max(minor // 50 * 50, 50)  # nobody pays cash to the cent
    payee, memo = draw.one_of(habit.payees), draw.one_of(habit.memos)
    return _spending(day, payee, memo, source, habit.category, minor)


def _instalments(life: Life, purchase: Purchase, place: int, month: date) -> Iterator[Entry]:
    """A purchase on the card: instalment k is posted k-1 months after it, odd cents in the first."""
    day = _day_of(month, purchase.day)
    link = f"{life.book}-{day}-{place + 1}"
    parts = split_in_parts(_grown(purchase.minor, month), purchase.parts)
    links = (link,) if purchase.parts > 1 or purchase.refund_minor else ()
    for k, minor in enumerate(parts, 1):
        memo, part = purchase.memo, None
        if purchase.parts > 1:
            memo, part = f"{memo} {life.words.instalment} {k}/{purchase.parts}".strip(), (k, purchase.parts)
        # The card's side first, as in a card's file: what is owed is read from there.
        moves = (Move(life.card, -minor), Move(purchase.category, minor))
        yield Entry(month_later(day, k - 1), purchase.payee, memo, moves, purchase.tags, links, part)
    if purchase.refund_minor:
        back = _grown(purchase.refund_minor, month)
        moves = (Move(life.card, back), Move(purchase.category, -back))
        when = day + timedelta(days=purchase.refund_after)
        yield Entry(when, purchase.payee, life.words.refund, moves, purchase.tags, links)


def _trip(life: Life, seed: int, year: int, draw: Draw) -> Iterator[Entry]:
    trip = life.trip
    first = date(year, trip.month, trip.day)
    tags = (f"{trip.tag}-{year}",)
    bought_on = first.replace(day=max(1, trip.day - 6))
    paid = _exchanged(trip.cash_minor, rate_on(life, seed, bought_on))
    changed = (Move(life.foreign_wallet, trip.cash_minor, life.foreign, paid), Move(life.checking, -paid))
    yield Entry(bought_on, trip.exchange, trip.memo, changed, tags)
    cash_left = trip.cash_minor
    for n in range(trip.days):
        day = first + timedelta(days=n)
        rate = rate_on(life, seed, day)
        for _ in range(draw.between(1, 2)):
            spent = draw.between(1_290, 11_990)
            total = _exchanged(spent, rate)
            fee = (total * trip.fee + 500) // 1000
            moves = (
                Move(trip.category, spent, life.foreign, total),
                Move(trip.fee_category, fee),
                Move(life.card, -total - fee),
            )
            yield Entry(day, draw.one_of(trip.payees), "", moves, tags)
        coins = draw.between(6, 40) * 100
        if coins <= cash_left - 5_000:
            cash_left -= coins
            paid_in_cash = (Move(trip.category, coins, life.foreign), Move(life.foreign_wallet, -coins, life.foreign))
            yield Entry(day, draw.one_of(trip.payees), "", paid_in_cash, tags)


def _exchanged(minor: int, rate: int) -> int:
    """Foreign minor units in the base's, halves up; both have two decimals, the rate four."""
    return (minor * rate + 5_000) // 10_000


def _spending(day: date, payee: str, memo: str, source: str, category: str, minor: int) -> Entry:
    return Entry(day, payee, memo, (Move(category, minor), Move(source, -minor)))


def _transfer(day: date, payee: str, memo: str, source: str, target: str, minor: int) -> Entry:
    return Entry(day, payee, memo, (Move(target, minor), Move(source, -minor)))


def _next_working_day(day: date) -> date:
    return day + timedelta(days=max(0, 7 - day.weekday()) if day.weekday() >= 5 else 0)


def _grown(minor: int, day: date) -> int:
    """A price of January 2024 at another month's: four thousandths more each month."""
    months = (day.year - 2024) * 12 + day.month - 1
    return max(minor * (1000 + 4 * months) // 1000, 1)
