"""The domain's invariants on random books under random commands.

The checker keeps its own books, from the events alone: a dictionary of entries and plain sums. It shares no code with
the state it judges.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from hypothesis import given, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from domain.book import Book, BookCommand, BookErased, BookEvent, BookOpened, decide, evolve
from domain.errors import Rejected
from domain.ledger import (
    AccountClosed,
    AccountId,
    AccountMerged,
    AccountOpened,
    AmendTransaction,
    AssertionWithdrawn,
    BalanceAsserted,
    CommodityDeclared,
    ConcludeImport,
    ImportId,
    ImportUndone,
    PeriodClosed,
    Posting,
    RecordTransaction,
    TransactionAmended,
    TransactionCategorized,
    TransactionId,
    TransactionJoined,
    TransactionParted,
    TransactionRecorded,
    TransactionVoided,
    UndoImport,
    VoidTransaction,
)
from domain.money import MAX_AMOUNT_MINOR, MAX_TURNOVER_MINOR
from streams.contract import EVENT_TYPES, decode, encode
from tests.strategies import Ids, erasures, happened, imports, opened, units

MAX_64_BIT = 2**63 - 1

Place = tuple[AccountId, str]


@dataclass
class Entry:
    """A transaction as the checker's books hold it, in open and closed periods."""

    date: date
    postings: tuple[Posting, ...]
    import_id: ImportId | None


