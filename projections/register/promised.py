"""Promised: what purchases in instalments still have to come, told from the rows that have come already.

Nothing of it is ever posted: rows not seen yet are taken equal to the last one seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import orjson
from sqlalchemy import Connection, and_, func, select

from domain.book import BookId
from domain.ledger import FIRST_DAY, LAST_DAY, AccountId, Kind
from domain.money import Amount, commodity
from projections.register.asking import standing
from projections.register.tables import chart, entries, instalments


@dataclass(frozen=True, slots=True)
class Promise:
    """What is left of one purchase, in minor units, positive where it is owed.

    `k` of `n` instalments have been seen, the last one by `payee` on `account`; `left` of `each` are to come, together
    `amount`.
    """

    purchase: str
    account: AccountId
    payee: str
    k: int
    n: int
    each: Amount
    left: int
    amount: Amount


def promised(connection: Connection, book: BookId, as_of: date, known: int | None = None) -> list[Promise]:
    """Every purchase in instalments with rows still to come, by the rows that stand and are dated by `as_of`.

    The row with the highest `k` tells of all that follow; where two rows stand for it, the one recorded last does. The
    size is that of its first posting on an own account: a category says what it was for, not what is owed. `known`:
    the last book version to take into account, None for all. Sorted by purchase; empty for a book without events.
    """
    places = chart.of(connection, book, known)
    if places is None:
        return []
    own = chart.numbers_of_kinds(connection, places.number, (Kind.ASSETS, Kind.LIABILITIES))
    columns = instalments.c
    seen = standing(instalments, places.number, (FIRST_DAY, min(as_of, LAST_DAY)), known)
    last = (
        select(columns.purchase, func.max(columns.k).label("k"))
        .where(*seen)
        .group_by(columns.purchase)
        .having(func.max(columns.k) < func.max(columns.n))
        .subquery()
    )
    same = [entries.c[name] == columns[name] for name in ("book_number", "date", "version")]
    rows = (
        select(columns.purchase, columns.k, columns.n, entries.c.body)
        .join(last, and_(columns.purchase == last.c.purchase, columns.k == last.c.k))
        .join(entries, and_(*same))
        .where(*seen)
        .order_by(columns.purchase, columns.version)
    )
    found: dict[str, Promise] = {}
    for purchase, k, n, body in connection.execute(rows):
        payee, *_, postings = orjson.loads(body)
        number, minor, code, scale = next((p for p in postings if p[0] in own), postings[0])[:4]
        unit, left = commodity(code, scale), n - k
        each, amount = Amount(-minor, unit), Amount(-minor * left, unit)
        found[purchase] = Promise(purchase, places.accounts[number], payee, k, n, each, left, amount)
    return [promise for promise in found.values() if promise.left > 0]
