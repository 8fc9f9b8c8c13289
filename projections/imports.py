"""Imports: what came into a book from files, and what of it was taken back, as known at any version.

Every row is what one event said; who asks gets the rows folded up to the version asked for, so that an import that was
undone is still told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Integer, MetaData, Table, delete, select

from domain.book import BookId
from domain.ledger import AccountId, ImportCommitted, ImportId, ImportUndone
from domain.recorded import Recorded
from projections.reading import read
from projections.readmodel import NEVER, CText, insert_in_bulk

NAME, VERSION = "imports", 1

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
    sqlite_with_rowid=False,
)
"""A commit has a format; a row without one takes its import back."""


@dataclass(frozen=True, slots=True)
class ImportRow:
    """An import of a book: the version that concluded it, and the one that took it back (None: it stands).

    `account` is None where the file brought several, or accounts of its own. `recorded` and `skipped` count rows.
    """

    import_id: ImportId
    version: int
    recorded_at: datetime
    format: str
    account: AccountId | None
    file_name: str
    recorded: int
    skipped: int
    undone: int | None


def apply(connection: Connection, batch: Sequence[Recorded]) -> None:
    """Keep what was said of imports."""
    said: list[dict[str, Any]] = []
    for recorded in read(batch).others:
        match recorded.event:
            case ImportCommitted(import_id, format, account, count, skipped, file_name):
                facts = {"format": format, "account": account, "file_name": file_name}
                said.append(_said(recorded, import_id, facts | {"recorded": count, "skipped": skipped}))
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
                None,
            )
        )
    return found
