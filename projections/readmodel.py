"""What a read model is to the runner, and the few ways in which all of them write.

A read model is a module: its tables, its reducer `apply`, its queries. The runner alone commits, together with the
heads and the checkpoint; the same events in any split leave the same rows, on SQLite and on PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import islice
from typing import Any, Protocol, TypeVar

from sqlalchemy import BigInteger, Column, Connection, Date, Integer, MetaData, SmallInteger, Table, Text

from domain.book import BookId
from domain.recorded import Recorded

CText = Text().with_variant(Text(collation="C"), "postgresql")
"""Text compared and sorted by code point on both databases, so that no answer depends on the store."""

NEVER = 2**31 - 1
"""The version until which a row stands that nothing took back; no book gets so far."""

MAX_BOUND_VALUES = 1_000
"""Values bound in one IN list, far below the 32,766 that SQLite takes in a statement."""

Value = int | str
"""What a row is written with: dates as ISO 8601, nothing is null."""

Item = TypeVar("Item")


class ReadModel(Protocol):
    """A named, versioned read model. `NAME` and `VERSION` name its tables (`balances_v1_...`), all in `metadata`.

    A table has a column `book`, or where rows are many `book_number` (see `projections.chart`): then the read model
    has a table `{NAME}_v{VERSION}_books` that says which book has which number.
    """

    @property
    def NAME(self) -> str: ...

    @property
    def VERSION(self) -> int: ...

    @property
    def metadata(self) -> MetaData: ...

    def apply(self, connection: Connection, batch: Sequence[Recorded]) -> None:
        """Fold events, in position order and each seen for the first time, into the tables.

        The batch may hold several books and never holds `BookErased`: then the runner calls `purge`.
        """
        ...

    def purge(self, connection: Connection, book: BookId) -> None:
        """Remove everything kept of a book."""
        ...


def insert_in_bulk(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        connection.execute(table.insert(), rows)


def copy_in_bulk(connection: Connection, table: Table, rows: Sequence[tuple[Value, ...]]) -> None:
    """Insert many new rows, each with every column in the table's order: the way for what every event writes.

    PostgreSQL takes them by COPY, three times as fast as INSERT; SQLite by the driver's own loop.
    """
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        if not connection.in_transaction():
            connection.begin()  # as the first statement of any connection does: COPY goes past SQLAlchemy
        cursor: Any = connection.connection.cursor()
        try:
            cursor.copy_expert(f"COPY {table.name} FROM STDIN", StringIO(_copy_text(rows)))
        finally:
            cursor.close()
        return
    marks = ",".join("?" * len(table.columns))
    connection.exec_driver_sql(f"INSERT INTO {table.name} VALUES ({marks})", list(rows))


def _copy_text(rows: Sequence[tuple[Value, ...]]) -> str:
    """Rows in PostgreSQL's COPY text format. What needs no escaping, the usual case, is seen by counting."""
    width = len(rows[0])
    line = "\t".join(["%s"] * width) + "\n"
    text = "".join([line % row for row in rows])
    plain = text.count("\t") == len(rows) * (width - 1) and text.count("\n") == len(rows)
    if plain and "\\" not in text and "\r" not in text:
        return text
    return "".join([line % tuple([_escaped(value) for value in row]) for row in rows])


def _escaped(value: Value) -> Value:
    if isinstance(value, int):
        return value
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def add_in_bulk(
    connection: Connection, table: Table, rows: Sequence[tuple[Value, ...]], added: Sequence[str], *, put: bool = False
) -> None:
    """Upsert rows by primary key: where one stands, the `added` columns are added to it (with `put`: replaced).

    A row has every column in the table's order; a key may occur only once in `rows`. One statement on PostgreSQL.
    """
    if not rows:
        return
    key = ", ".join([f'"{column.name}"' for column in table.primary_key.columns])
    old = "" if put else "+ was."
    changes = ", ".join([f'"{name}" = excluded."{name}"' + (f'{old}"{name}"' if old else "") for name in added])
    upsert = f"ON CONFLICT ({key}) DO UPDATE SET {changes}"
    if connection.dialect.name == "postgresql":
        arrays = ", ".join([f"%s::{_array_of(column)}" for column in table.columns])
        statement = f"INSERT INTO {table.name} AS was SELECT * FROM unnest({arrays}) {upsert}"
        connection.exec_driver_sql(statement, tuple([list(values) for values in zip(*rows, strict=True)]))
        return
    marks = ",".join("?" * len(table.columns))
    connection.exec_driver_sql(f"INSERT INTO {table.name} AS was VALUES ({marks}) {upsert}", list(rows))


def _array_of(column: Column[Any]) -> str:
    kind = {BigInteger: "bigint", Integer: "integer", SmallInteger: "smallint", Date: "date", Text: "text"}
    return f"{kind[type(column.type)]}[]"


def in_chunks(values: Iterable[Item], size: int = MAX_BOUND_VALUES) -> Iterator[list[Item]]:
    rest = iter(values)
    while chunk := list(islice(rest, size)):
        yield chunk
