"""What becomes of each unit of a batch, decided under the lock from what one SELECT found.

Pure: nothing here touches the database. Each unit is judged alone, in order, so that one book's conflict costs its
neighbours nothing; a reservation released by one unit is free for the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from commands.ports import (
    BANK_ACCOUNTS,
    BOOK_NAMES,
    NO_CLAIMS,
    Claims,
    Committed,
    Head,
    IdempotencyKey,
    Known,
    Moved,
    Outcome,
    Refused,
)
from domain.book import BookErased, BookId
from domain.errors import Rejected
from infra.store.bulk import Row
from infra.store.prepared import CLOCK_TOLERANCE_S, Prepared
from infra.store.statements import END, HEAD, KEY
from infra.store.tables import HELD, TOMBSTONE
from streams.contract import GENESIS_HASH, parse_instant

Place = tuple[str, str]
"""A key or a reservation: its scope, and its key or fingerprint."""


@dataclass(frozen=True, slots=True)
class Hold:
    holder: str
    tombstone: bool = False


@dataclass(slots=True)
class Found:
    """What the store held as the lock was taken."""

    end: int = 0
    clock: str = ""
    heads: dict[BookId, Head] = field(default_factory=dict)
    keys: dict[Place, Known] = field(default_factory=dict)
    holds: dict[Place, Hold] = field(default_factory=dict)


def found_in(rows: Iterable[Any]) -> Found:
    """The rows of `statements.CONCERNED`, told apart."""
    found = Found()
    for kind, a, b, c, d, m, n, o in rows:
        if kind == HEAD:
            found.heads[BookId(a)] = Head(m, bytes(c), n, parse_instant(d))
        elif kind == KEY:
            found.keys[a, b] = Known(bytes(c), BookId(d), m, n, o)
        elif kind == END:
            found.end, found.clock = m, d
        else:
            found.holds[a, b] = Hold(d, bool(m))
    return found


KeyUse = tuple[bytes, BookId, int, int, int]
"""The first use of a key, as the fields of `Known`: a value is made of it only where somebody asks."""


@dataclass(slots=True)
class Settled:
    """Each unit's outcome, and what there is to write."""

    outcomes: list[Outcome] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    used_keys: dict[Place, KeyUse] = field(default_factory=dict)
    dropped_holds: list[Place] = field(default_factory=list)
    new_holds: list[tuple[str, str, str, str]] = field(default_factory=list)
    erased: list[BookId] = field(default_factory=list)
    end: int = 0
    last: tuple[BookId, int, bytes] | None = None
    """Book, version and hash of the last event written: all are in the store, or none is, as it is."""

    @property
    def writes(self) -> bool:
        return bool(self.rows or self.used_keys)


def settle(batch: Sequence[Prepared], found: Found, *, compare_clocks: bool) -> Settled:
    """Judge a batch. `compare_clocks`: ours makes the moments, so it is held against the database's."""
    return _Settling(found, compare_clocks=compare_clocks).settle(batch)


def known_of(lookups: Iterable[IdempotencyKey], found: Found, settled: Settled) -> dict[IdempotencyKey, Known]:
    """First uses of the looked-up keys, those of this very batch too."""
    known = {}
    for key in lookups:
        place = (key.scope, key.key)
        if place in found.keys:
            known[key] = found.keys[place]
        elif place in settled.used_keys:
            known[key] = Known(*settled.used_keys[place])
    return known


def moved_among(bases: Mapping[BookId, Head | None], found: Found) -> frozenset[BookId]:
    """The books that do not stand where they were decided on."""
    return frozenset(book for book, base in bases.items() if _place(found.heads.get(book)) != _place(base))


def _place(head: Head | None) -> tuple[int, bytes]:
    return (0, GENESIS_HASH) if head is None else (head.version, head.hash)


