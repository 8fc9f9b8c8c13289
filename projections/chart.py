"""What every figure needs of the chart of accounts: numbers for books and accounts, kinds, and merges.

Ids are long and would stand in every row of every figure, so rows carry numbers instead: a book's is the store
position of its first event, an account's the version that opened it. Both follow from the log alone, so that any fold
of it gives the same rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, MetaData, Table, delete, select

from domain.book import BookId
from domain.ledger import AccountId, AccountMerged, AccountOpened, Kind
from projections.reading import Reading
from projections.readmodel import NEVER, CText, in_chunks, insert_in_bulk


@dataclass(frozen=True, slots=True)
class Numbers:
    """Of a batch: the number of each book, and the number and kind of each account that its events post to."""

    books: Mapping[BookId, int]
    accounts: Mapping[BookId, Mapping[AccountId, tuple[int, Kind]]]


@dataclass(frozen=True, slots=True)
class BookChart:
    """Of one book: its number, the account that each account number stands for, and the merges, all resolved."""

    number: int
    accounts: Mapping[int, AccountId]
    stands_in: Mapping[AccountId, AccountId]

    def numbers_of(self, account: AccountId) -> list[int]:
        """The numbers of all accounts that are part of `account`, or of what it was merged into; none if unknown."""
        current = self.stands_in.get(account, account)
        return [number for number, known in self.accounts.items() if known == current]


class BookNumbers:
    """The table of books and their numbers within one read model."""

    def __init__(self, name: str, version: int, metadata: MetaData) -> None:
        self.table = Table(
            f"{name}_v{version}_books",
            metadata,
            Column("book", CText, primary_key=True),
            Column("number", BigInteger, nullable=False),
            sqlite_with_rowid=False,
        )

    def extend(self, connection: Connection, reading: Reading) -> dict[BookId, int]:
        """Number the batch's new books, and say the numbers of all that it speaks of."""
        firsts = reading.firsts
        known: dict[BookId, int] = {}
        for chunk in in_chunks(sorted(firsts)):
            found = select(self.table.c.book, self.table.c.number).where(self.table.c.book.in_(chunk))
            known.update({row.book: row.number for row in connection.execute(found)})
        new = [{"book": book, "number": position} for book, position in firsts.items() if book not in known]
        insert_in_bulk(connection, self.table, new)
        return firsts | known

    def of(self, connection: Connection, book: BookId, known: int | None = None) -> int | None:
        """A book's number; None where the book has no event here, or had none at version `known`."""
        if known is not None and known < 1:
            return None
        number: int | None = connection.scalar(select(self.table.c.number).where(self.table.c.book == book))
        return number

    def purge(self, connection: Connection, book: BookId, tables: Sequence[Table]) -> None:
        """Remove the book, and its rows from `tables`, which carry its number as `book_number`."""
        number = self.of(connection, book)
        if number is None:
            return
        for table in tables:
            connection.execute(delete(table).where(table.c.book_number == number))
        connection.execute(delete(self.table).where(self.table.c.book == book))


class Chart:
    """The chart's tables within one read model: filled by `extend`, asked by `of`."""

    def __init__(self, name: str, version: int, metadata: MetaData) -> None:
        self.books = BookNumbers(name, version, metadata)
        self.accounts = Table(
            f"{name}_v{version}_accounts",
            metadata,
            Column("account", CText, primary_key=True),
            Column("book_number", BigInteger, primary_key=True, autoincrement=False),
            Column("number", Integer, nullable=False),
            Column("kind", CText, nullable=False),
            Index(f"{name}_v{version}_accounts_by_book", "book_number"),
            sqlite_with_rowid=False,
        )
        self.merges = Table(
            f"{name}_v{version}_merges",
            metadata,
            Column("book_number", BigInteger, primary_key=True, autoincrement=False),
            Column("version", Integer, primary_key=True, autoincrement=False),
            Column("account", CText, nullable=False),
            Column("into", CText, nullable=False),
            sqlite_with_rowid=False,
        )

    def extend(self, connection: Connection, reading: Reading) -> Numbers:
        """Take in the batch's new books, accounts and merges, and say the numbers of all that it posts to."""
        books = self.books.extend(connection, reading)
        accounts: dict[BookId, dict[AccountId, tuple[int, Kind]]] = defaultdict(dict)
        opened = []
        merges = []
        for recorded in reading.others:
            book_number, version = books[recorded.book], recorded.version
            match recorded.event:
                case AccountOpened(account, kind):
                    accounts[recorded.book][account] = (version, kind)
                    opened.append(
                        {"account": account, "book_number": book_number, "number": version, "kind": kind.value}
                    )
                case AccountMerged(account, into):
                    merges.append({"book_number": book_number, "version": version, "account": account, "into": into})
                case _:
                    pass
        insert_in_bulk(connection, self.accounts, opened)
        insert_in_bulk(connection, self.merges, merges)
        of_number = {number: book for book, number in books.items()}
        columns = self.accounts.c
        for chunk in in_chunks(sorted(reading.posted)):
            found = select(columns.account, columns.book_number, columns.number, columns.kind)
            for account, book_number, number, kind in connection.execute(found.where(columns.account.in_(chunk))):
                if book_number in of_number:
                    accounts[of_number[book_number]][account] = (number, Kind(kind))
        return Numbers(books, accounts)

    def of(self, connection: Connection, book: BookId, known: int | None) -> BookChart | None:
        """The chart of a book as known at a version; None where the book has no events here."""
        number = self.books.of(connection, book, known)
        if number is None:
            return None
        columns = self.merges.c
        merges = select(columns.account, columns.into).where(
            columns.book_number == number, columns.version <= (NEVER if known is None else known)
        )
        merged = {row.account: row.into for row in connection.execute(merges)}
        stands_in: dict[AccountId, AccountId] = {}
        for account in merged:
            into = merged[account]
            while into in merged:
                into = merged[into]
            stands_in[account] = into
        accounts = connection.execute(
            select(self.accounts.c.number, self.accounts.c.account).where(self.accounts.c.book_number == number)
        )
        return BookChart(number, {n: stands_in.get(account, account) for n, account in accounts}, stands_in)

    def numbers_of_kinds(self, connection: Connection, number: int, kinds: Collection[Kind]) -> set[int]:
        """The numbers of the accounts of these kinds in the book with the number `number`."""
        columns = self.accounts.c
        wanted = columns.kind.in_([kind.value for kind in kinds])
        return set(connection.scalars(select(columns.number).where(columns.book_number == number, wanted)))

    def purge(self, connection: Connection, book: BookId, tables: Sequence[Table]) -> None:
        """Remove the book from the chart, and its rows from `tables`, which carry its number as `book_number`."""
        self.books.purge(connection, book, (*tables, self.merges, self.accounts))
