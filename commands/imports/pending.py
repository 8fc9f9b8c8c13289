"""Previews waiting for their commit: the file itself, compressed and sealed under the book's key.

Only what a person sent is kept, never what was decided about it: a commit reads and decides again, so it is right
whatever happened between. Once committed, the file is replaced by the answer it got, so that a repeat gets the same.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from commands.ports import Keys
from domain.book import BookId
from domain.errors import Rejected
from domain.ledger import ImportId

PENDING_FOR = timedelta(days=2)
"""How long a preview waits for its commit, and how long a repeated commit finds its full answer."""

MAX_PENDING = 10
"""Previews and answers kept for a book; one more, and the oldest goes."""

_COMPRESSION = 1
"""The fastest: a bank file shrinks to a tenth at any level."""


class PendingImports(Protocol):
    """Sealed previews and answers, kept beside the log. Losing one costs a new upload, nothing else."""

    def save(self, import_id: ImportId, book: BookId, at: datetime, sealed: bytes, keep: int) -> None:
        """Keep, or replace, what is sealed; of its book only the newest `keep` stay."""
        ...

    def load(self, import_id: ImportId) -> tuple[BookId, bytes] | None: ...

    def drop(self, import_id: ImportId) -> None:
        """Without effect where it is gone."""
        ...

    def purge_before(self, at: datetime) -> None:
        """Forget what was saved before a moment (UTC)."""
        ...


@dataclass(frozen=True, slots=True)
class Upload:
    """What a person sent: the file and what they said about it."""

    raw: bytes
    file_name: str
    format: str
    account: str | None
    profile: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a commit was answered, as plain values, and the key it was asked under (`scope`, `key`, fingerprint)."""

    key: tuple[str, str, str] | None
    answer: dict[str, Any]


class Pending:
    """Seals and opens what `PendingImports` keeps. Bound to the import's id, so that nothing can be swapped."""

    def __init__(self, kept: PendingImports, keys: Keys) -> None:
        self._kept = kept
        self._keys = keys

    def save(self, import_id: ImportId, book: BookId, at: datetime, content: Upload | Receipt) -> None:
        if isinstance(content, Upload):
            head: dict[str, Any] = {
                "file_name": content.file_name,
                "format": content.format,
                "account": content.account,
                "profile": content.profile,
            }
            body = zlib.compress(content.raw, _COMPRESSION)
        else:
            head = {"key": content.key, "answer": content.answer}
            body = b""
        plain = json.dumps(head).encode() + b"\n" + body
        self._kept.purge_before(at - PENDING_FOR)
        self._kept.save(import_id, book, at, self._keys.seal(book, _bound_to(import_id), plain), MAX_PENDING)

    def load(self, book: BookId, import_id: ImportId) -> Upload | Receipt | None:
        """None where there is none of that id in this book."""
        found = self._kept.load(import_id)
        if found is None or found[0] != book:
            return None
        plain = self._keys.unseal(book, _bound_to(import_id), found[1])
        if plain is None:
            raise Rejected("book_erased")
        head, _, body = plain.partition(b"\n")
        values = json.loads(head)
        if "answer" in values:
            key = values["key"]
            return Receipt((key[0], key[1], key[2]) if key is not None else None, values["answer"])
        return Upload(
            zlib.decompress(body), values["file_name"], values["format"], values["account"], values.get("profile", "")
        )

    def drop(self, import_id: ImportId) -> None:
        self._kept.drop(import_id)


def _bound_to(import_id: ImportId) -> str:
    return f"import:{import_id}"
