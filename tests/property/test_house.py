"""The whole embedded house under random books, commands, batch splits, restarts and deaths: the invariants hold.

What it checks against shares no code with what it checks: the stored rows themselves, summed by hand in decimals, and
plain folds without overlay, batch or snapshot.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from sqlite3 import Row
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from commands import committer, states
from commands.answers import Answer
from commands.books import erase_book
from commands.bus import Busy
from commands.ports import StoreUnavailable
from domain.book import Book, BookCommand, BookEvent, BookId, EraseBook, OpenBook, RenameBook, decide, evolve
from domain.errors import Rejected
from domain.ledger import Ledger
from projections import READ_MODELS, balances, register, timeline
from projections.register import MAX_PAGE
from streams import runner as runner_module
from streams.runner import ProjectionRunner
from tests.chaos.checker import faults_of_chain, read_log, unbalanced
from tests.house import AFTER, BEFORE, WAIT_S, House, Killed, asking, key
from tests.strategies import FIRST_USUAL_DAY, USUAL_DAYS, Ids, opened, units

MAX_PROGRAMS = 2
MAX_BURST = 6
"""Units that are asked for before the first answer is waited for."""


@dataclass
class Unit:
    """What was asked for once, however often it was sent, and what came of it."""

    book: BookId
    wishes: Sequence[BookCommand]
    number: int
    expected: list[BookEvent] | str | None
    """The events, or the code of the refusal, that a plain fold foretells; None where a death made that uncertain."""
    command_ids: list[str] = field(default_factory=list)
    answer: Answer | None = None
    refused: str | None = None

    @property
    def has_outcome(self) -> bool:
        return self.answer is not None or self.refused is not None

    def send(self, house: House, payload: str = "") -> Future[Answer]:
        asked = asking(key(f"k-{self.number}", f"{self.number}{payload}", scope=f"owner {self.book}"))
        self.command_ids.append(asked.command_id)
        if isinstance(self.wishes[0], EraseBook):
            return erase_book(house.bus, asked, self.book)
        return house.bus.submit(self.book, self.wishes, asked)

    def hear(self, future: Future[Answer]) -> None:
        """Take an answer in; whoever was killed before it heard will ask again."""
        try:
            answer = future.result(WAIT_S)
        except Rejected as rejected:
            self.refused = rejected.code
        except (Killed, Busy, StoreUnavailable):
            pass
        else:
            if self.answer is not None:
                assert told(answer) == told(self.answer), "a repeat is answered as the first time"
            self.answer = answer


def told(answer: Answer) -> tuple[Any, ...]:
    return tuple(getattr(answer, part.name) for part in dataclasses.fields(answer) if part.name != "replayed")


class Life:
    """A household's programs on one folder, and all that was asked of them."""

    def __init__(self, folder: Path, data: st.DataObject) -> None:
        self.folder = folder
        self.data = data
        self.ids = Ids()
        self.asked: list[Unit] = []
        self.replayed: dict[BookId, Book] = {}
        """Each book as a plain fold of the log has it; erased ones are gone from here."""
        self.read_up_to: dict[BookId, int] = {}
        self.erased: list[BookId] = []
        self.log: list[tuple[Any, ...]] = []
        self.house = self.open()
        self.houses = [self.house]

    def draw(self, strategy: st.SearchStrategy[Any]) -> Any:
        return self.data.draw(strategy)

    def open(self) -> House:
        return House(
            self.folder,
            keep_snapshots=self.draw(st.booleans()),
            states_bytes=self.draw(st.sampled_from([1 << 30, 1 << 30, 1])),
        )

    def end(self) -> None:
        for house in self.houses:
            house.kill()

    # What may happen

    def begin_book(self) -> None:
        """A book of its own name, ready for use."""
        wishes = opened(self.ids, f"Home {len(self.replayed)}")
        assert isinstance(wishes[0], OpenBook)
        book = wishes[0].book
        self.houses[0].keys.create(book)
        self.replayed[book] = Book()
        unit = self.unit(book, wishes, Book())
        unit.hear(unit.send(self.houses[0]))
        self.settle([unit])

    def burst(self, house: House) -> None:
        """Several units, sent before the first is answered; some twice under one key."""
        gated = self.draw(st.booleans())
        planned = self.plan()
        sent: list[tuple[Unit, Future[Answer]]] = []
        with self.gate(house) if gated else at_once():
            for unit in planned:
                # A refusal uses no key up: its twin would be judged again, where the first of the two is not foretold.
                times = self.draw(st.sampled_from([1, 1, 1, 2])) if isinstance(unit.expected, list) else 1
                sent += [(unit, unit.send(house)) for _ in range(times)]
        for unit, future in sent:
            unit.hear(future)
        self.settle(planned)

    def death(self, place: int) -> None:
        """A program dies at one of its next commits; whoever waited asks again, of whichever program stands."""
        house = self.houses[place]
        planned = self.plan()
        for unit in planned:
            unit.expected = None
        for book in self.replayed:
            house.bus.inspect(book, lambda _: None).result(WAIT_S)
        with self.gate(house):
            house.store.dies = self.draw(st.sampled_from([BEFORE, AFTER]))
            house.store.dies_in = self.draw(st.integers(1, 3))
            sent = [(unit, unit.send(house)) for unit in planned]
        for unit, future in sent:
            unit.hear(future)
        house.kill()
        self.houses[place] = self.open()
        for unit in planned:
            if not unit.has_outcome:
                unit.hear(unit.send(self.some_house()))
                assert unit.has_outcome, "who asks again is answered"
        self.settle(planned)

    def restart(self, place: int) -> None:
        """A program ends as it should, and another takes its place."""
        self.houses[place].close()
        self.houses[place] = self.open()

    def beside(self) -> None:
        """Another program begins on the same files."""
        if len(self.houses) < MAX_PROGRAMS:
            self.houses.append(self.open())

    def ask_again(self, house: House) -> None:
        """An old key, once more and with another payload."""
        answered = [unit for unit in self.asked if unit.answer is not None]
        unit = self.draw(st.sampled_from(answered))
        again = unit.send(house).result(WAIT_S)
        assert again.replayed
        assert told(again) == told(unit.answer)
        with pytest.raises(Rejected, match="idempotency_key_reused"):
            unit.send(house, " something else").result(WAIT_S)

    def erase(self, house: House) -> None:
        """A book ends. One stays, as there is more to see."""
        if len(self.replayed) < 2:
            return
        book = self.draw(st.sampled_from(sorted(self.replayed)))
        unit = self.unit(book, [EraseBook("over")], self.replayed[book])
        unit.hear(unit.send(house))
        self.settle([unit])
        del self.replayed[book]
        self.erased.append(book)
        late = Unit(book, [RenameBook("late")], len(self.asked), "book_erased")
        self.asked.append(late)
        late.hear(late.send(self.some_house()))
        assert late.refused == "book_erased"

    def follow(self, house: House) -> None:
        """The read models catch up: by one runner or two at once, in batches of any size, or until one dies."""
        how = self.draw(st.sampled_from(["one", "two", "dies"]))
        size = self.draw(st.integers(1, 40))
        with patched((runner_module, "BATCH_EVENTS", size)):
            if how == "two":
                other = ProjectionRunner(house.store, house.models, READ_MODELS)
                side_by_side(house.runner.catch_up, other.catch_up)
                other.close()
            elif how == "dies":
                house.models.dies_in = self.draw(st.integers(1, 4))
                try:
                    house.runner.catch_up()
                except Killed:
                    note("a runner died")
                house.models.dies_in = None
            else:
                house.runner.catch_up()

    def rebuild(self, house: House) -> None:
        model = self.draw(st.sampled_from(READ_MODELS))
        house.runner.rebuild(model.NAME)

    # How it is told

    def some_house(self) -> House:
        found: House = self.draw(st.sampled_from(self.houses))
        return found

    def gate(self, house: House) -> Any:
        return house.busy(next(iter(self.replayed)))

    def plan(self) -> list[Unit]:
        """Units drawn for the books as they will be when those before them are done."""
        ahead = {book: copy.deepcopy(state) for book, state in self.replayed.items()}
        planned = []
        for _ in range(self.draw(st.integers(1, MAX_BURST))):
            book = self.draw(st.sampled_from(sorted(ahead)))
            wishes = [named_apart(wish, book) for wish in self.draw(units(ahead[book], self.ids))]
            unit = self.unit(book, wishes, ahead[book])
            if isinstance(unit.expected, list):
                for event in unit.expected:
                    evolve(ahead[book], event)
            planned.append(unit)
        return planned

    def unit(self, book: BookId, wishes: Sequence[BookCommand], state: Book) -> Unit:
        unit = Unit(book, wishes, len(self.asked), foretold(state, wishes))
        self.asked.append(unit)
        return unit

    def settle(self, sent: Sequence[Unit]) -> None:
        """All were answered, as foretold; the log has grown and nothing in it has changed."""
        for book, state in self.replayed.items():
            for recorded in self.houses[0].store.read_book(book, self.read_up_to.get(book, 0), 10_000):
                evolve(state, recorded.event)
                self.read_up_to[book] = recorded.version
        for unit in sent:
            assert unit.has_outcome, "every command is answered"
            if unit.expected is None:
                continue
            if isinstance(unit.expected, str):
                assert unit.refused == unit.expected
                continue
            assert unit.answer is not None, f"{unit.refused}: {unit.wishes}"
            first = unit.answer.version - len(unit.expected)
            made = self.houses[0].store.read_book(unit.book, first, len(unit.expected) or 1, unit.answer.version)
            if not isinstance(unit.wishes[0], EraseBook):
                assert [recorded.event for recorded in made] == unit.expected, "deciding again says the same"
        self.check_prefix()

    # What must be so

    def check_prefix(self) -> None:
        """Invariant 4: what was in the log is in it still, to the byte."""
        now = [tuple(row) for row in read_log(self.folder / "events.db")]
        assert now[: len(self.log)] == self.log, "an event was changed or removed"
        self.log = now

    def check(self) -> None:
        log = read_log(self.folder / "events.db")
        assert faults_of_chain(log) == []
        assert unbalanced(log) == []
        for row in log:
            assert_exact(row["data"])
        for book in self.read_up_to:
            assert_corrected_by_new_events([row for row in log if row["stream"] == book])
        for house in self.houses:
            assert set(house.keys.books()) == set(self.replayed), "an erased book's key is gone, and no other"
        self.check_acknowledged(log)
        self.check_states()
        self.check_limits()
        for house in self.houses:
            side_by_side(*[each.runner.catch_up for each in self.houses])
            for model in READ_MODELS:
                assert house.runner.verify(model.NAME) is None, model.NAME
            assert all(not status.parked and status.lag == 0 for status in house.runner.status())
        self.check_balances(log)

    def check_acknowledged(self, log: Sequence[Row]) -> None:
        """Invariant 3: what was acknowledged is there once, and nothing else is."""
        by_command: dict[str, list[Row]] = {}
        for row in log:
            by_command.setdefault(row["command_id"].partition("/")[0], []).append(row)
        for unit in self.asked:
            applied = [by_command.pop(command_id) for command_id in unit.command_ids if command_id in by_command]
            if unit.answer is None:
                assert applied == [], "what was refused left something"
                continue
            assert len(applied) <= 1, "a command sent again was applied twice"
            rows = applied[0] if applied else []
            versions = [row["version"] for row in rows]
            assert versions == list(range(unit.answer.version - len(rows) + 1, unit.answer.version + 1))
            assert {row["stream"] for row in rows} <= {unit.book}
            last = next(r for r in log if (r["stream"], r["version"]) == (unit.book, unit.answer.version))
            assert (last["hash"].hex(), last["position"]) == (unit.answer.hash, unit.answer.position)
            assert unit.answer.results[-1].version == unit.answer.version
            if isinstance(unit.expected, list):
                assert len(rows) == len(unit.expected), "an acknowledged command is not there"
        assert by_command == {}, "somebody wrote what nobody asked for"

    def check_states(self) -> None:
        """Invariant 7: the state in memory, whatever it has been through, is the state by replay."""
        for house in self.houses:
            for book, state in self.replayed.items():
                kept = house.bus.inspect(book, copy.deepcopy).result(WAIT_S)
                assert kept == state
                assert orders(kept.ledger) == orders(state.ledger)
            for book in self.erased:
                kept = house.bus.inspect(book, copy.deepcopy).result(WAIT_S)
                replayed = Book()
                for recorded in house.store.read_book(book, 0, 10_000):
                    evolve(replayed, recorded.event)
                assert kept == replayed

    def check_limits(self) -> None:
        """Invariant 9: no batch and no page is beyond its limit."""
        for house in self.houses:
            for batch in house.store.batches:
                assert sum(batch[:-1]) < committer.MAX_BATCH_EVENTS or not batch
            with house.models.read() as connection:
                for limit in (0, MAX_PAGE + 1):
                    with pytest.raises(Rejected, match="page_limit_out_of_range"):
                        register.transactions(connection, next(iter(self.replayed)), limit=limit)
            for limit in (0, 10**9):
                with pytest.raises(ValueError, match="a read gives"):
                    house.store.read(0, limit)

    def check_balances(self, log: Sequence[Row]) -> None:
        """Invariant 5, by hand: balances on any day, as known at any version or moment."""
        with self.houses[0].models.read() as connection:
            for book in self.replayed:
                rows = [row for row in log if row["stream"] == book]
                for _ in range(4):
                    as_of = FIRST_USUAL_DAY + timedelta(days=self.draw(st.integers(-1, USUAL_DAYS + 1)))
                    moment = self.draw(st.sampled_from(rows))["recorded_at"]
                    known = max(row["version"] for row in rows if row["recorded_at"] <= moment)
                    assert timeline.version_known_on(connection, book, datetime.fromisoformat(moment)) == known
                    known = self.draw(st.sampled_from([known, len(rows), None, self.draw(st.integers(0, len(rows)))]))
                    shown = {
                        (row.account, row.amount.commodity.code): Decimal(row.amount.minor).scaleb(
                            -row.amount.commodity.scale
                        )
                        for row in balances.balances(connection, book, as_of, known)
                    }
                    assert shown == by_hand(rows, as_of, len(rows) if known is None else known)
            for book in self.erased:
                assert balances.balances(connection, book, date(2200, 12, 31)) == []


