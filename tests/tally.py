"""A small read model for tests of the runner: how much was spent on a day, and at which payees.

Applying an event twice, or none, or in another order, shows in its rows.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, timedelta

from sqlalchemy import BigInteger, Column, Connection, Date, MetaData, Table, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.book import BookEvent, BookId, BookOpened
from domain.ledger import AccountId, Posting, TransactionId, TransactionRecorded
from domain.money import parse_amount
from domain.recorded import Recorded
from infra.sql import CText

DAY_ONE = date(2026, 1, 1)


class Tally:
    """`trouble` is called with each event before it is applied, and may raise."""

    def __init__(self, name: str = "tally", version: int = 1) -> None:
        self.NAME = name
        self.VERSION = version
        self.metadata = MetaData()
        self.trouble: Callable[[Recorded], None] = lambda event: None
        self.batches: list[int] = []
        self.days = Table(
            f"{name}_v{version}_days",
            self.metadata,
            Column("book", CText, primary_key=True),
            Column("day", Date, primary_key=True),
            Column("minor", BigInteger, nullable=False),
        )
        self.payees = Table(
            f"{name}_v{version}_payees",
            self.metadata,
            Column("book", CText, primary_key=True),
            Column("version", BigInteger, primary_key=True, autoincrement=False),
            Column("payee", CText, nullable=False),
        )

    def apply(self, connection: Connection, batch: Sequence[Recorded]) -> None:
        self.batches.append(len(batch))
        days: Counter[tuple[BookId, date]] = Counter()
        payees = []
        for recorded in batch:
            self.trouble(recorded)
            if isinstance(recorded.event, TransactionRecorded):
                days[recorded.book, recorded.event.date] += recorded.event.postings[0].amount.minor
                payees.append({"book": recorded.book, "version": recorded.version, "payee": recorded.event.payee})
        rows = [{"book": book, "day": day, "minor": minor} for (book, day), minor in days.items()]
        if rows:
            insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            new = insert(self.days)
            more = {"minor": self.days.c.minor + new.excluded.minor}
            connection.execute(new.on_conflict_do_update(index_elements=["book", "day"], set_=more), rows)
        if payees:
            connection.execute(self.payees.insert(), payees)

    def purge(self, connection: Connection, book: BookId) -> None:
        for table in (self.days, self.payees):
            connection.execute(delete(table).where(table.c.book == book))

    def rows(self, connection: Connection) -> list[tuple[object, ...]]:
        """All it holds, in order."""
        return [
            tuple(row)
            for table in (self.days, self.payees)
            for row in connection.execute(select(table).order_by(*table.primary_key.columns))
        ]


def opened(book: BookId) -> BookEvent:
    return BookOpened(book, "BRL", "America/Sao_Paulo", f"Home of {book}")


def spent(number: int, payee: str = "Mercado") -> BookEvent:
    """`number` cents spent, on a day that follows from them."""
    amount = parse_amount(f"{number / 100:.2f}", "BRL")
    postings = (Posting(AccountId("a-food"), amount), Posting(AccountId("a-checking"), -amount))
    return TransactionRecorded(
        TransactionId(f"t-{number}"), DAY_ONE + timedelta(days=number % 31), postings, payee=payee
    )


class Trouble:
    """Raises `error` for chosen events, until it is over."""

    def __init__(self, error: Callable[[], Exception], when: Callable[[Recorded], bool]) -> None:
        self._error = error
        self._when = when
        self._over = threading.Event()

    def __call__(self, event: Recorded) -> None:
        if not self._over.is_set() and self._when(event):
            raise self._error()

    def end(self) -> None:
        self._over.set()


def payee_is(payee: str) -> Callable[[Recorded], bool]:
    return lambda recorded: isinstance(recorded.event, TransactionRecorded) and recorded.event.payee == payee
