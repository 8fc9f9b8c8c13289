"""The relay: events a second from the store onto a real broker, acknowledged and noted."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from commands.ports import Committed, Head, Unit
from domain.book import BookId
from domain.ledger import TransactionRecorded
from infra.clock import SystemClock
from infra.kafka.topic import KafkaTopic
from infra.relay_notes import SqlRelayNotes
from infra.store import SqlEventStore
from streams.relay import Relay
from tests.bench.made import ids, small_chart, transactions
from tests.bench.places import Place, asked, rate
from tests.servers import own_kafka

BOOKS = 50
PARTITIONS = 12
BATCH = 1_000
LOOK_S = 0.1
"""Seldom: each look reads the store, beside the relay that is measured."""


def measure(place: Place, quick: bool) -> Iterator[tuple[str, str]]:
    count = 20_000 if quick else 200_000
    with (
        tempfile.TemporaryDirectory(prefix="finshift-bench-kafka-") as folder,
        own_kafka(Path(folder)) as broker,
        place.parts() as parts,
    ):
        assert isinstance(parts.store, SqlEventStore)
        store = parts.store
        books = [BookId(ids.new()) for _ in range(BOOKS)]
        for book in books:
            parts.keys.create(book)
        _fill(store, books, count)
        topic = KafkaTopic(broker.address, "bench.events", PARTITIONS)
        relay = Relay(store, topic, SqlRelayNotes(store.writing, store.reading, ids.new()), SystemClock().now)
        what = f"events relayed to Kafka, {BOOKS} books, {PARTITIONS} partitions, from opening to the last note"
        yield what, rate(count, _seconds_to_relay(relay))


def _seconds_to_relay(relay: Relay) -> float:
    stop = threading.Event()
    thread = threading.Thread(target=relay.run, args=(stop,))
    started = time.perf_counter()
    thread.start()
    while (lag := relay.lag()) is None or lag.events:
        time.sleep(LOOK_S)
    took_s = time.perf_counter() - started
    stop.set()
    thread.join()
    return took_s


def _fill(store: SqlEventStore, books: list[BookId], count: int) -> None:
    """Small transactions, those of a batch in one book, the books taking turns."""
    checking, categories, _ = small_chart()
    made = transactions(count, checking, categories)
    heads: dict[BookId, Head | None] = dict.fromkeys(books)
    for number in range(0, count, BATCH):
        book = books[number // BATCH % len(books)]
        head, why = heads[book], asked()
        events = [
            (
                why.command_id,
                TransactionRecorded(one.transaction, one.date, one.postings, payee=one.payee, memo=one.memo),
            )
            for one in islice(made, BATCH)
        ]
        unit = Unit(book, head.version if head is not None else 0, tuple(events), why)
        (outcome,) = store.commit([unit], {book: head}).outcomes
        assert isinstance(outcome, Committed)
        heads[book] = outcome.head
