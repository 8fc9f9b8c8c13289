"""Roles that are processes of their own, built from the settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from domain.errors import Rejected
from infra.clock import SystemClock, TimeOrderedIds
from infra.kafka.topic import KafkaTopic
from infra.relay_notes import SqlRelayNotes
from streams.relay import Relay

if TYPE_CHECKING:
    from infra.settings import Settings
    from infra.store import SqlEventStore


@contextmanager
def open_relay(settings: Settings, store: SqlEventStore) -> Iterator[Relay]:
    """The relay from the store to the brokers of the settings; `kafka_missing` where they name none. No broker has to
    be there yet.
    """
    if not settings.kafka_servers:
        raise Rejected("kafka_missing")
    topic = KafkaTopic(settings.kafka_servers, f"{settings.kafka_prefix}.events", settings.kafka_partitions)
    notes = SqlRelayNotes(store.writing, store.reading, TimeOrderedIds().new())
    # Lag is told by the wall, whatever moment the settings fix for commands.
    yield Relay(store, topic, notes, SystemClock().now)