@dataclass
class Paper:
    """The checker's own books."""

    entries: dict[TransactionId, Entry] = field(default_factory=dict)
    merged: dict[AccountId, AccountId] = field(default_factory=dict)
    closed: date | None = None
    closed_on: dict[AccountId, date] = field(default_factory=dict)
    own: set[AccountId] = field(default_factory=set)
    """Accounts that are no categories."""
    added: Counter[str] = field(default_factory=Counter)
    """The sum of all amounts above zero that any event put in or took back, in minor units, and the same below."""
    removed: Counter[str] = field(default_factory=Counter)
    asserted: dict[tuple[AccountId, str, date], set[ImportId | None]] = field(default_factory=dict)
    stated: dict[tuple[AccountId, str, date], set[int]] = field(default_factory=dict)
    """What was asserted, in minor units: of a merged account it stays beside what the other's was."""

    def at_last(self, account: AccountId) -> AccountId:
        return self.at_last(self.merged[account]) if account in self.merged else account

    def write(self, event: BookEvent) -> None:
        match event:
            case TransactionRecorded():
                assert event.transaction not in self.entries, "an id stands for one transaction"
                self.enter(event.date, event.postings, 1)
                self.entries[event.transaction] = Entry(event.date, event.postings, event.import_id)
            case TransactionAmended():
                was = self.entries.pop(event.transaction)
                assert (was.date, was.postings) == (event.was_date, event.was_postings), "it carries what it reverses"
                self.enter(event.was_date, event.was_postings, -1)
                self.enter(event.date, event.postings, 1)
                self.entries[event.transaction] = Entry(event.date, event.postings, was.import_id)
            case TransactionJoined() | TransactionParted():
                was = self.entries.pop(event.transaction)
                assert (was.date, was.postings) == (event.was_date, event.was_postings), "it carries what it reverses"
                if isinstance(event, TransactionJoined):
                    assert event.own not in self.entries, "an id stands for one transaction"
                if (event.was_date, event.was_postings) != (event.date, event.postings):
                    self.enter(event.was_date, event.was_postings, -1)
                    self.enter(event.date, event.postings, 1)
                self.entries[event.transaction] = Entry(event.date, event.postings, was.import_id)
            case TransactionCategorized():
                was = self.entries.pop(event.transaction)
                assert (was.date, was.postings) == (event.date, event.was_postings), "it carries what it reverses"
                self.enter(event.date, event.was_postings, -1)
                self.enter(event.date, event.postings, 1)
                self.entries[event.transaction] = Entry(event.date, event.postings, was.import_id)
            case TransactionVoided():
                was = self.entries.pop(event.transaction)
                assert (was.date, was.postings) == (event.was_date, event.was_postings), "it carries what it reverses"
                self.enter(event.was_date, event.was_postings, -1)
            case PeriodClosed(through):
                assert self.closed is None or through > self.closed, "a closed period opens no more"
                self.closed = through
            case AccountMerged(account, into):
                assert account not in self.merged
                assert into not in self.merged
                self.merged[account] = into
                for (whose, code, day), brought_by in list(self.asserted.items()):
                    if whose == account:
                        del self.asserted[whose, code, day]
                        self.asserted.setdefault((into, code, day), set()).update(brought_by)
                        self.stated.setdefault((into, code, day), set()).update(self.stated.pop((whose, code, day)))
            case AccountClosed(account, on):
                assert all(
                    entry.date <= on or all(self.at_last(p.account) != account for p in entry.postings)
                    for entry in self.entries.values()
                ), "nothing is posted after the last day of an account"
                self.closed_on[account] = on
            case AccountOpened(account, kind):
                if not kind.is_category:
                    self.own.add(account)
            case BalanceAsserted():
                place = (event.account, event.amount.commodity.code, event.date)
                assert self.held(event.account, place[1], event.date) == event.amount.minor, "what is asserted is so"
                self.asserted.setdefault(place, set()).add(event.import_id)
                self.stated.setdefault(place, set()).add(event.amount.minor)
            case AssertionWithdrawn(account, code, on):
                del self.asserted[account, code, on]
                del self.stated[account, code, on]
            case ImportUndone(import_id):
                assert all(entry.import_id != import_id for entry in self.entries.values()), "an undo leaves no row"
                for confirmed, brought_by in list(self.asserted.items()):
                    brought_by.discard(import_id)
                    if not brought_by:
                        del self.asserted[confirmed]
                        del self.stated[confirmed]
            case _:
                pass

    def check_closed_accounts(self) -> None:
        """Once a command's events are all written: an undo is told as a whole."""
        for account in self.own & self.closed_on.keys():
            assert not any(self.held(account, code) for code in self.added), "a closed account stays empty"

    def enter(self, day: date, postings: tuple[Posting, ...], sign: int) -> None:
        assert self.closed is None or day > self.closed, "nothing changes in a closed period"
        weights: Counter[str] = Counter()
        for posting in postings:
            held_at = posting.cost or posting.price
            weight = posting.amount if held_at is None else held_at.total
            weights[weight.commodity.code] += weight.minor
            closed_on = self.closed_on.get(posting.account)
            assert sign < 0 or closed_on is None or day <= closed_on, "a closed account takes no later day"
            totals = [posting.cost.total] if posting.cost is not None else []
            for amount in (posting.amount, *totals):
                assert type(amount.minor) is int
                assert abs(amount.minor) <= MAX_AMOUNT_MINOR
                side = self.added if sign * amount.minor > 0 else self.removed
                side[amount.commodity.code] += abs(amount.minor)
        assert not any(weights.values()), "weights sum to zero in every commodity"

    def held(self, account: AccountId, code: str, through: date = date.max) -> int:
        return sum(
            posting.amount.minor
            for entry in self.entries.values()
            if entry.date <= through
            for posting in entry.postings
            if posting.amount.commodity.code == code and self.at_last(posting.account) == account
        )

    def holdings(self) -> Counter[Place]:
        held: Counter[Place] = Counter()
        for entry in self.entries.values():
            for posting in entry.postings:
                held[self.at_last(posting.account), posting.amount.commodity.code] += posting.amount.minor
        return held

    def open_entries(self) -> dict[TransactionId, tuple[date, tuple[Posting, ...], ImportId | None]]:
        return {
            transaction: (entry.date, entry.postings, entry.import_id)
            for transaction, entry in self.entries.items()
            if self.closed is None or entry.date > self.closed
        }


def without_zeros(held: Iterable[tuple[Any, int]]) -> dict[Any, int]:
    return {place: minor for place, minor in held if minor}


def folded(events: Iterable[BookEvent]) -> Book:
    book = Book()
    for event in events:
        evolve(book, event)
    return book


def answer(book: Book, command: BookCommand) -> tuple[list[BookEvent], str]:
    try:
        return decide(book, command), ""
    except Rejected as refusal:
        return [], str(refusal)


