"""Ports: what commands need of the world, and nothing of how it is done.

Each port has one contract suite in `tests/contract`, run on every implementation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from domain.book import Book, BookEvent, BookId
from domain.errors import Rejected
from domain.ledger import AccountId, Posting, TransactionId
from domain.recorded import Recorded


@dataclass(frozen=True, slots=True)
class Head:
    """Where a book's stream ends: its last version, that event's hash, store position and moment (UTC)."""

    version: int
    hash: bytes
    position: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A client's key: `scope` is the principal and book, or the principal and path where a book is made or named.
    `fingerprint` is an HMAC, under the installation's key, of route and body as the client sent them.
    """

    scope: str
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, and why: the part of every event's envelope that a command brings."""

    actor: str
    command_id: str
    correlation_id: str
    causation_id: str
    key: IdempotencyKey | None = None


@dataclass(frozen=True, slots=True)
class Claims:
    """What a unit does to reservations, the store-wide facts that a book's own state cannot guard.

    A reservation is (scope, fingerprint), held for a holder: an imported row for its transaction (scope: the book), a
    book's name for the book (scope `BOOK_NAMES`), a bank's account for the book that its statements go to (scope
    `BANK_ACCOUNTS`). `holds` are (scope, fingerprint, holder); `releases` free what the
    holders (scope, holder) have; `tombstones` keep it taken though the holder is gone, for a person deleted that row.
    """

    holds: tuple[tuple[str, str, str], ...] = ()
    releases: tuple[tuple[str, str], ...] = ()
    tombstones: tuple[tuple[str, str], ...] = ()


BOOK_NAMES = "book-names"
BANK_ACCOUNTS = "bank-accounts"
NO_CLAIMS = Claims()


@dataclass(frozen=True, slots=True)
class Unit:
    """A command, or an atomic group of them, decided: it is appended whole or not at all.

    `events` are pairs of the command's id and what it made happen, in order; `after_version` is the version of its
    book that it was decided on. Units of one book in one batch stand on each other.
    """

    book: BookId
    after_version: int
    events: tuple[tuple[str, BookEvent], ...]
    asked: Asked
    claims: Claims = NO_CLAIMS


@dataclass(frozen=True, slots=True)
class Committed:
    """The unit is durable; `head` is its book's head after it."""

    head: Head


@dataclass(frozen=True, slots=True)
class Known:
    """The unit's key was used before: nothing was appended. Versions `first` to `last` of `book` are its events, none
    where `last` is below `first`; `fingerprint` is that of the first use.
    """

    fingerprint: bytes
    book: BookId
    first: int
    last: int
    position: int


@dataclass(frozen=True, slots=True)
class Moved:
    """The book is not where the unit was decided on: decide again on its new state. Nothing was appended."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The unit cannot be appended: a reservation is taken (`claim_taken`), an event is too large."""

    reason: Rejected


Outcome = Committed | Known | Moved | Refused


@dataclass(frozen=True, slots=True)
class Told:
    """What the store tells of a batch: an outcome for each unit in order, the first uses of keys that were looked up,
    and the books among the bases that have moved on, so that what was refused there is decided again.
    """

    outcomes: tuple[Outcome, ...]
    known: Mapping[IdempotencyKey, Known]
    moved: frozenset[BookId]


class StoreUnavailable(Exception):
    """The store cannot answer; nothing is known to have changed.

    `code`: `store_busy` (locked beyond the named limit), `store_read_only`, `store_full`, `store_damaged`,
    `store_unreachable`, `store_newer` (where it is opened), or `outcome_unknown`, where a commit was sent and its
    answer lost for longer than the look-up tries: the same command with the same key finds out. `retry_after_s` is what
    to tell the client.
    """

    def __init__(self, code: str, detail: str, retry_after_s: int = 1) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.retry_after_s = retry_after_s


class EventUnreadable(Exception):
    """A stored event that this release cannot decode: of a newer release's type, or with a broken seal."""

    def __init__(self, book: BookId, version: int, position: int, reason: str) -> None:
        super().__init__(f"version {version} of book {book} cannot be read: {reason}")
        self.book = book
        self.version = version
        self.position = position
        self.reason = reason