# Reckoning by hand


STANDS = {f"transaction-{what}" for what in ("recorded", "amended", "joined", "parted", "categorized")}
TAKEN_BACK = {f"transaction-{what}" for what in ("amended", "voided", "joined", "parted", "categorized")}
"""What puts a transaction's postings, and what takes back those that stood; a categorizing stays on its day."""


def by_hand(rows: Sequence[Row], as_of: date, known: int) -> dict[tuple[str, str], Decimal]:
    """What each account holds, from the stored rows of a book up to a version; zero left out."""
    held: dict[tuple[str, str], Decimal] = {}
    merged: dict[str, str] = {}
    for row in rows[:known]:
        data = json.loads(row["data"])
        kind = row["type"].split(".")[1]
        if kind == "account-merged":
            merged[data["account"]] = data["into"]
        sides = []
        if kind in STANDS:
            sides.append((1, data["date"], data["postings"]))
        if kind in TAKEN_BACK:
            sides.append((-1, data.get("was_date") or data["date"], data["was_postings"]))
        for sign, day, postings in sides:
            if date.fromisoformat(day) > as_of:
                continue
            for posting in postings:
                place = (posting["account"], posting["commodity"])
                held[place] = held.get(place, Decimal(0)) + sign * Decimal(posting["amount"])
    at_last: dict[tuple[str, str], Decimal] = {}
    for (account, code), amount in held.items():
        while account in merged:
            account = merged[account]
        at_last[account, code] = at_last.get((account, code), Decimal(0)) + amount
    return {place: amount for place, amount in at_last.items() if amount}


