"""A log in memory, for tests of whoever reads one: real encoding, real hashes, real order, no database.

Two logs told the same events are the same to the byte, so that several processes can follow one without sharing it.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from datetime import UTC, datetime, timedelta

from commands.ports import EventUnreadable, Head
from domain.book import BookEvent, BookId
from domain.recorded import Recorded
from streams.contract import (
    GENESIS_HASH,
    Envelope,
    UnknownEventType,
    decode,
    encode,
    envelope_hash,
    instant_text,
    parse_instant,
)

FIRST_INSTANT = datetime(2026, 1, 1, 12, tzinfo=UTC)


class MemoryLog:
    """An `EventReader` over events that `append` adds; private parts are sealed by reversing them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._envelopes: list[Envelope] = []
        self._books: dict[BookId, list[int]] = defaultdict(list)
        self._keys_gone: set[BookId] = set()
        self._damaged: set[int] = set()
        self._decoded: dict[int, Recorded] = {}
        self.reads = 0
        """How often `read` was asked."""

    def append(self, book: BookId, *events: BookEvent) -> None:
        for event in events:
            type_name, data = encode(event, lambda plain: plain[::-1])
            self.append_stored(book, type_name, data)

    def append_stored(self, book: BookId, type_name: str, data: bytes) -> None:
        """Add an event as it would lie in the store; of a type that nobody knows, if wished."""
        with self._changed:
            position = len(self._envelopes) + 1
            places = self._books[book]
            prev_hash = self._envelopes[places[-1]].hash if places else GENESIS_HASH
            fields = {
                "id": f"e-{position}",
                "type": type_name,
                "stream": book,
                "recorded_at": instant_text(FIRST_INSTANT + timedelta(seconds=position)),
                "actor": "owner",
                "command_id": f"c-{position}",
                "correlation_id": f"c-{position}",
                "causation_id": f"c-{position}",
            }
            version = len(places) + 1
            hash = envelope_hash(**fields, version=version, prev_hash=prev_hash, data=data)
            places.append(len(self._envelopes))
            self._envelopes.append(
                Envelope(**fields, version=version, position=position, prev_hash=prev_hash, hash=hash, data=data)
            )
            self._changed.notify_all()

    def destroy_key(self, book: BookId) -> None:
        self._keys_gone.add(book)
        self._decoded.clear()

    def damage(self, position: int) -> None:
        """An event that cannot be read until it is mended."""
        self._damaged.add(position)
        self._decoded.clear()

    def mend(self, position: int) -> None:
        self._damaged.remove(position)

    def read(self, after_position: int, limit: int) -> list[Recorded]:
        self.reads += 1
        return self._decode(range(after_position, min(after_position + limit, len(self._envelopes))))

    def read_book(
        self, book: BookId, after_version: int, limit: int, until_version: int | None = None
    ) -> list[Recorded]:
        until = after_version + limit if until_version is None else min(after_version + limit, until_version)
        return self._decode(self._books[book][after_version:until])

    def end(self) -> int:
        return len(self._envelopes)

    def head(self, book: BookId) -> Head | None:
        return self.heads().get(book)

    def heads(self) -> dict[BookId, Head]:
        last = {book: self._envelopes[places[-1]] for book, places in self._books.items() if places}
        return {
            book: Head(envelope.version, envelope.hash, envelope.position, parse_instant(envelope.recorded_at))
            for book, envelope in last.items()
        }

    def recorded_at(self, position: int) -> datetime | None:
        known = 0 < position <= len(self._envelopes)
        return parse_instant(self._envelopes[position - 1].recorded_at) if known else None

    def wait(self, after_position: int, timeout_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: len(self._envelopes) > after_position, timeout_s)

    def _decode(self, places: range | list[int]) -> list[Recorded]:
        events: list[Recorded] = []
        for place in places:
            try:
                events.append(self._recorded(place))
            except EventUnreadable:
                if not events:
                    raise
                break
        return events

    def _recorded(self, place: int) -> Recorded:
        known = self._decoded.get(place)
        if known is not None:
            return known
        envelope = self._envelopes[place]
        book = BookId(envelope.stream)
        gone = book in self._keys_gone
        if envelope.position in self._damaged:
            raise EventUnreadable(book, envelope.version, envelope.position, "its data is damaged")
        try:
            event = decode(envelope.type, envelope.data, lambda sealed: None if gone else sealed[::-1])
        except UnknownEventType as unknown:
            raise EventUnreadable(book, envelope.version, envelope.position, str(unknown)) from unknown
        recorded = Recorded(
            id=envelope.id,
            book=book,
            version=envelope.version,
            position=envelope.position,
            recorded_at=parse_instant(envelope.recorded_at),
            actor=envelope.actor,
            command_id=envelope.command_id,
            correlation_id=envelope.correlation_id,
            causation_id=envelope.causation_id,
            prev_hash=envelope.prev_hash,
            hash=envelope.hash,
            event=event,
        )
        self._decoded[place] = recorded
        return recorded
