"""An event as it stands in the log: what happened, and where, when and by whom it was recorded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.book import BookEvent, BookId


@dataclass(frozen=True, slots=True)
class Recorded:
    """One decoded event with its envelope.

    `version` counts from 1 within the book, `position` from 1 within the store in commit order; `recorded_at` is UTC
    and never goes back within a book; `hash` chains on `prev_hash` (32 bytes each).
    """

    id: str
    book: BookId
    version: int
    position: int
    recorded_at: datetime
    actor: str
    command_id: str
    correlation_id: str
    causation_id: str
    prev_hash: bytes
    hash: bytes
    event: BookEvent
