"""The runner's own tables: how far each projection has come, with every book and with the log.

A head says what was applied; a checkpoint only says where to read on. Both change in the one transaction that changes
the projection's rows, so a reader never sees one without the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    delete,
    func,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from domain.book import BookId
from projections.readmodel import ReadModel
from streams.contract import GENESIS_HASH

MAX_KEY_CHARS = 100
"""A projection's name with its version."""

MAX_REASON_CHARS = 500
"""The longest reason that a parked book carries."""

MAX_BOOKS_A_SELECT = 500
"""Books asked for in one statement: far below what either database takes as parameters."""

metadata = MetaData()

_Text = String().with_variant(String(collation="C"), "postgresql")

STORE = "store"
"""The lane of a projection that follows the event store itself."""

checkpoints = Table(
    "projection_lanes",
    metadata,
    Column("projection", _Text, primary_key=True),
    Column("lane", _Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
)
"""Where a projection reads on in each lane: behind a position of the store, or from an offset of a partition."""

heads = Table(
    "projection_heads",
    metadata,
    Column("projection", _Text, primary_key=True),
    Column("book", _Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("parked", _Text),
)


class TakeOver(Protocol):
    """A transaction of the live database, begun when nothing is replaced yet."""

    connection: Connection

    def replace(self) -> None:
        """Put what was built beside in the place of what is live, from the transaction's end on."""
        ...


class ReadDatabase(Protocol):
    """Where the read models live."""

    def read(self) -> AbstractContextManager[Connection]:
        """A connection whose queries all see one moment of the database, and that writes nothing."""
        ...

    def write(self) -> AbstractContextManager[Connection]:
        """A transaction that may write from its first statement on: committed at the end, rolled back by a raise."""
        ...

    def scratch(self) -> AbstractContextManager[ReadDatabase]:
        """An empty database for one reckoning, gone afterwards."""
        ...

    def beside(self, key: str) -> AbstractContextManager[ReadDatabase]:
        """A database of its own in which a projection is built anew, this program's alone meanwhile; it is kept where
        the building is broken off, until it was taken over. `Rejected("rebuild_running")` where another program has it.
        """
        ...

    def taking_over(self, key: str, tables: Sequence[Table]) -> AbstractContextManager[TakeOver]:
        """A transaction in which the tables, and the projection's heads, can be replaced by those built beside."""
        ...

    def scrub(self) -> bool:
        """Let what was deleted be gone from the files too, as far as the database does that when it is told; False
        where it is to be told again.
        """
        ...


@dataclass(frozen=True, slots=True)
class ProjectionHead:
    """The last event of a book that a projection holds; `parked` is the reason why it takes no more, else None."""

    version: int
    hash: bytes
    position: int
    parked: str | None = None


NOTHING_YET = ProjectionHead(0, GENESIS_HASH, 0)
"""The head of a book before its first event."""


def key_of(model: ReadModel) -> str:
    """The name under which this version of a projection keeps heads and checkpoint, `balances_v1`."""
    return f"{model.NAME}_v{model.VERSION}"


def create_tables(connection: Connection, models: Iterable[ReadModel]) -> None:
    """Make what is missing of the models' tables and of the runner's, and set new projections at the log's begin."""
    connection.exec_driver_sql("DROP TABLE IF EXISTS projection_checkpoints")  # of before there were lanes
    metadata.create_all(connection)
    for model in models:
        model.metadata.create_all(connection)
        start(connection, [key_of(model)], [STORE])


# Heads


def head_of(connection: Connection, key: str, book: BookId) -> ProjectionHead | None:
    return heads_of(connection, [key], [book]).get((key, book))


def heads_of(
    connection: Connection, keys: Sequence[str], books: Sequence[BookId]
) -> dict[tuple[str, BookId], ProjectionHead]:
    """Where the projections stand with these books; a book without an event has no entry."""
    found: dict[tuple[str, BookId], ProjectionHead] = {}
    for first in range(0, len(books), MAX_BOOKS_A_SELECT):
        asked = books[first : first + MAX_BOOKS_A_SELECT]
        found |= _select_heads(connection, heads.c.projection.in_(keys) & heads.c.book.in_(asked))
    return found


def claim(
    connection: Connection, keys: Sequence[str], books: Sequence[BookId]
) -> dict[tuple[str, BookId], ProjectionHead]:
    """Heads as `heads_of` tells them, this transaction's alone until it ends: what another runner applies to the same
    books, from whatever lane, comes before or after it. A book without a head gets one at `NOTHING_YET`.
    """
    places = {(key, book) for key in keys for book in books}
    found = _locked(connection, keys, books)
    missing = sorted(places - found.keys())
    if missing:
        begin = {"version": 0, "hash": GENESIS_HASH, "position": 0, "parked": None}
        rows = [{"projection": key, "book": book, **begin} for key, book in missing]
        connection.execute(_insert(connection.dialect, heads).on_conflict_do_nothing(), rows)
        found = _locked(connection, keys, books)
    return found


def _locked(
    connection: Connection, keys: Sequence[str], books: Sequence[BookId]
) -> dict[tuple[str, BookId], ProjectionHead]:
    found: dict[tuple[str, BookId], ProjectionHead] = {}
    ordered = sorted(books)
    for first in range(0, len(ordered), MAX_BOOKS_A_SELECT):
        asked = heads.c.projection.in_(keys) & heads.c.book.in_(ordered[first : first + MAX_BOOKS_A_SELECT])
        query = select(heads).where(asked).order_by(heads.c.projection, heads.c.book).with_for_update()
        found |= _heads_in(connection.execute(query))
    return found


def all_heads(connection: Connection, keys: Sequence[str]) -> dict[tuple[str, BookId], ProjectionHead]:
    """Every book that the projections hold."""
    return _select_heads(connection, heads.c.projection.in_(keys))


def parked(connection: Connection, keys: Sequence[str]) -> dict[tuple[str, BookId], ProjectionHead]:
    """Every parked book of the projections."""
    return _select_heads(connection, heads.c.projection.in_(keys) & heads.c.parked.is_not(None))


def _select_heads(connection: Connection, where: ColumnElement[bool]) -> dict[tuple[str, BookId], ProjectionHead]:
    return _heads_in(connection.execute(select(heads).where(where)))


def _heads_in(rows: Iterable[Row[Any]]) -> dict[tuple[str, BookId], ProjectionHead]:
    return {
        (row.projection, BookId(row.book)): ProjectionHead(row.version, bytes(row.hash), row.position, row.parked)
        for row in rows
    }


def write_heads(connection: Connection, changed: Mapping[tuple[str, BookId], ProjectionHead]) -> None:
    if not changed:
        return
    rows = [
        {
            "projection": key,
            "book": book,
            "version": head.version,
            "hash": head.hash,
            "position": head.position,
            "parked": head.parked,
        }
        for (key, book), head in changed.items()
    ]
    write = _insert(connection.dialect, heads)
    fresh = {name: write.excluded[name] for name in ("version", "hash", "position", "parked")}
    connection.execute(write.on_conflict_do_update(index_elements=[heads.c.projection, heads.c.book], set_=fresh), rows)


def drop_heads(connection: Connection, places: Sequence[tuple[str, BookId]]) -> None:
    for first in range(0, len(places), MAX_BOOKS_A_SELECT):
        some = places[first : first + MAX_BOOKS_A_SELECT]
        connection.execute(delete(heads).where(tuple_(heads.c.projection, heads.c.book).in_(some)))


# Checkpoints


Positions = dict[str, dict[str, int]]
"""For each projection where it stands in each lane."""
Moves = Mapping[str, tuple[int, int]]
"""For each lane the position that a batch begins behind, and the one it ends with."""


def start(connection: Connection, keys: Sequence[str], lanes: Iterable[str]) -> None:
    """A checkpoint at the beginning of each lane, where a projection has none."""
    rows = [{"projection": key, "lane": lane, "position": 0} for lane in lanes for key in keys]
    if rows:
        connection.execute(_insert(connection.dialect, checkpoints).on_conflict_do_nothing(), rows)


def positions(connection: Connection) -> Positions:
    """Every projection's checkpoints: those of other releases too."""
    found: Positions = {}
    for row in connection.execute(select(checkpoints)):
        found.setdefault(row.projection, {})[row.lane] = row.position
    return found


def lock(connection: Connection, keys: Sequence[str], lanes: Iterable[str] | None = None) -> Positions:
    """The projections' checkpoints in these lanes (None: in all), theirs alone to move until the transaction ends.

    Locked in the order of their names, so that two runners wait for each other and never in a circle.
    """
    asked = select(checkpoints).where(checkpoints.c.projection.in_(keys))
    if lanes is not None:
        asked = asked.where(checkpoints.c.lane.in_(list(lanes)))
    found: Positions = {}
    for row in connection.execute(asked.order_by(checkpoints.c.projection, checkpoints.c.lane).with_for_update()):
        found.setdefault(row.projection, {})[row.lane] = row.position
    return found


def move(connection: Connection, keys: Sequence[str], moves: Moves) -> bool:
    """Compare and set: False where one of the projections is not where the batch begins any more: then roll back."""
    lock(connection, keys, moves)
    for lane, (old, new) in moves.items():
        columns = checkpoints.c
        at_old = columns.projection.in_(keys) & (columns.lane == lane) & (columns.position == old)
        if connection.execute(update(checkpoints).where(at_old).values(position=new)).rowcount != len(keys):
            return False
    return True


def set_back(connection: Connection, key: str, lane: str, position: int) -> None:
    """Read on from an earlier position; what is read again is known by its heads."""
    columns = checkpoints.c
    at = (columns.projection == key) & (columns.lane == lane)
    connection.execute(update(checkpoints).where(at).values(position=position))


def applied(connection: Connection) -> dict[str, tuple[int, int]]:
    """For each projection how many events it holds, over all books, and the highest position among them.

    A book's versions have no gap, so that its head's version counts its events.
    """
    columns = heads.c
    asked = select(columns.projection, func.sum(columns.version), func.max(columns.position))
    return {
        projection: (int(count), position)
        for projection, count, position in connection.execute(asked.group_by(columns.projection))
    }


def forget(connection: Connection, key: str) -> None:
    """Heads and checkpoint of a projection, as if it had never run."""
    connection.execute(delete(heads).where(heads.c.projection == key))
    connection.execute(delete(checkpoints).where(checkpoints.c.projection == key))


def _insert(dialect: Dialect, table: Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)
