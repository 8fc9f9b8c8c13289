"""JSON lines: the event log of a book as it is stored, for auditors, and the check of such a file with nothing else.

One envelope a line, its `data` the stored bytes unchanged (so private parts stay sealed), hashes in hexadecimal. The
last line is a receipt with the head's version and hash: without it a chain shows edits and holes, never a cut end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from api.items import envelope_item
from domain.errors import Rejected
from streams.contract import GENESIS_HASH, Envelope, hash_of

PAGE_EVENTS = 1_000
"""Envelopes read from the store at a time: at most 512 KiB each, a few hundred bytes as a rule."""

MAX_LINE_BYTES = 2 * 1024 * 1024
"""The longest line that can be one of ours: an event's data, its envelope, and room to spare."""

RECEIPT = "finshift.log-receipt.v1"

EnvelopesAfter = Callable[[int, int], list[Envelope]]
"""The next envelopes of a book after a version, at most so many."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A chain that holds. `receipt`: whether a receipt proves that its end was not cut off."""

    book: str
    events: int
    version: int
    hash: str
    receipt: bool


def lines(book: str, envelopes: EnvelopesAfter, until_version: int) -> Iterator[bytes]:
    """The log from its first event to `until_version`, and the receipt; each event is checked as it goes out."""
    chain = Chain()
    while chain.version < until_version:
        page = envelopes(chain.version, min(PAGE_EVENTS, until_version - chain.version))
        if not page:
            raise Rejected("log_broken", line=chain.version + 1, reason="events_missing")
        for envelope in page:
            chain.add(envelope)
            yield orjson.dumps(envelope_item(envelope), option=orjson.OPT_APPEND_NEWLINE)
    receipt = {"type": RECEIPT, "stream": book, "version": chain.version, "hash": chain.hash.hex()}
    yield orjson.dumps(receipt, option=orjson.OPT_APPEND_NEWLINE)


def check_stored(book: str, envelopes: EnvelopesAfter, until_version: int) -> Checked:
    """Recompute the chain of a stored book; `log_broken` at the first event that does not fit."""
    for _ in lines(book, envelopes, until_version):
        pass
    page = envelopes(until_version - 1, 1)
    return Checked(book, until_version, until_version, page[0].hash.hex(), receipt=True)


def check_file(log: Iterable[bytes]) -> Checked:
    """Recompute the chain from an exported file alone.

    `log_not_readable` where a line is none of ours; `log_broken` (with the line and the reason) where an event was
    edited, removed, added or moved, or the receipt tells another end.
    """
    chain = Chain()
    receipt: dict[str, Any] | None = None
    number = 0
    for number, line in enumerate(log, 1):
        if receipt is not None:
            raise Rejected("log_broken", line=number, reason="line_after_receipt")
        if len(line) > MAX_LINE_BYTES:
            raise Rejected("log_not_readable", line=number)
        told = _told(line, number)
        if told.get("type") == RECEIPT:
            receipt = told
            continue
        chain.add(_envelope(line, told, number))
    if number == 0 or chain.version == 0:
        raise Rejected("log_not_readable", line=1)
    if receipt is not None:
        end = {"stream": chain.book, "version": chain.version, "hash": chain.hash.hex()}
        if {name: receipt.get(name) for name in end} != end:
            raise Rejected("log_broken", line=number, reason="receipt_tells_another_end")
    return Checked(chain.book, chain.version, chain.version, chain.hash.hex(), receipt is not None)


class Chain:
    """A book's chain as far as it was followed: its last version and hash."""

    def __init__(self) -> None:
        self.book = ""
        self.version = 0
        self.hash = GENESIS_HASH
        self._recorded_at = ""

    def add(self, envelope: Envelope) -> None:
        """Follow one event; `log_broken` with its version where it does not continue the chain."""
        reason = self._fault(envelope)
        if reason is not None:
            raise Rejected("log_broken", line=self.version + 1, reason=reason)
        self.book = envelope.stream
        self.version = envelope.version
        self.hash = envelope.hash
        self._recorded_at = envelope.recorded_at

    def _fault(self, envelope: Envelope) -> str | None:
        if self.version and envelope.stream != self.book:
            return "another_book"
        if envelope.version != self.version + 1:
            return "version_out_of_order"
        if envelope.prev_hash != self.hash:
            return "chain_interrupted"
        if envelope.recorded_at < self._recorded_at:
            return "recorded_before_its_predecessor"
        return None if hash_of(envelope) == envelope.hash else "event_edited"


def _told(line: bytes, number: int) -> dict[str, Any]:
    try:
        told = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise Rejected("log_not_readable", line=number) from None
    if not isinstance(told, dict):
        raise Rejected("log_not_readable", line=number)
    return told


_DATA_KEY = b',"data":'


def _data_of(line: bytes, told: dict[str, Any]) -> bytes:
    """The stored bytes of `data`: cut out of the line as they stand; where another program wrote the line anew, with
    spaces or in another order, written compactly again, as the store does.
    """
    # A quotation mark within a JSON text is always escaped, so the first such key is the envelope's own.
    _, found, rest = line.rstrip(b"\r\n").partition(_DATA_KEY)
    if found and rest.endswith(b"}"):
        cut = rest[:-1]
        try:
            if orjson.loads(cut) == told["data"]:
                return cut
        except orjson.JSONDecodeError:
            pass  # other fields follow it
    return orjson.dumps(told["data"])


def _envelope(line: bytes, told: dict[str, Any], number: int) -> Envelope:
    texts = ("id", "type", "stream", "recorded_at", "actor", "command_id", "correlation_id", "causation_id")
    fits = (
        all(isinstance(told.get(name), str) for name in (*texts, "prev_hash", "hash"))
        and type(told.get("version")) is int
        and isinstance(told.get("data"), dict)
    )
    if not fits:
        raise Rejected("log_not_readable", line=number)
    try:
        prev_hash, own_hash = bytes.fromhex(told["prev_hash"]), bytes.fromhex(told["hash"])
    except ValueError:
        raise Rejected("log_not_readable", line=number) from None
    position = told.get("position")
    return Envelope(
        id=told["id"],
        type=told["type"],
        stream=told["stream"],
        version=told["version"],
        position=position if type(position) is int else 0,
        recorded_at=told["recorded_at"],
        actor=told["actor"],
        command_id=told["command_id"],
        correlation_id=told["correlation_id"],
        causation_id=told["causation_id"],
        prev_hash=prev_hash,
        hash=own_hash,
        data=_data_of(line, told),
    )
