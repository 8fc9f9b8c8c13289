"""The event store, in SQLite or PostgreSQL. What others may use is named here."""

from infra.store.auditing import ChainBreak
from infra.store.event_store import SqlEventStore
from infra.store.reading import MAX_READ_EVENTS
from infra.store.tables import RESTORING

__all__ = ["MAX_READ_EVENTS", "RESTORING", "ChainBreak", "SqlEventStore"]
