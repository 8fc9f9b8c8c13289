"""Rules: what a household said about where movements go, in the order in which it is tried, as known at any version.

Every row is what one event said; who asks gets the rows folded up to the version asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, SmallInteger, Table, delete, select

from domain.book import BookId
from domain.ledger import RuleId
from domain.money import Amount, commodity
from domain.recorded import Recorded
from domain.rules import Direction, Rule, RuleRemoved, RuleSet
from projections.reading import read
from projections.readmodel import NEVER, CText, insert_in_bulk

NAME, VERSION = "rules", 1

metadata = MetaData()
said_of_rules = Table(
    f"{NAME}_v{VERSION}_said",
    metadata,
    Column("book", CText, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("rule", CText, nullable=False),
    Column("category", CText),
    Column("account", CText),
    Column("direction", CText),
    Column("at_least_minor", BigInteger),
    Column("at_most_minor", BigInteger),
    Column("commodity", CText),
    Column("scale", SmallInteger),
    Column("payee", CText),
    Column("memo", CText),
    sqlite_with_rowid=False,
)
"""A setting has a category; a row without one removes its rule. Both bounds are of the one commodity."""


def apply(connection: Connection, batch: Sequence[Recorded]) -> None:
    """Keep what was said of rules."""
    said: list[dict[str, Any]] = []
    for recorded in read(batch).others:
        match recorded.event:
            case RuleSet() as event:
                said.append(_said(recorded, event.rule, **_facts(event)))
            case RuleRemoved(rule):
                said.append(_said(recorded, rule))
            case _:
                pass
    insert_in_bulk(connection, said_of_rules, said)


def _said(recorded: Recorded, rule: RuleId, **facts: object) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(column.name for column in said_of_rules.columns)
    return row | {"book": recorded.book, "version": recorded.version, "rule": rule} | facts


def _facts(event: RuleSet) -> dict[str, object]:
    bound = event.at_least or event.at_most
    unit = None if bound is None else bound.commodity
    return {
        "category": event.category,
        "account": event.account,
        "direction": None if event.direction is None else event.direction.value,
        "at_least_minor": None if event.at_least is None else event.at_least.minor,
        "at_most_minor": None if event.at_most is None else event.at_most.minor,
        "commodity": None if unit is None else unit.code,
        "scale": None if unit is None else unit.scale,
        "payee": event.payee,
        "memo": event.memo,
    }


def purge(connection: Connection, book: BookId) -> None:
    """Remove a book's rules, and the words in them."""
    connection.execute(delete(said_of_rules).where(said_of_rules.c.book == book))


def rules(connection: Connection, book: BookId, known: int | None = None) -> list[Rule]:
    """The rules of a book in the order in which they are tried, as known at version `known`; None for now.

    A category is told as it was said, also where it was merged into another since.
    """
    said = (
        select(said_of_rules)
        .where(said_of_rules.c.book == book, said_of_rules.c.version <= (NEVER if known is None else known))
        .order_by(said_of_rules.c.version)
    )
    standing: dict[RuleId, Rule] = {}
    for row in connection.execute(said):
        if row.category is None:
            standing.pop(row.rule, None)
            continue
        low, high = [
            None if minor is None else Amount(minor, commodity(row.commodity, row.scale))
            for minor in (row.at_least_minor, row.at_most_minor)
        ]
        direction = None if row.direction is None else Direction(row.direction)
        # Under an id that stands, a dict keeps the place: so does a book.
        standing[row.rule] = Rule(row.rule, row.category, row.account, direction, low, high, row.payee, row.memo)
    return list(standing.values())
