"""Accounts: the books there are, their charts of accounts and their commodities, as they stood at any version.

Every row is what one event said; who asks gets the rows folded up to the version asked for, so that no name is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Date,
    Integer,
    MetaData,
    Row,
    SmallInteger,
    Table,
    delete,
    select,
)

from domain.book import BookId, BookOpened, BookRenamed
from domain.ledger import (
    AccountClosed,
    AccountId,
    AccountMerged,
    AccountOpened,
    AccountRenamed,
    CommodityDeclared,
    Kind,
)
from domain.money import Commodity, commodity
from domain.recorded import Recorded
from projections.reading import read
from projections.readmodel import NEVER, CText, insert_in_bulk

NAME, VERSION = "accounts", 1

metadata = MetaData()
said_of_books = Table(
    f"{NAME}_v{VERSION}_books",
    metadata,
    Column("book", CText, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("name", CText, nullable=False),
    Column("base", CText),
    Column("time_zone", CText),
    sqlite_with_rowid=False,
)
said_of_accounts = Table(
    f"{NAME}_v{VERSION}_accounts",
    metadata,
    Column("book", CText, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("account", CText, nullable=False),
    Column("kind", CText),
    Column("name", CText),
    Column("commodities", CText),
    Column("opened_on", Date),
    Column("on_budget", Boolean),
    Column("closed_on", Date),
    Column("merged_into", CText),
    sqlite_with_rowid=False,
)
"""What is null was not spoken of; an opening has a kind. Commodity codes have no spaces, and stand with one between."""
declared = Table(
    f"{NAME}_v{VERSION}_commodities",
    metadata,
    Column("book", CText, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("code", CText, nullable=False),
    Column("scale", SmallInteger, nullable=False),
    sqlite_with_rowid=False,
)


@dataclass(frozen=True, slots=True)
class BookRow:
    """A book; `base` is the code of the commodity its figures are told in, `time_zone` an IANA name."""

    book: BookId
    name: str
    base: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account; `commodities` are the codes it takes, none for any; open from `opened_on` (None: any day)."""

    account: AccountId
    name: str
    kind: Kind
    commodities: tuple[str, ...]
    opened_on: date | None
    closed_on: date | None
    on_budget: bool
    merged_into: AccountId | None


def apply(connection: Connection, batch: Sequence[Recorded]) -> None:
    """Keep what was said of books, accounts and commodities."""
    books_said: list[dict[str, Any]] = []
    accounts_said: list[dict[str, Any]] = []
    units: list[dict[str, Any]] = []
    for recorded in read(batch).others:
        place = {"book": recorded.book, "version": recorded.version}
        match recorded.event:
            case BookOpened(_, base, time_zone, name):
                books_said.append(place | {"name": name, "base": base, "time_zone": time_zone})
            case BookRenamed(name):
                books_said.append(place | {"name": name, "base": None, "time_zone": None})
            case AccountOpened(account, kind, commodities, opened_on, on_budget, name):
                accounts_said.append(
                    _said(
                        recorded,
                        account,
                        kind=kind.value,
                        name=name,
                        commodities=" ".join(commodities),
                        opened_on=opened_on,
                        on_budget=on_budget,
                    )
                )
            case AccountRenamed(account, name):
                accounts_said.append(_said(recorded, account, name=name))
            case AccountClosed(account, on):
                accounts_said.append(_said(recorded, account, closed_on=on))
            case AccountMerged(account, into):
                accounts_said.append(_said(recorded, account, merged_into=into))
            case CommodityDeclared(code, scale):
                units.append(place | {"code": code, "scale": scale})
            case _:
                pass
    insert_in_bulk(connection, said_of_books, books_said)
    insert_in_bulk(connection, said_of_accounts, accounts_said)
    insert_in_bulk(connection, declared, units)


def _said(recorded: Recorded, account: AccountId, **said: object) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(column.name for column in said_of_accounts.columns)
    return row | {"book": recorded.book, "version": recorded.version, "account": account} | said


def purge(connection: Connection, book: BookId) -> None:
    """Remove a book, its accounts and its commodities."""
    for table in (said_of_books, said_of_accounts, declared):
        connection.execute(delete(table).where(table.c.book == book))


def books(connection: Connection) -> list[BookRow]:
    """Every book that is not erased, by id, as it stands now."""
    said = connection.execute(select(said_of_books).order_by(said_of_books.c.book, said_of_books.c.version))
    return _books(said)


def book(connection: Connection, book: BookId) -> BookRow | None:
    """One book as it stands now; None where there is none, or it is erased."""
    said = select(said_of_books).where(said_of_books.c.book == book).order_by(said_of_books.c.version)
    return next(iter(_books(connection.execute(said))), None)


def _books(said: Iterable[Row[Any]]) -> list[BookRow]:
    found: dict[BookId, BookRow] = {}
    for row in said:
        known = found.get(row.book)
        if known is None:
            found[row.book] = BookRow(row.book, row.name, row.base, row.time_zone)
        else:
            found[row.book] = replace(known, name=row.name)
    return list(found.values())


def accounts(connection: Connection, book: BookId, known: int | None = None) -> list[AccountRow]:
    """All accounts of a book, sorted by name (merged ones too), with what was known of them at version `known`.

    None for all that is known. Empty for a book without events.
    """
    said = (
        select(said_of_accounts)
        .where(said_of_accounts.c.book == book, said_of_accounts.c.version <= (NEVER if known is None else known))
        .order_by(said_of_accounts.c.version)
    )
    found: dict[AccountId, AccountRow] = {}
    for row in connection.execute(said):
        if row.kind is not None:
            units = tuple(row.commodities.split())
            found[row.account] = AccountRow(
                row.account, row.name, Kind(row.kind), units, row.opened_on, None, row.on_budget, None
            )
        elif row.name is not None:
            found[row.account] = replace(found[row.account], name=row.name)
        elif row.closed_on is not None:
            found[row.account] = replace(found[row.account], closed_on=row.closed_on)
        else:
            found[row.account] = replace(found[row.account], merged_into=row.merged_into)
    return sorted(found.values(), key=lambda account: (account.name, account.account))


def commodities(connection: Connection, book: BookId) -> dict[str, Commodity]:
    """The commodities that a book has declared or used, by code, in the order it came to know them."""
    units = select(declared.c.code, declared.c.scale).where(declared.c.book == book).order_by(declared.c.version)
    return {code: commodity(code, scale) for code, scale in connection.execute(units)}
