"""The few statements of a commit, and the only places where the two databases differ.

Parameter lists travel as one JSON text, so that a statement is the same text however long they are. What differs
between the databases: the lock, how such a list is unfolded, and the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, CursorResult, TextClause, text

from infra.store.tables import HELD, TOMBSTONE

WRITERS_LOCK = int.from_bytes(b"finshift")
"""PostgreSQL's advisory lock of a database's writers. It goes with its holder's session, however that ends."""


def take_lock(connection: Connection) -> None:
    """Be the only writer until the transaction ends. On SQLite BEGIN IMMEDIATE has done so.

    A statement of its own, so that what is read next sees all that the writer before has committed.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_LOCK)


_LOCK = f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})"


# Lists of parameters


def as_list(rows: Iterable[Sequence[object]]) -> str:
    """Rows of texts and numbers for a statement of `spelt`."""
    return orjson.dumps(list(rows)).decode()


def spelt(dialect: str, statement: str) -> TextClause:
    """A statement in a database's own words. `{keys}` stands for the rows of the JSON list in the parameter `keys`,
    `{keys[0]}` for the first text of each row, `{clock}` for the database's clock as an instant's text.
    """
    words = _Words(dialect)
    return text(statement.format_map(words))


class _Words(dict[str, Any]):
    def __init__(self, dialect: str) -> None:
        super().__init__()
        self.dialect = dialect

    def __missing__(self, name: str) -> _List | str:
        if name != "clock":
            return _List(name, self.dialect)
        if self.dialect == "sqlite":
            return "''"  # the same machine's as ours
        return "to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24\\:MI\\:SS.US\"Z\"')"


class _List:
    def __init__(self, name: str, dialect: str) -> None:
        self.name = name
        self.dialect = dialect

    def __str__(self) -> str:
        if self.dialect == "sqlite":
            return f"json_each(:{self.name}) AS {self.name}"
        return f"json_array_elements(CAST(:{self.name} AS json)) AS {self.name}(value)"

    def __format__(self, _spec: str) -> str:
        return str(self)

    def __getitem__(self, place: int) -> str:
        if self.dialect == "sqlite":
            return f"json_extract({self.name}.value, '$[{place}]')"
        return f"({self.name}.value ->> {place})"


END, HEAD, KEY, RESERVATION = 0, 1, 2, 3
"""What a row of `CONCERNED` is about."""

CONCERNED = f"""
SELECT {END} AS kind, '' AS a, '' AS b, NULL AS c, {{clock}} AS d,
       (SELECT coalesce(max(position), 0) FROM events) AS m, 0 AS n, 0 AS o
UNION ALL
SELECT {HEAD}, stream, '', hash, recorded_at, version, position, 0
FROM {{books}}
JOIN events ON stream = {{books[0]}} AND version = (SELECT max(e.version) FROM events e WHERE e.stream = {{books[0]}})
UNION ALL
SELECT {KEY}, i.scope, i.key, i.fingerprint, i.book, i.first, i.last, i.position
FROM {{keys}} JOIN idempotency i ON i.scope = {{keys[0]}} AND i.key = {{keys[1]}}
UNION ALL
SELECT {RESERVATION}, scope, fingerprint, NULL, holder, CASE state WHEN '{TOMBSTONE}' THEN 1 ELSE 0 END, 0, 0
FROM {{claims}} CROSS JOIN reservations WHERE scope = {{claims[0]}} AND fingerprint = {{claims[1]}}
UNION ALL
SELECT {RESERVATION}, scope, fingerprint, NULL, holder, CASE state WHEN '{TOMBSTONE}' THEN 1 ELSE 0 END, 0, 0
FROM {{holders}} CROSS JOIN reservations
WHERE scope = {{holders[0]}} AND holder = {{holders[1]}} AND state = '{HELD}'
"""
"""The one SELECT of a commit: the store's end and clock, the heads of books, the first uses of keys, reservations by
fingerprint and by holder.

Reservations are cross joined, for SQLite keeps that order: what is asked for is looked up one by one, instead of all of
a scope compared with all."""

CONCERNED_BY = ("books", "keys", "claims", "holders")
"""The parameters of `CONCERNED`, in order."""


class Concerned:
    """`CONCERNED`, asked in a database's own way.

    PostgreSQL plans it once a connection: planning its five parts takes several times as long as answering them.
    """

    def __init__(self, dialect: str) -> None:
        self._is_prepared_for = dialect == "postgresql"
        self._text = spelt(dialect, CONCERNED)
        numbered = str(self._text)
        for number, name in enumerate(CONCERNED_BY, 1):
            numbered = numbered.replace(f":{name}", f"${number}")
        self._prepare = f"PREPARE concerned (text, text, text, text) AS {numbered}".replace("\\:", ":")

    def ask(self, connection: Connection, parameters: Mapping[str, str]) -> CursorResult[Any]:
        if not self._is_prepared_for:
            return connection.execute(self._text, parameters)
        if "concerned" not in connection.info:
            connection.exec_driver_sql(self._prepare)
            connection.info["concerned"] = True
        values = tuple(parameters[name] for name in CONCERNED_BY)
        return connection.exec_driver_sql("EXECUTE concerned (%s, %s, %s, %s)", values)


DROP_RESERVATIONS = """
DELETE FROM reservations WHERE (scope, fingerprint) IN (SELECT {dropped[0]}, {dropped[1]} FROM {dropped})
"""

HEADS = """
WITH RECURSIVE books(stream) AS (
    SELECT min(stream) FROM events
    UNION ALL
    SELECT (SELECT min(e.stream) FROM events e WHERE e.stream > books.stream) FROM books WHERE books.stream IS NOT NULL
)
SELECT e.stream, e.version, e.hash, e.position, e.recorded_at
FROM books
JOIN events e ON e.stream = books.stream
             AND e.version = (SELECT max(l.version) FROM events l WHERE l.stream = books.stream)
"""
"""Every book's last event, hopping along the index from book to book instead of reading it whole."""

HELD_AMONG = f"""
SELECT fingerprint, CASE state WHEN '{TOMBSTONE}' THEN '' ELSE holder END
FROM {{fingerprints}} CROSS JOIN reservations WHERE scope = :scope AND fingerprint = {{fingerprints[0]}}
"""
"""Which reservations of a scope are taken, and by whom; a tombstone's holder is the empty text.

A cross join, for SQLite keeps its order: each fingerprint is looked up, instead of all of a scope compared with all."""
