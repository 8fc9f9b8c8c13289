"""Many rows in one go: `executemany` on SQLite, binary COPY on PostgreSQL.

Binary COPY lays a row out as its count of fields, then each field as its length in four bytes and its bytes: the very
form in which an envelope is hashed, so an event for PostgreSQL is laid out once and hashed and sent from that.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from sqlalchemy import Connection, Table

from infra.store.tables import events
from streams.contract import framed, framed_text

CHUNK_BYTES = 4 * 1024 * 1024
"""How much of the largest unit is laid out for PostgreSQL at a time."""

Row = tuple[object, ...] | bytes
"""An event without its position: on SQLite the values of `EVENT_COLUMNS` after the first, on PostgreSQL the same as
framed bytes."""

EVENT_COLUMNS = (
    "position",
    "id",
    "type",
    "stream",
    "version",
    "recorded_at",
    "actor",
    "command_id",
    "correlation_id",
    "causation_id",
    "prev_hash",
    "data",
    "hash",
)
"""In the order of the hash, which comes last."""

BIGINT = struct.Struct(">iq")
"""A whole number as a framed field of binary COPY: its length, 8, and 64 bits."""

_FIELDS = struct.Struct(">h")
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = _FIELDS.pack(-1)


def insert_events(connection: Connection, rows: Sequence[Row], first_position: int) -> None:
    """Add events at the positions from `first_position` on."""
    if connection.dialect.name == "sqlite":
        placed = [(position, *row) for position, row in enumerate(rows, first_position)]
        _executemany(connection, events, EVENT_COLUMNS, placed)
        return
    count, bigint = _FIELDS.pack(len(EVENT_COLUMNS)), BIGINT.pack
    framed_rows = enumerate(cast(Sequence[bytes], rows), first_position)
    _copy(connection, events, EVENT_COLUMNS, (b"".join((count, bigint(8, place), row)) for place, row in framed_rows))


def insert_rows(connection: Connection, table: Table, rows: Sequence[tuple[str | int | bytes, ...]]) -> None:
    """Add rows of texts, whole numbers and bytes, values in the order of the table's columns."""
    columns = [column.name for column in table.columns]
    if connection.dialect.name == "sqlite":
        _executemany(connection, table, columns, rows)
        return
    count = _FIELDS.pack(len(columns))
    _copy(connection, table, columns, (count + b"".join([_field(value) for value in row]) for row in rows))


def _field(value: str | int | bytes) -> bytes:
    if isinstance(value, str):
        return framed_text(value)
    return BIGINT.pack(8, value) if isinstance(value, int) else framed(value)


def _executemany(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[object, ...]]
) -> None:
    cursor = connection.connection.cursor()
    cursor.executemany(
        f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", rows
    )


def _copy(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[bytes]) -> None:
    cursor = connection.connection.cursor()
    statement = f"COPY {table.name} ({', '.join(columns)}) FROM STDIN (FORMAT binary)"
    for chunk in _chunks(rows):
        cursor.copy_expert(statement, io.BytesIO(chunk), len(chunk))


def _chunks(rows: Iterable[bytes]) -> Iterator[bytes]:
    parts, size = [_HEADER], 0
    for row in rows:
        parts.append(row)
        size += len(row)
        if size >= CHUNK_BYTES:
            yield b"".join((*parts, _END))
            parts, size = [_HEADER], 0
    if size:
        yield b"".join((*parts, _END))
