"""A consumer that has nothing of ours reads the topic and reckons every balance as the API answers it."""

from __future__ import annotations

import ast
import dataclasses
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from commands.books import erase_book, open_book
from commands.sample import LIVES, make_samples
from domain.book import BookCommand, BookId
from domain.ledger import (
    AccountId,
    AmendTransaction,
    CategorizeTransaction,
    ConcludeImport,
    How,
    ImportId,
    JoinTransaction,
    MergeAccount,
    OpenAccount,
    Posting,
    Price,
    RecordTransaction,
    TransactionId,
    UndoImport,
    VoidTransaction,
)
from infra.roles import open_relay
from infra.settings import Settings
from infra.store import SqlEventStore
from streams.contract import Envelope, envelope_hash
from streams.wire import to_record
from tests.e2e.http.conftest import TODAY, Doors, house
from tests.given import brl, moved, on, usd
from tests.house import asking
from tests.outside import consumer
from tests.topics import publish, remove_topic

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "docs" / "events" / "schemas"
WAIT_S = 60.0
LATER = "2026-12-31"

CHECKING, CARD, FOOD, MEALS, BREAD, SALARY, STOCKS = (
    AccountId(name) for name in ("a-checking", "a-card", "a-food", "a-meals", "a-bread", "a-salary", "a-stocks")
)
BANK, BANK_CARD, GONE = ImportId("i-bank"), ImportId("i-card"), ImportId("i-gone")


def t(number: int) -> TransactionId:
    return TransactionId(f"t-{number}")


def row(own: TransactionId, day: str, account: AccountId, amount: str, told_by: ImportId) -> RecordTransaction:
    """A file's row, against a category."""
    postings = (Posting(account, brl(amount)), Posting(FOOD, -brl(amount)))
    return RecordTransaction(own, on(day), postings, "words", import_id=told_by, fingerprint=own)


def everything_that_moves_money() -> list[list[BookCommand]]:
    """Commands by unit: each event type that changes a balance is made by one of them."""
    return [
        [
            OpenAccount(CHECKING, "Assets:Checking"),
            OpenAccount(CARD, "Liabilities:Card"),
            OpenAccount(FOOD, "Expenses:Food"),
            OpenAccount(MEALS, "Expenses:Meals"),
            OpenAccount(BREAD, "Expenses:Bread"),
            OpenAccount(SALARY, "Income:Salary"),
            OpenAccount(STOCKS, "Assets:Stocks"),
        ],
        [RecordTransaction(t(n), on(f"2026-0{n}-11"), moved(brl(f"{n}.35"), CHECKING, FOOD)) for n in range(1, 9)],
        [RecordTransaction(t(20), on("2026-01-05"), moved(brl("9000.00"), SALARY, CHECKING))],
        [RecordTransaction(t(21), on("2026-12-24"), moved(brl("77.00"), CHECKING, BREAD))],
        [
            RecordTransaction(
                t(22),
                on("2026-02-02"),
                (Posting(STOCKS, usd("100.00"), price=Price(brl("543.21"))), Posting(CHECKING, brl("-543.21"))),
            )
        ],
        [AmendTransaction(t(1), on("2026-01-12"), moved(brl("100.00"), CHECKING, MEALS))],
        [VoidTransaction(t(2), "twice")],
        [CategorizeTransaction(t(3), BREAD)],
        # A transfer that two files tell, and one that is undone again; a row that tells what stands, and a replacement.
        [row(t(30), "2026-03-08", CHECKING, "-1322.41", BANK), ConcludeImport(BANK, "ofx", None, 1, 0)],
        [
            JoinTransaction(t(30), row(t(31), "2026-03-09", CARD, "1322.41", BANK_CARD), How.TRANSFER),
            ConcludeImport(BANK_CARD, "ofx", None, 0, 0, joined=1),
        ],
        [row(t(40), "2026-04-08", CHECKING, "-50.00", GONE), ConcludeImport(GONE, "csv", None, 1, 0)],
        [
            JoinTransaction(t(40), row(t(41), "2026-04-09", CARD, "50.00", ImportId("i-more")), How.TRANSFER),
            ConcludeImport(ImportId("i-more"), "csv", None, 0, 0, joined=1),
        ],
        [UndoImport(ImportId("i-more"))],
        [UndoImport(GONE)],
        # Merged twice, with more to come for the first of them.
        [MergeAccount(BREAD, MEALS)],
        [MergeAccount(MEALS, FOOD)],
        [AmendTransaction(t(4), on("2026-04-01"), moved(brl("0.01"), CHECKING, FOOD))],
        [VoidTransaction(t(3))],
    ]


