"""Answers to commands, told by the events they made: the same whether just committed or replayed from the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.book import BookEvent, BookId, BookOpened
from domain.budgets import BudgetSet
from domain.ledger import AccountOpened, ImportCommitted, TransactionAmended, TransactionRecorded
from domain.recorded import Recorded
from domain.rules import RuleSet


@dataclass(frozen=True, slots=True)
class Result:
    """What one command of a unit came to: the book's version after it, and the ids of what it made."""

    version: int
    made: dict[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """A unit is durable. `hash` is the head's, in hexadecimal: a receipt for everything up to `version`.

    `results` has one entry for each command of the unit, `replayed` tells a repeat of an earlier key.
    """

    book: BookId
    version: int
    position: int
    hash: str
    recorded_at: datetime
    results: tuple[Result, ...]
    replayed: bool = False


def command_id(unit_id: str, index: int, size: int) -> str:
    """The id of the `index`-th command of a unit: the unit's own where it is the only one, else numbered below it."""
    return unit_id if size == 1 else f"{unit_id}/{index}"


def made_by(events: Sequence[BookEvent]) -> dict[str, str]:
    """The ids of what one command's events made, by the name the outside has for them."""
    made: dict[str, str] = {}
    for event in events:
        match event:
            case BookOpened():
                return {"book": event.book}
            case TransactionRecorded() | TransactionAmended():
                made["transaction_id"] = event.transaction
            case AccountOpened():
                made["account_id"] = event.account
            case BudgetSet():
                made["budget_id"] = event.budget
            case ImportCommitted():
                made["import_id"] = event.import_id
            case RuleSet():
                made["rule_id"] = event.rule
            case _:
                pass  # makes nothing that is asked for by an id
    return made


def replayed_results(recorded: Sequence[Recorded], version_before: int, commands: int) -> tuple[Result, ...]:
    """The results of a unit of so many commands from its events: each event tells which command made it."""
    by_index: dict[int, list[Recorded]] = {}
    for event in recorded:
        _, slash, place = event.command_id.rpartition("/")
        by_index.setdefault(int(place) if slash else 0, []).append(event)
    results: list[Result] = []
    version = version_before
    for index in range(commands):
        events = by_index.get(index, [])
        version = events[-1].version if events else version
        results.append(Result(version, made_by([event.event for event in events])))
    return tuple(results)