def assert_exact(data: str | bytes) -> None:
    """Invariant 1: amounts are texts of exact decimals, a posting's within the limit; there is no float anywhere."""
    event = json.loads(data, parse_float=lambda text: pytest.fail(f"a float in an event: {text}"))
    for posting in [*event.get("postings", ()), *event.get("was_postings", ()), *event.get("own_postings", ())]:
        weights = [posting[name] for name in ("cost", "price") if posting.get(name)]
        for text in [posting["amount"], *[weight["total"] for weight in weights]]:
            assert isinstance(text, str)
            assert abs(int(text.replace(".", ""))) <= 10**15


def assert_corrected_by_new_events(rows: Sequence[Row]) -> None:
    """Invariant 4: a correction carries what it takes back in full, and a closed period stays as it was."""
    standing: dict[str, tuple[str, list[Any]]] = {}
    closed = ""
    for row in rows:
        event, kind = json.loads(row["data"]), row["type"].split(".")[1]
        if kind == "period-closed":
            closed = event["through"]
        if kind in TAKEN_BACK:
            was_date = event.get("was_date") or event["date"]
            assert standing.pop(event["transaction"]) == (was_date, event["was_postings"])
            assert was_date > closed, "a closed period was changed"
        if kind in STANDS:
            assert event["transaction"] not in standing
            assert event["date"] > closed, "a closed period was changed"
            standing[event["transaction"]] = (event["date"], event["postings"])


