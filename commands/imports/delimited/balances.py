"""Balances that a file tells beside its rows: taken as the bank's word only where the rows add up to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from commands.imports.reading import Reason
from domain.money import Amount, commodity


class Step(NamedTuple):
    """A row of the file on the way to its last balance: what it moved (None: not known) and what was told then, both in
    minor units with their decimal places.

    `row` is its number, of a row that only tells a balance that of the row before.
    """

    row: int
    day: date | None
    moved: tuple[int, int] | None
    balance: tuple[int, int] | None


def last_balance(steps: Sequence[Step], currency: str) -> tuple[Amount | None, date | None, Reason | None]:
    """The latest balance and its day, whether the file begins with the oldest or the newest row; nothing but a remark
    where the balances are not what the rows add up to.
    """
    if all(step.balance is None for step in steps):
        return None, None, None
    days = [step.day for step in steps if step.day is not None]
    oldest_first, newest_first = list(steps), list(reversed(steps))
    if days and days[0] != days[-1]:
        ways = [oldest_first if days[0] < days[-1] else newest_first]
    else:
        ways = [oldest_first, newest_first]
    scale = max(figure[1] for step in steps for figure in (step.moved, step.balance) if figure is not None)
    wrong = [_wrong_at(way, scale) for way in ways]
    told = {_stated(way, scale, currency) for way, row in zip(ways, wrong, strict=True) if row is None}
    if len(told) == 1:
        return *told.pop(), None
    if told:
        return None, None, None  # rows of one day that add up in either order: which is the last is not certain
    return None, None, Reason("running_balance_does_not_add_up", {"row": wrong[0]})


def adds_up(rows: Sequence[tuple[Decimal, Decimal]]) -> bool:
    """Whether each balance is the one before and what its row moved, the oldest row first or the newest."""
    return any(
        all(old + moved == new for (_, old), (moved, new) in pairwise(way)) for way in (rows, list(reversed(rows)))
    )


def _wrong_at(steps: Sequence[Step], scale: int) -> int | None:
    """The first row whose balance is not the one before and what it moved."""
    held: int | None = None
    for step in steps:
        if step.moved is None:
            held = None
        elif held is not None:
            held += _minor(step.moved, scale)
        if step.balance is not None:
            told = _minor(step.balance, scale)
            if held is not None and held != told:
                return step.row
            held = told
    return None


def _stated(steps: Sequence[Step], scale: int, currency: str) -> tuple[Amount | None, date | None]:
    """The balance at the end of the last day that it is told for; none where more was moved on that day."""
    at = max(place for place, step in enumerate(steps) if step.balance is not None)
    balance = steps[at].balance
    on = steps[at].day or max([step.day for step in steps[: at + 1] if step.day is not None], default=None)
    if balance is None or on is None or any(step.day is None or step.day <= on for step in steps[at + 1 :]):
        return None, None
    return Amount(_minor(balance, scale), commodity(currency, scale)), on


def _minor(figure: tuple[int, int], scale: int) -> int:
    minor, places = figure
    return minor if places == scale else minor * int(10 ** (scale - places))
