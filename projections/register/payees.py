"""Payees: where money went and came from in a span of days, one line a payee however it was spelled.

Spellings that are alike are one payee; what its figure is made of are the transactions of all of them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import orjson
from sqlalchemy import Connection, select

from domain.book import BookId
from domain.ledger import LAST_DAY, AccountId, Kind
from domain.money import Amount, commodity
from domain.words import words
from projections.register.asking import standing
from projections.register.likeness import likeness
from projections.register.tables import chart, entries


@dataclass(frozen=True, slots=True)
class Payee:
    """What moved with a payee in one commodity, in minor units: spending positive, earning negative.

    `payee` is its most frequent spelling; `words` are those that all its spellings have in common, in order: none only
    where the payee has no word at all. `count`: its transactions, `uncategorized` those not yet told what for.
    """

    payee: str
    words: tuple[str, ...]
    amount: Amount
    count: int
    uncategorized: int


@dataclass(frozen=True, slots=True)
class Payees:
    """The payees, and of all transactions with a category how many are told what for."""

    items: list[Payee]
    transactions: int
    categorized: int


def payees(
    connection: Connection,
    book: BookId,
    first: date,
    last: date,
    uncategorized: Collection[AccountId],
    known: int | None = None,
) -> Payees:
    """With whom money moved in the transactions from `first` to `last` that stand and post to a category.

    The amount is the net of the category postings. A transaction counts as `uncategorized` where one of these stands
    on an account of that set. `known`: the last book version to take into account, None for all. By commodity code,
    the largest spending first, then by spelling; none for a book without events.
    """
    places = chart.of(connection, book, known)
    if places is None:
        return Payees([], 0, 0)
    categories = chart.numbers_of_kinds(connection, places.number, (Kind.INCOME, Kind.EXPENSES))
    untold = {number for number in categories if places.accounts[number] in uncategorized}
    bodies = select(entries.c.body).where(*standing(entries, places.number, (first, min(last, LAST_DAY)), known))
    spelled: dict[tuple[str, str, int], list[int]] = {}
    transactions = categorized = 0
    for body in connection.scalars(bodies):
        payee, *_, postings = orjson.loads(body)
        sums: dict[tuple[str, int], int] = {}
        is_untold = False
        for number, minor, code, scale, *_ in postings:
            if number in categories:
                sums[code, scale] = sums.get((code, scale), 0) + minor
                is_untold = is_untold or number in untold
        if not sums:
            continue
        transactions += 1
        categorized += not is_untold
        for (code, scale), minor in sums.items():
            line = spelled.setdefault((payee, code, scale), [0, 0, 0])
            line[0] += minor
            line[1] += 1
            line[2] += is_untold
    return Payees(_grouped(spelled), transactions, categorized)


def _grouped(spelled: dict[tuple[str, str, int], list[int]]) -> list[Payee]:
    sums: dict[tuple[str, str, int], list[int]] = {}
    shown: dict[tuple[str, str, int], tuple[int, str]] = {}
    shared: dict[str, list[str]] = {}
    for (payee, code, scale), (minor, count, untold) in spelled.items():
        alike = likeness(payee)
        place = (alike, code, scale)
        own = words(payee)
        shared[alike] = [word for word in shared.get(alike, alike.split()) if word in own]
        # Of spellings as frequent as each other the first by its characters, so that the answer is always the same.
        spelling = (-count, payee)
        held = sums.get(place)
        if held is None:
            sums[place], shown[place] = [minor, count, untold], spelling
            continue
        held[0] += minor
        held[1] += count
        held[2] += untold
        shown[place] = min(shown[place], spelling)
    found = [
        Payee(shown[place][1], tuple(shared[place[0]]), Amount(minor, commodity(*place[1:])), count, untold)
        for place, (minor, count, untold) in sums.items()
    ]
    return sorted(found, key=lambda line: (line.amount.commodity.code, -line.amount.minor, line.payee))
