"""Pending imports, in the store's database: what was uploaded and waits for a person's yes, sealed.

A row is replaced or forgotten, never read by anything but the import it belongs to.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Engine, delete, insert, select

from domain.book import BookId
from domain.ledger import ImportId
from infra.sql import answering
from infra.store.tables import pending_imports
from streams.contract import instant_text

_ROW = pending_imports.c


class SqlPendingImports:
    """The port `PendingImports`."""

    def __init__(self, writing: Engine, reading: Engine) -> None:
        self._writing = writing
        self._reading = reading

    def save(self, import_id: ImportId, book: BookId, at: datetime, sealed: bytes, keep: int) -> None:
        values = {"import_id": import_id, "book": book, "created_at": instant_text(at), "sealed": sealed}
        newest = select(_ROW.import_id).where(_ROW.book == book)
        newest = newest.order_by(_ROW.created_at.desc(), _ROW.import_id.desc()).limit(keep)
        with answering(), self._writing.begin() as connection:
            connection.execute(delete(pending_imports).where(_ROW.import_id == import_id))
            connection.execute(insert(pending_imports), values)
            connection.execute(delete(pending_imports).where(_ROW.book == book, _ROW.import_id.not_in(newest)))

    def load(self, import_id: ImportId) -> tuple[BookId, bytes] | None:
        query = select(_ROW.book, _ROW.sealed).where(_ROW.import_id == import_id)
        with answering(), self._reading.connect() as connection:
            found = connection.execute(query).first()
        return None if found is None else (BookId(found.book), bytes(found.sealed))

    def drop(self, import_id: ImportId) -> None:
        self._delete(_ROW.import_id == import_id)

    def purge_before(self, at: datetime) -> None:
        self._delete(_ROW.created_at < instant_text(at))

    def _delete(self, condition: ColumnElement[bool]) -> None:
        with answering(), self._writing.begin() as connection:
            connection.execute(delete(pending_imports).where(condition))
