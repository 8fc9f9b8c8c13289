"""Imports: what came into a book from files, and what of it was taken back, as known at any version.

Every row is what one event said; who asks gets the rows folded up to the version asked for, so that an import that was
undone is still told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Column, Connection, Integer, MetaData, Table, delete, select

from domain.book import BookId
from domain.ledger import AccountId, ImportCommitted, ImportId, ImportUndone
from domain.recorded import Recorded
from projections.reading import read
from projections.readmodel import NEVER, CText, insert_in_bulk

NAME, VERSION = "imports", 2

metadata = MetaData()
said_of_imports = Table(
    f"{NAME}_v{VERSION}_imports",
    metadata,
    Column("book", CText, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("import_id", CText, nullable=False),
    Column("recorded_at", CText, nullable=False),
    Column("format", CText),
    Column("account", CText),
    Column("file_name", CText),
    Column("recorded", Integer),
    Column("skipped", Integer),
    Column("joined", Integer),
    Column("opening_unknown", CText),
    sqlite_with_rowid=False,
)
"""A commit has a format; a row without one takes its import back. `opening_unknown`: ids as a JSON array."""


@dataclass(frozen=True, slots=True)
class ImportRow:
    """An import of a book: the version that concluded it, and the one that took it back (None: it stands).

    `account` is None where the file brought several, or accounts of its own. `recorded`, `joined` and `skipped` count
    rows. `opening_unknown`: accounts that the file was the first of, without telling what they held.
    """

    import_id: ImportId
    version: int
    recorded_at: datetime
    format: str
    account: AccountId | None
    file_name: str
    recorded: int
    skipped: int
    joined: int
    opening_unknown: tuple[AccountId, ...]
    undone: int | None


def apply(connection: Connection, batch: Sequence[Recorded]) -> None:
    """Keep what was said of imports."""
    said: list[dict[str, Any]] = []
    for recorded in read(batch).others:
        match recorded.event:
            case ImportCommitted() as told:
                facts = {
                    "format": told.format,
                    "account": told.account,
                    "file_name": told.file_name,
                    "recorded": told.recorded,
                    "skipped": told.skipped,
                    "joined": told.joined or 0,
                    "opening_unknown": orjson.dumps(told.opening_unknown or ()).decode(),
                }
                said.append(_said(recorded, told.import_id, facts))
            case ImportUndone(import_id, _):
                said.append(_said(recorded, import_id, {}))
            case _:
                pass
    insert_in_bulk(connection, said_of_imports, said)


def _said(recorded: Recorded, import_id: ImportId, facts: Mapping[str, object]) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(column.name for column in said_of_imports.columns)
    row |= {"book": recorded.book, "version": recorded.version, "import_id": import_id}
    return row | {"recorded_at": recorded.recorded_at.isoformat(), **facts}


def purge(connection: Connection, book: BookId) -> None:
    """Remove a book's imports."""
    connection.execute(delete(said_of_imports).where(said_of_imports.c.book == book))


def imports(connection: Connection, book: BookId, known: int | None = None) -> list[ImportRow]:
    """Every import of a book, oldest first, with what was known of it at version `known`; None for all."""
    said = (
        select(said_of_imports)
        .where(said_of_imports.c.book == book, said_of_imports.c.version <= (NEVER if known is None else known))
        .order_by(said_of_imports.c.version)
    )
    found: list[ImportRow] = []
    standing: dict[ImportId, list[int]] = {}
    for row in connection.execute(said):
        if row.format is None:
            for place in standing.pop(row.import_id):
                found[place] = replace(found[place], undone=row.version)
            continue
        standing.setdefault(row.import_id, []).append(len(found))
        found.append(
            ImportRow(
                row.import_id,
                row.version,
                datetime.fromisoformat(row.recorded_at),
                row.format,
                row.account,
                row.file_name,
                row.recorded,
                row.skipped,
                row.joined,
                tuple([AccountId(account) for account in orjson.loads(row.opening_unknown)]),
                None,
            )
        )
    return found


def opening_unknown(connection: Connection, book: BookId, known: int | None = None) -> list[AccountId]:
    """The accounts of which a standing import says that nobody told what they held before it, each once."""
    standing = [row for row in imports(connection, book, known) if row.undone is None]
    return list(dict.fromkeys(account for row in standing for account in row.opening_unknown))
