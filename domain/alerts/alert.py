"""An alert: a sentence that a rule says of a book, once.

Its id follows from what it speaks of and from nothing else, so that whoever folds the same history, wherever and how
often, raises the same alert and no second one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from domain.book import BookId
from domain.recorded import Recorded

ID_BYTES = 16
"""128 bits of SHA-256: no two alerts of any book ever share an id by chance."""

Param = str | int


@dataclass(frozen=True, slots=True)
class Alert:
    """`period` is the first day of the period it speaks of, `version` the event that raised it and `raised_at` that
    event's exact moment. `subject` and `params` hold ids, days, commodities and decimal strings, and never a text.
    """

    alert_id: str
    book: BookId
    rule: str
    subject: str
    period: date
    threshold: int
    version: int
    raised_at: str
    code: str
    params: Mapping[str, Param]


def raise_alert(
    recorded: Recorded,
    rule: str,
    subject: str,
    period: date,
    threshold: int,
    code: str,
    params: Mapping[str, Param],
    *,
    armed: int = 0,
) -> Alert:
    """The alert that an event raises. `armed`: the version that armed the threshold, 0 where nothing arms it anew."""
    parts = (recorded.book, rule, subject, period.isoformat(), str(threshold), str(armed))
    return Alert(
        _id_of(parts),
        recorded.book,
        rule,
        subject,
        period,
        threshold,
        recorded.version,
        _moment(recorded.recorded_at),
        code,
        params,
    )


def alert_record(alert: Alert) -> dict[str, object]:
    """The alert in plain values, as JSON has them."""
    return {
        "alert_id": alert.alert_id,
        "book": alert.book,
        "rule": alert.rule,
        "subject": alert.subject,
        "period": alert.period.isoformat(),
        "threshold": alert.threshold,
        "version": alert.version,
        "raised_at": alert.raised_at,
        "code": alert.code,
        "params": dict(alert.params),
    }


def day_in(time_zone: str, moment: datetime) -> date:
    """The day of a moment in a book's zone; in UTC where this machine does not know the zone, as a fold never fails."""
    return moment.astimezone(_zone(time_zone)).date()


@lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


def _moment(instant: datetime) -> str:
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _id_of(parts: tuple[str, ...]) -> str:
    """The id, as 32 hex digits: every part with its length before it, so that no two lists of parts read alike."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(4, "big"))
        digest.update(encoded)
    return digest.digest()[:ID_BYTES].hex()
