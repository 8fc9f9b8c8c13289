"""An import service on real parts, in a folder of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path

from commands.books import open_book
from commands.bus import CommandBus
from commands.imports import ImportAnswer, ImportService
from commands.ports import Asked, IdempotencyKey
from domain.book import Book, BookCommand, BookId
from domain.ledger import TransactionAmended, TransactionId, TransactionRecorded
from infra.clock import FixedClock, TimeOrderedIds
from infra.keys import KeyFile
from infra.pending import SqlPendingImports
from infra.snapshots import SqlSnapshots
from infra.store import SqlEventStore

SAMPLES = Path(__file__).parents[2] / "samples"
NOW = datetime(2026, 10, 2, 12, tzinfo=UTC)


@dataclass(slots=True)
class Desk:
    """A person at their desk: one book, its imports, and the commands beside them."""

    book: BookId
    bus: CommandBus
    store: SqlEventStore
    imports: ImportService
    pending: SqlPendingImports
    _asked: Iterator[int] = field(default_factory=lambda: count(1))

    def asked(self, key: str | None = None, said: bytes = b"commit") -> Asked:
        number = f"c-{next(self._asked)}"
        named = IdempotencyKey(f"local/{self.book}", key, said) if key is not None else None
        return Asked("local", number, number, number, named)

    def do(self, *commands: BookCommand) -> None:
        self.bus.submit(self.book, commands, self.asked()).result(60)

    def bring(self, file: Path | bytes, name: str = "statement.ofx", account: str | None = None) -> ImportAnswer:
        """Preview and commit, as a person who finds nothing wrong."""
        raw = file if isinstance(file, bytes) else file.read_bytes()
        name = name if isinstance(file, bytes) else file.name
        preview = self.imports.preview(self.book, raw, name, account)
        return self.imports.commit(self.book, preview.import_id, self.asked())

    def balances(self) -> dict[tuple[str, str], Decimal]:
        """What every account holds over all time, by name and commodity, zero left out."""

        def look(book: Book) -> dict[tuple[str, str], Decimal]:
            return {
                (book.ledger.accounts[account].name, code): Decimal(minor).scaleb(-book.ledger.commodities[code].scale)
                for (account, code), minor in book.ledger.holdings.items()
                if minor
            }

        return self.bus.inspect(self.book, look).result(60)

    def transactions(self) -> int:
        return self.bus.inspect(self.book, lambda book: len(book.ledger.standing)).result(60)


@dataclass(frozen=True, slots=True)
class LogWords:
    """Words of transactions, read from the log itself."""

    store: SqlEventStore

    def of(
        self, book: BookId, transactions: Collection[TransactionId], min_version: int
    ) -> dict[TransactionId, tuple[str, str]]:
        told: dict[TransactionId, tuple[str, str]] = {}
        for recorded in self.store.read_book(book, 0, 100_000):
            match recorded.event:
                case TransactionRecorded() | TransactionAmended() as event if event.transaction in transactions:
                    told[event.transaction] = (event.payee, event.memo)
                case _:
                    pass
        head = self.store.head(book)
        assert head is not None
        assert min_version <= head.version
        return told


@contextmanager
def desk(folder: Path, commodity: str = "USD", url: str | None = None) -> Iterator[Desk]:
    clock, ids = FixedClock(NOW), TimeOrderedIds()
    keys = KeyFile(folder / "keys")
    store = SqlEventStore(url or f"sqlite:///{folder / 'events.db'}", keys, clock, ids)
    bus = CommandBus(store, keys, SqlSnapshots(store.writing, store.reading, keys))
    try:
        asked = Asked("local", "c-0", "c-0", "c-0")
        book = open_book(bus, ids, asked, "Home", commodity, "America/Sao_Paulo").result(60).book
        pending = SqlPendingImports(store.writing, store.reading)
        yield Desk(book, bus, store, ImportService(bus, store, keys, ids, clock, pending, LogWords(store)), pending)
    finally:
        bus.close()
        store.close()
