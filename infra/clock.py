"""The time and new ids: the two things that no two runs share."""

from __future__ import annotations

from datetime import UTC, datetime

from uuid_utils import uuid7


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands still, for tests and samples."""

    def __init__(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        return self._at


class TimeOrderedIds:
    """UUIDv7 (RFC 9562): unique without asking anyone, and later ones sort behind."""

    def new(self) -> str:
        return str(uuid7())
