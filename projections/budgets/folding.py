"""How events change the budgets' tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from domain.book import BookId
from domain.budgets import BudgetChanged, BudgetEnded, BudgetId, BudgetSet
from domain.ledger import FIRST_DAY, AccountOpened, AccountRenamed, ImportUndone
from domain.recorded import Recorded
from projections.budgets.tables import chart, names_said, raised, said, sums, undone, watched
from projections.budgets.watching import watch
from projections.reading import read
from projections.readmodel import insert_in_bulk


def apply(connection: Connection, batch: Sequence[Recorded]) -> None:
    """Add the batch's postings on categories to the sums, keep what was said of budgets and names, raise alerts."""
    numbers = sums.apply(connection, batch)
    budgets_new: list[dict[str, Any]] = []
    names_new: list[dict[str, Any]] = []
    undone_new: list[dict[str, Any]] = []
    for recorded in read(batch).others:
        place = {"book_number": numbers[recorded.book], "version": recorded.version}
        match recorded.event:
            case AccountOpened() | AccountRenamed() as event:
                if not isinstance(event, AccountOpened) or event.kind.is_category:
                    names_new.append(place | {"account": event.account, "name": event.name})
            case BudgetSet(budget, account, limit, period, name, import_id):
                budgets_new.append(
                    place
                    | _said(
                        budget,
                        limit_minor=limit.minor,
                        valid_from=FIRST_DAY,
                        account=account,
                        commodity=limit.commodity.code,
                        scale=limit.commodity.scale,
                        every=period.every.value,
                        each=period.count,
                        start=period.start,
                        name=name,
                        import_id=import_id,
                    )
                )
            case BudgetChanged(budget, limit, valid_from, import_id):
                changed = _said(budget, limit_minor=limit.minor, valid_from=valid_from, import_id=import_id)
                budgets_new.append(place | changed)
            case BudgetEnded(budget, on, import_id):
                budgets_new.append(place | _said(budget, ended_on=on, import_id=import_id))
            case ImportUndone(import_id):
                undone_new.append(place | {"import_id": import_id})
            case _:
                pass
    insert_in_bulk(connection, said, budgets_new)
    insert_in_bulk(connection, undone, undone_new)
    insert_in_bulk(connection, names_said, names_new)
    watch(connection, batch, numbers)


def _said(budget: BudgetId, **values: object) -> dict[str, Any]:
    row: dict[str, Any] = {column.name: None for column in said.columns if column not in set(said.primary_key)}
    return row | {"budget": budget} | values


def purge(connection: Connection, book: BookId) -> None:
    """Remove a book's budgets, what was spent of them, and what was raised about them."""
    raised.purge(connection, book)
    chart.purge(connection, book, (sums.months, sums.changes, names_said, said, undone, watched))
