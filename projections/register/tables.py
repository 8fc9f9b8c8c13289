"""The register's tables: states of transactions, what each changes on an account, and its months."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
)

from projections.chart import Chart
from projections.readmodel import CText

NAME, VERSION = "register", 2

metadata = MetaData()
chart = Chart(NAME, VERSION, metadata)
entries = Table(
    f"{NAME}_v{VERSION}_entries",
    metadata,
    Column("book_number", BigInteger),
    Column("date", Date),
    Column("version", Integer),
    Column("until", Integer, nullable=False),
    Column("transaction", CText, nullable=False),
    Column("words", CText, nullable=False),
    Column("body", CText, nullable=False),
    PrimaryKeyConstraint("book_number", "date", "version"),
    sqlite_with_rowid=False,
)
"""The states of transactions: each stands from `version` until the version before `until`.

`words` are the normalised words of payee, memo and tags, each after a space; `body` is JSON: payee, memo, tags, links,
import, corrected transaction, instalment, postings.
"""
instalments = Table(
    f"{NAME}_v{VERSION}_instalments",
    metadata,
    Column("book_number", BigInteger),
    Column("purchase", CText),
    Column("k", Integer),
    Column("version", Integer),
    Column("until", Integer, nullable=False),
    Column("date", Date, nullable=False),
    Column("n", Integer, nullable=False),
    PrimaryKeyConstraint("book_number", "purchase", "k", "version"),
    sqlite_with_rowid=False,
)
"""The states of transactions that are the `k`-th of `n` instalments of a purchase: how far each purchase has come."""
lines = Table(
    f"{NAME}_v{VERSION}_lines",
    metadata,
    Column("book_number", BigInteger),
    Column("minor", BigInteger, nullable=False),
    Column("account", Integer),
    Column("date", Date),
    Column("version", Integer),
    Column("until", Integer, nullable=False),
    Column("scale", SmallInteger, nullable=False),
    Column("commodity", CText),
    PrimaryKeyConstraint("book_number", "account", "date", "version", "commodity"),
    sqlite_with_rowid=False,
)
"""What each state of a transaction changes on each account: what an account's pages are found and summed by."""
months = Table(
    f"{NAME}_v{VERSION}_months",
    metadata,
    Column("book_number", BigInteger),
    Column("account", Integer),
    Column("month", Date),
    Column("commodity", CText),
    Column("scale", SmallInteger, nullable=False),
    Column("minor", BigInteger, nullable=False),
    PrimaryKeyConstraint("book_number", "account", "month", "commodity"),
    sqlite_with_rowid=False,
)
"""What stands on each account, by month: a running balance begins from a few rows."""
