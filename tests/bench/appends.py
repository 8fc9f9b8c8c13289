"""Appends to the store by batch size, and commands through the bus, in process."""

from __future__ import annotations

import time
from collections.abc import Iterator

from commands.ports import Committed, Head, Unit
from domain.book import BookId
from domain.ledger import RecordTransaction, TransactionRecorded
from tests.bench.made import ids, opening, small_chart, transactions
from tests.bench.places import Place, asked, rate


def measure(place: Place, quick: bool) -> Iterator[tuple[str, str]]:
    for batch, count in ((1, 3_000), (10, 20_000), (100, 50_000), (1_000, 50_000)):
        yield f"events appended, batches of {batch:,}", _appends(place, batch, count // (10 if quick else 1))
    for group in (100, 1_000):
        yield (
            f"transactions in process through the bus, groups of {group:,}",
            _commands(place, group, 5_000 if quick else 50_000),
        )


def _appends(place: Place, batch: int, count: int) -> str:
    """The store alone: encoded, sealed, hashed, durable; no decision."""
    with place.parts() as parts:
        book = BookId(ids.new())
        parts.keys.create(book)
        checking, categories, _ = small_chart()
        events = [_recorded(command) for command in transactions(count, checking, categories)]
        head: Head | None = None
        started = time.perf_counter()
        for place_ in range(0, count, batch):
            why = asked()
            version = head.version if head is not None else 0
            units = [
                Unit(book, version + i, ((why.command_id, event),), why)
                for i, event in enumerate(events[place_ : place_ + batch])
            ]
            outcome = parts.store.commit(units, {book: head}).outcomes[-1]
            assert isinstance(outcome, Committed)
            head = outcome.head
        return rate(count, time.perf_counter() - started)


def _recorded(command: RecordTransaction) -> TransactionRecorded:
    return TransactionRecorded(
        command.transaction, command.date, command.postings, payee=command.payee, memo=command.memo
    )


def _commands(place: Place, group: int, count: int) -> str:
    """Everything of a command but the door: queued, decided, encoded, durable, answered."""
    with place.parts() as parts:
        book = BookId(ids.new())
        parts.keys.create(book)
        checking, categories, opened = small_chart()
        parts.bus.submit(book, [opening(book, "bench"), *opened], asked()).result()
        commands = list(transactions(count, checking, categories))
        started = time.perf_counter()
        answers = [parts.bus.submit(book, commands[i : i + group], asked()) for i in range(0, count, group)]
        for answer in answers:
            answer.result()
        return rate(count, time.perf_counter() - started)
