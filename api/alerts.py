"""Alerts as they are read: a book's list, the newest first, whatever keeps it.

`AlertList` is the port. Where the read models raise all alerts themselves, their tables are the list; where a worker
raises some of them elsewhere, another list answers in the same shape and order.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Protocol

import orjson
from sqlalchemy import Connection

from api.items import Item
from domain.alerts import Alert
from domain.book import BookId
from domain.errors import Rejected
from domain.sentences import sentence
from projections import budgets, spending_watch

Place = tuple[int, str]
"""Where an alert stands in a book's list: its version and id; the list falls in both."""


class AlertList(Protocol):
    @property
    def names(self) -> Sequence[str]:
        """The read models that have to hold a version before the list is complete to it."""
        ...

    def newest(
        self, connection: Connection, book: BookId, limit: int, before: Place | None, known: int | None
    ) -> list[Alert]:
        """At most `limit` alerts after the place `before`, of versions up to `known` (None: all), the newest first.

        `connection` is one to the read models, for a list that stands there.
        """
        ...


class AlertsInTables:
    """The alerts of the read models that raise them all."""

    names = (budgets.NAME, spending_watch.NAME)

    def newest(
        self, connection: Connection, book: BookId, limit: int, before: Place | None, known: int | None
    ) -> list[Alert]:
        found = [
            alert
            for raised in (budgets.raised, spending_watch.raised)
            for alert in raised.newest(connection, book, limit, before, known)
        ]
        return sorted(found, key=lambda alert: (alert.version, alert.alert_id), reverse=True)[:limit]


def alert_page(
    alerts: AlertList,
    connection: Connection,
    book: BookId,
    known: int | None,
    limit: int,
    cursor: str | None,
    question: str,
) -> tuple[list[Item], str | None]:
    """The next alerts, and the cursor of what follows; `cursor_not_valid` for a cursor of another question."""
    before = None if cursor is None else _place_of(cursor, question)
    found = alerts.newest(connection, book, limit + 1, before, known)
    following = None
    if len(found) > limit:
        last = found[limit - 1]
        written = orjson.dumps([last.version, last.alert_id, _digest(question)])
        following = base64.urlsafe_b64encode(written).rstrip(b"=").decode()
    return [alert_item(alert) for alert in found[:limit]], following


def alert_item(alert: Alert) -> Item:
    """An alert; its sentence in English, which a client translates by `code` and `params`."""
    return {
        "alert_id": alert.alert_id,
        "code": alert.code,
        "params": dict(alert.params),
        "text_en": sentence(alert.code, alert.params),
        "period": alert.period.isoformat(),
        "raised_at": alert.raised_at,
        "version": alert.version,
    }


def _place_of(cursor: str, question: str) -> Place:
    try:
        version, alert_id, digest = orjson.loads(base64.urlsafe_b64decode(cursor.encode() + b"=="))
    except (ValueError, TypeError):
        raise Rejected("cursor_not_valid") from None
    # No version has more than 31 bits in the tables, and a larger one would not be a place in them.
    fits = isinstance(version, int) and 0 <= version < 2**31 and isinstance(alert_id, str)
    if not fits or digest != _digest(question):
        raise Rejected("cursor_not_valid")
    return version, alert_id


def _digest(question: str) -> str:
    return hashlib.sha256(question.encode()).hexdigest()[:16]
