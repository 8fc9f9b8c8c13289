"""The event contract: frozen type names, the envelope's hash, and how old versions become new.

A type name never changes and never names a Python path. What a published version says is kept for ever by its golden
file; a change of shape is a new version with an upcaster from the one before.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from domain import book, budgets, ledger, prices, rules
from domain.book import BookEvent
from streams.codec import codec_of

MAX_DATA_BYTES = 512 * 1024
"""The most that one event's data may take; larger ones are refused before they are appended."""

GENESIS_HASH = bytes(32)
"""The `prev_hash` of a book's first event."""

EVENT_TYPES: dict[str, type[Any]] = {
    "book.opened.v1": book.BookOpened,
    "book.renamed.v1": book.BookRenamed,
    "book.erased.v1": book.BookErased,
    "ledger.commodity-declared.v1": ledger.CommodityDeclared,
    "ledger.account-opened.v1": ledger.AccountOpened,
    "ledger.account-renamed.v1": ledger.AccountRenamed,
    "ledger.account-closed.v1": ledger.AccountClosed,
    "ledger.account-merged.v1": ledger.AccountMerged,
    "ledger.transaction-recorded.v1": ledger.TransactionRecorded,
    "ledger.transaction-amended.v1": ledger.TransactionAmended,
    "ledger.transaction-voided.v1": ledger.TransactionVoided,
    "ledger.transaction-joined.v1": ledger.TransactionJoined,
    "ledger.transaction-parted.v1": ledger.TransactionParted,
    "ledger.transaction-categorized.v1": ledger.TransactionCategorized,
    "ledger.balance-asserted.v1": ledger.BalanceAsserted,
    "ledger.assertion-withdrawn.v1": ledger.AssertionWithdrawn,
    "ledger.period-closed.v1": ledger.PeriodClosed,
    "ledger.import-committed.v1": ledger.ImportCommitted,
    "ledger.import-undone.v1": ledger.ImportUndone,
    "ledger.account-recognized.v1": ledger.AccountRecognized,
    "prices.price-recorded.v1": prices.PriceRecorded,
    "budgets.budget-set.v1": budgets.BudgetSet,
    "budgets.budget-changed.v1": budgets.BudgetChanged,
    "budgets.budget-ended.v1": budgets.BudgetEnded,
    "rules.rule-set.v1": rules.RuleSet,
    "rules.rule-removed.v1": rules.RuleRemoved,
}
"""The current version of every event type, and the domain's class for it."""

TYPE_NAMES = {kind: name for name, kind in EVENT_TYPES.items()}

UPCASTERS: dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {}
"""From an old type name: the next version's name, and the pure change of `data` that leads there. A step a version.

What `data` hides stands decrypted under `"private"` while it is changed, None where the key is gone.
"""


@dataclass(frozen=True, slots=True)
class Envelope:
    """An event as it is stored and published: `data` is the stored bytes, private parts sealed."""

    id: str
    type: str
    stream: str
    version: int
    position: int
    recorded_at: str
    actor: str
    command_id: str
    correlation_id: str
    causation_id: str
    prev_hash: bytes
    hash: bytes
    data: bytes


class UnknownEventType(Exception):
    """The log holds an event of a type this release does not know: it was written by a newer one."""

    def __init__(self, type_name: str) -> None:
        super().__init__(f"event type {type_name!r} is not known to this release: update Finshift to read it")
        self.type_name = type_name


Seal = Callable[[bytes], bytes]
"""Encrypts a private part, bound to the event's id."""
Unseal = Callable[[bytes], bytes | None]
"""Decrypts a private part; None where the book's key is gone."""


def encode(event: BookEvent, seal: Seal) -> tuple[str, bytes]:
    """An event's type name and the bytes of its `data`, private parts sealed under `"private"` in base64."""
    kind = type(event)
    codec = codec_of(kind)
    data = codec.public(event)
    hidden = codec.hidden(event) if codec.has_hidden else None
    if hidden is not None:
        data["private"] = base64.b64encode(seal(orjson.dumps(hidden))).decode("ascii")
    # Copied: what orjson gives keeps the four kilobytes that it was written into, and a unit has many of them.
    return TYPE_NAMES[kind], memoryview(orjson.dumps(data)).tobytes()


def decode(type_name: str, data: bytes, unseal: Unseal) -> BookEvent:
    """The domain's event from stored bytes, upcast to the current version; empty private parts without the key."""
    values: dict[str, Any] = orjson.loads(data)
    sealed = values.pop("private", None)
    hidden = None
    if sealed is not None:
        plain = unseal(base64.b64decode(sealed))
        hidden = None if plain is None else orjson.loads(plain)
    while type_name in UPCASTERS:
        type_name, upcast = UPCASTERS[type_name]
        values = upcast(values | {"private": hidden})
        hidden = values.pop("private", hidden)
    kind = EVENT_TYPES.get(type_name)
    if kind is None:
        raise UnknownEventType(type_name)
    event: BookEvent = codec_of(kind).build(values, hidden)
    return event


_LENGTH = struct.Struct(">I")


def framed(*fields: bytes) -> bytes:
    """Fields as they are hashed: each behind its length in four bytes, big-endian."""
    return b"".join([part for field in fields for part in (_LENGTH.pack(len(field)), field)])


def framed_text(field: str) -> bytes:
    """The same of one text, as UTF-8."""
    encoded = field.encode()
    return _LENGTH.pack(len(encoded)) + encoded


def chained_hash(names: bytes, version: int, rest: bytes) -> bytes:
    """SHA-256 over the envelope: `names` is id, type and stream, framed; then comes the version, framed as its decimal
    digits; `rest` is recorded_at, actor, command_id, correlation_id, causation_id, `prev_hash` and `data`, framed.
    """
    digits = b"%d" % version
    return hashlib.sha256(b"".join((names, _LENGTH.pack(len(digits)), digits, rest))).digest()


def envelope_hash(
    *,
    id: str,
    type: str,
    stream: str,
    version: int,
    recorded_at: str,
    actor: str,
    command_id: str,
    correlation_id: str,
    causation_id: str,
    prev_hash: bytes,
    data: bytes,
) -> bytes:
    """SHA-256 over the envelope's fields in this order, each as its UTF-8 bytes (version in decimal digits,
    `prev_hash` and `data` as they are) behind its length in four bytes, big-endian. The position is left out, so that
    a book can move to another store.
    """
    names = b"".join(map(framed_text, (id, type, stream)))
    asked = b"".join(map(framed_text, (recorded_at, actor, command_id, correlation_id, causation_id)))
    return chained_hash(names, version, asked + framed(prev_hash, data))


def hash_of(envelope: Envelope) -> bytes:
    """The hash that an envelope's fields have, whatever it says of it itself."""
    return envelope_hash(
        id=envelope.id,
        type=envelope.type,
        stream=envelope.stream,
        version=envelope.version,
        recorded_at=envelope.recorded_at,
        actor=envelope.actor,
        command_id=envelope.command_id,
        correlation_id=envelope.correlation_id,
        causation_id=envelope.causation_id,
        prev_hash=envelope.prev_hash,
        data=envelope.data,
    )


def instant_text(instant: datetime) -> str:
    """UTC in microseconds, always 27 characters, so that texts sort as instants: `2026-09-01T12:00:00.000000Z`."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
