"""Open stores and units of work for tests of the event store. Everything here is the real part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from commands.ports import NO_CLAIMS, Asked, Claims, Clock, Committed, Head, IdempotencyKey, Outcome, Unit
from domain.book import BookEvent, BookId, BookOpened
from domain.ledger import AccountId, Posting, TransactionId, TransactionRecorded
from domain.money import Amount, commodity
from infra.clock import SystemClock, TimeOrderedIds
from infra.keys import KeyFile
from infra.store import SqlEventStore

HOME = BookId("018f0000-0000-7000-8000-000000000001")
OFFICE = BookId("018f0000-0000-7000-8000-000000000002")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

BRL = commodity("BRL", 2)


@contextmanager
def opened(
    url: str, keys: Path, clock: Clock | None = None, books: Iterable[BookId] = (HOME, OFFICE)
) -> Iterator[SqlEventStore]:
    """An open store, with keys for `books`."""
    with_keys = KeyFile(keys)
    for book in books:
        with_keys.create(book)
    store = SqlEventStore(url, with_keys, clock or SystemClock(), TimeOrderedIds())
    try:
        yield store
    finally:
        store.close()


def bought(number: int, payee: str = "Padaria do Zé") -> TransactionRecorded:
    """A purchase whose transaction id, amount and day tell its number."""
    amount = Amount(number + 1, BRL)
    return TransactionRecorded(
        TransactionId(f"t-{number}"),
        date(2026, 1 + number % 12, 1 + number % 28),
        (Posting(AccountId("a-food"), amount), Posting(AccountId("a-checking"), -amount)),
        payee=payee,
        memo=f"bread {number}",
    )


def opening(book: BookId = HOME, name: str = "Home") -> BookOpened:
    return BookOpened(book, "BRL", "America/Sao_Paulo", name)


def unit(
    book: BookId,
    after_version: int,
    *happened: BookEvent,
    key: IdempotencyKey | None = None,
    claims: Claims = NO_CLAIMS,
) -> Unit:
    """Events decided on a version of a book, each made by a command of its own."""
    ids = TimeOrderedIds()
    command_ids = [ids.new() for _ in happened]
    correlation_id = ids.new()
    asked = Asked("owner", command_ids[0] if command_ids else correlation_id, correlation_id, correlation_id, key)
    return Unit(book, after_version, tuple(zip(command_ids, happened, strict=True)), asked, claims)


def key(text: str, payload: bytes = b"payload", scope: str = "owner") -> IdempotencyKey:
    return IdempotencyKey(scope, text, payload.rjust(32, b"."))


def append(store: SqlEventStore, units: Sequence[Unit], bases: Mapping[BookId, Head | None]) -> tuple[Outcome, ...]:
    """Commit units and give what became of each."""
    return store.commit(units, bases).outcomes


def recorded(store: SqlEventStore, book: BookId, *happened: BookEvent) -> Head:
    """Append events where the book stands now."""
    base = store.head(book)
    (outcome,) = store.commit([unit(book, base.version if base else 0, *happened)], {book: base}).outcomes
    assert isinstance(outcome, Committed), outcome
    return outcome.head