class Household(RuleBasedStateMachine):
    """A book lives: whatever is asked of it, its invariants hold after each answer."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book()
        self.paper = Paper()
        self.ids = Ids()
        self.log: list[BookEvent] = []

    @initialize()
    def open(self) -> None:
        for command in opened(self.ids):
            self.ask(command)

    @rule(data=st.data())
    def submit(self, data: st.DataObject) -> None:
        for command in data.draw(units(self.book, self.ids)):
            self.ask(command)

    def ask(self, command: BookCommand) -> None:
        before = copy.deepcopy(self.book)
        events, refusal = answer(self.book, command)
        assert self.book == before, "decide never writes"
        assert (events, refusal) == answer(before, command), "decide is deterministic"
        assert answer(folded(self.log), command) == (events, refusal), "a replayed book decides the same"
        note(f"{type(command).__name__}: {refusal or [type(event).__name__ for event in events]}")
        confirmed = {
            # What a later entry has made untrue confirms nothing until it is true again.
            place: held_minor
            for place, stated in self.paper.stated.items()
            if (held_minor := self.paper.held(*place)) in stated
        }
        for event in events:
            evolve(self.book, event)
            self.paper.write(event)
            self.log.append(event)
        self.paper.check_closed_accounts()
        if isinstance(command, AmendTransaction | VoidTransaction | UndoImport):
            for place, held_minor in confirmed.items():
                assert place not in self.paper.asserted or self.paper.held(*place) == held_minor, (
                    "a confirmed balance is not changed by mending what it rests on"
                )
        if refusal:
            assert self.book == before, "a refusal changes nothing"

    @invariant()
    def holdings_are_the_sum_of_all_that_stands(self) -> None:
        ledger = self.book.ledger
        assert without_zeros(ledger.holdings.items()) == without_zeros(self.paper.holdings().items())

    @invariant()
    def the_state_holds_the_open_periods_and_no_more(self) -> None:
        ledger = self.book.ledger
        assert {transaction: ledger.transaction(transaction) for transaction in ledger.standing} == (
            self.paper.open_entries()
        )

    @invariant()
    def any_sum_of_any_postings_and_reversals_fits_into_64_bits(self) -> None:
        for code in self.paper.added | self.paper.removed:
            assert self.paper.added[code] <= MAX_64_BIT
            assert self.paper.removed[code] <= MAX_64_BIT
            assert max(self.paper.added[code], self.paper.removed[code]) <= self.book.ledger.turnover[code]
            assert self.book.ledger.turnover[code] <= MAX_TURNOVER_MINOR

    @invariant()
    def any_balance_of_any_open_day_can_be_told(self) -> None:
        ledger = self.book.ledger
        for account, code in list(ledger.holdings)[:4]:
            for day in {entry.date for entry in self.paper.entries.values()}:
                if self.paper.closed is None or day >= self.paper.closed:
                    assert ledger.held_on(account, code, day) == self.paper.held(account, code, day)

    @invariant()
    def every_place_holds_only_commodities_the_book_knows(self) -> None:
        assert {code for _, code in self.book.ledger.holdings} <= set(self.book.ledger.commodities)

    def teardown(self) -> None:
        assert folded(self.log) == self.book, "state by replay equals state in memory"
        stored = [encode(event, seal=lambda plain: plain) for event in self.log]
        assert [decode(*event, unseal=lambda sealed: sealed) for event in stored] == self.log
        blind = folded(decode(*event, unseal=lambda sealed: None) for event in stored)
        assert blind.ledger.holdings == self.book.ledger.holdings, "sums outlive the key"
        assert blind.ledger.turnover == self.book.ledger.turnover
        assert blind.ledger.standing.keys() == self.book.ledger.standing.keys()


TestHousehold = Household.TestCase
TestHousehold.settings = settings(stateful_step_count=40)


class SmallTurnover(Household):
    """The same, where a book may move so little that the limit is met all the time."""

    LIMIT_MINOR = 4 * MAX_AMOUNT_MINOR

    @invariant()
    def any_sum_of_any_postings_and_reversals_fits_into_64_bits(self) -> None:
        for code, minor in self.book.ledger.turnover.items():
            assert minor <= self.LIMIT_MINOR
            assert self.paper.added[code] <= minor
            assert self.paper.removed[code] <= minor


@pytest.fixture
def _little_turnover(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.ledger.transactions.MAX_TURNOVER_MINOR", SmallTurnover.LIMIT_MINOR)


TestSmallTurnover = pytest.mark.usefixtures("_little_turnover")(SmallTurnover.TestCase)
TestSmallTurnover.settings = settings(stateful_step_count=30)


@st.composite
def books(draw: st.DrawFn, ids: Ids, most: int = 12) -> Book:
    """A book with a past."""
    book = Book()
    for command in opened(ids):
        assert happened(book, command)
    for _ in range(draw(st.integers(0, most))):
        for command in draw(units(book, ids)):
            happened(book, command)
    return book


@given(st.data())
def test_undoing_an_import_brings_back_exactly_what_every_account_held(data: st.DataObject) -> None:
    ids = Ids()
    book = data.draw(books(ids))
    before = without_zeros(book.ledger.holdings.items())
    standing, asserted = set(book.ledger.standing), without_empty(book)
    unit = data.draw(imports(book, ids))
    made = [event for command in unit for event in happened(book, command)]
    conclusion = unit[-1]
    assert isinstance(conclusion, ConcludeImport)
    recorded = [event for event in made if isinstance(event, TransactionRecorded)]
    joined = [event for event in made if isinstance(event, TransactionJoined)]
    for _ in range(data.draw(st.integers(0, 3))):
        # A person edits rows of it, on open days, in between.
        if recorded:
            row = data.draw(st.sampled_from(recorded))
            happened(book, AmendTransaction(row.transaction, row.date, row.postings[::-1], "corrected"))
    if conclusion.import_id not in book.ledger.imports:
        return  # it brought no row, and was refused for naming a merged account
    undone = happened(book, UndoImport(conclusion.import_id))
    assert bool(undone) or reconciled_before(asserted, [*recorded, *joined])
    if undone:
        assert without_zeros(book.ledger.holdings.items()) == before
        assert set(book.ledger.standing) == standing
        # A newer telling of the same ledger may have withdrawn what an older one confirmed.
        withdrawn = any(isinstance(event, AssertionWithdrawn) for event in made)
        assert withdrawn or without_empty(book) == asserted
        assert len(undone) == len(recorded) + len(joined) + 1


def without_empty(book: Book) -> dict[Place, tuple[Any, ...]]:
    return {place: assertions for place, assertions in book.ledger.asserted.items() if assertions}


def reconciled_before(
    asserted: dict[Place, tuple[Any, ...]], recorded: Sequence[TransactionRecorded | TransactionJoined]
) -> bool:
    """Whether a row came in under a balance that had been confirmed before."""
    return any(
        (posting.account, posting.amount.commodity.code) in asserted for row in recorded for posting in row.postings
    )


@given(st.data())
def test_two_orders_of_the_same_void_and_amendment_arithmetic_agree(data: st.DataObject) -> None:
    """Amending and then voiding leaves what voiding at once leaves: nothing of the transaction."""
    ids = Ids()
    book = data.draw(books(ids))
    unit = data.draw(imports(book, ids))
    rows = [command for command in unit if isinstance(command, RecordTransaction)]
    for row in rows:
        straight, round_about = copy.deepcopy(book), copy.deepcopy(book)
        if not happened(straight, row):
            continue
        happened(round_about, row)
        happened(round_about, AmendTransaction(row.transaction, row.date, row.postings + row.postings))
        voided = happened(straight, VoidTransaction(row.transaction))
        assert bool(voided) == bool(happened(round_about, VoidTransaction(row.transaction)))
        if voided:
            held = without_zeros(straight.ledger.holdings.items())
            assert held == without_zeros(round_about.ledger.holdings.items())
            assert held == without_zeros(book.ledger.holdings.items())


@given(st.data())
def test_an_erased_book_answers_nothing_any_more(data: st.DataObject) -> None:
    ids = Ids()
    book = data.draw(books(ids, most=5))
    asked = data.draw(units(book, ids))
    assert [type(event) for event in happened(book, data.draw(erasures()))] == [BookErased]
    for command in asked:
        with pytest.raises(Rejected, match="book_erased"):
            decide(book, command)


def test_random_books_reach_every_kind_of_event_and_most_refusals() -> None:
    """A strategy that can no longer draw something would let every test above pass for the wrong reason."""
    events: set[type[BookEvent]] = {BookErased}
    refusals: set[str] = set()

    @given(st.data())
    def live(data: st.DataObject) -> None:
        ids = Ids()
        book = data.draw(books(ids, most=6))
        events.update([BookOpened, CommodityDeclared, AccountOpened])
        for _ in range(12):
            for command in data.draw(units(book, ids)):
                made, refusal = answer(book, command)
                refusals.update({refusal.partition("(")[0]} - {""})
                for event in made:
                    events.add(type(event))
                    evolve(book, event)

    # What is drawn depends on the order of sets too; the rarest kind is not drawn in every round.
    for round in range(4):
        seed(round)(settings(max_examples=400, database=None)(live))()
        if set(EVENT_TYPES.values()) == events:
            break
    assert set(EVENT_TYPES.values()) == events
    assert len(refusals) > 25, sorted(refusals)