class EventReader(Protocol):
    """The log as decoded events. Private parts are empty where the book's key is gone.

    A read ends before an event that cannot be decoded; one that begins with it raises `EventUnreadable`.
    """

    def read(self, after_position: int, limit: int) -> list[Recorded]:
        """The next events of the whole store, in position order, without a hole."""
        ...

    def read_book(
        self, book: BookId, after_version: int, limit: int, until_version: int | None = None
    ) -> list[Recorded]:
        """The next events of a book, in version order."""
        ...

    def end(self) -> int:
        """The last position; 0 in an empty store."""
        ...

    def head(self, book: BookId) -> Head | None: ...

    def heads(self) -> dict[BookId, Head]:
        """Every book's head, erased books too."""
        ...

    def recorded_at(self, position: int) -> datetime | None:
        """When the event at a position was recorded; None where there is none."""
        ...

    def wait(self, after_position: int, timeout_s: float) -> bool:
        """Wait until the store goes beyond a position; False where it did not in time. Other processes count too."""
        ...


class EventStore(EventReader, Protocol):
    """The log, and the one way to add to it."""

    def commit(
        self, units: Sequence[Unit], bases: Mapping[BookId, Head | None], lookups: Iterable[IdempotencyKey] = ()
    ) -> Told:
        """Append units in one database transaction, each whole or not at all, and answer for each in order.

        `bases` has the head of each book as it was decided on, also of books of which every command was refused: the
        one SELECT tells which of them have moved. A unit behind one of its book that was not committed is `Moved`.
        `lookups` are keys of commands that were refused, to be told when a refusal is in truth a repeat. Without units
        nothing is locked. Raises `StoreUnavailable`, with nothing appended (but `outcome_unknown`).
        """
        ...

    def known(self, key: IdempotencyKey) -> Known | None:
        """The first use of a key, whatever its fingerprint."""
        ...

    def held(self, scope: str, fingerprints: Iterable[str]) -> dict[str, str]:
        """Which of these reservations are taken, and by which holder; a tombstone's holder is the empty string."""
        ...


@dataclass(frozen=True, slots=True)
class StandingEntry:
    """A transaction that stands, with its words. A merged account is named as what it became part of."""

    transaction: TransactionId
    date: date
    postings: tuple[Posting, ...]
    payee: str
    memo: str


class Words(Protocol):
    """What people and banks wrote of standing transactions: a book's state keeps no words, a read model does."""

    def of(
        self, book: BookId, transactions: Collection[TransactionId], min_version: int
    ) -> Mapping[TransactionId, tuple[str, str]]:
        """Payee and memo of those of the transactions that stand, as the book was at `min_version` or later. Raises
        `min_version_not_reached` where the read model stays behind, and `projection_parked`.
        """
        ...


class StandingEntries(Protocol):
    """Transactions that stand, with their words, found by what they post to."""

    def standing_on(
        self, book: BookId, accounts: Collection[AccountId], min_version: int
    ) -> AbstractContextManager[Iterator[StandingEntry]]:
        """The standing transactions that post to one of the accounts, each once and in no order, as the book was at
        `min_version` or later. Raises `min_version_not_reached` where the read model stays behind, and
        `projection_parked`.
        """
        ...


class KeyGone(Exception):
    """A book's key was destroyed: what it hid cannot be read again, and the book takes no more commands."""


class Keys(Protocol):
    """Data keys, a book each, kept apart from the log."""

    def create(self, book: BookId) -> None:
        """Make the key, durably, before the book's first event; without effect where it stands."""
        ...

    def seal(self, book: BookId, bound_to: str, plain: bytes) -> bytes:
        """AES-256-GCM under the book's key, `bound_to` as associated data; raises `KeyGone`."""
        ...

    def unseal(self, book: BookId, bound_to: str, sealed: bytes) -> bytes | None:
        """What was sealed; None where the key is gone. Raises ValueError where the seal is broken."""
        ...

    def fingerprint(self, scope: str, text: str) -> str:
        """HMAC-SHA-256, 32 hexadecimal digits: of a text under a book's key (`scope`: its id), or under the
        installation's where `scope` is no book's. Raises `KeyGone`.
        """
        ...

    def destroy(self, book: BookId) -> None:
        """Destroy the key for ever, in memory and on disk; without effect where it is gone."""
        ...

    def books(self) -> Iterator[BookId]:
        """The books that have a key."""
        ...


class Snapshots(Protocol):
    """States of books kept to start faster; losing one costs only time."""

    def load(self, book: BookId) -> tuple[Head, Book] | None:
        """The newest snapshot that this very release of the domain wrote, and that the key still opens."""
        ...

    def save(self, book: BookId, head: Head, state: Book) -> None: ...


class Clock(Protocol):
    def now(self) -> datetime:
        """UTC, aware."""
        ...


class Ids(Protocol):
    def new(self) -> str:
        """A UUIDv7, as its text of 36 characters (RFC 9562)."""
        ...
