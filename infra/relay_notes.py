"""The relay's notes and its lease, beside the events.

They lie in the event store's own database, so that a store restored to an earlier day has the notes of that day. The
lease runs by the database's clock, the one clock that all relays share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Engine, delete, select, text

from infra.sql import answering
from infra.store.tables import leases, relay_notes
from streams.relay import Noted

LEASE = "relay"

LEASE_MS = 5_000
"""How long a relay may be silent before another one takes over: many times a batch, and as long as a reader would wait
for a relay that was killed."""

_CLOCK_MS = {
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)",
}


class SqlRelayNotes:
    """Notes and lease in SQLite or PostgreSQL. `holder` is a name that no other relay has."""

    def __init__(self, writing: Engine, reading: Engine, holder: str, lease_ms: int = LEASE_MS) -> None:
        self._writing = writing
        self._reading = reading
        clock = _CLOCK_MS[writing.dialect.name]
        mine = {"name": LEASE, "holder": holder, "lease_ms": lease_ms}
        self._kept = text(
            f"SELECT 1 FROM leases WHERE name = :name AND holder = :holder AND until_ms > {clock} + :lease_ms / 2"
        ).bindparams(**mine)
        self._take = text(
            f"INSERT INTO leases (name, holder, until_ms) VALUES (:name, :holder, {clock} + :lease_ms) "
            "ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms "
            f"WHERE leases.holder = excluded.holder OR leases.until_ms <= {clock}"
        ).bindparams(**mine)
        self._renew = text(
            f"UPDATE leases SET until_ms = {clock} + :lease_ms WHERE name = :name AND holder = :holder"
        ).bindparams(**mine)
        self._holder = holder

    def hold(self) -> bool:
        with answering():
            with self._reading.connect() as connection:
                if connection.execute(self._kept).first() is not None:
                    return True
            with self._writing.begin() as connection:
                return connection.execute(self._take).rowcount == 1

    def release(self) -> None:
        with answering(), self._writing.begin() as connection:
            connection.execute(delete(leases).where(leases.c.name == LEASE, leases.c.holder == self._holder))

    def noted(self, topic: str) -> Noted | None:
        row = relay_notes.c
        query = select(row.topic_id, row.partition, row.position).where(row.topic == topic)
        with answering(), self._reading.connect() as connection:
            rows = connection.execute(query).all()
        if not rows:
            return None
        return Noted(rows[0][0], {partition: position for _, partition, position in rows})

    def begin(self, topic: str, topic_id: str, position: int, partitions: int) -> bool:
        row = relay_notes.c
        with answering(), self._writing.begin() as connection:
            if not self._renewed(connection):
                return False
            others = delete(relay_notes).where(row.topic == topic, row.topic_id != topic_id)
            beyond = relay_notes.update().where(row.topic == topic, row.position > position)
            connection.execute(others)
            connection.execute(beyond.values(position=position))
            added = [_note(topic, topic_id, partition, 0) for partition in range(partitions)]
            connection.execute(_ADD, added)
        return True

    def write(self, topic: str, topic_id: str, positions: Mapping[int, int]) -> bool:
        with answering(), self._writing.begin() as connection:
            if not self._renewed(connection):
                return False
            noted = [_note(topic, topic_id, partition, position) for partition, position in positions.items()]
            connection.execute(_MOVE, noted)
        return True

    def _renewed(self, connection: Connection) -> bool:
        """The lease kept, and its row locked to the transaction's end: no other relay takes it in between."""
        return connection.execute(self._renew).rowcount == 1


def _note(topic: str, topic_id: str, partition: int, position: int) -> dict[str, Any]:
    return {"topic": topic, "topic_id": topic_id, "partition": partition, "position": position}


_ADD = text(
    "INSERT INTO relay_notes (topic, partition, topic_id, position) VALUES (:topic, :partition, :topic_id, :position) "
    "ON CONFLICT (topic, partition) DO NOTHING"
)
_MOVE = text(
    "UPDATE relay_notes SET position = :position "
    "WHERE topic = :topic AND partition = :partition AND topic_id = :topic_id"
)
