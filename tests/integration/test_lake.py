"""The lake in MongoDB: every event as it was published, once, whatever is repeated, lost or restarted."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from infra.documents.lake import COLLECTION, Lake
from infra.store import SqlEventStore
from streams.wire import Record
from tests.given import household
from tests.stores import HOME, OFFICE, bought, opened, opening, recorded
from tests.topics import log_of, make_topic, publish, remove_topic

WAIT_S = 60.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlEventStore]:
    with opened(f"sqlite+pysqlite:///{tmp_path / 'events.db'}", tmp_path / "keys") as store:
        for book in (HOME, OFFICE):
            recorded(store, book, opening(book), *household()[1:])
        for number in range(30):
            recorded(store, (HOME, OFFICE)[number % 2], bought(number))
        yield store


@pytest.fixture
def topic(kafka_servers: str, kafka_prefix: str) -> Iterator[str]:
    name = f"{kafka_prefix}.events"
    make_topic(kafka_servers, name)
    yield name
    remove_topic(kafka_servers, name)


@pytest.fixture
def documents(mongo_url: Callable[[], str]) -> str:
    return mongo_url()


@contextmanager
def filling(servers: str, topic: str, documents: str) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=Lake(servers, topic, documents).run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(WAIT_S)
    assert not thread.is_alive()


@contextmanager
def lake_at(documents: str) -> Iterator[Any]:
    client: MongoClient[dict[str, Any]] = MongoClient(documents, tz_aware=True)
    with client:
        yield client.get_default_database()[COLLECTION]


def await_count(lake: Any, count: int) -> None:
    done = threading.Event()
    for _ in range(int(WAIT_S / 0.05)):
        if lake.count_documents({}) >= count:
            break
        done.wait(0.05)
    assert lake.count_documents({}) == count


def test_the_lake_holds_every_event_once_as_it_was_published(
    store: SqlEventStore, kafka_servers: str, topic: str, documents: str
) -> None:
    log = log_of(store)
    stranger = Record(b"nobody", b"{}", [("ce_id", b"x")])
    publish(kafka_servers, topic, [*log[:20], stranger, *log[:20], *log])
    with filling(kafka_servers, topic, documents), lake_at(documents) as lake:
        await_count(lake, len(log))
        kept = {found["_id"]: found for found in lake.find()}
    for event in log:
        found = kept[event.id]
        assert (found["book"], found["version"], found["position"]) == (event.stream, event.version, event.position)
        assert (found["type"], found["recorded"], found["hash"]) == (event.type, event.recorded_at, event.hash.hex())
        assert found["bytes"] == event.data
    assert hashlib.sha256(b"".join(kept[event.id]["bytes"] for event in log)).digest() == (
        hashlib.sha256(b"".join(event.data for event in log)).digest()
    )
    text = " ".join(str(found["data"]) for found in kept.values())
    assert "bread" not in text  # private parts stay sealed
    assert "postings" in text


def test_a_lake_that_was_ended_goes_on_where_it_was(
    store: SqlEventStore, kafka_servers: str, topic: str, documents: str
) -> None:
    log = log_of(store)
    publish(kafka_servers, topic, log[:25])
    with filling(kafka_servers, topic, documents), lake_at(documents) as lake:
        await_count(lake, 25)
    publish(kafka_servers, topic, log[25:])
    with filling(kafka_servers, topic, documents), lake_at(documents) as lake:
        await_count(lake, len(log))


def test_questions_by_book_type_and_time_use_an_index(
    store: SqlEventStore, kafka_servers: str, topic: str, documents: str
) -> None:
    log = log_of(store)
    publish(kafka_servers, topic, log)
    with filling(kafka_servers, topic, documents), lake_at(documents) as lake:
        await_count(lake, len(log))
        since = lake.find_one()["recorded_at"]
        kind = "ledger.transaction-recorded.v1"
        for question in (
            {"book": HOME, "version": {"$gt": 3}},
            {"type": kind, "recorded_at": {"$gte": since}},
            {"book": HOME, "type": kind, "recorded_at": {"$gte": since}},
            {"recorded_at": {"$gte": since}},
        ):
            plan = str(lake.find(question).explain()["queryPlanner"]["winningPlan"])
            assert "IXSCAN" in plan
            assert "COLLSCAN" not in plan
        assert lake.count_documents({"book": HOME, "type": kind}) == 15