def foretold(state: Book, wishes: Sequence[BookCommand]) -> list[BookEvent] | str:
    """The events of a unit, or its refusal's code, by deciding and evolving a plain copy."""
    trial = copy.deepcopy(state)
    events: list[BookEvent] = []
    for wish in wishes:
        try:
            made = decide(trial, wish)
        except Rejected as rejected:
            return rejected.code
        for event in made:
            evolve(trial, event)
        events += made
    return events


def named_apart(wish: BookCommand, book: BookId) -> BookCommand:
    """Names of books are one's own: two random books shall not stand in each other's way."""
    if isinstance(wish, RenameBook) and wish.name.strip() and len(wish.name) < 50:
        return RenameBook(f"{wish.name} {book[-4:]}")
    return wish


def orders(ledger: Ledger) -> list[list[Any]]:
    """The order of every map: what is decided by walking one must not depend on how the state came about."""
    return [list(getattr(ledger, part.name)) for part in dataclasses.fields(ledger)]


# Around a life


@contextmanager
def at_once() -> Iterator[None]:
    yield


@contextmanager
def patched(*limits: tuple[Any, str, Any]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in limits:
            patch.setattr(module, name, value)
        yield


def side_by_side(*works: Callable[[], None]) -> None:
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
    if failures:
        raise failures[0]


def step(life: Life) -> None:
    what = life.draw(
        st.sampled_from(
            ["burst"] * 5 + ["death"] * 2 + ["follow"] * 2 + ["restart", "beside", "again", "erase", "more"]
        )
    )
    place = life.draw(st.integers(0, len(life.houses) - 1))
    note(f"{what} at {place}")
    house = life.houses[place]
    match what:
        case "burst":
            life.burst(house)
        case "death":
            life.death(place)
        case "follow":
            life.follow(house)
        case "restart":
            life.restart(place)
        case "beside":
            life.beside()
        case "again":
            life.ask_again(house)
        case "erase":
            life.erase(house)
        case "more":
            if len(life.replayed) + len(life.erased) < 3:
                life.begin_book()
            else:
                life.rebuild(house)


@settings(
    max_examples=settings().max_examples // 2,
    # A life takes a second: shrinking one would take longer than reading its notes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
@given(st.data())
def test_a_house_keeps_its_word_whatever_is_asked_and_whoever_dies(data: st.DataObject) -> None:
    batch_events = data.draw(st.sampled_from([1, 2, 3, 5, 8, 4_096]))
    snapshot_after = data.draw(st.sampled_from([1, 5, 20]))
    with (
        tempfile.TemporaryDirectory(prefix="finshift-house-") as folder,
        patched(
            # A batch ends by what is in it, never by the clock, so that a failure comes again.
            (committer, "MAX_DECIDING_S", WAIT_S),
            (committer, "MAX_BATCH_EVENTS", batch_events),
            (states, "SNAPSHOT_AFTER_EVENTS", snapshot_after),
        ),
    ):
        life = Life(Path(folder), data)
        try:
            life.begin_book()
            for _ in range(data.draw(st.integers(3, 10))):
                step(life)
            life.check()
        finally:
            life.end()
