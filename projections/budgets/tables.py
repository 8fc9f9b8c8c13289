"""The tables of the budgets, and the sums and chart beneath them: what was said, what was spent, what was raised."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, Integer, MetaData, SmallInteger, Table

from projections.chart import Chart
from projections.raised import RaisedAlerts
from projections.readmodel import CText
from projections.sums import Sums

NAME, VERSION = "budgets", 3

metadata = MetaData()
chart = Chart(NAME, VERSION, metadata)
sums = Sums(NAME, VERSION, metadata, chart, counted=lambda kind, account: account if kind.is_category else None)
names_said = Table(
    f"{NAME}_v{VERSION}_names",
    metadata,
    Column("book_number", BigInteger, primary_key=True, autoincrement=False),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("account", CText, nullable=False),
    Column("name", CText, nullable=False),
    sqlite_with_rowid=False,
)
said = Table(
    f"{NAME}_v{VERSION}_said",
    metadata,
    Column("book_number", BigInteger, primary_key=True, autoincrement=False),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("budget", CText, nullable=False),
    Column("limit_minor", BigInteger),
    Column("valid_from", Date),
    Column("ended_on", Date),
    Column("account", CText),
    Column("commodity", CText),
    Column("scale", SmallInteger),
    Column("every", CText),
    Column("each", SmallInteger),
    Column("start", Date),
    Column("name", CText),
    Column("import_id", CText),
    sqlite_with_rowid=False,
)
"""What each event said of a budget; what is null it did not speak of, and a setting has an account."""
undone = Table(
    f"{NAME}_v{VERSION}_undone",
    metadata,
    Column("book_number", BigInteger, primary_key=True, autoincrement=False),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("import_id", CText, nullable=False),
    sqlite_with_rowid=False,
)
"""The imports that were undone: nothing that they said of budgets stands from then on."""
watched = Table(
    f"{NAME}_v{VERSION}_watched",
    metadata,
    Column("book_number", BigInteger, primary_key=True, autoincrement=False),
    Column("time_zone", CText, nullable=False),
    Column("state", CText, nullable=False),
    sqlite_with_rowid=False,
)
"""Of each book its zone, and where its budgets stand in their current periods (see `watching`)."""
raised = RaisedAlerts(NAME, VERSION, metadata)
