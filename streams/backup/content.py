"""What stands in a backup: a header, sealed keys or none, every event as stored, what stands beside them, a footer.

The log is the truth: events are laid out field by field as they are hashed, and whoever writes or reads them recomputes
every hash and follows every link. Beside them stand only the two tables that the log alone does not give back.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO

import orjson

from domain.book import BookErased
from domain.errors import Rejected
from streams.backup import blocks
from streams.backup.blocks import Block, read_blocks
from streams.contract import GENESIS_HASH, TYPE_NAMES, Envelope, framed, framed_text, hash_of

EVENTS_A_BLOCK = 2_000
BLOCK_BYTES = 4 * 1024 * 1024
"""A block of events ends with the first of these two that is reached: an event may have half a megabyte."""

ROWS_A_BLOCK = 5_000
"""Rows of the tables beside the log, of a few hundred bytes each."""

ERASED = TYPE_NAMES[BookErased]

_BEGIN = struct.Struct(">qI")
_LENGTH = struct.Struct(">I")
_VERSION = struct.Struct(">q")
_FIELDS = 12


@dataclass(frozen=True, slots=True)
class Header:
    """`proof`: whose keys seal the events, giving nothing of them away; `end`: the position of the last event.

    `keys`: `inside` (sealed under a passphrase), `beside` (in a second file) or `left_out`.
    """

    made_at: str
    proof: str
    end: int
    keys: str


@dataclass(frozen=True, slots=True)
class Footer:
    """What must come out: counts, a digest over the heads of all streams, one over the rows of each read model."""

    events: int
    streams: int
    idempotency: int
    reservations: int
    heads: str
    read_models: dict[str, str]


def to_json(part: Header | Footer) -> bytes:
    return orjson.dumps(asdict(part))


def header_of(payload: bytes) -> Header:
    return Header(**_told(payload, Header))


def footer_of(payload: bytes) -> Footer:
    return Footer(**_told(payload, Footer))


def _told(payload: bytes, kind: type[Header] | type[Footer]) -> dict[str, Any]:
    """The fields of a part; more or fewer than this release writes come from another one."""
    told = orjson.loads(payload)
    if not isinstance(told, dict) or told.keys() != set(kind.__slots__):
        raise Rejected("backup_newer")
    return told


@dataclass(frozen=True, slots=True)
class Report:
    """What was made, checked or restored. `receipt`: the file's last hash, in hexadecimal, which stands for all of it.

    `keys`: where they are (see `Header`). `uncompared`: read models of another release, whose digests say nothing here.
    """

    made_at: str
    end: int
    streams: int
    keys: str
    receipt: str
    size_bytes: int
    uncompared: tuple[str, ...] = ()


# The chains


@dataclass(slots=True)
class Chains:
    """The heads of all streams as events are added, each checked against the one before. Memory: a row a stream."""

    events: int = 0
    heads: dict[str, tuple[int, bytes, str]] = field(default_factory=dict)
    """Version, hash and moment of each stream's last event."""
    erased: set[str] = field(default_factory=set)
    """Streams whose last event says that their key is destroyed."""

    def add(self, event: Envelope) -> str | None:
        """Take in the next event of the store; why it does not fit, None where it does."""
        version, prev_hash, recorded_at = self.heads.get(event.stream, (0, GENESIS_HASH, ""))
        if event.position != self.events + 1:
            return "position_missing"
        if event.version != version + 1:
            return "version_missing"
        if event.prev_hash != prev_hash:
            return "link_differs"
        if event.recorded_at < recorded_at:
            return "time_goes_back"
        if event.hash != hash_of(event):
            return "hash_differs"
        self.events += 1
        self.heads[event.stream] = (event.version, event.hash, event.recorded_at)
        self.erased.discard(event.stream)
        if event.type == ERASED:
            self.erased.add(event.stream)
        return None

    def digest(self) -> str:
        """SHA-256 over stream, version and hash of every head, in the order of the streams' ids."""
        hashed = hashlib.sha256()
        for stream, (version, hash_, _) in sorted(self.heads.items()):
            hashed.update(framed(stream.encode(), b"%d" % version, hash_))
        return hashed.hexdigest()


# Events


def pack_events(events: Sequence[Envelope]) -> bytes:
    """Events whose positions follow each other: the first position and their count, then the rows."""
    return b"".join((_BEGIN.pack(events[0].position, len(events)), *map(event_row, events)))


def event_row(event: Envelope) -> bytes:
    """An event without its position: id, type, stream, version (64 bits), recorded_at, actor, command_id,
    correlation_id, causation_id, prev_hash, data and hash, each behind its length.
    """
    names = (framed_text(event.id), framed_text(event.type), framed_text(event.stream))
    asked = (event.recorded_at, event.actor, event.command_id, event.correlation_id, event.causation_id)
    version = framed(_VERSION.pack(event.version))
    return b"".join((*names, version, *map(framed_text, asked), framed(event.prev_hash, event.data, event.hash)))


