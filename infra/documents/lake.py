"""The lake: every event as it was published, one document each, for analysts to ask by book, type and time.

A document's `_id` is the event's id, so a repeat is no news and no transaction is needed: what was read is written
first, and only then told to the consumer group. Private parts stay sealed, as they were published.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import orjson
from bson import Binary
from kafka import KafkaConsumer
from kafka.errors import KafkaError
from pymongo import ASCENDING, IndexModel, MongoClient
from pymongo.errors import BulkWriteError, PyMongoError

from streams.contract import Envelope, parse_instant
from streams.wire import NotAnEvent, from_record

COLLECTION = "lake"
DATABASE = "finshift"
"""The database, where the address names none."""

INDEXES = [
    IndexModel([("book", ASCENDING), ("version", ASCENDING)], name="by_book"),
    IndexModel([("type", ASCENDING), ("recorded_at", ASCENDING)], name="by_type_and_time"),
    IndexModel([("book", ASCENDING), ("type", ASCENDING), ("recorded_at", ASCENDING)], name="by_book_type_and_time"),
    IndexModel([("recorded_at", ASCENDING)], name="by_time"),
]

BATCH_RECORDS = 2_000
POLL_MS = 500
"""How long one look for new events lasts: the longest that a stop goes unnoticed."""

MAX_PARTITION_FETCH_BYTES = 4 * 1024 * 1024
METADATA_AGE_MS = 5_000
"""How soon a topic that was just made is noticed."""

SERVER_TIMEOUT_MS = 10_000
"""How long a primary is looked for: an election takes a few seconds."""

FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 15.0
"""After a fault that may pass the pause doubles from the one to the other."""

_DUPLICATE = 11_000
"""MongoDB's code for a key that is there already."""

_log = logging.getLogger(__name__)


class Lake:
    """Fills the lake from a topic. Any number may run: they share the partitions among them."""

    def __init__(self, servers: str, topic: str, documents_url: str) -> None:
        self._servers = servers.split(",")
        self._topic = topic
        self._url = documents_url

    def run(self, stop: threading.Event) -> None:
        """Follow the topic until told to stop; a broker or a database that is away is waited for."""
        pause_s = FIRST_RETRY_S
        while not stop.is_set():
            try:
                with self._collection() as collection, self._consumer() as consumer:
                    while not stop.is_set():
                        if self._fill(consumer, collection):
                            pause_s = FIRST_RETRY_S
            except (KafkaError, PyMongoError) as fault:
                # Its text may hold the database's address, and with it a password.
                where = "Kafka" if isinstance(fault, KafkaError) else "MongoDB"
                told = type(fault).__name__
                _log.warning("the lake waits for %s, again in %.1f s: %s; see that it is up", where, pause_s, told)
                stop.wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_RETRY_S)

    def _fill(self, consumer: Any, collection: Any) -> bool:
        """Write what is there now; whether there was anything."""
        fetched = consumer.poll(timeout_ms=POLL_MS, max_records=BATCH_RECORDS)
        records = [record for partition in fetched.values() for record in partition]
        if not records:
            return False
        put(collection, _events(records))
        consumer.commit()
        return True

    @contextmanager
    def _collection(self) -> Iterator[Any]:
        client: MongoClient[dict[str, Any]] = MongoClient(
            self._url, serverSelectionTimeoutMS=SERVER_TIMEOUT_MS, w="majority", tz_aware=True, appname="finshift"
        )
        with client:
            collection = client.get_default_database(DATABASE)[COLLECTION]
            collection.create_indexes(INDEXES)
            yield collection

    @contextmanager
    def _consumer(self) -> Iterator[Any]:
        consumer: Any = KafkaConsumer(
            bootstrap_servers=self._servers,
            client_id="finshift-lake",
            group_id=f"{self._topic}.lake",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=MAX_PARTITION_FETCH_BYTES,
            metadata_max_age_ms=METADATA_AGE_MS,
        )
        try:
            if not consumer.partitions_for_topic(self._topic):
                raise KafkaError(f"there is no topic {self._topic} yet")
            consumer.subscribe([self._topic])
            yield consumer
        finally:
            with suppress(KafkaError):
                consumer.close(autocommit=False)


def put(collection: Any, events: Iterable[Envelope]) -> None:
    """Write what is not there yet."""
    documents = [document(event) for event in events]
    if not documents:
        return
    try:
        collection.insert_many(documents, ordered=False)
    except BulkWriteError as told:
        errors = told.details["writeErrors"]
        if told.details.get("writeConcernErrors") or any(error["code"] != _DUPLICATE for error in errors):
            raise


def document(event: Envelope) -> dict[str, Any]:
    """An event's document. `data` is for questions; `bytes` is what was stored, published and hashed, unchanged.

    `recorded_at` is a date to the millisecond, as MongoDB has them; `recorded` the exact text.
    """
    return {
        "_id": event.id,
        "book": event.stream,
        "version": event.version,
        "position": event.position,
        "type": event.type,
        "recorded_at": parse_instant(event.recorded_at),
        "recorded": event.recorded_at,
        "actor": event.actor,
        "command_id": event.command_id,
        "correlation_id": event.correlation_id,
        "causation_id": event.causation_id,
        "prev_hash": event.prev_hash.hex(),
        "hash": event.hash.hex(),
        "data": orjson.loads(event.data),
        "bytes": Binary(event.data),
    }


def _events(records: Iterable[Any]) -> Iterator[Envelope]:
    for record in records:
        try:
            yield from_record(record.key, record.value, record.headers)
        except NotAnEvent as foreign:
            _log.warning("the lake passes over a message that is no event: %s", foreign.reason)