class _Settling:
    def __init__(self, found: Found, *, compare_clocks: bool) -> None:
        self._found = found
        self._compare_clocks = compare_clocks
        self._settled = Settled(end=found.end)
        self._heads = dict(found.heads)
        self._behind: set[BookId] = set()
        """Books of which a unit was not committed: what is decided on top of it is not either."""
        self._seen: set[BookId] = set()
        self._holds: dict[Place, Hold | None] = {}
        """Reservations as this batch leaves them; None where it frees one."""
        self._held_by: dict[Place, set[Place]] = {}
        for place, hold in found.holds.items():
            if not hold.tombstone:
                self._held_by.setdefault((place[0], hold.holder), set()).add(place)

    def settle(self, batch: Sequence[Prepared]) -> Settled:
        for prepared in batch:
            outcome = self._judge(prepared)
            if not isinstance(outcome, Committed):
                self._behind.add(prepared.unit.book)
            self._settled.outcomes.append(outcome)
        for place, hold in self._holds.items():
            if place in self._found.holds:
                self._settled.dropped_holds.append(place)
            if hold is not None:
                self._settled.new_holds.append((*place, hold.holder, TOMBSTONE if hold.tombstone else HELD))
        return self._settled

    def _judge(self, prepared: Prepared) -> Outcome:
        unit = prepared.unit
        key = unit.asked.key
        if key is not None:
            known = self._found.keys.get((key.scope, key.key))
            if known is not None:
                return known
            if (key.scope, key.key) in self._settled.used_keys:
                return Moved()
        if prepared.moved or unit.book in self._behind or not self._stands(prepared):
            return Moved()
        if prepared.refusal is not None:
            return Refused(prepared.refusal)
        assert prepared.after is not None
        if prepared.rows and self._compare_clocks:
            ahead = prepared.after.recorded_at - parse_instant(self._found.clock)
            if ahead > timedelta(seconds=CLOCK_TOLERANCE_S):
                seconds = int(ahead.total_seconds())
                return Refused(Rejected("clock_ahead", ahead_s=seconds, limit_s=CLOCK_TOLERANCE_S))
        if unit.claims != NO_CLAIMS:
            refusal = self._claim(unit.claims)
            if refusal is not None:
                return Refused(refusal)
        return Committed(self._append(prepared))

    def _stands(self, prepared: Prepared) -> bool:
        """Whether the book is where the batch took it to be: asked of its first unit, the rest stand on that one."""
        book, before = prepared.unit.book, prepared.before
        if book in self._seen:
            return True
        self._seen.add(book)
        head = self._heads.get(book)
        if before is None:
            return False
        if head is None:
            return before.version == 0
        return head.version == before.version and head.hash == before.hash

    def _append(self, prepared: Prepared) -> Head:
        settled, unit, after = self._settled, prepared.unit, prepared.after
        assert after is not None
        head = self._heads.get(unit.book) or Head(0, GENESIS_HASH, 0, after.recorded_at)
        if prepared.rows:
            settled.rows += prepared.rows
            if isinstance(unit.events[-1][1], BookErased):
                settled.erased.append(unit.book)
            settled.end += len(prepared.rows)
            settled.last = (unit.book, after.version, after.hash)
            head = self._heads[unit.book] = Head(after.version, after.hash, settled.end, after.recorded_at)
        key = unit.asked.key
        if key is not None:
            use = (key.fingerprint, unit.book, unit.after_version + 1, head.version, head.position)
            settled.used_keys[key.scope, key.key] = use
        return head

    # Reservations

    def _claim(self, claims: Claims) -> Rejected | None:
        """Change the reservations as a unit claims, or change nothing and say what stands against it."""
        changes: dict[Place, Hold | None] = {}
        for holding in claims.releases:
            for place in self._held_by.get(holding, ()):
                changes[place] = None
        for holding in claims.tombstones:
            for place in self._held_by.get(holding, ()):
                changes[place] = Hold(holding[1], tombstone=True)
        taken: list[tuple[Place, Hold]] = []
        for scope, fingerprint, holder in claims.holds:
            place = (scope, fingerprint)
            hold = changes[place] if place in changes else self._hold(place)
            if hold is None:
                changes[place] = Hold(holder)
            elif hold != Hold(holder):
                taken.append((place, hold))
        if taken:
            place, hold = taken[0]
            if place[0] == BOOK_NAMES:
                return Rejected("book_name_used")
            if place[0] == BANK_ACCOUNTS:
                return Rejected("statement_of_other_book")
            return Rejected("claim_taken", count=len(taken), holder="" if hold.tombstone else hold.holder)
        for place, change in changes.items():
            self._change(place, change)
        return None

    def _hold(self, place: Place) -> Hold | None:
        return self._holds[place] if place in self._holds else self._found.holds.get(place)

    def _change(self, place: Place, hold: Hold | None) -> None:
        before = self._hold(place)
        if before is not None and not before.tombstone:
            self._held_by[place[0], before.holder].discard(place)
        if hold is not None and not hold.tombstone:
            self._held_by.setdefault((place[0], hold.holder), set()).add(place)
        self._holds[place] = hold
