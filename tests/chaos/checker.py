"""A checker that shares no code with the application: it reads the store's file and a client's own history.

What it knows of the store is the published contract: the columns of `events`, the order of the hashed fields.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import struct
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

HASHED = (
    "id",
    "type",
    "stream",
    "version",
    "recorded_at",
    "actor",
    "command_id",
    "correlation_id",
    "causation_id",
    "prev_hash",
    "data",
)


def read_log(store: Path) -> list[sqlite3.Row]:
    connection = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    try:
        return connection.execute("SELECT * FROM events ORDER BY position").fetchall()
    finally:
        connection.close()


def faults_of_chain(log: Iterable[sqlite3.Row]) -> list[str]:
    """Every hole, repeat, wrong link or wrong hash, in words; empty for a sound log."""
    faults = []
    heads: dict[str, tuple[int, bytes, str]] = {}
    for place, event in enumerate(log, start=1):
        if event["position"] != place:
            faults.append(f"position {event['position']} stands where {place} should")
        version, last_hash, recorded_at = heads.get(event["stream"], (0, bytes(32), ""))
        if event["version"] != version + 1:
            faults.append(f"{event['stream']}: version {event['version']} after {version}")
        if event["prev_hash"] != last_hash:
            faults.append(f"{event['stream']}: version {event['version']} does not link to the one before")
        if event["recorded_at"] < recorded_at:
            faults.append(f"{event['stream']}: recorded_at goes back at version {event['version']}")
        digest = hashlib.sha256()
        for name in HASHED:
            value = event[name]
            part = value if isinstance(value, bytes) else str(value).encode()
            digest.update(struct.pack(">I", len(part)) + part)
        if digest.digest() != event["hash"]:
            faults.append(f"{event['stream']}: the hash of version {event['version']} does not fit its content")
        heads[event["stream"]] = (event["version"], event["hash"], event["recorded_at"])
    return faults


def first_amounts(log: Iterable[sqlite3.Row], book: str) -> Counter[str]:
    """How often each first posting's amount was recorded in a book: the client writes each amount once."""
    return Counter(
        json.loads(event["data"])["postings"][0]["amount"]
        for event in log
        if event["stream"] == book and event["type"].startswith("ledger.transaction-recorded.")
    )


def unbalanced(log: Iterable[sqlite3.Row]) -> list[str]:
    """Transactions whose weights do not sum to zero in every commodity: what stands, what stood, what a row told."""
    faults = []
    for event in log:
        data = json.loads(event["data"])
        for told in ("postings", "was_postings", "own_postings"):
            sums: Counter[str] = Counter()
            for posting in data.get(told) or []:
                weight = posting.get("cost") or posting.get("price")
                amount, code = (
                    (weight["total"], weight["commodity"]) if weight else (posting["amount"], posting["commodity"])
                )
                sums[code] += Decimal(amount)  # type: ignore[assignment]  # exact decimals, counted
            if any(sums.values()):
                faults.append(f"version {event['version']} of {event['stream']} leaves {dict(sums)} in {told}")
    return faults


CHANGES = ("recorded", "amended", "voided", "joined", "parted", "categorized")


def wrongly_taken_back(log: Iterable[sqlite3.Row]) -> list[str]:
    """Events that reverse something else of a transaction than what the events before it left standing."""
    faults = []
    standing: dict[tuple[str, str], tuple[str, object]] = {}
    for event in log:
        kind = event["type"].removeprefix("ledger.transaction-").partition(".")[0]
        if kind not in CHANGES or not event["type"].startswith("ledger.transaction-"):
            continue
        data = json.loads(event["data"])
        which = (event["stream"], data["transaction"])
        stood = standing.pop(which, None)
        # What is categorized stays on its day, and names it once.
        was = None if kind == "recorded" else (data.get("was_date", data.get("date")), data.get("was_postings", []))
        if was != stood:
            faults.append(f"version {event['version']} of {event['stream']} reverses {was} where {stood} stood")
        if kind != "voided":
            standing[which] = (data["date"], data.get("postings", []))
    return faults