def lived(doors: Doors) -> dict[str, BookId]:
    """The sample household, a book in which everything happens, and one that was erased; by name."""
    parts = doors.parts
    made = make_samples(parts.bus, parts.store, parts.keys, parts.ids, parts.clock, asking, LIVES)
    books = {sample.name: sample.book for sample in made}
    for name in ("Everything", "Erased"):
        books[name] = open_book(parts.bus, parts.ids, asking(), name, "BRL", "America/Sao_Paulo").result(WAIT_S).book
        for unit in everything_that_moves_money():
            parts.bus.submit(books[name], unit, asking()).result(WAIT_S)
    erase_book(parts.bus, asking(), books["Erased"]).result(WAIT_S)
    return books


@contextmanager
def relaying(settings: Settings, store: SqlEventStore) -> Iterator[None]:
    """The relay at work, and all that stands published by the end of the wait."""
    stop = threading.Event()
    with open_relay(settings, store) as relay:
        working = threading.Thread(target=relay.run, args=(stop,))
        working.start()
        try:
            until = time.monotonic() + WAIT_S
            while (lag := relay.lag()) is None or lag.events:
                assert time.monotonic() < until, "the relay did not publish in time"
                time.sleep(0.02)
            yield
        finally:
            stop.set()
            working.join(WAIT_S)


def consumed(servers: str, topic: str, as_of: str) -> dict[str, Any]:
    """What the outsider's program prints, run as a program of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.outside.consumer", servers, topic, str(SCHEMAS), as_of],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def answered(doors: Doors, book: BookId, as_of: str) -> list[dict[str, str]]:
    """What the API says, by account id."""
    told = doors.get(f"/v1/books/{book}/balances", as_of=as_of, limit=500)
    assert told.status_code == 200, told.text
    assert told.json()["next"] is None
    items = [{name: item[name] for name in ("account_id", "commodity", "amount")} for item in told.json()["items"]]
    return sorted(items, key=lambda item: (item["account_id"], item["commodity"]))


def test_the_outsiders_program_imports_nothing_of_ours() -> None:
    ours = {"domain", "commands", "projections", "streams", "api", "infra", "tests"}
    imported: set[str] = set()
    for node in ast.walk(ast.parse(Path(consumer.__file__).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert imported & ours == set()


def test_an_outsider_reckons_every_balance_from_the_topic_alone(
    tmp_path: Path, kafka_servers: str, kafka_prefix: str
) -> None:
    topic = f"{kafka_prefix}.events"
    settings = Settings(data_dir=tmp_path, kafka_servers=kafka_servers, kafka_prefix=kafka_prefix, kafka_partitions=3)
    with house(tmp_path) as doors:
        books = lived(doors)
        doors.follow()
        store = doors.parts.store
        assert isinstance(store, SqlEventStore)
        with relaying(settings, store):
            pass
        # Everything once more, as after a relay that noted nothing: each record is a repeat by now.
        publish(kafka_servers, topic, store.envelopes_all(0, 1_000))
        try:
            for as_of in (TODAY, LATER, "2026-03-31"):
                told = consumed(kafka_servers, topic, as_of)
                assert told["unknown"] == []
                assert told["books"].keys() == set(books.values())
                assert sum(book["repeats"] for book in told["books"].values()) == min(1_000, store.end())
                for name, book in books.items():
                    head, seen = store.head(book), told["books"][book]
                    assert head is not None
                    assert (seen["version"], seen["hash"]) == (head.version, head.hash.hex())
                    assert seen["unbalanced"] == {}
                    if name == "Erased":
                        assert seen["balances"] == []
                    else:
                        assert seen["balances"] == answered(doors, book, as_of), name
                        assert seen["balances"]
        finally:
            remove_topic(kafka_servers, topic)
        kinds = {event.type for event in store.envelopes_all(0, store.end())}
    assert kinds >= set(consumer.WAS_AND_IS) | {"ledger.account-merged.v1", "book.erased.v1"}


# What an outsider is promised to notice


@pytest.fixture
def log(tmp_path: Path) -> list[Envelope]:
    """A book's whole history."""
    with house(tmp_path) as doors:
        book = lived_alone(doors)
        return doors.parts.store.envelopes(book, 0, 500)


