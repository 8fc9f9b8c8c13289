"""The sample household: a book to look around in, made up from a seed, and gone with one command.

Sample and own books never mix: each household is a book of its own, opened whole in one atomic unit or not at all. Its
id says that it is a sample, so that no book of a person's is ever taken for one, whatever its name.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from commands.answers import Answer
from commands.books import erase_book, open_book, resolve_book, sample_id, sample_number
from commands.bus import GROUP_TIMEOUT_S, LOOK_TIMEOUT_S, CommandBus, result_of
from commands.ports import Asked, Clock, EventStore, Ids, Keys
from commands.sample.brazil import BRAZIL
from commands.sample.life import Entry, Life, Move, history, rate_on
from commands.sample.united_states import UNITED_STATES
from domain.book import Book, BookCommand, BookId
from domain.budgets import BudgetId, ChangeBudget, Every, Period, SetBudget, month_later
from domain.errors import Rejected
from domain.ledger import (
    AccountId,
    Instalment,
    OpenAccount,
    Posting,
    Price,
    RecordTransaction,
    SetOpeningBalance,
    TransactionId,
)
from domain.money import ISO_4217, Amount
from domain.prices import RecordPrice

LIVES = (BRAZIL, UNITED_STATES)
"""The two households: the book `demo` in reais and Portuguese, `demo-usd` in dollars and English."""

SEED = 2_026
MONTHS = 24
"""Whole months of history before the current one."""

RATE_SCALE = Decimal(10_000)

MAX_NAMES = 9
"""Names tried for a sample book: its own, and the same with a number behind it where a person has such a book."""

_NUMBERS = {life.book: number for number, life in enumerate(LIVES, 1)}
"""The kind of sample that each life is, as its books' ids say it: a new life gets a new number."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample book and its name; `answer` is that of its opening, None where it stood already."""

    life: Life
    book: BookId
    name: str
    answer: Answer | None


def samples(store: EventStore, keys: Keys) -> list[BookId]:
    """The sample books that stand, the oldest first: those with a key and an event."""
    return sorted(book for book in keys.books() if sample_number(book) is not None and store.head(book) is not None)


def make_samples(
    bus: CommandBus,
    store: EventStore,
    keys: Keys,
    ids: Ids,
    clock: Clock,
    asking: Callable[[], Asked],
    lives: Sequence[Life],
) -> list[Sample]:
    """The sample books of these lives, made where they are missing; `asking` gives each command its envelope.

    A book keeps being the sample under another name, and a person's book of the sample's name keeps it.
    """
    openings: list[tuple[Life, Future[Answer] | None]] = []
    for life in lives:
        stands = _standing(store, keys, life) is not None
        openings.append((life, None if stands else create(bus, store, keys, ids, clock, asking(), life)))
    found: list[Sample] = []
    for life, opening in openings:
        answer = None
        try:
            answer = None if opening is None else result_of(opening, GROUP_TIMEOUT_S)
        except Rejected as refusal:
            # Two who ask at once make it once.
            if refusal.code != "book_name_used" or _standing(store, keys, life) is None:
                raise
        book = _standing(store, keys, life) if answer is None else answer.book
        if book is None:
            raise Rejected("book_erased")
        found.append(Sample(life, book, name_of(bus, book), answer))
    return found


def name_of(bus: CommandBus, book: BookId) -> str:
    """The name that a book has by now."""
    return result_of(bus.inspect(book, _name), LOOK_TIMEOUT_S)


def _name(state: Book) -> str:
    return state.facts["name"]


def remove_samples(bus: CommandBus, store: EventStore, keys: Keys, asking: Callable[[], Asked]) -> dict[str, Answer]:
    """Erase every sample book, and no other; the answers by the names that they had."""
    erased: dict[str, Answer] = {}
    for book in samples(store, keys):
        name = name_of(bus, book)
        erased[name] = result_of(erase_book(bus, asking(), book), GROUP_TIMEOUT_S)
    return erased


def create(
    bus: CommandBus, store: EventStore, keys: Keys, ids: Ids, clock: Clock, asked: Asked, life: Life
) -> Future[Answer]:
    """Open a household's book with all its history up to today."""
    today = clock.now().astimezone(ZoneInfo(life.time_zone)).date()
    commands = household(life, SEED, today, ids.new)
    name, book = _free_name(store, keys, life), sample_id(ids, _NUMBERS[life.book])
    return open_book(bus, ids, asked, name, life.base, life.time_zone, commands, book)


