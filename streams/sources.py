"""Where a runner's events come from: the store, or Kafka.

A source has lanes, each in an order of its own with positions that only rise; a book's events are all in one lane. The
store is one lane, each partition of a topic another. What was applied is known by the heads alone, so a source may
repeat and a lane may begin again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from commands.ports import EventReader, EventUnreadable
from domain.recorded import Recorded
from streams.heads import STORE


@dataclass(frozen=True, slots=True)
class Batch:
    """The next events of some lanes, and where each of these lanes stands behind them.

    `unreadable` is an event that cannot be decoded: it stands alone in its batch.
    """

    events: list[Recorded]
    reached: dict[str, int]
    unreadable: EventUnreadable | None = None


class Source(Protocol):
    """Used by one thread at a time."""

    gather_s: float
    """From the beginning of one batch to that of the next, unless somebody waits to read what is not applied yet."""

    def lanes(self) -> frozenset[str]:
        """The lanes that are this runner's to follow now; others of its kind have the rest."""
        ...

    def ends(self) -> dict[str, int]:
        """Where each of these lanes ends."""
        ...

    def read(self, after: Mapping[str, int], until: Mapping[str, int], limit: int) -> Batch | None:
        """At most `limit` events behind the positions in `after`, no lane beyond its position in `until`, in position
        order where they are of one lane; None where none is there. A lane that is no longer this runner's is left out.
        """
        ...

    def wait(self, after: Mapping[str, int], timeout_s: float) -> bool:
        """Wait until a lane goes beyond its position; False where none did in time."""
        ...

    def close(self) -> None:
        """Give the lanes back to others."""
        ...


class StoreSource:
    """The event store, as one lane."""

    gather_s = 0.05
    """A batch of one event costs nearly what one of fifty does, and beside a server it is the committer's core that
    pays."""

    def __init__(self, reader: EventReader) -> None:
        self._reader = reader

    def lanes(self) -> frozenset[str]:
        return frozenset({STORE})

    def ends(self) -> dict[str, int]:
        return {STORE: self._reader.end()}

    def read(self, after: Mapping[str, int], until: Mapping[str, int], limit: int) -> Batch | None:
        position = after[STORE]
        try:
            events = self._reader.read(position, min(limit, until.get(STORE, position + limit) - position))
        except EventUnreadable as unreadable:
            return Batch([], {STORE: unreadable.position}, unreadable)
        return Batch(events, {STORE: events[-1].position}) if events else None

    def wait(self, after: Mapping[str, int], timeout_s: float) -> bool:
        return self._reader.wait(after[STORE], timeout_s)

    def close(self) -> None:
        """Nobody else waits for the store's lane."""
