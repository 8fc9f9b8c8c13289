"""The wire: an event as a Kafka record, in CloudEvents 1.0 binary mode, and back.

The value is the stored bytes unchanged, so that what was hashed can be hashed again by whoever reads it. Nothing is
taken for an event that does not prove to be one: a record with a header missing, doubled or malformed, with a key that
is not its subject, or with a hash that does not fit, is foreign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streams.contract import MAX_DATA_BYTES, Envelope, hash_of, instant_text, parse_instant

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"
SOURCE = "/books/"
"""A CloudEvents source is a URI reference: that of the book, below which its versions are."""

MAX_NUMBER = 2**63 - 1
"""Versions and positions are 64 bits wide in every store."""

MAX_HEADER_BYTES = 4_096
"""The most that one header may take: many times the longest of ours, an actor's name."""

HASH_DIGITS = 64

EVENT_HEADERS = (
    "content-type",
    "ce_specversion",
    "ce_id",
    "ce_type",
    "ce_source",
    "ce_subject",
    "ce_time",
    "ce_version",
    "ce_position",
    "ce_actor",
    "ce_commandid",
    "ce_correlationid",
    "ce_causationid",
    "ce_prevhash",
    "ce_hash",
)
"""The headers of every event, in the order in which they are written. A reader takes them in any order, and overlooks
others, as those that trace a message."""

Headers = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class Record:
    """What is produced: `key` is the book's id, so that all of a book lies in one partition."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


class NotAnEvent(Exception):
    """A record that is no event of ours. `reason` names what does not fit, and nothing of what it holds."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"not an event: {reason}")
        self.reason = reason


_CONTENT_TYPE = ("content-type", CONTENT_TYPE.encode())
_SPEC_VERSION = ("ce_specversion", SPEC_VERSION.encode())


def to_record(envelope: Envelope) -> Record:
    """The record of a stored event."""
    key = envelope.stream.encode()
    headers = [
        _CONTENT_TYPE,
        _SPEC_VERSION,
        ("ce_id", envelope.id.encode()),
        ("ce_type", envelope.type.encode()),
        ("ce_source", SOURCE.encode() + key),
        ("ce_subject", key),
        ("ce_time", envelope.recorded_at.encode()),
        ("ce_version", b"%d" % envelope.version),
        ("ce_position", b"%d" % envelope.position),
        ("ce_actor", envelope.actor.encode()),
        ("ce_commandid", envelope.command_id.encode()),
        ("ce_correlationid", envelope.correlation_id.encode()),
        ("ce_causationid", envelope.causation_id.encode()),
        ("ce_prevhash", envelope.prev_hash.hex().encode()),
        ("ce_hash", envelope.hash.hex().encode()),
    ]
    return Record(key, envelope.data, headers)


def from_record(key: bytes | None, value: bytes | None, headers: Headers) -> Envelope:
    """The event that a record carries; raises `NotAnEvent`. Its position is the publishing store's, and is the one
    field that the hash does not prove.
    """
    if key is None:
        raise NotAnEvent("it has no key")
    if value is None:
        raise NotAnEvent("it has no value")
    if len(value) > MAX_DATA_BYTES:
        raise NotAnEvent("its value is longer than an event's data may be")
    told = _texts(headers)
    stream = told["ce_subject"]
    if not stream or key != stream.encode():
        raise NotAnEvent("its key is not its subject")
    for name, expected in (
        ("content-type", CONTENT_TYPE),
        ("ce_specversion", SPEC_VERSION),
        ("ce_source", SOURCE + stream),
    ):
        if told[name] != expected:
            raise NotAnEvent(f"its header {name} is not what an event has")
    envelope = Envelope(
        id=_some(told, "ce_id"),
        type=_some(told, "ce_type"),
        stream=stream,
        version=_number(told, "ce_version"),
        position=_number(told, "ce_position"),
        recorded_at=_instant(told, "ce_time"),
        actor=told["ce_actor"],
        command_id=told["ce_commandid"],
        correlation_id=told["ce_correlationid"],
        causation_id=told["ce_causationid"],
        prev_hash=_hash(told, "ce_prevhash"),
        hash=_hash(told, "ce_hash"),
        data=value,
    )
    if hash_of(envelope) != envelope.hash:
        raise NotAnEvent("its hash does not fit")
    return envelope


def _texts(headers: Headers) -> dict[str, str]:
    """An event's headers as texts, each of them there and there once."""
    told: dict[str, str] = {}
    for name, value in headers:
        if name not in _EXPECTED:
            continue
        if name in told:
            raise NotAnEvent(f"its header {name} is there twice")
        if value is None or len(value) > MAX_HEADER_BYTES:
            raise NotAnEvent(f"its header {name} is empty or too long")
        try:
            told[name] = value.decode()
        except UnicodeDecodeError:
            raise NotAnEvent(f"its header {name} is not UTF-8") from None
    if len(told) < len(_EXPECTED):
        missing = next(name for name in EVENT_HEADERS if name not in told)
        raise NotAnEvent(f"its header {missing} is missing")
    return told


_EXPECTED = frozenset(EVENT_HEADERS)


def _some(told: dict[str, str], name: str) -> str:
    if not told[name]:
        raise NotAnEvent(f"its header {name} is empty")
    return told[name]


def _number(told: dict[str, str], name: str) -> int:
    """Decimal digits as they are written here: no sign, no space, no leading zero, from 1."""
    text = told[name]
    if text.isascii() and text.isdecimal() and text[0] != "0" and len(text) <= len(str(MAX_NUMBER)):
        number = int(text)
        if number <= MAX_NUMBER:
            return number
    raise NotAnEvent(f"its header {name} is no number from 1 to {MAX_NUMBER}")


def _instant(told: dict[str, str], name: str) -> str:
    """An instant in its one spelling, so that texts sort as instants."""
    text = told[name]
    try:
        if instant_text(parse_instant(text)) == text:
            return text
    except (ValueError, OverflowError):
        pass
    raise NotAnEvent(f"its header {name} is no instant in UTC and microseconds")


def _hash(told: dict[str, str], name: str) -> bytes:
    text = told[name]
    try:
        hash_ = bytes.fromhex(text)
    except ValueError:
        hash_ = b""
    if len(text) != HASH_DIGITS or hash_.hex() != text:
        raise NotAnEvent(f"its header {name} is no hash of {HASH_DIGITS} lower-case hexadecimal digits")
    return hash_