def unpack_events(payload: bytes) -> Iterator[Envelope]:
    """ValueError where the payload is none of `pack_events`."""
    try:
        position, count = _BEGIN.unpack_from(payload)
        at = _BEGIN.size
        for place in range(count):
            fields, at = _fields(payload, at)
            id_, type_, stream, version, at_text, actor, command, correlation, causation, prev_hash, data, hash_ = (
                fields
            )
            (number,) = _VERSION.unpack(version)
            yield Envelope(
                id=id_.decode(),
                type=type_.decode(),
                stream=stream.decode(),
                version=number,
                position=position + place,
                recorded_at=at_text.decode(),
                actor=actor.decode(),
                command_id=command.decode(),
                correlation_id=correlation.decode(),
                causation_id=causation.decode(),
                prev_hash=prev_hash,
                hash=hash_,
                data=data,
            )
    except struct.error as error:
        raise ValueError("a row of an event is cut off") from error
    if at != len(payload):
        raise ValueError("something stands behind the last event")


def _fields(payload: bytes, at: int) -> tuple[list[bytes], int]:
    fields = []
    for _ in range(_FIELDS):
        (length,) = _LENGTH.unpack_from(payload, at)
        at += _LENGTH.size
        if at + length > len(payload):
            raise ValueError("a field of an event is cut off")
        fields.append(payload[at : at + length])
        at += length
    return fields, at


# Rows beside the log

Row = tuple[str | int | bytes, ...]

ROW_TYPES: Mapping[bytes, tuple[type, ...]] = {
    blocks.IDEMPOTENCY: (str, str, bytes, str, int, int, int),
    blocks.RESERVATIONS: (str, str, str, str),
}
"""The columns of the two tables, in the order in which a row has them."""

KEY_COLUMNS = 2
"""The first ones are the key, in whose order rows stand: texts, compared by code point."""


def pack_rows(rows: Sequence[Row]) -> bytes:
    return orjson.dumps([[v.hex() if isinstance(v, bytes) else v for v in row] for row in rows])


def unpack_rows(kind: bytes, payload: bytes) -> list[Row]:
    """ValueError where the payload is none of `pack_rows` of that kind."""
    types = ROW_TYPES[kind]
    rows: list[Row] = []
    for told in orjson.loads(payload):
        row = [bytes.fromhex(v) if t is bytes else v for v, t in zip(told, types, strict=True)]
        if any(type(v) is not t for v, t in zip(row, types, strict=True)):
            raise ValueError("a value is not of its column's type")
        rows.append(tuple(row))
    return rows


# A whole file


@dataclass(slots=True)
class Contents:
    """A backup as it is read. `parts` gives what stands in it, block by block and checked; behind it all is known."""

    file: BinaryIO
    header: Header
    chains: Chains = field(default_factory=Chains)
    keys: bytes | None = None
    idempotency: int = 0
    reservations: int = 0
    receipt: bytes = b""
    footer: Footer | None = None
    _last: tuple[bytes, Row] = (b"", ())
    _blocks: Iterator[Block] = field(default_factory=lambda: iter(()))

    def parts(self) -> Iterator[tuple[bytes, Sequence[Envelope] | Sequence[Row]]]:
        """Events, and the rows of the two tables. Raises as `read_blocks` does, and `backup_log_broken`.

        What the footer tells is compared with what was read before the last part is over.
        """
        for number, block in enumerate(self._blocks, 2):
            try:
                part = self._part(block)
            except (ValueError, TypeError) as error:
                raise Rejected("backup_damaged_at_block", block=number) from error
            self.receipt = block.receipt
            if part:
                yield block.kind, part

    def _part(self, block: Block) -> Sequence[Envelope] | Sequence[Row]:
        match block.kind:
            case blocks.KEYS:
                self.keys = block.payload
            case blocks.EVENTS:
                if (self.keys is not None) != (self.header.keys == INSIDE):
                    raise ValueError("the keys are not where the header has them")
                events = list(unpack_events(block.payload))
                for event in events:
                    reason = self.chains.add(event)
                    if reason is not None:
                        raise Rejected("backup_log_broken", position=event.position, reason=reason)
                return events
            case blocks.IDEMPOTENCY:
                uses = self._rising(block)
                self.idempotency += len(uses)
                return uses
            case blocks.RESERVATIONS:
                held = self._rising(block)
                self.reservations += len(held)
                return held
            case blocks.FOOTER:
                self.footer = footer_of(block.payload)
                self._compare(self.footer)
        return []

    def _rising(self, block: Block) -> list[Row]:
        """The rows of a block, each with a greater key than the one before it: so none stands there twice."""
        rows = unpack_rows(block.kind, block.payload)
        for row in rows:
            at = (block.kind, row[:KEY_COLUMNS])
            if at[0] == self._last[0] and at <= self._last:
                raise ValueError("a row stands at the place of another")
            self._last = at
        return rows

    def _compare(self, footer: Footer) -> None:
        chains = self.chains
        found = (chains.events, len(chains.heads), self.idempotency, self.reservations, chains.digest())
        told = (footer.events, footer.streams, footer.idempotency, footer.reservations, footer.heads)
        has_keys = self.keys is not None
        if found != told or footer.events != self.header.end or has_keys != (self.header.keys == INSIDE):
            raise Rejected("backup_differs_from_footer", events=chains.events, expected=footer.events)


INSIDE, BESIDE, LEFT_OUT = "inside", "beside", "left_out"
"""Where the keys are."""


def open_contents(file: BinaryIO) -> Contents:
    """Read the header; the rest is read by `parts`."""
    found = read_blocks(file)
    first = next(found)
    try:
        header = header_of(first.payload)
    except ValueError as error:
        raise Rejected("backup_damaged_at_block", block=1) from error
    return Contents(file, header, receipt=first.receipt, _blocks=found)
