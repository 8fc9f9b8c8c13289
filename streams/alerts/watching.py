"""Which event comes next to a watch, and what folding it raises: the worker's decisions, with nothing of Faust.

A watch is a fold of its book from the first event, without a hole: what does not link to the last event in it is
fetched from the store, and the store's word holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

import orjson

from commands.ports import EventUnreadable, KeyGone
from domain.alerts import Alert, Watch, observe, payee_text, watch_of, watch_record
from domain.book import BookErased, BookId
from domain.recorded import Recorded
from streams.contract import GENESIS_HASH, TYPE_NAMES, Envelope

MEND_EVENTS = 1_000
"""Events of one page that is read from the store to fill a hole."""

_ERASURE = TYPE_NAMES[BookErased]


class Reader(Protocol):
    """The part of the log that fills holes."""

    def read_book(
        self, book: BookId, after_version: int, limit: int, until_version: int | None = None
    ) -> list[Recorded]:
        """The next events of a book, in version order."""
        ...


class Unfit(Exception):
    """An event that cannot be folded: the store lacks it, it does not link, or the rules fail. Its book is parked."""


class Place(Enum):
    """Where an event stands to a watch."""

    REPEATED = auto()
    NEXT = auto()
    APART = auto()


Stepped = tuple[Watch | None, Sequence[Alert]]
"""A watch after some events, and what they raised; None where the book was erased."""


@dataclass(frozen=True, slots=True)
class Watching:
    """What a worker needs of the house. `generation` is that of the topics it reads: a watch that was kept under
    another belongs to topics that are gone.

    `decode` decrypts an event, and raises `EventUnreadable`; `payee_key` is a fingerprint under the book's own key, so
    that the table and its topic tell nobody who is paid; it raises `KeyGone`.
    """

    decode: Callable[[Envelope], Recorded]
    payee_key: Callable[[str, str], str]
    reader: Reader
    generation: str

    def load(self, kept: bytes) -> Watch | None:
        """A watch as it was kept; None where it belongs to other topics, or another release gave it another shape: the
        book is then folded from the store.
        """
        try:
            content = orjson.loads(kept)
            return watch_of(content["watch"]) if content["generation"] == self.generation else None
        except (ValueError, KeyError, TypeError):
            return None

    def dump(self, watch: Watch) -> bytes:
        return orjson.dumps({"generation": self.generation, "watch": watch_record(watch)})

    def is_erasure(self, envelope: Envelope) -> bool:
        return envelope.type == _ERASURE

    def is_erased(self, book: BookId) -> bool:
        try:
            self.payee_key(book, "")
        except KeyGone:
            return True
        return False

    def place(self, watch: Watch | None, envelope: Envelope) -> Place:
        version, hash_ = _end(watch)
        if envelope.version == version + 1 and envelope.prev_hash == hash_:
            return Place.NEXT
        if envelope.version < version or (envelope.version == version and envelope.hash == hash_):
            return Place.REPEATED
        return Place.APART

    def step(self, watch: Watch | None, envelope: Envelope) -> Stepped:
        """Fold the event that comes next."""
        return self._observed(watch, self.decode(envelope))

    def mended(self, watch: Watch | None, book: BookId, until: int) -> Iterator[Stepped]:
        """Fold what the store has up to a version, page by page: behind the watch where it links to the store's
        history, else from the beginning. Reading blocks.
        """
        if watch is not None:
            last = self.reader.read_book(book, watch.version - 1, 1, watch.version)
            if not last or last[0].hash != _end(watch)[1]:
                watch = None
        while (version := watch.version if watch is not None else 0) < until:
            page = self.reader.read_book(book, version, MEND_EVENTS, until)
            if not page:
                raise Unfit(f"the store has no version {version + 1}")
            alerts: list[Alert] = []
            for recorded in page:
                _check_link(watch, recorded)
                watch, raised = self._observed(watch, recorded)
                alerts.extend(raised)
                if watch is None:
                    yield None, ()
                    return
            yield watch, alerts

    def _observed(self, watch: Watch | None, recorded: Recorded) -> Stepped:
        if isinstance(recorded.event, BookErased):
            return None, ()
        try:
            payee = payee_text(recorded)
            key = self.payee_key(recorded.book, payee) if payee else ""
        except KeyGone:
            return None, ()
        try:
            return observe(watch or Watch(), recorded, key)
        except Exception as fault:
            # Its text may hold what people wrote: the log gets the kind alone.
            raise Unfit(f"the rules cannot fold it ({type(fault).__name__})") from fault

    def parked_by(self, fault: Exception) -> str | None:
        """Why a fault parks its book; None for one that may pass."""
        return str(fault) if isinstance(fault, EventUnreadable | Unfit) else None


def _end(watch: Watch | None) -> tuple[int, bytes]:
    """The version and hash that the next event links to."""
    return (watch.version, bytes.fromhex(watch.hash)) if watch is not None else (0, GENESIS_HASH)


def _check_link(watch: Watch | None, recorded: Recorded) -> None:
    version, hash_ = _end(watch)
    if recorded.version != version + 1 or recorded.prev_hash != hash_:
        raise Unfit(f"version {recorded.version} does not link to version {version}")