def _standing(store: EventStore, keys: Keys, life: Life) -> BookId | None:
    return next((book for book in samples(store, keys) if sample_number(book) == _NUMBERS[life.book]), None)


def _free_name(store: EventStore, keys: Keys, life: Life) -> str:
    for number in range(1, MAX_NAMES + 1):
        name = life.book if number == 1 else f"{life.book}-{number}"
        try:
            resolve_book(store, keys, name)
        except Rejected:
            return name
    raise Rejected("book_name_used")


def household(life: Life, seed: int, until: date, new_id: Callable[[], str], months: int = MONTHS) -> list[BookCommand]:
    """Everything that happens in the household's book once it is open, up to `until`, oldest first.

    Pure: the same life, seed, day and months make the same commands, but for what `new_id` gives.
    """
    start = month_later(date(until.year, until.month, 1), -months)
    entries = list(history(life, seed, start, until))
    accounts = {name: AccountId(new_id()) for name in _account_names(life, entries)}
    before = start - timedelta(days=1)
    commands: list[BookCommand] = []
    for name, account in accounts.items():
        # The savings are off the budget: what goes there is spending of the plan.
        commands.append(OpenAccount(account, name, opened_on=before, on_budget=name != life.savings))
    unit = ISO_4217[life.base]
    for name, minor in life.opening_minor.items():
        commands.append(SetOpeningBalance(TransactionId(new_id()), accounts[name], before, Amount(minor, unit)))
    commands += _budgets(life, accounts, start, new_id)
    price_days = deque(_price_days(start, until))
    for entry in entries:
        while price_days and price_days[0] <= entry.date:
            commands.append(_price(life, seed, price_days.popleft()))
        commands.append(_transaction(life, entry, accounts, TransactionId(new_id())))
    return commands + [_price(life, seed, day) for day in price_days]


def _account_names(life: Life, entries: list[Entry]) -> list[str]:
    """What the household posts to: its own accounts first, categories in the order of the alphabet."""
    own = [life.checking, life.savings, life.wallet, life.foreign_wallet, life.card]
    named = {move.account for entry in entries for move in entry.moves} | {name for _, name, _, _ in life.budgets}
    return own + sorted(named - set(own))


def _budgets(
    life: Life, accounts: dict[str, AccountId], start: date, new_id: Callable[[], str]
) -> Iterator[BookCommand]:
    for place, (name, category, minor, every) in enumerate(life.budgets):
        # What is spent on the trip is spent abroad, so its limit is told in the money of there.
        unit = ISO_4217[life.foreign if category == life.trip.category else life.base]
        budget = BudgetId(new_id())
        first = start if every is Every.MONTH else date(start.year, 1, 1)
        yield SetBudget(budget, accounts[category], Amount(minor, unit), Period(every, 1, first), name)
        if place == 0:
            raised = Amount(minor * 108 // 10_000 * 100, unit)
            yield ChangeBudget(budget, raised, month_later(start, 12))


def _price_days(start: date, until: date) -> list[date]:
    """Every Friday and the last day: no rate is ever older than a week."""
    days = [start + timedelta(days=n) for n in range((until - start).days + 1)]
    return [day for day in days if day.weekday() == 4 or day == until]


def _price(life: Life, seed: int, day: date) -> RecordPrice:
    return RecordPrice(life.foreign, day, rate_on(life, seed, day) / RATE_SCALE, life.base)


def _transaction(
    life: Life, entry: Entry, accounts: dict[str, AccountId], transaction: TransactionId
) -> RecordTransaction:
    postings = tuple([_posting(life, move, accounts) for move in entry.moves])
    instalment = None if entry.part is None else Instalment(*entry.part, entry.links[0])
    return RecordTransaction(
        transaction,
        entry.date,
        postings,
        entry.payee,
        entry.memo,
        entry.tags,
        entry.links,
        instalment=instalment,
    )


def _posting(life: Life, move: Move, accounts: dict[str, AccountId]) -> Posting:
    amount = Amount(move.minor, ISO_4217[move.commodity or life.base])
    price = None if move.total_minor is None else Price(Amount(move.total_minor, ISO_4217[life.base]))
    return Posting(accounts[move.account], amount, price=price)
