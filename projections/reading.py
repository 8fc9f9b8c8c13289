"""A batch read once for all read models: which books it speaks of, what money it moves, and what else was said.

Every figure needs the same few facts of every event. They are gathered in one pass and kept for as long as the same
events are asked for again, which is when the next read model folds the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from operator import is_
from typing import NamedTuple

from domain.book import BookId
from domain.ledger import AccountId, Posting
from domain.ledger.changes import Change, change_of
from domain.recorded import Recorded


class Move(NamedTuple):
    """What one event put (`sign` 1) or took back (-1) on a day: `day` and the first of its `month` in ISO 8601.

    `amounts`: account, commodity code, its scale, and minor units with the sign in them; each account and commodity
    once.
    """

    book: BookId
    version: int
    sign: int
    day: str
    month: str
    amounts: list[tuple[AccountId, str, int, int]]


@dataclass(slots=True)
class Reading:
    """`firsts`: of each book the position of its first event here; `changes`: the events that change a transaction;
    `posted`: the accounts that money moved on; `others`: the events that move none.
    """

    firsts: dict[BookId, int] = field(default_factory=dict)
    changes: list[tuple[Recorded, Change]] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    posted: set[AccountId] = field(default_factory=set)
    others: list[Recorded] = field(default_factory=list)


_latest: tuple[tuple[Recorded, ...], Reading] = ((), Reading())


def read(batch: Sequence[Recorded]) -> Reading:
    """The batch's facts. Not to be changed by who asks: the next read model gets the same."""
    global _latest
    kept, reading = _latest
    # The very same events, one by one: a list can be filled anew, an event never changes.
    if len(kept) == len(batch) and all(map(is_, kept, batch)):
        return reading
    reading = _read(batch)
    _latest = (tuple(batch), reading)
    return reading


def forget() -> None:
    """Let go of the latest batch, which may hold what a person wanted erased."""
    global _latest
    _latest = ((), Reading())


def _read(batch: Sequence[Recorded]) -> Reading:
    reading = Reading()
    firsts, moves = reading.firsts, reading.moves
    days: dict[date, tuple[str, str]] = {}
    for recorded in batch:
        book = recorded.book
        if book not in firsts:
            firsts[book] = recorded.position
        change = change_of(recorded.event)
        if change is None:
            reading.others.append(recorded)
            continue
        reading.changes.append((recorded, change))
        for sign, standing in ((-1, change.was), (1, change.becomes)):
            if standing is not None:
                day, month = _texts(days, standing.day)
                amounts = _amounts(standing.postings, sign, reading.posted)
                moves.append(Move(book, recorded.version, sign, day, month, amounts))
    return reading


def _texts(days: dict[date, tuple[str, str]], day: date) -> tuple[str, str]:
    texts = days.get(day)
    if texts is None:
        text = day.isoformat()
        texts = days[day] = text, f"{text[:8]}01"
    return texts


def _amounts(postings: tuple[Posting, ...], sign: int, posted: set[AccountId]) -> list[tuple[AccountId, str, int, int]]:
    if len(postings) == 2:  # nearly every transaction, and nearly every one of these is on two accounts
        one, other = postings
        if one.account != other.account:
            posted.add(one.account)
            posted.add(other.account)
            put, met = one.amount, other.amount
            return [
                (one.account, put.commodity.code, put.commodity.scale, sign * put.minor),
                (other.account, met.commodity.code, met.commodity.scale, sign * met.minor),
            ]
    summed: dict[tuple[AccountId, str, int], int] = {}
    for posting in postings:
        posted.add(posting.account)
        unit = posting.amount.commodity
        place = (posting.account, unit.code, unit.scale)
        summed[place] = summed.get(place, 0) + sign * posting.amount.minor
    return [(*place, minor) for place, minor in summed.items()]
