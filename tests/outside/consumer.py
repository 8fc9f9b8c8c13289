"""A consumer of the published events, written from docs/events alone: kafka-python, jsonschema, the standard library.

    python -m tests.outside.consumer SERVERS TOPIC SCHEMAS AS_OF

It reads the topic from its beginning to its end as it is now, proves every chain, checks every value against its schema
and prints every account's balance in every book as JSON. The rule it keeps: it knows nothing that is not published.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from kafka import KafkaConsumer, TopicPartition

READ_LIMIT_S = 60.0
POLL_MS = 500

HASHED = (
    "ce_id",
    "ce_type",
    "ce_subject",
    "ce_version",
    "ce_time",
    "ce_actor",
    "ce_commandid",
    "ce_correlationid",
    "ce_causationid",
)
"""The headers that are hashed, in order; the previous hash and the value come behind them."""

WAS_AND_IS = {
    "ledger.transaction-recorded.v1": (None, ("date", "postings")),
    "ledger.transaction-voided.v1": (("was_date", "was_postings"), None),
    "ledger.transaction-amended.v1": (("was_date", "was_postings"), ("date", "postings")),
    "ledger.transaction-joined.v1": (("was_date", "was_postings"), ("date", "postings")),
    "ledger.transaction-parted.v1": (("was_date", "was_postings"), ("date", "postings")),
    "ledger.transaction-categorized.v1": (("date", "was_postings"), ("date", "postings")),
}
"""Of each type that moves money: the fields of what it takes back, and of what it puts."""


class Broken(Exception):
    """The topic does not hold what docs/events promises."""


@dataclass
class Book:
    """What is known of a book after its last event that was new."""

    version: int = 0
    hash: str = "00" * 32
    repeats: int = 0
    is_erased: bool = False
    moves: dict[tuple[str, str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    """By account, commodity and day."""
    weights: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    """By commodity: what all postings weigh, nothing if every entry balances."""
    merged: dict[str, str] = field(default_factory=dict)

    def balances(self, as_of: str) -> dict[tuple[str, str], Decimal]:
        held: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for (account, commodity, day), amount in self.moves.items():
            while account in self.merged:
                account = self.merged[account]
            if day <= as_of:
                held[account, commodity] += amount
        return {place: amount for place, amount in held.items() if amount}


class Reader:
    """Takes records in the order of their partition."""

    def __init__(self, schemas: Path) -> None:
        self.books: dict[str, Book] = defaultdict(Book)
        self.unknown: set[str] = set()
        self._schemas: dict[str, Draft202012Validator] = {}
        for path in schemas.glob("*.json"):
            told = json.loads(path.read_text("utf-8"))
            self._schemas[path.stem] = Draft202012Validator(told, format_checker=FormatChecker())

    def take(self, key: bytes, value: bytes, headers: Iterable[tuple[str, bytes]]) -> None:
        told = {name: text.decode("utf-8") for name, text in headers}
        self._schemas["event-headers"].validate(told)
        name, version = told["ce_subject"], int(told["ce_version"])
        if key != name.encode("utf-8") or told["ce_source"] != f"/books/{name}":
            raise Broken(f"a record of {name} has another book's key or source")
        if hash_of(told, value) != told["ce_hash"]:
            raise Broken(f"version {version} of {name} is not what was hashed")
        book = self.books[name]
        if version <= book.version:
            if version == book.version and told["ce_hash"] != book.hash:
                raise Broken(f"version {version} of {name} came again as another event")
            book.repeats += 1
            return
        if version != book.version + 1:
            raise Broken(f"version {book.version + 1} of {name} is missing")
        if told["ce_prevhash"] != book.hash:
            raise Broken(f"version {version} of {name} does not follow the one before")
        book.version, book.hash = version, told["ce_hash"]
        self._apply(book, told["ce_type"], value)

    def _apply(self, book: Book, kind: str, value: bytes) -> None:
        schema = self._schemas.get(kind)
        if schema is None:
            self.unknown.add(kind)
            return
        data: dict[str, Any] = json.loads(value)
        schema.validate(data)
        if "private" in data:
            base64.b64decode(data["private"], validate=True)
        if kind == "ledger.account-merged.v1":
            book.merged[data["account"]] = data["into"]
        elif kind == "book.erased.v1":
            book.is_erased = True
            book.moves.clear()
            book.weights.clear()
            book.merged.clear()
        elif kind in WAS_AND_IS:
            was, becomes = WAS_AND_IS[kind]
            for sign, fields in ((-1, was), (1, becomes)):
                if fields is not None:
                    move(book, sign, data[fields[0]], data[fields[1]])


def move(book: Book, sign: int, day: str, postings: Iterable[Mapping[str, Any]]) -> None:
    for posting in postings:
        book.moves[posting["account"], posting["commodity"], day] += sign * Decimal(posting["amount"])
        exchanged = posting.get("cost") or posting.get("price")
        if exchanged is None:
            book.weights[posting["commodity"]] += sign * Decimal(posting["amount"])
        else:
            book.weights[exchanged["commodity"]] += sign * Decimal(exchanged["total"])


def hash_of(told: Mapping[str, str], value: bytes) -> str:
    fields = [told[name].encode("utf-8") for name in HASHED] + [bytes.fromhex(told["ce_prevhash"]), value]
    return hashlib.sha256(b"".join(struct.pack(">I", len(part)) + part for part in fields)).hexdigest()


def records(servers: str, topic: str) -> Iterator[Any]:
    """Everything on the topic from its beginning to its ends as they are now."""
    consumer = KafkaConsumer(bootstrap_servers=servers.split(","), enable_auto_commit=False)
    try:
        found = consumer.partitions_for_topic(topic)
        if not found:
            raise Broken(f"there is no topic {topic}")
        partitions = [TopicPartition(topic, number) for number in sorted(found)]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        for partition in partitions:
            consumer.seek(partition, 0)
        until = time.monotonic() + READ_LIMIT_S
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            if time.monotonic() > until:
                raise Broken(f"{topic} could not be read to its end in {READ_LIMIT_S:.0f} s")
            for batch in consumer.poll(timeout_ms=POLL_MS).values():
                yield from batch
    finally:
        consumer.close()


def main(servers: str, topic: str, schemas: str, as_of: str) -> None:
    reader = Reader(Path(schemas))
    for record in records(servers, topic):
        reader.take(record.key, record.value, record.headers)
    told = {
        name: {
            "version": book.version,
            "hash": book.hash,
            "repeats": book.repeats,
            "unbalanced": {commodity: format(weight, "f") for commodity, weight in book.weights.items() if weight},
            "balances": [
                {"account_id": account, "commodity": commodity, "amount": format(amount, "f")}
                for (account, commodity), amount in sorted(book.balances(as_of).items())
            ],
        }
        for name, book in reader.books.items()
    }
    json.dump({"books": told, "unknown": sorted(reader.unknown)}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
