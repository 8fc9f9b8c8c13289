"""A topic of events for tests: made, filled with a store's events or with what strangers write, and removed.

It publishes whatever a test wants on the topic, also what the relay never would: repeats, holes, foreign messages.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer

from infra.store import MAX_READ_EVENTS, SqlEventStore
from streams.contract import Envelope
from streams.wire import Record, to_record

ANSWER_TIMEOUT_S = 30.0


def make_topic(servers: str, name: str, partitions: int = 3) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=servers)) as admin:
        admin.create_topics({name: {"num_partitions": partitions}}, wait_for_metadata=True)


def remove_topic(servers: str, name: str) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=servers)) as admin:
        admin.delete_topics([name])


def publish(servers: str, name: str, told: Iterable[Envelope | Record]) -> None:
    """Put events, or records as they are, on the topic in this order; all are there when it returns."""
    producer: Any = KafkaProducer(bootstrap_servers=servers, acks="all", max_in_flight_requests_per_connection=1)
    with closing(producer):
        sent = []
        for one in told:
            record = to_record(one) if isinstance(one, Envelope) else one
            sent.append(producer.send(name, key=record.key, value=record.value, headers=record.headers))
        producer.flush(ANSWER_TIMEOUT_S)
        for future in sent:
            future.get(ANSWER_TIMEOUT_S)


def log_of(store: SqlEventStore) -> list[Envelope]:
    """All that a store holds, in its order."""
    return store.envelopes_all(0, MAX_READ_EVENTS)
