"""The command bus on real stores: what it answers, what it never does twice, and what a failure leaves.

The rule it keeps: every test runs on SQLite and on PostgreSQL, with the real keys, snapshots and states.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import pytest

from commands import bus as bus_module
from commands import committer, states
from commands.answers import Answer
from commands.books import erase_book, finish_erasures, open_book, resolve_book
from commands.bus import Busy, Wish
from commands.names import account_id
from commands.ports import Asked, KeyGone, StoreUnavailable
from domain.book import Book, BookCommand, BookId, EraseBook, RenameBook, evolve
from domain.errors import Rejected
from domain.ledger import (
    AccountId,
    AmendTransaction,
    CloseAccount,
    DeclareCommodity,
    OpenAccount,
    Posting,
    RecordTransaction,
    RenameAccount,
    TransactionAmended,
    TransactionId,
    VoidTransaction,
)
from domain.money import parse_amount
from infra.clock import TimeOrderedIds
from projections import register
from tests.house import AFTER, BEFORE, WAIT_S, House, Killed, asking, key

IDS = TimeOrderedIds()


class OpenHouse(Protocol):
    """Open one more program on the same store."""

    def __call__(self, *, keep_snapshots: bool = True, states_bytes: int = 1 << 30) -> House: ...


@pytest.fixture(params=["sqlite", "postgresql"])
def open_house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenHouse]:
    url: str = request.getfixturevalue("postgres_url")() if request.param == "postgresql" else ""
    opened: list[House] = []

    def one_more(*, keep_snapshots: bool = True, states_bytes: int = 1 << 30) -> House:
        house = House(tmp_path, url, url, keep_snapshots=keep_snapshots, states_bytes=states_bytes)
        opened.append(house)
        return house

    yield one_more
    for house in opened:
        house.close()


@dataclass(frozen=True)
class Home:
    """A book, and two of its accounts."""

    book: BookId
    checking: AccountId
    food: AccountId

    def bought(self, number: int, payee: str = "Padaria do Zé", account: AccountId | None = None) -> RecordTransaction:
        """A purchase that its number tells."""
        amount = parse_amount(f"{number}.00", "BRL")
        postings = (Posting(account or self.food, amount), Posting(self.checking, -amount))
        return RecordTransaction(TransactionId(IDS.new()), date(2026, 3, 1 + number % 28), postings, payee=payee)


def home_in(house: House, name: str = "Home") -> Home:
    book = open_book(house.bus, IDS, asking(), name, "BRL", "America/Sao_Paulo").result(WAIT_S).book
    home = Home(book, AccountId(IDS.new()), AccountId(IDS.new()))
    house.ask(book, OpenAccount(home.checking, "Assets:Checking"), OpenAccount(home.food, "Expenses:Food"))
    return home


def state_in_memory(house: House, book: BookId) -> Book:
    return house.bus.inspect(book, copy.deepcopy).result(WAIT_S)


def folded(house: House, book: BookId) -> Book:
    """The state by replay: a plain fold of the log, without overlays, batches or snapshots."""
    state = Book()
    for event in house.store.read_book(book, 0, 10_000):
        evolve(state, event.event)
    return state


def versions(house: House, book: BookId) -> int:
    head = house.store.head(book)
    return head.version if head is not None else 0


def refusal(answer: Future[Any]) -> Rejected:
    with pytest.raises(Rejected) as raised:
        answer.result(WAIT_S)
    return raised.value


def same(first: Answer, again: Answer) -> bool:
    """Whether a repeat was answered as the first time, and says that it is one."""
    told = (first.book, first.version, first.position, first.hash, first.recorded_at, first.results)
    return again.replayed and told == (
        again.book,
        again.version,
        again.position,
        again.hash,
        again.recorded_at,
        again.results,
    )


# Answers


def test_an_answer_is_a_receipt_for_all_up_to_its_version(open_house: OpenHouse) -> None:
    house = open_house()
    home = home_in(house)
    wish = home.bought(1)
    answer = house.ask(home.book, wish)
    head = house.store.head(home.book)
    assert head is not None
    assert (answer.version, answer.position, answer.hash) == (head.version, head.position, head.hash.hex())
    assert answer.recorded_at == head.recorded_at
    assert [result.made for result in answer.results] == [{"transaction_id": wish.transaction}]
    assert not answer.replayed


def test_a_command_that_changes_nothing_answers_the_current_version(open_house: OpenHouse) -> None:
    house = open_house()
    home = home_in(house)
    before = versions(house, home.book)
    answer = house.ask(home.book, RenameBook("Home"))
    assert (answer.version, answer.results[0].version, answer.results[0].made) == (before, before, {})
    assert versions(house, home.book) == before


def test_a_group_is_appended_whole_and_tells_what_each_command_made(open_house: OpenHouse) -> None:
    house = open_house()
    home = home_in(house)
    before = versions(house, home.book)
    savings, bread = AccountId(IDS.new()), home.bought(2)
    answer = house.ask(
        home.book,
        OpenAccount(savings, "Assets:Savings"),
        RenameBook("Home"),
        bread,
        home.bought(3, account=savings),
    )
    assert [result.version - before for result in answer.results] == [1, 1, 2, 3]
    assert answer.results[0].made == {"account_id": savings}
    assert answer.results[1].made == {}
    assert answer.results[2].made == {"transaction_id": bread.transaction}
    assert answer.version == before + 3


def test_a_refused_group_leaves_nothing_and_names_the_command(open_house: OpenHouse) -> None:
    house = open_house()
    home = home_in(house)
    before = versions(house, home.book)
    lost = AccountId(IDS.new())
    group: list[Wish] = [
        OpenAccount(lost, "Assets:Lost"),
        home.bought(1),
        home.bought(2, account=AccountId("nobody's")),
    ]
    first, second, third = house.together(
        home.book,
        (group, asking()),
        ([home.bought(3, account=lost)], asking()),
        ([OpenAccount(AccountId(IDS.new()), "Assets:Lost")], asking()),
    )
    rejected = refusal(first)
    assert (rejected.code, rejected.params["index"]) == ("account_unknown", 2)
    assert refusal(second).code == "account_unknown", "what the group opened before its refusal is not there"
    assert third.result(WAIT_S).version == before + 1
    assert state_in_memory(house, home.book) == folded(house, home.book)


def test_a_wish_is_made_a_command_against_the_state_it_is_decided_on(open_house: OpenHouse) -> None:
    house = open_house()
    home = home_in(house)
    amount = parse_amount("5.00", "BRL")

    def by_name(state: Book) -> BookCommand:
        postings = (Posting(account_id(state, "Expenses:Fun"), amount), Posting(home.checking, -amount))
        return RecordTransaction(TransactionId(IDS.new()), date(2026, 3, 1), postings)

    opened, spent = house.together(
        home.book, ([OpenAccount(AccountId(IDS.new()), "Expenses:Fun")], asking()), ([by_name], asking())
    )
    assert spent.result(WAIT_S).version == opened.result(WAIT_S).version + 1


def test_units_of_many_books_share_a_batch_and_none_sees_another(open_house: OpenHouse) -> None:
    house = open_house()
    homes = [home_in(house, f"Home {number}") for number in range(4)]
    with house.busy(homes[0].book):
        answers = [
            (home, house.bus.submit(home.book, [home.bought(number)], asking()))
            for number in range(1, 6)
            for home in homes
        ]
    for home in homes:
        own = [answer.result(WAIT_S).version for whose, answer in answers if whose is home]
        assert own == list(range(own[0], own[0] + 5))
    positions = sorted(answer.result(WAIT_S).position for _, answer in answers)
    assert positions == list(range(positions[0], positions[0] + 20))


# The same key


def test_a_repeated_key_answers_the_same_again_and_appends_nothing(open_house: OpenHouse) -> None:
    house = open_house()
    home = home_in(house)
    wish, once = home.bought(1), key("k-1")
    first = house.ask(home.book, wish, key=once)
    house.ask(home.book, home.bought(2))
    before = versions(house, home.book)
    assert same(first, house.ask(home.book, wish, key=once))
    assert versions(house, home.book) == before


def test_a_key_outlives_the_program(open_house: OpenHouse) -> None:
    house = open_house()
    home = home_in(house)
    first = house.ask(home.book, home.bought(1), key=key("k-1"))
    house.close()
    assert same(first, open_house().ask(home.book, home.bought(1), key=key("k-1")))


def test_twins_in_one_batch_are_applied_once(open_house: OpenHouse) -> None:
    house = open_house()
    home = home_in(house)
    before = versions(house, home.book)
    wish = [home.bought(1)]
    answers = [
        twin.result(WAIT_S) for twin in house.together(home.book, *[(wish, asking(key("k-1"))) for _ in range(5)])
    ]
    assert versions(house, home.book) == before + 1
    assert [answer.replayed for answer in answers] == [False, True, True, True, True]
    assert all(same(answers[0], twin) for twin in answers[1:])


def test_twins_in_two_programs_are_applied_once(open_house: OpenHouse) -> None:
    one, other = open_house(), open_house()
    home = home_in(one)
    before = versions(one, home.book)
    answers: list[Answer] = []
    start = threading.Barrier(2)

    def ask(house: House) -> None:
        start.wait(WAIT_S)
        answers.extend([house.ask(home.book, home.bought(n), key=key(f"k-{n}")) for n in range(1, 21)])

    side_by_side([lambda: ask(one), lambda: ask(other)])
    assert versions(one, home.book) == before + 20
    assert len(answers) == 40
    for version in {answer.version for answer in answers}:
        first, again = [answer for answer in answers if answer.version == version]
        assert {first.replayed, again.replayed} == {True, False}
        assert first.results == again.results


def test_a_key_with_another_payload_is_refused(open_house: OpenHouse) -> None:
    house = open_house()
    home = home_in(house)
    house.ask(home.book, home.bought(1), key=key("k-1"))
    before = versions(house, home.book)
    other = key("k-1", "another payload")
    assert refusal(house.bus.submit(home.book, [home.bought(2)], asking(other))).code == "idempotency_key_reused"
    unknown = home.bought(2, account=AccountId("nobody's"))
    assert refusal(house.bus.submit(home.book, [unknown], asking(other))).code == "idempotency_key_reused"
    assert versions(house, home.book) == before


def test_a_repeat_that_the_state_would_refuse_answers_the_original(open_house: OpenHouse) -> None:
    house = open_house()
    home = home_in(house)
    account = AccountId(IDS.new())
    opening = OpenAccount(account, "Assets:Savings")
    first = house.ask(home.book, opening, key=key("k-1"))
    assert same(first, house.ask(home.book, opening, key=key("k-1")))
    closing = [CloseAccount(account, date(2026, 4, 1))]
    closed, again = house.together(home.book, (closing, asking(key("k-2"))), (closing, asking(key("k-2"))))
    assert same(closed.result(WAIT_S), again.result(WAIT_S))
    assert refusal(house.bus.submit(home.book, closing, asking(key("k-3")))).code == "account_closed"


def test_a_group_with_commands_that_made_nothing_answers_the_same_again(open_house: OpenHouse) -> None:
    house = open_house()
    home = home_in(house)
    group: list[Wish] = [
        RenameBook("Home"),
        home.bought(1),
        DeclareCommodity("BRL", 2),
        OpenAccount(AccountId(IDS.new()), "Assets:Dollars", ("USD",)),
        DeclareCommodity("USD", 2),
    ]
    first = house.ask(home.book, *group, key=key("k-1"))
    house.ask(home.book, home.bought(2))
    again = house.ask(home.book, *group, key=key("k-1"))
    assert same(first, again)
    assert [result.version - first.results[0].version for result in again.results] == [0, 1, 1, 3, 3]


def test_a_repeat_of_what_changed_nothing_answers_the_version_of_then(open_house: OpenHouse) -> None:
    house = open_house()
    home = home_in(house)
    first = house.ask(home.book, RenameBook("Home"), key=key("k-1"))
    house.ask(home.book, RenameBook("House"))
    again = house.ask(home.book, RenameBook("Home"), key=key("k-1"))
    assert same(first, again)
    assert state_in_memory(house, home.book).facts["name"] == "House"


def test_a_refusal_uses_no_key_up(open_house: OpenHouse) -> None:
    house = open_house()
    home = home_in(house)
    fun = AccountId(IDS.new())
    wish = [home.bought(1, account=fun)]
    assert refusal(house.bus.submit(home.book, wish, asking(key("k-1")))).code == "account_unknown"
    house.ask(home.book, OpenAccount(fun, "Expenses:Fun"))
    assert not house.ask(home.book, *wish, key=key("k-1")).replayed


def test_opening_a_book_twice_under_one_key_opens_one(open_house: OpenHouse) -> None:
    house = open_house()
    answers = [
        open_book(house.bus, IDS, asking(key("k-1")), "Home", "BRL", "America/Sao_Paulo").result(WAIT_S)
        for _ in range(2)
    ]
    assert same(*answers)
    assert list(house.keys.books()) == [answers[0].book], "the key of the book that was not opened is gone"


# Two programs on one store


def test_a_refusal_on_an_older_state_is_judged_again(open_house: OpenHouse) -> None:
    here, there = open_house(), open_house()
    home = home_in(here)
    there.ask(home.book, RenameBook("Home"))
    fun = AccountId(IDS.new())
    here.ask(home.book, OpenAccount(fun, "Expenses:Fun"))
    assert there.ask(home.book, home.bought(1, account=fun)).version == versions(here, home.book)


def test_an_acceptance_on_an_older_state_is_judged_again(open_house: OpenHouse) -> None:
    here, there = open_house(), open_house()
    home = home_in(here)
    bread = home.bought(1)
    there.ask(home.book, bread)
    here.ask(home.book, VoidTransaction(bread.transaction))
    refused = refusal(there.bus.submit(home.book, [VoidTransaction(bread.transaction)], asking()))
    assert refused.code == "transaction_not_standing"
    assert versions(here, home.book) == versions(there, home.book)


def test_units_judged_again_keep_their_order(open_house: OpenHouse) -> None:
    here, there = open_house(), open_house()
    home = home_in(here)
    bread = home.bought(1)
    there.ask(home.book, bread)
    here.ask(home.book, home.bought(2))
    voiding = [VoidTransaction(bread.transaction)]
    voided, again, third = there.together(
        home.book, (voiding, asking()), (voiding, asking()), ([home.bought(3)], asking())
    )
    assert voided.result(WAIT_S).version == versions(here, home.book) - 1
    assert refusal(again).code == "transaction_not_standing", "the first of two equal units wins"
    assert third.result(WAIT_S).version == versions(here, home.book)


def test_a_refusal_stays_one_when_what_came_behind_it_was_a_repeat(open_house: OpenHouse) -> None:
    house = open_house()
    home = home_in(house)
    fun = AccountId(IDS.new())
    house.ask(home.book, home.bought(1), key=key("k-1"))
    early, opened, repeat = house.together(
        home.book,
        ([home.bought(2, account=fun)], asking()),
        ([OpenAccount(fun, "Expenses:Fun")], asking()),
        ([home.bought(1)], asking(key("k-1"))),
    )
    assert refusal(early).code == "account_unknown", "asked before the account was opened"
    assert opened.result(WAIT_S).results[0].made == {"account_id": fun}
    assert repeat.result(WAIT_S).replayed


def test_a_refusal_that_rests_on_a_repeat_is_judged_again(open_house: OpenHouse) -> None:
    house = open_house()
    home = home_in(house)
    fun, other = AccountId(IDS.new()), AccountId(IDS.new())
    house.ask(home.book, OpenAccount(fun, "Expenses:Fun"), key=key("k-1"))
    house.ask(home.book, RenameAccount(fun, "Expenses:Leisure"))
    # Until its key is looked up, the repeat seems to take the name that the other one asks for.
    repeat, opened = house.together(
        home.book,
        ([OpenAccount(AccountId(IDS.new()), "Expenses:Fun")], asking(key("k-1"))),
        ([OpenAccount(other, "Expenses:Fun")], asking()),
    )
    assert repeat.result(WAIT_S).results[0].made == {"account_id": fun}
    assert opened.result(WAIT_S).results[0].made == {"account_id": other}


def test_two_programs_race_on_one_book_and_every_command_enters_once(open_house: OpenHouse) -> None:
    houses = [open_house(), open_house()]
    home = home_in(houses[0])
    before = versions(houses[0], home.book)
    amounts: list[int] = []

    def ask(house: House, offset: int) -> None:
        waiting: list[tuple[int, Future[Answer]]] = []
        for number in range(offset, offset + 60):
            waiting.append((number, house.bus.submit(home.book, [home.bought(number)], asking())))
        for number, answer in waiting:
            try:
                answer.result(WAIT_S)
            except Busy:  # contended for too long: it says so, and has appended nothing
                continue
            amounts.append(number)

    side_by_side([lambda: ask(houses[0], 1), lambda: ask(houses[1], 1001)])
    stored = houses[0].store.read_book(home.book, before, 1_000)
    told = sorted(posting.amount.minor // 100 for event in stored for posting in event.event.postings[:1])  # type: ignore[union-attr]
    assert told == sorted(amounts)
    assert len(amounts) >= 100
    assert houses[0].store.verify_chain() is None
    for house in houses:
        assert state_in_memory(house, home.book) == folded(house, home.book)


def test_a_question_sees_what_another_program_wrote(open_house: OpenHouse) -> None:
    here, there = open_house(), open_house()
    home = home_in(here)
    assert there.bus.inspect(home.book, lambda state: len(state.ledger.standing)).result(WAIT_S) == 0
    here.ask(home.book, home.bought(1))
    assert there.bus.inspect(home.book, lambda state: len(state.ledger.standing)).result(WAIT_S) == 1


def test_a_question_is_answered_while_another_program_never_rests(open_house: OpenHouse) -> None:
    here, there = open_house(), open_house()
    home = home_in(here)
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            here.ask(home.book, home.bought(number))

    def look() -> None:
        try:
            for _ in range(20):
                there.bus.inspect(home.book, lambda state: len(state.ledger.standing)).result(WAIT_S)
        finally:
            stop.set()

    side_by_side([write, look])


def test_a_question_behind_a_command_in_one_batch_outlives_that_another_program_wrote(open_house: OpenHouse) -> None:
    here, there = open_house(), open_house()
    home = home_in(here)
    there.ask(home.book, home.bought(1))
    with here.busy(home.book):
        there.ask(home.book, home.bought(2))
        bought = here.bus.submit(home.book, [home.bought(3)], asking())
        held = here.bus.inspect(home.book, lambda state: state.ledger.holdings[home.food, "BRL"])
    assert bought.result(WAIT_S).version == versions(here, home.book)
    assert held.result(WAIT_S) == 6_00
    assert here.bus.is_open
    assert here.ask(home.book, home.bought(4)).version == versions(here, home.book)


def test_what_waits_for_a_state_counts_as_queued(open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus_module, "MAX_QUEUED_ITEMS", 5)
    first = open_house()
    home = home_in(first)
    first.close()
    house = open_house()
    loaded = threading.Event()
    load = states.States._load

    def slowly(self: states.States, book: BookId, old: states.Loaded | None) -> states.Loaded:
        assert loaded.wait(WAIT_S)
        return load(self, book, old)

    monkeypatch.setattr(states.States, "_load", slowly)
    taken = [house.bus.submit(home.book, [home.bought(number)], asking()) for number in range(5)]
    with pytest.raises(Busy):
        house.bus.submit(home.book, [home.bought(9)], asking())
    assert house.bus.queued == 5
    loaded.set()
    assert [answer.result(WAIT_S).version for answer in taken] == list(range(6, 11))
    assert house.bus.queued == 0


def test_a_repeat_of_a_unit_longer_than_a_read_is_answered(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = open_house()
    home = home_in(house)
    monkeypatch.setattr(committer, "LOAD_BATCH_EVENTS", 3)
    wishes = [home.bought(number) for number in range(1, 9)]
    asked = asking(key(home.book, "long"))
    first = house.bus.submit(home.book, wishes, asked).result(WAIT_S)
    assert same(first, house.bus.submit(home.book, wishes, asked).result(WAIT_S))


def test_a_snapshot_that_cannot_be_written_costs_nobody_a_command(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_house()
    home = home_in(first)
    first.close()
    monkeypatch.setattr(states, "SNAPSHOT_AFTER_EVENTS", 1)
    house = open_house()

    def broken(*_: object) -> None:
        raise RuntimeError("another program writes the same row")

    monkeypatch.setattr(house.snapshots, "save", broken)
    assert house.ask(home.book, home.bought(1)).version == versions(house, home.book)


def test_a_question_about_no_book_is_refused(open_house: OpenHouse) -> None:
    house = open_house()
    assert refusal(house.bus.inspect(BookId(IDS.new()), lambda state: state.facts)).code == "book_unknown"
    assert refusal(house.bus.submit(BookId(IDS.new()), [RenameBook("Home")], asking())).code == "book_unknown"


# Limits


def test_a_full_queue_says_busy_and_loses_nothing(open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    house = open_house()
    home = home_in(house)
    monkeypatch.setattr(bus_module, "MAX_QUEUED_ITEMS", 10)
    before = versions(house, home.book)
    with house.busy(home.book):
        taken = [house.bus.submit(home.book, [home.bought(number)], asking()) for number in range(1, 11)]
        assert house.bus.queued == 10
        for _ in range(3):
            with pytest.raises(Busy) as busy:
                house.bus.submit(home.book, [home.bought(99)], asking())
            assert busy.value.retry_after_s >= 1
        with pytest.raises(Busy):
            house.bus.inspect(home.book, lambda state: None)
    assert [answer.result(WAIT_S).version - before for answer in taken] == list(range(1, 11))
    assert house.ask(home.book, home.bought(11)).version == before + 11


def test_commands_that_wait_are_counted_and_a_large_unit_enters_an_empty_queue(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = open_house()
    home = home_in(house)
    monkeypatch.setattr(bus_module, "MAX_QUEUED_WISHES", 5)
    large = [home.bought(number) for number in range(1, 9)]
    with house.busy(home.book):
        taken = house.bus.submit(home.book, large, asking())
        with pytest.raises(Busy):
            house.bus.submit(home.book, [home.bought(9)], asking())
    taken.result(WAIT_S)
    assert house.ask(home.book, *large[:0], home.bought(10)).version == versions(house, home.book)


def test_a_batch_ends_at_its_limit_and_a_unit_is_never_split(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = open_house()
    home = home_in(house)
    monkeypatch.setattr(committer, "MAX_BATCH_EVENTS", 4)
    monkeypatch.setattr(committer, "MAX_DECIDING_S", 60.0)
    house.store.batches.clear()
    answers = house.together(
        home.book,
        *[([home.bought(number)], asking()) for number in range(1, 7)],
        ([home.bought(number) for number in range(7, 17)], asking()),
        ([home.bought(17)], asking()),
    )
    for answer in answers:
        answer.result(WAIT_S)
    assert house.store.batches == [[1, 1, 1, 1], [1, 1, 10], [1]]


# Failures


def test_a_crash_while_deciding_fails_its_unit_alone(open_house: OpenHouse) -> None:
    house = open_house()
    home, neighbour = home_in(house), home_in(house, "Neighbour")

    def defect(_: Book) -> BookCommand:
        raise ZeroDivisionError("a defect")

    with house.busy(home.book):
        before = house.bus.submit(home.book, [home.bought(1)], asking())
        alone = house.bus.submit(home.book, [defect], asking())
        group = house.bus.submit(home.book, [home.bought(2), defect], asking())
        beside = house.bus.submit(neighbour.book, [neighbour.bought(3)], asking())
        after = house.bus.submit(home.book, [home.bought(4)], asking())
    assert before.result(WAIT_S).version + 1 == after.result(WAIT_S).version
    beside.result(WAIT_S)
    for failed in (alone, group):
        assert isinstance(failed.exception(WAIT_S), ZeroDivisionError)
    assert state_in_memory(house, home.book) == folded(house, home.book)


def test_a_question_that_crashes_fails_alone(open_house: OpenHouse) -> None:
    house = open_house()
    home = home_in(house)
    failed: Future[Any] = house.bus.inspect(home.book, lambda state: 1 // 0)
    assert isinstance(failed.exception(WAIT_S), ZeroDivisionError)
    house.ask(home.book, home.bought(1))


def test_who_hangs_up_cancels_nothing(open_house: OpenHouse) -> None:
    house = open_house()
    home = home_in(house)
    with house.busy(home.book):
        answer = house.bus.submit(home.book, [home.bought(1)], asking())
        assert not answer.cancel()
    assert answer.result(WAIT_S).version == versions(house, home.book)


def test_a_failing_store_leaves_the_state_as_it_was(open_house: OpenHouse) -> None:
    house = open_house()
    home = home_in(house)
    before, state = versions(house, home.book), state_in_memory(house, home.book)
    fun = AccountId(IDS.new())
    with house.busy(home.book):
        house.store.trouble[BEFORE] = StoreUnavailable("store_full", "the disk is full")
        failed = [
            house.bus.submit(home.book, [OpenAccount(fun, "Expenses:Fun")], asking()),
            house.bus.submit(home.book, [home.bought(1, account=fun)], asking()),
            house.bus.submit(home.book, [home.bought(2, account=AccountId("nobody's"))], asking()),
        ]
    for answer in failed:
        with pytest.raises(StoreUnavailable) as raised:
            answer.result(WAIT_S)
        assert raised.value.code == "store_full"
    assert versions(house, home.book) == before
    assert state_in_memory(house, home.book) == state
    assert house.ask(home.book, OpenAccount(fun, "Expenses:Fun")).version == before + 1


def test_an_error_of_the_store_fails_the_batch_and_the_next_goes_on(open_house: OpenHouse) -> None:
    house = open_house()
    home = home_in(house)
    house.store.trouble[BEFORE] = OSError("a defect below")
    with pytest.raises(OSError, match="a defect below"):
        house.ask(home.book, home.bought(1))
    house.ask(home.book, home.bought(2))
    assert state_in_memory(house, home.book) == folded(house, home.book)


def test_a_commit_of_unknown_outcome_is_found_out_by_its_key(open_house: OpenHouse) -> None:
    house = open_house()
    home = home_in(house)
    before = versions(house, home.book)
    for when, number in ((AFTER, 1), (BEFORE, 2)):
        house.store.trouble[when] = StoreUnavailable("outcome_unknown", "no answer")
        wish, once = home.bought(number), key(f"k-{number}")
        with pytest.raises(StoreUnavailable, match="outcome_unknown"):
            house.ask(home.book, wish, key=once)
        assert house.ask(home.book, wish, key=once).replayed == (when == AFTER)
        assert versions(house, home.book) == before + number
        assert state_in_memory(house, home.book) == folded(house, home.book)


@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_a_command_asked_again_after_a_crash_is_applied_once(open_house: OpenHouse, when: str) -> None:
    house = open_house()
    home = home_in(house)
    before = versions(house, home.book)
    house.store.dies = when
    lost = house.together(home.book, *[([home.bought(n)], asking(key(f"k-{n}"))) for n in range(1, 4)])
    for answer in lost:
        assert isinstance(answer.exception(WAIT_S), Killed), "nobody waits for ever for a program that has died"
    assert not house.bus.is_open
    house.close()
    house = open_house()
    again = [house.ask(home.book, home.bought(n), key=key(f"k-{n}")) for n in range(1, 4)]
    assert [answer.version - before for answer in again] == [1, 2, 3]
    assert [answer.replayed for answer in again] == [when == AFTER] * 3
    assert versions(house, home.book) == before + 3


# Closing and starting


def test_closing_finishes_what_was_taken_and_takes_no_more(open_house: OpenHouse) -> None:
    house = open_house()
    home = home_in(house)
    with house.busy(home.book):
        taken = [house.bus.submit(home.book, [home.bought(number)], asking()) for number in range(1, 21)]
        repeated = house.bus.submit(home.book, [home.bought(1)], asking(key("k-1")))
        closing = threading.Thread(target=house.close)
        closing.start()
        while house.bus.is_open:
            threading.Event().wait(0.001)
        with pytest.raises(Busy):
            house.bus.submit(home.book, [home.bought(1)], asking())
    closing.join(WAIT_S)
    assert all(answer.done() for answer in [*taken, repeated])
    house.close()
    assert open_house().store.head(home.book) is not None
    assert repeated.result().version == taken[-1].result().version + 1


def test_a_closed_house_leaves_a_snapshot_that_equals_the_fold(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "SNAPSHOT_AFTER_EVENTS", 10)
    house = open_house()
    home = home_in(house)
    for number in range(1, 21):
        house.ask(home.book, home.bought(number))
    house.close()
    house = open_house()
    kept = house.snapshots.load(home.book)
    assert kept is not None
    head, state = kept
    assert head == house.store.head(home.book)
    assert state == folded(house, home.book)
    house.ask(home.book, home.bought(21))
    assert state_in_memory(house, home.book) == folded(house, home.book)


def test_a_snapshot_of_another_history_is_ignored(open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "SNAPSHOT_AFTER_EVENTS", 1)
    house = open_house()
    home, other = home_in(house), home_in(house, "Other")
    for number in range(1, 4):
        house.ask(home.book, home.bought(number))
        house.ask(other.book, other.bought(number + 50))
    head = house.store.head(other.book)
    assert head is not None
    house.snapshots.save(home.book, head, state_in_memory(house, other.book))
    house.kill()
    house = open_house()
    assert state_in_memory(house, home.book) == folded(house, home.book)


def test_books_leave_memory_when_it_is_full_and_come_back_as_they_were(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "SNAPSHOT_AFTER_EVENTS", 4)
    house = open_house(states_bytes=1)
    homes = [home_in(house, f"Home {number}") for number in range(4)]
    reads = house.store.book_reads
    for number in range(1, 6):
        for home in homes:
            house.ask(home.book, home.bought(number), key=key(f"{home.book} {number}"))
    assert house.store.book_reads >= reads + 20, "only one state stays"
    with house.busy(homes[-1].book):
        taken = [house.bus.submit(home.book, [home.bought(6)], asking()) for home in homes]
    for answer in taken:
        answer.result(WAIT_S)
    for home in homes:
        assert state_in_memory(house, home.book) == folded(house, home.book)
        assert len(folded(house, home.book).ledger.standing) == 6


def test_amending_keeps_the_order_that_a_replay_finds(open_house: OpenHouse) -> None:
    house = open_house()
    home = home_in(house)
    first, second = home.bought(1), home.bought(2)
    house.ask(home.book, first)
    house.ask(home.book, second)
    house.ask(home.book, AmendTransaction(first.transaction, first.date, home.bought(3).postings))
    assert any(isinstance(event.event, TransactionAmended) for event in house.store.read_book(home.book, 0, 100))
    in_memory = list(state_in_memory(house, home.book).ledger.standing)
    assert in_memory == list(folded(house, home.book).ledger.standing)


# Names and ends


def test_a_book_is_found_by_its_id_and_by_its_name(open_house: OpenHouse) -> None:
    house = open_house()
    home, other = home_in(house, "Casa da Praia"), home_in(house, "Casa")

    def find(text: str) -> BookId:
        return resolve_book(house.store, house.keys, text)

    assert find("Casa da Praia") == home.book
    assert find("Casa") == other.book
    assert find(home.book) == home.book
    for unknown in ("casa", "Casa ", IDS.new(), "", "x" * 5_000):
        with pytest.raises(Rejected, match="book_unknown"):
            find(unknown)


def test_a_name_is_one_book_s_until_it_is_given_up(open_house: OpenHouse) -> None:
    here, there = open_house(), open_house()
    home = home_in(here)
    keys_before = sorted(here.keys.books())
    for house in (here, there):
        taken = open_book(house.bus, IDS, asking(), "Home", "BRL", "America/Sao_Paulo")
        assert refusal(taken).code == "book_name_used"
    assert sorted(here.keys.books()) == keys_before, "no key stays for a book that was not opened"
    other = home_in(there, "Other")
    assert refusal(there.bus.submit(other.book, [RenameBook("Home")], asking())).code == "book_name_used"
    here.ask(home.book, RenameBook("House"))
    there.ask(other.book, RenameBook("Home"))
    assert resolve_book(there.store, there.keys, "Home") == other.book
    assert resolve_book(there.store, there.keys, "House") == home.book
    assert refusal(here.bus.submit(home.book, [RenameBook("Home")], asking())).code == "book_name_used"
    erase_book(there.bus, asking(), other.book).result(WAIT_S)
    assert here.ask(home.book, RenameBook("Home")).version == versions(here, home.book)
    assert resolve_book(here.store, here.keys, "Home") == home.book


def test_two_programs_cannot_give_one_name_to_two_books(open_house: OpenHouse) -> None:
    houses = [open_house(), open_house()]
    start = threading.Barrier(2)
    outcomes: list[str] = []

    def opening(house: House) -> None:
        start.wait(WAIT_S)
        for number in range(10):
            try:
                open_book(house.bus, IDS, asking(), f"Home {number}", "BRL", "UTC").result(WAIT_S)
            except Rejected as rejected:
                outcomes.append(rejected.code)
            else:
                outcomes.append("opened")

    side_by_side([lambda: opening(houses[0]), lambda: opening(houses[1])])
    assert sorted(outcomes) == ["book_name_used"] * 10 + ["opened"] * 10
    assert len(houses[0].store.heads()) == len(list(houses[0].keys.books())) == 10


def test_an_unknown_time_zone_opens_nothing(open_house: OpenHouse) -> None:
    house = open_house()
    with pytest.raises(Rejected, match="time_zone_unknown"):
        open_book(house.bus, IDS, asking(), "Home", "BRL", "America/Atlantis")
    refused = open_book(house.bus, IDS, asking(), "Home", "NOPE", "UTC")
    assert refusal(refused).code == "commodity_unknown"
    assert list(house.keys.books()) == []
    assert house.store.end() == 0


def test_an_erased_book_keeps_its_chain_and_sums_and_nothing_that_was_written(open_house: OpenHouse) -> None:
    house = open_house()
    home = home_in(house, "Casa secreta")
    house.ask(home.book, OpenAccount(AccountId(IDS.new()), "Assets:Hidden"))
    for number in range(1, 4):
        house.ask(home.book, home.bought(number, payee="Farmácia secreta"))
    house.runner.catch_up()
    erased = erase_book(house.bus, asking(), home.book, "we part").result(WAIT_S)
    with pytest.raises(KeyGone):
        house.keys.seal(home.book, "x", b"x")
    assert erased.version == versions(house, home.book)
    after = repr(house.store.read_book(home.book, 0, 100))
    held = repr(state_in_memory(house, home.book))
    for secret in ("secret", "Hidden", "Checking", "we part"):
        assert secret not in after
        assert secret not in held
    amounts = [
        posting.amount.minor
        for event in house.store.read_book(home.book, 0, 100)
        for posting in getattr(event.event, "postings", ())[:1]
    ]
    assert amounts == [100, 200, 300]
    assert house.store.verify_chain() is None
    house.runner.catch_up()
    with house.models.read() as connection:
        assert register.transactions(connection, home.book).items == []
    assert refusal(house.bus.submit(home.book, [home.bought(4)], asking())).code == "book_erased"
    assert resolve_book(house.store, house.keys, home.book) == home.book
    with pytest.raises(Rejected, match="book_unknown"):
        resolve_book(house.store, house.keys, "Casa secreta")
    house.close()
    again = open_house()
    assert refusal(again.bus.submit(home.book, [home.bought(5)], asking())).code == "book_erased"
    assert state_in_memory(again, home.book) == folded(again, home.book)


def test_what_another_program_erased_leaves_this_one_s_memory(open_house: OpenHouse) -> None:
    here, there = open_house(), open_house()
    home = home_in(here, "Casa secreta")
    there.ask(home.book, home.bought(1))
    erase_book(here.bus, asking(), home.book).result(WAIT_S)
    held = repr(state_in_memory(there, home.book))
    assert "secreta" not in held
    assert "Checking" not in held
    assert refusal(there.bus.submit(home.book, [home.bought(2)], asking())).code == "book_erased"


def test_an_erasure_cut_short_is_finished_at_the_next_start(open_house: OpenHouse) -> None:
    house = open_house()
    home, other = home_in(house), home_in(house, "Other")
    house.ask(home.book, EraseBook())
    house.kill()
    house = open_house()
    assert set(house.keys.books()) == {home.book, other.book}
    finish_erasures(house.store, house.keys)
    assert list(house.keys.books()) == [other.book]
    finish_erasures(house.store, house.keys)
    house.ask(other.book, other.bought(1))


def test_a_repeated_erasure_answers_the_same_again(open_house: OpenHouse) -> None:
    house = open_house()
    home = home_in(house)
    first = erase_book(house.bus, asking(key("k-1")), home.book).result(WAIT_S)
    assert same(first, erase_book(house.bus, asking(key("k-1")), home.book).result(WAIT_S))
    assert refusal(erase_book(house.bus, asking(key("k-2")), home.book)).code == "book_erased"


def test_who_asked_stands_in_every_event(open_house: OpenHouse) -> None:
    house = open_house()
    home = home_in(house)
    before = versions(house, home.book)
    asked = Asked("ana", "c-1", "request-7", "cause-3")
    house.bus.submit(home.book, [home.bought(1), home.bought(2)], asked).result(WAIT_S)
    one, two = house.store.read_book(home.book, before, 10)
    assert (one.command_id, two.command_id) == ("c-1/0", "c-1/1")
    for event in (one, two):
        assert (event.actor, event.correlation_id, event.causation_id) == ("ana", "request-7", "cause-3")


def side_by_side(works: list[Callable[[], None]]) -> None:
    """Run all at once, and raise what any of them raised."""
    failures: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
        assert not thread.is_alive()
    if failures:
        raise failures[0]
