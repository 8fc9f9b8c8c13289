"""Units made ready to be appended, before the lock: encoded, sealed, hashed and laid out for the database.

All of it against the heads that the units were decided on. So the version check under the lock guards the chain too,
and nothing is computed while other writers wait.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import NamedTuple

from commands.ports import Asked, Head, Ids, KeyGone, Keys, Unit
from domain.book import BookEvent, BookId
from domain.errors import Rejected
from infra.store.bulk import BIGINT, Row
from streams.contract import (
    GENESIS_HASH,
    MAX_DATA_BYTES,
    chained_hash,
    encode,
    framed,
    framed_text,
    instant_text,
)

CLOCK_TOLERANCE_S = 300
"""How far apart the clock and a book's last event, or the clock and the server's, may be. Within it an event takes the
later of the two moments; beyond it a clock is wrong, and what it says would stand in the log for ever."""

MAX_KEY_CHARS = 255
"""The longest idempotency key."""

_HASH_LENGTH = struct.pack(">I", len(GENESIS_HASH))


class Link(NamedTuple):
    """Where a chain stands: a version, its event's hash and moment."""

    version: int
    hash: bytes
    recorded_at: datetime


@dataclass(slots=True)
class Prepared:
    """A unit and its rows, and where its book's chain stands `before` and `after` them.

    `refusal`: why it cannot be appended; `moved`: it stands on a unit that cannot be.
    """

    unit: Unit
    before: Link | None = None
    after: Link | None = None
    rows: list[Row] = field(default_factory=list)
    refusal: Rejected | None = None
    moved: bool = False


class Preparer:
    """Lays units out for one database."""

    def __init__(self, keys: Keys, ids: Ids, *, binary: bool) -> None:
        self._keys = keys
        self._ids = ids
        self._binary = binary

    def prepare(self, units: Sequence[Unit], bases: Mapping[BookId, Head | None], now: datetime) -> list[Prepared]:
        """The units in order, each of a book on the one before it; what stands behind a refused one is moved."""
        links: dict[BookId, Link | None] = {}
        now_text = instant_text(now)
        prepared = []
        for unit in units:
            if unit.book not in links:
                links[unit.book] = _link(bases[unit.book], now)
            made = self._prepare(unit, links[unit.book], now, now_text)
            links[unit.book] = made.after
            prepared.append(made)
        return prepared

    def _prepare(self, unit: Unit, link: Link | None, now: datetime, now_text: str) -> Prepared:
        if link is None or link.version != unit.after_version:
            return Prepared(unit, moved=True)
        prepared = Prepared(unit, link)
        try:
            _check_key(unit.asked)
            if not unit.events:
                prepared.after = link
            elif link.recorded_at <= now:
                prepared.after = self._chain(unit, link, now, now_text, prepared.rows)
            else:
                _check_clock(link, now)
                at = link.recorded_at
                prepared.after = self._chain(unit, link, at, instant_text(at), prepared.rows)
        except KeyGone:
            prepared.refusal = Rejected("book_erased")
        except Rejected as refusal:
            prepared.refusal = refusal
        return prepared

    def _chain(self, unit: Unit, link: Link, at: datetime, at_text: str, rows: list[Row]) -> Link:
        """Lay out a unit's events on top of `link`; gives where the chain stands then."""
        layout = Layout(unit.book, unit.asked, at_text, binary=self._binary)
        version, prev_hash = link.version, link.hash
        for command_id, event in unit.events:
            version += 1
            event_id = self._ids.new()
            type_name, data = self._encode(unit.book, event_id, event)
            row, prev_hash = layout.row(event_id, type_name, version, command_id, prev_hash, data)
            rows.append(row)
        return Link(version, prev_hash, at)

    def _encode(self, book: BookId, event_id: str, event: BookEvent) -> tuple[str, bytes]:
        type_name, data = encode(event, partial(self._keys.seal, book, event_id))
        if len(data) > MAX_DATA_BYTES:
            raise Rejected("event_too_large", size_bytes=len(data), limit_bytes=MAX_DATA_BYTES)
        return type_name, data


class Layout:
    """Lays out events of one stream that were asked for together, as rows without their positions."""

    def __init__(self, stream: str, asked: Asked, recorded_at: str, *, binary: bool) -> None:
        self._stream = stream
        self._asked = asked
        self._recorded_at = recorded_at
        self._binary = binary
        self._before = _framed_often(recorded_at) + _framed_often(asked.actor)
        self._behind = framed_text(asked.correlation_id) + framed_text(asked.causation_id)

    def row(
        self, event_id: str, type_name: str, version: int, command_id: str, prev_hash: bytes, data: bytes
    ) -> tuple[Row, bytes]:
        """One event's row, and its hash."""
        names = b"".join((framed_text(event_id), _framed_often(type_name), _framed_often(self._stream)))
        rest = b"".join((self._before, framed_text(command_id), self._behind, framed(prev_hash, data)))
        hash_ = chained_hash(names, version, rest)
        if self._binary:
            return b"".join((names, BIGINT.pack(8, version), rest, _HASH_LENGTH, hash_)), hash_
        asked = self._asked
        return (
            event_id,
            type_name,
            self._stream,
            version,
            self._recorded_at,
            asked.actor,
            command_id,
            asked.correlation_id,
            asked.causation_id,
            prev_hash,
            data,
            hash_,
        ), hash_


_framed_often = lru_cache(maxsize=1_024)(framed_text)
"""Of texts that many events share."""


def _link(base: Head | None, now: datetime) -> Link:
    return Link(0, GENESIS_HASH, now) if base is None else Link(base.version, base.hash, base.recorded_at)


def _check_clock(link: Link, now: datetime) -> None:
    if link.recorded_at - now > timedelta(seconds=CLOCK_TOLERANCE_S):
        raise Rejected("clock_behind", recorded_at=link.recorded_at, now=now, limit_s=CLOCK_TOLERANCE_S)


def _check_key(asked: Asked) -> None:
    if asked.key is not None and not is_storable(asked.key.key):
        raise Rejected("idempotency_key_not_valid", limit=MAX_KEY_CHARS)


def is_storable(key: str) -> bool:
    """Whether both databases can keep a client's key: no control characters, no lone surrogates, not too long."""
    return len(key) <= MAX_KEY_CHARS and key.isprintable()
