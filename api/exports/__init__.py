"""Exports: a book written down for other programs, streamed from the read models, or its log as it is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from enum import StrEnum

from sqlalchemy import Connection

from api.exports import beancount, csv, hledger
from api.exports.content import Content, Told, standing_accounts
from api.figures import Frame
from domain.budgets import month_later
from projections import accounts, net_worth, register

PAGE = 500
"""Transactions read at a time."""


class Format(StrEnum):
    BEANCOUNT = "beancount"
    HLEDGER = "hledger"
    CSV = "csv"
    JSONL = "jsonl"


WRITERS: dict[Format, Callable[[Content], Iterator[str]]] = {
    Format.BEANCOUNT: beancount.lines,
    Format.HLEDGER: hledger.lines,
    Format.CSV: csv.lines,
}
"""The formats that are written from the read models; `jsonl` is the log itself."""


def content_of(connection: Connection, frame: Frame) -> Content:
    """All that stands in a book, in the frame."""
    return Content(
        name=frame.row.name,
        base=frame.row.base,
        version=frame.version if frame.known is None else min(frame.known, frame.version),
        commodities=accounts.commodities(connection, frame.book),
        accounts=standing_accounts(accounts.accounts(connection, frame.book, frame.known)),
        rates=net_worth.prices(connection, frame.book, frame.known),
        entries=_entries(connection, frame),
    )


def _entries(connection: Connection, frame: Frame) -> Iterator[Told]:
    """Every standing transaction, oldest first. The register tells newest first, so it is asked month by month."""
    days = register.span(connection, frame.book, frame.known)
    if days is None:
        return
    month = days[0].replace(day=1)
    while month <= days[1]:
        following = month_later(month, 1)
        yield from reversed(list(_newest_first(connection, frame, month, following - timedelta(days=1))))
        month = following


def _newest_first(connection: Connection, frame: Frame, first: date, last: date) -> Iterator[Told]:
    cursor = None
    while True:
        page = register.transactions(
            connection, frame.book, first=first, last=last, known=frame.known, limit=PAGE, cursor=cursor
        )
        yield from page.items
        cursor = page.next
        if cursor is None:
            return