def lived_alone(doors: Doors) -> BookId:
    parts = doors.parts
    book = open_book(parts.bus, parts.ids, asking(), "Alone", "BRL", "America/Sao_Paulo").result(WAIT_S).book
    for unit in everything_that_moves_money():
        parts.bus.submit(book, unit, asking()).result(WAIT_S)
    return book


def taken(log: list[Envelope]) -> consumer.Reader:
    reader = consumer.Reader(SCHEMAS)
    for event in log:
        record = to_record(event)
        reader.take(record.key, record.value, record.headers)
    return reader


def with_another_amount(log: list[Envelope]) -> list[Envelope]:
    return [dataclasses.replace(event, data=event.data.replace(b'"100.00"', b'"900.00"')) for event in log]


def with_another_history(log: list[Envelope]) -> list[Envelope]:
    """The last event is another one, with a hash that fits it."""
    last = dataclasses.replace(log[-1], actor="somebody else")
    fields = {name: getattr(last, name) for name in Envelope.__slots__ if name not in ("hash", "position")}
    return [*log, dataclasses.replace(last, hash=envelope_hash(**fields))]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (with_another_amount, "is not what was hashed"),
        (with_another_history, "came again as another event"),
        (lambda log: [*log[:5], *log[6:]], "is missing"),
        (lambda log: [*log[:5], log[6], log[5], *log[7:]], "is missing"),
        (lambda log: [dataclasses.replace(log[0], prev_hash=bytes([1] * 32))], "is not what was hashed"),
    ],
    ids=["an amount edited", "another last event", "an event missing", "two swapped", "another beginning"],
)
def test_an_outsider_notices_what_is_not_the_log(
    log: list[Envelope], change: Callable[[list[Envelope]], list[Envelope]], told: str
) -> None:
    with pytest.raises(consumer.Broken, match=told):
        taken(change(log))


def test_repeats_change_nothing_for_an_outsider(log: list[Envelope]) -> None:
    once, again = taken(log), taken([event for event in log for _ in range(2)])
    with_stretch = taken([*log[:9], *log[3:9], *log[9:], *log])
    (book,) = once.books
    assert once.books[book].balances(LATER) == again.books[book].balances(LATER)
    assert once.books[book].balances(LATER) == with_stretch.books[book].balances(LATER)
    assert with_stretch.books[book].repeats == 6 + len(log)


def test_an_event_of_a_type_to_come_is_passed_over_and_the_chain_goes_on(log: list[Envelope]) -> None:
    last = log[-1]
    new = dataclasses.replace(last, type="goals.goal-set.v1", version=last.version + 1, prev_hash=last.hash, data=b"{}")
    fields = {name: getattr(new, name) for name in Envelope.__slots__ if name not in ("hash", "position")}
    reader = taken([*log, dataclasses.replace(new, hash=envelope_hash(**fields))])
    assert reader.unknown == {"goals.goal-set.v1"}
    assert reader.books[last.stream].version == last.version + 1
